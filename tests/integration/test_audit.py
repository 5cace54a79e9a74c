"""The log read again: the fleet at any time, the ledger against it, and what breaks its rules.

A real worker on a scripted engine: what matters here is what it writes.
"""
import json
import time
import uuid

import pytest
from commander import a_command, a_spec, partition_of
from fleet import wait_for
from log_reader import Codec, LogReader
from stranger import Stranger
from yard import IMAGE, live, now, tamper

# Replay


def test_the_fleet_at_any_time(yard):
    server, story = live(yard)
    for moment, status in story:
        rows = yard.replay("--at", moment)
        assert (rows[server]["status"] if server in rows else None) == status, (moment, story)
    utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(story[-1][0] / 1000 + 1))
    assert yard.replay("--at", utc + "Z")[server]["status"] == "running"
    row, shown = yard.replay()[server], yard.fleet.show(server)
    del row["status_at"]  # depends on when a request was made, too
    assert row == {name: shown[name] for name in row}
    assert yard.check() == []
    _, summary = yard.verify()
    assert (summary["agents"], summary["servers"], summary["commands"]) == (1, 1, 8)


def test_one_server(yard):
    yard.start_worker()
    (one, _), (other, _) = yard.create(), yard.create()
    yard.fleet.server("stop", other)
    done = yard.fleet.run("audit", "replay", "--server", other, "--json")
    assert [(row["id"], row["status"]) for row in map(json.loads, done.stdout.splitlines())] == [(other, "stopped")]
    table = yard.fleet.run("audit", "replay", "--agent", yard.agent).stdout
    assert one in table and other in table and "2 servers" in table
    done = yard.fleet.run("audit", "replay", "--verify", "--server", one)
    assert "equal: 1 agents, 1 servers and 1 commands" in done.stdout


def test_from_a_time_and_from_an_offset(yard):
    yard.start_worker()
    one, _ = yard.create()
    middle = now()
    other, _ = yard.create()
    events = [e for e in yard.fleet.events() if e["agent_id"] == yard.agent and e["server_id"] == other]
    assert set(yard.replay()) == {one, other}
    assert set(yard.replay("--from", middle)) == {other}
    assert set(yard.replay("--from", min(e["offset"] for e in events))) == {other}
    assert yard.replay("--from", middle)[other]["status"] == "running"
    assert yard.replay("--from", middle, "--at", middle + 1) == {}
    assert yard.check("--from", middle) == []


REFUSED = [
    (["replay", "--at", "yesterday"], "--at: 'yesterday' is no time"),
    (["replay", "--at", "2026-01-31T12:00:00"], "with its zone"),
    (["replay", "--from", "3"], "say which by --agent"),
    (["replay", "--from", "999999999", "--agent", "AGENT"], "not from 999999999"),
    (["replay", "--verify", "--at", "0"], "without --at"),
    (["replay", "--agent", "nobody"], "no agent 'nobody'"),
    (["replay", "--server", "nobody"], "no server 'nobody'"),
    (["check", "--server", "x"], "server"),
    (["nonsense"], "known: replay, check"),
]


@pytest.mark.bus("sqlite")
def test_refused_with_2(bare_fleet):
    for words, says in REFUSED:
        words = [bare_fleet.agent if word == "AGENT" else word for word in words]
        assert says in bare_fleet.run("audit", *words, expect=2).stderr, words


@pytest.mark.bus("sqlite")
def test_help_names_every_breach(bare_fleet):
    text = bare_fleet.run("audit", "check", "--help").stdout
    for name in ("unreadable", "repeated_event", "wrong_partition", "unknown_agent", "foreign_engine",
                 "time_backwards", "no_cause", "no_record", "second_record", "second_result", "after_result",
                 "not_begun", "begun_after_expiry", "sync_partitions", "sync_contradicts"):
        assert f"  {name} " in text


# The ledger against the log


