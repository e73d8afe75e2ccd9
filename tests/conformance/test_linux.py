"""config-linux.md: namespaces, user mappings, cgroups, sysctl, seccomp; config.md: hostname, domainname."""
import json
import os
import subprocess

import pytest

from conftest import RUNTIME, wait_until

KINDS = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "user": "user", "time": "time"}


def linux(**values):
    return lambda spec: spec["linux"].update(values)


def namespaces(spec):
    return spec["linux"]["namespaces"]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def is_hybrid():
    return os.path.isdir("/sys/fs/cgroup/memory")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("mount", "user")])
def test_a_listed_namespace_is_new_and_one_that_is_not_listed_is_the_runtimes(bundle, kind):
    link = f"/proc/self/ns/{KINDS[kind]}"

    def with_it(spec):
        spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != kind] + [{"type": kind}]
        if kind == "uts":
            spec.pop("hostname", None)

    def without_it(spec):
        spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != kind]
        if kind == "uts":
            spec.pop("hostname", None)

    new = bundle.run("readlink", link, change=with_it)
    shared = bundle.run("readlink", link, change=without_it)
    assert new.returncode == 0 and shared.returncode == 0, new.stderr + shared.stderr
    assert new.stdout.strip() != os.readlink(link)
    assert shared.stdout.strip() == os.readlink(link)


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup", "user"])
def test_a_namespace_with_a_path_is_joined(bundle, kind):
    if kind == "user" and not bundle.uid:
        pytest.skip("the root bundle has no user namespace to join")
    if kind == "network" and bundle.uid:
        bundle.spec["linux"]["namespaces"].append({"type": "network"})
    first = bundle.running("sleep", "1000")
    pid = bundle.state(first)["pid"]

    def change(spec):
        for entry in namespaces(spec):
            # What belongs to the first's user namespace is out of reach without joining that too.
            if entry["type"] == kind or (bundle.uid and entry["type"] == "user"):
                entry["path"] = f"/proc/{pid}/ns/{KINDS[entry['type']]}"
        if bundle.uid:
            spec["linux"].pop("uidMappings"), spec["linux"].pop("gidMappings")
        if kind == "uts":
            spec.pop("hostname")

    done = bundle.run("readlink", f"/proc/self/ns/{KINDS[kind]}", change=change)
    assert done.stdout.strip() == os.readlink(f"/proc/{pid}/ns/{KINDS[kind]}"), done.stderr


def first_subordinate_id(file):
    with open(file, encoding="utf-8") as ranges:
        return next(int(line.split(":")[1]) for line in ranges if line.startswith("bolt-test:"))


def test_user_mappings_by_the_programs_of_shadow(user_bundle):
    users, groups = first_subordinate_id("/etc/subuid"), first_subordinate_id("/etc/subgid")

    def change(spec):
        spec["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 2000, "size": 1}, {"containerID": 1, "hostID": users, "size": 65536}]
        spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 2000, "size": 1}, {"containerID": 1, "hostID": groups, "size": 65536}]
        spec["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7]}

    done = user_bundle.run("sh", "-c", "id -u; id -g; id -G; cat /proc/self/uid_map", change=change)
    assert done.stdout.split() == ["1000", "1001", "1001", "7", "0", "2000", "1", "1", str(users), "65536"], done.stderr


@pytest.mark.parametrize("field", ["uidMappings", "gidMappings"])
def test_mappings_without_a_user_namespace_are_refused(root_bundle, field):
    done = root_bundle.run("true", change=lambda spec: spec["linux"].update({field: [{"containerID": 0, "hostID": 200000, "size": 65536}]}))
    assert done.returncode == 1 and f"linux.{field} needs a user namespace in linux.namespaces" in done.stderr, done


def test_a_user_namespace_made_by_root(root_bundle):
    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        spec["linux"].pop("resources", None)

    done = root_bundle.run("sh", "-c", "id -u; cat /proc/self/uid_map; test -c /dev/null && echo null", change=change)
    assert done.stdout.split() == ["0", "0", "200000", "65536", "null"], done.stderr


def test_a_user_namespace_that_maps_no_root(bundle):
    """The first id that it maps owns what is mounted, as nobody else can make files there; a tenant comes in as well."""
    own = {"containerID": 2000, "hostID": 2000, "size": 1}

    def change(spec):
        spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "user"] + [{"type": "user"}]
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [own]
        spec["linux"].pop("resources", None)
        spec["process"]["user"] = {"uid": 2000, "gid": 2000}
        for mount in spec["mounts"]:
            mount["options"] = [option for option in mount.get("options", []) if option != "gid=5"]

    name = bundle.running("sleep", "1000", change=change)
    done = bundle.oci("exec", "--user", "2000:2000", name, "sh", "-c", "id -u; id -g; cat /proc/self/uid_map; stat -c %u /dev /dev/shm; echo new > /dev/shm/file")
    assert (done.returncode, done.stdout.split()) == (0, ["2000", "2000", "2000", "2000", "1", "2000", "2000"]), done
    root = bundle.oci("exec", "--user", "0", name, "true")
    assert root.returncode == 255 and "process.user: become user 0 (it is not mapped in the user namespace)" in root.stderr, root


