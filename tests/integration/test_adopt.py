"""S29: an adoption reads the container, and says what a rebuild would change of it."""
import json

import pytest
from client import Client
from fleet import wait_for
from services import Ports

pytestmark = pytest.mark.bus("sqlite")
VALUE = "geheim"


def sync(fleet):
    return fleet.run("sync", fleet.agent, "--wait=60")


def drift(fleet, server):
    """The sentence of the remark, or None."""
    shown = fleet.show(server)
    sentences = dict(zip(shown["remarks"], shown["remark_sentences"], strict=True))
    assert shown["drift"] is ("drift" in sentences)
    return sentences.get("drift")


# --- On the real engine


def by_hand(fleet, image, directory, environment, **more):
    """A container as somebody's own script makes it: (its name, its first port)."""
    name = fleet.new_name()
    first, second = sorted([Ports.take(), Ports.take()])
    binds = {str(directory / name / place): {"bind": f"/home/steam/{inside}", "mode": "rw"}
             for place, inside in {"bin": "zomboid-dedicated", "data": "Zomboid"}.items()}
    fleet.engine.client.images.pull(*image.rsplit(":", 1))
    fleet.engine.client.containers.run(
        image, name=fleet.container_name(name), detach=True, volumes=binds, environment=environment,
        ports={f"{port}/udp": port for port in (first, second)}, **more)
    return fleet.container_name(name), (first, second)


def test_s29_adoption_reads_the_container(fleet, image_of):
    image = image_of("/game-server", "ENV FROM_IMAGE=1")
    fleet.start_worker()
    old = fleet.data_root / "old"
    name, ports = by_hand(fleet, image, old, {"MOTD": VALUE, "FROM_IMAGE": "1"},
                          command=["/bin/sh", "-c", "exec /game-server", "x", "--token=" + VALUE],
                          restart_policy={"Name": "always"})
    sync(fleet)
    adopted = fleet.json("server", "adopt", fleet.agent, name, "--rcon-port", "27015")
    server = str(adopted["server_id"])
    shown = fleet.show(server)
    assert (shown["game_port"], shown["udp_port"], shown["server_data_path"]) == (*ports, str(old))
    told = "\n".join(adopted["differences"])
    for words in ("env: a rebuild would drop MOTD, and add RCON_PORT", "give them with --env",
                  "restart_policy: a rebuild would make it unless-stopped, it is always",
                  "command: a rebuild would make it the image's own, it is /bin/sh -c exec /game-server x --token=***"):
        assert words in told, told
    for word in ("FROM_IMAGE", "ports:", "mounts:", "image:", "entrypoint:"):
        assert word not in told, told
    assert told.splitlines()[0] in drift(fleet, server)
    assert VALUE not in json.dumps(fleet.events()) + fleet.run("server", "show", server).stdout

    fleet.json("server", "set", server, "-e", "MOTD=" + VALUE)
    assert "MOTD" not in drift(fleet, server)
    done = fleet.run("server", "rebuild", server, "--wait")
    assert "restart_policy: a rebuild would make it unless-stopped, it is always" in done.stderr
    assert drift(fleet, server) is None
    assert f"MOTD={VALUE}" in fleet.engine.inspect(name)["Config"]["Env"]


def test_s29_a_record_that_says_the_same_has_no_drift(fleet, tmp_path):
    fleet.start_worker()
    name, ports = by_hand(fleet, fleet.image, fleet.data_root, {"MOTD": VALUE}, restart_policy={"Name": "always"})
    sync(fleet)
    profile = json.loads(fleet.run("profile", "show", "zomboid").stdout)
    profile.update(name="as-it-is", restart_policy="always", env={})
    path = tmp_path / "as-it-is.json"
    path.write_text(json.dumps(profile))
    adopted = fleet.json("server", "adopt", fleet.agent, name, "--profile", path)
    server = str(adopted["server_id"])
    assert adopted["differences"] == ["env: a rebuild would drop MOTD; give them with --env"]
    assert fleet.show(server)["server_data_path"] is None  # the agent's it is
    assert "would drop MOTD" in drift(fleet, server)
    assert "differences" not in fleet.json("server", "set", server, "-e", "MOTD=" + VALUE)
    assert drift(fleet, server) is None


def as_made(fleet, name):
    """All of a container that a record and its profile have to do with."""
    found = fleet.engine.inspect(name)
    return (found["Config"]["Cmd"], found["HostConfig"]["RestartPolicy"]["Name"],
            {key: [one["HostPort"] for one in each] for key, each in found["HostConfig"]["PortBindings"].items()},
            {(mount["Source"], mount["Destination"], mount["RW"]) for mount in found["Mounts"]},
            set(found["Config"]["Env"]))


def test_s29_a_container_is_kept_as_it_is(fleet):
    fleet.start_worker()
    name, ports = by_hand(fleet, fleet.image, fleet.data_root, {"MOTD": VALUE},
                          command=["/bin/sh", "-c", "echo ${HOME}; exec /game-server"],
                          restart_policy={"Name": "always"}, labels={"mine": "1"})
    sync(fleet)
    words = ("server", "adopt", fleet.agent, name, "--keep", "-e", "MOTD=" + VALUE)
    proposed = fleet.json(*words, "--dry-run")
    assert proposed["differences"] == [] and (proposed["game_port"], proposed["udp_port"]) == ports
    assert not fleet.json("server", "list") and "adopted-" not in fleet.run("profile", "list").stdout
    assert "container_id" in fleet.run(*words, "--dry-run").stdout
    adopted = fleet.json(*words)
    server = str(adopted["server_id"])
    assert "differences" not in adopted and drift(fleet, server) is None
    before = as_made(fleet, name)
    fleet.server("rebuild", server)
    assert as_made(fleet, name) == before and fleet.engine.inspect(name)["Config"]["Labels"]["muster.managed"]
    assert proposed["profile"] == fleet.show(server)["profile"] and drift(fleet, server) is None


