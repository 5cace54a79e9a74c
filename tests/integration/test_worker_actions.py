"""Every action from every starting point, as cases/actions/table.txt has it, on both engines."""
import pytest
from conftest import ScriptedEngine, TIER, keep
from host import Host
from starting_points import Stage, read_table

SCRIPTED_IMAGE = "registry.test/game:1"
ROWS = read_table()
ON_SCRIPTED = [row for row in ROWS if row.point != "restarting"]
# What takes the engine's time twice and shows the same is for the long tier.
SHORT = {"absent", "created", "running", "stopped", "paused", "restarting", "adopted", "left_stopped"}
ON_REAL = [row for row in ROWS if row.point != "dead" and (TIER == "long" or row.point in SHORT)]


def collected(request, name):
    """The rows that -k has left."""
    return [item.callspec.params["row"] for item in request.session.items
            if item.function.__name__ == name]


@pytest.fixture(scope="module")
def scripted(request, kafka, long_lived_dir):
    directory = long_lived_dir / "scripted"
    directory.mkdir()
    engine = ScriptedEngine(directory / "docker.sock", images=[SCRIPTED_IMAGE]).start()
    host = Host(directory, kafka, engine.path, SCRIPTED_IMAGE, "registry.test/")
    yield from played(request, host, Stage(host, engine), "test_on_a_scripted_engine")
    engine.stop()


@pytest.fixture(scope="module")
def real(request, kafka, engine, registry, image, image_of, long_lived_dir):
    directory = long_lived_dir / "real"
    directory.mkdir()
    host = Host(directory, kafka, engine.socket, image, registry.address, engine)
    stage = Stage(host, sick_image=image_of("/bin/false"))
    yield from played(request, host, stage, "test_on_a_real_engine")


def played(request, host, stage, name):
    try:
        host.worker("slot", assigned=True)
        yield stage, stage.play(collected(request, name))
    finally:
        host.close()


def flags_of(result):
    flags = {name for name in ("recovered", "already", "rolled_back", "drift", "saved", "killed")
             if result[name]}
    return flags


def judge(stage, case):
    row, result = case.row, case.result
    assert (result["outcome"], result["code"]) == (row.outcome, row.code), result
    statuses = {"up": {"running", "restarting"}}.get(row.status, {row.status})
    assert result["state"]["status"] in statuses, result
    loose = {flag.rstrip("?") for flag in row.flags if flag.endswith("?")}
    assert flags_of(result) - loose == {f for f in row.flags if not f.endswith("?")}, result
    judge_container(stage, case, statuses)
    judge_data(stage, case)


def judge_container(stage, case, statuses):
    row, result = case.row, case.result
    names = stage.names(case)
    if row.container == "none":
        assert names == set() and result["state"]["container_id"] is None
        return
    elsewhere = row.point == "adopted_elsewhere" and row.container == "it"
    name = f"legacy-{case.server.name}" if elsewhere else case.name
    assert names == {name}
    found = stage.inspect(name)
    assert case.role_of(found["Id"]) == row.container, result
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    if row.point == "foreign":
        assert found["State"]["Status"] == "running" and result["state"]["container_id"] is None
        return
    assert found["State"]["Status"] in statuses and result["state"]["container_id"] == found["Id"]
    if row.container == "new":
        assert found["Config"]["Labels"]["muster.server.id"] == case.server.id


def judge_data(stage, case):
    """Only a purge touches the data, and leaves nothing of it."""
    data = stage.host.data_root / case.server.name
    if case.row.action == "purge":
        assert not data.exists() and not list(data.parent.glob(".purge-*"))
    elif case.ids and case.row.point != "foreign":
        assert (data / "data" / "marker").read_text() == case.server.name


@pytest.mark.xdist_group("scripted")
@pytest.mark.parametrize("row", ON_SCRIPTED, ids=str)
def test_on_a_scripted_engine(request, scripted, row):
    stage, cases = scripted
    keep(request, stage.host)
    judge(stage, cases[str(row)])


@pytest.mark.xdist_group("real")
@pytest.mark.parametrize("row", ON_REAL, ids=str)
def test_on_a_real_engine(request, real, row):
    stage, cases = real
    keep(request, stage.host)
    judge(stage, cases[str(row)])


@pytest.mark.xdist_group("scripted")
def test_the_log_of_the_whole_table_keeps_its_promises_on_a_scripted_engine(scripted):
    scripted[0].host.judge()


@pytest.mark.xdist_group("real")
def test_the_log_of_the_whole_table_keeps_its_promises_on_a_real_engine(real):
    real[0].host.judge()