def test_hostname_and_domainname(bundle):
    def change(spec):
        spec.update(hostname="some-host", domainname="some.domain")

    done = bundle.run("sh", "-c", "hostname; cat /proc/sys/kernel/domainname", change=change)
    assert done.stdout == "some-host\nsome.domain\n", done.stderr


def test_sysctls_of_the_containers_namespaces_are_set(bundle):
    with_network = lambda spec: spec["linux"].update(
        namespaces=[e for e in namespaces(spec) if e["type"] != "network"] + [{"type": "network"}],
        sysctl={"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"})
    done = bundle.run("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/shm_rmid_forced", change=with_network)
    assert done.stdout == "1\n1\n", done.stderr


def test_a_sysctl_that_would_change_the_host_is_refused(bundle):
    done = bundle.run("true", change=linux(sysctl={"kernel.panic": "7"}))
    assert done.returncode == 1 and "linux.sysctl: 'kernel.panic' is not a container's own" in done.stderr
    shared = bundle.run("true", change=lambda spec: spec["linux"].update(
        namespaces=[e for e in namespaces(spec) if e["type"] != "network"], sysctl={"net.ipv4.ip_forward": "1"}))
    assert shared.returncode == 1 and "needs a namespace of type 'network'" in shared.stderr


def test_loopback_is_up_in_a_new_network_namespace(root_bundle):
    assert root_bundle.run("cat", "/sys/class/net/lo/operstate", "/sys/class/net/lo/flags").stdout.split()[1] == "0x9"


def test_seccomp_actions_and_arguments(bundle):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"] if os.uname().machine == "x86_64" else [],
               "syscalls": [{"names": ["mkdir", "mkdirat", "no_such_syscall"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99},
                            {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}]}
    for no_new_privileges in (True, False):
        def change(spec):
            spec["linux"]["seccomp"] = profile
            spec["process"]["noNewPrivileges"] = no_new_privileges

        done = bundle.run("sh", "-c", "mkdir /tmp/x; kill -USR1 1; kill -0 1 && echo kill works; grep Seccomp: /proc/self/status", change=change)
        assert "Cannot assign requested address" in done.stderr and "Operation not permitted" in done.stderr, done.stderr
        assert done.stdout.split() == ["kill", "works", "Seccomp:", "2"]


