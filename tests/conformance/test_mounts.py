"""config.md, Mounts; config-linux.md: default devices, masked and read-only paths, rootfs propagation."""
import os
import subprocess

import conftest
import pytest


def mounts_in(text):
    """mountinfo lines as {mount point: (mount options, optional fields, type)}; the topmost mount wins."""
    found = {}
    for line in text.splitlines():
        before, after = line.split(" - ")
        fields = before.split()
        found[fields[4]] = (fields[5].split(","), fields[6:], after.split()[0])
    return found


def add_mount(**mount):
    return lambda spec: spec["mounts"].append(mount)


def test_the_runtime_must_mount_entries_in_the_listed_order(bundle):
    os.makedirs(f"{bundle.place}/rootfs/one")

    def change(spec):
        spec["mounts"] += [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"},
                           {"destination": "/data/below/it", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"]}]

    done = bundle.run("cat", "/proc/self/mountinfo", change=change)
    assert done.returncode == 0, done.stderr
    points = [line.split()[4] for line in done.stdout.splitlines()]
    assert points.index("/data") < points.index("/data/below/it")


def test_a_file_is_bound_where_a_link_leads_that_leads_nowhere(bundle):
    """Images made where systemd-resolved runs have such an /etc/resolv.conf."""
    os.symlink("../run/systemd/resolve/stub-resolv.conf", f"{bundle.place}/rootfs/etc/resolv.conf")
    with open(f"{bundle.place}/names", "w") as names:
        names.write("nameserver 192.0.2.1\n")
    mount = add_mount(destination="/etc/resolv.conf", type="bind", source=f"{bundle.place}/names", options=["bind", "ro"])
    assert bundle.run("cat", "/etc/resolv.conf", change=mount).stdout == "nameserver 192.0.2.1\n"
    assert os.path.lexists(f"{bundle.place}/rootfs/run/systemd/resolve/stub-resolv.conf")


def test_root_and_sources_may_lie_where_only_the_caller_may_look(root_bundle):
    """Root of the container's user namespace is nobody on the host: what the runtime may reach is mounted all the same."""
    os.chmod(root_bundle.place, 0o700)
    os.makedirs(f"{root_bundle.place}/data")
    for path, folders, files in os.walk(f"{root_bundle.place}/rootfs"):
        for name in folders + files + ["."]:
            os.chown(os.path.join(path, name), 500000, 500000, follow_symlinks=False)

    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 500000, "size": 1000}]
        spec["mounts"].append({"destination": "/data", "type": "bind", "source": f"{root_bundle.place}/data", "options": ["bind", "ro"]})

    done = root_bundle.run("stat", "-c", "%u %F", "/", "/data", change=change)
    assert done.stdout == "0 directory\n65534 directory\n", done.stderr


@pytest.mark.parametrize("options, expected", [
    (["nosuid", "nodev", "noexec"], {"rw", "nosuid", "nodev", "noexec", "relatime"}),
    (["ro"], {"ro", "relatime"}),
    (["noatime"], {"rw", "noatime"}),
    (["nodev", "dev", "ro", "rw"], {"rw", "relatime"}),
])
def test_mount_options_are_applied_to_new_file_systems(bundle, options, expected):
    done = bundle.run("cat", "/proc/self/mountinfo", change=add_mount(destination="/data", type="tmpfs", source="tmpfs", options=options))
    assert done.returncode == 0, done.stderr
    assert set(mounts_in(done.stdout)["/data"][0]) == expected


def test_a_file_systems_own_options_reach_it(bundle):
    done = bundle.run("sh", "-c", "df -k /data; stat -c %a /data", change=add_mount(
        destination="/data", type="tmpfs", source="tmpfs", options=["size=128k", "mode=1711"]))
    assert done.returncode == 0, done.stderr
    assert "      128 " in done.stdout and done.stdout.endswith("1711\n")


