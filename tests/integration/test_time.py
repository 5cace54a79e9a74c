"""Time: what has expired does not begin, by the log's clock, however long anybody stands still.

On a scripted engine, which holds what the test says.
"""
import sqlite3
import time

import pytest
from conftest import keep
from fleet import wait_for
from outpost import TERMINAL
from scripted_host import ScriptedHost

NEVER_TRIED = ("expired", "expired")
DAY_MS = 86_400_000


@pytest.fixture
def own_host(request, short_dir, own_kafka):
    """On a broker of its own, which does not miss a worker for a minute."""
    host = keep(request, ScriptedHost(short_dir, own_kafka))
    host.worker("slot", "-X", "session.timeout.ms=60000", assigned=True)
    yield host
    own_kafka.resume()
    host.close()


def hold_looks(engine, container):
    """From now on nobody is told how it is, until it is released."""
    engine.clear_log()
    engine.script({"method": "GET", "path": f"/{container}/json", "do": "wait", "times": 0})


def let_look(engine):
    engine.clear_script()
    engine.release()


def is_over(moment_ms):
    return time.time() * 1000 > moment_ms + 1000


def results_of(fleet, command_id):
    return [event["body"] for event in fleet.events()
            if (event["cause"] or {}).get("command_id") == command_id and "outcome" in event["body"]]


def answer_of(fleet, command_id):
    """All that the log says of it, once it has ended."""
    def ended():
        results = results_of(fleet, command_id)
        return results if results and results[-1]["outcome"] in TERMINAL else None
    return [(result["outcome"], result["code"]) for result in wait_for(f"the end of {command_id}", ended)]


def stopped(yard):
    server, container = yard.create()
    yard.fleet.server("stop", server)
    return server, container


def ask_brief(yard, server, container):
    """A start that expires in five seconds, while its look waits; its id, once it is over."""
    hold_looks(yard.engine, container)
    sent = yard.fleet.server("start", server, "--expires", "5s", wait=False)
    end = time.time() * 1000 + 5000
    return sent["command_id"], end


def test_l18_what_expires_during_the_look_does_not_begin(yard):
    yard.start_worker()
    server, container = stopped(yard)
    command, end = ask_brief(yard, server, container)
    wait_for("its end", lambda: is_over(end))
    let_look(yard.engine)
    assert answer_of(yard.fleet, command) == [NEVER_TRIED]
    assert yard.engine.requests("POST", "/start") == []
    yard.fleet.server("start", server)  # its lane is free
    assert yard.fleet.status(server) == "running"


@pytest.mark.bus("sqlite")
def test_l18_what_expires_while_the_bus_is_held_does_not_begin(yard):
    """Another program holds the file, for longer than a commit waits for it."""
    yard.start_worker()
    server, container = stopped(yard)
    command, end = ask_brief(yard, server, container)
    wait_for("the look", lambda: yard.engine.requests("GET", f"/{container}/json") or is_over(end))
    with sqlite3.connect(yard.fleet.bus_url.removeprefix("sqlite://"), isolation_level=None) as held:
        held.execute("BEGIN IMMEDIATE")
        let_look(yard.engine)
        wait_for("its end", lambda: is_over(end))
        held.execute("ROLLBACK")
    assert answer_of(yard.fleet, command) == [NEVER_TRIED]
    assert yard.engine.requests("POST", "/start") == []


def test_l18_what_expires_while_the_broker_stands_still_does_not_begin(own_host, own_kafka):
    """`accepted` is on its way when it does; another command of that batch goes out."""
    host, engine = own_host, own_host.scripted
    brief, patient = host.created(), host.created()
    for server in (brief, patient):
        host.done("stop", server)
    engine.clear_log()
    engine.script(*({"method": "GET", "path": f"/{server.container}/json", "do": "wait", "times": 0}
                    for server in (brief, patient)))
    other = host.ask("start", patient)
    command = host.command("start", brief.id, expires_in=8)
    host.commander.send_command(command)
    wait_for("the looks", lambda: is_over(command["expires_at"]) or all(
        host.asked(server, "/json") for server in (brief, patient)))
    own_kafka.pause()
    let_look(engine)
    wait_for("its end", lambda: is_over(command["expires_at"]))
    own_kafka.resume()
    result = host.result_of(command["command_id"])
    assert (result["outcome"], result["code"]) == NEVER_TRIED
    assert host.outcomes(command["command_id"]) == ["expired"]
    assert host.outcome(other) == "done"
    assert host.asked(brief, "/start") == [] and len(host.asked(patient, "/start")) == 1
    assert host.done("start", brief)["state"]["status"] == "running"


# --- L27: clocks that are wrong


@pytest.mark.false_clock
@pytest.mark.bus("sqlite")  # where a host's clock dates the log; nor can librdkafka's waits be told a false time
def test_l27_a_host_that_is_400_days_ahead_for_a_while(yard):
    """No command expires by it, nothing is dated by it or dropped, and no worker stays there by it."""
    fleet, every = yard.fleet, ("--heartbeat", "1s")
    yard.start_worker(*every)
    server, container = yard.create()
    yard.worker.stop()
    yard.start_worker(*every, clock="+400d")
    for action in ("stop", "start"):
        fleet.server(action, server)
    yard.worker.stop()
    yard.start_worker(*every)
    fleet.server("stop", server)
    asked = [event for event in fleet.events() if event["body"].get("kind") == "command"]
    dated = [event["append_at"] for event in fleet.events()]
    assert len(asked) == 4 and max(dated) < time.time() * 1000 + DAY_MS
    assert commands_kept(fleet) == len(asked)
    assert yard.verify()[0] == []
    yard.worker.kill()
    wait_for("it to be missed", lambda: fleet.show(server)["agent_online"] is False)


def commands_kept(fleet):
    """What the embedded bus still has of what its senders drop after seven days."""
    with sqlite3.connect(fleet.bus_url.removeprefix("sqlite://")) as bus:
        ((kept,),) = bus.execute(
            "SELECT count(*) FROM records JOIN partitions ON records.place / (1 << 40) = partitions.id"
            " JOIN topics ON topics.id = partitions.topic WHERE topics.name LIKE 'muster.commands.%'")
    return kept