@pytest.mark.parametrize("profile, text", [
    ({"defaultAction": "SCMP_ACT_NONE"}, "SCMP_ACT_NONE"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_NONE"]}, "SCMP_ARCH_NONE"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 9, "value": 0, "op": "SCMP_CMP_EQ"}]}]}, "argument 9"),
])
def test_a_malformed_seccomp_profile_is_an_error_that_names_it(bundle, profile, text):
    done = bundle.run("true", change=linux(seccomp=profile))
    assert done.returncode == 1 and "seccomp" in done.stderr and text in done.stderr


def own_cgroup_file(pid, controller, name):
    with open(f"/proc/{pid}/cgroup") as lines:
        for line in lines:
            number, controllers, path = line.strip().split(":", 2)
            if (controller in controllers.split(",")) if is_hybrid() else number == "0":
                with open(f"/sys/fs/cgroup/{controller if is_hybrid() else ''}{path}/{name}") as text:
                    return text.read().strip()
    raise AssertionError(f"no cgroup for {controller}")


def test_limits_are_applied(root_bundle):
    resources = {"memory": {"limit": 64 << 20}, "cpu": {"quota": 50000, "period": 100000, "shares": 512, "cpus": "0"}, "pids": {"limit": 17}}
    name = root_bundle.running("sleep", "1000", change=linux(resources=resources, cgroupsPath=f"/bolt-test-{os.getpid()}/limits"))
    pid = root_bundle.state(name)["pid"]
    if is_hybrid():
        assert own_cgroup_file(pid, "memory", "memory.limit_in_bytes") == str(64 << 20)
        assert own_cgroup_file(pid, "cpu", "cpu.cfs_quota_us") == "50000"
        assert own_cgroup_file(pid, "cpu", "cpu.shares") == "512"
    else:
        assert own_cgroup_file(pid, "memory", "memory.max") == str(64 << 20)
        assert own_cgroup_file(pid, "cpu", "cpu.max") == "50000 100000"
    assert own_cgroup_file(pid, "cpuset", "cpuset.cpus") == "0"
    assert own_cgroup_file(pid, "pids", "pids.max") == "17"
    tenant = root_bundle.oci("exec", name, "cat", "/proc/self/cgroup")
    with open(f"/proc/{pid}/cgroup") as lines:
        assert f"bolt-test-{os.getpid()}/limits" in lines.read()
    assert tenant.returncode == 0
    root_bundle.oci("delete", "-f", name)
    for top, _, _ in os.walk("/sys/fs/cgroup"):
        if top.endswith(f"/bolt-test-{os.getpid()}"):
            os.rmdir(top)


def test_the_pids_limit_is_enforced(root_bundle):
    done = root_bundle.run("sh", "-c", "sleep 5 & sleep 5 & sleep 5 & sleep 5 & sleep 5 & echo all", change=linux(resources={"pids": {"limit": 4}}))
    assert "all" not in done.stdout and "can't fork" in done.stderr


def test_the_memory_limit_is_enforced(root_bundle):
    done = root_bundle.run("sh", "-c", "head -c 200000000 /dev/zero | sort | wc -c", change=linux(resources={"memory": {"limit": 32 << 20}}))
    assert done.stdout.strip() != "200000000"


def test_limits_that_cannot_be_applied_are_errors_that_name_the_field(user_bundle):
    if not is_hybrid():
        pytest.skip("on cgroup v2 the limit may be delegated")
    done = user_bundle.run("true", change=linux(resources={"memory": {"limit": 64 << 20}}))
    assert done.returncode == 1
    assert "resources.memory.limit" in done.stderr and "delegated" in done.stderr


def test_device_rules_are_enforced(root_bundle):
    if not is_hybrid():
        pytest.skip("device rules are for cgroup v1")

    def change(spec):
        spec["linux"]["devices"] = [{"path": "/dev/kmsg2", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}]
        spec["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}

    denied = root_bundle.run("head", "-c", "1", "/dev/kmsg2", change=change)
    assert "Operation not permitted" in denied.stderr
    assert root_bundle.run("head", "-c", "1", "/dev/zero", change=change).returncode == 0


HYBRID = os.path.isdir("/sys/fs/cgroup/pids")


def own_groups_only(root_bundle, change):
    """What a container sees of version 1's trees, while another one is there."""
    other = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(cgroupsPath="/victim/one", resources={"pids": {"limit": 40}, "cpu": {"shares": 300}}))
    assert other
    return root_bundle.run("sh", "-c", "cat /proc/self/cgroup; find /sys/fs/cgroup -type d", change=change).stdout


@pytest.mark.skipif(not HYBRID, reason="the trees are those of cgroup v1")
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_no_groups_of_others_are_seen_or_written_on_cgroup_v1(root_bundle, private, mode):
    def change(spec):
        for mount in spec["mounts"]:
            if mount["type"] == "cgroup":
                mount["options"] = [option for option in mount["options"] if option != "ro"] + [mode]
        spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "cgroup"] + ([{"type": "cgroup"}] if private else [])

    seen = own_groups_only(root_bundle, change)
    assert "victim" not in seen.split("/sys/fs/cgroup", 1)[1], seen
    hosts = [line for line in seen.splitlines() if line.endswith(":/")] if not private else []
    assert mode == "ro" or not hosts, hosts
    written = root_bundle.run("sh", "-c", "for d in /sys/fs/cgroup/*; do mkdir $d/evil && rmdir $d/evil; done; ls /sys/fs/cgroup", change=change)
    assert "evil" not in os.popen("ls -d /sys/fs/cgroup/*/evil 2>/dev/null").read(), written.stderr


@pytest.mark.skipif(not HYBRID, reason="version 2 always has a cgroup for it")
def test_without_limits_and_a_pid_namespace_every_process_is_still_found(root_bundle):
    def change(spec):
        spec["linux"].update(resources={}, namespaces=[entry for entry in namespaces(spec) if entry["type"] != "pid"])

    for command in (["kill", "--all"], ["delete", "--force"]):
        name = root_bundle.running("sh", "-c", "sleep 978 & sleep 979 & exec sleep 980", change=change)
        pid = root_bundle.state(name)["pid"]
        wait_until(lambda: len(json.loads(root_bundle.oci("ps", "-f", "json", name).stdout)) == 3, "the children")
        pids = json.loads(root_bundle.oci("ps", "-f", "json", name).stdout)
        assert pid in pids and root_bundle.oci(*command, name, *(["KILL"] if command[0] == "kill" else [])).returncode == 0
        wait_until(lambda: not any(os.path.exists(f"/proc/{one}/exe") for one in pids), "their end")


def test_engines_may_name_ptmx_and_the_usual_devices(bundle):
    named = [{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}, {"path": "/dev/tty", "type": "c", "major": 5, "minor": 0, "fileMode": 0o620, "uid": 7, "gid": 5}]
    done = bundle.run("sh", "-c", "readlink /dev/ptmx; stat -c '%a %u %g' /dev/tty", change=lambda spec: spec["linux"].update(devices=named))
    modes = ["620 7 5"] if not bundle.uid else ["620 7 5", "666 0 0", "666 65534 65534"]  # a user's is the host's own
    assert done.returncode == 0 and done.stdout.splitlines()[0] == "pts/ptmx" and done.stdout.splitlines()[1] in modes, done.stdout + done.stderr
    wrong = [{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}]
    done = bundle.run("true", change=lambda spec: spec["linux"].update(devices=wrong))
    assert done.returncode == 1 and "'/dev/null' is c 1:5, and every container has c 1:3 there" in done.stderr, done.stderr


