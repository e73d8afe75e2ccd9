"""config.md, POSIX-platform Hooks; runtime.md, lifecycle."""
import json
import os

import pytest

from conftest import wait_until


def hook(bundle, kind, body, **more):
    path = f"{bundle.place}/hook-{kind}"
    with open(path, "w") as script:
        script.write(f"#!/bin/sh\n{body}\n")
    os.chmod(path, 0o755)
    return {"path": path, **more}


def log_of(bundle):
    try:
        with open(f"{bundle.place}/hooks.log") as log:
            return log.read().splitlines()
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
def test_hooks_of_the_runtime_run_in_the_bundle_and_have_its_environment(bundle, kind):
    out = f"{bundle.place}/printed"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"pwd >> {out}; echo \"$PATH\" >> {out}"]}
    done = bundle.run("true", change=lambda spec: spec.update(hooks={kind: [hook]}), arguments=["--bundle", bundle.place], cwd="/")
    assert done.returncode == 0, done.stderr
    with open(out, encoding="utf-8") as file:
        # createContainer's has the process's, as in runc.
        path = os.environ["PATH"] if kind != "createContainer" else next(entry[5:] for entry in bundle.spec["process"]["env"] if entry.startswith("PATH="))
        assert file.read().splitlines() == [bundle.place, path]