def test_an_unknown_option_is_an_error_that_names_mount_and_option(bundle):
    done = bundle.run("true", change=add_mount(destination="/data", type="tmpfs", source="tmpfs", options=["no-such-option"]))
    assert done.returncode == 1
    assert "on '/data'" in done.stderr and "no-such-option" in done.stderr


def test_bind_mounts_of_files_and_directories_make_missing_targets(bundle):
    os.makedirs(f"{bundle.place}/shared")
    with open(f"{bundle.place}/shared/file", "w") as text:
        text.write("contents\n")
    os.chmod(f"{bundle.place}/shared/file", 0o644)

    def change(spec):
        spec["root"]["readonly"] = False
        spec["mounts"] += [{"destination": "/new/dir", "type": "bind", "source": "shared", "options": ["bind", "ro"]},
                           {"destination": "/new/place/file", "source": f"{bundle.place}/shared/file", "options": ["rbind", "ro", "nosuid"]}]

    done = bundle.run("sh", "-c", "cat /new/dir/file /new/place/file; touch /new/dir/x; cat /proc/self/mountinfo", change=change)
    assert done.stdout.startswith("contents\ncontents\n"), done.stderr
    assert "Read-only file system" in done.stderr
    mounts = mounts_in(done.stdout.split("contents\n")[-1])
    assert "ro" in mounts["/new/dir"][0] and {"ro", "nosuid"} <= set(mounts["/new/place/file"][0])


def test_a_missing_bind_source_is_an_error_that_names_it(bundle):
    done = bundle.run("true", change=add_mount(destination="/data", type="bind", source="/no/such/source", options=["bind"]))
    assert done.returncode == 1
    assert "bind '/no/such/source' on '/data'" in done.stderr and "No such file or directory" in done.stderr


def test_recursive_options_reach_mounts_below(root_bundle):
    bundle = root_bundle
    os.makedirs(f"{bundle.place}/tree/below")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{bundle.place}/tree/below"], check=True)
    try:
        top_only = bundle.run("cat", "/proc/self/mountinfo", change=add_mount(destination="/data", source=f"{bundle.place}/tree", options=["rbind", "ro"]))
        whole = bundle.run("cat", "/proc/self/mountinfo", change=add_mount(destination="/data", source=f"{bundle.place}/tree", options=["rbind", "rro", "rnodev"]))
    finally:
        subprocess.run(["umount", f"{bundle.place}/tree/below"], check=True)
    assert "ro" in mounts_in(top_only.stdout)["/data"][0] and "rw" in mounts_in(top_only.stdout)["/data/below"][0]
    for point in ("/data", "/data/below"):
        assert {"ro", "nodev"} <= set(mounts_in(whole.stdout)[point][0])


@pytest.mark.parametrize("option, expected", [("rprivate", []), ("rshared", ["shared"]), ("rslave", ["master"]), ("unbindable", ["unbindable"])])
def test_propagation_of_mounts(root_bundle, option, expected):
    bundle = root_bundle
    os.makedirs(f"{bundle.place}/tree")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{bundle.place}/tree"], check=True)
    subprocess.run(["mount", "--make-shared", f"{bundle.place}/tree"], check=True)
    try:
        done = bundle.run("cat", "/proc/self/mountinfo", change=add_mount(destination="/data", source=f"{bundle.place}/tree", options=["rbind", option]))
    finally:
        subprocess.run(["umount", f"{bundle.place}/tree"], check=True)
    assert done.returncode == 0, done.stderr
    fields = [field.split(":")[0] for field in mounts_in(done.stdout)["/data"][1]]
    assert fields[:1] == expected[:1]


@pytest.mark.parametrize("propagation, expected", [("private", []), ("shared", ["shared"]), ("unbindable", ["unbindable"])])
def test_rootfs_propagation_sets_the_rootfs_mount_propagation(bundle, propagation, expected):
    done = bundle.run("cat", "/proc/self/mountinfo", change=lambda spec: spec["linux"].update(rootfsPropagation=propagation))
    assert done.returncode == 0, done.stderr
    assert [field.split(":")[0] for field in mounts_in(done.stdout)["/"][1]] == expected


