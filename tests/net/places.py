"""Network namespaces that the tests make, and the program under test running in them."""
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
FORWARD = os.environ.get("BOLT_NET_FORWARD", "")


class Place:
    """A network namespace, known by a process that lives in it."""

    def __init__(self, pid):
        self.pid = pid

    @contextmanager
    def entered(self):
        """This thread works inside; sockets belong to the namespace where they were made."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            if _libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            if _libc.setns(own, CLONE_NEWNET) != 0:
                os._exit(99)  # nothing after this would be where it believes to be
            os.close(own)
            os.close(there)

    def make_socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        with self.entered():
            made = socket.socket(family, kind)
        made.settimeout(20)
        return made

    def server(self, address, port, kind=socket.SOCK_STREAM):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self.make_socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(512)
        return made

    def client(self, address, port, kind=socket.SOCK_STREAM):
        made = self.make_socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        made.connect((address, port))
        return made

    def run(self, *command, **options):
        return subprocess.run(["nsenter", f"--net=/proc/{self.pid}/ns/net", *command], check=True, capture_output=True,
                              text=True, timeout=30, **options)


@contextmanager
def fresh_place():
    """A namespace with nothing but lo, which is up."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    place = Place(holder.pid)
    own = os.stat("/proc/self/ns/net").st_ino
    try:
        wait_until(lambda: os.stat(f"/proc/{holder.pid}/ns/net").st_ino != own, "a namespace")
        place.run("ip", "link", "set", "lo", "up")
        yield place
    finally:
        holder.kill()
        holder.wait()


@contextmanager
def connected_places():
    """A host with an interface and a default route, and the machine on the other side of its cable."""
    with fresh_place() as host, fresh_place() as outside:
        host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(outside.pid))
        for place, last in ((host, 1), (outside, 2)):
            place.run("ip", "address", "add", f"198.18.0.{last}/24", "dev", "eth0")
            place.run("ip", "address", "add", f"2001:db8::{last}/64", "dev", "eth0", "nodad")
            place.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "add", "default", "via", "198.18.0.2")
        host.run("ip", "route", "add", "default", "via", "2001:db8::2")
        yield host, outside


class Forward:
    """The running test program; its network namespace is the container's."""

    def __init__(self, process):
        self.process = process
        self.place = Place(process.pid)
        self.ports = []
        self.address = None
        self._read = b""

    def line(self, patience=20):
        end = time.monotonic() + patience
        while b"\n" not in self._read:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the program says nothing")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                raise EOFError(self.process.stderr.read().decode())
            self._read += piece
        line, self._read = self._read.split(b"\n", 1)
        return line.decode()

    def ask(self, word):
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()
        return int(self.line().split()[1])

    def check_memory(self):
        """Little is held; a sanitizer's own bookkeeping is not the subject."""
        with open(f"/proc/{self.process.pid}/exe", "rb") as file:
            if b"__asan_init" in file.read():
                return
        assert self.ask("memory") < 512

    def port(self, index=0):
        """The number on the host's side."""
        return int(self.ports[index].split("->")[0].rsplit(":", 1)[1])


def command_for(program, arguments, user):
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return [*as_user, program, *arguments]


def refusal(host, *arguments, user=None, environment=()):
    """What the program says when it cannot start."""
    done = subprocess.run(["nsenter", f"--net=/proc/{host.pid}/ns/net", "env", *environment, *command_for(FORWARD, arguments, user)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done
    return done.stderr.strip()


@contextmanager
def forwarding(host, *arguments, user=None, program=FORWARD, limit=None):
    prefix = ["prlimit", f"--nofile={limit}"] if limit else []
    process = subprocess.Popen(["nsenter", f"--net=/proc/{host.pid}/ns/net", *prefix, *command_for(program, arguments, user)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    forward = Forward(process)
    try:
        while (line := forward.line()) != "ready":
            word, rest = line.split(" ", 1)
            if word == "port":
                forward.ports.append(rest)
            elif word == "address":
                forward.address = rest
        yield forward
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        complaint = process.stderr.read().decode(errors="replace")
        process.stdout.close()
        process.stderr.close()
        # A test may have killed it; everything else that is not a success is a crash.
        assert process.returncode in (0, -signal.SIGKILL), f"ended with {process.returncode}: {complaint}"


def wait_until(holds, what, patience=10):
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def descendants(pid):
    """Processes below this one, as (pid, name)."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, fields = file.read().split("(", 1)[1].rsplit(")", 1)
                parents[int(entry)] = (int(fields.split()[1]), name)
            except OSError:
                pass
    found, level = [], {pid}
    while level:
        level = {child for child, (parent, _) in parents.items() if parent in level}
        found += [(child, parents[child][1]) for child in sorted(level)]
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def have(program):
    return shutil.which(program) is not None
