"""faults - what goes wrong with programs, engine and bus: each is a function that does it, waits
as long as it is to last, and undoes it.  (kinds.py says what a fault is, hands.py has what people do.)
"""
import contextlib
import functools
import os
import random
import re
import signal
import sqlite3
import time
from pathlib import Path

import admin  # noqa: F401  (it notes its kinds, as those below)
import hands
import strays  # noqa: F401
import stuck  # noqa: F401
from checker import ENGINE_SHIFT_MS
from commander import add_partitions
from confluent_kafka import KafkaException
from fleet import wait_for
from kinds import KINDS, fault, one_of, possible  # noqa: F401  (all of them, for those who play)
from world import BEFORE, SERVE_BEFORE

ROOT = Path(__file__).resolve().parents[2]
ADDED_MOST_S = 60
CLOCKS = ("+300s", "-300s", "+1800s", "-7200s")


# --- workers


@fault()
def worker_killed(world, which, seconds):
    one_of(world.workers(), which).signal(signal.SIGKILL, down=seconds)


@fault()
def worker_paused(world, which, seconds):
    """Beyond its lease, if it is a long one: a zombie that wakes up."""
    kept = one_of(world.workers(), which)
    process = kept.process
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


@fault()
def worker_leaves(world, which, seconds):
    """In order; its partitions go to others, and come back."""
    one_of(world.workers(), which).signal(signal.SIGTERM, down=seconds)


@fault()
def worker_joins(world, which, seconds):
    kept = one_of(world.sites, which).add_worker(f"x{which % 3}-{time.monotonic_ns() % 1000000}")
    time.sleep(seconds + 0.5)
    kept.wanted = False
    kept.signal(signal.SIGTERM)


@fault()
def all_workers_rolled(world, which, seconds):
    for kept in world.workers():
        kept.signal(signal.SIGTERM)
        time.sleep(seconds / 4)


@fault()
def all_workers_killed(world, which, seconds):
    for kept in world.workers():
        kept.signal(signal.SIGKILL, down=seconds)


@functools.cache
def worker_points():
    """The names of the places at which a worker can be told to die."""
    names = set()
    for path in [*ROOT.glob("worker/*.c"), *ROOT.glob("schemas/bus/*.c")]:
        names |= set(re.findall(r'crash_point\("([a-z.]+)"\)', path.read_text()))
    steps = ("pull", "create", "start", "stop", "rename", "remove", "save", "update", "connect", "network_create")
    return sorted(names | {f"{place}.{step}" for step in steps
                           for place in ("step.before", "step.after", "engine.send", "engine.sent", "engine.reply")})


@fault("crash")
def worker_dies_at_a_point(world, which, seconds):
    chance = random.Random(which)
    at = f"{chance.choice(worker_points())}:{chance.choice((1, 1, 1, 2, 3))}"
    one_of(world.workers(), which).signal(signal.SIGKILL, at=at)


