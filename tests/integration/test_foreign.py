"""L22: records in muster.events that nobody of ours wrote.  They stop no reader and change nothing."""
import contextlib
import json
import sqlite3
import uuid

import pytest
from commander import partition_of
from fleet import BUILD, Fleet, wait_for
from stranger import EVENTS, KINDS, Stranger
from yard import IMAGE, SECRET, Yard

UNREADABLE = len(KINDS)


@pytest.fixture
def own_yard(request, bus_kind, short_dir):
    """A yard on a bus of its own: what is written here would be in the way of other tests."""
    directory = short_dir / "own"
    directory.mkdir()
    url = request.getfixturevalue("own_kafka").url if bus_kind == "kafka" else f"sqlite://{directory}/bus.db"
    fleet = Fleet(directory, url)
    fleet.init().add_agent()
    yard = Yard(fleet, directory)
    yield yard
    fleet.close()
    yard.engine.stop()


def breaches(yard, *words, expect=1):
    """{(partition, offset): what is wrong with it}"""
    done = yard.fleet.run("audit", "check", "--json", *words, expect=expect)
    return {(b["partition"], b["offset"]): b["breach"] for b in map(json.loads, done.stdout.splitlines())}


def goes_on(yard, server):
    """Commands, and everything that reads the log."""
    for action, status in (("stop", "stopped"), ("start", "running")):
        yard.fleet.server(action, server)
        shown = yard.fleet.show(server)
        assert (shown["status"], shown["shown_status"]) == (status, status)
        assert yard.replay()[server]["status"] == status
    yard.verify()


def test_l22_no_record_stops_a_reader(own_yard):
    """Of five kinds, in two partitions, under keys of nobody and of the server itself."""
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    serve = fleet.start_serve()
    own_yard.start_worker()
    server, _ = own_yard.create()
    rows = fleet.json("server", "list")
    places = {}
    for partition in (stranger.partition, stranger.elsewhere):
        for key in (None, "nobody", f"{fleet.agent}/nobody"):
            for name, place in stranger.write_kinds(key, partition).items():
                places[place] = name
    goes_on(own_yard, server)
    assert fleet.json("server", "list")[0].keys() == rows[0].keys()
    assert serve.process.poll() is None, serve.output()
    assert breaches(own_yard) == dict.fromkeys(places, "unreadable")
    text = fleet.run("audit", "check", expect=1).stdout
    for partition, offset in places:
        assert f" {partition}@{offset} " in text
    told = fleet.run("events").stderr
    assert all(f" {partition}@{offset}: " in told for partition, offset in places)
    serve.stop()
    goes_on(own_yard, server)  # by each command for itself
    own_yard.worker.stop()
    own_yard.start_worker()
    goes_on(own_yard, server)


def test_l22_a_ledger_made_anew_reads_past_them(own_yard):
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    own_yard.start_worker()
    server, _ = own_yard.create()
    places = [*stranger.write_kinds().values(), *stranger.write_kinds("nobody", stranger.elsewhere).values()]
    fleet.server("stop", server)
    before = own_yard.replay()
    fleet.ledger.rename(fleet.ledger.with_suffix(".gone"))
    fleet.init()
    assert own_yard.replay() == before
    assert fleet.show(server)["status"] == "stopped"
    own_yard.verify()
    assert set(breaches(own_yard)) == set(places)


def test_l22_events_of_another_partition_count_nowhere(own_yard):
    """Whoever may write to one partition is not heard about the agents of another."""
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    serve = fleet.start_serve()
    own_yard.start_worker()
    server, _ = own_yard.create()
    created = next(e for e in fleet.events() if e["server_id"] == server and e["body"].get("outcome") == "done")
    places = []
    for action, outcome in (("stop", "failed"), ("delete", "done")):
        body = {**created["body"], "outcome": outcome, "code": "forged", "state": None}
        body.pop("type")
        event = {name: value for name, value in created.items() if name not in ("partition", "offset", "append_at")}
        event.update(event_id=str(uuid.uuid4()), body=body,
                     cause={**created["cause"], "action": action, "command_id": str(uuid.uuid4())})
        places.append(stranger.write(event, server, stranger.elsewhere))
    goes_on(own_yard, server)
    assert fleet.show(server)["last_code"] != "forged"
    assert set(breaches(own_yard).items()) == {(place, "wrong_partition") for place in places}
    assert "forged" not in json.dumps(fleet.events())
    assert serve.process.poll() is None, serve.output()
    serve.stop()
    fleet.ledger.rename(fleet.ledger.with_suffix(".gone"))
    fleet.init()
    assert fleet.show(server)["status"] == "running"


