"""What takes long, gets stuck or comes at the wrong moment: saves, stops, removals, pulls, cancels.

On a scripted engine: S10, S12, S14, S17, S18, S19, L12, L15.
"""
import http.client
import random
import tempfile
import threading
import time
from pathlib import Path

import docker
import pytest
from conftest import keep
from fleet import wait_for
from host import Host
from scripted_host import IMAGE, ScriptedHost
from services import PATIENCE_S

SAVE = ["/save"]


@pytest.fixture
def own_host(request, short_dir, kafka):
    """Without a worker: the test kills its own."""
    host = keep(request, ScriptedHost(short_dir, kafka))
    yield host
    host.close()


@pytest.fixture(scope="module")
def shared(kafka):
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        host = ScriptedHost(Path(directory), kafka)
        host.worker("slot", assigned=True)
        yield host
        host.close()


@pytest.fixture
def host(request, shared):
    """One for many tests; its engine has forgotten the test before."""
    shared.scripted.clear_script()
    shared.scripted.set(latency_ms={"start": 0, "pull_line": 0})
    shared.scripted.clear_log()
    return keep(request, shared)


@pytest.fixture
def engine(host):
    return host.scripted


def stop_of(timeout=10, save=(), save_timeout=30):
    return {"signal": "SIGTERM", "timeout_s": timeout, "save": list(save), "save_timeout_s": save_timeout}


def with_labels(host, stop=None, **labels):
    """A server that runs; labels as engine_model.py has them: term_ms=…, exec_ms=…"""
    labels = {"test." + key.replace("_", "-"): str(value) for key, value in labels.items()}
    return host.created(labels=labels, stop=stop or stop_of())


def flags(result):
    return result["outcome"], result["saved"], result["killed"]


# --- S17: save, signal, timeout, kill


def test_s17_the_save_is_awaited_then_the_signal_is_sent(host, engine):
    server = with_labels(host, stop_of(save=SAVE), exec_ms=3000)
    result = host.done("stop", server)
    assert flags(result) == ("done", True, False) and result["state"]["exit_code"] == 0
    (save,) = engine.requests("POST", "/exec/.*/start")
    (stop,) = host.asked(server, "/stop")
    assert save["ended"] <= stop["at"] and save["ended"] - save["at"] >= 2.9


SAVES = {
    "fails": (dict(exec_exit=3), stop_of(save=SAVE)),
    "takes longer than it may": (dict(exec_ms=60_000), stop_of(save=SAVE, save_timeout=1)),
    "cannot be made": (dict(), stop_of(save=SAVE)),
}


@pytest.mark.parametrize("how", SAVES)
def test_s17_a_save_that_fails_holds_back_nothing(host, engine, how):
    labels, stop = SAVES[how]
    actions = ["stop", "restart", "delete", "rebuild"]
    servers = [with_labels(host, stop, **labels) for _ in actions]
    if how == "cannot be made":
        engine.script({"method": "POST", "path": "/exec$", "times": 0, "do": "error", "text": "no"})
    for action, command in [(action, host.ask(action, server)) for action, server in zip(actions, servers)]:
        assert flags(host.result_of(command)) == ("done", False, False), action


def test_s17_what_ignores_the_signal_is_killed_and_told_so(host):
    server = with_labels(host, stop_of(timeout=1), ignores_term=1)
    result = host.done("stop", server)
    assert flags(result) == ("done", None, True) and result["state"]["exit_code"] == 137


def test_s17_skip_save_skips_it(host, engine):
    server = with_labels(host, stop_of(save=SAVE))
    assert flags(host.done("stop", server, options={"skip_save": True})) == ("done", None, False)
    assert engine.requests("POST", "/exec") == []


@pytest.mark.parametrize("during", ["/exec/.*/start", "/stop"])
def test_s17_a_worker_killed_meanwhile(own_host, during):
    host, engine = own_host, own_host.scripted
    worker = host.worker("slot")
    server = with_labels(host, stop_of(save=SAVE), exec_ms=1500, term_ms=3000)
    command = host.ask("stop", server)
    wait_for("the moment", lambda: engine.requests("POST", during))
    worker.kill()
    host.worker("slot")
    result = host.result_of(command)
    assert (result["outcome"], result["state"]["status"]) == ("done", "exited"), result
    if during != "/stop":
        assert result["saved"] is True
    assert host.terminals_of(command) == ["done"]
    last_save = engine.requests("POST", "/exec/.*/start")[-1]
    assert host.asked(server, "/stop")[-1]["at"] >= last_save["at"]


# --- S18: stop or delete during a start


