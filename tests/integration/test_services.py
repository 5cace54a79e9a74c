"""The ground that the other tests stand on: engine, registry, broker, and our own reader."""
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from fleet import Process, wait_for
from log_reader import LogReader, canonical, crc_64_avro
from services import PATIENCE_S, Ports


def test_the_fingerprint_is_the_one_of_the_specification():
    assert crc_64_avro(b'"null"') == 0x63DD24E7CC258F8A
    assert crc_64_avro(b'"int"') == 0x7275D51A3F395C8F
    assert crc_64_avro(b'"string"') == 0x8F014872634503C7


def test_the_canonical_form_is_the_one_of_the_specification():
    schema = {"type": "record", "name": "R", "namespace": "a.b", "doc": "gone", "fields": [
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 1},
        {"name": "e", "type": {"type": "enum", "name": "c.E", "symbols": ["X", "Y"]}},
        {"name": "l", "type": ["null", {"type": "array", "items": "R"}]}]}
    assert canonical(schema) == (
        '{"name":"a.b.R","type":"record","fields":[{"name":"t","type":"long"},'
        '{"name":"e","type":{"name":"c.E","type":"enum","symbols":["X","Y"]}},'
        '{"name":"l","type":["null",{"type":"array","items":"a.b.R"}]}]}')


def test_ports_are_given_once():
    assert len({Ports.take() for _ in range(50)}) == 50


def test_a_process_is_awaited_and_stopped(short_dir):
    script = 'import os, socket, signal, time\n' \
        's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n' \
        'signal.signal(signal.SIGTERM, lambda *a: exit(0))\n' \
        's.sendto(b"READY=1", "\\0" + os.environ["NOTIFY_SOCKET"][1:])\n' \
        'time.sleep(60)\n'
    process = Process("sleeper", ["/usr/bin/python3", "-c", script], short_dir)
    process.wait_ready()
    assert process.resident_kib() > 0
    process.close()
    assert process.process.returncode == 0


def test_the_demo_image_saves_its_world(engine, image, short_dir):
    engine.client.images.pull(*image.rsplit(":", 1))
    container = engine.client.containers.run(
        image, detach=True, name=f"demo-{short_dir.name}",
        volumes={str(short_dir): {"bind": "/home/steam/Zomboid"}})
    try:
        wait_for("its world", (short_dir / "world.save").exists)
        container.stop(timeout=10)
        assert engine.inspect(container.id)["State"]["ExitCode"] == 0
        assert b"stopping" in container.logs()
    finally:
        engine.remove(container.id)
        engine.client.images.remove(image, force=True)


def produce(kafka, topic, values, commit):
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic})
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, key="k", partition=0)
    if commit:
        producer.commit_transaction(PATIENCE_S)
        LogReader(kafka.address).wait_settled(topic)
    else:
        producer.flush(PATIENCE_S)
        producer.abort_transaction(PATIENCE_S)


def make_topic(kafka, topic):
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for future in admin.create_topics([NewTopic(topic, 2, 1)]).values():
        future.result(PATIENCE_S)


def test_the_reader_sees_what_was_committed_and_nothing_else(kafka):
    topic = f"reader-{time.time_ns()}"
    make_topic(kafka, topic)
    produce(kafka, topic, [b"aborted"], commit=False)
    produce(kafka, topic, [b"1", b"2"], commit=True)
    assert [m.value for m in LogReader(kafka.address).read(topic)] == [b"1", b"2"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_keeps_its_data_when_it_ends_by(own_kafka, how):
    make_topic(own_kafka, "kept")
    produce(own_kafka, "kept", [b"1"], commit=True)
    getattr(own_kafka, how)()
    own_kafka.start()
    assert [m.value for m in LogReader(own_kafka.address).read("kept")] == [b"1"]
