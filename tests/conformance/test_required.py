"""config.md and config-linux.md: every REQUIRED field that Linux uses, and the values that a field MUST and MUST NOT have."""
import json
import os
import subprocess

import pytest

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
MAPPING = {"containerID": 0, "hostID": 100000, "size": 1000}
NEW_USER_NAMESPACE = {"namespaces": [{"type": name} for name in ("pid", "mount", "user")], "uidMappings": [MAPPING], "gidMappings": [MAPPING]}
SYSCALL = {"names": ["getcwd"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}
THROTTLES = ("throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice", "throttleWriteIOPSDevice")
LIMIT = {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 10}


def merged(document, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    document = document if isinstance(document, dict) else {}
    whole = {**document, **{key: merged(document.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in whole.items() if value is not None}


def without(document, path):
    document = json.loads(json.dumps(document))
    *parents, last = path.split("/")
    place = document
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    del place[last]
    return document


def attempt(bundle, document, command):
    bundle.write(document)
    with open(f"{bundle.place}/out", "w+") as out, open(f"{bundle.place}/errors", "w+") as errors:  # pipes would be held open by a container
        done = bundle.oci(command, bundle.new_id(), capture_output=False, stdout=out, stderr=errors)
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, out.read(), errors.read())


def assert_refused(bundle, document, says):
    for command in ("create", "run"):
        done = attempt(bundle, document, command)
        assert done.returncode == 1, done
        assert says in done.stderr, done
        assert done.stderr.startswith("bolt-oci: ") and done.stderr.count("\n") == 1, done
        assert not os.path.exists(bundle.root) or os.listdir(bundle.root) == []


def document_of(bundle, patch):
    document = merged(bundle.spec, {"process": {"args": ["true"]}})
    return merged(document, patch)


def each(patch, place, fields, before=""):
    """A case for each field of the object at `place` in a document with the patch."""
    for field in fields.split():
        path = f"{place}/{field}" if place else field
        yield pytest.param(patch, path, f"{before}field '{field}' is missing", id=path)


def in_block_io(name, entry, fields):
    return each({"linux": {"resources": {"blockIO": {name: [entry]}}}}, f"linux/resources/blockIO/{name}/0", fields, f"linux: resources: blockIO: {name}: ")


def in_seccomp(place, fields, before):
    return each({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [SYSCALL]}}}, f"linux/seccomp{place}", fields, f"linux: seccomp: {before}")


BOUND = {"mounts": [{"destination": "/data", "type": "bind", "source": "/tmp", "options": ["bind"], "uidMappings": [MAPPING], "gidMappings": [MAPPING]}]}
CONSOLE = {"process": {"terminal": True, "consoleSize": {"height": 25, "width": 80}}}
DEVICE = {"linux": {"devices": [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5}]}}
RDMA = {"linux": {"resources": {"rdma": {"mlx5_1": {"hcaHandles": 3}}}}}
RDMA_OBJECTS = {"linux": {"resources": {"rdma": {"mlx5_1": {"hcaObjects": 3}}}}}
NO_LIMIT = "device 'mlx5_1' has neither 'hcaHandles' nor 'hcaObjects'"
DEVICE_8_0 = {"major": 8, "minor": 0}

