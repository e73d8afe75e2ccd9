"""runtime.md: what the operations need, what create makes, and what it leaves alone."""
import glob
import json
import os
import shutil
import subprocess

import pytest

from conftest import wait_until


def check_state(state):
    """schema/state-schema.json of the specification."""
    assert all(isinstance(state[key], str) for key in ("ociVersion", "id", "status", "bundle"))
    assert state["status"] in ("creating", "created", "running", "stopped") and os.path.isabs(state["bundle"])
    assert isinstance(state.get("pid", 0), int) and state.get("pid", 0) >= 0
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in state.get("annotations", {}).items())
    if state["status"] in ("created", "running"):
        assert state["pid"] > 0


def test_the_state_adheres_to_the_schema(bundle):
    path = f"{bundle.place}/hook"
    with open(path, "w") as script:
        script.write(f"#!/bin/sh\ncat >> {bundle.place}/states; echo >> {bundle.place}/states\n")
    os.chmod(path, 0o755)
    kinds = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    name = bundle.create("sleep", "1000", change=lambda spec: spec.update(hooks={kind: [{"path": path}] for kind in kinds}, annotations={"a.b": "c"}))
    check_state(bundle.state(name))
    bundle.oci("start", name).check_returncode()
    check_state(bundle.state(name))
    bundle.oci("kill", name, "KILL").check_returncode()
    wait_until(lambda: bundle.status(name) == "stopped", "its end")
    check_state(bundle.state(name))
    bundle.oci("delete", name).check_returncode()
    with open(f"{bundle.place}/states") as states:
        told = [json.loads(line) for line in states]
    for state in told:
        check_state(state)
    assert [state["status"] for state in told] == ["creating"] * 3 + ["running", "stopped"]


