"""bolt config, and what its settings do."""
import glob
import json
import os

import pytest
from bolt_runner import IMAGE, bolt, bolt_with_store  # noqa: F401: fixtures


@pytest.fixture
def own(bolt):  # noqa: F811
    """The user's own file."""
    path = f"{bolt.top}/home/.config/bolt/config.toml"
    yield path
    if os.path.lexists(path):
        os.unlink(path)


def write(bolt, path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    for place in (path, os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        os.chown(place, bolt.user, bolt.user)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_settings_are_set_and_unset(bolt, own):
    assert bolt.ok("config", "get", "store.keep_blobs") == "yes" and not os.path.exists(own)
    bolt.ok("config", "set", "store.keep_blobs", "no")
    bolt.ok("config", "set", "store.blob_limit", "500MiB")
    bolt.ok("config", "set", "store.keep_blobs", "no")
    assert read(own) == '[store]\nblob_limit = "500MiB"\nkeep_blobs = false\n' and os.stat(own).st_uid == bolt.user
    assert [line.split() for line in bolt.ok("config", "list").splitlines()] == [
        ["SETTING", "VALUE", "FROM"], ["store.blob_limit", "500MiB", own], ["store.keep_blobs", "no", own], ["store.sync", "fs", "default"]]
    bolt.ok("config", "unset", "store.keep_blobs")
    listed = {each["key"]: each for each in json.loads(bolt.ok("config", "ls", "--format", "json"))}
    assert (listed["store.keep_blobs"]["value"], listed["store.keep_blobs"]["from"]) == ("yes", "default") and listed["store.blob_limit"]["from"] == own
    again = bolt("config", "unset", "store.keep_blobs")
    assert again.code == 1 and again.err == f"bolt: '{own}' does not set 'store.keep_blobs'\n", again


def test_what_else_is_in_the_file_stays(bolt, own):
    write(bolt, own, "# mine\n\n[store] # all of it\n# keep_blobs = true\nsync = 'none' # fast\n")
    bolt.ok("config", "set", "store.keep_blobs", "no")
    assert read(own) == "# mine\n\n[store] # all of it\nkeep_blobs = false\n# keep_blobs = true\nsync = 'none' # fast\n"
    assert bolt.ok("config", "get", "store.sync") == "none"


def test_several_set_at_once_and_a_file_that_is_kept_elsewhere(bolt, own):
    elsewhere = f"{bolt.top}/home/dotfiles.toml"
    write(bolt, elsewhere, "# mine\n")
    os.chmod(elsewhere, 0o600)
    os.makedirs(os.path.dirname(own), exist_ok=True)
    os.symlink(elsewhere, own)
    several = [bolt.begin("config", "set", key, value) for key, value in (("store.keep_blobs", "no"), ("store.blob_limit", "1g"), ("store.sync", "none")) * 3]
    assert {each.wait(timeout=60) for each in several} == {0}
    for each in several:
        each.communicate()
    assert os.path.islink(own) and os.stat(elsewhere).st_mode & 0o777 == 0o600
    assert [line.split()[1] for line in bolt.ok("config", "list").splitlines()[1:]] == ["1g", "no", "none"] and read(own).startswith("# mine\n")
    os.unlink(elsewhere)


def test_another_file(bolt, own):
    other = f"{bolt.top}/home/other.toml"
    write(bolt, own, "[store]\nsync = 'none'\n")
    bolt.environment["BOLT_CONFIG"] = other
    try:
        assert bolt.ok("config", "get", "store.sync") == "fs"
        bolt.ok("config", "set", "store.blob_limit", "1g")
        assert read(other) == '[store]\nblob_limit = "1g"\n'
    finally:
        del bolt.environment["BOLT_CONFIG"]
    os.unlink(other)


def test_where_the_user_keeps_such_files(bolt, own):
    elsewhere = f"{bolt.top}/home/conf"
    bolt.environment["XDG_CONFIG_HOME"] = elsewhere
    try:
        bolt.ok("config", "set", "store.sync", "none")
        assert read(f"{elsewhere}/bolt/config.toml") == "[store]\nsync = \"none\"\n" and not os.path.exists(own)
        assert bolt.run("--pull", "always", "--", "echo", "runs").out == "runs\n"
    finally:
        del bolt.environment["XDG_CONFIG_HOME"]


def packed(bolt):
    return glob.glob(f"{bolt.store}/layers/*/blob-*")


def test_layers_are_not_kept_packed(bolt, own):
    bolt("rmi", "-f", IMAGE)
    bolt.ok("pull", IMAGE)
    assert packed(bolt)
    bolt.ok("config", "set", "store.keep_blobs", "no")
    bolt.ok("rmi", IMAGE)
    bolt.ok("pull", IMAGE)
    assert not packed(bolt) and bolt.ok("store", "check").endswith("0 damaged, 0 mended") and bolt.run("--", "true").code == 0
    bolt.ok("config", "unset", "store.keep_blobs")
    bolt.ok("rmi", IMAGE)
    bolt.ok("pull", IMAGE)
    assert packed(bolt)
    # What is over the limit goes with the next image.
    bolt.ok("config", "set", "store.blob_limit", "0")
    bolt.ok("pull", "bolt://hello-world")
    assert not packed(bolt)
    bolt.ok("rmi", "bolt://hello-world")


@pytest.mark.parametrize("text, says", [
    ("[store]\nkeep_blob = true\n", "'store.keep_blob' is no setting; there are store.blob_limit, store.keep_blobs, store.sync"),
    ("[store]\nkeep_blobs = 'perhaps'\n", "store.keep_blobs: 'perhaps' is neither yes nor no"),
    ("[store]\nkeep_blobs = [1]\n", "store.keep_blobs: an array is no value for a setting"),
    ("keep_blobs = true\n", "'keep_blobs' stands in no section; there is [store]"),
    ("[store\n", "is no TOML: line 1"),
])
def test_a_file_that_is_wrong_is_named_and_left_alone(bolt, own, text, says):
    write(bolt, own, text)
    for words in (["config", "list"], ["config", "set", "store.sync", "fs"], ["pull", IMAGE]):
        done = bolt(*words)
        assert done.code == 1 and f"'{own}'" in done.err and says in done.err and done.err.count("\n") == 1, (words, done)
    assert read(own) == text


@pytest.mark.parametrize("text, words", [("store.sync = 'none'\n", ["set", "store.sync", "fs"]), ("store = {sync = 'none'}\n", ["unset", "store.sync"]), ("store = {sync = 'none'}\n", ["set", "store.sync", "fs"])])
def test_other_ways_to_write_it_are_read_and_not_changed(bolt, own, text, words):
    write(bolt, own, text)
    assert bolt.ok("config", "get", "store.sync") == "none"
    done = bolt("config", *words)
    assert done.code == 1 and done.err.count("\n") == 1 and own in done.err, done
    assert read(own) == text


@pytest.mark.parametrize("words, says", [
    (["get", "store.size"], "'store.size' is no setting"),
    (["set", "store.size", "1"], "'store.size' is no setting; there are store.blob_limit, store.keep_blobs, store.sync"),
    (["set", "store.blob_limit", "much"], "store.blob_limit: 'much' is not a size"),
    (["set", "store.sync", "files"], "store.sync: 'files' is no way to sync; there are fs and none"),
    (["unset", "store.sync"], "does not set 'store.sync'"),
])
def test_bad_words_are_one_sentence(bolt, own, words, says):
    done = bolt("config", *words)
    assert done.code == 1 and says in done.err and done.err.count("\n") == 1 and not os.path.exists(own), done
