"""The log read again: the fleet at any time, the ledger against it, and what breaks its rules.

A real worker on a scripted engine: what matters here is what it writes.
"""
import json
import sqlite3
import time
import uuid

import pytest
from fleet import wait_for
from log_reader import Codec, LogReader
from scripted_engine import ScriptedEngine

IMAGE = "registry.test/steam-zomboid"
SECRET = "hunter2"


class Host:
    """A fleet whose agent has a worker on a scripted engine."""

    def __init__(self, fleet, directory):
        self.fleet, self.agent = fleet, fleet.agent
        self.engine = ScriptedEngine(directory / "docker.sock", images=[f"{IMAGE}:latest"]).start()
        self.worker = None

    def start_worker(self):
        self.worker = self.fleet.start_worker(docker=self.engine.path, registry="registry.test/")
        return self.worker

    def create(self, *extra):
        server, name = self.fleet.create(None, "-e", f"SECRET_TOKEN={SECRET}", *extra, image=IMAGE)
        world = self.fleet.data_root / name / "data" / "world.save"  # as a game would
        world.parent.mkdir(parents=True, exist_ok=True)
        world.write_text("1")
        return server, self.fleet.container_name(name)

    def remove(self, container):
        """docker rm -f, by hand."""
        self.engine.ask("DELETE", f"/containers/{container}?force=1")

    def replay(self, *words, expect=0):
        """{server id: row} as the log tells it."""
        done = self.fleet.run("audit", "replay", "--agent", self.agent, "--json", *words, expect=expect)
        assert SECRET not in done.stdout + done.stderr
        return {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}

    def verify(self, *words, expect=0):
        """(differences, summary)"""
        done = self.fleet.run("audit", "replay", "--verify", "--agent", self.agent, "--json", *words, expect=expect)
        assert SECRET not in done.stdout + done.stderr
        *differences, summary = map(json.loads, done.stdout.splitlines())
        assert summary["equal"] == (expect == 0) and summary["differences"] == len(differences)
        return differences, summary

    def check(self, *words, expect=0):
        done = self.fleet.run("audit", "check", "--agent", self.agent, "--json", *words, expect=expect)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def host(bare_fleet, short_dir):
    host = Host(bare_fleet, short_dir)
    yield host
    for process in bare_fleet.processes:
        process.stop()
    host.engine.stop()


def now():
    """A moment of the log that nothing was appended at: the clock has gone on before and after."""
    time.sleep(0.02)
    moment = int(time.time() * 1000)
    time.sleep(0.02)
    return moment


def live(host):
    """A server's life; returns (server, [(moment, status at it)])."""
    fleet = host.fleet
    host.start_worker()
    begin = now()
    server, container = host.create()
    story = [(begin, None), (now(), "running")]
    host.remove(container)
    fleet.wait_status(server, "missing")
    story.append((now(), "missing"))
    for action, status in (("start", "running"), ("rebuild", "running"), ("stop", "stopped"), ("start", "running"),
                           ("delete", "deleted"), ("restore", "stopped"), ("start", "running")):
        fleet.server(action, server)
        story.append((now(), status))
    return server, story


# Replay


def test_the_fleet_at_any_time(host):
    server, story = live(host)
    for moment, status in story:
        rows = host.replay("--at", moment)
        assert (rows[server]["status"] if server in rows else None) == status, (moment, story)
    utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(story[-1][0] / 1000 + 1))
    assert host.replay("--at", utc + "Z")[server]["status"] == "running"
    row, shown = host.replay()[server], host.fleet.show(server)
    del row["status_at"]  # depends on when a request was made, too
    assert row == {name: shown[name] for name in row}
    assert host.check() == []
    _, summary = host.verify()
    assert (summary["agents"], summary["servers"], summary["commands"]) == (1, 1, 8)


def test_one_server(host):
    host.start_worker()
    (one, _), (other, _) = host.create(), host.create()
    host.fleet.server("stop", other)
    done = host.fleet.run("audit", "replay", "--server", other, "--json")
    assert [(row["id"], row["status"]) for row in map(json.loads, done.stdout.splitlines())] == [(other, "stopped")]
    table = host.fleet.run("audit", "replay", "--agent", host.agent).stdout
    assert one in table and other in table and "2 servers" in table
    done = host.fleet.run("audit", "replay", "--verify", "--server", one)
    assert "equal: 1 agents, 1 servers and 1 commands" in done.stdout


