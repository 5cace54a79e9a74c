"""strays - faults of strangers who write into our topics: what no command and no event is, and copies of
both where they do not count."""
import random
import time
from types import SimpleNamespace

import facts
from commander import partition_of
from confluent_kafka import KafkaException
from hands import until_done
from kinds import fault, one_of
from stranger import EVENTS, KINDS, Stranger

READ_MOST_S = 120  # a partition may have no leader meanwhile
KEYS = (None, "somebody", "another-agent/0")


def write(world, site, schema, topic, *record):
    """(value, key, partition)"""
    world.ground.has_strays = True
    fleet = SimpleNamespace(agent=site.id, bus_url=world.bus_url)
    Stranger(fleet, schema, topic).write(*record)


def a_topic(site, which):
    return f"muster.{one_of(('commands', 'control'), which)}.{site.id}"


@fault()
def stranger_writes_events(world, which, seconds):
    """Into an agent's partition, or another."""
    chance, site = random.Random(which), one_of(world.sites, which)
    partition = chance.choice((partition_of(site.id, EVENTS), chance.randrange(EVENTS)))
    write(world, site, "event", "muster.events", chance.choice(list(KINDS.values())), chance.choice(KEYS), partition)


@fault()
def stranger_writes_commands(world, which, seconds):
    chance, site = random.Random(which), one_of(world.sites, which)
    write(world, site, "command", a_topic(site, which // 7), chance.choice(list(KINDS.values())), chance.choice(KEYS),
          chance.randrange(site.partitions))


def records(world, topic, kind):
    found = []
    until_done(lambda: found.append(facts.open_log(world).read(topic, kind)), time.monotonic() + READ_MOST_S,
               KafkaException, AssertionError)
    return found[0] if found else []


def a_command(world, site, which):
    """(its topic, where it lies) of one that is there."""
    found = [(f"muster.{kind}.{site.id}", read) for kind in ("commands", "control")
             for read in records(world, f"muster.{kind}.{site.id}", kind)
             if facts.is_in_place(read, kind, site) and read.value["server_id"]]
    return one_of(found, which) if found else (None, None)


@fault()
def command_is_misplaced(world, which, seconds):
    """A copy of one: without a key, under another, in another partition, in the other topic."""
    site = one_of(world.sites, which)
    topic, read = a_command(world, site, which // 7)
    if not read:
        return
    other = f"muster.{'commands' if 'control' in topic else 'control'}.{site.id}"
    write(world, site, "command", *one_of((
        (topic, read.value, None, read.partition), (topic, read.value, "somebody", read.partition),
        (topic, read.value, read.key, (read.partition + 1) % site.partitions), (other, read.value, read.key, read.partition)),
        which // 31))


@fault("sqlite")
def event_is_misplaced(world, which, seconds):
    """A copy of one, in another partition."""
    site = one_of(world.sites, which)
    ours = [read for read in records(world, "muster.events", "events")
            if read.value and read.value["agent_id"] == site.id]
    if ours:
        read = one_of(ours, which // 7)
        write(world, site, "event", "muster.events", read.value, read.key, (read.partition + 1) % EVENTS)


@fault()
def command_is_repeated(world, which, seconds):
    """The very same record once more: it is one command."""
    topic, read = a_command(world, one_of(world.sites, which), which // 7)
    if read:
        world.repeated.add(read.value["command_id"])
        write(world, one_of(world.sites, which), "command", topic, read.value, read.key, read.partition)
