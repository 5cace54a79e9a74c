"""The worker on a real engine, a real registry and real Kafka, without our control plane."""
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest
from conftest import keep
from fleet import wait_for
from host import Host
from log_reader import LogReader
from registry_proxy import RegistryProxy
from services import PATIENCE_S, Engine, run_script

NETWORKS = {"zomboid-servers", "zomboid-backend"}


@pytest.fixture(scope="module")
def shared(kafka, engine, registry, image):
    """One host with a worker that stays up; every test has servers of its own on it."""
    directory = Path(tempfile.mkdtemp(prefix="f"))
    host = Host(directory, kafka, engine.socket, image, registry.address, engine)
    host.worker("slot", assigned=True)
    yield host
    host.close()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def host(request, shared):
    return keep(request, shared)


@pytest.fixture
def new_host(request, short_dir, kafka, engine, registry, image):
    """A function that makes a host of the test's own, on an engine of its choice."""
    made = []

    def make(engine=engine):
        directory = short_dir / str(len(made))
        directory.mkdir()
        host = Host(directory, kafka, engine.socket, image, registry.address, engine, partitions=1)
        made.append(keep(request, host))
        return host

    yield make
    for host in made:
        host.close()


# --- create, start, stop, restart, delete


def test_create_makes_the_container_of_the_design(host, engine):
    server = host.new()
    command = host.ask("create", server)
    result = host.result_of(command)
    assert result["outcome"] == "done", result
    made = engine.inspect(server.container)
    config, limits = made["Config"], made["HostConfig"]
    game, udp = server.ports
    data = host.data_root / server.name

    assert made["Name"] == f"/steam-zomboid-{server.name}"
    assert config["Image"] == host.image
    assert set(config["Env"]) >= {"SECRET_TOKEN=hunter2", f"SERVER_NAME={server.name}"}
    assert config["Labels"] == {
        "muster.managed": "true", "muster.server.id": server.id, "muster.server.name": server.name,
        "muster.container": server.container, "muster.command.id": command, "muster.spec": "d1",
        "muster.agent.id": host.agent}
    assert set(made["NetworkSettings"]["Networks"]) == NETWORKS
    assert {(m["Source"], m["Destination"], m["RW"]) for m in made["Mounts"]} == {
        (f"{data}/bin", "/home/steam/zomboid-dedicated", True), (f"{data}/data", "/home/steam/Zomboid", True)}
    assert limits["PortBindings"] == {f"{port}/udp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
                                      for port in (game, udp)}
    assert {key for key, bound in made["NetworkSettings"]["Ports"].items() if bound} == {f"{game}/udp", f"{udp}/udp"}
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"
    assert (data / "bin").is_dir() and (data / "data").is_dir()
    assert not limits["Privileged"] and not limits["Devices"] and limits["CapDrop"] == ["ALL"]

    state = result["state"]
    assert (state["status"], state["container_id"], state["command_id"]) == ("running", made["Id"], command)
    assert {(p["host_port"], p["protocol"]) for p in state["ports"]} == {(game, "udp"), (udp, "udp")}
    assert result["data_exists"] is False and state["data_exists"] is True


def test_a_life_has_one_accepted_and_one_terminal_result_a_command(host, engine):
    server = host.new()
    steps = [("create", "running"), ("stop", "exited"), ("start", "running"), ("restart", "running"),
             ("delete", "absent"), ("restore", "created"), ("recreate", "created"), ("start", "running"),
             ("delete", "absent")]
    commands = [host.ask(action, server) for action, _ in steps]
    for command, (action, status) in zip(commands, steps):
        result = host.result_of(command)
        assert (result["outcome"], result["state"]["status"]) == ("done", status), (action, result)
    host.listed(server)
    for command, (action, _) in zip(commands, steps):
        wanted = ["done"] if action == "recreate" else ["accepted", "done"]
        assert [o for o in host.outcomes(command) if o != "progress"] == wanted, action
    assert engine.find(server.container) is None
    assert (host.data_root / server.name / "data").is_dir()  # delete leaves the data


def test_what_is_so_already_is_told_as_such(host):
    server = host.created()
    assert host.done("start", server)["already"]
    assert host.done("stop", server)["already"] is False
    assert host.done("stop", server)["already"]
    assert host.done("delete", server)["already"] is False
    assert host.done("delete", server)["already"]
    recovered = host.done("start", server)
    assert recovered["recovered"] and not recovered["already"] and recovered["data_exists"] is True


