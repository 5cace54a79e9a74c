"""The ledger against the world: what is missing is proved, what is missing comes back.

Real workers throughout.  The real engine where a container is what it is about, scripted ones
(tests/engine) where the engine has to be slow, large or wrong.
"""
import json
import random
import shutil
import sqlite3
import subprocess
import threading
import time
import uuid
from contextlib import ExitStack

import pytest
from fleet import BUILD, wait_for
from outpost import PATIENCE
from scripted_engine import ScriptedEngine
from services import PATIENCE_S, Ports

GAME = {"image": "registry.test/game", "image_tag": "1"}
DAY_MS = 86_400_000


def ask(fleet, sql, *values):
    """Rows of the ledger, read beside whoever writes it."""
    with sqlite3.connect(f"file:{fleet.ledger}?mode=ro", uri=True, timeout=PATIENCE_S) as db:
        return db.execute(sql, values).fetchall()


class Watch:
    """Reads the ledger again and again, on a thread, until the block is over."""

    def __init__(self, fleet, look):
        self.fleet, self.look = fleet, look
        self.looks, self.problems, self._over = 0, [], threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._over.is_set():
            try:
                self.look()
            except Exception as problem:  # told at the end, on the test's own thread
                self.problems.append(problem)
                return
            self.looks += 1
            time.sleep(0.005)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._over.set()
        self._thread.join()
        if kind is None:
            assert not self.problems, self.problems[0]
            assert self.looks > 10


def own(fleet, table, columns="*", where="1"):
    """Rows of this fleet's agents: the broker's log, and so the ledger, has those of other tests."""
    return ask(fleet, f"SELECT {columns} FROM {table} WHERE ({where}) AND agent_id IN"
                      " (SELECT id FROM agents WHERE name LIKE ? || '%')", fleet.id)


def missing_now(fleet):
    return {row[0] for row in own(fleet, "servers", "id", "missing_since IS NOT NULL OR status = 'missing'")}


def all_answered(fleet):
    return not own(fleet, "commands", "1", "finished_at IS NULL")


def never_missing(fleet, *allowed):
    def look():
        assert not missing_now(fleet) - set(allowed)
    return Watch(fleet, look)


def sync(fleet):
    """A list that was asked for now, and is in the ledger."""
    return fleet.run("sync", fleet.agent, "--wait=60")


@pytest.fixture
def scripted(bare_fleet, short_dir):
    """A scripted engine with a worker of the fleet's agent on it, and `muster serve`."""
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        bare_fleet.start_serve()
        bare_fleet.start_worker("--sync-interval", "1h", docker=engine.path, registry="registry.test/")
        yield engine
        bare_fleet.close()


# Renamed by hand


def test_s23_one_that_was_renamed_turns_missing_when_it_is_removed(yard):
    """While it is there under another name nothing is proved; then nobody else would tell."""
    fleet = yard.fleet
    fleet.start_serve()
    fleet.start_worker("--sync-interval", "1s", docker=yard.engine.path, registry="registry.test/")
    server, container = yard.create()
    yard.engine.ask("POST", f"/containers/{container}/rename?name=aside")
    wait_for("it to be extra", lambda: fleet.json("server", "list", "--extra"))
    assert fleet.status(server) == "running"
    yard.remove("aside")
    fleet.wait_status(server, "missing")


# The three gaps of the old way


def make_missing(fleet):
    """A server whose container somebody has removed: (id, name of the container)."""
    server_id, name = fleet.create()
    container = fleet.container_name(name)
    fleet.engine.remove(container)
    fleet.wait_status(server_id, "missing")
    return server_id, container


def test_rebuild_without_a_container(fleet):
    fleet.start_worker()
    server_id, container = make_missing(fleet)
    result = fleet.server("rebuild", server_id)
    assert (result["outcome"], result["recovered"]) == ("done", True)
    assert fleet.status(server_id) == "running"
    assert fleet.engine.inspect(container)["State"]["Running"]


