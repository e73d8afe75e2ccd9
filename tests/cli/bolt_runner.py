"""Runs bolt as an ordinary user or as root, each with a store of its own that holds the shipped image bolt://shell."""
import os
import shutil
import subprocess
import tempfile
import time

import pytest

BOLT = os.environ.get("BOLT", "")
USER = 2000  # bolt-test, with ranges in /etc/subuid and /etc/subgid
IMAGE = "bolt://shell"


class Outcome:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}, stdout {self.out!r}, stderr {self.err!r}"


class Bolt:
    def __init__(self, user, place="/var/tmp"):
        self.user = user
        self.top = tempfile.mkdtemp(prefix="bolt-cli-", dir=place)
        for name in ("data", "run", "home"):
            os.mkdir(f"{self.top}/{name}")
            os.chown(f"{self.top}/{name}", user, user)
        os.chown(self.top, user, user)
        self.store = f"{self.top}/data/store"
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": f"{self.top}/home", "XDG_RUNTIME_DIR": f"{self.top}/run",
                            "BOLT_DATA_DIR": f"{self.top}/data", "BOLT_RUNTIME_DIR": f"{self.top}/run/bolt",
                            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}

    def arguments(self, words):
        identity = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return identity + [BOLT, *words]

    def __call__(self, *words, stdin="", timeout=60):
        return Outcome(subprocess.run(self.arguments(words), env=self.environment, input=stdin, capture_output=True, text=True, timeout=timeout))

    def begin(self, *words):
        return subprocess.Popen(self.arguments(words), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words, **more):
        """`bolt run --rm --network none OPTIONS… bolt://shell COMMAND…`: options come before '--'."""
        at = words.index("--")
        return self("run", "--rm", "--network", "none", *words[:at], IMAGE, *words[at + 1:], **more)

    def ok(self, *words, **more):
        outcome = self(*words, **more)
        assert outcome.code == 0, outcome
        return outcome.out.strip()

    def inspect(self, name, template):
        return self.ok("inspect", "--format", template, name)

    def entries(self, folder):
        path = f"{self.store}/{folder}"
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def remove_containers(self):
        left = self("ps", "-aq").out.split()
        if left:
            self("rm", "-f", "-v", *left)

    def remove(self):
        self.remove_containers()
        try:
            wait_until(lambda: not self.left_over(), "the last process and mount to go", seconds=10)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.left_over()}") from None
        finally:
            shutil.rmtree(self.top)

    def left_over(self):
        """Processes that were started with this store or see a mount of it, and mounts of it out here."""
        found, marker = [], self.top.encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid():
                continue
            for name in ("environ", "cmdline", "mountinfo"):
                try:
                    with open(f"/proc/{pid}/{name}", "rb") as file:
                        text = file.read()
                    if marker in text:
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            found.append(f"process {pid} ({file.read().decode(errors='replace').replace(chr(0), ' ').strip()[:100]}): {name}")
                        break
                except OSError:
                    continue  # it ended meanwhile
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            found += [f"mount {line.split()[4]}" for line in file if self.top in line]
        return found


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


@pytest.fixture(scope="module", params=[USER, 0], ids=["user", "root"])
def bolt_with_store(request):
    if os.geteuid() != 0:
        pytest.skip("changes between users, which root may")
    if not BOLT:
        pytest.skip("BOLT does not name the program to test")
    runner = Bolt(request.param)
    runner.ok("run", "--rm", "--network", "none", IMAGE, "true")
    yield runner
    runner.remove()


@pytest.fixture
def bolt(bolt_with_store):
    """A test that fails must not make the next one fail."""
    yield bolt_with_store
    bolt_with_store.remove_containers()
