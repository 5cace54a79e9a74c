"""What people write: names of images, ports, numbers, addresses."""
import json

import pytest
from client import Client
from services import PATIENCE_S, Ports

DIGEST = "sha256:" + "6d9ac9237a84afe1" * 4


@pytest.mark.parametrize("words, image, tag", [
    (("--image-tag", DIGEST), None, DIGEST),
    (("--image", f"reg.test:5000/x@{DIGEST}"), "reg.test:5000/x", DIGEST),
    (("--image-tag", f"latest@{DIGEST}"), None, f"latest@{DIGEST}"),
    (("--image-tag", f"reg.test:5000/x:latest@{DIGEST}"), None, f"reg.test:5000/x:latest@{DIGEST}"),
    (("--image", "reg.test:5000/x:v7"), "reg.test:5000/x", "v7"),
])
@pytest.mark.bus("sqlite")
def test_s36_an_image_by_digest_is_taken(bare_fleet, words, image, tag):
    options = {} if "--image-tag" not in words else {"image_tag": words[1]}
    name = bare_fleet.new_name()
    ports = [word for number, field in enumerate(("game", "udp", "rcon"))
             for word in (f"--{field}-port", 20000 + number)]
    if "--image" in words or image is None and "/" not in options["image_tag"]:
        words = (*words, *(() if "--image" in words else ("--image", "reg.test/game")))
        image = image or "reg.test/game"
    made = bare_fleet.json("server", "create", bare_fleet.agent, name, *words, *ports)
    row = bare_fleet.show(made["server_id"])
    assert (row["image"], row["image_tag"]) == (image, tag)


@pytest.mark.bus("sqlite")
def test_s36_what_is_wrong_with_an_image_is_named(bare_fleet):
    ports = ["--game-port", 20000, "--udp-port", 20001, "--rcon-port", 20002]
    for words, says in (((("--image", "reg.test/Game")), "small ones alone: reg.test/game"),
                        (("--image", "reg.test/x", "--image-tag", "sha256:12"), "'sha256:12' is no digest"),
                        (("--image", "reg.test/x:1", "--image-tag", "2"), "holds the tag 1 already")):
        done = bare_fleet.run("server", "create", bare_fleet.agent, "x", *words, *ports, expect=2)
        assert says in done.stderr, done.stderr


@pytest.mark.parametrize("form", ["{digest}", "1@{digest}", "{repository}:1@{digest}"])
def test_s36_an_image_is_pulled_by_its_digest(fleet, engine, form):
    repository = fleet.image.rsplit(":", 1)[0]
    engine.client.images.pull(*fleet.image.rsplit(":", 1))
    known = engine.client.images.get(fleet.image).attrs["RepoDigests"]
    digest = next(each.split("@")[1] for each in known if each.startswith(repository + "@"))
    policy = fleet.directory / "policy.json"
    policy.write_text(json.dumps({"require_digest": True}))
    fleet.start_worker("--policy", policy)
    refused = fleet.create(expect=1)
    assert "give it as image@sha256" in fleet.show(refused[0])["last_message"]
    server, name = fleet.create(image_tag=form.format(digest=digest, repository=repository))
    row = fleet.show(server)
    assert (row["status"], row["drift"]) == ("running", False), row
    assert row["container_image"] == f"{repository}@{digest}"
    made = engine.inspect(fleet.container_name(name))
    assert made["Config"]["Image"] == f"{repository}@{digest}"
    assert not fleet.server("start", server)["recovered"]


def profile(path, name, ports):
    path.write_text(json.dumps({
        "name": name, "container": "steam-zomboid-{name}", "data_dir": "{data_path}/{name}", "networks": [],
        "mounts": [{"host_path": "{data_dir}", "container_path": "/home/steam/Zomboid"}], "ports": ports,
        "restart_policy": "unless-stopped", "stop": {"signal": "SIGTERM", "timeout_s": 10}}))
    return path


