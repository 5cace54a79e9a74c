"""hands - faults that people and other programs of the host make, behind our back."""
import contextlib
import socket
import time

import docker
import requests
from kinds import fault, one_of

NETWORKS = ("zomboid-servers", "zomboid-backend")
NO_MATTER = (docker.errors.APIError, requests.RequestException)  # it is not possible just now


# --- containers


def a_container(world, which):
    """(site, container) of a server of ours."""
    site = one_of(world.sites, which)
    found = [c for c in site.containers() if c["labels"].get("muster.container") == c["name"]]
    return site, one_of(found, which // 7) if found else None


def by_hand(world, which, act):
    with contextlib.suppress(*NO_MATTER):
        site, container = a_container(world, which)
        if container:
            world.by_hand.add(container["labels"]["muster.server.id"])
            act(site, container)


@fault()
def container_removed(world, which, seconds):
    by_hand(world, which, lambda site, c: site.api.remove_container(c["id"], force=True))


@fault()
def container_stopped(world, which, seconds):
    by_hand(world, which, lambda site, c: site.api.stop(c["id"], timeout=1))


@fault()
def container_started(world, which, seconds):
    by_hand(world, which, lambda site, c: site.api.start(c["id"]))


@fault()
def container_renamed(world, which, seconds):
    def rename(site, container):
        site.api.rename(container["id"], site.aside + container["id"][:8])
        time.sleep(seconds)
        site.put_back()
    by_hand(world, which, rename)


# --- what a host has besides


def a_port(world, site, which):
    """One that a server of the site publishes, or is to."""
    ports = [port for row in world.rows("SELECT game_port, udp_port FROM servers WHERE agent_id = ?", site.id)
             for port in row.values()]
    return one_of(ports, which // 7) if ports else None


def until_done(act, end, *no_matter):
    """Tries it until then; whether it could be done."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError, docker.errors.APIError, *no_matter):
            act()
            return True
        time.sleep(0.05)
    return False


def rest_until(end):
    time.sleep(max(0, end - time.monotonic()))


@fault("real")
def port_held_by_a_program(world, which, seconds):
    """From when it is free."""
    end, port = time.monotonic() + seconds, a_port(world, one_of(world.sites, which), which)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        if port and until_done(lambda: holder.bind(("0.0.0.0", port)), end):
            rest_until(end)


@fault("scripted")
def port_held_by_a_container(world, which, seconds):
    """Somebody else's; it has the port from when it is free."""
    site, end = one_of(world.sites, which), time.monotonic() + seconds
    port = a_port(world, site, which)
    with contextlib.suppress(*NO_MATTER):
        if port:
            holder = site.api.create_container(
                world.image, name=f"{site.aside}port-{port}", ports=[(port, "udp")],
                host_config=site.api.create_host_config(port_bindings={f"{port}/udp": port}))
            if until_done(lambda: site.api.start(holder["Id"]), end):
                rest_until(end)
            site.api.remove_container(holder["Id"], force=True)


@fault()
def network_removed(world, which, seconds):
    """With nothing that runs on it any more; what stands still finds it gone when it starts."""
    site, network = one_of(world.sites, which), one_of(NETWORKS, which // 7)
    for container in site.containers():
        with contextlib.suppress(*NO_MATTER):
            if container["status"] == "running":
                site.api.disconnect_container_from_network(container["id"], network, force=True)
    with contextlib.suppress(*NO_MATTER):
        site.api.remove_network(network)


@fault()
def image_removed(world, which, seconds):
    with contextlib.suppress(*NO_MATTER):
        one_of(world.sites, which).api.remove_image(world.image, force=True)


@fault("root")
def disk_full(world, which, seconds):
    site = one_of(world.sites, which)
    filler = site.data_root / ".filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
    time.sleep(seconds)
    filler.unlink(missing_ok=True)
