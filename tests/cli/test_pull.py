"""bolt-transfer pull against a registry that behaves, and one that does not: as root and as an ordinary user."""
import base64
import gzip
import http.server
import io
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from pull_runner import PATIENCE, TRANSFER, USER, Puller, noise, puller, registry  # noqa: E402,F401: fixtures
from free_port import free_port
from scripted_registry import ARCHITECTURE, Image, ScriptedRegistry, digest_of, tar_of  # noqa: E402

pytestmark = pytest.mark.skipif(not TRANSFER, reason="BOLT_TRANSFER does not name bolt-transfer")


def simple_image(**options):
    return Image([tar_of([("etc", {"type": b"5", "mode": 0o755}), ("etc/hello", b"hello\n")]), tar_of([("top", b"2")])], **options)


# ---- what works


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_an_image_is_pulled_whole(puller, registry, docker):
    image = simple_image(docker=docker)
    registry.add(image, "1")
    done = puller.works(f"{registry.host}/team/app:1")
    assert done.stdout.splitlines() == [f"Digest: {image.digest}", f"Status: Downloaded newer image for {registry.host}/team/app:1", f"{registry.host}/team/app:1"]
    with open(puller.layer(0) + "/etc/hello") as file:
        assert file.read() == "hello\n"
    assert puller.image()["config"] == {"Cmd": ["/bin/true"]}
    assert puller.names("ingest") == [] and puller.names("tmp") == []
    again = puller.works(f"{registry.host}/team/app:1")
    assert "Image is up to date" in again.stdout
    assert registry.count("/blobs/" + image.layers[0]["digest"]) == 1


def test_quiet_prints_the_name_alone(puller, registry):
    registry.add(simple_image(), "latest")
    done = puller.works("-q", f"{registry.host}/app")
    assert done.stdout == f"{registry.host}/app:latest\n" and done.stderr == ""


def test_several_are_pulled_whatever_one_of_them_does(puller, registry):
    registry.add(simple_image(), "1")
    registry.add(simple_image(docker=True), "2")
    done = puller.pull("-q", f"{registry.host}/app:1", f"{registry.host}/app:none", f"{registry.host}/app:2", "B@d")
    assert done.stdout == f"{registry.host}/app:1\n{registry.host}/app:2\n" and done.returncode == 1, done
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [f"pull {registry.host}/app:none", "pull B@d"], done


def test_missing_does_not_ask_the_registry_again(puller, registry):
    registry.add(simple_image(), "1")
    puller.works(f"{registry.host}/app:1")
    before = len(registry.requests)
    puller.works("--policy", "missing", f"{registry.host}/app:1")
    assert len(registry.requests) == before


def test_never_asks_no_registry(puller, registry):
    registry.add(simple_image(), "1")
    puller.fails("--policy", "never", f"{registry.host}/app:1", says="is not in the local store, and the pull policy 'never' forbids to get it; pull it (bolt pull ")
    assert not registry.requests and puller.names("images") == []
    puller.works(f"{registry.host}/app:1")
    before = len(registry.requests)
    puller.works("--policy", "never", f"{registry.host}/app:1")
    assert len(registry.requests) == before


def test_newer_takes_the_registrys_image_or_the_one_that_is_here(puller, registry):
    old, new = simple_image(), simple_image(config={"Cmd": ["/bin/false"]})
    name = f"{registry.host}/app:1"
    digest = lambda done: done.stdout.splitlines()[0]
    for image in (old, new):
        registry.add(image, "1")
        assert digest(puller.works("--policy", "newer", name)) == f"Digest: {image.digest}"
    registry.script = lambda request: request.answer(500, Retry_After="0") if "/manifests/" in request.path else None
    done = puller.works("--policy", "newer", name)
    assert "failed (500)" in done.stderr and "the image that is here serves" in done.stderr and digest(done) == f"Digest: {new.digest}", done.stderr
    puller.fails("--policy", "newer", f"{registry.host}/other:1", says="failed (500)")


def test_a_short_name_is_completed_and_said(puller, registry):
    registry.add(simple_image(), "latest")
    done = puller.works("app", BOLT_DEFAULT_REGISTRY=registry.host)
    assert f"taking '{registry.host}/app:latest'" in done.stderr


