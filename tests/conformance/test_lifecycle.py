"""runtime.md: operations, the state, the lifecycle."""
import copy
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

import conftest
import pytest
from conftest import wait_until


def test_a_paused_container_that_was_created_is_not_started(root_bundle):
    name = root_bundle.create("true")
    root_bundle.oci("pause", name).check_returncode()
    assert root_bundle.status(name) == "paused"
    done = root_bundle.oci("start", name, timeout=20)
    assert done.returncode == 1 and "is paused: only a created one can be started" in done.stderr
    root_bundle.oci("resume", name).check_returncode()
    assert root_bundle.status(name) == "created"
    root_bundle.oci("start", name).check_returncode()


def test_nobody_who_reads_is_no_reason_to_end(bundle):
    bundle.write()
    name = "nobody-reads"
    bundle.spec["process"]["args"] = ["sh", "-c", "trap 'exit 7' USR1; while :; do sleep 0.05; done"]
    bundle.write()
    runner = bundle.start_oci("run", name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bundle.ids.append(name)
    wait_until(lambda: bundle.oci("state", name).returncode == 0 and bundle.status(name) == "running", "its start")
    runner.send_signal(signal.SIGPIPE)
    time.sleep(0.3)
    assert runner.poll() is None
    runner.send_signal(signal.SIGUSR1)
    assert runner.wait(timeout=20) == 7


def test_the_state_of_a_container_includes_the_specified_properties(bundle):
    name = bundle.running("sleep", "1000", change=lambda spec: spec.update(annotations={"org.example.key": "value"}))
    state = bundle.state(name)
    assert state["ociVersion"] == bundle.spec["ociVersion"]
    assert state["id"] == name
    assert state["status"] == "running"
    assert os.path.exists(f"/proc/{state['pid']}")
    assert state["bundle"] == bundle.place
    assert state["annotations"] == {"org.example.key": "value"}


def test_create_must_not_run_the_user_specified_program(bundle):
    name = bundle.create("sh", "-c", "echo started")
    assert bundle.status(name) == "created"
    assert bundle.output() == ""


def test_start_must_run_the_user_specified_program(bundle):
    name = bundle.create("sh", "-c", "echo started; exec sleep 1000")
    assert bundle.oci("start", name).returncode == 0
    wait_until(lambda: bundle.output() == "started\n", "the program's output")
    assert bundle.status(name) == "running"


def test_start_of_a_container_that_is_not_created_must_have_no_effect_and_be_an_error(bundle):
    name = bundle.running("sleep", "1000")
    again = bundle.oci("start", name)
    assert again.returncode == 1
    assert again.stderr == f"bolt-oci: container '{name}' is running: only a created one can be started\n"
    assert bundle.status(name) == "running"


def test_create_must_be_an_error_when_the_id_is_taken(bundle):
    name = bundle.running("sleep", "1000")
    again = bundle.oci("create", name)
    assert again.returncode == 1
    assert f"container '{name}' exists already" in again.stderr
    assert bundle.status(name) == "running"


def test_kill_must_send_the_signal_to_the_container_process(bundle):
    name = bundle.running("sh", "-c", "trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done")
    wait_until(lambda: "ready" in bundle.output(), "the trap")
    assert bundle.oci("kill", name, "SIGUSR1").returncode == 0
    wait_until(lambda: bundle.status(name) == "stopped", "its end")


def test_kill_of_a_container_that_is_neither_created_nor_running_must_be_an_error(bundle):
    name = bundle.running("true")
    wait_until(lambda: bundle.status(name) == "stopped", "its end")
    killed = bundle.oci("kill", name, "KILL")
    assert killed.returncode == 1
    assert killed.stderr == f"bolt-oci: container not running: '{name}' has ended\n"


def test_delete_of_a_container_that_is_not_stopped_must_have_no_effect_and_be_an_error(bundle):
    name = bundle.running("sleep", "1000")
    deleted = bundle.oci("delete", name)
    assert deleted.returncode == 1
    assert f"container '{name}' is running" in deleted.stderr
    assert bundle.status(name) == "running"


def test_delete_must_delete_the_resources_that_were_created(bundle):
    name = bundle.running("true")
    wait_until(lambda: bundle.status(name) == "stopped", "its end")
    assert bundle.oci("delete", name).returncode == 0
    gone = bundle.oci("state", name)
    assert gone.returncode == 1 and gone.stderr == f"bolt-oci: container '{name}' does not exist; 'bolt-oci list' shows those that do\n"
    assert os.listdir(bundle.root) == []
    leftovers = [path for path, _, _ in os.walk("/sys/fs/cgroup") if path.endswith(f"/{name}")]
    assert leftovers == []


def test_delete_force_kills_and_is_no_error_for_what_does_not_exist(bundle):
    name = bundle.running("sleep", "1000")
    pid = bundle.state(name)["pid"]
    assert bundle.oci("delete", "-f", name).returncode == 0
    assert not os.path.exists(f"/proc/{pid}/exe") or bundle.oci("state", name).returncode == 1
    assert bundle.oci("delete", "-f", name).returncode == 0


def test_run_returns_the_programs_exit_status(bundle):
    assert bundle.run("sh", "-c", "exit 7").returncode == 7
    assert bundle.run("sh", "-c", "kill -TERM $$; exit 5", change=lambda s: s["linux"].update(
        namespaces=[n for n in s["linux"]["namespaces"] if n["type"] != "pid"])).returncode == 128 + 15
    assert json.loads(bundle.oci("list", "-f", "json").stdout) == []


def test_a_command_that_is_missing_or_cannot_be_executed_is_127_and_126(bundle):
    missing = bundle.run("no-such-command")
    assert missing.returncode == 127
    assert missing.stderr == "bolt-oci: exec 'no-such-command': executable file not found in $PATH\n"
    denied = bundle.run("/etc/passwd")
    assert denied.returncode == 126
    assert denied.stderr == "bolt-oci: exec '/etc/passwd': permission denied\n"
    assert os.listdir(bundle.root) == []


def test_a_later_start_reports_what_is_wrong_with_the_program(bundle):
    with open(f"{bundle.place}/rootfs/bin/broken", "w") as script:
        script.write("#!/no/interpreter\n")
    os.chmod(f"{bundle.place}/rootfs/bin/broken", 0o755)
    name = bundle.create("broken")
    started = bundle.oci("start", name)
    assert started.returncode == 127
    assert "interpreter" in started.stderr
    wait_until(lambda: bundle.status(name) == "stopped", "its end")


def test_list_shows_what_state_shows(bundle):
    name = bundle.running("sleep", "1000")
    assert bundle.oci("list", "--quiet").stdout == f"{name}\n"
    listed = json.loads(bundle.oci("list", "--format", "json").stdout)
    assert listed == [bundle.state(name)]
    head, line = bundle.oci("list").stdout.splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert line.split()[:3] == [name, str(listed[0]["pid"]), "running"]


def test_a_state_of_another_boot_is_stopped(bundle):
    name = bundle.running("sleep", "1000")
    path = f"{bundle.root}/{name}/state.json"
    with open(path) as text:
        record = json.load(text)
    with open(path, "w") as text:
        json.dump({**record, "boot_id": "00000000-0000-0000-0000-000000000000"}, text)
    assert bundle.status(name) == "stopped"
    with open(path, "w") as text:
        json.dump(record, text)
    assert bundle.status(name) == "running"


def refusal_to_write(descriptor):
    """The errno of opening for writing what somebody got hold of; nothing is written when it works."""
    try:
        os.close(os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY))
    except OSError as refused:
        return refused.errno
    return None


