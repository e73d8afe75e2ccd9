#!/bin/sh
# Runs inside the virtual host, booted with version 1's trees and systemd on them, as root: scopes of systemd's there.
# Prints "ok NAME" or "not ok NAME: REASON" a line; /src is where the installed programs are.
. /src/checks.sh
make_bundle /tmp/bundle
trees=/sys/fs/cgroup
[ -d $trees/memory ] && [ -d $trees/systemd ]
check "the host has version 1's trees" $? "$(ls $trees)"
inside=machine.slice/test-one.scope

change '.linux.cgroupsPath = "machine.slice:test:one" | .linux.resources = {memory: {limit: 67108864}, cpu: {quota: 50000, period: 100000, shares: 512}, pids: {limit: 30}, hugepageLimits: [{pageSize: "2MB", limit: 2097152}]}
        | .process.args = ["sleep", "1000"]'
detached --systemd-cgroup run --detach --bundle /tmp/bundle one
check "a scope of systemd's is the container's cgroup" $? "$out"
pid=$(bolt-oci state one | jq .pid)
for tree in systemd memory cpu pids hugetlb; do
    [ "$(cat $trees/$tree/$inside/cgroup.procs)" = "$pid" ]
    check "the container alone is in $tree's" $? "$(cat $trees/$tree/$inside/cgroup.procs 2>&1) $pid"
done
limits() { cat $trees/memory/$inside/memory.limit_in_bytes $trees/cpu/$inside/cpu.cfs_quota_us $trees/cpu/$inside/cpu.shares $trees/pids/$inside/pids.max $trees/hugetlb/$inside/hugetlb.2MB.limit_in_bytes | tr '\n' ' '; }
[ "$(limits)" = "67108864 50000 512 30 2097152 " ]
check "with its limits" $? "$(limits)"
out=$(bolt-oci update --memory 100m --pids-limit 40 one 2>&1) && systemctl daemon-reload && [ "$(limits)" = "104857600 50000 512 40 2097152 " ]
check "an update outlives systemctl daemon-reload" $? "$out $(limits)"
out=$(bolt-oci exec one cat /proc/self/cgroup 2>&1)
! echo "$out" | grep -E ':(memory|cpu,cpuacct|pids|hugetlb|name=systemd|):' | grep -qv ':/$'
check "exec's processes are beside it" $? "$out"
out=$(bolt-oci pause one 2>&1) && [ "$(bolt-oci state one | jq -r .status)" = paused ] && bolt-oci resume one
check "it is paused and goes on" $? "$out"
out=$(bolt-oci delete --force one 2>&1)
[ -z "$(ls -d $trees/*/$inside 2>/dev/null)" ] && [ "$(systemctl show test-one.scope -p LoadState)" = LoadState=not-found ]
check "delete leaves neither scope nor cgroup" $? "$out $(ls -d $trees/*/$inside 2>&1) $(systemctl status test-one.scope 2>&1)"

change '.linux.cgroupsPath = "" | .linux.resources = {memory: {limit: 33554432, swap: 33554432}} | .process.args = ["sh", "-c", "tail /dev/zero; echo $?"]'
out=$(bolt-oci --systemd-cgroup run --bundle /tmp/bundle memory 2>&1)
[ "$out" = "Killed
137" ]
check "a process beyond its memory dies" $? "$out"
change '.linux.resources = {} | .hooks = {createRuntime: [{path: "/bin/false"}]}'
out=$(bolt-oci --systemd-cgroup run --bundle /tmp/bundle failed 2>&1)
[ $? = 1 ] && [ -z "$(find $trees -name 'bolt-*.scope')" ]
check "a creation that fails leaves no cgroup" $? "$out $(find $trees -name 'bolt-*.scope')"
change 'del(.hooks)'
out=$(su -l user -c 'export PATH=/src/bin:$PATH XDG_RUNTIME_DIR=/run/user/1000; mkdir -p b; cd b; mkdir -p rootfs; bolt-oci spec --rootless; bolt-oci --systemd-cgroup run mine' 2>&1)
[ "${out#*"has no controllers of cgroup v1"}" != "$out" ]
check "a user's systemd is refused there by name" $? "$out"
