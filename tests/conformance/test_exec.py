"""exec: a process more in a running container, as runc has it."""
import json
import os

import pytest
from conftest import wait_until


@pytest.mark.parametrize("variable", ["BAD", "", "=x"])
def test_a_variable_without_name_or_value_is_refused(bundle, variable):
    name = bundle.running("sleep", "1000")
    done = bundle.oci("exec", "-e", variable, name, "true")
    assert done.returncode != 0 and "is not NAME=VALUE" in done.stderr


def test_exec_runs_in_the_containers_namespaces_and_root(bundle):
    name = bundle.running("sleep", "1000")
    pid = bundle.state(name)["pid"]
    done = bundle.oci("exec", name, "sh", "-c", "hostname; for n in ipc mnt net pid uts user cgroup; do readlink /proc/self/ns/$n; done; cat /proc/1/comm")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "bolt" and lines[-1] == "sleep"
    assert lines[1:-1] == [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("ipc", "mnt", "net", "pid", "uts", "user", "cgroup")]


def test_exec_returns_the_exit_status_and_passes_streams(bundle):
    name = bundle.running("sleep", "1000")
    done = bundle.oci("exec", name, "sh", "-c", "cat; exit 5", stdin=None, input="through\n")
    assert (done.returncode, done.stdout) == (5, "through\n")


def test_exec_of_what_is_missing_or_cannot_be_executed(bundle):
    name = bundle.running("sleep", "1000")
    missing = bundle.oci("exec", name, "no-such-command")
    assert missing.returncode == 127 and missing.stderr == "bolt-oci: exec 'no-such-command': executable file not found in $PATH\n"
    denied = bundle.oci("exec", name, "/etc/passwd")
    assert denied.returncode == 126 and denied.stderr == "bolt-oci: exec '/etc/passwd': permission denied\n"


def test_exec_options_change_the_process(bundle):
    name = bundle.running("sleep", "1000")
    done = bundle.oci("exec", "--env", "KEY=value", "--cwd", "/tmp", name, "sh", "-c", "echo $KEY; pwd")
    assert done.stdout == "value\n/tmp\n", done.stderr
    capabilities = bundle.oci("exec", "--cap", "CAP_NET_RAW", name, "grep", "CapBnd", "/proc/self/status")
    assert int(capabilities.stdout.split()[1], 16) >> 13 & 1 == 1


def test_exec_as_another_user(root_bundle):
    name = root_bundle.running("sleep", "1000")
    assert root_bundle.oci("exec", "-u", "1000:1001", name, "sh", "-c", "id -u; id -g").stdout.split() == ["1000", "1001"]


def test_exec_of_a_process_document(bundle):
    name = bundle.running("sleep", "1000")
    with open(f"{bundle.place}/process.json", "w") as text:
        json.dump({"user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", "pwd"], "cwd": "/tmp", "env": ["PATH=/bin"]}, text)
    assert bundle.oci("exec", "--process", f"{bundle.place}/process.json", name).stdout == "/tmp\n"


def test_a_detached_exec_returns_at_once(bundle):
    name = bundle.running("sleep", "1000")
    with open(os.devnull, "w") as null:
        done = bundle.oci("exec", "-d", "--pid-file", f"{bundle.place}/pid", name, "sleep", "999", capture_output=False, stdout=null, stderr=null)
    assert done.returncode == 0
    with open(f"{bundle.place}/pid") as text:
        pid = int(text.read())
    with open(f"/proc/{pid}/cmdline") as command:
        assert command.read() == "sleep\000999\000"


def test_exec_in_a_stopped_container_is_an_error(bundle):
    name = bundle.running("true")
    wait_until(lambda: bundle.status(name) == "stopped", "its end")
    done = bundle.oci("exec", name, "true")
    assert done.returncode == 255 and done.stderr == f"bolt-oci: container '{name}' is not running\n"


def test_no_descriptor_of_the_host_reaches_a_tenant(bundle):
    name = bundle.running("sleep", "1000")
    assert bundle.oci("exec", name, "ls", "/proc/self/fd").stdout.split() == ["0", "1", "2", "3"]


def test_exec_has_the_containers_limits_of_privilege(bundle):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
    name = bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(seccomp=profile))
    done = bundle.oci("exec", name, "mkdir", "/tmp/new")
    assert done.returncode == 1 and "Function not implemented" in done.stderr


def test_what_is_not_the_commands_fault_is_no_exit_code_of_the_commands(bundle):
    name = bundle.running("sleep", "1000")
    for words in (["--pid-file", "/nope/x"], ["--detach", "--pid-file", "/nope/x"], ["--detach", "--tty", "--console-socket", "/nope"]):
        done = bundle.oci("exec", *words, name, "true")
        assert done.returncode == 255, (words, done)
    assert bundle.oci("exec", "--process", "/nope", name).returncode == 255


def test_of_two_variables_with_one_name_the_last_counts(bundle):
    name = bundle.running("sleep", "1000", change=lambda spec: spec["process"]["env"].extend(["FOO=old", "PATH=/nowhere", "PATH=/bin"]))
    done = bundle.oci("exec", "--env", "FOO=new", name, "sh", "-c", "env | grep FOO")
    assert done.stdout == "FOO=new\n", done


def test_a_command_behind_dots_behind_a_link(bundle):
    os.makedirs(f"{bundle.place}/rootfs/opt/v1/work")
    os.symlink("/bin", f"{bundle.place}/rootfs/opt/v1/bin")
    os.symlink("/opt/v1/work", f"{bundle.place}/rootfs/cur")
    assert bundle.run("/cur/../bin/echo", "there").stdout == "there\n"
    assert bundle.run("../bin/echo", "there", change=lambda spec: spec["process"].update(cwd="/cur")).stdout == "there\n"


def test_a_console_socket_without_a_terminal_is_refused(bundle):
    name = bundle.running("sleep", "1000")
    done = bundle.oci("exec", "--detach", "--console-socket", f"{bundle.place}/socket", name, "true")
    assert done.returncode == 255 and "'--console-socket' is for a process with a terminal; add '--tty'" in done.stderr, done


def test_capabilities_that_cannot_be_granted_are_warned_of(bundle):
    name = bundle.running("sleep", "1000")
    process = {"args": ["true"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, "capabilities": {"bounding": ["CAP_BOGUS"], "permitted": ["CAP_BOGUS"]}}
    with open(f"{bundle.place}/process.json", "w", encoding="ascii") as file:
        json.dump(process, file)
    done = bundle.oci("exec", "--process", file.name, name)
    assert done.returncode == 0 and "'CAP_BOGUS' cannot be granted" in done.stderr, done.stderr


def test_a_working_directory_is_absolute(bundle):
    name = bundle.running("sleep", "1000")
    done = bundle.oci("exec", "--cwd", "tmp", name, "pwd")
    assert done.returncode == 255 and "'tmp' is not an absolute path" in done.stderr, done.stderr


def test_a_limit_of_descriptors_that_leaves_too_few_is_named(bundle):
    def change(spec):
        spec["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 4, "hard": 4}]

    done = bundle.run("true", change=change)
    assert done.returncode != 0 and "process.rlimits: RLIMIT_NOFILE 4 leaves too few descriptors" in done.stderr, done.stderr
    name = bundle.running("sleep", "1000")
    process = {"args": ["true"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 5}]}
    with open(f"{bundle.place}/process.json", "w", encoding="ascii") as file:
        json.dump(process, file)
    done = bundle.oci("exec", "--process", file.name, name)
    assert done.returncode == 255 and "process.rlimits: RLIMIT_NOFILE 5 leaves too few descriptors" in done.stderr, done.stderr
