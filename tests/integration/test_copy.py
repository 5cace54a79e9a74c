"""`muster bus copy`: from one machine's file to Kafka, and on from there.

Nothing is lost, nothing is done twice, and the log means the same: to replay, to --at, to workers.
"""
import time

import pytest
from fleet import wait_for
from yard import live, tamper


def copy(fleet, target, *words, expect=0):
    return fleet.run("bus", "copy", fleet.bus_url, target, *words, expect=expect)


def move(yard, target, *words):
    """Copies, and goes on with the copy; returns what was told."""
    told = yard.fleet.json("bus", "copy", yard.fleet.bus_url, target, *words)
    yard.fleet.bus_url = target
    return told


def plain(events):
    """Events without their offsets, in the order of each partition."""
    return sorted(([{k: v for k, v in e.items() if k != "offset"} for e in events]),
                  key=lambda e: e["partition"])


def unanswered(yard, server, *actions):
    """Commands that nobody has taken."""
    return [yard.fleet.server(action, server, wait=False)["command_id"] for action in actions]


def results(yard, command):
    return [e for e in yard.fleet.events() if e["body"]["type"] == "Result" and e["cause"]
            and e["cause"]["command_id"] == command and e["body"]["outcome"] not in ("accepted", "progress")]


@pytest.mark.bus("sqlite")
def test_to_kafka_and_on(yard, own_kafka):
    fleet = yard.fleet
    server, story = live(yard)
    yard.worker.stop()
    waiting = unanswered(yard, server, "stop", "rebuild")
    before, events = yard.replay(), plain(fleet.events())
    time.sleep(1.1)
    told = move(yard, own_kafka.url)
    assert (told["commands_waiting"], told["agents"], told["ledger"]) == (2, 1, str(fleet.ledger))
    assert told["commands_answered"] == 8
    assert plain(fleet.events()) == events, "the same, with the same append times"
    assert yard.replay() == before
    for moment, status in story:
        rows = yard.replay("--at", moment)
        assert (rows[server]["status"] if server in rows else None) == status, (moment, story)
    yard.verify()
    assert fleet.events("--since", "1") == []

    changes = len(yard.engine.requests("POST"))
    yard.start_worker()
    for command in waiting:
        wait_for("its result", lambda: results(yard, command))
    fleet.wait_status(server, "running")
    made = [e for e in yard.engine.requests("POST")[changes:] if "/containers/create" in e["path"]]
    assert len(made) == 1, "the rebuild, and nothing that was done before"
    fleet.server("stop", server)
    assert fleet.status(server) == "stopped"
    assert all(len(results(yard, e["cause"]["command_id"])) == 1 for e in fleet.events()
               if e["body"].get("kind") == "command")
    assert yard.check() == []
    yard.verify()


@pytest.mark.bus("sqlite")
def test_back_to_a_file(yard, own_kafka, short_dir):
    """Kafka has markers between records; the copy of a copy is the same log."""
    fleet = yard.fleet
    server, _ = live(yard)
    yard.worker.stop()
    events = plain(fleet.events())
    move(yard, own_kafka.url)
    (command,) = unanswered(yard, server, "stop")
    (short_dir / "there").mkdir()
    told = move(yard, f"sqlite://{short_dir}/there/bus.db")
    assert told["commands_waiting"] == 1
    after = plain(fleet.events())
    assert [e for e in after if e["cause"] is None or e["cause"]["command_id"] != command] == events
    yard.start_worker()
    wait_for("its result", lambda: results(yard, command))
    fleet.wait_status(server, "stopped")
    yard.verify()
    assert yard.check() == []


@pytest.mark.bus("sqlite")
def test_without_a_ledger(yard, short_dir):
    server, _ = live(yard)
    yard.worker.stop()
    fleet, target = yard.fleet, f"sqlite://{short_dir}/other.db"
    before = yard.replay()
    fleet.ledger = short_dir / "another.db"
    assert "muster init" in copy(fleet, target).stdout
    fleet.bus_url = target
    fleet.init()
    assert yard.replay() == before
    yard.verify()


@pytest.mark.bus("sqlite")
def test_unsent_requests_come_along(yard, short_dir):
    fleet = yard.fleet
    yard.start_worker()
    server, _ = yard.create()
    yard.worker.stop()
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"
    fleet.server("stop", server, wait=False, expect=4)  # accepted, not sent
    fleet.bus_url = url
    move(yard, f"sqlite://{short_dir}/other.db")
    yard.start_worker()
    fleet.server("start", server)
    stops = [e for e in fleet.events() if e["body"].get("outcome") == "done" and e["cause"]["action"] == "stop"]
    assert len(stops) == 1
    yard.verify()


# What is refused


@pytest.mark.bus("sqlite")
def test_a_living_worker(yard, short_dir):
    yard.start_worker()
    yard.create()
    target = f"sqlite://{short_dir}/other.db"
    assert f"worker {yard.agent}/agent-1 was alive" in copy(yard.fleet, target, expect=2).stderr
    yard.worker.kill()
    assert "was alive" in copy(yard.fleet, target, expect=2).stderr
    copy(yard.fleet, target, "--yes")


