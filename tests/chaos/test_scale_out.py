"""Workers of one agent come, go, stand still and are exchanged, while commands keep coming.

On Kafka and a scripted engine; what came of it is read by clients that are not ours.
"""
import collections
import time

import pytest
from commander import partition_of
from fleet import BUILD, Process, wait_for
from outpost import PATIENCE, mixed_orders
from world import BEFORE

KEPT = 6  # parts of a load
ACTIONS = ("start", "stop", "restart", "recreate", "rebuild")


class Load:
    """Commands in small parts, sent in between of whatever else a test does."""

    def __init__(self, outpost, number, seed, servers=24):
        self.outpost = outpost
        ids = [outpost.server(labels={"test.term-ms": "60"}) for _ in range(servers)]
        orders, self.last = mixed_orders(ids, number, seed, ACTIONS)
        self.parts = collections.deque(orders[i:i + 10] for i in range(0, len(orders), 10))

    def more(self, parts=1):
        for _ in range(min(parts, len(self.parts))):
            self.outpost.send_all(self.parts.popleft())

    def until(self, what, condition):
        """Waits for it under load; the last parts are kept for who has come."""
        def ask():
            if len(self.parts) > KEPT:
                self.more()
            return condition()
        return wait_for(what, ask, every=0.3)

    def finish(self):
        self.more(len(self.parts))
        self.outpost.wait_answered()
        self.outpost.judge()
        containers = self.outpost.scripted.containers()
        for server, status in self.last.items():
            found = containers.get(self.outpost.container(server))
            assert ("running" if found and found["State"]["Running"] else "stopped" if found else "absent") == status
        self.changes_do_not_overlap()

    def changes_do_not_overlap(self):
        """No container had two changes at once: nobody works on what is another's."""
        for server in self.outpost.servers:
            changes = self.outpost.changes_of(server)
            for before, after in zip(changes, changes[1:]):
                assert before["ended"] <= after["at"] + 0.005, (server, before, after)


def shares(outpost, *workers):
    return [outpost.partitions_of(worker) or 0 for worker in workers]


def test_one_worker_then_four_then_two_under_load(outpost, rounds):
    load = Load(outpost, max(rounds(250), 150), seed=11)
    first = outpost.worker("a", assigned=True)
    load.more(5)
    others = [outpost.worker(slot) for slot in "bcd"]
    load.until("four to share", lambda: shares(outpost, first, *others) == [1, 1, 1, 1])
    load.more(2)
    first.stop()
    others[0].stop()
    load.until("two to share", lambda: sum(shares(outpost, *others[1:])) == 4)
    load.finish()
    assert {event["worker"] for event in outpost.tail.terminals()} >= {"c", "d"}


def test_all_workers_are_rolled_under_load(outpost, rounds):
    load = Load(outpost, rounds(200), seed=12)
    workers = {slot: outpost.worker(slot) for slot in "abc"}
    load.until("three to share", lambda: all(shares(outpost, *workers.values())))
    for slot, worker in list(workers.items()):
        load.more(4)
        worker.stop()
        assert worker.process.returncode == 0
        workers[slot] = outpost.worker(slot)
        load.until("three to share again", lambda: sum(shares(outpost, *workers.values())) == 4)
    load.finish()


def test_l13_partitions_are_added_under_load(outpost, rounds):
    """By mistake: who sends refuses it or keeps to the count that was made, and workers that end are
    started again.  What was accepted is answered, once and in order, wherever its partition goes."""
    often = ("-X", "topic.metadata.refresh.interval.ms=1000")
    load = Load(outpost, rounds(200), seed=15)
    workers = {slot: outpost.worker(slot, *often) for slot in "ab"}

    def six_are_shared():
        for slot, worker in workers.items():
            if worker.process.poll() is not None:
                worker.killed = True
                workers[slot] = outpost.worker(slot, *often, ready=False)
        return shares(outpost, *workers.values()) == [3, 3]
    load.until("both to share", lambda: all(shares(outpost, *workers.values())))
    load.more(5)
    outpost.add_partitions("commands", 6)
    load.more(2)
    outpost.add_partitions("control", 6)
    load.until("six to be shared", six_are_shared)
    load.finish()


