"""S30: one directory has many names; a purge takes only what is the server's, and all of it."""
import contextlib
import json
import os
import shutil
import socket
import subprocess
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

DEEP = 2000


@pytest.fixture(scope="module")
def shared(kafka):
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        host = ScriptedHost(Path(directory), kafka)
        host.policy = Path(directory) / "policy.json"
        host.policy.write_text(json.dumps({"mounters_ignored": ["monitor-*"]}))
        host.worker("slot", "--policy", str(host.policy), assigned=True)
        yield host
        host.close()


@pytest.fixture
def host(request, shared):
    """A scripted engine; what a test has put there by hand goes with it."""
    yield keep(request, shared)
    for name in shared.scripted.containers():
        if not name.startswith("steam-zomboid-"):
            shared.scripted.ask("DELETE", f"/containers/{name}?force=1")


def dir_of(host, server):
    return host.data_root / server.name


def filled(host, server):
    """Its data directory, with something in it."""
    (dir_of(host, server) / "data" / "world").write_text("precious")
    return dir_of(host, server)


def is_untouched(directory):
    return (directory / "data" / "world").read_text() == "precious"


def api_of(host):
    return docker.APIClient(base_url=f"unix://{host.docker}", version="1.41", timeout=PATIENCE_S)


def by_hand(host, name, *mounts, labels=None, start=True):
    """A container that somebody else has made."""
    api = api_of(host)
    made = api.create_container(IMAGE, name=name, labels=labels or {},
                                host_config=api.create_host_config(mounts=list(mounts)))
    if start:
        api.start(made["Id"])


def bind(path, read_only=False):
    return docker.types.Mount("/x", str(path), "bind", read_only=read_only)


def volume_of(host, name, path):
    api_of(host).create_volume(name, "local", {"type": "none", "o": "bind", "device": str(path)})
    return docker.types.Mount("/x", name, "volume")


def alias_of(host, server):
    alias = host.data_root.with_name("alias")
    if not alias.is_symlink():
        alias.symlink_to(host.data_root)
    return alias / server.name


# --- Who mounts it

MOUNTS = {
    "a symlinked root": lambda host, server: bind(alias_of(host, server)),
    "in it, by a symlinked root, read-only": lambda host, server: bind(alias_of(host, server) / "data", True),
    "a bind volume": lambda host, server: volume_of(host, f"vol-{server.name}", dir_of(host, server)),
    "a bind volume by a symlinked root": lambda host, server: volume_of(
        host, f"vol-{server.name}", alias_of(host, server) / "data"),
}


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("what", MOUNTS)
def test_s30_who_mounts_it_by_another_name_stops_a_purge(host, what, running):
    server = host.created()
    directory = filled(host, server)
    by_hand(host, "legacy", MOUNTS[what](host, server), start=running)
    result = host.do("purge", server, options={"unmarked": True})
    assert (result["outcome"], result["code"]) == ("failed", "purge_failed"), result
    assert "the container legacy mounts" in result["message"] and str(directory) in result["message"]
    assert is_untouched(directory) and host.status_of(server) == "running"


@pytest.mark.parametrize("labels, read_only, hinders", [
    ({"muster.managed": "true", "muster.server.id": "other"}, False, True),
    ({"muster.managed": "true", "muster.server.id": "other"}, True, False),
    ({}, False, False)], ids=["ours, writable", "ours, read-only", "not ours"])
def test_s30_a_parent_counts_only_if_one_of_ours_may_write_it(host, labels, read_only, hinders):
    server = host.created()
    directory = filled(host, server)
    by_hand(host, "parent", bind(host.data_root, read_only), labels=labels)
    result = host.do("purge", server)
    assert result["outcome"] == ("failed" if hinders else "done"), result
    assert directory.exists() == hinders


def test_s30_the_policy_names_mounters_that_hinder_nothing(host):
    server = host.created()
    by_hand(host, "monitor-1", bind(dir_of(host, server), True))
    host.done("purge", server)
    assert not dir_of(host, server).exists()


# --- In and around

@pytest.mark.parametrize("where", ["data", "data/deep/er"])
def test_s30_no_directory_in_anothers(host, where):
    outer = host.created()
    directory = filled(host, outer)
    inner = host.new(data_dir=f"{directory}/{where}/in")
    inner.spec["mounts"] = [{"host_path": f"{directory}/{where}/in/data", "container_path": "/data",
                             "read_only": False, "make_directory": True}]
    result = host.do("create", inner)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert str(directory) in result["message"]
    assert host.status_of(inner) == "absent" and not (directory / where / "in").exists()


