#!/bin/sh
# Runs inside the virtual host, as root: checkpoint and restore, by the criu that was carried along.
. /src/checks.sh
export PATH=/src/criu:$PATH
# On an emulated and busy machine criu's 10 s to freeze a container are not always enough: criu(8), --timeout.
mkdir -p /etc/criu && echo timeout 100 >/etc/criu/default.conf
make_bundle /tmp/bundle
# One line more every 0.1 s, into a file of the host's and of the root file system.
change '.process.args = ["sh", "-c", "n=0; while :; do n=$((n + 1)); echo $n >>/shared/log; echo $n >/tmp/last; sleep 0.1; done"]
        | .mounts += [{destination: "/shared", type: "bind", source: "/tmp/shared", options: ["bind"]}, {destination: "/tmp", type: "tmpfs", source: "tmpfs"}]
        | .linux.cgroupsPath = "/bolt-test/criu" | .linux.resources = {memory: {limit: 67108864}}'
mkdir -p /tmp/shared
cd /tmp || exit 1
count() { wc -l </tmp/shared/log; }
moves() { # whether lines are added
    before=$(count) && sleep 1 && [ "$(count)" -gt "$before" ]
}
sequence_is_whole() { cp /tmp/shared/log /tmp/log && [ "$(cat /tmp/log)" = "$(seq "$(wc -l </tmp/log)")" ]; }

piped run --detach --bundle /tmp/bundle one && moves
check "a container runs before its checkpoint" $? "$out"
out=$(bolt-oci checkpoint --image-path /tmp/images --work-path /tmp/work one 2>&1) && ! bolt-oci state one >/dev/null 2>&1 && [ ! -e /sys/fs/cgroup/bolt-test/criu ] && ! moves
check "a checkpoint ends it, and leaves nothing but the images" $? "$out $(tail -5 /tmp/work/dump.log)"
piped restore --detach --bundle /tmp/bundle --image-path /tmp/images --work-path /tmp/work --pid-file /tmp/pid two && moves && sequence_is_whole
check "restored under another name it goes on where it was" $? "$out $(grep -m3 Error /tmp/work/restore.log)"
out=$(bolt-oci state two)
[ "$(echo "$out" | jq -r .status)" = running ] && [ "$(echo "$out" | jq .pid)" = "$(cat /tmp/pid)" ]
check "its state is known" $? "$out"
[ "$(cat /sys/fs/cgroup/bolt-test/criu/memory.max)" = 67108864 ] && grep -qx "$(cat /tmp/pid)" /sys/fs/cgroup/bolt-test/criu/cgroup.procs
check "it is in its cgroup, with its limits" $? "$(cat /proc/"$(cat /tmp/pid)"/cgroup)"
out=$(bolt-oci exec two cat /tmp/last 2>&1) && [ "$out" -gt 5 ]
check "exec enters it, and its tmpfs came along" $? "$out"
! grep -q /tmp/work /proc/self/mountinfo && [ ! -e /tmp/work/root ]
check "no mount is left" $? "$(grep /tmp/work /proc/self/mountinfo)"

out=$(bolt-oci checkpoint --leave-running --image-path /tmp/images2 two 2>&1) && moves
check "with --leave-running it goes on" $? "$out"
out=$(bolt-oci checkpoint --pre-dump --image-path /tmp/first two 2>&1) && moves &&
    bolt-oci checkpoint --parent-path ../first --image-path /tmp/second two 2>&1 &&
    piped restore --detach --bundle /tmp/bundle --image-path /tmp/second three && moves && sequence_is_whole
check "a pre-dump, the rest, and the container again" $? "$out"
bolt-oci delete --force three
check "and it is deleted" $? ""

# In a network namespace of somebody else's, with a lock on a file.
ip netns add outside && ip -n outside link set lo up
change '.mounts += [{destination: "/usr", type: "bind", source: "/usr", options: ["bind", "ro"]}] | .linux.namespaces |= map(if .type == "network" then .path = "/run/netns/outside" else . end)
        | .process.args = ["sh", "-c", ": >>/shared/lock; /usr/bin/flock /shared/lock sh -c \"while :; do echo x >>/shared/log; sleep 0.1; done\""]'
ln -s usr/lib /tmp/bundle/rootfs/lib && ln -s usr/lib64 /tmp/bundle/rootfs/lib64 && mkdir -p /tmp/bundle/rootfs/usr # busybox has no flock here
: >/tmp/shared/log
piped run --detach --bundle /tmp/bundle four && moves
out=$(bolt-oci checkpoint --image-path /tmp/images4 four 2>&1)
[ $? = 1 ] && [ "${out#*lock}" != "$out" ] && moves
check "a file lock is refused unless it is asked for, and the container goes on" $? "$out"
out=$(bolt-oci checkpoint --file-locks --image-path /tmp/images4 four 2>&1) &&
    piped restore --detach --file-locks --bundle /tmp/bundle --image-path /tmp/images4 four && moves
