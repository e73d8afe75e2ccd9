"""Root file systems and documents made as traps: what has let containers out of other runtimes, a test a report."""
import ctypes
import os
import re
import stat
import subprocess
import threading

import pytest


def without_mount(spec, destination):
    spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith(destination)]


@pytest.fixture
def host(bundle):
    """A directory of the host that a link in the root file system leads to."""
    place = f"{bundle.place}/host"
    os.makedirs(place)
    with open(f"{place}/ptmx", "w") as file:
        file.write("the host's")
    if bundle.uid:
        subprocess.run(["chown", "-R", f"{bundle.uid}", place], check=True)
    return place


def lead(bundle, name, target):
    """Puts a link in place of a directory of the root file system."""
    path = f"{bundle.place}/rootfs/{name}"
    if os.path.isdir(path) and not os.path.islink(path):
        subprocess.run(["rm", "-r", path], check=True)
    os.symlink(target, path)


def untouched(place):
    return os.listdir(place) == ["ptmx"] and open(f"{place}/ptmx").read() == "the host's"


def test_cve_2019_14271_nothing_of_the_image_is_loaded(bundle):
    """The runtime is static: no library, name service or locale of a container's becomes code in it."""
    from conftest import RUNTIME
    headers = subprocess.run(["readelf", "-l", RUNTIME], capture_output=True, text=True, check=False)
    if headers.returncode or "sanitize" in RUNTIME:
        pytest.skip("readelf is not there, or this is the sanitizers' build, which is dynamic")
    assert "INTERP" not in headers.stdout


@pytest.mark.parametrize("label", [{"apparmorProfile": "no-such-profile"}, {"selinuxLabel": "system_u:system_r:container_t:s0"}])
def test_cve_2019_16884_a_label_is_not_written_to_a_proc_of_the_containers(bundle, label):
    """An image with files in place of /proc/self/attr: without a label the process must not start."""
    for path in ("self/attr/apparmor", "self/attr"):
        os.makedirs(f"{bundle.place}/rootfs/proc/{path}", exist_ok=True)
        with open(f"{bundle.place}/rootfs/proc/{path}/exec", "w"):
            pass

    def change(spec):
        without_mount(spec, "/proc")
        spec["linux"]["maskedPaths"], spec["linux"]["readonlyPaths"] = [], []
        spec["process"].update(label)

    done = bundle.run("true", change=change)
    assert done.returncode == 1 and f"process.{next(iter(label))}" in done.stderr, done.stderr
    assert os.path.getsize(f"{bundle.place}/rootfs/proc/self/attr/exec") == 0


@pytest.mark.parametrize("target", ["/../../host", "../../../../host", "HOST"])
def test_cve_2019_19921_and_2023_27561_a_link_at_proc_leads_nowhere_outside(bundle, host, target):
    lead(bundle, "proc", target.replace("HOST", host))
    done = bundle.run("sh", "-c", "test -e /proc/self/stat && echo mounted")
    assert untouched(host)
    assert done.stdout == "mounted\n" or done.returncode == 1, done.stderr


def test_cve_2021_30465_a_mount_point_that_is_exchanged_meanwhile_stays_inside(bundle, host):
    """Somebody with the root file system in hand swaps the mount point for a link to the host while containers start."""
    rootfs = f"{bundle.place}/rootfs"
    os.symlink(host, f"{rootfs}/link")
    os.makedirs(f"{rootfs}/target")
    ended, renameat2 = threading.Event(), ctypes.CDLL(None).renameat2
    here, exchanged = -100, 2  # AT_FDCWD, RENAME_EXCHANGE

    def exchange():
        names = f"{rootfs}/target".encode(), f"{rootfs}/link".encode()
        while not ended.is_set():
            assert renameat2(here, names[0], here, names[1], exchanged) == 0

    swapper = threading.Thread(target=exchange)
    swapper.start()
    try:
        for _ in range(30):
            bundle.run("sh", "-c", "echo x > /target/below/file", change=lambda spec: spec["mounts"].append(
                {"destination": "/target/below", "type": "tmpfs", "source": "tmpfs"}))
    finally:
        ended.set()
        swapper.join()
    assert untouched(host)


