"""pause, resume, update, events, ps: what runc's callers do with a running container's cgroup."""
import json
import os
import subprocess
import time

import pytest

from conftest import RUNTIME, wait_until

HYBRID = os.path.isdir("/sys/fs/cgroup/memory")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def group(bundle, name, tree):
    return f"/sys/fs/cgroup/{tree if HYBRID else ''}/bolt/{name}".replace("//", "/")


COUNTING = ("sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done")


def count(bundle):
    return len(bundle.output().splitlines())


def test_a_paused_container_stands_still_and_goes_on(root_bundle):
    name = root_bundle.running(*COUNTING)
    wait_until(lambda: count(root_bundle) > 3, "the counter")
    root_bundle.oci("pause", name).check_returncode()
    assert root_bundle.status(name) == "paused"
    before = count(root_bundle)
    time.sleep(0.2)
    assert count(root_bundle) == before
    refused = root_bundle.oci("exec", name, "true")
    assert refused.returncode == 255 and f"bolt-oci resume {name}" in refused.stderr
    again = root_bundle.oci("pause", name)
    assert again.returncode == 1 and "is paused: only a running one can be paused" in again.stderr
    assert root_bundle.oci("delete", name).returncode == 1
    root_bundle.oci("resume", name).check_returncode()
    assert root_bundle.status(name) == "running"
    wait_until(lambda: count(root_bundle) > before, "the counter to go on")
    not_paused = root_bundle.oci("resume", name)
    assert not_paused.returncode == 1 and "only a paused one can be resumed" in not_paused.stderr


@pytest.mark.parametrize("how", [("kill", "KILL"), ("kill", "--all", "KILL"), ("delete", "--force")])
def test_a_paused_container_can_be_killed(root_bundle, how):
    name = root_bundle.running("sleep", "1000")
    root_bundle.oci("pause", name).check_returncode()
    command, *rest = how
    flags = [word for word in rest if word.startswith("-")]
    done = root_bundle.oci(command, *flags, name, *[word for word in rest if not word.startswith("-")])
    assert done.returncode == 0, done.stderr
    if command == "kill":
        wait_until(lambda: root_bundle.status(name) == "stopped", "its end")
        root_bundle.oci("delete", name).check_returncode()
    assert not [tree for tree in os.listdir("/sys/fs/cgroup") if os.path.exists(f"/sys/fs/cgroup/{tree}/bolt/{name}")]


@pytest.mark.skipif(not os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"), reason="the kernel divides no realtime among groups")
def test_realtime_comes_from_the_group_above(root_bundle):
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(resources={"cpu": {"realtimeRuntime": 1000, "realtimePeriod": 1000000}}))
    assert read(f"{group(root_bundle, name, 'cpu')}/cpu.rt_runtime_us") == "1000"


def test_what_is_not_running_cannot_be_paused_or_changed(root_bundle):
    for command in (["pause", "nobody"], ["resume", "nobody"], ["update", "--memory", "64m", "nobody"], ["events", "nobody"], ["ps", "nobody"]):
        done = root_bundle.oci(*command)
        assert done.returncode == 1 and "container 'nobody' does not exist" in done.stderr
    name = root_bundle.create("true")
    root_bundle.oci("start", name).check_returncode()
    wait_until(lambda: root_bundle.status(name) == "stopped", "its end")
    for command in (["pause", name], ["resume", name], ["update", "--memory", "64m", name], ["events", name]):
        done = root_bundle.oci(*command)
        assert done.returncode == 1 and "is not running" in done.stderr


