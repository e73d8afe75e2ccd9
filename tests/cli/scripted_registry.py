"""A registry on loopback that does what a test tells it to, right or wrong, and images made in memory for it."""
import gzip
import hashlib
import http.server
import io
import json
import platform
import tarfile
import threading
import time

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(entries):
    """An archive of (name, content or dict of tarfile.TarInfo's members)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, what in entries:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o644
            content = b""
            if isinstance(what, bytes):
                content = what
            else:
                for key, value in what.items():
                    setattr(entry, key, value)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


class Image:
    """Layers are tars (bytes) or tuples (compressed bytes, media type, diffID)."""

    def __init__(self, layers, architecture=ARCHITECTURE, config=None, docker=False):
        self.blobs, descriptors, diff_ids = {}, [], []
        family = "application/vnd.docker.image.rootfs.diff.tar.gzip" if docker else "application/vnd.oci.image.layer.v1.tar+gzip"
        for layer in layers:
            compressed, kind, diff_id = layer if isinstance(layer, tuple) else (gzip.compress(layer, 1, mtime=0), family, digest_of(layer))
            descriptors.append(self.add(compressed, kind))
            diff_ids.append(diff_id)
        document = {"architecture": architecture, "os": "linux", "config": config or {"Cmd": ["/bin/true"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        self.config = self.add(json.dumps(document).encode(), "application/vnd.docker.container.image.v1+json" if docker else "application/vnd.oci.image.config.v1+json")
        self.layers = descriptors
        self.type = "application/vnd.docker.distribution.manifest.v2+json" if docker else MANIFEST
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": self.type, "config": self.config, "layers": descriptors}).encode()
        self.digest = digest_of(self.manifest)

    def add(self, data, kind):
        self.blobs[digest_of(data)] = data
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}


class ScriptedRegistry:
    """`script` is called with each request; what it returns other than None is the answer: it has written that itself."""

    def __init__(self):
        self.manifests, self.blobs, self.requests, self.heads = {}, {}, [], []
        self.script = lambda request: None
        self.ranges = True
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                return True

            def cut(self, body, at, status=200):
                """Announces all of the body, sends its beginning and hangs up."""
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:at])
                self.wfile.flush()
                self.close_connection = True
                return True

            def stall(self, body, at, seconds):
                self.cut(body, at)
                time.sleep(seconds)
                return True

            def do_HEAD(self):
                registry.heads.append(self.path)
                self.respond()

            def do_GET(self):
                registry.requests.append((self.path, dict(self.headers)))
                self.respond()

            def respond(self):
                if registry.script(self) is not None:
                    return
                parts = self.path.split("/")
                kind, name = (parts[-2], parts[-1]) if len(parts) > 2 else ("", "")
                if kind == "manifests" and name in registry.manifests:
                    body, media_type = registry.manifests[name]
                    self.answer(200, body, Content_Type=media_type, Docker_Content_Digest=digest_of(body))
                elif kind == "blobs" and name in registry.blobs:
                    self.blob(registry.blobs[name])
                else:
                    self.answer(404, json.dumps({"errors": [{"code": "UNKNOWN", "message": "not known here"}]}).encode())

            def blob(self, body):
                wanted = self.headers.get("Range", "") if registry.ranges else ""
                if not wanted.startswith("bytes="):
                    return self.answer(200, body, ETag='"e"')
                start = int(wanted[6:].split("-")[0])
                return self.answer(206, body[start:], ETag='"e"', Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that hangs up

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, image, *tags):
        self.blobs.update(image.blobs)
        for name in (*tags, image.digest):
            self.manifests[name] = (image.manifest, image.type)

    def add_index(self, tag, images):
        manifests = [{"mediaType": image.type, "digest": image.digest, "size": len(image.manifest), "platform": wanted} for image, wanted in images]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
        self.manifests[tag] = self.manifests[digest_of(body)] = (body, INDEX)
        for image, _ in images:
            self.add(image)

    def count(self, part):
        return sum(part in path for path, _ in self.requests)
