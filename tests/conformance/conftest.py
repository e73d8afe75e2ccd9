"""Bundles over a root file system of busybox, and bolt-oci on them; as root and as an ordinary user."""
import copy
import json
import os
import shutil
import subprocess
import tempfile
import time

import pytest

RUNTIME = os.environ.get("BOLT_OCI", "bolt-oci")
BUSYBOX = shutil.which("busybox") or "/bin/busybox"
APPLETS = ("sh true false cat ls id mount ps echo hostname sleep env stat tty wc grep mkdir touch kill readlink sysctl head test umask "
           "df mknod printf dmesg ln rm sed sort trap awk").split()
USER = 2000  # bolt-test, with ranges in /etc/subuid and /etc/subgid
PATIENCE = 20


def wait_until(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def user_is_there():
    try:
        with open("/etc/passwd") as users, open("/etc/subuid") as ranges:
            return f":{USER}:" in users.read() and "bolt-test:" in ranges.read()
    except FileNotFoundError:
        return False


def make_rootfs(place):
    for name in ("bin", "proc", "dev", "sys", "etc", "tmp", "home", "data"):
        os.makedirs(f"{place}/{name}")
    shutil.copy(BUSYBOX, f"{place}/bin/busybox")
    for applet in APPLETS:
        os.symlink("busybox", f"{place}/bin/{applet}")
    with open(f"{place}/etc/passwd", "w") as users:
        users.write("root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home:/bin/sh\n")
    os.chmod(f"{place}/tmp", 0o1777)


class Bundle:
    """A bundle, a state directory, and the user who owns both."""

    def __init__(self, place, uid):
        self.place, self.uid, self.root = place, uid, f"{place}/state"
        os.makedirs(f"{place}/rootfs")
        make_rootfs(f"{place}/rootfs")
        if uid:
            subprocess.run(["chown", "-R", f"{uid}:{uid}", place], check=True)
        self.oci("spec", *(["--rootless"] if uid else []), "--bundle", place).check_returncode()
        with open(f"{place}/config.json") as text:
            self.spec = json.load(text)
        self.spec["process"]["terminal"] = False
        self.ids = []

    def oci(self, *arguments, **options):
        options.setdefault("capture_output", True)
        options.setdefault("timeout", 60)
        options.setdefault("stdin", subprocess.DEVNULL)
        extra = {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}
        options.setdefault("cwd", self.place)
        return subprocess.run([RUNTIME, "--root", self.root, *arguments], text=True, **extra, **options)

    def start_oci(self, *arguments, **options):
        extra = {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}
        return subprocess.Popen([RUNTIME, "--root", self.root, *arguments], cwd=self.place, **extra, **options)

    def write(self, spec=None):
        with open(f"{self.place}/config.json", "w") as text:
            json.dump(spec or self.spec, text)

    def run(self, *command, change=None, arguments=(), **options):
        """`run` of a command in the foreground; `change` edits a copy of config.json first."""
        spec = copy.deepcopy(self.spec)
        spec["process"]["args"] = list(command)
        if change:
            change(spec)
        self.write(spec)
        return self.oci("run", *arguments, self.new_id(), **options)

    def create(self, *command, change=None, arguments=()):
        spec = copy.deepcopy(self.spec)
        spec["process"]["args"] = list(command)
        if change:
            change(spec)
        self.write(spec)
        name = self.new_id()
        # Pipes would be held open by the container.
        with open(f"{self.place}/out", "w+") as out:
            done = self.oci("create", *arguments, name, capture_output=False, stdout=out, stderr=out)
            out.seek(0)
            assert done.returncode == 0, out.read()
        return name

    def running(self, *command, change=None):
        name = self.create(*command, change=change)
        started = self.oci("start", name)
        assert started.returncode == 0, started.stderr
        return name

    def state(self, name):
        done = self.oci("state", name)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status(self, name):
        return self.state(name)["status"]

    def output(self):
        with open(f"{self.place}/out") as out:
            return out.read()

    def new_id(self):
        self.ids.append(f"c{os.getpid()}-{len(self.ids)}-{self.uid}")
        return self.ids[-1]

    def clean(self):
        for name in self.ids:
            self.oci("delete", "--force", name)


def make_bundle(uid):
    if uid and (os.geteuid() != 0 or not user_is_there()):
        pytest.skip("the user bolt-test with a range in /etc/subuid is needed, and root to become it")
    if not uid and os.geteuid() != 0:
        pytest.skip("this is for root")
    place = tempfile.mkdtemp(prefix="bolt-oci-")
    os.chmod(place, 0o755)
    return Bundle(place, uid)


@pytest.fixture(params=[0, USER], ids=["root", "user"])
def bundle(request):
    made = make_bundle(request.param)
    yield made
    made.clean()
    shutil.rmtree(made.place)


@pytest.fixture
def root_bundle():
    made = make_bundle(0)
    yield made
    made.clean()
    shutil.rmtree(made.place)


@pytest.fixture
def user_bundle():
    made = make_bundle(USER)
    yield made
    made.clean()
    shutil.rmtree(made.place)