def test_create_makes_what_is_configured_but_for_the_process(bundle):
    def change(spec):
        spec["hostname"] = "made"
        spec["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["noexec", "size=1m"]})
        spec["root"]["readonly"] = False

    name = bundle.create("touch", "/ran", change=change)
    pid = bundle.state(name)["pid"]
    inside = lambda *command: subprocess.run(["nsenter", "-t", str(pid), "-m", "-u", *command], capture_output=True, text=True, check=False).stdout.strip()
    with open(f"/proc/{pid}/mountinfo") as mounts:
        places = {line.split()[4]: line for line in mounts}
    assert {"/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/sys", "/data"} <= set(places) and "noexec" in places["/data"] and "size=1024k" in places["/data"]
    assert inside("/bin/hostname") == "made" and inside("/bin/sh", "-c", "test -c /dev/null && echo device") == "device"
    for kind in ("mnt", "pid", "uts", "ipc"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
    if not bundle.uid:
        with open(f"/proc/{pid}/cgroup") as groups:
            assert name in groups.read()
    assert not os.path.exists(f"{bundle.place}/rootfs/ran")
    bundle.oci("start", name).check_returncode()
    wait_until(lambda: os.path.exists(f"{bundle.place}/rootfs/ran"), "the program")


def test_later_changes_of_the_document_do_not_affect_the_container(bundle):
    name = bundle.create("sh", "-c", "hostname > /tmp/name; exec sleep 1000", change=lambda spec: (spec["root"].update(readonly=False), spec.update(hostname="before", annotations={"a": "b"})))
    bundle.write({"ociVersion": "1.0.0", "hostname": "after", "process": {"args": ["false"], "cwd": "/"}, "root": {"path": "nowhere"}})
    bundle.oci("start", name).check_returncode()
    wait_until(lambda: os.path.exists(f"{bundle.place}/rootfs/tmp/name") and os.path.getsize(f"{bundle.place}/rootfs/tmp/name"), "the program")
    with open(f"{bundle.place}/rootfs/tmp/name") as told:
        assert told.read() == "before\n"
    os.unlink(f"{bundle.place}/config.json")
    assert bundle.oci("exec", name, "hostname").stdout == "before\n"
    assert bundle.state(name)["annotations"] == {"a": "b"}
    assert bundle.oci("delete", "--force", name).returncode == 0


@pytest.mark.parametrize("operation", ["state", "create", "start", "kill", "delete"])
def test_an_operation_without_an_id_is_an_error(bundle, operation):
    bundle.write()
    done = bundle.oci(operation)
    assert done.returncode == 1 and len(done.stderr.splitlines()) <= 2 and operation in done.stderr, done
    assert not os.path.exists(bundle.root) or os.listdir(bundle.root) == []


def test_create_without_a_bundle_is_an_error(bundle):
    empty = f"{bundle.place}/empty"
    os.mkdir(empty)
    for words in (["--bundle", empty], ["--bundle", f"{bundle.place}/nowhere"], ["--bundle", ""]):
        done = bundle.oci("create", *words, bundle.new_id())
        assert done.returncode == 1 and "config.json" in done.stderr or "nowhere" in done.stderr or "empty" in done.stderr, done
    assert not os.path.exists(bundle.root) or os.listdir(bundle.root) == []


def test_what_was_not_made_for_the_container_is_not_deleted(bundle):
    place = f"{bundle.place}/shared"
    os.mkdir(place)
    with open(f"{place}/file", "w") as file:
        file.write("kept")
    holder = subprocess.Popen(["unshare", "--net", "sleep", "1000"]) if not bundle.uid else None
    group = f"/sys/fs/cgroup/pids/bolt-test-{os.getpid()}"
    try:
        if holder:
            wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"), "the namespace")

        def change(spec):
            spec["mounts"].append({"destination": "/data", "type": "bind", "source": place, "options": ["bind"]})
            if holder:
                network = {"type": "network", "path": f"/proc/{holder.pid}/ns/net"}
                spec["linux"]["namespaces"] = [entry for entry in spec["linux"]["namespaces"] if entry["type"] != "network"] + [network]
            if not bundle.uid and os.path.isdir("/sys/fs/cgroup/pids"):
                os.makedirs(f"{group}/own")
                spec["linux"]["cgroupsPath"] = f"/bolt-test-{os.getpid()}/own/below"
                spec["linux"]["resources"] = {"pids": {"limit": 50}}

        link = os.readlink(f"/proc/{holder.pid}/ns/net") if holder else None
        assert bundle.run("true", change=change).returncode == 0
        with open(f"{place}/file") as file:
            assert file.read() == "kept"
        assert os.path.exists(f"{bundle.place}/config.json") and os.path.exists(f"{bundle.place}/rootfs/bin/busybox")
        if holder:
            assert holder.poll() is None and os.readlink(f"/proc/{holder.pid}/ns/net") == link
        if os.path.isdir(group):
            assert os.listdir(f"{group}/own") and not os.path.exists(f"{group}/own/below")
    finally:
        if holder:
            holder.kill()
            holder.wait()
        for tree in glob.glob(f"/sys/fs/cgroup/*/bolt-test-{os.getpid()}"):
            for directory in (f"{tree}/own/below", f"{tree}/own", tree):
                if os.path.isdir(directory):
                    os.rmdir(directory)


def test_the_owners_of_the_files_stay_as_they_are_in_a_user_namespace(root_bundle):
    file = f"{root_bundle.place}/rootfs/etc/owned"
    shutil.copy("/etc/hostname", file)
    os.chown(file, 200005, 200006)

    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        spec["linux"].pop("resources", None)

    before = {path: (os.lstat(path).st_uid, os.lstat(path).st_gid) for path in (file, f"{root_bundle.place}/rootfs", f"{root_bundle.place}/rootfs/bin/busybox")}
    done = root_bundle.run("stat", "-c", "%u %g", "/etc/owned", change=change)
    assert done.stdout == "5 6\n", done
    assert before == {path: (os.lstat(path).st_uid, os.lstat(path).st_gid) for path in before}
