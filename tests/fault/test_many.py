"""Many processes on one store: none waits for long, none fails for another's sake, and what each needs is fetched once."""
import collections
import threading

import pytest

from conftest import Store, wait_until

SHELL = "bolt://shell"
PATIENCE = 120


@pytest.fixture
def store(user):
    made = Store(user)
    made.ok("run", "--rm", "--network", "none", SHELL, "true")
    yield made
    made.remove()


def ends(processes):
    return [(process.returncode, out, err) for process in processes for out, err in [process.communicate(timeout=PATIENCE)]]


def test_64_runs_at_once(store):
    outcomes = ends([store.begin("run", "--rm", "--network", "none", SHELL, "echo", str(number)) for number in range(64)])
    assert [(code, out) for code, out, _ in outcomes] == [(0, f"{number}\n") for number in range(64)], outcomes
    assert store.entries("containers") == [] and store.entries("names") == []
    wait_until(lambda: store.left_overs() == [], "the trash to be empty")


def test_64_runs_of_an_image_that_nobody_has_yet(user):
    """All of them take in the shipped image at the same time."""
    store = Store(user)
    outcomes = ends([store.begin("run", "--rm", "--network", "none", SHELL, "echo", str(number)) for number in range(64)])
    assert [(code, out) for code, out, _ in outcomes] == [(0, f"{number}\n") for number in range(64)], outcomes
    store.assert_whole(store.layers())
    store.remove()


def test_8_pulls_fetch_each_blob_once(store, registry):
    outcomes = ends([store.begin("pull", "--quiet", f"{registry.host}/app:1") for _ in range(8)])
    assert all(code == 0 for code, _, _ in outcomes), outcomes
    fetched = collections.Counter(path.rsplit("/", 1)[1] for path, _ in registry.requests if "/blobs/" in path)
    assert set(fetched) == set(registry.image.blobs) and set(fetched[layer["digest"]] for layer in registry.image.layers) == {1}, fetched
    assert fetched[registry.image.config["digest"]] <= 8


def test_gc_and_prune_beside_pull_and_run(store, registry):
    over, said = threading.Event(), []

    def again_and_again(*words):
        while not over.is_set():
            said.append((words, store(*words)))

    sweepers = [threading.Thread(target=again_and_again, args=words) for words in (("store", "gc"), ("image", "prune", "--force"), ("images", "-a"), ("ps", "-a"))]
    for thread in sweepers:
        thread.start()
    try:
        for _ in range(10):
            outcomes = ends([store.begin("pull", "--quiet", f"{registry.host}/app:1"), store.begin("pull", "--quiet", f"{registry.host}/app:2"),
                             *(store.begin("run", "--rm", "--network", "none", SHELL, "true") for _ in range(4))])
            assert all(code == 0 for code, _, _ in outcomes), outcomes
            store.assert_whole(store.layers())
            removed = store("rmi", "--force", f"{registry.host}/app:1", f"{registry.host}/app:2")
            assert removed.code == 0, removed
    finally:
        over.set()
        for thread in sweepers:
            thread.join()
    assert [(words, done) for words, done in said if done.code != 0] == []
