"""T3: a tenant who swaps directories for symlinks in his mounts, against whatever Muster does there.

Real containers on a real engine.  By default for some seconds; MUSTER_TENANT_MINUTES=10 makes it
ten minutes.  Nothing outside the data root may be touched, and nothing of it may be seen inside.
"""
import contextlib
import io
import os
import random
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import docker
import pytest
from conftest import keep
from fleet import wait_for
from host import Host
from services import PATIENCE_S, Engine, run_script

SECONDS = float(os.environ.get("MUSTER_TENANT_MINUTES", 0)) * 60 or 15
SOURCE = Path(__file__).parents[1] / "lib" / "tenant.c"
INSIDE = ("/a", "/b")
MONITOR = "monitor-1"  # the policy says that it hinders no purge


@pytest.fixture
def own_engine(short_dir):
    directory = short_dir / "e"
    yield Engine(run_script("engine", "start", "--dir", directory), directory)
    run_script("engine", "remove", "--dir", directory)


def with_tenant(engine, image, program, outside):
    """The demo image with the tenant in the game's place, in the registry."""
    api, name, tag = engine.client.api, image.rpartition(":")[0], f"tenant-{os.getpid()}"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(program, "tenant")
    api.pull(*image.rsplit(":", 1))
    made = api.create_container(image)["Id"]
    api.put_archive(made, "/", archive.getvalue())
    words = ", ".join(f'"{word}"' for word in ("/tenant", outside, *INSIDE))
    api.commit(made, name, tag, changes=[f"CMD [{words}]"])
    api.remove_container(made)
    api.push(name, tag)
    return f"{name}:{tag}"


class Canaries:
    """What lies outside, as it is; nobody has any business there."""

    def __init__(self, directory):
        self.directory = directory
        for below in ("", "inner", "data", "swap", "swap/inner"):
            (directory / below).mkdir(exist_ok=True)
            (directory / below / "canary").write_text("sings\n")
        self.before = self.all()

    def all(self):
        found = {}
        for top, directories, files in os.walk(self.directory):
            for name in ["", *directories, *files]:
                path = os.path.join(top, name)
                status = os.lstat(path)
                text = Path(path).read_bytes() if os.path.isfile(path) else b""
                found[path] = (status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_nlink,
                               status.st_mtime_ns, status.st_ctime_ns, text)
        return found

    def check(self, when):
        after = self.all()
        changed = {path for path in self.before.keys() | after.keys()
                   if self.before.get(path) != after.get(path)}
        assert not changed, f"touched outside the data root, {when}: {sorted(changed)}"