@fault("before")
def worker_is_older(world, which, seconds):
    """Its next life is of the version before, beside the others."""
    site = one_of(world.sites, which // 7)
    with site.admin:
        if not site.was_reset:
            one_of(site.workers, which).signal(signal.SIGTERM, program=BEFORE)


@fault("faketime")
def worker_clock_jumps(world, which, seconds):
    """Its next life has another time of day; the one after has not.  (What waits by the clock of a
    library in it would wait for as long as the clock is ahead.)"""
    jump_clocks(world)
    worker = one_of(world.workers(), which)
    worker.signal(signal.SIGKILL, clock=one_of(CLOCKS, which))
    time.sleep(seconds)
    worker.signal(signal.SIGKILL)


def jump_clocks(world):
    """Not while the log's times are those of whoever writes."""
    with world.topics:
        world.clocks_jumped = True


# --- control plane


@fault()
def serve_killed(world, which, seconds):
    world.serve.signal(signal.SIGKILL, down=seconds)


@fault()
def serve_paused(world, which, seconds):
    process = world.serve.process
    if process:
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(min(seconds, 2))
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


@fault("before")
def serve_is_older(world, which, seconds):
    """It is of the version before for a while: its workers write what it cannot read."""
    world.serve.signal(signal.SIGTERM, program=SERVE_BEFORE)
    time.sleep(seconds)
    world.serve.signal(signal.SIGTERM)


SERVE_POINTS = ("relay.before", "relay.sent", "relay.marked", "ingest.before", "ingest.applied", "ingest.after",
                "bus.begun", "bus.messages", "bus.positions", "bus.committed")


@fault("crash")
def serve_dies_at_a_point(world, which, seconds):
    world.serve.signal(signal.SIGKILL, at=f"{one_of(SERVE_POINTS, which)}:{1 + which % 3}")


# --- the engine


@contextlib.contextmanager
def engine_stops(world):
    """Its containers may end with it."""
    span = [time.time() * 1000, float("inf")]
    world.engine_stops.append(span)
    yield
    span[1] = time.time() * 1000


@fault("scripted")
def engine_restarts(world, which, seconds):
    scripted = one_of(world.sites, which).scripted
    with engine_stops(world):
        scripted.restart(down_ms=int(seconds * 1000), killed=which % 2 == 0)
        time.sleep(0.1)  # it answers before it goes
        wait_for("the engine to be back", lambda: is_there(scripted))


def is_there(scripted):
    with contextlib.suppress(OSError):
        return scripted.state()
    return None


REQUESTS = (("POST", "/containers/create"), ("POST", "/start"), ("POST", "/stop"), ("POST", "/rename"),
            ("DELETE", "/containers/"), ("GET", "/containers/json"), ("GET", "/containers/[^/]*/json"),
            ("POST", "/images/create"), ("GET", "/images/"), ("POST", "/update"), ("GET", "/networks"), ("GET", "/events"))
DOINGS = ({"do": "hang"}, {"do": "hang", "apply": True}, {"do": "close"}, {"do": "close", "apply": True},
          {"do": "error", "status": 500, "text": "something went wrong"}, {"do": "break"}, {"do": "delay", "ms": 400},
          {"do": "error", "status": 503, "text": "try again later"})


@fault("scripted")
def engine_answers_wrongly(world, which, seconds):
    chance, scripted = random.Random(which), one_of(world.sites, which).scripted
    method, path = chance.choice(REQUESTS)
    scripted.script({"method": method, "path": path, "nth": chance.choice((1, 1, 2)), "times": chance.choice((1, 1, 2, 4)),
                     **chance.choice(DOINGS)})
    time.sleep(seconds)
    scripted.clear_script()
    scripted.release()


@fault("scripted")
def engine_is_slow(world, which, seconds):
    scripted = one_of(world.sites, which).scripted
    names = ("create", "start", "stop", "rename", "update", "remove", "inspect", "list")
    scripted.set(latency_ms=dict.fromkeys(names, 250))
    time.sleep(seconds)
    scripted.set(latency_ms=dict.fromkeys(names, 0))


@fault("scripted")
def engine_clock_jumps(world, which, seconds):
    jump_clocks(world)
    one_of(world.sites, which).scripted.set(clock_shift_ms=one_of((-ENGINE_SHIFT_MS, ENGINE_SHIFT_MS, 0), which))


@fault("scripted")
def image_cannot_be_pulled(world, which, seconds):
    scripted = one_of(world.sites, which).scripted
    scripted.script({"path": "/images/create", "times": 0, **one_of((
        {"do": "lines", "lines": [{"error": "toomanyrequests: slow down"}]}, {"do": "hang"},
        {"do": "error", "status": 500, "text": "connection refused"}), which)})
    time.sleep(seconds)
    scripted.clear_script()
    scripted.release()


@fault("real")
def engine_killed(world, which, seconds):
    with engine_stops(world):
        world.ground.engine.kill()
        time.sleep(seconds)
        world.ground.engine.start()


@fault("real")
def engine_restarted(world, which, seconds):
    with engine_stops(world):
        world.ground.engine.stop()
        time.sleep(seconds)
        world.ground.engine.start()


@fault("real")
def registry_away(world, which, seconds):
    world.ground.registry.stop()
    time.sleep(seconds)
    world.ground.registry.start()


def hold(proxy, mode, seconds):
    proxy.be(mode)
    time.sleep(seconds)
    proxy.be("pass")


@fault()
def engine_connections_cut(world, which, seconds):
    for _ in range(1 + which % 3):
        one_of(world.sites, which).proxy.cut()
        time.sleep(seconds / 8)


@fault()
def engine_refuses_connections(world, which, seconds):
    proxy = one_of(world.sites, which).proxy
    proxy.be("refuse")
    proxy.cut()
    hold(proxy, "refuse", seconds)


@fault()
def engine_connections_held(world, which, seconds):
    hold(one_of(world.sites, which).proxy, "hold", seconds)


@fault()
def engine_connections_slow(world, which, seconds):
    hold(one_of(world.sites, which).proxy, "slow", seconds)


# --- the engine, for longer than anybody has patience


@fault(beyond=True)
def engine_is_away_long(world, which, seconds):
    engine_refuses_connections(world, which, seconds)


@fault(beyond=True)
def engine_answers_500_long(world, which, seconds):
    """Its containerd is gone: everything is answered so."""
    proxy = one_of(world.sites, which).proxy
    proxy.be("error")
    proxy.cut()
    hold(proxy, "error", seconds)


@fault("scripted", beyond=True)
def engine_changes_nothing_long(world, which, seconds):
    """It can be looked at."""
    scripted = one_of(world.sites, which).scripted
    scripted.script(*({"method": method, "path": "/containers/", "do": "error", "status": 500, "times": 0,
                       "text": "connection error: unavailable"} for method in ("POST", "DELETE")))
    time.sleep(seconds)
    scripted.clear_script()


@fault(beyond=True)
def engine_holds_connections_long(world, which, seconds):
    hold(one_of(world.sites, which).proxy, "hold", seconds)


@fault("real", beyond=True)
def engine_stands_still_long(world, which, seconds):
    world.ground.engine.signal(signal.SIGSTOP)
    time.sleep(seconds)
    world.ground.engine.signal(signal.SIGCONT)


# --- the bus


@fault("sqlite")
def bus_locked(world, which, seconds):
    """Somebody else writes to the file, and takes long."""
    with contextlib.closing(sqlite3.connect(world.bus_url.removeprefix("sqlite://"), timeout=10,
                                            isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        time.sleep(min(seconds, 3))
        db.execute("ROLLBACK")


@fault("kafka", lasting=True)
def partitions_added(world, which, seconds):
    """By mistake.  A broker may be away meanwhile."""
    site = one_of(world.sites, which)
    with site.admin:
        if site.was_reset:
            return  # nobody knows any more how many there were
        site.has_grown = True
        for kind in ("commands", "control"):
            time.sleep(seconds / 4)
            end = time.monotonic() + ADDED_MOST_S
            hands.until_done(lambda topic=f"muster.{kind}.{site.id}": add_partitions(
                world.kafka.address, topic, site.partitions + 1 + which % 3), end, KafkaException)


@fault("kafka")
def broker_killed(world, which, seconds):
    broker = one_of(world.ground.broker_list, which)
    broker.kill()
    time.sleep(seconds)
    broker.start()


@fault("brokers")
def most_brokers_killed(world, which, seconds):
    """Two of three: nobody leads, and what is written has too few replicas."""
    brokers = [one_of(world.ground.broker_list, which + number) for number in range(2)]
    with world.topics:
        for broker in brokers:
            broker.kill()
        time.sleep(seconds)
        for broker in brokers:
            broker.start()


@fault("kafka")
def broker_restarted(world, which, seconds):
    broker = one_of(world.ground.broker_list, which)
    broker.stop()
    time.sleep(seconds)
    broker.start()


@fault("kafka")
def broker_connections_reset(world, which, seconds):
    for _ in range(1 + which % 3):
        for proxy in world.ground.broker_proxies:
            proxy.cut(reset=which % 2 == 0)
        time.sleep(seconds / 8)


@fault("kafka")
def broker_connections_held(world, which, seconds):
    hold(one_of(world.ground.broker_proxies, which), "hold", seconds)


@fault("kafka")
def broker_connections_slow(world, which, seconds):
    hold(one_of(world.ground.broker_proxies, which), "slow", seconds)


@fault("kafka")
def broker_refuses_connections(world, which, seconds):
    proxy = one_of(world.ground.broker_proxies, which)
    proxy.be("refuse")
    proxy.cut()
    hold(proxy, "refuse", seconds)