def test_the_default_devices_must_be_supplied(bundle):
    script = "for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done; echo x > /dev/null && head -c 2 /dev/zero | wc -c"
    done = bundle.run("sh", "-c", script)
    assert done.stdout == "2\n", done.stderr
    links = bundle.run("sh", "-c", "for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done")
    assert links.stdout.split() == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"]


def test_a_device_is_not_made_over_something_else(bundle):
    with open(f"{bundle.place}/rootfs/data/node", "w") as file:
        file.write("the image's\n")
    device = {"path": "/data/node" if not bundle.uid else "/dev/null", "type": "c", "major": 1, "minor": 3}
    if bundle.uid:  # its path is also where the host's own is looked for
        bundle.spec["mounts"] = [mount for mount in bundle.spec["mounts"] if not mount["destination"].startswith("/dev")]
        bundle.spec["mounts"].append({"destination": "/dev", "type": "bind", "source": f"{bundle.place}/rootfs/data", "options": ["bind"]})
        os.rename(f"{bundle.place}/rootfs/data/node", f"{bundle.place}/rootfs/data/null")
    done = bundle.run("true", change=lambda spec: spec["linux"].update(devices=[device]))
    assert done.returncode == 1 and f"device '{device['path']}': something else is there" in done.stderr, done
    with open(f"{bundle.place}/rootfs/data/{'null' if bundle.uid else 'node'}") as file:
        assert file.read() == "the image's\n"


