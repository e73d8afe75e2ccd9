"""Images as people have them: pulled from Debian's registry, run as root and as an ordinary user, with services that answer."""
import hashlib
import json
import urllib.error
import urllib.request

import pytest

from bolt_runner import bolt, bolt_with_store, wait_until  # noqa: F401: fixtures
from debian_images import ARCHITECTURE, INDEX, MANIFEST
from free_port import free_port

pytestmark = pytest.mark.patience(900)  # the first test makes the images when no earlier run has


@pytest.mark.parametrize("form", ["oci", "docker", "zstd"])
@pytest.mark.parametrize("image", ["busybox", "debian-nginx", "debian-redis"])
def test_every_form_is_pulled_and_runs(bolt, registry, image, form):
    reference = f"{registry.host}/{image}:{form}"
    bolt.ok("pull", "-q", reference)
    said = bolt.ok("run", "--rm", "--network", "none", "--pull", "never", reference, "sh", "-c", "test -x /bin/sh && echo runs")
    assert said == "runs"


def test_an_index_gives_this_machines_image(bolt, registry):
    ours = registry.manifest("busybox", "oci")
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": "sha256:" + hashlib.sha256(ours).hexdigest(), "size": len(ours), "platform": {"os": "linux", "architecture": ARCHITECTURE}}]}
    registry.put_manifest("busybox", "index", json.dumps(index).encode(), INDEX)
    assert bolt.ok("run", "--rm", "--network", "none", f"{registry.host}/busybox:index", "echo", "chosen").endswith("chosen")


def test_a_debian_has_its_owners_and_modes(bolt, registry):
    reference = f"{registry.host}/debian-redis:oci"
    said = bolt.ok("run", "--rm", "--network", "none", reference, "sh", "-c", "stat -c '%U:%G %a' /var/lib/redis /usr/bin/passwd /tmp /etc/shadow; dpkg-query -W -f '${Status}' redis-server")
    assert said.splitlines()[-5:] == ["redis:redis 750", "root:root 4755", "root:root 1777", "root:shadow 640", "install ok installed"]


def test_nginx_answers_through_a_published_port(bolt, registry):
    port = free_port()
    bolt.ok("run", "-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", f"{registry.host}/debian-nginx:docker")
    answer = []

    def answers():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                answer[:] = [page.status, page.read(), page.headers["Server"]]
        except (urllib.error.URLError, ConnectionError):
            return False
        return True
    wait_until(answers, f"nginx to answer; its log: {bolt('logs', 'web')}")
    assert answer[:2] == [200, b"served from a container\n"] and answer[2].startswith("nginx/")
    assert f"127.0.0.1:{port}->80/tcp" in bolt.ok("ps", "--format", "{{.Ports}}")
    bolt.ok("stop", "web")
    assert bolt.inspect("web", "{{.State.ExitCode}}") == "0", "SIGQUIT, the image's stop signal, ends nginx in order"
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    bolt.ok("rm", "web")


def test_redis_keeps_its_data_in_a_volume(bolt, registry):
    reference = f"{registry.host}/debian-redis:zstd"

    def begin():
        bolt.ok("run", "-d", "--name", "store", "--network", "none", "-v", "kept-by-redis:/data", reference)
        wait_until(lambda: bolt("exec", "store", "redis-cli", "ping").out == "PONG\n", "redis to answer")
    begin()
    assert bolt.ok("exec", "store", "redis-cli", "set", "colour", "green") == "OK"
    bolt.ok("stop", "store")
    assert bolt.inspect("store", "{{.State.ExitCode}}") == "0"
    bolt.ok("rm", "store")
    begin()
    assert bolt.ok("exec", "store", "redis-cli", "get", "colour") == "green"
    bolt.ok("rm", "-f", "store")


def test_images_that_share_layers_share_them_in_the_store(bolt, registry):
    bolt.ok("pull", "-q", f"{registry.host}/debian-nginx:oci")
    before = len(bolt.entries("layers"))
    bolt.ok("pull", "-q", f"{registry.host}/debian-nginx:docker")
    assert len(bolt.entries("layers")) == before
    names = bolt.ok("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    assert {f"{registry.host}/debian-nginx:{form}" for form in ("oci", "docker")} <= set(names)
