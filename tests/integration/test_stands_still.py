"""What stands still: a broker, a disk, a stop that takes long; and who waits for it, or ends.

L29, L30; a data root that hangs; SIGTERM while the bus is gone.  On scripted engines.
"""
import contextlib
import ctypes
import os
import sqlite3
import time
from pathlib import Path

import pytest
from commander import a_spec, partition_of
from conftest import keep
from fleet import Fleet, wait_for
from services import PATIENCE_S

FOR_EVER = ("--drain", "1h")  # longer than a test waits
SOON_S = 40  # where "seconds" are promised: several times as many as it takes


def server_in(outpost, partition, **changes):
    """A server whose commands go to that partition."""
    while True:
        server_id = outpost.server(**changes)
        if partition_of(server_id, outpost.partitions) == partition:
            return server_id


def run(outpost, *server_ids):
    for command_id in [outpost.send("create", server_id, "done") for server_id in server_ids]:
        assert outpost.outcome(command_id) == "done"


def begin_stop(outpost, server_id):
    """A stop that the engine has taken and does not answer; its command id."""
    before = len(outpost.scripted.requests("POST", "/stop"))
    outpost.scripted.script({"method": "POST", "path": "/stop", "do": "wait"})
    command_id = outpost.send("stop", server_id, "done")
    wait_for("the stop", lambda: len(outpost.scripted.requests("POST", "/stop")) > before)
    return command_id


# --- L29: a second worker joins while the first has stops out.  Partitions go to the members in the order
# of their names, so that a gets the first.


def test_l29_a_busy_worker_is_not_killed_by_one_that_waits(narrow_outpost):
    outpost = narrow_outpost
    old = outpost.worker("b", assigned=True)
    server_id = outpost.server()
    run(outpost, server_id)
    stop = begin_stop(outpost, server_id)
    heir = outpost.worker("a")
    wait_for("the heir to be given the partition", lambda: outpost.is_member("a"))
    time.sleep(3 * 3)  # three times what a worker that hangs is given
    assert outpost.partitions_of(heir) is None and old.process.poll() is None
    outpost.scripted.release()
    restart = outpost.send("restart", server_id, "done")
    assert outpost.outcome(stop) == "done" and outpost.outcome(restart) == "done"
    assert outpost.result(restart)["worker"] == "a"
    assert len(outpost.scripted.requests("POST", "/stop")) == 1, "the stop was asked for twice"
    assert old.process.poll() is None and heir.process.poll() is None
    outpost.judge()


def test_l29_a_worker_that_joins_takes_what_is_free(new_outpost, kafka):
    outpost = new_outpost(kafka, partitions=2)
    old = outpost.worker("b", assigned=True)
    busy, free = server_in(outpost, 1), server_in(outpost, 0)
    run(outpost, busy, free)
    stop = begin_stop(outpost, busy)
    heir = outpost.worker("a")
    wait_for("each to have one", lambda: [outpost.partitions_of(worker) for worker in (old, heir)] == [1, 1])
    restart = outpost.send("restart", free, "done")
    assert outpost.outcome(restart) == "done" and outpost.result(restart)["worker"] == "a"
    assert stop not in outpost.tail.answered() and old.process.poll() is None
    outpost.scripted.release()
    assert outpost.outcome(stop) == "done" and outpost.result(stop)["worker"] == "b"
    outpost.judge()


@pytest.mark.bus("sqlite")
def test_l29_a_worker_that_was_stale_goes_on(yard):
    """Nobody could write for longer than its lease; what it had begun is finished by itself."""
    worker = yard.start_worker("-X", "bus.lease.ms=2000")
    server, _ = yard.create()
    for _ in range(2):
        revoked = worker.output().count(" revoked")
        yard.fleet.server("restart", server, wait=False)
        with write_locked(yard.fleet):
            time.sleep(4)
        wait_for("the lease to be missed", lambda: worker.output().count(" revoked") > revoked)
        assert yard.fleet.server("restart", server)["outcome"] == "done"
    assert worker.process.poll() is None


# --- L30: the broker stands still


@pytest.mark.parametrize("how", ["paused", "restarted"])
def test_l30_no_worker_has_to_be_started_again(new_outpost, own_kafka, how):
    outposts = [new_outpost(own_kafka, partitions=2) for _ in range(2)]
    workers = [outpost.worker(slot) for outpost in outposts for slot in "ab"]
    for outpost in outposts:
        outpost.wait_assigned(*outpost.processes)
        servers = [outpost.server(labels={"test.term-ms": "1500"}) for _ in range(6)]
        for action in ("create", "stop", "start", "restart", "stop", "delete"):
            for server_id in servers:
                outpost.send(action, server_id, "done")
    for outpost in outposts:
        wait_for("stops", lambda outpost=outpost: len(outpost.scripted.requests("POST", "/stop")) >= 2)
    if how == "paused":
        with own_kafka.paused():
            time.sleep(45)
    else:
        own_kafka.stop()
        own_kafka.start()
    for outpost in outposts:
        outpost.wait_answered()
        outpost.judge()
    for worker in workers:
        assert worker.process.poll() is None, worker.output()


