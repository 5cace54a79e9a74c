"""outpost - one agent without our control plane: workers, commands and the log they leave.

For tests of the worker alone.  Commands come from commander.py, the engine is a scripted one
or the real one, and what the workers say is read by clients that we did not write.
"""
import random
import re
import socket
import struct
import time
import uuid

from commander import Commander, a_spec, add_partitions, make_topics, partition_of
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from fleet import Fleet, wait_for
from log_reader import Codec, LogReader
from services import PATIENCE_S

EVENTS = "muster.events"
TERMINAL = {"done", "failed", "rejected", "expired", "cancelled"}
# A worker that is gone is missed after six seconds, and killed after three if it stands still.
PATIENCE = ("-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000",
            "--takeover", "3s")


class Tail:
    """The events of one agent from now on, as a read_committed consumer gets to see them."""

    def __init__(self, bootstrap, agent_id):
        self.agent_id, self.codec, self.events = agent_id, Codec("event"), []
        self._bootstrap = bootstrap
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": f"tail-{agent_id}",
            "enable.auto.commit": False, "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20})
        partitions = len(self._consumer.list_topics(EVENTS, PATIENCE_S).topics[EVENTS].partitions)
        partition = partition_of(agent_id, partitions)
        place = TopicPartition(EVENTS, partition)
        wait_for("the log", lambda: self._end_of(place) is not None)
        place.offset = self._end_of(place)
        self._consumer.assign([place])

    def _end_of(self, place):
        try:
            return self._consumer.get_watermark_offsets(place, PATIENCE_S)[1]
        except KafkaException:
            return None  # a topic that was made just now

    def read(self, wait=0.05):
        """Takes what has come; all there is of this agent so far."""
        while (message := self._consumer.poll(wait)) is not None:
            if message.error():
                continue  # a broker that is gone comes back, or the test's time is up
            wait = 0
            if not self.codec.knows(message.value()):
                continue  # of a foreign hand
            event = self.codec.decode(message.value())
            if event["agent_id"] == self.agent_id:
                event["read_at"] = time.time()
                event["append_ms"] = message.timestamp()[1]
                event["schema"] = self.codec.fingerprint_of(message.value())
                self.events.append(event)
        return self.events

    def results(self):
        return [e for e in self.read() if "outcome" in e["body"]]

    def terminals(self):
        return [e for e in self.results() if e["body"]["outcome"] in TERMINAL]

    def answered(self):
        return {e["cause"]["command_id"] for e in self.terminals() if e["cause"]}

    def ends(self):
        """(what is readable, what is written): apart while a transaction is open."""
        (place,) = self._consumer.assignment()
        loose = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "ends",
                          "isolation.level": "read_uncommitted"})
        try:
            return tuple(c.get_watermark_offsets(place, PATIENCE_S)[1] for c in (self._consumer, loose))
        finally:
            loose.close()

    def close(self):
        self._consumer.close()