def test_each_difference_in_a_sentence(yard):
    fleet = yard.fleet
    yard.start_worker()
    server, _ = yard.create()
    gone, _ = yard.create()
    fleet.server("stop", server)
    assert yard.verify()[0] == []
    tamper(fleet, "UPDATE servers SET image_tag = 'v666', settled_status = 'running' WHERE id = ?", server)
    tamper(fleet, "UPDATE servers SET config = '{\"SECRET_TOKEN\":\"hunter3\"}' WHERE id = ?", server)
    tamper(fleet, "DELETE FROM servers WHERE id = ?", gone)
    differences, _ = yard.verify(expect=1)
    assert {(d["id"], d["column"]) for d in differences} == {
        (server, "image_tag"), (server, "settled_status"), (gone, None)}
    told = fleet.run("audit", "replay", "--verify", "--agent", yard.agent, expect=1).stdout.splitlines()
    assert f'servers {server}: image_tag is "v666" in the ledger, and "latest" by the log' in told
    assert f'servers {server}: settled_status is "running" in the ledger, and "stopped" by the log' in told
    assert f"servers {gone} is in the log and not in the ledger" in told
    assert told[-1].startswith("different: ")


def test_equal_while_everything_runs(yard):
    """The ledger is looked at in one moment, however much is written meanwhile."""
    fleet = yard.fleet
    serve = fleet.start_serve()
    yard.start_worker()
    servers = [yard.create()[0] for _ in range(3)]
    for number in range(5):
        for server in servers:
            fleet.server(("stop", "start")[number % 2], server, wait=False)
        yard.verify()
    for server in servers:
        fleet.wait_status(server, "stopped")
    serve.stop()
    yard.verify()
    assert yard.check() == []


def test_equal_when_events_come_before_the_record(yard):
    """What happens between a request and its Record is folded without the request, as replay does."""
    fleet = yard.fleet
    yard.start_worker()
    server, container = yard.create()
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"
    fleet.server("start", server, wait=False, expect=4)  # accepted, not sent
    fleet.bus_url = url
    yard.remove(container)
    wait_for("the log to show it", lambda: yard.replay()[server]["status"] == "missing")
    yard.verify()
    fleet.server("stop", server)
    yard.verify()
    assert fleet.status(server) == "running" or fleet.status(server) == "stopped"


def test_another_log_is_refused(bare_fleet, short_dir):
    ledger, bare_fleet.ledger = bare_fleet.ledger, short_dir / "other-ledger.db"
    url, bare_fleet.bus_url = bare_fleet.bus_url, f"sqlite://{short_dir}/other.db"
    bare_fleet.init()
    bare_fleet.ledger = ledger
    assert "another log" in bare_fleet.run("audit", "replay", expect=4).stderr
    assert "another log" in bare_fleet.run("audit", "check", expect=4).stderr
    bare_fleet.bus_url = url


# What breaks the rules


class Forger:
    """Writes into the log what no worker of ours does."""

    def __init__(self, kafka, agent):
        from confluent_kafka import Producer
        from commander import partition_of
        self.producer = Producer({"bootstrap.servers": kafka.address, "linger.ms": 0})
        self.codec, self.agent = Codec("event"), agent
        self.partition = partition_of(agent, 32)

    def copy(self, message, **changes):
        """An event of the log with some fields changed; `body` is merged."""
        event = json.loads(json.dumps(message, default=str))
        event["event_id"] = str(uuid.uuid4())
        event["body"] = {**message["body"], **changes.pop("body", {})}
        event.update(changes)
        return event

    def write(self, event, partition=None):
        done = []
        value = event if isinstance(event, bytes) else self.codec.encode(event)
        self.producer.produce("muster.events", value=value, key=self.agent,
                              partition=self.partition if partition is None else partition,
                              on_delivery=lambda error, message: done.append((error, message.offset())))
        self.producer.flush(30)
        assert done[0][0] is None
        return done[0][1]


