"""bolt push against a registry that breaks off, refuses, wants a token and has no room: as root and as an ordinary user."""
import base64
import hashlib
import http.server
import json
import os
import re
import sys
import threading
import urllib.parse

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from bolt_runner import IMAGE, bolt, bolt_with_store  # noqa: E402,F401: fixtures


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Repository:
    """Takes blobs and manifests as the distribution specification says. `script` may answer a request itself."""

    def __init__(self):
        self.blobs, self.manifests, self.uploads, self.requests = {}, {}, {}, []
        self.script = lambda request: None
        self.most = 1 << 40  # bytes that one PATCH gets before the connection breaks
        repository = self

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

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def any(self):
                repository.requests.append((self.command, self.path, dict(self.headers)))
                url = urllib.parse.urlsplit(self.path)
                self.query = dict(urllib.parse.parse_qsl(url.query))
                if repository.script(self) is None:
                    getattr(self, "do_" + self.command.lower())(url.path.rsplit("/", 1)[-1], url.path)

            do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = any

            def do_head(self, name, _):
                self.answer(200 if name in repository.blobs else 404)

            def do_get(self, name, path):
                if "/uploads/" in path and name in repository.uploads:
                    return self.answer(204, Location=path, Range=f"0-{max(0, len(repository.uploads[name]) - 1)}")
                return self.answer(200 if path.endswith("/tags/list") else 404, b"{}")

            def do_post(self, _, path):
                name = str(len(repository.uploads))
                repository.uploads[name] = b""
                self.answer(202, Location=f"{path}{name}?state=x")

            def do_patch(self, name, path):
                start = int(self.headers["Content-Range"].split("-")[0])
                if start != len(repository.uploads[name]):
                    return self.answer(416)
                length = int(self.headers["Content-Length"])
                got = self.rfile.read(min(length, repository.most))
                repository.uploads[name] += got
                if len(got) < length:
                    self.close_connection = True
                    return None
                return self.answer(202, Location=path + "?state=y", Range=f"0-{len(repository.uploads[name]) - 1}")

            def do_put(self, name, path):
                content = self.body()
                if "/manifests/" in path:
                    repository.manifests[name] = (content, self.headers["Content-Type"])
                    return self.answer(201)
                content = repository.uploads.pop(name) + content
                if digest_of(content) != self.query["digest"]:
                    return self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}')
                repository.blobs[self.query["digest"]] = content
                return self.answer(201)

            def do_delete(self, name, _):
                repository.uploads.pop(name, None)
                self.answer(204)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def assert_whole(self, tag="1"):
        manifest = json.loads(self.manifests[tag][0])
        for part in [manifest["config"], *manifest["layers"]]:
            assert len(self.blobs[part["digest"]]) == part["size"]
        return manifest


@pytest.fixture
def repository():
    made = Repository()
    yield made
    made.close()


def pushed(bolt, repository, *options):
    outcome = bolt("push", *options, IMAGE, f"{repository.host}/team/shell:1")
    assert outcome.code == 0, outcome
    return outcome


def refused(bolt, repository, says, code=1):
    outcome = bolt("push", IMAGE, f"{repository.host}/team/shell:1")
    assert outcome.code == code and says in outcome.err.splitlines()[-1], outcome
    assert outcome.err.splitlines()[-1].startswith("bolt: push bolt://shell: ") and not repository.manifests
    return outcome


def test_a_push_is_whole_and_the_second_uploads_nothing(bolt, repository):
    first = pushed(bolt, repository)
    manifest = repository.assert_whole()
    assert repository.manifests["1"][1] == manifest["mediaType"]
    assert first.out.splitlines()[0] == f"Digest: {digest_of(repository.manifests['1'][0])}"
    count = sum(method == "PATCH" for method, _, _ in repository.requests)
    pushed(bolt, repository)
    assert sum(method == "PATCH" for method, _, _ in repository.requests) == count


def test_the_digest_goes_to_a_file(bolt, repository):
    path = f"{bolt.top}/home/digest"
    pushed(bolt, repository, "--digestfile", path)
    with open(path, encoding="ascii") as file:
        assert file.read() == digest_of(repository.manifests["1"][0])


def test_an_upload_that_breaks_off_goes_on_where_it_was(bolt, repository):
    repository.most = 300_000
    pushed(bolt, repository)
    repository.assert_whole()
    starts = [int(headers["Content-Range"].split("-")[0]) for method, _, headers in repository.requests if method == "PATCH"]
    assert 300_000 in starts


def test_an_upload_that_the_registry_forgot_begins_anew(bolt, repository):
    forgotten = []

    def script(request):
        if request.command == "PATCH" and not forgotten:
            forgotten.append(request.path)
            request.rfile.read(1000)
            repository.uploads.clear()
            request.close_connection = True
            return True
        return None
    repository.script = script
    pushed(bolt, repository)
    repository.assert_whole()
    assert forgotten


