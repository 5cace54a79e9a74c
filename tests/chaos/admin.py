"""admin - what an administrator does to groups and topics with the tools that come with Kafka."""
import contextlib
import os
import signal
import time

import group_offsets
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from fleet import wait_for
from hands import until_done
from kinds import fault, one_of

DONE_MOST_S = 120  # brokers may be away meanwhile
ASK_S = 10
DAY_MS = 24 * 3600 * 1000
EVENTS = "muster.events"


# --- groups


@contextlib.contextmanager
def workers_out(site, number):
    """By that signal: SIGTERM, SIGKILL, or SIGSTOP for those that come back to a group that has
    forgotten them."""
    ours = list(site.workers)
    for kept in ours:
        kept.held = True
        kept.signal(signal.SIGTERM if kept.life.get("program") else number)
    try:
        yield
    finally:
        for kept in ours:
            with kept.lock, contextlib.suppress(ProcessLookupError):
                if kept.process:
                    os.kill(kept.process.pid, signal.SIGCONT)
            kept.held = False


def commit(world, site, where):
    """As kafka-consumer-groups does: offsets without metadata."""
    consumer = Consumer({"bootstrap.servers": world.kafka.address, "group.id": f"muster.worker.{site.id}",
                         "enable.auto.commit": False})
    try:
        places = []
        for kind in ("commands", "control"):
            for partition in range(site.partitions):
                place = TopicPartition(f"muster.{kind}.{site.id}", partition)
                first, end = consumer.get_watermark_offsets(place, ASK_S)
                place.offset = {"earliest": first, "latest": end, "offset": (first + end) // 2}[where]
                places.append(place)
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


def reset(world, site, where):
    """Refused while the group has members."""
    if where == "deleted":
        group_offsets.forget(world.kafka.address, f"muster.worker.{site.id}")
    else:
        commit(world, site, where)


@fault("kafka")
def group_is_reset(world, which, seconds):
    """With its workers stopped, killed, or standing still until they are missed.  None of the version
    before takes it over: what it cannot read may be answers, and so it passes over what is open (L32)."""
    site, where = one_of(world.sites, which), one_of(("earliest", "latest", "offset", "deleted"), which // 7)
    number = one_of((signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP), which // 31)
    with site.admin, workers_out(site, number):
        if not site.has_grown:
            site.was_reset = True
            until_done(lambda: reset(world, site, where), time.monotonic() + DONE_MOST_S, KafkaException)


# --- settings of topics


class Settings:
    """What somebody has set for a topic."""

    def __init__(self, world, topic):
        self.admin = AdminClient({"bootstrap.servers": world.kafka.address})
        self.topic = topic

    def read(self):
        [done] = self.admin.describe_configs([self.resource()]).values()
        return {key: entry.value for key, entry in done.result(ASK_S).items() if not entry.is_default}

    def write(self, settings):
        """All that is not named goes back to its default."""
        [done] = self.admin.alter_configs([self.resource(set_config=settings)]).values()
        done.result(ASK_S)

    def resource(self, **words):
        return ConfigResource(ConfigResource.Type.TOPIC, self.topic, **words)

    @contextlib.contextmanager
    def rewritten(self, changed):
        """`changed`: what becomes of them."""
        before = {}
        end = time.monotonic() + DONE_MOST_S
        done = until_done(lambda: before.update(self.read()), end, KafkaException) and until_done(
            lambda: self.write(changed(before)), end, KafkaException)
        try:
            yield done
        finally:
            end = time.monotonic() + DONE_MOST_S
            assert not before or until_done(lambda: self.write(before), end, KafkaException), (
                f"the settings of {self.topic} could not be put back")


LOG_TIME = {"message.timestamp.type": "LogAppendTime"}
LOSING = ({}, {"cleanup.policy": "compact", **LOG_TIME}, {"retention.ms": str(DAY_MS)},
          {"retention.ms": str(DAY_MS), **LOG_TIME})


@fault("kafka")
def log_would_lose_records(world, which, seconds):
    """A tool drops what we have set, or sets something else: `serve` says so, and goes on."""
    with world.topics:
        settings = one_of(LOSING, which)
        if world.clocks_jumped:  # without the broker's clock these would be the times in the log
            settings = {**settings, **LOG_TIME}
        with Settings(world, EVENTS).rewritten(lambda before: settings) as done:
            if done:
                wait_for("serve to say that the log would lose records", lambda: world.health().get("topic_fault"), DONE_MOST_S)
        wait_for("serve to be well again", lambda: world.health().get("topic_fault", "?") is None, DONE_MOST_S)


@fault("kafka")
def topic_is_rewritten(world, which, seconds):
    """One of an agent's, or the log's clock alone."""
    site = one_of(world.sites, which)
    topic = one_of((EVENTS, f"muster.commands.{site.id}", f"muster.control.{site.id}"), which // 7)
    with world.topics:
        kept = {"retention.ms": "-1"} if topic == EVENTS else {}
        if world.clocks_jumped:
            kept |= LOG_TIME
        with Settings(world, topic).rewritten(lambda before: kept):
            time.sleep(seconds)


@fault("brokers")
def replicas_too_few(world, which, seconds):
    """More have to be in sync than there are."""
    site, broker = one_of(world.sites, which), one_of(world.ground.broker_list, which // 7)
    topic = one_of((EVENTS, f"muster.commands.{site.id}", f"muster.control.{site.id}"), which // 31)
    with world.topics, Settings(world, topic).rewritten(lambda before: {**before, "min.insync.replicas": "3"}):
        broker.kill()
        time.sleep(seconds)
        broker.start()