def test_listed_devices_are_made_with_their_mode_and_owner(root_bundle):
    device = {"path": "/dev/deep/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8}
    done = root_bundle.run("stat", "-c", "%t:%T %a %u %g %F", "/dev/deep/mine", change=lambda spec: spec["linux"].update(devices=[device]))
    assert done.stdout == "1:5 640 7 8 character special file\n", done.stderr


def test_masked_paths_must_be_unreadable_and_read_only_paths_unwritable(bundle):
    with open(f"{bundle.place}/rootfs/data/secret", "w") as text:
        text.write("secret")

    def change(spec):
        spec["root"]["readonly"] = False
        spec["linux"]["maskedPaths"] = ["/data/secret", "/home", "/proc/kcore", "/not/there"]
        spec["linux"]["readonlyPaths"] = ["/proc/sys", "/etc", "/not/there/either"]

    done = bundle.run("sh", "-c", "cat /data/secret; ls /home; touch /home/x || touch /etc/x || touch /proc/sys/x || touch /tmp/x && echo done", change=change)
    assert done.stdout == "done\n"
    assert done.stderr.count("Read-only file system") >= 2


def test_every_masked_directory_is_empty_and_nothing_can_be_made_in_it(bundle):
    for name in ("one", "two", "three"):
        os.makedirs(f"{bundle.place}/rootfs/{name}/below")

    def change(spec):
        spec["root"]["readonly"] = False
        spec["linux"]["maskedPaths"] = ["/one", "/two", "/three"]

    done = bundle.run("sh", "-c", "for d in one two three; do ls -A /$d; mkdir /$d/x; stat -c '%a %d' /$d; done; stat -c %d /", change=change)
    *masks, root = done.stdout.splitlines()
    assert len(masks) == 3 and len(set(masks)) == 1 and masks[0].startswith("555 ") and masks[0] != f"555 {root}", done
    assert done.stderr.count("Read-only file system") == 3, done


def test_root_readonly_makes_the_root_read_only(bundle):
    assert "Read-only file system" in bundle.run("touch", "/data/x", change=lambda spec: spec["root"].update(readonly=True)).stderr
    assert bundle.run("touch", "/data/x", change=lambda spec: spec["root"].update(readonly=False)).returncode == 0


def test_targets_are_resolved_inside_the_root(bundle):
    """Symbolic links of the image, absolute and climbing, never lead to the host's files."""
    os.makedirs(f"{bundle.place}/host-dir")
    os.symlink(f"{bundle.place}/host-dir", f"{bundle.place}/rootfs/absolute")
    os.symlink("../../../../../../../../.." + bundle.place + "/host-dir", f"{bundle.place}/rootfs/climbing")

    def change(spec):
        spec["root"]["readonly"] = False
        spec["mounts"] += [{"destination": "/absolute/x", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/climbing/y", "type": "tmpfs", "source": "tmpfs"},
                           {"destination": "/../../z", "type": "tmpfs", "source": "tmpfs"}]

    done = bundle.run("cat", "/proc/self/mountinfo", change=change)
    assert os.listdir(f"{bundle.place}/host-dir") == []
    if done.returncode == 0:
        assert {f"{bundle.place}/host-dir/x", "/z"} <= set(mounts_in(done.stdout))


def test_nothing_of_the_host_is_left_in_the_mount_table(bundle):
    done = bundle.run("cat", "/proc/self/mountinfo")
    points = list(mounts_in(done.stdout))
    assert all(point == "/" or point.split("/")[1] in ("proc", "dev", "sys") for point in points), points


def test_recursive_options_count_for_new_file_systems_too(bundle):
    mount = {"destination": "/fresh", "type": "tmpfs", "source": "tmpfs", "options": ["rro", "rnoexec"]}
    done = bundle.run("sh", "-c", "mkdir /fresh/x; grep ' /fresh ' /proc/self/mounts", change=lambda spec: spec["mounts"].append(mount))
    assert "Read-only file system" in done.stderr and "noexec" in done.stdout


def test_a_device_that_keeps_the_hosts_mode_is_said(user_bundle):
    mode = os.stat("/dev/kmsg").st_mode & 0o777
    device = {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": mode ^ 0o200}
    done = user_bundle.run("stat", "-c", "%a", "/dev/kmsg", change=lambda spec: spec["linux"].update(devices=[device]))
    assert done.stdout == f"{mode:o}\n"
    assert done.stderr == "bolt-oci: device '/dev/kmsg' keeps the host's mode and owner: fileMode, uid and gid cannot be set in a user namespace\n"


def test_a_hidden_proc_of_the_host_is_said(user_bundle):
    """As inside a container of docker's: a part of /proc is covered, so the kernel lets nobody have a new one."""
    user_bundle.spec["process"]["args"] = ["ls", "/proc/self"]
    user_bundle.write()
    with open("/proc/self/mountinfo") as mountinfo:  # any whole one would do for the kernel
        shown = [point for point, (_, _, kind) in mounts_in(mountinfo.read()).items() if kind == "proc"]
    script = "".join(f"mount -t tmpfs cover '{point}/fs' && " for point in shown) + 'exec setpriv --reuid=2000 --regid=2000 --clear-groups "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", conftest.RUNTIME, "--root", user_bundle.root, "run", user_bundle.new_id()],
                          cwd=user_bundle.place, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and "cmdline" in done.stdout, done.stderr
    assert "the kernel refuses a new /proc while a part of the host's is hidden" in done.stderr


def test_tmpcopyup_begins_with_what_is_there(bundle):
    place = f"{bundle.place}/rootfs/data"
    os.makedirs(f"{place}/below", mode=0o750)
    with open(f"{place}/below/file", "w") as file:
        file.write("from the image\n")
    os.chmod(f"{place}/below/file", 0o640)
    os.symlink("below/file", f"{place}/link")
    if bundle.uid:
        subprocess.run(["chown", "-hR", f"{bundle.uid}:{bundle.uid}", place], check=True)
    done = bundle.run("sh", "-c", "cat /data/link; stat -c '%a %n' /data/below /data/below/file; echo more > /data/new; stat -f -c %T /data",
                      change=add_mount(destination="/data", type="tmpfs", source="tmpfs", options=["tmpcopyup", "size=1m"]))
    assert done.stdout == "from the image\n750 /data/below\n640 /data/below/file\ntmpfs\n", done.stdout + done.stderr
    assert not os.path.exists(f"{place}/new")
    full = bundle.run("true", change=add_mount(destination="/bin", type="tmpfs", source="tmpfs", options=["tmpcopyup", "size=64k"]))
    assert full.returncode == 1 and "tmpcopyup: copy 'busybox'" in full.stderr and "No space left" in full.stderr


def test_an_id_mapped_bind_mount_shows_other_owners(root_bundle):
    place = f"{root_bundle.place}/shared"
    os.makedirs(f"{place}/below")
    os.chown(f"{place}/below", 1000, 1001)
    maps = dict(uidMappings=[{"containerID": 1000, "hostID": 7000, "size": 10}], gidMappings=[{"containerID": 1001, "hostID": 8000, "size": 10}])
    done = root_bundle.run("stat", "-c", "%u %g", "/data/below", change=add_mount(destination="/data", type="bind", source=place, options=["bind", "idmap"], **maps))
    assert done.stdout == "7000 8000\n", done.stderr
    # The mappings alone say the same.
    done = root_bundle.run("stat", "-c", "%u %g", "/data/below", change=add_mount(destination="/data", type="bind", source=place, options=["bind"], **maps))
    assert done.stdout == "7000 8000\n", done.stderr


def test_an_id_mapped_bind_mount_with_the_containers_own_mappings(root_bundle):
    place = f"{root_bundle.place}/shared"
    os.makedirs(place)
    os.chown(place, 5, 6)

    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        spec["linux"].pop("resources", None)
        spec["mounts"].append({"destination": "/data", "type": "bind", "source": place, "options": ["rbind", "ridmap", "ro"]})

    done = root_bundle.run("sh", "-c", "stat -c '%u %g' /data; touch /data/x", change=change)
    assert done.stdout == "5 6\n" and "Read-only" in done.stderr, done.stderr


def test_crun_s_mappings_behind_idmap(root_bundle):
    place = f"{root_bundle.place}/shared"
    os.makedirs(place)
    os.chown(place, 1005, 1001)
    for target in ("one", "two"):
        os.makedirs(f"{root_bundle.place}/rootfs/{target}", exist_ok=True)

    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 1000}, {"containerID": 1000, "hostID": 300000, "size": 1000}]
        spec["linux"].pop("resources", None)
        for target, option in (("/one", "idmap=uids=0-200000-10#1000-200500-10;gids=1001-200020-1"), ("/two", "idmap=uids=@1000-1100-10;gids=@1001-30-1")):
            spec["mounts"].append({"destination": target, "type": "bind", "source": place, "options": ["bind", option]})

    done = root_bundle.run("stat", "-c", "%u %g", "/one", "/two", change=change)
    assert done.stdout == "505 20\n1105 30\n", done


def test_a_source_that_is_a_link_is_copied(bundle):
    """crun's copy-symlink; what is no link is mounted as ever."""
    os.symlink("usual", f"{bundle.place}/link")
    with open(f"{bundle.place}/file", "w") as file:
        file.write("a file\n")
    os.makedirs(f"{bundle.place}/rootfs/there", exist_ok=True)
    os.symlink("usual", f"{bundle.place}/rootfs/there/same")
    os.symlink("other", f"{bundle.place}/rootfs/there/other")
    for target in ("/new/place/link", "/there/same"):
        done = bundle.run("readlink", target, change=add_mount(destination=target, type="bind", source=f"{bundle.place}/link", options=["bind", "copy-symlink"]))
        assert done.stdout == "usual\n", done
    done = bundle.run("cat", "/plain", change=add_mount(destination="/plain", type="bind", source=f"{bundle.place}/file", options=["bind", "copy-symlink"]))
    assert done.stdout == "a file\n", done
    done = bundle.run("true", change=add_mount(destination="/there/other", type="bind", source=f"{bundle.place}/link", options=["bind", "copy-symlink"]))
    assert done.returncode == 1 and "something else than a link to 'usual' is there" in done.stderr, done


def test_links_themselves_are_mounted_and_mounted_upon(bundle):
    """crun's src-nofollow and dest-nofollow."""
    os.symlink("leads/nowhere", f"{bundle.place}/link")
    os.symlink("secret", f"{bundle.place}/rootfs/entry")
    with open(f"{bundle.place}/rootfs/secret", "w") as file:
        file.write("the image's\n")
    with open(f"{bundle.place}/file", "w") as file:
        file.write("the caller's\n")
    done = bundle.run("readlink", "/target", change=add_mount(destination="/target", type="bind", source=f"{bundle.place}/link", options=["bind", "src-nofollow"]))
    assert done.stdout == "leads/nowhere\n", done
    over = dict(destination="/entry", type="bind", source=f"{bundle.place}/file")
    done = bundle.run("cat", "/entry", "/secret", change=add_mount(**over, options=["bind", "dest-nofollow"]))
    assert done.stdout == "the caller's\nthe image's\n", done
    assert bundle.run("cat", "/secret", change=add_mount(**over, options=["bind"])).stdout == "the caller's\n"


@pytest.mark.parametrize("mount, says", [
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "idmap=uids=0-1;gids=0-1-1"]), "option 'idmap': '0-1' is not like '0-1000-1'"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "idmap=uids=0-1-1"]), "'uids=' and 'gids=' stand together"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "idmap=ids=0-1-1"]), "'ids=0-1-1' begins with neither 'uids=' nor 'gids='"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "idmap=uids=@0-1-1;gids=0-1-1"]), "the container's user namespace does not map id 1"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "idmap=uids=4294967290-1-10;gids=0-1-1"]), "goes beyond the last id"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "copy-symlink", "dest-nofollow"]), "'copy-symlink' goes together with neither"),
    (dict(destination="/data", type="tmpfs", source="tmpfs", options=["src-nofollow"]), "are for bind mounts"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "idmap"]), "option 'idmap' needs uidMappings and gidMappings"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind"], uidMappings=[{"containerID": 0, "hostID": 1, "size": 1}]), "one is missing"),
    (dict(destination="/data", type="tmpfs", source="tmpfs", options=["idmap"]), "only bind mounts can have ids of their own"),
    (dict(destination="/data", type="bind", source="/tmp", options=["bind", "tmpcopyup"]), "'tmpcopyup' is for a tmpfs"),
])
def test_mapped_and_copied_mounts_that_make_no_sense_are_refused(root_bundle, mount, says):
    done = root_bundle.run("true", change=add_mount(**mount))
    assert done.returncode == 1 and "/data" in done.stderr and says in done.stderr, done.stderr


