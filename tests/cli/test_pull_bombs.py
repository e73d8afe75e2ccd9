"""Images that are made to exhaust whoever pulls them, and documents that lie: confined, or refused by name, in little memory."""
import functools
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from pull_runner import TRANSFER, puller, registry  # noqa: E402,F401: fixtures
from scripted_registry import INDEX, MANIFEST, Image, digest_of, tar_of  # noqa: E402

pytestmark = pytest.mark.skipif(not TRANSFER, reason="BOLT_TRANSFER does not name bolt-transfer")
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
MOST_MEMORY = 64 << 20
SANITIZER = "ASAN_OPTIONS" in os.environ  # keeps what is freed, and a shadow of everything


def zstd(pieces):
    """The compressed layer and the diffID of a stream that is too long to be held."""
    packing = subprocess.Popen(["zstd", "-1", "-q", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    hashed = hashlib.sha256()
    out = io.BytesIO()
    reader = threading.Thread(target=lambda: out.write(packing.stdout.read()))
    reader.start()
    for piece in pieces:
        hashed.update(piece)
        packing.stdin.write(piece)
    packing.stdin.close()
    reader.join()
    assert packing.wait() == 0
    return out.getvalue(), ZSTD, "sha256:" + hashed.hexdigest()


def pull_in_little_memory(puller, name):
    """The peak of the largest process, the program's own."""
    words = [*puller.prefix, TRANSFER, "pull", "-q", name]
    program = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True, text=True); " \
              "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, done.returncode, done.stderr.strip(), sep='\\n')"
    said = subprocess.run([sys.executable, "-c", program, *words], env={**puller.environment}, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()
    assert SANITIZER or int(said[0]) <= MOST_MEMORY, f"{int(said[0]) >> 20} MiB"
    return int(said[1]), "\n".join(said[2:])


def held(puller):
    return int(subprocess.run(["du", "-s", "--block-size=1", f"{puller.data}/store"], capture_output=True, text=True, check=True).stdout.split()[0])


@functools.cache
def nothing_behind_an_archive():
    return zstd([tar_of([("f", b"x")]), *[bytes(1 << 20)] * 1024])


def test_a_gigabyte_of_nothing_behind_an_archive(puller, registry):
    registry.add(Image([nothing_behind_an_archive()]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 0, said
    assert held(puller) < 16 << 20


@functools.cache
def file_of_zeros():
    header = tarfile.TarInfo("zeros")
    header.size = 1 << 30
    return zstd([header.tobuf(), *[bytes(1 << 20)] * 1024, bytes(1024)])


def test_a_file_of_a_gigabyte_that_fits_in_a_message(puller, registry):
    """It is what it says: the file is there, whole. The memory stays small."""
    registry.add(Image([file_of_zeros()]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 0, said
    assert os.stat(puller.layer(0) + "/zeros").st_size == 1 << 30


def test_many_entries(puller, registry):
    def entries():
        for number in range(70_000):
            header = tarfile.TarInfo(f"d{number % 97}/{number}")
            header.type = tarfile.LNKTYPE if number else tarfile.REGTYPE
            header.linkname = "d0/0"
            yield header.tobuf()
        yield bytes(1024)

    registry.add(Image([zstd(entries())]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    # ext4 takes 65,000 links to a file, overlay's and others' limits are their own.
    assert code == 0 or "Too many links" in said or "too many links" in said, said
    if code != 0:
        puller.assert_nothing_is_left(ingest=True)


def test_the_same_file_again_and_again(puller, registry):
    def entries():
        for _ in range(50_000):
            yield tarfile.TarInfo("again").tobuf()
        yield bytes(1024)

    registry.add(Image([zstd(entries())]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 0 and os.listdir(puller.layer(0)) == ["again"], said


def test_a_path_of_thirty_thousand_directories(puller, registry):
    """Longer than any system call takes."""
    header = tarfile.TarInfo("a/" * 30_000 + "f")
    registry.add(Image([zstd([header.tobuf(tarfile.PAX_FORMAT), bytes(1024)])]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 1 and said.count("\n") == 0, said
    puller.assert_nothing_is_left(ingest=True)


@pytest.mark.parametrize("kind, says", [(tarfile.XHDTYPE, "an extended header of 1073741824 bytes"), (tarfile.GNUTYPE_LONGNAME, "an extended header of 1073741824 bytes")])
def test_a_header_without_an_end(puller, registry, kind, says):
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 1 << 30
    registry.add(Image([zstd([header.tobuf(), bytes(1024)])]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 1 and says in said and said.count("\n") == 0, said
    puller.assert_nothing_is_left(ingest=True)


def pax(kind, records):
    """An extended header of (key, value) pairs."""
    body = b""
    for key, value in records:
        rest = f" {key}={value}\n".encode()
        length = len(rest)
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        body += str(length).encode() + rest
    header = tarfile.TarInfo("pax")
    header.type, header.size = kind, len(body)
    return header.tobuf() + body + bytes(-len(body) % 512)


def test_records_for_all_entries_without_an_end(puller, registry):
    """They are kept, and looked through for every entry."""
    known = pax(tarfile.XGLTYPE, [(f"SCHILY.xattr.user.n{number}", "v" * 50) for number in range(2000)])
    registry.add(Image([zstd([known, bytes(1024)])]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 1 and "extended headers of more than 65536 bytes" in said, said


def test_records_that_mean_nothing_are_not_kept(puller, registry):
    headers = [pax(tarfile.XGLTYPE, [(f"comment.{number}.{entry}", "v" * 100) for entry in range(8000)]) for number in range(20)]
    registry.add(Image([zstd([*headers, *[tarfile.TarInfo(f"f{number}").tobuf() for number in range(5000)], bytes(1024)])]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 0 and len(os.listdir(puller.layer(0))) == 5000, said


def test_more_directories_than_are_held_in_memory(puller, registry):
    """Their times are theirs all the same, and of one that is there twice the later one's."""
    def entries():
        for number in [*range(12_000), 7]:
            header = tarfile.TarInfo(f"{'d' * 85}{number}")
            header.type, header.mode, header.mtime = tarfile.DIRTYPE, 0o755, 1_000_000 + number
            yield header.tobuf(tarfile.GNU_FORMAT)
        header.mtime = 5
        yield header.tobuf(tarfile.GNU_FORMAT)
        yield bytes(1024)

    registry.add(Image([zstd(entries())]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 0, said
    times = [int(os.stat(f"{puller.layer(0)}/{'d' * 85}{number}").st_mtime) for number in (0, 6, 7, 10_000, 11_999)]
    assert times == [1_000_000, 1_000_006, 5, 1_010_000, 1_011_999]


def test_files_in_more_directories_than_an_archive_describes(puller, registry):
    def entries():
        for number in range(800):
            yield tarfile.TarInfo(f"{number}/" + 15 * f"{'d' * 240}/" + "f").tobuf(tarfile.GNU_FORMAT)
        yield bytes(1024)

    registry.add(Image([zstd(entries())]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/bomb:1")
    assert code == 1 and "too many directories that it does not describe" in said, said
    puller.assert_nothing_is_left(ingest=True)


def zstd_with_long_window(number):
    """Made from a pipe, so that its header says a window and not a size."""
    body = tar_of([(f"f{number}", random.Random(number).randbytes(12 << 20))])
    packed = subprocess.run(["zstd", "-q", "-c", "--long=27"], input=body, stdout=subprocess.PIPE, check=True).stdout
    return packed, ZSTD, digest_of(body)


def test_large_windows_are_unpacked_one_after_another(puller, registry):
    """Six would take 768 MiB at once; one takes what of its 128 MiB the layer fills."""
    registry.add(Image([zstd_with_long_window(number) for number in range(6)]), "1")
    done = puller.works(f"{registry.host}/long:1")
    assert done.returncode == 0 and len(puller.image()["layers"]) == 6


# ---- documents


def index_of(*descriptors):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(descriptors)}).encode()


def test_indexes_in_indexes_without_an_end(puller, registry):
    inner = index_of()
    for number in range(8):
        registry.manifests[digest_of(inner)] = (inner, INDEX)
        inner = index_of({"mediaType": INDEX, "digest": digest_of(inner), "size": len(inner), "annotations": {"n": str(number)}})
    registry.manifests["1"] = (inner, INDEX)
    puller.fails(f"{registry.host}/nested:1", says="nested more than 3 deep")


def test_an_index_that_lies_about_a_manifest(puller, registry):
    image = Image([tar_of([("f", b"x")])])
    registry.add(image, "2")
    registry.manifests[image.digest] = registry.manifests["2"]
    registry.manifests["1"] = (index_of({"mediaType": MANIFEST, "digest": image.digest, "size": 5}), INDEX)
    puller.fails(f"{registry.host}/lie:1", says=f"manifest {image.digest} has {len(image.manifest)} bytes, and what names it says 5")


def test_an_index_that_names_itself(puller, registry):
    """No digest can do that: a registry that pretends is caught."""
    own = "sha256:" + "0" * 64
    body = index_of({"mediaType": INDEX, "digest": own, "size": 300})
    registry.manifests["1"] = registry.manifests[own] = (body, INDEX)
    puller.fails(f"{registry.host}/itself:1", says="wrong contents for manifest sha256:000")


def test_a_manifest_of_more_than_4_mib(puller, registry):
    image = Image([tar_of([("f", b"x")])])
    registry.add(image, "1")
    document = json.loads(image.manifest)
    document["annotations"] = {"filler": "x" * (4 << 20)}
    registry.manifests["1"] = (json.dumps(document).encode(), MANIFEST)
    puller.fails(f"{registry.host}/long:1", says="has more than the 4194304 bytes")


@pytest.mark.parametrize("change, says", [
    (lambda m: m["config"].update(size=1 << 60), "too much for a configuration"), (lambda m: m["config"].update(size=-1), "size"), (lambda m: m["layers"][0].update(size=1 << 40), ""),
    (lambda m: m["layers"][0].update(size=1), ""), (lambda m: m["layers"][0].update(mediaType="application/x-shockwave-flash"), "application/x-shockwave-flash"),
    (lambda m: m["layers"][0].update(digest="md5:" + "0" * 32), "md5"), (lambda m: m["layers"].append(m["layers"][0]), "1"), (lambda m: m.update(schemaVersion=3), "schemaVersion"),
    (lambda m: m["config"].update(size=10), "the configuration has"), (lambda m: m["config"].update(mediaType="application/foo"), "is an artifact (application/foo)"),
    (lambda m: m.update(layers="many"), "layers"), (lambda m: m.pop("config"), "config")])
def test_a_manifest_that_lies(puller, registry, change, says):
    image = Image([tar_of([("f", b"x")])])
    registry.add(image, "1")
    document = json.loads(image.manifest)
    change(document)
    registry.manifests["1"] = (json.dumps(document).encode(), MANIFEST)
    puller.fails(f"{registry.host}/lie:1", says=says)
    puller.assert_nothing_is_left(ingest=True, layers=True)


@functools.cache
def layer_of_60_mib(number):
    noise = random.Random(number).randbytes(1 << 20)
    header = tarfile.TarInfo(f"noise{number}")
    header.size = 60 << 20
    return zstd([header.tobuf(), *[noise] * 60, bytes(1024)])


def test_memory_does_not_grow_with_the_image(puller, registry):
    registry.add(Image([layer_of_60_mib(number) for number in range(5)]), "1")
    code, said = pull_in_little_memory(puller, f"{registry.host}/large:1")
    assert code == 0, said
