"""T5: a command names any container by its id; what the engine shows of that one decides."""
import json
import uuid

import docker
import pytest
from conftest import keep
from scripted_host import IMAGE, ScriptedHost
from services import PATIENCE_S

SAVE = {"signal": "SIGTERM", "timeout_s": 10, "save": ["/save"], "save_timeout_s": 30}
ACTIONS = ["start", "stop", "restart", "rebuild", "recreate", "restore", "delete", "purge"]


@pytest.fixture
def host(request, short_dir, kafka):
    """Of whose strangers only some may be adopted."""
    host = keep(request, ScriptedHost(short_dir, kafka))
    policy = short_dir / "policy.json"
    policy.write_text(json.dumps({"adopt": ["old-*", "steam-zomboid-*"]}))
    host.worker("slot", "--policy", policy, assigned=True)
    yield host
    host.close()


def by_hand(host, name, labels=None, **host_config):
    api = docker.APIClient(base_url=f"unix://{host.docker}", version="1.41", timeout=PATIENCE_S)
    made = api.create_container(IMAGE, name=name, labels=labels or {},
                                host_config=api.create_host_config(**host_config))["Id"]
    api.start(made)
    return made


def adopting(host, container_id):
    server = host.new(stop=SAVE, adopt=container_id)
    (host.data_root / server.name / "data").mkdir(parents=True)
    (host.data_root / server.name / "data/world").write_text("here")
    host.scripted.clear_log()
    return server


def changes(host):
    return [(r["method"], r["path"]) for r in host.scripted.log() if r["method"] != "GET"]


def assert_left_alone(host, server, name, action, code, words):
    before = host.scripted.containers()[name]
    result = host.do(action, server)
    assert (result["outcome"], result["code"]) == ("rejected", code) and words in result["message"], result
    assert name in result["message"] and result["state"] is None, result
    assert changes(host) == []
    assert host.scripted.containers()[name] == before
    assert (host.data_root / server.name / "data/world").exists()


def test_t5_the_name_that_the_seen_container_bears_decides(host):
    victim = by_hand(host, "payroll")
    server = adopting(host, victim)
    for action in ACTIONS:
        assert_left_alone(host, server, "payroll", action, "forbidden", "rule adopt: ")
    host.judge()


@pytest.mark.parametrize(("config", "words"), [
    ({"privileged": True}, "runs privileged"), ({"pid_mode": "host"}, "process ids"),
    ({"ipc_mode": "host"}, "memory"), ({"network_mode": "host"}, "network"), ({"uts_mode": "host"}, "uts"),
    ({"userns_mode": "host"}, "users"), ({"pid_mode": "container:" + "a" * 64}, "process ids"),
    ({"mounts": "{docker}"}, "the engine's socket"), ({"mounts": "/run"}, "the engine's socket")], ids=str)
def test_t5_who_reaches_the_host_is_not_adopted(host, config, words):
    if "mounts" in config:  # of the engine's socket, or of what it lies in
        config = {"mounts": [docker.types.Mount("/s", config["mounts"].format(docker=host.docker), "bind")]}
    server = adopting(host, by_hand(host, "old-one", **config))
    for action in ("stop", "rebuild", "delete"):
        assert_left_alone(host, server, "old-one", action, "forbidden", words)
    host.judge()


@pytest.mark.parametrize(("agent", "aside"), [("", ""), ("another", ""), ("another", ".old-%s-r")])
def test_t5_somebody_elses_is_not_adopted(host, agent, aside):
    """Nor one that a rebuild has set aside for the moment."""
    name = "old-theirs" + (aside and aside % uuid.uuid4())
    labels = {"muster.managed": "true", "muster.server.id": "theirs", "muster.agent.id": agent or host.agent}
    server = adopting(host, by_hand(host, name, labels))
    for action in ACTIONS:
        assert_left_alone(host, server, name, action, "name_conflict", "theirs")
    host.judge()


def execs(host):
    return host.scripted.requests("POST", "/containers/[^/]+/exec")


def test_t5_one_that_may_be_adopted_is_saved_as_any(host):
    """It is its server's from then on: a stop without a save would lose a player's evening."""
    server = adopting(host, by_hand(host, "old-game"))
    host.done("stop", server)
    assert execs(host)
    host.judge()


def test_t5_one_that_was_renamed_since_is_judged_by_its_name_now(host):
    victim = by_hand(host, "old-game")
    server = adopting(host, victim)
    host.done("stop", server)
    host.scripted.ask("POST", f"/containers/{victim}/rename?name=payroll")
    host.scripted.clear_log()
    for action in ACTIONS:
        assert_left_alone(host, server, "payroll", action, "forbidden", "rule adopt: ")
    host.judge()