REQUIRED = [
    *each({}, "", "ociVersion root"),
    *each({}, "root", "path", "root: "),
    *each({}, "mounts/0", "destination", "mounts: "),
    *each({}, "process", "cwd args", "process: "),
    *each({}, "process/user", "uid gid", "process: user: "),
    *each({"process": {"rlimits": [LIMIT]}}, "process/rlimits/0", "type", "process: rlimits: "),
    *each({"process": {"rlimits": [LIMIT]}}, "process/rlimits/0", "soft hard", "process: rlimits: RLIMIT_NOFILE: "),
    *each(CONSOLE, "process/consoleSize", "height width", "process: consoleSize: "),
    *each({"process": {"scheduler": {"policy": "SCHED_OTHER", "nice": 1}}}, "process/scheduler", "policy", "process: scheduler: "),
    *each({"process": {"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4}}}, "process/ioPriority", "class priority", "process: ioPriority: "),
    *(case for kind in HOOKS for case in each({"hooks": {kind: [{"path": "/bin/true", "timeout": 20}]}}, f"hooks/{kind}/0", "path", f"hooks.{kind}: ")),
    *each({}, "linux/namespaces/0", "type", "linux: namespaces: "),
    *(case for key in ("uidMappings", "gidMappings")
      for case in each({"linux": NEW_USER_NAMESPACE}, f"linux/{key}/0", "containerID hostID size", f"linux: {key}: ")),
    *(case for key in ("uidMappings", "gidMappings") for case in each(BOUND, f"mounts/0/{key}/0", "containerID hostID size", f"mounts: {key}: ")),
    pytest.param(DEVICE, "linux/devices/0/type", "linux: devices: '' is not a type of device", id="linux/devices/0/type"),
    *each(DEVICE, "linux/devices/0", "path", "linux: devices: "),
    *each(DEVICE, "linux/devices/0", "major minor", "linux: device '/dev/mine': "),
    *each({"linux": {"resources": {"devices": [{"allow": True, "access": "rwm"}]}}}, "linux/resources/devices/0", "allow", "linux: resources: devices: "),
    *in_block_io("weightDevice", {**DEVICE_8_0, "weight": 500, "leafWeight": 300}, "major minor"),
    *in_block_io("weightDevice", {**DEVICE_8_0, "weight": 500}, "weight"),
    *(case for name in THROTTLES for case in in_block_io(name, {**DEVICE_8_0, "rate": 600}, "major minor rate")),
    *each({"linux": {"resources": {"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}}}, "linux/resources/hugepageLimits/0", "pageSize limit",
          "linux: resources: hugepageLimits: "),
    *each({"linux": {"resources": {"network": {"priorities": [{"name": "lo", "priority": 1}]}}}}, "linux/resources/network/priorities/0", "name priority",
          "linux: resources: network: priorities: "),
    pytest.param(RDMA, "linux/resources/rdma/mlx5_1/hcaHandles", NO_LIMIT, id="linux/resources/rdma/mlx5_1/hcaHandles"),
    pytest.param(RDMA_OBJECTS, "linux/resources/rdma/mlx5_1/hcaObjects", NO_LIMIT, id="linux/resources/rdma/mlx5_1/hcaObjects"),
    *each({"linux": {"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"}}}, "linux/memoryPolicy", "mode", "linux: memoryPolicy: "),
    *each({"linux": {"personality": {"domain": "LINUX", "flags": ["x"]}}}, "linux/personality", "domain", "linux: personality: "),
    *in_seccomp("", "defaultAction", ""),
    pytest.param({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [SYSCALL]}}}, "linux/seccomp/syscalls/0/names",
                 "linux: seccomp: syscalls: field 'names' is missing", id="linux/seccomp/syscalls/0/names"),
    *in_seccomp("/syscalls/0", "action", ""),
    *in_seccomp("/syscalls/0/args/0", "index value op", "syscalls: args: "),
]


@pytest.mark.parametrize("patch, path, says", REQUIRED)
def test_a_document_without_a_required_field_is_an_error_that_names_it(bundle, patch, path, says):
    document = document_of(bundle, patch)
    assert_refused(bundle, without(document, path), says)
    complete = attempt(bundle, document, "run")
    assert says not in complete.stderr and "' is missing" not in complete.stderr, complete


def test_a_weight_device_needs_one_of_weight_and_leaf_weight(bundle):
    for entry in ({"weight": 500}, {"leafWeight": 300}, {"weight": 500, "leafWeight": 300}):
        done = attempt(bundle, document_of(bundle, {"linux": {"resources": {"blockIO": {"weightDevice": [{**DEVICE_8_0, **entry}]}}}}), "run")
        assert "weightDevice: field" not in done.stderr and "' is missing" not in done.stderr, done


@pytest.mark.parametrize("size", [{}, {"height": 25}, {"width": 80}, {"height": 25, "width": 80}, "80x25"])
@pytest.mark.parametrize("terminal", [{"terminal": False}, {"terminal": None}])
def test_the_console_size_must_be_ignored_unless_there_is_a_terminal(bundle, size, terminal):
    done = attempt(bundle, document_of(bundle, {"process": {"args": ["echo", "ran"], "consoleSize": size, **terminal}}), "run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_numbers_are_not_required_of_a_fifo(bundle):
    fifo = {"linux": {"devices": [{"path": "/dev/mine", "type": "p"}]}, "process": {"args": ["sh", "-c", "test -p /dev/mine && echo a FIFO"]}}
    done = attempt(bundle, document_of(bundle, fifo), "run")
    assert (done.returncode, done.stdout) == (0, "a FIFO\n"), done


@pytest.mark.parametrize("version", ["", "1", "1.", "1.x", "1.0", "1.0.0.0", "1.02.0", "01.2.0", "1.0.x", "v1.0.2", "1.0.0-01", "1.0.0-a..b", "1.0.0-a.", "1.0.0+a+b", "1.0.0-ä",
                                     "1.0.0 ", " 1.0.0", "1.0.-1", "1.0.0-", "1.0.0+", "1.0.0-+x", "1.0.0-x+"])
def test_a_version_that_is_not_in_semver_format_is_an_error(bundle, version):
    assert_refused(bundle, document_of(bundle, {"ociVersion": version}), "field 'ociVersion'")


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.0.2-dev+x", "1.2.0+001", "1.0.0-rc.1", "1.0.0--", "1.0.0-0a.b-c+-.x"])
def test_a_version_in_semver_format_is_accepted(bundle, version):
    done = attempt(bundle, document_of(bundle, {"ociVersion": version}), "run")
    assert (done.returncode, done.stderr) == (0, "")


LINES = "L3:0=f\nMB:0=20"
REFUSED = [
    ({"annotations": []}, "field 'annotations' is an array, not an object"),
    ({"annotations": "x"}, "field 'annotations' is a string, not an object"),
    ({"annotations": {"": "x"}}, "field 'annotations' has an empty key"),
    ({"annotations": {"a": 1}}, "'annotations.a'"),
    ({"annotations": {"a": {}}}, "'annotations.a'"),
    ({"annotations": {"a": True}}, "'annotations.a'"),
    ({"process": {"cwd": ""}}, "process: field 'cwd'"),
    ({"process": {"cwd": "relative"}}, "process: field 'cwd': 'relative' is not an absolute path"),
    ({"process": {"cwd": "./tmp"}}, "process: field 'cwd': './tmp' is not an absolute path"),
    ({"process": {"args": []}}, "process: field 'args'"),
    *(({"hooks": {kind: [{"path": path}]}}, f"hooks.{kind}: '{path}' is not an absolute path") for kind in HOOKS for path in ("true", "bin/true", "./true")),
    *(({"hooks": {kind: [{"path": "/bin/true", "timeout": seconds}]}}, f"hooks.{kind}: a timeout must be greater than zero") for kind in HOOKS for seconds in (0, -1)),
    ({"linux": {"maskedPaths": ["/proc/kcore", "proc/keys"]}}, "linux: field 'maskedPaths': 'proc/keys' is not an absolute path"),
    ({"linux": {"readonlyPaths": ["/proc/bus", "proc/sys"]}}, "linux: field 'readonlyPaths': 'proc/sys' is not an absolute path"),
    ({"linux": {"maskedPaths": [""]}}, "linux: field 'maskedPaths'"),
    ({"linux": {"readonlyPaths": [""]}}, "linux: field 'readonlyPaths'"),
    ({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}}}, "listenerMetadata: there is no listenerPath"),
    ({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{**SYSCALL, "names": []}]}}}, "linux: seccomp: syscalls: field 'names'"),
    *(({"linux": {"seccomp": {"defaultAction": action, "defaultErrnoRet": 1}}}, f"action '{action}' has no errnoRet") for action in ("SCMP_ACT_KILL", "SCMP_ACT_ALLOW")),
    *(({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["getcwd"], "action": action, "errnoRet": 1}]}}}, f"action '{action}' has no errnoRet")
      for action in ("SCMP_ACT_KILL", "SCMP_ACT_ALLOW")),
    ({"linux": {"intelRdt": {"l3CacheSchema": LINES}}}, "linux: intelRdt: field 'l3CacheSchema' is more than one line"),
    ({"linux": {"intelRdt": {"memBwSchema": "MB:0=20\nL3:0=f"}}}, "linux: intelRdt: field 'memBwSchema' is more than one line"),
]


@pytest.mark.parametrize("patch, says", REFUSED)
def test_a_value_that_a_field_must_not_have_is_an_error_that_names_it(bundle, patch, says):
    assert_refused(bundle, document_of(bundle, patch), says)


@pytest.mark.parametrize("patch", [
    {"annotations": {}},
    {"annotations": {"a": "", "org.example.b": "x"}},
    {"process": {"cwd": "/tmp"}},
    {"linux": {"maskedPaths": ["/proc/keys"], "readonlyPaths": ["/proc/sys"]}},
    *({"hooks": {kind: [{"path": "/bin/true", "timeout": 1}]}} for kind in HOOKS),
    {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{**SYSCALL, "errnoRet": 1}]}}},
    {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{**SYSCALL, "action": "SCMP_ACT_TRACE", "errnoRet": 1}]}}},
])
def test_the_values_that_a_field_may_have_are_accepted(bundle, patch):
    done = attempt(bundle, document_of(bundle, patch), "run")
    assert (done.returncode, done.stderr) == (0, ""), done