def test_restore_brings_the_container_back(fleet):
    fleet.start_worker()
    server_id, name = fleet.create()
    container = fleet.container_name(name)
    wait_for("its world", (fleet.data_root / name / "data" / "world.save").exists)
    fleet.server("delete", server_id)
    assert fleet.status(server_id) == "deleted" and not fleet.engine.find(container)
    assert fleet.server("restore", server_id)["recovered"] is True
    shown = fleet.show(server_id)
    assert (shown["status"], shown["deleted_at"]) == ("stopped", None)
    assert not fleet.engine.inspect(container)["State"]["Running"]
    fleet.server("start", server_id)
    assert fleet.status(server_id) == "running"
    assert fleet.engine.inspect(container)["State"]["Running"]


BUTTONS = {"start": "running", "restart": "running", "rebuild": "running", "recreate": "running",
           "restore": "stopped", "stop": "missing", "delete": "deleted", "purge": "purged"}


def test_every_button_of_a_missing_server_works(fleet):
    fleet.start_serve()
    fleet.start_worker()
    servers = {action: fleet.create(wait=False) for action in BUTTONS}
    for server_id, _ in servers.values():
        fleet.wait_status(server_id, "running")
    for _, name in servers.values():
        fleet.engine.remove(fleet.container_name(name))
    for server_id, _ in servers.values():
        fleet.wait_status(server_id, "missing")
    for action, status in BUTTONS.items():
        server_id, name = servers[action]
        assert fleet.server(action, server_id)["outcome"] == "done", action
        assert fleet.status(server_id) == status, action
        found = fleet.engine.find(fleet.container_name(name))
        assert (found.status if found else None) == {
            "running": "running", "stopped": "created"}.get(status), action


def test_starting_afresh_must_be_asked_for(fleet):
    """Where the ledger knows that the data is gone."""
    fleet.start_serve()
    fleet.start_worker()
    kept, _ = fleet.create()
    server_id, name = fleet.create()
    fleet.engine.remove(fleet.container_name(name))
    shutil.rmtree(fleet.data_root / name)
    fleet.wait_status(server_id, "missing")
    sync(fleet)
    wait_for("the ledger to know", lambda: fleet.show(server_id)["data_exists"] is False)
    assert fleet.show(kept)["data_exists"] is True
    for action in ("start", "restart", "rebuild", "recreate", "restore"):
        refused = fleet.run("server", action, server_id, expect=2).stderr
        assert "its data" in refused and "possible now: start --fresh, stop" in refused
    result = fleet.server("start", server_id, "--fresh")
    assert result["outcome"] == "done"
    shown = fleet.show(server_id)
    assert (shown["status"], shown["data_exists"]) == ("running", True)


# Healing


def healings(fleet, server_id):
    return [row[0] for row in ask(
        fleet, "SELECT outcome || ' ' || code FROM commands WHERE server_id = ? AND actor = 'muster:healing'"
               " AND finished_at IS NOT NULL ORDER BY rowid", server_id)]


def test_a_missing_server_is_started_by_itself(fleet):
    fleet.run("agent", "set", fleet.agent, "--on-missing", "start")
    fleet.start_serve()
    fleet.start_worker()
    server_id, name = fleet.create()
    shown, _ = fleet.create(None, "--on-missing", "show")
    stopped, _ = fleet.create()
    for other in [fleet.create(wait=False)[0] for _ in range(4)]:
        fleet.wait_status(other, "running")  # so that three are not most of them
    fleet.server("stop", stopped)
    for each in (server_id, shown, stopped):
        fleet.engine.remove(fleet.container_name(fleet.show(each)["name"]))
    for each in (shown, stopped):
        fleet.wait_status(each, "missing")
    assert fleet.show(stopped)["healing"].endswith("not meant to run")
    wait_for("the healing", lambda: healings(fleet, server_id))
    assert healings(fleet, server_id) == ["done "] and fleet.status(server_id) == "running"
    assert fleet.engine.inspect(fleet.container_name(name))["State"]["Running"]
    assert [fleet.status(each) for each in (shown, stopped)] == ["missing", "missing"]
    assert not healings(fleet, shown) and not healings(fleet, stopped)


