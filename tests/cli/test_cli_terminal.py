"""bolt at a terminal, and as a part of pipelines: raw mode, window sizes, signals, detaching, streams that end."""
import os
import signal
import subprocess
import time

import pytest

from bolt_runner import IMAGE, bolt, bolt_with_store, wait_until  # noqa: F401: fixtures
from terminal_session import Session

SHELL = ["run", "--rm", "-it", "--network", "none"]


def at_terminal(bolt, *words, **more):
    return Session(bolt.arguments(words), bolt.environment, **more)


def shell(bolt, *options):
    session = at_terminal(bolt, *SHELL, *options, IMAGE, "sh")
    session.expect("[#$] ")
    return session


def test_a_shell_at_a_terminal(bolt):
    session = shell(bolt)
    assert session.is_raw()
    session.type("tty; echo in$((40+2))\r")
    session.expect("/dev/pts/0\r\nin42\r\n")
    session.type("exit 3\r")
    assert session.end() == 3


def test_the_window_has_the_terminals_size_and_follows_it(bolt):
    session = at_terminal(bolt, *SHELL, IMAGE, "sh", "-c", "stty size; read x; stty size", rows=33, columns=101)
    session.expect("33 101\r\n")
    session.resize(40, 120)
    time.sleep(0.3)
    session.type("\r")
    session.expect("40 120\r\n")
    assert session.end() == 0


def test_ctrl_c_at_a_terminal_interrupts_what_runs_in_it(bolt):
    session = shell(bolt)
    session.type("sleep 1000\r")
    session.expect("sleep 1000")
    time.sleep(0.2)
    session.type("\x03")
    session.expect("[#$] ")
    session.type("echo $?\r")
    session.expect("130\r\n")
    session.type("exit\r")
    session.end()


def test_detach_and_attach(bolt):
    session = at_terminal(bolt, "run", "-it", "--name", "left", "--network", "none", IMAGE, "sh")
    session.expect("[#$] ")
    session.type("X=kept\r\x10\x11")
    assert session.end() == 0
    assert bolt.inspect("left", "{{.State.Status}}") == "running"
    again = at_terminal(bolt, "attach", "left")
    again.type("\recho $X\r")
    again.expect("kept\r\n")
    again.type("exit 5\r")
    assert again.end() == 5
    bolt.ok("rm", "left")


def test_other_detach_keys(bolt):
    session = at_terminal(bolt, "run", "-it", "--name", "keys", "--detach-keys", "ctrl-x,y", "--network", "none", IMAGE, "cat")
    session.type("\x10\x11\r")  # are nothing but input here
    session.expect(r"\^P")
    session.type("\x18y")
    assert session.end() == 0
    bolt.ok("rm", "-f", "keys")


def test_a_signal_from_outside_reaches_the_container_and_the_terminal_is_restored(bolt):
    session = at_terminal(bolt, *SHELL, IMAGE, "sh", "-c", "trap 'echo got; exit 4' TERM; echo ready; while :; do sleep 0.05; done")
    session.expect("ready")
    os.kill(session.pid, signal.SIGTERM)
    session.expect("got")
    assert session.end() == 4


def test_ctrl_c_without_a_terminal_in_the_container_is_its_sigint(bolt):
    session = at_terminal(bolt, "run", "--rm", "--network", "none", IMAGE, "sh", "-c", "trap 'echo got; exit 6' INT; echo ready; while :; do sleep 0.05; done")
    session.expect("ready")
    assert not session.is_raw()
    session.type("\x03")
    session.expect("got")
    assert session.end() == 6


def test_without_sig_proxy_bolt_dies_and_the_container_goes_on(bolt):
    process = bolt.begin("run", "--name", "alone", "--sig-proxy=false", "--network", "none", IMAGE, "sh", "-c", "echo ready; sleep 1000")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    process.communicate()
    assert bolt.inspect("alone", "{{.State.Running}}") == "true"
    bolt.ok("rm", "-f", "alone")