def test_a_registry_that_fails_for_a_while(bolt, repository):
    failures = []

    def script(request):
        if len(failures) < 2 and request.command in ("POST", "PUT") and "/blobs/" in request.path:
            failures.append(request.path)
            request.body()
            return request.answer(503)
        return None
    repository.script = script
    pushed(bolt, repository)
    repository.assert_whole()


@pytest.mark.parametrize("status, says", [(403, "needs a login"), (500, "failed (500"), (413, "takes nothing as large as blob sha256:")])
def test_a_refusal_is_told_in_the_registrys_words(bolt, repository, status, says):
    def script(request):
        if request.command == "POST":
            return request.answer(status, b'{"errors":[{"code":"DENIED","message":"the quota is used up"}]}', Retry_After="0")
        return None
    repository.script = script
    assert "the quota is used up" in refused(bolt, repository, says).err


@pytest.mark.parametrize("status", [400, 413])
def test_a_chunk_that_is_refused_is_not_sent_again(bolt, repository, status):
    sent = []

    def script(request):
        if request.command == "PATCH":
            sent.append(request.path)
            return request.body() is not None and request.answer(status, b'{"errors":[{"code":"SIZE_INVALID","message":"too much"}]}')
        return None
    repository.script = script
    assert "too much" in refused(bolt, repository, "registry").err and len(sent) == len(set(sent))


def test_a_manifest_that_is_refused(bolt, repository):
    repository.script = lambda request: request.body() is not None and request.answer(400, b'{"errors":[{"code":"MANIFEST_INVALID","message":"not of our liking"}]}') if "/manifests/" in request.path and request.command == "PUT" else None
    assert "(400: not of our liking)" in refused(bolt, repository, "refuses ").err


def test_a_token_for_pushing_and_it_goes_nowhere_else(bolt, repository):
    elsewhere = Repository()
    asked = []

    def script(request):
        if request.path.startswith("/token"):
            asked.append(urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)["scope"])
            assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
            return request.answer(200, b'{"token":"good"}')
        if request.headers.get("Authorization") != "Bearer good":
            request.body()
            return request.answer(401, WWW_Authenticate=f'Bearer realm="http://{repository.host}/token",service="here",scope="repository:team/shell:pull"')
        if request.command == "POST":
            elsewhere.uploads["x"] = b""
            return request.answer(202, Location=f"http://{elsewhere.host}/v2/team/shell/blobs/uploads/x")
        return None
    repository.script = script
    with open(f"{bolt.top}/home/login.json", "w", encoding="ascii") as file:
        json.dump({"auths": {repository.host: {"auth": base64.b64encode(b"me:secret").decode()}}}, file)
    os.chmod(f"{bolt.top}/home/login.json", 0o644)
    try:
        outcome = bolt("push", "--authfile", f"{bolt.top}/home/login.json", IMAGE, f"{repository.host}/team/shell:1")
        assert outcome.code == 0, outcome
        assert asked and all(scopes[0] == "repository:team/shell:pull,push" for scopes in asked)
        assert elsewhere.blobs and not any("Authorization" in headers for _, _, headers in elsewhere.requests)
    finally:
        elsewhere.close()


def test_an_interrupted_push_leaves_no_manifest(bolt, repository):
    arrived = threading.Event()

    def script(request):
        if request.command == "PATCH":
            arrived.set()
            request.rfile.read(1000)
            threading.Event().wait(3)
            request.close_connection = True
            return True
        return None
    repository.script = script
    process = bolt.begin("push", IMAGE, f"{repository.host}/team/shell:1")
    assert arrived.wait(30)
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in err and not out and not repository.manifests


def test_a_layer_that_was_changed_in_the_store_is_not_pushed(bolt, repository):
    pushed(bolt, repository)
    layers = f"{bolt.store}/layers"
    (key,) = [name for name in os.listdir(layers) if any(entry.startswith("blob-") for entry in os.listdir(f"{layers}/{name}"))]
    for name in os.listdir(f"{layers}/{key}"):
        if name.startswith("blob-"):
            os.remove(f"{layers}/{key}/{name}")
    path = f"{layers}/{key}/fs/bin/busybox"
    with open(path, "r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    try:
        repository.blobs.clear()
        repository.manifests.clear()
        assert re.search("layer sha256:[0-9a-f]{64} was changed in the store; remove the image and pull it again", refused(bolt, repository, "was changed in the store").err)
    finally:
        with open(path, "r+b") as file:
            file.seek(1000)
            file.write(byte)
