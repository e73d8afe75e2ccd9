"""A malformed or unsupported config.json: one sentence that names the field, and nothing left behind."""
import copy
import json
import os

import pytest


def edit(path, value):
    """A change that sets the member at a dotted path; a value of ... removes it."""
    def change(spec):
        *parents, last = path.split(".")
        for key in parents:
            spec = spec[int(key) if key.isdigit() else key]
        last = int(last) if last.isdigit() else last
        if value is ...:
            del spec[last]
        else:
            spec[last] = value
    return change


@pytest.mark.parametrize("path, value, field", [
    ("ociVersion", ..., "field 'ociVersion' is missing"),
    ("ociVersion", "3.0.0", "field 'ociVersion'"),
    ("ociVersion", 1, "field 'ociVersion' is a whole number, not a string"),
    ("process", ..., "field 'process' is missing"),
    ("process", "x", "process"),
    ("process.args", [], "process: field 'args'"),
    ("process.args", [1], "process: field 'args'"),
    ("process.cwd", "relative", "process: field 'cwd'"),
    ("process.user.uid", -1, "process: user: field 'uid'"),
    ("process.user.uid", "root", "process: user: field 'uid'"),
    ("process.terminal", "yes", "process: field 'terminal'"),
    ("root", ..., "field 'root' is missing"),
    ("root.path", "", "root: field 'path'"),
    ("root.path", "no-such-rootfs", "root.path"),
    ("mounts.0.destination", ..., "mounts: field 'destination'"),
    ("mounts.0.options", "ro", "mounts: field 'options'"),
    ("mounts.0.type", "no-such-type", "no-such-type"),
    ("mounts.0.uidMappings", [{"containerID": 0, "hostID": 1, "size": 1}], "only bind mounts can have ids of their own"),
    ("linux.namespaces.0.type", "none", "linux: namespaces: 'none'"),
    ("linux.namespaces.0.path", "relative", "linux: namespaces"),
    ("linux.rootfsPropagation", "none", "linux.rootfsPropagation"),
    ("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 10}] * 2, "RLIMIT_NOFILE is there twice"),
    ("process.rlimits", [{"type": "RLIMIT_NOFILE"}], "RLIMIT_NOFILE: field 'soft' is missing"),
    ("process.oomScoreAdj", 5000, "not between -1000 and 1000"),
    ("process.env", ["PATH"], "'PATH' is not NAME=VALUE"),
    ("linux.sysctl", {"net/../kernel/core_pattern": "x"}, "is not a name"),
    ("linux.intelRdt", {"closID": "a/b"}, "linux: intelRdt: closID: 'a/b'"),
    ("linux.intelRdt", {"memBwSchema": "0=20"}, "'memBwSchema' does not begin with 'MB:'"),
    ("linux.intelRdt", {"schemata": ["L3:0=f\nMB:0=1"]}, "schemata: an element is more than one line"),
    ("linux.mountLabel", "system_u:object_r:container_file_t:s0", "linux.mountLabel: SELinux is not enabled on this host"),
    ("linux.resources", {"memory": {"limit": "1g"}}, "linux: resources"),
    ("linux.resources", {"blockIO": {"weight": 100000}}, "linux: resources: blockIO: field 'weight': 100000 is out of range"),
    ("linux.resources", {"devices": [{"allow": True, "access": "x"}]}, "resources.devices"),
    ("hooks", {"prestart": [{"path": "relative"}]}, "hooks.prestart"),
    ("hooks", {"poststop": [{"path": "/x", "timeout": 0}]}, "hooks.poststop"),
])
def test_a_malformed_field_is_named_in_one_sentence(bundle, path, value, field):
    done = bundle.run("true", change=edit(path, value)) if path != "process.args" else None
    if done is None:
        spec = copy.deepcopy(bundle.spec)
        edit(path, value)(spec)
        bundle.write(spec)
        done = bundle.oci("run", bundle.new_id())
    assert done.returncode == 1, done.stdout + done.stderr
    assert field in done.stderr
    assert done.stderr.startswith("bolt-oci: ") and done.stderr.count("\n") == 1
    assert not os.path.exists(bundle.root) or os.listdir(bundle.root) == []


@pytest.mark.parametrize("text, says", [("", "not valid JSON"), ("{", "not valid JSON"), ("[]", "ociVersion"), ('{"ociVersion": "1.0.0",}', "line 1"),
                                        ("{\"a\": 1, \"a\": 2}", "key 'a' is there twice"), ("[" * 100 + "]" * 100, "nested deeper")])
def test_a_document_that_is_not_usable_json_is_refused(bundle, text, says):
    with open(f"{bundle.place}/config.json", "w") as config:
        config.write(text)
    done = bundle.oci("run", bundle.new_id())
    assert done.returncode == 1 and says in done.stderr and "config.json" in done.stderr


def test_a_bundle_without_config_json_is_an_error(bundle):
    os.unlink(f"{bundle.place}/config.json")
    done = bundle.oci("create", bundle.new_id())
    assert done.returncode == 1 and f"open '{bundle.place}/config.json': No such file or directory" in done.stderr


def test_unknown_fields_are_passed_over(bundle):
    done = bundle.run("echo", "ran", change=lambda spec: spec.update({"org.example.unknown": {"a": [1]}}))
    assert done.stdout == "ran\n", done.stderr


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "ä"])
def test_an_id_that_is_no_file_name_is_refused(bundle, name):
    bundle.write()
    done = bundle.oci("create", name)
    assert done.returncode == 1 and "is no container id" in done.stderr


def test_errors_reach_the_log_in_runcs_format(bundle):
    log = f"{bundle.place}/log.json"
    done = bundle.oci("--log", log, "--log-format", "json", "state", "none")
    assert done.returncode == 1 and done.stderr == "bolt-oci: container 'none' does not exist; 'bolt-oci list' shows those that do\n"
    with open(log) as text:
        entry = json.loads(text.read())
    assert entry["level"] == "error" and entry["msg"] == "container 'none' does not exist; 'bolt-oci list' shows those that do" and entry["time"].endswith("Z")


def test_spec_writes_a_document_that_runs_and_does_not_overwrite(bundle):
    again = bundle.oci("spec", "--bundle", bundle.place)
    assert again.returncode == 1 and "exists already" in again.stderr
    assert bundle.run("echo", "ran").stdout == "ran\n"


def test_features_describes_the_runtime(bundle):
    features = json.loads(bundle.oci("features").stdout)
    assert features["ociVersionMin"] == "1.0.0" and "rro" in features["mountOptions"]
    assert {"namespaces", "capabilities", "cgroup", "seccomp"} <= set(features["linux"])


def test_the_cgroup_manager_systemd_needs_a_host_that_runs_it(bundle):
    """The other side is tested in tests/host."""
    if os.path.exists("/run/systemd/private"):
        pytest.skip("this host runs systemd")
    bundle.write()
    for option in (["--systemd-cgroup"], ["--cgroup-manager", "systemd"]):
        done = bundle.oci(*option, "run", bundle.new_id())
        assert done.returncode == 1 and ("has no controllers of cgroup v1" in done.stderr or "does not run systemd" in done.stderr or "no systemd of this user" in done.stderr)


def test_every_option_is_in_the_help(bundle):
    for line in bundle.oci("__options").stdout.splitlines():
        command, option = line.split("\t")
        assert option in bundle.oci(*([command] if command else []), "--help").stdout
