"""Two control planes on one log: each undoes what the other asks for.  It is told by both, and by the audit."""
import contextlib
import json
import sqlite3

import pytest
import requests
from fleet import Fleet, wait_for
from services import PATIENCE_S


@pytest.fixture
def own_fleet(request, bus_kind, short_dir):
    """On a bus of its own: others share theirs."""
    directory = short_dir / "one"
    directory.mkdir()
    url = request.getfixturevalue("own_kafka").url if bus_kind == "kafka" else f"sqlite://{short_dir}/bus.db"
    fleet = Fleet(directory, url)
    fleet.init().add_agent()
    yield fleet
    fleet.close()


def beside(fleet, directory):
    """Another control plane on the same bus, without a ledger so far."""
    directory.mkdir()
    other = Fleet(directory, fleet.bus_url)
    other.agent = fleet.agent
    return other


def told(fleet):
    url = f"http://127.0.0.1:{fleet.http_port}/healthz"
    health = requests.get(url, timeout=PATIENCE_S).json()
    assert (health["other_control_plane"] is None) == (health["status"] == "ok")
    return health["other_control_plane"]


def found(fleet, expect):
    done = fleet.run("audit", "check", "--agent", fleet.agent, "--json", expect=expect)
    return [json.loads(line)["breach"] for line in done.stdout.splitlines()]


def test_another_ledger_is_told(own_fleet, short_dir):
    serve = own_fleet.start_serve()
    server, _ = own_fleet.create(wait=False, image="registry.test/game")
    own_fleet.run("server", "list")
    assert told(own_fleet) is None and found(own_fleet, 0) == []
    other = beside(own_fleet, short_dir / "two").init()
    assert found(own_fleet, 0) == [], "it has written nothing"
    other.server("stop", server, wait=False)
    sentence = wait_for("serve to tell it", lambda: told(own_fleet))
    assert "another control plane" in sentence and "ledger " in sentence
    assert "ingest.other_control_plane" in serve.output()
    own_fleet.server("start", server, wait=False)
    own_fleet.run("server", "list")
    assert found(own_fleet, 1) == ["second_ledger"]
    assert other.start_serve() and wait_for("the other to tell it", lambda: told(other))
    other.close()


def test_a_ledger_that_takes_over_is_none(own_fleet, short_dir):
    """The one before it is gone."""
    server, _ = own_fleet.create(wait=False, image="registry.test/game")
    other = beside(own_fleet, short_dir / "two").init()
    other.start_serve()
    other.server("stop", server, wait=False)
    other.run("server", "list")
    assert told(other) is None and found(other, 0) == []
    other.close()


def test_a_copy_of_the_ledger_is_told(own_fleet, short_dir):
    serve = own_fleet.start_serve()
    server, _ = own_fleet.create(wait=False, image="registry.test/game")
    own_fleet.run("server", "list")
    copy = beside(own_fleet, short_dir / "two")
    with contextlib.closing(sqlite3.connect(own_fleet.ledger)) as ledger, \
            contextlib.closing(sqlite3.connect(copy.ledger)) as made:
        ledger.backup(made)
    copy.server("stop", server, wait=False)
    assert "a copy of this ledger" in wait_for("serve to tell it", lambda: told(own_fleet))
    assert serve.process.poll() is None
