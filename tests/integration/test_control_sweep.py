"""kill -9 of the control plane at every point of sending and of taking in: L8."""
import contextlib
import os
import subprocess

import pytest
from fleet import Process, wait_for
from scripted_engine import ScriptedEngine
from services import PATIENCE_S
from sweep import CRASH_BUILD, IMAGE, TERMINAL, ScriptedBay, points_in


@pytest.fixture
def sweep_bay(short_dir, crash_build):
    bay = ScriptedBay(short_dir)
    yield bay
    bay.close()


def muster(bay, *words, **settings):
    """The program that dies at a point; its exit code."""
    command = [CRASH_BUILD / "muster", *words, "--bus", bay.bus_url, "--ledger", bay.ledger]
    return subprocess.run(command, env=dict(os.environ, **settings), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE_S).returncode


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


def test_l8_control_plane_killed_at_every_point(sweep_bay):
    worker = sweep_bay.worker().wait_ready()
    server, _ = sweep_bay.create()
    log = sweep_bay.directory / "points"
    assert muster(sweep_bay, "server", "stop", server, "--wait", MUSTER_CRASH_LOG=str(log)) == 0
    points, commands, deaths = points_in(log), 2, 0
    queued_by = points.index("relay.before:1")  # it is in the ledger by then
    for number, at in enumerate(points):
        action = ("start", "stop")[number % 2]
        code = muster(sweep_bay, "server", action, server, "--wait", MUSTER_CRASH_AT=at)
        assert code in (0, -9), code
        deaths += code == -9
        now = check(sweep_bay, server)
        assert now - commands in ((0, 1) if code == -9 and number < queued_by else (1,)), at
        commands = now
    sweep_bay.end(worker)
    print(f"{len(points)} points, {deaths} deaths: {' '.join(points)}")
    assert deaths > len(points) / 2


# --- `muster serve`, on both buses


@pytest.fixture
def served(bare_fleet, short_dir):
    """A fleet with a server that runs, on a scripted engine."""
    with ScriptedEngine(short_dir / "docker.sock", images=[IMAGE]) as engine:
        bare_fleet.start_worker(docker=engine.path, registry="registry.test/")
        image, tag = IMAGE.split(":")
        server, name = bare_fleet.create(image=image, image_tag=tag)
        bare_fleet.scripted, bare_fleet.container = engine, bare_fleet.container_name(name)
        yield bare_fleet, server
        bare_fleet.close()


def serve(fleet, name, **settings):
    process = Process(name, ["env", *(f"{key}={value}" for key, value in settings.items()), CRASH_BUILD / "muster",
                             "serve", "--listen", "none", "--bus", fleet.bus_url, "--ledger",
                             fleet.ledger], fleet.directory)
    fleet.processes.append(process)
    return process


def ended(fleet, server, command):
    row = fleet.show(server)
    return row["last_command_id"] == command and row["last_outcome"] in TERMINAL


def one_life(fleet, server, action, name, **settings):
    """A serve's life with one command in it, that somebody only queues; whether it has died."""
    process = serve(fleet, name, **settings)
    with contextlib.suppress(AssertionError):  # it may die before
        process.wait_ready()  # else the one that queues sends, too
    command = fleet.server(action, server, wait=False)["command_id"]
    wait_for("its death or the end", lambda: process.process.poll() is not None or ended(fleet, server, command))
    died = process.process.poll() is not None
    process.killed = True
    process.stop()
    return died, command


def test_l8_serve_killed_at_every_point(crash_build, served):
    fleet, server = served
    log = fleet.directory / "points"
    _, first = one_life(fleet, server, "stop", "learns", MUSTER_CRASH_LOG=log)
    points, commands, deaths = points_in(log), [first], 0
    assert {"relay.before", "relay.sent", "relay.marked", "ingest.before", "ingest.applied", "ingest.after",
            "bus.begun", "bus.messages", "bus.committed"} <= {at.split(":")[0] for at in points}
    for number, at in enumerate(points):
        died, command = one_life(fleet, server, ("start", "stop")[number % 2], f"dies-{number}", MUSTER_CRASH_AT=at)
        deaths += died
        commands.append(command)
        wait_for(f"the ledger to have it, after {at}", lambda: ended(fleet, server, command))
        status = fleet.scripted.containers()[fleet.container]["State"]["Status"]
        assert fleet.status(server) == {"running": "running", "exited": "stopped"}[status], at
    told = {}
    for event in fleet.events("--server", server):
        if event["cause"] and event["body"]["type"] in ("Record", "Result"):
            told.setdefault(event["cause"]["command_id"], []).append(event["body"].get("outcome") or "asked")
    odd = {command: told[command] for command in commands
           if told[command].count("asked") != 1 or len(set(told[command]) & set(TERMINAL)) != 1
           or sum(word in TERMINAL for word in told[command]) != 1}
    assert not odd
    assert deaths > len(points) / 2
    print(f"{len(points)} points, {deaths} deaths")
