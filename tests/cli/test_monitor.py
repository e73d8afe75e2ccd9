"""bolt-monitor driven as the engine drives it: the real program, real containers, as root and as an ordinary user."""
import glob
import os
import shutil
import signal
import socket
import stat
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import monitor_driver  # noqa: E402
from monitor_driver import Box, Gone, process_is_there, wait_until  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not monitor_driver.MONITOR, reason="BOLT_MONITOR does not name bolt-monitor"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be an ordinary user and to clean up after one"),
]

OWN = "" if os.environ.get("BOLT_MONITOR_ONLY_COMMANDS") else "own"


def kinds():
    runc = shutil.which("runc") or ("/usr/sbin/runc" if os.path.exists("/usr/sbin/runc") else None)
    found = []
    if OWN:
        found += [pytest.param((False, None), id="root"), pytest.param((True, None), id="rootless")]
    missing = pytest.mark.skipif(runc is None, reason="runc is not installed (package runc)")
    found += [pytest.param((False, runc), id="root-runc", marks=missing), pytest.param((True, runc), id="rootless-runc", marks=missing)]
    return found


@pytest.fixture(params=kinds())
def box(request):
    rootless, runtime = request.param
    made = Box(rootless, runtime)
    yield made
    made.close()


def test_the_exit_code_and_the_output_arrive(box):
    engine = box.start(["sh", "-c", "echo out; echo err >&2; exit 3"])
    ended = engine.expect("D")
    assert ended["exit_code"] == 3 and ended["status"] == "exited"
    assert engine.output == b"out\n" and engine.error_output == b"err\n"
    assert sorted(box.logged()) == [("stderr", "F", "err"), ("stdout", "F", "out")]
    assert box.wait_for_monitor() == 0
    assert box.exit_record()["exit_code"] == 3 and box.state()["status"] == "exited"
    assert not os.path.exists(f"{box.run}/control.sock")
    with pytest.raises(Gone):
        engine.receive()


def test_all_output_arrives_in_order(box):
    engine = box.start(["sh", "-c", "dd if=/dev/zero bs=65536 count=160 2>/dev/null; echo end"])
    engine.expect("D")
    assert len(engine.output) == 160 * 65536 + 4 and engine.output.endswith(b"\0end\n")


def test_a_foreground_client_that_does_not_read_stops_the_container_only(box):
    engine = box.start(["sh", "-c", "dd if=/dev/zero bs=65536 count=160 2>/dev/null; touch /tmp/done; sleep 60"])
    time.sleep(0.3)
    other = box.connect()
    other.send("k", {"signal": signal.SIGCONT})
    other.expect("Y")  # the monitor itself goes on
    while len(engine.output) < 160 * 65536:
        engine.receive()
    other.send("x", {"timeout_ms": 0})
    assert engine.expect("D")["exit_code"] == 137


def test_a_killed_command_is_128_and_the_signal(box):
    engine = box.start(["sleep", "60"])
    other = box.connect()
    other.send("k", {"signal": signal.SIGKILL})
    other.expect("Y")
    ended = engine.expect("D")
    assert ended["exit_code"] == 137 and ended["stopped_by_user"]


def test_input_reaches_the_command_and_its_end_too(box):
    engine = box.start(["sh", "-c", "cat; echo ended"], input_open=True, input_closes_with_client=True)
    engine.send("i", "first\n")
    engine.read_until(b"first\n")
    much = os.urandom(30_000)

    def give():
        for _ in range(20):
            engine.send("i", much)
        engine.send("e")

    giver = threading.Thread(target=give)
    giver.start()
    engine.expect("D")
    giver.join()
    assert engine.output == b"first\n" + much * 20 + b"ended\n"


def test_without_interactive_the_command_reads_nothing(box):
    engine = box.start(["sh", "-c", "sleep 0.3; cat"])
    engine.send("i", "lost")
    assert engine.expect("D")["exit_code"] == 0 and engine.output == b""


