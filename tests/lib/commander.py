"""commander - send commands as a foreign control plane would: python3-avro and confluent-kafka.

For tests of the worker alone, and for records that our own control plane never writes.
"""
import secrets
import time
import uuid

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from fleet import wait_for
from log_reader import Codec
from services import PATIENCE_S

SEED = 0x9747B28C
M = 0x5BD1E995
MASK = 0xFFFFFFFF


def murmur2(data):
    """As Kafka's default partitioner hashes keys."""
    length = len(data)
    h = (SEED ^ length) & MASK
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * M & MASK
        k = (k ^ (k >> 24)) * M & MASK
        h = (h * M & MASK) ^ k
    tail = data[length - length % 4:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * M & MASK
    h = (h ^ (h >> 13)) * M & MASK
    return h ^ (h >> 15)


def partition_of(key, partitions):
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def make_topics(bootstrap, agent_id, partitions=4, events=32, **config):
    """The topics of an agent, and the shared ones, as `muster init` and `agent add` make them."""
    wanted = {"muster.events": events, "muster.heartbeats": 1, "muster.deadletter": 1,
              f"muster.commands.{agent_id}": partitions, f"muster.control.{agent_id}": partitions}
    config = {"message.timestamp.type": "LogAppendTime", **config}
    admin = AdminClient({"bootstrap.servers": bootstrap})
    there = admin.list_topics(timeout=PATIENCE_S).topics
    eternal = {"muster.events": {"retention.ms": "-1"}}
    new = [NewTopic(name, count, 1, config={**config, **eternal.get(name, {})})
           for name, count in wanted.items() if name not in there]
    for future in admin.create_topics(new).values() if new else ():
        future.result(PATIENCE_S)

    def are_there():
        now = admin.list_topics(timeout=PATIENCE_S).topics
        return all(topic.topic in now and len(now[topic.topic].partitions) == topic.num_partitions for topic in new)
    wait_for("the new topics", are_there)


def add_partitions(bootstrap, topic, count):
    """It has so many from now on, as everybody sees."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def are_there():
        return len(admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions) == count
    if not are_there():
        admin.create_partitions([NewPartitions(topic, count)])[topic].result(PATIENCE_S)
        wait_for("the new partitions", are_there)


def a_spec(name, image, data_path, ports=(), **changes):
    """A container as the zomboid profile describes it, but for what `changes` says."""
    image, _, tag = image.rpartition(":")
    spec = {
        "server_name": name, "container": f"steam-zomboid-{name}",
        "data_dir": f"{data_path}/{name}", "image": image, "image_tag": tag, "digest": "d1",
        "env": {"SECRET_TOKEN": "hunter2", "SERVER_NAME": name}, "labels": {},
        "networks": [{"name": "zomboid-servers", "internal": False},
                     {"name": "zomboid-backend", "internal": False}],
        "mounts": [{"host_path": f"{data_path}/{name}/{part}", "container_path": inside,
                    "read_only": False, "make_directory": True}
                   for part, inside in (("bin", "/home/steam/zomboid-dedicated"),
                                        ("data", "/home/steam/Zomboid"))],
        "ports": [{"host_ip": "127.0.0.1", "host_port": p, "container_port": p,
                   "protocol": "udp"} for p in ports],
        "restart_policy": "unless-stopped",
        "stop": {"signal": "SIGTERM", "timeout_s": 10, "save": [], "save_timeout_s": 30},
        "resources": {"memory_bytes": 0, "nano_cpus": 0, "pids": 0}, "adopt": None,
    }
    spec.update(changes)
    return spec


def uuid7(ms=None):
    """An id of this moment, or of that one: commands have such ids."""
    ms = int(time.time() * 1000) if ms is None else ms
    value = ms << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def a_command(agent_id, action, server_id, spec, /, expires_in=600, **changes):
    now = int(time.time() * 1000)
    command = {
        "command_id": uuid7(now), "agent_id": agent_id, "engine_id": None,
        "server_id": server_id, "action": action, "issued_at": now,
        "expires_at": now + int(expires_in * 1000), "actor": "test", "reason": "",
        "spec": spec, "target": None,
        "options": {"pull": "by_action", "start": False, "fresh": False,
                    "skip_save": False, "unmarked": False},
    }
    command.update(changes)
    return command


class Commander:
    def __init__(self, bootstrap, agent_id, partitions=4):
        self.agent_id = agent_id
        self.partitions = partitions
        self.codec = Codec("command")
        self.bootstrap = bootstrap
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0,
                                  "message.max.bytes": 2000000})  # the broker is to say no

    def command(self, action, server_id, spec, **changes):
        return a_command(self.agent_id, action, server_id, spec, **changes)

    def topic(self, action):
        kind = "control" if action in ("sync", "cancel") else "commands"
        return f"muster.{kind}.{self.agent_id}"

    def send_raw(self, topic, value, key=None, partition=0, headers=None, append_ms=0):
        """Returns (partition, offset) once the broker has it."""
        done = []
        self.producer.produce(topic, value=value, key=key, partition=partition, headers=headers,
                              timestamp=append_ms, on_delivery=lambda error, message: done.append((error, message)))
        self.producer.flush(PATIENCE_S)
        error, message = done[0]
        assert error is None, error
        return message.partition(), message.offset()

    def place(self, command):
        """Its topic and partition."""
        server_id = command["server_id"]
        return self.topic(command["action"]), (
            partition_of(server_id, self.partitions) if server_id else 0)

    def send_command(self, command, **how):
        """Returns (partition, offset)."""
        topic, partition = self.place(command)
        return self.send_raw(topic, self.codec.encode(command), key=command["server_id"],
                             partition=partition, **how)

    def queue_command(self, command, producer=None):
        """Without waiting for the broker: flush() does."""
        topic, partition = self.place(command)
        producer = self.producer if producer is None else producer  # an empty one is false
        producer.produce(topic, value=self.codec.encode(command), key=command["server_id"],
                         partition=partition)

    def flush(self):
        assert self.producer.flush(60) == 0

    def send_together(self, *batches):
        """Each batch in a transaction of its own, as our relay sends; a batch that ends with
        None is aborted."""
        relay = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0,
                          "transactional.id": f"relay-{uuid.uuid4()}"})
        relay.init_transactions(PATIENCE_S)
        for batch in batches:
            relay.begin_transaction()
            for command in filter(None, batch):
                self.queue_command(command, relay)
            if batch[-1] is not None:
                relay.commit_transaction(PATIENCE_S)
            else:
                relay.flush(PATIENCE_S)
                relay.abort_transaction(PATIENCE_S)

    def send(self, action, server_id, spec=None, headers=None, **changes):
        """Queues it; returns the command's id."""
        command = self.command(action, server_id, spec, **changes)
        self.send_command(command, headers=headers)
        return command["command_id"]
