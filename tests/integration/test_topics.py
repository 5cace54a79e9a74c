"""Topics as others make and change them, and brokers that are away or lost: cases L23, L24, L26.

The topics have the names that every control plane gives them: each test has a broker of its own, or
leaves the cluster without topics.
"""
import contextlib
import itertools
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import requests
from client import Client
from commander import partition_of
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from fleet import Fleet, wait_for
from log_reader import LogReader
from outpost import TERMINAL
from services import PATIENCE_S, Kafka, Ports, run_script
from yard import Yard

EVENTS = "muster.events"


def knows(client, topic, partitions):
    found = client.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
    return len(found) == partitions and all(partition.leader >= 0 for partition in found.values())


class Topics:
    """What an admin does to topics, by a client that is not ours."""

    def __init__(self, kafka):
        self.client = AdminClient({"bootstrap.servers": kafka.address})
        self.each = [AdminClient({"bootstrap.servers": address}) for address in kafka.address.split(",")]

    def make(self, name, partitions, replication=1, **config):
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        self.client.create_topics([NewTopic(name, partitions, replication, config=config)])[name].result(PATIENCE_S)
        wait_for(f"all brokers to know {name}", lambda: all(knows(one, name, partitions) for one in self.each))

    def remove(self, *names):
        names = list(names) or [name for name in self.client.list_topics(timeout=PATIENCE_S).topics if name[:2] != "__"]
        for done in self.client.delete_topics(names).values() if names else ():
            done.result(PATIENCE_S)
        wait_for("the topics to be gone", lambda: not any(
            set(names) & set(one.list_topics(timeout=PATIENCE_S).topics) for one in self.each))

    def set(self, name, **config):
        """All that is not named goes back to its default, as kafka-configs of old had it."""
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, set_config=config)
        for done in self.client.alter_configs([resource]).values():
            done.result(PATIENCE_S)

    def settings(self, name):
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        [done] = self.client.describe_configs([resource]).values()
        return {key: entry.value for key, entry in done.result(PATIENCE_S).items()}

    def partitions(self, name):
        return self.client.list_topics(name, timeout=PATIENCE_S).topics[name].partitions

    def in_sync(self, node):
        """Of the partitions with a replica on that broker, those of the cluster's own topics too: "all", "some" or
        "none" have all records there.  None: who was asked does not answer at once, and may be gone."""
        with contextlib.suppress(KafkaException):
            topics = self.client.list_topics(timeout=5).topics.values()
            partitions = [partition for topic in topics for partition in topic.partitions.values()]
            there = [partition for partition in partitions if node in partition.replicas]
            have = sum(node in partition.isrs for partition in there)
            return "all" if have == len(there) else "some" if have else "none"
        return None

    def replicas(self, name):
        return {len(partition.replicas) for partition in self.partitions(name).values()}


@pytest.fixture
def cluster_topics(cluster):
    topics = Topics(cluster)
    yield topics
    topics.remove()


@pytest.fixture
def new_fleet_on(short_dir, request):
    made = []

    def make(kafka):
        directory = short_dir / str(len(made))
        directory.mkdir()
        made.append(Fleet(directory, kafka.url, kafka=kafka))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


def health(fleet):
    return requests.get(f"http://127.0.0.1:{fleet.http_port}/healthz", timeout=PATIENCE_S).json()


# --- L23


@pytest.fixture(scope="module")
def kept_kafka(long_lived_dir):
    """One broker for several tests, each of which takes all topics away."""
    directory = long_lived_dir / "kept"
    address = run_script("kafka", "start", "--port", Ports.take(), "--dir", directory)
    yield Kafka(address, directory)
    run_script("kafka", "kill", "--dir", directory)


@pytest.fixture
def topics(own_kafka):
    return Topics(own_kafka)


def test_l23_the_log_is_known_after_tools_have_rewritten_its_settings(own_kafka, topics, new_fleet_on):
    fleet = new_fleet_on(own_kafka).init()
    fleet.add_agent()
    server, _ = fleet.create(wait=False, image="registry.test/game")
    topics.set(EVENTS, retention_ms=-1)
    assert "retention.bytes" not in {key for key, value in topics.settings(EVENTS).items() if value != "-1"}
    fleet.server("stop", server, wait=False)
    fleet.run("audit", "replay", "--verify")