@pytest.mark.bus("sqlite")
def test_l22_a_copy_carries_them(own_yard, own_kafka):
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    own_yard.start_worker()
    server, _ = own_yard.create()
    for partition in (stranger.partition, stranger.elsewhere):
        stranger.write_kinds("nobody", partition)
    fleet.server("stop", server)
    own_yard.worker.stop()
    before, found = own_yard.replay(), sorted(breaches(own_yard).values())
    done = fleet.run("bus", "copy", fleet.bus_url, own_kafka.url, "--json")
    assert json.loads(done.stdout)["records_left"] == 2, "those that the topic does not take"
    assert done.stderr.count("is left behind") == 2
    fleet.bus_url = own_kafka.url
    assert own_yard.replay() == before
    assert found == ["unreadable"] * 2 * UNREADABLE
    assert sorted(breaches(own_yard).values()) == found[2:]
    own_yard.start_worker()
    goes_on(own_yard, server)
    assert all(row["first_offset"] is None for row in fleet.json("audit", "aside"))


@pytest.mark.bus("sqlite")
def test_l22_a_copy_leaves_out_only_what_the_target_refuses(own_yard, own_kafka):
    """Large, and small once it is compressed: the target decides."""
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    stranger.write_kinds()
    done = fleet.run("bus", "copy", fleet.bus_url, own_kafka.url, "--json", "-X", "message.max.bytes=2000000",
                     "-X", "compression.type=gzip")
    assert json.loads(done.stdout)["records_left"] == 0 and "left behind" not in done.stderr
    fleet.bus_url = own_kafka.url
    assert list(breaches(own_yard).values()) == ["unreadable"] * UNREADABLE


def test_l22_they_are_told_once_and_stay_in_sight(own_yard):
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    serve = fleet.start_serve()
    own_yard.start_worker()
    server, _ = own_yard.create()
    stranger.write_kinds()
    goes_on(own_yard, server)
    told = [line for line in serve.output().splitlines() if "ingest.put_aside" in line]
    assert 1 <= len(told) <= UNREADABLE and f"{stranger.partition}@" in told[0], serve.output()
    aside = fleet.json("audit", "aside")
    assert sum(row["records"] for row in aside) == UNREADABLE
    assert {row["partition"] for row in aside} == {stranger.partition}
    serve.stop()
    assert fleet.json("audit", "aside") == aside


# Whom they mark


def known(fleet, server):
    """(the status that is shown, whether the remark stands there)"""
    row = next(row for row in fleet.json("server", "list") if row["id"] == server)
    return row["shown_status"], "not_read" in row["remarks"]


def agents(fleet):
    return {row["id"]: row["not_read"] for row in fleet.json("agent", "list")}


def test_l22_only_the_agent_whose_key_it_bears_is_marked(own_yard):
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    own_yard.start_worker()
    server, container = own_yard.create("--on-missing", "start")
    others = [fleet.add_agent("other-1")]
    while partition_of(others[-1], EVENTS) == stranger.partition:
        others.append(fleet.add_agent(f"other-{len(others) + 1}"))
    other, none = others[-1], dict.fromkeys(others, False)
    for kind in ("garbage", "no_value", "zeros"):  # which nobody will ever read
        stranger.write(KINDS[kind], server)
    for key in (server, fleet.agent, f"{fleet.agent}/0"):
        stranger.write(KINDS["unknown_fingerprint"], key, stranger.elsewhere)
    for key in (None, "nobody", other):
        stranger.write(KINDS["unknown_fingerprint"], key)
    assert known(fleet, server) == ("running", False)
    assert agents(fleet) == {fleet.agent: False, **none}
    for number, key in enumerate((server, fleet.agent, f"{fleet.agent}/0")):
        kind = "confluent" if number == 1 else "unknown_fingerprint"
        partition, offset = stranger.write(KINDS[kind], key)
        assert known(fleet, server) == ("unknown", True)
        assert agents(fleet) == {fleet.agent: True, **none}
        row, = (row for row in fleet.json("audit", "aside") if row["marks"])
        assert (row["agent_id"], row["last_offset"]) == (fleet.agent, offset)
        assert "that this muster cannot read" in fleet.run("server", "show", server).stdout
        goes_on_unseen(own_yard, server)
        fleet.json("agent", "release", fleet.agent)
        assert known(fleet, server) == ("running", False)
    assert "nothing to release" in fleet.run("agent", "release", fleet.agent, expect=2).stderr
    own_yard.verify()
    fleet.ledger.rename(fleet.ledger.with_suffix(".gone"))
    fleet.init()
    assert known(fleet, server) == ("running", False), "the release is in the log"


