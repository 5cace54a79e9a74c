#!/usr/bin/python3
"""bench_takeover - what a rebalance costs when a topic holds a week of commands.

    tests/bench/bench_takeover.py --kafka HOST:PORT [--commands N] [--turns N] [--build DIR] [--before DIR]

A worker has answered N commands; then another one joins and is given its partition.  Told are the
time from the one's giving back to the other's assignment (and, beside it, without any old command),
and what went over the loopback until then, as a share of the topic: a new owner must not read what
has been answered.  Likewise after a reset of the group, when it has to read the answers.

With --before, another build's, in turns.  What talks to a build is of the sources that it was built
from.  Nothing else may talk over the loopback meanwhile.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from builds import use_build

ROOT = Path(__file__).resolve().parents[2]
FILLER = "x" * 2000  # of an environment: a command of a real server is as long


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--commands", type=int, default=20000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--before", help="the build to compare with")
    parser.add_argument("--kafka", default=os.environ.get("MUSTER_KAFKA"), required="MUSTER_KAFKA" not in os.environ)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)  # one turn, told to itself
    return parser.parse_args()


def loopback_bytes():
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split()[1])
    raise AssertionError("there is no loopback")


def when(process, what):
    """The time of the last such line of its log, in ms."""
    lines = [line for line in process.output().splitlines() if f" {what}" in line]
    return 1000 * datetime.fromisoformat(lines[-1].split()[0].replace("Z", "+00:00")).timestamp()


def fill(post, number):
    """Commands that have expired, each answered by an event; the topic's bytes."""
    server_id = post.server()
    post.servers[server_id]["env"]["FILLER"] = FILLER
    before = loopback_bytes()
    for _ in range(number):
        command = post.command("stop", server_id, expires_in=-1)
        post.commander.queue_command(command)
        post.note(command)
        if len(post.sent) % 1000 == 0:
            post.commander.flush()
    post.commander.flush()
    sent = loopback_bytes() - before
    post.wait_answered(600)
    return min(sent, number * (len(post.commander.codec.encode(command)) + 100)) if number else 0


def measure(post, begin, name):
    """(ms, bytes) from the loss of the partition, or from the begin, to the new worker's assignment."""
    before = loopback_bytes()
    owner = begin()
    heir = post.worker(name, assigned=True)
    spent = loopback_bytes() - before
    return when(heir, "assignment ") - (when(owner, "revoked") if owner else when(heir, "ready ")), spent


def reset(post, end):
    """As an admin does: the offset without what a worker writes beside it."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition
    from fleet import wait_for
    consumer = Consumer({"bootstrap.servers": post.kafka.address, "group.id": post.group, "enable.auto.commit": False})

    def commits():
        try:
            consumer.commit(offsets=[TopicPartition(f"muster.commands.{post.agent}", 0, end)], asynchronous=False)
        except KafkaException:
            return False  # it still has members
        return True
    wait_for("the group to be empty", commits)
    consumer.close()


def turn(kafka, number, directory):
    from outpost import Outpost
    from scripted_engine import ScriptedEngine
    from services import Kafka
    with ScriptedEngine(directory / "docker.sock", images=["registry.test/game:1"]) as scripted:
        post = Outpost(directory, Kafka(kafka, None), scripted.path, "registry.test/game:1", "registry.test/",
                       partitions=1)
        try:
            owner = post.worker("b", assigned=True)
            topic = fill(post, number)
            joined = measure(post, lambda: owner, "a")  # a is given what b had: it comes first
            for process in post.processes:
                process.stop()
            reset(post, post.end_of())
            again = measure(post, lambda: None, "a")
            return {"topic": topic, "rebalance": joined, "reset": again}
        finally:
            post.close()


def in_turns(args):
    """In processes of their own: which build is tested is said by the environment."""
    builds = [str(Path(build).resolve()) for build in (args.before, args.build) if build]
    found = {(build, number): [] for build in builds for number in (0, args.commands)}
    for number in range(args.turns):
        for build, commands in sorted(found, reverse=number % 2 == 1):  # neither is always the first
            words = ["--build", build, "--commands", str(commands), "--kafka", args.kafka, "--json"]
            done = subprocess.run([sys.executable, str(Path(__file__).resolve()), *words], text=True,
                                  stdout=subprocess.PIPE, check=True)
            found[build, commands].append(json.loads(done.stdout.splitlines()[-1]))
    return builds, found


def tell(builds, found, commands):
    def median(build, number, what, which):
        return statistics.median(each[what][which] for each in found[build, number])
    for build in builds:
        topic = statistics.median(each["topic"] for each in found[build, commands])
        print(f"{build}: a topic of {topic / 1e6:.1f} MB, {commands} commands")
        for what in ("rebalance", "reset"):
            ms, idle_ms = (median(build, number, what, 0) for number in (commands, 0))
            over, idle = (median(build, number, what, 1) for number in (commands, 0))
            print(f"  {what:9} {ms:6.0f} ms ({ms / idle_ms:.2f} times as long as without old commands), "
                  f"{over / 1e6:.2f} MB ({idle / 1e6:.2f} without): {100 * (over - idle) / topic:.1f} % of the topic")


def main():
    args = options()
    if not args.json:
        tell(*in_turns(args), args.commands)
        return
    use_build(args.build)
    directory = Path(tempfile.mkdtemp(prefix="bench"))
    try:
        print(json.dumps(turn(args.kafka, args.commands, directory)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
