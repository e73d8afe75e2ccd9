#!/bin/sh
# Runs inside the virtual host, as root: bolt-oci with systemd, and with one cgroup v2 tree.
# Prints "ok NAME" or "not ok NAME: REASON" a line; /src is where the installed programs are.
. /src/checks.sh
make_bundle /tmp/bundle

# ---- scopes
change '.linux.cgroupsPath = "machine.slice:test:one" | .linux.resources = {memory: {limit: 67108864, swap: 67108864}, cpu: {quota: 50000, period: 100000, shares: 512}, pids: {limit: 30}}
        | .annotations = {"org.systemd.property.TimeoutStopSec": "7"} | .process.args = ["sleep", "1000"]'
detached --systemd-cgroup run --detach --bundle /tmp/bundle one
check "a scope of systemd's is the container's cgroup" $? "$out"
scope=/sys/fs/cgroup/machine.slice/test-one.scope
[ "$(cat $scope/cgroup.procs)" = "$(bolt-oci state one | jq .pid)" ]
check "the container alone is in it" $? "$(cat $scope/cgroup.procs 2>&1) $(bolt-oci state one)"
out=$(systemctl show test-one.scope -p MemoryMax,MemorySwapMax,CPUQuotaPerSecUSec,CPUWeight,TasksMax,Delegate,TimeoutStopUSec | sort | tr '\n' ' ')
[ "$out" = "CPUQuotaPerSecUSec=500ms CPUWeight=20 Delegate=yes MemoryMax=67108864 MemorySwapMax=0 TasksMax=30 TimeoutStopUSec=7s " ]
check "its limits are the scope's properties" $? "$out"
out="$(cat $scope/memory.max $scope/cpu.max $scope/pids.max | tr '\n' ' ')"
[ "$out" = "67108864 50000 100000 30 " ]
check "and the cgroup's" $? "$out"
out=$(bolt-oci update --memory 100m --memory-swap 200m --pids-limit 40 one 2>&1) && systemctl daemon-reload &&
    [ "$(cat $scope/memory.max $scope/memory.swap.max $scope/pids.max | tr '\n' ' ')" = "104857600 104857600 40 " ]
check "an update outlives systemctl daemon-reload" $? "$out $(cat $scope/memory.max $scope/memory.swap.max $scope/pids.max | tr '\n' ' ')"
out=$(bolt-oci pause one 2>&1) && [ "$(bolt-oci state one | jq -r .status)" = paused ] && bolt-oci resume one
check "it is paused and goes on" $? "$out"
out=$(bolt-oci delete --force one 2>&1) && [ ! -e $scope ] && [ "$(systemctl show test-one.scope -p LoadState)" = LoadState=not-found ]
check "delete leaves no scope" $? "$out $(systemctl status test-one.scope 2>&1)"
detached --systemd-cgroup run --detach --bundle /tmp/bundle one && bolt-oci delete --force one && detached --systemd-cgroup run --detach --bundle /tmp/bundle one
check "the name is free at once" $? "$out"
out=$(bolt-oci --systemd-cgroup run --bundle /tmp/bundle two 2>&1)
[ $? = 1 ] && [ "${out#*already}" != "$out" ]
check "two containers in one scope are refused" $? "$out"
bolt-oci delete --force one
change '.linux.cgroupsPath = "/a/path"'
out=$(bolt-oci --systemd-cgroup run --bundle /tmp/bundle three 2>&1)
[ $? = 1 ] && [ "${out#*SLICE:PREFIX:NAME}" != "$out" ]
check "a path that is no scope's name is refused" $? "$out"

# ---- cgroup v1 for an old systemd
change '.linux.cgroupsPath = "machine.slice:test:old" | .annotations = {"run.oci.systemd.force_cgroup_v1": "/sys/fs/cgroup"} | .linux.namespaces |= map(select(.type != "cgroup")) + [{type: "cgroup"}]
        | .process.capabilities |= map_values(. + ["CAP_DAC_OVERRIDE"])
        | .process.args = ["sh", "-c", "busybox mkdir /sys/fs/cgroup/systemd/made && echo 1 >/sys/fs/cgroup/systemd/made/cgroup.procs && busybox grep -c :name=systemd:/made /proc/self/cgroup; echo 1 >/sys/fs/cgroup/systemd/cgroup.procs; busybox rmdir /sys/fs/cgroup/systemd/made"]'