def test_an_index_gives_this_machines_image(puller, registry):
    other = "arm64" if ARCHITECTURE != "arm64" else "amd64"
    ours, theirs = simple_image(), simple_image(architecture=other)
    registry.add_index("1", [(theirs, {"os": "linux", "architecture": other}), (ours, {"os": "linux", "architecture": ARCHITECTURE})])
    puller.works(f"{registry.host}/app:1")
    assert puller.image()["id"] == ours.config["digest"]
    puller.works("--platform", f"linux/{other}", f"{registry.host}/app:1")


def test_an_image_that_is_here_unchanged_costs_one_request(puller, registry):
    registry.add(simple_image(), "1")
    puller.works(f"{registry.host}/app:1")
    assert registry.heads == []
    before = len(registry.requests)
    for _ in range(2):
        assert "Image is up to date" in puller.works(f"{registry.host}/app:1").stdout
    assert registry.heads == ["/v2/app/manifests/1"] * 2 and len(registry.requests) == before
    other = Image([tar_of([("other", b"2")])])
    registry.add(other, "1")
    assert f"Digest: {other.digest}\nStatus: Downloaded newer image" in puller.works(f"{registry.host}/app:1").stdout


def test_another_platform_of_an_unchanged_index_is_brought(puller, registry):
    other = "arm64" if ARCHITECTURE != "arm64" else "amd64"
    ours, theirs = simple_image(), simple_image(architecture=other)
    registry.add_index("1", [(theirs, {"os": "linux", "architecture": other}), (ours, {"os": "linux", "architecture": ARCHITECTURE})])
    puller.works("--platform", f"linux/{other}", f"{registry.host}/app:1")
    assert "Downloaded newer image" in puller.works(f"{registry.host}/app:1").stdout
    before = len(registry.requests)
    assert "Image is up to date" in puller.works(f"{registry.host}/app:1").stdout
    assert len(registry.requests) == before


@pytest.mark.skipif(ARCHITECTURE != "amd64", reason="the variants are those of amd64")
def test_a_variant_of_an_unchanged_index_is_brought(puller, registry):
    """The configurations do not say which variant they are for."""
    plain, later = simple_image(), Image([tar_of([("v3", b"3")])])
    registry.add_index("1", [(later, {"os": "linux", "architecture": "amd64", "variant": "v3"}), (plain, {"os": "linux", "architecture": "amd64"})])
    puller.works("--platform", "linux/amd64/v3", f"{registry.host}/app:1")
    assert "Downloaded newer image" in puller.works(f"{registry.host}/app:1").stdout
    assert puller.works("--platform", "linux/amd64/v3", f"{registry.host}/app:1").stdout.count("Downloaded newer image") == 1
    before = len(registry.requests)
    puller.works("--platform", "linux/amd64/v3", f"{registry.host}/app:1")
    assert len(registry.requests) == before


@pytest.mark.parametrize("status, headers", [(405, {}), (500, {}), (200, {}), (200, {"Docker_Content_Digest": "sha256:0"})], ids=["refused", "failing", "no-digest", "no-digests-form"])
def test_a_registry_that_tells_nothing_by_a_manifests_head(puller, registry, status, headers):
    registry.add(simple_image(), "1")
    puller.works(f"{registry.host}/app:1")
    registry.script = lambda request: request.answer(status, **headers) if request.command == "HEAD" else None
    before = len(registry.requests)
    assert "Image is up to date" in puller.works(f"{registry.host}/app:1").stdout
    assert len(registry.heads) == 1 and len(registry.requests) > before


@pytest.mark.parametrize("what", ["", "meta.json"], ids=["layer", "its-record"])
def test_a_layer_that_is_gone_is_brought_again(puller, registry, what):
    registry.add(simple_image(), "1")
    puller.works(f"{registry.host}/app:1")
    layer = os.path.dirname(puller.layer(1))
    if what:
        os.unlink(f"{layer}/{what}")
    else:
        shutil.rmtree(layer)
    puller.works(f"{registry.host}/app:1")
    assert os.path.isfile(puller.layer(1) + "/top") and os.path.isfile(f"{layer}/meta.json")


def test_documents_that_are_damaged_are_brought_again(puller, registry):
    registry.add(simple_image(), "1")
    puller.works(f"{registry.host}/app:1")
    for record in ("id", "manifest"):
        hexes = puller.image()[record].split(":")[1]
        file = f"{puller.data}/store/blobs/sha256/{hexes[:2]}/{hexes}"
        with open(file, "rb") as document:
            sound = document.read()
        for damage in (os.unlink, lambda file: os.truncate(file, 0)):
            damage(file)
            puller.works(f"{registry.host}/app:1")
            with open(file, "rb") as document:
                assert document.read() == sound
    assert "Image is up to date" in puller.works(f"{registry.host}/app:1").stdout