def test_s30_no_directory_around_anothers_that_has_no_container(host):
    inner = host.new()
    nest = host.data_root / f"nest-{inner.name}"
    inner.spec["data_dir"] = f"{nest}/in"
    inner.spec["mounts"] = [{"host_path": f"{nest}/in/data", "container_path": "/data",
                             "read_only": False, "make_directory": True}]
    host.done("create", inner)
    (nest / "in/data/world").write_text("precious")
    host.done("delete", inner)
    outer = host.new(data_dir=str(nest))
    outer.spec["mounts"] = [{"host_path": f"{nest}/data", "container_path": "/data",
                             "read_only": False, "make_directory": True}]
    result = host.do("create", outer)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert inner.id in result["message"]
    refused = host.do("purge", outer, options={"unmarked": True})
    assert refused["code"] == "purge_failed" and inner.id in refused["message"], refused
    assert (nest / "in/data/world").exists()
    host.done("purge", inner)
    assert not (nest / "in").exists()


def test_s30_two_sources_of_one_server_in_one_another(host):
    server = host.new()
    mounts = [(f"{dir_of(host, server)}/data", "/data"), (f"{dir_of(host, server)}/data/mods", "/mods")]
    server.spec["mounts"] = [{"host_path": path, "container_path": inside, "read_only": False,
                              "make_directory": True} for path, inside in mounts]
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert mounts[1][0] in result["message"] and host.status_of(server) == "absent"


def test_s30_one_of_ours_around_it_stops_a_start(host):
    server = host.created()
    directory = filled(host, server)
    host.done("stop", server)
    by_hand(host, "other", bind(directory / "data"),
            labels={"muster.managed": "true", "muster.server.id": "other"})
    result = host.do("start", server)
    assert result["outcome"] == "failed" and "other" in result["message"], result
    assert host.status_of(server) == "exited"


def test_s30_a_source_that_became_a_symlink_is_not_mounted(host, short_dir):
    server = host.created()
    host.done("stop", server)
    data = dir_of(host, server) / "data"
    os.rename(data, data.with_name("moved"))
    data.symlink_to("/etc")
    result = host.do("start", server)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert str(data) in result["message"] and "symlink" in result["message"]
    assert host.status_of(server) == "exited"


# --- A tenant swaps what he mounts (T3)

def swap_for_symlink(host, server):
    data = dir_of(host, server) / "data"
    os.rename(data, data.with_name("moved"))
    data.symlink_to("/etc")
    return data


def starts_of(host, container_id):
    return [r for r in host.scripted.requests("POST", "/start") if container_id in r["path"]]


def test_t3_a_rollback_does_not_start_on_a_symlink(host):
    """The old container is the one that would mount it: the new one was refused."""
    server = host.created()
    old = host.id_of(server)
    before = len(starts_of(host, old))
    host.scripted.script({"method": "POST", "path": "/containers/create", "do": "wait"})
    command = host.ask("rebuild", server)
    wait_for("the rebuild's create", lambda: host.scripted.requests("POST", f"name={server.container}")[1:])
    data = swap_for_symlink(host, server)
    host.scripted.release()
    result = host.result_of(command)
    assert (result["outcome"], result["code"], result["rolled_back"]) == ("failed", "mount_failed", False), result
    assert "not started again" in result["message"] and str(data) in result["message"]
    assert len(starts_of(host, old)) == before
    assert host.id_of(server) == old and host.status_of(server) == "exited"


def test_t3_a_leftover_is_not_started_on_a_symlink(host):
    """A rebuild that its worker has forgotten: settled unasked, or by the next command."""
    server = host.created()
    old = host.id_of(server)
    host.done("stop", server)
    swap_for_symlink(host, server)
    before = len(starts_of(host, old))
    api_of(host).rename(old, f"{server.container}.old-{uuid7()}-r")
    result = host.do("start", server)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert len(starts_of(host, old)) == before and host.status_of(server) == "exited"