out=$(bolt-oci --systemd-cgroup run --bundle /tmp/bundle old 2>&1)
[ $? = 1 ] && [ "${out#*none,name=systemd}" != "$out" ]
check "cgroup v1 for systemd is refused where the host has none" $? "$out"
mkdir /tmp/systemd && mount -t cgroup -o none,name=systemd,xattr cgroup /tmp/systemd
out=$(bolt-oci --systemd-cgroup run --bundle /tmp/bundle old 2>&1) && [ "$out" = 1 ]
check "cgroup v1 for systemd beside the host's version 2" $? "$out"
umount /tmp/systemd
change 'del(.annotations) | .process.capabilities |= map_values(. - ["CAP_DAC_OVERRIDE"])'

# ---- cgroups below the scope
change '.linux.cgroupsPath = "machine.slice:test:one" | .linux.namespaces |= map(select(.type != "cgroup")) + [{type: "cgroup"}]
        | .annotations = {"run.oci.systemd.subgroup": "inner"} | .process.args = ["sleep", "1000"]'
detached --systemd-cgroup run --detach --bundle /tmp/bundle one
[ "$(cat $scope/inner/cgroup.procs)" = "$(bolt-oci state one | jq .pid)" ] && [ "$(cat $scope/inner/memory.max $scope/memory.max | tr '\n' ' ')" = "67108864 67108864 " ]
check "the container is in the sub-cgroup that it asks for, with its limits" $? "$out $(cat $scope/cgroup.procs $scope/inner/cgroup.procs $scope/inner/memory.max 2>&1)"
out=$(bolt-oci exec one cat /proc/self/cgroup 2>&1)
[ "$out" = 0::/ ] && bolt-oci delete --force one && [ ! -e $scope ]
check "and exec's processes too; delete leaves nothing" $? "$out"
change '.annotations += {"run.oci.delegate-cgroup": "payload"}'
detached --systemd-cgroup run --detach --bundle /tmp/bundle one
out="$out$(bolt-oci exec one sh -c 'cat /proc/1/cgroup' 2>&1)"
[ "$(cat $scope/inner/payload/cgroup.procs)" = "$(bolt-oci state one | jq .pid)" ] && [ "$out" = 0::/payload ]
check "a delegated cgroup is below where the cgroup namespace begins" $? "$out"
bolt-oci delete --force one
change '.linux.cgroupsPath = "/bolt-test/delegated" | .annotations = {"run.oci.delegate-cgroup": "payload"} | .linux.resources = {} | .process.args = ["cat", "/proc/self/cgroup"]'
out=$(bolt-oci run --bundle /tmp/bundle two 2>&1)
[ "$out" = 0::/payload ] && [ ! -e /sys/fs/cgroup/bolt-test/delegated ]
check "a delegated cgroup without systemd" $? "$out"
change '.annotations = {}'

