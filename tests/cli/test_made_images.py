"""bolt diff, export, commit and import: a container's files, and images made of them."""
import gzip
import io
import json
import os
import signal
import stat
import subprocess
import tarfile

import pytest
from bolt_runner import IMAGE, bolt, bolt_with_store, wait_until  # noqa: F401: fixtures

LONG = "/srv/" + "d" * 90 + "/" + "f" * 120


@pytest.fixture
def changed(bolt):
    """A container that has ended and changed its files in every way."""
    script = f"""
        echo new > /etc/new; ln /etc/new /etc/hard; rm /etc/passwd; echo more >> /etc/group
        mkdir -p /srv/empty; ln -s nowhere /srv/link; mkfifo /srv/pipe; chmod 4750 /etc/new; chown 3:4 /srv/empty
        mkdir -p {os.path.dirname(LONG)}; echo long > {LONG}
        rm -r /root; mkdir /root; echo again > /root/file; touch -d '2001-02-03 04:05:06' /root/file
    """
    name = "changed"
    bolt("rm", "-f", name)
    done = bolt("run", "--name", name, "--network", "none", "-e", "A=b c", "-v", "/usr/share:/mnt/share:ro", "-l", "who=me", "-w", "/srv", IMAGE, "sh", "-c", script)
    assert done.code == 0, done
    yield name
    bolt("rm", "-f", name)


def entries(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: (member, archive.extractfile(member).read() if member.isreg() else None) for member in archive}


def exported(bolt, name):
    target = f"{bolt.top}/home/exported.tar"
    bolt.ok("export", "-o", target, name)
    with open(target, "rb") as file:
        data = file.read()
    os.unlink(target)
    return data


def test_diff_tells_what_was_changed(bolt, changed):
    lines = bolt.ok("diff", changed).splitlines()
    assert {"C /etc", "A /etc/new", "A /etc/hard", "D /etc/passwd", "C /etc/group", "A /srv/link", "A /srv/pipe", "A " + LONG, "A /root/file"} <= set(lines)
    assert not [line for line in lines if "resolv.conf" in line or "/mnt/share" in line or line.endswith(("/proc", "/dev", "/sys"))], lines
    assert [line[2:] for line in lines] == sorted((line[2:] for line in lines), key=lambda path: path.split("/"))
    document = json.loads(bolt.ok("diff", "--format", "json", changed))
    assert document["deleted"] == ["/etc/passwd"] and "/etc/new" in document["added"] and "/etc/group" in document["changed"]


def test_export_has_every_file_as_the_container_sees_it(bolt, changed):
    files = entries(exported(bolt, changed))
    assert "etc/passwd" not in files and not [name for name in files if ".wh." in name]
    first, second = sorted((files["etc/hard"][0], files["etc/new"][0]), key=lambda member: member.islnk())
    assert second.islnk() and second.linkname == first.name and first.mode == 0o4750 and files[first.name][1] == b"new\n"
    assert files["srv/link"][0].linkname == "nowhere" and files["srv/pipe"][0].isfifo() and (files["srv/empty"][0].uid, files["srv/empty"][0].gid) == (3, 4)
    assert files[LONG[1:]][1] == b"long\n" and files["root/file"][0].mtime == 981173106
    assert files["bin/busybox"][0].size > 100_000 and "etc/resolv.conf" not in files and "mnt/share" not in files


def test_what_is_committed_is_what_was_there(bolt, changed):
    made = bolt.ok("commit", "-a", "Ann", "-m", "as it is", "-c", 'CMD ["cat", "/etc/new"]', "-c", "ENV C=d", "-c", "LABEL a=1 'b c=2 3'", "-c", "EXPOSE 80 53/udp", changed, "made:1")
    try:
        assert made.startswith("sha256:") and bolt.ok("run", "--rm", "--network", "none", "made:1") == "new"
        document = json.loads(bolt.ok("inspect", "made:1"))[0]
        assert document["Id"] == made and len(document["RootFS"]["Layers"]) == 2
        config = document["Config"]
        assert "A=b c" in config["Env"] and "C=d" in config["Env"] and not [one for one in config["Env"] if one.startswith(("HOSTNAME=", "HOME=", "container="))]
        assert config["Labels"] == {"who": "me", "a": "1", "b c": "2 3"} and set(config["ExposedPorts"]) == {"80/tcp", "53/udp"} and config["WorkingDir"] == "/srv"
        history = bolt.ok("history", "--no-trunc", "--format", "{{.Comment}}", "made:1").splitlines()
        assert history[0] == "as it is"
        # A container of the image has the very same files as the one that it was made of.
        bolt.ok("create", "--name", "again", "--network", "none", "made:1")
        before, after = entries(exported(bolt, changed)), entries(exported(bolt, "again"))
        bolt.ok("rm", "again")
        assert sorted(before) == sorted(after)
        for name, (member, content) in before.items():
            other, other_content = after[name]
            assert (member.type, member.mode, member.uid, member.gid, member.linkname, content) == (other.type, other.mode, other.uid, other.gid, other.linkname, other_content), name
        assert bolt.run("--", "true").code == 0
    finally:
        bolt("rmi", "-f", "made:1")


