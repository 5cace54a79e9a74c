"""sweep - kill a worker at a point that it passes, and look at what the next life makes of it.

A *bay* is an agent of its own: bus, engine, ledger, and one worker at a time.  A *visit* is one
server in it, one command, and the points at which the workers that carry the command out are
killed, one after another (schemas/base/crash.h); a last one goes on.  Then the log, the engine,
the data and the ledger must tell one story.

Bays are independent, so several sweep at once: most of a visit is waiting.
"""
import concurrent.futures
import contextlib
import itertools
import os
import queue
import secrets
import time
from pathlib import Path

from fleet import BUILD, Fleet, Process, wait_for
from scripted_engine import ScriptedEngine
from services import PATIENCE_S, Ports

CRASH_BUILD = Path(os.environ.get("MUSTER_CRASH_BUILD", "build-crash")).resolve()
IMAGE = "registry.test/game:1"
TERMINAL = ("done", "failed", "rejected", "expired", "cancelled")
LABEL = "muster.server.id"
TOGETHER = 8  # visits whose servers are prepared in one go
# The engine goes on with what it was told for longer than a worker needs to come back.
SLOW = {route: 250 for route in ("create", "start", "stop", "rename", "update", "remove",
                                 "connect", "network_create")}


class After:
    """What must be there once a command has ended so.

    container  its status, or None: there is none
    status     the ledger's
    made       the container was made by "this" very command, or "before" it
    """

    def __init__(self, container, status, made="before", data=True):
        self.container, self.status, self.made, self.data = container, status, made, data


class Scenario:
    """One kind of visit.

    commands  the words of each; the last one is the one that is looked at
    after     outcome → After, for every outcome that is right
    before    actions that bring the server to where the commands begin
    by_hand   what happens then behind Muster's back
    cancel    None; "queued": a cancel of the last command is sent at once; a pattern: it is
              sent when a request to such a path comes to the engine
    once      the word of a request to the container that must have succeeded exactly once
    slow      with the latencies of SLOW
    heir      the last worker has another slot: it has to wait until the dead one is missed
    """

    def __init__(self, name, *commands, after, before=(), by_hand=None, cancel=None, once=None,
                 slow=False, heir=False):
        self.name, self.commands, self.after = name, commands, after
        self.before, self.by_hand, self.cancel = before, by_hand, cancel
        self.once, self.slow, self.heir = once, slow, heir


class Bay(Fleet):
    """What both kinds share; `options` are the workers', `lease` makes a dead one soon missed."""

    def __init__(self, *words, options, lease, **names):
        super().__init__(*words, **names)
        self.options, self.lease = options, lease
        self._workers = 0

    def worker(self, at=None, log=None, slot="a", lease=()):
        """It dies at a point, or notes all points in a log, or just works."""
        settings = [f"MUSTER_CRASH_AT={at}"] if at else [f"MUSTER_CRASH_LOG={log}"] if log else []
        program = (CRASH_BUILD if settings else BUILD) / "muster-worker"
        self._workers += 1
        worker = Process(f"worker-{self._workers}", [
            "env", *settings, program, "--agent", self.agent, "--bus", self.bus_url,
            "--data-root", self.data_root, "--worker", slot, *self.options, *lease], self.directory)
        self.processes.append(worker)
        return worker

    def be_slow(self, slow):
        assert not slow, "this engine is as fast as it is"

    def forget(self):
        """What was scripted by hand."""

    def forget_requests(self):
        """What the engine was asked so far."""

    def end(self, worker, kill=False):
        """In order; `kill`: it may be dead already, or dies now."""
        if kill:
            worker.kill()
        self.processes.remove(worker)
        worker.close()

    def wait_ended(self, commands):
        """Until the last command of each server is the given one, and has ended."""
        def have_ended():
            # A bus that is slow for a moment (4) is asked again: the ledger shows what it has by now.
            rows = {row["id"]: row for row in self.json("server", "list", expect=None)}
            return all(rows[server]["last_command_id"] == command
                       and rows[server]["last_outcome"] in TERMINAL
                       for server, command in commands.items())
        wait_for("the servers to be prepared", have_ended, PATIENCE_S)


class ScriptedBay(Bay):
    """On the embedded bus and an engine of its own."""

    def __init__(self, directory):
        socket = directory / "docker.sock"
        super().__init__(directory, f"sqlite://{directory}/bus.db", image=IMAGE,
                         options=["--docker", socket, "--registry", "registry.test/"],
                         lease=["-X", "bus.lease.ms=1000"])
        self.scripted = ScriptedEngine(socket, images=[IMAGE]).start()
        self.init().add_agent(partitions=2)

    def containers_of(self, server_id):
        return [found for found in self.scripted.state()["containers"]
                if (found["Config"].get("Labels") or {}).get(LABEL) == server_id]

    def be_slow(self, slow):
        self.scripted.set(latency_ms=SLOW if slow else dict.fromkeys(SLOW, 0))

    def forget(self):
        self.scripted.clear_script()

    def forget_requests(self):
        self.scripted.clear_log()

    def close(self):
        try:
            super().close()
        finally:
            self.scripted.stop()


