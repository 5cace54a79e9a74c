"""Workers that come, go and are killed: every command has one answer, in the order of its server.

Counted by clients that we did not write (outpost.py).  Cases S13, S14, L2, L10.
"""
import itertools
import subprocess
import time

import pytest
from fleet import BUILD, wait_for
from outpost import PATIENCE, TERMINAL, Outpost, Tail, judge, mixed_orders
from scripted_engine import ScriptedEngine
from services import PATIENCE_S


class Killer:
    """Two slots; every few seconds the next one is killed with -9 and started again."""

    def __init__(self, start, every=3.0, down=0.7):
        self.start, self.every, self.down = start, every, down
        self.workers = {slot: start(slot) for slot in "ab"}
        self.slots = itertools.cycle("ab")
        self.killed, self.ended = 0, 0
        self.next = time.monotonic() + every

    def __call__(self):
        """To be called again and again while something is waited for."""
        for slot, worker in self.workers.items():
            if worker.process.poll() is not None:  # fenced, or out of its depth: started again
                worker.killed = True
                self.ended += 1
                self.workers[slot] = self.start(slot)
        if time.monotonic() < self.next:
            return
        slot = next(self.slots)
        self.workers[slot].kill()
        self.killed += 1
        time.sleep(self.down)
        self.workers[slot] = self.start(slot)
        self.every = min(1.2 * self.every, 60)  # on a slow machine they get on with it at last
        self.next = time.monotonic() + self.every


def container_status(found):
    if not found:
        return "absent"
    return "running" if found["State"]["Running"] else "stopped"


def check_containers(outpost, last, find):
    """Each server's container is what its last command left."""
    for server_id, status in last.items():
        assert container_status(find(outpost.container(server_id))) == status, server_id


def kcat_topics(kafka):
    done = subprocess.run(["kcat", "-L", "-b", kafka.address], text=True, capture_output=True,
                          timeout=PATIENCE_S, check=True)
    return done.stdout


# --- killed


def test_commands_survive_workers_that_are_killed(outpost, rounds):
    """On the scripted engine, with many commands."""
    servers = [outpost.server() for _ in range(40)]
    orders, last = mixed_orders(servers, rounds(2400), seed=1)
    killer = Killer(lambda slot: outpost.worker(slot, ready=False), every=2.0)
    for at in range(0, len(orders), 100):
        outpost.send_all(orders[at:at + 100])
        killer()
    outpost.wait_answered(meanwhile=killer)
    assert killer.killed >= min(rounds(3), 3)
    outpost.judge()
    containers = outpost.scripted.containers()
    check_containers(outpost, last, containers.get)
    print(f"{len(orders)} commands, {killer.killed} kills, {killer.ended} other ends")


@pytest.fixture
def real_outpost(request, short_dir, kafka, engine, registry, image):
    outpost = Outpost(short_dir, kafka, engine.socket, image, f"{registry.address}/", engine)
    yield outpost
    outpost.close()


def test_200_commands_for_40_servers_on_a_real_engine(real_outpost, rounds):
    outpost = real_outpost
    servers = [outpost.server(stop={"signal": "SIGTERM", "timeout_s": 5, "save": [],
                                    "save_timeout_s": 5}) for _ in range(rounds(40))]
    orders, last = mixed_orders(servers, 5 * len(servers), seed=2)
    killer = Killer(lambda slot: outpost.worker(slot, ready=False), every=4.0)
    outpost.send_all(orders)
    outpost.wait_answered(meanwhile=killer)
    assert killer.killed >= min(rounds(3), 3)
    outpost.judge()
    check_containers(outpost, last, lambda name: (
        outpost.engine.inspect(name) if outpost.engine.find(name) else None))
    topics = kcat_topics(outpost.kafka)
    for topic in (f"muster.commands.{outpost.agent}", f"muster.control.{outpost.agent}",
                  "muster.events", "muster.heartbeats", "muster.deadletter"):
        assert f'topic "{topic}" with' in topics
    print(f"{len(orders)} commands, {killer.killed} kills, {killer.ended} other ends")