# ---- limits of cgroup v2 are enforced
change '.linux.cgroupsPath = "/bolt-test/late" | .linux.resources = {} | .process.args = ["sleep", "1000"]'
detached run --detach --bundle /tmp/bundle late
out=$(bolt-oci update --memory 64m --pids-limit 20 late 2>&1 && cat /sys/fs/cgroup/bolt-test/late/memory.max /sys/fs/cgroup/bolt-test/late/pids.max | tr '\n' ' ')
[ "$out" = "67108864 20 " ]
check "a container without limits gets some" $? "$out"
bolt-oci delete --force late
change '.linux.cgroupsPath = "/bolt-test/limits" | .linux.resources = {memory: {limit: 33554432, swap: 33554432}} | .process.args = ["sh", "-c", "tail /dev/zero; echo $?"]'
out=$(bolt-oci run --bundle /tmp/bundle memory 2>&1)
[ "$out" = "Killed
137" ]
check "a process beyond memory.max dies" $? "$out"
change '.linux.resources = {pids: {limit: 10}} | .process.args = ["sh", "-c", "i=0; while [ $i -lt 30 ]; do sleep 3 & i=$((i + 1)); done"]'
out=$(bolt-oci run --bundle /tmp/bundle pids 2>&1)
echo "$out" | grep -q "can't fork"
check "pids.max stops a fork bomb" $? "$out"
spin='end=$(($(cut -d. -f1 /proc/uptime) + 4)); n=0; while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do n=$((n + 1)); done; cat /sys/fs/cgroup/cpu.stat'
change '.linux.resources = {cpu: {quota: 50000, period: 100000}} | .process.args = ["sh", "-c", "'"$spin"'"]'
out=$(bolt-oci run --bundle /tmp/bundle cpu 2>&1)
used=$(echo "$out" | awk '$1 == "usage_usec" { print $2 }')
[ "${used:-0}" -gt 1000000 ] && [ "$used" -lt 2600000 ]
check "cpu.max halves the CPU time" $? "$used us in 4 s: $out"
change '.linux.resources = {memory: {limit: 41943040, swap: 41943040}, pids: {limit: 50}} | .process.args = ["sh", "-c", "sleep 2; tail /dev/zero; sleep 1"]'
detached run --detach --bundle /tmp/bundle events
out=$(bolt-oci events --stats events 2>&1)
[ "$(echo "$out" | jq -c '[.data.memory.usage.limit, .data.pids.limit]')" = '[41943040,50]' ]
check "events tell usage" $? "$out"
out=$(bolt-oci events --interval 300ms events 2>&1 | jq -r .type | sort -u | tr '\n' ' ')
[ "$out" = "oom stats " ]
check "events tell a kill for memory" $? "$out"
bolt-oci delete --force events
change '.linux.resources = {devices: [{allow: false, access: "rwm"}]} | .linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 438}] | .process.args = ["sh", "-c", "head -c1 /dev/kmsg; cat /dev/null && echo null"]'
out=$(bolt-oci run --bundle /tmp/bundle devices 2>&1)
[ "$out" = "head: /dev/kmsg: Operation not permitted
null" ]
check "device rules are enforced" $? "$out"
change '.ociVersion = "1.3.0" | .linux.devices = [] | .linux.resources = {pids: {limit: 0}} | .process.args = ["sh", "-c", "echo begun; (true); echo went on"]'
out=$(bolt-oci run --bundle /tmp/bundle none 2>&1)
[ "${out#begun}" != "$out" ] && [ "${out#*went on}" = "$out" ]
check "a limit of no processes is a limit" $? "$out"
change '.linux.cgroupsPath = "/bolt-test/a/b/deep" | .linux.resources = {unified: {"memory.oom.group": "1", "cgroup.max.depth": "3", "memory.high": "33554432"}} | .process.args = ["sleep", "1000"]'
detached run --detach --bundle /tmp/bundle unified
deep=/sys/fs/cgroup/bolt-test/a/b/deep
[ "$(cat $deep/memory.oom.group $deep/cgroup.max.depth $deep/memory.high 2>&1 | tr '\n' ' ')" = "1 3 33554432 " ]
check "unified: files that nobody else names are written, their controllers enabled" $? "$out $(cat $deep/memory.oom.group $deep/cgroup.max.depth $deep/memory.high 2>&1)"
bolt-oci delete --force unified
out=$(change '.linux.resources = {unified: {"nosuch.max": "1"}}'; bolt-oci run --bundle /tmp/bundle unified 2>&1)
[ $? = 1 ] && [ "${out#*nosuch.max}" != "$out" ] && [ ! -e $deep ]
check "unified: a controller that is not there is refused by name" $? "$out"
rmdir /sys/fs/cgroup/bolt-test/a/b /sys/fs/cgroup/bolt-test/a

# ---- a process more in a cgroup that takes none, or that stands still
divide='mkdir /sys/fs/cgroup/own && echo 1 >/sys/fs/cgroup/own/cgroup.procs && echo +memory >/sys/fs/cgroup/cgroup.subtree_control && exec sleep 1000'
change '.linux.cgroupsPath = "/bolt-test/divided" | .linux.resources = {} | .process.args = ["sh", "-c", "'"$divide"'"]
    | (.mounts[] | select(.type == "cgroup") | .options) |= map(select(. != "ro"))'
detached run --detach --bundle /tmp/bundle divided
for _ in $(seq 50); do grep -q memory /sys/fs/cgroup/bolt-test/divided/cgroup.subtree_control && break; sleep 0.1; done
out="$out$(bolt-oci exec divided cat /proc/self/cgroup 2>&1)"
[ "$out" = 0::/own ]
check "a process more goes beside an init that has divided its cgroup" $? "$out"
bolt-oci delete --force divided
change '.linux.cgroupsPath = "/bolt-test/full" | .linux.resources = {pids: {limit: 1}} | .process.args = ["sleep", "1000"]'
detached run --detach --bundle /tmp/bundle full
out="$out$(bolt-oci exec full sh -c 'echo looks; (true); echo forked' 2>&1)"
[ "${out#looks}" != "$out" ] && [ "${out#*forked}" = "$out" ]
check "who looks into a container at pids.max comes in, and gets no more" $? "$out"
bolt-oci pause full && bolt-oci update --pids-limit 5 full
out=$(bolt-oci exec full true 2>&1)
[ $? = 255 ] && [ "${out#*paused}" != "$out" ]
check "a paused container takes no process" $? "$out"
bolt-oci exec --ignore-paused full sh -c 'echo ran' >/tmp/ran 2>&1 &
waits=$!
sleep 0.5
before=$(cat /tmp/ran)
bolt-oci resume full
wait $waits && [ -z "$before" ] && [ "$(cat /tmp/ran)" = ran ]
check "but one that waits for the resume" $? "$before $(cat /tmp/ran)"
bolt-oci delete --force full

# ---- whose the cgroup is: CASE writable|read-only new|shared EXPECTED
owner() {
    options='["nosuid","noexec","nodev","relatime"]'
    [ "$1" = writable ] || options='["nosuid","noexec","nodev","relatime","ro"]'
    namespaces='map(select(.type != "cgroup"))'
    [ "$2" = shared ] || namespaces="$namespaces + [{type: \"cgroup\"}]"
    change ".linux.cgroupsPath = \"/bolt-test/owner\" | .linux.resources = {} | .process.user = {uid: 1000, gid: 1000} | .process.args = [\"sleep\", \"1000\"]
            | .linux.namespaces |= ($namespaces) | .mounts |= map(if .destination == \"/sys/fs/cgroup\" then .options = $options else . end)"
    detached run --detach --bundle /tmp/bundle owner
    group=/sys/fs/cgroup/bolt-test/owner
    found=$(cd $group && find . -maxdepth 1 -uid 1000 | sort | tr '\n' ' ')
    bolt-oci delete --force owner
    [ "$found" = "$3" ]
    check "the owner of a cgroup that is $1 with a $2 cgroup namespace" $? "$out $found, not $3"
}
given=". $(while read -r name; do [ ! -e "/sys/fs/cgroup/bolt-test/$name" ] || echo "./$name"; done </sys/kernel/cgroup/delegate | sort | tr '\n' ' ')"
owner writable new "$given"
owner read-only new ""
owner writable shared ""
printf 'cgroup.procs\nno.such.file\ncgroup.threads\n' >/tmp/delegate
mount --bind /tmp/delegate /sys/kernel/cgroup/delegate
owner writable new ". ./cgroup.procs ./cgroup.threads "
umount /sys/kernel/cgroup/delegate
mount -t tmpfs nothing /sys/kernel/cgroup
owner writable new ". ./cgroup.procs ./cgroup.subtree_control ./cgroup.threads "
umount /sys/kernel/cgroup
change '.process.user = {uid: 0, gid: 0} | .linux.namespaces |= map(select(.type != "cgroup")) + [{type: "cgroup"}]'
[ -z "$(find /sys/fs/cgroup/bolt-test -mindepth 1 -type d)" ]
check "no cgroup is left" $? "$(find /sys/fs/cgroup/bolt-test -type d)"

# ---- AppArmor
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
    echo 'profile bolt-test flags=(attach_disconnected) { file, capability, network, signal, unix, ptrace, mount, umount, pivot_root, deny /etc/passwd r, }' >/tmp/profile
    apparmor_parser --replace /tmp/profile
    change '.linux.resources = {} | .linux.devices = [] | .process.apparmorProfile = "bolt-test" | .process.args = ["sh", "-c", "cat /proc/self/attr/current; cat /etc/passwd"]'
    out=$(bolt-oci run --bundle /tmp/bundle apparmor 2>&1)
    [ "$out" = "bolt-test (enforce)
cat: can't open '/etc/passwd': Permission denied" ]
    check "an AppArmor profile is enforced" $? "$out"
    change '.process.apparmorProfile = "no-such-profile"'
    out=$(bolt-oci run --bundle /tmp/bundle apparmor 2>&1)
    [ $? = 1 ] && [ "${out#*process.apparmorProfile}" != "$out" ]
    check "a profile that is not loaded is refused by name" $? "$out"
else
    echo "skip AppArmor: it is not enabled in this kernel"
fi

# ---- podman, whose cgroup manager is systemd
tar -C /tmp/bundle/rootfs -c . | podman import - bb >/dev/null 2>&1
podman="podman --runtime $(command -v bolt-oci)"
out=$($podman run --rm --network none -m 64m bb cat /sys/fs/cgroup/memory.max 2>&1)
[ "$out" = 67108864 ]
check "podman's containers are scopes" $? "$out"
id=$($podman run -d --network none --name p bb sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done' 2>&1)
out=$($podman exec p echo inside 2>&1) && [ "$out" = inside ] && $podman pause p >/dev/null && $podman unpause p >/dev/null && $podman stop -t 5 p >/dev/null && [ "$($podman inspect -f '{{.State.ExitCode}}' p)" = 7 ] && $podman rm p >/dev/null
check "podman's exec, pause, stop" $? "$id $out"
