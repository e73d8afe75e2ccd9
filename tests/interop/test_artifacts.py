"""bolt artifact with Debian's registry, which knows no referrers, and with one that does and misbehaves."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from bolt_runner import bolt, bolt_with_store  # noqa: F401: fixtures
from scripted_registry import Image, ScriptedRegistry, digest_of, tar_of

pytestmark = pytest.mark.patience(300)
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def files(bolt):
    place = pathlib.Path(tempfile.mkdtemp(prefix="bolt-artifacts-", dir="/var/tmp"))
    (place / "out").mkdir()
    for directory in (place, place / "out"):
        directory.chmod(0o777)
    (place / "sbom.json").write_text('{"packages": []}')
    (place / "model.bin").write_bytes(os.urandom(3_000_000))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def scripted():
    made = ScriptedRegistry()
    yield made
    made.close()


def raw(name):
    return json.loads(subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"], check=True, capture_output=True, text=True).stdout)


def test_files_go_and_come_back(bolt, registry, files):
    name = f"{registry.host}/models/{bolt.user}:1"
    said = bolt.ok("artifact", "push", name, f"{files}/model.bin", f"{files}/sbom.json:application/json").splitlines()
    manifest = raw(name)
    assert said[1] == name and manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert [(layer["mediaType"], layer["annotations"]["org.opencontainers.image.title"]) for layer in manifest["layers"]] == [
        ("application/octet-stream", "model.bin"), ("application/json", "sbom.json")]
    (files / "out/sbom.json").write_text("old")
    assert bolt.ok("artifact", "pull", "-o", f"{files}/out", name).splitlines() == ["model.bin", "sbom.json"]
    for file in ("model.bin", "sbom.json"):
        assert (files / "out" / file).read_bytes() == (files / file).read_bytes() and (files / "out" / file).stat().st_uid == bolt.user
    assert sorted(os.listdir(files / "out")) == ["model.bin", "sbom.json"]


def test_what_is_about_an_image_is_found(bolt, registry, files):
    image = f"{registry.host}/about/{bolt.user}:1"
    bolt.ok("push", "-q", "bolt://shell", image)
    assert bolt.ok("artifact", "ls", "-q", image) == ""
    sbom = bolt.ok("artifact", "push", "-q", "--subject", image, "--type", "application/spdx+json", "--annotation", "by=hand", f"{files}/sbom.json")
    model = bolt.ok("artifact", "push", "-q", "--subject", image, "--type", "application/vnd.example.model", f"{files}/model.bin")
    bolt.ok("artifact", "push", "-q", "--subject", image, "--type", "application/vnd.example.model", f"{files}/model.bin")  # again: listed once
    found = [json.loads(line) for line in bolt.ok("artifact", "ls", "--format", "json", image).splitlines()]
    assert [(entry["Digest"], entry["Type"], entry["Annotations"]) for entry in found] == [
        (sbom.split("@")[1], "application/spdx+json", "by=hand"), (model.split("@")[1], "application/vnd.example.model", "")]
    assert bolt.ok("artifact", "ls", "-q", "--type", "application/spdx+json", image) == sbom.split("@")[1]
    subject = subprocess.run(["skopeo", "inspect", "--format", "{{.Digest}}", "--tls-verify=false", f"docker://{image}"], check=True, capture_output=True, text=True).stdout.strip()
    listed = raw(f"{registry.host}/about/{bolt.user}:{subject.replace(':', '-')}")
    assert listed["mediaType"] == INDEX and len(listed["manifests"]) == 2 and raw(sbom)["subject"]["digest"] == subject
    assert bolt.ok("artifact", "pull", "-o", f"{files}/out", sbom) == "sbom.json"


def artifact(registry, tag, names, subject=None):
    made = Image([tar_of([("a", b"x")])])
    layers = []
    for name, data in names.items():
        registry.blobs[digest_of(data)] = data
        layers.append({"mediaType": "text/plain", "digest": digest_of(data), "size": len(data), **({"annotations": {"org.opencontainers.image.title": name}} if name else {})})
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/x-test", "config": made.config, "layers": layers, **({"subject": subject} if subject else {})}
    body = json.dumps(document).encode()
    for name in (tag, digest_of(body)):
        registry.manifests[name] = (body, MANIFEST)
    return {"mediaType": MANIFEST, "digest": digest_of(body), "size": len(body), "artifactType": "text/x-test"}


def test_a_registry_that_lists_referrers_lists_them_page_by_page(bolt, scripted):
    image = Image([tar_of([("a", b"x")])])
    scripted.add(image, "1")
    entries = [artifact(scripted, f"a{number}", {"f": bytes(str(number), "ascii")}) for number in range(3)]

    def script(request):
        if "/referrers/" not in request.path:
            return None
        assert image.digest in request.path
        number = int(request.path.partition("?page=")[2] or 0)
        more = {"Link": f'</v2/app/referrers/{image.digest}?page={number + 1}>; rel="next"'} if number < 2 else {}
        return request.answer(200, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entries[number]]}).encode(), Content_Type=INDEX, **more)

    scripted.script = script
    assert bolt.ok("artifact", "ls", "-q", f"{scripted.host}/app:1").splitlines() == [entry["digest"] for entry in entries]


def test_a_download_that_breaks_off_goes_on(bolt, scripted, files):
    data = os.urandom(2_000_000)
    artifact(scripted, "1", {"model": data})
    broken = []

    def script(request):
        if "/blobs/" not in request.path or len(broken) == 2:
            return None
        broken.append(request.headers.get("Range", ""))
        start = int(broken[-1][6:].split("-")[0]) if broken[-1] else 0
        return request.cut(data[start:], 500_000, 206 if start else 200)

    scripted.script = script
    assert bolt.ok("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/app:1") == "model"
    assert (files / "out/model").read_bytes() == data and broken == ["", "bytes=500000-"]


@pytest.mark.parametrize("names, says", [({"../evil": b"x"}, "../evil"), ({"good": b"x", "a/../../evil": b"y"}, "a/../../evil")])
def test_a_name_that_leads_elsewhere_is_refused(bolt, scripted, files, names, says):
    artifact(scripted, "1", names)
    done = bolt("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/app:1")
    assert done.code == 1 and says in done.err and os.listdir(files / "out") == [] and not (files / "evil").exists(), done


def test_links_do_not_lead_out_and_directories_are_made(bolt, scripted, files):
    (files / "out/link").symlink_to(files)
    artifact(scripted, "1", {"deep/er/file": b"x", "": b"nameless"})
    assert bolt.ok("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/app:1").splitlines()[:1] == ["deep/er/file"]
    assert not (files / "evil").exists() and (files / "out/deep/er/file").read_bytes() == b"x"
    artifact(scripted, "2", {"link/evil": b"y"})
    done = bolt("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/app:2")
    assert not (files / "evil").exists(), done
    assert (files / ("out/" + digest_of(b"nameless").replace(":", "-"))).read_bytes() == b"nameless"


def test_a_directory_that_is_not_there_is_made(bolt, scripted, files):
    artifact(scripted, "1", {"file": b"x"})
    assert bolt.ok("artifact", "pull", "-o", f"{files}/out/new/er", f"{scripted.host}/app:1") == "file"
    assert (files / "out/new/er/file").read_bytes() == b"x"


@pytest.mark.parametrize("names, says", [({"file": b"x", "./file": b"y"}, "two of the artifact's files are called 'file'"), ({".": b"x"}, "the artifact's file '.' has no name")])
def test_names_that_cannot_be_files(bolt, scripted, files, names, says):
    artifact(scripted, "1", names)
    done = bolt("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/app:1")
    assert done.code == 1 and says in done.err and os.listdir(files / "out") == [], done


def test_wrong_contents_change_nothing(bolt, scripted, files):
    artifact(scripted, "1", {"first": b"right", "second": b"promised"})
    scripted.blobs[digest_of(b"promised")] = b"replaced"
    (files / "out/first").write_text("old")
    done = bolt("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/app:1")
    assert done.code == 1 and "wrong contents" in done.err and os.listdir(files / "out") == ["first"] and (files / "out/first").read_text() == "old", done


def test_what_is_refused(bolt, scripted, files):
    scripted.add(Image([tar_of([("a", b"x")])]), "1")
    name = f"{scripted.host}/app:1"
    for words, says in ((("pull", name), "it is an image; `bolt pull` pulls it"), (("push", name), "name the files too"), (("push", name, f"{files}"), "no regular file"),
                        (("push", name, f"{files}/nothing"), "No such file"), (("push", name, f"{files}/sbom.json", f"{files}/out/../sbom.json"), "two files are called 'sbom.json'"),
                        (("push", "--type", "nonsense", name, f"{files}/sbom.json"), "no media type"), (("ls", f"{scripted.host}/app:2"), "does not exist in registry")):
        done = bolt("artifact", *words)
        assert done.code in (1, 125) and says in done.err.splitlines()[-1], (words, done)


def test_what_a_registry_says_does_not_reach_the_terminal_raw(bolt, scripted, files):
    image = Image([tar_of([("a", b"x")])])
    scripted.add(image, "1")
    entry = artifact(scripted, "2", {"\x1b[2Jname": b"1"})
    entry["annotations"] = {"k": "one\ntwo\x1b[31m"}
    listed = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    scripted.script = lambda request: request.answer(200, listed, Content_Type=INDEX) if "/referrers/" in request.path else None
    assert bolt.ok("artifact", "ls", "--format", "{{.Annotations}}", f"{scripted.host}/x:1") == "k=one?two?[31m"
    assert bolt.ok("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/x:2") == "?[2Jname"


def test_a_pull_that_cannot_put_every_file_puts_none(bolt, scripted, files):
    artifact(scripted, "1", {"good": b"new", "zz": b"new"})
    (files / "out/zz").mkdir()
    (files / "out/good").write_text("old")
    said = bolt("artifact", "pull", "-o", f"{files}/out", f"{scripted.host}/x:1")
    assert said.code == 1 and "'zz' is a directory" in said.err and (files / "out/good").read_text() == "old", said
    assert sorted(os.listdir(files / "out")) == ["good", "zz"]


def test_a_pipe_is_no_file_for_an_artifact(bolt, registry, files):
    os.mkfifo(files / "pipe", 0o666)
    said = bolt("artifact", "push", f"{registry.host}/pipes/{bolt.user}:1", f"{files}/pipe", timeout=20)
    assert said.code == 1 and "is no regular file" in said.err, said
