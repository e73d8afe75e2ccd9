"""config.md, POSIX-platform Hooks; runtime.md, lifecycle."""
import json
import os

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
        assert state["id"] == name and state["status"] == "creating" and state["pid"] == pid and state["bundle"] == bundle.place
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


def test_a_failing_create_hook_is_an_error_and_takes_the_container_back(bundle):
    for kind in ("prestart", "createRuntime", "createContainer"):
        done = bundle.run("true", change=lambda spec: spec.update(hooks={kind: [hook(bundle, kind, "echo it went wrong; exit 4")]}))
        assert done.returncode == 1
        assert f"{kind} hook '{bundle.place}/hook-{kind}': it exited with status 4: it went wrong" in done.stderr
        assert os.listdir(bundle.root) == []


def test_a_failing_poststart_or_poststop_hook_is_a_warning(bundle):
    done = bundle.run("echo", "ran", change=lambda spec: spec.update(hooks={"poststop": [hook(bundle, "poststop", "exit 1")]}))
    assert done.returncode == 0 and done.stdout == "ran\n"
    assert "poststop hook" in done.stderr and done.stderr.rstrip().endswith("ignoring")


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