def test_a_file_in_the_place_of_a_directory_is_named(host, engine):
    server = host.new()
    (host.data_root / server.name).mkdir()
    (host.data_root / server.name / "bin").write_text("a file")
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert str(host.data_root / server.name / "bin") in result["message"]
    assert engine.find(server.container) is None


def test_drift_is_told(host):
    server = host.created()
    host.done("stop", server)
    server.spec["digest"] = "d2"
    assert host.done("start", server)["drift"] is True


def test_expired_is_answered_without_an_effect(host, engine):
    server = host.new()
    result = host.do("create", server, expires_in=-5)
    assert (result["outcome"], result["code"]) == ("expired", "expired")
    assert "ask again" in result["message"]
    assert engine.find(server.container) is None
    assert not (host.data_root / server.name).exists()


# --- S06, S07: names and ports that are taken


def make(engine, host, name, **options):
    """A container made by hand."""
    engine.client.images.pull(*host.image.rsplit(":", 1))
    return engine.client.containers.create(host.image, name=name, **options)


def test_s06_i_ours_and_running_is_taken_as_it_is(host, engine):
    server = host.created()
    before = engine.inspect(server.container)
    assert host.done("start", server)["already"]
    refused = host.do("create", server)
    assert (refused["outcome"], refused["code"]) == ("failed", "already_exists"), refused
    assert "start or rebuild" in refused["message"]
    after = engine.inspect(server.container)
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])


def test_s06_ii_ours_and_only_created_is_finished(host, engine):
    server = host.new()
    labels = {"muster.managed": "true", "muster.server.id": server.id, "muster.container": server.container}
    make(engine, host, server.container, labels=labels)
    assert host.done("start", server)["state"]["status"] == "running"


def test_s06_iii_a_foreign_container_is_not_touched(host, engine):
    server = host.new()
    foreign = make(engine, host, server.container)
    for action in ("create", "start", "restart", "recreate", "restore"):
        result = host.do(action, server)
        assert (result["outcome"], result["code"]) == ("failed", "name_conflict"), (action, result)
        assert "rename or remove" in result["message"]
    for action in ("stop", "delete"):
        assert host.done(action, server)["already"], action
    foreign.reload()
    assert foreign.status == "created"


def udp_socket(port):
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", port))
    return taken


def test_s07_a_port_of_another_container_is_named(host, engine):
    first = host.created()
    second = host.new()
    second.spec["ports"] = first.spec["ports"]
    result = host.do("create", second)
    assert (result["outcome"], result["code"]) == ("failed", "port_conflict"), result
    assert str(first.ports[0]) in result["message"] or str(first.ports[1]) in result["message"]
    assert result["state"]["status"] == "absent"
    assert engine.find(second.container) is None  # what was left in Created is removed
    host.done("stop", first)
    assert host.done("start", second)["state"]["status"] == "running"


def test_s07_a_port_of_a_host_process_is_named(host, engine):
    server = host.new()
    with udp_socket(server.ports[1]):
        result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "port_conflict"), result
    assert f"port {server.ports[1]}/udp is taken on this host" in result["message"]
    assert engine.find(server.container) is None
    assert [s["name"] for s in result["steps"]].count("start") <= 1  # no storm of tries
    assert host.done("start", server)["state"]["status"] == "running"


def test_networks_that_were_pruned_while_it_stood_still_are_made_anew(host, engine):
    networks = [f"{host.id}-{number}" for number in (1, 2)]
    server = host.created(networks=[{"name": name, "internal": False} for name in networks])
    host.done("stop", server)
    try:
        for name in networks:
            engine.client.networks.get(name).remove()
        host.done("start", server)
        joined = engine.inspect(server.container)["NetworkSettings"]["Networks"]
        assert {name: joined[name]["NetworkID"] for name in joined} == {
            name: engine.client.networks.get(name).id for name in networks}
    finally:
        host.done("delete", server)
        for network in engine.client.networks.list(names=networks):
            engine.remove_network(network)


def test_s07_a_stopped_container_is_kept_when_its_port_is_taken(host, engine):
    server = host.created()
    host.done("stop", server)
    with udp_socket(server.ports[0]):
        result = host.do("start", server)
    assert (result["outcome"], result["code"]) == ("failed", "port_conflict"), result
    assert str(server.ports[0]) in result["message"]
    assert engine.find(server.container) is not None
    assert host.done("start", server)["state"]["status"] == "running"


# --- refusals


