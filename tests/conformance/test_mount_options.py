"""config.md, Linux mount options: every option of the table that a runtime MUST or SHOULD implement."""
import contextlib
import json
import os
import subprocess

import pytest

TABLE = """async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid
nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime
rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync unbindable idmap ridmap tmpcopyup""".split()

TIMES = {"relatime", "noatime"}
# The option; what is listed before it, or the mount below has; what mountinfo shows then, and what it does not.
ATTRIBUTES = [
    ("ro", "rw", {"ro"}, {"rw"}),
    ("rw", "ro", {"rw"}, {"ro"}),
    ("nosuid", "suid", {"nosuid"}, set()),
    ("suid", "nosuid", set(), {"nosuid"}),
    ("nodev", "dev", {"nodev"}, set()),
    ("dev", "nodev", set(), {"nodev"}),
    ("noexec", "exec", {"noexec"}, set()),
    ("exec", "noexec", set(), {"noexec"}),
    ("nodiratime", "diratime", {"nodiratime"}, set()),
    ("diratime", "nodiratime", set(), {"nodiratime"}),
    ("noatime", "strictatime", {"noatime"}, {"relatime"}),
    ("atime", "noatime", {"relatime"}, {"noatime"}),
    ("relatime", "noatime", {"relatime"}, {"noatime"}),
    ("norelatime", "relatime", set(), TIMES),
    ("strictatime", "noatime", set(), TIMES),
    ("nostrictatime", "strictatime", {"relatime"}, {"noatime"}),
    ("nosymfollow", "symfollow", {"nosymfollow"}, set()),
    ("symfollow", "nosymfollow", set(), {"nosymfollow"}),
]
# The same for what is the file system's and not the mount's.
SUPERBLOCK = [
    (["sync"], {"sync"}, {"dirsync"}),
    (["sync", "async"], set(), {"sync"}),
    (["async", "sync"], {"sync"}, set()),
    (["dirsync"], {"dirsync"}, {"sync"}),
    (["lazytime"], {"lazytime"}, set()),
    (["lazytime", "nolazytime"], set(), {"lazytime"}),
    (["nolazytime", "lazytime"], {"lazytime"}, set()),
]
# Nothing shows these.
UNSEEN = [["defaults"], ["silent"], ["loud"], ["silent", "loud"], ["iversion"], ["noiversion"], ["iversion", "noiversion"], ["async"], ["nolazytime"]]
PROPAGATIONS = [("private", []), ("shared", ["shared"]), ("slave", ["master"]), ("unbindable", ["unbindable"])]
ELSEWHERE = ["bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup"]


class Shown:
    """A line of mountinfo."""

    def __init__(self, line):
        before, after = line.split(" - ")
        fields = before.split()
        self.point, self.options, self.propagation = fields[4], set(fields[5].split(",")), [field.split(":")[0] for field in fields[6:]]
        self.type, _, superblock = after.split(" ", 2)
        self.superblock = set(superblock.split(","))


def shown(bundle, *mounts, change=None):
    """{mount point: what mountinfo shows of it} in a container with these mounts; the topmost mount wins."""
    def changed(spec):
        spec["mounts"] += mounts
        if change:
            change(spec)

    done = bundle.run("cat", "/proc/self/mountinfo", change=changed)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return {line.point: line for line in map(Shown, done.stdout.splitlines())}


def tmpfs(*options, destination="/data"):
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def bound(source, *options, **more):
    return {"destination": "/data", "type": "none", "source": source, "options": list(options), **more}