def test_tty_without_a_terminal_is_refused(bolt):
    for words in (["run", "--rm", "-it", IMAGE, "sh"], ["exec", "-it", "nobody", "sh"]):
        done = bolt(*words)
        assert done.code == 1 and "the input device is not a TTY" in done.err
    assert bolt.entries("containers") == []


def test_input_from_a_file_ends_and_large_streams_pass_whole(bolt):
    path = f"{bolt.top}/large"
    with open(path, "wb") as file:
        file.write(os.urandom(3_000_000))
    with open(path, "rb") as file:
        done = subprocess.run(bolt.arguments(["run", "--rm", "-i", "--network", "none", IMAGE, "cat"]), env=bolt.environment, stdin=file, capture_output=True, timeout=60)
    with open(path, "rb") as file:
        assert done.returncode == 0 and done.stdout == file.read(), done.stderr


def test_a_reader_that_is_slow_loses_nothing(bolt):
    process = subprocess.Popen(bolt.arguments(["run", "--rm", "--network", "none", IMAGE, "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"]),
                               env=bolt.environment, stdout=subprocess.PIPE)
    time.sleep(1)
    lines = process.stdout.read().split(b"\n")
    assert process.wait(30) == 0
    assert lines == [b"line %d" % number for number in range(20000)] + [b""]


def test_a_reader_that_goes_away_ends_bolt_as_sigpipe_does(bolt):
    process = subprocess.Popen(bolt.arguments(["run", "--name", "piped", "--network", "none", IMAGE, "sh", "-c", "while :; do echo y; sleep 0.01; done"]), env=bolt.environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"y\n"
    process.stdout.close()
    assert process.wait(10) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()
    assert bolt.inspect("piped", "{{.State.Running}}") == "true"
    bolt.ok("rm", "-f", "piped")


def test_a_full_disk_is_named(bolt):
    with open("/dev/full", "w") as full:
        done = subprocess.run(bolt.arguments(["version"]), env=bolt.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 1 and done.stderr == "bolt: standard output: write: No space left on device\n"


@pytest.fixture
def sleeper(bolt):
    bolt.ok("run", "-d", "--name", "sleeper", "--network", "none", "-e", "OWN=1", IMAGE, "sleep", "1000")
    yield "sleeper"
    bolt.ok("rm", "-f", "sleeper")


def test_exec_at_a_terminal(bolt, sleeper):
    session = at_terminal(bolt, "exec", "-it", sleeper, "sh", rows=21, columns=77)
    session.expect("[#$] ")
    session.type("stty size; echo $OWN $TERM\r")
    session.expect("21 77\r\n1 xterm\r\n")
    session.resize(50, 90)
    time.sleep(0.3)
    session.type("stty size\r")
    session.expect("50 90\r\n")
    session.type("exit 9\r")
    assert session.end() == 9


def test_exec_passes_streams_and_codes(bolt, sleeper):
    done = bolt("exec", "-i", "-e", "A=b", "-w", "/tmp", sleeper, "sh", "-c", "cat; echo $A; pwd; echo err >&2; exit 8", stdin="through\n")
    assert (done.code, done.out, done.err) == (8, "through\nb\n/tmp\n", "err\n")
    assert bolt("exec", sleeper, "nosuch").code == 127
    assert bolt("exec", sleeper, "/etc").code == 126
    assert bolt("exec", "nobody", "true").code == 1
    assert bolt("exec", "-d", sleeper, "touch", "/made").code == 0
    wait_until(lambda: bolt("exec", sleeper, "test", "-e", "/made").code == 0, "the file that a detached command makes")


def test_start_attached(bolt):
    bolt.ok("create", "--name", "again", "-i", "--network", "none", IMAGE, "sh", "-c", "read x; echo got $x; exit 2")
    for word in ("one", "two"):
        done = bolt("start", "-ai", "again", stdin=word + "\n")
        assert (done.code, done.out) == (2, f"got {word}\n"), done
    bolt.ok("rm", "again")
