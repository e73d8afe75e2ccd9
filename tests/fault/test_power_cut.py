"""The power goes at a sync of a pull, a load, a commit or a removal: a copy of the disk as it is then is mounted, and every image
that a command has named is whole and runs."""
import glob
import os
import shutil
import subprocess
import tempfile

import pytest

from conftest import Store
from test_push import Repository

SHELL = "bolt://shell"
SIZE = 96 << 20
# What is renamed is not written out for its own sake, and nothing is but by a sync.
OPTIONS = "loop,noauto_da_alloc,commit=300"


class Disk:
    """A file with ext4 in it, mounted at `place`."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="bolt-disk-", dir="/var/tmp")
        os.chmod(self.top, 0o755)
        self.file, self.place, self.copies = f"{self.top}/disk", f"{self.top}/mounted", f"{self.top}/copies"
        for name in (self.place, self.copies):
            os.mkdir(name)
        with open(self.file, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", self.file], check=True)
        self.mount(self.file)

    def mount(self, file):
        done = subprocess.run(["mount", "-t", "ext4", "-o", OPTIONS, file, self.place], capture_output=True, text=True)
        if done.returncode != 0:
            self.remove()
            pytest.skip(f"no file system can be mounted from a file here: {done.stderr.strip()}")

    def unmount(self):
        subprocess.run(["umount", self.place], check=True)

    def copying(self):
        """A command that keeps the disk as it is now, under the next number."""
        return f"n=$(ls {self.copies} | wc -l); cp --sparse=always {self.file} {self.copies}/$(printf %03d $n)"

    def remove(self):
        while os.path.ismount(self.place):
            subprocess.run(["umount", "-l", self.place], check=True)
        shutil.rmtree(self.top, ignore_errors=True)


@pytest.fixture
def disk(user):
    made = Disk()
    yield made
    made.remove()


def power_goes_at_every_sync(disk, user, prepare, *words, least):
    store = Store(user, place=disk.place)
    disk_words = prepare(store) or words
    subprocess.run(["sync", "-f", disk.place], check=True)
    before = store.references(), store.layers()
    done, points = store.under_fault_points(*disk_words, at_syncs=disk.copying())
    assert done.returncode == 0, done.stderr
    layers = {**before[1], **store.layers()}
    subprocess.run(disk.copying(), shell=True, check=True)
    disk.unmount()
    copies = sorted(glob.glob(f"{disk.copies}/*"))
    assert len(copies) >= least
    for number, copy in enumerate(copies):
        disk.mount(copy)
        try:
            store.assert_whole(layers)
            for reference in store.references():
                if "shell" in reference:
                    ran = store("run", "--rm", "--network", "none", SHELL, "echo", "runs")
                    assert (ran.code, ran.out) == (0, "runs\n"), ran
            again = store(*disk_words)
            assert again.code == 0 or "there is no image" in again.err, again
            store.assert_whole(layers)
        except AssertionError as error:
            raise AssertionError(f"copy {number} of {len(copies)}: {error}") from error
        finally:
            store.remove_containers()
            disk.unmount()
    disk.mount(disk.file)


def test_pull(disk, user, registry):
    power_goes_at_every_sync(disk, user, lambda store: store.ok("run", "--rm", "--network", "none", SHELL, "true") and None,
                             "pull", "--quiet", f"{registry.host}/app:1", least=10)


def test_commit(disk, user):
    def prepare(store):
        store.ok("run", "--name", "changed", "--network", "none", SHELL, "sh", "-c", "echo new > /etc/new; rm /etc/group")

    power_goes_at_every_sync(disk, user, prepare, "commit", "--quiet", "changed", "committed-shell:1", least=8)


def test_load(disk, user):
    def prepare(store):
        archive = f"{disk.place}/shell.tar"
        maker = Store(user)
        maker.ok("run", "--rm", "--network", "none", SHELL, "true")
        maker.ok("save", "--quiet", "-o", f"{maker.top}/home/shell.tar", SHELL)
        shutil.copy(f"{maker.top}/home/shell.tar", archive)
        maker.discard()
        os.chmod(archive, 0o644)
        return "load", "--quiet", "-i", archive

    power_goes_at_every_sync(disk, user, prepare, least=8)


def test_rmi(disk, user, registry):
    def prepare(store):
        store.ok("run", "--rm", "--network", "none", SHELL, "true")
        store.ok("pull", "--quiet", f"{registry.host}/app:1")

    power_goes_at_every_sync(disk, user, prepare, "rmi", "--force", f"{registry.host}/app:1", least=1)


def test_push(disk, user):
    """It remembers what the name stands for in the registry now."""
    repository = Repository()
    try:
        def prepare(store):
            store.ok("run", "--rm", "--network", "none", SHELL, "true")
            store.ok("tag", SHELL, f"{repository.host}/shell:1")

        power_goes_at_every_sync(disk, user, prepare, "push", "--quiet", f"{repository.host}/shell:1", least=2)
    finally:
        repository.close()
