"""config.md, Process: user, capabilities, limits, terminal, descriptors."""
import glob
import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BUSYBOX, RUNTIME, wait_until


def process(**values):
    return lambda spec: spec["process"].update(values)


def test_what_the_runtime_makes_has_its_modes_under_any_umask(bundle):
    before = os.umask(0o077)
    try:
        done = bundle.run("sh", "-c", "stat -c '%a %n' /dev/pts /dev/null /made /made/inside; umask", change=lambda spec: spec["mounts"].append(
            {"destination": "/made/inside/here", "type": "tmpfs", "source": "tmpfs"}))
    finally:
        os.umask(before)
    assert done.stdout.splitlines() == ["755 /dev/pts", "666 /dev/null", "755 /made", "755 /made/inside", "0077"], done


def test_the_user_groups_and_umask_are_as_configured(root_bundle):
    done = root_bundle.run("sh", "-c", "id -u; id -g; id -G; umask", change=process(user={"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27}))
    assert done.stdout.split() == ["1000", "1001", "1001", "5", "6", "0027"], done.stderr


def test_args_env_and_cwd_are_as_configured(bundle):
    done = bundle.run("sh", "-c", "echo $0 $1 $KEY; pwd", "zero", "one", change=process(cwd="/tmp", env=["PATH=/bin", "KEY=value=x"]))
    assert done.stdout == "zero one value=x\n/tmp\n", done.stderr


def test_a_missing_working_directory_is_made(bundle):
    def change(spec):
        spec["root"]["readonly"] = False
        spec["process"]["cwd"] = "/made/for/it"

    assert bundle.run("sh", "-c", "pwd", change=change).stdout == "/made/for/it\n"


def test_a_working_directory_outside_the_root_is_refused(bundle):
    for path in ("/proc/self/fd/7", "/proc/self/fd/8", "/proc/1/cwd/../../.."):
        done = bundle.run("cat", "/etc/hostname", change=process(cwd=path))
        assert "process.cwd" in done.stderr or done.stdout == ""


def test_capability_sets_are_as_configured(bundle):
    sets = {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}

    def change(spec):
        spec["process"].update(capabilities=sets, user={"uid": 0, "gid": 0})

    done = bundle.run("grep", "^Cap", "/proc/self/status", change=change)
    found = {line.split(":")[0]: int(line.split()[1], 16) for line in done.stdout.splitlines()}
    # exec by root makes permitted and effective whole again: both come from the bounding and inheritable sets.
    assert found["CapBnd"] == found["CapPrm"] == found["CapEff"] == 0b100001 and found["CapInh"] == found["CapAmb"] & found["CapInh"] | 0b100000


def test_ambient_capabilities_reach_an_ordinary_user(root_bundle):
    sets = {name: ["CAP_NET_BIND_SERVICE"] for name in ("bounding", "permitted", "effective", "inheritable", "ambient")}
    done = root_bundle.run("grep", "^CapEff", "/proc/self/status", change=process(capabilities=sets, user={"uid": 1000, "gid": 1000}))
    assert int(done.stdout.split()[1], 16) == 1 << 10, done.stderr


def test_capabilities_that_cannot_be_mapped_or_granted_are_a_warning(bundle):
    done = bundle.run("echo", "ran", change=process(capabilities={"bounding": ["CAP_NO_SUCH", "CAP_KILL"], "permitted": ["CAP_NO_SUCH"]}))
    assert done.returncode == 0 and done.stdout == "ran\n"
    assert done.stderr == "bolt-oci: process.capabilities: 'CAP_NO_SUCH' cannot be granted: it is not a capability\n"


def test_capabilities_that_the_runtime_does_not_have_are_a_warning(root_bundle):
    root_bundle.spec["process"]["args"] = ["grep", "CapEff", "/proc/self/status"]
    root_bundle.spec["process"]["capabilities"] = {name: ["CAP_KILL", "CAP_SYSLOG"] for name in ("bounding", "effective", "permitted")}
    root_bundle.write()
    done = subprocess.run(["setpriv", "--bounding-set", "-syslog", RUNTIME, "--root", root_bundle.root, "run", root_bundle.new_id()], cwd=root_bundle.place,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and int(done.stdout.split()[1], 16) == 1 << 5, done
    assert "CAP_SYSLOG cannot be granted: this process does not have it" in done.stderr


def test_an_unknown_capability_of_exec_is_an_error(bundle):
    name = bundle.running("sleep", "1000")
    done = bundle.oci("exec", "--cap", "CAP_NO_SUCH", name, "true")
    assert done.returncode == 255 and "--cap: 'CAP_NO_SUCH' is not a capability" in done.stderr


def test_the_score_for_memory_victims_is_the_callers_unless_another_is_set(bundle):
    mine = open("/proc/self/oom_score_adj").read()
    try:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("321")
        assert bundle.run("cat", "/proc/self/oom_score_adj").stdout == "321\n"
        name = bundle.running("sleep", "1000")
        assert bundle.oci("exec", name, "cat", "/proc/self/oom_score_adj").stdout == "321\n"
    finally:
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(mine)


def test_no_new_privileges_is_set(bundle):
    assert bundle.run("grep", "NoNewPrivs", "/proc/self/status", change=process(noNewPrivileges=True)).stdout.split()[1] == "1"
    assert bundle.run("grep", "NoNewPrivs", "/proc/self/status", change=process(noNewPrivileges=False)).stdout.split()[1] == "0"


def test_rlimits_are_set(bundle):
    done = bundle.run("sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c", change=process(
        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]))
    assert done.stdout.split() == ["100", "200", "0"], done.stderr


def test_a_limit_that_cannot_be_raised_is_an_error_that_names_it(user_bundle):
    done = user_bundle.run("true", change=process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 2 ** 30, "hard": 2 ** 30}]))
    assert done.returncode == 1
    assert done.stderr.startswith("bolt-oci: process.rlimits: RLIMIT_NOFILE") and "Operation not permitted" in done.stderr


