#!/usr/bin/python3
"""Makes the .bin files of golden/ and evolution/ from the .json and .avsc files beside them.

The bytes are written by python3-avro, an encoder that we did not write, and framed here
(C3 01, CRC-64-AVRO of python3-avro's own canonical form).  Run it with Debian's
/usr/bin/python3:

    tests/cases/make_cases.py          writes the files that are not there yet
    tests/cases/make_cases.py --check  says which would come out differently, writes nothing

A .bin that has been released is never made anew: it stands for bytes in somebody's log.
When a released schema changes, the old one goes to schemas/history (see
schemas/muster_schemas.gresource.xml), and its golden cases move to evolution/: the old .avsc,
the .json as .written.json, the .bin as it is, and what is read today as .read.json.  Then
golden/ is made again for the new schema.
"""
import datetime
import io
import json
import pathlib
import re
import struct
import sys

import avro.io
import avro.schema

CASES = pathlib.Path(__file__).resolve().parent
SCHEMAS = CASES.parent.parent / "schemas"
EMPTY = 0xC15D213AA4D7A795
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def canonical_form(schema):
    """python3-avro's, with the rule PRIMITIVES applied where it forgets it.

    1.11.1 leaves {"type":"long"} where a logical type was; the specification says "long".
    """
    return re.sub(r'\{"type":("[a-z]+")\}', r"\1", schema.canonical_form)


def fingerprint(schema):
    """CRC-64-AVRO of the Parsing Canonical Form."""
    print_ = EMPTY
    for byte in canonical_form(schema).encode():
        print_ ^= byte
        for _ in range(8):
            print_ = (print_ >> 1) ^ (EMPTY if print_ & 1 else 0)
    return print_


def datum_of(schema, value):
    """JSON as shape_to_json() prints it, as the objects that python3-avro wants."""
    kind = schema.type
    if isinstance(schema, avro.schema.TimestampMillisSchema):
        return EPOCH + datetime.timedelta(milliseconds=value)
    if kind in ("bytes", "fixed"):
        return value.encode("latin-1")
    if kind == "record":
        return {
            field.name: datum_of(field.type, value[field.name])
            for field in schema.fields
            if field.name in value
        }
    if kind == "array":
        return [datum_of(schema.items, item) for item in value]
    if kind == "map":
        return {key: datum_of(schema.values, item) for key, item in value.items()}
    if kind == "union":
        return datum_of(branch_of(schema, value), value)
    return value


def branch_of(union, value):
    """A record's branch is named by its "type"; another is null or the only one left."""
    others = [branch for branch in union.schemas if branch.type != "null"]
    if value is None:
        return next(branch for branch in union.schemas if branch.type == "null")
    if isinstance(value, dict) and "type" in value:
        return next(branch for branch in others if branch.name == value["type"])
    return others[0]


def encode(schema, value):
    out = io.BytesIO(b"\xc3\x01" + struct.pack("<Q", fingerprint(schema)))
    out.seek(0, io.SEEK_END)
    avro.io.DatumWriter(schema).write(datum_of(schema, value), avro.io.BinaryEncoder(out))
    return out.getvalue()


def cases():
    """(schema, the value's file, the .bin) of every case."""
    for path in sorted((CASES / "golden").glob("*.json")):
        schema = (SCHEMAS / f"{path.name.split('.')[0]}.avsc").read_text()
        yield avro.schema.parse(schema), path, path.with_suffix(".bin")
    for path in sorted((CASES / "evolution").glob("*.avsc")):
        schema = avro.schema.parse(path.read_text())
        yield schema, path.with_suffix(".written.json"), path.with_suffix(".bin")


def main(check):
    different = 0
    for schema, path, binary in cases():
        if binary.exists() and not check:
            continue
        made = encode(schema, json.loads(path.read_text()))
        if not check:
            binary.write_bytes(made)
            print(f"made {binary}")
        elif not binary.exists() or binary.read_bytes() != made:
            different += 1
            print(f"{binary} would come out differently")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