def test_healing_never_begins_with_fresh_data(fleet):
    """The ledger believes that the data is there; the host knows better."""
    fleet.start_serve()
    fleet.start_worker()
    server_id, name = fleet.create(None, "--on-missing", "start")
    assert fleet.show(server_id)["data_exists"] is True
    fleet.engine.remove(fleet.container_name(name))
    shutil.rmtree(fleet.data_root / name)
    wait_for("an attempt", lambda: healings(fleet, server_id))
    assert healings(fleet, server_id) == ["failed mount_failed"]
    assert not (fleet.data_root / name).exists() and not fleet.engine.find(fleet.container_name(name))
    assert fleet.status(server_id) == "missing"


def test_s22_the_data_disk_is_not_mounted(bare_fleet, scripted):
    """All are gone at once: nothing is started until a person says so."""
    fleet = bare_fleet
    fleet.run("agent", "set", fleet.agent, "--on-missing", "start")
    servers = [fleet.create(**GAME)[0] for _ in range(4)]
    for container in list(scripted.containers()):
        scripted.ask("DELETE", f"/containers/{container}?force=1")
    for server_id in servers:
        fleet.wait_status(server_id, "missing")
    agent = fleet.json("agent", "show", fleet.agent)
    assert agent["mass_absence_at"] and agent["online"] is True
    assert "mass_absence" in fleet.run("agent", "list").stdout
    assert all("agent release" in fleet.show(server_id)["healing"] for server_id in servers)
    time.sleep(12)  # longer than the first attempt waits
    assert not any(healings(fleet, server_id) for server_id in servers) and not scripted.containers()
    fleet.run("agent", "release", fleet.agent, "--reason", "mounted again")
    assert fleet.json("agent", "show", fleet.agent)["mass_absence_at"] is None
    for server_id in servers:
        fleet.wait_status(server_id, "running")
    refused = fleet.run("agent", "release", fleet.agent, expect=2).stderr
    assert "nothing to release" in refused


def test_s24_a_server_that_never_had_a_container(fleet):
    fleet.run("agent", "set", fleet.agent, "--on-missing", "start")
    fleet.start_serve()
    fleet.start_worker()
    server_id, _ = fleet.create(image_tag="no-such-tag", expect=1)
    for _ in range(2):
        sync(fleet)
    shown = fleet.show(server_id)
    assert (shown["status"], shown["missing_since"]) == ("failed", None)
    assert shown["last_code"] == "image_not_found" and shown["last_message"]
    assert ask(fleet, "SELECT count(*) FROM commands WHERE server_id = ?", server_id) == [(1,)]


# What proves, and what does not


def test_s03_a_sync_during_a_rebuild(bare_fleet, scripted):
    fleet = bare_fleet
    server_id, name = fleet.create(**GAME)
    container = fleet.container_name(name)
    old = fleet.show(server_id)["container_id"]
    with never_missing(fleet):
        scripted.script({"method": "POST", "path": "/containers/create", "do": "hang"})
        rebuild = fleet.server("rebuild", server_id, wait=False)["command_id"]
        wait_for("a moment without the container", lambda: container not in scripted.containers(), every=0.01)
        time.sleep(1.5)  # what the engine has told lately counts as pending for a second: now the command alone does
        assert sync(fleet) and container not in scripted.containers()
        syncs = [e["body"] for e in fleet.events() if e["agent_id"] == fleet.agent
                 and e["body"]["type"] == "Sync" and e["cause"]]
        assert [server_id] == [each for body in syncs[-4:] for each in body["pending"]]  # of four partitions
        assert fleet.status(server_id) == "rebuilding"
        scripted.release()
        wait_for("the result", lambda: ask(fleet, "SELECT finished_at FROM commands WHERE command_id = ?",
                                           rebuild)[0][0])
        sync(fleet)
    shown = fleet.show(server_id)
    assert shown["status"] == "running" and shown["container_id"] not in (None, old)
    assert shown["container_id"] == scripted.containers()[container]["Id"]


