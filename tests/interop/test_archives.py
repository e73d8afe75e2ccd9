"""bolt save and bolt load: archives go between bolt, podman, skopeo and the formats of docker, in both directions."""
import glob
import hashlib
import io
import json
import lzma
import os
import select
import shutil
import signal
import subprocess
import tarfile
import tempfile

import pytest

from bolt_runner import IMAGE, Outcome, bolt, bolt_with_store, wait_until  # noqa: F401: fixtures
from debian_images import ARCHITECTURE

pytestmark = pytest.mark.patience(900)


@pytest.fixture
def place(bolt):
    made = tempfile.mkdtemp(prefix="bolt-archives-", dir="/var/tmp")
    os.chmod(made, 0o777)
    yield made
    shutil.rmtree(made)


def skopeo(*words):
    return subprocess.run(["skopeo", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def podman():
    """podman with a store of its own."""
    top = tempfile.mkdtemp(prefix="bolt-podman-", dir="/var/tmp")

    def run(*words, **more):
        done = subprocess.run(["podman", "--root", f"{top}/root", "--runroot", f"{top}/run", "--storage-driver", "vfs", *words], check=False, capture_output=True, timeout=300, **more)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout
    yield run
    subprocess.run(["podman", "--root", f"{top}/root", "--runroot", f"{top}/run", "--storage-driver", "vfs", "system", "reset", "-f"], check=False, capture_output=True)
    shutil.rmtree(top, ignore_errors=True)


def id_of(bolt, name):
    return bolt.ok("inspect", "--format", "{{.Id}}", name)


def take(bolt, registry, image, name):
    bolt.ok("pull", "-q", f"{registry.host}/{image}")
    bolt.ok("tag", f"{registry.host}/{image}", name)
    return id_of(bolt, name)


def forget(bolt, registry, image, *names):
    bolt.ok("rmi", f"{registry.host}/{image}", *names)


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci-dir"])
@pytest.mark.parametrize("image", ["debian-nginx:oci", "busybox:docker", "debian-redis:zstd"])
def test_what_is_saved_is_loaded_again_to_the_last_byte(bolt, registry, place, image, form):
    identity = take(bolt, registry, image, "localhost/saved:1")
    digest = bolt.ok("images", "--digests", "--format", "{{.Digest}}", "localhost/saved:1")
    bolt.ok("save", "--format", form, "-o", f"{place}/archive", "localhost/saved:1")
    forget(bolt, registry, image, "localhost/saved:1")
    assert bolt.ok("load", "-q", "-i", f"{place}/archive") == "Loaded image: localhost/saved:1"
    assert id_of(bolt, "localhost/saved:1") == identity and bolt.ok("images", "--digests", "--format", "{{.Digest}}", "localhost/saved:1") == digest
    assert bolt.ok("run", "--rm", "--network", "none", "--pull", "never", "localhost/saved:1", "echo", "runs") == "runs"
    bolt.ok("rmi", "localhost/saved:1")
    assert os.listdir(f"{bolt.store}/tmp") == [] and not glob.glob(f"{place}/archive.*")


@pytest.mark.parametrize("form, transport", [("docker-archive", "docker-archive"), ("oci-archive", "oci-archive"), ("oci-dir", "oci")])
def test_skopeo_and_podman_read_what_bolt_saves(bolt, registry, place, podman, form, transport):
    identity = take(bolt, registry, "debian-nginx:oci", "localhost/for-podman:1")
    bolt.ok("save", "--format", form, "-o", f"{place}/archive", "localhost/for-podman:1")
    skopeo("copy", "--quiet", f"{transport}:{place}/archive" + ("" if form == "docker-archive" else ":localhost/for-podman:1"), f"dir:{place}/copy")
    if form != "oci-dir":
        assert b"localhost/for-podman:1" in podman("load", "-i", f"{place}/archive")
        assert podman("inspect", "--format", "{{.Id}}", "localhost/for-podman:1").decode().strip() == identity.removeprefix("sha256:")
        podman("rmi", "localhost/for-podman:1")
    forget(bolt, registry, "debian-nginx:oci", "localhost/for-podman:1")


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci-dir"])
def test_bolt_loads_what_podman_saves(bolt, registry, place, podman, form):
    podman("pull", "-q", "--tls-verify=false", f"{registry.host}/debian-redis:oci")
    podman("tag", f"{registry.host}/debian-redis:oci", "localhost/from-podman:1")
    identity = podman("inspect", "--format", "{{.Id}}", "localhost/from-podman:1").decode().strip()
    podman("save", "-q", "--format", form, "-o", f"{place}/archive", "localhost/from-podman:1")
    subprocess.run(["chmod", "-R", "a+rX", place], check=True)
    said = bolt.ok("load", "-q", "-i", f"{place}/archive")
    name = "localhost/from-podman:1" if "Loaded image: " in said else said.removeprefix("Loaded image ID: ")
    assert form == "oci-dir" or said == "Loaded image: localhost/from-podman:1"
    assert id_of(bolt, name).removeprefix("sha256:") == identity
    assert bolt.ok("run", "--rm", "--network", "none", "--pull", "never", name, "redis-server", "--version").startswith("Redis server")
    bolt.ok("rmi", name)


def test_an_image_without_packed_layers_is_saved_from_its_files(bolt, registry, place):
    identity = take(bolt, registry, "debian-nginx:oci", "localhost/unpacked:1")
    kept = glob.glob(f"{bolt.store}/layers/*/blob-*")
    assert kept
    for path in kept:
        os.remove(path)
    bolt.ok("save", "-o", f"{place}/archive", "localhost/unpacked:1")
    with tarfile.open(f"{place}/archive") as archive:
        (entry,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(entry["Config"]))
        for path, diff_id in zip(entry["Layers"], config["rootfs"]["diff_ids"]):
            assert "sha256:" + hashlib.sha256(archive.extractfile(path).read()).hexdigest() == diff_id
    forget(bolt, registry, "debian-nginx:oci", "localhost/unpacked:1")
    bolt.ok("load", "-q", "-i", f"{place}/archive")
    assert id_of(bolt, "localhost/unpacked:1") == identity
    bolt.ok("rmi", "localhost/unpacked:1")


def piped(bolt, data, *words):
    environment = bolt.environment
    done = subprocess.run(bolt.arguments(words), env=environment, input=data, capture_output=True, check=False, timeout=120)
    return Outcome(subprocess.CompletedProcess(words, done.returncode, done.stdout, done.stderr.decode()))


@pytest.mark.parametrize("pack", [lambda data: data, lzma.compress, lambda data: subprocess.run(["zstd", "-q"], input=data, capture_output=True, check=True).stdout,
                                  lambda data: subprocess.run(["gzip"], input=data, capture_output=True, check=True).stdout], ids=["plain", "xz", "zstd", "gzip"])
def test_through_pipes_packed_or_not(bolt, registry, pack):
    take(bolt, registry, "busybox:oci", "localhost/piped:1")
    archive = piped(bolt, b"", "save", "localhost/piped:1")
    assert archive.code == 0
    bolt.ok("rmi", "localhost/piped:1")
    loaded = piped(bolt, pack(archive.out), "load", "-q")
    assert loaded.code == 0 and loaded.out == b"Loaded image: localhost/piped:1\n", loaded
    bolt.ok("rmi", "localhost/piped:1")


def old_docker_archive(layers, tags, change=lambda files: None):
    """As docker before 25 has it: a directory a layer, and a link for one that is there twice."""
    def tar_of(files):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                if isinstance(content, str):
                    entry.type, entry.linkname = tarfile.SYMTYPE, content
                    archive.addfile(entry)
                else:
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        return out.getvalue()
    archives = [tar_of(layer) for layer in layers]
    config = json.dumps({"architecture": ARCHITECTURE, "os": "linux", "config": {"Cmd": ["/bin/sh"]},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(archive).hexdigest() for archive in archives]}}).encode()
    files = {f"{number}/layer.tar": archive for number, archive in enumerate(archives)}
    first = {}
    for name, archive in list(files.items()):
        if archive in first:
            files[name] = f"../{first[archive]}"
        first.setdefault(archive, name)
    files["config.json"] = config
    files["manifest.json"] = json.dumps([{"Config": "config.json", "RepoTags": tags, "Layers": [name for name in files if name.endswith("layer.tar")]}]).encode()
    change(files)
    return tar_of(files), "sha256:" + hashlib.sha256(config).hexdigest()