class Outpost(Fleet):
    """An agent of its own.  `socket` is the engine's; `image` what its servers run."""

    def __init__(self, directory, kafka, docker, image, registry, engine=None, partitions=4):
        super().__init__(directory, kafka.url, kafka=kafka)
        self.agent, self.docker, self.image = self.id, docker, image
        self.registry_prefix, self.engine, self.partitions = registry, engine, partitions
        self.events_partitions = 32
        make_topics(kafka.address, self.agent, partitions)
        self.commander = Commander(kafka.address, self.agent, partitions)
        self.tail = Tail(kafka.address, self.agent)
        self.sent = []  # (server id, command id, outcome or None), as sent
        self.servers = {}

    # Workers

    def worker(self, slot, *extra, ready=True, assigned=False):
        """A process in that slot; `assigned`: wait until it has partitions."""
        process = self.start_worker(*PATIENCE, *extra, name=slot, docker=self.docker,
                                    registry=self.registry_prefix, ready=ready,
                                    env_log=f"worker-{slot}-{len(self.processes)}")
        if assigned:
            self.wait_assigned(process)
        return process

    @staticmethod
    def partitions_of(process):
        """How many partitions its log says that it has; None: it waits for them."""
        count = None
        for line in process.output().splitlines():
            if " assignment " in f" {line} ":
                count = int(line.split("partitions=")[1].split()[0].strip('"'))
            elif " revoked" in line:
                count = None
        return count

    def wait_assigned(self, *processes, timeout=PATIENCE_S):
        """Until these have all partitions between them."""
        def all_of_them():
            return sum(self.partitions_of(p) or 0 for p in processes) == self.partitions
        wait_for(f"{len(processes)} workers to have all partitions", all_of_them, timeout)

    # Commands

    def server(self, name=None, **changes):
        """A new server: its id."""
        name = name or self.new_name()
        server_id = str(uuid.uuid4())
        self.servers[server_id] = a_spec(name, self.image, str(self.data_root), **changes)
        return server_id

    def container(self, server_id):
        return self.servers[server_id]["container"]

    def command(self, action, server_id, **changes):
        return self.commander.command(action, server_id, self.servers.get(server_id), **changes)

    def note(self, command, outcome=None):
        self.sent.append((command["server_id"], command["command_id"], outcome))
        return command["command_id"]

    def send(self, action, server_id, outcome=None, **changes):
        command = self.command(action, server_id, **changes)
        self.commander.send_command(command)
        return self.note(command, outcome)

    def send_all(self, orders):
        """(action, server id, outcome) each, as fast as it goes."""
        for action, server_id, outcome in orders:
            command = self.command(action, server_id)
            self.commander.queue_command(command)
            self.note(command, outcome)
        self.commander.flush()

    # Results

    def result(self, command_id, timeout=PATIENCE_S):
        """Its terminal result, once it can be read."""
        def find():
            return [e for e in self.tail.terminals() if e["cause"]["command_id"] == command_id]
        return wait_for(f"the result of {command_id}", find, timeout)[0]

    def outcome(self, command_id, timeout=PATIENCE_S):
        return self.result(command_id, timeout)["body"]["outcome"]

    def wait_pulling(self, *command_ids):
        """Until each has said that it waits for its image."""
        wait_for("pulls", lambda: set(command_ids) <= {
            e["cause"]["command_id"] for e in self.tail.read() if e["body"].get("outcome") == "progress"})

    def wait_answered(self, timeout=PATIENCE_S, meanwhile=None):
        """Until every command that was sent has a terminal result."""
        wanted = {command_id for _, command_id, _ in self.sent}
        def none_open():
            if meanwhile:
                meanwhile()
            return not wanted - self.tail.answered()
        wait_for("all results", none_open, timeout)

    def judge(self, settle=1.0):
        time.sleep(settle)  # a second answer would come late
        judge(self.sent, self.tail.results())

    # The engine

    def changes_of(self, server_id):
        """What was asked of the engine for the server's container, beside looks."""
        names = {self.container(server_id)}
        names |= {c["Id"] for c in self.scripted.state()["containers"]
                  if c["Name"][1:] in names}
        name = re.compile(f"[/=]({'|'.join(map(re.escape, names))})([/?&]|$)")
        return [r for r in self.scripted.log() if r["method"] != "GET" and name.search(r["path"])]

    # Kafka behind the worker's back

    def add_partitions(self, kind, count):
        add_partitions(self.kafka.address, f"muster.{kind}.{self.agent}", count)

    @property
    def group(self):
        return f"muster.worker.{self.agent}"

    def committed(self, partition=0, kind="commands"):
        """The offset that the group has committed; -1001: none."""
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": self.group})
        try:
            wanted = [TopicPartition(f"muster.{kind}.{self.agent}", partition)]
            found = consumer.committed(wanted, timeout=PATIENCE_S)[0]
            return found.offset
        finally:
            consumer.close()

    def make_topics_anew(self, **config):
        admin = AdminClient({"bootstrap.servers": self.kafka.address})
        topics = [f"muster.{kind}.{self.agent}" for kind in ("commands", "control")]
        for future in admin.delete_topics(topics, operation_timeout=PATIENCE_S).values():
            future.result()
        wait_for("the topics to be gone", lambda: not set(topics) & set(
            admin.list_topics(timeout=PATIENCE_S).topics))
        make_topics(self.kafka.address, self.agent, self.partitions, **config)
        self.commander = Commander(self.kafka.address, self.agent, self.partitions)

    def is_member(self, slot):
        """Whether the group has given that slot its place."""
        admin = AdminClient({"bootstrap.servers": self.kafka.address})
        (group,) = admin.list_groups(self.group, timeout=PATIENCE_S)
        return group.state == "Stable" and any(
            m.id.startswith(f"{self.group}.{slot}.") and m.assignment for m in group.members)

    def end_of(self, partition=0, kind="commands"):
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": "ends"})
        try:
            place = TopicPartition(f"muster.{kind}.{self.agent}", partition)
            return consumer.get_watermark_offsets(place, PATIENCE_S)[1]
        finally:
            consumer.close()

    def deadletters(self):
        return [m for m in LogReader(self.kafka.address).read("muster.deadletter", Codec("deadletter"))
                if m.value["agent_id"] == self.agent]

    def close(self):
        try:
            super().close()
        finally:
            self.tail.close()