def ready_to(host, first):
    server = host.new() if first == "create" else host.created()
    if first in ("start", "recreate"):
        host.done({"start": "stop", "recreate": "delete"}[first], server)
    return server


def test_s18_what_comes_during_a_start_comes_after_it(host, engine):
    pairs = [(first, then) for first in ("create", "start", "restart", "recreate") for then in ("stop", "delete")]
    servers = [ready_to(host, first) for first, _ in pairs]
    before = [len(host.asked(server, "/start$")) for server in servers]
    engine.set(latency_ms={"start": 1500})
    commands = []
    for (first, then), server, number in zip(pairs, servers, before):
        host.ask(first, server)
        wait_for("its start", lambda: len(host.asked(server, "/start$")) > number)  # noqa: B023
        commands.append(host.ask(then, server))
    for (first, then), server, command in zip(pairs, servers, commands):
        status = {"stop": "exited", "delete": "absent"}[then]
        assert host.result_of(command)["state"]["status"] == status, (first, then)
        assert host.status_of(server) == status
    host.judge()
    assert {host.status_of(server) for server in servers} == {"exited", "absent"}


def test_s18_also_when_the_worker_is_killed_in_between(own_host):
    host, engine = own_host, own_host.scripted
    worker = host.worker("slot")
    servers = [host.created() for _ in range(4)]
    engine.set(latency_ms={"start": 1000})
    for server in servers:
        host.ask("restart", server)
        host.ask("stop", server)
    wait_for("a start", lambda: len(engine.requests("POST", "/start$")) > len(servers))
    worker.kill()
    host.worker("slot")
    host.wait_answered()
    host.judge(settle=2)
    assert {host.status_of(server) for server in servers} == {"exited"}


# --- what is stuck: one host, all at once; it has max.poll.interval.ms of ten seconds (S14)


@pytest.fixture(scope="module")
def stuck(kafka):
    """Sends everything that hangs, and looks on until all of it has been given up: a minute."""
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        host = ScriptedHost(Path(directory), kafka)
        try:
            host.stuck_worker = host.worker("slot", "-X", "max.poll.interval.ms=10000", "-X", "session.timeout.ms=10000",
                                            assigned=True)
            yield host, play_stuck(host)
        finally:
            host.close()


def play_stuck(host):
    engine = host.scripted
    engine.set(latency_ms={"pull_line": 6000})
    image = "registry.test/slow"
    servers = {"stop": with_labels(host, stop_of(timeout=1)), "remove": host.created(), "busy": host.created(),
               "slow stop": with_labels(host, stop_of(timeout=60), term_ms=20_000), "other": host.created(),
               "pull": host.new(image=image), "pull too": host.new(image=image)}
    engine.script(
        {"method": "POST", "path": f"/{host.id_of(servers['stop'])}/stop", "do": "hang", "apply": False},
        {"method": "DELETE", "path": host.id_of(servers["remove"]), "times": 0, "do": "error", "status": 409,
         "text": "removal of container x is already in progress"},
        {"method": "DELETE", "path": host.id_of(servers["busy"]), "times": 3, "do": "error", "status": 500,
         "text": "unlinkat /var/lib/docker/x: device or resource busy"})
    actions = {"stop": "stop", "remove": "purge", "busy": "delete", "slow stop": "stop", "pull": "create",
               "pull too": "create"}
    commands = {name: host.ask(action, servers[name]) for name, action in actions.items()}
    commands["stop again"] = host.ask("stop", servers["stop"])
    began = time.monotonic()
    for _ in range(3):  # others are served meanwhile
        host.done("restart", servers["other"])
    others_took = time.monotonic() - began
    results = {name: host.result_of(command) for name, command in commands.items() if name != "stop again"}
    return servers, commands, results, others_took


def test_s14_an_operation_longer_than_the_poll_interval(stuck):
    host, (servers, _, results, _) = stuck
    for name in ("slow stop", "pull", "pull too"):
        assert results[name]["outcome"] == "done", results[name]
    assert len([r for r in host.scripted.requests("POST", "/images/create") if "slow" in r["path"]]) == 1
    assert len(host.asked(servers["slow stop"], "/stop")) == 1
    log = host.stuck_worker.output()
    assert log.count(" assignment ") == 1 and "revoked" not in log


def test_s10_a_stop_that_hangs_is_told_as_such(stuck):
    host, (servers, commands, results, others_took) = stuck
    assert (results["stop"]["outcome"], results["stop"]["code"]) == ("failed", "stop_timeout"), results["stop"]
    assert results["stop"]["state"]["status"] == "running"
    assert not [e for e in host.tail.read() if e["server_id"] == servers["stop"].id
                and e["body"].get("status") in ("exited", "absent")]
    assert others_took < 60