@pytest.mark.parametrize("cwd", [f"/proc/self/fd/{number}" for number in (3, 5, 7, 8, 9)])
def test_cve_2024_21626_a_descriptor_is_no_working_directory(bundle, cwd):
    done = bundle.run("sh", "-c", "cat ../../../etc/hostname", change=lambda spec: spec["process"].update(cwd=cwd))
    assert done.returncode != 0 and done.stdout == ""
    name = bundle.running("sleep", "1000")
    inside = bundle.oci("exec", "--cwd", cwd, name, "ls", "..")
    assert inside.returncode != 0 and "tmp" not in inside.stdout


def test_cve_2024_45310_missing_mount_points_are_made_inside(bundle, host):
    lead(bundle, "data", host)
    done = bundle.run("sh", "-c", "cat /proc/self/mountinfo", change=lambda spec: spec["mounts"].extend([
        {"destination": "/data/new/deep", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/data/file", "type": "bind", "source": "/etc/hostname", "options": ["bind"]}]))
    assert untouched(host)
    assert done.returncode == 1 or "/deep" in done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["link", "file", "nothing"])
def test_cve_2025_31133_a_mask_is_the_hosts_null_device_and_no_other(bundle, kind):
    """A /dev of the image's own, whose null leads to what an attacker wants to see bound."""
    def change(spec):
        without_mount(spec, "/dev")
        spec["root"]["readonly"] = False
        spec["linux"]["maskedPaths"] = ["/etc/secret"]

    with open(f"{bundle.place}/rootfs/etc/secret", "w") as file:
        file.write("secret")
    with open(f"{bundle.place}/rootfs/etc/bait", "w") as file:
        file.write("bait")
    null = f"{bundle.place}/rootfs/dev/null"
    if kind == "link":
        os.symlink("/etc/bait", null)
    elif kind == "file":
        with open(null, "w") as file:
            file.write("bait")
    done = bundle.run("busybox", "stat", "-c", "%F %t:%T", "/etc/secret", change=change)
    if done.returncode == 0:
        assert done.stdout == "character special file 1:3\n", done.stdout
    else:
        assert "/dev/null" in done.stderr
    assert kind != "link" or os.readlink(null) == "/etc/bait"


@pytest.mark.parametrize("name", ["dev/console", "dev/pts", "dev/ptmx"])
def test_cve_2025_52565_and_2026_88264_the_terminal_is_bound_inside(bundle, host, name):
    """With the image's own /dev and links in it: the console must not land on what they lead to on the host."""
    rootfs = f"{bundle.place}/rootfs"
    if os.path.lexists(f"{rootfs}/{name}"):
        os.rmdir(f"{rootfs}/{name}")
    os.symlink(f"{host}/ptmx", f"{rootfs}/{name}")

    def change(spec):
        without_mount(spec, "/dev")
        spec["root"]["readonly"] = False
        spec["process"]["terminal"] = True

    bundle.run("true", change=change)
    assert untouched(host) and stat.S_ISREG(os.lstat(f"{host}/ptmx").st_mode)


def test_cve_2025_52881_a_setting_is_written_where_it_belongs(bundle):
    """A file that is mounted over a sysctl's, or over the OOM score's: the kernel's own gets the value."""
    bait = f"{bundle.place}/bait"
    with open(bait, "w") as file:
        file.write("bait")
    os.chmod(bait, 0o666)

    def change(spec):
        kinds = [entry["type"] for entry in spec["linux"]["namespaces"]]
        if "network" not in kinds:
            spec["linux"]["namespaces"].append({"type": "network"})
        spec["mounts"].append({"destination": "/proc/sys/net/ipv4/ip_forward", "type": "bind", "source": bait, "options": ["bind"]})
        spec["linux"].update(sysctl={"net.ipv4.ip_forward": "1"}, maskedPaths=[], readonlyPaths=[])
        spec["process"]["args"] = ["sleep", "1000"]

    name = bundle.running("sleep", "1000", change=change)
    pid = bundle.state(name)["pid"]
    with open(bait) as file:
        assert file.read() == "bait"
    real = subprocess.run(["nsenter", "-t", str(pid), "-n", "cat", "/proc/sys/net/ipv4/ip_forward"], capture_output=True, text=True, check=True)
    assert real.stdout == "1\n"


def test_cve_2026_30892_a_user_of_exec_is_that_user(bundle):
    """`exec --user N` without a group must not be root."""
    name = bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(
        {key: spec["linux"][key] for key in ("uidMappings", "gidMappings") if key in spec["linux"]}))
    if bundle.uid:
        refused = bundle.oci("exec", "--user", "1", name, "id", "-u")
        assert refused.returncode != 0 and "user 1" in refused.stderr
        return
    for user in ("1", "1000", "65534"):
        assert bundle.oci("exec", "--user", user, name, "id", "-u").stdout == f"{user}\n"
        facts = bundle.oci("exec", "--user", user, name, "grep", "-E", "^Cap(Eff|Prm|Amb)", "/proc/self/status").stdout
        assert {line.split()[1] for line in facts.splitlines()} == {"0" * 16}, facts


@pytest.mark.parametrize("target", ["HOST", "../../../../..HOST"])
def test_cve_2026_41579_and_2026_47766_a_link_at_dev_leads_nowhere_outside(bundle, host, target):
    """An image whose /dev is a link, and no mount on it: devices, links and the terminal are made inside, or not at all."""
    lead(bundle, "dev", target.replace("HOST", host))

    def change(spec):
        without_mount(spec, "/dev")
        spec["root"]["readonly"] = False
        spec["linux"]["devices"] = [{"path": "/dev/extra", "type": "c", "major": 1, "minor": 3}]

    bundle.run("true", change=change)
    assert untouched(host)


def test_cve_2026_88265_the_streams_are_the_callers(bundle, host):
    """A /dev/null of the image's own is not opened for anybody's streams, and nobody's owner changes."""
    without = lambda spec: (without_mount(spec, "/dev"), spec["root"].update(readonly=False), spec["process"]["user"].update(uid=0 if bundle.uid else 1000))
    os.symlink(f"{host}/ptmx", f"{bundle.place}/rootfs/dev/null")
    owner = os.stat(f"{host}/ptmx").st_uid
    bundle.run("true", change=without)
    assert untouched(host) and os.stat(f"{host}/ptmx").st_uid == owner


def test_no_descriptor_of_the_hosts_reaches_the_container(bundle):
    leaked = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        done = bundle.run("sh", "-c", "ls /proc/self/fd", close_fds=False)
        assert done.stdout.split() == ["0", "1", "2", "3"], done.stdout  # 3 is the directory that ls reads
        name = bundle.running("sleep", "1000")
        inside = bundle.oci("exec", name, "ls", "/proc/self/fd", close_fds=False)
        assert inside.stdout.split() == ["0", "1", "2", "3"], inside.stdout
    finally:
        os.close(leaked)


def test_what_runs_before_the_exec_finds_no_descriptor_of_the_hosts(bundle):
    """A startContainer hook is the image's program, and so is what is executed in a container that is created only."""
    look = "ls -l /proc/1/fd"

    def change(spec):
        spec["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", f"{look} >/tmp/hook 2>&1; true"], "env": ["PATH=/bin"]}]}
        spec["root"]["readonly"] = False

    os.chmod(f"{bundle.place}/rootfs/tmp", 0o777)
    name = bundle.create("sleep", "1000", change=change)
    inside = bundle.oci("exec", name, "sh", "-c", f"{look}; echo looked")
    assert inside.stdout.endswith("looked\n"), inside
    assert bundle.oci("start", name).returncode == 0
    with open(f"{bundle.place}/rootfs/tmp/hook", encoding="utf-8") as file:
        hook = file.read()
    def files_in(text):
        """What descriptors beyond the standard streams lead to, where that has a path."""
        return [link for number, link in re.findall(r" (\d+) -> (/.*)", text) if int(number) > 2 and not link.startswith("/memfd:")]

    assert files_in(hook) == [] and files_in(inside.stdout) == [], (hook, inside)
    done = bundle.run("true", change=change)
    assert done.returncode == 0, done
    with open(f"{bundle.place}/rootfs/tmp/hook", encoding="utf-8") as file:
        hook = file.read()
    assert files_in(hook) == [], hook


