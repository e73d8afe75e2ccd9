"""bolt store df and gc: what the store's room is used for, and what killed commands left."""
import contextlib
import glob
import gzip
import hashlib
import io
import json
import os
import pwd
import shutil
import subprocess
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


# ---- what a check that goes wrong must not cost, and what it did not look at


SOUND = "0 damaged, 0 mended"


@contextlib.contextmanager
def limited(bolt, *limits):
    """Commands run by prlimit(1)."""
    plain = bolt.arguments
    bolt.arguments = lambda words: ["prlimit", *limits, "--", *plain(words)]
    try:
        yield
    finally:
        bolt.arguments = plain


def directory_of_layer(bolt):
    return os.path.dirname(layer_files(bolt, "meta.json")[0])


def everything_below(path):
    """Names, modes and times, of all that is there."""
    looks = {name: os.lstat(name) for folder, folders, files in os.walk(path) for name in [folder, *(f"{folder}/{each}" for each in folders + files)]}
    return {name: (look.st_ino, look.st_mode, look.st_size, look.st_mtime_ns) for name, look in looks.items()}


def rewrite(path, change):
    """In place: owner and mode stay."""
    with open(path, "r+", encoding="utf-8") as file:
        text = change(file.read())
        file.seek(0)
        file.truncate()
        file.write(text)


def mends(bolt, says):
    """It is told, a plain check changes nothing, and a repair mends it."""
    before = everything_below(f"{bolt.store}/layers"), everything_below(f"{bolt.store}/images")
    done = bolt("store", "check")
    assert done.code == 1 and says in done.out and ", 0 mended" in done.out, (says, done)
    assert before == (everything_below(f"{bolt.store}/layers"), everything_below(f"{bolt.store}/images"))
    done = bolt("store", "check", "--repair")
    assert done.code == 0 and says in done.out, (says, done)
    assert bolt.ok("store", "check").endswith(SOUND), says


def pulled_anew(bolt):
    bolt("rmi", IMAGE)
    bolt.ok("pull", IMAGE)
    assert bolt.ok("store", "check") == f"1 images, 1 layers, 1 packed layers: {SOUND}"