def test_what_the_policy_no_longer_admits_is_refused_though_it_is_here(puller, registry):
    registry.add(simple_image(), "1")
    puller.works(f"{registry.host}/app:1")
    with open(f"{puller.home}/policy.json", "w") as policy:
        json.dump({"default": [{"type": "reject"}]}, policy)
    puller.fails("--signature-policy", f"{puller.home}/policy.json", f"{registry.host}/app:1", says="policy")


def test_by_digest(puller, registry):
    image = simple_image()
    registry.add(image)
    done = puller.works(f"{registry.host}/app@{image.digest}")
    assert done.stdout.splitlines()[-1] == f"{registry.host}/app@{image.digest}"


def test_zstd_and_plain_layers(puller, registry):
    zstd = shutil.which("zstd")
    if not zstd:
        pytest.skip("zstd is not installed (package zstd)")
    first, second = tar_of([("a", noise(100_000))]), tar_of([("b", b"plain")])
    packed = subprocess.run([zstd, "-q", "-c"], input=first, stdout=subprocess.PIPE, check=True).stdout
    registry.add(Image([(packed, "application/vnd.oci.image.layer.v1.tar+zstd", digest_of(first)), (second, "application/vnd.oci.image.layer.v1.tar", digest_of(second))]), "1")
    puller.works(f"{registry.host}/app:1")
    with open(puller.layer(0) + "/a", "rb") as file:
        assert file.read() == noise(100_000)


def test_whiteouts_are_overlays(puller, registry):
    registry.add(Image([tar_of([("d", {"type": b"5", "mode": 0o755}), ("d/old", b"")]), tar_of([("d/.wh.old", b""), ("o/.wh..wh..opq", b"")])]), "1")
    puller.works(f"{registry.host}/app:1")
    gone = os.lstat(puller.layer(1) + "/d/old")
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
    name = "user.overlay.opaque" if puller.rootless else "trusted.overlay.opaque"
    assert os.getxattr(puller.layer(1) + "/o", name) == b"y"


def test_implied_directories_have_the_attributes_of_the_layer_below(puller, registry):
    image = Image([tar_of([("tmp", {"type": b"5", "mode": 0o1777, "uid": 0})]), tar_of([("tmp/file", b"x")])])
    registry.add(image, "1", "2")
    puller.works(f"{registry.host}/app:1")
    assert stat.S_IMODE(os.stat(puller.layer(1) + "/tmp").st_mode) == 0o1777
    assert puller.image()["layers"][1]["key"] != puller.image()["layers"][1]["diffID"][7:]
    assert "already there" in puller.works(f"{registry.host}/app:2").stderr


def test_owners_are_mapped(puller, registry):
    registry.add(Image([tar_of([("f", {"uid": 33, "gid": 44, "mode": 0o4755})])]), "1")
    puller.works(f"{registry.host}/app:1")
    found = os.stat(puller.layer(0) + "/f")
    with open("/etc/subuid") as ranges:
        first = [int(line.split(":")[1]) for line in ranges if line.startswith("bolt-test:")]
    assert found.st_uid == (first[0] + 32 if puller.rootless else 33)
    assert stat.S_IMODE(found.st_mode) == 0o4755


def test_a_layer_twice_is_one_directory(puller, registry):
    layer = tar_of([("a", b"a")])
    registry.add(Image([layer, tar_of([("b", b"b")]), layer]), "1")
    puller.works(f"{registry.host}/app:1")
    assert len({layer["key"] for layer in puller.image()["layers"]}) == len(puller.image()["layers"]) == 2


# ---- logins


def require_token(registry, user=None, hidden=False):
    def script(request):
        if request.path.startswith("/token"):
            sent = request.headers.get("Authorization", "")
            if user and sent != "Basic " + base64.b64encode(user.encode()).decode():
                return request.answer(401)
            return request.answer(200, json.dumps({"token": "let-me-in"}).encode())
        if request.headers.get("Authorization") != "Bearer let-me-in" or hidden:
            return request.answer(401, WWW_Authenticate=f'Bearer realm="http://{registry.host}/token",service="s",scope="repository:app:pull"')
        return None

    registry.script = script