@contextlib.contextmanager
def mounted(*places, options="", shared=False):
    """A tmpfs at each place of the host."""
    done = []
    try:
        for place in places:
            os.makedirs(place, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", *(["-o", options] if options else []), "tmpfs", place], check=True)
            done.append(place)
            if shared:
                subprocess.run(["mount", "--make-shared", place], check=True)
        yield
    finally:
        for place in reversed(done):
            subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("prefix", ["", "r"])
@pytest.mark.parametrize("option, opposite, has, lacks", ATTRIBUTES)
def test_an_option_of_the_mount_is_applied_to_a_new_file_system(bundle, prefix, option, opposite, has, lacks):
    for options in ([prefix + option], [opposite, prefix + option], [prefix + opposite, prefix + option]):
        found = shown(bundle, tmpfs(*options))["/data"].options
        assert has <= found and not lacks & found, options


@pytest.mark.parametrize("option, opposite, has, lacks", ATTRIBUTES)
def test_an_option_of_the_mount_is_applied_to_a_bind_mount(bundle, option, opposite, has, lacks):
    if bundle.uid and option.endswith("time"):
        pytest.skip("in a user namespace the kernel leaves the times of the host's mounts as they are")
    os.makedirs(f"{bundle.place}/tree")
    found = shown(bundle, bound(f"{bundle.place}/tree", "bind", opposite, option))["/data"].options
    assert has <= found and not lacks & found


@pytest.mark.parametrize("option, opposite, has, lacks", ATTRIBUTES)
def test_a_recursive_option_reaches_the_mounts_below(root_bundle, option, opposite, has, lacks):
    tree = f"{root_bundle.place}/tree"
    with mounted(tree, options="mode=755"):
        os.makedirs(f"{tree}/below")
        with mounted(f"{tree}/below"):
            for place in (tree, f"{tree}/below"):  # one at a time: a tmpfs that is read-only from the start has no directory to mount upon
                subprocess.run(["mount", "-o", f"remount,bind,{opposite}", place], check=True)
            found = shown(root_bundle, bound(tree, "rbind", f"r{option}"))
            alone = shown(root_bundle, bound(tree, "rbind", option))
            host = {line.point: line for line in map(Shown, open("/proc/self/mountinfo"))}
    for point in ("/data", "/data/below"):
        assert has <= found[point].options and not lacks & found[point].options, point
    assert has <= alone["/data"].options and not lacks & alone["/data"].options
    # The other form is for the top, and what is bound is as it was.
    for below in (alone["/data/below"], host[tree], host[f"{tree}/below"]):
        assert not (has <= below.options and not lacks & below.options), below.point


@pytest.mark.parametrize("options, has, lacks", SUPERBLOCK)
def test_an_option_of_the_file_system_is_applied(bundle, options, has, lacks):
    found = shown(bundle, tmpfs(*options))["/data"].superblock
    assert has <= found and not lacks & found


@pytest.mark.parametrize("options", UNSEEN)
def test_an_option_that_leaves_no_trace_is_accepted(bundle, options):
    found = shown(bundle, tmpfs(*options, "size=64k"))["/data"]
    assert found.options == {"rw", "relatime"} and "size=64k" in found.superblock and not {"sync", "lazytime"} & found.superblock


@pytest.mark.parametrize("options", [["defaults"], ["silent"], ["loud"], ["async"], ["nolazytime"], ["noiversion"], ["sync", "async"], ["lazytime", "nolazytime"],
                                     ["iversion", "noiversion"], ["iversion"]])
def test_an_option_of_the_file_system_does_not_keep_a_bind_mount_from_being_made(bundle, options):
    """mount(2): the file system is there already, and keeps its own."""
    os.makedirs(f"{bundle.place}/tree")
    assert shown(bundle, bound(f"{bundle.place}/tree", "bind", "noexec", *options))["/data"].options >= {"noexec"}


@pytest.mark.parametrize("mounts", [[], [{"destination": "/data", "type": "none", "source": "PLACE", "options": ["bind"]}]])
def test_a_remount_does_not_change_a_file_system_of_the_hosts(root_bundle, mounts):
    """The root's own file system, and that of a bind mount, have other users."""
    where = mounts[0]["destination"] if mounts else "/"
    mounts = [{**mount, "source": root_bundle.place} for mount in mounts] + [{"destination": where, "type": "none", "options": ["remount", "sync", "noexec"] if mounts else ["remount", "sync"]}]
    with open("/proc/self/mountinfo") as lines:
        before = sorted(line.split(" - ")[1] for line in lines)
    done = root_bundle.run("true", change=lambda spec: spec["mounts"].extend(mounts))
    assert done.returncode == 0 and f"mount '{where}': 'sync' is for the whole file system, which is the host's, and is left out" in done.stderr, done
    with open("/proc/self/mountinfo") as lines:
        assert before == sorted(line.split(" - ")[1] for line in lines)


def test_a_tmpfs_that_is_covered_is_read_only_at_once(bundle):
    found = bundle.run("sh", "-c", "grep ' /data ' /proc/self/mountinfo; touch /data/x && echo written", change=lambda spec: spec["mounts"].extend([tmpfs("ro"), tmpfs("size=64k")]))
    lines = found.stdout.splitlines()
    assert lines[0].split()[5].startswith("ro") and lines[1].split()[5].startswith("rw") and lines[2] == "written", found


@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime"])
def test_what_a_bind_mount_cannot_tell_its_file_system_is_a_warning(bundle, option):
    os.makedirs(f"{bundle.place}/tree")
    done = bundle.run("true", change=lambda spec: spec["mounts"].append(bound(f"{bundle.place}/tree", "bind", option)))
    assert done.returncode == 0 and f"mount '/data': '{option}' is for the whole file system, which is the host's, and is left out" in done.stderr, done


@pytest.mark.parametrize("option, has", [
    ("iversion", set()),
    ("noiversion", set()),
    ("sync", {"sync"}),
    ("dirsync", {"dirsync"}),
    ("lazytime", {"lazytime"}),
    ("silent", set()),
])
def test_an_option_of_the_file_system_is_applied_to_one_on_a_disk(root_bundle, option, has):
    image = f"{root_bundle.place}/image"
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    if subprocess.run(["mkfs.ext4", "-q", image], check=False).returncode != 0:
        pytest.skip("there is no mkfs.ext4")
    device = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if device.returncode != 0:
        pytest.skip("there are no loop devices")
    try:
        found = shown(root_bundle, {"destination": "/data", "type": "ext4", "source": device.stdout.strip(), "options": [option]})["/data"]
        assert found.type == "ext4" and has <= found.superblock
    finally:
        subprocess.run(["losetup", "--detach", device.stdout.strip()], check=True)


@pytest.mark.parametrize("options, runs", [(["noexec"], False), (["exec"], True), (["noexec", "exec"], True), (["rnoexec"], False), (["noexec", "rexec"], True)])
def test_programs_run_unless_noexec_keeps_them(bundle, options, runs):
    done = bundle.run("sh", "-c", "printf '#!/bin/sh\\necho ran\\n' > /data/it; chmod 755 /data/it; /data/it",
                      change=lambda spec: spec["mounts"].append(tmpfs(*options)))
    assert (done.stdout == "ran\n") == runs and ("Permission denied" in done.stderr) != runs


@pytest.mark.parametrize("options, follows", [(["nosymfollow"], False), (["symfollow"], True), (["nosymfollow", "symfollow"], True), (["rnosymfollow"], False)])
def test_links_are_followed_unless_nosymfollow_keeps_them(bundle, options, follows):
    done = bundle.run("sh", "-c", "echo text > /data/file; ln -s file /data/link; readlink /data/link; cat /data/link",
                      change=lambda spec: spec["mounts"].append(tmpfs(*options)))
    assert done.stdout == ("file\ntext\n" if follows else "file\n") and ("symbolic links" in done.stderr) != follows


@pytest.mark.parametrize("options, opens", [(["nodev"], False), (["dev"], True), (["nodev", "dev"], True), (["rnodev"], False), (["nodev", "rdev"], True)])
def test_devices_open_unless_nodev_keeps_them(root_bundle, options, opens):
    def change(spec):
        spec["mounts"].append(tmpfs(*options))
        spec["linux"]["devices"] = [{"path": "/data/mine", "type": "c", "major": 1, "minor": 5}]

    done = root_bundle.run("head", "-c", "3", "/data/mine", change=change)
    assert (done.stdout == "\0\0\0") == opens and ("Permission denied" in done.stderr) != opens, done


@pytest.mark.parametrize("option, expected", PROPAGATIONS)
def test_the_propagation_of_a_bind_mount(root_bundle, option, expected):
    tree = f"{root_bundle.place}/tree"
    with mounted(tree, f"{tree}/below", shared=True):
        top = shown(root_bundle, bound(tree, "bind", option))
        whole = shown(root_bundle, bound(tree, "rbind", option))
        recursive = shown(root_bundle, bound(tree, "rbind", f"r{option}"))
    assert top["/data"].propagation[:1] == whole["/data"].propagation[:1] == expected and "/data/below" not in top
    for point in ("/data", "/data/below"):
        assert recursive[point].propagation[:1] == expected, point


@pytest.mark.parametrize("option, arrives", [("rslave", True), ("rshared", True), ("rprivate", False), ("runbindable", False)])
def test_later_mounts_of_the_host_arrive_at_slaves_and_peers(root_bundle, option, arrives):
    tree = f"{root_bundle.place}/tree"
    with mounted(tree, shared=True):
        name = root_bundle.create("sleep", "1000", change=lambda spec: spec["mounts"].append(bound(tree, "rbind", option)))
        with mounted(f"{tree}/later"), open(f"/proc/{root_bundle.state(name)['pid']}/mountinfo") as mountinfo:
            assert (" /data/later " in mountinfo.read()) == arrives
        root_bundle.oci("delete", "--force", name).check_returncode()


def test_bind_shows_one_mount_and_rbind_those_below(root_bundle):
    tree = f"{root_bundle.place}/tree"
    with mounted(tree, f"{tree}/below"):
        assert "/data/below" not in shown(root_bundle, bound(tree, "bind"))
        assert "/data/below" in shown(root_bundle, bound(tree, "rbind"))


def test_a_mount_is_a_bind_mount_if_bind_or_rbind_is_among_the_options(bundle):
    os.makedirs(f"{bundle.place}/tree/file")
    for option in ("bind", "rbind"):
        for kind in ({"type": "none"}, {"type": "tmpfs"}, {"type": "bind"}, {"type": "no-such-type"}, {}):
            done = bundle.run("ls", "/data", change=lambda spec: spec["mounts"].append({"destination": "/data", "source": "tree", "options": [option], **kind}))
            assert done.stdout == "file\n", done


@pytest.mark.parametrize("before, options, has, lacks", [
    ([], ["ro"], {"ro"}, {"rw"}),
    (["ro"], ["rw"], {"rw"}, {"ro"}),
    ([], ["nosuid", "nodev", "noexec", "noatime"], {"rw", "nosuid", "nodev", "noexec", "noatime"}, {"relatime"}),
    (["noexec", "noatime"], ["exec", "relatime"], {"rw", "relatime"}, {"noexec", "noatime"}),
    (["nosymfollow"], ["symfollow"], {"rw"}, {"nosymfollow"}),
])
def test_remount_changes_the_attributes_of_an_earlier_mount(bundle, before, options, has, lacks):
    found = shown(bundle, tmpfs(*before), tmpfs("remount", *options))["/data"].options
    assert has <= found and not lacks & found


@pytest.mark.parametrize("before, options, has, lacks", [
    (["size=64k"], ["size=128k"], {"size=128k"}, {"size=64k"}),
    ([], ["sync"], {"sync"}, set()),
    (["sync"], ["async"], set(), {"sync"}),
    ([], ["lazytime"], {"lazytime"}, set()),
    (["lazytime"], ["nolazytime"], set(), {"lazytime"}),
])
def test_remount_changes_the_options_of_an_earlier_file_system(bundle, before, options, has, lacks):
    found = shown(bundle, tmpfs(*before), tmpfs("remount", *options))["/data"].superblock
    assert has <= found and not lacks & found


def write_image_file(bundle):
    path = f"{bundle.place}/rootfs/data/file"
    with open(path, "w") as file:
        file.write("from the image\n")
    os.chown(path, bundle.uid, bundle.uid)


def test_remount_keeps_what_is_there_and_makes_no_second_mount(bundle):
    write_image_file(bundle)
    script = "cat /data/file; touch /data/x; grep -c ' /data ' /proc/self/mountinfo"
    done = bundle.run("sh", "-c", script, change=lambda spec: spec["mounts"].extend([tmpfs("tmpcopyup"), tmpfs("remount", "ro")]))
    assert done.stdout == "from the image\n1\n" and "Read-only file system" in done.stderr, done


def test_remount_of_a_bind_mount_is_for_that_mount_alone(bundle):
    os.makedirs(f"{bundle.place}/tree")
    if bundle.uid:
        os.chown(f"{bundle.place}/tree", bundle.uid, bundle.uid)
    tree, other = bound(f"{bundle.place}/tree", "bind"), bound(f"{bundle.place}/tree", "bind")
    other["destination"] = "/home"
    done = bundle.run("sh", "-c", "touch /home/x && echo writable; touch /data/x",
                      change=lambda spec: spec["mounts"].extend([tree, other, bound("none", "remount", "bind", "ro")]))
    assert done.stdout == "writable\n" and "Read-only file system" in done.stderr, done


def test_remount_of_what_is_no_mount_is_an_error_that_names_it(bundle):
    done = bundle.run("true", change=lambda spec: spec["mounts"].append(tmpfs("remount", "ro")))
    assert done.returncode == 1 and "/data" in done.stderr and done.stderr.count("\n") == 1, done


def test_tmpcopyup_copies_the_contents_up_to_a_tmpfs(bundle):
    write_image_file(bundle)
    done = bundle.run("sh", "-c", "cat /data/file; stat -f -c %T /data", change=lambda spec: spec["mounts"].append(tmpfs("tmpcopyup")))
    assert done.stdout == "from the image\ntmpfs\n", done
    assert "No such file" in bundle.run("cat", "/data/file", change=lambda spec: spec["mounts"].append(tmpfs())).stderr


MAPPED = {"uidMappings": [{"containerID": 1000, "hostID": 7000, "size": 10}], "gidMappings": [{"containerID": 1001, "hostID": 8000, "size": 10}]}


def owners(*paths):
    return [(os.stat(path).st_uid, os.stat(path).st_gid) for path in paths]


@contextlib.contextmanager
def owned_tree(place):
    """Two file systems, one below the other, and a file of 1000:1001 in each."""
    with mounted(place, f"{place}/below", options="mode=755"):
        files = [f"{place}/file", f"{place}/below/file"]
        for path in files:
            with open(path, "w"):
                pass
            os.chown(path, 1000, 1001)
        yield files
        # The mapping is the mount's: nobody has changed the files.
        assert owners(*files) == [(1000, 1001)] * 2


@pytest.mark.parametrize("options, below", [(["rbind", "idmap"], "1000 1001"), (["rbind", "ridmap"], "7000 8000")])
def test_idmap_is_for_the_mount_and_ridmap_for_those_below_too(root_bundle, options, below):
    with owned_tree(f"{root_bundle.place}/tree"):
        done = root_bundle.run("stat", "-c", "%u %g", "/data/file", "/data/below/file",
                               change=lambda spec: spec["mounts"].append(bound(f"{root_bundle.place}/tree", *options, **MAPPED)))
    assert done.stdout == f"7000 8000\n{below}\n", done


@pytest.mark.parametrize("options, below", [(["rbind", "idmap"], "65534 65534"), (["rbind", "ridmap"], "1000 1001")])
def test_without_mappings_those_of_the_containers_user_namespace_are_used(root_bundle, options, below):
    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        spec["linux"].pop("resources", None)
        spec["mounts"].append(bound(f"{root_bundle.place}/tree", *options))

    with owned_tree(f"{root_bundle.place}/tree"):
        done = root_bundle.run("stat", "-c", "%u %g", "/data/file", "/data/below/file", change=change)
    assert done.stdout == f"1000 1001\n{below}\n", done


def test_what_is_made_in_an_id_mapped_mount_has_the_owners_of_its_file_system(root_bundle):
    tree = f"{root_bundle.place}/tree"
    maps = [{"containerID": 1000, "hostID": 0, "size": 1}]
    os.makedirs(tree)
    os.chown(tree, 1000, 1000)
    done = root_bundle.run("touch", "/data/new", change=lambda spec: spec["mounts"].append(bound(tree, "bind", "idmap", uidMappings=maps, gidMappings=maps)))
    assert done.returncode == 0 and owners(tree, f"{tree}/new") == [(1000, 1000)] * 2, done


@pytest.mark.parametrize("options", [["bind", "idmap"], ["bind", "ridmap"], ["rbind", "idmap"], ["rbind", "ridmap"]])
def test_without_mappings_and_without_a_user_namespace_an_error_must_be_returned(root_bundle, options):
    done = root_bundle.run("true", change=lambda spec: spec["mounts"].append(bound("/tmp", *options)))
    assert done.returncode == 1 and "'/data'" in done.stderr and "idmap' needs uidMappings and gidMappings" in done.stderr, done
    assert os.listdir(root_bundle.root) == []


@pytest.mark.parametrize("option", [[], ["idmap"], ["ridmap"]])
@pytest.mark.parametrize("field", ["uidMappings", "gidMappings"])
def test_one_of_uid_mappings_and_gid_mappings_must_be_specified_along_with_the_other(bundle, field, option):
    done = bundle.run("true", change=lambda spec: spec["mounts"].append(bound("/tmp", "bind", *option, **{field: [{"containerID": 0, "hostID": 1, "size": 1}]})))
    assert done.returncode == 1 and "'/data'" in done.stderr and "one is missing" in done.stderr, done


def test_mappings_of_an_option_may_end_as_they_are_separated(root_bundle):
    with owned_tree(f"{root_bundle.place}/tree"):
        done = root_bundle.run("stat", "-c", "%u %g", "/data/file", change=lambda spec: spec["mounts"].append(bound(f"{root_bundle.place}/tree", "rbind", "idmap=uids=1000-7000-10;gids=1000-8000-10;")))
    assert done.stdout == "7000 8001\n", done


def test_two_id_mapped_mounts_on_one_place(root_bundle):
    def change(spec):
        for outside in (3000, 5000):
            ids = [{"containerID": 1000, "hostID": outside, "size": 10}]
            spec["mounts"].append(bound(f"{root_bundle.place}/tree", "rbind", "idmap", uidMappings=ids, gidMappings=ids))
    with owned_tree(f"{root_bundle.place}/tree"):
        done = root_bundle.run("stat", "-c", "%u %g", "/data/file", change=change)
    assert done.stdout == "5000 5001\n", done


@pytest.mark.parametrize("mount", [{"options": ["remount", "bind"], **MAPPED}, {"options": ["remount", "bind", "idmap=uids=0-1000-10;gids=0-1000-10"]}, {"type": "cgroup", **MAPPED}], ids=["fields", "option", "cgroup"])
def test_ids_of_what_is_no_new_bind_mount_are_refused(root_bundle, mount):
    def change(spec):
        spec["mounts"] += [bound("/tmp", "bind"), {"destination": "/data", **mount}]
    done = root_bundle.run("true", change=change)
    assert done.returncode == 1 and "mount '/data': only a new bind mount can have ids of its own" in done.stderr, done


def test_features_lists_every_option_of_the_table(bundle):
    tried = {*(name for name, *_ in ATTRIBUTES), *(f"r{name}" for name, *_ in ATTRIBUTES), *(name for options, *_ in SUPERBLOCK for name in options),
             *(name for options in UNSEEN for name in options), *(name for name, _ in PROPAGATIONS), *(f"r{name}" for name, _ in PROPAGATIONS), *ELSEWHERE}
    assert tried == set(TABLE)
    assert set(TABLE) <= set(json.loads(bundle.oci("features").stdout)["mountOptions"])


def test_a_recursive_remount_counts_for_the_mounts_below_and_no_later_one(bundle):
    inner = {"destination": "/data/in ner", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]}
    innermost = {"destination": "/data/in ner/most", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "noatime"]}
    again = {"destination": "/data", "options": ["remount", "bind", "rro"]}

    def change(spec):
        outer = {"destination": "/data", "type": "tmpfs", "source": "tmpfs"}
        later = {"destination": "/data/later", "type": "tmpfs", "source": "tmpfs"}
        spec["mounts"] += [outer, inner, innermost, again, later]

    done = bundle.run("sh", "-c", "for place in /data '/data/in ner' '/data/in ner/most' /data/later; do echo new > \"$place/x\"; done; grep most /proc/self/mounts", change=change)
    assert done.stderr.count("Read-only file system") == 3 and "noatime" in done.stdout, done
