"""yard - a fleet whose agent has a worker on a scripted engine: for tests of what stands in the log."""
import json
import sqlite3
import time

from scripted_engine import ScriptedEngine

IMAGE = "registry.test/steam-zomboid"
SECRET = "hunter2"


class Yard:
    """A fleet whose agent has a worker on a scripted engine."""

    def __init__(self, fleet, directory):
        self.fleet, self.agent = fleet, fleet.agent
        self.engine = ScriptedEngine(directory / "docker.sock", images=[f"{IMAGE}:latest"]).start()
        self.worker = None

    def start_worker(self, *extra, clock=None):
        self.worker = self.fleet.start_worker(*extra, docker=self.engine.path, registry="registry.test/", clock=clock)
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


def now():
    """A moment of the log that nothing was appended at: the clock has gone on before and after."""
    time.sleep(0.02)
    moment = int(time.time() * 1000)
    time.sleep(0.02)
    return moment


def live(yard):
    """A server's life; returns (server, [(moment, status at it)])."""
    fleet = yard.fleet
    yard.start_worker()
    begin = now()
    server, container = yard.create()
    story = [(begin, None), (now(), "running")]
    yard.remove(container)
    fleet.wait_status(server, "missing")
    story.append((now(), "missing"))
    for action, status in (("start", "running"), ("rebuild", "running"), ("stop", "stopped"), ("start", "running"),
                           ("delete", "deleted"), ("restore", "stopped"), ("start", "running")):
        fleet.server(action, server)
        story.append((now(), status))
    return server, story


def tamper(fleet, sql, *values):
    with sqlite3.connect(fleet.ledger) as db:
        assert db.execute(sql, values).rowcount == 1