def test_hooks_run_in_the_order_of_the_lifecycle_with_the_state_on_standard_input(bundle):
    log = f"{bundle.place}/hooks.log"

    def change(spec):
        note = lambda kind: hook(bundle, kind, f"printf '{kind} ' >> {log}; cat >> {log}; echo >> {log}")
        spec["hooks"] = {kind: [note(kind)] for kind in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")}

    name = bundle.create("sleep", "1000", change=change)
    assert [line.split()[0] for line in log_of(bundle)] == ["prestart", "createRuntime", "createContainer"]
    pid = bundle.state(name)["pid"]
    for line in log_of(bundle):
        state = json.loads(line.split(" ", 1)[1])
        assert state["id"] == name and state["status"] == "creating" and state["bundle"] == bundle.place
        assert state["pid"] == (1 if line.startswith("createContainer") else pid)
    assert bundle.oci("start", name).returncode == 0
    assert log_of(bundle)[-1].split()[0] == "poststart"
    assert json.loads(log_of(bundle)[-1].split(" ", 1)[1])["status"] == "running"
    assert bundle.oci("delete", "-f", name).returncode == 0
    assert log_of(bundle)[-1].split()[0] == "poststop"
    assert json.loads(log_of(bundle)[-1].split(" ", 1)[1])["status"] == "stopped"


def test_start_container_hooks_resolve_and_run_inside_the_container(bundle):
    script = f"{bundle.place}/rootfs/bin/hook"
    with open(script, "w") as text:
        text.write("#!/bin/sh\nhostname > /tmp/hooked\ncat >> /tmp/hooked\n")
    os.chmod(script, 0o755)

    def change(spec):
        spec["root"]["readonly"] = False
        spec["hooks"] = {"startContainer": [{"path": "/bin/hook", "env": ["PATH=/bin"]}]}

    done = bundle.run("cat", "/tmp/hooked", change=change)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("bolt\n") and '"status":"created"' in done.stdout


def noting(bundle, kind, words="", code=0):
    """A hook that says its kind in the log, and what the words print."""
    return hook(bundle, f"{kind}-{len(words)}-{code}", f"{{ echo {kind}; {words or ':'}; }} >> {bundle.place}/hooks.log; cat > /dev/null; exit {code}")


def mounted_below(bundle):
    with open("/proc/self/mountinfo") as mounts:
        return [line for line in mounts if bundle.place in line]


def test_a_failing_create_hook_is_an_error_and_takes_the_container_back(bundle):
    for kind in ("prestart", "createRuntime", "createContainer"):
        done = bundle.run("true", change=lambda spec: spec.update(hooks={kind: [hook(bundle, kind, "echo it went wrong; exit 4")], "poststop": [noting(bundle, "poststop")]}))
        assert done.returncode == 1
        assert f"{kind} hook '{bundle.place}/hook-{kind}': it exited with status 4: it went wrong" in done.stderr
        assert os.listdir(bundle.root) == [] and not mounted_below(bundle)
        # The lifecycle goes on where the container is destroyed.
        assert log_of(bundle) == ["poststop"]
        os.unlink(f"{bundle.place}/hooks.log")


def test_a_failing_create_without_hooks_before_it_runs_none_afterwards(bundle):
    done = bundle.run("true", change=lambda spec: (spec["mounts"].append({"destination": "/x", "type": "nosuchfs"}), spec.update(hooks={"poststop": [noting(bundle, "poststop")]})))
    assert done.returncode == 1 and log_of(bundle) == []


def test_a_failing_start_container_hook_is_an_error_and_destroys_the_container(bundle):
    def change(spec):
        spec["hooks"] = {"startContainer": [{"path": "/bin/false"}], "poststop": [noting(bundle, "poststop")]}

    name = bundle.create("touch", "/tmp/ran", change=change)
    done = bundle.oci("start", name)
    assert done.returncode == 1 and "startContainer hook '/bin/false': it exited with status 1" in done.stderr
    assert log_of(bundle) == ["poststop"] and os.listdir(bundle.root) == []
    done = bundle.run("echo", "ran", change=change)
    assert done.returncode == 1 and done.stdout == "" and log_of(bundle) == ["poststop"] * 2 and os.listdir(bundle.root) == []


def test_a_failing_poststart_hook_is_an_error_and_destroys_the_container(bundle):
    def change(spec):
        spec["hooks"] = {"poststart": [noting(bundle, "poststart", code=3), noting(bundle, "never")], "poststop": [noting(bundle, "poststop")]}

    name = bundle.create("sleep", "1000", change=change)
    done = bundle.oci("start", name)
    assert done.returncode == 1 and "poststart hook" in done.stderr and "it exited with status 3" in done.stderr
    assert log_of(bundle) == ["poststart", "poststop"] and os.listdir(bundle.root) == []
    done = bundle.run("sleep", "1000", change=change)
    assert done.returncode == 1 and "it exited with status 3" in done.stderr and os.listdir(bundle.root) == []
    assert log_of(bundle) == ["poststart", "poststop"] * 2


def test_a_failing_poststop_hook_is_a_warning_and_the_others_run(bundle):
    done = bundle.run("echo", "ran", change=lambda spec: spec.update(hooks={"poststop": [noting(bundle, "first", code=1), noting(bundle, "second")]}))
    assert done.returncode == 0 and done.stdout == "ran\n"
    assert "poststop hook" in done.stderr and done.stderr.rstrip().endswith("ignoring")
    assert log_of(bundle) == ["first", "second"]


def test_hooks_of_a_kind_run_in_the_listed_order(bundle):
    kinds = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    outside = lambda kind: [hook(bundle, f"{kind}{number}", f"cat > /dev/null; echo {kind} {number} >> {bundle.place}/hooks.log") for number in (3, 1, 2)]

    def change(spec):
        spec["root"]["readonly"] = False
        spec["hooks"] = {kind: outside(kind) for kind in kinds}
        spec["hooks"]["startContainer"] = [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {number} >> /tmp/order"]} for number in (3, 1, 2)]

    done = bundle.run("cat", "/tmp/order", change=change)
    assert done.returncode == 0 and done.stdout == "3\n1\n2\n", done
    assert log_of(bundle) == [f"{kind} {number}" for kind in kinds for number in (3, 1, 2)]


NAMESPACES = "pid mnt uts ipc net"


def test_hooks_are_executed_in_the_namespaces_of_the_specification(bundle):
    """prestart, createRuntime, poststart and poststop in the runtime's, createContainer in the container's; startContainer is above."""
    links = "for name in %s; do readlink /proc/self/ns/$name; done" % NAMESPACES
    kinds = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    name = bundle.running("sleep", "1000", change=lambda spec: spec.update(hooks={kind: [noting(bundle, kind, links)] for kind in kinds}))
    of = lambda pid: [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACES.split()]
    containers = of(bundle.state(name)["pid"])
    assert bundle.oci("delete", "--force", name).returncode == 0
    log, width = log_of(bundle), len(NAMESPACES.split()) + 1
    found = {log[at]: log[at + 1:at + width] for at in range(0, len(log), width)}
    assert all(found[kind] == of("self") for kind in ("prestart", "createRuntime", "poststart", "poststop")), found
    # The runtime's /proc is still mounted, which shows no pid namespace of others: the others tell.
    assert found["createContainer"][1:] == containers[1:] and containers[:3] != of("self")[:3]


def test_create_hooks_are_called_when_the_environment_is_there_and_its_root_is_not_entered(bundle):
    look = r"read state; pid=$(echo \"$state\" | sed 's/.*\"pid\":\([0-9]*\).*/\1/'); readlink /proc/$pid/ns/mnt; grep -c '/data ' /proc/$pid/mountinfo; readlink /proc/$pid/root"
    kinds = ("prestart", "createRuntime")

    def change(spec):
        spec["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs"})
        spec["hooks"] = {kind: [hook(bundle, kind, f"{{ echo {kind}; {look}; }} >> {bundle.place}/hooks.log 2>&1")] for kind in kinds}
        spec["hooks"]["createContainer"] = [noting(bundle, "createContainer", "grep -c '/data ' /proc/thread-self/mountinfo; test -d " + bundle.place + " && echo host")]

    name = bundle.create("sleep", "1000", change=change)
    log = log_of(bundle)
    names = os.readlink(f"/proc/{bundle.state(name)['pid']}/ns/mnt")
    for at, kind in enumerate(kinds):
        assert log[4 * at:4 * at + 4] == [kind, names, "1", "/"], log
    # The host's files can be reached still: pivot_root comes later.
    assert log[8:] == ["createContainer", "1", "host"], log


def test_start_container_hooks_are_a_part_of_start(bundle):
    def change(spec):
        spec["root"]["readonly"] = False
        spec["hooks"] = {"startContainer": [{"path": "/bin/touch", "args": ["touch", "/hooked"]}]}

    name = bundle.create("sleep", "1000", change=change)
    assert not os.path.exists(f"{bundle.place}/rootfs/hooked")
    assert bundle.oci("start", name).returncode == 0
    assert os.path.exists(f"{bundle.place}/rootfs/hooked")


def test_poststart_hooks_are_called_when_the_process_is_executed(bundle):
    look = r"read state; pid=$(echo \"$state\" | sed 's/.*\"pid\":\([0-9]*\).*/\1/'); cat /proc/$pid/comm"
    bundle.running("sleep", "1000", change=lambda spec: spec.update(hooks={"poststart": [hook(bundle, "poststart", f"{{ {look}; }} >> {bundle.place}/hooks.log 2>&1")]}))
    assert log_of(bundle) == ["sleep"]


def test_poststop_hooks_are_called_when_the_container_is_gone(bundle):
    name = bundle.create("sleep", "1000", change=lambda spec: spec.update(hooks={"poststop": [noting(bundle, "poststop", f"readlink /proc/$(cat {bundle.place}/pid)/exe; ls -d $(cat {bundle.place}/groups) 2>/dev/null")]}),
                         arguments=["--pid-file", "pid"])
    pid = bundle.state(name)["pid"]
    groups = []
    with open(f"/proc/{pid}/cgroup") as memberships:
        for line in memberships:
            _, tree, path = line.strip().split(":", 2)
            if name in path:
                groups += [place for place in (f"/sys/fs/cgroup/{tree}{path}", f"/sys/fs/cgroup{path}") if os.path.isdir(place)]
    with open(f"{bundle.place}/groups", "w") as file:
        file.write(" ".join(groups) or "/nonexistent")
    assert bundle.uid or groups
    assert bundle.oci("start", name).returncode == 0
    assert bundle.oci("delete", "--force", name).returncode == 0
    assert log_of(bundle) == ["poststop"]


def test_a_hook_that_exceeds_its_timeout_is_killed(bundle):
    done = bundle.run("true", change=lambda spec: spec.update(hooks={"createRuntime": [hook(bundle, "slow", "sleep 1000", timeout=1)]}))
    assert done.returncode == 1
    assert "did not end within 1 seconds and was killed" in done.stderr


def test_a_hooks_environment_is_exactly_what_is_configured(bundle):
    def change(spec):
        spec["hooks"] = {"createRuntime": [hook(bundle, "env", f"/usr/bin/env > {bundle.place}/hooks.log", env=["ONLY=this"])]}

    assert bundle.run("true", change=change).returncode == 0
    wait_until(lambda: log_of(bundle), "the hook")
    assert [line for line in log_of(bundle) if not line.startswith(("PWD=", "_=", "SHLVL=", "OLDPWD="))] == ["ONLY=this"]


def test_a_hook_that_takes_too_long_ends_with_what_it_has_started(bundle):
    done = bundle.run("true", change=lambda spec: spec.update(hooks={"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "sleep 33345 & sleep 33346; true"], "timeout": 1}]}))
    assert done.returncode == 1 and "did not end within 1 seconds" in done.stderr, done
    commands = [open(f"/proc/{pid}/cmdline", "rb").read() for pid in os.listdir("/proc") if pid.isdigit() and os.path.exists(f"/proc/{pid}/cmdline")]
    assert not [command for command in commands if b"\x003334" in command]


@pytest.mark.parametrize("kind", ["createContainer", "startContainer"])
def test_the_pid_must_be_the_one_that_the_container_sees_for_hooks_in_its_namespaces(bundle, kind):
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "cat >&2; exit 3"]}
    done = bundle.run("true", change=lambda spec: spec.update(hooks={kind: [hook]}))
    assert done.returncode == 1 and '"pid":1,' in done.stderr, done


@pytest.mark.parametrize("kind", ["createContainer", "startContainer"])
def test_hooks_in_the_containers_namespaces_do_not_see_the_callers_environment(bundle, kind):
    """startContainer's are programs of the image."""
    hook = {"path": "/bin/sh", "args": ["sh", "-c", 'echo "<$SECRET|$OF_THE_PROCESS>" >&2; exit 3']}

    def change(spec):
        spec.update(hooks={kind: [hook]})
        spec["process"]["env"].append("OF_THE_PROCESS=yes")

    done = bundle.run("true", change=change, env={**os.environ, "SECRET": "word"})
    assert done.returncode == 1 and "<|yes>" in done.stderr, done


def test_an_init_that_a_hook_has_killed_is_an_error_that_says_so(bundle):
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')"]}
    done = bundle.run("true", change=lambda spec: spec.update(hooks={"createRuntime": [hook]}))
    assert done.returncode == 1 and "init was killed by SIGKILL while it set up the container" in done.stderr, done
