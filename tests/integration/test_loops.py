"""What goes wrong by itself is told beside the status, and costs the log no more than it is worth.

On scripted engines where the container has to do what is asked of it, on the real one where the
engine itself restarts, kills and checks.
"""
import json

import pytest
from client import Client
from fleet import wait_for

PLACES = ("list", "list --json", "show", "show --json", "GET servers", "GET server", "/metrics")


def remarks(fleet, server):
    return fleet.show(server)["remarks"]


def wait_remark(fleet, server, word):
    return wait_for(f"{word} to be remarked", lambda: word in remarks(fleet, server))


def wait_no_remark(fleet, server, word):
    return wait_for(f"{word} to be over", lambda: word not in remarks(fleet, server))


def states(fleet, server, since=0):
    """What the log has been told of its container beside results: State events."""
    return [e["body"] for e in fleet.events("--server", server) if e["body"]["type"] == "State"][since:]


def looks(engine, container):
    return len(engine.requests("GET", f"/containers/({container}|{engine.containers()[container]['Id']})/json"))


def die_and_be_looked_at(yard, container, **how):
    """Its process ends, the engine starts it again, and the worker has seen that."""
    before = looks(yard.engine, container)
    yard.engine.die(container, **how)
    wait_for("a look", lambda: looks(yard.engine, container) > before, every=0.01)


def start_worker(yard, *extra):
    return yard.fleet.start_worker(*extra, docker=yard.engine.path, registry="registry.test/")


class Places:
    """Where a person or a program may read a remark."""

    def __init__(self, fleet):
        self.fleet = fleet
        token = fleet.json("token", "add", "--role", "viewer", "--name", "looks")["token"]
        self.client = Client(f"http://127.0.0.1:{fleet.http_port}", token)

    def saying(self, server, word):
        """Those of PLACES that have the word for this server."""
        fleet, client = self.fleet, self.client
        path = f"/agents/{fleet.agent}/servers"
        lines = [line for line in fleet.run("server", "list", "--agent", fleet.agent).stdout.splitlines()
                 if server in line]
        shown = fleet.show(server)
        # Every word has a sentence beside it.
        assert len(shown["remarks"]) == len(shown["remark_sentences"]) and all(shown["remark_sentences"])
        rows = {"list --json": [s for s in fleet.json("server", "list", "--agent", fleet.agent) if s["id"] == server],
                "show --json": [shown], "GET server": [client.get(f"{path}/{server}")],
                "GET servers": [s for s in client.get(path) if s["id"] == server]}
        said = {place for place, found in rows.items() if [word in row["remarks"] for row in found] == [True]}
        if lines and word in lines[0]:
            said.add("list")
        if f"{word}: " in fleet.run("server", "show", server).stdout:
            said.add("show")
        # It counts the servers of all agents, and a broker has those of the tests before this one.
        others = sum(word in row["remarks"] for row in fleet.json("server", "list") if row["id"] != server)
        if self.counted(word) == others + 1:
            said.add("/metrics")
        return said

    def counted(self, word):
        name = f'muster_servers_remarked{{remark="{word}"}} '
        lines = self.client.ask("GET", "/metrics").text.splitlines()
        return int(next(line for line in lines if line.startswith(name)).removeprefix(name))


def test_s32_an_unhealthy_one_is_told_as_such_everywhere(yard):
    fleet = yard.fleet
    fleet.start_serve()
    yard.start_worker()
    server, container = yard.create()
    places = Places(fleet)
    yard.engine.ask("POST", "/_health", {"name": container, "health": "unhealthy"})
    wait_remark(fleet, server, "unhealthy")
    assert fleet.status(server) == "running"
    assert places.saying(server, "unhealthy") == set(PLACES)
    yard.engine.ask("POST", "/_health", {"name": container, "health": "healthy"})
    wait_no_remark(fleet, server, "unhealthy")
    assert places.saying(server, "unhealthy") == set()


