#!/usr/bin/env python3
"""bench.py [--runs N] [--record]: bolt against Debian's crun, podman, conmon and skopeo, both sides in turn in one run.

Prints medians and ratios; never passes or fails on time. --record writes docs/performance.md. Needs root: the rootless cases run
as the user bolt-test, and crun, which refuses a hybrid cgroup tree, in a mount namespace of its own without it.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/run"))
import run_tests  # noqa: E402
from image_bench import ImageBench  # noqa: E402

UID = run_tests.UID


def quiet(command, **options):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


def timed(command, **options):
    begin = time.perf_counter()
    quiet(command, **options)
    return (time.perf_counter() - begin) * 1000


# Both sides in turn, started by nothing but posix_spawn(3) from a process that is that user already.
IN_TURN = """
import json, os, sys, time
uid, home, environment, runs, *sides = json.loads(sys.argv[1])
os.setgroups([]); os.setgid(uid); os.setuid(uid); os.chdir(home)
null = os.open("/dev/null", os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
took = [[] for _ in sides]
for run in range(runs):
    for number, command in enumerate(sides):
        begin = time.perf_counter()
        pid = os.posix_spawnp(command[0], command, environment, file_actions=actions)
        status = os.waitpid(pid, 0)[1]
        took[number].append((time.perf_counter() - begin) * 1000)
        if status:
            sys.exit(f"{' '.join(command)}: status {status}")
print(json.dumps(took))
"""


class Bench:
    def __init__(self, runs):
        self.runs, self.rows, self.facts = runs, [], []
        self.work = tempfile.mkdtemp(prefix="bolt-bench-")
        self.state = tempfile.mkdtemp(prefix="bolt-bench-", dir="/dev/shm")  # a tmpfs, as /run is where runtimes keep their state by default
        os.chmod(self.work, 0o755)
        self.stage = os.path.join(self.work, "stage")
        shutil.copytree(os.path.join(TOP, "build/stage"), self.stage)
        subprocess.run(["chmod", "-R", "a+rX", self.stage], check=True)
        self.bolt = os.path.join(self.stage, "bin/bolt")
        self.home = os.path.join(self.work, "home")
        self.runtime = os.path.join(self.work, "run")
        for folder in (self.home, self.runtime):
            os.mkdir(folder, 0o700)
            os.chown(folder, UID, UID)
        self.environment = {"HOME": self.home, "XDG_RUNTIME_DIR": self.runtime, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        self.user = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", "env", "-i", "-C", self.home,
                     *(f"{name}={value}" for name, value in self.environment.items())]

    def row(self, name, ours, theirs, target, unit="ms"):
        a, b = statistics.median(ours), statistics.median(theirs)
        self.rows.append((name, a, b, a / b, target, unit))
        print(f"{name:<58} {a:9.2f} {unit:<3} {b:9.2f} {unit:<3} ratio {a / b:6.3f}  target {target}", flush=True)

    def pair(self, name, ours, theirs, target, runs=None):
        asked = [UID, self.home, self.environment, (runs or self.runs) + 2, ours, theirs]
        done = subprocess.run([sys.executable, "-c", IN_TURN, json.dumps(asked)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.row(name, *(side[2:] for side in json.loads(done.stdout)), target)  # the first two warm the caches

    def bundle(self, name="bundle", command=("/bin/true",)):
        bundle = os.path.join(self.work, name)
        os.makedirs(os.path.join(bundle, "rootfs/bin"))
        for folder in ("proc", "dev", "sys", "etc", "tmp"):
            os.mkdir(os.path.join(bundle, "rootfs", folder))
        shutil.copy("/bin/busybox", os.path.join(bundle, "rootfs/bin/busybox"))
        os.symlink("busybox", os.path.join(bundle, "rootfs/bin/true"))
        quiet(["crun", "spec"], cwd=bundle)
        path = os.path.join(bundle, "config.json")
        spec = json.load(open(path, encoding="utf-8"))
        spec["process"]["terminal"] = False
        spec["process"]["args"] = list(command)
        json.dump(spec, open(path, "w", encoding="utf-8"))
        return bundle

    # Each turn is some commands one after the other, {} being the turn's number; in a mount namespace without the unified tree.
    TURNS = """
import json, os, sys, time
turns, rest, commands = json.loads(sys.argv[1])
null = os.open("/dev/null", os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
for turn in range(turns):
    begin = time.perf_counter()
    for command in commands:
        pid = os.posix_spawn(command[0], [word.replace("{}", str(turn)) for word in command], os.environ, file_actions=actions)
        if os.waitpid(pid, 0)[1]:
            sys.exit(f"{command} failed")
    print((time.perf_counter() - begin) * 1000)
    time.sleep(rest)
"""
    # In seconds: what the kernel still clears away of one container, and what it leaves ready, is not measured with the next.
    REST = 0.03

    def turns(self, commands, count=None, rest=0):
        without = ["unshare", "-m", "sh", "-c", "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"", "sh", sys.executable, "-c", self.TURNS]
        done = subprocess.run([*without, json.dumps([(count or self.runs) + 2, rest, commands])], check=True, stdout=subprocess.PIPE, text=True)
        return [float(line) for line in done.stdout.split()][2:]

    def beside(self, name, peer, words, target):
        """`words` makes the commands of a turn from a runtime's own. Each turn after a rest, then one right after the other."""
        for how, rest in (("", self.REST), (", without rest", 0)):
            ours, theirs = [], []
            for _ in range(5):
                ours += self.turns(words(self.oci_words()), rest=rest)
                theirs += self.turns(words([shutil.which(peer), "--root", os.path.join(self.state, peer)]), rest=rest)
            self.row(name + how, ours, theirs, target)

    def floor(self, bundle):
        """bolt-oci against a C program that makes the same kernel calls and nothing else."""
        floor = os.path.join(self.work, "floor")
        quiet(["cc", "-O2", "-static", "-o", floor, os.path.join(TOP, "tests/bench/floor.c")])
        ours, theirs = [], []
        for _ in range(5):
            ours += self.turns([[*self.oci_words(), "run", "--bundle", bundle, "z{}"]], rest=self.REST)
            theirs += self.turns([[floor, bundle]], rest=self.REST)
        self.row("bolt-oci run of true / the kernel calls alone", ours, theirs, "1.6")

    def oci_words(self):
        return [os.path.join(self.stage, "bin/bolt-oci"), "--root", os.path.join(self.state, "oci")]

    def throughput(self, bundle):
        """200 containers by 8 workers at once."""
        script = 'for w in 1 2 3 4 5 6 7 8; do (for i in $(seq 25); do "$@" run --bundle %s many-$w-$i-{} || exit 1; done) & done; wait' % bundle
        words = lambda runtime: [["/bin/sh", "-c", script, "sh", *runtime]]
        ours, theirs = [], []
        for _ in range(3):
            ours += self.turns(words(self.oci_words()), count=1)
            theirs += self.turns(words([shutil.which("crun"), "--root", os.path.join(self.state, "crun")]), count=1)
        self.row("200 containers by 8 workers: bolt-oci / crun", ours, theirs, "0.4")

    def peak(self, bundle):
        """Resident memory at most, of the runtime's own process; busybox is small enough not to count itself."""
        def kib(runtime):
            script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec busybox time -f %M \"$@\""
            done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *runtime, "run", "--bundle", bundle, "peak"], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            return float(done.stderr.split()[-1])
        peer = [shutil.which("crun"), "--root", os.path.join(self.state, "crun")]
        self.row("peak memory of bolt-oci run / crun run", [kib(self.oci_words()) for _ in range(5)], [kib(peer) for _ in range(5)], "1", "KiB")

    def instructions(self, bundle):
        """Without noise: what bolt-oci executes up to the container's mounts, which valgrind cannot make. valgrind's own program is what
        /proc/self/exe leads to: on a read-only mount, so that bolt-oci does not begin a second time to protect it."""
        mounted = "/usr/libexec/valgrind"
        script = f"mount --bind {mounted} {mounted} && mount -o remount,bind,ro {mounted} && exec valgrind --tool=callgrind --callgrind-out-file=/dev/null {self.stage}/bin/bolt-oci --root {self.state}/oci run --bundle {bundle} counted"
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        counted = [line.split()[-1] for line in done.stderr.splitlines() if "Collected" in line and not line.startswith("==1==")] # 1: the container's
        if not counted:
            raise subprocess.CalledProcessError(done.returncode, "valgrind", stderr=done.stderr.encode())
        self.facts.append(f"bolt-oci run executes {int(counted[0]):,} instructions before the container's mounts are made, and to end when they cannot be (callgrind).")
        print(self.facts[-1], flush=True)

    def oci(self):
        bundle = self.bundle()
        sleeping = self.bundle("sleeping", ["/bin/busybox", "sleep", "1000"])
        in_one = lambda runtime: [[*runtime, "run", "--bundle", bundle, "x{}"]]
        in_steps = lambda runtime: [[*runtime, "create", "--bundle", bundle, "y{}"], [*runtime, "start", "y{}"], [*runtime, "delete", "--force", "y{}"]]
        self.beside("bolt-oci run of true / crun run", "crun", in_one, "0.5 (later 0.35)")
        self.beside("bolt-oci run of true / runc run", "runc", in_one, "-")
        self.floor(bundle)
        self.throughput(bundle)
        self.peak(bundle)
        self.instructions(bundle)
        self.beside("bolt-oci create, start, delete / crun's", "crun", in_steps, "0.4")
        for runtime in ([os.path.join(self.stage, "bin/bolt-oci"), "--root", os.path.join(self.state, "oci")], [shutil.which("crun"), "--root", os.path.join(self.state, "crun")]):
            self.turns([[*runtime, "run", "--detach", "--bundle", sleeping, "sleeper{}"]], count=-1)
        self.beside("bolt-oci exec of true / crun exec", "crun", lambda runtime: [[*runtime, "exec", "sleeper0", "/bin/true"]], "0.4")
        for runtime in ([os.path.join(self.stage, "bin/bolt-oci"), "--root", os.path.join(self.state, "oci")], [shutil.which("crun"), "--root", os.path.join(self.state, "crun")]):
            self.turns([[*runtime, "delete", "--force", "sleeper{}"]], count=-1)

    def rootless_run(self):
        layout = os.path.join(self.stage, "share/bolt/images")
        quiet([*self.user, self.bolt, "run", "--rm", "--network", "none", "bolt://shell", "true"])
        podman = ["podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--log-level", "error"]
        quiet([*self.user, "skopeo", "copy", f"oci:{layout}:shell:latest", "containers-storage:localhost/shell:latest"])
        run = ["run", "--rm", "--pull", "never"]
        self.pair("bolt run --rm --network none, rootless / podman run", [self.bolt, "run", "--rm", "--network", "none", "bolt://shell", "true"],
                  [*podman, *run, "--network", "none", "localhost/shell:latest", "true"], "1/15 = 0.067")
        self.pair("bolt run --rm, default network / podman run", [self.bolt, "run", "--rm", "bolt://shell", "true"],
                  [*podman, *run, "localhost/shell:latest", "true"], "1/5 = 0.2")
        self.idle([*self.user, *podman])

    @staticmethod
    def private_kib(pid):
        total = 0
        for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
            if line.startswith("Private_Dirty"):
                total += int(line.split()[1])
        return total

    def idle(self, podman):
        quiet([*self.user, self.bolt, "run", "-d", "--name", "idle", "--network", "none", "bolt://shell", "sleep", "60"])
        quiet([*podman, "run", "-d", "--name", "idle", "--network", "none", "localhost/shell:latest", "sleep", "60"])
        time.sleep(1)
        pids = {"bolt-monitor": [], "conmon": []}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                if program in pids and os.stat(f"/proc/{pid}").st_uid in (UID, 0) and os.readlink(f"/proc/{pid}/exe").startswith((self.work, "/usr")):
                    pids[program].append(self.private_kib(pid))
            except OSError:
                continue
        if all(pids.values()):
            # The monitor and its watcher together.
            self.row("an idle monitor's private dirty memory / conmon's", [sum(pids["bolt-monitor"])], [sum(pids["conmon"])], "1, and 1024 KiB", "KiB")
        quiet([*self.user, self.bolt, "rm", "-f", "idle"])
        quiet([*podman, "rm", "-f", "-t", "0", "idle"])

    def record(self):
        lines = ["# Performance", "", "The last run of `./dev bench --record`: medians of both sides, measured in turn in one run. Ratios below 1 are in bolt's favour.",
                 f"A runtime's turns come {self.REST * 1000:.0f} ms after one another, as when a person starts a container, and once more without that rest: then the",
                 "kernel still clears up after the last one, and has not yet gone back to where moving a process between cgroups is slow.", "",
                 "| case | bolt | peer | ratio | target |", "|---|---|---|---|---|"]
        lines += [f"| {name} | {a:.2f} {unit} | {b:.2f} {unit} | {ratio:.3f} | {target} |" for name, a, b, ratio, target, unit in self.rows]
        lines += ["", *self.facts]
        versions = []
        for tool in ("crun", "podman", "conmon", "skopeo"):
            out = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout.splitlines()
            versions.append(out[0] if out else tool)
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")), platform.machine())
        lines += ["", f"Machine: {os.cpu_count()} CPUs ({model}), Linux {platform.release()}. Peers: {', '.join(versions)}.", ""]
        with open(os.path.join(TOP, "docs/performance.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))

    def clean(self):
        subprocess.run([*self.user, "podman", "--cgroup-manager", "cgroupfs", "system", "reset", "-f"], check=False, capture_output=True)
        for line in open("/proc/self/mounts", encoding="utf-8").read().splitlines():
            if self.work in line.split()[1]:
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: run it as root: the rootless sides run as the user bolt-test")
    run_tests.prepare_host()
    bench = Bench(arguments.runs)
    try:
        images = ImageBench(bench)
        for part in (bench.oci, bench.rootless_run, images.pulls, images.exchange, images.lists):
            try:
                part()
            except subprocess.CalledProcessError as error:
                print(f"bench: {part.__name__}: {' '.join(map(str, error.cmd))[:200]}: exit {error.returncode}: {(error.stderr or b'')[-400:]!r}")
        if arguments.record:
            bench.record()
    finally:
        bench.clean()


if __name__ == "__main__":
    main()
