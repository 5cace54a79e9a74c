"""T10: two agents on one engine; what bears the other's label is not touched, whatever else it says."""
import tempfile
from pathlib import Path

import docker
import pytest
from commander import uuid7
from conftest import keep
from fleet import wait_for
from host import Host
from scripted_host import IMAGE, ScriptedHost
from services import PATIENCE_S

THEIRS = "11111111-2222-7333-8444-555555555555"


@pytest.fixture(scope="module")
def shared(kafka):
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        host = ScriptedHost(Path(directory), kafka)
        host.worker("slot", assigned=True)
        yield host
        host.close()


@pytest.fixture
def host(request, shared):
    return keep(request, shared)


def api_of(host):
    return docker.APIClient(base_url=f"unix://{host.docker}", version="1.41", timeout=PATIENCE_S)


def theirs(host, server, name=None, start=False, mount=None, agent=THEIRS):
    """A container of the server's own id, canonical by its labels; returns its id."""
    api = api_of(host)
    labels = {"muster.managed": "true", "muster.server.id": server.id, "muster.container": server.container,
              "muster.server.name": server.name, "muster.command.id": uuid7(), "muster.spec": "d1"}
    if agent:
        labels["muster.agent.id"] = agent
    mounts = [docker.types.Mount("/data", str(mount), "bind")] if mount else []
    made = api.create_container(IMAGE, name=name or server.container, labels=labels,
                                host_config=api.create_host_config(mounts=mounts))["Id"]
    if start:
        api.start(made)
    return made


def changes_of(host, container_id):
    return [(r["method"], r["path"]) for r in host.scripted.requests(path=container_id)
            if r["method"] != "GET" and "_state" not in r["path"]]


def status_of(host, container_id):
    return next(c["State"]["Status"] for c in host.scripted.containers().values() if c["Id"] == container_id)


@pytest.mark.parametrize("start", [True, False], ids=["running", "created"])
def test_t10_nothing_is_done_to_another_agents(host, start):
    server = host.new()
    container = theirs(host, server, start=start)
    before = changes_of(host, container)
    for action in ("create", "start", "restart", "rebuild", "recreate", "restore"):
        result = host.do(action, server)
        assert (result["outcome"], result["code"]) == ("failed", "name_conflict"), (action, result)
    for action in ("stop", "delete", "purge"):
        assert host.done(action, server)["already"], action
    assert changes_of(host, container) == before
    assert status_of(host, container) == ("running" if start else "created")


def test_t10_it_is_neither_listed_nor_extra_nor_found(host):
    server = host.created()
    own = host.id_of(server)
    other = theirs(host, server, name=f"{server.container}-2", start=True)
    state, sync = host.listed(server)
    assert (state["container_id"], state["status"]) == (own, "running")
    told = [found["container_id"] for found in sync["extra"] + sync["unmanaged"]]
    assert other not in told and any(other.startswith(short) for short in sync["others"])
    api_of(host).kill(other)
    result = host.done("restart", server)  # it is no second one on the same data
    assert result["state"]["container_id"] == own and status_of(host, other) == "exited"
    alone = host.new()
    theirs(host, alone, start=True)
    state, sync = host.listed(alone)
    assert state is None and alone.id not in [found["server_id"] for found in sync["extra"]]


def test_t10_what_it_has_set_aside_stays(host):
    server = host.created()
    names = (f"{server.container}.old-{uuid7()}-r", f"{server.container}.old-{uuid7()}-s")
    left = [theirs(host, server, name=name) for name in names]
    host.done("restart", server)
    host.done("rebuild", server)
    host.listed(server)
    assert [status_of(host, container) for container in left] == ["created", "created"]
    assert {name for name in host.scripted.containers() if ".old-" in name} >= set(names)


@pytest.mark.parametrize("action", ["start", "purge"])
def test_t10_its_directories_are_anothers(host, action):
    server = host.created()
    data = host.data_root / server.name
    (data / "data" / "world").write_text("precious")
    if action == "start":
        host.done("stop", server)
    theirs(host, server, name=f"their-{server.name}", mount=data / "data")
    result = host.do(action, server)
    assert result["outcome"] == "failed" and f"their-{server.name}" in result["message"], result
    assert (data / "data" / "world").read_text() == "precious"


@pytest.mark.parametrize("has_container", [True, False])
def test_t10_no_id_leads_to_what_another_server_has_set_aside(host, has_container):
    """A command that says it has adopted it: then it would be its own to put back, or to remove."""
    victim = host.new()
    name = f"{victim.container}.old-{uuid7()}-r"
    aside = theirs(host, victim, name=name)
    before = changes_of(host, aside)
    server = host.created() if has_container else host.new()
    server.spec["adopt"] = aside
    for action in ("start", "restart", "rebuild", "delete"):
        host.do(action, server)
        assert changes_of(host, aside) == before, action
    assert host.scripted.containers()[name]["Id"] == aside


def test_t10_its_volumes_stay(host):
    server = host.created()
    labels = {"muster.managed": "true", "muster.server.id": server.id}
    api = api_of(host)
    api.create_volume(f"{server.name}-ours", labels=labels)
    api.create_volume(f"{server.name}-theirs", labels={**labels, "muster.agent.id": THEIRS})
    host.done("purge", server)
    left = [volume["Name"] for volume in api.volumes()["Volumes"] or [] if server.name in volume["Name"]]
    assert left == [f"{server.name}-theirs"]
    mounting = host.new()
    mounting.spec["volumes"] = [{"name": f"{server.name}-theirs", "container_path": "/x", "read_only": False}]
    assert host.do("create", mounting)["code"] == "forbidden"


def test_t10_what_was_made_before_there_was_that_label_stays_ours(host):
    server = host.new()
    container = theirs(host, server, agent=None)
    assert host.done("start", server)["state"]["container_id"] == container
    state, _ = host.listed(server)
    assert state["container_id"] == container
    host.done("delete", server)
    assert server.container not in host.scripted.containers()


def test_t10_two_workers_keep_apart(host, short_dir, kafka):
    """The other one sees our containers, and tells none of them, not even of our events."""
    server = host.created()
    other = Host(short_dir, kafka, host.docker, IMAGE, "registry.test/", partitions=1)
    try:
        other.worker("slot", assigned=True)
        twin = other.new()
        twin.id, twin.container, twin.spec["container"] = server.id, server.container, server.container
        other.servers[twin.id] = twin.spec
        api_of(host).kill(host.id_of(server))
        host.done("start", server)
        refused = other.do("stop", twin)
        assert refused["already"] and host.status_of(server) == "running", refused
        sync = other.sync()
        told = [listed["server_id"] for listed in sync["servers"]] + [f["server_id"] for f in sync["extra"]]
        assert server.id not in told
        wait_for("a list with ours in it", lambda: any(
            host.id_of(server).startswith(short) for short in other.sync()["others"]))
    finally:
        other.close()
