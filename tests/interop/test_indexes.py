"""Image indexes made by bolt: pushed to Debian's registry, read by skopeo, podman's library and bolt."""
import json
import subprocess
import tarfile

import pytest

from bolt_runner import IMAGE, bolt, bolt_with_store  # noqa: F401: fixtures

pytestmark = pytest.mark.patience(300)


def raw(name):
    return json.loads(subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"], check=True, capture_output=True, text=True).stdout)


@pytest.fixture
def both(bolt, tmp_path):
    """The names of an image for amd64 and of one for arm64."""
    file = tmp_path / "file"
    file.write_text("of arm\n")
    with tarfile.open(tmp_path / "arm.tar", "w") as archive:
        archive.add(file, "etc/made-for")
    tmp_path.chmod(0o755)
    with open(tmp_path / "arm.tar", encoding="latin-1") as archive:
        bolt.ok("import", "--platform", "linux/arm64", "-", "made-for-arm:1", stdin=archive.read())
    bolt.ok("tag", IMAGE, "made-for-here:1")
    yield "made-for-here:1", "made-for-arm:1"
    for index in bolt.ok("manifest", "ls").split():
        bolt.ok("manifest", "rm", index)
    bolt.ok("rmi", "made-for-here:1", "made-for-arm:1")


def test_an_index_is_found_for_every_platform(bolt, registry, both):
    name = f"{registry.host}/indexes/{bolt.user}:1"
    assert bolt.ok("manifest", "create", "--annotation", "made.by=hand", name, both[0]) == name
    assert bolt.ok("manifest", "add", "--annotation", "the=other", name, both[1]) == name
    assert bolt.ok("manifest", "ls") == name
    here = json.loads(bolt.ok("manifest", "inspect", name))
    assert [entry["platform"]["architecture"] for entry in here["manifests"]] == [bolt.inspect(image, "{{.Architecture}}") for image in both]
    said = bolt.ok("manifest", "push", name)
    there = raw(name)
    assert there["mediaType"] == "application/vnd.oci.image.index.v1+json" and there["annotations"] == {"made.by": "hand"}
    assert there["manifests"][1]["annotations"] == {"the": "other"} and there["manifests"][1]["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    inspected = json.loads(subprocess.run(["skopeo", "inspect", "--override-arch", "arm64", "--tls-verify=false", f"docker://{name}"], check=True, capture_output=True, text=True).stdout)
    assert inspected["Architecture"] == "arm64" and said.splitlines()[0] == "Digest: " + inspected["Digest"]
    subprocess.run(["skopeo", "copy", "--quiet", "--all", "--src-tls-verify=false", f"docker://{name}", f"dir:{bolt.top}/copy"], check=True)  # verifies all of it
    bolt.ok("pull", "-q", "--platform", "linux/arm64", name)
    assert bolt.inspect(name, "{{.Id}}") == bolt.inspect(both[1], "{{.Id}}")
    assert bolt.ok("run", "--rm", "--network", "none", "--pull", "always", name, "echo", "runs") == "runs"
    bolt.ok("manifest", "rm", name)
    assert json.loads(bolt.ok("manifest", "inspect", name)) == there, "the registry's"
    bolt.ok("rmi", "-f", name)


def test_dockers_list_and_the_index_that_goes(bolt, registry, both):
    name, target = "localhost/list:1", f"{registry.host}/lists/{bolt.user}:1"
    bolt.ok("manifest", "create", name, *both)
    bolt.ok("manifest", "push", "--quiet", "--format", "docker", "--rm", name, target)
    there = raw(target)
    assert there["mediaType"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    assert {entry["mediaType"] for entry in there["manifests"]} == {"application/vnd.docker.distribution.manifest.v2+json"}
    subprocess.run(["skopeo", "copy", "--quiet", "--all", "--src-tls-verify=false", f"docker://{target}", f"dir:{bolt.top}/copy-of-list"], check=True)
    assert bolt.ok("manifest", "ls") == ""


def test_an_indexs_images_stay(bolt, both):
    bolt.ok("manifest", "create", "kept:1", both[1])
    digest = json.loads(bolt.ok("manifest", "inspect", "kept:1"))["manifests"][0]["digest"]
    refused = bolt("rmi", both[1])
    assert refused.code == 1 and "is in the image index 'docker.io/library/kept:1'; remove that first" in refused.err, refused
    bolt.ok("untag", both[1])
    bolt.ok("image", "prune", "--force")
    bolt.ok("store", "gc")
    assert bolt.ok("manifest", "remove", "kept:1", digest) == "kept:1" and json.loads(bolt.ok("manifest", "inspect", "kept:1"))["manifests"] == []
    assert "has no manifest" in bolt("manifest", "remove", "kept:1", digest).err
    bolt.ok("tag", bolt.ok("images", "-q", "--filter", "dangling=true"), both[1])


def test_what_is_refused(bolt, both):
    bolt.ok("manifest", "create", "one:1")
    for words, says in ((("create", "one:1"), "there is an image index 'docker.io/library/one:1' already"), (("create", both[0]), "is the name of an image"),
                        (("create", "two:1", "nobody:1"), "there is no image 'nobody:1' here"), (("create", "a@sha256:" + "0" * 64), "no name for an image index"),
                        (("add", "three:1", both[0]), "there is no image index"), (("push", "one:1"), "has no images"), (("push", "--all=false", "one:1"), "with all of its images"),
                        (("rm", "three:1"), "there is no image index"), (("inspect", "127.0.0.1:1/nowhere:1"), "127.0.0.1:1")):
        done = bolt("manifest", *words)
        assert done.code in (1, 125) and says in done.err.splitlines()[-1], (words, done)
    assert bolt.ok("manifest", "ls") == "one:1"
    bolt.ok("manifest", "create", "--amend", "one:1", both[0])
    assert len(json.loads(bolt.ok("manifest", "inspect", "one:1"))["manifests"]) == 1