def test_the_cgroup_file_system_is_mounted(bundle):
    done = bundle.run("sh", "-c", "ls /sys/fs/cgroup; grep cgroup /proc/self/mountinfo | head -1")
    assert done.returncode == 0 and "cgroup" in done.stdout, done.stderr


def test_kill_all_reaches_every_process_of_a_container_without_a_pid_namespace(root_bundle):
    name = root_bundle.running("sh", "-c", "sleep 998 & sleep 999", change=lambda spec: spec["linux"].update(
        namespaces=[entry for entry in namespaces(spec) if entry["type"] != "pid"]))
    pid = root_bundle.state(name)["pid"]
    wait_until(lambda: subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split(), "the children")
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    assert root_bundle.oci("kill", "--all", name, "KILL").returncode == 0
    wait_until(lambda: not any(os.path.exists(f"/proc/{child}/exe") for child in children), "their end")


def test_a_cgroup_that_others_are_in_is_nobodys_to_take(root_bundle):
    if not is_hybrid():
        pytest.skip("this host has no version 1 tree to make a stranger's cgroup in")
    place = "/sys/fs/cgroup/devices/bolt-stranger"
    os.makedirs(place, exist_ok=True)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        with open(f"{place}/cgroup.procs", "w") as members:
            members.write(str(stranger.pid))
        for path in ("/bolt-stranger", "/", "/x/../bolt-stranger"):
            done = root_bundle.run("true", change=lambda spec: spec["linux"].update(cgroupsPath=path))
            assert done.returncode == 1 and "linux.cgroupsPath" in done.stderr, (path, done.stderr)
        assert stranger.poll() is None and os.path.isdir(place)
    finally:
        stranger.kill()
        stranger.wait()
        wait_until(lambda: not open(f"{place}/cgroup.procs").read(), "the stranger to leave")
        os.rmdir(place)


def clock(spec_offset):
    def change(spec):
        spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "time"] + [{"type": "time"}]
        spec["linux"]["timeOffsets"] = spec_offset
    return change


def test_the_clocks_of_a_time_namespace_are_set(bundle):
    day = 86400
    with open("/proc/uptime") as uptime:
        host = float(uptime.read().split()[0])
    done = bundle.run("cat", "/proc/uptime", change=clock({"boottime": {"secs": 7 * day}, "monotonic": {"secs": 3 * day, "nanosecs": 5}}))
    assert 7 * day - 5 < float(done.stdout.split()[0]) - host < 7 * day + 60, done.stderr
    name = bundle.running("sleep", "1000", change=clock({"boottime": {"secs": 7 * day}}))
    inside = bundle.oci("exec", name, "cat", "/proc/uptime")
    assert 7 * day - 5 < float(inside.stdout.split()[0]) - host < 7 * day + 60, inside.stderr


def test_time_offsets_need_a_new_time_namespace(bundle):
    done = bundle.run("true", change=linux(timeOffsets={"boottime": {"secs": 1}}))
    assert done.returncode == 1 and "linux.timeOffsets needs a new namespace of type 'time'" in done.stderr


def unified_of_a_hybrid_host_has(controller):
    try:
        with open("/sys/fs/cgroup/unified/cgroup.controllers") as names:
            return controller in names.read().split()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not unified_of_a_hybrid_host_has("hugetlb"), reason="no hybrid host with hugetlb in its unified tree")
def test_a_controller_that_only_the_unified_tree_of_a_hybrid_host_has_is_used_there(root_bundle):
    def change(spec):
        spec["linux"]["resources"] = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}], "pids": {"limit": 77}}
        spec["linux"]["cgroupsPath"] = f"/bolt-test-hybrid-{os.getpid()}"

    name = root_bundle.running("sleep", "1000", change=change)
    unified, pids = (f"/sys/fs/cgroup/{tree}/bolt-test-hybrid-{os.getpid()}" for tree in ("unified", "pids"))
    assert read(f"{unified}/hugetlb.2MB.max") == "4194304" and read(f"{pids}/pids.max") == "77"
    pid = str(root_bundle.state(name)["pid"])
    assert read(f"{unified}/cgroup.procs") == pid and read(f"{pids}/cgroup.procs") == pid
    root_bundle.oci("delete", "--force", name).check_returncode()
    assert not os.path.exists(unified) and not os.path.exists(pids)


@pytest.mark.parametrize("resources, says", [
    ({"rdma": {"mlx5_1": {"hcaHandles": 3}}}, "resources.rdma: this host has no cgroup tree of the controller 'rdma'"),
    ({"hugepageLimits": [{"pageSize": "2M", "limit": 1}]}, "'2M' is not the size of a page"),
    ({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "rate": 1}]}}, "throttleReadBpsDevice: field 'minor' is missing"),
])
def test_limits_that_cannot_be_set_are_refused_by_name(root_bundle, resources, says):
    if "rdma" in resources and (os.path.ismount("/sys/fs/cgroup/rdma") or unified_of_a_hybrid_host_has("rdma") or not is_hybrid()):
        pytest.skip("this host has the rdma controller")
    trees = os.listdir("/sys/fs/cgroup")
    done = root_bundle.run("true", change=linux(resources=resources))
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert os.listdir("/sys/fs/cgroup") == trees