def test_a_commit_without_a_name(bolt, changed):
    id_file = f"{bolt.top}/home/id"
    made = bolt.ok("commit", "--iidfile", id_file, changed)
    with open(id_file, encoding="ascii") as file:
        assert file.read() == made
    assert bolt.ok("run", "--rm", "--network", "none", made, "cat", "/root/file") == "again"
    bolt.ok("rmi", made)


def test_what_only_builders_read_is_kept_and_nothing_is_made_up(bolt, changed):
    bolt.ok("create", "--name", "plain", "--network", "none", IMAGE)
    try:
        bolt.ok("commit", "-c", "ONBUILD RUN first", "-c", "ONBUILD COPY . /src", "plain", "made:1")
        bolt.ok("create", "--name", "next", "--network", "none", "made:1")
        bolt.ok("commit", "next", "made:2")
        for name in ("made:1", "made:2"):
            config = json.loads(bolt.ok("inspect", name))[0]["Config"]
            assert config["OnBuild"] == ["RUN first", "COPY . /src"] and config["StopSignal"] == "" and config["WorkingDir"] == "/root" and "Hostname" not in config, config
    finally:
        bolt("rm", "plain", "next")
        bolt("rmi", "-f", "made:1", "made:2")


def test_a_directory_that_was_made_anew_hides_what_was_in_it(bolt):
    bolt.ok("run", "--name", "full", "--network", "none", IMAGE, "sh", "-e", "-c", "mkdir -p /d/in; echo 1 > /d/a; echo 1 > /d/in/b; echo 1 > /d/in/\u00e9; echo 1 > /d/in/\u00e9e")
    bolt.ok("commit", "full", "full:1")
    bolt.ok("run", "--name", "anew", "--network", "none", "full:1", "sh", "-e", "-c", "rm -r /d; mkdir -p /d/in; echo 2 > /d/in/b; mkdir /d/in/\u00e9e; echo 2 > /d/in/\u00e9e/new")
    try:
        assert bolt.ok("diff", "anew").splitlines() == ["C /d", "D /d/a", "C /d/in", "C /d/in/b", "D /d/in/\u00e9", "C /d/in/\u00e9e", "A /d/in/\u00e9e/new"]
        bolt.ok("commit", "anew", "anew:1")
        assert bolt.ok("run", "--rm", "--network", "none", "anew:1", "sh", "-c", "cd /d; find . -type f | sort").splitlines() == ["./in/b", "./in/\u00e9e/new"]
    finally:
        bolt("rm", "full", "anew")
        bolt("rmi", "anew:1", "full:1")


def test_what_is_done_to_directories_with_mount_points_is_seen(bolt):
    bolt.ok("run", "--name", "ways", "--network", "none", "-v", "/usr/share:/n/one:ro", "-v", "/usr/share:/m/one/two:ro", IMAGE, "sh", "-c", "chmod 500 /n; chown 9 /m/one")
    assert bolt.ok("diff", "ways").splitlines() == ["A /m", "A /m/one", "A /n"]
    assert {"m/one", "n"} <= set(entries(exported(bolt, "ways")))
    bolt.ok("rm", "ways")


def test_a_container_that_changed_nothing_has_no_changes(bolt):
    bolt.ok("run", "--name", "still", "--network", "none", "-v", "/usr/share:/mnt/share:ro", "-v", "/usr/share:/srv:ro", IMAGE, "true")
    assert bolt.ok("diff", "still") == "" and "mnt" not in entries(exported(bolt, "still"))
    bolt.ok("rm", "still")
    bolt.ok("run", "--name", "still", "--network", "none", IMAGE, "chmod", "711", "/etc")
    assert bolt.ok("diff", "still") == "C /etc"
    bolt.ok("rm", "still")


