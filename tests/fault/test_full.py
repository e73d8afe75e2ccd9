"""A file system with no room, and one with no inodes: one sentence says so, nothing half-done stays, and it works when there is room."""
import os
import shutil
import subprocess
import tempfile

import pytest

from conftest import Image, Store, tar_of

SHELL = "bolt://shell"


@pytest.fixture
def small(user):
    """A mounted tmpfs whose limits are changed at will."""
    place = tempfile.mkdtemp(prefix="bolt-full-", dir="/var/tmp")
    os.chmod(place, 0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=10000", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)
    os.rmdir(place)


def limit(place, option):
    return subprocess.run(["mount", "-o", f"remount,{option}", place], capture_output=True).returncode == 0


def used(place):
    status = os.statvfs(place)
    return (status.f_blocks - status.f_bfree) * status.f_frsize // 1024, status.f_files - status.f_ffree


def fails_and_leaves_nothing(store, words, before):
    done = store(*words)
    assert done.code == 1 and "No space left on device" in done.err and "`bolt store df`" in done.err, repr(done)
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert not [name for name in store.left_overs() if not name.startswith("ingest")], store.left_overs()
    assert (set(store.images()), set(store.references())) == before
    store.assert_whole(store.layers())


CASES = [(option, share) for option in ("size", "nr_inodes") for share in (0, 0.25, 0.5, 0.75, 0.9)]


@pytest.mark.parametrize("what", ["pull", "commit", "load"])
def test_no_room(user, small, registry, what):
    registry.add(Image([tar_of([(f"d/{layer}-{i}", os.urandom(20_000)) for i in range(60)]) for layer in range(3)]), "big")
    store = Store(user, place=small)
    words = ["pull", "--quiet", f"{registry.host}/app:big"]
    if what == "commit":
        store.ok("run", "--name", "changed", "--network", "none", SHELL, "sh", "-c", "for i in $(seq 60); do head -c 20000 /dev/urandom > /srv.$i; done")
        words = ["commit", "--quiet", "changed", "committed:1"]
    if what == "load":
        store.ok(*words)
        store.ok("save", "--quiet", "-o", f"{store.top}/home/big.tar", f"{registry.host}/app:big")
        store.ok("rmi", f"{registry.host}/app:big")
        words = ["load", "--quiet", "-i", f"{store.top}/home/big.tar"]
    store.ok("store", "gc")
    before, kilobytes_and_inodes = (set(store.images()), set(store.references())), used(small)
    store.ok(*words)
    needed = [whole - begun for whole, begun in zip(used(small), kilobytes_and_inodes)]
    name = next(iter(set(store.references()) - before[1])).replace("/:", ":")
    store.ok("rmi", name)
    store.ok("store", "gc")
    for option, share in CASES:
        begun = used(small)
        bounds = {"size": f"{begun[0] + int(needed[0] * share) + 8}k", "nr_inodes": f"{begun[1] + int(needed[1] * share) + 2}"}
        assert limit(small, f"{option}={bounds[option]}"), bounds
        try:
            fails_and_leaves_nothing(store, words, before)
        except AssertionError as error:
            raise AssertionError(f"{option}, {share} of what is needed: {error}") from error
        finally:
            assert limit(small, "size=64m,nr_inodes=10000")
        shutil.rmtree(f"{store.store}/ingest", ignore_errors=True)
    store.ok(*words)
    store.assert_whole(store.layers())
    store.remove_containers()


def test_run_without_room(user, small):
    store = Store(user, place=small)
    store.ok("run", "--rm", "--network", "none", SHELL, "true")
    limit(small, f"nr_inodes={used(small)[1] + 2}")
    done = store("run", "--rm", "--network", "none", SHELL, "true")
    assert done.code == 125 and "No space left on device" in done.err, done
    limit(small, "nr_inodes=10000")
    assert store("run", "--rm", "--network", "none", SHELL, "true").code == 0 and store.ok("ps", "-aq") == ""