def test_s04_an_old_snapshot_after_a_newer_event(bare_fleet, scripted):
    """The engine's list is from before B was made, and ends after."""
    fleet = bare_fleet
    first, _ = fleet.create(**GAME)
    fleet.run("sync", fleet.agent, "--wait")  # the lists of the start are over
    with never_missing(fleet):
        scripted.script({"method": "GET", "path": "/containers/json", "do": "hold"})
        scripted.clear_log()
        asked = set(fleet.json("sync", fleet.agent)["command_ids"])
        wait_for("the list", lambda: scripted.requests("GET", "/containers/json"), every=0.01)
        second, _ = fleet.create(**GAME)
        scripted.release()
        wait_for("the old list", lambda: all_answered(fleet))
        events = [e for e in fleet.events() if e["agent_id"] == fleet.agent]
        made = next(i for i, e in enumerate(events) if e["server_id"] == second
                    and e["body"].get("outcome") == "done")
        late = [e["body"] for e in events[made:] if e["body"]["type"] == "Sync" and e["cause"]["command_id"] in asked]
        assert len(late) == 4, "the list was to end after B was made"
        assert not any(listed["server_id"] == second for body in late for listed in body["servers"])
        sync(fleet)
    assert [fleet.status(each) for each in (first, second)] == ["running", "running"]


def test_s04_a_list_that_lags_behind_an_event(bare_fleet, scripted):
    """It has a dead container as running still, and the State of its death comes before the Sync."""
    fleet = bare_fleet
    (dying, dying_name), (other, other_name) = fleet.create(**GAME), fleet.create(**GAME)
    fleet.run("sync", fleet.agent, "--wait")  # the lists of the start are over
    with never_missing(fleet):
        old = scripted.ask("GET", "/containers/json?all=1")
        for entry in old:
            if entry["Names"] == [f"/{fleet.container_name(other_name)}"]:
                entry["State"] = "exited"  # so it is looked at, which takes until the State is out
        looks = {server: f"/containers/{fleet.show(server)['container_id']}/json$" for server in (dying, other)}
        scripted.script({"method": "GET", "path": "/containers/json", "do": "body", "text": json.dumps(old)},
                        *({"method": "GET", "path": path, "do": "hold"} for path in looks.values()))
        scripted.clear_log()
        scripted.ask("POST", f"/containers/{fleet.container_name(dying_name)}/stop")
        wait_for("a look at the dead one", lambda: scripted.requests("GET", looks[dying]), every=0.01)
        time.sleep(1.5)  # what the engine has told lately counts as pending for a second
        asked = set(fleet.json("sync", fleet.agent)["command_ids"])
        wait_for("a look at the other one", lambda: scripted.requests("GET", looks[other]), every=0.01)
        scripted.release()
        wait_for("the old list", lambda: all_answered(fleet))
        syncs = [e["body"] for e in fleet.events() if e["agent_id"] == fleet.agent
                 and e["body"]["type"] == "Sync" and e["cause"] and e["cause"]["command_id"] in asked]
        told = {listed["server_id"] for body in syncs for listed in body["servers"]}
        assert {dying, other} == told | {each for body in syncs for each in body["pending"] + body["unknown"]}
        sync(fleet)
    assert [fleet.status(each) for each in (dying, other)] == ["stopped", "running"]


def d1_export(fleet, agent, servers):
    """What `wrangler d1 export` writes, with columns that we do not use."""
    lines = ["PRAGMA defer_foreign_keys=TRUE;",
             "CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, steam_zomboid_registry TEXT,"
             " server_data_path TEXT, token_hash TEXT, created_at INTEGER);",
             f"INSERT INTO \"agents\" VALUES('{agent}','{agent}','{fleet.image.rsplit(':', 1)[0]}',"
             f"'{fleet.data_root}','x',1700000000);",
             "CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, container_id TEXT, config TEXT,"
             " image_tag TEXT, image TEXT, game_port INTEGER, udp_port INTEGER, rcon_port INTEGER,"
             " server_data_path TEXT, status TEXT, data_exists INTEGER, created_at INTEGER, updated_at INTEGER,"
             " deleted_at INTEGER);"]
    for server_id, (name, container, ports) in servers.items():
        lines.append(f"INSERT INTO \"servers\" VALUES('{server_id}','{agent}','{name}','{container.id}','{{}}',"
                     f"'{fleet.image.rsplit(':', 1)[1]}',NULL,{ports[0]},{ports[1]},{ports[2]},NULL,'running',1,"
                     "1700000000,1700000000,NULL);")
    return "\n".join(lines) + "\n"


