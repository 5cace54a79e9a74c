"""hands - faults that people and other programs of the host make, behind our back."""
import contextlib
import socket
import time

import docker
import requests
from kinds import fault, one_of

PATIENT_POLICY = {"Name": "on-failure", "MaximumRetryCount": 5}  # a stranger's
NETWORKS = ("zomboid-servers", "zomboid-backend")
NO_MATTER = (docker.errors.APIError, requests.RequestException)  # it is not possible just now


# --- containers


def a_container(world, which):
    """(site, container) of a server of ours."""
    site = one_of(world.sites, which)
    found = [c for c in site.containers()
             if c["labels"].get("muster.container") == c["name"] or c["id"] in world.adopted]
    return site, one_of(found, which // 7) if found else None


def by_hand(world, which, act, follow=None):
    """`follow`: what comes of it later.  A command that is open meanwhile has perhaps looked before,
    and does what it wants to a container that is not any more as it was."""
    with contextlib.suppress(*NO_MATTER):
        site, container = a_container(world, which)
        if not container:
            return
        server = site.server_of(container)
        world.by_hand.add(server)
        was_quiet = world.is_quiet(server)
        try:
            act(site, container)
        finally:
            if not was_quiet or not world.is_quiet(server):
                world.racing.add(container["id"])
        if follow:
            follow(site, container)


@fault()
def container_removed(world, which, seconds):
    def remove(site, container):
        world.removed[container["id"]] = site.server_of(container)
        site.api.remove_container(container["id"], force=True)
    by_hand(world, which, remove)


@fault()
def container_stopped(world, which, seconds):
    by_hand(world, which, lambda site, c: site.api.stop(c["id"], timeout=1))


@fault()
def container_started(world, which, seconds):
    by_hand(world, which, lambda site, c: site.api.start(c["id"]))


def rename_aside(site, container):
    site.api.rename(container["id"], site.aside + container["id"][:8])


@fault()
def container_renamed(world, which, seconds):
    def put_back(site, container):
        time.sleep(seconds)
        site.put_back()
    by_hand(world, which, rename_aside, put_back)


@fault()
def container_renamed_and_back(world, which, seconds):
    """If nobody has taken its name meanwhile; else it goes in the end."""
    def name_again(site, container):
        time.sleep(seconds)
        site.api.rename(container["id"], container["name"])
    by_hand(world, which, rename_aside, name_again)


@fault()
def policy_changed(world, which, seconds):
    """It keeps that until it is replaced."""
    policy = {"Name": "on-failure", "MaximumRetryCount": 1 + which % 9}

    def change(site, container):
        world.policies.pop(container["id"], None)
        site.api.update_container(container["id"], restart_policy=policy)

    def note(site, container):
        if container["id"] not in world.racing:
            world.policies[container["id"]] = policy
    by_hand(world, which, change, note)


@fault()
def layer_written(world, which, seconds):
    """A game keeps something where nothing is mounted."""
    def write(site, container):
        if site.scripted:
            site.scripted.change(container["id"], "/opt/world")
        else:
            asked = site.api.exec_create(container["id"], ["sh", "-c", "mkdir -p /opt && echo kept >/opt/world"])
            site.api.exec_start(asked["Id"])
            if site.api.exec_inspect(asked["Id"])["ExitCode"] != 0:
                world.racing.add(container["id"])

    def note(site, container):
        if container["id"] not in world.racing:
            world.layers[container["id"]] = site.server_of(container)
    by_hand(world, which, write, note)


def make_stranger(world, site, name, ports, which):
    """A game's container as people make it, without labels; its world is in the directory where ours
    have it, or in a volume.  Its id, or None."""
    binds = [f"{site.data_path / name / 'bin'}:/home/steam/zomboid-dedicated"]
    binds.append(f"saves-{name}:/home/steam/Zomboid" if which % 2 else f"{site.data_path / name / 'data'}:/home/steam/Zomboid")
    published = [ports["game"], ports["udp"]]
    with contextlib.suppress(OSError, *NO_MATTER):
        for part in ("bin", "data"):
            (site.data_root / name / part).mkdir(parents=True, exist_ok=True)
        made = site.api.create_container(
            one_of(world.images, which // 2), name=f"steam-zomboid-{name}", environment={"RCON_PORT": str(ports["rcon"])},
            ports=[(port, "udp") for port in published], volumes=["/home/steam/Zomboid", "/home/steam/zomboid-dedicated"],
            host_config=site.api.create_host_config(
                binds=binds, port_bindings={f"{port}/udp": port for port in published}, restart_policy=PATIENT_POLICY))
        world.policies[made["Id"]] = PATIENT_POLICY
        site.api.start(made["Id"])
        return made["Id"]
    return None


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
def data_mounted_by_another(world, which, seconds):
    """Through a volume that is another name of the directory."""
    site = one_of(world.sites, which)
    servers = [(row["id"], site.data_root / row["data_dir"].rsplit("/", 1)[1])
               for row in world.rows("SELECT id, data_dir FROM servers WHERE agent_id = ? AND status <> 'purged'", site.id)]
    server, place = one_of(servers, which // 7) if servers else (None, None)
    if not server or not place.is_dir():
        return
    name = f"{site.aside}data-{which}-{time.monotonic_ns()}"
    with contextlib.suppress(*NO_MATTER):
        site.api.create_volume(name, driver="local", driver_opts={"type": "none", "o": "bind", "device": str(place)})
        holder = site.api.create_container(world.image, name=name, volumes=["/held"],
                                           host_config=site.api.create_host_config(binds=[f"{name}:/held"]))
        with contextlib.suppress(*NO_MATTER):
            site.api.start(holder["Id"])
            since = time.time() * 1000
            time.sleep(seconds)
            world.mounted.append((server, since, time.time() * 1000))
        site.api.remove_container(holder["Id"], force=True)
        site.api.remove_volume(name)


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
        one_of(world.sites, which).api.remove_image(one_of(world.images, which // 7), force=True)


@fault("root")
def disk_full(world, which, seconds):
    site = one_of(world.sites, which)
    filler = site.data_root / ".filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
    time.sleep(seconds)
    filler.unlink(missing_ok=True)
