"""The engines that call an OCI runtime: containerd, dockerd and podman of Debian, each started here with bolt-oci as root.

containerd and docker come from their packages' files, unpacked below a temporary directory: installing them would leave two
daemons on the machine.
"""
import glob
import json
import os
import pty
import shutil
import signal
import subprocess
import tempfile

import pytest

from patience import PATIENCE, wait_until

RUNTIME = os.environ.get("BOLT_OCI", "bolt-oci")
APPLETS = "sh true cat id ls ps sleep echo touch mkdir tail date tty test rm".split()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="engines that run as root are started")


@pytest.fixture(scope="module")
def place():
    directory = tempfile.mkdtemp(prefix="bolt-engines-")
    yield directory
    subprocess.run(["umount", "-R", "-q", f"{directory}/docker"], check=False)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def programs(place):
    """Unpacked packages; the directory of their programs."""
    packages = ["containerd", "docker.io"]
    if subprocess.run(["apt-cache", "show", "docker-cli"], capture_output=True, check=False).returncode == 0:
        packages.append("docker-cli")
    os.makedirs(f"{place}/packages")
    os.chmod(place, 0o755)
    got = subprocess.run(["apt-get", "download", "-qq", *packages], cwd=f"{place}/packages", capture_output=True, text=True, check=False)
    if got.returncode != 0:
        pytest.skip(f"the packages {packages} cannot be had: {got.stderr.strip()}")
    for package in glob.glob(f"{place}/packages/*.deb"):
        subprocess.run(["dpkg", "-x", package, f"{place}/unpacked"], check=True)
    os.environ["PATH"] = f"{place}/unpacked/usr/sbin:{place}/unpacked/usr/bin:{os.environ['PATH']}"
    return f"{place}/unpacked"


@pytest.fixture(scope="module")
def archive(place):
    """A root file system of busybox, as `docker import` takes it."""
    tree = f"{place}/tree"
    for name in ("bin", "etc", "tmp", "proc", "dev", "sys"):
        os.makedirs(f"{tree}/{name}")
    os.chmod(f"{tree}/tmp", 0o1777)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", f"{tree}/bin/busybox")
    for applet in APPLETS:
        os.symlink("busybox", f"{tree}/bin/{applet}")
    subprocess.run(["tar", "-C", tree, "-cf", f"{place}/busybox.tar", "."], check=True)
    return f"{place}/busybox.tar"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False, **options)


