"""Hostile input: mutated commands by the thousand, and the worker serves the good ones beside them.

With --long a million of them on each bus (MUSTER_HOSTILE), in batches (MUSTER_HOSTILE_BATCH).
"""
import os
import subprocess
import threading

import pytest
from fleet import BUILD, wait_for

ROOM_KIB = 32 * 1024  # for what it buffers while it is behind
BATCH = int(os.environ.get("MUSTER_HOSTILE_BATCH", "100000"))
GOAL = int(os.environ.get("MUSTER_HOSTILE", "1000000"))


def hostile(fleet, count, seed):
    subprocess.run([BUILD / "tests" / "bench" / "hostile", fleet.bus_url, fleet.agent, str(count), str(seed)],
                   check=True, timeout=600)


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def serve_beside(yard, server, count, seed):
    """Good commands, each with its right result, until the hostile ones are all written and passed."""
    writer = threading.Thread(target=hostile, args=(yard.fleet, count, seed))
    writer.start()
    served = 0
    while writer.is_alive() or served < 2:
        for action in ("stop", "start"):
            yard.fleet.json("server", action, server, "--wait=300", timeout=400)
            served += 1
    writer.join()
    yard.fleet.json("server", "stop", server, "--wait=300", timeout=400)
    return served + 1


def check(yard, batches, count):
    worker = yard.start_worker()
    server, _ = yard.create()
    yard.fleet.server("start", server)
    serve_beside(yard, server, count, 1)  # its buffers have the size that they need
    before, open_before = worker.resident_kib(), descriptors(worker)
    served = sum(serve_beside(yard, server, count, 2 + batch) for batch in range(batches))
    assert worker.process.poll() is None, worker.output()[-4000:]
    if "ASAN_OPTIONS" not in os.environ:  # which keeps what was freed
        assert worker.resident_kib() < before + ROOM_KIB
    wait_for("its descriptors to be as before", lambda: descriptors(worker) <= open_before + 1)
    print(f"{(batches + 1) * count} hostile messages, {served} commands beside them; "
          f"{before} KiB before, {worker.resident_kib()} KiB after")


def test_hostile_messages_do_not_stop_the_good_ones(yard):
    check(yard, 2, 2000)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_hostile_messages_for_long(yard):
    check(yard, max(1, GOAL // BATCH - 1), BATCH)