def test_l23_a_log_made_anew_is_told_however_long_it_is(own_kafka, topics, new_fleet_on):
    fleet = new_fleet_on(own_kafka).init()
    agent = fleet.add_agent()
    server, _ = fleet.create(wait=False, image="registry.test/game")
    partitions = len(topics.partitions(EVENTS))
    topics.remove(EVENTS)
    topics.make(EVENTS, partitions, retention_ms=-1)
    producer = Producer({"bootstrap.servers": own_kafka.address})
    for _ in range(50):
        producer.produce(EVENTS, b"?", key=server, partition=partition_of(agent, partitions))
    assert producer.flush(PATIENCE_S) == 0
    assert "another log" in fleet.run("server", "stop", server, expect=4).stderr
    serve = fleet.start_serve(ready=False)
    assert serve.exit_code() != 0
    assert "another log" in serve.output()
    serve.killed = True  # it has ended with an error, as it should


def test_l23_three_brokers_hold_the_log_three_times(cluster, cluster_topics, new_fleet_on):
    fleet = new_fleet_on(cluster)
    told = fleet.json("init")
    assert (told["replication"], told["min_insync"]) == (3, 2)
    names = [EVENTS, "muster.heartbeats", "muster.deadletter", f"muster.commands.{fleet.add_agent()}"]
    assert [cluster_topics.replicas(name) for name in names] == [{3}] * 4
    assert {cluster_topics.settings(name)["min.insync.replicas"] for name in names} == {"2"}


def test_l23_as_many_replicas_as_was_said(cluster, cluster_topics, new_fleet_on):
    fleet = new_fleet_on(cluster)
    fleet.run("init", "--replication", 2, "--min-insync", 3, expect=2)
    fleet.run("init", "--replication", 2, "--min-insync", 1)
    names = [EVENTS, f"muster.control.{fleet.add_agent()}"]
    assert [cluster_topics.replicas(name) for name in names] == [{2}] * 2
    assert {cluster_topics.settings(name)["min.insync.replicas"] for name in names} == {"1"}


def test_l23_one_replica_on_three_brokers_is_warned_of(cluster, cluster_topics, new_fleet_on):
    cluster_topics.make(EVENTS, 3, retention_ms=-1)
    warned = new_fleet_on(cluster).run("init").stderr
    assert f"topic {EVENTS} has one replica on 3 brokers" in warned


@pytest.mark.parametrize("wrong", [
    {"cleanup_policy": "compact"}, {"cleanup_policy": "compact,delete", "retention_ms": -1},
    {"retention_ms": 86400000}, {"retention_ms": -1, "retention_bytes": 1 << 30}])
def test_l23_a_log_that_would_lose_records_is_refused(kept_kafka, new_fleet_on, wrong):
    topics = Topics(kept_kafka)
    topics.remove()
    topics.make(EVENTS, 2, **wrong)
    refused = new_fleet_on(kept_kafka).run("init", expect=2).stderr
    named = "cleanup.policy=" if "cleanup_policy" in wrong else "retention.ms=-1,retention.bytes=-1"
    assert f"topic {EVENTS}" in refused and "kafka-configs.sh --alter" in refused and named in refused
    topics.set(EVENTS, retention_ms=-1)
    new_fleet_on(kept_kafka).init()


def test_l23_a_log_that_an_admin_makes_lose_records_is_red(own_kafka, topics, new_fleet_on):
    fleet = new_fleet_on(own_kafka).init()
    serve = fleet.start_serve()
    assert health(fleet)["topic_fault"] is None
    topics.set(EVENTS, cleanup_policy="compact")
    wait_for("the fault in health", lambda: "cleanup.policy=compact" in (health(fleet)["topic_fault"] or ""))
    assert health(fleet)["status"] == "degraded"
    topics.set(EVENTS, retention_ms=-1)
    wait_for("serve to be well", lambda: health(fleet)["status"] == "ok")
    assert serve.process.poll() is None


def test_l23_an_agents_topic_that_eats_commands_is_red(own_kafka, topics, new_fleet_on):
    fleet = new_fleet_on(own_kafka).init()
    control = f"muster.control.{fleet.add_agent()}"
    serve = fleet.start_serve()
    for wrong, named in (({"cleanup_policy": "compact"}, "cleanup.policy=compact"),
                         ({"retention_ms": 60000}, "retention.ms=60000")):
        topics.set(control, **wrong)
        wait_for("the fault in health", lambda: named in (health(fleet)["topic_fault"] or ""))
        assert control in health(fleet)["topic_fault"] and health(fleet)["status"] == "degraded"
    topics.set(control)
    wait_for("serve to be well", lambda: health(fleet)["status"] == "ok")
    assert serve.output().count("serve.topic ") >= 2


