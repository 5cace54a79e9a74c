#!/usr/bin/python3
"""bench_worker - what the worker itself costs: on a scripted engine that does everything at once.

    tests/bench/bench_worker.py [--commands N] [--build DIR] [--kafka HOST:PORT]
                                [--docker SOCKET --image NAME:TAG] [--only-real]
    tests/bench/bench_worker.py --before DIR [--build DIR] [--turns N] [--bus kafka|sqlite] [--commands N] …

For each bus: commands a second from a full queue (looks only: stop of what is stopped; changes:
restore and delete by turns), the worker's CPU time for each and its resident memory; and one
command at a time, from written to result readable, with the engine's share beside it.  With
--docker (a real engine that has the image): create and start a second, by a bare loop
(build/tests/bench/bench_engine) and through the worker, in turns.  Kafka is left out without --kafka.
The scripted engine is Python: its own time is told, and bounds the rates.

With --before, another build's: both in turns, N times (5), each on a bus and an engine of its own, and
in the end the medians of the CPU time for each command, and how much more it is than before.  What
talks to a build is of the sources that it was built from.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from builds import use_build

ROOT = Path(__file__).resolve().parents[2]
SERVERS = 40
IDLE_S = 7  # a worker that has been idle for five seconds gives memory back


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--commands", type=int, default=2000)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--kafka", default=os.environ.get("MUSTER_KAFKA"))
    parser.add_argument("--docker", default=os.environ.get("MUSTER_DOCKER_SOCKET"))
    parser.add_argument("--image")
    parser.add_argument("--only-real", action="store_true")
    parser.add_argument("--bus", choices=("kafka", "sqlite"), help="only this one; of sqlite the sending takes longest")
    parser.add_argument("--before", help="the build to compare with")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)  # one turn, told to itself
    return parser.parse_args()


def cpu_s(process):
    """Of all its threads, also those that have ended, by the clock that clock_getcpuclockid(3) gives."""
    return time.clock_gettime((~process.pid << 3) | 2)


def p50_p99(values):
    cuts = statistics.quantiles(values, n=100)
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"


def engine_ms(scripted, number):
    """The engine's time for each of so many commands, beside its streams."""
    spent = sum(r["ended"] - r["at"] for r in scripted.log()
                if "ended" in r and "/events" not in r["path"])
    return 1000 * spent / number


class OnKafka:
    """Commands and results by clients that are not ours."""

    name = "kafka"

    def __init__(self, directory, address, scripted):
        from outpost import Outpost
        from services import Kafka
        self.post = Outpost(directory, Kafka(address, None), scripted.path, "registry.test/game:1",
                            "registry.test/")
        self.servers = [self.post.server() for _ in range(SERVERS)]
        self.start_worker = lambda: self.post.worker(
            "a", "-X", "session.timeout.ms=45000", assigned=True)  # it outlives the pause
        self.close = self.post.close

    def send(self, actions):
        self.post.send_all([(action, server_id, None) for server_id, action in actions])

    def results(self):
        return [(e["cause"]["command_id"], e["append_ms"]) for e in self.post.tail.terminals()]

    def one(self, action, server_id):
        """Milliseconds from written to readable."""
        command_id = self.post.send(action, server_id)
        began = time.monotonic()  # the broker has it
        while not any(e["cause"]["command_id"] == command_id
                      for e in self.post.tail.terminals()[-1:]):
            pass
        return 1000 * (time.monotonic() - began)


class OnSqlite:
    """Through muster.  Times are the log's: of the Record that goes with the command, and of the
    result, which is readable from then on."""

    name = "sqlite"

    def __init__(self, directory, scripted):
        from fleet import Fleet
        self.fleet = Fleet(directory, f"sqlite://{directory}/bus.db")
        self.fleet.init().add_agent()
        image = {"image": "registry.test/game", "image_tag": "1"}
        self.servers = [self.fleet.create(wait=False, **image)[0] for _ in range(SERVERS)]
        self.start_worker = lambda: self.fleet.start_worker(
            "-X", "bus.lease.ms=60000", name="a", docker=scripted.path, registry="registry.test/")
        self.close = self.fleet.close

    def send(self, actions):
        for server_id, action in actions:
            self.fleet.server(action, server_id, wait=False)

    def terminals(self):
        return [e for e in self.fleet.events()
                if e["body"].get("outcome") not in (None, "accepted", "progress")]

    def results(self):
        return [(e["cause"]["command_id"], e["append_at"]) for e in self.terminals()]

    def one(self, action, server_id):
        command_id = self.fleet.server(action, server_id)["command_id"]
        times = {e["body"]["type"]: e["append_at"] for e in self.fleet.events("--server", server_id)
                 if e["cause"] and e["cause"]["command_id"] == command_id}
        return times["Result"] - times["Record"]


def wait_results(bus, number):
    from fleet import wait_for
    return wait_for("all results", lambda: (
        lambda found: found if len(found) >= number else None)(bus.results()), 600, every=0.2)