def test_a_terminal_has_a_size_and_echoes(box):
    engine = box.create(["sh", "-c", "read line; stty size; echo got $line; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo tty"], terminal=True, input_open=True)
    engine.send("a")
    engine.send("w", {"rows": 40, "columns": 123})
    engine.send("s")
    engine.expect("S")
    engine.send("i", "hello\n")
    assert engine.expect("D")["exit_code"] == 0
    assert b"40 123\r\n" in engine.output and b"got hello\r\n" in engine.output and b"tty\r\n" in engine.output


def test_ctrl_c_on_the_terminal(box):
    engine = box.start(["sh", "-c", "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"], terminal=True, input_open=True)
    engine.read_until(b"ready")
    engine.send("i", "\x03")
    assert engine.expect("D")["exit_code"] == 7


def test_many_clients_see_the_same(box):
    engine = box.start(["sh", "-c", "read x; sleep 0.5; echo for all"], input_open=True)
    others = [box.connect() for _ in range(3)]
    for other in others:
        other.send("a", {"input": False})
    others[0].send("i", "ignored\n")
    engine.send("i", "go\n")
    for client in [engine, *others]:
        assert client.expect("D")["exit_code"] == 0
        assert client.output == b"for all\n"


def test_the_container_survives_its_client(box):
    engine = box.start(["sh", "-c", "read x; echo still $x"], input_open=True, input_closes_with_client=True)
    engine.close()
    other = box.connect()
    other.send("a")
    other.send("i", "here\n")
    assert other.expect("D")["exit_code"] == 0
    assert other.output == b"still here\n"


def test_stop_sends_the_signal_and_then_kills(box):
    box.start(["sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"]).read_until(b"ready")
    other = box.connect()
    other.send("q")
    other.send("x")
    assert other.expect("D", passing="Y")["exit_code"] == 5
    assert box.wait_for_monitor() == 0 and box.exit_record()["stopped_by_user"]


def test_a_command_that_ignores_the_stop_signal_is_killed(box):
    engine = box.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
    engine.read_until(b"ready")
    before = time.monotonic()
    engine.send("x", {"timeout_ms": 300})
    assert engine.expect("D", passing="OEY")["exit_code"] == 137
    assert 0.3 <= time.monotonic() - before < 5


def test_a_command_that_is_not_there(box):
    engine = box.spawn(box.request(["/bin/nothing"]))
    kind, payload = engine.receive()
    if kind == "C":
        engine.send("s")
        kind, payload = engine.receive()
    assert kind == "F" and b'"exit_code":127' in payload and b"/bin/nothing" in payload
    box.wait_for_monitor()
    assert not os.path.exists(f"{box.run}/control.sock")


def test_a_command_that_cannot_be_executed(box):
    engine = box.spawn(box.request(["/etc/passwd"]))
    kind, payload = engine.receive()
    if kind == "C":
        engine.send("s")
        kind, payload = engine.receive()
    assert kind == "F" and b'"exit_code":126' in payload


def test_a_request_that_makes_no_sense(box):
    engine = box.spawn(b'{"id":"x","run_directory":7}')
    failure = engine.expect("F")
    assert failure["exit_code"] == 125 and failure["text"] == "read the container's request: field 'run_directory' is a whole number, not a string"
    assert box.wait_for_monitor() == 1


def test_remove_leaves_nothing(box):
    engine = box.start(["true"], remove_at_exit=[box.store, box.run])
    assert engine.expect("D")["exit_code"] == 0
    assert not os.path.exists(box.store) and not os.path.exists(box.run)
    assert box.wait_for_monitor() == 0


def test_restart_on_failure_so_many_times(box):
    engine = box.start(["sh", "-c", "echo run; exit 4"], restart="on-failure", most_restarts=2)
    ended = engine.expect("D")
    assert ended["exit_code"] == 4 and ended["restart_count"] == 2
    assert engine.output == b"run\n" * 3


def test_stop_during_the_pause_before_a_restart(box):
    engine = box.start(["sh", "-c", "exit 4"], restart="always")
    wait_until(lambda: box.state()["restart_count"] >= 2 and box.state()["status"] == "restarting", "the third pause")
    other = box.connect()
    other.send("x")
    other.expect("Y")
    assert engine.expect("D")["status"] == "exited"
    assert box.wait_for_monitor() == 0