def assert_unwritable(descriptor):
    """Of what somebody got hold of: a file that cannot be opened for writing, or one that is sealed."""
    if refusal_to_write(descriptor) in (errno.EROFS, errno.ETXTBSY):
        return
    writable = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    with pytest.raises(PermissionError):
        os.write(writable, b"evil")
    os.close(writable)


def test_nobody_can_write_to_the_runtime_through_its_processes(root_bundle):
    """CVE-2019-5736: /proc/PID/exe of what runs the runtime's code inside a container is the runtime on the host."""
    name = root_bundle.create("sleep", "1000")
    waiting = root_bundle.state(name)["pid"]
    with open(f"/proc/{waiting}/comm") as name_of_program:
        assert name_of_program.read() == "bolt-oci\n"
    kept = [os.open(f"/proc/{waiting}/exe", os.O_RDONLY)]
    root_bundle.oci("start", name).check_returncode()
    with root_bundle.start_oci("exec", name, "sleep", "1000") as process:
        wait_until(lambda: root_bundle.oci("exec", name, "ps", "-o", "args").stdout.count("sleep 1000") == 2, "the tenant")
        kept.append(os.open(f"/proc/{process.pid}/exe", os.O_RDONLY))
        process.terminate()
    for descriptor in kept:
        # While the program runs it would be "text file busy"; the attack waits for its end.
        assert os.fstat(descriptor).st_ino != os.stat(conftest.RUNTIME).st_ino
        assert_unwritable(descriptor)
        os.close(descriptor)


