"""containerd's CRI plugin, as Kubernetes' kubelet calls it, with bolt-oci as its runtime. Pods on the host's network, which need no CNI plugin."""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../../images")]
import cri  # noqa: E402
import make_layout  # noqa: E402
from patience import PATIENCE, wait_until  # noqa: E402

RUNTIME = os.environ.get("BOLT_OCI", "bolt-oci")
RUNNING, EXITED = 1, 2
POD, CONTAINER, NODE = 0, 1, 2
UNCONFINED = 1

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containerd runs as root here")


@pytest.fixture(scope="module")
def place():
    directory = tempfile.mkdtemp(prefix="bolt-cri-")
    os.chmod(directory, 0o755)
    yield directory
    with open("/proc/self/mounts") as mounts:
        for mount in [line.split()[1] for line in mounts if directory in line.split()[1]][::-1]:
            subprocess.run(["umount", "-l", mount], check=False)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def programs(place):
    """containerd's package, unpacked: installing it would leave a daemon on the machine."""
    got = subprocess.run(["apt-get", "download", "-qq", "containerd"], cwd=place, capture_output=True, text=True, check=False)
    if got.returncode != 0:
        pytest.skip(f"the package containerd cannot be had: {got.stderr.strip()}")
    subprocess.run(["dpkg", "-x", glob.glob(f"{place}/*.deb")[0], f"{place}/unpacked"], check=True)
    return f"{place}/unpacked/usr/bin"