def test_restart_that_was_asked_for(box):
    engine = box.start(["sh", "-c", "echo run; sleep 60"], restart="no")
    engine.read_until(b"run\n")
    first = box.state()["pid"]
    engine.send("r", {"timeout_ms": 0})
    engine.expect("Y")
    assert box.state()["pid"] != first and box.state()["status"] == "running" and not box.state()["stopped_by_user"]
    while engine.output.count(b"run\n") < 2:
        engine.receive()
    engine.send("x", {"timeout_ms": 0})
    engine.expect("D", passing="OEY")


def test_exec_runs_beside_the_command(box):
    box.start(["sleep", "60"], attach=False)
    client = box.connect()
    read_end, write_end = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    client.send("c", {"arguments": ["sh", "-c", "id -u; id -g; id -G; echo $HOME $A; pwd; exit 9"], "environment": ["PATH=/bin", "A=b"], "user": "web",
                      "working_directory": "/tmp"}, (null, write_end, null))
    os.close(write_end)
    assert client.expect("T")["pid"] > 0
    assert client.expect("U")["exit_code"] == 9
    with os.fdopen(read_end) as told:
        assert told.read().split("\n") == ["33", "34", "34 44", "/srv b", "/tmp", ""]
    os.close(null)


def test_exec_with_a_terminal(box):
    box.start(["sleep", "60"], attach=False)
    client = box.connect()
    client.send("c", {"arguments": ["sh", "-c", "stty size; read x; echo got $x"], "environment": ["PATH=/bin"], "terminal": True, "rows": 11, "columns": 22})
    client.expect("T")
    console = client.passed[0]
    os.write(console, b"in\n")
    assert client.expect("U")["exit_code"] == 0
    said = b""
    try:
        while piece := os.read(console, 4096):
            said += piece
    except OSError:
        pass
    assert b"11 22\r\n" in said and b"got in\r\n" in said


def test_exec_failures_are_named(box):
    box.start(["sleep", "60"], attach=False)
    client = box.connect()
    null = os.open("/dev/null", os.O_RDWR)
    client.send("c", {"arguments": ["/bin/nothing"]}, (null, null, null))
    assert client.expect("F")["exit_code"] == 127
    client.send("c", {"arguments": ["true"], "user": "nobody"}, (null, null, null))
    failure = client.expect("F")
    assert failure["text"] == "the container's /etc/passwd has no user 'nobody'" and failure["exit_code"] == 126
    client.send("c", {"arguments": []}, (null, null, null))
    assert "field 'arguments' is missing" in client.expect("F")["text"]
    os.close(null)


def test_tenants_end_with_the_container(box):
    engine = box.start(["sleep", "60"])
    client = box.connect()
    null = os.open("/dev/null", os.O_RDWR)
    client.send("c", {"arguments": ["sleep", "61"], "environment": ["PATH=/bin"]}, (null, null, null))
    pid = client.expect("T")["pid"]
    engine.send("x", {"timeout_ms": 0})
    assert client.expect("U")["exit_code"] == 137
    engine.expect("D", passing="OEY")
    assert not process_is_there(pid)
    os.close(null)


def test_a_killed_monitor_takes_the_container_with_it(box):
    box.start(["sh", "-c", "sleep 61 & sleep 60"])
    pid = box.state()["pid"]
    box.monitor.kill()
    box.monitor.wait()
    wait_until(lambda: not process_is_there(pid), "the end of init")


def test_sigterm_stops_the_container_in_order(box):
    engine = box.start(["sh", "-c", "trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done"], restart="always")
    engine.read_until(b"ready")
    box.monitor.terminate()
    ended = engine.expect("D")
    assert ended["exit_code"] == 6 and not ended["stopped_by_user"]
    assert box.wait_for_monitor() == 0