class RealBay(Bay):
    """On Kafka and the real engine; several share them, and the ledger: a cluster has one relay."""

    def __init__(self, directory, ledger, kafka, engine, registry, image):
        super().__init__(directory, kafka.url, engine, registry, image, kafka,
                         options=["--docker", engine.socket, "--registry", f"{registry.address}/"],
                         lease=["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000"])
        self.ledger = ledger
        self.init().add_agent(partitions=2)

    def containers_of(self, server_id):
        found = self.engine.client.api.containers(all=True, filters={"label": f"{LABEL}={server_id}"})
        return [self.engine.inspect(container["Id"]) for container in found]


class Visit:
    def __init__(self, scenario, bay, points=(), log=None):
        self.scenario, self.bay, self.points, self.log = scenario, bay, points, log
        self.name = f"{bay.id}-{secrets.token_hex(3)}"
        self.container = bay.container_name(self.name)
        self.data = bay.data_root / self.name
        self.save = self.data / "data" / "saves" / "map.bin"
        self.server = self.made_by = None
        self.commands, self.cancels, self.lives = [], [], []
        self.cancelled = False  # or it was too late for that
        self.died = 0

    # --- before

    def order(self, action, *words):
        """Queues a command; its answer."""
        if action == "create":
            ports = [word for kind in ("game", "udp", "rcon")
                     for word in (f"--{kind}-port", Ports.take())]
            tag = self.bay.image.rsplit(":", 1)[1]
            words = [self.bay.agent, self.name, "--image-tag", tag, *ports, *words]
            answer = self.bay.json("server", "create", *words)
            self.server = answer["server_id"]
            return answer
        if action == "sync":
            return self.bay.json("sync", self.bay.agent)
        return self.bay.json("server", action, self.server, *words)

    def prepare(self):
        """Queues what comes before; the last command's id, None if there is none."""
        self.save.parent.mkdir(parents=True)
        self.save.write_text("precious")
        if self.scenario.commands[0][0] == "create":
            return None
        self.made_by = last = self.order("create")["command_id"]
        for action in self.scenario.before:
            last = self.order(action)["command_id"]
        return last

    def set(self, **options):
        words = [word for key, value in options.items()
                 for word in ("--" + key.replace("_", "-"), value)]
        self.bay.run("server", "set", self.server, *words)

    # --- the commands, and the workers' lives

    def send(self):
        self.bay.forget_requests()
        for words in self.scenario.commands:
            answer = self.order(*words)
            self.commands += answer.get("command_ids") or [answer["command_id"]]
        if self.scenario.cancel == "queued":
            self.send_cancel()

    def send_cancel(self):
        self.cancelled = True
        try:
            answer = self.order("cancel", "--command", self.commands[-1])
            self.cancels.append(answer["command_id"])
        except AssertionError:  # refused: it may have ended meanwhile
            assert self.results()[self.commands[-1]], "a cancel was refused too early"

    def is_to_cancel(self):
        return self.scenario.cancel and not self.cancelled

    def cancel_is_due(self):
        return self.is_to_cancel() and self.bay.scripted.requests("POST", self.scenario.cancel)

    def results(self):
        """command id → its terminal results in the log, of the commands of this visit."""
        of_one = [] if self.scenario.commands == (["sync"],) else ["--server", self.server]
        found = {command: [] for command in self.commands + self.cancels}
        for event in self.bay.events(*of_one):
            command = (event["cause"] or {}).get("command_id")
            if command in found and event["body"].get("outcome") in TERMINAL:
                found[command].append(event["body"])
        return found

    def has_ended(self):
        return all(self.results().values())

    def wait_for_end(self, worker):
        """Until all has ended (true) or the worker is dead (false)."""
        end = time.monotonic() + PATIENCE_S
        look_at = time.monotonic() + 0.1
        while worker.process.poll() is None:
            if self.cancel_is_due():
                self.send_cancel()
            if time.monotonic() >= look_at:
                if self.has_ended():
                    return True
                assert time.monotonic() < end, f"no result in {PATIENCE_S} s: {self.results()}"
                look_at = time.monotonic() + 0.3
            time.sleep(0.01)
        return False

    def live(self, at=None, log=None):
        """One worker's life; whether it died before all had ended."""
        heir = self.scenario.heir
        worker = self.bay.worker(at, log, "b" if heir and not at and not log else "a",
                                 self.bay.lease if heir else ())
        self.lives.append(worker.log)
        ended = self.wait_for_end(worker)
        if log:
            time.sleep(0.2)  # what comes behind the result is to be noted, too
        self.bay.end(worker, kill=bool(at or log))
        return not ended

    def run(self):
        self.send()
        for at in self.points:
            if not self.live(at):
                return
            self.died += 1
        if self.is_to_cancel() and self.died:
            self.send_cancel()
        assert not self.live(log=self.log), "a worker ended that should not"

    # --- after

    def check(self):
        results = self.results()
        many = {command: found for command, found in results.items() if len(found) != 1}
        assert not many, f"not one terminal result: {many}"
        result = results[self.commands[-1]][0]
        assert result["outcome"] in self.scenario.after, f"{result['outcome']}: {result['message']}"
        for cancel in self.cancels:
            self.check_cancel(results[cancel][0], result)
        after = self.scenario.after[result["outcome"]]
        self.check_engine(after, result)
        self.check_data(after)
        row = self.bay.show(self.server)
        assert row["status"] == after.status, f"the ledger says {row['status']}"

    def check_cancel(self, cancel, target):
        agreed = ("done", "") if target["outcome"] == "cancelled" else ("failed", "too_late")
        assert (cancel["outcome"], cancel["code"]) == agreed, (cancel, target)

    def check_engine(self, after, result):
        found = self.bay.containers_of(self.server)
        names = [container["Name"][1:] for container in found]
        assert names == ([self.container] if after.container else []), names
        for container in found:
            self.check_container(container, after, result)
        if self.scenario.once:
            done = [entry for entry in self.bay.scripted.requests("POST", f"/{self.scenario.once}")
                    if entry["status"] == 204]
            assert len(done) == 1, f"{self.scenario.once} succeeded {len(done)} times"

    def check_container(self, container, after, result):
        status, policy = container["State"]["Status"], container["HostConfig"]["RestartPolicy"]
        assert status == after.container, f"it is {status}, not {after.container}"
        assert policy["Name"] == "unless-stopped", policy
        made_by = container["Config"]["Labels"]["muster.command.id"]
        wanted = self.commands[-1] if after.made == "this" else self.made_by
        assert made_by == wanted, f"made by {made_by}, not {after.made}: {wanted}"
        assert self.bay.show(self.server)["container_id"] == container["Id"]
        state = result["state"]
        if state:  # a sync's result has none
            assert (state["status"], state["container_id"]) == (status, container["Id"]), state

    def check_data(self, after):
        there = self.save.exists()
        assert there == after.data, f"the data is {'there' if there else 'gone'}"
        assert after.data or not self.data.exists(), f"{self.data} is left"
        aside = [self.bay.data_root / f".purge-{command}" for command in self.commands]
        assert not any(path.exists() for path in aside), aside

    def tell(self, wrong):
        """What is wrong, how to have it again, and the end of what the workers have logged."""
        at = f"MUSTER_SWEEP_AT={','.join(self.points)}" if self.points else "without a death"
        logs = [f"--- {log.name}\n{log.read_text()[-1500:]}" for log in self.lives]
        return "\n".join([f"{self.scenario.name}, {at} (server {self.name}): {wrong}", *logs])