def test_l2_a_zombie_that_wakes_up_under_load(outpost, rounds, short_dir):
    """Its locks are elsewhere, so that nobody can kill it: only the bus can tell it that it is dead."""
    load = Load(outpost, rounds(150), seed=13)
    elsewhere = short_dir / "elsewhere"
    elsewhere.mkdir()
    zombie = outpost.start_worker(*PATIENCE, name="z", docker=outpost.docker, registry=outpost.registry_prefix,
                                  root_first=elsewhere, env_log="zombie")
    other = outpost.worker("a")
    load.until("two to share", lambda: all(shares(outpost, zombie, other)))
    outpost.wait_answered()
    zombie.pause()
    seen = len(zombie.output())
    load.until("one to have all", lambda: shares(outpost, other) == [4])
    load.more(3)
    zombie.resume()
    load.until("it to know", lambda: zombie.process.poll() is not None or " revoked" in zombie.output()[seen:])
    zombie.killed = True  # it may join again, or end: either way is right
    load.finish()
    assert zombie.process.poll() in (None, 1), zombie.output()


def test_l5_a_second_host_with_the_same_agent_id_changes_nothing(new_outpost, kafka, short_dir):
    """Two hosts run workers of one agent, by mistake: each command has one answer, and nothing is
    made on the wrong engine."""
    host, other = new_outpost(kafka, 2), new_outpost(kafka, 1)
    engine_id = host.scripted.state()["id"]
    right = host.worker("a", assigned=True)
    servers = [host.server()]
    while len(servers) < 8 or {partition_of(server, 2) for server in servers} != {0, 1}:
        servers.append(host.server())
    for server in servers:
        host.send("create", server, "done", engine_id=engine_id)
    host.wait_answered()
    wrong = host.start_worker(*PATIENCE, name="b", docker=other.docker, registry=host.registry_prefix,
                              root_first=short_dir / "0" / "data", env_log="wrong")
    wait_for("one partition each", lambda: shares(host, right, wrong) == [1, 1])
    for server in servers:
        host.send("stop", server, engine_id=engine_id)
    host.wait_answered()
    host.judge()
    ends = {(e["body"]["outcome"], e["body"]["code"], e["worker"]) for e in host.tail.terminals()
            if e["cause"]["action"] == "stop"}
    assert ends == {("done", "", "a"), ("rejected", "wrong_engine", "b")}
    assert other.scripted.containers() == {}


def start_of(outpost, program, slot):
    process = Process(f"worker-{slot}-{len(outpost.processes)}", [
        program, "--agent", outpost.agent, "--bus", outpost.bus_url, "--data-root", outpost.data_root,
        "--docker", outpost.docker, "--registry", outpost.registry_prefix, "--worker", slot, *PATIENCE],
        outpost.directory)
    outpost.processes.append(process)
    return process.wait_ready()


@pytest.fixture
def before():
    if not BEFORE.exists():
        pytest.skip(f"{BEFORE} is not built: start the tests with tests/run")
    return BEFORE


def test_two_versions_side_by_side_go_on_with_each_others_work(outpost, rounds, before):
    """The version before takes over what today's has begun, and the other way round."""
    load = Load(outpost, max(rounds(150), 100), seed=14)
    ours, theirs = start_of(outpost, BUILD / "muster-worker", "a"), start_of(outpost, before, "b")
    load.until("both to share", lambda: all(shares(outpost, ours, theirs)))
    ours.kill()
    load.more(3)
    load.until("the other to have all", lambda: shares(outpost, theirs) == [4])
    ours = start_of(outpost, BUILD / "muster-worker", "a")
    load.until("both to share again", lambda: all(shares(outpost, ours, theirs)))
    theirs.kill()
    time.sleep(0.5)
    load.finish()
    today = outpost.tail.codec.fingerprint
    written = {(event["worker"], event["schema"] == today) for event in outpost.tail.terminals()}
    assert {("a", True), ("b", False)} <= written  # ours writes what the older ones can say as they do
    assert ("b", True) not in written