def test_an_engine_that_dies_before_the_start_leaves_nothing(box):
    engine = box.create(["sleep", "60"], remove_at_exit=[box.store, box.run])
    engine.close()
    assert box.wait_for_monitor() == 0
    assert not os.path.exists(box.run)


def test_wait_answers_at_the_end(box):
    box.start(["sh", "-c", "sleep 0.2; exit 8"], attach=False)
    client = box.connect()
    client.send("q")
    assert client.expect("D")["exit_code"] == 8


def test_unknown_and_late_messages_are_answered(box):
    engine = box.start(["sleep", "60"])
    engine.send("Z")
    assert engine.expect("F")["text"] == "the monitor does not know the message 'Z'"
    engine.send("s")
    assert engine.expect("F")["text"] == "the container was started already"
    engine.send("k", {"signal": 0})
    assert "field 'signal'" in engine.expect("F")["text"]
    engine.send("w", "not json")
    assert "not valid JSON" in engine.expect("F")["text"]


def test_a_container_that_stops_its_tenants_holds_up_nobody_else(box):
    box.start(["sh", "-c", "while :; do kill -STOP -1; done"], attach=False)
    client, other = box.connect(), box.connect()
    null = os.open("/dev/null", os.O_RDWR)
    client.send("c", {"arguments": ["true"]}, (null, null, null))
    time.sleep(0.3)
    other.send("x", {"timeout_ms": 0})
    other.expect("Y")
    answer = None
    while answer not in ("F", "U"):  # it did not come to run, or it was faster than the signal
        answer, _ = client.receive()
    os.close(null)


def copies_of(pid):
    """Its children that run the same program."""
    with open(f"/proc/{pid}/task/{pid}/children") as listing:
        children = listing.read().split()
    program, copies = os.readlink(f"/proc/{pid}/exe"), []
    for child in children:
        try:
            if os.readlink(f"/proc/{child}/exe") == program:
                copies.append(child)
        except OSError:
            continue  # it ended meanwhile
    return copies


def test_a_client_that_leaves_takes_what_is_being_made_for_it_along(box):
    box.start(["sh", "-c", "while :; do kill -STOP -1; done"], attach=False)
    null = os.open("/dev/null", os.O_RDWR)
    for _ in range(5):
        client = box.connect()
        client.send("c", {"arguments": ["true"]}, (null, null, null))
        time.sleep(0.1)
        client.close()
    os.close(null)
    wait_until(lambda: len(copies_of(box.monitor.pid)) <= 1, "all but the watcher to go")


def test_tenants_made_at_the_same_time_do_not_mix(box):
    box.start(["sleep", "60"], attach=False)
    clients = [box.connect() for _ in range(6)]
    null = os.open("/dev/null", os.O_RDWR)
    for number, client in enumerate(clients):
        client.send("c", {"arguments": ["sh", "-c", f"exit {number + 10}"], "environment": ["PATH=/bin"]}, (null, null, null))
    for number, client in enumerate(clients):
        client.expect("T")
        assert client.expect("U")["exit_code"] == number + 10
    os.close(null)


def test_the_log_is_rotated(box):
    engine = box.start(["sh", "-c", "yes 0123456789 | head -n 2000"], log={"file": box.log, "largest_file": 20_000, "files": 3})
    engine.expect("D")
    names = sorted(name for name in os.listdir(box.store) if name.startswith("container.log"))
    assert names == ["container.log", "container.log.1", "container.log.2"]


