"""The registry as curl sees it: what bolt pushed is what the distribution specification says, and what curl put there bolt pulls."""
import gzip
import hashlib
import io
import json
import subprocess
import tarfile

import pytest

from bolt_runner import bolt, bolt_with_store  # noqa: F401: fixtures
from debian_images import ARCHITECTURE, MANIFEST, MEDIA

pytestmark = pytest.mark.patience(300)


def curl(*words, data=None):
    return subprocess.run(["curl", "-fsS", "--max-time", "60", *words], input=data, check=True, capture_output=True).stdout


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_curl_reads_what_was_pushed(bolt, registry):
    path, source = f"curl/{bolt.user}/nginx", f"{registry.host}/debian-nginx:oci"
    url = f"http://{registry.host}/v2/{path}"
    bolt.ok("pull", "-q", source)
    said = bolt.ok("push", "--force-compression", "--compression-level", "4", source, f"{registry.host}/{path}:1")
    assert json.loads(curl(f"{url}/tags/list")) == {"name": path, "tags": ["1"]}
    head = dict(line.split(": ", 1) for line in curl("-I", "-H", f"Accept: {MANIFEST}", f"{url}/manifests/1").decode().splitlines() if ": " in line)
    manifest = curl("-H", f"Accept: {MANIFEST}", f"{url}/manifests/{head['Docker-Content-Digest']}")
    assert head["Content-Type"] == MANIFEST and digest_of(manifest) == head["Docker-Content-Digest"] and head["Docker-Content-Digest"] in said
    described = json.loads(manifest)
    config = curl(f"{url}/blobs/{described['config']['digest']}")
    assert digest_of(config) == described["config"]["digest"] and len(config) == described["config"]["size"]
    names = set()
    for layer, diff_id in zip(described["layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
        blob = curl("-L", f"{url}/blobs/{layer['digest']}")
        assert digest_of(blob) == layer["digest"] and len(blob) == layer["size"] and layer["mediaType"] == f"{MEDIA}.layer.v1.tar+gzip"
        plain = gzip.decompress(blob)
        assert digest_of(plain) == diff_id
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            names.update(archive.getnames())
    assert {"usr/sbin/nginx", "./usr/sbin/nginx"} & names


def put_blob(url, content):
    headers = curl("-i", "-X", "POST", f"{url}/blobs/uploads/", data=b"").decode()
    place = next(line.split(": ", 1)[1].strip() for line in headers.splitlines() if line.lower().startswith("location:"))
    curl("-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", "@-", f"{place}&digest={digest_of(content)}", data=content)
    return {"digest": digest_of(content), "size": len(content)}


def test_bolt_pulls_what_curl_put_there(bolt, registry):
    path = f"curl/{bolt.user}/made"
    url = f"http://{registry.host}/v2/{path}"
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
    config = {"architecture": ARCHITECTURE, "os": "linux", "config": {"Cmd": ["/bin/busybox", "echo", "by hand"]}, "rootfs": {"type": "layers", "diff_ids": [digest_of(plain.getvalue())]}}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": f"{MEDIA}.config.v1+json", **put_blob(url, json.dumps(config).encode())},
                "layers": [{"mediaType": f"{MEDIA}.layer.v1.tar+gzip", **put_blob(url, gzip.compress(plain.getvalue()))}]}
    document = json.dumps(manifest).encode()
    curl("-X", "PUT", "-H", f"Content-Type: {MANIFEST}", "--data-binary", "@-", f"{url}/manifests/1", data=document)
    name = f"{registry.host}/{path}"
    assert digest_of(document) in bolt.ok("pull", f"{name}:1")
    assert bolt.ok("run", "--rm", "--network", "none", f"{name}@{digest_of(document)}") == "by hand"
    bolt.ok("rmi", f"{name}:1")