def test_s21_an_imported_fleet(fleet):
    """Containers without our labels are there from the first day on."""
    agent, servers = f"{fleet.id}-d1", {}
    for _ in range(4):
        name, ports = fleet.new_name(), [Ports.take() for _ in range(3)]
        (fleet.data_root / name / "data").mkdir(parents=True)
        container = fleet.engine.client.containers.run(
            fleet.image, detach=True, name=fleet.container_name(name), restart_policy={"Name": "no"})
        servers[str(uuid.uuid4())] = (name, container, ports)
    dump = fleet.directory / "d1.sql"
    dump.write_text(d1_export(fleet, agent, servers))
    fleet.run("import", "d1", dump)
    fleet.start_serve()
    with never_missing(fleet):
        fleet.start_worker(agent=agent)
        for _ in range(2):
            fleet.run("sync", agent, "--wait=60")
        assert [fleet.status(server_id) for server_id in servers] == ["running"] * 4
        server_id, (name, container, _) = next(iter(servers.items()))
        assert fleet.server("stop", server_id)["outcome"] == "done"
        assert fleet.status(server_id) == "stopped"
        assert fleet.server("start", server_id)["outcome"] == "done"
        container.reload()
        assert container.status == "running" and not container.labels.get("muster.managed")
        # Its game wrote into its own layer: that is let go only when it is asked for.
        assert fleet.server("rebuild", server_id, expect=1)["code"] == "data_elsewhere"
        assert fleet.server("rebuild", server_id, "--fresh")["outcome"] == "done"
        made = fleet.engine.inspect(fleet.container_name(name))
        assert made["Config"]["Labels"]["muster.server.id"] == server_id and made["Id"] != container.id
        assert fleet.show(server_id)["container_id"] == made["Id"]
    fleet.engine.remove(fleet.container_name(list(servers.values())[1][0]))
    fleet.wait_status(list(servers)[1], "missing")


def test_s23_two_containers_bear_one_servers_label(fleet):
    fleet.start_serve()
    fleet.start_worker()
    server_id, name = fleet.create()
    container = fleet.container_name(name)
    labels = fleet.engine.inspect(container)["Config"]["Labels"]
    copy = fleet.engine.client.containers.run(
        fleet.image, detach=True, name=f"copy-{name}", labels=labels, restart_policy={"Name": "no"})
    sync(fleet)
    told = [extra["name"] for event in fleet.events() for extra in event["body"].get("extra", ())]
    assert f"copy-{name}" in told
    assert fleet.show(server_id)["container_id"] != copy.id and fleet.status(server_id) == "running"
    fleet.engine.remove(container)
    fleet.wait_status(server_id, "missing")
    fleet.server("start", server_id)
    copy.reload()
    assert copy.status == "running" and fleet.engine.inspect(container)["State"]["Running"]
    assert fleet.show(server_id)["container_id"] == fleet.engine.inspect(container)["Id"]


def test_an_agent_that_is_not_heard_of_is_offline(bare_fleet, short_dir):
    fleet = bare_fleet
    assert fleet.json("agent", "show", fleet.agent)["online"] is None
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        def start():
            return fleet.start_worker("--heartbeat", "1s", *PATIENCE[:4 if fleet.kafka else 0], name="a",
                                      docker=engine.path, registry="registry.test/")
        worker = start()
        server_id, _ = fleet.create(**GAME)
        deleted, _ = fleet.create(**GAME)
        fleet.server("delete", deleted)
        wait_for("it to be heard of", lambda: fleet.show(server_id)["agent_online"])
        shown = fleet.show(server_id)
        assert (shown["shown_status"], shown["status"]) == ("running", "running")
        worker.kill()
        wait_for("the agent to be offline", lambda: fleet.show(server_id)["agent_online"] is False)
        shown = fleet.show(server_id)
        assert (shown["shown_status"], shown["status"]) == ("unknown", "running")
        assert fleet.show(deleted)["shown_status"] == "deleted"
        assert "unknown" in fleet.run("server", "list", "--agent", fleet.agent).stdout
        assert fleet.json("agent", "show", fleet.agent)["workers"] == 0
        start()
        wait_for("the agent to be online", lambda: fleet.show(server_id)["shown_status"] == "running")


