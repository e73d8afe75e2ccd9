#!/usr/bin/env python3
"""Writes the small inputs that fuzzing starts from: one of every kind of archive entry and of every document."""
import gzip
import io
import os
import sys
import tarfile

here = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "corpus")


def write(folder, name, data):
    os.makedirs(os.path.join(here, folder), exist_ok=True)
    with open(os.path.join(here, folder, name), "wb") as file:
        file.write(data)


def archive(form, entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, kind, link, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()[:-8192] + bytes(1024)


every = [("d", b"5", "", b""), ("d/f", b"0", "", b"content"), ("d/h", b"1", "d/f", b""), ("l", b"2", "/d", b""), ("l/g", b"0", "", b"x"), ("p", b"6", "", b""),
         ("d/.wh.gone", b"0", "", b""), ("d/.wh..wh..opq", b"0", "", b""), ("n" * 150, b"0", "", b"long")]
for name, form in (("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT)):
    write("tar", name, archive(form, every))
write("tar", "gzip", gzip.compress(archive(tarfile.PAX_FORMAT, every), mtime=0))
write("tar", "climbs", archive(tarfile.PAX_FORMAT, [("../x", b"0", "", b"e")]))
write("tar", "hard-link-out", archive(tarfile.PAX_FORMAT, [("h", b"1", "/etc/passwd", b"")]))
write("manifest", "image", b'{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:1","size":2},"layers":[{"mediaType":"l","digest":"sha256:3","size":4,"urls":["u"]}]}')
write("manifest", "index", b'{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:1","size":1,"platform":{"os":"linux","architecture":"amd64"}}]}')
write("manifest", "config", b'{"architecture":"arm64","os":"linux","created":"2026-01-02T03:04:05Z","config":{"User":"u","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Labels":{"k":"v"},"Healthcheck":{}},"rootfs":{"type":"layers","diff_ids":["x"]}}')
write("manifest", "name", b"localhost:5000/a/b_c:tag@sha256:" + b"a" * 64)