@pytest.mark.skipif(not is_hybrid(), reason="no cgroup v1 trees")
def test_block_io_is_throttled_and_cpu_bursts_are_bounded_on_cgroup_v1(root_bundle):
    device = os.stat("/var/tmp").st_dev
    number = f"{os.major(device)}:{os.minor(device)}"

    def change(spec):
        spec["linux"]["resources"] = {
            "blockIO": {"throttleReadBpsDevice": [{"major": os.major(device), "minor": os.minor(device), "rate": 10485760}]},
            "cpu": {"period": 100000, "quota": 50000, "burst": 20000}, "memory": {"swappiness": 10}}
        spec["linux"]["cgroupsPath"] = f"/bolt-test-io-{os.getpid()}"

    root_bundle.running("sleep", "1000", change=change)
    group = f"/sys/fs/cgroup/{{}}/bolt-test-io-{os.getpid()}"
    assert read(f"{group.format('blkio')}/blkio.throttle.read_bps_device") == f"{number} 10485760"
    assert read(f"{group.format('cpu')}/cpu.cfs_burst_us") == "20000"
    assert read(f"{group.format('memory')}/memory.swappiness") == "10"


@pytest.fixture
def interface():
    """A veth pair of the host's, as (this end, the other)."""
    ours, other = f"bt{os.getpid() % 100000}a", f"bt{os.getpid() % 100000}b"
    made = subprocess.run(["ip", "link", "add", ours, "type", "veth", "peer", "name", other], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no veth pair can be made: {made.stderr.strip()}")
    yield ours, other
    for name in (ours, other):
        subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)


def test_a_network_device_is_moved_with_its_addresses(root_bundle, interface):
    ours, other = interface
    for command in (["ip", "link", "set", ours, "mtu", "1300", "up"], ["ip", "address", "add", "192.0.2.7/24", "dev", ours], ["ip", "address", "add", "2001:db8::7/64", "dev", ours, "nodad"]):
        subprocess.run(command, check=True)
    name = root_bundle.running("sleep", "1000", change=linux(netDevices={ours: {"name": "eth7"}, other: {}}))
    pid = str(root_bundle.state(name)["pid"])
    shown = json.loads(subprocess.run(["nsenter", "-t", pid, "-n", "ip", "-json", "address"], check=True, capture_output=True, text=True).stdout)
    links = {link["ifname"]: link for link in shown}
    assert {"eth7", other} <= set(links) and ours not in links
    assert links["eth7"]["mtu"] == 1300 and "UP" in links["eth7"]["flags"]
    assert {"192.0.2.7", "2001:db8::7"} <= {address["local"] for address in links["eth7"]["addr_info"]}
    assert subprocess.run(["ip", "link", "show", ours], capture_output=True, check=False).returncode != 0


def test_network_devices_by_a_template_get_free_names(root_bundle, interface):
    ours, other = interface
    pid = str(root_bundle.state(root_bundle.running("sleep", "1000", change=linux(netDevices={ours: {"name": "eth%d"}, other: {"name": "eth%d"}})))["pid"])
    shown = json.loads(subprocess.run(["nsenter", "-t", pid, "-n", "ip", "-json", "link"], check=True, capture_output=True, text=True).stdout)
    assert {link["ifname"] for link in shown if "UP" in link["flags"]} == {"lo", "eth0", "eth1"}


def test_a_network_device_is_the_containers_own_affair(root_bundle, interface):
    """Nothing of it is changed afterwards, nor is it moved out at the end: whoever holds the namespace keeps it."""
    ours, _ = interface
    holder = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    try:
        wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"), "the namespace")
        inside = lambda *command: subprocess.run(["nsenter", "-t", str(holder.pid), "-n", "ip", *command], check=True, capture_output=True, text=True).stdout

        def change(spec):
            spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "network"] + [{"type": "network", "path": f"/proc/{holder.pid}/ns/net"}]
            spec["linux"]["netDevices"] = {ours: {"name": "eth7"}}

        name = root_bundle.running("sleep", "1000", change=change)
        inside("link", "set", "eth7", "mtu", "1280", "down")
        for command in (("exec", name, "true"), ("pause", name), ("resume", name), ("update", "--pids-limit", "100", name)):
            root_bundle.oci(*command).check_returncode()
            link = json.loads(inside("-json", "link", "show", "eth7"))[0]
            assert link["mtu"] == 1280 and "UP" not in link["flags"], command
        root_bundle.oci("delete", "--force", name).check_returncode()
        assert json.loads(inside("-json", "link", "show", "eth7"))
        assert subprocess.run(["ip", "link", "show", ours], capture_output=True, check=False).returncode != 0
    finally:
        holder.kill()
        holder.wait()


