"""A TCP port on loopback that nobody listens on at the moment."""
import socket


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
