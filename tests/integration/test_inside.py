"""S33: what a real game's image needs of a profile, on the real engine: `docker inspect` shows it."""
import json

import pytest
from fleet import wait_for
from services import Ports

pytestmark = pytest.mark.bus("sqlite")

PROFILE = {
    "name": "inside", "container": "steam-zomboid-{name}", "data_dir": "{data_path}/{name}",
    "env": {"SETTINGS": '{{"world": "{name}"}}'},
    "mounts": [{"host_path": "{data_dir}/data", "container_path": "/home/steam/Zomboid"}],
    "stop": {"signal": "SIGTERM", "timeout_s": 5},
    "owner": "1000:1001", "user": "1000:1001",
    "entrypoint": ["/bin/sh"], "command": ["/game-server", "{name}"],
    "stdin": True, "tty": True, "hostname": "game",
    "tmpfs": [{"container_path": "/run/game", "size_bytes": 1048576, "mode": "1770", "exec": True}],
    "shm_bytes": 33554432,
    "ulimits": [{"name": "nofile", "soft": 1024, "hard": 2048}],
    "logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": "2"}},
    "health": {"test": "true", "interval_s": 3, "timeout_s": 2, "start_period_s": 1, "retries": 7},
    "volumes": [{"name": "{name}-cache", "container_path": "/cache"}],
}


@pytest.fixture
def worker(fleet):
    fleet.start_worker()
    return fleet


def profile(fleet, **changes):
    path = fleet.directory / "own.json"
    path.write_text(json.dumps({**PROFILE, **changes}))
    return path


@pytest.fixture
def volumes(worker, engine):
    yield
    for name in engine.names(worker.id):
        engine.remove(name)
    for volume in engine.client.volumes.list():
        if volume.name.startswith(worker.id):
            volume.remove()


def data_of(fleet, name):
    return fleet.data_root / name / "data"


def message_of(fleet, server):
    return [e["body"]["message"] for e in fleet.events("--server", server) if e["body"].get("outcome") == "done"][-1]


def test_s33_an_image_that_runs_as_1000_writes_its_data(worker, image_of):
    image = image_of("/game-server", "USER 1000:1000")
    server, name = worker.create(image_tag=image.rsplit(":", 1)[1])
    world = data_of(worker, name) / "world.save"
    wait_for("its world", world.exists)
    assert (world.stat().st_uid, world.stat().st_gid) == (1000, 1000)
    assert world.parent.parent.stat().st_uid == 0, "what lies between is nobody's to write"
    assert "1000" not in message_of(worker, server)


def test_s33_what_it_cannot_write_is_said(worker, image_of):
    """Its data is somebody else's by now: it is not taken from them, and the result says it."""
    server, name = worker.create()
    wait_for("its world", (data_of(worker, name) / "world.save").exists)
    image = image_of("/bin/sleep", "USER 1000:1000", 'CMD ["/bin/sleep", "600"]')
    worker.run("server", "set", server, "--image-tag", image.rsplit(":", 1)[1])
    worker.server("rebuild", server)
    said = message_of(worker, server)
    assert "runs as 1000" in said and str(data_of(worker, name)) in said and "chown" in said
    assert data_of(worker, name).stat().st_uid == 0


def test_s33_an_image_that_runs_as_a_name_is_said(worker, image_of):
    image = image_of("/bin/sleep", "USER game", 'CMD ["/bin/sleep", "600"]',
                     users=["root:x:0:0:root:/:/bin/sh", "game:x:1234:1234:game:/:/bin/sh"])
    server, name = worker.create(image_tag=image.rsplit(":", 1)[1])
    said = message_of(worker, server)
    assert 'runs as "game"' in said and str(data_of(worker, name)) in said and "uid:gid" in said


def test_s33_the_engine_has_all_that_a_profile_says(worker, engine, volumes):
    server, name = worker.create(profile=profile(worker))
    found = engine.inspect(worker.container_name(name))
    config, host = found["Config"], found["HostConfig"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("1000:1001", ["/bin/sh"], ["/game-server", name])
    assert (config["OpenStdin"], config["Tty"], config["Hostname"]) == (True, True, "game")
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 3 * 10**9, "Timeout": 2 * 10**9,
                                     "StartPeriod": 10**9, "Retries": 7}
    assert host["Tmpfs"] == {"/run/game": "rw,exec,size=1048576,mode=1770"}
    assert host["ShmSize"] == 33554432
    assert host["Ulimits"] == [{"Name": "nofile", "Hard": 2048, "Soft": 1024}]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}
    assert f'SETTINGS={{"world": "{name}"}}' in config["Env"]
    assert {m["Name"]: m["Destination"] for m in found["Mounts"] if m["Type"] == "volume"} == {
        f"{name}-cache": "/cache"}
    assert engine.client.volumes.get(f"{name}-cache").attrs["Labels"]["muster.server.id"] == server
    wait_for("its world", (data_of(worker, name) / "world.save").exists)
    assert data_of(worker, name).stat().st_uid == 1000
    assert not worker.show(server)["drift"]


def test_s33_a_volume_of_somebody_else_is_not_taken(worker, engine, volumes):
    """A name is all that a profile gives; behind it may be anybody's data."""
    name = worker.new_name()
    engine.client.volumes.create(f"{name}-cache")
    server, _ = worker.create(name, profile=profile(worker), expect=1)
    last = [e["body"] for e in worker.events("--server", server) if e["body"].get("outcome") == "failed"][-1]
    assert last["code"] == "forbidden" and f"{name}-cache" in last["message"]
    assert not engine.names(worker.container_name(name))


def test_s33_a_changed_profile_is_drift_and_rebuild_applies_it(worker, engine, volumes):
    server, name = worker.create(profile=profile(worker))
    worker.run("server", "set", server, "--profile", profile(worker, hostname="other"))
    worker.server("restart", server)
    assert worker.show(server)["drift"]
    worker.server("rebuild", server)
    assert not worker.show(server)["drift"]
    assert engine.inspect(worker.container_name(name))["Config"]["Hostname"] == "other"


def two_ports():
    """Side by side."""
    first, second = Ports.take(), Ports.take()
    return (first, second) if second == first + 1 else two_ports()


def test_s33_a_range_of_ports(worker, engine):
    first, last = two_ports()
    ports = [{"host_port": f"{first}-{last}", "container_port": "100-101", "protocol": "udp", "host_ip": "127.0.0.1"}]
    _, name = worker.create(profile=profile(worker, ports=ports, volumes=[]))
    bound = engine.inspect(worker.container_name(name))["HostConfig"]["PortBindings"]
    assert {key: binding[0]["HostPort"] for key, binding in bound.items()} == {
        "100/udp": str(first), "101/udp": str(last)}


def test_s33_what_a_profile_may_not_say(worker):
    for changes, said in (({"privileged": True}, "privileged: is no field"), ({"devices": []}, "devices: is no field"),
                          ({"volumes": [{"name": "shared", "container_path": "/c"}]}, "must hold {name} or {id}"),
                          ({"logging": {"driver": "syslog"}}, "logging.driver: must be one of"),
                          ({"env": {"A": "{"}}, "is written twice, {{ or }}")):
        done = worker.run("server", "create", worker.agent, worker.new_name(), "--profile", profile(worker, **changes),
                          "--game-port", 1, "--udp-port", 2, "--rcon-port", 3, expect=2)
        assert said in done.stderr