@pytest.fixture
def results(bare_fleet):
    """Reads the results there are, by clients that are not ours where there are such."""
    if bare_fleet.kafka:
        tail = Tail(bare_fleet.kafka.address, bare_fleet.agent)
        yield tail.results
        tail.close()
    else:
        yield lambda: [event for event in bare_fleet.events() if "outcome" in event["body"]]


def start_relay(fleet):
    fleet.start("serve", [BUILD / "muster", "serve", "--bus", fleet.bus_url,
                          "--ledger", fleet.ledger])


@pytest.fixture
def scripted(short_dir):
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        yield engine


def test_200_commands_through_the_control_plane(scripted, bare_fleet, results, rounds):
    """On both buses: sent by muster, carried out by two workers of which one is killed now and
    then, and folded into the ledger."""
    fleet = bare_fleet
    image = {"image": "registry.test/game", "image_tag": "1"}
    if fleet.kafka:
        start_relay(fleet)  # a muster alone takes half a second to join Kafka
    quick = PATIENCE if fleet.kafka else ("-X", "bus.lease.ms=3000", "--takeover", "3s")
    killer = Killer(lambda slot: fleet.start_worker(
        *quick, name=slot, docker=scripted.path, registry="registry.test/", ready=False,
        env_log=f"worker-{slot}-{len(fleet.processes)}"))
    servers = [fleet.create(wait=False, **image)[0] for _ in range(rounds(40))]
    orders, last = mixed_orders(servers, 5 * len(servers), seed=5, actions=(
        "start", "stop", "restart", "recreate", "rebuild"))
    sent = []
    for action, server_id, outcome in orders[len(servers):]:
        sent.append((server_id, fleet.server(action, server_id, wait=False)["command_id"], outcome))
        killer()

    def all_answered():
        killer()
        answered = {e["cause"]["command_id"] for e in results()
                    if e["body"]["outcome"] in TERMINAL}
        return not {command_id for _, command_id, _ in sent} - answered

    wait_for("all results", all_answered, every=0.5)
    assert killer.killed >= min(rounds(2), 2)
    made = {e["server_id"]: e["cause"]["command_id"] for e in reversed(results())
            if e["cause"]["action"] == "create"}
    judge([(s, made[s], "done") for s in servers] + sent, results())

    def statuses():
        found = {row["id"]: row["status"] for row in fleet.json("server", "list")}
        return {server_id: found[server_id] for server_id in servers}
    wait_for("the ledger to have all of it", lambda: statuses() == last)
    print(f"{len(orders)} commands, {killer.killed} kills, {killer.ended} other ends")


# --- members come and go


def changes_do_not_overlap(outpost):
    """The engine never had two changes of one container at once; each server has had one."""
    for server_id in outpost.servers:
        changes = outpost.changes_of(server_id)
        for before, after in zip(changes, changes[1:]):
            assert before["ended"] <= after["at"] + 0.005, (server_id, before, after)