class Ground:
    def __init__(self, host, engine, canaries, seed):
        self.host, self.engine, self.canaries = host, engine, canaries
        self.random = random.Random(seed)
        self.commands, self.swaps, self.last, self.restarts = {}, 0, {}, 0
        self.tenants = [self.tenant() for _ in range(2)]
        self.forbidden = {self.being(path) for path in ("/", canaries.directory, host.data_root,
                                                        host.data_root.parent)}

    @staticmethod
    def being(path):
        status = os.stat(path)
        return status.st_dev, status.st_ino

    def server(self, *sources, data_dir=None, make_directory=True):
        server = self.host.new(networks=[], ports=[])
        server.spec["data_dir"] = str(data_dir or self.host.data_root / server.name)
        server.spec["mounts"] = [
            {"host_path": str(source), "container_path": inside, "read_only": False,
             "make_directory": make_directory} for source, inside in zip(sources, INSIDE)]
        return server

    def tenant(self):
        server = self.server()
        home = self.host.data_root / server.name
        server.spec["mounts"] = [{"host_path": str(home / part), "container_path": inside, "read_only": False,
                                  "make_directory": True} for part, inside in zip(("data", "mods"), INSIDE)]
        self.host.done("create", server)
        return server

    def ask(self, action, server, **options):
        self.commands[action] = self.commands.get(action, 0) + 1
        return self.host.ask(action, server, options=options)

    # What is done

    def live(self, tenant):
        """A tenant's server as its owner uses it."""
        return self.ask(self.random.choice(["start", "restart", "restart", "rebuild", "stop", "recreate"]), tenant)

    def intrude(self, tenant):
        """A server whose directory lies where the tenant swaps, or around all that is his."""
        home = self.host.data_root / tenant.name
        where = self.random.choice([home / "data" / "swap", home / "data" / "link", home / "data" / "swap" / "inner",
                                    home / "mods" / "outside", home / "data" / "outside" / "inner",
                                    home / "data" / "root" / "etc", home, self.host.data_root])
        server = self.server(where, data_dir=where if where != self.host.data_root else None,
                             make_directory=self.random.random() < 0.5)
        create = self.ask("create", server)
        purge = self.ask("purge", server, unmarked=True)
        for command in (create, purge):
            result = self.host.result_of(command)
            assert result["outcome"] in ("failed", "rejected", "done"), result
        assert self.host.result_of(create)["outcome"] != "done", f"{where} was mounted"
        assert self.engine.find(server.container) is None
        assert home.is_dir(), f"{where} of {tenant.name} was purged under another server's name"

    def monitored_purge(self, tenant):
        """Somebody swaps in the data while it is removed; then nobody does."""
        home = self.host.data_root / tenant.name
        api = self.engine.client.api
        made = api.create_container(self.host.image, name=MONITOR, host_config=api.create_host_config(
            mounts=[docker.types.Mount(inside, str(home / part), "bind")
                    for part, inside in zip(("data", "mods"), INSIDE)]))["Id"]
        api.start(made)
        first = self.host.result_of(self.ask("purge", tenant))
        assert first["outcome"] in ("done", "failed"), first
        self.canaries.check("purged while a monitor swaps")
        api.remove_container(made, force=True)
        if first["outcome"] == "failed":
            self.host.done("purge", tenant)
        left = [path.name for path in self.host.data_root.iterdir()]
        assert tenant.name not in left and not [name for name in left if name.startswith(".purge-")], left
        self.tenants[self.tenants.index(tenant)] = self.tenant()

    def restart_engine(self):
        commands = [self.live(tenant) for tenant in self.tenants]
        self.engine.kill()
        self.engine.start()
        self.restarts += 1
        self.end(commands, engine_was_killed=True)

    def end(self, commands, engine_was_killed=False):
        """Of each tenant one.  An engine that was killed may know no more how to start a container
        that it had ("task …: already exists"): a server like that is made anew."""
        for tenant, command in zip(list(self.tenants), commands):
            result = self.host.result_of(command)
            if result["outcome"] != "done":
                assert self.restarts and (engine_was_killed or result["code"] == "start_failed"), result
                self.renew(tenant)

    def renew(self, tenant):
        self.host.done("purge", tenant)
        self.tenants[self.tenants.index(tenant)] = self.tenant()

    # What is seen

    def look(self, when):
        self.canaries.check(when)
        for tenant in self.tenants:
            self.count(tenant)
            self.check_view(tenant)
        root = os.path.realpath(self.host.data_root)
        for listed in self.engine.client.api.containers(all=True):
            for mount in listed["Mounts"]:
                assert mount["Source"].startswith(f"{root}/"), f"{listed['Names']} mounts {mount}, {when}"

    def count(self, tenant):
        with contextlib.suppress(OSError, ValueError):
            now = int((self.host.data_root / tenant.name / "data" / "swaps").read_text())
            last = self.last.get(tenant.id, 0)
            self.swaps += now - last if now >= last else now
            self.last[tenant.id] = now

    def check_view(self, tenant):
        found = self.engine.find(tenant.container)
        pid = found.attrs["State"]["Pid"] if found else 0
        for mount in tenant.spec["mounts"] if pid else ():
            try:
                seen = self.being(f"/proc/{pid}/root{mount['container_path']}")
            except OSError:
                return  # it has ended
            found.reload()
            if found.attrs["State"]["Pid"] == pid:
                assert seen not in self.forbidden and seen == self.being(mount["host_path"]), mount

    def play(self, seconds):
        until = time.monotonic() + seconds
        turns = [self.restart_engine, lambda: self.monitored_purge(self.tenants[0])]
        while turns or time.monotonic() < until:
            lives = [self.live(tenant) for tenant in self.tenants]
            self.intrude(self.random.choice(self.tenants))
            self.end(lives)
            self.look("after a round")
            if turns:
                turns.pop()()
            elif self.random.random() < 0.1:
                self.restart_engine()
            elif self.random.random() < 0.15:
                self.monitored_purge(self.random.choice(self.tenants))
            self.look("after a turn")


@pytest.fixture
def ground(request, short_dir, kafka, own_engine, registry):
    compiler = shutil.which("cc") or shutil.which("gcc")
    program, outside, home = short_dir / "tenant", short_dir / "outside", short_dir / "h"
    subprocess.run([compiler, "-static", "-O2", "-o", str(program), str(SOURCE)], check=True, timeout=PATIENCE_S)
    outside.mkdir()
    home.mkdir()
    demo = registry.push_demo(own_engine, "steam-zomboid:hostile")
    image = with_tenant(own_engine, demo, program, str(outside))
    host = keep(request, Host(home, kafka, own_engine.socket, image, registry.address, own_engine, partitions=1))
    policy = short_dir / "policy.json"
    policy.write_text('{"mounters_ignored": ["monitor-*"]}')
    host.worker("slot", "--policy", str(policy), assigned=True)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    yield Ground(host, own_engine, Canaries(outside), seed)
    host.close()


@pytest.mark.timeout(SECONDS + 900)
def test_t3_a_hostile_tenant_stays_in(ground, capsys):
    ground.play(SECONDS)
    wait_for("swaps", lambda: ground.look("at the end") or ground.swaps > 0)
    with capsys.disabled():
        print(f"\n{ground.swaps} swaps, {ground.restarts} restarts of the engine, commands: {ground.commands}")
