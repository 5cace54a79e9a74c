"""The schemas and our bytes, as python3-avro sees them: a reader and writer that we did not write.

What it wrote, our programs read in tests/unit/test_codec.c (the same files).
"""
import datetime
import io
import json
import pathlib
import sys

import pytest

avro_io = pytest.importorskip("avro.io")
avro_schema = pytest.importorskip("avro.schema")

TESTS = pathlib.Path(__file__).resolve().parent.parent
SCHEMAS = sorted((TESTS.parent / "schemas").glob("*.avsc"))
GOLDEN = sorted((TESTS / "cases" / "golden").glob("*.bin"))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

sys.path.insert(0, str(TESTS / "cases"))
import make_cases  # noqa: E402


def parse(name):
    return avro_schema.parse((TESTS.parent / "schemas" / f"{name}.avsc").read_text())


def plain(value):
    """What python3-avro read, as it stands in the .json files."""
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def read(binary, writer, reader=None):
    decoder = avro_io.BinaryDecoder(io.BytesIO(binary[10:]))
    value = avro_io.DatumReader(writer, reader or writer).read(decoder)
    assert decoder.reader.read() == b"", "bytes are left over"
    return plain(value)


def written(path):
    value = json.loads(path.with_suffix(".json").read_text())
    if "body" in value:
        value["body"].pop("type")  # python3-avro does not tell which branch it took
    return value


def types_in(schema):
    """Every type below a parsed .avsc, as JSON."""
    if isinstance(schema, list):
        for branch in schema:
            yield from types_in(branch)
    elif isinstance(schema, dict):
        yield schema
        for key in ("type", "items", "values"):
            yield from types_in(schema.get(key))
        for field in schema.get("fields", []):
            yield from types_in(field["type"])


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_parses_alone(path):
    assert avro_schema.parse(path.read_text()).fullname == f"muster.{path.stem.capitalize()}"


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_everything_is_documented(path):
    for type_ in types_in(json.loads(path.read_text())):
        if "name" in type_:
            assert type_.get("doc"), f"{type_['name']} has no doc"
        for field in type_.get("fields", []):
            assert field.get("doc"), f"{type_['name']}.{field['name']} has no doc"


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_times_say_so(path):
    for type_ in types_in(json.loads(path.read_text())):
        for field in type_.get("fields", []):
            if field["name"] == "at" or field["name"].endswith("_at"):
                assert "timestamp-millis" in json.dumps(field["type"]), field["name"]


def test_no_field_asks_for_the_host():
    """DESIGN: nothing in a spec can ask for privileges, devices, capabilities, namespaces."""
    text = (TESTS.parent / "schemas" / "command.avsc").read_text()
    names = {
        field["name"].lower()
        for type_ in types_in(json.loads(text))
        for field in type_.get("fields", [])
    }
    words = ("privileged", "device", "cap_", "capabilit", "pid_mode", "ipc", "namespace", "userns")
    assert not [name for name in names if any(word in name for word in words)]


def test_env_values_are_in_no_event():
    schema = json.loads((TESTS.parent / "schemas" / "event.avsc").read_text())
    fields = {f["name"]: f for t in types_in(schema) for f in t.get("fields", [])}
    assert "env" not in fields
    assert fields["env_names"]["type"] == {"type": "array", "items": "string"}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_bytes_are_read(path):
    binary = path.read_bytes()
    schema = parse(path.name.split(".")[0])
    assert binary[:2] == b"\xc3\x01"
    assert int.from_bytes(binary[2:10], "little") == make_cases.fingerprint(schema)
    assert read(binary, schema) == written(path)


def test_cases_come_out_as_they_are_stored():
    assert make_cases.main(check=True) == 0


# Readers from before: our events as a python reader with an older schema resolves them.
OLD_EVENT = {
    "type": "record",
    "name": "Event",
    "namespace": "muster",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "agent_id", "type": "string"},
        {"name": "at", "type": "long"},
    ],
}
NEW_HEARTBEAT = {
    "type": "record",
    "name": "Heartbeat",
    "namespace": "muster",
    "fields": [
        {"name": "worker", "type": "string"},
        {"name": "agent_id", "type": "string"},
        {"name": "mood", "type": "string", "default": "calm"},
    ],
}


@pytest.mark.parametrize(
    "path", [p for p in GOLDEN if p.name.startswith("event.")], ids=lambda path: path.stem
)
def test_an_old_reader_reads_our_events(path):
    reader = avro_schema.parse(json.dumps(OLD_EVENT))
    value = read(path.read_bytes(), parse("event"), reader)
    expected = written(path)
    assert value == {key: expected[key] for key in ("event_id", "agent_id", "at")}


def test_a_new_reader_reads_our_heartbeats():
    reader = avro_schema.parse(json.dumps(NEW_HEARTBEAT))
    path = TESTS / "cases" / "golden" / "heartbeat.busy.bin"
    value = read(path.read_bytes(), parse("heartbeat"), reader)
    assert value == {"worker": "host-1-1", "agent_id": "host-1", "mood": "calm"}