def test_an_ordinary_user_is_told_that_ids_cannot_be_mapped(user_bundle):
    maps = dict(uidMappings=[{"containerID": 0, "hostID": 2000, "size": 1}], gidMappings=[{"containerID": 0, "hostID": 2000, "size": 1}])
    done = user_bundle.run("true", change=add_mount(destination="/data", type="bind", source=user_bundle.place, options=["bind"], **maps))
    assert done.returncode == 1 and "mapping a mount's ids needs CAP_SYS_ADMIN" in done.stderr and "/data" in done.stderr, done.stderr


def test_a_tmpfs_has_the_mode_of_what_it_hides_unless_it_is_told_another(bundle):
    os.makedirs(f"{bundle.place}/rootfs/data", exist_ok=True)
    os.chmod(f"{bundle.place}/rootfs/data", 0o1750)
    mount = dict(destination="/data", type="tmpfs", source="tmpfs")
    assert bundle.run("stat", "-c", "%a", "/data", change=add_mount(**mount)).stdout == "1750\n"
    assert bundle.run("stat", "-c", "%a", "/data", change=add_mount(**mount, options=["mode=711"])).stdout == "711\n"
    assert bundle.run("stat", "-c", "%a", "/data/new", change=add_mount(**{**mount, "destination": "/data/new"})).stdout == "1777\n"


