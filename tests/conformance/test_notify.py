"""NOTIFY_SOCKET: sd_notify(3) from a container to the service manager above the runtime."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from conftest import wait_until

# Sends what it is told to, as sd_notify(3) does: busybox has no program for datagrams.
SENDER = """
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>
int main(int count, char** words) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char* path = getenv("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (!path) return 9;
    strcpy(to.sun_path, path);
    for (int i = 2; i < count; ++i)
        if (sendto(fd, words[i], strlen(words[i]), 0, (struct sockaddr*)&to, sizeof to) < 0) return 8;
    sleep(atoi(words[1]));
    return 0;
}
"""


@pytest.fixture(scope="module")
def sender():
    place = tempfile.mkdtemp()
    with open(f"{place}/sender.c", "w", encoding="ascii") as file:
        file.write(SENDER)
    subprocess.run(["cc", "-static", "-o", f"{place}/sender", f"{place}/sender.c"], check=True)
    yield f"{place}/sender"
    shutil.rmtree(place)


class Manager:
    """What systemd is for a service of Type=notify."""

    def __init__(self, place, abstract):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"notify-{os.path.basename(place)}"
        self.address = f"@{name}" if abstract else f"{place}/{name}"
        self.socket.bind(f"\0{name}" if abstract else self.address)
        if not abstract:
            os.chmod(self.address, 0o777)
        self.messages = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            text, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 1)
            for descriptor in descriptors:
                os.close(descriptor)  # a barrier
            if not descriptors:
                self.messages.append(text.decode())


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def manager(bundle, request, sender):
    shutil.copy(sender, f"{bundle.place}/rootfs/bin/sender")
    return Manager(bundle.place, request.param)


def test_start_returns_when_the_container_is_ready(bundle, manager, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    name = bundle.create("sender", "1000", "STATUS=up soon", "MAINPID=1\nREADY=1")
    started = bundle.oci("start", name)
    assert started.returncode == 0, started.stderr
    pid = bundle.state(name)["pid"]
    wait_until(lambda: len(manager.messages) == 2, "two messages")
    assert manager.messages == ["STATUS=up soon\n", f"READY=1\nMAINPID={pid}\n"]


def test_start_returns_when_the_container_ends_without_a_word(bundle, manager, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    name = bundle.create("true")
    assert bundle.oci("start", name).returncode == 0
    assert manager.messages == []


def test_run_passes_on_all_that_is_said(bundle, manager, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    done = bundle.run("sender", "1", "READY=1", "WATCHDOG=1", "FDSTORE=1", "NOTIFYACCESS=all", "STOPPING=1")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: len(manager.messages) == 3, "three messages")
    assert manager.messages == ["READY=1\n", "WATCHDOG=1\n", "STOPPING=1\n"]


def test_without_a_manager_there_is_no_socket(bundle, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert bundle.run("sh", "-c", "test -z \"$NOTIFY_SOCKET\" && ! test -e /run/notify").returncode == 0
