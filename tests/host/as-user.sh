#!/bin/sh
# Runs inside the virtual host, as its ordinary user: systemd, one cgroup v2 tree with every controller delegated.
# Prints "ok NAME" or "not ok NAME: REASON" a line; /src is where the installed programs are.
. /src/checks.sh
image=bolt://shell

# The machine asks for its address while it starts: the default network needs a way out.
tries=0
until awk '$2 == "00000000" { found = 1 } END { exit !found }' /proc/net/route || [ $tries = 100 ]; do
    sleep 0.2
    tries=$((tries + 1))
done
out=$(bolt run --rm hello-world 2>&1)
check "a container runs without root" $? "$out"

# The process is killed at the limit, not the machine.
out=$(bolt run --rm --network none -m 32m $image /bin/sh -c 'dd if=/dev/zero of=/dev/null bs=256M count=1' 2>&1)
code=$?
[ $code = 137 ] || [ $code = 1 ]
check "memory beyond -m is refused" $? "exit $code: $out"
out=$(bolt run --rm --network none -m 64m $image /bin/sh -c 'cat /sys/fs/cgroup/memory.max' 2>&1)
[ "$(echo "$out" | tail -n 1)" = 67108864 ]
check "-m is the cgroup's memory.max" $? "$out"
out=$(bolt run --rm --network none -m 64m $image /bin/sh -c 'cat /sys/fs/cgroup/memory.swap.max' 2>&1)
[ "$(echo "$out" | tail -n 1)" = 67108864 ]
check "as much swap as memory, and no more" $? "$out"
out=$(bolt run --rm --network none --cpus 0.5 $image /bin/sh -c 'cat /sys/fs/cgroup/cpu.max' 2>&1)
[ "$(echo "$out" | tail -n 1)" = "50000 100000" ]
check "--cpus is the cgroup's cpu.max" $? "$out"
out=$(bolt run --rm --network none --pids-limit 10 $image /bin/sh -c 'i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i + 1)); done' 2>&1)
echo "$out" | grep -q "can't fork"
check "--pids-limit stops a fork bomb" $? "$out"

id=$(bolt run -d --network none --name web $image /bin/sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done' 2>&1)
[ "$(bolt ps --format '{{.Names}}')" = web ]
check "a detached container is listed" $? "$id $(bolt ps -a)"
out=$(bolt restart -t 5 web 2>&1) && [ "$(bolt inspect -f '{{.State.Running}}' web)" = true ]
check "restart" $? "$out"
out=$(bolt stop -t 5 web 2>&1) && [ "$(bolt inspect -f '{{.State.ExitCode}}' web)" = 7 ]
check "stop sends SIGTERM and keeps the exit code" $? "$out $(bolt inspect -f '{{json .State}}' web)"
out=$(bolt rm web 2>&1) && [ -z "$(bolt ps -aq)" ]
check "rm leaves nothing" $? "$out $(bolt ps -a)"
[ -z "$(find /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service -name '*bolt*' 2>/dev/null)" ]
check "no cgroup is left" $? "$(find /sys/fs/cgroup/user.slice -name '*bolt*')"

# ---- bolt-oci with the user's own systemd
make_bundle "$HOME/bundle" --rootless
change '.linux.cgroupsPath = "user.slice:test:mine" | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 30}} | .process.args = ["sleep", "1000"]'
detached --systemd-cgroup run --detach --bundle "$bundle" mine
check "an ordinary user's container is a scope of the user's systemd" $? "$out"
out=$(systemctl --user show test-mine.scope -p MemoryMax,TasksMax | sort | tr '\n' ' ')
[ "$out" = "MemoryMax=67108864 TasksMax=30 " ]
check "with its limits" $? "$out"
out=$(bolt-oci update --memory 80m mine 2>&1 && systemctl --user show test-mine.scope -p MemoryMax)
[ "$out" = "MemoryMax=83886080" ]
check "which the user may change" $? "$out"
out=$(bolt-oci exec mine cat /proc/self/cgroup 2>&1)
[ "${out##*/}" = test-mine.scope ] || [ "$out" = 0::/ ]
check "exec enters it" $? "$out"
out=$(bolt-oci pause mine 2>&1 && bolt-oci resume mine 2>&1 && bolt-oci delete --force mine 2>&1)
check "and pause" $? "$out"
tar -C "$bundle/rootfs" -c . | podman import - bb >/dev/null 2>&1
out=$(podman --runtime "$(command -v bolt-oci)" run --rm --network none -m 64m bb cat /sys/fs/cgroup/memory.max 2>&1)
[ "$out" = 67108864 ]
check "rootless podman runs with bolt-oci" $? "$out"