def test_a_process_that_may_trace_does_not_see_the_host_through_exec(root_bundle):
    def change(spec):
        for kind in ("bounding", "effective", "permitted"):
            spec["process"]["capabilities"][kind].append("CAP_SYS_PTRACE")

    marker = f"{root_bundle.place}/only-on-the-host"
    with open(marker, "w", encoding="ascii"):
        pass
    seek = f"while :; do for p in /proc/[0-9]*; do [ -e $p/root{marker} ] && echo $p >>/tmp/seen; done; done"
    os.chmod(f"{root_bundle.place}/rootfs/tmp", 0o777)
    name = root_bundle.running("sh", "-c", seek, change=lambda spec: (change(spec), spec["root"].update(readonly=False)))
    for _ in range(15):
        assert root_bundle.oci("exec", name, "true").returncode == 0
    assert not os.path.exists(f"{root_bundle.place}/rootfs/tmp/seen")


@pytest.mark.parametrize("place", ["proc", "sys"])
def test_proc_and_sys_are_mounted_on_ordinary_directories_only(bundle, place):
    """CVE-2019-19921, CVE-2023-27561: masks are looked up below."""
    os.makedirs(f"{bundle.place}/rootfs/elsewhere")
    os.rmdir(f"{bundle.place}/rootfs/{place}")
    os.symlink("/elsewhere", f"{bundle.place}/rootfs/{place}")
    done = bundle.run("true")
    assert done.returncode == 1 and f"'/{place}' is a link in the image" in done.stderr, done