@pytest.mark.parametrize("action", ["restart", "rebuild"])
def test_t3_what_is_started_is_looked_at_after_the_stop(host, action):
    """Until it stands still it may change what its sources are."""
    server = host.created()
    shutil.rmtree(host.data_root / ".muster" / "marks")  # as of one that was imported
    before = len(host.scripted.requests("POST", "/start"))
    stops = len(host.scripted.requests("POST", "/stop"))
    host.scripted.script({"method": "POST", "path": "/stop", "do": "wait"})
    command = host.ask(action, server)
    wait_for("the stop", lambda: len(host.scripted.requests("POST", "/stop")) > stops)
    swap_for_symlink(host, server)
    host.scripted.release()
    result = host.result_of(command)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert len(host.scripted.requests("POST", "/start")) == before


@pytest.mark.parametrize("kind", ["socket", "fifo", "symlink above it"])
@pytest.mark.parametrize("make_directory", [True, False])
def test_t3_only_directories_and_plain_files_beneath_the_root(host, kind, make_directory):
    server = host.new()
    home = dir_of(host, server)
    home.mkdir(parents=True)
    thing = home / "thing"
    if kind == "fifo":
        os.mkfifo(thing)
    elif kind == "socket":
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(thing))
    else:
        (home / "link").symlink_to("/etc")
        thing = home / "link" / "ssh"
    server.spec["mounts"] = [{"host_path": str(thing), "container_path": "/x", "read_only": False,
                              "make_directory": make_directory}]
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "mount_failed"), result
    assert str(thing) in result["message"] and host.status_of(server) == "absent"


# --- Marks

def unmarked(host):
    """Data that Muster has never started a server with."""
    server = host.new()
    (dir_of(host, server) / "data").mkdir(parents=True)
    return server, filled(host, server)


def test_s30_unmarked_data_goes_only_if_asked_for(host):
    server, directory = unmarked(host)
    result = host.do("purge", server)
    assert (result["outcome"], result["code"]) == ("failed", "purge_failed"), result
    assert str(directory) in result["message"] and "--yes" in result["message"]
    assert is_untouched(directory)
    host.done("purge", server, options={"unmarked": True})
    assert not directory.exists()


def test_s30_what_was_put_in_its_place_is_not_its_data(host):
    server = host.created()
    filled(host, server)
    host.done("delete", server)
    os.rename(dir_of(host, server), dir_of(host, server).with_name(f"old-{server.name}"))
    (dir_of(host, server) / "data").mkdir(parents=True)
    directory = filled(host, server)
    result = host.do("purge", server)
    assert result["code"] == "purge_failed" and "replaced" in result["message"], result
    assert is_untouched(directory)
    host.done("create", server)  # from now on it is
    host.done("purge", server)
    assert not directory.exists()


@pytest.mark.parametrize("action", ["create", "start"])
def test_s30_what_it_was_started_with_bears_its_mark(host, action):
    server, directory = unmarked(host)
    host.done(action, server)
    host.done("delete", server)
    host.done("purge", server)
    assert not directory.exists()


def test_s30_what_its_container_mounts_is_its_data(host):
    """Of a fleet from before there were marks, or adopted and never started by Muster."""
    server = host.created()
    directory = filled(host, server)
    (host.data_root / ".muster/marks" / f"{server.id}.mark").unlink()
    host.done("purge", server)
    assert not directory.exists() and host.status_of(server) == "absent"


# --- To the end

def test_s30_a_second_purge_finishes_what_a_first_one_left(host):
    server = host.created()
    filled(host, server)
    stuck = dir_of(host, server) / "data" / "stuck"
    stuck.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", stuck], check=True)
    first = host.ask("purge", server)
    left = host.data_root / f".purge-{first}"
    try:
        result = host.result_of(first)
        assert result["code"] == "purge_failed" and "unmount" in result["message"], result
    finally:
        subprocess.run(["umount", left / "data" / "stuck"], check=True)
    assert left.exists()
    assert host.done("purge", server)["already"] is False
    assert not left.exists() and not dir_of(host, server).exists()
    assert not (host.data_root / ".muster/marks" / f"{server.id}.mark").exists()
    assert host.done("purge", server)["already"] is True