def test_s32_one_that_ends_after_its_first_second_is_told_as_such(yard):
    """Its start was done; nobody has asked it to end."""
    fleet = yard.fleet
    fleet.start_serve()
    yard.start_worker()
    server, container = yard.create()
    places = Places(fleet)
    yard.engine.ask("POST", f"/containers/{container}/update", {"RestartPolicy": {"Name": "no"}})
    yard.engine.die(container, exit_code=7)
    wait_remark(fleet, server, "exited")
    assert fleet.status(server) == "stopped" and fleet.show(server)["last_outcome"] == "done"
    assert "exit code 7" in fleet.show(server)["remark_sentences"][0]
    assert places.saying(server, "exited") == set(PLACES)
    fleet.server("stop", server)
    assert remarks(fleet, server) == []
    fleet.server("start", server)
    assert remarks(fleet, server) == []


# Loops


def test_s32_a_loop_is_told_and_costs_the_log_little(yard):
    """The engine starts it again and again: the log is told so, and not of each time."""
    fleet = yard.fleet
    fleet.start_serve()
    start_worker(yard, "--patience", "0.01", "--sync-interval", "2s")
    server, container = yard.create()
    places = Places(fleet)
    events = len(fleet.events())
    for _ in range(60):
        die_and_be_looked_at(yard, container)
    wait_remark(fleet, server, "restarting")
    assert fleet.status(server) == "running"
    assert places.saying(server, "restarting") == set(PLACES)
    assert len(states(fleet, server)) <= 12
    assert len(fleet.events()) - events <= 20  # Syncs, too
    # Once it stays up for long enough (10 minutes times --patience) that is told, and what it is now.
    wait_no_remark(fleet, server, "restarting")
    assert fleet.show(server)["restart_count"] == 60
    yard.verify()


def test_s32_what_is_gone_is_told_at_once_amid_a_loop(yard):
    fleet = yard.fleet
    fleet.start_serve()
    start_worker(yard, "--sync-interval", "1h")
    server, container = yard.create()
    for _ in range(20):
        die_and_be_looked_at(yard, container)
    wait_remark(fleet, server, "restarting")
    yard.remove(container)
    fleet.wait_status(server, "missing")  # no list is due, and the next State of a loop is far
    assert remarks(fleet, server) == []
    fleet.server("start", server)
    assert (fleet.status(server), remarks(fleet, server)) == ("running", [])


def test_s32_another_worker_says_the_same(yard):
    fleet = yard.fleet
    fleet.start_serve()
    worker = start_worker(yard)
    server, container = yard.create()
    for _ in range(5):
        die_and_be_looked_at(yard, container)
    wait_remark(fleet, server, "restarting")
    worker.kill()
    start_worker(yard)
    fleet.run("sync", fleet.agent, "--wait")
    assert "restarting" in remarks(fleet, server)
    fleet.server("restart", server)
    assert remarks(fleet, server) == []


def test_s32_a_kill_for_memory_is_told_after_the_restart(yard):
    """The engine forgets it with the next start; people must not."""
    fleet = yard.fleet
    fleet.start_serve()
    start_worker(yard, "--patience", "0.02")
    server, container = yard.create()
    places = Places(fleet)
    yard.engine.die(container, exit_code=137, oom=True)
    wait_remark(fleet, server, "oom_killed")
    assert fleet.status(server) == "running"
    assert places.saying(server, "oom_killed") == set(PLACES)
    wait_no_remark(fleet, server, "oom_killed")
    yard.verify()


def test_s32_health_that_flaps_costs_the_log_little(yard):
    fleet = yard.fleet
    start_worker(yard, "--sync-interval", "1h")
    server, container = yard.create()
    for health in ["unhealthy", "healthy"] * 25:
        before = looks(yard.engine, container)
        yard.engine.ask("POST", "/_health", {"name": container, "health": health})
        wait_for("a look", lambda: looks(yard.engine, container) > before, every=0.01)
    yard.engine.ask("POST", "/_health", {"name": container, "health": "unhealthy"})
    wait_remark(fleet, server, "unhealthy")
    assert len(states(fleet, server)) <= 12