def outside(host, server):
    server.spec["mounts"][0]["host_path"] = "/etc/muster-test"


def dots_in_a_path(host, server):
    server.spec["mounts"][0]["host_path"] = f"{host.data_root}/x/../../escape"


def dots_in_the_name(host, server):
    server.spec["container"] = "../steam"


def dots_in_the_data_dir(host, server):
    server.spec["data_dir"] = f"{host.data_root}/.."


def wrong_registry(host, server):
    server.spec["image"] = "registry.example/steam-zomboid"


def wrong_engine(host, server):
    return {"engine_id": "THAT:ONE"}


@pytest.mark.parametrize("change, code, named", [
    (outside, "forbidden", "/etc/muster-test"),
    (dots_in_a_path, "invalid", "/x/../../escape"),
    (dots_in_the_name, "invalid", "../steam"),
    (dots_in_the_data_dir, "invalid", "/.."),
    (wrong_registry, "forbidden", "registry.example/steam-zomboid"),
    (wrong_engine, "wrong_engine", "THAT:ONE"),
])
def test_refused_before_anything_happens(host, engine, change, code, named):
    server = host.new()
    result = host.do("create", server, **(change(host, server) or {}))
    assert (result["outcome"], result["code"]) == ("rejected", code), result
    assert named in result["message"]
    assert engine.names(server.name) == []
    assert not (host.data_root / server.name).exists()


def test_an_unknown_action_is_rejected_by_its_name(host):
    result = host.do("defenestrate", host.new())
    assert (result["outcome"], result["code"]) == ("rejected", "unknown_action"), result
    assert "defenestrate" in result["message"]


def test_a_symlink_leads_nowhere(host, engine, short_dir):
    server = host.new()
    (host.data_root / server.name).symlink_to(short_dir)
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert f"{host.data_root}/{server.name}" in result["message"]
    assert list(short_dir.iterdir()) == []
    assert engine.find(server.container) is None


# --- S15, S16: pulls


@pytest.fixture
def proxy(registry):
    with RegistryProxy(registry.address) as proxy:
        yield proxy


@pytest.fixture
def pulling(new_host, engine, registry, proxy):
    """A host whose images come through the proxy."""
    host = new_host()

    def fresh(name):
        """An image that no engine has seen."""
        pushed = registry.push_demo(engine, f"{name}:{host.id}")
        return f"{proxy.address}/{name}", pushed.rsplit(":", 1)[1]

    host.fresh = fresh
    yield host
    proxy.release()


def pulling_worker(host, proxy, *extra):
    return host.worker("slot", "--registry", proxy.address, "--registry", "127.0.0.1:9", *extra)


def of_image(host, image, tag):
    return host.new(image=image, image_tag=tag)


def test_s15_pulls_that_fail_are_told_in_the_registrys_words(pulling, engine, proxy):
    host = pulling
    pulling_worker(host, proxy)
    proxy.fail("/v2/limited/blobs/", 429, "TOOMANYREQUESTS", "toomanyrequests: come back at noon")
    proxy.fail("/v2/secret/", 401, "UNAUTHORIZED", "authentication required",
               **{"Www-Authenticate": 'Basic realm="games"'})
    cases = [(of_image(host, *host.fresh("limited")), "registry_limited", "come back at noon"),  # (i), (iv)
             (of_image(host, f"{proxy.address}/secret", "1"), "registry_denied", f"{proxy.address}/secret:1"),  # (iii)
             (of_image(host, f"{proxy.address}/steam-zomboid", "nosuch"), "image_not_found",
              f"{proxy.address}/steam-zomboid:nosuch"),
             (of_image(host, "127.0.0.1:9/steam-zomboid", "1"), "registry_unreachable", "127.0.0.1:9")]
    commands = [host.ask("create", server) for server, _, _ in cases]
    for command, (server, code, named) in zip(commands, cases):
        result = host.result_of(command)
        assert (result["outcome"], result["code"]) == ("failed", code), result
        assert named in result["message"] and server.spec["image"] in result["message"]
        assert engine.find(server.container) is None
    assert proxy.paths("GET", "/v2/limited/blobs/")  # it was refused in the middle of a 200


def test_s15_ii_a_pull_without_bytes_is_ended(pulling, engine, proxy):
    host = pulling
    pulling_worker(host, proxy, "--pull-stall", "8s")
    proxy.hold("/v2/stalls/blobs/")
    server = of_image(host, *host.fresh("stalls"))
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "pull_stalled"), result
    assert "check the registry" in result["message"]
    assert proxy.holding.is_set() and engine.find(server.container) is None