def loaded(bolt, name, layers):
    """An image of these archives, packed by gzip."""
    place = f"{bolt.top}/home/image"
    os.makedirs(f"{place}/blobs/sha256")

    def add(data, media_type):
        hexes = hashlib.sha256(data).hexdigest()
        with open(f"{place}/blobs/sha256/{hexes}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": f"sha256:{hexes}", "size": len(data)}
    packed = [add(gzip.compress(layer, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip") for layer in layers]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = add(json.dumps({"os": "linux", "architecture": machine, "config": {"Cmd": ["true"]},
                             "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}).encode(), "application/vnd.oci.image.config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = add(json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": packed}).encode(), kind)
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    for file, data in (("index.json", {"schemaVersion": 2, "manifests": [manifest]}), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        with open(f"{place}/{file}", "w", encoding="ascii") as out:
            json.dump(data, out)
    subprocess.run(["chown", "-R", str(bolt.user), place], check=True)
    bolt.ok("load", "-i", place)
    shutil.rmtree(place)


def archive_of(*entries):
    """(name, contents, or None for a directory)…"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in entries:
            member = tarfile.TarInfo(name)
            member.mtime = 1_000_000
            if data is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            else:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_check_never_takes_a_layer_away_and_writes_its_record_anew(bolt):
    pulled_anew(bolt)
    layer = directory_of_layer(bolt)
    for change, says in ((lambda text: "{nonsense", "its meta.json is damaged"), (lambda text: "", "its meta.json is damaged"),
                         (lambda text: json.dumps({**json.loads(text), "archiveSize": 7}), "its meta.json says that its archive has 7 bytes"),
                         (lambda text: json.dumps({**json.loads(text), "size": 7}), "its meta.json says that its files have 7 bytes"),
                         (lambda text: json.dumps({**json.loads(text), "diffID": "sha256:" + "0" * 64}), "its meta.json is of layer"),
                         (lambda text: json.dumps({**json.loads(text), "implied": ["etc"]}), "its meta.json names other directories")):
        rewrite(f"{layer}/meta.json", change)
        mends(bolt, says)
    os.unlink(f"{layer}/meta.json")
    mends(bolt, "its meta.json is missing")
    rewrite(f"{layer}/meta.json", lambda text: json.dumps({**json.loads(text), "bootID": "earlier"}))
    os.unlink(f"{layer}/durable")
    mends(bolt, "it is of another boot")
    assert os.path.isfile(f"{layer}/durable") and layer_files(bolt, "blob-*") and layer_files(bolt, "tar-split")
    # Its files, as a whole.
    shutil.rmtree(f"{layer}/fs")
    mends(bolt, "")
    assert layer_files(bolt, "blob-*")
    bolt.ok("save", "-o", f"{bolt.top}/home/all.tar", IMAGE)
    os.unlink(f"{bolt.top}/home/all.tar")


def test_a_repair_that_is_cut_off_loses_nothing(bolt):
    pulled_anew(bolt)
    flip(layer_files(bolt, "fs/bin/busybox")[0])
    blob = layer_files(bolt, "blob-*")
    with limited(bolt, "--fsize=10000"):  # the signal SIGXFSZ ends it while it unpacks
        assert bolt("store", "check", "--repair").code != 0
    assert layer_files(bolt, "blob-*") == blob and layer_files(bolt, "fs/bin/busybox") and layer_files(bolt, "meta.json")
    mends(bolt, "files of a layer")
    assert layer_files(bolt, "blob-*") == blob
    assert bolt.ok("store", "gc") and bolt.entries("tmp") == []


def test_a_layer_that_somebody_holds_costs_no_other_one(bolt):
    bolt("rmi", IMAGE)
    loaded(bolt, "two:1", [archive_of(("one", b"1")), archive_of(("two", b"2"))])
    try:
        for name in ("one", "two"):
            with open(layer_files(bolt, f"fs/{name}")[0], "ab") as file:
                file.write(b"more")
        blobs = sorted(layer_files(bolt, "blob-*"))
        upper = os.path.dirname(os.path.dirname(layer_files(bolt, "fs/two")[0]))
        with subprocess.Popen(["flock", "-s", f"{upper}/lock", "sh", "-c", "echo held; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"held\n"
            done = bolt("store", "check", "--repair")
            holder.stdin.close()
        assert done.code == 1 and "somebody uses it" in done.out, done
        assert sorted(layer_files(bolt, "blob-*")) == blobs and layer_files(bolt, "fs/one") and layer_files(bolt, "fs/two")
        assert bolt("store", "check", "--repair").code == 0 and bolt.ok("store", "check").endswith(SOUND)
    finally:
        bolt("rmi", "two:1")


def test_any_sound_packed_form_will_do(bolt):
    pulled_anew(bolt)
    (blob,) = layer_files(bolt, "blob-*")
    with gzip.open(blob) as packed:
        other = gzip.compress(packed.read(), 1, mtime=1)
    os.unlink(blob)
    put(bolt, os.path.relpath(f"{os.path.dirname(blob)}/blob-sha256-{hashlib.sha256(other).hexdigest()}", bolt.store), other)
    flip(layer_files(bolt, "fs/bin/busybox")[0])
    mends(bolt, "files of a layer")


def test_a_pull_writes_documents_again(bolt):
    pulled_anew(bolt)
    for document in glob.glob(f"{bolt.store}/blobs/sha256/*/*"):
        for damage in (lambda file: flip(file), os.unlink, lambda file: os.truncate(file, 0)):
            damage(document)
            assert bolt("store", "check", "--repair").code == 1
            bolt.ok("pull", IMAGE)
            assert bolt.ok("store", "check").endswith(SOUND), document


def test_check_compares_image_files_with_configurations(bolt):
    pulled_anew(bolt)
    (image,) = glob.glob(f"{bolt.store}/images/*.json")

    def with_command(text):
        document = json.loads(text)
        document["config"]["Cmd"] = ["/bin/evil"]
        return json.dumps(document)
    for change, says in ((with_command, "is not what its configuration says"), (lambda text: json.dumps({**json.loads(text), "size": 7}), "is not what its configuration says"),
                         (lambda text: json.dumps({**json.loads(text), "platform": {"os": "linux", "architecture": "vax"}}), "is not what its configuration says"),
                         (lambda text: text[:50], "is damaged"), (lambda text: "", "is damaged")):
        rewrite(image, change)
        mends(bolt, says)
    # A pull needs no sound image file either.
    rewrite(image, lambda text: "")
    bolt.ok("pull", IMAGE)
    assert bolt.ok("store", "check").endswith(SOUND)


def test_check_reads_what_names_stand_for(bolt):
    pulled_anew(bolt)
    bolt.ok("tag", IMAGE, "other:1")
    try:
        (reference,) = [f"{folder}/:1" for folder, _, files in os.walk(f"{bolt.store}/refs") if ":1" in files]
        with open(reference, encoding="utf-8") as file:
            sound = file.read()
        empty = put(bolt, "blobs/sha256/ab/" + "ab" * 32, b"")
        for change, says in (({"manifest": "sha256:" + "ab" * 32}, f"document sha256:{'ab' * 32} of the image is not in the store as it was"),
                             ({"image": "sha256:" + "ab" * 32}, "is not in the store; pull it again"), ({"manifest": json.loads(sound)["image"]}, "is of another image")):
            rewrite(reference, lambda text, change=change: json.dumps({**json.loads(sound), **change}))
            done = bolt("store", "check")
            assert done.code == 1 and "name 'docker.io/library/other:1'" in done.out and says in done.out, done
        os.unlink(empty)
        rewrite(reference, lambda text: sound)
        assert bolt.ok("store", "check").endswith(SOUND)
    finally:
        bolt("rmi", "other:1")


def test_check_needs_few_descriptors(bolt):
    bolt("rmi", IMAGE)
    deep = "/".join(["d"] * 300)
    loaded(bolt, "many:1", [archive_of((f"file{number}", b"%d" % number)) for number in range(60)] + [archive_of(*((deep[:2 * level - 1], None) for level in range(1, 301)), (f"{deep}/file", b"x"))])
    try:
        with limited(bolt, "--nofile=60"):
            done = bolt("store", "check")
        assert done.code == 0 and "61 layers, 61 packed layers: 0 damaged" in done.out, done
        kept = everything_below(f"{bolt.store}/layers")
        # With too few it says so, and calls nothing damaged.
        for most in range(5, 25):
            with limited(bolt, f"--nofile={most}"):
                done = bolt("store", "check", "--repair")
            assert done.code == 0 or done.code < 0 or ("damaged (" not in done.out and " mended" not in done.out) or "0 damaged" in done.out, (most, done)
        assert kept == everything_below(f"{bolt.store}/layers") and bolt.ok("store", "check").endswith(SOUND)
    finally:
        bolt("rmi", "many:1")


def test_check_sees_attributes_that_were_added(bolt):
    pulled_anew(bolt)
    mark = "user.overlay.opaque" if bolt.user else "trusted.overlay.opaque"
    for path, name, value, says in (("bin", mark, b"y", "'/bin' hides what is below it, which it should not"), ("", mark, b"y", "'/' hides what is below it"),
                                    ("bin/busybox", "user.x", b"y", "'/bin/busybox' has the extended attribute user.x, which it should not have"),
                                    ("etc", "user.x", b"y", "'/etc' has the extended attribute user.x"), ("", "user.x", b"y", "'/' has the extended attribute user.x")):
        files = glob.glob(f"{bolt.store}/layers/*/fs")[0]
        os.setxattr(f"{files}/{path}", name, value)
        mends(bolt, says)


def test_check_knows_what_whiteouts_leave(bolt):
    bolt("rmi", IMAGE)
    lower = archive_of(("kept", None), ("kept/file", b"1"), ("opaque", None), ("opaque/file", b"1"), ("gone", None), ("gone/file", b"1"), ("again", None), ("again/file", b"1"), ("implied", None), ("implied/in", None))
    upper = archive_of(("kept", None), ("kept/.wh.file", b""), ("opaque", None), ("opaque/.wh..wh..opq", b""), ("opaque/other", b"2"), (".wh.gone", b""), (".wh.again", b""), ("again", None), ("again/new", b"2"),
                       ("implied/in/file", b"2"), ("implied/deep/er/file", b"2"))
    loaded(bolt, "whiteouts:1", [lower, upper])
    try:
        assert bolt.ok("store", "check").endswith(SOUND)
        opaque = os.path.dirname(layer_files(bolt, "fs/opaque/other")[0])
        os.removexattr(opaque, "user.overlay.opaque" if bolt.user else "trusted.overlay.opaque")
        mends(bolt, "'/opaque' does not hide what is below it any more")
        # Unpacked anew it has the attributes of what is below again.
        shutil.rmtree(os.path.dirname(layer_files(bolt, "fs/implied/in/file")[0]))
        before = os.stat(glob.glob(f"{bolt.store}/layers/*/fs/kept/../implied/in")[0]).st_mtime
        mends(bolt, "files of a layer")
        assert os.stat(os.path.dirname(layer_files(bolt, "fs/implied/in/file")[0])).st_mtime == before == 1_000_000
    finally:
        bolt("rmi", "whiteouts:1")


def test_what_only_reads_works_on_a_read_only_store(bolt):
    pulled_anew(bolt)
    data = f"{bolt.top}/data"
    subprocess.run(["mount", "--bind", data, data], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", data], check=True)
        assert bolt.ok("store", "check").endswith(SOUND)
        bolt.ok("save", "-o", f"{bolt.top}/home/all.tar", IMAGE)
        mounted = bolt.ok("image", "mount", IMAGE)
        assert mounted
        bolt.ok("image", "unmount", IMAGE)
    finally:
        subprocess.run(["umount", data], check=True)
    os.unlink(f"{bolt.top}/home/all.tar")