def test_an_agent_on_another_engine_is_bound_again(bare_fleet, short_dir):
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "old.sock", images=["registry.test/game:1"]) as engine:
        worker = fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        server_id, _ = fleet.create(**GAME)
        old = fleet.json("agent", "show", fleet.agent)["engine_id"]
        worker.stop()
    with ScriptedEngine(short_dir / "new.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        assert fleet.server("start", server_id, expect=1)["code"] == "wrong_engine"
        assert fleet.json("agent", "show", fleet.agent)["engine_id"] == old
        fleet.run("agent", "rebind", fleet.agent)
        assert fleet.json("agent", "show", fleet.agent)["engine_id"] not in (None, old)
        # a list that began before the rejection says nothing about the server
        wait_for("it to be missing", lambda: sync(fleet) and fleet.status(server_id) == "missing")
        assert fleet.server("start", server_id)["recovered"] is True


# Commands that wait


def test_l1_a_stale_backlog(bare_fleet, short_dir):
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_serve()
        worker = fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        servers = [fleet.create(**GAME)[0] for _ in range(2)]
        worker.stop()
        asked = [fleet.server(action, server_id, "--expires", "1s", wait=False)["command_id"]
                 for _ in range(5) for server_id in servers for action in ("restart", "stop", "rebuild")]
        asked += [fleet.server("delete", server_id, "--expires", "1s", wait=False)["command_id"]
                  for server_id in servers]
        time.sleep(1.5)
        engine.clear_log()
        fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        wait_for("all answers", lambda: all_answered(fleet))
        assert set(own(fleet, "commands", "outcome", "action <> 'create'")) == {("expired",)}
        assert not [r for r in engine.log() if r["method"] in ("POST", "DELETE") and "/containers/" in r["path"]]
        for server_id in servers:
            assert fleet.status(server_id) == "running"
            told = [e["cause"]["command_id"] for e in fleet.events("--server", server_id)
                    if e["body"].get("outcome") == "expired"]
            ids = {row[0] for row in ask(fleet, "SELECT command_id FROM commands WHERE server_id = ?", server_id)}
            assert told == [command_id for command_id in asked if command_id in ids]


@pytest.fixture
def in_between(bare_fleet, short_dir):
    """(fleet, server by status, a function that starts the worker): a server in each status that
    waits for an answer, and the worker is gone."""
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        def start():
            return fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        worker = start()
        rebuilt, deleted, stopped = (fleet.create(**GAME)[0] for _ in range(3))
        worker.stop()
        created, _ = fleet.create(None, "--expires", "1s", wait=False, **GAME)
        for action, server_id in (("rebuild", rebuilt), ("delete", deleted), ("stop", stopped)):
            fleet.server(action, server_id, "--expires", "1s", wait=False)
        servers = {"creating": created, "rebuilding": rebuilt, "deleting": deleted, "running": stopped}
        assert {fleet.status(server_id) for server_id in servers.values()} == set(servers)
        yield fleet, servers, start
        fleet.close()


def statuses(fleet, servers):
    return [fleet.status(servers[status]) for status in ("creating", "rebuilding", "deleting", "running")]


def test_nothing_stays_in_between_when_a_worker_comes_too_late(in_between):
    """The commands have expired: it answers, and does nothing."""
    fleet, servers, start = in_between
    time.sleep(1.5)
    start()
    wait_for("all answers", lambda: fleet.json("server", "list") and all_answered(fleet))
    assert statuses(fleet, servers) == ["failed", "running", "running", "running"]
    assert own(fleet, "commands", "DISTINCT outcome", "expires_at < issued_at + 2000") == [("expired",)]
    assert fleet.server("start", servers["creating"])["outcome"] == "done"


def test_nothing_stays_in_between_when_the_agent_never_comes_back(in_between):
    """Nine days later the topic does not hold its commands any more: they are closed as lost."""
    fleet, servers, _ = in_between
    fresh, _ = fleet.create(wait=False, **GAME)
    with sqlite3.connect(fleet.ledger) as db:
        db.execute("UPDATE commands SET expires_at = expires_at - ?, recorded_at = recorded_at - ?"
                   " WHERE finished_at IS NULL AND server_id <> ?", (9 * DAY_MS, 9 * DAY_MS, fresh))
    fleet.start_serve()
    wait_for("them to be closed", lambda: own(fleet, "commands", "count(*)", "code = 'lost'") == [(4,)])
    assert statuses(fleet, servers) == ["failed", "running", "running", "running"]
    assert own(fleet, "commands", "DISTINCT outcome", "code = 'lost'") == [("failed",)]
    lost = [e for server_id in servers.values() for e in fleet.events("--server", server_id)
            if e["body"].get("kind") == "lost"]
    assert len(lost) == 4
    assert fleet.status(fresh) == "creating"


# Size and violence


def scripted_agents(fleet, directory, stack, count):
    """More agents, each with an engine and a worker of its own."""
    agents = [fleet.agent] + [fleet.add_agent(f"{fleet.agent_name}-{i}") for i in range(1, count)]
    engines = {}
    for agent in agents:
        engine = ScriptedEngine(directory / f"{len(engines)}.sock", images=["registry.test/game:1"])
        engines[agent] = stack.enter_context(engine)
        fleet.start_worker("--sync-interval", "1s", agent=agent, docker=engine.path, registry="registry.test/")
    return engines


def at_once(calls, threads=4):
    """Runs all of them, a few at a time; in their order per thread."""
    def run(part):
        for call in part:
            call()
    workers = [threading.Thread(target=run, args=(calls[i::threads],)) for i in range(threads)]
    for worker in workers:
        worker.start()
    return workers


def create_on(fleet, agent, made):
    fleet.agent = agent
    server_id, name = fleet.create(wait=False, **GAME)
    made[server_id] = (agent, fleet.container_name(name))


def exactly_the_removed_are_missing(fleet, directory, count, removed_count, commands):
    chance, made, removed = random.Random(7), {}, set()
    with ExitStack() as stack:
        fleet.start_serve()
        engines = scripted_agents(fleet, directory, stack, 3)
        for i in range(count):
            create_on(fleet, list(engines)[i % 3], made)
        wait_for("all to run", lambda: own(fleet, "servers", "count(*)", "status = 'running'")
                 == [(count,)])
        victims = set(chance.sample(sorted(made), removed_count))
        others = sorted(set(made) - victims)

        def look():
            missing = missing_now(fleet)  # first: what is removed meanwhile only adds
            assert missing <= removed, missing - removed

        def command(number):
            server_id = others[number % len(others)]
            action = chance.choice(("restart", "stop", "rebuild", "start", "recreate"))
            fleet.server(action, server_id, wait=False)

        with Watch(fleet, look):
            workers = at_once([lambda n=n: command(n) for n in range(commands)])
            for server_id in sorted(victims, key=lambda _: chance.random()):
                agent, container = made[server_id]
                removed.add(server_id)
                engines[agent].ask("DELETE", f"/containers/{container}?force=1")
            for worker in workers:
                worker.join()
            wait_for("all commands to end", lambda: all_answered(fleet))
            wait_for("the missing", lambda: missing_now(fleet) == removed)
            for agent in engines:
                fleet.run("sync", agent, "--wait=60")
            assert missing_now(fleet) == removed
        assert own(fleet, "commands", "count(*)", "action <> 'sync'") == [(count + commands,)]
        assert own(fleet, "commands", "DISTINCT outcome") == [("done",)]
        fleet.close()  # workers before their engines


@pytest.mark.bus("sqlite")
def test_exactly_those_that_are_gone_are_missing(bare_fleet, short_dir, rounds):
    exactly_the_removed_are_missing(bare_fleet, short_dir, *map(rounds, (300, 40, 200)))


@pytest.mark.long
@pytest.mark.bus("kafka")
def test_exactly_those_that_are_gone_are_missing_on_kafka(bare_fleet, short_dir):
    exactly_the_removed_are_missing(bare_fleet, short_dir, 300, 40, 200)


def test_exactly_those_that_are_gone_are_missing_on_a_real_engine(fleet):
    fleet.start_serve()
    fleet.start_worker()
    servers = [fleet.create(wait=False) for _ in range(9)]
    for server_id, _ in servers:
        fleet.wait_status(server_id, "running")
    gone, kept = servers[:3], servers[3:]
    with never_missing(fleet, *(server_id for server_id, _ in gone)):
        for (server_id, _), (_, name) in zip(kept, gone * 2):
            fleet.server("restart", server_id, wait=False)
            if fleet.engine.find(fleet.container_name(name)):
                fleet.engine.remove(fleet.container_name(name))
        wait_for("all commands to end", lambda: all_answered(fleet))
        sync(fleet)
        wait_for("the missing", lambda: missing_now(fleet) == {server_id for server_id, _ in gone})


LOG_COLUMNS = ("id, agent_id, name, status, container_id, data_exists, deleted_at, image_tag, spec_digest,"
               " settled_status, missing_since, drift, container_status, last_command_id, last_outcome,"
               " last_code, last_at, updated_at, on_missing")


def rows_of_log(fleet):
    """What the log alone determines."""
    return (ask(fleet, f"SELECT {LOG_COLUMNS} FROM servers WHERE agent_id = ? ORDER BY id", fleet.agent),
            ask(fleet, "SELECT command_id, action, outcome, code, recorded_at, accepted_at, finished_at"
                       " FROM commands WHERE agent_id = ? ORDER BY command_id", fleet.agent))


def test_l8_serve_killed_under_load(bare_fleet, short_dir, rounds):
    """Killed between any two of its steps: sent once, applied once, and the ledger is what the
    log makes it."""
    fleet, kills = bare_fleet, rounds(13)
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_worker("--sync-interval", "1s", docker=engine.path, registry="registry.test/")
        servers = [fleet.create(**GAME)[0] for _ in range(4)]
        script = ("while [ ! -e {stop} ]; do {muster} server restart {server} --bus {bus} --ledger {ledger};"
                  " {muster} server stop {server} --bus {bus} --ledger {ledger}; sleep 0.1; done")
        stop = short_dir / "stop"
        askers = [subprocess.Popen(["bash", "-c", script.format(
            stop=stop, muster=BUILD / "muster", server=server, bus=fleet.bus_url, ledger=fleet.ledger)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for server in servers]
        for _ in range(kills):
            serve = fleet.start_serve(ready=False)
            time.sleep(random.uniform(0.05, 0.9))
            serve.kill()
        wait_for("as many commands", lambda: ask(
            fleet, "SELECT count(*) FROM commands WHERE agent_id = ?", fleet.agent)[0][0] > kills)
        stop.touch()
        for asker in askers:
            asker.wait(PATIENCE_S)
        fleet.start_serve()
        wait_for("all answers", lambda: all_answered(fleet))
        wait_for("an empty outbox", lambda: not own(fleet, "outbox", "1"))
        fleet.close()
        accepted = ask(fleet, "SELECT command_id FROM commands WHERE agent_id = ? ORDER BY rowid", fleet.agent)
        records = [e["cause"]["command_id"] for e in fleet.events()
                   if e["agent_id"] == fleet.agent and e["body"].get("kind") == "command"]
        assert sorted(records) == sorted(row[0] for row in accepted) and len(records) > kills
        assert len(set(records)) == len(records)
        ledger = rows_of_log(fleet)
        fleet.ledger = fleet.directory / "again.db"
        fleet.init()
        assert rows_of_log(fleet) == ledger


@pytest.mark.bus("sqlite")
def test_a_port_has_one_serve(bare_fleet):
    """Two that share one would each get half of the requests."""
    bare_fleet.start_serve()
    ledger = bare_fleet.directory / "another.db"
    subprocess.run([BUILD / "muster", "init", "--bus", bare_fleet.bus_url, "--ledger", ledger], check=True)
    second = subprocess.run([BUILD / "muster", "serve", "--bus", bare_fleet.bus_url, "--ledger", ledger,
                             "--listen", f"127.0.0.1:{bare_fleet.http_port}"], text=True, timeout=PATIENCE_S,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert second.returncode not in (0, None) and f"127.0.0.1:{bare_fleet.http_port}" in second.stdout