def test_an_unknown_limit_is_an_error_that_names_it(bundle):
    done = bundle.run("true", change=process(rlimits=[{"type": "RLIMIT_NONE", "soft": 1, "hard": 1}]))
    assert done.stderr == "bolt-oci: process.rlimits: 'RLIMIT_NONE' is not a resource limit\n"


def test_oom_score_adj_is_set(bundle):
    assert bundle.run("cat", "/proc/self/oom_score_adj", change=process(oomScoreAdj=500)).stdout == "500\n"


def test_an_oom_score_that_cannot_be_lowered_is_an_error(user_bundle):
    done = user_bundle.run("true", change=process(oomScoreAdj=-500))
    assert done.returncode == 1 and done.stderr.startswith("bolt-oci: process.oomScoreAdj: ")


def test_no_descriptor_of_the_host_reaches_the_container(bundle):
    read_end, write_end = os.pipe()
    done = bundle.run("ls", "/proc/self/fd", pass_fds=(read_end, write_end))
    os.close(read_end), os.close(write_end)
    # The fourth is the listing's own.
    assert done.stdout.split() == ["0", "1", "2", "3"], done.stderr


def test_preserved_descriptors_reach_the_container(root_bundle):
    with open(f"{root_bundle.place}/kept", "w+") as kept:
        kept.write("kept\n")
        kept.flush()
        os.lseek(kept.fileno(), 0, os.SEEK_SET)
        saved = os.dup(3) if os.path.exists("/proc/self/fd/3") else None
        os.dup2(kept.fileno(), 3)
        try:
            done = root_bundle.run("sh", "-c", "cat <&3", arguments=["--preserve-fds", "1"], pass_fds=(3,))
        finally:
            if saved is not None:
                os.dup2(saved, 3)
                os.close(saved)
    assert done.stdout == "kept\n", done.stderr


def test_standard_streams_are_the_callers(bundle):
    done = bundle.run("sh", "-c", "cat; echo error >&2", stdin=None, input="input\n")
    assert (done.stdout, done.stderr) == ("input\n", "error\n")


