"""log_reader - read the log as an auditor would: with clients and a codec that we did not write.

python3-confluent-kafka at read_committed takes the bytes off the topic, python3-avro decodes
them by schemas/*.avsc.  Nothing of Muster's own code is in between.
"""
import io
import json
import struct
import time
from pathlib import Path

import avro.io
import avro.schema
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from services import PATIENCE_S

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
MARKER = b"\xc3\x01"
EMPTY = 0xC15D213AA4D7A795


def _crc_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (EMPTY if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _crc_table()


def crc_64_avro(data):
    """The fingerprint that the Avro specification calls CRC-64-AVRO."""
    crc = EMPTY
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def canonical(schema, namespace=""):
    """Parsing Canonical Form.  python3-avro has one that keeps {"type": "long"} where a logical
    type was, which the specification reduces to "long"."""
    if isinstance(schema, str):
        is_full = schema in PRIMITIVES or "." in schema or not namespace
        return json.dumps(schema if is_full else f"{namespace}.{schema}")
    if isinstance(schema, list):
        return "[" + ",".join(canonical(branch, namespace) for branch in schema) + "]"
    kind = schema["type"]
    if not isinstance(kind, str) or kind in PRIMITIVES:
        return canonical(kind, namespace)
    parts = []
    if "name" in schema:
        name = schema["name"]
        namespace = name.rpartition(".")[0] or schema.get("namespace", namespace)
        parts.append('"name":' + canonical(name, namespace))
    parts.append('"type":' + json.dumps(kind))
    if "fields" in schema:
        fields = (f'{{"name":{json.dumps(f["name"])},"type":{canonical(f["type"], namespace)}}}'
                  for f in schema["fields"])
        parts.append('"fields":[' + ",".join(fields) + "]")
    if "symbols" in schema:
        parts.append('"symbols":' + json.dumps(schema["symbols"], separators=(",", ":")))
    for key in ("items", "values"):
        if key in schema:
            parts.append(f'"{key}":' + canonical(schema[key], namespace))
    if "size" in schema:
        parts.append(f'"size":{int(schema["size"])}')
    return "{" + ",".join(parts) + "}"


def without_logical_types(schema):
    """Times stay numbers of milliseconds, ids stay text."""
    if isinstance(schema, dict):
        return {k: without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    return [without_logical_types(v) for v in schema] if isinstance(schema, list) else schema


def parsed(path):
    """(fingerprint, schema)"""
    plain = without_logical_types(json.loads(path.read_text()))
    return crc_64_avro(canonical(plain).encode()), avro.schema.parse(json.dumps(plain))


def with_defaults(schema, value):
    """What is left out is as the schema says; python3-avro writes no defaults of itself."""
    if schema.type == "union" and isinstance(value, dict):
        records = [branch for branch in schema.schemas if branch.type == "record"]
        return with_defaults(records[0], value) if len(records) == 1 else value
    if schema.type == "array" and isinstance(value, list):
        return [with_defaults(schema.items, item) for item in value]
    if schema.type != "record" or not isinstance(value, dict):
        return value
    there = {f.name: value[f.name] if f.name in value else f.default
             for f in schema.fields if f.name in value or f.has_default}
    return {f.name: with_defaults(f.type, there[f.name]) for f in schema.fields if f.name in there} | {
        name: more for name, more in value.items() if name not in there}


class Codec:
    """One schema, both ways, in single-object encoding; what an earlier one wrote is read as ours."""

    def __init__(self, name):
        self.fingerprint, self.schema = parsed(SCHEMAS / f"{name}.avsc")
        self.writers = dict([(self.fingerprint, self.schema), *map(parsed, SCHEMAS.glob(f"history/{name}/*.avsc"))])

    @staticmethod
    def fingerprint_of(data):
        return struct.unpack("<Q", data[2:10])[0]

    def knows(self, data):
        """Whether it was written with a schema of ours, of today or of before."""
        return data is not None and data[:2] == MARKER and self.fingerprint_of(data) in self.writers

    def decode(self, data):
        assert data[:2] == MARKER, f"not single-object encoding: {data[:16].hex()}"
        fingerprint = self.fingerprint_of(data)
        assert fingerprint in self.writers, (
            f"written with schema {fingerprint:016x}, ours is {self.fingerprint:016x}")
        body = io.BytesIO(data[10:])
        value = avro.io.DatumReader(self.writers[fingerprint], self.schema).read(avro.io.BinaryDecoder(body))
        assert not body.read(1), "bytes are left over behind the record"
        return value

    def encode(self, value):
        body = io.BytesIO()
        avro.io.DatumWriter(self.schema).write(with_defaults(self.schema, value), avro.io.BinaryEncoder(body))
        return MARKER + struct.pack("<Q", self.fingerprint) + body.getvalue()


class Message:
    """One record of a topic; `value` is decoded if a codec was given, else bytes."""

    def __init__(self, message, value):
        self.topic, self.partition, self.offset = message.topic(), message.partition(), message.offset()
        self.key = message.key().decode(errors="replace") if message.key() is not None else None
        self.headers = dict(message.headers() or [])
        self.append_ms = message.timestamp()[1]
        self.value = value

    def __repr__(self):
        return f"{self.topic}[{self.partition}]@{self.offset} {self.key}: {self.value}"


class LogReader:
    """Reads whole topics of a Kafka cluster, from the beginning to the end as it is now."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def read(self, topic, codec=None, timeout=PATIENCE_S, begin=None):
        """All committed records there are, in order within each partition.  `begin`: partition →
        the offset to begin at, where that is not the first."""
        consumer = Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": "log-reader",
            "enable.auto.commit": False, "isolation.level": "read_committed",
            "enable.partition.eof": True,
        })
        try:
            return self._drain(consumer, topic, codec, time.monotonic() + timeout, begin or {})
        finally:
            consumer.close()

    def ends(self, topic, isolation="read_committed"):
        """partition → the offset behind its last record, or behind the last that is not in an open transaction."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "log-reader",
                             "isolation.level": isolation})
        try:
            partitions = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
            return {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=PATIENCE_S)[1]
                    for number in partitions}
        finally:
            consumer.close()

    def wait_settled(self, topic, timeout=PATIENCE_S):
        """Until the transactions have ended that are in it now: Kafka ends one in a partition after
        whoever committed it was told."""
        until, wanted = time.monotonic() + timeout, self.ends(topic, "read_uncommitted")
        while any(end < wanted[partition] for partition, end in self.ends(topic).items()):
            assert time.monotonic() < until, f"transactions in {topic} did not end in {timeout} s"
            time.sleep(0.05)
        return self

    def events(self, agent_id=None, timeout=PATIENCE_S):
        """The events of one agent (or of all) as dicts; they are in order for one agent."""
        found = [m.value for m in self.read("muster.events", Codec("event"), timeout)]
        return [e for e in found if agent_id is None or e["agent_id"] == agent_id]

    @staticmethod
    def _drain(consumer, topic, codec, deadline, begin):
        metadata = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic]
        if metadata.error:
            raise KafkaException(metadata.error)
        waiting = set(metadata.partitions)
        consumer.assign([TopicPartition(topic, p, begin.get(p, OFFSET_BEGINNING)) for p in waiting])
        messages = []
        while waiting:
            assert time.monotonic() < deadline, f"partitions {waiting} of {topic} did not end in time"
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                if message.error().name() != "_PARTITION_EOF":
                    raise KafkaException(message.error())
                waiting.discard(message.partition())
            elif message.partition() in waiting:
                value = message.value()
                messages.append(Message(message, codec.decode(value) if codec and value else value))
        return messages


def pretty(event):
    return json.dumps(event, default=lambda b: b.hex(), sort_keys=True)