@pytest.mark.without_sanitizer("the program has libraries")
def test_the_runtime_is_not_executed_twice(root_bundle):
    """Its mappings are what is replaced, with nothing of the file that can be written to left in them."""
    name = root_bundle.create("sleep", "1000")
    log = f"{root_bundle.place}/log"
    done = subprocess.run(["strace", "-f", "-e", "trace=execve,execveat", "-o", log, conftest.RUNTIME, "--root", root_bundle.root, "exec", name, "true"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    with open(log) as calls:
        executed = [line.split('"')[1] for line in calls if "execve" in line and "= 0" in line]
    assert [os.path.basename(path) for path in executed] == ["bolt-oci", "true"]
    waiting = root_bundle.state(name)["pid"]
    with open(f"/proc/{waiting}/maps") as maps:
        mapped = {line.split()[5] for line in maps if len(line.split()) > 5 and line.split()[5].startswith("/")}
    # By a mount that is gone: its path is no path of the host's.
    assert mapped == {"/"} and os.readlink(f"/proc/{waiting}/exe") == "/memfd:program (deleted)"
    with open(f"/proc/{waiting}/cmdline") as words:
        assert words.read().split("\0")[-2] == name


def test_a_users_own_runtime_is_sealed(user_bundle, monkeypatch):
    """The container's root is the user, who owns the file and may not mount it read-only outside of a namespace."""
    own = f"{user_bundle.place}/bolt-oci"
    shutil.copy(shutil.which(conftest.RUNTIME), own)
    os.chown(own, user_bundle.uid, user_bundle.uid)
    monkeypatch.setattr(conftest, "RUNTIME", own)
    name = user_bundle.create("sleep", "1000")
    program = os.open(f"/proc/{user_bundle.state(name)['pid']}/exe", os.O_RDONLY)
    user_bundle.oci("delete", "--force", name).check_returncode()
    assert_unwritable(program)
    os.close(program)


def test_a_runtime_that_stays_is_busy(root_bundle):
    name = root_bundle.new_id()
    root_bundle.spec["process"]["args"] = ["sleep", "1000"]
    root_bundle.write()
    with root_bundle.start_oci("run", name) as process:
        wait_until(lambda: '"running"' in root_bundle.oci("state", name).stdout, "the container")
        program = os.open(f"/proc/{process.pid}/exe", os.O_RDONLY)
        assert refusal_to_write(program) in (errno.ETXTBSY, errno.EROFS)
        os.close(program)
        root_bundle.oci("kill", name, "KILL").check_returncode()


def test_the_containers_command_is_not_the_runtime(bundle):
    """Who runs it inside leads the others to its file. So no link of /proc, straight, by a symbolic link or as a script's interpreter."""
    rootfs = f"{bundle.place}/rootfs"
    os.symlink("/proc/self/exe", f"{rootfs}/bin/link")
    for name, interpreter in (("script", "/proc/self/exe"), ("second", "/bin/link -x"), ("third", "/bin/script")):
        with open(f"{rootfs}/bin/{name}", "w") as script:
            script.write(f"#!{interpreter}\n")
        os.chmod(f"{rootfs}/bin/{name}", 0o755)
    for command in ("/proc/self/exe", "/bin/link", "link", "script", "second", "third"):
        done = bundle.run(command, "--version")
        assert done.returncode == 126 and "a link of /proc on the way to it leads out of the container" in done.stderr, (command, done)
    with open(f"{rootfs}/bin/usual", "w") as script:
        script.write("#! /bin/sh -e\necho usual\n")
    os.chmod(f"{rootfs}/bin/usual", 0o755)
    assert bundle.run("usual").stdout == "usual\n"


def test_delete_and_kill_take_a_regular_expression(bundle):
    names = [bundle.running("sleep", "1000") for _ in range(3)]
    first = f"^{names[0]}$"
    assert bundle.oci("kill", "--regex", first, "KILL").returncode == 0
    wait_until(lambda: bundle.status(names[0]) == "stopped", "the end of the first")
    assert [bundle.status(name) for name in names[1:]] == ["running", "running"]
    done = bundle.oci("delete", "--force", "--regex", "|".join(names[:2]))
    assert done.returncode == 0, done.stderr
    assert bundle.oci("list", "--quiet").stdout.split() == [names[2]]
    wrong = bundle.oci("delete", "--regex", "(")
    assert wrong.returncode == 1 and "not a regular expression" in wrong.stderr


def test_another_document_of_the_bundle(bundle):
    bundle.spec["process"]["args"] = ["echo", "other"]
    bundle.write()
    os.rename(f"{bundle.place}/config.json", f"{bundle.place}/other.json")
    done = bundle.oci("run", "--config", "other.json", bundle.new_id())
    assert done.stdout == "other\n", done.stderr


def test_a_log_is_named_as_for_crun_or_for_runc(bundle):
    log = f"{bundle.place}/log"
    assert bundle.oci("--log", f"file:{log}", "--log-level", "debug", "--criu", "/x", "state", "none").returncode == 1
    with open(log, encoding="utf-8") as file:
        assert "does not exist" in file.read()
    refused = bundle.oci("--log", "journald:x", "list")
    assert refused.returncode == 1 and "journald:x" in refused.stderr


def test_one_that_is_being_created_can_be_deleted_by_force(bundle):
    """Its creation fails then, and neither leaves anything."""
    spec = copy.deepcopy(bundle.spec)
    spec["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"touch {bundle.place}/begun; while ! [ -e {bundle.place}/end ]; do sleep 0.1; done"]}]}
    bundle.write(spec)
    name = bundle.new_id()
    with open(f"{bundle.place}/said", "w+", encoding="utf-8") as said:
        creating = bundle.start_oci("create", name, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        wait_until(lambda: os.path.exists(f"{bundle.place}/begun"), "the hook")
        done = bundle.oci("delete", "--force", name)
        with open(f"{bundle.place}/end", "w", encoding="ascii"):
            pass
        assert done.returncode == 0 and creating.wait(20) == 1, done
        said.seek(0)
        assert said.read().startswith("bolt-oci: ")
    assert os.listdir(bundle.root) == []


def test_the_directory_of_a_creation_that_goes_on_is_not_taken_away(root_bundle):
    """Before there is a record, which is soon."""
    place = f"{root_bundle.root}/held"
    os.makedirs(place)
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = root_bundle.oci("delete", "--force", "held")
    assert done.returncode == 1 and "container 'held' is being created" in done.stderr, done
    os.close(lock)
    assert root_bundle.oci("delete", "--force", "held").returncode == 0 and not os.path.exists(place)


def test_one_whose_creation_is_not_over_is_creating(bundle):
    """Nobody enters it before its hooks have ended."""
    spec = copy.deepcopy(bundle.spec)
    spec["process"]["args"] = ["sleep", "1000"]
    spec["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"touch {bundle.place}/begun; while ! [ -e {bundle.place}/end ]; do sleep 0.1; done"]}]}
    for verb in ("create", "run"):
        bundle.write(spec)
        name = bundle.new_id()
        with open(f"{bundle.place}/said", "w+", encoding="utf-8") as said:
            making = bundle.start_oci(verb, name, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        wait_until(lambda: os.path.exists(f"{bundle.place}/begun"), "the hook")
        assert bundle.status(name) == "creating" and json.loads(bundle.oci("list", "--format", "json").stdout)[0]["status"] == "creating"
        for words in (["exec", name, "true"], ["start", name], ["kill", name], ["pause", name], ["delete", name]):
            refused = bundle.oci(*words)
            assert refused.returncode not in (0, 126, 127) and "creat" in refused.stderr, refused
        with open(f"{bundle.place}/end", "w", encoding="ascii"):
            pass
        if verb == "create":
            assert making.wait(20) == 0 and bundle.status(name) == "created"
        else:
            wait_until(lambda: bundle.status(name) == "running", "its start")
        assert bundle.oci("delete", "--force", name).returncode == 0
        making.wait(20)
        for file in ("begun", "end"):
            os.unlink(f"{bundle.place}/{file}")


def test_a_signal_of_0_asks_whether_it_is_there(bundle):
    name = bundle.running("sleep", "1000")
    assert bundle.oci("kill", name, "0").returncode == 0
    assert bundle.oci("kill", "nobody", "0").returncode == 1


def test_what_a_creation_that_was_cut_off_has_left_can_be_deleted(root_bundle):
    os.makedirs(f"{root_bundle.root}/rest")
    assert root_bundle.oci("delete", "rest").returncode == 0 and os.listdir(root_bundle.root) == []


def test_the_program_is_named_where_an_option_before_the_command_is_wrong(bundle):
    assert "'bolt-oci --help' lists the options of 'bolt-oci'" in bundle.oci("--foo").stderr
    assert "option '--root' of 'bolt-oci' needs an argument" in subprocess.run([conftest.RUNTIME, "--root"], capture_output=True, text=True, check=False).stderr


def test_one_whose_start_was_killed_in_a_hook_runs_and_is_no_longer_created(bundle):
    def change(spec):
        spec["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "1"]}]}

    name = bundle.create("sleep", "1000", change=change)
    with open(f"{bundle.place}/said", "w", encoding="utf-8") as said:
        starting = bundle.start_oci("start", name, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    wait_until(lambda: not os.path.exists(f"{bundle.root}/{name}/start"), "the start")
    starting.kill()
    starting.wait()
    again = bundle.oci("start", name)
    assert again.returncode == 1 and "only a created one can be started" in again.stderr, again
    wait_until(lambda: os.path.exists(f"/proc/{bundle.state(name)['pid']}"), "its process")
    refused = bundle.oci("delete", name)
    assert refused.returncode == 1 and bundle.status(name) == "running", refused


def test_poststart_hooks_that_cannot_be_run_destroy_the_container(bundle):
    def change(spec):
        spec["annotations"] = {"run.oci.hooks.stdout": "/no/such/directory/file"}
        spec["hooks"] = {"poststart": [{"path": "/bin/true"}]}

    name = bundle.create("sleep", "1000", change=change)
    done = bundle.oci("start", name)
    assert done.returncode == 1 and "/no/such/directory" in done.stderr and os.listdir(bundle.root) == [], done


def test_features_say_what_holds(bundle):
    features = json.loads(bundle.oci("features").stdout)
    assert features["linux"]["netDevices"] == {"enabled": True} and "MPOL_BIND" in features["linux"]["memoryPolicy"]["modes"] and "MPOL_F_STATIC_NODES" in features["linux"]["memoryPolicy"]["flags"]
    assert features["annotations"]["io.github.seccomp.libseccomp.version"].count(".") == 2 and features["linux"]["intelRdt"]["schemata"] is True


@pytest.mark.parametrize("words", [("features",), ("list",), ("list", "-q"), ("state", "ID"), ("ps", "ID"), ("--version",), ("--help",)])
def test_what_cannot_be_written_is_an_error(bundle, words):
    name = bundle.running("sleep", "1000")
    with open("/dev/full", "wb") as full:
        done = bundle.oci(*(name if word == "ID" else word for word in words), capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "No space left on device" in done.stderr, done.stderr


def test_of_two_starts_one_is_told_that_it_runs(bundle):
    for _ in range(10):
        name = bundle.create("sleep", "1000")
        starts = [bundle.start_oci("start", name, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        outcomes = sorted((start.communicate(timeout=20)[1], start.returncode) for start in starts)
        assert outcomes[0] == ("", 0) and outcomes[1][1] == 1 and "is running: only a created one can be started" in outcomes[1][0], outcomes
        bundle.oci("delete", "--force", name).check_returncode()


def test_a_pid_file_that_is_a_device_stays_one(root_bundle):
    os.mknod(f"{root_bundle.place}/null", 0o20666, os.makedev(1, 3))
    assert root_bundle.run("true", arguments=("--pid-file", f"{root_bundle.place}/null")).returncode == 0
    assert os.stat(f"{root_bundle.place}/null").st_rdev == os.makedev(1, 3)


@pytest.mark.parametrize("numbers, says", [((4294967297, 3), "major 4294967297"), ((1, 1048576), "minor 1048576"), ((-1, 3), "major -1")])
def test_numbers_of_devices_have_their_bounds(bundle, numbers, says):
    done = bundle.run("true", change=lambda spec: spec["linux"].update(devices=[{"path": "/dev/x", "type": "c", "major": numbers[0], "minor": numbers[1]}]))
    assert done.returncode == 1 and f"device '/dev/x': {says} is not between 0 and" in done.stderr, done.stderr


def test_a_container_in_the_foreground_can_be_paused_and_updated(root_bundle):
    root_bundle.spec["process"]["args"] = ["sleep", "1000"]
    root_bundle.write()
    name = root_bundle.new_id()
    child = root_bundle.start_oci("run", name, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: root_bundle.oci("state", name).returncode == 0 and root_bundle.status(name) == "running", "its start")
        for words in (["update", "--pids-limit", "50", name], ["pause", name], ["resume", name]):
            done = root_bundle.oci(*words, timeout=5)
            assert done.returncode == 0, done
    finally:
        root_bundle.oci("delete", "--force", name)
        child.wait(20)


def test_the_end_of_one_does_not_take_the_next_of_its_name_away(bundle):
    slow = {"path": "/bin/sh", "args": ["sh", "-c", "sleep 1"]}
    bundle.spec["process"]["args"] = ["sleep", "1000"]
    bundle.write({**bundle.spec, "hooks": {"poststop": [slow]}})
    name = bundle.new_id()
    child = bundle.start_oci("run", name, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: bundle.oci("state", name).returncode == 0 and bundle.status(name) == "running", "its start")
        bundle.oci("delete", "--force", name)
        bundle.write(bundle.spec)
        with open(f"{bundle.place}/out", "w", encoding="utf-8") as out:
            assert bundle.oci("run", "--detach", name, capture_output=False, stdout=out, stderr=out).returncode == 0
        child.wait(20)
        time.sleep(0.3)
        assert bundle.status(name) == "running"
    finally:
        bundle.oci("delete", "--force", name)


def test_many_deletes_at_once(bundle):
    log = f"{bundle.place}/hooks.log"
    name = bundle.create("true", change=lambda spec: spec.update(hooks={"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo ran >> {log}"]}]}))
    deletes = [bundle.start_oci("delete", "--force", name, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(6)]
    said = [delete.communicate(timeout=20)[1] for delete in deletes]
    assert [delete.returncode for delete in deletes] == [0] * 6 and not b"".join(said), said
    with open(log, encoding="utf-8") as lines:
        assert lines.read() == "ran\n"


def test_sigkill_reaches_all_where_the_pid_namespace_is_another_s(root_bundle):
    change = lambda spec: spec["linux"].update(namespaces=[entry for entry in spec["linux"]["namespaces"] if entry["type"] != "pid"])
    name = root_bundle.running("sh", "-c", "sleep 7777 & exec sleep 1000", change=change)
    members = wait_until(lambda: (found := json.loads(root_bundle.oci("ps", "--format", "json", name).stdout)) and len(found) == 2 and found, "both processes")
    assert root_bundle.oci("kill", name, "KILL").returncode == 0
    wait_until(lambda: not [pid for pid in members if os.path.exists(f"/proc/{pid}")], "the end of both")


def test_all_processes_are_not_known_without_a_cgroup(user_bundle):
    name = user_bundle.running("sleep", "1000")
    done = user_bundle.oci("kill", "--all", name, "USR1")
    if done.returncode == 0:
        pytest.skip("the user has a cgroup here")
    assert "has no cgroup of its own, so its processes are not known; leave out --all" in done.stderr, done