def test_from_a_time_and_from_an_offset(host):
    host.start_worker()
    one, _ = host.create()
    middle = now()
    other, _ = host.create()
    events = [e for e in host.fleet.events() if e["agent_id"] == host.agent and e["server_id"] == other]
    assert set(host.replay()) == {one, other}
    assert set(host.replay("--from", middle)) == {other}
    assert set(host.replay("--from", min(e["offset"] for e in events))) == {other}
    assert host.replay("--from", middle)[other]["status"] == "running"
    assert host.replay("--from", middle, "--at", middle + 1) == {}
    assert host.check("--from", middle) == []


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
                 "not_begun", "sync_partitions", "sync_contradicts"):
        assert f"  {name} " in text


# The ledger against the log


def tamper(fleet, sql, *values):
    with sqlite3.connect(fleet.ledger) as db:
        assert db.execute(sql, values).rowcount == 1


def test_each_difference_in_a_sentence(host):
    fleet = host.fleet
    host.start_worker()
    server, _ = host.create()
    gone, _ = host.create()
    fleet.server("stop", server)
    assert host.verify()[0] == []
    tamper(fleet, "UPDATE servers SET image_tag = 'v666', settled_status = 'running' WHERE id = ?", server)
    tamper(fleet, "UPDATE servers SET config = '{\"SECRET_TOKEN\":\"hunter3\"}' WHERE id = ?", server)
    tamper(fleet, "DELETE FROM servers WHERE id = ?", gone)
    differences, _ = host.verify(expect=1)
    assert {(d["id"], d["column"]) for d in differences} == {
        (server, "image_tag"), (server, "settled_status"), (gone, None)}
    told = fleet.run("audit", "replay", "--verify", "--agent", host.agent, expect=1).stdout.splitlines()
    assert f'servers {server}: image_tag is "v666" in the ledger, and "latest" by the log' in told
    assert f'servers {server}: settled_status is "running" in the ledger, and "stopped" by the log' in told
    assert f"servers {gone} is in the log and not in the ledger" in told
    assert told[-1].startswith("different: ")


def test_equal_while_everything_runs(host):
    """The ledger is looked at in one moment, however much is written meanwhile."""
    fleet = host.fleet
    serve = fleet.start_serve()
    host.start_worker()
    servers = [host.create()[0] for _ in range(3)]
    for number in range(5):
        for server in servers:
            fleet.server(("stop", "start")[number % 2], server, wait=False)
        host.verify()
    for server in servers:
        fleet.wait_status(server, "stopped")
    serve.stop()
    host.verify()
    assert host.check() == []


def test_equal_when_events_come_before_the_record(host):
    """What happens between a request and its Record is folded without the request, as replay does."""
    fleet = host.fleet
    host.start_worker()
    server, container = host.create()
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"
    fleet.server("start", server, wait=False, expect=4)  # accepted, not sent
    fleet.bus_url = url
    host.remove(container)
    wait_for("the log to show it", lambda: host.replay()[server]["status"] == "missing")
    host.verify()
    fleet.server("stop", server)
    host.verify()
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
def test_what_breaks_the_rules_is_found(host):
    host.start_worker()
    server, _ = host.create()
    assert host.check() == []
    log = [m.value for m in LogReader(host.fleet.kafka.address).read("muster.events", Codec("event"))
           if m.value["agent_id"] == host.agent]
    result = next(e for e in log if e["body"].get("outcome") == "done" and e["server_id"] == server)
    forger = Forger(host.fleet.kafka, host.agent)
    end = max(event["at"] for event in log)
    wrong = [
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
    found = {(b["breach"], b["offset"]) for b in host.check(expect=1)}
    assert set(places) <= found
    offset = forger.write(forger.copy(result, at=end, cause=None), (forger.partition + 1) % 32)
    whole = [json.loads(line) for line in host.fleet.run("audit", "check", "--json", expect=1).stdout.splitlines()]
    assert ("wrong_partition", offset) in {(b["breach"], b["offset"]) for b in whole if b["agent_id"] == host.agent}
    text = host.fleet.run("audit", "check", "--agent", host.agent, expect=1).stdout
    assert f"command {result['cause']['command_id']} is done, it has ended at offset" in text
