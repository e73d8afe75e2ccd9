"""Runs bolt-transfer pull, as root and as an ordinary user, against a registry that a test tells what to do."""
import glob
import json
import os
import random
import shutil
import subprocess
import tempfile

import pytest

from scripted_registry import ScriptedRegistry

TRANSFER = os.environ.get("BOLT_TRANSFER", "")
USER = 2000  # bolt-test, with ranges in /etc/subuid and /etc/subgid
PATIENCE = 60

class Puller:
    def __init__(self, rootless):
        self.rootless = rootless
        self.home = tempfile.mkdtemp(prefix="bolt-pull-")
        self.data, self.run = f"{self.home}/data", f"{self.home}/run"
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "BOLT_DATA_DIR": self.data, "BOLT_RUNTIME_DIR": self.run, "LANG": "C.UTF-8",
                            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}
        self.prefix = []
        if rootless:
            os.chown(self.home, USER, USER)
            self.prefix = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"]

    def start(self, *arguments, **environment):
        return subprocess.Popen([*self.prefix, TRANSFER, "pull", *arguments], env={**self.environment, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def pull(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def fails(self, *arguments, says, code=1, **environment):
        done = self.pull(*arguments, **environment)
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == code, done.stderr
        assert last.startswith("bolt: ") and says in last, done.stderr
        return done

    def works(self, *arguments, **environment):
        done = self.pull(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def names(self, below):
        return sorted(os.listdir(f"{self.data}/store/{below}")) if os.path.isdir(f"{self.data}/store/{below}") else []

    def image(self):
        """The one image's record."""
        (file,) = glob.glob(f"{self.data}/store/images/*.json")
        with open(file) as record:
            return json.load(record)

    def layer(self, number):
        """A layer's tree; 0 is the lowest."""
        return f"{self.data}/store/layers/{self.image()['layers'][number]['key']}/fs"

    def assert_nothing_is_left(self, ingest=False, layers=False):
        assert self.names("images") == [] and self.names("tmp") == [] and self.names("trash") == []
        assert not glob.glob(f"{self.data}/store/refs/**/:*", recursive=True)
        if not layers:
            assert self.names("layers") == []
        if not ingest:
            assert self.names("ingest") == []


@pytest.fixture(params=[pytest.param(False, id="root"), pytest.param(True, id="rootless")])
def puller(request):
    if request.param and os.geteuid() != 0:
        pytest.skip("needs root, to become an ordinary user")
    made = Puller(request.param)
    yield made
    shutil.rmtree(made.home, ignore_errors=True)


@pytest.fixture
def registry():
    made = ScriptedRegistry()
    yield made
    made.close()


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)