# --- On a scripted one


def stranger(yard, name, **config):
    made = yard.engine.ask("POST", f"/containers/create?name=steam-zomboid-{name}",
                           {"Image": "registry.test/steam-zomboid:latest", **config})["Id"]
    yard.engine.ask("POST", f"/containers/{made}/start")
    return made


def test_s29_a_container_is_looked_at_once(yard):
    """The list is asked for every second here; what a container was made with stays what it is."""
    fleet = yard.fleet
    yard.engine.image("registry.test/other:1", Env=["PATH=/bin"])
    fleet.start_worker("--sync-interval", "1s", docker=yard.engine.path, registry="registry.test/")
    made = stranger(yard, "beta", Image="registry.test/other:1", Env=["PATH=/bin", "MOTD=" + VALUE])

    def looks():
        return len(yard.engine.requests("GET", f"/containers/{made}/json"))

    def some_lists_later():
        lists = len(yard.engine.requests("GET", "/containers/json"))
        wait_for("lists", lambda: len(yard.engine.requests("GET", "/containers/json")) >= lists + 3)

    wait_for("a look", looks)
    some_lists_later()
    assert looks() == 1
    sync(fleet)  # a person asks: all is looked at anew; each partition is asked by a command of its own
    asked = looks()
    assert asked > 1
    some_lists_later()
    assert looks() == asked
    found = [event["body"] for event in fleet.events() if event["body"]["type"] == "Sync"][-1]["unmanaged"]
    assert [(one["name"], one["env_names"], one["restart_policy"]) for one in found] == [
        ("steam-zomboid-beta", ["MOTD"], "no")]


def test_s29_one_that_does_not_answer_holds_no_sync_up(yard):
    fleet = yard.fleet
    yard.engine.script({"method": "GET", "path": "/containers/[0-9a-f]+/json", "do": "error", "times": 0})
    yard.start_worker()
    stranger(yard, "beta")
    sync(fleet)
    adopted = fleet.json("server", "adopt", fleet.agent, "steam-zomboid-beta", "--game-port", "21000", "--udp-port",
                         "21001", "--rcon-port", "21002")
    assert not [line for line in adopted["differences"] if line.startswith("env")]  # nobody has looked


def test_s29_http_says_what_differs(yard):
    fleet = yard.fleet
    yard.start_worker()
    fleet.start_serve()
    token = fleet.json("token", "add", "--role", "operator", "--name", "o")["token"]
    client = Client(f"http://127.0.0.1:{fleet.http_port}", token)
    stranger(yard, "beta", Env=["MOTD=" + VALUE])
    sync(fleet)
    queued = client.ask("POST", f"/agents/{fleet.agent}/adopt", {
        "container": "steam-zomboid-beta", "game_port": 21000, "udp_port": 21001, "rcon_port": 21002}, expect=202).json()
    assert any("would drop MOTD" in line for line in queued["differences"])
    path = f"/agents/{fleet.agent}/servers/{queued['server_id']}"
    server = client.get(path)
    assert server["drift"] is True and "drift" in server["remarks"]
    assert queued["differences"] == client.queue("POST", path + "/rebuild", {})["differences"]


def test_s29_a_sync_that_comes_before_the_record_of_an_adoption(yard):
    """The ledger has the server by then; the log has not, and a replay agrees with the ledger afterwards."""
    fleet = yard.fleet
    yard.start_worker()
    other, container = yard.create()
    stranger(yard, "beta")
    sync(fleet)
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"
    fleet.run("server", "adopt", fleet.agent, "steam-zomboid-beta", "--game-port", "21000", "--udp-port", "21001",
              "--rcon-port", "21002", expect=4)
    fleet.bus_url = url
    yard.remove(container)
    wait_for("a Sync without the Record", lambda: yard.replay()[other]["status"] == "missing")
    adopted, = (row["id"] for row in fleet.json("server", "list") if row["id"] != other)  # the ledger has taken it
    yard.verify()
    fleet.server("delete", adopted)
    yard.verify()


def test_s34_deleted_and_restored_at_once_after_an_adoption(yard):
    """The restore is asked for before the delete's result could tell what the container had."""
    fleet = yard.fleet
    worker = yard.start_worker()
    yard.engine.ask("POST", "/volumes/create", {"Name": "saves"})
    stranger(yard, "beta", HostConfig={"Mounts": [
        {"Type": "volume", "Source": "saves", "Target": "/home/steam/Zomboid"}]})
    sync(fleet)
    server = fleet.json("server", "adopt", fleet.agent, "steam-zomboid-beta", "--game-port", "21000", "--udp-port",
                        "21001", "--rcon-port", "21002")["server_id"]
    worker.pause()
    fleet.server("delete", server, wait=False)
    restore = fleet.server("restore", server, wait=False)["command_id"]
    worker.resume()
    wait_for("the restore", lambda: fleet.show(server)["last_command_id"] == restore)
    mounts = {mount["Destination"]: mount for mount in yard.engine.containers()["steam-zomboid-beta"]["Mounts"]}
    assert mounts["/home/steam/Zomboid"].get("Name") == "saves", mounts
    yard.verify()
