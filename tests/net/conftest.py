import os
import shutil
import stat
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import places  # noqa: E402


def pytest_collection_modifyitems(items):
    reason = None
    if os.geteuid() != 0:
        reason = "needs root, to make network namespaces"
    elif not places.FORWARD:
        reason = "BOLT_NET_FORWARD does not name the test program"
    elif not (places.have("ip") and places.have("nsenter")):
        reason = "needs the packages iproute2 and util-linux"
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def host():
    with places.fresh_place() as place:
        yield place


@pytest.fixture
def network():
    with places.connected_places() as both:
        yield both


@pytest.fixture
def pasta():
    """pasta is installed and the TUN device is open to users, as udev leaves it on Debian."""
    if not places.have("pasta"):
        pytest.skip("pasta is not installed (package passt)")
    device = "/dev/net/tun"
    if not os.path.exists(device):
        pytest.skip("this machine has no /dev/net/tun")
    before = stat.S_IMODE(os.stat(device).st_mode)
    os.chmod(device, 0o666)
    yield
    os.chmod(device, before)


@pytest.fixture
def user():
    """An ordinary user that owns nothing: its number, a directory of its own, and the program where it may run it."""
    number = 61234
    directory = tempfile.mkdtemp(prefix="bolt-net-")
    os.chmod(directory, 0o755)
    program = shutil.copy(places.FORWARD, os.path.join(directory, "forward"))
    os.chmod(program, 0o755)
    own = os.path.join(directory, "own")
    os.mkdir(own)
    os.chown(own, number, number)

    class User:
        pass

    it = User()
    it.number, it.program, it.holders = number, program, os.path.join(own, "holders")
    yield it
    shutil.rmtree(directory)
