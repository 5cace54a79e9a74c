"""Nobody is missing who is there, and who is gone is missing soon: what Syncs say, and what is made of it.

Scripted engines: what is renamed, copied and removed by hand is the same there.
"""
import pytest
from fleet import wait_for

# --- L19: a takeover while an older command is incomplete


@pytest.mark.bus("kafka")  # where records take a moment to come again
def test_l19_who_goes_after_a_takeover_is_missing(yard):
    """What is committed stands below the last command of the server: that excused its absence until
    the next full Sync, a quarter of an hour later."""
    fleet = yard.fleet
    yard.agent = fleet.agent = fleet.add_agent(fleet.new_name(), partitions=1)
    fleet.start_serve()
    worker = yard.start_worker()
    server, container = yard.create()
    yard.engine.script({"method": "POST", "path": "/images/create", "do": "hang", "times": 0})
    slow, _ = fleet.create(image="registry.test/steam-zomboid", wait=False)
    wait_for("its create to be begun", lambda: any(
        event["server_id"] == slow and event["body"].get("outcome") == "accepted" for event in fleet.events()))
    assert fleet.server("restart", server)["outcome"] == "done"  # a later command than the incomplete one
    worker.kill()
    yard.remove(container)
    yard.start_worker()
    fleet.wait_status(server, "missing")
    assert fleet.status(slow) == "creating"


# --- S31: lists that are longer than a record


def sync(fleet):
    """A list that was asked for now, and is in the ledger."""
    return fleet.run("sync", fleet.agent, "--wait=60")


def serve(yard, *options):
    yard.fleet.start_serve()
    return yard.fleet.start_worker("--sync-interval", "1s", *options, docker=yard.engine.path,
                                   registry="registry.test/")


def syncs(fleet):
    return [event["body"] for event in fleet.events()
            if event["agent_id"] == fleet.agent and event["body"]["type"] == "Sync"]


def extras(fleet):
    return {row["name"] for row in fleet.json("server", "list", "--extra", "--agent", fleet.agent)}


@pytest.mark.bus("sqlite")
def test_s31_more_copies_than_were_ever_told(yard):
    """The engine lists the newest first: the one that was renamed by hand comes last."""
    fleet = yard.fleet
    serve(yard)
    server, container = yard.create()
    labels = yard.engine.containers()[container]["Config"]["Labels"]
    for i in range(520):
        yard.engine.ask("POST", f"/containers/create?name=copy-{i}",
                        {"Image": "registry.test/steam-zomboid", "Labels": labels})
    yard.engine.ask("POST", f"/containers/{container}/rename?name=aside")
    wait_for("all of them to be told", lambda: sync(fleet) and len(extras(fleet)) == 521)
    assert "aside" in extras(fleet) and fleet.status(server) == "running"
    yard.remove("aside")
    fleet.wait_status(server, "missing")


def test_s31_thousands_of_long_names(yard):
    """On both buses more than one record takes; the worker ended of it."""
    fleet, roots = yard.fleet, []
    for number in range(4):
        root = fleet.directory / f"root{number}"
        roots.append(root)
        for i in range(2000):
            (root / (f"{i:05}-" + "x" * 200)).mkdir(parents=True)
    worker = serve(yard, *(word for root in roots for word in ("--data-root", root)))
    server, container = yard.create()
    sync(fleet)
    assert worker.process.poll() is None and fleet.status(server) == "running"
    last = [body for body in syncs(fleet) if body["partition"] == 0][-1]
    chunks = [body for body in syncs(fleet) if body["sync_id"] == last["sync_id"]]
    assert len(chunks) == last["chunks"] > 1 and all(chunk["complete"] for chunk in chunks)
    names = {found["name"] for chunk in chunks for found in chunk["data"]}
    assert {str(path) for root in roots for path in root.iterdir()} < names
    yard.remove(container)
    fleet.wait_status(server, "missing")
    assert fleet.show(server)["data_exists"] is True


