"""SIGKILL in the place of every system call with which pull, load, commit, rmi and gc change a file: what is visible is always
whole, the same command then succeeds, and gc leaves nothing behind."""
import concurrent.futures
import glob
import os
import time

import pytest

from conftest import Store

SHELL = "bolt://shell"


class Job:
    """A command, the store that it finds, and the stores of before and after."""

    def __init__(self, before, *words, again=None):
        self.before, self.words, self.again = before, words, again or (lambda outcome: outcome.code == 0)
        after = Store(before.user, copied=before)
        done, points = after.under_fault_points(*words)
        assert done.returncode == 0, done.stderr
        self.points = len(points)
        self.references = set(before.references()), set(after.references())
        self.images = len(before.images()), len(after.images())
        self.layers = {**before.layers(), **after.layers()}
        after.discard()

    def is_killed(self, at):
        """Whether it came to this point at all: threads take their own time."""
        store = Store(self.before.user, copied=self.before)
        try:
            done, points = store.under_fault_points(*self.words, at=at)
            killed = points[-1:] != [] and "killed" in points
            assert killed or done.returncode == 0, done.stderr
            self.check(store)
        except Exception as error:
            raise AssertionError(f"{self.words} killed at {at} of {self.points}, {points[at - 1]}: {error}") from error
        finally:
            store.discard()
        return killed

    def check(self, store):
        store.assert_whole(self.layers)
        # No name that was not to be touched is touched, and none is there that nobody asked for.
        assert self.references[0] & self.references[1] <= set(store.references()) <= self.references[0] | self.references[1]
        outcome = store(*self.words)
        assert self.again(outcome), outcome
        store.assert_whole(self.layers)
        assert set(store.references()) == self.references[1]
        # An image that had lost its name, or had none yet, is there to see, and prune takes it.
        store.ok("image", "prune", "--force")
        store.ok("store", "gc")
        assert len(store.images()) == self.images[1] and set(store.references()) == self.references[1]
        assert store.left_overs() == [] and set(store.entries("layers")) == set(store.layers())

    def kill_everywhere(self, least):
        assert self.points >= least
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            killed = list(pool.map(self.is_killed, range(1, self.points + 1)))
        assert sum(killed) >= 0.95 * self.points


@pytest.fixture
def before(user):
    made = Store(user)
    yield made
    made.remove_containers()
    made.discard()


def test_pull(before, registry):
    Job(before, "pull", "--quiet", f"{registry.host}/app:1").kill_everywhere(100)


def test_load(before, registry):
    maker = Store(before.user)
    maker.ok("pull", "--quiet", f"{registry.host}/app:1")
    maker.ok("tag", f"{registry.host}/app:1", "first:1")
    maker.ok("tag", f"{registry.host}/app:1", "second:1")
    archive = f"{before.top}/images.tar"
    maker.ok("save", "--quiet", "-o", archive, "first:1", "second:1")
    maker.discard()
    os.chmod(before.top, 0o755)
    Job(before, "load", "--quiet", "-i", archive).kill_everywhere(80)


def test_commit(before):
    before.ok("run", "--name", "changed", "--network", "none", SHELL, "sh", "-c", "echo new > /etc/new; rm /etc/group; ln -s new /etc/link")
    before.ok("store", "gc")
    Job(before, "commit", "--quiet", "changed", "committed:1").kill_everywhere(40)


def test_rmi(before, registry):
    before.ok("pull", "--quiet", f"{registry.host}/app:1")
    before.ok("run", "--rm", "--network", "none", SHELL, "true")
    gone = lambda outcome: outcome.code == 0 or "there is no image" in outcome.err  # noqa: E731
    Job(before, "rmi", "--force", f"{registry.host}/app:1", again=gone).kill_everywhere(15)


def test_gc(before, registry):
    """After a pull with one layer in its place and one that was about to be, and a removal that had just begun."""
    before.ok("pull", "--quiet", f"{registry.host}/app:2")
    copy = Store(before.user, copied=before)
    points = copy.under_fault_points("pull", "--quiet", f"{registry.host}/app:1")[1]
    copy.discard()
    at = [number for number, point in enumerate(points, 1) if " renameat2 " in point and "/layers/" in point][1]
    assert "killed" in before.under_fault_points("pull", "--quiet", f"{registry.host}/app:1", at=at)[1]
    os.unlink(f"{before.store}/refs/{registry.host}/app/:2")
    os.unlink(glob.glob(f"{before.store}/images/*.json")[0])
    assert len(before.entries("layers")) == 2 and [name for name in before.entries("tmp") if not name.endswith(".lock")] and before.entries("ingest")
    week_old = time.time() - 8 * 24 * 3600
    for path in glob.glob(f"{before.store}/ingest/**", recursive=True):
        os.utime(path, (week_old, week_old))
    Job(before, "store", "gc").kill_everywhere(20)