def test_s15_v_the_registry_is_down_and_the_image_is_here(pulling, engine, proxy):
    host = pulling
    pulling_worker(host, proxy)
    server = of_image(host, *host.fresh("cached"))
    host.done("create", server)
    host.done("delete", server)
    proxy.fail("/v2/", 503, "UNAVAILABLE", "down for repairs")
    before = len(proxy.asked)
    missing = host.done("start", server)
    assert missing["recovered"]
    assert {"name": "pull", "did": "already"}.items() <= missing["steps"][0].items()
    host.done("delete", server)
    host.done("start", server, options={"pull": "never"})
    assert len(proxy.asked) == before
    host.done("delete", server)
    never = host.do("start", of_image(host, f"{proxy.address}/absent", "1"), options={"pull": "never"})
    assert (never["outcome"], never["code"]) == ("failed", "image_not_found")
    assert f"{proxy.address}/absent:1" in never["message"] and "never to pull" in never["message"]


def test_s16_a_slow_pull_blocks_nobody(pulling, proxy):
    host = pulling
    pulling_worker(host, proxy)
    stopped, deleted, slow = host.created(), host.created(), of_image(host, *host.fresh("slow"))
    again = of_image(host, slow.spec["image"], slow.spec["image_tag"])
    proxy.hold("/v2/slow/blobs/")
    waiting = [host.ask("create", server) for server in (slow, again)]
    assert proxy.holding.wait(PATIENCE_S)
    host.done("stop", stopped)
    host.done("delete", deleted)
    host.created()
    state, sync = host.listed(stopped)
    assert state["status"] == "exited" and {slow.id, again.id} <= set(sync["pending"])
    assert not host.terminals_of(waiting[0]) + host.terminals_of(waiting[1])
    proxy.release()
    for command in waiting:
        assert host.result_of(command)["outcome"] == "done"
    progress = [e["body"] for e in host.tail.results() if e["body"]["outcome"] == "progress"]
    assert progress and all("pull: " in body["message"] for body in progress)


def stops_of(host, server, number, every_s=0):
    """How long so many stops took, from asked to readable, in ms."""
    took = []
    for _ in range(number):
        host.done("start", server)
        began = time.monotonic()
        host.done("stop", server)
        took.append(1000 * (time.monotonic() - began))
        time.sleep(every_s)
    return took


