import hashlib
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from places import forwarding, fresh_place, refusal, wait_until


def serve(listener, handle):
    """Accepts for as long as the listener lives, one thread a connection."""

    def work():
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            threading.Thread(target=handle, args=(connection, peer), daemon=True).start()

    listener.settimeout(None)
    threading.Thread(target=work, daemon=True).start()


def echo(connection, _peer):
    with connection:
        while piece := connection.recv(65536):
            connection.sendall(piece)


def read_all(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, "ended early"
        data += piece
    return data


@pytest.mark.parametrize("spec,address", [("80", "127.0.0.1"), ("80", "::1"), ("127.0.0.1::80", "127.0.0.1"), ("[::1]::80", "::1")])
def test_reaches_the_server_on_each_family(host, spec, address):
    with forwarding(host, "-p", spec) as forward:
        serve(forward.place.server("0.0.0.0", 80), echo)
        with host.client(address, forward.port()) as client:
            client.sendall(b"hello")
            assert exactly(client, 5) == b"hello"


def test_the_server_sees_its_own_address_not_loopback(network):
    host, outside = network
    with forwarding(host, "-p", "8080:80") as forward:
        with forward.place.entered():
            subprocess.run(["ip", "link", "add", "c0", "type", "veth", "peer", "name", "c1"], check=True)
            subprocess.run(["ip", "address", "add", "10.9.0.5/24", "dev", "c0"], check=True)
            subprocess.run(["ip", "link", "set", "c0", "up"], check=True)
            subprocess.run(["ip", "link", "set", "c1", "up"], check=True)
        seen = []
        serve(forward.place.server("0.0.0.0", 80), lambda connection, peer: (seen.append(peer[0]), connection.close()))
        loopback_only = forward.place.server("127.0.0.1", 81)
        with outside.client("198.18.0.1", 8080) as client:
            assert client.recv(1) == b""
        assert seen == ["10.9.0.5"]
        loopback_only.close()


def test_a_server_on_loopback_alone_stays_private(network):
    host, outside = network
    with forwarding(host, "-p", "8080:80") as forward:
        with forward.place.entered():
            subprocess.run(["ip", "address", "add", "10.9.0.5/24", "dev", "lo"], check=True)
        serve(forward.place.server("127.0.0.1", 80), echo)
        with pytest.raises(ConnectionResetError), outside.client("198.18.0.1", 8080) as client:
            client.recv(1)


def test_range_of_ports(host):
    with forwarding(host, "-p", "127.0.0.1:9000-9002:80-82") as forward:
        assert forward.ports == ["127.0.0.1:9000->80/tcp", "127.0.0.1:9001->81/tcp", "127.0.0.1:9002->82/tcp"]
        for i in range(3):
            serve(forward.place.server("0.0.0.0", 80 + i), lambda c, _p, i=i: (c.sendall(b"%d" % i), c.close()))
        for i in range(3):
            with host.client("127.0.0.1", 9000 + i) as client:
                assert read_all(client) == b"%d" % i


def test_two_hundred_connections_at_once(host):
    with forwarding(host, "-p", "8080:80") as forward:
        serve(forward.place.server("0.0.0.0", 80), echo)
        clients = [host.client("127.0.0.1", 8080) for _ in range(200)]
        for i, client in enumerate(clients):
            client.sendall(b"%05d" % i * 1000)
        for i, client in enumerate(clients):
            assert exactly(client, 5000) == b"%05d" % i * 1000
        assert forward.ask("active") == 200
        for client in clients:
            client.close()
        wait_until(lambda: forward.ask("active") == 0, "the connections to end")
        forward.check_memory()


def test_a_hundred_megabytes_both_ways_at_once(host):
    size, piece = 100 * 1000 * 1000, os.urandom(1 << 20)
    stream = (piece * (size // len(piece) + 1))[:size]
    expected = hashlib.sha256(stream).hexdigest()
    results = {}

    def receive(connection, name):
        digest = hashlib.sha256()
        while data := connection.recv(1 << 18):
            digest.update(data)
        results[name] = digest.hexdigest()

    def both_ways(connection, name):
        reader = threading.Thread(target=receive, args=(connection, name))
        reader.start()
        connection.sendall(stream)
        connection.shutdown(socket.SHUT_WR)
        reader.join(60)

    with forwarding(host, "-p", "8080:80") as forward:
        done = threading.Event()
        serve(forward.place.server("0.0.0.0", 80), lambda c, _p: (both_ways(c, "server"), c.close(), done.set()))
        with host.client("127.0.0.1", 8080) as client:
            both_ways(client, "client")
        assert done.wait(60)
        assert results == {"server": expected, "client": expected}


def test_each_direction_ends_by_itself(host):
    with forwarding(host, "-p", "8080:80") as forward:

        def count_then_talk(connection, _peer):
            with connection:
                got = read_all(connection)  # the client's end arrives while its other direction is open
                for _ in range(3):
                    connection.sendall(b"%d " % len(got))
                    time.sleep(0.05)

        serve(forward.place.server("0.0.0.0", 80), count_then_talk)
        with host.client("127.0.0.1", 8080) as client:
            client.sendall(b"x" * 1234)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"1234 1234 1234 "
        wait_until(lambda: forward.ask("active") == 0, "the connection to end")


def test_server_that_ends_first_still_reads(host):
    got, done = [], threading.Event()
    with forwarding(host, "-p", "8080:80") as forward:

        def greet_then_read(connection, _peer):
            with connection:
                connection.sendall(b"bye")
                connection.shutdown(socket.SHUT_WR)
                got.append(read_all(connection))
                done.set()

        serve(forward.place.server("0.0.0.0", 80), greet_then_read)
        with host.client("127.0.0.1", 8080) as client:
            assert read_all(client) == b"bye"
            client.sendall(b"y" * 500000)
        assert done.wait(10)
        assert got == [b"y" * 500000]


def test_nobody_listens_inside(host):
    with forwarding(host, "-p", "8080:80") as forward:
        for address in ("127.0.0.1", "::1"):
            with pytest.raises(ConnectionResetError), host.client(address, 8080) as client:
                client.recv(1)
        wait_until(lambda: forward.ask("active") == 0, "the connections to end")


def test_server_resets(host):
    with forwarding(host, "-p", "8080:80") as forward:

        def answer_then_reset(connection, _peer):
            exactly(connection, 3)
            connection.sendall(b"last words")
            time.sleep(0.1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        serve(forward.place.server("0.0.0.0", 80), answer_then_reset)
        with host.client("127.0.0.1", 8080) as client:
            client.sendall(b"abc")
            assert exactly(client, 10) == b"last words"
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        wait_until(lambda: forward.ask("active") == 0, "the connection to end")


def test_client_resets(host):
    ended = threading.Event()

    def wait_for_reset(connection, _peer):
        with connection:
            try:
                read_all(connection)
            except ConnectionResetError:
                ended.set()

    with forwarding(host, "-p", "8080:80") as forward:
        serve(forward.place.server("0.0.0.0", 80), wait_for_reset)
        client = host.client("127.0.0.1", 8080)
        client.sendall(b"abc")
        wait_until(lambda: forward.ask("active") == 1, "the connection")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        assert ended.wait(10)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_slow_receiver_holds_the_sender_back_and_costs_no_time(host):
    with forwarding(host, "-p", "8080:80") as forward:
        go = threading.Event()
        got = []

        def read_late(connection, _peer):
            with connection:
                go.wait(20)
                got.append(len(read_all(connection)))

        serve(forward.place.server("0.0.0.0", 80), read_late)
        with host.client("127.0.0.1", 8080) as client:
            client.settimeout(0.5)
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 200_000_000:
                    sent += client.send(b"z" * 65536)
            before = cpu_seconds(forward.process.pid)
            time.sleep(0.5)
            assert cpu_seconds(forward.process.pid) - before < 0.1
            forward.check_memory()
            go.set()
        wait_until(lambda: got, "the server to have read")
        assert got == [sent]


def test_both_ended_with_a_full_receiver_does_not_spin(host):
    with forwarding(host, "-p", "8080:80") as forward:
        go = threading.Event()

        def end_then_wait(connection, _peer):
            with connection:
                connection.shutdown(socket.SHUT_WR)
                go.wait(20)
                read_all(connection)

        serve(forward.place.server("0.0.0.0", 80), end_then_wait)
        with host.client("127.0.0.1", 8080) as client:
            assert client.recv(1) == b""
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                while True:
                    client.send(b"z" * 65536)
            client.shutdown(socket.SHUT_WR)
            time.sleep(0.1)
            before = cpu_seconds(forward.process.pid)
            time.sleep(0.5)
            assert cpu_seconds(forward.process.pid) - before < 0.1
            go.set()
        wait_until(lambda: forward.ask("active") == 0, "the connection to end")


def test_at_the_limit_clients_wait_their_turn(host):
    with forwarding(host, "-p", "8080:80", "--connections", "4") as forward:
        serve(forward.place.server("0.0.0.0", 80), echo)
        clients = [host.client("127.0.0.1", 8080) for _ in range(10)]
        for client in clients:
            client.sendall(b"turn")
        for client in clients:  # the first four are served at once; each that ends makes room for one
            assert exactly(client, 4) == b"turn"
            assert forward.ask("active") <= 4
            client.close()
        wait_until(lambda: forward.ask("active") == 0, "the connections to end")


def test_few_open_files(host):
    with forwarding(host, "-p", "8080:80", "--connections", "1000", limit=32) as forward:
        serve(forward.place.server("0.0.0.0", 80), echo)
        clients, served = [], 0
        for _ in range(40):
            try:
                clients.append(host.client("127.0.0.1", 8080))
            except ConnectionResetError:
                pass  # it was accepted, and then no descriptor was left for its other half
        for client in clients:
            try:
                client.sendall(b"x")
                served += client.recv(1) == b"x"
            except ConnectionResetError:
                pass
            client.close()
        assert served >= 20
        with host.client("127.0.0.1", 8080) as client:
            client.sendall(b"again")
            assert exactly(client, 5) == b"again"


def test_taken_port_names_the_process_and_a_free_one(host):
    holder = subprocess.Popen(
        ["nsenter", f"--net=/proc/{host.pid}/ns/net", sys.executable, "-c", "import socket,time\ns=socket.create_server(('127.0.0.1',8080))\nt=socket.create_server(('',8081))\nprint(1,flush=True)\ntime.sleep(60)"],
        stdout=subprocess.PIPE)
    try:
        holder.stdout.read(1)
        with open(f"/proc/{holder.pid}/comm") as file:
            name = file.read().strip()
        text = refusal(host, "-p", "8080:80")
        assert text == f"port 8080 is already used by {name} (pid {holder.pid}); choose another host port, e.g. -p 8082:80"
        text = refusal(host, "-p", "127.0.0.1:8080:80", user=61234)
        assert text == ("port 8080 is already used by a process of user id 0 (only root may see which); choose another host port, "
                        "e.g. -p 127.0.0.1:8082:80")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_other_refusals(host):
    assert refusal(host, "-p", "8080:80", "-p", "8080:81") == "port 8080/tcp is published twice"
    assert refusal(host, "-p", "192.0.2.77:8080:80").startswith("address 192.0.2.77 is not one of this host's; ")
    text = refusal(host, "-p", "80:80", user=61234)
    assert text == ("port 80 is only for root: ordinary users may publish ports from 1024 on; choose e.g. -p 8080:80, or as root: "
                    "sysctl net.ipv4.ip_unprivileged_port_start=80")


def test_nothing_stays_bound_when_one_port_fails(host):
    taken = host.server("0.0.0.0", 8081)
    assert "8081" in refusal(host, "-p", "8080:80", "-p", "8081:81")
    host.server("0.0.0.0", 8080).close()
    taken.close()


def test_a_host_without_ipv6(host):
    host.run("sysctl", "-q", "net.ipv6.conf.all.disable_ipv6=1")
    with forwarding(host, "-p", "8080:80") as forward:
        serve(forward.place.server("0.0.0.0", 80), echo)
        with host.client("127.0.0.1", 8080) as client:
            client.sendall(b"four")
            assert exactly(client, 4) == b"four"


def test_a_chosen_port_is_told_and_works(host):
    with forwarding(host, "-p", "80", "-p", "81/udp") as forward:
        assert all(forward.port(i) >= 1024 for i in range(2))
        assert forward.ports[1].endswith("->81/udp")


def test_reaches_a_second_namespace_only(host):
    with fresh_place() as other, forwarding(host, "-p", "8080:80") as forward:
        with pytest.raises(ConnectionRefusedError):
            other.client("127.0.0.1", 8080)
        serve(forward.place.server("0.0.0.0", 80), echo)
        host.client("127.0.0.1", 8080).close()