def test_the_default_file_systems_are_there(bundle):
    done = bundle.run("cat", "/proc/self/mountinfo")
    types = {line.split()[4]: line.split(" - ")[1].split()[0] for line in done.stdout.splitlines()}
    assert types["/proc"] == "proc" and types["/dev/pts"] == "devpts" and types["/dev/shm"] == "tmpfs" and types["/sys"] == "sysfs", types


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "time"])
def test_a_path_that_is_no_namespace_of_its_type_is_an_error(bundle, kind):
    other = "uts" if kind != "uts" else "ipc"
    for path, says in ((f"/proc/self/ns/{KINDS[other]}", ""), (f"{bundle.place}/config.json", ""), ("/nonexistent", "No such file")):
        def change(spec):
            if kind == "mount":
                without_mount_namespace(spec)
            spec.pop("hostname", None)
            spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != kind] + [{"type": kind, "path": path}]

        done = bundle.run("true", change=change)
        assert done.returncode == 1 and "linux.namespaces" in done.stderr and says in done.stderr, (kind, path, done)
        assert not os.path.exists(bundle.root) or os.listdir(bundle.root) == []


def test_a_namespace_that_is_listed_twice_is_an_error(bundle):
    for kind in KINDS:
        twice = [{"type": kind}, {"type": kind}]
        done = bundle.run("true", change=lambda spec: linux(namespaces=[entry for entry in namespaces(spec) if entry["type"] != kind] + twice)(spec))
        assert done.returncode == 1 and f"namespaces: '{kind}' is listed twice" in done.stderr, done


def test_a_limit_of_no_processes_is_a_limit(root_bundle):
    if not is_hybrid():
        pytest.skip("shown in the virtual host")
    words = ("sh", "-c", "echo begun; (true); echo went on")
    done = root_bundle.run(*words, change=lambda spec: (spec.update(ociVersion="1.3.0"), linux(resources={"pids": {"limit": 0}})(spec)))
    assert "begun" in done.stdout and "went on" not in done.stdout and "fork" in done.stderr, done
    # Until 1.3 the field was required, and engines wrote 0 for none.
    assert root_bundle.run(*words, change=lambda spec: (spec.update(ociVersion="1.2.1"), linux(resources={"pids": {"limit": 0}})(spec))).stdout == "begun\nwent on\n"


def test_cgroups_of_version_1_keep_their_owner(root_bundle):
    if not is_hybrid():
        pytest.skip("this host has no cgroup trees of version 1")

    def change(spec):
        spec["process"]["user"] = {"uid": 1000, "gid": 1000}
        spec["linux"]["resources"] = {"pids": {"limit": 50}}
        spec["linux"]["cgroupsPath"] = f"/bolt-test-owner-{os.getpid()}"
        for mount in spec["mounts"]:
            if mount["destination"] == "/sys/fs/cgroup":
                mount["options"] = [option for option in mount["options"] if option != "ro"]

    root_bundle.running("sleep", "1000", change=change)
    group = f"/sys/fs/cgroup/pids/bolt-test-owner-{os.getpid()}"
    assert {os.lstat(f"{group}/{name}").st_uid for name in [".", *os.listdir(group)]} == {0}


def test_intel_rdt_needs_its_file_system_and_nothing_is_touched_without_it(root_bundle):
    if "resctrl" in read("/proc/mounts"):
        pytest.skip("this host has a resctrl file system")
    done = root_bundle.run("true", change=linux(intelRdt={"l3CacheSchema": "L3:0=f"}))
    assert done.returncode == 1 and "linux.intelRdt" in done.stderr and "resctrl" in done.stderr, done
    root_bundle.spec["process"]["args"] = ["true"]
    root_bundle.write()
    log = f"{root_bundle.place}/log"
    traced = subprocess.run(["strace", "-f", "-o", log, RUNTIME, "--root", root_bundle.root, "run", root_bundle.new_id()], cwd=root_bundle.place, capture_output=True, check=False)
    assert traced.returncode == 0 and "resctrl" not in read(log)


@pytest.mark.parametrize("devices, says", [
    ({"no-such-one": {}}, "linux.netDevices: there is no network interface 'no-such-one'"),
    ({"lo": {"name": "a/b"}}, "'a/b' is not the name of a network interface"),
    ({"x1": {"name": "y"}, "x2": {"name": "y"}}, "'x1' and 'x2' cannot both be 'y'"),
])
def test_network_devices_that_cannot_be_moved_are_refused(root_bundle, devices, says):
    done = root_bundle.run("true", change=linux(netDevices=devices))
    assert done.returncode == 1 and says in done.stderr, done.stderr