# --- L24


def ended(fleet, server):
    """(action, outcome, code) of each command of a server, as the ledger has it."""
    with sqlite3.connect(fleet.ledger) as ledger:
        return ledger.execute("SELECT action, outcome, code FROM commands WHERE server_id = ? ORDER BY issued_at",
                              (server,)).fetchall()


def test_l24_a_command_that_its_topic_does_not_take_holds_nobody_up(own_kafka, topics, new_fleet_on):
    fleet = new_fleet_on(own_kafka).init()
    agent = fleet.add_agent()
    topics.set(f"muster.commands.{agent}", max_message_bytes=4000)
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"  # accepted, and all sent in one batch afterwards
    names = [fleet.new_name() for _ in range(3)]
    for name, value in zip(names, ("small", "x" * 9000, "small")):
        fleet.run("server", "create", agent, name, "--image", "registry.test/game", "--image-tag", "1", "--game-port", 1,
                  "--udp-port", 2, "--rcon-port", 3, "-e", f"WORLD={value}", expect=4)
    fleet.bus_url = url
    with sqlite3.connect(fleet.ledger) as ledger:
        servers = dict(ledger.execute("SELECT name, id FROM servers").fetchall())
    small, large, other = (servers[name] for name in names)
    fleet.server("stop", other, wait=False)
    wait_for("the large one to be closed", lambda: fleet.run("server", "list") and
             ended(fleet, large) == [("create", "failed", "too_large")])
    assert ended(fleet, small) == [("create", "", "")]
    assert [action for action, outcome, _ in ended(fleet, other) if not outcome] == ["create", "stop"]
    assert fleet.json("agent", "list")[0]["held"] is None
    fleet.run("audit", "replay", "--verify")


def test_l24_a_command_that_is_too_large_is_refused_at_the_request(own_kafka, topics, new_fleet_on):
    fleet = new_fleet_on(own_kafka).init()
    agent = fleet.add_agent()
    commands = f"muster.commands.{agent}"
    topics.set(commands, max_message_bytes=4000)
    words = ("server", "create", agent, "game", "--image", "registry.test/game", "--image-tag", "1", "--game-port", 1,
             "--udp-port", 2, "--rcon-port", 3, "-e", f"WORLD={'x' * 9000}")
    refused = fleet.run(*words, expect=2).stderr
    assert f"topic {commands} takes 3900" in refused and "max.message.bytes" in refused and "xxx" not in refused
    assert fleet.json("server", "list") == []
    fleet.start_serve()
    token = fleet.json("token", "add", "--role", "operator", "--name", "o")["token"]
    problem = Client(f"http://127.0.0.1:{fleet.http_port}", token).problem("POST", f"/agents/{agent}/servers", 409, {
        "name": "game", "image": "registry.test/game", "image_tag": "1", "game_port": 1, "udp_port": 2, "rcon_port": 3,
        "config": {"WORLD": "x" * 9000}})
    assert f"topic {commands} takes 3900" in problem["detail"]
    topics.set(commands, max_message_bytes=100000)
    fleet.run(*words)


# --- L26


def outlive(fleet, serve, away, back):
    """A command that is asked meanwhile goes out afterwards, by the serve that was there before."""
    server, _ = fleet.create(wait=False, image="registry.test/game")
    away()
    try:
        fleet.server("stop", server, wait=False, expect=4)  # accepted, not sent
        wait_for("serve to say it", lambda: serve.output().count("serve.trouble") >= 1 or
                 serve.process.poll() is not None)
        assert serve.process.poll() is None, serve.output()[-2000:]
        assert health(fleet)["status"] == "degraded"
    finally:
        back()
    wait_for("serve to be well", lambda: health(fleet)["status"] == "ok" or serve.process.poll() is not None)
    wait_for("the command in the log", lambda: '"stop"' in fleet.run(
        "events", "--json", "--server", server, expect=None).stdout)
    assert serve.process.poll() is None, serve.output()[-2000:]


def leader_of(topics, agent):
    """Of the partition that the agent's events go to."""
    partitions = topics.partitions(EVENTS)
    return partitions[partition_of(agent, len(partitions))].leader