def test_anonymous_token(puller, registry):
    registry.add(simple_image(), "1")
    require_token(registry)
    puller.works(f"{registry.host}/app:1")
    before = len(registry.requests)
    assert "Image is up to date" in puller.works(f"{registry.host}/app:1").stdout
    assert len(registry.heads) == 2 and len(registry.requests) == before + 1 # refused, a token, and once more


@pytest.mark.parametrize("kind", ["token", "basic"])
def test_login_from_a_credentials_file(puller, registry, kind):
    registry.add(simple_image(), "1")
    if kind == "token":
        require_token(registry, "ann:secret")
    else:
        def basic(request):
            if request.headers.get("Authorization") != "Basic " + base64.b64encode(b"ann:secret").decode():
                return request.answer(401, WWW_Authenticate='Basic realm="r"')
            return None
        registry.script = basic
    file = f"{puller.home}/auth.json"
    with open(file, "w") as auth:
        json.dump({"auths": {registry.host: {"auth": base64.b64encode(b"ann:secret").decode()}}}, auth)
    puller.fails(f"{registry.host}/app:1", says="does not exist or needs a login")
    puller.assert_nothing_is_left()
    puller.works(f"{registry.host}/app:1", REGISTRY_AUTH_FILE=file)
    puller.works("--authfile", file, f"{registry.host}/app:1")


def test_what_the_registry_hides_may_not_exist_or_needs_a_login(puller, registry):
    require_token(registry, hidden=True)
    puller.fails(f"{registry.host}/app:1", says="does not exist or needs a login")


def test_a_redirect_does_not_get_the_password(puller, registry):
    image = simple_image()
    registry.add(image, "1")
    elsewhere = ScriptedRegistry()
    elsewhere.add(image)
    require_token(registry)
    inner = registry.script

    def script(request):
        answered = inner(request)
        if answered is None and "/blobs/" in request.path:
            return request.answer(307, Location=f"http://{elsewhere.host}{request.path}")
        return answered

    registry.script = script
    try:
        puller.works(f"{registry.host}/app:1")
        assert elsewhere.requests and all("Authorization" not in headers for _, headers in elsewhere.requests)
    finally:
        elsewhere.close()


# ---- what goes wrong


def test_a_redirect_to_where_nobody_listens_names_that_place(puller, registry):
    registry.add(simple_image(), "1")
    nobody = f"127.0.0.1:{free_port()}"
    registry.script = lambda request: request.answer(307, Location=f"http://{nobody}{request.path}") if "/blobs/" in request.path else None
    puller.fails(f"{registry.host}/app:1", says=f"cannot connect to '{nobody}'")


def test_names_that_are_none(puller):
    puller.fails("team/Case", says="repository names are lowercase")
    puller.fails("a b", says="is not an image name")


def test_unknown_tag(puller, registry):
    puller.fails(f"{registry.host}/app:1", says=f"'{registry.host}/app:1' does not exist in registry")
    puller.assert_nothing_is_left()


def test_nobody_listens(puller):
    puller.fails("127.0.0.1:1/app", says="cannot connect to '127.0.0.1:1'")


def test_another_architecture(puller, registry):
    registry.add(simple_image(architecture="mips"), "1")
    puller.fails(f"{registry.host}/app:1", says="--platform linux/mips")
    registry.add_index("2", [(simple_image(architecture="mips"), {"os": "linux", "architecture": "mips"})])
    puller.fails(f"{registry.host}/app:2", says="there is one for linux/mips: choose with --platform")
    puller.assert_nothing_is_left()


def test_wrong_bytes(puller, registry):
    image = simple_image()
    registry.add(image, "1")
    good = registry.blobs[image.layers[1]["digest"]]
    registry.blobs[image.layers[1]["digest"]] = good[:-1] + bytes([good[-1] ^ 1])
    puller.fails(f"{registry.host}/app:1", says="have digest sha256:")
    puller.assert_nothing_is_left()


def test_wrong_configuration_and_manifest(puller, registry):
    image = simple_image()
    registry.add(image, "1")
    registry.blobs[image.config["digest"]] = b"{}"
    puller.fails(f"{registry.host}/app:1", says="wrong contents for blob")
    registry.manifests[image.digest] = (b"{}", image.type)
    puller.fails(f"{registry.host}/app@{image.digest}", says="wrong contents for manifest")
    puller.assert_nothing_is_left()


