import socket
import threading
import time

import pytest
from places import forwarding, wait_until


def echo(server):
    def work():
        while True:
            try:
                data, peer = server.recvfrom(65536)
            except OSError:
                return
            server.sendto(data[::-1], peer)

    server.settimeout(None)
    threading.Thread(target=work, daemon=True).start()


def ask(client, data):
    client.send(data)
    return client.recv(65536)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("inside", ["0.0.0.0", "::"])
def test_reaches_the_server_on_each_family(host, address, inside):
    with forwarding(host, "-p", "5353:53/udp") as forward:
        echo(forward.place.server(inside, 53, socket.SOCK_DGRAM))
        with host.client(address, 5353, socket.SOCK_DGRAM) as client:
            assert ask(client, b"abc") == b"cba"
            assert ask(client, b"") == b""
            large = bytes(range(256)) * 200
            assert ask(client, large) == large[::-1]


def test_many_clients_keep_their_own_answers(host):
    with forwarding(host, "-p", "5353:53/udp") as forward:
        echo(forward.place.server("0.0.0.0", 53, socket.SOCK_DGRAM))
        clients = [host.client("127.0.0.1", 5353, socket.SOCK_DGRAM) for _ in range(100)]
        for i, client in enumerate(clients):
            client.send(b"client %03d" % i)
        for i, client in enumerate(clients):
            assert client.recv(100) == (b"client %03d" % i)[::-1]
        assert forward.ask("active") == 100
        for client in clients:
            client.close()


def test_silent_flows_end(host):
    with forwarding(host, "-p", "5353:53/udp", "--udp-idle", "300") as forward:
        echo(forward.place.server("0.0.0.0", 53, socket.SOCK_DGRAM))
        busy = host.client("127.0.0.1", 5353, socket.SOCK_DGRAM)
        silent = host.client("127.0.0.1", 5353, socket.SOCK_DGRAM)
        ask(silent, b"x")
        for _ in range(10):
            assert ask(busy, b"ab") == b"ba"
            time.sleep(0.1)
        assert forward.ask("active") == 1
        wait_until(lambda: forward.ask("active") == 0, "the flows to end")
        assert ask(silent, b"xy") == b"yx"  # and begin again
        silent.close()
        busy.close()


def test_the_longest_silent_flow_makes_room(host):
    with forwarding(host, "-p", "5353:53/udp", "--connections", "3") as forward:
        echo(forward.place.server("0.0.0.0", 53, socket.SOCK_DGRAM))
        for i in range(20):
            with host.client("127.0.0.1", 5353, socket.SOCK_DGRAM) as client:
                assert ask(client, b"ab") == b"ba"
        assert forward.ask("active") == 3


def test_a_server_that_comes_late(host):
    with forwarding(host, "-p", "5353:53/udp") as forward:
        with host.client("127.0.0.1", 5353, socket.SOCK_DGRAM) as client:
            client.send(b"too early")
            wait_until(lambda: forward.ask("active") == 0, "the refused flow to end")
            echo(forward.place.server("0.0.0.0", 53, socket.SOCK_DGRAM))
            assert ask(client, b"ab") == b"ba"


def test_the_answer_comes_from_the_address_that_was_asked(network):
    host, outside = network
    host.run("ip", "address", "add", "198.18.0.9/24", "dev", "eth0")
    host.run("ip", "address", "add", "2001:db8::9/64", "dev", "eth0", "nodad")
    with forwarding(host, "-p", "5353:53/udp") as forward:
        echo(forward.place.server("0.0.0.0", 53, socket.SOCK_DGRAM))
        for address in ("198.18.0.9", "2001:db8::9", "198.18.0.1"):
            # A connected socket takes nothing from another address.
            with outside.client(address, 5353, socket.SOCK_DGRAM) as client:
                assert ask(client, b"ab") == b"ba"
