"""kill -9 of the control plane at every point of sending and of taking in: L8."""
import os
import subprocess

import pytest
from fleet import wait_for
from sweep import CRASH_BUILD, TERMINAL, ScriptedBay, points_in


@pytest.fixture
def bay(short_dir, crash_build):
    bay = ScriptedBay(short_dir)
    yield bay
    bay.close()


def muster(bay, *words, **settings):
    """The program that dies at a point; its exit code."""
    command = [CRASH_BUILD / "muster", *words, "--bus", bay.bus_url, "--ledger", bay.ledger]
    return subprocess.run(command, env=dict(os.environ, **settings), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode


def told_of(bay, server):
    """command id → (its Records, its terminal results), as the log tells."""
    told = {}
    for event in bay.events("--server", server):
        if not event["cause"]:
            continue
        records, results = told.setdefault(event["cause"]["command_id"], ([], []))
        if event["body"]["type"] == "Record":
            records.append(event["body"]["kind"])
        elif event["body"].get("outcome") in TERMINAL:
            results.append(event["body"]["outcome"])
    return told


def answered(bay, server):
    """The same, once the last command has been answered."""
    def ask():
        told = told_of(bay, server)
        return told if all(results for _, results in told.values()) else None
    return wait_for("the results", ask)


def check(bay, server):
    """What was accepted is sent once, answered once, and taken into the ledger once; how many."""
    bay.run("sync", bay.agent, "--wait")  # sends what waits, and takes in what came
    told = answered(bay, server)
    odd = {command: both for command, both in told.items() if [len(part) for part in both] != [1, 1]}
    assert not odd, f"(Records, results): {odd}"
    status = bay.containers_of(server)[0]["State"]["Status"]
    assert bay.status(server) == {"running": "running", "exited": "stopped"}[status]
    return len(told)


def test_l8_control_plane_killed_at_every_point(bay):
    worker = bay.worker().wait_ready()
    server, _ = bay.create()
    log = bay.directory / "points"
    assert muster(bay, "server", "stop", server, "--wait", MUSTER_CRASH_LOG=str(log)) == 0
    points, commands, deaths = points_in(log), 2, 0
    queued_by = points.index("relay.before:1")  # it is in the ledger by then
    for number, at in enumerate(points):
        action = ("start", "stop")[number % 2]
        code = muster(bay, "server", action, server, "--wait", MUSTER_CRASH_AT=at)
        assert code in (0, -9), code
        deaths += code == -9
        now = check(bay, server)
        assert now - commands in ((0, 1) if code == -9 and number < queued_by else (1,)), at
        commands = now
    bay.end(worker)
    print(f"{len(points)} points, {deaths} deaths: {' '.join(points)}")
    assert deaths > len(points) / 2
