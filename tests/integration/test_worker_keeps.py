"""S29: what a container keeps outside the mounts of its record is not thrown away unasked, on the real engine."""
import pytest
from conftest import keep
from fleet import wait_for
from host import Host

PLACE = "/worlds"
WORLD = "/home/steam/Zomboid"


@pytest.fixture
def host(request, short_dir, kafka, engine, registry, image):
    host = keep(request, Host(short_dir, kafka, engine.socket, image, registry.address, engine))
    host.worker("slot")
    yield host
    host.close()
    for volume in engine.client.volumes.list():
        if volume.name in host.volumes or (volume.attrs["Labels"] or {}).get("muster.server.id") in host.servers:
            volume.remove(force=True)


@pytest.fixture
def with_volume(host, image_of):
    """What a record says whose image keeps its worlds in a VOLUME that no mount covers."""
    host.volumes = set()
    repository, _, tag = image_of("/game-server", f"VOLUME {PLACE}").rpartition(":")
    return {"image": repository, "image_tag": tag}


def run(engine, server, *words):
    code, output = engine.client.containers.get(server.container).exec_run(["/bin/sh", "-c", " ".join(words)])
    assert code == 0, output
    return output.decode().strip()


def write(engine, server, text):
    run(engine, server, f"echo {text} >{PLACE}/world.save")


def world(engine, server):
    return run(engine, server, f"cat {PLACE}/world.save")


def volume_at(engine, container, place=PLACE):
    return next(mount["Name"] for mount in engine.inspect(container)["Mounts"] if mount["Destination"] == place)


def volumes(engine):
    return {volume.name for volume in engine.client.volumes.list()}


def test_s29_what_lies_in_a_volume_of_the_image_outlives_its_container(host, engine, with_volume):
    server = host.created(**with_volume)
    write(engine, server, "old")
    volume = volume_at(engine, server.container)
    host.done("rebuild", server)
    assert world(engine, server) == "old" and volume_at(engine, server.container) == volume
    engine.client.api.remove_container(server.container, v=True, force=True)
    assert host.done("start", server)["recovered"]
    assert world(engine, server) == "old"
    host.done("delete", server)
    host.done("restore", server, options={"start": True})
    assert world(engine, server) == "old"
    assert f"; volumes removed: {volume}" in host.done("purge", server)["message"]
    assert volume not in volumes(engine)
    host.judge()


def adopted(engine, server, image, volumes):
    """A container that nobody made through Muster."""
    engine.client.images.pull(*image)
    made = engine.client.containers.run(":".join(image), name=server.container, detach=True, volumes=volumes)
    server.spec.update(adopt=made.id)
    return made


def by_hand(host, engine, server, image, volumes):
    """As the record has it, and with a world in an anonymous volume."""
    for mount in server.spec["mounts"]:
        path = host.data_root / mount["host_path"]
        path.mkdir(parents=True)
        volumes[str(path)] = {"bind": mount["container_path"], "mode": "rw"}
    adopted(engine, server, image, volumes)
    volume = volume_at(engine, server.container)
    host.volumes.add(volume)
    write(engine, server, "old")
    return volume


@pytest.mark.parametrize("action", ["rebuild", "delete", "purge"])
def test_s29_an_adopted_ones_anonymous_volume_is_kept(host, engine, with_volume, action):
    server = host.new(**with_volume)
    named = f"named-{host.id}"
    host.volumes.add(named)
    volume = by_hand(host, engine, server, tuple(with_volume.values()), {named: {"bind": "/more", "mode": "rw"}})
    message = host.done(action, server)["message"]
    there = volumes(engine)
    assert named in there
    assert (f"volumes removed: {volume}" in message) is (action == "purge") and named not in message
    assert (volume in there) is (action != "purge")
    if action == "rebuild":
        assert world(engine, server) == "old" and volume_at(engine, server.container) == volume
        assert volume_at(engine, server.container, "/more") == named
    host.judge()


@pytest.mark.parametrize("action", ["rebuild", "delete", "purge"])
def test_s29_what_would_go_with_the_container_is_refused(host, engine, with_volume, action):
    """Its world lies in its own layer; or in a directory that the record does not know."""
    elsewhere = host.data_root / "elsewhere"
    elsewhere.mkdir()
    ways = {"/home/steam/Zomboid/world.save": {}, str(elsewhere): {str(elsewhere): {"bind": WORLD, "mode": "rw"}}}
    servers = {place: host.new(**with_volume) for place in ways}
    for place, server in servers.items():
        made = adopted(engine, server, tuple(with_volume.values()), ways[place])
        host.volumes.add(volume_at(engine, server.container))
        wait_for("a world", lambda c=server.container: engine.client.containers.get(c).exec_run(
            ["test", "-f", f"{WORLD}/world.save"]).exit_code == 0)
        result = host.do(action, server)
        assert (result["outcome"], result["code"]) == ("failed", "data_elsewhere"), result
        assert place in result["message"] and "--fresh" in result["message"]
        found = engine.inspect(server.container)
        assert found["Id"] == made.id and found["State"]["Running"] and found["RestartCount"] == 0
    for server in servers.values():
        host.done(action, server, options={"fresh": True})
    assert (elsewhere / "world.save").exists()
    host.judge()
