"""S05: a rebuild whose new container cannot come up leaves the old one as it was, on the real engine."""
import random
import time

import pytest
from conftest import keep
from fleet import wait_for
from host import Host
from services import Ports

NETWORKS = [{"name": "zomboid-servers", "internal": False}]


class Way:
    """How a rebuild fails: what the record says by then, and what is told."""

    def __init__(self, code, rolled_back=True, **changes):
        self.code, self.rolled_back, self.changes = code, rolled_back, changes


def twice(host):
    """The name of two networks, which the engine lets one make; it takes neither."""
    for _ in range(2):
        host.engine.client.networks.create(f"{host.id}-twice", check_duplicate=False)
    return f"{host.id}-twice"


def ways(host, image_of, port):
    def image(name):
        repository, _, tag = name.rpartition(":")
        return {"image": repository, "image_tag": tag}

    def mount(path):
        return {"host_path": str(host.data_root / path), "container_path": "/more", "read_only": True,
                "make_directory": False}

    binding = {"host_ip": "127.0.0.1", "host_port": port, "container_port": 1, "protocol": "udp"}
    return {
        "pull": Way("image_not_found", rolled_back=False, image_tag="nosuch"),
        "create, a directory is missing": Way("mount_failed", mounts=[mount("nosuch")]),
        "connect, a bad network": Way("network_failed", networks=[{"name": twice(host), "internal": False}]),
        "start, a taken port": Way("port_conflict", ports=[binding]),
        "start, no such program": Way("start_failed", **image(image_of("/no-such-program"))),
        "dies at once": Way("start_failed", **image(image_of("/bin/false"))),
        "dies a second later": Way("start_failed", env={"DEMO_EXIT_AFTER": "0"}),
    }


@pytest.fixture
def host(request, short_dir, kafka, engine, registry, image):
    host = keep(request, Host(short_dir, kafka, engine.socket, image, registry.address, engine))
    yield host
    host.close()
    for network in engine.client.networks.list(names=[f"{host.id}-twice"]):
        engine.remove_network(network)


@pytest.fixture
def port(host, engine, image):
    """Taken by another container."""
    port = Ports.take()
    engine.client.images.pull(*image.rsplit(":", 1))
    engine.client.containers.run(image, name=f"other-{host.id}", detach=True, ports={"1/udp": ("127.0.0.1", port)})
    return port


def as_it_is(engine, server):
    found = engine.inspect(server.container)
    return (found["Id"], found["HostConfig"]["RestartPolicy"]["Name"], found["State"]["Status"],
            sorted(found["NetworkSettings"]["Networks"]), found["HostConfig"]["PortBindings"])


def running(host, engine, names):
    """{name: (server, what its container is like)}, all running, with a world."""
    servers = {name: host.new(networks=NETWORKS) for name in names}
    for command in [host.ask("create", server) for server in servers.values()]:
        assert host.outcome(command) == "done", host.result_of(command)
    for server in servers.values():
        data = host.data_root / server.name / "data"
        wait_for("a saved world", (data / "world.save").exists)
        (data / "marker").write_text(server.name)
    return {name: (server, as_it_is(engine, server)) for name, server in servers.items()}


def rebuild(host, servers, by_name):
    commands = {}
    for name, (server, _) in servers.items():
        server.spec.update(by_name[name].changes, digest="d2")
        commands[name] = host.ask("rebuild", server)
    return commands


def judge(host, engine, server, before, way, result, redelivered=False):
    assert (result["outcome"], result["code"]) == ("failed", way.code), result
    assert as_it_is(engine, server) == before and before[2] == "running"
    assert engine.names(server.name) == [server.container]
    assert (host.data_root / server.name / "data" / "marker").read_text() == server.name
    assert (host.data_root / server.name / "data" / "world.save").read_text().strip().isdigit()
    assert result["state"]["container_id"] == before[0] and result["state"]["status"] == "running"
    assert not result["recovered"] and not result["already"]
    if not redelivered:
        assert result["rolled_back"] is way.rolled_back, result
        assert result["message"]


def left_aside(engine, host):
    return [name for name in engine.names(host.id) if ".old-" in name]


def test_s05_a_rebuild_that_fails_leaves_the_old_one_running(host, engine, image_of, port):
    host.worker("slot")
    by_name = ways(host, image_of, port)
    servers = running(host, engine, by_name)
    commands = rebuild(host, servers, by_name)
    for name, command in commands.items():
        server, before = servers[name]
        result = host.result_of(command)
        judge(host, engine, server, before, by_name[name], result)
    assert left_aside(engine, host) == []
    host.judge()
    for server, before in servers.values():  # and it is a server like any other
        server.spec.update(image_tag=host.image.rsplit(":", 1)[1])
    assert host.done("restart", servers["pull"][0])["state"]["container_id"] == servers["pull"][1][0]


def test_s05_s13_the_same_while_the_worker_is_killed_at_any_moment(host, engine, image_of, port, rounds):
    worker = host.worker("slot")
    by_name = {**ways(host, image_of, port), "nothing": Way("")}
    servers = running(host, engine, by_name)
    commands = rebuild(host, servers, by_name)
    chance = random.Random(host.id)
    for _ in range(rounds(6)):
        time.sleep(chance.uniform(0.3, 2.5))
        worker.kill()
        worker = host.worker("slot")
    host.wait_answered()
    for name, command in commands.items():
        server, before = servers[name]
        result = host.result_of(command)
        if name != "nothing":
            judge(host, engine, server, before, by_name[name], result, redelivered=True)
            continue
        assert result["outcome"] == "done", result
        assert engine.inspect(server.container)["Id"] not in (before[0], None)
    assert left_aside(engine, host) == []
    host.judge()
