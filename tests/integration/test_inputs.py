"""What people write: names of images, ports, numbers, addresses."""
import json

import pytest

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