def test_a_network_device_whose_name_is_taken_is_refused_and_stays(root_bundle, interface):
    ours, _ = interface
    done = root_bundle.run("true", change=linux(netDevices={ours: {"name": "lo"}}))
    assert done.returncode == 1 and f"move network interface '{ours}' as 'lo'" in done.stderr, done.stderr
    assert subprocess.run(["ip", "link", "show", ours], capture_output=True, check=False).returncode == 0
    shared = root_bundle.run("true", change=lambda spec: spec["linux"].update(
        netDevices={ours: {}}, namespaces=[entry for entry in namespaces(spec) if entry["type"] != "network"]))
    assert shared.returncode == 1 and "linux.netDevices needs a network namespace" in shared.stderr


def without_mount_namespace(spec):
    spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "mount"]
    spec["mounts"] = []
    for field in ("maskedPaths", "readonlyPaths"):
        spec["linux"].pop(field, None)
    spec["root"]["readonly"] = False


def mounts_of_host():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return sorted(line.split(" ")[4] for line in file)


def test_without_a_mount_namespace_the_root_is_entered_and_nothing_is_mounted(root_bundle):
    before = mounts_of_host()
    name = root_bundle.running("sleep", "1000", change=without_mount_namespace)
    inside = root_bundle.oci("exec", name, "ls", "/")
    assert inside.returncode == 0 and set(inside.stdout.split()) == set(os.listdir(f"{root_bundle.place}/rootfs"))  # exec too
    done = root_bundle.run("sh", "-c", "ls /; cat /data/mark", change=without_mount_namespace)
    assert done.returncode == 1 and "bin" in done.stdout.split()  # no such file: it is the bundle's root, not the host's
    assert mounts_of_host() == before


@pytest.mark.parametrize("field, value", [("mounts", [{"destination": "/proc", "type": "proc", "source": "proc"}]), ("linux.maskedPaths", ["/proc/kcore"]),
                                          ("linux.readonlyPaths", ["/proc/sys"]), ("root.readonly", True), ("linux.rootfsPropagation", "shared"),
                                          ("linux.devices", [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3}])])
def test_what_needs_mounts_is_refused_without_a_mount_namespace(root_bundle, field, value):
    def change(spec):
        without_mount_namespace(spec)
        place = spec
        for name in field.split(".")[:-1]:
            place = place[name]
        place[field.split(".")[-1]] = value

    done = root_bundle.run("true", change=change)
    assert done.returncode == 1 and f"field '{field}' needs a mount namespace" in done.stderr


def test_a_mount_namespace_with_a_path_is_joined(root_bundle):
    keeper = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", f"mount -t tmpfs mark {root_bundle.place}/rootfs/data && echo joined > {root_bundle.place}/rootfs/data/mark && echo ready && exec sleep 1000"],
                              stdout=subprocess.PIPE, text=True)
    try:
        assert keeper.stdout.readline() == "ready\n"

        def change(spec):
            without_mount_namespace(spec)
            namespaces(spec).append({"type": "mount", "path": f"/proc/{keeper.pid}/ns/mnt"})

        done = root_bundle.run("cat", "/data/mark", change=change)
        assert done.stdout == "joined\n", done.stderr
        name = root_bundle.running("sleep", "1000", change=change)
        assert root_bundle.oci("exec", name, "cat", "/data/mark").stdout == "joined\n"
        # Its root is as it was for the others.
        assert os.path.exists(f"/proc/{keeper.pid}/root/proc/self")
    finally:
        keeper.kill()
        keeper.wait()


def test_exec_enters_a_cgroup_below_the_containers(root_bundle):
    name = root_bundle.running("sleep", "1000")
    with open(f"{root_bundle.root}/{name}/state.json", encoding="utf-8") as file:
        directories = json.load(file)["cgroup_paths"]
    for directory in directories:
        os.mkdir(f"{directory}/below")
    done = root_bundle.oci("exec", "--cgroup", "/below", name, "cat", "/proc/self/cgroup")
    assert done.returncode == 0 and done.stdout.count("/below") >= len(directories), done.stdout + done.stderr
    missing = root_bundle.oci("exec", "--cgroup", "nowhere", name, "true")
    assert missing.returncode == 255 and "there is no cgroup" in missing.stderr
    climbing = root_bundle.oci("exec", "--cgroup", "../..", name, "true")
    assert climbing.returncode == 255 and "--cgroup" in climbing.stderr


def test_a_namespace_path_that_is_no_namespace_is_refused(bundle):
    path = f"{bundle.place}/fifo"
    os.mkfifo(path)
    if bundle.uid:
        os.chown(path, bundle.uid, bundle.uid)

    def change(spec):
        spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "ipc"] + [{"type": "ipc", "path": path}]

    done = bundle.run("true", change=change)
    assert done.returncode == 1 and f"linux.namespaces: '{path}'" in done.stderr, done


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_a_name_that_is_too_long_is_refused(bundle, field):
    done = bundle.run("true", change=lambda spec: spec.update({field: 65 * "a"}))
    assert done.returncode == 1 and f"{field}: '" in done.stderr and "has 65 bytes, and the kernel takes 64 at most" in done.stderr, done


