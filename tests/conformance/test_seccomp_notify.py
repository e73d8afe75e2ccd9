"""config-linux.md, seccomp: SCMP_ACT_NOTIFY, listenerPath, listenerMetadata, the container process state."""
import array
import errno
import fcntl
import json
import os
import socket
import struct
import threading

import pytest

SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND = 0xC0502100, 0xC0182101


class Supervisor:
    """Takes one listener and answers every call that it is asked about with an error."""

    def __init__(self, bundle, answer):
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
            self.states.append(json.loads(text))
            self.connections.append(connection)
            threading.Thread(target=self.follow, args=(listener,), daemon=True).start()

    def follow(self, listener):
        try:
            while True:
                request = bytearray(80)
                fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request)
                number, pid = struct.unpack_from("QI", request)
                self.asked.append(pid)
                fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, struct.pack("QqiI", number, 0, -self.answer, 0))
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
