"""Start, stop, restart, kill, wait, rm, logs, inspect: a container's life from outside."""
import glob
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from bolt_runner import IMAGE, bolt, bolt_with_store, wait_until  # noqa: F401: fixtures
from scripted_registry import Image, ScriptedRegistry, tar_of


def begin(bolt, name, *command, options=()):
    bolt.ok("run", "-d", "--name", name, "--network", "none", *options, IMAGE, *command)


def status(bolt, name):
    return bolt.inspect(name, "{{.State.Status}}")


def test_stop_start_restart(bolt):
    begin(bolt, "life", "sleep", "1000")
    first = bolt.inspect("life", "{{.State.Pid}}")
    bolt.ok("stop", "-t", "0", "life")
    assert (status(bolt, "life"), bolt.inspect("life", "{{.State.ExitCode}}")) == ("exited", "137")
    bolt.ok("start", "life")
    assert status(bolt, "life") == "running" and bolt.inspect("life", "{{.State.Pid}}") != first
    second = bolt.inspect("life", "{{.State.Pid}}")
    bolt.ok("restart", "-t", "0", "life")
    assert status(bolt, "life") == "running" and bolt.inspect("life", "{{.State.Pid}}") != second
    refused = bolt("rm", "life")
    assert refused.code == 1 and "bolt rm -f life" in refused.err
    bolt.ok("rm", "-f", "life")
    assert bolt.entries("containers") == [] and bolt.entries("names") == []


def test_what_a_container_wrote_is_there_after_a_restart(bolt):
    begin(bolt, "writer", "sh", "-c", "echo x >> /file; cat /file")
    bolt.ok("wait", "writer")
    bolt.ok("start", "-a", "writer")
    assert bolt.ok("logs", "writer").split() == ["x", "x", "x"]
    bolt.ok("rm", "writer")


def test_three_starts_at_once_make_one_container(bolt):
    bolt.ok("create", "--name", "once", "--network", "none", IMAGE, "sleep", "1000")
    begun = [bolt.begin("start", "once") for _ in range(3)]
    outputs = [process.communicate() for process in begun]
    assert any(process.returncode == 0 for process in begun)
    for process, (_, err) in zip(begun, outputs):
        assert process.returncode == 0 or "runs already" in err, err
    assert status(bolt, "once") == "running"
    bolt.ok("rm", "-f", "once")


def test_kill_and_wait(bolt):
    begin(bolt, "killed", "sh", "-c", "trap 'exit 5' USR1; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: bolt("logs", "killed").out == "ready\n", "the trap to be set")
    waiting = bolt.begin("wait", "killed")
    time.sleep(0.2) # so that it really waits; the result is the same without
    bolt.ok("kill", "-s", "USR1", "killed")
    assert waiting.communicate(timeout=20)[0] == "5\n"
    assert bolt.ok("wait", "killed") == "5"
    refused = bolt("kill", "killed")
    assert refused.code == 1 and "does not run" in refused.err
    bolt.ok("rm", "killed")


def test_a_killed_monitor_takes_the_container_along(bolt):
    begin(bolt, "orphan", "sleep", "1000")
    identity, pid = bolt.inspect("orphan", "{{.Id}} {{.State.Pid}}").split()
    with open(f"{bolt.top}/run/bolt/containers/{identity}/state.json") as file:
        os.kill(json.load(file)["monitor_pid"], signal.SIGKILL)
    wait_until(lambda: status(bolt, "orphan") == "exited", "the container to be seen as ended")
    assert bolt.inspect("orphan", "{{.State.ExitCode}}") == "137"
    assert "monitor" in bolt.inspect("orphan", "{{.State.Error}}")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "init to be gone")
    bolt.ok("start", "orphan")
    assert status(bolt, "orphan") == "running"
    bolt.ok("rm", "-f", "orphan")
    assert bolt.entries("containers") == [] and os.listdir(f"{bolt.top}/run/bolt/containers") == []


