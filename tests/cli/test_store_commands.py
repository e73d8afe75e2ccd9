"""bolt store df and gc: what the store's room is used for, and what killed commands left."""
import glob
import hashlib
import io
import json
import os
import pwd
import tarfile
import time

import pytest

from bolt_runner import IMAGE, USER, bolt, bolt_with_store  # noqa: F401: fixtures


def usage(bolt):
    return {line["Type"]: line for line in json.loads(bolt.ok("store", "df", "--format", "json"))}


def put(bolt, path, data, age=0):
    full = f"{bolt.store}/{path}"
    made = []
    directory = os.path.dirname(full)
    while not os.path.isdir(directory):
        made.append(directory)
        directory = os.path.dirname(directory)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)
    for each in [full, *made]:
        os.chown(each, bolt.user, bolt.user)
    os.utime(full, (time.time() - age, time.time() - age))
    return full


def test_df_counts_what_is_there(bolt):
    bolt.ok("run", "--name", "uses", "--network", "none", IMAGE, "sh", "-c", "head -c 3000000 /dev/zero > /srv.file")
    bolt.ok("run", "--name", "volume", "--network", "none", "-v", "things:/things", IMAGE, "sh", "-c", "head -c 500000 /dev/zero > /things/x")
    try:
        lines = usage(bolt)
        images = lines["Images"]
        assert images["TotalCount"] == images["Active"] == 1 and images["Size"] > 100_000 and images["Reclaimable"] == 0
        containers = lines["Containers"]
        bolt.ok("run", "-d", "--name", "runs", "--network", "none", IMAGE, "sleep", "1000")
        assert usage(bolt)["Containers"]["Active"] == 1
        bolt.ok("rm", "-f", "runs")
        assert containers["TotalCount"] == 2 and containers["Active"] == 0 and containers["Reclaimable"] == containers["Size"] > 3_000_000
        assert lines["Volumes"]["TotalCount"] == lines["Volumes"]["Active"] == 1 and lines["Volumes"]["Size"] > 500_000 and lines["Volumes"]["Reclaimable"] == 0
        bolt.ok("rm", "uses", "volume")
        lines = usage(bolt)
        assert lines["Images"]["Reclaimable"] == lines["Images"]["Size"] and lines["Containers"]["TotalCount"] == 0
        assert lines["Volumes"]["Active"] == 0 and lines["Volumes"]["Reclaimable"] == lines["Volumes"]["Size"]
        table = bolt.ok("store", "df").splitlines()
        assert table[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"] and len(table) == len(lines) + 1 and "(100%)" in table[1]
    finally:
        bolt("rm", "-f", "-v", "uses", "volume")


def test_gc_takes_what_nobody_needs_and_nothing_else(bolt):
    old, young = b"{\"nobody\": \"knows it\"}", b"{\"being\": \"made\"}"
    names = {data: "blobs/sha256/{0:.2}/{0}".format(hashlib.sha256(data).hexdigest()) for data in (old, young)}
    put(bolt, names[old], old, age=7200)
    put(bolt, names[young], young)
    put(bolt, "tmp/dead/file", b"x" * 1_000_000)
    put(bolt, "tmp/dead.lock", b"")
    put(bolt, "trash/dead/file", b"x" * 1_000_000)
    assert usage(bolt)["Left over"]["Size"] >= 2_000_000
    said = bolt.ok("store", "gc")
    assert said.splitlines()[0] == "deleted: sha256:" + hashlib.sha256(old).hexdigest() and "Total reclaimed space: 2" in said
    assert not os.path.exists(f"{bolt.store}/{names[old]}") and os.path.exists(f"{bolt.store}/{names[young]}")
    assert bolt.entries("tmp") == bolt.entries("trash") == [] and usage(bolt)["Left over"]["Size"] == 0
    os.unlink(f"{bolt.store}/{names[young]}")
    assert bolt.ok("store", "gc") == "Total reclaimed space: 0B"
    assert bolt.run("--", "true").code == 0
    bolt.ok("save", "-o", f"{bolt.top}/home/all.tar", IMAGE)  # its documents are there
    os.unlink(f"{bolt.top}/home/all.tar")


def test_gc_leaves_documents_alone_when_an_image_cannot_be_read(bolt):
    data = b"{\"old\": \"document\"}"
    name = "blobs/sha256/{0:.2}/{0}".format(hashlib.sha256(data).hexdigest())
    document = put(bolt, name, data, age=7200)
    damaged = put(bolt, "images/" + "ab" * 32 + ".json", b"{nonsense")
    done = bolt("store", "gc")
    assert done.code == 1 and "documents stay while it is unknown what that image needs" in done.err and os.path.exists(document), done
    os.unlink(damaged)
    bolt.ok("store", "gc")
    assert not os.path.exists(document)


def layer_files(bolt, pattern):
    return [path for path in glob.glob(f"{bolt.store}/layers/*/{pattern}", recursive=True) if os.path.isfile(path) and not os.path.islink(path)]


def flip(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def test_check_names_what_is_damaged_and_mends_it(bolt):
    bolt.ok("pull", IMAGE)
    assert bolt.ok("store", "check") == "1 images, 1 layers, 1 packed layers: 0 damaged, 0 mended"
    # A file of the layer: its packed form has it still.
    busybox = layer_files(bolt, "fs/bin/busybox")[0]
    flip(busybox)
    done = bolt("store", "check")
    assert done.code == 1 and f"image '{IMAGE}:latest': files of a layer are damaged" in done.out and "--repair" in done.out and "1 damaged, 0 mended" in done.out, done
    done = bolt("store", "check", "--repair")
    assert done.code == 0 and "they are unpacked anew" in done.out and "1 damaged, 1 mended" in done.out, done
    assert bolt.ok("store", "check").endswith("0 damaged, 0 mended") and bolt.run("--", "true").code == 0
    # A file that is not there.
    os.unlink(layer_files(bolt, "fs/etc/group")[0])
    assert bolt("store", "check").code == 1 and bolt("store", "check", "--repair").code == 0
    assert bolt.run("--", "cat", "/etc/group").out.startswith("root:")
    # The packed form: it is made again of the files.
    flip(layer_files(bolt, "blob-*")[0])
    done = bolt("store", "check")
    assert done.code == 1 and "packed layer " in done.out and "is damaged" in done.out, done
    assert bolt("store", "check", "--repair").code == 0 and bolt.ok("store", "check") == "1 images, 1 layers, 0 packed layers: 0 damaged, 0 mended"
    # Neither.
    flip(layer_files(bolt, "fs/bin/busybox")[0])
    done = bolt("store", "check", "--repair")
    assert done.code == 1 and "is not kept packed; remove the image and pull it again" in done.out, done
    bolt.ok("rmi", IMAGE)
    bolt.ok("pull", IMAGE)
    assert bolt.ok("store", "check").endswith("0 damaged, 0 mended")


def test_check_names_damaged_documents(bolt):
    bolt.ok("pull", IMAGE)
    document = [path for path in glob.glob(f"{bolt.store}/blobs/sha256/*/*")][0]
    flip(document)
    done = bolt("store", "check", "--repair")
    assert done.code == 1 and f"image '{IMAGE}:latest': document" in done.out and "pull the image again" in done.out, done
    bolt.ok("rmi", IMAGE)
    bolt.ok("pull", IMAGE)
    assert bolt("store", "check").code == 0


def test_what_a_running_container_has_mounted_is_not_taken_away(bolt):
    bolt.ok("pull", IMAGE)
    bolt.ok("run", "-d", "--name", "runs", "--network", "none", IMAGE, "sleep", "1000")
    try:
        flip(layer_files(bolt, "fs/etc/group")[0])
        done = bolt("store", "check", "--repair")
        assert done.code == 1 and "runs with it; stop it first" in done.out, done
    finally:
        bolt.ok("rm", "-f", "runs")
    assert bolt("store", "check", "--repair").code == 0


def other_id():
    """One that the tests' user has, beside the own."""
    with open("/etc/subuid", encoding="ascii") as file:
        return next(int(line.split(":")[1]) for line in file if line.startswith((f"{pwd.getpwuid(USER).pw_name}:", f"{USER}:"))) + 5


def damages(files):
    """What can be done to a layer's files that its archive's digest, made from them, does not tell."""
    yield "appended to", lambda: open(f"{files}/etc/group", "a", encoding="ascii").write("#\n"), "bytes, not"
    yield "something more", lambda: open(f"{files}/etc/evil", "w", encoding="ascii").close(), "'/etc/evil' is not in the archive"
    yield "a link elsewhere", lambda: (os.unlink(f"{files}/bin/sh"), os.symlink("evil", f"{files}/bin/sh")), "'/bin/sh' leads elsewhere"
    yield "a pipe", lambda: (os.unlink(f"{files}/etc/group"), os.mkfifo(f"{files}/etc/group")), "etc/group' of the layer is no regular file any more"
    yield "a mode", lambda: os.chmod(f"{files}/bin/busybox", 0o6755), "'/bin/busybox' has mode 6755, not 0755"
    yield "an owner", lambda: os.lchown(f"{files}/bin/sh", other_id(), other_id()), "'/bin/sh' belongs to "
    yield "a time", lambda: os.utime(f"{files}/etc", (5, 5)), "'/etc' was modified at 5, not "
    yield "a directory that is missing", lambda: os.rmdir(next(path for path, folders, names in os.walk(files) if not folders and not names)), "is missing"


def test_check_sees_what_no_digest_tells(bolt):
    bolt.ok("pull", IMAGE)
    for number in range(len(list(damages("/nowhere")))):
        files = glob.glob(f"{bolt.store}/layers/*/fs")[0]
        what, damage, says = list(damages(files))[number]
        damage()
        done = bolt("store", "check", timeout=20)
        assert done.code == 1 and says in done.out, (what, done)
        assert bolt("store", "check", "--repair", timeout=20).code == 0, what
        assert bolt.ok("store", "check").endswith("0 damaged, 0 mended"), what


def test_check_compares_extended_attributes(bolt):
    """Of those that a layer has, and capabilities that it does not have."""
    archive = f"{bolt.top}/home/attributes.tar"
    ping = "\x01\0\0\x02\0\x20\0\0" + "\0" * 12  # cap_net_raw, VFS_CAP_REVISION_2
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, attributes in (("tool", {"SCHILY.xattr.user.colour": "blue", "SCHILY.xattr.security.capability": ping}), ("plain", {})):
            member = tarfile.TarInfo(name)
            member.mode, member.pax_headers = 0o755, attributes
            tar.addfile(member)
    bolt.ok("import", archive, "attributes")
    os.unlink(archive)
    tool, plain = (layer_files(bolt, f"fs/{name}")[0] for name in ("tool", "plain"))
    assert {"user.colour", "security.capability"} <= set(os.listxattr(tool)) and bolt.ok("store", "check").endswith("0 damaged, 0 mended")
    kept = os.getxattr(tool, "security.capability")
    for change, says, undo in ((lambda: os.setxattr(tool, "user.colour", b"red"), "'/tool' has another value of the extended attribute user.colour", lambda: os.setxattr(tool, "user.colour", b"blue")),
                               (lambda: os.removexattr(tool, "user.colour"), "'/tool' has lost the extended attribute user.colour", lambda: os.setxattr(tool, "user.colour", b"blue")),
                               (lambda: os.removexattr(tool, "security.capability"), "'/tool' has lost the extended attribute security.capability", lambda: os.setxattr(tool, "security.capability", kept)),
                               (lambda: os.setxattr(plain, "security.capability", ping.encode()), "'/plain' has capabilities that it should not have", lambda: os.removexattr(plain, "security.capability"))):
        change()
        done = bolt("store", "check")
        assert done.code == 1 and says in done.out, done
        undo()
        assert bolt.ok("store", "check").endswith("0 damaged, 0 mended"), says
    bolt.ok("rmi", "attributes")


@pytest.mark.parametrize("number, says", [("99", "is of version 99, this bolt knows versions up to 1; use the newer bolt"), ("0", "is of version 0, which this bolt does not know and leaves as it is")])
def test_a_store_of_another_version_is_left_alone(bolt, number, says):
    bolt.ok("pull", IMAGE)
    with open(f"{bolt.store}/VERSION", "w", encoding="ascii") as version:
        version.write(f"{number}\n")
    try:
        for words in (("images",), ("ps", "-a"), ("inspect", IMAGE), ("run", "--rm", "--network", "none", IMAGE, "true"), ("pull", IMAGE), ("store", "gc"), ("rmi", IMAGE)):
            done = bolt(*words)
            assert done.code != 0 and says in done.err and done.out == "", (words, done)
    finally:
        with open(f"{bolt.store}/VERSION", "w", encoding="ascii") as version:
            version.write("1\n")
    assert bolt.run("--", "true").code == 0


def odd_archive(path):
    """What archives may say twice: the later entry counts, also for times."""
    with tarfile.open(path, "w") as archive:
        def add(name, kind=tarfile.REGTYPE, data=b"", **attributes):
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(data)
            for key, value in attributes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(data))
        add("twice", tarfile.DIRTYPE, mode=0o755, mtime=11)
        add("twice/file", data=b"x", mtime=5)
        add("twice", tarfile.DIRTYPE, mode=0o2750, mtime=12)
        add("was", tarfile.DIRTYPE, mode=0o755, mtime=5)
        add("was", data=b"a file", mtime=1000)
        add("link", tarfile.DIRTYPE, mode=0o755, mtime=6)
        add("link", tarfile.SYMTYPE, linkname="twice", mtime=1001)
        add("first", data=b"one", mtime=7, mode=0o600)
        add("second", tarfile.LNKTYPE, linkname="first", mode=0o644)
        add("first", data=b"other", mtime=8)
        add("early", data=b"x", mtime=-5)
        add("late", data=b"x", mtime=2**33)
        add("closed", tarfile.DIRTYPE, mode=0o700, uid=33, gid=33, mtime=9)
        add("closed/empty", uid=33, gid=33, mtime=9)
        add("closed/link", tarfile.SYMTYPE, linkname="empty", uid=33, gid=33, mtime=9)
        add("of", data=b"x", uid=33, gid=65534, mode=0o6755)


def without_ids(bolt, *words):
    """As where the package uidmap is not installed."""
    programs = f"{bolt.top}/home/programs"
    os.makedirs(programs, exist_ok=True)
    if not os.path.lexists(f"{programs}/setpriv"):
        os.symlink("/usr/bin/setpriv", f"{programs}/setpriv")
    where = bolt.environment["PATH"]
    bolt.environment["PATH"] = programs
    try:
        return bolt(*words)
    finally:
        bolt.environment["PATH"] = where


def test_check_takes_archives_as_they_count(bolt):
    archive = f"{bolt.top}/home/odd.tar"
    odd_archive(archive)
    os.chmod(archive, 0o644)
    bolt.ok("import", archive, "odd:1")
    os.unlink(archive)
    try:
        assert bolt.ok("store", "check").endswith("0 damaged, 0 mended")
        top = bolt.inspect("odd:1", "{{.GraphDriver.Data.LowerDir}}")
        assert [int(os.lstat(f"{top}/{name}").st_mtime) for name in ("twice", "was", "link", "first")] == [12, 1000, 1001, 8]
        if bolt.user:  # without ids of its own it cannot read them, and does not call that damage
            done = without_ids(bolt, "store", "check")
            assert done.code == 0 and "0 damaged" in done.out, done
    finally:
        bolt.ok("rmi", "odd:1")


def test_layers_unpacked_with_fewer_ids_are_sound(bolt):
    if not bolt.user:
        pytest.skip("root has all ids")
    archive = f"{bolt.top}/home/odd.tar"
    odd_archive(archive)
    os.chmod(archive, 0o644)
    made = without_ids(bolt, "import", archive, "odd:1")
    assert made.code == 0, made
    os.unlink(archive)
    assert bolt.ok("store", "check").endswith("0 damaged, 0 mended")
    bolt.ok("rmi", "odd:1")
