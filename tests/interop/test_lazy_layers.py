"""Layers made for lazy pulling, zstd:chunked and eStargz, are ordinary layers with more in them."""
import hashlib
import io
import json
import struct
import subprocess
import tarfile
import zlib

import pytest

import debian_images
from bolt_runner import bolt, bolt_with_store  # noqa: F401: fixtures

pytestmark = pytest.mark.patience(300)


@pytest.fixture(scope="module")
def chunked(registry, debian13):
    """skopeo adds skippable frames with a table of contents, and names it in the layer's annotations."""
    name = f"{registry.host}/chunked/nginx:1"
    made = debian13.run("skopeo", "copy", "--insecure-policy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked",
                        f"docker://{registry.host}/debian-nginx:oci", f"docker://{name}")
    assert made.returncode == 0, made.stderr
    manifest = json.loads(registry.manifest("chunked/nginx", "1"))
    assert all("io.github.containers.zstd-chunked.manifest-checksum" in layer["annotations"] for layer in manifest["layers"]), manifest
    return name, manifest


def test_zstd_chunked(bolt, registry, chunked):
    name, manifest = chunked
    bolt.ok("pull", "-q", name)
    assert bolt.ok("run", "--rm", "--network", "none", name, "sh", "-c", "nginx -v 2>&1").startswith("nginx version")
    # What it says of the layers goes with them.
    copy = f"{registry.host}/chunked/{bolt.user}/copy:1"
    bolt.ok("push", "-q", name, copy)
    assert json.loads(registry.manifest(f"chunked/{bolt.user}/copy", "1")) == manifest
    # Packed anew, nothing is where it said.
    bolt.ok("push", "-q", "--force-compression", "--compression-format", "gzip", name, copy)
    assert "zstd-chunked" not in registry.manifest(f"chunked/{bolt.user}/copy", "1").decode()
    bolt.ok("rmi", name)


def gzip_member(data, extra=b""):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    flags = 4 if extra else 0
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    return header + (struct.pack("<H", len(extra)) + extra if extra else b"") + body + struct.pack("<II", zlib.crc32(data), len(data))


def one_entry(name, data=None, **attributes):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data or b"")
        for key, value in attributes.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(data or b""))
        length = archive.offset
    return buffer.getvalue()[:length]


def estargz(entries):
    """https://github.com/containerd/stargz-snapshotter/blob/main/docs/estargz.md: a gzip member a file, the table of contents as the last
    file, and a footer of 51 bytes that says where it begins."""
    packed, plain, contents = b"", b"", []
    for name, data, attributes in entries:
        entry = one_entry(name, data, **attributes)
        kind = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink"}.get(attributes.get("type"), "reg")
        contents.append({"name": name, "type": kind, "offset": len(packed), "size": len(data or b""), "mode": attributes.get("mode", 0o644)})
        packed += gzip_member(entry)
        plain += entry
    table = json.dumps({"version": 1, "entries": contents}).encode()
    end = one_entry("stargz.index.json", table) + bytes(1024)
    offset = len(packed)
    field = f"{offset:016x}STARGZ".encode()
    packed += gzip_member(end) + gzip_member(b"", b"SG" + struct.pack("<H", len(field)) + field)
    return packed, plain + end, "sha256:" + hashlib.sha256(table).hexdigest()


def test_estargz(bolt, registry, layouts, tmp_path):
    with open("/bin/busybox", "rb") as file:
        busybox = file.read()
    packed, plain, table = estargz([("bin/", None, {"type": tarfile.DIRTYPE, "mode": 0o755}), ("bin/busybox", busybox, {"mode": 0o755}), (".prefetch.landmark", b"\x0f", {}),
                                    ("bin/sh", None, {"type": tarfile.SYMTYPE, "linkname": "busybox"}), ("etc/", None, {"type": tarfile.DIRTYPE, "mode": 0o755}), ("etc/motd", b"lazy\n", {})])
    layout = debian_images.Layout(str(tmp_path / "layout"), [plain], {"Cmd": ["/bin/sh", "-c", "busybox cat /etc/motd"], "Env": [debian_images.PATH]})
    manifest = json.loads((tmp_path / "layout/blobs/sha256" / json.loads((tmp_path / "layout/index.json").read_text())["manifests"][0]["digest"][7:]).read_text())
    manifest["layers"] = [{**layout.blob(packed, manifest["layers"][0]["mediaType"]), "annotations": {"containerd.io/snapshot/stargz/toc.digest": table}}]
    entry = layout.blob(json.dumps(manifest).encode(), debian_images.MANIFEST)
    layout.write("index.json", {"schemaVersion": 2, "manifests": [{**entry, "annotations": {"org.opencontainers.image.ref.name": "latest"}}]})
    name = registry.push(layout.path, f"estargz/{bolt.user}/app:1")
    bolt.ok("pull", "-q", name)
    assert bolt.ok("run", "--rm", "--network", "none", name) == "lazy"
    copy = f"{registry.host}/estargz/{bolt.user}/copy:1"
    bolt.ok("push", "-q", name, copy)
    subprocess.run(["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{copy}", f"dir:{tmp_path}/copy"], check=True)
    assert json.loads(registry.manifest(f"estargz/{bolt.user}/copy", "1"))["layers"] == manifest["layers"]
    bolt.ok("push", "-q", "--force-compression", "--compression-format", "zstd", name, copy)
    assert "stargz/toc" not in registry.manifest(f"estargz/{bolt.user}/copy", "1").decode()
    bolt.ok("rmi", name)
