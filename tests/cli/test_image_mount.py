"""bolt image mount and unmount: an image's files as a directory, without a container."""
import json
import os
import shutil
import subprocess

import pytest
from bolt_runner import IMAGE, bolt, bolt_with_store, wait_until  # noqa: F401: fixtures

SHOWN = f"{IMAGE}:latest"


@pytest.fixture
def mounting(bolt):  # noqa: F811
    yield bolt
    bolt("image", "unmount", "--all")


@pytest.fixture
def changed(mounting):
    """An image of two layers: one file more, one changed, one gone, a directory made anew, owners and a set-user-ID program."""
    mounting.ok("run", "--name", "changer", "--network", "none", IMAGE, "sh", "-c",
                "echo more > /more; chown 7:8 /more; mkdir -p /kept/inside; cp /bin/busybox /kept/suid; chmod 4755 /kept/suid; echo secret > /kept/closed; chmod 600 /kept/closed")
    mounting.ok("commit", "changer", "base:1")
    mounting.ok("run", "--name", "again", "--network", "none", "base:1", "sh", "-c", "rm /more; rm -r /kept/inside; mkdir /kept/inside; echo new > /kept/inside/new")
    mounting.ok("commit", "again", "base:2")
    mounting.ok("rm", "changer", "again")
    yield "base:2"
    mounting("image", "unmount", "--all")
    for name in ("base:2", "base:1"):
        mounting("rmi", name)


def seen(bolt, *command):
    """What the user who mounted it sees."""
    identity = ["setpriv", f"--reuid={bolt.user}", f"--regid={bolt.user}", "--clear-groups"] if bolt.user else []
    return subprocess.run([*identity, *command], capture_output=True, text=True, timeout=60, env=bolt.environment)


def test_the_files_are_there_and_nobody_can_change_them(mounting, changed):
    path = mounting.ok("image", "mount", changed)
    assert path.startswith("/proc/") and path.endswith("/root/image"), path
    names = seen(mounting, "find", path, "-maxdepth", "1", "-printf", "%f\n").stdout.split()
    assert {"bin", "kept"} <= set(names) and "more" not in names, names
    assert seen(mounting, "find", f"{path}/kept/inside", "-type", "f", "-printf", "%f\n").stdout.split() == ["new"]
    assert seen(mounting, "cat", f"{path}/kept/closed").stdout == "secret\n"
    write = seen(mounting, "touch", f"{path}/more")
    assert write.returncode != 0 and "Read-only" in write.stderr, write
    host = seen(mounting, "sh", "-c", f"rm -rf {path}; touch {path}/../x")
    assert "Read-only" in host.stderr and seen(mounting, "ls", path).stdout.split() != [], host
    copied = f"{mounting.top}/copy"
    assert seen(mounting, "cp", "-r", path, copied).returncode == 0 and os.path.isfile(f"{copied}/kept/inside/new")
    with open(f"/proc/{path.split('/')[2]}/mountinfo", encoding="ascii") as mounts:
        options = {line.split()[4]: line.split()[5] for line in mounts}
    assert set(options) == {"/", "/image"} and {"ro", "nosuid", "nodev"} <= set(options["/image"].split(",")), options


def test_one_layer_is_mounted_too(mounting):
    path = mounting.ok("image", "mount", IMAGE)
    assert "busybox" in seen(mounting, "ls", f"{path}/bin").stdout
    assert mounting.ok("image", "mount", IMAGE) == path, "an image is mounted once"
    assert mounting.ok("image", "umount", IMAGE) == SHOWN
    assert not os.path.exists(path)


def test_what_is_mounted_is_listed(mounting, changed):
    assert mounting.ok("image", "mount") == "" and json.loads(mounting.ok("image", "mount", "--format", "json")) == []
    paths = dict(line.split() for line in mounting.ok("image", "mount", IMAGE, changed).splitlines())
    assert set(paths) == {SHOWN, "base:2"}, paths
    assert dict(line.split() for line in mounting.ok("image", "mount").splitlines()) == paths
    listed = json.loads(mounting.ok("image", "mount", "--format=json"))
    assert {each["mountpoint"] for each in listed} == set(paths.values()) and all(len(each["id"]) == 64 for each in listed)
    assert len(mounting.ok("image", "mount", "--all").splitlines()) == 3
    assert len(mounting.ok("image", "unmount", "-a", "-f").splitlines()) == 3 and mounting.ok("image", "mount") == ""