check "file locks, and a network namespace from outside" $? "$out"
[ "$(readlink /proc/"$(bolt-oci state four | jq .pid)"/ns/net)" = "$(ip netns exec outside readlink /proc/self/ns/net)" ]
check "which it is in again" $? "$(ls -l /proc/"$(bolt-oci state four | jq .pid)"/ns/net)"
bolt-oci delete --force four

# A scope of systemd's.
change '.linux.namespaces |= map(del(.path)) | .linux.cgroupsPath = "machine.slice:test:five" | .process.args = ["sh", "-c", "while :; do echo x >>/shared/log; sleep 0.1; done"]'
piped --systemd-cgroup run --detach --bundle /tmp/bundle five && moves
out=$(bolt-oci --systemd-cgroup checkpoint --image-path /tmp/images5 five 2>&1) && piped --systemd-cgroup restore --detach --bundle /tmp/bundle --image-path /tmp/images5 five && moves &&
    [ "$(head -1 /sys/fs/cgroup/machine.slice/test-five.scope/cgroup.procs)" = "$(bolt-oci state five | jq .pid)" ]
check "in a scope of systemd's" $? "$out $(grep -m3 Error /tmp/images5/restore.log)"
bolt-oci --systemd-cgroup delete --force five

# A bind mount behind a link of the image.
mkdir -p /tmp/bundle/rootfs/real && ln -sfn /real /tmp/bundle/rootfs/link
change '.mounts += [{destination: "/link/inside", type: "bind", source: "/tmp/shared", options: ["bind"]}] | .linux.cgroupsPath = "/bolt-test/criu"
        | .process.args = ["sh", "-c", "while :; do echo x >>/real/inside/log; sleep 0.1; done"]'
piped run --detach --bundle /tmp/bundle behind && moves
out=$(bolt-oci checkpoint --image-path /tmp/images7 behind 2>&1) && piped restore --detach --bundle /tmp/bundle --image-path /tmp/images7 behind && moves
check "a mount behind a link of the image" $? "$out $(grep -m3 Error /tmp/images7/dump.log /tmp/images7/restore.log)"
bolt-oci delete --force behind

# Under NOTIFY_SOCKET, restored without one.
change '.process.args = ["sh", "-c", "while :; do echo x >>/shared/log; sleep 0.1; done"]'
python3 -c 'import socket, time
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("/tmp/notify")
time.sleep(60)' &
sleep 1
export NOTIFY_SOCKET=/tmp/notify
bolt-oci create --bundle /tmp/bundle told </dev/null >/dev/null 2>&1
(bolt-oci start told >/dev/null 2>&1 &)
moves
unset NOTIFY_SOCKET
out=$(bolt-oci checkpoint --image-path /tmp/images8 told 2>&1) && piped restore --detach --bundle /tmp/bundle --image-path /tmp/images8 told && moves
check "a container with a socket to notify" $? "$out $(grep -m3 Error /tmp/images8/dump.log /tmp/images8/restore.log)"
bolt-oci delete --force told

# In the foreground, with a pipe for its output.
change '.linux.cgroupsPath = "/bolt-test/criu" | .process.args = ["sh", "-c", "while ! [ -e /shared/end ]; do sleep 0.1; done; echo restored; exit 5"]'
(bolt-oci run --bundle /tmp/bundle six 2>&1 | cat >/tmp/first-output) &
sleep 2
out=$(bolt-oci checkpoint --image-path /tmp/images6 six 2>&1)
touch /tmp/shared/end
output=$(bolt-oci restore --bundle /tmp/bundle --image-path /tmp/images6 six 2>&1)
[ $? = 5 ] && [ "$output" = restored ]
check "restore in the foreground: its output and its exit code" $? "$out $output"
out=$(bolt-oci restore --bundle /tmp/bundle --image-path /tmp/nowhere seven 2>&1)
[ $? = 1 ] && [ "$out" = "bolt-oci: restore container 'seven': there is no checkpoint in '/tmp/nowhere'" ] && ! bolt-oci state seven >/dev/null 2>&1
check "images that are not there are refused by name" $? "$out"
[ -z "$(bolt-oci list --quiet)" ] && [ -z "$(find /sys/fs/cgroup/bolt-test -mindepth 1 -type d 2>/dev/null)" ]
check "nothing is left" $? "$(bolt-oci list --quiet) $(find /sys/fs/cgroup/bolt-test -type d)"
