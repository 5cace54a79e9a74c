"""T5: a command that adopts names any container by its id; the host's policy and what is seen decide."""
import json

import pytest

pytestmark = pytest.mark.bus("sqlite")
PORTS = ("--game-port", "21000", "--udp-port", "21001", "--rcon-port", "21002")


def by_hand(yard, name, **config):
    made = yard.engine.ask("POST", f"/containers/create?name={name}",
                           {"Image": "registry.test/steam-zomboid:latest", **config})["Id"]
    yard.engine.ask("POST", f"/containers/{made}/start")
    return made


def policy(tmp_path, **keys):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(keys))
    return ("--policy", path)


def adopt(yard, container, *words):
    fleet = yard.fleet
    fleet.run("sync", fleet.agent, "--wait=60")
    return str(fleet.json("server", "adopt", fleet.agent, container, *PORTS, *words)["server_id"])


def changes(yard, container):
    """What was asked of the engine that is no look."""
    return [one for one in yard.engine.requests("POST") + yard.engine.requests("DELETE") if container in one["path"]]


def refused(yard, container, words):
    server = adopt(yard, container)
    before = changes(yard, container)
    for action in ("stop", "restart", "rebuild", "delete"):
        done = yard.fleet.server(action, server, expect=1)
        assert (done["outcome"], done["code"]) == ("failed", "forbidden"), done
        assert "rule adopt: " in done["message"] and words in done["message"], done
    assert changes(yard, container) == before
    assert yard.engine.ask("GET", f"/containers/{container}/json")["State"]["Running"]


def test_t5_what_the_policy_does_not_name_is_not_touched(yard, tmp_path):
    yard.start_worker(*policy(tmp_path, adopt=["steam-zomboid-mine-*"]))
    refused(yard, by_hand(yard, "steam-zomboid-database"), "steam-zomboid-mine-*")


@pytest.mark.parametrize("host,words", [
    ({"Privileged": True}, "privileged"), ({"PidMode": "host"}, "PID namespace"),
    ({"IpcMode": "host"}, "IPC namespace"), ({"NetworkMode": "host"}, "network namespace")], ids=lambda x: str(x)[:12])
def test_t5_one_that_is_as_good_as_the_host_is_not_touched(yard, host, words):
    yard.start_worker()
    refused(yard, by_hand(yard, "steam-zomboid-open", HostConfig=host), words)


def test_t5_no_command_is_run_in_it_before_it_is_ours(yard, tmp_path):
    yard.start_worker(*policy(tmp_path, adopt=["steam-zomboid-b*"]))
    container = by_hand(yard, "steam-zomboid-beta")
    profile = json.loads(yard.fleet.run("profile", "show", "zomboid").stdout)
    profile["name"], profile["stop"]["save"] = "saves", ["save"]
    path = tmp_path / "saves.json"
    path.write_text(json.dumps(profile))
    server = adopt(yard, container, "--profile", path)
    done = yard.fleet.server("restart", server)
    assert done["outcome"] == "done" and "not saved" in done["message"], done
    assert not yard.engine.requests("POST", "/exec")
    yard.fleet.server("rebuild", server)
    assert not yard.engine.requests("POST", "/exec")
    yard.fleet.server("stop", server)
    assert yard.engine.requests("POST", "/exec")  # what Muster made is saved