def test_an_export_is_imported(bolt, changed):
    target = f"{bolt.top}/home/files.tar.gz"
    with gzip.open(target, "wb") as file:
        file.write(exported(bolt, changed))
    os.chmod(target, 0o644)
    made = bolt.ok("import", "-c", "ENTRYPOINT cat /etc/new", "-m", "flat", target, "flat:1")
    try:
        assert bolt.ok("run", "--rm", "--network", "none", "flat:1") == "new"
        assert len(json.loads(bolt.ok("inspect", made))[0]["RootFS"]["Layers"]) == 1
        assert bolt.ok("history", "--format", "{{.Comment}}", "flat:1") == "flat"
    finally:
        bolt("rmi", "-f", "flat:1")


def test_an_image_for_another_machine_is_said(bolt, changed):
    """And tried: the host may have an interpreter."""
    target = f"{bolt.top}/home/files.tar"
    with open(target, "wb") as file:
        file.write(exported(bolt, changed))
    os.chmod(target, 0o644)
    bolt.ok("import", "--platform", "linux/s390x", target, "foreign:1")
    try:
        done = bolt("run", "--rm", "--network", "none", "foreign:1", "echo", "runs")
        assert (done.code, done.out) == (0, "runs\n") and "image 'foreign:1' is for linux/s390x and this machine is linux/" in done.err and "--platform linux/s390x" in done.err, done
        done = bolt("run", "--rm", "--network", "none", "--platform", "linux/s390x", "foreign:1", "echo", "runs")
        assert (done.code, done.out, done.err) == (0, "runs\n", ""), done
    finally:
        bolt("rmi", "-f", "foreign:1")


def test_files_of_mapped_users_keep_their_owners(bolt):
    if not bolt.user:
        pytest.skip("root's containers with mapped ids are made by --userns=auto, which the next test has")
    done = bolt("run", "--name", "mapped", "--network", "none", "--userns=keep-id", "--user", "0", IMAGE, "sh", "-c", f"touch /etc/a; chown {bolt.user} /etc/a; touch /etc/b")
    assert done.code == 0, done
    files = entries(exported(bolt, "mapped"))
    bolt.ok("rm", "mapped")
    assert files["etc/a"][0].uid == bolt.user and files["etc/b"][0].uid == 0


@pytest.mark.parametrize("words, says", [
    (["diff", "nobody"], "there is no container 'nobody'"),
    (["export", "nobody"], "there is no container 'nobody'"),
    (["commit", "nobody", "x:1"], "there is no container 'nobody'"),
    (["import", "/nowhere/at/all", "x:1"], "/nowhere/at/all"),
    (["import", "http://example.invalid/x.tar"], "curl -L"),
    (["import", "-c", "STOPSIGNAL NONE", "/etc/hostname"], "NONE"),
    (["import", "-c", "LABEL a=1\nCMD x", "/etc/hostname"], "--change: one instruction each, in one line"),
    (["import", "/etc/hostname"], "'/etc/hostname' cannot be read as an archive of files"),
    (["import", "-", "x:1@sha256:" + "0" * 64], "is no name for an image"),
    (["import", "-c", "RUN true", "-", "x:1"], "there are CMD, ENTRYPOINT"),
    (["import", "-c", "EXPOSE 70000", "-", "x:1"], "is no port"),
    (["import", "-c", "ENV 'a", "-", "x:1"], "is not closed"),
])
def test_what_is_wrong_is_told(bolt, words, says):
    done = bolt(*words)
    assert done.code != 0 and says in done.err and done.err.count("\n") == 1, done


def test_a_container_is_not_paused(bolt, changed):
    done = bolt("commit", "--pause", changed, "x:1")
    assert done.code == 1 and "cannot be paused yet" in done.err


def test_what_is_no_archive_makes_no_image(bolt):
    before = bolt.ok("images", "-aq")
    done = bolt("import", "-", "junk:1", stdin="this is no archive")
    assert done.code == 1 and done.err.count("\n") == 1, done
    assert bolt.ok("images", "-aq") == before and bolt("inspect", "junk:1").code == 1


def test_a_name_that_would_hide_something_is_refused(bolt):
    bolt.ok("run", "--name", "hides", "--network", "none", IMAGE, "sh", "-c", "echo x > /etc/.wh.group")
    try:
        done = bolt("commit", "hides", "hidden:1")
        assert done.code == 1 and "'/etc/.wh.group': names that begin with '.wh.'" in done.err and "hidden" not in bolt.ok("images"), done
    finally:
        bolt.ok("rm", "hides")


def test_an_image_of_an_empty_archive_is_saved(bolt):
    bolt.ok("import", "/dev/null", "empty:1")
    bolt.ok("save", "-q", "-o", f"{bolt.top}/home/empty.tar", "empty:1")
    bolt.ok("rmi", "empty:1")
    assert "empty:1" in bolt.ok("load", "-q", "-i", f"{bolt.top}/home/empty.tar")
    bolt.ok("rmi", "empty:1")


