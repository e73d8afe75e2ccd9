"""A create that is killed at any of its system calls, in the runtime and in init: nothing is left behind."""
import collections
import os
import re
import subprocess

import pytest
from conftest import RUNTIME, wait_until

STEP = 2


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return sorted(line.split(" ", 2)[2] for line in file)


def cgroups(name):
    found = subprocess.run(["find", "/sys/fs/cgroup", "-type", "d", "-name", f"*{name}*"], capture_output=True, text=True, check=False)
    return found.stdout.split()


def processes(bundle):
    """Those that belong to the bundle's container, or are still on the way there."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            root = os.readlink(f"/proc/{pid}/root")
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if root.startswith(bundle.place) or (bundle.root.encode() in words and (b"create" in words or b"run" in words) and b"strace" not in words[0]):
                found.append(pid)
        except OSError:
            continue
    return found


def calls_of(bundle, *options):
    """What a create calls: {process: [(call, the how many-th of its name)]}, the runtime first."""
    name = f"traced-{os.getpid()}"
    log = f"{bundle.place}/trace"
    done = create_traced(bundle, name, *options, log=log)
    bundle.ids.append(name)
    assert done.returncode == 0, done.stderr
    assert bundle.oci("delete", "--force", name).returncode == 0
    calls = {}
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            found = re.match(r"(?:(\d+) +)?([a-z_0-9]+)\(", line)
            if found:
                own = calls.setdefault(found[1], [])
                own.append((found[2], 1 + sum(call == found[2] for call, _ in own)))
    return calls


def create_traced(bundle, name, *options, log="/dev/null"):
    # All processes are followed to their end: only a `run` has one.
    command = "run" if "-f" in options else "create"
    extra = {"user": bundle.uid, "group": bundle.uid, "extra_groups": []} if bundle.uid else {}
    # A file: the container keeps it open, and a pipe would not end.
    with open(f"{bundle.place}/said", "w+", encoding="utf-8") as said:
        done = subprocess.run(["strace", "-o", log, *options, RUNTIME, "--root", bundle.root, command, "--bundle", bundle.place, name], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=said, cwd=bundle.place, timeout=60, check=False, **extra)
        said.seek(0)
        done.stderr = said.read()
    return done


def assert_nothing_is_left(bundle, name, before, what):
    wait_until(lambda: not processes(bundle), f"the end of the processes, {what}")
    assert bundle.oci("list", "--quiet").stdout.split() == [], what
    assert not os.path.exists(bundle.root) or os.listdir(bundle.root) == [], what
    assert cgroups(name) == [], what
    assert mounts() == before, what


@pytest.mark.without_sanitizer("its own start has thousands of calls")
def test_the_runtime_is_killed_at_every_system_call(bundle):
    bundle.spec["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    before = mounts()
    (calls,) = calls_of(bundle).values()
    assert len(calls) > 50
    for call, count in calls[::STEP]:
        name = f"killed-{os.getpid()}-{call}-{count}"
        create_traced(bundle, name, "-e", f"inject={call}:signal=KILL:when={count}")
        bundle.ids.append(name)
        deleted = bundle.oci("delete", "--force", name)
        assert deleted.returncode == 0, deleted.stderr
        assert_nothing_is_left(bundle, name, before, f"killed at {call} {count}")


def test_init_is_killed_at_every_system_call(root_bundle):
    bundle = root_bundle
    bundle.spec["process"]["args"] = ["true"]
    bundle.write()
    before = mounts()
    runtimes, inits = calls_of(bundle, "-f").values()
    # Injections count in each process: what the runtime calls as often would end that, and it calls more when it cleans up.
    often = collections.Counter(call for call, _ in runtimes)
    mine = [(call, count) for call, count in inits[:inits.index(("execve", 1))] if not often[call] or count > often[call] + 5]
    assert len(mine) > 100
    for call, count in mine[::STEP]:
        name = f"killed-{os.getpid()}-{call}-{count}"
        done = create_traced(bundle, name, "-f", "-e", f"inject={call}:signal=KILL:when={count}")
        bundle.ids.append(name)
        # The runtime lives, says what happened, and has cleaned up itself. After init's last word its end is the container's.
        is_told = done.returncode == 1 and ("SIGKILL" in done.stderr or "ended before it could run" in done.stderr)
        assert is_told or (call == "rt_sigaction" and done.returncode == 137), (call, count, done.stderr)
        assert_nothing_is_left(bundle, name, before, f"init killed at {call} {count}")


def test_many_containers_at_once_leave_nothing(root_bundle):
    """8 workers make, start and delete containers; nothing leaks."""
    bundle = root_bundle
    bundle.spec["process"]["args"] = ["true"]
    bundle.write()
    before = mounts()
    script = f"for i in $(seq 25); do {RUNTIME} --root {bundle.root} run --bundle {bundle.place} many-$0-$i || exit 1; done"
    workers = [subprocess.Popen(["sh", "-c", script, str(worker)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for worker in range(8)]
    for worker in workers:
        _, complaints = worker.communicate(timeout=300)
        assert worker.returncode == 0, complaints
    assert_nothing_is_left(bundle, "many-", before, "after 200 containers")