def pack(place, name, command):
    """An image of one layer with busybox, as an OCI archive."""
    tree = f"{place}/tree"
    if not os.path.isdir(tree):
        for folder in ("bin", "etc", "tmp", "proc", "dev", "sys"):
            os.makedirs(f"{tree}/{folder}")
        shutil.copy("/bin/busybox", f"{tree}/bin/busybox")
        for applet in "sh sleep echo cat id hostname kill ps head ls mount".split():
            os.symlink("busybox", f"{tree}/bin/{applet}")
        with open(f"{tree}/etc/passwd", "w") as users:
            users.write("root:x:0:0::/:/bin/sh\nworker:x:1000:1000::/:/bin/sh\n")
        subprocess.run(["tar", "-C", tree, "-cf", f"{place}/layer.tar", "."], check=True)
    with open(f"{place}/layer.tar", "rb") as file:
        raw = file.read()
    layout = make_layout.Layout(f"{place}/{name}", "amd64")
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": command, "Env": ["PATH=/bin"]}, "rootfs": {"type": "layers", "diff_ids": [make_layout.digest(raw)]}}
    manifest = layout.document({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                "config": layout.document(config, "application/vnd.oci.image.config.v1+json"),
                                "layers": [layout.blob(raw, "application/vnd.oci.image.layer.v1.tar")]}, "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"io.containerd.image.name": f"bolt.test/{name}:1", "org.opencontainers.image.ref.name": "1"}
    layout.manifests.append(manifest)
    layout.finish()
    subprocess.run(["tar", "-C", f"{place}/{name}", "-cf", f"{place}/{name}.tar", "."], check=True)
    return f"{place}/{name}.tar"


@pytest.fixture(scope="module")
def kubelet(place, programs):
    """A client of a containerd whose default runtime is bolt-oci."""
    socket = f"{place}/containerd.sock"
    with open(f"{place}/containerd.toml", "w") as config:
        config.write(f"""version = 2
root = "{place}/root"
state = "{place}/state"
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "bolt.test/pause:1"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
default_runtime_name = "bolt"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.bolt]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.bolt.options]
BinaryName = "{RUNTIME}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{place}/cni"
conf_dir = "{place}/cni.d"
""")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    with open(f"{place}/log", "w") as log:
        daemon = subprocess.Popen(["containerd", "-c", f"{place}/containerd.toml"], stdout=log, stderr=log, env=environment)
    ctr = [f"{programs}/ctr", "-a", socket, "-n", "k8s.io"]
    try:
        wait_until(lambda: daemon.poll() is not None or subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode == 0, "containerd")
        for name, command in (("pause", ["sleep", "1000000"]), ("shell", ["sh"])):
            subprocess.run([*ctr, "images", "import", "--snapshotter", "native", pack(place, name, command)], check=True, capture_output=True)
        yield cri.Client(socket)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(PATIENCE)
        for group in glob.glob(f"/sys/fs/cgroup/*/bolt-cri-{os.getpid()}"):
            os.rmdir(group)


class Pod:
    def __init__(self, kubelet, place, name):
        self.call, self.place, self.logs, self.name = kubelet, place, f"{place}/logs-{name}", name
        security = {"namespace_options": {"network": NODE, "pid": CONTAINER, "ipc": POD}}
        self.config = {"metadata": {"name": name, "uid": f"uid-{name}", "namespace": "default", "attempt": 0}, "log_directory": self.logs, "labels": {"app": "bolt"},
                       "linux": {"cgroup_parent": f"/bolt-cri-{os.getpid()}", "security_context": security}}
        os.makedirs(self.logs)
        self.id = kubelet("RunPodSandbox", config=self.config)["pod_sandbox_id"]

    def create(self, name, *command, security=None, resources=None, **more):
        options = {"namespace_options": {"network": NODE, "pid": CONTAINER, "ipc": POD}, "seccomp": {"profile_type": UNCONFINED}, **(security or {})}
        config = {"metadata": {"name": name}, "image": {"image": f"bolt.test/{more.pop('image', 'shell')}:1"}, "command": list(command), "log_path": f"{name}.log",
                  "linux": {"resources": resources or {}, "security_context": options}, **more}
        return self.call("CreateContainer", pod_sandbox_id=self.id, config=config, sandbox_config=self.config)["container_id"]

    def start(self, name, *command, **options):
        container = self.create(name, *command, **options)
        self.call("StartContainer", container_id=container)
        return container

    def status(self, container):
        return self.call("ContainerStatus", container_id=container)["status"]

    def end_of(self, container):
        wait_until(lambda: self.status(container).get("state") == EXITED, "the container's end")
        return self.status(container).get("exit_code", 0)

    def log(self, name):
        with open(f"{self.logs}/{name}.log") as log:
            return [line.rstrip("\n").split(" ", 3)[1:] for line in log]

    def exec(self, container, *command):
        done = self.call("ExecSync", container_id=container, cmd=list(command), timeout=20)
        return done.get("stdout", b"").decode(), done.get("stderr", b"").decode(), done.get("exit_code", 0)

    def end(self):
        self.call("StopPodSandbox", pod_sandbox_id=self.id)
        self.call("RemovePodSandbox", pod_sandbox_id=self.id)


@pytest.fixture
def pod(kubelet, place, request):
    made = Pod(kubelet, place, request.node.name.replace("_", "-"))
    yield made
    made.end()


def test_the_runtime_is_ready(kubelet):
    assert kubelet("Version", version="v1")["runtime_name"] == "containerd"
    conditions = {condition["type"]: condition.get("status", 0) for condition in kubelet("Status")["status"]["conditions"]}
    assert conditions["RuntimeReady"] == 1


def test_a_container_of_a_pod_and_its_log(pod):
    container = pod.start("greeter", "sh", "-c", "echo $GREETING from $(pwd); echo oops >&2; exit 3", envs=[{"key": "GREETING", "value": "hello"}], working_dir="/tmp")
    assert pod.end_of(container) == 3
    assert sorted(pod.log("greeter")) == [["stderr", "F", "oops"], ["stdout", "F", "hello from /tmp"]]


def test_exec(pod):
    container = pod.start("sleeper", "sleep", "1000")
    assert pod.status(container)["state"] == RUNNING
    assert pod.exec(container, "sh", "-c", "echo in; echo out >&2; exit 5") == ("in\n", "out\n", 5)
    assert pod.exec(container, "id", "-u") == ("0\n", "", 0)


def test_a_stop_with_its_grace_period(pod):
    polite = pod.start("polite", "sh", "-c", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
    stubborn = pod.start("stubborn", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    wait_until(lambda: pod.log("polite") and pod.log("stubborn"), "both to be ready")
    pod.call("StopContainer", container_id=polite, timeout=20)
    pod.call("StopContainer", container_id=stubborn, timeout=1)
    assert pod.status(polite)["exit_code"] == 7 and pod.log("polite")[-1] == ["stdout", "F", "bye"]
    assert pod.status(stubborn)["exit_code"] == 137
    for container in (polite, stubborn):
        pod.call("RemoveContainer", container_id=container)


def test_a_command_that_is_missing_is_told(pod):
    container = pod.create("missing", "nosuch")
    with pytest.raises(cri.grpc.RpcError) as told:
        pod.call("StartContainer", container_id=container)
    assert "exec 'nosuch': executable file not found in $PATH" in told.value.details()
    assert pod.status(container)["state"] == EXITED


def test_the_security_context(pod):
    security = {"run_as_user": {"value": 1000}, "run_as_group": {"value": 1001}, "readonly_rootfs": True, "no_new_privs": True,
                "capabilities": {"drop_capabilities": ["ALL"], "add_capabilities": ["NET_BIND_SERVICE"]}, "seccomp": {"profile_type": 0}}
    script = "id -u; id -g; echo x > /file || echo read-only; grep -E 'NoNewPrivs|CapBnd|Seccomp:' /proc/self/status"
    container = pod.start("confined", "sh", "-c", script.replace("grep -E", "busybox grep -E"), security=security)
    assert pod.end_of(container) == 0
    said = {text for stream, _, text in pod.log("confined") if stream == "stdout"}
    assert {"1000", "1001", "read-only", "NoNewPrivs:\t1", "CapBnd:\t0000000000000400", "Seccomp:\t2"} <= said, said


def test_resources_are_set_updated_and_counted(pod, place):
    container = pod.start("limited", "sleep", "1000", resources={"memory_limit_in_bytes": 64 << 20, "cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512})
    limit_file = glob.glob(f"/sys/fs/cgroup/memory/bolt-cri-{os.getpid()}/*{container}*/memory.limit_in_bytes") + glob.glob(f"/sys/fs/cgroup/bolt-cri-{os.getpid()}/*{container}*/memory.max")
    assert len(limit_file) == 1, limit_file
    read = lambda: int(open(limit_file[0]).read())
    assert read() == 64 << 20
    pod.call("UpdateContainerResources", container_id=container, linux={"memory_limit_in_bytes": 96 << 20})
    assert read() == 96 << 20
    stats = pod.call("ContainerStats", container_id=container)["stats"]
    assert stats["memory"]["working_set_bytes"]["value"] > 0 and stats["cpu"]["usage_core_nano_seconds"]["value"] > 0


def test_a_mount_of_the_hosts(pod, place):
    with open(f"{place}/file", "w") as file:
        file.write("the host's\n")
    container = pod.start("mounted", "sh", "-c", "cat /data; echo x > /data || echo refused", mounts=[{"container_path": "/data", "host_path": f"{place}/file", "readonly": True}])
    assert pod.end_of(container) == 0
    assert [text for stream, _, text in pod.log("mounted") if stream == "stdout"] == ["the host's", "refused"]


def test_a_pod_without_its_runtimes_remains(kubelet, place):
    pod = Pod(kubelet, place, "last")
    container = pod.start("one", "sleep", "1000")
    states = glob.glob(f"{place}/state/**/{container}", recursive=True)
    assert states
    pod.end()
    assert not [path for path in glob.glob(f"/sys/fs/cgroup/*/bolt-cri-{os.getpid()}/*") if container in path or pod.id in path]
    assert not glob.glob(f"{place}/state/**/{container}", recursive=True)
    with open("/proc/self/mounts") as mounts:
        assert pod.id not in mounts.read()
