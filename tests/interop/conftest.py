"""Debian's docker-registry on loopback, filled by skopeo with real images."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../cli")]
import debian_images  # noqa: E402
from debian13 import Debian13  # noqa: E402
from debian_images import MANIFEST  # noqa: E402
from free_port import free_port  # noqa: E402

NEEDED = {"docker-registry": "docker-registry", "skopeo": "skopeo", "mmdebstrap": "mmdebstrap", "zstd": "zstd", "/bin/busybox": "busybox-static"}


class Registry:
    """Debian's registry with its files in a temporary directory, ended with the session."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="bolt-registry-", dir="/var/tmp")
        self.host = f"127.0.0.1:{free_port()}"
        with open(f"{self.directory}/config.yml", "w", encoding="ascii") as file:
            file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {self.directory}/blobs}}}}\nhttp: {{addr: '{self.host}'}}\n")
        self.log = open(f"{self.directory}/log", "wb")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(["docker-registry", "serve", f"{self.directory}/config.yml"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait_for_it()

    def wait_for_it(self):
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None, "docker-registry ended: " + open(self.log.name, encoding="utf-8").read()[-500:]
                time.sleep(0.05)
        raise AssertionError("docker-registry does not answer")

    def push(self, layout, name, form="oci"):
        subprocess.run(["skopeo", "copy", "--quiet", "--format", form, "--dest-tls-verify=false", f"oci:{layout}:latest", f"docker://{self.host}/{name}"],
                       check=True, capture_output=True)
        return f"{self.host}/{name}"

    def put_manifest(self, name, tag, content, media_type):
        request = urllib.request.Request(f"http://{self.host}/v2/{name}/manifests/{tag}", data=content, method="PUT", headers={"Content-Type": media_type})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201

    def manifest(self, name, tag):
        request = urllib.request.Request(f"http://{self.host}/v2/{name}/manifests/{tag}", headers={"Accept": f"{MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()
        shutil.rmtree(self.directory)


@pytest.fixture(scope="session")
def layouts():
    if os.geteuid() != 0:
        pytest.skip("making images with mmdebstrap needs root")
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")
    return debian_images.directory()


@pytest.fixture(scope="session")
def registry(layouts):
    made = Registry()
    try:
        for image in ("busybox", "debian-nginx", "debian-redis"):
            made.push(f"{layouts}/{image}.gzip", f"{image}:oci")
            made.push(f"{layouts}/{image}.gzip", f"{image}:docker", "v2s2")
            made.push(f"{layouts}/{image}.zstd", f"{image}:zstd")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def debian13():
    place = tempfile.mkdtemp(prefix="bolt-debian13-", dir="/var/tmp")
    yield Debian13(place)
    shutil.rmtree(place)
