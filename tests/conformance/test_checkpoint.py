"""checkpoint and restore, as far as they go without criu at work: tests/host/as-root-criu.sh has the rest."""
import os


def test_checkpoint_needs_root(user_bundle):
    name = user_bundle.running("sleep", "1000")
    done = user_bundle.oci("checkpoint", name)
    assert done.returncode == 1 and done.stderr == f"bolt-oci: checkpoint container '{name}': criu needs root\n"
    assert user_bundle.status(name) == "running"


def test_without_criu_the_package_is_named(root_bundle, monkeypatch):
    name = root_bundle.running("sleep", "1000")
    monkeypatch.setenv("PATH", root_bundle.place)
    for command in (["checkpoint", name], ["restore", "--image-path", root_bundle.place, "other"]):
        done = root_bundle.oci(*command)
        assert done.returncode == 1 and "program 'criu' is not installed; install the package criu" in done.stderr
    assert root_bundle.oci("list", "--quiet").stdout.split() == [name]


def test_what_cannot_be_checkpointed_is_refused(root_bundle):
    created = root_bundle.create("sleep", "1000")
    done = root_bundle.oci("checkpoint", created)
    assert done.returncode == 1 and "only a running one" in done.stderr
    for option, value, says in (("--manage-cgroups-mode", "none", "'none' is not one of"), ("--parent-path", "/x", "absolute"), ("--empty-ns", "pid", "not network")):
        done = root_bundle.oci("checkpoint", option, value, created)
        assert done.returncode == 1 and says in done.stderr, done.stderr
    assert not os.path.exists(f"{root_bundle.place}/checkpoint")


def test_streams_on_the_null_device_are_the_containers_own(bundle):
    name = bundle.running("sleep", "1000")
    pid = bundle.state(name)["pid"]
    # Standard input was the host's: the same device, but of the container's mount.
    assert os.stat(f"/proc/{pid}/fd/0").st_dev == os.stat(f"/proc/{pid}/root/dev/null").st_dev
    assert os.stat(f"/proc/{pid}/fd/0").st_rdev == os.makedev(1, 3)