@pytest.mark.skipif(not HYBRID, reason="the names of files are those of cgroup v1")
def test_update_changes_what_it_is_told_and_keeps_the_rest(root_bundle):
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(resources={"memory": {"limit": 50 << 20}}))
    memory, pids, cpu = (group(root_bundle, name, tree) for tree in ("memory", "pids", "cpu"))
    root_bundle.oci("update", "--memory-swap", "200m", name).check_returncode()
    assert read(f"{memory}/memory.memsw.limit_in_bytes") == str(200 << 20) and read(f"{memory}/memory.limit_in_bytes") == str(50 << 20)
    # Above what swap and memory together were: the order of the two matters to the kernel.
    root_bundle.oci("update", "--memory", "300m", "--memory-swap", "400m", name).check_returncode()
    assert read(f"{memory}/memory.limit_in_bytes") == str(300 << 20)
    root_bundle.oci("update", "--memory", "20m", "--memory-swap", "30m", name).check_returncode()
    assert read(f"{memory}/memory.memsw.limit_in_bytes") == str(30 << 20)
    root_bundle.oci("update", "--pids-limit", "7", "--cpu-quota", "20000", "--cpu-period", "50000", "--cpu-share", "300", name).check_returncode()
    assert read(f"{pids}/pids.max") == "7" and read(f"{cpu}/cpu.shares") == "300"
    assert (read(f"{cpu}/cpu.cfs_quota_us"), read(f"{cpu}/cpu.cfs_period_us")) == ("20000", "50000")
    pid = str(root_bundle.state(name)["pid"])
    assert read(f"{pids}/cgroup.procs") == pid and read(f"{cpu}/cgroup.procs") == pid
    root_bundle.oci("update", "--resources", "-", name, stdin=None, input=json.dumps({"pids": {"limit": -1}, "cpu": {"quota": 0}})).check_returncode()
    assert read(f"{pids}/pids.max") == "max" and read(f"{cpu}/cpu.cfs_quota_us") == "20000"
    root_bundle.oci("update", "--resources", "-", name, stdin=None, input=json.dumps({"memory": None, "pids": {"limit": 9}})).check_returncode()
    root_bundle.oci("update", "--memory-swap", "40m", name).check_returncode()  # what was null is as it was, and so this is no less
    assert read(f"{memory}/memory.limit_in_bytes") == str(20 << 20) and read(f"{pids}/pids.max") == "9"
    done = root_bundle.oci("update", "--kernel-memory", "10m", name)
    counts = int(read(f"{memory}/memory.kmem.limit_in_bytes")) == 10 << 20
    assert counts or (done.returncode == 1 and "no limit for kernel memory" in done.stderr), done.stderr
    root_bundle.oci("delete", "--force", name).check_returncode()
    assert not os.path.exists(pids) and not os.path.exists(cpu) and not os.path.exists(memory)


@pytest.mark.parametrize("options, says", [
    ((), "there is nothing to change"),
    (("--memory", "much"), "'much' is not a size"),
    (("--cpu-quota", "x"), "'x'"),
    (("--pids-limit",), "--pids-limit"),
    (("--resources", "/nowhere"), "/nowhere"),
])
def test_a_change_that_is_none_is_refused(root_bundle, options, says):
    name = root_bundle.running("sleep", "1000")
    done = root_bundle.oci("update", *options, name)
    assert done.returncode == 1 and says in done.stderr, done.stderr


@pytest.mark.skipif(not HYBRID, reason="the names of files are those of cgroup v1")
def test_a_limit_below_what_is_used_is_refused_when_it_is_asked_to_be(root_bundle):
    name = root_bundle.running("sh", "-c", "head -c 20000000 /dev/zero > /dev/shm/x; sleep 1000", change=lambda spec: spec["linux"].update(resources={"memory": {"limit": 50 << 20}}))
    memory = group(root_bundle, name, "memory")
    wait_until(lambda: int(read(f"{memory}/memory.usage_in_bytes")) > 20_000_000, "the memory to be used")
    done = root_bundle.oci("update", "--resources", "-", name, stdin=None, input='{"memory": {"limit": 10000000, "checkBeforeUpdate": true}}')
    assert done.returncode == 1 and "bytes are used and 10000000 would be left" in done.stderr
    assert read(f"{memory}/memory.limit_in_bytes") == str(50 << 20)