def full_queue(bus, scripted, name, actions, worker):
    """Queued while the worker stands still, so that its rate is not the sender's."""
    before = len(bus.results())
    worker.pause()
    bus.send(actions)
    cpu, engine = cpu_s(worker), cpu_s(scripted.process)
    worker.resume()
    times = [at for _, at in wait_results(bus, before + len(actions))[before:]]
    rate = 1000 * len(actions) / max(1, max(times) - min(times))
    cpu_us = 1e6 * (cpu_s(worker) - cpu) / len(actions)
    engine_us = 1e6 * (cpu_s(scripted.process) - engine) / len(actions)
    print(f"  {name:8} {rate:7.0f}/s; CPU of the worker {cpu_us:.0f} µs each, of the scripted engine "
          f"{engine_us:.0f} µs: it is busy for {100 * rate * engine_us / 1e6:.0f} % of the time")
    return cpu_us


def bench_bus(bus, scripted, number, only_cpu=False):
    """What each kind of command costs the worker, in µs of CPU time."""
    print(f"{bus.name}:")
    worker = bus.start_worker()
    time.sleep(IDLE_S)
    idle = worker.resident_kib()
    bus.send([(server_id, "restore") for server_id in bus.servers] if bus.name == "kafka" else
             [(server_id, "stop") for server_id in bus.servers])
    wait_results(bus, SERVERS if bus.name == "kafka" else 2 * SERVERS)
    turns = [(server_id, action) for _ in range(number // SERVERS // 2)
             for action in ("delete", "restore") for server_id in bus.servers]
    looks = [(server_id, "stop") for _ in range(number // SERVERS) for server_id in bus.servers]
    cpu_us = {f"{bus.name} looks": full_queue(bus, scripted, "looks", looks, worker),
              f"{bus.name} changes": full_queue(bus, scripted, "changes", turns, worker)}
    if only_cpu:
        return cpu_us
    scripted.clear_log()
    times = [bus.one("stop", bus.servers[i % SERVERS]) for i in range(200)]
    print(f"  one at a time: {p50_p99(times)}; of it the engine {engine_ms(scripted, 200):.2f} ms")
    time.sleep(IDLE_S)
    print(f"  resident, idle: {idle / 1024:.1f} MiB before, {worker.resident_kib() / 1024:.1f} MiB after")
    return cpu_us


def bare_rate(build, docker, image):
    done = subprocess.run([f"{build}/tests/bench/bench_engine", docker, image], text=True,
                          stdout=subprocess.PIPE, check=True)
    return max(float(rate) for rate in re.findall(r"items_per_s=([\d.]+)", done.stdout))


def worker_rate(directory, kafka, docker, image, number=24):
    from outpost import Outpost
    from services import Engine, Kafka, Ports
    post = Outpost(directory, Kafka(kafka, None), docker, image, image.rsplit("/", 1)[0] + "/",
                   Engine(docker))
    try:
        post.worker("a", assigned=True)
        servers = [post.server(ports=(Ports.take(), Ports.take())) for _ in range(number)]
        post.send_all([("create", server_id, "done") for server_id in servers])
        sent = 1000 * time.time()
        post.wait_answered(300)
        post.judge(settle=0)
        last = max(e["append_ms"] for e in post.tail.terminals())
        return 1000 * number / (last - sent)
    finally:
        post.close()


def bench_real(args, directory):
    print("real engine, create and start:", flush=True)
    pairs = []
    for turn in range(3):
        (directory / f"real{turn}").mkdir()
        pairs.append((bare_rate(args.build, args.docker, args.image),
                      worker_rate(directory / f"real{turn}", args.kafka, args.docker, args.image)))
        print("  bare loop {:.2f}/s, worker {:.2f}/s, ratio {:.2f}".format(
            *pairs[-1], pairs[-1][1] / pairs[-1][0]))


def compare(args):
    """In processes of their own: which build is tested is said by the environment."""
    found = {args.before: [], args.build: []}
    for turn in range(args.turns):
        for build in sorted(found, reverse=turn % 2 == 1):  # neither is always the first
            words = ["--build", build, "--commands", str(args.commands), "--json"]
            words += (["--kafka", args.kafka] if args.kafka else []) + (["--bus", args.bus] if args.bus else [])
            done = subprocess.run([sys.executable, str(Path(__file__).resolve()), *words], text=True, stdout=subprocess.PIPE, check=True)
            found[build].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"turn {turn + 1}, {build}: " + ", ".join(
                f"{name} {us:.0f} µs" for name, us in found[build][-1].items()), flush=True)
    for name in found[args.build][0]:
        before, now = (statistics.median(turn[name] for turn in found[build]) for build in (args.before, args.build))
        print(f"{name}: {before:.0f} µs before, {now:.0f} µs now: {100 * (now / before - 1):+.1f} %")


def main():
    args = options()
    args.build = str(Path(args.build).resolve())
    if args.before:
        args.before = str(Path(args.before).resolve())
        compare(args)
        return
    use_build(args.build)
    cpu_us = {}
    from scripted_engine import ScriptedEngine
    directory = Path(tempfile.mkdtemp(prefix="bench"))
    try:
        for name in [] if args.only_real else ["kafka"] * bool(args.kafka) + ["sqlite"]:
            if args.bus not in (None, name):
                continue
            (directory / name).mkdir()
            with ScriptedEngine(directory / name / "docker.sock",
                                images=["registry.test/game:1"]) as scripted:
                bus = (OnKafka(directory / name, args.kafka, scripted) if name == "kafka" else
                       OnSqlite(directory / name, scripted))
                try:
                    cpu_us.update(bench_bus(bus, scripted, args.commands, args.json))
                finally:
                    bus.close()
        if args.docker and args.image and args.kafka:
            bench_real(args, directory)
        if args.json:
            print(json.dumps(cpu_us))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