def test_s10_l15_the_next_command_waits_for_the_call_that_was_given_up(stuck):
    host, (servers, commands, _, _) = stuck
    time.sleep(2)
    assert host.terminals_of(commands["stop again"]) == []
    assert len(host.asked(servers["stop"], "/stop")) == 1  # no second one beside the first
    host.scripted.die(servers["stop"].container)  # its policy starts it again
    host.scripted.release()
    result = host.result_of(commands["stop again"])
    assert (result["outcome"], result["state"]["status"]) == ("done", "exited"), result
    assert len(host.asked(servers["stop"], "/stop")) == 2


def test_s19_a_removal_that_is_stuck_keeps_the_data(stuck):
    host, (servers, _, results, _) = stuck
    assert (results["remove"]["outcome"], results["remove"]["code"]) == ("failed", "remove_failed")
    assert (host.data_root / servers["remove"].name / "data").is_dir()
    assert (results["busy"]["outcome"], results["busy"]["state"]["status"]) == ("done", "absent"), results["busy"]
    assert len([r for r in host.scripted.requests("DELETE") if r["fault"] and r["status"] == 500]) == 3
    host.scripted.clear_script()
    assert host.done("purge", servers["remove"])["state"]["status"] == "absent"
    assert not (host.data_root / servers["remove"].name).exists()


# --- networks: one agent at a time


def networks_named(engine, name):
    return [network for network in engine.ask("GET", "/networks") if network["Name"] == name]


def test_two_agents_of_one_engine_make_a_network_once(request, own_host, kafka):
    """Their data roots are apart; the engine would take a name twice."""
    engine = own_host.scripted
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        other = keep(request, Host(Path(directory), kafka, own_host.docker, IMAGE, "registry.test/"))
        try:
            for host in (own_host, other):
                host.worker("slot", assigned=True)
            engine.script({"method": "POST", "path": "/networks/create", "do": "delay", "ms": 1000, "times": 0})
            network = {"name": f"net-{own_host.id}", "internal": True}
            commands = [(host, host.ask("restore", host.new(networks=[network]))) for host in (own_host, other)]
            for host, command in commands:
                assert host.outcome(command) == "done"
            assert len(engine.requests("POST", "/networks/create")) == 1
        finally:
            other.close()


def test_a_network_whose_answer_is_lost_is_not_made_twice(host, engine):
    """The engine comes to it after the connection has ended."""
    name = host.new_name()
    engine.script({"method": "POST", "path": "/networks/create", "do": "close", "late": 1500})
    host.done("restore", host.new(networks=[{"name": name, "internal": True}]))
    assert len(engine.requests("POST", "/networks/create")) == 1


def test_of_two_networks_of_a_name_one_is_left(host, engine):
    """Made by an engine that was asked twice: it says of such that they are ambiguous."""
    name = host.new_name()
    for _ in range(2):
        engine.script({"method": "POST", "path": "/networks/create", "do": "close", "late": 1})
        with pytest.raises((http.client.HTTPException, OSError)):
            engine.ask("POST", "/networks/create", {"Name": name, "Labels": {"muster.managed": "true"}})
    twins = wait_for("two networks", lambda: (
        lambda found: found if len(found) == 2 else None)(networks_named(engine, name)))
    server = host.created(networks=[{"name": name, "internal": True}])
    (left,) = networks_named(engine, name)
    assert left["Id"] in [twin["Id"] for twin in twins]
    assert host.done("restart", server)["state"]["status"] == "running"


# --- pulls: one for all, and none for nobody


def test_eight_servers_of_one_image_pull_once(host, engine):
    engine.script({"method": "POST", "path": "/images/create", "do": "wait"})
    servers = [host.new(image="registry.test/big") for _ in range(8)]
    commands = [host.ask("create", server) for server in servers]
    host.wait_pulling(*commands)
    engine.release()
    for command in commands:
        assert host.outcome(command) == "done"
    assert len(engine.requests("POST", "/images/create")) == 1
    assert {host.status_of(server) for server in servers} == {"running"}