# --- sweeping


def prepare(bay, visits):
    """Brings the servers of all of them to where their commands begin."""
    last = {visit: visit.prepare() for visit in visits}
    wanted = {visit.server: command for visit, command in last.items() if command}
    if wanted:
        worker = bay.worker().wait_ready()
        bay.wait_ended(wanted)
        bay.end(worker)
    for visit in visits:
        if visit.scenario.by_hand:
            visit.scenario.by_hand(visit)


def make_visit(visit):
    """What is wrong, or None."""
    try:
        visit.run()
        visit.check()
    except Exception as problem:  # the others are to be made, too
        for worker in list(visit.bay.processes):
            visit.bay.end(worker, kill=True)
        return f"{type(problem).__name__}: {problem}"
    return None


def make_visits(bay, visits):
    """(visit, what is wrong or None) of each."""
    if not visits:
        return []
    prepare(bay, visits)
    bay.be_slow(visits[0].scenario.slow)
    made = [(visit, make_visit(visit)) for visit in visits]
    bay.be_slow(False)
    bay.forget()
    late = [visit for visit, wrong in made  # a second result would be there by now
            if not wrong and any(len(found) != 1 for found in visit.results().values())]
    return made + [(visit, f"later: {visit.results()}") for visit in late]


def points_in(log):
    """The points of a crash log, as NAME:K."""
    passed, points = {}, []
    for name in log.read_text().split():
        passed[name] = passed.get(name, 0) + 1
        points.append(f"{name}:{passed[name]}")
    return points


def sweep(bays, wanted):
    """Makes a visit of each (scenario, points, log), in all bays at once, a few of one scenario
    together; [(visit, what is wrong or None)]."""
    units = queue.SimpleQueue()
    for _, some in itertools.groupby(wanted, key=lambda want: want[0].name):
        some = list(some)
        for begin in range(0, len(some), TOGETHER):
            units.put(some[begin:begin + TOGETHER])

    def work_in(bay):
        made = []
        with contextlib.suppress(queue.Empty):
            while unit := units.get_nowait():
                made += make_visits(bay, [Visit(want[0], bay, *want[1:]) for want in unit])
        return made
    with concurrent.futures.ThreadPoolExecutor(len(bays)) as pool:
        return [visited for part in pool.map(work_in, bays) for visited in part]