@pytest.mark.bus("kafka")
def test_what_breaks_the_rules_is_found(yard):
    yard.start_worker()
    server, _ = yard.create()
    assert yard.check() == []
    log = [m.value for m in LogReader(yard.fleet.kafka.address).read("muster.events", Codec("event"))
           if m.value["agent_id"] == yard.agent]
    result = next(e for e in log if e["body"].get("outcome") == "done" and e["server_id"] == server)
    forger = Forger(yard.fleet.kafka, yard.agent)
    end = max(event["at"] for event in log)
    record = next(e for e in log if e["body"].get("kind") == "command" and e["server_id"] == server)
    late = {**result["cause"], "command_id": str(uuid.uuid4())}
    forger.write(forger.copy(record, at=end, cause={**record["cause"], "command_id": late["command_id"]},
                             body={"expires_at": end - 3_600_000}))
    wrong = [
        ("begun_after_expiry", forger.copy(result, at=end, cause=late, body={"outcome": "accepted"})),
        ("second_result", forger.copy(result, at=end)),
        ("after_result", forger.copy(result, at=end, body={"outcome": "progress"})),
        ("no_cause", forger.copy(result, at=end, cause=None)),
        ("time_backwards", forger.copy(result, at=end - 60000, body={"outcome": "progress"}, cause=None)),
        ("foreign_engine", forger.copy(result, at=end, engine_id="another", cause=None)),
        ("repeated_event", {**result}),
        ("no_record", forger.copy(result, at=end, cause={**result["cause"], "command_id": str(uuid.uuid4())})),
        ("not_begun", forger.copy(result, at=end, cause={**result["cause"], "command_id": str(uuid.uuid4())})),
    ]
    places = [(name, forger.write(event)) for name, event in wrong]
    found = {(b["breach"], b["offset"]) for b in yard.check(expect=1)}
    assert set(places) <= found
    offset = forger.write(forger.copy(result, at=end, cause=None), (forger.partition + 1) % 32)
    whole = [json.loads(line) for line in yard.fleet.run("audit", "check", "--json", expect=1).stdout.splitlines()]
    assert ("wrong_partition", offset) in {(b["breach"], b["offset"]) for b in whole if b["agent_id"] == yard.agent}
    text = yard.fleet.run("audit", "check", "--agent", yard.agent, expect=1).stdout
    assert f"command {result['cause']['command_id']} is done, it has ended at offset" in text


def test_a_server_that_nobody_recorded_is_told_of(yard):
    """Another control plane has made it, or a container was copied with its labels."""
    fleet = yard.fleet
    yard.start_worker()
    known, _ = yard.create()
    server, name = str(uuid.uuid4()), fleet.new_name()
    spec = a_spec(name, f"{IMAGE}:latest", str(fleet.data_root))
    poster = Stranger(fleet, "command", f"muster.commands.{fleet.agent}")
    poster.write(a_command(fleet.agent, "create", server, spec), server, partition_of(server, 4))
    rows = wait_for("its result", lambda: (found := yard.replay()) if len(yard.replay()) > 1 else None)
    assert "recorded" not in rows[known] and rows[known]["status"] == "running"
    assert (rows[server]["recorded"], rows[server]["container_status"]) == (False, "running")
    assert f"server {server} on agent {fleet.agent}" in rows[server]["message"]
    assert rows[server]["message"] in fleet.run("audit", "replay").stdout
    assert server not in fleet.run("audit", "replay", "--server", known).stdout
    yard.verify()
    yard.remove(spec["container"])
    wait_for("it to be told as gone", lambda: server not in yard.replay())


def test_every_record_says_who_asked_and_what_was_changed(yard):
    fleet = yard.fleet
    yard.start_worker()
    server, _ = yard.create()
    fleet.run("server", "set", server, "--image-tag", "42", "-e", "SECRET_TOKEN=hunter3", "-e", "NEW=1")
    fleet.run("agent", "set", fleet.agent, "--on-missing", "start")
    fleet.server("stop", server)
    records = [event for event in fleet.events()
               if event["agent_id"] == fleet.agent and event["body"]["type"] == "Record"]
    assert all(event["body"]["actor"] or event["cause"]["actor"] for event in records)
    changed = {event["body"]["kind"]: event["body"]["changed"] for event in records if event["body"]["changed"]}
    assert changed == {"server": ["image_tag", "config.NEW", "config.SECRET_TOKEN"], "agent": ["on_missing"]}
    assert [event["body"]["changed"] for event in records if event["body"]["kind"] == "command"] == [[], []]
    text = fleet.run("events", "--server", server).stdout
    assert ", changed image_tag, config.NEW, config.SECRET_TOKEN" in text and "hunter" not in text
    assert yard.check() == []
