"""S29: the control plane remembers the volumes of a server whose container is gone, on the real engine."""
import pytest
from services import Ports

pytestmark = pytest.mark.bus("sqlite")
PLACE = "/worlds"


def volume_at(engine, container):
    return next(mount["Name"] for mount in engine.inspect(container)["Mounts"] if mount["Destination"] == PLACE)


def by_hand(fleet, image):
    """A container that nobody made through Muster, with its world in an anonymous volume: (its name, the volume)."""
    name = fleet.container_name(fleet.new_name())
    fleet.engine.client.images.pull(*image.rsplit(":", 1))
    data = fleet.data_root / name.removeprefix("steam-zomboid-")
    binds = {str(data / "data"): {"bind": "/home/steam/Zomboid", "mode": "rw"}}
    container = fleet.engine.client.containers.run(image, name=name, detach=True, volumes=binds)
    container.exec_run(["/bin/sh", "-c", f"echo old >{PLACE}/world.save"])
    return name, volume_at(fleet.engine, name)


def adopt(fleet, container):
    words = [word for kind in ("game", "udp", "rcon") for word in (f"--{kind}-port", str(Ports.take()))]
    return str(fleet.json("server", "adopt", fleet.agent, container, *words)["server_id"])


def world(fleet, container):
    return fleet.engine.client.containers.get(container).exec_run(["cat", f"{PLACE}/world.save"]).output.decode().strip()


def test_s29_an_adopted_ones_volume_is_found_again(fleet, image_of):
    image = image_of("/game-server", f"VOLUME {PLACE}")
    fleet.start_worker()
    container, volume = by_hand(fleet, image)
    fleet.run("sync", fleet.agent, "--wait")
    server = adopt(fleet, container)
    result = fleet.server("delete", server)
    assert "stays" in result["message"]
    fleet.server("restore", server, "--start")
    assert volume_at(fleet.engine, container) == volume and world(fleet, container) == "old"
    fleet.server("rebuild", server)
    fleet.engine.remove(container)
    fleet.wait_status(server, "missing")
    fleet.server("start", server)
    assert volume_at(fleet.engine, container) == volume and world(fleet, container) == "old"
    assert fleet.show(server)["drift"] is False
    fleet.server("purge", server, "--yes")
    assert volume not in {found.name for found in fleet.engine.client.volumes.list()}


def test_s34_a_world_that_was_in_a_volume_from_the_beginning(fleet):
    """The record's directory was never there: it is not gone."""
    fleet.start_worker()
    name = fleet.container_name(fleet.new_name())
    volume = f"{name}-world"
    fleet.engine.client.images.pull(*fleet.image.rsplit(":", 1))
    container = fleet.engine.client.containers.run(
        fleet.image, name=name, detach=True, volumes={volume: {"bind": "/home/steam/Zomboid", "mode": "rw"}})
    container.exec_run(["/bin/sh", "-c", "echo old >/home/steam/Zomboid/mine"])
    fleet.run("sync", fleet.agent, "--wait")
    server = adopt(fleet, name)
    fleet.run("sync", fleet.agent, "--wait")
    assert "no_data" not in fleet.show(server)["remarks"]
    fleet.server("delete", server)
    assert "no_data" not in fleet.show(server)["remarks"]
    fleet.server("restore", server, "--start")
    kept = fleet.engine.client.containers.get(name)
    assert kept.exec_run(["cat", "/home/steam/Zomboid/mine"]).output.decode().strip() == "old"
    assert [mount["Name"] for mount in kept.attrs["Mounts"] if mount["Type"] == "volume"] == [volume]
    fleet.server("purge", server, "--yes")
    fleet.engine.client.volumes.get(volume).remove()  # somebody has named it: it is not ours to remove
