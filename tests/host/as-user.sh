#!/bin/sh
# Runs inside the virtual host, as its ordinary user: systemd, one cgroup v2 tree with every controller delegated.
# Prints "ok NAME" or "not ok NAME: REASON" a line; /src is where the installed programs are.
export PATH=/src/bin:$PATH LD_LIBRARY_PATH=/src/host-libraries
image=bolt://shell

check() { # NAME CONDITION-RESULT REASON
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi
}

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
