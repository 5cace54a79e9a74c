"""stranger - writes into muster.events, or another topic, what nobody of ours does, on either bus."""
import contextlib
import sqlite3
import time

from commander import partition_of
from confluent_kafka import Producer
from log_reader import MARKER, Codec
from services import PATIENCE_S

TOPIC = "muster.events"
EVENTS = 32  # partitions
PLACE = 1 << 40  # of the embedded bus: a record's place is its partition's id times that, and its offset

# What a reader cannot read: by name, the value.
KINDS = {
    "garbage": b"\x89PNG, or whatever",
    "confluent": b"\x00\x00\x00\x00\x07\x02\x06abc",
    "no_value": None,
    "unknown_fingerprint": MARKER + b"\x01\x02\x03\x04\x05\x06\x07\x08" + b"\x02\x06abc",
    "zeros": bytes(1 << 20),
}


class Stranger:
    def __init__(self, fleet, schema="event", topic=TOPIC):
        self.fleet, self.codec, self.topic = fleet, Codec(schema), topic
        self.partition = partition_of(fleet.agent, EVENTS)
        self.elsewhere = (self.partition + 1) % EVENTS

    def write(self, value, key=None, partition=None):
        """Bytes, None or a record of the schema; returns where it lies: (partition, offset)."""
        value = self.codec.encode(value) if isinstance(value, dict) else value
        partition = self.partition if partition is None else partition
        write = self._write_kafka if self.fleet.bus_url.startswith("kafka://") else self._write_file
        return partition, write(value, key, partition)

    def _write_kafka(self, value, key, partition):
        done = []
        producer = Producer({"bootstrap.servers": self.fleet.bus_url.removeprefix("kafka://"), "linger.ms": 0,
                             "message.max.bytes": 2 << 20, "compression.type": "gzip"})  # so that a topic takes it
        producer.produce(self.topic, value=value, key=key, partition=partition,
                         on_delivery=lambda error, message: done.append((error, message.offset())))
        producer.flush(PATIENCE_S)
        assert done and done[0][0] is None, done
        return done[0][1]

    def _write_file(self, value, key, partition):
        path = self.fleet.bus_url.removeprefix("sqlite://")
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as db, db:
            db.execute("BEGIN IMMEDIATE")
            (number, offset), = db.execute(
                "SELECT partitions.id, next FROM partitions JOIN topics ON topics.id = topic "
                "WHERE name = ? AND partition = ?", (self.topic, partition))
            db.execute("INSERT INTO records (place, append_ms, key, value) VALUES (?, ?, ?, ?)",
                       (number * PLACE + offset, int(time.time() * 1000), key, value))
            db.execute("UPDATE partitions SET next = ? WHERE id = ?", (offset + 1, number))
        return offset

    def write_kinds(self, key=None, partition=None):
        """One of each kind; {name: place}"""
        return {name: self.write(value, key, partition) for name, value in KINDS.items()}