@pytest.mark.bus("sqlite")
def test_a_worker_that_has_ended_with_commands_waiting(yard, short_dir):
    """It has ended what it had begun: what waits behind that is no sign of life."""
    worker = yard.start_worker()
    server, _ = yard.create()
    yard.engine.script({"method": "POST", "path": "/stop", "do": "hold"})
    unanswered(yard, server, "stop", "start")
    wait_for("the stop", lambda: yard.engine.requests("POST", "/stop"))
    worker.process.terminate()
    wait_for("it to drain", lambda: " draining" in worker.output())
    yard.engine.release()
    assert worker.exit_code() == 0
    assert move(yard, f"sqlite://{short_dir}/other.db")["commands_waiting"] == 1


@pytest.mark.bus("sqlite")
def test_a_running_serve(bare_fleet, short_dir):
    serve = bare_fleet.start_serve()
    assert "stop `muster serve`" in copy(bare_fleet, f"sqlite://{short_dir}/other.db", expect=2).stderr
    serve.stop()
    copy(bare_fleet, f"sqlite://{short_dir}/other.db")


@pytest.mark.bus("sqlite")
def test_a_command_that_has_begun(yard, short_dir):
    fleet, target = yard.fleet, f"sqlite://{short_dir}/other.db"
    yard.start_worker()
    server, _ = yard.create()
    yard.engine.script({"method": "POST", "path": "/stop", "do": "hang"})
    (command,) = unanswered(yard, server, "stop")
    wait_for("it to begin", lambda: [e for e in fleet.events() if e["body"].get("outcome") == "accepted"
                                     and e["cause"]["command_id"] == command])
    yard.worker.kill()
    yard.engine.clear_script()
    yard.engine.release()
    assert "was alive" in copy(fleet, target, expect=2).stderr
    move(yard, target, "--yes")
    yard.start_worker()
    wait_for("its result", lambda: results(yard, command))
    assert len(results(yard, command)) == 1
    fleet.wait_status(server, "stopped")


@pytest.mark.bus("sqlite")
def test_a_target_with_records(bare_fleet, short_dir):
    target = f"sqlite://{short_dir}/other.db"
    copy(bare_fleet, target)
    bare_fleet.bus_url, source = target, bare_fleet.bus_url
    bare_fleet.run("audit", "replay", "--verify")
    bare_fleet.bus_url = source
    ledger, bare_fleet.ledger = bare_fleet.ledger, short_dir / "none.db"
    assert "only an empty bus" in copy(bare_fleet, target, expect=2).stderr
    assert "only an empty bus" in copy(bare_fleet, source, expect=2).stderr
    bare_fleet.ledger = ledger
    assert "is not of the bus to copy" in copy(bare_fleet, f"sqlite://{short_dir}/third.db", expect=4).stderr


@pytest.mark.bus("sqlite")
def test_an_empty_target_that_was_initialized(bare_fleet, short_dir, own_kafka):
    ledger, bare_fleet.ledger = bare_fleet.ledger, short_dir / "new.db"
    source, bare_fleet.bus_url = bare_fleet.bus_url, own_kafka.url
    bare_fleet.init()
    bare_fleet.ledger, bare_fleet.bus_url = ledger, source
    before = plain(bare_fleet.events())
    copy(bare_fleet, own_kafka.url)
    bare_fleet.bus_url = own_kafka.url
    assert plain(bare_fleet.events()) == before


@pytest.mark.bus("sqlite")
def test_a_ledger_that_is_not_its_log(yard, short_dir):
    server, _ = live(yard)
    yard.worker.stop()
    tamper(yard.fleet, "UPDATE servers SET image_tag = 'v666' WHERE id = ?", server)
    done = copy(yard.fleet, f"sqlite://{short_dir}/other.db", expect=2)
    assert "image_tag is" in done.stderr and "not what its log makes of it" in done.stderr


@pytest.mark.bus("sqlite")
def test_another_partition_count(bare_fleet, short_dir):
    ledger, bare_fleet.ledger = bare_fleet.ledger, short_dir / "new.db"
    source, bare_fleet.bus_url = bare_fleet.bus_url, f"sqlite://{short_dir}/other.db"
    bare_fleet.run("init", "--events-partitions", 3)
    target, bare_fleet.bus_url, bare_fleet.ledger = bare_fleet.bus_url, source, ledger
    assert "3 partitions" in copy(bare_fleet, target, expect=2).stderr


@pytest.mark.bus("sqlite")
def test_words(bare_fleet):
    assert "expected: muster bus copy FROM TO" in bare_fleet.run("bus", "copy", "x", expect=2).stderr
    assert "no such bus" in bare_fleet.run("bus", "copy", bare_fleet.bus_url, "nats://x", expect=2).stderr
    assert "append times" in bare_fleet.run("bus", "copy", "--help").stdout
