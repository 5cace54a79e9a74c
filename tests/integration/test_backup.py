"""A log that is not what the ledger has read: put back from a backup (L28), or with records eaten (L23)."""
import contextlib
import shutil
import sqlite3

import pytest
import requests
from commander import partition_of
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from fleet import Fleet, wait_for
from log_reader import LogReader
from services import PATIENCE_S, Kafka, Ports, run_script
from stranger import EVENTS, PLACE, TOPIC, Stranger

GARBAGE = b"whatever came after the backup"


class FileBus:
    def __init__(self, directory):
        self.path = directory / "bus.db"
        self.url = f"sqlite://{self.path}"

    def backup(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db, \
                contextlib.closing(sqlite3.connect(self.path.with_suffix(".bak"))) as copy:
            db.backup(copy)

    def restore(self):
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copy(self.path.with_suffix(".bak"), self.path)

    def eat(self, partition, first, last):
        """Records of muster.events are no more, from `first` to `last`."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as db, db:
            (number,), = db.execute("SELECT partitions.id FROM partitions JOIN topics ON topics.id = topic "
                                    "WHERE name = ? AND partition = ?", (TOPIC, partition))
            db.execute("DELETE FROM records WHERE place BETWEEN ? AND ?",
                       (number * PLACE + first, number * PLACE + last))


class KafkaBus:
    def __init__(self, directory):
        self.directory = directory / "kafka"
        words = ("--set", "log.cleaner.backoff.ms=100", "--set", "log.retention.check.interval.ms=100",
                 "--set", "log.initial.task.delay.ms=0")
        address = run_script("kafka", "start", "--port", Ports.take(), "--dir", self.directory, *words)
        self.kafka = Kafka(address, self.directory)
        self.url = self.kafka.url

    def backup(self):
        self.kafka.stop()
        shutil.copytree(self.directory, self.directory.with_suffix(".bak"))
        self.kafka.start()

    def restore(self):
        self.kafka.kill()
        shutil.rmtree(self.directory)
        shutil.copytree(self.directory.with_suffix(".bak"), self.directory)
        self.kafka.start()


@pytest.fixture
def log(bus_kind, short_dir):
    """A bus of this test alone."""
    bus = FileBus(short_dir) if bus_kind == "sqlite" else KafkaBus(short_dir)
    yield bus
    if bus_kind == "kafka":
        bus.kafka.kill()


@pytest.fixture
def lone_fleet(log, short_dir):
    directory = short_dir / "fleet"
    directory.mkdir()
    fleet = Fleet(directory, log.url)
    fleet.init().add_agent()
    yield fleet
    fleet.close()


def landmark(fleet):
    """Where the last record lies that the ledger takes from its agent's partition."""
    fleet.run("server", "list")
    with contextlib.closing(sqlite3.connect(fleet.ledger)) as ledger:
        (offset,), = ledger.execute("SELECT at_offset FROM landmarks WHERE partition = ?",
                                    (partition_of(fleet.agent, EVENTS),))
    return offset


def create(fleet):
    return fleet.create(wait=False, image="registry.test/game")[0]


# --- L28


def grow(fleet, taken):
    """Until another record lies where the last one lay that was taken, and more behind it."""
    stranger = Stranger(fleet)
    while stranger.write(GARBAGE)[1] <= taken + 1:
        pass


def grow_by_a_gap(fleet, taken):
    """Until there is no record at that place: the marker of a transaction lies there."""
    stranger, done = Stranger(fleet), []
    while stranger.write(GARBAGE)[1] < taken - 2:
        pass
    producer = Producer({"bootstrap.servers": fleet.bus_url.removeprefix("kafka://"), "transactional.id": "stranger"})
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(TOPIC, value=GARBAGE, partition=stranger.partition,
                     on_delivery=lambda error, message: done.append((error, message.offset())))
    producer.commit_transaction(PATIENCE_S)
    assert done == [(None, taken - 1)]
    LogReader(fleet.bus_url.removeprefix("kafka://")).wait_settled(TOPIC)
    assert stranger.write(GARBAGE)[1] == taken + 1


def is_refused(fleet, server):
    refused = fleet.run("server", "stop", server, expect=4).stderr
    assert "another log" in refused and "backup" in refused, refused
    serve = fleet.start_serve(ready=False)
    assert serve.exit_code() != 0
    serve.killed = True  # it has ended with an error, as it should
    assert "another log" in serve.output()


def take_and_restore(log, fleet):
    """(a server, where the last record lay that was taken)"""
    server = create(fleet)
    log.backup()
    for _ in range(3):
        create(fleet)
    taken = landmark(fleet)
    log.restore()
    return server, taken


def test_l28_a_bus_from_a_backup_that_has_grown_is_found(log, lone_fleet):
    server, taken = take_and_restore(log, lone_fleet)
    assert "is another one" in lone_fleet.run("server", "list", expect=4).stderr, "it is shorter"
    grow(lone_fleet, taken)
    is_refused(lone_fleet, server)


@pytest.mark.bus("kafka")
def test_l28_a_bus_from_a_backup_with_nothing_at_that_place(log, lone_fleet):
    server, taken = take_and_restore(log, lone_fleet)
    grow_by_a_gap(lone_fleet, taken)
    is_refused(lone_fleet, server)


# --- L23: a log that has lost records


def health(fleet):
    return requests.get(f"http://127.0.0.1:{fleet.http_port}/healthz", timeout=PATIENCE_S).json()


def is_there(fleet, partition, offset):
    """Whether a record lies there, as a client says that is not ours."""
    consumer = Consumer({"bootstrap.servers": fleet.bus_url.removeprefix("kafka://"), "group.id": "looks",
                         "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    try:
        place = TopicPartition(TOPIC, partition, offset)
        if consumer.get_watermark_offsets(place, timeout=PATIENCE_S)[0] > offset:
            return False
        consumer.assign([place])
        message = None
        while message is None or message.error():
            message = consumer.poll(1)
            if consumer.get_watermark_offsets(place, timeout=PATIENCE_S)[0] > offset:
                return False
        return message.offset() == offset
    finally:
        consumer.close()


def set_topic(fleet, **config):
    client = AdminClient({"bootstrap.servers": fleet.bus_url.removeprefix("kafka://")})
    config = {key.replace("_", "."): str(value) for key, value in config.items()}
    resource = ConfigResource(ConfigResource.Type.TOPIC, TOPIC, set_config=config)
    for done in client.alter_configs([resource]).values():
        done.result(PATIENCE_S)


def eat(log, fleet, server, last, **config):
    """The last record that was taken is no more, as tools do it that are not ours.  A newer one of its key is there."""
    stranger = Stranger(fleet)
    stranger.write(GARBAGE, key=server)
    if isinstance(log, FileBus):
        log.eat(stranger.partition, last, last)
        return
    set_topic(fleet, message_timestamp_type="LogAppendTime", **config)
    wait_for("it to be eaten", lambda: stranger.write(GARBAGE, key="filler") and
             not is_there(fleet, stranger.partition, last), every=0.5)
    set_topic(fleet, message_timestamp_type="LogAppendTime", retention_ms=-1)  # somebody has set it right


def goes_on(fleet, server):
    serve = fleet.start_serve()
    wait_for("serve to tell it", lambda: health(fleet)["topic_fault"])
    assert health(fleet)["status"] == "degraded"
    assert "ingest.gone" in serve.output()
    fleet.server("stop", server, wait=False)
    wait_for("the command in the log", lambda: '"stop"' in fleet.run("events", "--json", "--server", server).stdout)
    serve.stop()
    fleet.server("start", server, wait=False)


@pytest.mark.parametrize("config", [
    {"cleanup_policy": "compact", "segment_ms": 100, "min_cleanable_dirty_ratio": 0},
    {"retention_ms": 1, "segment_ms": 100},
], ids=["compaction", "retention"])
@pytest.mark.bus("kafka")
def test_l23_the_last_record_taken_is_eaten(log, lone_fleet, config):
    server = create(lone_fleet)
    taken = landmark(lone_fleet)
    eat(log, lone_fleet, server, taken, **config)
    goes_on(lone_fleet, server)


@pytest.mark.bus("sqlite")
def test_l23_the_last_record_taken_is_gone_and_nothing_comes_behind_it(log, lone_fleet):
    server = create(lone_fleet)
    taken = landmark(lone_fleet)
    log.eat(partition_of(lone_fleet.agent, EVENTS), taken, taken)
    goes_on(lone_fleet, server)
