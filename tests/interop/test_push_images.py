"""bolt push into Debian's registry; what is there is read by skopeo and by bolt itself."""
import hashlib
import json
import os
import re
import subprocess

import pytest

from bolt_runner import bolt, bolt_with_store  # noqa: F401: fixtures

pytestmark = pytest.mark.patience(900)


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def skopeo(*words):
    return subprocess.run(["skopeo", *words], check=True, capture_output=True, text=True).stdout


def content(registry, name):
    """The configuration, and the digests of the uncompressed layers as skopeo finds them: it verifies every blob."""
    return json.loads(skopeo("inspect", "--config", "--tls-verify=false", f"docker://{registry.host}/{name}"))


@pytest.mark.parametrize("form", ["oci", "docker", "zstd"])
def test_what_was_pulled_is_pushed_to_the_last_byte(bolt, registry, form, tmp_path):
    source, target = f"{registry.host}/debian-nginx:{form}", f"{registry.host}/copies/{bolt.user}/nginx:{form}"
    bolt.ok("pull", "-q", source)
    said = bolt.ok("push", source, target)
    manifest = registry.manifest("debian-nginx", form)
    assert said.splitlines()[0] == f"Digest: {digest_of(manifest)}" and said.splitlines()[-1] == target
    assert registry.manifest(f"copies/{bolt.user}/nginx", form) == manifest
    skopeo("copy", "--quiet", "--src-tls-verify=false", f"docker://{target}", f"dir:{tmp_path}/copy")
    assert bolt.ok("push", "-q", source, target) == target, "and again, when all is there"
    assert bolt.ok("store", "check").endswith("0 damaged, 0 mended")


def test_layers_are_taken_over_from_another_repository(bolt, registry):
    source, target = f"{registry.host}/debian-redis:oci", f"{registry.host}/mounted/{bolt.user}/redis:1"
    bolt.ok("pull", "-q", source)
    outcome = bolt("push", source, target)
    assert outcome.code == 0 and len(re.findall("taken over from another repository", outcome.err)) >= 2 and "uploading" not in outcome.err


@pytest.mark.parametrize("how, ending", [("gzip", "gzip"), ("zstd", "zstd")])
def test_layers_that_are_not_kept_packed_are_packed_again(bolt, registry, how, ending):
    source, target = f"{registry.host}/debian-nginx:zstd", f"{registry.host}/repacked/{bolt.user}/nginx-{how}:1"
    bolt.ok("pull", "-q", source)
    other = "gzip" if how == "zstd" else "zstd"
    bolt.ok("push", "-q", "--force-compression", "--compression-format", other, source, f"{registry.host}/between/{bolt.user}/nginx:1")
    bolt.ok("push", "-q", "--force-compression", "--compression-format", how, "--compression-level", "2", source, target)
    manifest = json.loads(registry.manifest(f"repacked/{bolt.user}/nginx-{how}", "1"))
    assert {layer["mediaType"].rsplit("+")[-1] for layer in manifest["layers"]} == {ending}
    assert content(registry, f"repacked/{bolt.user}/nginx-{how}:1") == content(registry, "debian-nginx:zstd")
    skopeo("copy", "--quiet", "--src-tls-verify=false", f"docker://{target}", f"dir:/var/tmp/bolt-push-{bolt.user}-{how}")
    subprocess.run(["rm", "-rf", f"/var/tmp/bolt-push-{bolt.user}-{how}"], check=True)
    assert bolt.ok("run", "--rm", "--network", "none", target, "sh", "-c", "nginx -v 2>&1").startswith("nginx version")
    bolt.ok("rmi", "-f", target)


def test_the_format_changes_on_demand(bolt, registry):
    source = f"{registry.host}/busybox:docker"
    bolt.ok("pull", "-q", source)
    bolt.ok("push", "-q", "--format", "oci", source, f"{registry.host}/formats/{bolt.user}/busybox:oci")
    manifest = json.loads(registry.manifest(f"formats/{bolt.user}/busybox", "oci"))
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json" and manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    outcome = bolt("push", "--format", "docker", "--compression-format", "zstd", "--force-compression", source, f"{registry.host}/formats/x:1")
    assert outcome.code == 1 and "Docker's format has no layers in zstd" in outcome.err


def test_all_tags_of_a_repository(bolt, registry):
    source, name = f"{registry.host}/busybox:oci", f"{registry.host}/tags/{bolt.user}/busybox"
    bolt.ok("pull", "-q", source)
    bolt.ok("tag", source, f"{name}:1", f"{name}:2")
    assert sorted(bolt.ok("push", "-q", "--all-tags", name).splitlines()) == [f"{name}:1", f"{name}:2"]
    assert sorted(json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{name}"))["Tags"]) == ["1", "2"]
    assert digest_of(registry.manifest(f"tags/{bolt.user}/busybox", "2")) in bolt.ok("inspect", "--format", "{{.RepoDigests}}", f"{name}:2")
    bolt.ok("rmi", f"{name}:1", f"{name}:2")
    assert bolt.ok("pull", "-q", "--all-tags", name).splitlines() == [f"{name}:1", f"{name}:2"]
    assert sorted(bolt.ok("images", "--format", "{{.Tag}}", "--filter", f"reference={name}").split()) == ["1", "2"]
    for wrong, says in ((f"{name}:1", "neither tag nor digest"), ("bolt://shell", "installed with bolt"), (f"{registry.host}/no/such", "no/such")):
        refused = bolt("pull", "-a", wrong)
        assert refused.code == 1 and says in refused.err and refused.err.count("\n") == 1, refused


def test_a_shipped_image_is_packed_for_its_way(bolt, registry):
    target = f"{registry.host}/shipped/{bolt.user}/shell:1"
    bolt.ok("push", "-q", "bolt://shell", target)
    assert bolt.ok("run", "--rm", "--network", "none", target, "echo", "back").endswith("back")


def test_what_cannot_be_pushed_is_named(bolt, registry):
    bolt.ok("pull", "-q", f"{registry.host}/busybox:oci")
    image = f"{registry.host}/busybox:oci"
    for words, says in [(("no-such-image",), "there is no image 'no-such-image'"),
                        ((image, "oci:/tmp/x"), "'oci:/tmp/x' is no registry; `bolt save` writes archives"),
                        ((image, f"{registry.host}/x@sha256:{'0' * 64}"), "is no place for an image"),
                        (("--all-tags", image), "with --all-tags the name has no tag"),
                        ((image, "127.0.0.1:1/x:1"), "cannot connect to '127.0.0.1:1'"),
                        (("--compression-level", "12", "--force-compression", "--compression-format", "gzip", f"{registry.host}/debian-nginx:zstd", f"{registry.host}/level:1"), "there is no level 12: gzip has 1 to 9")]:
        if "debian-nginx:zstd" in " ".join(words):
            bolt.ok("pull", "-q", f"{registry.host}/debian-nginx:zstd")
        outcome = bolt("push", *words)
        assert outcome.code == 1 and says in outcome.err.splitlines()[-1], outcome
    assert os.listdir(f"{bolt.store}/tmp") == []