def forget_group(bootstrap, group):
    """DeleteGroups (key 42, version 0): python3-confluent-kafka of Debian 12 has no call for it."""
    name = b"outpost"
    body = struct.pack(">hhih", 42, 0, 1, len(name)) + name
    body += struct.pack(">ih", 1, len(group)) + group.encode()
    host, port = bootstrap.split(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as broker:
        broker.sendall(struct.pack(">i", len(body)) + body)
        answer = broker.recv(4096)
    (code,) = struct.unpack(">h", answer[-2:])
    return code


def judge(sent, results):
    """The promises of the log.  `sent`: (server id, command id, outcome or None) in the order
    of sending; `results`: the events of results.  Exactly one terminal result each, at most one
    `accepted` and that before it, per server in the order of sending, and the outcome that was
    foretold."""
    by_command = {}
    for event in results:
        by_command.setdefault(event["cause"]["command_id"], []).append(event["body"])
    for server_id, command_id, foretold in sent:
        bodies = by_command.get(command_id, [])
        outcomes = [body["outcome"] for body in bodies]
        assert sum(o in TERMINAL for o in outcomes) == 1, f"{command_id} of {server_id}: {outcomes}"
        assert outcomes[-1] in TERMINAL and outcomes.count("accepted") <= 1, outcomes
        assert foretold in (None, outcomes[-1]), f"{outcomes[-1]}, not {foretold}: {bodies[-1]}"
    judge_order(sent, results)


def judge_order(sent, results):
    asked, told = {}, {}
    for server_id, command_id, _ in sent:
        asked.setdefault(server_id, []).append(command_id)
    for event in results:
        order = told.setdefault(event["server_id"], [])
        if not order or order[-1] != event["cause"]["command_id"]:
            order.append(event["cause"]["command_id"])
    for server_id, commands in asked.items():
        assert told[server_id] == commands, f"the commands of {server_id} were not in order"


class Foretold:
    """What the commands of one server come to, one after another."""

    ACTIONS = ("create", "start", "stop", "restart", "delete", "recreate", "restore")

    def __init__(self):
        self.status = "absent"

    def after(self, action):
        """The outcome of that action, which is then taken as done."""
        there = self.status != "absent"
        if action == "create" and there:
            return "failed"
        if action in ("create", "start", "restart", "rebuild") or (action == "recreate" and not there):
            self.status = "running"
        elif action == "stop" and there:
            self.status = "stopped"
        elif action == "restore" and not there:
            self.status = "stopped"
        elif action == "delete":
            self.status = "absent"
        return "done"


def mixed_orders(server_ids, number, seed, actions=Foretold.ACTIONS):
    """`number` commands dealt over the servers, and what each server must be in the end."""
    chance = random.Random(seed)
    servers = {server_id: Foretold() for server_id in server_ids}
    orders = []
    for i in range(number):
        server_id = server_ids[i % len(server_ids)]
        action = "create" if i < len(server_ids) else chance.choice(actions)
        orders.append((action, server_id, servers[server_id].after(action)))
    return orders, {server_id: foretold.status for server_id, foretold in servers.items()}