def goes_on_unseen(yard, server):
    """Commands are done all the same; what can be read of them is told."""
    for action in ("stop", "start"):
        yard.fleet.server(action, server)
    assert known(yard.fleet, server)[0] == "unknown"
    yard.verify()


def test_l22_one_that_is_not_fully_known_does_not_heal(own_yard):
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    fleet.start_serve()
    own_yard.start_worker()
    server, container = own_yard.create("--on-missing", "start")
    stranger.write(KINDS["unknown_fingerprint"], server)
    wait_for("the mark", lambda: known(fleet, server) == ("unknown", True))
    own_yard.remove(container)
    wait_for("the log to tell", lambda: fleet.show(server)["status"] == "missing")
    shown = fleet.show(server)
    assert shown["shown_status"] == "unknown" and "cannot be read" in shown["healing"]
    fleet.json("agent", "release", fleet.agent)
    assert "will be started by itself" in fleet.show(server)["healing"]


def test_l22_a_wait_ends_when_what_may_be_its_result_cannot_be_read(own_yard):
    fleet, stranger = own_yard.fleet, Stranger(own_yard.fleet)
    worker = own_yard.start_worker()
    server, _ = own_yard.create()
    stranger.write(KINDS["unknown_fingerprint"], server)
    fleet.server("stop", server)  # one that was there before is no answer
    worker.pause()
    command = fleet.server("start", server, wait=False)["command_id"]
    waiting = fleet.start("wait", [BUILD / "muster", "server", "restart", server, "--wait=300", "--bus", fleet.bus_url,
                                   "--ledger", fleet.ledger], ready=False)
    wait_for("its Record", lambda: any(e["body"].get("kind") == "command" and e["cause"]["action"] == "restart"
                                       for e in fleet.events("--server", server)))
    stranger.write(KINDS["unknown_fingerprint"], server)
    waiting.killed = True  # its end is looked at here
    assert waiting.exit_code() == 3
    assert "cannot be read" in waiting.output()
    worker.resume()
    wait_for("the first to end", lambda: any(
        e["body"].get("outcome") == "done" and e["cause"]["command_id"] == command for e in fleet.events()))


# Read late


BEFORE = BUILD / "tests" / "muster-before"


class Before(Fleet):
    """The same fleet by a control plane that does not know what workers of today write."""

    def __init__(self, fleet):
        self.__dict__.update(fleet.__dict__)
        self.program = BEFORE


def table(fleet, name):
    with contextlib.closing(sqlite3.connect(f"file:{fleet.ledger}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute(f"SELECT * FROM {name}")]
    for row in rows:
        row.pop("status_at", None)  # depends on when a request was made, too
        row.pop("held", None)
    return sorted(rows, key=str)


def made_anew(fleet):
    """The ledger that the log makes, beside the one there is."""
    other = Before(fleet)
    other.program, other.ledger = fleet.program, fleet.directory / "anew.db"
    other.init()
    return other


def test_l22_what_is_read_after_an_upgrade_is_folded_in_order(own_yard):
    """A worker of today, a control plane of yesterday; then that is upgraded."""
    fleet = own_yard.fleet
    before = Before(fleet)
    own_yard.fleet = before
    serve = before.start_serve()
    worker = own_yard.start_worker()
    kept, gone = (before.create(None, "-e", f"SECRET_TOKEN={SECRET}", image=IMAGE, wait=False)[0] for _ in range(2))
    for server, action in ((kept, "stop"), (kept, "start"), (gone, "delete"), (kept, "restart")):
        assert "cannot be read" in before.run("server", action, server, "--wait=300", expect=3).stderr
    own_yard.fleet = fleet
    assert agents(before) == {fleet.agent: True}
    assert {row["shown_status"] for row in before.json("server", "list")} == {"unknown"}
    assert serve.process.poll() is None, serve.output()
    worker.stop()
    serve.stop()
    before.server("stop", kept, wait=False)  # a request that no worker has taken
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"
    fleet.run("server", "set", kept, "--on-missing", "start", expect=4)  # and one that is not in the log
    fleet.bus_url = url
    assert fleet.json("audit", "aside") == []
    assert agents(fleet) == {fleet.agent: False}
    assert fleet.show(gone)["status"] == "deleted"
    shown = fleet.show(kept)
    assert (shown["shown_status"], shown["on_missing"]) == ("running", "start")
    assert all(SECRET in row["config"] for row in table(fleet, "servers"))
    own_yard.verify()
    anew = made_anew(fleet)
    assert table(anew, "commands") == table(fleet, "commands")
    assert table(anew, "syncs") == table(fleet, "syncs")
    own_yard.start_worker()
    fleet.wait_status(kept, "stopped")
    goes_on(own_yard, kept)