def test_a_mounted_image_is_not_removed(mounting, changed):
    path = mounting.ok("image", "mount", changed)
    refused = mounting("rmi", changed)
    assert refused.code == 1 and f"is mounted at '{path}'; unmount it first (`bolt image unmount" in refused.err, refused
    assert "base:2" not in mounting.ok("image", "prune", "-a", "-f")
    mounting.ok("pull", "-q", IMAGE)
    mounting.ok("store", "gc")
    assert seen(mounting, "cat", f"{path}/kept/inside/new").stdout == "new\n"
    assert "base:2" in mounting.ok("images", "--format", "{{.Repository}}:{{.Tag}}")


def test_a_killed_holder_leaves_nothing(mounting):
    path = mounting.ok("image", "mount", IMAGE)
    os.kill(int(path.split("/")[2]), 9)
    wait_until(lambda: mounting.ok("image", "mount") == "", "the holder to end")
    assert not os.path.exists(path)
    gone = mounting("image", "unmount", IMAGE)
    assert gone.code == 1 and gone.err == f"bolt: image '{IMAGE}' is not mounted; `bolt image mount` lists those that are\n", gone
    assert mounting.ok("image", "mount", IMAGE) != path


def test_many_at_once_make_one(mounting):
    several = [mounting.begin("image", "mount", IMAGE) for _ in range(12)]
    paths = {each.communicate(timeout=60)[0] for each in several}
    assert len(paths) == 1 and {each.returncode for each in several} == {0}, paths


def test_mounted_and_unmounted_at_once_none_is_forgotten(mounting):
    for _ in range(6):
        several = [mounting.begin("image", word, IMAGE) for word in ("mount", "unmount") * 4]
        for each in several:
            each.communicate(timeout=60)
    mounting("image", "unmount", IMAGE)
    wait_until(lambda: not mounting.left_over(), "every holder to end")


def test_a_record_that_cannot_be_read_stands_for_nothing(mounting):
    path = mounting.ok("image", "mount", IMAGE)
    record = f"{mounting.top}/run/bolt/images/{mounting.inspect(IMAGE, '{{.Id}}').split(':')[1]}"
    mounting.ok("image", "unmount", IMAGE)
    for text in ("", "x", '{"pid": "x"}', '{"pid": 1}'):
        with open(record, "w", encoding="ascii") as file:
            file.write(text)
        assert mounting.ok("image", "mount") == ""
    assert mounting.ok("image", "mount", IMAGE) != path


def test_a_holder_that_nobody_can_find_ends(mounting):
    """As when the runtime directory goes at the user's last logout."""
    path = mounting.ok("image", "mount", IMAGE)
    shutil.rmtree(f"{mounting.top}/run/bolt/images")
    wait_until(lambda: not os.path.exists(path), "the holder to end")
    assert mounting.ok("image", "mount", IMAGE) != path


def test_a_mounted_image_takes_its_room(mounting, changed):
    mounting.ok("image", "mount", changed)
    images = next(line for line in json.loads(mounting.ok("store", "df", "--format", "json")) if line["Type"] == "Images")
    assert images["Active"] == 1, images


def test_it_keeps_nothing_of_its_callers(mounting):
    """A shell that reads from a pipe goes on, whatever else was open in it."""
    script = 'exec 7>"$1"/held; flock 7; shift; "$@" 2>&1 | cat'
    held = f"{mounting.top}/home"
    done = seen(mounting, "sh", "-c", script, "sh", held, os.environ["BOLT"], "image", "mount", IMAGE)
    pid = done.stdout.split("/")[2]
    links = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    assert not [each for each in links if each.endswith("/held") or each.startswith("pipe:")], links


@pytest.mark.parametrize("words, text", [
    (["mount", "nowhere:1"], "bolt: there is no image 'nowhere:1' here; `bolt pull` fetches one\n"),
    (["mount", "--all", IMAGE], f"bolt: --all means every image; leave out '{IMAGE}'\n"),
    (["unmount"], "bolt: name the images to unmount, or give --all without a name\n"),
    (["unmount", "--all", IMAGE], "bolt: name the images to unmount, or give --all without a name\n"),
    (["unmount", "nowhere:1"], "bolt: there is no image 'nowhere:1' here; `bolt pull` fetches one\n"),
])
def test_bad_words_are_one_sentence(mounting, words, text):
    outcome = mounting("image", *words)
    assert outcome.code == 1 and outcome.err == text and outcome.out == "", outcome
