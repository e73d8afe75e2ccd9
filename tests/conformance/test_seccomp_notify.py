"""config-linux.md, seccomp: SCMP_ACT_NOTIFY, listenerPath, listenerMetadata, the container process state."""
import array
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND = 0xC0502100, 0xC0182101


def wait_for(condition, what):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


class Supervisor:
    """Takes listeners and answers every call that it is asked about with an error, or with 0: as if nobody had asked."""

    def __init__(self, bundle, answer):
        self.may_answer, self.leaves = threading.Event(), False
        self.may_answer.set()
        self.path, self.answer, self.asked, self.states, self.connections = f"{bundle.place}/agent.sock", answer, [], [], []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            text, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4))
            listener = array.array("i", ancillary[0][2])[0]
            while more := connection.recv(65536):
                text += more
            self.states.append(json.loads(text))
            self.connections.append(connection)
            if self.leaves:
                os.close(listener)
                continue
            threading.Thread(target=self.follow, args=(listener,), daemon=True).start()

    def follow(self, listener):
        try:
            while True:
                request = bytearray(80)
                fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request)
                number, pid = struct.unpack_from("QI", request)
                self.asked.append(pid)
                self.may_answer.wait()
                fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, struct.pack("QqiI", number, 0, -self.answer, 0 if self.answer else CONTINUE))
        except OSError:
            os.close(listener)


def notify(path, nnp=True, **more):
    def change(spec):
        spec["process"]["noNewPrivileges"] = nnp
        spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "what I am",
                                    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}], **more}
    return change


@pytest.mark.parametrize("nnp", [True, False])
def test_the_supervisor_gets_the_listener_and_the_state_and_is_asked(bundle, nnp):
    if bundle.uid and not nnp:
        pytest.skip("the kernel lets an ordinary user's supervisor be asked only with no_new_privs or in a user namespace of its own")
    supervisor = Supervisor(bundle, errno.EUCLEAN)
    done = bundle.run("sh", "-c", "mkdir /tmp/x; echo $?", change=notify(supervisor.path, nnp))
    assert "Structure needs cleaning" in done.stderr and done.stdout == "1\n", done.stderr + done.stdout
    assert len(supervisor.asked) == 1
    state = supervisor.states[0]
    assert state["fds"] == ["seccompFd"] and state["metadata"] == "what I am" and state["pid"] == state["state"]["pid"] > 1
    assert state["state"]["status"] == "creating" and state["state"]["id"] == bundle.ids[-1] and state["state"]["bundle"] == bundle.place


def test_a_connection_carries_one_state_and_is_closed(bundle):
    supervisor = Supervisor(bundle, errno.EUCLEAN)
    name = bundle.running("sleep", "1000", change=notify(supervisor.path))
    wait_for(lambda: supervisor.connections, "the state: nothing of the container's has asked for an answer")
    assert len(supervisor.states) == 1 and supervisor.states[0]["ociVersion"] == supervisor.states[0]["state"]["ociVersion"] == bundle.spec["ociVersion"]
    supervisor.connections[0].settimeout(10)
    assert supervisor.connections[0].recv(1) == b"" and bundle.status(name) == "running"


def test_exec_has_a_listener_of_its_own(bundle):
    supervisor = Supervisor(bundle, errno.EUCLEAN)
    name = bundle.running("sleep", "1000", change=notify(supervisor.path, flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]))
    done = bundle.oci("exec", name, "mkdir", "/tmp/y")
    assert "Structure needs cleaning" in done.stderr and done.returncode == 1, done.stderr
    assert [state["state"]["status"] for state in supervisor.states] == ["creating", "running"]


def test_a_supervisor_that_is_not_there_is_an_error(bundle):
    done = bundle.run("true", change=notify(f"{bundle.place}/nobody.sock"))
    assert done.returncode == 1 and "linux.seccomp.listenerPath" in done.stderr and "nobody.sock" in done.stderr
    done = bundle.run("true", change=notify(""))
    assert done.returncode == 1 and "listenerMetadata: there is no listenerPath" in done.stderr


ASKED_ABOUT_EXECVE = [{"names": ["execve"], "action": "SCMP_ACT_NOTIFY"}]


def test_start_does_not_wait_for_an_answer_about_execve(bundle):
    supervisor = Supervisor(bundle, errno.EUCLEAN)
    supervisor.may_answer.clear()
    name = bundle.create("sleep", "1000", change=notify(supervisor.path, syscalls=ASKED_ABOUT_EXECVE))
    assert bundle.oci("start", name, timeout=20).returncode == 0
    wait_for(lambda: supervisor.asked, "the question")
    assert bundle.status(name) == "running"
    supervisor.may_answer.set()
    wait_for(lambda: bundle.status(name) == "stopped", "its end, since the answer is no")


def test_exec_does_not_wait_for_an_answer_about_execve(bundle):
    supervisor = Supervisor(bundle, 0)
    name = bundle.running("sleep", "1000", change=notify(supervisor.path, syscalls=ASKED_ABOUT_EXECVE))
    wait_for(lambda: supervisor.asked, "the container's own")
    supervisor.may_answer.clear()
    nowhere = {"capture_output": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # a pipe would wait for it
    assert bundle.oci("exec", "--detach", name, "touch", "/dev/shm/seen", timeout=20, **nowhere).returncode == 0
    wait_for(lambda: len(supervisor.asked) == 2, "the question")
    supervisor.may_answer.set()
    wait_for(lambda: bundle.oci("exec", name, "test", "-e", "/dev/shm/seen").returncode == 0, "what was executed")


def test_metadata_may_be_long(bundle):
    supervisor = Supervisor(bundle, errno.EUCLEAN)
    metadata = "0123456789abcdef" * 40_000
    done = bundle.run("mkdir", "/tmp/x", change=notify(supervisor.path, listenerMetadata=metadata))
    assert "Structure needs cleaning" in done.stderr and supervisor.states[0]["metadata"] == metadata, done.stderr


def test_a_failure_is_told_where_the_supervisor_has_left_and_was_asked_about_sendmsg(bundle):
    supervisor = Supervisor(bundle, errno.EUCLEAN)
    supervisor.leaves = True
    with open(f"{bundle.place}/rootfs/bin/no-program", "wb") as file:
        file.write(b"\x7fELF and nothing more")
    os.chmod(file.name, 0o755)
    done = bundle.run("no-program", change=notify(supervisor.path, syscalls=[{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}]))
    assert done.returncode == 126 and "exec format error" in done.stderr, (done.returncode, done.stderr)
