"""Fleets that were there before Muster: imported from a D1 export, adopted, and other games.

The dumps are made by sqlite3 here, as `wrangler d1 export` writes them.
"""
import json
import sqlite3

import pytest
from fleet import wait_for
from scripted_engine import ScriptedEngine
from services import Ports

SCHEMA = """
CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT NOT NULL, token_hash TEXT, status TEXT,
    steam_zomboid_registry TEXT, server_data_path TEXT, created_at INTEGER, updated_at INTEGER);
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT, note TEXT);
CREATE TABLE servers (id TEXT PRIMARY KEY, agent_id TEXT NOT NULL REFERENCES agents(id), name TEXT NOT NULL,
    container_id TEXT, config TEXT NOT NULL, image_tag TEXT NOT NULL, image TEXT, game_port INTEGER NOT NULL,
    udp_port INTEGER NOT NULL, rcon_port INTEGER NOT NULL, server_data_path TEXT, status TEXT NOT NULL,
    data_exists INTEGER DEFAULT 0, created_at INTEGER, updated_at INTEGER, deleted_at INTEGER, notes TEXT);
INSERT INTO users (email, note) VALUES ('a@example.org', 'it''s; one'), ('b@example.org', NULL);
CREATE INDEX servers_by_agent ON servers (agent_id);
"""
AT = 1_700_000_000


