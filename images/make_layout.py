#!/usr/bin/env python3
"""Makes the OCI image layout that ships with bolt: hello-world and shell.

    make_layout.py OUTPUT --arch GOARCH --hello PROGRAM --probe PROGRAM [--busybox PROGRAM]

The same inputs give the same bytes: names sorted, owners and times zero, gzip without a name.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

CREATED = "1970-01-01T00:00:00Z"


def layer(files):
    """files: (name, kind, content or link target, mode). Returns (gzip bytes, diff id)."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.mode = mode
            if kind == "file":
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.type = {"dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}[kind]
                entry.linkname = content if kind == "link" else ""
                tar.addfile(entry)
    plain = raw.getvalue()
    return gzip.compress(plain, 9, mtime=0), digest(plain)


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Layout:
    def __init__(self, path, arch):
        self.path, self.arch, self.manifests = path, arch, []
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(os.path.join(path, "blobs/sha256"))

    def blob(self, content, media_type):
        name = digest(content)
        with open(os.path.join(self.path, "blobs/sha256", name[7:]), "wb") as file:
            file.write(content)
        return {"mediaType": media_type, "digest": name, "size": len(content)}

    def document(self, value, media_type):
        return self.blob(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), media_type)

    def image(self, name, files, config):
        packed, diff_id = layer(files)
        layers = [self.blob(packed, "application/vnd.oci.image.layer.v1.tar+gzip")]
        configuration = self.document(
            {"architecture": self.arch, "os": "linux", "created": CREATED, "config": config,
             "rootfs": {"type": "layers", "diff_ids": [diff_id]},
             "history": [{"created": CREATED, "created_by": "bolt"}]},
            "application/vnd.oci.image.config.v1+json")
        manifest = self.document(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "config": configuration, "layers": layers},
            "application/vnd.oci.image.manifest.v1+json")
        manifest["platform"] = {"architecture": self.arch, "os": "linux"}
        manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
        self.manifests.append(manifest)

    def finish(self):
        with open(os.path.join(self.path, "oci-layout"), "w", encoding="ascii") as file:
            json.dump({"imageLayoutVersion": "1.0.0"}, file)
        with open(os.path.join(self.path, "index.json"), "w", encoding="ascii") as file:
            json.dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                       "manifests": self.manifests}, file, sort_keys=True)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def shell_files(program, applets, name):
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    groups = b"root:x:0:\nnogroup:x:65534:\n"
    files = [(d, "dir", b"", mode) for d, mode in
             (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("proc", 0o755), ("root", 0o700), ("run", 0o755), ("sys", 0o755),
              ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755), ("usr/sbin", 0o755), ("var", 0o755))]
    files += [("etc/group", "file", groups, 0o644), ("etc/passwd", "file", users, 0o644),
              ("sbin", "link", "bin", 0o777), ("bin/" + name, "file", program, 0o755)]
    files += [("bin/" + applet, "link", name, 0o777) for applet in applets if applet != name]
    return sorted(files)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--arch", required=True)
    parser.add_argument("--hello", required=True)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--busybox")
    arguments = parser.parse_args()

    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    layout = Layout(arguments.output, arguments.arch)
    layout.image("hello-world:latest", [("hello", "file", contents(arguments.hello), 0o755)], {"Cmd": ["/hello"], "Env": [path]})
    if arguments.busybox:
        applets = subprocess.run([arguments.busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
        files = shell_files(contents(arguments.busybox), applets, "busybox")
        files.append(("bin/probe", "file", contents(arguments.probe), 0o755))
        files.sort()
    else:
        commands = ("sh true false cat mounts id caps sigwait tty limits sleep pwd env echo").split()
        files = shell_files(contents(arguments.probe), commands, "probe")
    layout.image("shell:latest", files, {"Cmd": ["/bin/sh"], "Env": [path, "PS1=shell:\\w# "], "WorkingDir": "/root"})
    layout.finish()


if __name__ == "__main__":
    main()