def test_a_cancel_ends_a_pull_unless_another_server_waits_for_it(host, engine):
    held = {"method": "POST", "path": "/images/create", "do": "lines", "then": "hang",
            "lines": [{"status": "Downloading", "progressDetail": {"current": 1, "total": 9}, "id": "a"}]}
    engine.script(held)
    servers = [host.new(image="registry.test/huge") for _ in range(2)]
    commands = [host.ask("create", server) for server in servers]
    host.wait_pulling(*commands)
    pulls = lambda: engine.requests("POST", "/images/create")  # noqa: E731
    assert host.done("cancel", servers[0], target=commands[0])["message"] == "cancelled"
    assert host.outcome(commands[0]) == "cancelled"
    assert len(pulls()) == 1 and "ended" not in pulls()[0]
    host.done("cancel", servers[1], target=commands[1])
    assert host.outcome(commands[1]) == "cancelled"
    wait_for("the pull to end", lambda: "ended" in pulls()[0])
    assert {host.status_of(server) for server in servers} == {"absent"} and len(pulls()) == 1
    assert not (host.data_root / servers[0].name).exists()
    host.judge()


# --- L12: cancels, and workers that are killed


def test_l12_a_cancel_and_its_target_agree_whoever_is_killed(own_host, rounds):
    host, engine = own_host, own_host.scripted
    worker = host.worker("slot")
    servers = [host.created() for _ in range(12)]
    engine.set(latency_ms={"start": 400, "stop": 400, "create": 300, "rename": 200})
    chance = random.Random(host.id)
    pairs = []
    for server in servers:
        action = chance.choice(["restart", "rebuild", "stop", "delete"])
        target = host.ask(action, server)
        pairs.append((server, action, target, host.id_of(server)))
    cancels = []
    for server, _, target, _ in pairs:
        time.sleep(chance.uniform(0, 0.3))
        cancels.append(host.ask("cancel", server, target=target))
    for _ in range(rounds(5)):
        time.sleep(chance.uniform(0.1, 1.2))
        worker.kill()
        worker = host.worker("slot")
    host.wait_answered()
    host.judge()
    for (server, action, target, before), cancel in zip(pairs, cancels):
        (ended,), (answer,) = host.terminals_of(target), host.terminals_of(cancel)
        assert (ended, answer) in {("cancelled", "done"), ("done", "failed")}, (action, ended, answer)
        result = host.result_of(target)
        assert result["state"] is None or result["state"]["status"] == host.status_of(server)
        if ended == "cancelled" and action == "rebuild":
            assert host.id_of(server) == before and host.status_of(server) == "running"
        if ended == "done":
            wanted = {"stop": "exited", "delete": "absent"}.get(action, "running")
            assert host.status_of(server) == wanted
    assert not [name for name in engine.containers() if ".old-" in name]


# --- S12: a burst of events


def told(host):
    """{server id: status} as the log has it."""
    last = {}
    for event in host.tail.read():
        body = event["body"]
        if "oom_killed" in body:
            last[event["server_id"]] = body["status"]
        elif body.get("state"):
            last[event["server_id"]] = body["state"]["status"]
        for listed in body.get("servers") or () if body.get("complete") else ():
            last[listed["server_id"]] = listed["state"]["status"]
    return last


def burst(socket, server_ids, rounds):
    """Containers of ours, made, started and killed by somebody else."""
    api = docker.APIClient(base_url=f"unix://{socket}", version="1.41", timeout=PATIENCE_S)
    for number, server_id in enumerate(server_ids):
        name = f"burst-{server_id[:8]}"
        labels = {"muster.managed": "true", "muster.server.id": server_id, "muster.container": name,
                  "muster.server.name": name, "muster.command.id": "c", "muster.spec": "d"}
        made = api.create_container(IMAGE, name=name, labels=labels)["Id"]
        for _ in range(rounds):
            api.start(made)
            api.kill(made)
        if number % 3:
            api.start(made)
        if number % 3 == 2:
            api.remove_container(made, force=True)


def test_s12_after_a_burst_the_log_says_what_the_engine_says(own_host):
    host, engine = own_host, own_host.scripted
    worker = host.worker("slot", "--sync-interval", "1h", assigned=True)  # no other list would find it
    ids = [host.new().id for _ in range(200)]
    threads = [threading.Thread(target=burst, args=(engine.path, ids[i::4], 3)) for i in range(4)]
    for thread in threads:
        thread.start()
    worker.pause()  # a slow reader, and what it did not read is lost
    for thread in threads:
        thread.join()
    engine.events(forget=True, cut=True)
    worker.resume()
    there = {c["Config"]["Labels"]["muster.server.id"]: c["State"]["Status"]
             for c in engine.containers().values()}
    assert len(there) > 100 and set(there.values()) == {"running", "exited"}
    wait_for("the log to say the same", lambda: {
        i: s for i, s in told(host).items() if s != "absent"} == there)
    started = {}
    for event in host.tail.read():
        body = event["body"]
        if "oom_killed" in body and body["started_at"]:
            assert body["started_at"] >= started.get(event["server_id"], 0)
            started[event["server_id"]] = body["started_at"]
    assert worker.process.poll() is None