class Export:
    """A D1 database; `write` gives the text of its export."""

    def __init__(self, fleet, registry="registry.test/game"):
        self.fleet, self.agent = fleet, f"{fleet.id}-d1"
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(SCHEMA)
        self.db.execute("INSERT INTO agents VALUES (?, ?, 'geheim', 'online', ?, ?, ?, ?)",
                        (self.agent, f"{fleet.id} (old host)", registry, f"{fleet.data_root}/", AT, AT))

    def add(self, word, **more):
        row = {"id": f"{self.agent}-{word}", "agent_id": self.agent, "name": f"{self.fleet.id}-{word}",
               "config": json.dumps({"ADMIN_PASSWORD": "geheim", "MOTD": f"it's {word};\nwelcome"}),
               "image_tag": "1", "game_port": 16261, "udp_port": 16262, "rcon_port": 27015, "status": "running",
               "data_exists": 1, "created_at": AT, "updated_at": AT, **more}
        self.db.execute(f"INSERT INTO servers ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                        list(row.values()))
        return row["id"]

    def write(self):
        lines = ["PRAGMA defer_foreign_keys=TRUE;"]
        lines += [line for line in self.db.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
        path = self.fleet.directory / "export.sql"
        path.write_text("\n".join(lines) + "\n")
        return path

    def take(self, *extra):
        return self.fleet.json("import", "d1", self.write(), *extra)


def servers(fleet, agent, *more):
    return {row["name"].removeprefix(f"{fleet.id}-"): row
            for row in fleet.json("server", "list", "--agent", agent, *more)}


def statuses(fleet, agent):
    return {name: row["status"] for name, row in servers(fleet, agent).items()}


# What the ledger and the log get


def test_an_export_is_taken_as_it_is(bare_fleet):
    export = Export(bare_fleet)
    export.add("alpha", container_id="a" * 64)
    export.add("beta", status="stopped", image_tag="old.example:5000/game:v40", server_data_path="/mnt/fast")
    export.add("gamma", status="deleted", deleted_at=AT + 5, image="other.example/game")
    export.add("gone", status="deleted", deleted_at=AT + 9, name=f"{bare_fleet.id}-alpha")
    told = export.take()
    assert (told["agents"], told["servers"], told["deleted"], told["skipped"]) == (1, 3, 1, 1)
    assert told["tables"] == ["users"] and "is deleted, and its name is" in told["reasons"][0]
    rows = servers(bare_fleet, export.agent)
    assert {name: row["status"] for name, row in rows.items()} == {
        "alpha": "running", "beta": "stopped", "gamma": "deleted"}
    assert rows["alpha"]["id"] == f"{export.agent}-alpha" and rows["alpha"]["container_id"] == "a" * 64
    assert rows["beta"]["image_tag"] == "old.example:5000/game:v40" and rows["beta"]["image"] is None
    assert rows["gamma"]["deleted_at"] == (AT + 5) * 1000
    assert rows["alpha"]["data_dir"] == f"{bare_fleet.data_root}/{bare_fleet.id}-alpha"


def test_a_second_import_doubles_nothing(bare_fleet):
    export = Export(bare_fleet)
    export.add("alpha")
    export.take()
    before = bare_fleet.json("server", "list", "--agent", export.agent)
    export.add("beta")
    told = export.take()
    assert (told["agents"], told["servers"], told["there"]) == (0, 1, 2)
    after = bare_fleet.json("server", "list", "--agent", export.agent)
    assert len(after) == 2 and [row for row in after if row["id"] == before[0]["id"]] == before


def test_every_row_has_its_record_and_no_secret_leaves_the_ledger(bare_fleet):
    export = Export(bare_fleet)
    export.add("alpha")
    out = bare_fleet.run("import", "d1", export.write()).stdout
    text = bare_fleet.run("events", "--json").stdout
    events = [json.loads(line) for line in text.splitlines()]
    kinds = [event["body"]["kind"] for event in events if event["agent_id"] == export.agent]
    assert kinds == ["agent", "server"]
    assert "geheim" not in text + out
    bare_fleet.ledger = bare_fleet.directory / "again.db"
    bare_fleet.init()
    assert statuses(bare_fleet, export.agent) == {"alpha": "running"}


REFUSED = [
    ({"udp_port": 70000}, "udp_port: 70000 is no port"),
    ({"name": "../x"}, "name: '../x' must begin"),
    ({"agent_id": "nobody"}, "agent_id: there is no agent nobody"),
    ({"config": "ADMIN_PASSWORD=geheim"}, "config: is no JSON object"),
    ({"container_id": "geheim?"}, "container_id"),
]


@pytest.mark.bus("sqlite")
@pytest.mark.parametrize("wrong, says", REFUSED, ids=[next(iter(wrong)) for wrong, _ in REFUSED])
def test_all_or_nothing(bare_fleet, wrong, says):
    export = Export(bare_fleet)
    export.add("alpha")
    export.db.execute("PRAGMA foreign_keys = OFF")
    export.add("beta", **wrong)
    done = bare_fleet.run("import", "d1", export.write(), expect=2)
    assert says in done.stderr and "nothing is imported" in done.stderr and not done.stdout
    assert says == "container_id" or "geheim" not in done.stderr
    assert len(bare_fleet.json("agent", "list")) == 1, "the fleet's own"
    with sqlite3.connect(f"file:{bare_fleet.directory}/../bus.db?mode=ro", uri=True) as bus:
        assert not bus.execute("SELECT 1 FROM topics WHERE name LIKE ?", (f"%{export.agent}",)).fetchall()
    told = export.take("--skip-invalid")
    assert (told["servers"], told["skipped"]) == (1, 1)


@pytest.mark.bus("sqlite")
def test_a_file_that_is_cut_off_is_refused(bare_fleet):
    export = Export(bare_fleet)
    export.add("alpha")
    path = export.write()
    path.write_text(path.read_text()[:-40])
    done = bare_fleet.run("import", "d1", path, expect=2)
    assert "the file is cut off" in done.stderr and "geheim" not in done.stderr
    assert "export.sql: line" in done.stderr
    assert "No such file" in bare_fleet.run("import", "d1", "/nowhere.sql", expect=2).stderr


@pytest.mark.bus("sqlite")
def test_a_dry_run_does_nothing(bare_fleet):
    export = Export(bare_fleet)
    export.add("alpha")
    assert export.take("--dry-run")["servers"] == 1
    assert len(bare_fleet.json("agent", "list")) == 1


# S21 on the real engine


def save_data(fleet, name):
    directory = fleet.data_root / f"{fleet.id}-{name}" / "data"
    directory.mkdir(parents=True)
    (directory / "world.save").write_text("7\n")


def container(fleet, engine, image, name, runs=True):
    """As the old agent made it: the right name, no label of ours."""
    save_data(fleet, name)
    made = engine.client.containers.create(
        image, name=f"steam-zomboid-{fleet.id}-{name}", labels={"game": "zomboid"},
        volumes={f"{fleet.data_root}/{fleet.id}-{name}/data": {"bind": "/home/steam/Zomboid"}})
    if runs:
        made.start()
    return made.id


@pytest.fixture
def old_fleet(fleet, engine, registry, image):
    """Three containers without labels, their records imported, and a worker on their host."""
    repository, tag = image.rsplit(":", 1)
    engine.client.images.pull(repository, tag)
    export = Export(fleet, repository)
    ids = {}
    for name, runs in (("alpha", True), ("beta", True), ("gamma", False)):
        ids[name] = container(fleet, engine, image, name, runs)
        export.add(name, container_id=ids[name], status="running" if runs else "stopped", image_tag=tag,
                   game_port=Ports.take(), udp_port=Ports.take())
    save_data(fleet, "delta")
    export.add("delta", status="deleted", deleted_at=AT, image_tag=tag, game_port=Ports.take(),
               udp_port=Ports.take())
    export.take()
    fleet.start_serve()
    fleet.start_worker(agent=export.agent)
    fleet.run("sync", export.agent, "--wait=60")
    return export, ids


def name_of(fleet, name):
    return f"{fleet.id}-d1-{name}"


def inspect(fleet, engine, name):
    return engine.inspect(f"steam-zomboid-{fleet.id}-{name}")


def test_s21_an_imported_fleet_is_present(fleet, engine, old_fleet):
    export, ids = old_fleet
    assert statuses(fleet, export.agent) == {
        "alpha": "running", "beta": "running", "gamma": "stopped", "delta": "deleted"}
    assert fleet.json("server", "list", "--unmanaged", "--agent", export.agent) == []
    engine.remove(ids["beta"])
    fleet.wait_status(name_of(fleet, "beta"), "missing")
    fleet.run("sync", export.agent, "--wait=60")
    assert statuses(fleet, export.agent) == {
        "alpha": "running", "beta": "missing", "gamma": "stopped", "delta": "deleted"}
    assert fleet.server("start", name_of(fleet, "beta"))["recovered"]
    assert inspect(fleet, engine, "beta")["Config"]["Labels"]["muster.server.id"] == name_of(fleet, "beta")


def test_s21_start_and_stop_work_before_the_first_rebuild(fleet, engine, old_fleet):
    _, ids = old_fleet
    alpha = name_of(fleet, "alpha")
    assert fleet.server("stop", alpha)["outcome"] == "done"
    assert inspect(fleet, engine, "alpha")["State"]["Status"] == "exited"
    assert fleet.status(alpha) == "stopped"
    assert fleet.server("start", alpha)["outcome"] == "done"
    assert fleet.server("restart", alpha)["outcome"] == "done"
    seen = inspect(fleet, engine, "alpha")
    assert seen["State"]["Running"] and seen["Id"] == ids["alpha"]
    assert "muster.managed" not in seen["Config"]["Labels"]
    assert fleet.status(alpha) == "running"


def test_s21_the_first_rebuild_gives_labels(fleet, engine, old_fleet):
    export, ids = old_fleet
    alpha = name_of(fleet, "alpha")
    assert fleet.server("rebuild", alpha)["outcome"] == "done"
    seen = inspect(fleet, engine, "alpha")
    assert seen["Id"] != ids["alpha"] and seen["State"]["Running"]
    assert seen["Config"]["Labels"]["muster.server.id"] == alpha
    assert "ADMIN_PASSWORD=geheim" in seen["Config"]["Env"]
    assert not engine.find(ids["alpha"]), "the old one is gone"
    fleet.run("sync", export.agent, "--wait=60")
    assert statuses(fleet, export.agent)["alpha"] == "running"
    assert fleet.server("stop", alpha)["outcome"] == "done"
    assert inspect(fleet, engine, "alpha")["Id"] == seen["Id"]


def test_s21_a_rebuild_that_fails_puts_the_old_one_back(fleet, engine, old_fleet):
    export, ids = old_fleet
    alpha = name_of(fleet, "alpha")
    fleet.run("server", "set", alpha, "--image-tag", "nowhere")
    assert fleet.server("rebuild", alpha, expect=1)["outcome"] == "failed"
    seen = inspect(fleet, engine, "alpha")
    assert seen["Id"] == ids["alpha"] and seen["State"]["Running"]
    fleet.run("sync", export.agent, "--wait=60")
    assert statuses(fleet, export.agent)["alpha"] == "running"


def test_s21_delete_and_restore(fleet, engine, old_fleet):
    _, ids = old_fleet
    gamma, delta = name_of(fleet, "gamma"), name_of(fleet, "delta")
    assert fleet.server("delete", gamma)["outcome"] == "done"
    assert not engine.find(ids["gamma"])
    for server in (gamma, delta):
        assert fleet.server("restore", server, "--start")["outcome"] == "done"
        assert fleet.status(server) == "running"


# On a scripted engine: many of them, and what is nobody's


@pytest.fixture
def scripted(short_dir):
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        yield engine


def make(engine, name, **config):
    """An unlabelled container; its id."""
    made = engine.ask("POST", f"/containers/create?name={name}", {"Image": "registry.test/game:1", **config})
    engine.ask("POST", f"/containers/{made['Id']}/start")
    return made["Id"]


def start_worker(fleet, engine, agent):
    fleet.start_serve()
    fleet.start_worker(agent=agent, docker=engine.path, registry="registry.test/")
    fleet.run("sync", agent, "--wait=60")


def test_s21_more_than_a_sync_can_tell(bare_fleet, scripted):
    """A sync names at most 500 unmanaged ones: what it leaves out is not missing."""
    export = Export(bare_fleet)
    ids = [make(scripted, f"steam-zomboid-{bare_fleet.id}-{number}") for number in range(520)]
    for number, container_id in enumerate(ids):
        export.add(str(number), container_id=container_id)
    export.take()
    start_worker(bare_fleet, scripted, export.agent)
    assert set(statuses(bare_fleet, export.agent).values()) == {"running"}


def test_s21_what_is_changed_by_hand_is_seen(bare_fleet, scripted):
    export = Export(bare_fleet)
    ids = {name: make(scripted, f"steam-zomboid-{bare_fleet.id}-{name}") for name in ("alpha", "beta")}
    export.add("alpha", container_id=ids["alpha"][:12])
    export.add("beta", container_id=ids["beta"])
    export.take()
    start_worker(bare_fleet, scripted, export.agent)
    scripted.die(ids["alpha"], exit_code=3)
    scripted.ask("POST", f"/containers/{ids['beta']}/rename?name=steam-zomboid-other")
    bare_fleet.run("sync", export.agent, "--wait=60")
    assert statuses(bare_fleet, export.agent) == {"alpha": "stopped", "beta": "running"}
    assert bare_fleet.show(f"{export.agent}-alpha")["container_id"] == ids["alpha"]


def test_s21_adopt(bare_fleet, scripted):
    agent = bare_fleet.agent
    container_id = make(scripted, "steam-zomboid-alpha")
    start_worker(bare_fleet, scripted, agent)
    [found] = bare_fleet.json("server", "list", "--unmanaged")
    assert found["name"] == "steam-zomboid-alpha" and found["container_id"] == container_id
    assert found["kind"] == "unmanaged" and found["server_id"] is None
    done = bare_fleet.run("server", "adopt", agent, container_id[:12], expect=2)
    assert "_port: is needed" in done.stderr
    ports = ("--game-port", 16261, "--udp-port", 16262, "--rcon-port", 27015)
    server = bare_fleet.json("server", "adopt", agent, container_id[:12], *ports)["server_id"]
    row = bare_fleet.show(server)
    assert (row["name"], row["status"], row["image"], row["image_tag"]) == (
        "alpha", "running", "registry.test/game", "1")
    assert bare_fleet.json("server", "list", "--unmanaged") == []
    assert "already" in bare_fleet.run("server", "adopt", agent, "steam-zomboid-alpha", *ports, expect=2).stderr
    assert bare_fleet.server("stop", server)["outcome"] == "done"
    [seen] = scripted.containers().values()
    assert seen["Id"] == container_id and bare_fleet.status(server) == "stopped"
    assert bare_fleet.server("rebuild", server)["outcome"] == "done"
    [seen] = scripted.containers().values()
    assert seen["Config"]["Labels"]["muster.server.id"] == server
    bare_fleet.run("sync", agent, "--wait=60")
    assert bare_fleet.status(server) == "running"


def test_s21_adopt_again_what_somebody_made_anew(bare_fleet, scripted):
    export = Export(bare_fleet)
    export.add("alpha", container_id="f" * 64)
    export.take()
    container_id = make(scripted, f"steam-zomboid-{bare_fleet.id}-alpha")
    start_worker(bare_fleet, scripted, export.agent)
    server = f"{export.agent}-alpha"
    assert bare_fleet.server("start", server, expect=1)["code"] == "name_conflict"
    bare_fleet.run("sync", export.agent, "--wait=60")
    scripted.ask("POST", f"/containers/{container_id}/rename?name=steam-zomboid-aside")
    bare_fleet.run("sync", export.agent, "--wait=60")
    assert bare_fleet.status(server) == "missing"
    scripted.ask("POST", f"/containers/{container_id}/rename?name=steam-zomboid-{bare_fleet.id}-alpha")
    bare_fleet.run("sync", export.agent, "--wait=60")
    made = bare_fleet.json("server", "adopt", export.agent, f"steam-zomboid-{bare_fleet.id}-alpha")
    assert made["server_id"] == server
    assert bare_fleet.status(server) == "running"
    assert bare_fleet.server("stop", server)["outcome"] == "done"


def test_s23_extras_and_orphans_are_listed_and_never_touched(bare_fleet, scripted):
    start_worker(bare_fleet, scripted, bare_fleet.agent)
    server, name = bare_fleet.create(image="registry.test/game", image_tag="1")
    labels = scripted.containers()[f"steam-zomboid-{name}"]["Config"]["Labels"]
    copy = make(scripted, "copy", Labels=labels)
    foreign = {**labels, "muster.server.id": "nobody", "muster.container": "steam-zomboid-nobody"}
    orphan = make(scripted, "steam-zomboid-nobody", Labels=foreign)

    def listed():  # what has just happened is pending in a sync
        bare_fleet.run("sync", bare_fleet.agent, "--wait=60")
        return {(row["kind"], row["container_id"], row["server_id"])
                for row in bare_fleet.json("server", "list", "--extra", "--orphans", "--agent", bare_fleet.agent)}

    told = {("extra", copy, server), ("orphan", orphan, "nobody")}
    wait_for("both to be told", lambda: listed() == told)
    assert bare_fleet.server("rebuild", server)["outcome"] == "done"
    assert {copy, orphan} < {seen["Id"] for seen in scripted.containers().values()}
    assert "copy" in bare_fleet.run("server", "list", "--extra", "--orphans").stdout


# Purge of what was deleted long ago


def test_purge_of_what_was_deleted_long_ago(bare_fleet, scripted):
    start_worker(bare_fleet, scripted, bare_fleet.agent)
    image = {"image": "registry.test/game", "image_tag": "1"}
    made = [bare_fleet.create(**image) for _ in range(3)]
    for server, _ in made[:2]:
        bare_fleet.server("delete", server)
    data = [bare_fleet.data_root / name for _, name in made]
    assert all(path.is_dir() for path in data)
    mine = ("purge", "--agent", bare_fleet.agent, "--deleted-before")
    assert bare_fleet.json(*mine, "24h") == []
    assert "--deleted-before" in bare_fleet.run("purge", expect=2).stderr
    purged = bare_fleet.json(*mine, "1ms", "--wait")
    assert {row["server_id"] for row in purged} == {server for server, _ in made[:2]}
    assert all(row["command_id"] for row in purged)
    assert [path.is_dir() for path in data] == [False, False, True]
    assert bare_fleet.status(made[2][0]) == "running"


# Other games, without code


def test_another_game_by_a_file_of_ones_own(bare_fleet, scripted):
    profile = bare_fleet.directory / "luanti.json"
    profile.write_text(json.dumps({
        "name": "luanti", "container": "luanti-{name}", "data_dir": "{data_path}/luanti/{name}",
        "mounts": [{"host_path": "{data_dir}", "container_path": "/var/lib/luanti"}],
        "ports": [{"host_port": "{game_port}", "container_port": 30000, "protocol": "udp"}],
        "stop": {"signal": "SIGINT", "timeout_s": 5}}))
    start_worker(bare_fleet, scripted, bare_fleet.agent)
    words = ("--image", "registry.test/game", "--image-tag", "1", "--wait")
    for name, game in (("world", profile), ("other", "luanti")):
        bare_fleet.run("server", "create", bare_fleet.agent, name, "--profile", game,
                       "--game-port", Ports.take(), *words)
    assert set(scripted.containers()) == {"luanti-world", "luanti-other"}
    assert (bare_fleet.data_root / "luanti" / "world").is_dir()
    names = {row["name"]: row["origin"] for row in bare_fleet.json("profile", "list")}
    assert names == {"luanti": "own", "minecraft": "muster", "zomboid": "muster"}


def test_another_game_that_is_compiled_in(bare_fleet, scripted):
    start_worker(bare_fleet, scripted, bare_fleet.agent)
    bare_fleet.run("server", "create", bare_fleet.agent, "world", "--profile", "minecraft", "--game-port",
                   Ports.take(), "--image", "registry.test/game", "--image-tag", "1", "-e", "EULA=TRUE", "--wait")
    assert scripted.containers()["minecraft-world"]["Config"]["Labels"]["game"] == "minecraft"


@pytest.mark.bus("sqlite")
def test_a_profile_that_is_wrong_names_file_and_field(bare_fleet):
    profile = bare_fleet.directory / "wrong.json"
    shown = bare_fleet.json("profile", "show", "zomboid")
    profile.write_text(json.dumps({**shown, "ports": [{"host_port": 1, "container_port": "{game}"}]}))
    done = bare_fleet.run("server", "create", bare_fleet.agent, "x", "--profile", profile, expect=2)
    assert f"{profile}: ports[0].container_port: '{{game}}' is no placeholder" in done.stderr


# Pages


@pytest.mark.bus("sqlite")
def test_a_list_by_pages(bare_fleet):
    export = Export(bare_fleet)
    for number in range(7):
        export.add(f"{number}", status="running" if number % 2 else "stopped")
    export.take()
    for words in ((), ("--agent", export.agent), ("--status", "stopped"),
                  ("--status", "running", "--agent", export.agent)):
        whole = bare_fleet.json("server", "list", *words)
        pages, last = [], ()
        while True:
            page = bare_fleet.json("server", "list", *words, "--limit", 3, *last)
            pages += page
            if len(page) < 3:
                break
            last = ("--after", page[-1]["id"])
        assert pages == whole and len(whole) >= 3