# Progress


def test_s32_a_long_pull_costs_the_log_little(yard):
    """Its layers move twenty times a second; the log hears of it ever less often."""
    fleet = yard.fleet
    yard.start_worker()
    server, _ = yard.create()
    lines = [{"status": "Downloading", "id": "aaaaaaaaaaaa",
              "progressDetail": {"current": number * 10**6, "total": 10**9}} for number in range(300)]
    yard.engine.script({"path": "/images/create", "do": "lines", "lines": lines, "ms": 50})
    fleet.server("rebuild", server)
    told = [e["body"]["message"] for e in fleet.events("--server", server) if e["body"].get("outcome") == "progress"]
    assert 2 <= len(told) <= 10 and len(set(told)) == len(told)


# On a real engine


def looping(fleet, server):
    """Told as restarting, and as what it is: it has been started a few times."""
    wait_remark(fleet, server, "restarting")
    wait_for("a few more restarts", lambda: fleet.show(server)["restart_count"] >= 3)
    assert fleet.status(server) == "running"
    assert len(states(fleet, server)) <= 20


def profile(fleet, **changes):
    """A file with the demo game's profile, changed."""
    game = json.loads(fleet.run("profile", "show", "zomboid").stdout)
    path = fleet.directory / "game.json"
    path.write_text(json.dumps({**game, "name": "odd", **changes}))
    return path


def test_s32_a_game_that_ends_every_3_s(fleet):
    fleet.start_serve()
    fleet.start_worker()
    server, name = fleet.create(None, "-e", "DEMO_EXIT_AFTER=3")
    assert fleet.show(server)["last_outcome"] == "done"  # it was up when it was looked at
    places = Places(fleet)
    looping(fleet, server)
    assert places.saying(server, "restarting") == set(PLACES)
    fleet.engine.remove(fleet.container_name(name))
    fleet.wait_status(server, "missing")
    assert remarks(fleet, server) == []


@pytest.mark.bus("sqlite")
def test_s32_a_game_whose_health_check_fails(fleet):
    fleet.start_serve()
    fleet.start_worker()
    server, _ = fleet.create(None, "--profile", profile(fleet, health={
        "test": ["CMD", "false"], "interval_s": 1, "timeout_s": 5, "retries": 1}))
    places = Places(fleet)
    wait_remark(fleet, server, "unhealthy")
    assert fleet.status(server) == "running"
    assert places.saying(server, "unhealthy") == set(PLACES)


@pytest.mark.bus("sqlite")
def test_s32_a_game_that_eats_its_memory(fleet):
    """It is killed for it, and started again, and again."""
    fleet.start_serve()
    fleet.start_worker()
    server, _ = fleet.create(None, "--profile", profile(
        fleet, resources={"memory_bytes": 16 << 20, "nano_cpus": 0, "pids": 0},
        command=["sh", "-c", "sleep 1; tail /dev/zero"]))
    places = Places(fleet)
    wait_remark(fleet, server, "oom_killed")
    looping(fleet, server)
    assert places.saying(server, "oom_killed") == places.saying(server, "restarting") == set(PLACES)


@pytest.mark.bus("sqlite")
def test_s32_a_game_that_ends_after_two_seconds_for_good(fleet):
    fleet.start_serve()
    fleet.start_worker()
    server, _ = fleet.create(None, "-e", "DEMO_EXIT_AFTER=2", "-e", "DEMO_EXIT_CODE=7", "--profile",
                             profile(fleet, restart_policy="no"))
    wait_remark(fleet, server, "exited")
    shown = fleet.show(server)
    assert (shown["status"], shown["last_outcome"], shown["exit_code"]) == ("stopped", "done", 7)
    assert "exit code 7" in shown["remark_sentences"][0]
