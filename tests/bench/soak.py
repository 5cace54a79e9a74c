#!/usr/bin/python3
"""soak - whether worker and control plane stay as small as they are, under load.

    tests/bench/soak.py [--minutes N] [--hostile N] [--pause S] [--build DIR] [--kafka HOST:PORT]

A worker and `muster serve` beside a scripted engine, over the embedded bus or Kafka: servers are
created, stopped, started, rebuilt, deleted and restored by turns, the page's questions are asked,
and N hostile messages a round (100) stand between.  Resident memory, descriptors and threads are
read after each round; told are a few of these readings and the slope of the second half.
Ends with 1 if a descriptor or a thread has stayed behind, or a program did not end well.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lib"), str(ROOT / "tests" / "engine")]
SERVERS = 12
ACTIONS = ("stop", "start", "rebuild", "restart", "delete", "restore", "recreate", "start")
BARS = "▁▂▃▄▅▆▇█"
MEASURES = ("rss_kib", "fds", "threads")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--hostile", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0, help="seconds between rounds")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--kafka", default=os.environ.get("MUSTER_KAFKA"))
    return parser.parse_args()


def reading(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {"rss_kib": int(fields["VmRSS"].split()[0]), "threads": int(fields["Threads"]),
            "fds": len(os.listdir(f"/proc/{process.pid}/fd"))}


def sparkline(values, width=60):
    """As many bars as fit, each the highest of its share."""
    shares = [values[i * len(values) // width:(i + 1) * len(values) // width] for i in range(width)]
    tops = [max(share) for share in shares if share]
    low, high = min(tops), max(tops)
    return "".join(BARS[(top - low) * (len(BARS) - 1) // max(1, high - low)] for top in tops)


def slope(times, values):
    """Per hour, by least squares over the second half."""
    times, values = times[len(times) // 2:], values[len(values) // 2:]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    return 3600 * sum((at - middle) * (v - mean) for at, v in zip(times, values)) / spread if spread else 0


def tell(name, times, readings):
    print(f"{name}:")
    for measure in MEASURES:
        values = [one[measure] for one in readings]
        marks = [values[i * (len(values) - 1) // 6] for i in range(7)]
        print(f"  {measure:8} {' '.join(f'{value:7}' for value in marks)}  "
              f"{slope(times, values):+9.1f}/h  {sparkline(values)}")


class Soak:
    def __init__(self, args, directory, scripted):
        from fleet import Fleet
        self.url = f"kafka://{args.kafka}" if args.kafka else f"sqlite://{directory}/bus.db"
        self.args = args
        self.fleet = Fleet(directory, self.url)
        self.fleet.init().add_agent()
        self.worker = self.fleet.start_worker(name="a", docker=scripted.path, registry="registry.test/")
        self.serve = self.fleet.start_serve()
        image = {"image": "registry.test/game", "image_tag": "1"}
        self.servers = [self.fleet.create(**image)[0] for _ in range(SERVERS)]
        self.rounds = self.commands = self.messages = 0

    def hostile(self):
        subprocess.run([f"{self.args.build}/tests/bench/hostile", self.url, self.fleet.agent,
                        str(self.args.hostile), str(self.rounds)], check=True)
        self.messages += self.args.hostile

    def round(self):
        if self.args.hostile:
            self.hostile()
        for i, server in enumerate(self.servers):
            self.fleet.run("server", ACTIONS[(self.rounds + i) % len(ACTIONS)], server, expect=None)
            self.commands += 1
        self.fleet.run("sync", self.fleet.agent, "--wait=60", expect=None)
        self.fleet.run("server", "list")
        self.rounds += 1


def run(soak, minutes):
    times, workers, serves = [], [], []
    began = time.monotonic()
    while not times or times[-1] < 60 * minutes:
        soak.round()
        time.sleep(soak.args.pause)
        times.append(time.monotonic() - began)
        workers.append(reading(soak.worker))
        serves.append(reading(soak.serve))
    print(f"{soak.rounds} rounds, {soak.commands} commands, {soak.messages} hostile messages in "
          f"{times[-1]:.0f} s")
    tell("worker", times, workers)
    tell("serve", times, serves)
    return [readings for readings in (workers, serves) if stayed_behind(readings)]


def stayed_behind(readings):
    """More of them at every moment of the last quarter than at any of the second one."""
    quarter = len(readings) // 4
    return quarter and any(
        min(one[measure] for one in readings[-quarter:]) >
        max(one[measure] for one in readings[quarter:2 * quarter]) for measure in ("fds", "threads"))


def main():
    args = options()
    os.environ["MUSTER_BUILD"] = args.build
    from scripted_engine import ScriptedEngine
    directory = Path(tempfile.mkdtemp(prefix="soak"))
    try:
        with ScriptedEngine(directory / "docker.sock", images=["registry.test/game:1"]) as scripted:
            soak = Soak(args, directory, scripted)
            try:
                grown = run(soak, args.minutes)
            finally:
                soak.fleet.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return bool(grown)


if __name__ == "__main__":
    sys.exit(main())