def test_a_terminal_is_the_controlling_terminal_and_dev_console(bundle):
    master, slave = pty.openpty()
    spec_change = process(terminal=True)
    bundle.spec["process"]["args"] = ["sh", "-c", "tty; test -c /dev/console && stat -c %t /dev/console; sleep 0.1; echo last"]
    spec_change(bundle.spec)
    bundle.write()
    child = bundle.start_oci("run", bundle.new_id(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    text = b""
    while True:
        try:
            text += os.read(master, 4096)
        except OSError:
            break
    assert child.wait(20) == 0, text
    assert text.split() == [b"/dev/pts/0", b"88", b"last"]


def test_a_console_socket_receives_the_terminals_master(bundle):
    path = f"{bundle.place}/console.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen()
    got = []

    def receive():
        peer, _ = listener.accept()
        name, descriptors, _, _ = socket.recv_fds(peer, 100, 1)
        got.extend([name, descriptors[0]])

    waiter = threading.Thread(target=receive)
    waiter.start()
    name = bundle.create("sh", "-c", "tty; sleep 0.2", change=process(terminal=True, consoleSize={"height": 11, "width": 22}), arguments=["--console-socket", path])
    waiter.join(20)
    assert bundle.oci("start", name).returncode == 0
    assert os.read(got[1], 100).strip() == b"/dev/pts/0"
    os.close(got[1])
    listener.close()


def test_a_detached_terminal_without_a_console_socket_is_refused(bundle):
    done = bundle.run("true", change=process(terminal=True), arguments=["--detach"])
    assert done.returncode == 1 and "--console-socket" in done.stderr


def test_signals_to_a_foreground_run_reach_the_process(bundle):
    bundle.spec["process"]["args"] = ["sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"]
    bundle.write()
    child = bundle.start_oci("run", bundle.new_id(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert child.stdout.readline() == b"ready\n"
    child.terminate()
    assert child.wait(20) == 9


def test_the_pid_file_holds_the_hosts_pid(bundle):
    bundle.spec["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    name = bundle.new_id()
    with open(os.devnull, "w") as null:
        done = bundle.oci("run", "-d", "--pid-file", f"{bundle.place}/pid", name, capture_output=False, stdout=null, stderr=null)
    assert done.returncode == 0
    with open(f"{bundle.place}/pid") as text:
        assert int(text.read()) == bundle.state(name)["pid"]


def test_without_capabilities_in_the_document_there_are_none(root_bundle):
    def change(spec):
        del spec["process"]["capabilities"]

    done = root_bundle.run("grep", "Cap", "/proc/self/status", change=change)
    assert {line.split()[1] for line in done.stdout.splitlines()} == {"0000000000000000"}, done.stdout + done.stderr


def test_a_limit_beyond_the_signed_numbers_is_none(bundle):
    limit = {"type": "RLIMIT_CORE", "soft": 0, "hard": 2**64 - 1}
    done = bundle.run("sh", "-c", "ulimit -c", change=lambda spec: spec["process"].update(rlimits=[limit]))
    assert done.stdout == "0\n" or "CAP_SYS_RESOURCE" in done.stderr, done.stderr


def test_empty_sections_ask_for_nothing(bundle):
    """Docker writes out "blockIO": {} and its like."""
    done = bundle.run("true", change=lambda spec: spec["linux"].update(resources={"blockIO": {}, "hugepageLimits": [], "network": {}}))
    assert done.returncode == 0, done.stderr


def test_the_scheduling_policy_is_set(bundle):
    def change(spec):
        spec["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 19, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}

    done = bundle.run("busybox", "cut", "-d ", "-f19,41", "/proc/self/stat", change=change)
    assert done.stdout.split() == ["19", "3"], done.stderr


@pytest.mark.parametrize("scheduler, says", [({"policy": "SCHED_NOSUCH"}, "'SCHED_NOSUCH' is not a scheduling policy"),
                                             ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}, "'SCHED_FLAG_X' is not a scheduling flag"),
                                             ({"policy": "SCHED_FIFO", "priority": 1000}, "'SCHED_FIFO' needs one between 1 and 99, not 1000"),
                                             ({"policy": "SCHED_OTHER", "nice": 50}, "50 is not between -20 and 19"),
                                             ({"policy": "SCHED_RR", "priority": 5, "nice": 5}, "'SCHED_RR' has none"),
                                             ({"policy": "SCHED_OTHER", "priority": 5}, "'SCHED_OTHER' has none"),
                                             ({"policy": "SCHED_OTHER", "runtime": 1000, "deadline": 4}, "'SCHED_OTHER' has none")])
def test_a_scheduling_policy_that_is_none_is_refused(bundle, scheduler, says):
    done = bundle.run("true", change=lambda spec: spec["process"].update(scheduler=scheduler))
    assert done.returncode == 1 and "process.scheduler" in done.stderr and says in done.stderr


def test_the_io_priority_is_set(bundle):
    done = bundle.run("busybox", "ionice", change=lambda spec: spec["process"].update(ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 0}))
    assert done.stdout.strip() == "idle", done.stderr
    done = bundle.run("busybox", "ionice", change=lambda spec: spec["process"].update(ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 6}))
    assert done.stdout.strip() == "best-effort: prio 6", done.stderr
    done = bundle.run("true", change=lambda spec: spec["process"].update(ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 8}))
    assert done.returncode == 1 and "ioPriority: field 'priority' is 8" in done.stderr


def test_the_personality_is_set(bundle):
    done = bundle.run("busybox", "uname", "-m", change=lambda spec: spec["linux"].update(personality={"domain": "LINUX32"}))
    assert done.stdout.strip() in ("i686", "armv8l", os.uname().machine) and (os.uname().machine != "x86_64" or done.stdout.strip() == "i686"), done.stderr
    done = bundle.run("true", change=lambda spec: spec["linux"].update(personality={"domain": "SOLARIS"}))
    assert done.returncode == 1 and "linux.personality: 'SOLARIS' is not an execution domain" in done.stderr


@pytest.mark.skipif(not os.path.exists("/proc/self/numa_maps"), reason="this kernel has no NUMA")
def test_the_memory_policy_is_set(bundle):
    done = bundle.run("head", "-n1", "/proc/self/numa_maps", change=lambda spec: spec["linux"].update(memoryPolicy={"mode": "MPOL_INTERLEAVE", "nodes": "0"}))
    assert "interleave:0" in done.stdout, done.stderr
    done = bundle.run("true", change=lambda spec: spec["linux"].update(memoryPolicy={"mode": "MPOL_BIND", "nodes": "0-x"}))
    assert done.returncode == 1 and "linux.memoryPolicy: nodes" in done.stderr


def test_exec_runs_on_the_cpus_it_is_told(bundle):
    name = bundle.running("sleep", "1000")
    with open(f"{bundle.place}/process.json", "w") as text:
        json.dump({"args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0},
                   "execCPUAffinity": {"initial": "0", "final": "1"}}, text)
    done = bundle.oci("exec", "--process", f"{bundle.place}/process.json", name)
    assert done.stdout.split()[1:] == ["1"], done.stderr


def test_exec_stays_on_its_first_cpus_when_no_others_are_told(bundle):
    name = bundle.running("sleep", "1000")
    for affinity in ({"initial": "0"}, {"initial": "0", "final": ""}):
        with open(f"{bundle.place}/process.json", "w") as text:
            json.dump({"args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, "execCPUAffinity": affinity}, text)
        done = bundle.oci("exec", "--process", f"{bundle.place}/process.json", name)
        assert done.stdout.split()[1:] == ["0"], done.stderr


def received_pidfd(bundle, *words):
    """What a command sends to --pidfd-socket: the process id behind it."""
    path = f"{bundle.place}/pidfd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()
        process = bundle.start_oci(*[word.replace("SOCKET", path) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        connection, _ = listener.accept()
        _, descriptors, _, _ = socket.recv_fds(connection, 64, 1)
        with open(f"/proc/self/fdinfo/{descriptors[0]}") as facts:
            pid = int(next(line.split()[1] for line in facts if line.startswith("Pid:")))
        os.close(descriptors[0])
    os.unlink(path)
    assert process.wait(20) == 0
    return pid


def test_a_pidfd_of_the_process_is_sent(bundle):
    bundle.spec["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    name = bundle.new_id()
    assert received_pidfd(bundle, "run", "--detach", "--pidfd-socket", "SOCKET", name) == bundle.state(name)["pid"]
    pid = received_pidfd(bundle, "exec", "--detach", "--pidfd-socket", "SOCKET", name, "sleep", "1001")
    assert pid in json.loads(bundle.oci("ps", "--format", "json", name).stdout)
    nobody = bundle.oci("run", "--pidfd-socket", "/nowhere/sock", bundle.new_id())
    assert nobody.returncode == 1 and "--pidfd-socket" in nobody.stderr and "/nowhere" in nobody.stderr


def test_without_pivot_root_the_root_is_the_containers_too(bundle):
    done = bundle.run("sh", "-c", "ls /; cd ..; pwd; cat /proc/self/mountinfo | head -1", arguments=["--no-pivot"])
    assert done.returncode == 0 and {"bin", "proc", "home"} <= set(done.stdout.split()) and "/work" not in done.stdout, done.stderr


def handing_on(bundle, count, words, environment=None):
    """bolt-oci with `count` descriptors of ours after the standard streams, whatever else this process has open."""
    lines = "".join(f"exec {3 + number}</dev/null; " for number in range(count))
    shell = f"{lines}{environment or ''} exec {RUNTIME} --root {bundle.root} {' '.join(words)}"
    extra = {"user": bundle.uid, "group": bundle.uid, "extra_groups": []} if bundle.uid else {}
    return subprocess.run(["sh", "-c", shell], cwd=bundle.place, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, **extra)


def test_descriptors_that_the_caller_has_not_opened_are_refused(bundle):
    """What the runtime opens itself leads into the host."""
    spec = dict(bundle.spec)
    spec["process"] = dict(spec["process"], args=["ls", "/proc/self/fd"])
    bundle.write(spec)
    for count, asked, first in ((0, 1, 3), (1, 2, 4), (2, 90, 5)):
        done = handing_on(bundle, count, ["run", "--preserve-fds", str(asked), bundle.new_id()])
        assert done.returncode == 1 and f"--preserve-fds: descriptor {first} is not open" in done.stderr and not glob.glob(f"{bundle.root}/*"), done
    done = handing_on(bundle, 1, ["run", bundle.new_id()], "LISTEN_FDS=2 LISTEN_PID=$$")
    assert done.returncode == 1 and "LISTEN_FDS: descriptor 4 is not open" in done.stderr and not glob.glob(f"{bundle.root}/*"), done
    name = bundle.running("sleep", "1000")
    done = handing_on(bundle, 0, ["exec", "--preserve-fds", "1", name, "true"])
    assert done.returncode == 255 and "--preserve-fds: descriptor 3 is not open" in done.stderr, done


def test_listening_sockets_are_for_the_process_that_they_name(bundle):
    spec = dict(bundle.spec)
    spec["process"] = dict(spec["process"], args=["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd | tr '\\n' ' '"])
    bundle.write(spec)
    done = handing_on(bundle, 1, ["run", bundle.new_id()], "LISTEN_FDS=1 LISTEN_PID=$$")
    assert done.returncode == 0 and done.stdout.splitlines()[0] == "1 1" and done.stdout.splitlines()[1].split() == ["0", "1", "2", "3", "4"], done
    for environment in ("LISTEN_FDS=1", "LISTEN_FDS=1 LISTEN_PID=1"):
        done = handing_on(bundle, 1, ["run", bundle.new_id()], environment)
        assert done.returncode == 0 and done.stdout.splitlines()[0] == "" and done.stdout.splitlines()[1].split() == ["0", "1", "2", "3"], done


def test_home_is_the_users_of_the_containers_passwd(bundle):
    with open(f"{bundle.place}/rootfs/etc/passwd", "w", encoding="ascii") as file:
        file.write("root:x:0:0::/root:/bin/sh\nother:x:7:7::/home/other:/bin/sh\n")
    home = "echo $HOME"
    assert bundle.run("sh", "-c", home).stdout == "/root\n"
    assert bundle.run("sh", "-c", home, change=lambda spec: spec["process"]["env"].append("HOME=/own")).stdout == "/own\n"
    if bundle.uid == 0:
        assert bundle.run("sh", "-c", home, change=lambda spec: spec["process"].update(user={"uid": 7, "gid": 7})).stdout == "/home/other\n"
        assert bundle.run("sh", "-c", home, change=lambda spec: spec["process"].update(user={"uid": 8, "gid": 8})).stdout == "/\n"
    name = bundle.running("sleep", "1000")
    assert bundle.oci("exec", name, "sh", "-c", home).stdout == "/root\n"
    # What is no file is no trap either.
    os.unlink(f"{bundle.place}/rootfs/etc/passwd")
    os.mkfifo(f"{bundle.place}/rootfs/etc/passwd")
    assert bundle.run("sh", "-c", home, timeout=20).stdout == "/\n"


@pytest.mark.parametrize("field", ["uid", "gid"])
def test_an_id_that_says_no_change_to_the_kernel_is_refused(bundle, field):
    user = {"uid": 0, "gid": 0, field: 0xffffffff}
    done = bundle.run("id", change=lambda spec: spec["process"].update(user=user))
    assert done.returncode == 1 and f"field '{field}': 4294967295 is out of range" in done.stderr, done


@pytest.mark.parametrize("change, says", [
    (lambda spec: spec["process"].update(args=["echo", "a\0b"]), "field 'args': 'a' has a NUL in it"),
    (lambda spec: spec["process"].update(env=["A=b\0c"]), "field 'env': 'A=b' has a NUL in it"),
    (lambda spec: spec["process"].update(cwd="/\0c"), "field 'cwd': '/' has a NUL in it"),
    (lambda spec: spec.update(hostname="a\0b"), "field 'hostname': 'a' has a NUL in it"),
    (lambda spec: spec["root"].update(path="rootfs\0/.."), "field 'path': 'rootfs' has a NUL in it"),
    (lambda spec: spec["mounts"][0].update(options=["size=1m\0x"]), "field 'options': 'size=1m' has a NUL in it"),
    (lambda spec: spec["linux"].update(sysctl={"net.ipv4.ip_forward\0x": "1"}), "field 'sysctl': the name 'net.ipv4.ip_forward' has a NUL in it"),
    (lambda spec: spec.update(hooks={"poststop": [{"path": "/bin/true\0x"}]}), "field 'path': '/bin/true' has a NUL in it"),
    (lambda spec: spec["linux"].update(timeOffsets={"realtime": {"secs": 1}}), "timeOffsets: 'realtime'"),
    (lambda spec: (spec.update(hostname="one"), spec["linux"].update(sysctl={"kernel.hostname": "two"})), "field 'hostname' is 'one'"),
    (lambda spec: spec["mounts"].append({"destination": "/etc/..", "type": "tmpfs", "source": "tmpfs"}), "nothing can be mounted in its place"),
    (lambda spec: spec["mounts"].append({"destination": "/to-top", "type": "tmpfs", "source": "tmpfs"}), "it leads to the root directory"),
    (lambda spec: spec["linux"].setdefault("resources", {}).update(blockIO={"weight": 5}), "field 'weight' is 5, not between 10 and 1000"),
])
def test_what_would_be_cut_off_or_passed_over_is_refused(bundle, change, says):
    os.symlink("/", f"{bundle.place}/rootfs/to-top")
    done = bundle.run("echo", "ran", change=change)
    assert done.returncode == 1 and says in done.stderr and done.stdout == "", done


def test_a_root_that_is_a_read_only_path(bundle):
    done = bundle.run("sh", "-c", "touch /zz; echo over", change=lambda spec: (spec["root"].update(readonly=False), spec["linux"].update(readonlyPaths=["/"])))
    assert done.returncode == 0 and "Read-only file system" in done.stderr and done.stdout == "over\n", done


def test_a_log_that_cannot_be_written_is_an_error(bundle):
    done = bundle.oci("--log", "/nope/log", "list")
    assert done.returncode == 1 and "--log" in done.stderr and "/nope/log" in done.stderr, done


@pytest.mark.parametrize("how", ["run", "exec"])
def test_input_that_nobody_reads_does_not_keep_the_end_from_being_seen(bundle, how):
    """A terminal takes a few kilobytes; "yes" has more."""
    if how == "exec":
        name = bundle.running("sleep", "1000")
        arguments = ["exec", "--tty", name, "sh", "-c", "sleep 0.3; echo last; exit 7"]
    else:
        bundle.spec["process"].update(terminal=True, args=["sh", "-c", "sleep 0.3; echo last; exit 7"])
        bundle.write()
        arguments = ["run", bundle.new_id()]
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        child = bundle.start_oci(*arguments, stdin=source.stdout, stdout=subprocess.PIPE)
        source.stdout.close()
        try:
            output, _ = child.communicate(timeout=20)
        finally:
            child.kill()
            source.kill()
    assert child.returncode == 7 and b"last" in output, output[-100:]


def test_output_that_nobody_reads_does_not_keep_signals_from_the_container(bundle):
    bundle.spec["process"].update(terminal=True, args=["sh", "-c", "trap 'exit 5' TERM; echo ready; (yes 2>/dev/null || while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done) & while :; do sleep 0.1; done"])
    bundle.write()
    name = bundle.new_id()
    child = bundle.start_oci("run", name, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert child.stdout.read(5) == b"ready"
        time.sleep(0.5)  # the pipe is full by then
        child.send_signal(signal.SIGTERM)
        wait_until(lambda: bundle.oci("state", name).returncode or bundle.status(name) == "stopped", "the container to end")
        child.stdout.close()
        assert child.wait(20) == 5
    finally:
        child.kill()


@pytest.mark.parametrize("number", [signal.SIGRTMIN + 3, signal.SIGRTMAX, signal.SIGXCPU, signal.SIGPROF, signal.SIGSYS, signal.SIGTRAP, signal.SIGABRT])
def test_every_signal_is_passed_on(bundle, number):
    bundle.spec["process"]["args"] = ["sh", "-c", f"trap 'exit 5' {int(number)}; echo ready; while :; do sleep 0.05; done"]
    bundle.write()
    child = bundle.start_oci("run", bundle.new_id(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(number)
        assert child.wait(20) == 5
    finally:
        child.kill()
        child.stdout.close()
