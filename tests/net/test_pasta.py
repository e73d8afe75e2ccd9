import os
import socket
import subprocess
import threading
import time

import pytest
from places import descendants, forwarding, have, is_alive, kill, refusal, wait_until


def answering_server(place, address, port, text):
    listener = place.server(address, port)
    listener.settimeout(None)

    def work():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.sendall(text)
            connection.close()

    threading.Thread(target=work, daemon=True).start()
    return listener


def processes_of(forward):
    (keeper, keeper_name), (pasta_pid, pasta_name) = descendants(forward.process.pid)
    assert keeper_name == "bolt-pasta"
    assert pasta_name.startswith("pas")  # pasta, or passt.avx2, which it becomes where it can
    return keeper, pasta_pid


@pytest.fixture(params=["root", "user"])
def attached(request, pasta, network, user):
    """A container's namespace with pasta, made by root and by an ordinary user in a user namespace."""
    host, outside = network
    options = {} if request.param == "root" else {"user": user.number, "program": user.program}
    more = [] if request.param == "root" else ["--user", user.holders]
    with forwarding(host, "--pasta", "-p", "8080:80", *more, **options) as forward:
        yield host, outside, forward


def test_inside_reaches_outside_and_outside_reaches_the_port(attached):
    host, outside, forward = attached
    assert forward.address == "198.18.0.1"
    answering_server(outside, "198.18.0.2", 7000, b"from outside")
    answering_server(outside, "2001:db8::2", 7000, b"from outside 6")
    with forward.place.client("198.18.0.2", 7000) as client:
        assert client.recv(100) == b"from outside"
    with forward.place.client("2001:db8::2", 7000) as client:
        assert client.recv(100) == b"from outside 6"
    answering_server(forward.place, "0.0.0.0", 80, b"from inside")
    for place, address in ((outside, "198.18.0.1"), (outside, "2001:db8::1"), (host, "127.0.0.1"), (host, "::1")):
        with place.client(address, 8080) as client:
            assert client.recv(100) == b"from inside"


def test_nothing_is_forwarded_unasked(attached):
    host, outside, forward = attached
    answering_server(forward.place, "0.0.0.0", 81, b"private")
    answering_server(host, "127.0.0.1", 7001, b"the host's own")
    time.sleep(1.5)  # pasta's own forwards look for new listeners every second
    # 198.18.0.2 is the gateway, which pasta by default takes for the host's loopback.
    for place, address, port in ((outside, "198.18.0.1", 81), (host, "127.0.0.1", 81), (forward.place, "127.0.0.1", 7001),
                                 (forward.place, "198.18.0.2", 7001)):
        client = place.make_socket()
        client.settimeout(2)
        with client, pytest.raises(OSError):
            client.connect((address, port))


def test_names_are_asked_of_the_hosts_resolver(pasta, network):
    if not have("mount"):
        pytest.skip("needs the package mount")
    host, outside = network
    # A mount namespace of its own, so that pasta reads another /etc/resolv.conf.
    with open("/etc/resolv.conf") as file:
        before = file.read()
    server = host.server("127.0.0.53", 53, socket.SOCK_DGRAM)
    server.settimeout(10)
    shell = ("printf 'nameserver 127.0.0.53\\n' > /tmp/resolv.$$ && mount --bind /tmp/resolv.$$ /etc/resolv.conf && rm /tmp/resolv.$$ && "
             'exec "$0" "$@"')
    with forwarding(host, "-m", "sh", "-c", shell, os.environ["BOLT_NET_FORWARD"], "--pasta", program="unshare") as forward:
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"
        with forward.place.client("169.254.1.1", 53, socket.SOCK_DGRAM) as client:
            client.send(query)
            data, peer = server.recvfrom(512)
            assert data == query
            server.sendto(b"answer", peer)
            assert client.recv(512) == b"answer"
    server.close()
    with open("/etc/resolv.conf") as file:
        assert file.read() == before


def test_ping_and_low_ports_need_no_privilege(attached, user):
    _, _, forward = attached
    with open(f"/proc/{forward.process.pid}/uid_map") as file:
        is_root = file.read().split()[1] == "0"
    with forward.place.entered():
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            assert file.read().strip() == "0"
        with open("/proc/sys/net/ipv4/ping_group_range") as file:
            # Read from here, group 0 of the user's namespace is the user's own.
            assert file.read().split() == (["0", "2147483647"] if is_root else [str(user.number)] * 2)
        with open("/proc/sys/net/ipv6/conf/default/accept_dad") as file:
            assert file.read().strip() == "0"


def test_ends_with_the_monitor(attached):
    _, _, forward = attached
    keeper, pasta_pid = processes_of(forward)
    forward.process.stdin.close()
    forward.process.wait(10)
    assert forward.process.returncode == 0
    assert not is_alive(keeper)
    assert not is_alive(pasta_pid)


def test_ends_when_the_monitor_is_killed(attached):
    _, _, forward = attached
    keeper, pasta_pid = processes_of(forward)
    forward.process.kill()
    wait_until(lambda: not is_alive(keeper) and not is_alive(pasta_pid), "the keeper and pasta to end")


def test_pasta_that_is_killed_is_told(attached):
    _, _, forward = attached
    keeper, pasta_pid = processes_of(forward)
    kill(pasta_pid)
    assert forward.line() == "end pasta was killed by SIGKILL: it gave no reason; the container has no way out any more"
    wait_until(lambda: not is_alive(keeper), "the keeper to end")


def test_a_killed_keeper_is_told_and_pasta_is_not_left(attached):
    _, _, forward = attached
    keeper, pasta_pid = processes_of(forward)
    kill(keeper)
    assert forward.line() == "end pasta's keeper was killed; the container has no way out any more"
    wait_until(lambda: not is_alive(pasta_pid), "pasta to end")


def test_two_containers_at_once(pasta, network):
    host, outside = network
    answering_server(outside, "198.18.0.2", 7000, b"hello")
    with forwarding(host, "--pasta") as one, forwarding(host, "--pasta") as two:
        for forward in (one, two):
            with forward.place.client("198.18.0.2", 7000) as client:
                assert client.recv(100) == b"hello"


def starts_without_a_route():
    """Newer ones (Debian 13) then give the namespace link-local addresses; Debian 12's refuses."""
    return "--map-host-loopback" in subprocess.run(["pasta", "--help"], capture_output=True, text=True).stdout


def test_a_host_without_a_way_out(pasta, host):
    before = {pid for pid, _ in descendants(os.getpid())}
    if starts_without_a_route():
        with forwarding(host, "--pasta", "-p", "8080:80") as forward:
            answering_server(forward.place, "0.0.0.0", 80, b"from inside")
            with host.client("127.0.0.1", 8080) as client:
                assert client.recv(100) == b"from inside"
    else:
        assert refusal(host, "--pasta") == ("pasta needs a default route and this host has none: connect the host first, or use --network "
                                            "none or host")
    assert {pid for pid, _ in descendants(os.getpid())} <= before


def test_pasta_is_not_installed(host):
    assert refusal(host, "--pasta", environment=["PATH=/nonexistent"]) == \
        "pasta is not installed; install the package 'passt', or use --network none or host"


def test_a_refused_tun_device_is_explained(pasta, network, user):
    os.chmod("/dev/net/tun", 0o600)
    host, _ = network
    done = subprocess.run(["nsenter", f"--net=/proc/{host.pid}/ns/net", "setpriv", f"--reuid={user.number}", f"--regid={user.number}",
                           "--clear-groups", user.program, "--pasta", "--user", user.holders],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("pasta could not attach the container's network: ")
    assert "tun" in done.stderr
