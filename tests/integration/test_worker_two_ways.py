"""S25-S28: a rebuild ends in one of two ways, whatever hinders it; on real and scripted engines."""
import os
import subprocess

import pytest
from conftest import keep
from fleet import wait_for
from host import Host
from scripted_host import ScriptedHost

IMPATIENT = ("--patience", "0.05", "--sync-interval", "1s")
BUSY = 'driver "overlay2" failed to remove root filesystem: unlinkat /x/merged: device or resource busy'
UNWELL = "dial unix /run/containerd/containerd.sock: connect: connection refused: unavailable"


@pytest.fixture
def host(request, short_dir, kafka):
    host = keep(request, ScriptedHost(short_dir, kafka))
    host.worker("slot", *IMPATIENT)
    yield host
    host.close()


@pytest.fixture
def real(request, short_dir, kafka, engine, registry, image):
    host = keep(request, Host(short_dir, kafka, engine.socket, image, registry.address, engine))
    host.worker("slot", "--sync-interval", "2s")
    yield host
    host.close()


def aside(host):
    return [name for name in host.scripted.containers() if ".old-" in name]


def unwell(method, path, **more):
    return {"method": method, "path": path, "do": "error", "status": 500, "text": UNWELL, "times": 0, **more}


def shown_running_aside(host):
    """Events that show a container running under the name of one that was set aside."""
    states = [e["body"].get("state") or e["body"] for e in host.tail.read()]
    return [s for s in states if s.get("status") == "running" and ".old-" in s.get("container", "")]


# --- S25


def test_s25_the_new_one_runs_and_the_old_one_cannot_be_removed(host):
    engine, server = host.scripted, host.created()
    old = host.id_of(server)
    engine.script({"method": "DELETE", "path": f"/containers/{old}", "do": "error", "status": 500, "text": BUSY,
                   "times": 0})
    result = host.done("rebuild", server)
    assert not result["rolled_back"] and result["state"]["status"] == "running"
    assert result["state"]["container_id"] == host.id_of(server) != old
    assert "removed later" in result["message"]
    for action, status in [("stop", "exited"), ("start", "running"), ("rebuild", "running"), ("restart", "running")]:
        assert host.done(action, server)["state"]["status"] == status
        assert host.status_of(server) == status
    assert old in {c["Id"] for c in engine.containers().values()}
    engine.clear_script()
    wait_for("the leftover to go", lambda: len(engine.containers()) == 1)
    assert host.status_of(server) == "running"
    host.done("delete", server)
    host.judge()


def test_s25_a_stopped_new_one_is_not_undone_by_what_is_left(host):
    engine, server = host.scripted, host.created()
    old = host.id_of(server)
    engine.script({"method": "DELETE", "path": f"/containers/{old}", "do": "error", "status": 500, "text": BUSY,
                   "times": 0})
    host.done("rebuild", server)
    new = host.id_of(server)
    host.done("stop", server)
    engine.clear_script()
    wait_for("the leftover to go", lambda: len(engine.containers()) == 1)
    assert host.id_of(server) == new and host.status_of(server) == "exited"
    host.judge()


def scratch_of(engine, container_id):
    """A directory of the container's own layer, on the host, of which nobody misses anything."""
    scratch = os.path.join(layer_of(engine, container_id), "tmp")
    os.makedirs(scratch, exist_ok=True)
    return scratch


def layer_of(engine, container_id):
    driver = engine.client.api.inspect_container(container_id)["GraphDriver"]
    if driver["Data"] and driver["Data"].get("UpperDir"):
        return driver["Data"]["UpperDir"]
    root = engine.client.info()["DockerRootDir"]
    with open(f"{root}/image/{driver['Name']}/layerdb/mounts/{container_id}/mount-id", encoding="ascii") as file:
        return f"{root}/{driver['Name']}/dir/{file.read()}"