# --- A data root hangs


@contextlib.contextmanager
def hanging(directory):
    """As a disk whose server is gone: a FUSE that nobody answers.  Whoever asks it waits, and can be killed."""
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"fuse", str(directory).encode(), b"fuse", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount on {directory}")
    try:
        yield
    finally:
        os.close(device)  # who waits is told that the connection is gone
        libc.umount2(str(directory).encode(), 2)  # MNT_DETACH


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/fuse").exists(), reason="needs root and /dev/fuse")
def test_a_data_root_that_hangs_stalls_no_other_and_no_commit(narrow_outpost, short_dir):
    outpost = narrow_outpost
    elsewhere = short_dir / "elsewhere"
    elsewhere.mkdir()
    worker = outpost.worker("a", "--data-root", str(elsewhere), "--concurrency", "10", "--drain", "1s", assigned=True)
    healthy = outpost.server()
    run(outpost, healthy)
    with hanging(elsewhere):
        stuck = []
        for number in range(18):  # of 20 lanes
            server_id = outpost.server()
            outpost.servers[server_id] = a_spec(f"{outpost.id}-h{number}", outpost.image, str(elsewhere))
            stuck.append(outpost.send("create", server_id))
        for action in ("stop", "start", "restart"):
            assert outpost.outcome(outpost.send(action, healthy, "done")) == "done"
        assert not set(stuck) & outpost.tail.answered()
        worker.stop()
        assert worker.process.returncode == 0
    outpost.worker("a", "--data-root", str(elsewhere))
    outpost.wait_answered()
    outpost.judge()


# --- SIGTERM while the bus is gone: what was not told, the next one tells


def ends_soon(process):
    process.process.terminate()
    assert process.process.wait(SOON_S) == 0, process.output()


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "untold"])
@pytest.mark.parametrize("how", ["paused", "killed"])
def test_sigterm_ends_a_worker_without_a_broker(new_outpost, own_kafka, how, busy):
    outpost = new_outpost(own_kafka, partitions=1)
    worker = outpost.worker("a", *FOR_EVER, assigned=True)
    server_id = outpost.server()
    run(outpost, server_id)
    stop = begin_stop(outpost, server_id)
    with own_kafka.paused() if how == "paused" else own_kafka.killed():
        if not busy:
            outpost.scripted.release()
            wait_for("its end", lambda: not outpost.scripted.containers()[
                outpost.container(server_id)]["State"]["Running"])
        ends_soon(worker)
    outpost.scripted.release()
    outpost.worker("a")
    assert outpost.outcome(stop) == "done"
    outpost.judge()


def test_sigterm_ends_a_worker_that_finds_no_broker(new_outpost, own_kafka):
    outpost = new_outpost(own_kafka, partitions=1)
    with own_kafka.paused():
        worker = outpost.worker("a", ready=False)
        time.sleep(1)
        ends_soon(worker)


@contextlib.contextmanager
def write_locked(fleet):
    """Somebody else writes to the embedded bus, and does not come to an end."""
    with contextlib.closing(sqlite3.connect(fleet.bus_url.removeprefix("sqlite://"), timeout=PATIENCE_S,
                                            isolation_level=None)) as bus:
        bus.execute("BEGIN IMMEDIATE")
        yield
        bus.execute("ROLLBACK")


@pytest.mark.bus("sqlite")
def test_sigterm_ends_programs_whose_bus_takes_nothing(yard):
    fleet = yard.fleet
    worker = yard.start_worker(*FOR_EVER)
    server, container = yard.create()
    serve = fleet.start_serve()
    with write_locked(fleet):
        yard.engine.ask("POST", f"/containers/{container}/stop")  # there is something to tell
        ends_soon(worker)
        ends_soon(serve)
    yard.start_worker()
    fleet.wait_status(server, "stopped")


@pytest.fixture
def own_fleet(request, short_dir, own_kafka):
    directory = short_dir / "fleet"
    directory.mkdir()
    fleet = keep(request, Fleet(directory, own_kafka.url, kafka=own_kafka))
    fleet.init().add_agent()
    yield fleet
    fleet.close()


def unsent(fleet):
    with contextlib.closing(sqlite3.connect(fleet.ledger)) as ledger:
        return ledger.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone()[0]


@pytest.mark.parametrize("how", ["paused", "killed"])
def test_sigterm_ends_serve_without_a_broker(own_fleet, own_kafka, how):
    fleet = own_fleet
    serve = fleet.start_serve()
    server, _ = fleet.create(None, image="registry.test/game", wait=False)
    with own_kafka.paused() if how == "paused" else own_kafka.killed():
        fleet.server("stop", server, wait=False, expect=4)  # queued, and told that it does not go out
        time.sleep(2)  # serve sends
        ends_soon(serve)
    serve = fleet.start_serve()
    wait_for("all to be sent", lambda: unsent(fleet) == 0)
    ends_soon(serve)