def test_workers_join_and_leave_and_nothing_is_lost(outpost, rounds):
    servers = [outpost.server(labels={"test.term-ms": "150"}) for _ in range(24)]
    orders, last = mixed_orders(servers, rounds(400), seed=3, actions=("start", "stop", "restart"))
    parts = [orders[i * len(orders) // 4:(i + 1) * len(orders) // 4] for i in range(4)]
    a = outpost.worker("a", assigned=True)
    outpost.send_all(parts[0])
    b = outpost.worker("b")
    wait_for("two to share", lambda: outpost.partitions_of(a) and outpost.partitions_of(b))
    outpost.send_all(parts[1])
    c = outpost.worker("c")
    wait_for("three to share", lambda: all(map(outpost.partitions_of, (a, b, c))))
    outpost.send_all(parts[2])
    a.stop()
    assert a.process.returncode == 0
    outpost.send_all(parts[3])
    outpost.wait_answered()
    outpost.wait_assigned(b, c)
    outpost.judge()
    assert {e["worker"] for e in outpost.tail.terminals()} == {"a", "b", "c"}
    check_containers(outpost, last, outpost.scripted.containers().get)
    changes_do_not_overlap(outpost)
    assert b.process.poll() is None and c.process.poll() is None


def test_a_drain_that_takes_too_long_ends_well_and_is_gone_on_with(narrow_outpost):
    outpost = narrow_outpost
    worker = outpost.worker("a", "--drain", "1s", assigned=True)
    server_id = outpost.server(labels={"test.term-ms": "6000"}, stop={
        "signal": "SIGTERM", "timeout_s": 60, "save": [], "save_timeout_s": 30})
    outpost.send("create", server_id, "done")
    outpost.wait_answered()
    outpost.send("stop", server_id, "done")
    wait_for("the stop", lambda: outpost.scripted.requests("POST", "/stop"))
    worker.stop()
    assert worker.process.returncode == 0, worker.output()
    outpost.send("start", server_id, "done")
    outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert container_status(outpost.scripted.containers()[outpost.container(server_id)]) == "running"


def test_a_drain_without_an_engine_waits_for_nothing(narrow_outpost):
    outpost = narrow_outpost
    worker = outpost.worker("a", "--drain", "1h", assigned=True)
    server_id = outpost.server(labels={"test.term-ms": "60000"}, stop={
        "signal": "SIGTERM", "timeout_s": 60, "save": [], "save_timeout_s": 30})
    outpost.send("create", server_id, "done")
    outpost.wait_answered()
    outpost.send("stop", server_id)
    wait_for("the stop", lambda: outpost.scripted.requests("POST", "/stop"))
    outpost.scripted.stop()
    wait_for("the engine to be missed", lambda: "engine.down" in worker.output())
    worker.stop()
    assert worker.process.returncode == 0, worker.output()


def test_all_workers_are_started_again(outpost):
    servers = [outpost.server() for _ in range(20)]
    orders, last = mixed_orders(servers, 200, seed=4)
    outpost.send_all(orders[:100])
    workers = [outpost.worker(slot) for slot in "ab"]
    wait_for("some results", lambda: len(outpost.tail.answered()) > 10)
    for worker in workers:
        worker.kill()
    outpost.send_all(orders[100:])
    for slot in "ab":
        outpost.worker(slot)
    outpost.wait_answered()
    outpost.judge()
    check_containers(outpost, last, outpost.scripted.containers().get)


# --- many that have begun


def test_what_many_jobs_have_begun_survives_a_takeover(narrow_outpost):
    """300 servers wait for pulls.  Only so many notes have room beside an offset: the others
    are not begun, and none of it stops the partition."""
    outpost = narrow_outpost
    outpost.scripted.script({"method": "POST", "path": "/images/create", "do": "lines",
                             "times": 0, "lines": [{"status": "Pulling fs layer", "id": "aa"}],
                             "then": "hang"})
    servers = [outpost.server(image_tag=str(i)) for i in range(300)]
    first = outpost.worker("a", assigned=True)
    outpost.send_all([("create", server_id, "done") for server_id in servers])
    def begun():
        return {e["cause"]["command_id"] for e in outpost.tail.results()
                if e["body"]["outcome"] == "accepted"}
    wait_for("many to have begun", lambda: len(begun()) >= 100)
    time.sleep(3)
    began = len(begun())
    first.kill()
    outpost.scripted.clear_script()
    outpost.scripted.release()
    outpost.worker("b", assigned=True)
    outpost.wait_answered()
    outpost.judge()  # at most one `accepted` each: what had begun was known to have
    assert len(outpost.scripted.containers()) == len(servers)
    print(f"{began} of {len(servers)} had begun")
