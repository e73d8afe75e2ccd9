"""Starts bolt-monitor as the engine does, over a root file system of busybox, and talks to it."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

MONITOR = os.environ.get("BOLT_MONITOR", "")
BUSYBOX = shutil.which("busybox") or "/bin/busybox"
USER = 2000  # bolt-test, with ranges in /etc/subuid and /etc/subgid
PATIENCE = 20

MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
]
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"]


def wait_until(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def process_is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Gone(Exception):
    """The monitor closed the connection."""


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.output, self.error_output, self.passed = b"", b"", []

    def send(self, kind, payload=b"", descriptors=()):
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload)
        if isinstance(payload, str):
            payload = payload.encode()
        socket.send_fds(self.sock, [kind.encode() + payload], list(descriptors))

    def receive(self):
        """One message: its type and payload. Output is also collected."""
        data, passed, _, _ = socket.recv_fds(self.sock, 1 << 16, 4)
        if not data:
            raise Gone
        self.passed += passed
        kind, payload = chr(data[0]), data[1:]
        if kind == "O":
            self.output += payload
        if kind == "E":
            self.error_output += payload
        return kind, payload

    def expect(self, wanted, passing="OE"):
        """The payload of the next message of that type; others than `passing` must not come before it."""
        while True:
            kind, payload = self.receive()
            if kind == wanted:
                return json.loads(payload) if payload and kind not in "OE" else payload
            assert kind in passing, f"got {kind!r} {payload!r} while waiting for {wanted!r}"

    def read_until(self, text):
        while text not in self.output + self.error_output:
            self.receive()

    def close(self):
        self.sock.close()
        for fd in self.passed:
            os.close(fd)


class Box:
    """A directory of one user's with what the engine would have made, and the monitor that works on it."""

    def __init__(self, rootless=False, runtime=None):
        self.rootless, self.runtime = rootless, runtime
        self.top = tempfile.mkdtemp(prefix="bolt-monitor-", dir="/tmp")
        os.chmod(self.top, 0o755)
        self.id = os.urandom(32).hex()
        self.run = f"{self.top}/run/containers/{self.id}"
        self.store = f"{self.top}/store"
        self.log = f"{self.store}/container.log"
        self.rootfs = f"{self.top}/rootfs"
        for path in ("bin", "proc", "dev", "tmp", "etc", "sys"):
            os.makedirs(f"{self.rootfs}/{path}")
        shutil.copy(BUSYBOX, f"{self.rootfs}/bin/busybox")
        for name in ("sh", "cat", "echo", "true", "sleep", "id", "stty", "head", "dd", "env", "pwd", "touch", "kill", "ls", "yes", "nc", "wc"):
            os.symlink("busybox", f"{self.rootfs}/bin/{name}")
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv:/bin/sh\n")
        self.write("etc/group", "root:x:0:\nweb:x:34:\nlog:x:44:web\n")
        os.makedirs(self.run, mode=0o700)
        os.makedirs(self.store)
        if rootless:
            for folder, names, files in os.walk(self.top):
                for name in [".", *names, *files]:
                    os.chown(os.path.join(folder, name), USER, USER, follow_symlinks=False)
        self.monitor = None
        self.connections = []

    def write(self, path, text):
        with open(f"{self.rootfs}/{path}", "w") as out:
            out.write(text)

    def overlay(self):
        """The root as an image's layer below an empty one."""
        members = {"lowers": [self.rootfs], "upper": f"{self.top}/upper", "work": f"{self.top}/work", "volatile": True, "in_user_namespace": self.rootless}
        for path in (members["upper"], members["work"]):
            os.makedirs(path)
            if self.rootless:
                os.chown(path, USER, USER)
        return members

    def spec(self, arguments, terminal=False):
        return {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": terminal, "user": {"uid": 0, "gid": 0}, "args": arguments, "cwd": "/",
                "env": ["PATH=/bin", "TERM=xterm"], "noNewPrivileges": True,
                "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted")},
            },
            "root": {"path": self.rootfs, "readonly": False},
            "hostname": "box",
            "mounts": MOUNTS,
            "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")]},
        }

    def request(self, arguments, terminal=False, **members):
        request = {
            "id": self.id, "name": "box", "run_directory": self.run, "container_directory": self.store,
            "user_namespace_holders": f"{self.top}/run/userns", "spec": self.spec(arguments, terminal), "network": "none",
            "log": {"file": self.log}, "terminal": terminal, "stop_timeout_ms": 5000,
        }
        if self.runtime:
            request["runtime"] = self.runtime
        request.update(members)
        return request

    def spawn(self, request):
        """Starts the monitor and returns the engine's end of the channel."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        document = os.memfd_create("request")
        os.write(document, request if isinstance(request, bytes) else json.dumps(request).encode())
        who = {"user": USER, "group": USER, "extra_groups": []} if self.rootless else {}
        self.monitor = subprocess.Popen([MONITOR, "--request-fd", str(document), "--channel-fd", str(theirs.fileno()), self.id[:12], "box"],
                                        pass_fds=(document, theirs.fileno()), env={"PATH": os.environ["PATH"]}, **who)
        os.close(document)
        theirs.close()
        return self.keep(Connection(ours))

    def keep(self, connection):
        self.connections.append(connection)
        return connection

    def create(self, arguments, **members):
        engine = self.spawn(self.request(arguments, **members))
        engine.expect("C")
        return engine

    def start(self, arguments, attach=True, **members):
        """Created, attached and started."""
        engine = self.create(arguments, **members)
        if attach:
            engine.send("a")
        engine.send("s")
        self.pid = engine.expect("S")["pid"]
        return engine

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        directory = os.open(self.run, os.O_PATH)
        try:
            sock.connect(f"/proc/self/fd/{directory}/control.sock")
        finally:
            os.close(directory)
        return self.keep(Connection(sock))

    def read_json(self, path):
        with open(path) as document:
            return json.load(document)

    def state(self):
        return self.read_json(f"{self.run}/state.json")

    def exit_record(self):
        return self.read_json(f"{self.store}/exit.json")

    def logged(self):
        """The log's entries as (stream, tag, text)."""
        with open(self.log) as log:
            return [tuple(line.rstrip("\n").split(" ", 3)[1:]) for line in log]

    def wait_for_monitor(self):
        return self.monitor.wait(PATIENCE)

    def close(self):
        for connection in self.connections:
            connection.close()
        if self.monitor:
            try:
                self.monitor.wait(3)
            except subprocess.TimeoutExpired:
                self.monitor.kill()
                self.monitor.wait()
        if self.runtime and os.path.isdir(f"{self.run}/runtime/{self.id}"):
            # A monitor that was killed could not do it: the runtime's cgroups would stay.
            subprocess.run([self.runtime, "--root", f"{self.run}/runtime", "delete", "--force", self.id], capture_output=True, timeout=PATIENCE)
        # Files of subordinate ids: removed as root, which the tests are.
        shutil.rmtree(self.top, ignore_errors=True)
