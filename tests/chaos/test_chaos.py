"""Rounds of chaos: a sample of what tests/chaos/run plays for hours.

A failure names its seed; `tests/chaos/run --seed N` (with --bus and --engine) plays it again.
"""
import os
import random

import faults
import pytest
from conftest import TIER
from ground import Ground
from player import play
from script import make

SEED = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30))
LONG = TIER == "long"


def play_seeds(episodes, rounds, **where):
    """Each in a world of its own; every fault that can be made here has its chance."""
    with Ground(**where) as ground:
        kinds = faults.possible(ground)
        injected = 0
        for seed in range(SEED, SEED + episodes):
            played = play(make(seed, rounds, kinds), ground)
            assert not played.broken, f"seed {seed}, round {played.rounds + 1}: {played.broken}\n{played.broken.tail}"
            injected += sum(played.injected.values())
        print(f"{episodes * rounds} rounds, {injected} faults, seeds from {SEED}")
        assert injected >= episodes * rounds


@pytest.mark.timeout(3600)
def test_rounds_on_the_embedded_bus_and_a_scripted_engine(crash_build):
    play_seeds(*((30, 10) if LONG else (2, 6)))


@pytest.mark.timeout(3600)
def test_rounds_on_kafka_and_a_scripted_engine(crash_build, kafka):
    play_seeds(*((4, 10) if LONG else (1, 3)), bus="kafka")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_rounds_on_three_brokers(crash_build, kafka):
    play_seeds(2, 10, bus="kafka", brokers=3)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("live_restore", [False, True])
def test_rounds_on_kafka_and_a_real_engine(crash_build, kafka, engine, live_restore):
    play_seeds(2, 5, bus="kafka", engine="real", live_restore=live_restore)
