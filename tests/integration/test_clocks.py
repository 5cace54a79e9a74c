"""L27: a clock that is wrong, of the control plane's host and of an agent's.  What a worker does by it: test_time.py

On the embedded bus: librdkafka's waits cannot be told a false time.
"""
import contextlib
import os
import time

import pytest
import requests
from client import Client
from fleet import false_clock, wait_for
from services import PATIENCE_S

DAY_MS = 86_400_000

pytestmark = pytest.mark.false_clock


@contextlib.contextmanager
def clock(shift):
    """Programs that are started have such a clock: "+400d"."""
    settings = false_clock(shift)
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]


def start_worker(yard):
    return yard.fleet.start_worker("--heartbeat", "1s", docker=yard.engine.path, registry="registry.test/")


def skew(fleet):
    """Of the control plane's own clock, as serve tells it."""
    url = f"http://127.0.0.1:{fleet.http_port}/healthz"
    return requests.get(url, timeout=PATIENCE_S).json()["clock_skew_ms"]


@pytest.mark.bus("sqlite")
def test_l27_no_command_ends_by_a_clock_that_is_ahead(yard):
    """Of the control plane: neither those that wait, nor those that are asked for meanwhile."""
    fleet = yard.fleet
    serve = fleet.start_serve()
    worker = start_worker(yard)
    server, _ = yard.create()
    wait_for("serve to know the log's clock", lambda: skew(fleet) is not None)
    worker.stop()
    waiting = [fleet.server("stop", server, wait=False)["command_id"]]
    serve.stop()
    with clock("+400d"):
        serve = fleet.start_serve()
        assert abs(skew(fleet) - 400 * DAY_MS) < DAY_MS
        waiting += [fleet.server("start", server, wait=False)["command_id"],
                    fleet.server("rebuild", server, wait=False)["command_id"]]
        for _ in range(2):
            fleet.run("server", "list")  # serve has taken all that there is, and done what it does then
        serve.stop()
    assert "lost" not in serve.output()
    start_worker(yard)
    fleet.start_serve()
    fleet.server("restart", server)
    ends = {event["cause"]["command_id"]: event["body"]["outcome"] for event in fleet.events("--server", server)
            if event["body"]["type"] == "Result"}
    assert [ends[command] for command in waiting] == ["done"] * 3
    assert all(abs(event["at"] - time.time() * 1000) < DAY_MS for event in fleet.events("--server", server))
    assert fleet.status(server) == "running"


@pytest.mark.bus("sqlite")
@pytest.mark.parametrize("shift, seconds", [("-1h", -3600), ("+2h", 7200)])
def test_l27_the_skew_of_a_host_is_shown(yard, shift, seconds):
    fleet = yard.fleet
    fleet.start_serve()
    with clock(shift):
        start_worker(yard)

    def is_right(text):
        return text is not None and abs(float(text) - seconds) < 60

    wait_for("its skew in `agent show --json`", lambda: is_right(
        (fleet.json("agent", "show", fleet.agent)["clock_skew_ms"] or 0) / 1000))
    [line] = [line for line in fleet.run("agent", "show", fleet.agent).stdout.splitlines()
              if line.startswith("agent-1 ")]
    assert line.endswith(" s") and is_right(line.split()[-2])
    token = fleet.json("token", "add", "--role", "viewer", "--name", "looks")["token"]
    figures = Client(f"http://127.0.0.1:{fleet.http_port}", token).ask("GET", "/metrics").text
    [figure] = [line for line in figures.splitlines()
                if line.startswith(f'muster_worker_clock_skew_seconds{{worker="{fleet.agent}/agent-1"}}')]
    assert is_right(figure.split()[-1])
