"""What can be typed: wrong usage, help, lists and formats, and that man pages and completions know the same options."""
import json
import os
import re
import shutil
import subprocess

import pytest

from bolt_runner import BOLT, IMAGE, bolt, bolt_with_store  # noqa: F401: fixtures

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def options():
    """{command: [option without dashes]}"""
    known = {}
    for line in subprocess.run([BOLT, "__options"], capture_output=True, text=True, check=True).stdout.splitlines():
        command, option = line.split("\t")
        known.setdefault(command, []).append(option.removeprefix("--"))
    return known


needs_bolt = pytest.mark.skipif(not BOLT, reason="BOLT does not name the program to test")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


@needs_bolt
def test_every_option_is_in_its_man_page_and_no_other():
    for command, known in options().items():
        page = read("man/bolt-" + command.replace(" ", "-") + ".1").replace("\\-", "-")
        man, mdoc = r"\.BI? \"?(?:-\w, )?--([a-z-]+)", r"\.It Fl (?:\w , )?-([a-z-]+)"
        shown = {name for pattern in (man, mdoc) for name in re.findall("^" + pattern, page, re.M)} - {"help"}
        assert shown == set(known), command


@needs_bolt
def test_the_first_man_page_names_all_others():
    pages = sorted(name.removesuffix(".1") for name in os.listdir(os.path.join(TOP, "man")) if name.startswith("bolt-") and name.endswith(".1"))
    first = read("man/bolt.1")
    assert len(pages) > 40 and [page for page in pages if f".BR {page} (1)".replace("-", "\\-") not in first] == []


def test_what_may_come_next_is_offered():
    def offered(*words):
        done = subprocess.run([BOLT, "__complete", *words], capture_output=True, text=True, check=True)
        return [line.split("\t")[0] for line in done.stdout.splitlines()]
    for command, known in options().items():
        assert set(offered(*command.split(), "--")) == {f"--{option}" for option in known} | {"--help"}
    assert offered("ru") == ["run"] and offered("conta") == ["container"]
    assert offered("run", "--ne") == ["--network"]
    assert offered("run", "--network", "") == ["none", "host", "pasta"] and offered("run", "--network=h") == ["--network=host"]
    assert sorted(offered("container", "re")) == ["remove", "restart"]
    assert "--all" in offered("container", "ls", "--a")
    assert offered("run", "-it", "debian", "--ne") == [":files"] and offered("run", "--env-file", "") == [":files"]
    assert offered("ps", "--filter", "sta") == ["status=", ":nospace"]
    assert offered("ps", "x", "y") == [] and offered("no-such-command", "") == []


def test_containers_and_images_are_offered(bolt):
    bolt.ok("create", "--name", "made", "--network", "none", IMAGE)
    bolt.ok("run", "-d", "--name", "runs", "--network", "none", IMAGE, "sleep", "1000")

    def offered(*words):
        return sorted(line.split("\t")[0] for line in bolt.ok("__complete", *words).splitlines())
    assert offered("start", "") == ["made"] and offered("stop", "") == ["runs"] and offered("rm", "") == ["made", "runs"]
    assert offered("run", "bolt:") == ["bolt://shell:latest"] and offered("inspect", "ma") == ["made"]


@needs_bolt
@pytest.mark.parametrize("shell, script", [
    ("bash", f'. {TOP}/contrib/completions/bolt.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _bolt; printf "%s\\n" "${{COMPREPLY[@]}}"'),
    ("zsh", f'compadd() {{ :; }}; _files() {{ echo files; }}; _describe() {{ print -rl -- "${{offered[@]%%:*}}"; }}; words=("$@"); CURRENT=$#; . {TOP}/contrib/completions/bolt.zsh'),
    ("fish", f'source {TOP}/contrib/completions/bolt.fish; complete -C "$(string join " " -- $argv)" | string split -f1 \\t')])
def test_a_line_is_completed(shell, script):
    if not shutil.which(shell):
        pytest.skip(f"not installed: {shell}")
    environment = dict(os.environ, PATH=os.path.dirname(BOLT) + ":/usr/bin:/bin")

    def completed(*words):
        arguments = [shell, "-c", script, *([] if shell == "fish" else [shell]), *words]
        return subprocess.run(arguments, capture_output=True, text=True, env=environment).stdout.split()
    assert completed("bolt", "ru") == ["run"]
    assert completed("bolt", "run", "--network", "") == (["host", "none", "pasta"] if shell == "fish" else ["none", "host", "pasta"])
    assert sorted(completed("bolt", "container", "re")) == ["remove", "restart"]