def dig(directory, depth):
    """Deeper than a path can be long."""
    at = os.open(directory, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def test_s30_any_depth(host):
    server = host.created()
    dig(dir_of(host, server) / "data", DEEP)
    host.done("purge", server)
    assert not dir_of(host, server).exists() and not list(host.data_root.glob(".purge-*"))


# --- On the real engine

@pytest.fixture
def real(request, short_dir, kafka, engine, registry, image):
    host = keep(request, Host(short_dir, kafka, engine.socket, image, registry.address, engine))
    host.worker("slot", assigned=True)
    yield host
    host.close()


@pytest.fixture
def legacy(real, engine, image):
    """A function that runs a container that mounts so."""
    made, volumes = [], []

    def run(**mount):
        if mount.get("device"):
            volumes.append(engine.client.volumes.create(f"v-{real.id}", driver="local", driver_opts={
                "type": "none", "o": "bind", "device": str(mount["device"])}))
        source = volumes[-1].name if volumes else str(mount["source"])
        made.append(engine.client.containers.run(image, name=f"legacy-{real.id}", detach=True,
                                                 volumes={source: {"bind": "/x", "mode": "rw"}}))
        return made[-1]

    yield run
    for container in made:
        with contextlib.suppress(docker.errors.NotFound):  # the test has removed it
            container.remove(force=True)
    for volume in volumes:
        volume.remove()


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("how", ["symlink", "volume"])
def test_s30_a_real_engine_mounts_it_by_another_name(real, legacy, how, running):
    server = real.created()
    directory = filled(real, server)
    real.done("stop", server)
    container = legacy(source=alias_of(real, server)) if how == "symlink" else legacy(device=directory)
    if not running:
        container.kill()
    result = real.do("purge", server)
    assert (result["outcome"], result["code"]) == ("failed", "purge_failed"), result
    assert f"the container legacy-{real.id} mounts" in result["message"]
    assert is_untouched(directory)
    container.remove(force=True)
    real.done("purge", server)
    assert not directory.exists()


@pytest.fixture
def immutable():
    """A function that makes a path what nobody can change."""
    made = []

    def make(path):
        done = subprocess.run(["chattr", "+i", path], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no immutable directories here: {done.stderr}")
        made.append(path)

    yield make
    for path in made:
        subprocess.run(["chattr", "-i", path], check=False)


def test_s30_what_cannot_be_written_keeps_its_container(real, immutable):
    server = real.created()
    directory = filled(real, server)
    immutable(directory)
    result = real.do("purge", server)
    assert (result["outcome"], result["code"]) == ("failed", "purge_failed"), result
    assert str(directory) in result["message"] and is_untouched(directory)
    assert result["state"]["status"] == "running"
    subprocess.run(["chattr", "-i", directory], check=True)
    dig(directory / "data", DEEP)
    real.done("purge", server)
    assert not directory.exists()


# --- The control plane

def test_s30_import_takes_no_record_in_anothers(bare_fleet):
    """Create, set and adopt: tests/unit/test_apart.c."""
    fleet = bare_fleet
    sql = [f"""CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT NOT NULL, steam_zomboid_registry TEXT,
        server_data_path TEXT, created_at INTEGER, updated_at INTEGER);
    CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, name TEXT NOT NULL, container_id TEXT,
        config TEXT NOT NULL, image_tag TEXT NOT NULL, image TEXT, game_port INTEGER NOT NULL,
        udp_port INTEGER NOT NULL, rcon_port INTEGER NOT NULL, server_data_path TEXT, status TEXT NOT NULL,
        data_exists INTEGER, created_at INTEGER, updated_at INTEGER, deleted_at INTEGER);
    INSERT INTO agents VALUES ('{fleet.id}-a', '{fleet.id}-a', 'registry.test/game', '/srv', 1, 1);"""]
    for name, path, port in (("fox", "NULL", 16000), ("ant", "'/srv/fox/data'", 17000)):
        sql.append(f"INSERT INTO servers VALUES ('{name}', '{fleet.id}-a', '{name}', NULL, '{{}}', '1', NULL, {port}, "
                   f"{port + 1}, {port + 2}, {path}, 'stopped', 1, 1, 1, NULL);")
    dump = fleet.directory / "dump.sql"
    dump.write_text("\n".join(sql))
    refused = fleet.run("import", "d1", dump, expect=2)
    assert "server ant" in refused.stderr and "lies in '/srv/fox', the data directory of server fox" in refused.stderr
    assert fleet.json("import", "d1", dump, "--skip-invalid")["servers"] == 1