def test_restart_on_failure(bolt):
    begin(bolt, "again", "sh", "-c", "exit 3", options=("--restart", "on-failure:2"))
    wait_until(lambda: status(bolt, "again") == "exited", "the restarts to end")
    assert bolt.inspect("again", "{{.RestartCount}} {{.State.ExitCode}}") == "2 3"
    bolt.ok("rm", "again")


def test_logs(bolt):
    begin(bolt, "talker", "sh", "-c", "for i in 1 2 3 4; do echo line $i; done; echo error >&2; sleep 1; echo late")
    following = bolt.begin("logs", "-f", "talker")
    bolt.ok("wait", "talker")
    out, err = following.communicate(timeout=20)
    assert (out, err) == ("line 1\nline 2\nline 3\nline 4\nlate\n", "error\n")
    assert bolt("logs", "--tail", "1", "talker").out == "late\n"
    assert bolt("logs", "--tail", "0", "talker").out == ""
    stamped = bolt("logs", "-t", "--tail", "1", "talker").out
    stamp = stamped.split()[0]
    assert stamped.endswith(" late\n") and stamp.endswith("Z")
    assert bolt("logs", "--since", stamp, "talker").out == "late\n"
    assert "late" not in bolt("logs", "--until", "2020-01-01T00:00:00Z", "talker").out
    bolt.ok("rm", "talker")


def test_exec(bolt):
    begin(bolt, "host", "sleep", "1000", options=("-e", "OUTER=1"))
    done = bolt("exec", "-e", "INNER=2", "-w", "/tmp", "host", "sh", "-c", "echo $OUTER $INNER; pwd; exit 4")
    assert (done.code, done.out) == (4, "1 2\n/tmp\n"), done
    assert bolt("exec", "-i", "host", "cat", stdin="in\n").out == "in\n"
    assert bolt("exec", "host", "nosuch").code == 127 and bolt("exec", "-u", "nosuch", "host", "id").code == 126
    assert bolt("exec", "-u", "nobody", "host", "id", "-u").out == "65534\n"
    bolt.ok("rm", "-f", "host")
    assert bolt("exec", "host", "true").code == 1


def test_inspect(bolt):
    begin(bolt, "shown", "sleep", "1000", options=("-e", "A=b", "--label", "x=y", "-v", "shown-volume:/data", "--stop-signal", "INT"))
    document = json.loads(bolt.ok("inspect", "shown"))[0]
    assert document["Name"] == "/shown" and (document["Path"], document["Args"]) == ("sleep", ["1000"])
    assert document["State"]["Running"] is True and document["State"]["Pid"] > 0 and document["State"]["FinishedAt"].startswith("0001-")
    assert "A=b" in document["Config"]["Env"] and document["Config"]["Labels"]["x"] == "y" and document["Config"]["StopSignal"] == "SIGINT"
    assert document["Mounts"][0]["Name"] == "shown-volume" and document["Mounts"][0]["RW"] is True
    assert document["HostConfig"]["NetworkMode"] == "none" and document["Image"].startswith("sha256:")
    bolt.ok("rm", "-f", "shown")


def test_a_container_that_is_not_there(bolt):
    for words in (["start"], ["stop"], ["rm"], ["logs"], ["kill"], ["wait"], ["inspect"]):
        done = bolt(*words, "nobody")
        assert done.code == 1 and "nobody" in done.err, (words, done)


def test_ids_may_be_shortened(bolt):
    bolt.ok("create", "--name", "brief", IMAGE, "true")
    identity = bolt.inspect("brief", "{{.Id}}")
    assert bolt.inspect(identity[:6], "{{.Name}}") == "/brief"
    bolt.ok("rm", identity[:12])


def test_a_stop_is_done_when_a_restart_comes_in_between(bolt):
    bolt.ok("run", "-d", "--name", "both", "--network", "none", IMAGE, "sleep", "1000")
    stop = bolt.begin("stop", "-t", "1", "both")
    time.sleep(0.3)  # sleep(1) as pid 1 passes SIGTERM over
    restart = bolt.begin("restart", "-t", "1", "both")
    assert stop.wait(20) == 0 and restart.wait(20) == 0
    for process in (stop, restart):
        process.communicate()
    bolt.ok("rm", "-f", "both")