def test_l26_serve_outlives_a_dead_leader(cluster, cluster_topics, new_fleet_on):
    cluster_topics.make(EVENTS, 3, retention_ms=-1)
    fleet = new_fleet_on(cluster).init()
    leader = leader_of(cluster_topics, fleet.add_agent())
    serve = fleet.start_serve()
    outlive(fleet, serve, lambda: cluster.kill_node(leader), lambda: cluster.start_node(leader))


def test_l26_what_waits_for_replicas_goes_out_afterwards(cluster, cluster_topics, new_fleet_on):
    cluster_topics.make(EVENTS, 3, replication=3, min_insync_replicas=3, retention_ms=-1)
    fleet = new_fleet_on(cluster).init()
    other = leader_of(cluster_topics, fleet.add_agent()) % 3 + 1
    serve = fleet.start_serve()
    outlive(fleet, serve, lambda: cluster.kill_node(other), lambda: cluster.start_node(other))


# --- a broker is lost


class Load(threading.Thread):
    """Commands, one after another, until stop(): each is asked of `muster`, and none is waited for."""

    def __init__(self, fleet, servers):
        super().__init__(daemon=True)
        self.fleet, self.servers, self.over = fleet, servers, threading.Event()
        self.asked, self.problems = 0, []

    def run(self):
        orders = [(action, server) for action in ("stop", "start", "restart") for server in self.servers]
        for action, server in itertools.cycle(orders):
            done = self.fleet.run("server", action, server, expect=None)
            if done.returncode not in (0, 4):  # 4: accepted, and not sent yet
                self.problems.append(done.stderr)
            self.asked += 1
            if self.over.is_set():
                return

    def goes_on(self, number=10):
        wanted = self.asked + number
        wait_for(f"{number} more commands", lambda: self.asked >= wanted)

    def stop(self):
        self.over.set()
        self.join(PATIENCE_S)
        assert not self.problems and not self.is_alive(), self.problems


@pytest.fixture
def new_yard_on(new_fleet_on, short_dir):
    made = []

    def make(kafka):
        fleet = new_fleet_on(kafka).init()
        fleet.add_agent()
        made.append(Yard(fleet, short_dir))
        return made[-1]

    yield make
    for yard in made:
        for process in yard.fleet.processes:
            process.stop()
        yard.engine.stop()


def open_ones(fleet):
    with contextlib.closing(sqlite3.connect(fleet.ledger)) as ledger:
        return ledger.execute("SELECT command_id FROM commands WHERE finished_at IS NULL").fetchall()


def each_has_one_result(yard):
    """Whatever was accepted, the log has one end of it."""
    fleet, ends = yard.fleet, {}
    for event in LogReader(fleet.bus_url.removeprefix("kafka://")).events(yard.agent):
        if event["body"].get("outcome") in TERMINAL:
            ends.setdefault(event["cause"]["command_id"], []).append(event["body"]["outcome"])
    with contextlib.closing(sqlite3.connect(fleet.ledger)) as ledger:
        asked = {row[0] for row in ledger.execute("SELECT command_id FROM commands")}
    assert ends.keys() == asked and {tuple(end) for end in ends.values()} == {("done",)}, (ends, asked - ends.keys())
    return len(asked)


@pytest.mark.parametrize("node", [1, *(pytest.param(node, marks=pytest.mark.long) for node in (2, 3))])
def test_l23_any_of_three_brokers_is_lost_and_replaced_under_load(cluster, cluster_topics, new_yard_on, node):
    """With its disk; the topics are as `muster init` makes them."""
    yard = new_yard_on(cluster)
    serve = yard.fleet.start_serve()
    yard.start_worker()
    load = Load(yard.fleet, [yard.create()[0] for _ in range(3)])
    load.start()
    load.goes_on()
    cluster.kill_node(node)
    wait_for("the others to go on without it", lambda: cluster_topics.in_sync(node) == "none")
    load.goes_on()
    shutil.rmtree(Path(cluster.directory) / str(node) / "data")
    cluster.start_node(node)
    wait_for("it to have all again", lambda: cluster_topics.in_sync(node) == "all")
    load.goes_on()
    load.stop()
    wait_for("all to have ended", lambda: not open_ones(yard.fleet))
    assert each_has_one_result(yard) >= 3 + load.asked
    assert serve.process.poll() is None and health(yard.fleet)["status"] == "ok"
    yard.verify()
    assert yard.check() == []