def test_events_tell_usage_and_kills(root_bundle):
    def change(spec):
        spec["linux"]["resources"] = {"memory": {"limit": 128 << 20, "swap": 128 << 20}, "pids": {"limit": 50}}

    name = root_bundle.running("sh", "-c", "while ! test -e /tmp/go; do sleep 0.02; done; tail /dev/zero; sleep 0.5", change=change)
    once = root_bundle.oci("events", "--stats", name)
    event = json.loads(once.stdout)
    assert event["type"] == "stats" and event["id"] == name and event["data"]["memory"]["usage"]["limit"] == 128 << 20
    assert event["data"]["pids"]["limit"] == 50 and 1 <= event["data"]["pids"]["current"] <= 3
    follower = root_bundle.start_oci("events", "--interval", "100ms", name, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    with open(f"{root_bundle.place}/rootfs/tmp/go", "w"):
        pass
    told = [json.loads(line) for line in follower.communicate(timeout=30)[0].splitlines()]
    assert follower.returncode == 0
    assert [event["type"] for event in told].count("oom") >= 1 and [event["type"] for event in told].count("stats") >= 2
    bad = root_bundle.oci("events", "--interval", "0s", name)
    assert bad.returncode == 1 and "an interval must be" in bad.stderr


def test_ps_shows_the_containers_processes_only(bundle):
    name = bundle.running("sh", "-c", "sleep 1001 & sleep 1002; true")
    wait_until(lambda: len(json.loads(bundle.oci("ps", "--format", "json", name).stdout)) == 3, "three processes")
    pids = json.loads(bundle.oci("ps", "-f", "json", name).stdout)
    assert bundle.state(name)["pid"] in pids
    table = bundle.oci("ps", name).stdout.splitlines()
    assert table[0].split()[:3] == ["UID", "PID", "PPID"] and len(table) == 4
    assert sorted(int(line.split()[1]) for line in table[1:]) == sorted(pids)
    chosen = bundle.oci("ps", name, "-o", "pid,args", "-A").stdout
    assert "sleep 1001" in chosen and "sleep 1002" in chosen and "pytest" not in chosen
    no_column = bundle.oci("ps", name, "-A", "-o", "args")
    assert no_column.returncode == 1 and "no column PID" in no_column.stderr
    wrong = bundle.oci("ps", name, "--no-such-option")
    assert wrong.returncode == 1 and "ps --no-such-option" in wrong.stderr


def test_an_ordinary_user_without_a_cgroup_is_told_so(user_bundle):
    name = user_bundle.running("sleep", "1000")
    if user_bundle.oci("events", "--stats", name).returncode == 0:
        pytest.skip("this user has a delegated cgroup")
    for command, says in ((["pause", name], "has no cgroup of its own"), (["update", "--memory", "64m", name], "has no cgroup of its own"), (["events", name], "has no cgroup of its own")):
        done = user_bundle.oci(*command)
        assert done.returncode == 1 and says in done.stderr, done.stderr


def test_updates_at_once_lose_nothing(root_bundle):
    name = root_bundle.running("sleep", "1000")
    for turn in range(20):
        words = [("--pids-limit", str(100 + turn)), ("--cpu-share", str(300 + turn)), ("--memory", str((64 + turn) << 20))]
        running = [root_bundle.start_oci("update", *limit, name, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for limit in words]
        for process in running:
            _, said = process.communicate(timeout=30)
            assert process.returncode == 0, said
        with open(f"{root_bundle.root}/{name}/config.json", encoding="utf-8") as file:
            kept = json.load(file)["linux"]["resources"]
        assert (kept["pids"]["limit"], kept["cpu"]["shares"], kept["memory"]["limit"]) == (100 + turn, 300 + turn, (64 + turn) << 20)
        assert read(f"{group(root_bundle, name, 'pids')}/pids.max") == str(100 + turn)
        if HYBRID:
            assert read(f"{group(root_bundle, name, 'cpu')}/cpu.shares") == str(300 + turn)


@pytest.mark.skipif(not HYBRID, reason="cgroup v2 has its freezer in every cgroup")
def test_a_pause_that_was_killed_can_be_taken_back(root_bundle):
    name = root_bundle.running("sleep", "1000")
    subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "inject=rename,renameat,renameat2:signal=KILL", RUNTIME, "--root", root_bundle.root, "pause", name], check=False, capture_output=True)
    assert root_bundle.status(name) == "paused"
    root_bundle.oci("resume", name).check_returncode()
    root_bundle.oci("pause", name).check_returncode()
    root_bundle.oci("delete", "--force", name).check_returncode()
    assert not os.path.exists(group(root_bundle, name, "freezer"))