def test_an_idle_monitor_is_small(box):
    box.start(["sleep", "60"], attach=False)
    with open(f"/proc/{box.monitor.pid}/maps") as maps:
        if "libasan" in maps.read():
            pytest.skip("the address sanitizer's own memory is in the figure")
    time.sleep(0.6)
    private = 0
    with open(f"/proc/{box.monitor.pid}/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                private += int(line.split()[1])
    assert private <= 1024, f"{private} kB of private memory"


def test_layers_are_the_root_and_changes_go_to_the_upper_one(box):
    overlay = box.overlay()
    engine = box.start(["sh", "-c", "echo new > /etc/new; cat /etc/passwd"], overlay=overlay)
    ended = engine.expect("D")
    assert ended["exit_code"] == 0 and not ended.get("error") and b"web:x:33" in engine.output
    with open(f"{overlay['upper']}/etc/new") as new:
        assert new.read() == "new\n"
    assert not os.path.exists(f"{box.rootfs}/etc/new")
    box.wait_for_monitor()
    with open("/proc/mounts") as mounts:
        assert box.top not in mounts.read()


def test_remove_takes_the_layers_of_subordinate_users_too(box):
    overlay = box.overlay()
    engine = box.start(["sh", "-c", "mkdir -p /srv/a; touch /srv/a/b; busybox chown -R 33:34 /srv; busybox chmod 700 /srv"], overlay=overlay,
                       remove_at_exit=[overlay["upper"], overlay["work"], box.store, box.run])
    assert engine.expect("D").get("error", "") == ""
    assert not any(os.path.exists(path) for path in (overlay["upper"], overlay["work"], box.store, box.run))


def test_layers_survive_a_restart(box):
    engine = box.start(["sh", "-c", "echo x >> /etc/count; wc -l < /etc/count; exit 1"], overlay=box.overlay(), restart="on-failure", most_restarts=2)
    assert engine.expect("D")["restart_count"] == 2
    assert engine.output.split() == [b"1", b"2", b"3"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_published_ports_lead_into_the_container(box):
    port = free_port()
    box.start(["sh", "-c", "while :; do echo hello | nc -l -p 80; done"], ports=[{"address": "127.0.0.1", "host_port": port, "container_port": 80}])
    assert box.state()["ports"] == [f"127.0.0.1:{port}->80/tcp"]

    def answer():
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                return client.recv(100)
        except ConnectionError:  # between two runs of nc
            return b""

    assert wait_until(answer, "an answer") == b"hello\n"
    other = box.connect()
    other.send("x", {"timeout_ms": 0})
    other.expect("Y")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
        again.listen()  # free once the client knows


def test_a_port_that_is_taken_is_an_error_that_leaves_nothing(box):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        engine = box.spawn(box.request(["true"], ports=[{"address": "127.0.0.1", "host_port": port, "container_port": 80}], remove_at_exit=[box.run]))
        failure = engine.expect("F")
        assert failure["exit_code"] == 125 and str(port) in failure["text"]
        assert box.wait_for_monitor() == 1 and not os.path.exists(box.run)


def test_network_none_has_loopback_only(box):
    engine = box.start(["sh", "-c", "cat /proc/net/dev | wc -l"])
    engine.expect("D")
    assert engine.output.split() == [b"3"]  # two lines of heading


def test_the_hosts_network(box):
    engine = box.start(["sh", "-c", "cat /proc/net/dev | wc -l"], network="host")
    engine.expect("D")
    with open("/proc/net/dev") as devices:
        assert int(engine.output) == len(devices.readlines())


def test_memory_limits_and_their_victims_are_noticed(box):
    if box.rootless:
        pytest.skip("an ordinary user has no cgroup here")
    if not os.path.isdir("/sys/fs/cgroup/memory") and not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("no memory controller on this host")
    request = box.request(["dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"])
    request["spec"]["linux"]["resources"] = {"memory": {"limit": 20 << 20}}
    request["spec"]["linux"]["cgroupsPath"] = "/bolt-test/" + request["id"]
    try:
        engine = box.spawn(request)
        engine.expect("C")
        engine.send("s")
        engine.expect("S")
        ended = engine.expect("D")
        assert ended["exit_code"] == 137 and ended["oom_killed"]
        assert ended["cgroup"].endswith("/bolt-test/" + request["id"])
    finally:
        for parent in [*glob.glob("/sys/fs/cgroup/*/bolt-test"), *glob.glob("/sys/fs/cgroup/bolt-test")]:
            os.rmdir(parent)


def test_a_late_client_that_does_not_read_is_detached_and_the_container_goes_on(box):
    engine = box.start(["sh", "-c", "read x; dd if=/dev/zero bs=65536 count=64 2>/dev/null; echo end"], input_open=True)
    slow = box.connect()
    slow.send("a", {"input": False})
    slow.send("w", {"rows": 1, "columns": 1})
    time.sleep(0.1)
    engine.send("i", "go\n")
    engine.expect("D")
    assert engine.output.endswith(b"end\n") and len(engine.output) == 64 * 65536 + 4
    assert "behind" in slow.expect("F")["text"]


def test_orphans_are_reaped(box):
    """What a tenant's runtime or a killed hook leaves behind is adopted and does not pile up."""
    engine = box.start(["sh", "-c", "read x"], input_open=True)
    for _ in range(5):
        client = box.connect()
        null = os.open("/dev/null", os.O_RDWR)
        client.send("c", {"arguments": ["true"], "environment": ["PATH=/bin"]}, (null, null, null))
        os.close(null)
        assert client.expect("U", passing="T")["exit_code"] == 0
    with open(f"/proc/{box.monitor.pid}/task/{box.monitor.pid}/children") as children:
        assert len(children.read().split()) == (2 if box.runtime else 1)  # init, and who watches for the monitor's death
    engine.send("i", "\n")
    engine.expect("D")


@pytest.fixture
def pasta():
    """pasta is installed, and the TUN device is open to users, as udev leaves it on Debian."""
    device = "/dev/net/tun"
    if not shutil.which("pasta"):
        pytest.skip("pasta is not installed (package passt)")
    if not os.path.exists(device):
        pytest.skip("this machine has no /dev/net/tun")
    before = stat.S_IMODE(os.stat(device).st_mode)
    os.chmod(device, 0o666)
    yield
    os.chmod(device, before)


def pasta_of(monitor):
    """pasta's pid: the child of its keeper, which is the monitor's child."""
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children") as listed:
            return listed.read().split()

    for keeper in children(monitor):
        for pid in children(keeper):
            with open(f"/proc/{pid}/comm") as name:
                if name.read().startswith(("pasta", "passt")):
                    return int(pid)
    return None


def test_pasta_comes_and_goes_with_the_container(box, pasta):
    engine = box.spawn(box.request(["sh", "-c", "cat /proc/net/dev | wc -l; read x"], network="pasta", input_open=True))
    kind, payload = engine.receive()
    if kind == "F" and b"pasta" in payload:
        pytest.skip(f"pasta does not work on this machine: {payload.decode()}")
    assert kind == "C"
    engine.send("a")
    engine.send("s")
    engine.expect("S")
    engine.read_until(b"\n")
    assert int(engine.output) > 3
    running = pasta_of(box.monitor.pid)
    assert running
    engine.send("i", "\n")
    engine.expect("D")
    wait_until(lambda: not process_is_there(running), "pasta, which was told before the client, to be gone")


def test_pasta_ends_with_a_killed_monitor(box, pasta):
    engine = box.spawn(box.request(["sleep", "60"], network="pasta"))
    kind, payload = engine.receive()
    if kind == "F" and b"pasta" in payload:
        pytest.skip(f"pasta does not work on this machine: {payload.decode()}")
    engine.send("s")
    engine.expect("S")
    running = pasta_of(box.monitor.pid)
    assert running
    box.monitor.kill()
    box.monitor.wait()
    wait_until(lambda: not process_is_there(running), "the end of pasta")


def test_the_loss_of_pasta_is_said_and_survived(box, pasta):
    engine = box.spawn(box.request(["sh", "-c", "read x"], network="pasta", input_open=True))
    kind, payload = engine.receive()
    if kind == "F" and b"pasta" in payload:
        pytest.skip(f"pasta does not work on this machine: {payload.decode()}")
    engine.send("a")
    engine.send("s")
    engine.expect("S")
    os.kill(pasta_of(box.monitor.pid), signal.SIGKILL)
    wait_until(lambda: "lost its network" in box.state().get("error", ""), "word of it")
    engine.send("i", "\n")
    ended = engine.expect("D")
    assert ended["status"] == "exited" and ended["exit_code"] in (0, 1)