def test_a_diff_id_that_lies(puller, registry):
    layer = tar_of([("a", b"a")])
    registry.add(Image([(gzip.compress(layer), "application/vnd.oci.image.layer.v1.tar+gzip", digest_of(b"other"))]), "1")
    puller.fails(f"{registry.host}/app:1", says="the image is damaged")
    puller.assert_nothing_is_left()


def test_a_layer_that_is_cut_off(puller, registry):
    whole = gzip.compress(tar_of([("a", noise(200_000))]))
    cut = whole[:100_000]
    registry.add(Image([(cut, "application/vnd.oci.image.layer.v1.tar+gzip", digest_of(b"x"))]), "1")
    puller.fails(f"{registry.host}/app:1", says="end early")
    puller.assert_nothing_is_left()


@pytest.mark.parametrize("entries, says", [
    ([("../../evil", b"e")], "leads out"), ([("/../evil", b"e")], "leads out"), ([("h", {"type": b"1", "linkname": "../../../etc/passwd"})], "leads out"),
    ([("h", {"type": b"1", "linkname": "/etc/passwd"})], "hard link"), ([("zero", {"type": b"3", "devmajor": 0, "devminor": 0})], "device 0:0"),
])
def test_an_archive_that_climbs_out(puller, registry, entries, says):
    registry.add(Image([tar_of([("good", b"g"), *entries])]), "1")
    puller.fails(f"{registry.host}/app:1", says=says)
    puller.assert_nothing_is_left()
    assert sorted(os.listdir(puller.home)) == ["data", "run"]


def test_links_that_climb_out_stay_inside(puller, registry):
    outside = puller.home + "/outside"
    os.mkdir(outside, 0o777)
    registry.add(Image([tar_of([("up", {"type": b"2", "linkname": "../" * 20}), ("up/etc-evil", b"e"), ("abs", {"type": b"2", "linkname": "/"}), ("abs/two", b"2")])]), "1")
    puller.works(f"{registry.host}/app:1")
    assert os.path.exists(puller.layer(0) + "/etc-evil") and os.path.exists(puller.layer(0) + "/two")
    assert not os.path.exists("/etc-evil") and not os.path.exists("/two")


def test_an_owner_beyond_the_map(puller, registry):
    registry.add(Image([tar_of([("f", {"uid": 3_000_000})])]), "1")
    if puller.rootless:
        puller.fails(f"{registry.host}/app:1", says="belongs to 3000000:0, which this user has no ids for; add a larger range to /etc/subuid")
        puller.assert_nothing_is_left()
    else:
        puller.works(f"{registry.host}/app:1")


def test_schema_1_and_artifacts(puller, registry):
    registry.manifests["1"] = (b'{"schemaVersion":1,"fsLayers":[]}', "application/vnd.docker.distribution.manifest.v1+prettyjws")
    puller.fails(f"{registry.host}/app:1", says="schema 1")
    body = json.dumps({"schemaVersion": 2, "artifactType": "a/b", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}, "layers": []}).encode()
    registry.manifests["2"] = (body, "application/vnd.oci.image.manifest.v1+json")
    puller.fails(f"{registry.host}/app:2", says="is an artifact (a/b)")


def test_too_many_requests_are_waited_for(puller, registry):
    registry.add(simple_image(), "1")
    refusals = [2]

    def script(request):
        if refusals[0] > 0:
            refusals[0] -= 1
            return request.answer(429, Retry_After="0")
        return None

    registry.script = script
    puller.works(f"{registry.host}/app:1")


def test_too_many_requests_for_ever(puller, registry):
    registry.script = lambda request: request.answer(429, Retry_After="0")
    puller.fails(f"{registry.host}/app:1", says="takes no more requests for now (429")
    assert len(registry.requests) == 5


def test_a_registry_that_fails(puller, registry):
    image = simple_image()
    registry.add(image, "1")
    registry.script = lambda request: request.answer(500, Retry_After="0") if "/blobs/" in request.path else None
    puller.fails(f"{registry.host}/app:1", says="failed (500)")
    puller.assert_nothing_is_left(ingest=True)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no-ranges"])