def test_a_network_of_the_hosts_is_joined_with_a_new_user_namespace(root_bundle):
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"ready\n"

        def change(spec):
            spec["linux"]["namespaces"] = [entry for entry in namespaces(spec) if entry["type"] != "network"] + [{"type": "user"}, {"type": "network", "path": f"/proc/{holder.pid}/ns/net"}]
            spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
            spec["linux"].pop("resources", None)
            spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith("/sys")]  # sysfs is the network's owner's

        done = root_bundle.run("readlink", "/proc/self/ns/net", change=change)
        assert (done.returncode, done.stdout.strip()) == (0, os.readlink(f"/proc/{holder.pid}/ns/net")), done
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


@pytest.mark.parametrize("devices", [None, [], [{"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]])
def test_devices_that_nobody_names_are_denied(root_bundle, devices):
    def change(spec):
        spec["linux"]["resources"] = {} if devices is None else {"devices": devices}
        for names in spec["process"]["capabilities"].values():
            names.append("CAP_MKNOD")
        spec["linux"].pop("seccomp", None)

    if not os.path.exists("/dev/fuse"):
        pytest.skip("the host has no /dev/fuse to try with")
    command = "mknod /dev/fuse c 10 229; (: < /dev/fuse) && echo opened; head -c1 /dev/zero | wc -c"
    done = root_bundle.run("sh", "-c", command, change=change)
    assert "/dev/fuse: Operation not permitted" in done.stderr and done.stdout == "1\n", done
    everything = root_bundle.run("sh", "-c", command, change=lambda spec: (change(spec), spec["linux"].update(resources={"devices": [{"allow": True, "access": "rwm"}]})))
    assert everything.stdout == "opened\n1\n", everything


def test_calls_that_are_newer_than_the_profile_do_not_exist(bundle):
    """A C library makes an older one then; "not permitted" it takes for an answer."""
    source = f"{bundle.place}/rootfs/call.c"
    with open(source, "w", encoding="utf-8") as file:
        file.write('#include <errno.h>\n#include <stdio.h>\n#include <unistd.h>\nint main(void) { int numbers[] = {452, 468, 169}; for (int i = 0; i < 3; ++i) { errno = 0; syscall(numbers[i], 0, 0, 0, 0); printf("%d\\n", errno); } return 0; }\n')
    subprocess.run(["cc", "-static", "-o", f"{bundle.place}/rootfs/call", source], check=True)
    names = [name for name in ALL_CALLS if name not in ("reboot",)]
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}]}
    done = bundle.run("/call", change=linux(seccomp=profile))
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are x86_64's")
    assert done.stdout == "38\n38\n1\n", done


ALL_CALLS = ("read write open close fstat stat mmap mprotect munmap brk rt_sigaction rt_sigprocmask ioctl access execve exit exit_group arch_prctl set_tid_address set_robust_list rseq "
             "prlimit64 readlink getrandom newfstatat clone3 close_range openat2 faccessat2 futex readlinkat sendmsg sendto recvmsg write writev capset prctl setresuid setresgid setgroups getpid fcntl").split()


def test_no_device_is_made_in_the_hosts_dev(bundle):
    hosts = f"{bundle.place}/hosts-dev"
    os.mkdir(hosts)
    if bundle.uid:
        os.chown(hosts, bundle.uid, bundle.uid)

    def change(spec):
        spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith("/dev")]
        spec["mounts"].append({"destination": "/dev", "type": "bind", "source": hosts, "options": ["rbind"]})
        spec["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]

    done = bundle.run("echo", "ran", change=change)
    assert done.returncode == 0 and done.stdout == "ran\n" and "device '/dev/fuse' is not in the host's directory that is mounted there, and is left out" in done.stderr, done
    assert os.listdir(hosts) == []


@pytest.mark.parametrize("mounts", [
    [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/dev", "type": "bind", "options": ["rbind"]}],
    [{"destination": "/dev", "type": "tmpfs", "options": ["bind"]}],
], ids=["later", "by-option"])
def test_nothing_is_made_in_a_directory_of_the_hosts_on_dev(root_bundle, mounts):
    hosts = f"{root_bundle.place}/hosts-dev"
    os.mkdir(hosts)

    def change(spec):
        spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith("/dev")] + [{"source": hosts, **mount} for mount in mounts]

    assert root_bundle.run("true", change=change).returncode == 0
    assert os.listdir(hosts) == []


def test_a_link_of_the_images_does_not_lead_devices_into_the_hosts(root_bundle):
    hosts = f"{root_bundle.place}/hosts-data"
    os.mkdir(hosts)
    os.symlink("/data", f"{root_bundle.place}/rootfs/ldev")

    def change(spec):
        spec["mounts"].append({"destination": "/data", "type": "bind", "source": hosts, "options": ["rbind"]})
        spec["linux"]["devices"] = [{"path": "/ldev/null2", "type": "c", "major": 1, "minor": 3}]

    done = root_bundle.run("true", change=change)
    assert done.returncode == 1 and "'/ldev' is a link in the image" in done.stderr and os.listdir(hosts) == [], done