@pytest.mark.parametrize("link, target", [("var/run", "/run2"), ("var/run", "../run2"), ("run", "other"), ("run", "/a/b/c")])
def test_a_directory_is_mounted_where_a_link_leads_that_leads_nowhere(bundle, link, target):
    """Kubernetes mounts below /var/run, which in many images is a link to a /run that they do not have."""
    rootfs = f"{bundle.place}/rootfs"
    os.makedirs(f"{rootfs}/var", exist_ok=True)
    if bundle.uid:
        os.chown(f"{rootfs}/var", bundle.uid, bundle.uid)
    os.symlink(target, f"{rootfs}/{link}")
    done = bundle.run("cat", f"/{link}/secrets/token", f"{os.path.join('/' + os.path.dirname(link), target)}/secrets/token", change=add_mount(
        destination=f"/{link}/secrets", type="bind", source=bundle_file(bundle, "there"), options=["bind"]))
    assert (done.returncode, done.stdout) == (0, "there\nthere\n"), done


def bundle_file(bundle, text):
    os.makedirs(f"{bundle.place}/source", exist_ok=True)
    with open(f"{bundle.place}/source/token", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"{bundle.place}/source"


def test_a_link_that_leads_to_itself_is_no_mount_point(bundle):
    os.symlink("loop", f"{bundle.place}/rootfs/loop")
    done = bundle.run("true", change=add_mount(destination="/loop/in", type="bind", source="/tmp", options=["bind"]))
    assert done.returncode == 1 and "bind '/tmp' on '/loop/in'" in done.stderr, done


@pytest.mark.parametrize("device", ["random", "tty", "null"])
def test_what_is_mounted_on_a_default_device_takes_its_place(bundle, device):
    done = bundle.run("stat", "-c", "%t,%T", f"/dev/{device}", change=add_mount(destination=f"/dev/{device}", type="bind", source="/dev/zero", options=["bind"]))
    assert (done.returncode, done.stdout) == (0, "1,5\n"), done


def test_a_device_that_dev_hides_is_the_usual_one(bundle):
    early = {"destination": "/dev/random", "type": "bind", "source": "/dev/zero", "options": ["bind"]}
    done = bundle.run("stat", "-c", "%t,%T", "/dev/random", change=lambda spec: spec["mounts"].insert(0, early))
    assert (done.returncode, done.stdout) == (0, "1,8\n"), done


def test_a_mount_that_the_host_has_read_only_stays_so_in_a_user_namespace(user_bundle):
    """podman says "rw" of whatever it binds."""
    source = bundle_file(user_bundle, "there")
    subprocess.run(["mount", "--bind", source, source], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro,nosuid", source], check=True)
        bound = lambda *options: add_mount(destination="/data", type="bind", source=source, options=["rbind", *options])
        done = user_bundle.run("sh", "-c", "cat /data/token; touch /data/new", change=bound("rw", "rprivate"))
        assert done.stdout == "there\n" and "Read-only file system" in done.stderr, done
        assert "mount '/data': it stays read-only, as on the host: in a user namespace 'rw' cannot take that back" in done.stderr, done
        refused = user_bundle.run("true", change=bound("suid"))
        assert refused.returncode == 1 and "the host has nosuid, nodev, noexec or noatime there" in refused.stderr, refused
    finally:
        subprocess.run(["umount", source], check=True)


def test_cgroup2_is_version_2s_tree_wherever_it_is_mounted(root_bundle):
    done = root_bundle.run("cat", "/data/cgroup.controllers", change=add_mount(destination="/data", type="cgroup2", source="cgroup2"))
    assert done.returncode == 0, done


def test_a_remount_of_what_is_not_mounted_is_refused(bundle):
    done = bundle.run("true", change=add_mount(destination="/data", type="tmpfs", source="tmpfs", options=["remount"]))
    assert done.returncode == 1 and "remount '/data': nothing is mounted there" in done.stderr, done


def test_options_may_come_in_one_text(bundle):
    done = bundle.run("cat", "/proc/self/mountinfo", change=add_mount(destination="/data", type="tmpfs", source="tmpfs", options=["nosuid,size=64k,mode=700,acl"]))
    assert done.returncode == 0 and "size=64k,mode=700" in done.stdout and "nosuid" in mounts_in(done.stdout)["/data"][0], done


def test_recursive_options_come_last(root_bundle):
    done = root_bundle.run("cat", "/proc/self/mountinfo", change=add_mount(destination="/data", type="bind", source="/tmp", options=["rbind", "rnosuid", "suid", "nodev", "rdev"]))
    options = mounts_in(done.stdout)["/data"][0]
    assert "nosuid" in options and "nodev" not in options, options


def without_dev(spec):
    spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith("/dev")]


def test_a_root_whose_dev_is_its_own_can_be_used_again(bundle):
    """Where no device can be made the first start leaves mount points."""
    for _ in range(2):
        done = bundle.run("sh", "-c", "echo lost > /dev/null; test -c /dev/null", change=without_dev)
        assert done.returncode == 0, done


def test_an_image_with_a_file_where_a_device_belongs(bundle):
    os.makedirs(f"{bundle.place}/rootfs/dev", exist_ok=True)
    with open(f"{bundle.place}/rootfs/dev/null", "w", encoding="utf-8") as file:
        file.write("kept\n")
    done = bundle.run("sh", "-c", "test -c /dev/null", change=without_dev)
    assert done.returncode == 0, done
    with open(f"{bundle.place}/rootfs/dev/null", encoding="utf-8") as file:
        assert file.read() == "kept\n"


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_hooks_reach_the_containers_root_by_the_path_that_they_know(root_bundle, kind):
    """As those of GPUs do: by nsenter(1) from outside, or from inside."""
    command = f"mount -t tmpfs hooked {root_bundle.place}/rootfs/tmp"
    if kind == "createRuntime":
        command = "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -m " + command
    done = root_bundle.run("cat", "/proc/self/mountinfo", change=lambda spec: spec.update(hooks={kind: [{"path": "/bin/sh", "args": ["sh", "-c", command]}]}))
    assert done.returncode == 0 and mounts_in(done.stdout)["/tmp"][2] == "tmpfs" and " hooked " in done.stdout, done


def test_mounts_go_both_ways_where_both_are_shared(root_bundle):
    place = bundle_file(root_bundle, "there")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    try:
        subprocess.run(["mount", "--make-shared", place], check=True)

        def change(spec):
            spec["linux"]["rootfsPropagation"] = "rshared"
            spec["mounts"].append({"destination": "/data", "type": "bind", "source": place, "options": ["rbind", "rshared"]})
            for names in spec["process"]["capabilities"].values():
                names.append("CAP_SYS_ADMIN")
            spec["linux"].pop("seccomp", None)

        done = root_bundle.run("sh", "-c", "mkdir /data/inner && mount -t tmpfs inner /data/inner && echo mounted", change=change)
        assert done.stdout == "mounted\n", done
        assert os.path.ismount(f"{place}/inner")
        with open("/proc/self/mountinfo", encoding="utf-8") as mounted:
            assert f"{root_bundle.place}/rootfs" not in mounted.read()
    finally:
        subprocess.run(["umount", "-R", place], check=True)


@pytest.mark.parametrize("options", [["noatime"], ["strictatime", "nosuid"]])
def test_the_hosts_cgroups_are_shown_with_any_access_times(root_bundle, options):
    def change(spec):
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["destination"] != "/sys/fs/cgroup"]
        spec["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup2", "source": "cgroup", "options": options})
        spec["linux"]["namespaces"] = [entry for entry in spec["linux"]["namespaces"] if entry["type"] != "cgroup"]

    done = root_bundle.run("sh", "-c", "grep ' /sys/fs/cgroup' /proc/self/mounts", change=change)
    assert done.returncode == 0 and all(" ro," in line for line in done.stdout.splitlines()), done
