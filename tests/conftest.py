"""For all tests: none runs for ever, and what a sanitizer changes is not asserted under one."""
import os
import signal

import pytest

USUAL_PATIENCE = 180


def pytest_runtest_setup(item):
    marker = item.get_closest_marker("without_sanitizer")
    if marker and "ASAN_OPTIONS" in os.environ:
        pytest.skip(f"under a sanitizer: {marker.args[0]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """One alarm for the test and its fixtures: it fails where it waits, and the fixtures' ends are still run."""
    marker = item.get_closest_marker("patience")
    seconds = marker.args[0] if marker else USUAL_PATIENCE

    def give_up(*_):
        signal.alarm(30)  # for what comes after it, the fixtures' ends
        raise TimeoutError(f"no end within {seconds} s")
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
