"""world - what an episode plays in: a bus, agents with their engines and workers, a control plane.

Every program is kept: whatever ends it, it is started again, as systemd would do.  Between the
programs and what they talk to stand proxies that can go wrong.
"""
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import docker
import requests
from asking import PROFILE, take_ports
from faulty_proxy import FaultyProxy
from fleet import BUILD, Fleet, Process, false_clock
from outpost import PATIENCE
from scripted_engine import ScriptedEngine
from services import ROOT, Ports

# With the contract of the version before (before.gresource.xml).
BEFORE, SERVE_BEFORE = BUILD / "tests/muster-worker-before", BUILD / "tests/muster-before"
CRASH_BUILD = Path(os.environ.get("MUSTER_CRASH_BUILD", "build-crash")).resolve()
IMAGE = "registry.test/game:1"
# A worker's patience with its engine, as a factor: some seconds, so that a fault can last longer.
PATIENCE_FACTOR = {"scripted": "0.03", "real": "0.05"}
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE, -signal.SIGTRAP}
REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")
BACK_AFTER_S = 0.1
END_MOST_S = 60
CLI_MOST_S = 90
VOLUME = "/home/steam/saves"  # that one of the images has


def patiently(ask, seconds=20):
    """What it answers; an engine that is away is to come back."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (OSError, requests.ConnectionError, http.client.HTTPException):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class PatientEngine(ScriptedEngine):
    """Another fault may just have taken it away."""

    def ask(self, *words):
        return patiently(lambda: super(PatientEngine, self).ask(*words))


def how_ended(process):
    """Its exit code, or words for what must not be."""
    return "a sanitizer's report" if REPORT.search(process.output()) else process.process.returncode


class Kept:
    """A program that is started again when it ends.  `start(**how)` makes a Process; `how` is
    for the next life alone."""

    def __init__(self, name, start):
        self.name, self.start = name, start
        self.process, self.life, self.next_life = None, {}, {}
        self.wanted, self.held, self.down_until = True, False, 0.0  # held: somebody wants it to be away for now
        self.ends, self.lives = [], 0
        self.lock = threading.Lock()

    def tend(self):
        with self.lock:
            if self.process and self.process.process.poll() is not None:
                self.ends.append((self.process, how_ended(self.process)))
                self.process.killed = True
                self.process.close()
                self.process = None
                self.down_until = max(self.down_until, time.monotonic() + BACK_AFTER_S)
            if self.wanted and not self.held and not self.process and time.monotonic() >= self.down_until:
                self.life, self.next_life = self.next_life, {}
                self.lives += 1
                self.process = self.start(f"{self.name}-{self.lives}", **self.life)

    def signal(self, number, down=0.0, **next_life):
        """Sends it; if that ends it, it stays away for `down` seconds."""
        with self.lock:
            self.down_until = time.monotonic() + down
            self.next_life = next_life
            if self.process and self.process.process.poll() is None:
                os.kill(self.process.pid, number)

    def end(self):
        self.wanted = False
        self.signal(signal.SIGCONT)
        # With another time of day it waits by both clocks: half an hour, if they are so far apart.
        self.signal(signal.SIGKILL if "clock" in self.life else signal.SIGTERM)
        with self.lock:
            if self.process:
                try:
                    self.process.process.wait(END_MOST_S)
                    self.ends.append((self.process, how_ended(self.process)))
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.ends.append((self.process, f"nothing: SIGTERM was {END_MOST_S} s ago"))
                self.process.killed = True
                self.process.close()

    def crashes(self):
        return [f"{process.name} ended by {code}: {process.output()[-1500:]}" for process, code in self.ends
                if code in CRASHES or isinstance(code, str)]


class Site:
    """One agent and its host.  `engine`: a real one, or None for a scripted one of its own."""

    def __init__(self, world, number, engine, linked):
        self.world, self.number, self.engine = world, number, engine
        self.directory = world.directory / f"host-{number}"
        self.data_root = self.directory / "data"
        self.data_root.mkdir(parents=True)
        mount_small(self.data_root)
        self.data_path = self.directory / "link" if linked else self.data_root  # as everybody calls it
        if linked:
            self.data_path.symlink_to(self.data_root)
        self.scripted = None
        if not engine:
            self.scripted = PatientEngine(self.directory / "engine.sock", images=[IMAGE]).start()
            self.scripted.image(with_volume(IMAGE), Volumes={VOLUME: {}})
        self.socket = engine.socket if engine else self.scripted.path
        self.proxy = FaultyProxy(self.socket, self.directory / "proxy.sock").start()
        self.api = docker.APIClient(base_url=f"unix://{self.socket}", version="1.41", timeout=60)
        self.name = f"{world.id}-{number}"
        self.partitions = 2 + number
        image = world.image.rsplit(":", 1)[0]
        self.tags = [name.rsplit(":", 1)[1] for name in world.images]
        self.id = str(world.json("agent", "add", self.name, "--data-path", self.data_path, "--registry", image,
                                 "--partitions", self.partitions)["id"])
        if number % 2 == 0:  # what is removed by hand comes back by itself
            world.run("agent", "set", self.id, "--on-missing", "start")
        self.has_grown = False  # somebody has added partitions to its topics
        self.was_reset = False  # somebody has reset its group, in this round
        self.admin = threading.Lock()  # one at a time changes its group
        self.workers = []
        self.aside = f"aside-{world.id}-"  # with this begin the names of what is not ours, or not any more

    def add_worker(self, slot):
        def start(name, at=None, clock=None, program=BUILD / "muster-worker"):
            settings = [f"MUSTER_CRASH_AT={at}"] if at else []
            settings += [f"{name}={value}" for name, value in false_clock(clock).items()] if clock else []
            return self.world.launch(f"host-{self.number}-{name}", [
                "env", *settings, CRASH_BUILD / "muster-worker" if at else program, "--agent", self.id,
                "--data-root", self.data_path, "--worker", slot, "--docker", self.proxy.front,
                "--registry", self.world.registry_prefix, "--sync-interval", "2s", "--heartbeat", "2s",
                *self.world.patience])
        kept = Kept(f"worker-{slot}", start)
        self.workers.append(kept)
        return kept

    def containers(self):
        """Those of this world, as the engine has them."""
        return [{"id": c["Id"], "name": c["Names"][0].lstrip("/"), "status": c["State"], "labels": c["Labels"] or {},
                 "created_ms": c["Created"] * 1000}
                for c in patiently(lambda: self.api.containers(all=True)) if c["Names"] and self.world.id in c["Names"][0]]

    def looked_at(self):
        """The same, with their restart policies and what they have mounted.  What could not be removed is
        dead; a list goes on to say that it is being removed."""
        found = []
        for container in self.containers():
            with contextlib.suppress(docker.errors.NotFound):
                seen = patiently(lambda one=container["id"]: self.api.inspect_container(one))
                found.append({**container, "status": seen["State"]["Status"],
                              "policy": seen["HostConfig"]["RestartPolicy"], "mounts": seen["Mounts"]})
        return found

    def server_of(self, container):
        """By its label, or because it was adopted."""
        return container["labels"].get("muster.server.id") or self.world.adopted.get(container["id"])

    def networks(self):
        return [network["Name"] for network in patiently(self.api.networks)]

    def volumes(self):
        return [volume["Name"] for volume in patiently(self.api.volumes)["Volumes"] or []]

    def put_back(self):
        """Takes away what somebody renamed or put there (for good it would hold a server's
        ports), or could not remove.  True when none is left; the engine may be away just now."""
        aside = {c["id"]: self.server_of(c) for c in self.containers()
                 if c["name"].startswith(self.aside) or c["id"] in self.world.removed}
        self.world.removed.update(aside)
        for container in aside:
            with contextlib.suppress(docker.errors.APIError, OSError):
                self.api.remove_container(container, force=True)
        return not aside

    def close(self):
        for kept in self.workers:
            kept.end()
        for container in self.containers() if self.engine else ():
            with contextlib.suppress(docker.errors.APIError, OSError):
                self.api.remove_container(container["id"], force=True, v=True)
        self.api.close()
        self.proxy.stop()
        if self.scripted:
            self.scripted.stop()
        unmount(self.data_root)


class World(Fleet):
    """`ground` has what outlives it: broker, engine, registry, image (ground.py)."""

    def __init__(self, directory, ground, agents=2, slots=2, linked=False, replicas=None):
        kafka = ground.kafka
        super().__init__(directory, ground.bus_url or f"sqlite://{directory}/bus.db", kafka=kafka,
                         registry=ground.registry, image=ground.image or IMAGE)
        self.ground = ground
        self.images = [self.image, with_volume(self.image)]
        self.profile = ground.directory / f"{PROFILE}.json"
        if not self.profile.exists():
            self.profile.write_text(json.dumps(a_profile()))
        self.patience = PATIENCE if kafka else ("-X", "bus.lease.ms=2000", "--takeover", "2s")
        self.patience += ("--patience", ground.patience)
        self.registry_prefix = f"{ground.registry.address}/" if ground.registry else "registry.test/"
        self.by_hand = set()  # servers that somebody has touched behind our back
        self.racing = set()  # containers that somebody has touched while a command of theirs was open
        self.removed = {}  # container id → server id: somebody wanted it to be gone
        self.adopted = {}  # container id → server id: of those that bear no label
        self.policies = {}  # container id → the restart policy that somebody has given it
        self.layers = {}  # container id → somebody has written into its own layer
        self.mounted = []  # (server id, from, to): somebody else has had its data mounted, in ms
        self.engine_stops = []  # [from, to] in ms: when an engine was told to go, and when it was back
        self.repeated = set()  # ids of commands that somebody has sent again
        self.clocks_jumped = False
        self.topics = threading.Lock()  # one at a time changes what topics are like
        self.run("init", *(("--replication", replicas, "--min-insync", 1 + replicas // 2) if replicas else ()))
        self.address = (loopback_of(self.id), Ports.take())
        self.token = self.json("token", "add", "--role", "admin", "--name", "chaos")["token"]
        self.sites = [Site(self, number, ground.engine, linked) for number in range(agents)]
        self.serve = Kept("serve", self._start_serve)
        for site in self.sites:
            for slot in range(slots):
                site.add_worker(f"s{slot}")
        self._over = threading.Event()
        self._tending = threading.Thread(target=self._tend, daemon=True)
        self._tending.start()

    def kept(self):
        return [self.serve, *self.workers()]

    def workers(self):
        return [kept for site in self.sites for kept in site.workers]

    def launch(self, name, command):
        """The programs of this world; none of them is waited for."""
        return Process(name, [*command, "--bus", self.bus_url], self.directory)

    def _start_serve(self, name, at=None, program=BUILD / "muster"):
        return self.launch(name, ["env", *([f"MUSTER_CRASH_AT={at}"] if at else []),
                                  CRASH_BUILD / "muster" if at else program, "serve", "--listen", "%s:%d" % self.address,
                                  "--ledger", self.ledger])

    def _tend(self):
        while not self._over.wait(0.05):
            for kept in self.kept():
                kept.tend()

    # --- what people do

    def muster(self, *words, timeout=CLI_MOST_S):
        """The decoded answer, or None if it was refused or could not be had."""
        done = self.run(*words, "--json", expect=None, timeout=timeout)
        assert done.returncode in (0, 1, 2, 3, 4) and not REPORT.search(done.stderr), (
            f"muster {words} ended with {done.returncode}: {done.stderr}")
        return done.returncode, decoded(done.stdout) if done.returncode == 0 else done.stderr

    def new_server(self, site, name, tag):
        ports = [word for kind, port in take_ports().items() for word in (f"--{kind}-port", port)]
        return self.muster("server", "create", site.id, name, "--image-tag", tag, "--profile", self.profile, *ports)

    def knows_profile(self):
        """Who asks over HTTP names one that was brought before."""
        return bool(self.rows("SELECT 1 FROM profiles WHERE name = ?", PROFILE))

    def health(self):
        """What `serve` says of itself; nothing, if it does not answer."""
        with contextlib.suppress(OSError, ValueError, requests.RequestException):
            return requests.get("http://%s:%d/healthz" % self.address, timeout=5).json()
        return {}

    def is_quiet(self, server):
        return not self.rows("SELECT 1 FROM commands WHERE server_id = ? AND finished_at IS NULL", server)

    # --- the ledger, read beside whoever writes it

    def rows(self, sql, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=30)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    def crashes(self):
        return [crash for kept in self.kept() for crash in kept.crashes()]

    def close(self):
        self._over.set()
        self._tending.join()
        self.serve.end()
        for site in self.sites:
            site.close()


def loopback_of(word):
    """An address of its own: no other world answers there, whatever goes down and comes back."""
    return "127." + ".".join(str(1 + byte % 254) for byte in hashlib.sha256(word.encode()).digest()[:3])


def with_volume(image):
    return image.rsplit(":", 1)[0] + ":volume"


def a_profile():
    """The game that ships, with a stop that is given up within a round."""
    known = json.loads((ROOT / "producer/profiles/zomboid.json").read_text())
    return {**known, "name": PROFILE, "stop": {**known["stop"], "timeout_s": 2}}


def decoded(text):
    return json.loads(text) if text.strip() else None


def mount_small(directory):
    """A file system of its own, so that it can be filled."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(directory)], check=True)


def unmount(directory):
    if os.path.ismount(directory):
        subprocess.run(["umount", "-l", str(directory)], check=True)