def test_an_archive_of_an_older_docker_with_links(bolt):
    data, identity = old_docker_archive([{"a": b"1"}, {"b": b"2"}, {"a": b"1"}], ["team/old:3", "team/old:4"])
    loaded = piped(bolt, data, "load")
    assert loaded.code == 0 and loaded.out == b"Loaded image: team/old:3\nLoaded image: team/old:4\n", loaded
    assert id_of(bolt, "team/old:4") == identity
    bolt.ok("rmi", "team/old:3", "team/old:4")


def test_an_image_without_a_name(bolt):
    data, identity = old_docker_archive([{"nameless": b"1"}], None)
    assert piped(bolt, data, "load").out == f"Loaded image ID: {identity}\n".encode()
    assert identity.removeprefix("sha256:")[:12] in bolt.ok("images", "-q")
    bolt.ok("rmi", identity)


def test_prune_takes_what_nothing_needs(bolt):
    kept, _ = old_docker_archive([{"kept": b"1"}], ["team/kept:1", "team/kept:2"])
    used, used_id = old_docker_archive([{"used": b"1"}], None)
    loose, loose_id = old_docker_archive([{"loose": b"1"}], None)
    for data in (kept, used, loose):
        assert piped(bolt, data, "load", "-q").code == 0
    bolt.ok("create", "--name", "user", "--network", "none", used_id)
    assert piped(bolt, b"n\n", "image", "prune").out.decode().startswith("This removes all images without a name. Are you sure? [y/N] ")
    assert loose_id.removeprefix("sha256:")[:12] in bolt.ok("images", "-q")
    assert "Total reclaimed space: 0B" in bolt.ok("image", "prune", "-f", "--filter", "label=no-such-label")
    said = bolt.ok("image", "prune", "--force")
    assert f"deleted: {loose_id}" in said and used_id not in said and "team/kept" not in said
    assert bolt("image", "prune", "--filter", "colour=red").code == 1 and bolt("image", "prune", "--filter", "until=yesterday", "-f").code == 1
    said = bolt.ok("image", "prune", "--all", "-f", "--filter", "label!=keep")
    assert "untagged: team/kept:1" in said and "untagged: team/kept:2" in said and used_id not in said
    bolt.ok("rm", "user")
    bolt.ok("rmi", used_id)
    bolt.ok("run", "--rm", "--network", "none", IMAGE, "true")  # the other tests want it back


