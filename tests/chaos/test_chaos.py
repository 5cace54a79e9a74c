"""Rounds of chaos: a sample of what tests/chaos/run plays for hours.

A failure names its seed; `tests/chaos/run --seed N` (with --bus and --engine) plays it again.
"""
import contextlib
import os
import random
import sqlite3
import uuid

import facts
import faults
import pytest
from conftest import TIER
from ground import Ground
from kinds import BEYOND
from log_reader import Codec
from player import play
from script import make

LONG = TIER == "long"
# What decides whether a change may land plays the same every time; what looks for more does not.
SEED = int(os.environ.get("MUSTER_SEED") or (random.randrange(1 << 30) if LONG else 1))


def play_seeds(episodes, rounds, only=(), **where):
    """Each in a world of its own; every fault that can be made here has its chance."""
    with Ground(**where) as ground:
        kinds = faults.possible(ground, only)
        injected = 0
        for seed in range(SEED, SEED + episodes):
            played = play(make(seed, rounds, *kinds), ground)
            assert not played.broken, f"seed {seed}, round {played.rounds + 1}: {played.broken}\n{played.broken.tail}"
            injected += sum(played.injected.values())
        print(f"{episodes * rounds} rounds, {injected} faults, seeds from {SEED}")
        assert injected >= episodes * rounds


def forge_a_result(world, which, seconds):
    """Writes the first terminal result once more, with an id of its own."""
    codec = Codec("event")
    with contextlib.closing(sqlite3.connect(world.bus_url.removeprefix("sqlite://"), timeout=30)) as db, db:
        for place, value in db.execute("SELECT place, value FROM records ORDER BY place"):
            with contextlib.suppress(AssertionError):  # of other topics
                event = codec.decode(value)
                if event["body"].get("outcome") == "done":
                    break
        partition = place // facts.PLACE
        (offset,) = db.execute("SELECT next FROM partitions WHERE id = ?", [partition]).fetchone()
        db.execute("INSERT INTO records SELECT ?, append_ms, key, headers, ? FROM records WHERE place = ?",
                   [partition * facts.PLACE + offset, codec.encode({**event, "event_id": str(uuid.uuid4())}), place])
        db.execute("UPDATE partitions SET next = next + 1 WHERE id = ?", [partition])


def test_a_broken_promise_is_seen(crash_build, monkeypatch):
    monkeypatch.setitem(faults.KINDS, "result_forged", (forge_a_result, set()))
    create = {"do": "command", "after": 0, "server": 0, "action": "create"}
    forge = {"do": "fault", "after": 0, "kind": "result_forged", "which": 0, "for": 0}
    with Ground() as ground:
        played = play([[create], [forge]], ground)
    assert played.rounds == 1 and "one_result" in {breach.promise for breach in played.broken.breaches}


@pytest.mark.timeout(3600)
def test_rounds_on_the_embedded_bus_and_a_scripted_engine(crash_build):
    play_seeds(*((30, 10) if LONG else (1, 8)))


@pytest.mark.timeout(3600)
def test_rounds_on_kafka_and_a_scripted_engine(crash_build, kafka):
    play_seeds(*((4, 10) if LONG else (1, 2)), bus="kafka")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_rounds_on_three_brokers(crash_build, kafka):
    play_seeds(2, 10, bus="kafka", brokers=3)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_rounds_with_the_patience_that_ships(crash_build):
    """Minutes are minutes: an engine that is away, or answers 500, for longer than a worker asks it."""
    play_seeds(1, 2, only=sorted(BEYOND), real_lengths=True)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("live_restore", [False, True])
def test_rounds_on_kafka_and_a_real_engine(crash_build, kafka, engine, live_restore):
    play_seeds(2, 5, bus="kafka", engine="real", live_restore=live_restore)
