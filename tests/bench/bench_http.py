#!/usr/bin/env python3
"""bench_http - what muster serve bears: open event streams and requests at once, on one machine.

    tests/bench/bench_http.py [--streams 200] [--rate 100] [--seconds 30] [--servers 200]

Starts `muster serve` on the embedded bus and no worker: what is measured is HTTP, the ledger and the
way from a change to all streams.  A tenth of the requests changes a record, which every stream is
told; one of the streams does not read.  By hand; reports, asserts nothing.  MUSTER_BUILD: where the
programs are.
"""
import argparse
import json
import os
import selectors
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]

from fleet import Fleet  # noqa: E402
from client import Client  # noqa: E402


class Streams:
    """Many readers on one thread: when the change that a reason names came to how many."""

    def __init__(self, port, token, count):
        self.selector, self.sockets, self.bytes = selectors.DefaultSelector(), [], 0
        self.seen, self.over = {}, threading.Event()
        head = f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for number in range(count + 1):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(head)
            self.sockets.append(one)
            if number < count:  # the last one is not read
                self.selector.register(one, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.over.is_set():
            for key, _ in self.selector.select(0.1):
                part = key.fileobj.recv(1 << 20)
                now = time.monotonic()
                if not part:
                    self.selector.unregister(key.fileobj)
                self.bytes += len(part)
                at = part.find(b'"reason":"bench-')
                while at >= 0:
                    self.seen.setdefault(part[at + 10:part.find(b'"', at + 10)].decode(), []).append(now)
                    at = part.find(b'"reason":"bench-', at + 10)

    def close(self):
        self.over.set()
        self.thread.join()
        for one in self.sockets:
            one.close()


def ask_all(client, options, servers, asked):
    """At the rate asked for, whatever comes back; the times that the answers took."""
    took, begun = [], time.monotonic()
    for number in range(int(options.rate * options.seconds)):
        due = begun + number / options.rate
        time.sleep(max(0, due - time.monotonic()))
        at = time.monotonic()
        if number % 10 == 0:
            reason = f"bench-{number}"
            asked[reason] = at
            client.ask("PATCH", servers[number % len(servers)], {"game_port": 1 + number % 60000, "reason": reason})
        else:
            client.get(servers[number % len(servers)] if number % 10 < 8 else "/servers", **(
                {} if number % 10 < 8 else {"limit": 50}))
        took.append((time.monotonic() - at) * 1000)
    return took, time.monotonic() - begun


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantiles(name, values):
    cut = statistics.quantiles(values, n=100) if len(values) > 1 else values * 99
    print(f"{name:34} median {cut[49]:8.1f} ms   p99 {cut[98]:8.1f} ms   of {len(values)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("streams", 200), ("rate", 100), ("seconds", 30), ("servers", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        fleet = Fleet(Path(directory), f"sqlite://{directory}/bus.db").init()
        fleet.add_agent()
        serve = fleet.start_serve()
        token = fleet.json("token", "add", "--role", "operator")["token"]
        client = Client(f"http://127.0.0.1:{fleet.http_port}", token)
        agent = f"/agents/{fleet.agent}/servers"
        servers = [f"{agent}/" + client.queue("POST", agent, {
            "name": f"s{number}", "image": "registry.test/game", "game_port": 1, "udp_port": 2, "rcon_port": 3,
        })["server_id"] for number in range(options.servers)]
        streams, asked = Streams(fleet.http_port, token, options.streams), {}
        time.sleep(2)
        before, resident = cpu_seconds(serve.pid), serve.resident_kib()
        took, seconds = ask_all(client, options, servers, asked)
        time.sleep(2)
        used = cpu_seconds(serve.pid) - before
        streams.close()
        late = [(at - asked[reason]) * 1000 for reason, times in streams.seen.items() for at in times]
        whole = sum(len(times) >= options.streams for times in streams.seen.values())
        quantiles("a request's answer", took)
        quantiles("from a change to a stream", late)
        print(json.dumps({
            "requests_per_s": round(len(took) / seconds, 1), "streams": options.streams, "changes": len(asked),
            "changes_seen_by_all": whole, "stream_MB_per_s": round(streams.bytes / seconds / 1e6, 1),
            "cpu_percent_of_one": round(100 * used / seconds), "resident_MiB": serve.resident_kib() // 1024,
            "resident_MiB_before": resident // 1024}))
        fleet.close()


if __name__ == "__main__":
    main()