def test_files_that_users_name_are_written_as_what_they_are(bolt, tmp_path):
    home = f"{bolt.top}/home"
    bolt.ok("create", "--name", "written", "--network", "none", IMAGE, "true")
    try:
        os.symlink("target", f"{home}/link")
        with open(f"{home}/target", "w", encoding="ascii") as file:
            file.write("old")
        os.chown(f"{home}/target", bolt.user, bolt.user)
        os.mkfifo(f"{home}/pipe")
        os.chown(f"{home}/pipe", bolt.user, bolt.user)
        identity = bolt.ok("commit", "--iidfile", f"{home}/link", "written", "written:1")
        assert os.path.islink(f"{home}/link") and open(f"{home}/target", encoding="ascii").read() == identity
        reader = subprocess.Popen(["cat", f"{home}/pipe"], stdout=subprocess.PIPE, text=True)
        identity = bolt.ok("commit", "--iidfile", f"{home}/pipe", "written", "written:1")
        assert reader.communicate(timeout=20)[0] == identity and stat.S_ISFIFO(os.stat(f"{home}/pipe").st_mode)
        done = bolt("commit", "--iidfile", f"{home}/nowhere/id", "written", "not-made:1")
        assert done.code == 1 and "--iidfile" in done.err and "not-made" not in bolt.ok("images"), done
        bolt.ok("export", "-o", f"{home}/link", "written")
        assert os.path.islink(f"{home}/link") and os.path.getsize(f"{home}/target") > 100_000
    finally:
        bolt.ok("rm", "written")
        bolt("rmi", "-f", "written:1")
        bolt("image", "prune", "-f")


def test_an_export_that_is_interrupted_leaves_nothing(bolt):
    bolt.ok("run", "--name", "large", "--network", "none", IMAGE, "sh", "-c", "head -c 300000000 /dev/zero > /large")
    try:
        export = bolt.begin("export", "-o", f"{bolt.top}/home/large.tar", "large")
        wait_until(lambda: any(name.startswith("large.tar") for name in os.listdir(f"{bolt.top}/home")), "the beginning")
        export.send_signal(signal.SIGINT)
        _, said = export.communicate(timeout=20)
        assert export.returncode == 130 and "interrupted" in said and not [name for name in os.listdir(f"{bolt.top}/home") if name.startswith("large.tar")]
    finally:
        bolt.ok("rm", "large")


def test_an_images_names_are_all_told(bolt):
    bolt.ok("tag", IMAGE, "one:1", "elsewhere.example/two:2")
    identity = bolt.inspect("one:1", "{{.Id}}")
    for name in ("one:1", identity, "elsewhere.example/two:2"):
        assert sorted(json.loads(bolt.inspect(name, "{{json .RepoTags}}"))) == ["bolt://shell:latest", "elsewhere.example/two:2", "one:1"], name
    assert bolt.inspect("two:2", "{{.Id}}") == identity, "the only one of that name here"
    bolt.ok("tag", IMAGE, "other.example/two:2")
    done = bolt("inspect", "two:2")
    assert done.code == 1 and "'two:2' may be elsewhere.example/two:2 or other.example/two:2; write the name out" in done.err, done
    assert bolt("run", "--rm", "--pull", "never", "two:2", "true").code == 125, "nobody runs what another registry calls so"
    bolt.ok("untag", IMAGE, "one:1", "elsewhere.example/two:2", "other.example/two:2")


def test_what_images_share_and_have_alone(bolt, changed):
    bolt.ok("commit", changed, "localhost/child:1")
    def sizes(name):
        return json.loads(bolt.ok("images", "--format", "json", name))
    try:
        parent, child = sizes("bolt://shell"), sizes("localhost/child:1")
        assert parent["SharedSize"] == parent["Size"] == child["SharedSize"] and parent["UniqueSize"] == "0B"
        assert child["UniqueSize"] not in ("0B", "N/A") and bolt.ok("images", "--format", "{{.UniqueSize}}", "localhost/child:1") == child["UniqueSize"]
        assert bolt.ok("images", "-q", "--filter", "label=who=me") == bolt.ok("images", "-q", "localhost/child:1")
        assert bolt.ok("images", "-q", "--filter", "label!=who=me") == bolt.ok("images", "-q", "bolt://shell")
        assert bolt.ok("images", "-q", "--filter", "until=2100-01-01", "localhost/child:1") and bolt.ok("images", "-q", "--filter", "until=1h", "localhost/child:1") == ""
    finally:
        bolt("rmi", "localhost/child:1")
    assert sizes("bolt://shell")["SharedSize"] == "0B"