def test_the_terminal_is_looked_at_before_it_is_opened(bundle):
    """A fifo or a device of the image's in the place of devpts: opening it could hang, or do something."""
    pts = f"{bundle.place}/rootfs/dev/pts"
    os.mkdir(pts)
    os.mkfifo(f"{pts}/ptmx")

    def change(spec):
        without_mount(spec, "/dev")
        without_mount(spec, "/dev/pts")
        spec["root"]["readonly"] = False
        spec["process"]["terminal"] = True

    done = bundle.run("true", change=change)
    assert done.returncode == 1 and "'/dev/pts/ptmx' is not a terminal multiplexer; mount a devpts on /dev/pts" in done.stderr, done


def test_a_path_behind_a_link_of_the_kernels_is_refused_with_its_reason(bundle):
    done = bundle.run("true", change=lambda spec: spec["linux"]["maskedPaths"].append("/proc/self/cwd/data"))
    assert done.returncode == 1 and "mask '/proc/self/cwd/data'" in done.stderr and "which are not followed" in done.stderr, done


def test_a_link_behind_a_link_is_not_taken_for_another_place(bundle):
    """/a/x is /b/c/x, whose ".." is /b: what its text alone says, /y, is not where the mount would be seen."""
    rootfs = f"{bundle.place}/rootfs"
    os.makedirs(f"{rootfs}/b/c")
    os.symlink("/b/c", f"{rootfs}/a")
    os.symlink("../y", f"{rootfs}/b/c/x")
    done = bundle.run("true", change=lambda spec: spec["mounts"].append({"destination": "/a/x", "type": "tmpfs", "source": "tmpfs"}))
    assert done.returncode == 1 and "the image's link '/a/x' leads by way of another link" in done.stderr, done


def test_masked_and_read_only_paths_that_lead_to_the_root(bundle):
    """What is mounted on the root directory is seen by nobody: by a link of the image's nothing would be hidden, without a word."""
    os.symlink("..", f"{bundle.place}/rootfs/up")
    masked = bundle.run("true", change=lambda spec: spec["linux"].update(maskedPaths=["/up"]))
    assert masked.returncode == 1 and "mask '/up': it leads to the root directory, which cannot be hidden" in masked.stderr, masked

    def change(spec):
        spec["root"]["readonly"] = False
        spec["linux"]["readonlyPaths"] = ["/up"]

    done = bundle.run("touch", "/x", change=change)
    assert done.returncode == 1 and "Read-only file system" in done.stderr, done


def test_a_terminal_is_not_bound_on_a_directory(root_bundle):
    os.makedirs(f"{root_bundle.place}/rootfs/dev/console")
    os.mkdir(f"{root_bundle.place}/rootfs/dev/pts")

    def change(spec):
        without_mount(spec, "/dev")
        spec["root"]["readonly"] = False
        spec["process"]["terminal"] = True

    done = root_bundle.run("true", change=change)
    assert done.returncode == 1 and "'/dev/console' is a directory in the image" in done.stderr, done