def test_several_images_in_one_archive_share_their_layers(bolt, registry, place):
    take(bolt, registry, "debian-nginx:oci", "localhost/one:1")
    take(bolt, registry, "debian-redis:oci", "localhost/two:1")
    bolt.ok("save", "-o", f"{place}/archive", "localhost/one:1", "localhost/two:1")
    with tarfile.open(f"{place}/archive") as archive:
        names = archive.getnames()
        assert len(names) == len(set(names)) and len(json.load(archive.extractfile("manifest.json"))) == 2
    bolt.ok("rmi", "localhost/one:1", "localhost/two:1")
    assert bolt.ok("load", "-q", "-i", f"{place}/archive").splitlines() == ["Loaded image: localhost/one:1", "Loaded image: localhost/two:1"]
    bolt.ok("rmi", "localhost/one:1", "localhost/two:1")


@pytest.mark.parametrize("change, says", [
    (lambda files: files.pop("1/layer.tar"), "layer '1/layer.tar' is not in the archive"),
    (lambda files: files.pop("config.json"), "the configuration 'config.json' is not in the archive"),
    (lambda files: files.update({"1/layer.tar": files["0/layer.tar"]}), "but the image's configuration says"),
    (lambda files: files.update({"1/layer.tar": "../1/layer.tar"}), "leads from link to link"),
    (lambda files: files.update({"1/layer.tar": "../../../etc/passwd"}), "layer '1/layer.tar' is not in the archive"),
    (lambda files: files.update({"manifest.json": b"{}"}), "manifest.json is an object, not a list"),
    (lambda files: files.update({"manifest.json": b"["}), "manifest.json"),
    (lambda files: files.pop("manifest.json"), "there is neither index.json nor manifest.json"),
])
def test_a_damaged_archive_leaves_nothing(bolt, change, says):
    before = {folder: bolt.entries(folder) for folder in ("images", "layers", "tmp", "trash", "ingest")}
    data, _ = old_docker_archive([{"x": b"1"}, {"y": b"2"}], ["team/damaged:1"], change)
    loaded = piped(bolt, data, "load")
    assert loaded.code == 1 and says in loaded.err.splitlines()[-1] and loaded.err.splitlines()[-1].startswith("bolt: load: "), loaded
    assert {folder: bolt.entries(folder) for folder in before} == before


