"""Where mount_setattr(2) is missing: what only it can do is refused by name, and what stands in for it leaves no trace."""
import os

import pytest


def refusal(bundle, change):
    done = bundle.run("true", change=change)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done
    assert bundle.oci("list", "-q").stdout == ""
    return done.stderr


def test_id_mapped_mounts_are_refused(root_bundle):
    maps = {"uidMappings": [{"containerID": 0, "hostID": 7000, "size": 10}], "gidMappings": [{"containerID": 0, "hostID": 7000, "size": 10}]}
    mount = {"destination": "/data", "type": "bind", "source": root_bundle.place, "options": ["bind", "idmap"], **maps}
    assert "mount '/data': a mount that maps ids needs mount_setattr(2), Linux 5.12" in refusal(root_bundle, lambda spec: spec["mounts"].append(mount))


def test_a_bind_mount_that_shares_with_the_host_is_refused(root_bundle):
    mount = {"destination": "/data", "type": "bind", "source": root_bundle.place, "options": ["rbind", "rshared"]}

    def change(spec):
        spec["linux"]["rootfsPropagation"] = "rshared"
        spec["mounts"].append(mount)

    assert f"bind '{root_bundle.place}': a mount that spreads to the host needs mount_setattr(2), Linux 5.12" in refusal(root_bundle, change)


@pytest.mark.parametrize("arguments", [[], ["--no-pivot"]], ids=["pivot", "chroot"])
def test_the_place_where_mounts_wait_is_gone(root_bundle, arguments):
    """It lies over the root directory while mounts are made: who enters the mount namespace later must not begin in it."""
    done = root_bundle.run("sh", "-c", "ls -d /bin; cat /proc/self/mountinfo", arguments=arguments)
    assert done.stdout.startswith("/bin\n") and "size=64k,mode=700" not in done.stdout, done
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert [line.split()[4] for line in table].count("/") == 1
    assert os.stat("/..").st_ino == os.stat("/").st_ino


def test_a_copy_of_the_whole_host_is_without_the_place_where_mounts_wait(root_bundle):
    mount = {"destination": "/data", "type": "bind", "source": "/", "options": ["rbind", "ro"]}
    done = root_bundle.run("ls", "/data", change=lambda spec: spec["mounts"].append(mount))
    assert "usr" in done.stdout.split() and "0" not in done.stdout.split(), done


def test_the_root_becomes_read_only_without_a_proc_and_whatever_is_there_instead(bundle):
    fake = f"{bundle.place}/rootfs/proc/self/fd"
    os.makedirs(fake)
    for number in range(3, 60):
        os.symlink("/data", f"{fake}/{number}")

    def change(spec):
        spec["mounts"] = [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"}]
        spec["root"]["readonly"] = True
        spec["linux"].update(maskedPaths=[], readonlyPaths=[])

    done = bundle.run("sh", "-c", "touch /data/x && echo there; touch /x", change=change)
    assert done.stdout == "there\n" and "/x: Read-only file system" in done.stderr, done


def test_mounts_that_others_cover_are_passed_over(root_bundle):
    places = [{"destination": place, "type": "tmpfs", "source": "tmpfs"} for place in ("/data", "/data/x", "/data/x/sub", "/data/x")]
    done = root_bundle.run("sh", "-c", "touch /data/x/y", change=lambda spec: spec["mounts"].extend([*places, {"destination": "/data", "options": ["remount", "bind", "rro"]}]))
    assert "Read-only file system" in done.stderr, done


def test_a_covering_mount_with_a_directory_of_the_same_name(root_bundle):
    places = [{"destination": place, "type": "tmpfs", "source": "tmpfs"} for place in ("/data", "/data/c", "/data/c/in", "/data/c")]
    root_bundle.spec["hooks"] = {}
    again = {"destination": "/data", "options": ["remount", "bind", "rro"]}
    inner = {"destination": "/data/c/in", "type": "tmpfs", "source": "tmpfs"}
    done = root_bundle.run("sh", "-c", "touch /data/c/y; touch /data/c/in/y", change=lambda spec: spec["mounts"].extend([*places, inner, again]))
    assert done.stderr.count("Read-only file system") == 2, done