@pytest.mark.bus("sqlite")
def test_s31_an_adopted_one_that_was_renamed_by_hand(yard):
    """It bears no label, and now a name of which nobody is told: its id is known all the same."""
    fleet = yard.fleet
    serve(yard)
    container = yard.engine.ask("POST", "/containers/create?name=steam-zomboid-beta",
                                {"Image": "registry.test/steam-zomboid:latest"})["Id"]
    yard.engine.ask("POST", f"/containers/{container}/start")
    wait_for("it to be found",
             lambda: sync(fleet) and fleet.json("server", "list", "--unmanaged", "--agent", fleet.agent))
    server = fleet.json("server", "adopt", fleet.agent, "steam-zomboid-beta", "--game-port", "21000", "--udp-port",
                        "21001", "--rcon-port", "21002")["server_id"]
    sync(fleet)
    assert fleet.status(server) == "running"
    yard.engine.ask("POST", f"/containers/{container}/rename?name=beta-backup")
    sync(fleet)
    shown = fleet.show(server)
    assert (shown["status"], shown["shown_status"], shown["remarks"]) == ("running", "unknown", ["not_known"])
    assert [row["id"] for row in fleet.json("server", "list", "--status", "unknown")] == [server]
    assert "beta" in fleet.run("server", "list", "--status", "unknown").stdout
    yard.engine.ask("POST", f"/containers/{container}/rename?name=steam-zomboid-beta")
    sync(fleet)
    assert fleet.show(server)["shown_status"] == "running" and not fleet.json("server", "list", "--status", "unknown")
    assert "unknown" in fleet.run("server", "list", "--status", "nonsense", expect=2).stderr
    yard.remove("steam-zomboid-beta")
    fleet.wait_status(server, "missing")


def test_s31_an_adopted_one_that_was_renamed_and_removed(yard):
    """The engine's events call it by a name of which nobody is told; the list shows that it is gone."""
    fleet = yard.fleet
    serve(yard)
    container = yard.engine.ask("POST", "/containers/create?name=steam-zomboid-beta",
                                {"Image": "registry.test/steam-zomboid:latest"})["Id"]
    wait_for("it to be found",
             lambda: sync(fleet) and fleet.json("server", "list", "--unmanaged", "--agent", fleet.agent))
    server = fleet.json("server", "adopt", fleet.agent, "steam-zomboid-beta", "--game-port", "21000", "--udp-port",
                        "21001", "--rcon-port", "21002")["server_id"]
    yard.engine.ask("POST", f"/containers/{container}/rename?name=beta-backup")
    yard.remove("beta-backup")
    fleet.wait_status(server, "missing")


@pytest.mark.bus("sqlite")
def test_s31_stop_of_one_that_was_renamed_by_hand(yard):
    """Whatever its result says of the name that the container does not bear any more."""
    fleet = yard.fleet
    serve(yard)
    server, container = yard.create()
    yard.engine.ask("POST", f"/containers/{container}/rename?name=by-hand")
    wait_for("it to be extra", lambda: extras(fleet) == {"by-hand"})
    fleet.server("stop", server, expect=None)
    fleet.wait_status(server, "running")
    assert yard.engine.containers()["by-hand"]["State"]["Running"]
    yard.engine.ask("POST", "/containers/by-hand/stop")
    fleet.wait_status(server, "stopped")


# --- S35: what did not take effect


@pytest.mark.bus("sqlite")
def test_s35_a_cancel_that_came_too_late_and_a_stop_that_expired(yard):
    fleet = yard.fleet
    fleet.run("agent", "set", fleet.agent, "--on-missing", "start")
    worker = serve(yard)
    late, expired, stopped, *_ = made = [yard.create() for _ in range(6)]  # three are no more than half of them
    yard.engine.script({"method": "POST", "path": "/start$", "do": "hang", "apply": True, "times": 1})
    fleet.server("restart", late[0], wait=False)
    wait_for("its start", lambda: len(yard.engine.requests("POST", "/start$")) == len(made) + 1)
    cancel = fleet.server("cancel", late[0], wait=False)["command_id"]
    yard.engine.release()
    ended = wait_for("the cancel to be answered", lambda: [
        event["body"] for event in fleet.events() if (event["cause"] or {}).get("command_id") == cancel
        and event["body"].get("outcome") in ("done", "failed")])
    assert [(body["outcome"], body["code"]) for body in ended] == [("failed", "too_late")]
    fleet.server("stop", stopped[0])
    worker.kill()
    fleet.server("stop", expired[0], "--expires", "1ms", wait=False)
    fleet.start_worker("--sync-interval", "1s", docker=yard.engine.path, registry="registry.test/")
    wait_for("its stop to expire", lambda: fleet.show(expired[0])["last_outcome"] == "expired")
    for _, container in made[:3]:
        yard.remove(container)
    fleet.wait_status(stopped[0], "missing")
    assert "not meant to run" in fleet.show(stopped[0])["healing"]
    for server, container in (late, expired):
        wait_for("it to be started", lambda container=container: container in yard.engine.containers())
        fleet.wait_status(server, "running")
    assert fleet.status(stopped[0]) == "missing"
