"""What annotations ask of the runtime itself: the words of crun(1) and runc(8)."""
import base64
import os
import socket
import struct

import pytest


def annotated(**values):
    names = {name.replace("__", "."): value for name, value in values.items()}
    return lambda spec: spec.setdefault("annotations", {}).update(names)


def test_unknown_annotations_are_no_error(bundle):
    done = bundle.run("true", change=annotated(com__example__anything="x", run__oci__something_new="y"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name, value", [
    ("run.oci.handler", "krun"), ("run.oci.seccomp.plugins", "p.so"), ("run.oci.systemd.force_cgroup_v1", "/x"), ("run.oci.systemd.subgroup", "x/y"),
    ("run.oci.delegate-cgroup", "x/y"), ("run.oci.delegate-cgroup", ".."), ("run.oci.hooks.stdout", "relative"), ("run.oci.seccomp_bpf_data", "%%"), ("run.oci.mount_context_type", "none")])
def test_what_is_not_done_is_refused_by_name(bundle, name, value):
    done = bundle.run("true", change=lambda spec: spec.setdefault("annotations", {}).update({name: value}))
    assert done.returncode == 1 and f"annotation '{name}'" in done.stderr and done.stderr.count("\n") == 1


def test_a_destination_that_is_no_mount_of_cgroups_is_refused(bundle):
    done = bundle.run("true", change=lambda spec: spec.setdefault("annotations", {}).update({"run.oci.systemd.force_cgroup_v1": "/proc"}))
    assert done.returncode == 1 and "what is mounted on '/proc' is no mount of type cgroup" in done.stderr


@pytest.mark.skipif(not os.path.exists("/sys/fs/cgroup/systemd"), reason="the host has no hierarchy of cgroup v1 for systemd")
def test_a_hierarchy_of_version_1_for_systemd_in_place_of_the_cgroups(root_bundle):
    spec = root_bundle.spec
    spec["annotations"] = {"run.oci.systemd.force_cgroup_v1": "/sys/fs/cgroup"}
    spec["mounts"] = [mount for mount in spec["mounts"] if mount["type"] != "cgroup"] + [
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "nodev", "noexec", "ro"]}]
    spec["process"] = dict(spec["process"], args=["sh", "-c", "ls /sys/fs/cgroup; grep ' /sys/fs/cgroup' /proc/self/mountinfo"])
    root_bundle.write(spec)
    done = root_bundle.oci("run", root_bundle.new_id())
    assert done.returncode == 0, done.stderr
    names, top, below = done.stdout.strip().split("\n")
    assert names == "systemd"
    assert " - tmpfs " in top and top.split()[5].startswith("ro,nosuid,nodev,noexec")
    assert " - cgroup " in below and "name=systemd" in below and below.split()[4] == "/sys/fs/cgroup/systemd" and below.split()[5].startswith("rw,nosuid,nodev,noexec")


def test_the_callers_groups_are_kept(root_bundle):
    def change(spec):
        spec["process"]["user"]["additionalGids"] = [7]
        spec.setdefault("annotations", {})["run.oci.keep_original_groups"] = "1"

    spec = dict(root_bundle.spec)
    spec["process"] = dict(spec["process"], args=["id", "-G"])
    spec["process"]["user"] = dict(spec["process"]["user"])
    change(spec)
    root_bundle.write(spec)
    done = root_bundle.oci("run", root_bundle.new_id(), extra_groups=[4242, 4343])
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"0", "4242", "4343"}


def test_what_hooks_print_goes_to_files(bundle):
    out, err = f"{bundle.place}/hook.out", f"{bundle.place}/hook.err"

    def change(spec):
        spec["hooks"] = {name: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {name} out; echo {name} err >&2"]}]
                         for name in ("createRuntime", "createContainer", "startContainer", "poststart", "poststop")}
        spec["annotations"] = {"run.oci.hooks.stdout": out, "run.oci.hooks.stderr": err}

    done = bundle.run("true", change=change)
    assert done.returncode == 0, done.stderr
    for path, word in ((out, "out"), (err, "err")):
        with open(path, encoding="ascii") as file:
            lines = file.read().split("\n")
        assert [line for line in lines if line] == [f"{name} {word}" for name in ("createRuntime", "createContainer", "startContainer", "poststart", "poststop")]


def test_an_unknown_system_call_can_be_refused(bundle):
    def change(spec):
        spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}]}

    assert bundle.run("true", change=change).returncode == 0

    def strictly(spec):
        change(spec)
        spec["annotations"] = {"run.oci.seccomp_fail_unknown_syscall": "1"}

    done = bundle.run("true", change=strictly)
    assert done.returncode == 1 and "'no_such_call'" in done.stderr


def test_a_ready_filter_is_loaded(bundle):
    load_number, jump_equal, give = 0x20, 0x15, 0x06
    mkdir = {"x86_64": 83, "aarch64": 34}[os.uname().machine]
    program = struct.pack("HBBI", load_number, 0, 0, 0) + struct.pack("HBBI", jump_equal, 0, 1, mkdir) + struct.pack("HBBI", give, 0, 0, 0x00050000 | 38) + struct.pack("HBBI", give, 0, 0, 0x7FFF0000)
    done = bundle.run("mkdir", "/tmp/x", change=lambda spec: spec.setdefault("annotations", {}).update({"run.oci.seccomp_bpf_data": base64.b64encode(program).decode()}))
    assert done.returncode == 1 and "not implemented" in done.stderr


def test_the_receiver_gets_a_pidfd(bundle):
    path = f"{bundle.place}/pidfd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()
        listener.settimeout(20)
        name = bundle.create("sleep", "1000", change=lambda spec: spec.setdefault("annotations", {}).update({"run.oci.pidfd_receiver": path}))
        connection, _ = listener.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 64, 1)
    with open(f"/proc/self/fdinfo/{descriptors[0]}", encoding="ascii") as info:
        assert f"Pid:\t{bundle.state(name)['pid']}" in info.read()
    os.close(descriptors[0])
