"""Some of many bolt-transfers killed by SIGKILL at any moment: the others go on, and what is in the store is always whole or resumable."""
import glob
import json
import os
import random
import shutil
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "cli"))
from pull_runner import PATIENCE, TRANSFER, noise, puller  # noqa: E402,F401: fixtures
from scripted_registry import Image, ScriptedRegistry, tar_of  # noqa: E402

pytestmark = pytest.mark.skipif(not TRANSFER, reason="BOLT_TRANSFER does not name bolt-transfer")


@pytest.fixture
def registry():
    made = ScriptedRegistry()
    image = Image([tar_of([(f"d{layer}/f{i}", noise(20_000, 1000 * layer + i)) for i in range(40)]) for layer in range(4)])
    made.add(image, "1")
    made.image = image
    yield made
    made.close()


def assert_what_is_visible_is_whole(puller):
    for file in glob.glob(f"{puller.data}/store/refs/**/:*", recursive=True):
        with open(file) as reference:
            image = json.load(reference)["image"]
        with open(f"{puller.data}/store/images/{image[7:]}.json") as record:
            layers = json.load(record)["layers"]
        for number, layer in enumerate(layers):
            for i in range(40):
                with open(f"{puller.data}/store/layers/{layer['key']}/fs/d{number}/f{i}", "rb") as content:
                    assert content.read() == noise(20_000, 1000 * number + i)


def assert_clean(puller):
    for place in ("tmp", "trash", "ingest"):
        assert puller.names(place) == []
    assert len(puller.names("layers")) == 4 and len(puller.names("images")) == 1
    half_written = [name for _, _, files in os.walk(f"{puller.data}/store") for name in files if name.startswith(".")]
    assert half_written == []


def test_many_at_once_and_some_are_killed(puller, registry):
    name = f"{registry.host}/app:1"
    chance = random.Random(7)
    for _ in range(5):
        pulls = [puller.start(name) for _ in range(8)]
        victims = chance.sample(pulls, 3)
        for victim in victims:
            time.sleep(chance.random() * 0.05)
            victim.send_signal(signal.SIGKILL)
        outcomes = [(process, *process.communicate(timeout=PATIENCE)) for process in pulls]
        for process, _, err in outcomes:
            assert process.returncode == 0 or (process in victims and process.returncode == -signal.SIGKILL), err
        assert_what_is_visible_is_whole(puller)
        puller.works(name)
        assert_clean(puller)
        shutil.rmtree(puller.data)