def test_a_connection_that_breaks_is_taken_up_again(puller, registry, ranges):
    image = Image([tar_of([("big", noise(3_000_000))])])
    registry.add(image, "1")
    registry.ranges = ranges
    breaks = [2]

    def script(request):
        if image.layers[0]["digest"] not in request.path or breaks[0] == 0:
            return None
        breaks[0] -= 1
        body = registry.blobs[image.layers[0]["digest"]]
        start = int(request.headers.get("Range", "bytes=0-")[6:].split("-")[0]) if ranges else 0
        return request.cut(body[start:], 1_000_000 * (2 - breaks[0] if not ranges else 1), 206 if start else 200)

    registry.script = script
    puller.works(f"{registry.host}/app:1")
    with open(puller.layer(0) + "/big", "rb") as file:
        assert file.read() == noise(3_000_000)
    if ranges:
        assert [headers.get("Range") for path, headers in registry.requests if image.layers[0]["digest"] in path][-1] == "bytes=2000000-"


def stopping_registry(registry, image, at):
    """Sends the beginning of the last layer and then nothing."""
    body = registry.blobs[image.layers[-1]["digest"]]
    registry.script = lambda request: request.stall(body, at, 0) if image.layers[-1]["digest"] in request.path else None


def test_a_registry_that_falls_silent(puller, registry):
    image = Image([tar_of([("big", noise(2_000_000))])])
    registry.add(image, "1")
    body = registry.blobs[image.layers[0]["digest"]]

    def script(request):
        if image.layers[0]["digest"] not in request.path:
            return None
        start = int(request.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        if not start:
            request.wfile.write(body[:500_000])
            request.wfile.flush()
        time.sleep(30)
        return True

    registry.script = script
    process = puller.start("--stall-timeout", "1", f"{registry.host}/app:1")
    said = ""
    while "trying again" not in said:  # libcurl measures over some seconds
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "stopped answering" in said and "interrupted" in err
    puller.assert_nothing_is_left(ingest=True)


def part_size(puller, image):
    try:
        return os.path.getsize(f"{puller.data}/store/ingest/{image.layers[-1]['digest']}/part")
    except FileNotFoundError:
        return 0


def slow_registry(registry, image):
    """The last layer comes in small pieces."""
    body = registry.blobs[image.layers[-1]["digest"]]

    def script(request):
        if image.layers[-1]["digest"] not in request.path:
            return None
        start = int(request.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        for at in range(start, len(body), 100_000):
            request.wfile.write(body[at:at + 100_000])
            request.wfile.flush()
            time.sleep(0.05)
        return True

    registry.script = script


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_pull_that_was_stopped_goes_on_where_it_was(puller, registry, how):
    image = Image([tar_of([("small", b"s")]), tar_of([("big", noise(4_000_000))])])
    registry.add(image, "1")
    slow_registry(registry, image)
    process = puller.start(f"{registry.host}/app:1")
    end = time.monotonic() + PATIENCE
    while part_size(puller, image) < 500_000 and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(how)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert puller.names("images") == []
    had = part_size(puller, image)
    assert had >= 500_000
    registry.script = lambda request: None
    puller.works(f"{registry.host}/app:1")
    ranges = [headers.get("Range") for path, headers in registry.requests if image.layers[-1]["digest"] in path]
    assert ranges[-1] == f"bytes={had}-"
    assert registry.count("/blobs/" + image.layers[0]["digest"]) == 1  # it was whole before
    assert puller.names("tmp") == [] and puller.names("ingest") == [] and puller.names("trash") == []
    with open(puller.layer(1) + "/big", "rb") as file:
        assert file.read() == noise(4_000_000)


def test_a_damaged_rest_of_a_download_is_thrown_away(puller, registry):
    image = Image([tar_of([("big", noise(1_000_000))])])
    registry.add(image, "1")
    puller.works(f"{registry.host}/app:1")
    shutil.rmtree(puller.data)
    directory = f"{puller.data}/store/ingest/{image.layers[0]['digest']}"
    os.makedirs(directory)
    with open(directory + "/part", "wb") as part:
        part.write(b"\0" * 300_000)
    if puller.rootless:
        subprocess.run(["chown", "-R", f"{USER}:{USER}", puller.data], check=True)
    done = puller.works(f"{registry.host}/app:1")
    assert "is damaged; downloading it again" in done.stderr


def test_two_pulls_share_the_work(puller, registry):
    image = Image([tar_of([("big", noise(3_000_000))])])
    registry.add(image, "1")
    slow_registry(registry, image)
    pulls = [puller.start(f"{registry.host}/app:1") for _ in range(4)]
    outcomes = [process.communicate(timeout=PATIENCE) for process in pulls]
    assert [process.returncode for process in pulls] == [0] * 4, outcomes
    assert registry.count("/blobs/" + image.layers[0]["digest"]) == 1
    assert any("waiting for process" in err for _, err in outcomes)


def test_a_full_disk(registry):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    registry.add(Image([tar_of([("big", noise(30_000_000))])]), "1")
    puller = Puller(False)
    os.mkdir(puller.data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", puller.data], check=True)
    try:
        puller.fails(f"{registry.host}/app:1", says=f"no space left in '{puller.data}/store'")
        puller.assert_nothing_is_left()
    finally:
        subprocess.run(["umount", puller.data], check=True)
        shutil.rmtree(puller.home, ignore_errors=True)


def test_attributes_that_the_file_system_does_not_take_are_told(registry):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a file system without extended attributes")
    marked = {"pax_headers": {"SCHILY.xattr.user.note": "x"}}
    registry.add(Image([tar_of([("one", marked), ("two", marked)]), tar_of([("three", marked)])]), "1")
    puller = Puller(False)
    os.mkdir(puller.data)
    subprocess.run(["mount", "-t", "ramfs", "ramfs", puller.data], check=True)
    try:
        done = puller.works(f"{registry.host}/app:1")
        assert done.stderr.count("3 extended attributes of the image were left out, which the store's file system") == 1, done.stderr
    finally:
        subprocess.run(["umount", puller.data], check=True)
        shutil.rmtree(puller.home, ignore_errors=True)
    puller = Puller(False)
    try:
        assert "left out" not in puller.works(f"{registry.host}/app:1").stderr and os.getxattr(puller.layer(0) + "/two", "user.note") == b"x"
    finally:
        shutil.rmtree(puller.home, ignore_errors=True)


def test_plain_http_is_for_loopback_only(puller):
    name = os.uname().nodename
    done = puller.pull("--stall-timeout", "2", f"{name}:1/app")
    assert done.returncode == 1 and "bolt: pull" in done.stderr


def test_shipped_images_need_no_network(puller):
    layout = os.path.join(os.path.dirname(TRANSFER), "../../images/layout")
    if not os.path.exists(layout + "/index.json"):
        pytest.skip("the build has no shipped images beside bolt-transfer")
    assert puller.works("-q", "bolt://hello-world").stdout == "bolt://hello-world:latest\n"
    assert "shipped with bolt" in puller.works("shell").stderr
    puller.works("--policy", "missing", "shell")


def test_a_proxy_that_cannot_be_used_is_named(puller, registry):
    registry.add(simple_image(), "1")
    dead = "http://someone:secret@127.0.0.1:1"
    puller.works(f"{registry.host}/app:1", http_proxy=dead, https_proxy=dead)  # loopback is not asked by way of it
    done = puller.fails("registry.invalid/app:1", says="environment variable https_proxy", https_proxy=dead)
    assert "the proxy '127.0.0.1:1'" in done.stderr and "secret" not in done.stderr
    puller.fails("registry.invalid/app:1", says="environment variable ALL_PROXY", ALL_PROXY="garbage:::")


def test_what_does_not_speak_http_is_no_redirect(puller):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            while True:
                try:
                    with server.accept()[0] as client:
                        client.sendall(b"SSH-2.0-none\r\n")
                        client.recv(4096)
                except OSError:
                    return
        threading.Thread(target=answer, daemon=True).start()
        puller.fails(f"127.0.0.1:{server.getsockname()[1]}/app:1", says="is not HTTP")
        server.shutdown(socket.SHUT_RDWR)


def test_bytes_behind_the_gzip_data_are_damage_of_the_layer(puller, registry):
    plain = tar_of([("a", b"a")])
    body = gzip.compress(plain) + b"trailing"
    registry.add(Image([(body, "application/vnd.oci.image.layer.v1.tar+gzip", digest_of(plain))]), "1")
    puller.fails(f"{registry.host}/app:1", says=f"layer {digest_of(body)} is damaged")


def test_labels_without_a_text(puller, registry):
    image = Image([tar_of([("a", b"a")])], config={"Labels": {"empty": None}})
    registry.add(image, "1")
    puller.works(f"{registry.host}/app:1")
    assert puller.image()["config"]["Labels"] == {"empty": ""}


def test_a_layer_from_elsewhere_does_not_get_the_login(puller, registry):
    """Its manifest names another place for a layer, and that place asks for a login (CVE-2020-15157)."""
    image = Image([tar_of([("a", b"a")])])
    seen = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(401)
            self.send_header("WWW-Authenticate", f'Bearer realm="http://127.0.0.1:{self.server.server_port}/token",service="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        image.layers[0]["urls"] = [f"http://127.0.0.1:{elsewhere.server_port}/layer"]
        image.manifest = json.dumps({"schemaVersion": 2, "mediaType": image.type, "config": image.config, "layers": image.layers}).encode()
        image.digest = digest_of(image.manifest)
        registry.add(image, "1")
        del registry.blobs[image.layers[0]["digest"]]
        require_token(registry, user="someone:secret")
        auth = f"{puller.home}/auth.json"
        with open(auth, "w", encoding="ascii") as file:
            json.dump({"auths": {registry.host: {"auth": base64.b64encode(b"someone:secret").decode()}}}, file)
        os.chmod(auth, 0o644)
        done = puller.pull("--authfile", auth, f"{registry.host}/app:1")
        elsewhere.shutdown()
    assert done.returncode == 1 and seen == [("/layer", None)], (done, seen)


def test_a_server_that_sends_more_than_it_should(puller, registry):
    image = Image([tar_of([("a", b"a" * 1000)])])
    registry.add(image, "1")
    body = registry.blobs[image.layers[0]["digest"]]

    def script(request):
        if image.layers[0]["digest"] not in request.path:
            return None
        request.send_response(200)
        request.send_header("Content-Length", str(len(body) + 5_000_000))
        request.end_headers()
        request.wfile.write(body)
        request.wfile.flush()
        for _ in range(50):
            time.sleep(0.02)
            request.wfile.write(b"x" * 100_000)
            request.wfile.flush()
        return True

    registry.script = script
    done = puller.pull(f"{registry.host}/app:1")
    assert done.returncode in (0, 1) and "Segmentation" not in done.stderr, done


def test_a_refusal_without_an_end(puller, registry):
    image = Image([tar_of([("a", b"a")])])
    registry.add(image, "1")

    def script(request):
        if image.layers[0]["digest"] not in request.path:
            return None
        request.send_response(403)
        request.send_header("Content-Length", str(10**12))
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 100_000)
        except OSError:
            return True

    registry.script = script
    puller.fails(f"{registry.host}/app:1", says="the answer of status 403")


def test_what_the_directory_above_hands_down_is_no_part_of_the_image(puller, registry):
    """acl(5): a default list of the data directory, and one of the archive's own."""
    os.makedirs(puller.data)
    if puller.rootless:
        os.chown(puller.data, 2000, 2000)
    listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, rights, 0xFFFFFFFF) for tag, rights in ((1, 7), (4, 0), (0x20, 0)))
    try:
        os.setxattr(puller.data, "system.posix_acl_default", listed)
    except OSError as error:
        pytest.skip(f"this file system has no lists of rights: {error}")
    own = {"type": tarfile.DIRTYPE, "mode": 0o755, "pax_headers": {"SCHILY.xattr.system.posix_acl_default": listed.decode("latin-1")}}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT, encoding="latin-1") as made:
        for name, what in (("plain", {"mode": 0o755, "type": tarfile.DIRTYPE}), ("plain/file", {"mode": 0o644}), ("listed", own), ("listed/file", {"mode": 0o644})):
            entry = tarfile.TarInfo(name)
            for key, value in what.items():
                setattr(entry, key, value)
            made.addfile(entry)
    registry.add(Image([archive.getvalue()]), "1")
    puller.works(f"{registry.host}/app:1")
    for name in ("plain/file", "listed/file"):
        assert os.stat(f"{puller.layer(0)}/{name}").st_mode & 0o777 == 0o644, name


def test_a_directory_that_was_replaced_does_not_come_back(puller, registry):
    directory = {"type": tarfile.DIRTYPE, "mode": 0o755}
    registry.add(Image([tar_of([("a", directory), ("a/b", directory), ("a/b/c", directory), ("a", b"file"), ("a", directory)])]), "1")
    puller.works(f"{registry.host}/app:1")
    assert os.listdir(f"{puller.layer(0)}/a") == []


def test_an_attribute_that_the_file_system_has_no_room_for_is_left_out_and_told(puller, registry):
    large = {"pax_headers": {"SCHILY.xattr.user.large": "x" * 60_000, "SCHILY.xattr.user.small": "y"}}
    registry.add(Image([tar_of([("file", large)])]), "1")
    done = puller.works(f"{registry.host}/app:1")
    there = os.listxattr(f"{puller.layer(0)}/file")
    assert "user.small" in there and ("user.large" in there or "extended attribute" in done.stderr), done.stderr
