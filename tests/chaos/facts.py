"""facts - collects what checker.py judges, by clients that are not ours.

Kafka is read by confluent_kafka, the embedded bus by sqlite3, the records by python3-avro; the
engine answers python3-docker, the ledger sqlite3 again.
"""
import contextlib
import json
import sqlite3
from typing import NamedTuple

import group_offsets
from checker import Facts
from commander import partition_of
from log_reader import Codec, LogReader
from stranger import EVENTS, PLACE

DECIDED_MOST_S = 90
CONTROL = {"sync", "cancel"}  # what goes over that topic
STRAYS = {"unreadable", "wrong_partition", "misplaced"}  # what audit says of records that nobody of ours has written


class Read(NamedTuple):
    """A record.  `value`: decoded, or None: nobody of ours has written it."""
    partition: int
    offset: int
    append_ms: int
    key: str
    value: dict


def taken(codec, value):
    return codec.decode(value) if codec.knows(value) else None


class SqliteLog:
    """The embedded bus, read as a file; what has been read is not read again."""

    def __init__(self, world):
        self.path = world.bus_url.removeprefix("sqlite://")
        self.codecs = {"events": Codec("event"), "commands": Codec("command"), "control": Codec("command")}
        self.records = {}  # partition id → records

    def query(self, sql, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=60)) as db:
            return db.execute(sql, values).fetchall()

    def read(self, topic, kind):
        """Its records, in the order of each partition."""
        found = []
        for number, partition in self.query("SELECT partitions.id, partition FROM partitions JOIN topics"
                                            " ON topics.id = topic WHERE name = ? ORDER BY 2", topic):
            have = self.records.setdefault(number, [])
            begin = number * PLACE + (have[-1].offset + 1 if have else 0)
            for place, append_ms, key, value in self.query(
                    "SELECT place, append_ms, key, value FROM records WHERE place >= ? AND place < ? ORDER BY place",
                    begin, (number + 1) * PLACE):
                have.append(Read(partition, place - number * PLACE, append_ms, key, taken(self.codecs[kind], value)))
            found += have
        return found

    def wait_decided(self):
        """A transaction is there for all, or for nobody."""

    def committed(self, agent):
        rows = self.query(
            "SELECT topics.name, partitions.partition, positions.offset, positions.metadata FROM positions"
            " JOIN groups ON groups.id = group_id JOIN partitions ON partitions.id = partition_id"
            " JOIN topics ON topics.id = partitions.topic WHERE groups.name = ?", f"muster.worker.{agent}")
        return {(topic.split(".")[1], partition): (offset, metadata) for topic, partition, offset, metadata in rows}


class KafkaLog:
    """What has been read is not read again: read_committed shows nothing that could go.  Events
    that are older than the world are of others."""

    def __init__(self, world):
        self.address = world.kafka.address
        self.partitions = {site.id: site.partitions for site in world.sites}
        self.codecs = {"events": Codec("event"), "commands": Codec("command"), "control": Codec("command")}
        self.begin = {"muster.events": LogReader(self.address).ends("muster.events")}
        self.records = {}  # topic → partition → records

    def read(self, topic, kind):
        have = self.records.setdefault(topic, {})
        begin = self.begin.setdefault(topic, {})
        for m in LogReader(self.address).read(topic, timeout=60, begin=begin):
            begin[m.partition] = m.offset + 1
            have.setdefault(m.partition, []).append(
                Read(m.partition, m.offset, m.append_ms, m.key, taken(self.codecs[kind], m.value)))
        return [record for _, records in sorted(have.items()) for record in records]

    def wait_decided(self):
        LogReader(self.address).wait_settled("muster.events", DECIDED_MOST_S)

    def committed(self, agent):
        topics = {f"muster.{kind}.{agent}": self.partitions[agent] for kind in ("commands", "control")}
        found = group_offsets.committed(self.address, f"muster.worker.{agent}", topics)
        return {(topic.split(".")[1], partition): place for (topic, partition), place in found.items()}


def open_log(world):
    return (KafkaLog if world.kafka else SqliteLog)(world)


def is_in_place(read, kind, site):
    """Elsewhere, or under another key, it is nobody's command."""
    value = read.value
    if not value or value["agent_id"] != site.id or (value["action"] in CONTROL) != (kind == "control"):
        return False
    server = value["server_id"]
    return server is None or (read.key == server and read.partition == partition_of(server, site.partitions))


def events_of(site, log):
    return [{**read.value, "offset": read.offset, "append_ms": read.append_ms}
            for read in log.read("muster.events", "events")
            if read.value and read.value["agent_id"] == site.id and read.partition == partition_of(site.id, EVENTS)]


def of_log(world, site, log, committed=None):
    """What the bus alone says: true at any moment, since what follows from something is read
    before it - the offsets (if they are not those of before) before the events, these before
    the commands."""
    committed = committed or log.committed(site.id)
    events, commands, strays = events_of(site, log), [], []
    for kind in ("commands", "control"):
        for read in log.read(f"muster.{kind}.{site.id}", kind):
            found = {"kind": kind, "partition": read.partition, "offset": read.offset, "value": read.value}
            (commands if is_in_place(read, kind, site) else strays).append(found)
    return Facts(committed=committed, commands=commands, strays=strays, events=events, by_hand=set(world.by_hand),
                 repeated=set(world.repeated), clocks_jumped=world.clocks_jumped,
                 adopted=dict(world.adopted), removed=dict(world.removed), racing=set(world.racing),
                 engine_stops=list(world.engine_stops), has_grown=site.has_grown)


def of_all(world, site, log, player):
    """Once all is quiet."""
    facts = of_log(world, site, log)
    facts.asked = {command: server for command, server in player.asked.items() if player.site_of[command] is site}
    facts.told = player.http.told
    facts.containers = site.looked_at()
    facts.networks, facts.volume_names = site.networks(), site.volumes()
    facts.servers = {row["id"]: row for row in world.rows("SELECT * FROM servers WHERE agent_id = ?", site.id)}
    facts.ledger = {row["command_id"]: row
                    for row in world.rows("SELECT * FROM commands WHERE agent_id = ?", site.id)}
    facts.files = {path.name for path in site.data_root.iterdir()}
    facts.kept = player.data.kept(facts.servers)
    facts.volumes = player.data.volumes(facts.servers)
    facts.policies = dict(world.policies)
    facts.layers = {container: server for container, server in world.layers.items() if server in facts.servers}
    facts.mounted = [] if world.clocks_jumped else list(world.mounted)
    return facts


def of_audit(world, site, allowed=()):
    """What our own audit finds; `allowed`: breaches that a fault makes (a clock that jumps)."""
    found = []
    allowed = {*allowed, *(["sync_partitions"] if site.has_grown else []), *(STRAYS if world.ground.has_strays else ())}
    for words in (("audit", "replay", "--verify"), ("audit", "check")):
        done = world.run(*words, "--agent", site.id, "--json", expect=None)
        assert done.returncode in (0, 1), f"{words}: {done.returncode} {done.stderr}"
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found += [f"{' '.join(words)}: {line}" for line in lines
                  if line.get("equal") is not True and line.get("breach") not in allowed and "differences" not in line]
        if done.returncode and not lines:
            found.append(f"{' '.join(words)}: {done.stderr}")
    return found