def test_an_update_that_fails_changes_nothing(root_bundle):
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].setdefault("resources", {}).update(memory={"limit": 100 << 20}, pids={"limit": 70}))
    failed = root_bundle.oci("update", "--memory", str(60 << 20), "--cpuset-cpus", "999", name)
    assert failed.returncode == 1
    assert read(f"{group(root_bundle, name, 'memory')}/memory.{'limit_in_bytes' if HYBRID else 'max'}") == str(100 << 20)


@pytest.mark.skipif(not HYBRID, reason="cgroup v2 has no such file")
def test_an_update_that_fails_leaves_the_oom_killer_off(root_bundle):
    """memory.oom_control tells more lines than it takes."""
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].setdefault("resources", {}).update(memory={"limit": 100 << 20, "disableOOMKiller": True}))
    document = json.dumps({"memory": {"disableOOMKiller": True}, "cpu": {"cpus": "999"}})
    assert root_bundle.oci("update", "--resources", "-", name, stdin=None, input=document).returncode == 1
    assert read(f"{group(root_bundle, name, 'memory')}/memory.oom_control").startswith("oom_kill_disable 1")


@pytest.mark.skipif(not HYBRID, reason="cgroup v2 takes a weight of an idle cgroup")
def test_an_idle_container_takes_other_limits(root_bundle):
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].setdefault("resources", {}).update(cpu={"shares": 512, "idle": 1}))
    root_bundle.oci("update", "--pids-limit", "50", name).check_returncode()
    assert read(f"{group(root_bundle, name, 'pids')}/pids.max") == "50"


@pytest.mark.parametrize("text, says", [("{}", "field 'init_process_pid' is missing"), ("5", "field 'init_process_pid' is missing"), ("{{", "read the state"),
                                        ('{"init_process_pid": 1, "init_process_start": 1, "boot_id": "x", "bundle": "/", "cgroup_paths": ["/"]}', "'/' is no cgroup")])