def test_kill_ends_a_container_between_two_runs(bolt):
    bolt.ok("run", "-d", "--name", "again", "--network", "none", "--restart", "always", IMAGE, "false")
    wait_until(lambda: bolt.inspect("again", "{{.State.Status}}") == "restarting" and int(bolt.inspect("again", "{{.RestartCount}}")) >= 3, "a longer pause")
    refused = bolt("exec", "again", "true")
    assert refused.code == 1 and "container 'again'" in refused.err and "restarting" in refused.err, refused
    bolt.ok("kill", "again")
    assert bolt.inspect("again", "{{.State.Status}}") == "exited"
    bolt.ok("rm", "again")


def test_wait_returns_at_the_end_of_a_run(bolt):
    bolt.ok("run", "-d", "--name", "waited", "--network", "none", "--restart", "always", IMAGE, "sh", "-c", "sleep 0.3; exit 5")
    assert bolt.ok("wait", "waited", timeout=20) == "5"
    bolt.ok("rm", "-f", "waited")


def state_of(bolt, name):
    with open(f"{bolt.top}/run/bolt/containers/{bolt.inspect(name, '{{.Id}}')}/state.json", encoding="utf-8") as file:
        return json.load(file)


def test_a_container_of_a_killed_monitor_starts_again_though_it_was_to_be_removed(bolt):
    begin(bolt, "brief", "sh", "-c", "ls /made; touch /made; exec sleep 1000", options=("--rm",))
    wait_until(lambda: bolt("exec", "brief", "ls", "/made").code == 0, "the file")
    state = json.loads(bolt.inspect("brief", "{{json .State}}"))
    with open(glob.glob(f"{bolt.top}/run/bolt/containers/*/state.json")[0]) as file:
        os.kill(json.load(file)["monitor_pid"], signal.SIGKILL)
    wait_until(lambda: status(bolt, "brief") == "exited" and not os.path.exists(f"/proc/{state['Pid']}"), "its end")
    bolt.ok("start", "brief")
    wait_until(lambda: "/made" in bolt("logs", "brief").out.split(), "the second run")
    bolt.ok("stop", "-t", "0", "brief")
    assert bolt.entries("containers") == []


def test_exec_does_not_hand_over_the_callers_files(bolt):
    begin(bolt, "files", "sleep", "1000")
    place = f"{bolt.top}/home"
    for name in ("input", "output"):
        with open(f"{place}/{name}", "w") as file:
            file.write("kept\n")
        os.chown(f"{place}/{name}", bolt.user, bolt.user)
    command = "read x; echo got $x; echo evil >/proc/self/fd/0; : >/proc/self/fd/1; readlink /proc/self/fd/0; readlink /proc/self/fd/1"
    with open(f"{place}/input") as given, open(f"{place}/output", "a") as taken:
        subprocess.run(bolt.arguments(["exec", "-i", "files", "sh", "-c", command]), env=bolt.environment, stdin=given, stdout=taken, stderr=subprocess.PIPE, timeout=60, check=False)
    with open(f"{place}/input") as file:
        assert file.read() == "kept\n"
    with open(f"{place}/output") as file:
        seen = file.read()
    assert seen.startswith("kept\ngot kept\n") and seen.count("pipe:") == 2 and place not in seen
    bolt.ok("rm", "-f", "files")


def test_control_groups_of_a_killed_monitors_container_go_with_it(bolt):
    begin(bolt, "grouped", "sleep", "1000")
    container = bolt.inspect("grouped", "{{.Id}}")
    with open(glob.glob(f"{bolt.top}/run/bolt/containers/*/state.json")[0]) as file:
        os.kill(json.load(file)["monitor_pid"], signal.SIGKILL)
    wait_until(lambda: status(bolt, "grouped") == "exited", "its end")
    bolt.ok("rm", "grouped")
    assert glob.glob(f"/sys/fs/cgroup/**/*{container}*", recursive=True) == []