@pytest.fixture
def held():
    """A function that makes a file in this directory which nobody can remove."""
    files = []

    def hold(directory):
        path = os.path.join(directory, "held")
        with open(path, "w", encoding="ascii") as file:
            file.write("x")
        files.append(path)
        if subprocess.run(["chattr", "+i", path], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            pytest.skip("this filesystem knows no chattr +i")
        return lambda: subprocess.run(["chattr", "-i", path], check=True)

    yield hold
    for path in files:
        subprocess.run(["chattr", "-i", path], stderr=subprocess.DEVNULL, check=False)


def test_s25_a_real_layer_that_cannot_be_removed(real, engine, held):
    server = real.created()
    old = engine.inspect(server.container)["Id"]
    let_go = held(scratch_of(engine, old))
    result = real.done("rebuild", server)
    assert not result["rolled_back"] and "removed later" in result["message"]
    assert result["state"]["status"] == "running" and result["state"]["container_id"] != old
    assert real.done("stop", server)["state"]["status"] == "exited"
    assert real.done("start", server)["state"]["status"] == "running"
    assert real.done("rebuild", server)["state"]["status"] == "running"
    let_go()
    wait_for("the leftover to go", lambda: engine.names(server.name) == [server.container])
    assert engine.inspect(server.container)["State"]["Status"] == "running"
    real.done("delete", server)
    real.judge()


# --- S26


def test_s26_the_engine_says_500_for_longer_than_any_patience(host):
    engine, server = host.scripted, host.created()
    old = host.id_of(server)
    engine.script(unwell("POST", "/containers/create"), unwell("POST", "/update", nth=2), unwell("POST", "/start"))
    command = host.ask("rebuild", server)
    host.wait_event("the wait to be told", lambda e: e["body"].get("code") == "waiting_engine")
    assert not host.terminals_of(command) and len(aside(host)) == 1
    cancel = host.ask("cancel", server, target=command)
    assert host.result_of(cancel)["code"] == "too_late" and not host.terminals_of(command)
    engine.clear_script()
    result = host.result_of(command)
    assert (result["outcome"], result["code"], result["rolled_back"]) == ("failed", "create_failed", True)
    assert host.id_of(server) == old and host.status_of(server) == "running" and not aside(host)
    assert result["state"]["status"] == "running" and result["state"]["container_id"] == old
    told = [e for e in host.tail.read() if e["body"].get("code") == "waiting_engine"]
    assert len(told) == 1 and told[0]["body"]["outcome"] == "progress"
    assert not shown_running_aside(host)
    assert len(host.terminals_of(command)) == len(host.terminals_of(cancel)) == 1


def test_s26_the_engine_is_away_for_longer_than_any_patience(host):
    engine, server = host.scripted, host.created()
    old = host.id_of(server)
    engine.script({"method": "POST", "path": "/containers/create", "do": "delay", "ms": 30000})
    command = host.ask("rebuild", server)
    wait_for("the old one to be set aside and stopped", lambda: [
        name for name in aside(host) if engine.containers()[name]["State"]["Status"] == "exited"])
    engine.restart(down_ms=50000)
    host.wait_event("the wait to be told", lambda e: e["body"].get("code") == "waiting_engine")
    result = host.result_of(command)
    assert (result["outcome"], result["rolled_back"]) == ("failed", True), result
    assert host.id_of(server) == old and host.status_of(server) == "running" and not aside(host)
    assert not shown_running_aside(host)
    host.judge()


# --- S27


def test_s27_the_stop_of_a_rebuild_does_not_come_back(host):
    engine, server = host.scripted, host.created()
    old = host.id_of(server)
    engine.script({"method": "POST", "path": "/stop", "do": "hang"})
    command = host.ask("rebuild", server)
    host.wait_event("the wait to be told", lambda e: e["body"].get("code") == "waiting_engine")
    assert not host.terminals_of(command) and len(aside(host)) == 1
    engine.release()
    result = host.result_of(command)
    assert (result["outcome"], result["rolled_back"]) == ("failed", True), result
    assert host.id_of(server) == old and host.status_of(server) == "running" and not aside(host)
    policy = engine.containers()[server.container]["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == server.spec["restart_policy"]
    host.judge()


def test_s27_how_often_the_engine_restarts_it_survives(real, engine):
    server = real.created()
    found = engine.inspect(server.container)
    engine.client.api.update_container(found["Id"], restart_policy={"Name": "on-failure", "MaximumRetryCount": 5})
    server.spec.update(env={"DEMO_EXIT_AFTER": "0"}, digest="d2")
    result = real.do("rebuild", server)
    assert (result["outcome"], result["rolled_back"]) == ("failed", True), result
    after = engine.inspect(server.container)
    assert after["Id"] == found["Id"] and after["State"]["Status"] == "running"
    assert after["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    real.judge()


# --- S28


def test_s28_a_running_container_renamed_by_hand_refuses_a_start(real, engine):
    server = real.created()
    by_hand = f"{server.name}-by-hand"
    container = engine.find(server.container)
    container.rename(by_hand)
    for action in ["start", "rebuild", "recreate", "restart"]:
        result = real.do(action, server)
        assert (result["outcome"], result["code"]) == ("failed", "start_failed"), (action, result)
        assert by_hand in result["message"]
        assert result["state"]["status"] == "unknown"
    assert real.do("stop", server)["code"] == "name_conflict"
    assert engine.names(server.name) == [by_hand]
    container.rename(server.container)
    assert real.done("start", server)["already"]
    real.done("delete", server)
    real.judge()