def test_a_damaged_state_is_told_and_keeps_the_container(root_bundle, text, says):
    name = root_bundle.running("sleep", "1000")
    path = f"{root_bundle.root}/{name}/state.json"
    whole = read(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    for command in ("delete", "state", "pause"):
        refused = root_bundle.oci(command, name)
        assert refused.returncode == 1 and says in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr
    listed = root_bundle.oci("list", "--quiet")
    assert listed.returncode == 0 and says in root_bundle.oci("list").stderr
    with open(path, "w", encoding="utf-8") as file:
        file.write(whole)
    assert root_bundle.status(name) == "running"


@pytest.mark.skipif(not HYBRID, reason="with cgroup v2 every container has a cgroup that counts all of it")
def test_a_limit_that_comes_later_counts_what_was_used_before(root_bundle):
    name = root_bundle.running("sh", "-c", "head -c 60000000 /dev/zero > /dev/shm/x; touch /tmp/full; sleep 1000",
                               change=lambda spec: spec["mounts"][[m["destination"] for m in spec["mounts"]].index("/dev/shm")].update(options=["size=70m"]))
    wait_until(lambda: os.path.exists(f"{root_bundle.place}/rootfs/tmp/full") or int(read(f"{group(root_bundle, name, 'memory')}/memory.usage_in_bytes")) > 60_000_000, "the memory to be used")
    usage = json.loads(root_bundle.oci("events", "--stats", name).stdout)["data"]
    assert usage["memory"]["usage"]["usage"] > 60_000_000 and usage["cpu"]["usage"]["total"] > 0 and usage["pids"]["current"] >= 1
    done = root_bundle.oci("update", "--memory", "30m", name)
    assert done.returncode == 1 and "busy" in done.stderr.lower(), done.stderr
    assert root_bundle.oci("exec", name, "true").returncode == 0


def test_a_failed_update_changes_nothing(root_bundle):
    """What the document has not named, and what it has as zero, which is no limit."""
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(resources={"pids": {"limit": 0}, "memory": {"limit": 256 << 20, "swap": 256 << 20}}))
    files = [(group(root_bundle, name, "cpu"), "cpu.shares"), (group(root_bundle, name, "memory"), "memory.limit_in_bytes"),
             (group(root_bundle, name, "memory"), "memory.memsw.limit_in_bytes"), (group(root_bundle, name, "pids"), "pids.max")]
    files = [f"{directory}/{file}" for directory, file in files if os.path.exists(f"{directory}/{file}")]
    if not files:
        pytest.skip("this host has no trees of version 1")
    before = [read(file) for file in files]
    for options in (["--cpu-share", "700", "--memory", "400m", "--memory-swap", "500m", "--pids-limit", "40", "--cpuset-cpus", "77"], ["--cpu-period", "5"]):
        failed = root_bundle.oci("update", *options, name)
        assert failed.returncode == 1 and [read(file) for file in files] == before, (failed, before)
    assert root_bundle.oci("exec", name, "sh", "-c", "(true)").returncode == 0


@pytest.mark.parametrize("document", ["{}", "null", '{"devices": [{"allow": false, "access": "rwm"}]}'])
def test_an_update_by_a_document_that_names_nothing_changes_nothing(root_bundle, document):
    """Engines send the rules for devices along; they stay as they are."""
    name = root_bundle.running("sleep", "1000")
    done = root_bundle.oci("update", "--resources", "-", name, input=document, stdin=None)
    assert done.returncode == 0 and not done.stderr, done
    gone = root_bundle.oci("update", "--resources", "-", "nobody", input=document, stdin=None)
    assert gone.returncode == 1 and "'nobody' does not exist" in gone.stderr, gone


@pytest.mark.parametrize("shares", [1, 262145])
def test_shares_that_the_kernel_would_take_for_others_are_refused(root_bundle, shares):
    done = root_bundle.run("true", change=lambda spec: spec["linux"].update(resources={"cpu": {"shares": shares}}))
    if done.returncode == 0 and not os.path.isdir("/sys/fs/cgroup/cpu"):
        pytest.skip("version 2 has a weight for any number")
    assert done.returncode == 1 and f"resources.cpu.shares: {shares} is not between 2 and 262144" in done.stderr, done


def test_events_tell_which_processors_are_used(root_bundle):
    if not os.path.isdir("/sys/fs/cgroup/cpuset"):
        pytest.skip("version 2's events have no cpuset, in runc either")
    name = root_bundle.running("sleep", "1000", change=lambda spec: spec["linux"].update(resources={"cpu": {"cpus": "0", "mems": "0", "shares": 500}}))
    usage = json.loads(root_bundle.oci("events", "--stats", name).stdout)["data"]
    assert (usage["cpuset"]["cpus"], usage["cpuset"]["mems"], usage["cpuset"]["cpu_exclusive"]) == ([0], [0], 0)
    assert len(usage["cpu"]["usage"]["percpu_kernel"]) == len(usage["cpu"]["usage"]["percpu_user"]) == len(usage["cpu"]["usage"]["percpu"])
