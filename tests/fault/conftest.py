"""Stores that are copied, compared and looked through, with the programs that change them under fault-points."""
import hashlib
import glob
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "cli"))
from bolt_runner import BOLT, Bolt, wait_until  # noqa: E402
from scripted_registry import Image, ScriptedRegistry, tar_of  # noqa: E402

FAULT_POINTS = os.environ.get("FAULT_POINTS", "")
USER = 2000


def tree(top):
    """Of every file below it: kind, mode, size and what is in it."""
    found = {}
    for directory, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = ""
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            found[os.path.relpath(path, top)] = (stat.filemode(status.st_mode), status.st_uid, content)
    return found


class Store(Bolt):
    """A user's store; with `copied`, another one's files to begin with."""

    def __init__(self, user, copied=None, place="/var/tmp"):
        super().__init__(user, place)
        if copied:
            shutil.rmtree(f"{self.top}/data")
            subprocess.run(["cp", "-a", f"{copied.top}/data", f"{self.top}/data"], check=True)

    def under_fault_points(self, *words, at=None, at_syncs=None):
        """What happened, and the calls that were reached, with "killed" among them when it came so far."""
        report = tempfile.NamedTemporaryFile(prefix="bolt-points-", mode="r")  # outside of what is looked through
        command = [FAULT_POINTS, *(["--at", str(at)] if at else []), *(["--at-syncs", at_syncs] if at_syncs else []), report.name, *self.arguments(words)]
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        with report:
            return done, report.read().splitlines()

    def images(self):
        """What each image's record says; half a record would not be JSON."""
        found = {}
        for path in glob.glob(f"{self.store}/images/*.json"):
            with open(path, encoding="utf-8") as file:
                found[os.path.basename(path)[:-5]] = json.load(file)
        return found

    def references(self):
        found = {}
        for path in glob.glob(f"{self.store}/refs/**/[:@]*", recursive=True):
            with open(path, encoding="utf-8") as file:
                found[os.path.relpath(path, f"{self.store}/refs")] = json.load(file)["image"].split(":")[1]
        return found

    def layers(self):
        """The trees of the layers that images name."""
        return {layer["key"]: tree(f"{self.store}/layers/{layer['key']}/fs") for image in self.images().values() for layer in image["layers"]}

    def left_overs(self):
        """Staging, and files that were to be renamed."""
        staging = [f"{place}/{name}" for place in ("tmp", "trash", "ingest") for name in self.entries(place)]
        return staging + [os.path.join(directory, name) for directory, _, files in os.walk(self.store) if "/fs" not in directory for name in files if name.startswith(".")]

    def assert_whole(self, layers):
        """Every name stands for an image, every image has all its layers, each as it should be; and bolt says so too."""
        images = self.images()
        assert set(self.references().values()) <= set(images)
        for key, files in self.layers().items():
            assert files == layers[key], f"layer {key}"
        checked = self("store", "check")
        assert checked.code == 0 and "0 damaged" in checked.out, checked
        listed = self("images", "-a", "--format", "json")
        assert listed.code == 0 and not listed.err, listed

    def discard(self):
        shutil.rmtree(self.top, ignore_errors=True)


@pytest.fixture(params=[0, USER], ids=["root", "user"])
def user(request):
    if os.geteuid() != 0:
        pytest.skip("changes between users, which root may")
    if not BOLT or not FAULT_POINTS:
        pytest.skip("BOLT or FAULT_POINTS does not name the program")
    return request.param


@pytest.fixture
def registry():
    made = ScriptedRegistry()
    made.image = Image([tar_of([(f"d{layer}", {"type": b"5", "mode": 0o755}), (f"d{layer}/link", {"type": b"2", "linkname": "f0"}),
                                *((f"d{layer}/f{i}", bytes(f"{layer} {i}\n", "ascii") * 100) for i in range(3))]) for layer in range(2)])
    made.add(made.image, "1")
    made.add(Image([tar_of([(f"other/f{i}", bytes(f"{i}\n", "ascii") * 100) for i in range(3)])]), "2")
    yield made
    made.close()