def published(field, protocol, **more):
    return {"host_port": "{%s}" % field, "container_port": "{%s}" % field, "protocol": protocol, **more}


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_s36_an_address_that_is_not_the_hosts_is_named(fleet, protocol):
    """203.0.113.9 is of TEST-NET-3 (RFC 5737): nobody has it."""
    fleet.start_worker()
    ports = [published("game_port", protocol, host_ip="203.0.113.9")]
    path = profile(fleet.directory / "hostip.json", "hostip", ports)
    server, _ = fleet.create(expect=1, profile=path)
    row = fleet.show(server)
    assert (row["last_outcome"], row["last_code"]) == ("failed", "address_not_here"), row
    assert "203.0.113.9 is not an address of this host" in row["last_message"], row


def test_s36_game_and_rcon_on_one_number(fleet, engine):
    fleet.start_worker()
    path = profile(fleet.directory / "p.json", "plain", [published("game_port", "udp"), published("rcon_port", "tcp")])
    port = Ports.take()
    server, name = fleet.create(game_port=port, rcon_port=port, udp_port=port, profile=path)
    assert fleet.status(server) == "running"
    bound = engine.inspect(fleet.container_name(name))["HostConfig"]["PortBindings"]
    assert set(bound) == {f"{port}/udp", f"{port}/tcp"}


@pytest.mark.bus("sqlite")
def test_s36_one_number_twice_in_one_protocol_is_refused(bare_fleet):
    path = profile(bare_fleet.directory / "p.json", "both", [published("game_port", "tcp"), published("rcon_port", "tcp")])
    words = ["--profile", path, "--image", "reg.test/x", "--game-port", 27015, "--rcon-port", 27015]
    done = bare_fleet.run("server", "create", bare_fleet.agent, "x", *words, expect=2)
    assert "rcon_port: 27015 is the game_port already, tcp both" in done.stderr


def environment(engine, name):
    made = engine.inspect(f"steam-zomboid-{name}")
    return dict(each.split("=", 1) for each in made["Config"]["Env"])


def test_s36_numbers_reach_the_container_as_written(fleet, engine):
    """By an import, and what the API adds; another change of the record leaves them alone."""
    repository, tag = fleet.image.rsplit(":", 1)
    ports = [Ports.take(), Ports.take(), Ports.take()]
    dump = fleet.directory / "dump.sql"
    dump.write_text(
        "CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT, name TEXT, config TEXT CHECK (json_valid(config)),"
        " image TEXT, image_tag TEXT, game_port, udp_port, rcon_port, status TEXT);\n"
        f"INSERT INTO servers VALUES('{fleet.id}-s','{fleet.agent}','{fleet.id}-1',"
        '\'{"XP":0.1,"ZOMBIES":0.35,"BIG":9223372036854775808,"L":1e3}\','
        f"'{repository}','{tag}',{ports[0]},{ports[1]},{ports[2]},'stopped');\n")
    fleet.run("import", "d1", dump)
    server, name = f"{fleet.id}-s", f"{fleet.id}-1"
    fleet.start_worker()
    serve = fleet.start_serve()
    client = Client(f"http://127.0.0.1:{fleet.http_port}", fleet.json("token", "add", "--role", "admin")["token"])
    answer = client.session.patch(f"{client.url}/agents/{fleet.agent}/servers/{server}", timeout=PATIENCE_S,
                                  data=b'{"config": {"RATE": 0.70, "S": "0.10"}}',
                                  headers={"Content-Type": "application/json"}).content
    for text in (b'"XP":0.1,', b'"BIG":9223372036854775808,', b'"L":1e3,', b'"RATE":0.70,', b'"S":"0.10"'):
        assert text in answer, answer
    fleet.run("server", "set", server, "-e", "MORE=2.50")
    fleet.server("start", server)
    wanted = {"XP": "0.1", "ZOMBIES": "0.35", "BIG": "9223372036854775808", "L": "1e3", "RATE": "0.70", "S": "0.10",
              "MORE": "2.50"}
    assert {key: environment(engine, name).get(key) for key in wanted} == wanted
    assert not fleet.show(server)["drift"]
    serve.close()