def test_an_image_that_is_not_whole_is_not_passed_over(bolt, registry, place):
    take(bolt, registry, "debian-nginx:oci", "localhost/one:1")
    take(bolt, registry, "busybox:oci", "localhost/two:1")
    bolt.ok("save", "--format", "oci-dir", "-o", f"{place}/layout", "localhost/one:1", "localhost/two:1")
    bolt.ok("rmi", "localhost/one:1", "localhost/two:1")
    with open(f"{place}/layout/index.json", encoding="utf-8") as file:
        os.remove(f"{place}/layout/blobs/sha256/" + json.load(file)["manifests"][0]["digest"].removeprefix("sha256:"))
    outcome = bolt("load", "-q", "-i", f"{place}/layout")
    assert outcome.code == 1 and "is not there; the image is not whole" in outcome.err, outcome


@pytest.mark.parametrize("data, says", [(b"junk\n", "standard input is no archive of images"), (b"", "there is neither index.json nor manifest.json"), (b"\x1f\x8bnot gzip at all", "standard input is no archive of images"),
                                        (b"BZh91AY&SY", "bzip2")])
def test_what_is_no_archive(bolt, data, says):
    loaded = piped(bolt, data, "load")
    assert loaded.code == 1 and says in loaded.err and loaded.err.count("\n") == 1, loaded


def test_a_load_that_waits_for_its_input_can_be_interrupted(bolt):
    process = subprocess.Popen(bolt.arguments(["load"]), env=bolt.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == -signal.SIGINT
    process.communicate()
    assert bolt.entries("tmp") == []


def test_what_cannot_be_saved(bolt, place):
    os.mkdir(f"{place}/full")
    with open(f"{place}/full/x", "w", encoding="ascii"):
        pass
    for words, says in [(("no-such-image",), "there is no image 'no-such-image'"), (("--format", "oci-dir", IMAGE), "--format oci-dir needs --output"),
                        (("--format", "oci-dir", "-o", f"{place}/full", IMAGE), "is not empty"), (("-o", "/dev/full", IMAGE), "No space left on device"),
                        (("-o", f"{place}/no/such/folder", IMAGE), "No such file or directory")]:
        outcome = bolt("save", *words)
        assert outcome.code == 1 and says in outcome.err and outcome.err.count("\n") == 1, outcome
    assert bolt("save", "--format", "zip", IMAGE).code == 125
    assert sorted(os.listdir(place)) == ["full"]


def test_a_save_that_is_interrupted_ends(bolt, place):
    os.mkfifo(f"{place}/pipe")
    os.chmod(f"{place}/pipe", 0o666)
    reader = os.open(f"{place}/pipe", os.O_RDONLY | os.O_NONBLOCK)
    process = bolt.begin("save", "-o", f"{place}/pipe", IMAGE)
    wait_until(lambda: select.select([reader], [], [], 0)[0], "the archive to begin")
    process.send_signal(signal.SIGTERM)
    while process.poll() is None:
        if select.select([reader], [], [], 0.1)[0]:
            os.read(reader, 65536)
    os.close(reader)
    assert process.wait(timeout=20) == 130 and "interrupted" in process.stderr.read()