@pytest.mark.parametrize("seconds", [20, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_s16_stops_beside_a_throttled_pull_and_its_cancel(pulling, proxy, seconds):
    host = pulling
    pulling_worker(host, proxy)
    other, slow, unwanted = host.created(), of_image(host, *host.fresh("slow")), of_image(host, *host.fresh("unwanted"))
    alone = stops_of(host, other, 5)
    proxy.slow("/v2/slow/blobs/", 10 * seconds)
    proxy.slow("/v2/unwanted/blobs/", 10 * seconds)
    command, cancelled = host.ask("create", slow), host.ask("create", unwanted)
    wait_for("both pulls", lambda: proxy.paths("GET", "/v2/slow/blobs/") and proxy.paths("GET", "/v2/unwanted/blobs/"))
    beside = stops_of(host, other, 5, every_s=seconds / 10)
    assert host.terminals_of(command) == [] and host.terminals_of(cancelled) == []
    host.done("cancel", unwanted, target=cancelled)
    assert host.result_of(cancelled)["outcome"] == "cancelled"
    assert proxy.left.wait(PATIENCE_S), "the engine goes on with a pull that nobody wants"
    assert host.terminals_of(command) == []
    proxy.release()
    assert host.result_of(command)["outcome"] == "done"
    print(f"stops beside a pull of {seconds} s: median {sorted(beside)[2]:.0f} ms, alone {sorted(alone)[2]:.0f} ms, "
          f"ratio {sorted(beside)[2] / sorted(alone)[2]:.2f}")


# --- what happens by hand, and by itself


def test_removed_by_hand_is_absent_within_a_second(host, engine):
    took = []
    for server in [host.created() for _ in range(3)]:
        container_id = engine.inspect(server.container)["Id"]
        engine.remove(server.container)
        removed_ms = time.time() * 1000
        event = host.wait_state(server, "absent")
        assert event["body"]["container_id"] == container_id
        took.append(event["append_ms"] - removed_ms)
    assert min(took) < 1000, took
    assert host.done("start", server)["recovered"]


def test_one_that_ends_by_itself_is_exited_with_its_code(host):
    server = host.created(restart_policy="no", env={"DEMO_EXIT_AFTER": "6", "DEMO_EXIT_CODE": "7"})
    body = host.wait_state(server, "exited")["body"]
    assert (body["exit_code"], body["oom_killed"]) == (7, False)
    assert body["finished_at"] >= body["started_at"]


def test_one_that_ends_at_once_is_a_failed_start(host, engine):
    server = host.new(restart_policy="no")
    server.spec["mounts"] = [{**server.spec["mounts"][1], "container_path": "/home/steam", "read_only": True}]
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "start_failed"), result
    assert "exit code 1" in result["message"] and "its log tells more" in result["message"]
    assert result["state"]["status"] == "exited" and result["state"]["exit_code"] == 1
    assert engine.find(server.container) is not None  # for its log


def test_pause_and_unpause_by_hand_are_told(host, engine):
    server = host.created()
    engine.pause(server.container)
    host.wait_state(server, "paused")
    since = host.mark()
    engine.find(server.container).unpause()
    host.wait_state(server, "running", since)
    engine.pause(server.container)
    host.wait_state(server, "paused", since)
    assert host.done("start", server)["state"]["status"] == "running"


def test_one_that_has_restarted_by_itself_can_be_unpaused(host, engine):
    server = host.created()
    engine.find(server.container).exec_run(["/bin/sh", "-c", "kill 1"])  # its policy brings it back
    host.wait_event("its restart", lambda e: e["server_id"] == server.id and e["body"].get("restart_count") == 1 and
                    e["body"]["status"] == "running")
    engine.pause(server.container)
    result = host.done("start", server)
    assert result["state"]["status"] == "running" and result["state"]["restart_count"] >= 1
    host.done("stop", server)


def test_s23_one_renamed_by_hand_is_extra(host, engine):
    server = host.created()
    container = engine.find(server.container)
    container.rename(f"{server.container}-aside")
    state, sync = host.listed(server)
    assert state is None
    assert [(f["server_id"], f["name"]) for f in sync["extra"] if f["server_id"] == server.id] == [
        (server.id, f"{server.container}-aside")]
    container.rename(server.container)
    assert host.listed(server)[0]["status"] == "running"


def test_s23_a_copy_of_the_same_label_is_extra(host, engine):
    server = host.created()
    original = engine.inspect(server.container)["Id"]
    copy = engine.find(server.container).commit(repository=server.name.lower())
    other = engine.client.containers.create(copy.id, name=f"{server.container}-copy")
    assert other.labels["muster.server.id"] == server.id
    state, sync = host.listed(server)
    assert (state["status"], state["container_id"]) == ("running", original)
    assert [f["container_id"] for f in sync["extra"] if f["server_id"] == server.id] == [other.id]
    other.remove()
    engine.client.images.remove(copy.id)
    state, sync = host.listed(server)
    assert state["container_id"] == original and server.id not in [f["server_id"] for f in sync["extra"]]


def test_unmanaged_containers_and_data_are_listed(host, engine):
    name = f"steam-zomboid-{host.id}-by-hand"
    container = make(engine, host, name)
    make(engine, host, f"other-{host.id}")
    found = {f["name"]: f for f in host.sync(partition=3)["unmanaged"]}
    assert found[name]["container_id"] == container.id and found[name]["status"] == "created"
    assert f"other-{host.id}" not in found
    server = host.created()
    assert f"{host.data_root}/{server.name}" in [f["name"] for f in host.sync()["data"]]


def test_s21_what_is_done_by_hand_with_an_unlabelled_one_is_listed_soon(host, engine):
    """It may be an adopted server's; without a word of ours the next list is minutes away."""
    name = f"steam-zomboid-{host.id}-adopted"
    container = make(engine, host, name)
    for act, status in ((container.start, "running"), (container.stop, "exited"), (container.remove, None)):
        since = host.mark()
        act()
        host.wait_event(f"a sync that says {status}", lambda e: "sync_id" in e["body"] and status == next(  # noqa: B023
            (f["status"] for f in e["body"]["unmanaged"] if f["name"] == name), None), since)  # noqa: B023


def test_s02_one_removed_while_it_is_listed(host, engine):
    servers = [host.new() for _ in range(8)]
    for command in [host.ask("create", server) for server in servers]:
        assert host.result_of(command)["outcome"] == "done"
    commands = [host.ask("sync", servers[0]) for _ in range(5)]
    engine.remove(servers[0].container)
    for command in commands:
        assert host.result_of(command)["outcome"] == "done"
    assert host.listed(servers[0])[0] is None
    assert all(host.listed(server)[0]["status"] == "running" for server in servers[1:])


def test_s13_the_worker_is_killed_at_several_moments(new_host, engine):
    host = new_host()
    host.worker("slot")
    server, commands = host.new(), []
    for action, moment in [("create", 0.05), ("stop", 0.02), ("start", 0.3), ("restart", 0.2), ("delete", 0.15),
                           ("start", 0.15), ("delete", 0.3)]:
        commands.append(host.ask(action, server))
        time.sleep(moment)
        host.processes[-1].kill()
        host.worker("slot")
    for command in commands:
        assert host.result_of(command)["outcome"] == "done"
    assert host.listed(server)[0] is None and engine.names(server.name) == []
    assert [len(host.terminals_of(command)) for command in commands] == [1] * len(commands)
    assert [e["cause"]["command_id"] for e in host.tail.terminals() if e["server_id"] == server.id] == commands


# --- S11: the engine restarts


@pytest.fixture
def own_engine(short_dir):
    directory = short_dir / "e"
    yield Engine(run_script("engine", "start", "--dir", directory), directory)
    run_script("engine", "remove", "--dir", directory)


def test_s11_the_engine_is_killed_in_the_middle_and_idle(own_engine, new_host):
    engine, host = own_engine, new_host(own_engine)
    host.worker("slot")
    servers = [host.created() for _ in range(3)]
    host.done("stop", servers[2])
    ids = [engine.inspect(server.container)["Id"] for server in servers]
    commands = [host.ask("restart", server) for server in servers[:2]]
    wait_for("the beginning", lambda: "accepted" in host.outcomes(commands[1]))
    engine.kill()
    commands.append(host.ask("create", host.new()))
    engine.start()
    for command in commands:
        result = host.result_of(command)
        assert (result["outcome"], result["state"]["status"]) == ("done", "running"), result
    assert [host.listed(server)[0]["container_id"] for server in servers] == ids

    since = host.mark()
    engine.kill()
    wait_for("the worker to notice", lambda: host.processes[0].output().count("engine.down") >= 2)
    engine.start()
    for server in servers:
        wait_for("the truth", lambda s=server: host.listed(s)[0]["status"] ==
                 engine.inspect(s.container)["State"]["Status"])
    told = host.tail.read()[since:]
    assert not [e for e in told if e["server_id"] == servers[2].id]  # nothing has happened to it
    assert not [e for e in told if e["body"].get("status") == "absent"]
    assert [len(host.terminals_of(command)) for command in commands] == [1, 1, 1]


# --- secrets, size


def test_env_values_stay_in_the_container(new_host, kafka, engine):
    host = new_host()
    secret = "S3cr3t-" + host.id
    worker = host.worker("slot", "--debug")
    server = host.created(env={"RCON_PASSWORD": secret})
    assert f"RCON_PASSWORD={secret}" in engine.inspect(server.container)["Config"]["Env"]
    host.done("restart", server)
    failing = [{"env": {"": secret}}, {"env": {"A=B": secret}}, {"image": "elsewhere.example/x"},
               {"image_tag": "nosuch"}, {"resources": {"memory_bytes": 1, "nano_cpus": 0, "pids": 0}}]
    for changes in failing:
        result = host.do("create", host.new(**{"env": {"X": secret}, **changes}))
        assert result["outcome"] in ("failed", "rejected"), changes
    host.listed(server)
    texts = {what: Path(f"/proc/{worker.pid}/{what}").read_bytes() for what in ("cmdline", "environ")}
    texts["log"] = worker.output().encode()
    for topic in ("muster.events", "muster.heartbeats"):
        texts[topic] = b"".join(m.value for m in LogReader(kafka.address).read(topic))
    assert [what for what, text in texts.items() if secret.encode() in text] == []
    assert [what for what, text in texts.items() if host.id.encode() not in text] == ["environ"]


def test_an_idle_worker_is_small(new_host):
    host = new_host()
    worker = host.worker("slot", assigned=True)
    host.sync()
    time.sleep(10)  # it gives back what its start needed once it has been idle for a while
    assert worker.resident_kib() < 16 * 1024
    print(f"an idle worker has {worker.resident_kib()} KiB resident")