def ok(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def on_terminal(*command):
    """What a command prints on a terminal of its own."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    text = b""
    while True:
        try:
            some = os.read(master, 4096)
        except OSError:
            break
        if not some:
            break
        text += some
    os.close(master)
    return process.wait(PATIENCE), text.decode()


def end(daemon):
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        daemon.kill()


@pytest.fixture(scope="module")
def containerd(place, programs):
    socket = f"{place}/containerd.sock"
    with open(f"{place}/containerd.toml", "w") as config:
        config.write(f'version = 2\nroot = "{place}/containerd"\nstate = "{place}/containerd-run"\n'
                     f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n[ttrpc]\naddress = "{socket}.ttrpc"\n')
    with open(f"{place}/containerd.log", "w") as log:
        daemon = subprocess.Popen(["containerd", "-c", f"{place}/containerd.toml"], stdout=log, stderr=log)
    try:
        wait_until(lambda: run("ctr", "-a", socket, "version").returncode == 0, "containerd")
        yield socket
    finally:
        end(daemon)


class TestContainerd:
    @pytest.fixture(scope="class")
    def ctr(self, containerd, place):
        layout = os.environ.get("BOLT_IMAGES")
        if not layout:
            pytest.skip("BOLT_IMAGES names no image layout")
        subprocess.run(["tar", "-C", layout, "-cf", f"{place}/images.tar", "."], check=True)
        ok("ctr", "-a", containerd, "image", "import", f"{place}/images.tar")
        return lambda *words, call=ok: call("ctr", "-a", containerd, *words)

    def test_run(self, ctr):
        assert ctr("run", "--rm", "--runc-binary", RUNTIME, "shell:latest", "run-1", "sh", "-c", "echo hello; exit 0") == "hello\n"
        failed = ctr("run", "--rm", "--runc-binary", RUNTIME, "shell:latest", "run-2", "sh", "-c", "exit 7", call=run)
        assert failed.returncode == 7

    def test_a_command_that_is_missing(self, ctr):
        missing = ctr("run", "--rm", "--runc-binary", RUNTIME, "shell:latest", "run-3", "nosuch", call=run)
        assert missing.returncode != 0 and "exec 'nosuch': executable file not found in $PATH" in missing.stderr

    def test_tasks(self, ctr):
        ctr("run", "-d", "--memory-limit", str(64 << 20), "--runc-binary", RUNTIME, "shell:latest", "task-1", "sleep", "1000")
        try:
            status = lambda: ctr("task", "ls").split("task-1", 1)[1].split()[1]
            assert status() == "RUNNING"
            assert ctr("task", "exec", "--exec-id", "e1", "task-1", "echo", "inside") == "inside\n"
            ctr("task", "pause", "task-1")
            assert status() == "PAUSED"
            ctr("task", "resume", "task-1")
            assert status() == "RUNNING"
            assert len(ctr("task", "ps", "task-1").splitlines()) == 2
            assert f"{64 << 20}" not in ctr("task", "metrics", "task-1").split("memory.usage_in_bytes")[-1].split()[0]
            ctr("task", "kill", "--signal", "SIGKILL", "task-1")
            wait_until(lambda: status() == "STOPPED", "the task's end")
        finally:
            ctr("task", "rm", "--force", "task-1", call=run)
            ctr("container", "rm", "task-1")


@pytest.fixture(scope="module")
def docker(place, programs, containerd, archive):
    home = f"{place}/docker"
    os.makedirs(home)
    with open(f"{home}/log", "w") as log:
        daemon = subprocess.Popen(["dockerd", "--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "-H", f"unix://{home}/sock", "-p", f"{home}/pid", "--containerd", containerd,
                                   "--add-runtime", f"bolt={RUNTIME}", "--default-runtime", "bolt", "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs"],
                                  stdout=log, stderr=log)
    client = f"{programs}/usr/bin/docker"
    try:
        wait_until(lambda: daemon.poll() is not None or run(client, "-H", f"unix://{home}/sock", "version").returncode == 0, "dockerd")
        if daemon.poll() is not None:
            with open(f"{home}/log") as log:
                pytest.fail("dockerd ended: " + log.read()[-600:])
        call = [client, "-H", f"unix://{home}/sock"]
        ok(*call, "import", archive, "bb:1")
        yield call
    finally:
        end(daemon)


@pytest.fixture(scope="module")
def podman(place, archive):
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    home = f"{place}/podman"
    os.makedirs(home)
    call = ["podman", "--root", f"{home}/root", "--runroot", f"{home}/runroot", "--tmpdir", f"{home}/tmp", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
            "--runtime", RUNTIME]
    ok(*call, "import", archive, "bb:1")
    yield call
    run(*call, "rm", "--all", "--force", "--time", "0")


@pytest.fixture(params=["docker", "podman"])
def engine(request):
    return request.getfixturevalue(request.param)


# Above these hard limits, podman's own choice, only a host's full root may go.
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=500:500", "--network", "none"]


def test_run_and_its_exit_codes(engine):
    assert ok(*engine, "run", "--rm", *LIMITS, "bb:1", "sh", "-c", "echo hi; id -u") == "hi\n0\n"
    codes = [run(*engine, "run", "--rm", *LIMITS, "bb:1", *command).returncode for command in (["sh", "-c", "exit 9"], ["nosuch"], ["/bin/nosuch"], ["/etc"])]
    assert codes == [9, 127, 127, 126]


def test_an_engine_lives_with_a_container_that_a_failed_hook_has_destroyed(podman, place):
    for stage in ("startContainer", "poststart"):
        hooks = f"{place}/{stage}"
        os.makedirs(hooks)
        with open(f"{hooks}/fail.json", "w", encoding="ascii") as file:
            json.dump({"version": "1.0.0", "hook": {"path": "/bin/false"}, "when": {"always": True}, "stages": [stage]}, file)
        failed = run(*podman, "--hooks-dir", hooks, "run", "--rm", "--name", stage, *LIMITS, "bb:1", "sleep", "1000")
        assert failed.returncode == 126 and f"{stage} hook '/bin/false'" in failed.stderr, failed
        assert ok(*podman, "ps", "--all", "--quiet") == ""
        failed = run(*podman, "--hooks-dir", hooks, "run", "-d", "--name", stage, *LIMITS, "bb:1", "sleep", "1000")
        assert failed.returncode == 126, failed
        ok(*podman, "rm", "--force", "--time", "0", stage)


def test_a_user_a_read_only_root_and_a_tmpfs(engine):
    done = run(*engine, "run", "--rm", *LIMITS, "--user", "1000:1001", "--read-only", "--tmpfs", "/tmp", "bb:1", "sh", "-c", "id -u; id -g; echo x > /tmp/y; cat /tmp/y; touch /bin/z")
    assert done.stdout == "1000\n1001\nx\n" and "Read-only file system" in done.stderr


def test_a_terminal(engine):
    code, text = on_terminal(*engine, "run", "--rm", "-it", *LIMITS, "bb:1", "sh", "-c", "tty; exit 3")
    assert code == 3 and "/dev/pts/0" in text or "/dev/console" in text, text


def test_the_life_of_a_container(engine):
    name = "life"
    ok(*engine, "run", "-d", "--name", name, *LIMITS, "--memory", "64m", "--pids-limit", "50", "--cpus", "0.5", "--stop-timeout", "5", "bb:1", "sh", "-c",
       "trap 'echo got term; exit 7' TERM; echo started; while true; do sleep 0.1; done")
    inspected = lambda: json.loads(ok(*engine, "inspect", name))[0]
    try:
        assert ok(*engine, "exec", name, "echo", "inside") == "inside\n"
        assert run(*engine, "exec", name, "sh", "-c", "exit 5").returncode == 5
        assert run(*engine, "exec", name, "nosuch").returncode in (126, 127)
        code, text = on_terminal(*engine, "exec", "-it", name, "sh", "-c", "echo on a terminal; exit 4")
        assert code == 4 and "on a terminal" in text
        ok(*engine, "pause", name)
        assert inspected()["State"]["Status"] == "paused"
        ok(*engine, "unpause", name)
        assert inspected()["State"]["Status"] == "running"
        assert "sleep 0.1" in ok(*engine, "top", name)
        ok(*engine, "update", "--memory", "100m", "--memory-swap", "100m", name)
        with open(f"/proc/{inspected()['State']['Pid']}/cgroup") as cgroups:
            groups = dict(line.strip().split(":")[1:] for line in cgroups)
        if "memory" in groups:
            with open(f"/sys/fs/cgroup/memory{groups['memory']}/memory.limit_in_bytes") as limit:
                assert limit.read().strip() == str(100 << 20)
        assert name in ok(*engine, "stats", "--no-stream", "--format", "{{.Name}}", name)
        ok(*engine, "restart", name)
        ok(*engine, "stop", name)
        assert inspected()["State"]["ExitCode"] == 7
        assert run(*engine, "logs", name).stdout.split("\n")[:3] == ["started", "got term", "started"]
        ok(*engine, "start", name)
        ok(*engine, "kill", name)
        wait_until(lambda: not inspected()["State"]["Running"], "its end")
        assert inspected()["State"]["ExitCode"] == 137
    finally:
        ok(*engine, "rm", "-f", name)
    left = [path for path in glob.glob("/sys/fs/cgroup/*/docker/*") + glob.glob("/sys/fs/cgroup/*/libpod_parent/*") if os.path.isdir(path)]
    assert not [path for path in left if name in path]


def test_memory_beyond_the_limit_is_told(engine):
    name = "hungry"
    run(*engine, "run", "--name", name, *LIMITS, "--memory", "30m", "--memory-swap", "30m", "bb:1", "tail", "/dev/zero")
    state = json.loads(ok(*engine, "inspect", name))[0]["State"]
    ok(*engine, "rm", "-f", name)
    assert state["ExitCode"] == 137


def test_a_health_check(docker):
    ok(*docker, "run", "-d", "--name", "health", *LIMITS, "--health-cmd", "test -e /tmp/well", "--health-interval", "200ms", "--health-retries", "1", "bb:1", "sleep", "1000")
    health = lambda: json.loads(ok(*docker, "inspect", "health"))[0]["State"]["Health"]["Status"]
    try:
        wait_until(lambda: health() == "unhealthy", "the check to fail")
        ok(*docker, "exec", "health", "touch", "/tmp/well")
        wait_until(lambda: health() == "healthy", "the check to succeed")
    finally:
        ok(*docker, "rm", "-f", "health")