def test_a_container_that_changed_its_user_ends_with_its_killed_monitor(bolt):
    """Changing the user clears the parent-death signal, as gosu does in many images' entrypoints."""
    begin(bolt, "orphan", "su", "-s", "/bin/sh", "nobody", "-c", "exec sleep 1000")
    wait_until(lambda: bolt.ok("exec", "orphan", "stat", "-c", "%u", "/proc/1") == "65534", "the change of user")
    time.sleep(0.4)  # the watcher is made when the container has settled
    state = state_of(bolt, "orphan")
    os.kill(state["monitor_pid"], signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{state['pid']}"), "the end of init")
    assert bolt.inspect("orphan", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
    bolt.ok("stop", "orphan")
    bolt.ok("rm", "orphan")


def test_an_orphan_of_a_killed_monitor_is_ended_by_the_next_command(bolt):
    begin(bolt, "orphan", "su", "-s", "/bin/sh", "nobody", "-c", "exec sleep 1000")
    wait_until(lambda: bolt.ok("exec", "orphan", "stat", "-c", "%u", "/proc/1") == "65534", "the change of user")
    time.sleep(0.4)
    state = state_of(bolt, "orphan")
    with open(f"/proc/{state['monitor_pid']}/task/{state['monitor_pid']}/children", encoding="ascii") as file:
        for child in file.read().split():
            if int(child) != state["pid"]:
                os.kill(int(child), signal.SIGKILL)
    os.kill(state["monitor_pid"], signal.SIGKILL)
    time.sleep(0.2)
    assert os.path.exists(f"/proc/{state['pid']}"), "without its watcher and its signal it goes on"
    bolt.ok("stop", "orphan", timeout=20)
    wait_until(lambda: not os.path.exists(f"/proc/{state['pid']}"), "the end of init")
    bolt.ok("rm", "orphan")


def test_what_ran_when_the_host_went_down_has_ended(bolt):
    begin(bolt, "before", "sleep", "1000")
    state, place = state_of(bolt, "before"), f"{bolt.top}/run/bolt/containers/{bolt.inspect('before', '{{.Id}}')}"
    os.kill(state["monitor_pid"], signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{state['pid']}"), "the end of init")
    for name in os.listdir(place):  # what a reboot does to a tmpfs
        os.unlink(f"{place}/{name}")
    os.rmdir(place)
    assert bolt.inspect("before", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}") == "exited 137 the host went down while it ran"
    bolt.ok("start", "before")
    bolt.ok("rm", "-f", "before")


def test_a_command_in_a_container_does_not_get_the_users_terminal(bolt):
    begin(bolt, "apart", "sleep", "1000")
    ours, theirs = os.openpty()
    process = subprocess.Popen(bolt.arguments(["exec", "-i", "apart", "sh", "-c", "for n in 0 1 2; do readlink /proc/self/fd/$n; done; read x; echo got $x; echo end >&2"]),
                               env=bolt.environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"word\n")
    seen = b""
    while b"end" not in seen:
        seen += os.read(ours, 1000)
    assert process.wait(20) == 0
    os.close(ours)
    assert seen.count(b"pipe:[") == 3 and b"got word" in seen and b"/dev/" not in seen, seen
    bolt.ok("rm", "-f", "apart")


def test_a_container_is_found_whatever_the_callers_runtime_directory_is(bolt):
    begin(bolt, "elsewhere", "sleep", "1000")
    usual = bolt.environment["BOLT_RUNTIME_DIR"]
    os.mkdir(f"{bolt.top}/other")
    os.chown(f"{bolt.top}/other", bolt.user, bolt.user)
    bolt.environment["BOLT_RUNTIME_DIR"] = f"{bolt.top}/other/bolt"
    try:
        assert status(bolt, "elsewhere") == "running" and bolt.ok("exec", "elsewhere", "echo", "inside") == "inside"
        bolt.ok("stop", "-t", "0", "elsewhere")
        assert status(bolt, "elsewhere") == "exited"
        bolt.ok("start", "elsewhere")
        assert status(bolt, "elsewhere") == "running"
        bolt.ok("rm", "-f", "elsewhere")
    finally:
        bolt.environment["BOLT_RUNTIME_DIR"] = usual
    assert glob.glob(f"{bolt.top}/run/bolt/containers/*") == []


def test_a_command_hears_that_its_caller_has_hung_up(bolt):
    """Whoever reads its output is not kept waiting; one that is detached goes on."""
    begin(bolt, "caller", "sleep", "1000")
    bolt.ok("exec", "-d", "caller", "sleep", "2000")
    process = bolt.begin("exec", "caller", "sleep", "3000")
    wait_until(lambda: "sleep 3000" in bolt("exec", "caller", "ps").out, "the command")
    process.kill()
    begun = time.monotonic()
    assert process.communicate(timeout=20)[0] == "" and time.monotonic() - begun < 20
    left = bolt("exec", "caller", "ps").out
    assert "sleep 3000" not in left and "sleep 2000" in left
    bolt.ok("rm", "-f", "caller")


def test_exec_that_cannot_begin_is_no_exit_code_of_the_commands(bolt):
    begin(bolt, "codes", "sleep", "1000")
    for options in (("-w", "/nope"), ("-w", "relative"), ("-u", "nosuch")):
        assert bolt("exec", *options, "codes", "pwd").code == 126, options
    bolt.ok("stop", "-t", "0", "codes")
    assert bolt("exec", "codes", "true").code == 1
    bolt.ok("rm", "codes")


def test_the_tail_of_a_log_whose_last_line_has_no_end(bolt):
    bolt.ok("run", "--name", "tail", "--network", "none", IMAGE, "sh", "-c", "printf 'a\\nb\\nc'")
    assert [bolt("logs", "--tail", str(count), "tail").out for count in (1, 2, 3)] == ["c", "b\nc", "a\nb\nc"]
    bolt.ok("rm", "tail")


def test_bytes_that_cannot_be_kept_are_refused(bolt):
    for words in (("create", "-e", b"A=\xff", IMAGE), ("create", IMAGE, "echo", b"\xff"), ("create", "-l", b"a=\xed\xa0\x80", IMAGE), ("exec", "any", b"\xc0\x80")):
        done = subprocess.run(bolt.arguments(list(words)), env=bolt.environment, capture_output=True, timeout=60, check=False)
        assert done.returncode == 125 and b"is not valid UTF-8" in done.stderr, done
    assert bolt.entries("containers") == [] and bolt.run("--", "echo", "gr\u00fc\u00df \U0001f600").out == "gr\u00fc\u00df \U0001f600\n"


def test_what_contradicts_itself_is_refused(bolt):
    place = f"{bolt.top}/home"
    with open(f"{place}/file", "w"):
        pass
    for options, says in ((("--mount", "type=tmpfs,target=/d,dst=/e"), "'target' is there twice"), (("--mount", ""), "type=bind|volume|tmpfs"), (("-v", f"{place}:/d:ro,rw"), "both ro and rw"),
                          (("-v", f"{place}/file:/etc"), "the source is a file and the target a directory")):
        outcome = bolt.run(*options, "--", "true")
        assert outcome.code == 125 and says in outcome.err, outcome
    assert "99999" in bolt("pull", "127.0.0.1:99999/x").err and "URL" not in bolt("pull", "127.0.0.1:99999/x").err


def test_pasta_of_a_monitor_that_was_killed_with_its_keeper_ends_with_the_next_command(bolt):
    bolt.ok("run", "-d", "--name", "netted", IMAGE, "sleep", "1000")
    wait_until(lambda: state_of(bolt, "netted")["network_pid"] > 0, "pasta")
    state = state_of(bolt, "netted")
    with open(f"/proc/{state['network_pid']}/comm", encoding="ascii") as file:
        assert file.read().startswith(("pasta", "passt"))
    with open(f"/proc/{state['network_pid']}/stat", encoding="ascii") as file:
        keeper = int(file.read().rsplit(")", 1)[1].split()[1])
    for pid in (keeper, state["monitor_pid"]):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: status(bolt, "netted") == "exited", "its end")
    bolt.ok("rm", "-f", "netted")
    wait_until(lambda: not os.path.exists(f"/proc/{state['network_pid']}/exe"), "the end of pasta")


def test_a_container_is_in_reach_again_when_its_runtime_directory_was_removed(bolt):
    """As /run/user/UID is at the last logout."""
    begin(bolt, "lost", "sleep", "1000", options=["-p", "127.0.0.1::80"])
    before = state_of(bolt, "lost")
    shutil.rmtree(f"{bolt.top}/run/bolt")
    assert status(bolt, "lost") == "running" and bolt.ok("exec", "lost", "cat", "/etc/hostname") != ""
    assert state_of(bolt, "lost") == before
    shutil.rmtree(f"{bolt.top}/run/bolt")
    assert bolt.ok("restart", "-t", "0", "lost") == "lost" and status(bolt, "lost") == "running"
    shutil.rmtree(f"{bolt.top}/run/bolt")
    bolt.ok("stop", "-t", "0", "lost")
    assert status(bolt, "lost") == "exited"
    wait_until(lambda: not os.path.exists(f"/proc/{before['monitor_pid']}"), "the end of its monitor")
    bolt.ok("start", "lost")
    shutil.rmtree(f"{bolt.top}/run/bolt")
    bolt.ok("rm", "-f", "lost")
    assert bolt.ok("ps", "-aq") == ""


def test_one_whose_runtime_directory_cannot_be_made_again_is_told_and_can_be_ended(bolt):
    if bolt.user == 0:
        pytest.skip("root may make every directory")
    begin(bolt, "lost", "sleep", "1000")
    monitor = state_of(bolt, "lost")["monitor_pid"]
    shutil.rmtree(f"{bolt.top}/run/bolt")
    os.chown(f"{bolt.top}/run", 0, 0)
    bolt.environment["BOLT_RUNTIME_DIR"] = f"{bolt.top}/data/run"
    try:
        done = bolt("exec", "lost", "true")
        assert done.code == 1 and f"end it with `kill {monitor}`" in done.err, done
        os.kill(monitor, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{monitor}"), "its end", seconds=30)
        bolt.ok("rm", "lost")
    finally:
        os.chown(f"{bolt.top}/run", bolt.user, bolt.user)
        bolt.environment["BOLT_RUNTIME_DIR"] = f"{bolt.top}/run/bolt"


def test_a_damaged_record_can_be_removed(bolt):
    bolt.ok("create", "--name", "damaged", "--network", "none", IMAGE, "true")
    container = bolt.inspect("damaged", "{{.Id}}")
    path = f"{bolt.store}/containers/{container}/config.json"
    with open(path, encoding="ascii") as file:
        record, options, request = file.read().split("\n")
    for text in (f"{record}\n{options}\n{request[:-9]}", f"{record}\n{options}\n", f"{record}\n", record, "{"):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        for words in (["start", "damaged"], ["inspect", "damaged"]):
            done = bolt(*words)
            assert done.code == 1 and f"remove it (bolt rm -f {container[:12]})" in done.err, done
    assert bolt("rm", "damaged").code == 1
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{record}\n{options[:-9]}\n{request}")
    assert f"remove it (bolt rm -f {container[:12]})" in bolt("inspect", "damaged").err
    assert bolt.ok("rm", "-f", "damaged") == "damaged"
    assert bolt.entries("containers") == [] and bolt.entries("names") == []


def test_a_record_of_before_is_read(bolt):
    """Its options were in its first line."""
    bolt.ok("create", "--name", "old", "--network", "none", "-v", "/srv:/srv", IMAGE, "echo", "runs")
    path = f"{bolt.store}/containers/{bolt.inspect('old', '{{.Id}}')}/config.json"
    with open(path, encoding="ascii") as file:
        record, options, request = file.read().split("\n")
    first = json.loads(record)
    first["options"] = {**json.loads(options), "Mounts": first.pop("mounts")}
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{json.dumps(first)}\n{request}")
    assert bolt.ok("ps", "-a", "--filter", "volume=/srv", "--format", "{{.Names}} {{.Mounts}}") == "old /srv"
    assert json.loads(bolt.inspect("old", "{{json .Config.Cmd}}")) == ["echo", "runs"] and bolt.ok("start", "-a", "old") == "runs"
    bolt.ok("rm", "old")


def test_a_pull_ends_with_the_run_that_wants_it(bolt):
    """Nobody is left who waits for the image, and a pipe that it holds would keep its reader waiting."""
    registry = ScriptedRegistry()
    begun, go_on = threading.Event(), threading.Event()

    def script(request):
        if "/blobs/" in request.path:
            begun.set()
            go_on.wait(30)

    try:
        registry.add(Image([tar_of([("file", b"contents")])]), "1")
        registry.script = script
        for number in (signal.SIGTERM, signal.SIGKILL):
            begun.clear()
            process = bolt.begin("run", "--rm", "--network", "none", f"{registry.host}/app:1", "true")
            assert begun.wait(20)
            process.send_signal(number)
            process.communicate(timeout=10)
            assert process.returncode == -number
            wait_until(lambda: not [entry for entry in bolt.left_over() if "bolt-transfer" in entry], "the end of the pull")
    finally:
        go_on.set()
        registry.close()


def test_a_reader_who_takes_its_time_keeps_no_container(bolt):
    """The one whose output it reads has ended, and may be removed, or started again."""
    process = subprocess.Popen(bolt.arguments(["run", "--name", "slow", "--network", "none", IMAGE, "yes"]), env=bolt.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: bolt("inspect", "--format", "{{.State.Status}}", "slow").out == "running\n", "its start")
    time.sleep(0.3)
    bolt.ok("kill", "slow")
    assert bolt.ok("rm", "-f", "slow") == "slow"
    process.kill()
    process.communicate()


def test_one_stop_does_not_prolong_the_patience_of_another(bolt):
    begin(bolt, "stubborn", "sh", "-c", "trap '' TERM; sleep 1000 & wait; sleep 1000")
    time.sleep(0.2)
    first = bolt.begin("stop", "-t", "2", "stubborn")
    time.sleep(0.5)
    second = bolt.begin("stop", "-t", "-1", "stubborn")
    for process in (first, second):
        assert process.wait(20) == 0
        process.communicate()
    bolt.ok("rm", "stubborn")


def test_a_terminal_that_nobody_has_open_for_a_while(bolt):
    bolt.ok("run", "-dt", "--name", "reopened", "--network", "none", IMAGE, "sh", "-c", "echo before; exec <&- >&- 2>&-; sleep 0.5; echo after >/dev/console; sleep 1000")
    wait_until(lambda: "after" in bolt.ok("logs", "reopened"), "what came after", seconds=10)
    bolt.ok("rm", "-f", "reopened")


@pytest.mark.parametrize("looked_at", [True, False], ids=["looked-at", "unseen"])
def test_a_container_starts_again_though_its_runtime_directory_was_removed(bolt, looked_at):
    begin(bolt, "again", "sh", "-c", "while ! [ -e /end ]; do sleep 0.1; done; rm /end; exit 1", options=["--restart", "always"])
    shutil.rmtree(f"{bolt.top}/run/bolt")
    bolt.ok("exec", "again", "true")
    shutil.rmtree(f"{bolt.top}/run/bolt/containers")
    pid = int(subprocess.run(["pgrep", "-f", "bolt-monitor.* again$"], capture_output=True, text=True, check=True).stdout.split()[0])
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)
    if not looked_at: # whoever asks for its state lets the monitor make what is missing
        wait_until(lambda: glob.glob(f"{bolt.top}/run/bolt/containers/*/state.json"), "the state of the next run")
    wait_until(lambda: bolt.inspect("again", "{{.State.Status}} {{.RestartCount}}") == "running 1", "the restart")
    bolt.ok("rm", "-f", "again")