@needs_bolt
@pytest.mark.parametrize("words, code, text", [
    (["runn"], 1, "unknown command 'runn'; did you mean 'run'?"),
    (["container", "sl"], 1, "unknown command 'container sl'; did you mean 'ls'?"),
    (["--rm"], 125, "unknown option '--rm'"),
    (["run", "--rmm", "x"], 125, "unknown option '--rmm'; did you mean '--rm'?"),
    (["ps", "--filtre", "x"], 125, "did you mean '--filter'?"),
    (["ps", "-x"], 125, "unknown option '-x'"),
    (["logs", "--tail"], 125, "'--tail' of 'bolt logs' needs an argument"),
    (["run", "--rm=perhaps", "x"], 125, "'perhaps' is neither true nor false"),
    (["run"], 1, "'bolt run' requires at least 1 argument"),
    (["ps", "x"], 1, "'bolt ps' accepts no arguments"),
    (["logs", "a", "b"], 1, "'bolt logs' requires 1 argument"),
    (["exec", "a"], 1, "'bolt exec' requires at least 2 arguments"),
    (["run", "-m", "much", "x"], 125, "'much' is not a size"),
    (["run", "--gpus", "all", "x"], 125, "unknown option '--gpus'"),
    (["kill", "-s", "BOGUS", "x"], 125, "BOGUS"),
    (["help", "bogus"], 1, "unknown command 'bogus'"),
])
def test_wrong_usage_is_one_sentence(words, code, text):
    done = subprocess.run([BOLT, *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == code and done.stdout == ""
    assert text in done.stderr and done.stderr.startswith("bolt: ") and done.stderr.count("\n") == 1, done.stderr


@needs_bolt
def test_help():
    for words in (["--help"], ["help"], [], ["help", "run"], ["run", "--help"], ["container", "--help"], ["ps", "-h"]):
        done = subprocess.run([BOLT, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and done.stdout.startswith("Usage:  bolt") and done.stderr == ""


@pytest.fixture
def made(bolt):
    bolt.ok("create", "--name", "first", "--label", "com.example.tier=front", "--network", "none", IMAGE, "true")
    done = bolt("run", "--name", "second", "--network", "none", "-v", "kept:/data", IMAGE, "sh", "-c", "exit 3 # a long command")
    assert done.code == 3, done
    yield bolt
    bolt.ok("rm", "-f", "first", "second")


def test_ps_is_dockers_table(made):
    lines = made.ok("ps", "-a").splitlines()
    assert re.fullmatch(r"CONTAINER ID   IMAGE {10}COMMAND {18}CREATED {2,}STATUS {2,}PORTS     NAMES", lines[0]), lines
    assert re.fullmatch(r'[0-9a-f]{12}   bolt://shell   "sh -c \'exit 3 # a l…"   .* ago   Exited \(3\) .* ago {2,}second', lines[1]) or "second" in lines[1], lines
    assert "Created" in lines[2] and lines[2].endswith("first")
    assert made.ok("ps").splitlines() == ["CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES"]


def test_ps_formats(made):
    assert made.ok("ps", "-a", "--format", "{{.Names}}:{{.State}}").splitlines() == ["second:exited", "first:created"]
    assert made.ok("ps", "-a", "--format", 'table {{.Names}}\\t{{.Label "com.example.tier"}}').splitlines() == ["NAMES     tier", "second    ", "first     front"]
    rows = [json.loads(line) for line in made.ok("ps", "-a", "--format", "json").splitlines()]
    assert rows[1]["Names"] == "first" and rows[1]["Labels"] == "com.example.tier=front" and rows[0]["Mounts"] == "kept"
    assert made.ok("ps", "-a", "--format", '{{index .Labels "com.example.tier"}}') == "front"
    ids = made.ok("ps", "-aq", "--no-trunc").split()
    assert [len(text) for text in ids] == [64, 64]
    assert made.ok("ps", "-aq").split() == [text[:12] for text in ids]
    done = made("ps", "-a", "--format", "{{.Nmaes}}")
    assert done.code == 1 and "there is no field '.Nmaes'" in done.err


@pytest.mark.parametrize("filters, names", [
    (["status=exited"], "second"), (["status=exited", "status=created"], "second first"), (["exited=3"], "second"), (["exited=0"], ""), (["name=fir"], "first"),
    (["name=^ir"], ""), (["label=com.example.tier"], "first"), (["label=com.example.tier=back"], ""), (["ancestor=" + IMAGE], "second first"), (["before=second"], "first"),
    (["since=first"], "second"), (["volume=kept"], "second"), (["network=none", "name=second"], "second"),
])
def test_ps_filters(made, filters, names):
    words = [word for filter in filters for word in ("--filter", filter)]
    assert made.ok("ps", "-a", "--format", "{{.Names}}", *words).split() == names.split()


def test_ps_last(made):
    assert made.ok("ps", "-l", "--format", "{{.Names}}") == "second"
    assert made.ok("ps", "-n", "5", "--format", "{{.Names}}").split() == ["second", "first"]
    assert "there is no filter 'nmae'; did you mean 'name'?" in made("ps", "--filter", "nmae=x").err


def test_inspect_formats(made):
    document = json.loads(made.ok("inspect", "first", "second"))
    assert [entry["Name"] for entry in document] == ["/first", "/second"]
    assert made.inspect("second", "{{.State.Status}} {{.State.ExitCode}}") == "exited 3"
    assert made.inspect("first", '{{index .Config.Labels "com.example.tier"}}') == "front"
    assert json.loads(made.inspect("first", "{{json .Config.Labels}}")) == {"com.example.tier": "front"}
    assert made.inspect("second", "{{range .Mounts}}{{.Name}}->{{.Destination}}{{end}}") == "kept->/data"
    done = made("inspect", "nobody")
    assert done.code == 1 and done.out.strip() == "[]" and "'nobody'" in done.err
    assert made("inspect", "--type", "image", "first").code == 1


def test_images(made):
    lines = made.ok("images").splitlines()
    assert re.fullmatch(r"REPOSITORY {2,}TAG {2,}IMAGE ID {7}CREATED {2,}SIZE", lines[0]), lines
    assert re.fullmatch(r"bolt://shell   latest    [0-9a-f]{12}   .*[MkG]B", lines[1]), lines
    assert made.ok("images", "--format", "{{.Repository}}:{{.Tag}}", IMAGE) == "bolt://shell:latest"
    assert made.ok("images", "-q", "--filter", "reference=bolt://*") == made.ok("images", "-q")
    for words in (["shell"], ["--filter", "reference=shell"], ["--filter", "reference=sh*"], ["sh*"]):
        assert len(made.ok("images", "-q", *words).split()) == 1, words
    assert made.ok("images", "-q", "--filter", "since=shell") == "" and made.ok("images", "-q", "shell:none") == ""
    for words, says in ((["--filter", "dangling=x"], "neither true nor false"), (["--filter", "reference=["], "without its ']'")):
        done = made("images", *words)
        assert done.code != 0 and says in done.err, done
    identity = made.ok("images", "-q", "--no-trunc")
    document = json.loads(made.ok("image", "inspect", IMAGE))[0]
    assert document["Id"] == identity and document["RepoTags"] == ["bolt://shell:latest"] and len(document["RootFS"]["Layers"]) >= 1
    assert json.loads(made.ok("inspect", identity[7:15]))[0]["Id"] == identity


def test_tag_and_untag(made):
    identity = made.ok("images", "-q", "--no-trunc", "shell")
    made.ok("tag", "shell", "own", "example.test:5000/team/own:2")
    assert made.ok("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines().count("own:latest") == 1
    assert made.inspect("example.test:5000/team/own:2", "{{.Id}}") == identity and made.run("--pull", "never", "--", "true").code == 0
    made.ok("tag", identity[7:19], "third")
    assert made.ok("untag", "third", "own") == "Untagged: own:latest"
    for words, says in ((["tag", "nosuch", "x"], "there is no image 'nosuch'"), (["tag", "shell", "x@sha256:" + "0" * 64], "a new name is NAME[:TAG]"), (["tag", "shell", "bolt://x"], "a new name is NAME[:TAG]"),
                        (["tag", "shell", "UPPER"], "UPPER"), (["tag", "shell", "fine", "UPPER"], "UPPER"), (["untag", "shell", "nginx"], "is no name of image 'shell'")):
        done = made(*words)
        assert done.code == 1 and says in done.err, done
    assert "fine" not in made.ok("images")
    assert sorted(made.ok("untag", "third").splitlines()) == ["Untagged: bolt://shell:latest", "Untagged: example.test:5000/team/own:2", "Untagged: third:latest"]
    assert "<none>" in made.ok("images") and made.inspect(identity[7:19], "{{.RepoTags}}") == "[]"
    made.ok("run", "--rm", "--network", "none", IMAGE, "true")  # which brings its name back
    assert made.ok("images", "--format", "{{.Repository}}") == "bolt://shell"


def test_history(made):
    rows = [json.loads(line) for line in made.ok("history", "--format", "json", "--human=false", "shell").splitlines()]
    assert set(rows[0]) == {"Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size"} and sum(int(row["Size"]) for row in rows) > 10_000
    assert rows[0]["ID"] == made.ok("images", "-q", "shell") and all(row["ID"] == "<missing>" for row in rows[1:])
    assert made.ok("history", "shell").splitlines()[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert made.ok("history", "-q", "--no-trunc", "shell").splitlines()[0] == made.ok("images", "-q", "--no-trunc", "shell")
    assert "there is no image 'nosuch'" in made("history", "nosuch").err


def test_an_images_words_do_not_reach_the_terminal_as_they_are(bolt):
    bolt.ok("run", "--name", "made", "--network", "none", IMAGE, "true")
    bolt.ok("commit", "-q", "--message", "\x1b[31mevil\nline", "made", "worded")
    assert "\x1b" not in bolt.ok("history", "worded") and "evil?line" in bolt.ok("history", "worded")
    assert json.loads(bolt.ok("history", "--format", "json", "worded").splitlines()[0])["Comment"] == "\x1b[31mevil\nline"


def test_a_label_that_is_not_there_has_no_value(made):
    assert made.inspect("shell", "{{.Config.Labels.nosuch}}|{{if .Config.Labels.nosuch}}there{{else}}not there{{end}}") == "<no value>|not there"
    wrong = made("inspect", "--format", "{{.Config.Nosuch}}", "shell")
    assert wrong.code == 1 and "there is no field '.Nosuch'" in wrong.err, wrong


def test_an_image_in_use_stays(made):
    done = made("rmi", IMAGE)
    assert done.code == 1 and "-f" in done.err and made.ok("images", "-q") != "", done


def test_rmi_says_what_went(bolt):
    bolt.ok("pull", "-q", "hello-world")
    lines = bolt.ok("rmi", "hello-world").splitlines()
    assert lines[0] == "Untagged: bolt://hello-world:latest" and lines[1].startswith("Deleted: sha256:")
    assert bolt("rmi", "hello-world").code == 1
    forced = bolt("rmi", "-f", "hello-world")
    assert (forced.code, forced.out, forced.err) == (0, "", ""), forced


def test_grouped_words_are_the_same_commands(made):
    for grouped, plain in ((["container", "ls", "-a"], ["ps", "-a"]), (["image", "ls"], ["images"])):
        assert re.sub(r"\d+ \w+ ago", "", made.ok(*grouped)) == re.sub(r"\d+ \w+ ago", "", made.ok(*plain))


def test_rm(bolt):
    done = bolt("rm", "nobody")
    assert done.code == 1 and "'nobody'" in done.err
    assert bolt("rm", "-f", "nobody").code == 0
    bolt.ok("run", "-d", "--name", "busy", "--network", "none", IMAGE, "sleep", "1000")
    done = bolt("rm", "busy")
    assert done.code == 1 and "busy" in done.err
    assert bolt.ok("rm", "-f", "busy") == "busy"


def test_several_are_stopped_at_once_and_named_in_order(bolt):
    names = ["one", "two", "three"]
    for name in names:
        bolt.ok("run", "-d", "--name", name, "--network", "none", IMAGE, "sh", "-c", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.05; done")
    assert bolt.ok("stop", *names).split() == names
    done = bolt("rm", "one", "nobody", "two", "three")
    assert done.code == 1 and done.out.split() == names and "'nobody'" in done.err


def test_logs_since_and_tail(bolt):
    assert bolt("run", "--name", "talker", "--network", "none", IMAGE, "sh", "-c", "echo a; echo c; sleep 0.2; echo b >&2").code == 0
    done = bolt("logs", "talker")
    assert (done.out, done.err) == ("a\nc\n", "b\n")
    assert bolt.ok("logs", "--tail", "2", "talker") == "c"
    assert bolt.ok("logs", "--since", "1h", "--until", "30m", "talker") == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z c", bolt.ok("logs", "-t", "-n2", "talker"))
    assert "neither a time" in bolt("logs", "--since", "yesterday", "talker").err
    bolt.ok("rm", "talker")


def test_id_files_and_environment_files(bolt):
    path = f"{bolt.top}/home/id"
    with open(f"{bolt.top}/home/variables", "w") as file:
        file.write("# comment\nA=file\nB=file\n")
    done = bolt("run", "--rm", "--cidfile", path, "--env-file", f"{bolt.top}/home/variables", "-e", "B=flag", "--network", "none", IMAGE, "sh", "-c", "echo $A $B")
    assert done.out == "file flag\n", done
    assert re.fullmatch("[0-9a-f]{64}", open(path).read())
    assert "exists already" in bolt("run", "--rm", "--cidfile", path, IMAGE, "true").err


def test_info_and_version(bolt):
    facts = json.loads(bolt.ok("info", "-f", "json"))
    assert facts["Rootless"] == bool(bolt.user) and facts["Driver"] == "overlay" and facts["Images"] >= 1
    assert bolt.ok("info", "--format", "{{.DockerRootDir}}") == f"{bolt.top}/data"
    assert "Limits" in bolt.ok("info") and "no daemon" in bolt.ok("version")
    assert re.fullmatch(r"\d+\.\d+\.\d+", bolt.ok("version", "-f", "{{.Client.Version}}"))
