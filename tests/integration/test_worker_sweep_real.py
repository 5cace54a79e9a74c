"""kill -9 on the real engine and Kafka: S13, L4 once more, at a dozen chosen points."""
import contextlib

import pytest
from conftest import SHARED_NETWORKS
from sweep import CRASH_BUILD, After, RealBay, Scenario, sweep

RUNS = After("running", "running", made="this")
KILLED = [
    (Scenario("create", ["create"], after={"done": RUNS}),
     ["bus.begun:2", "bus.positions:2", "bus.committed:2", "engine.reply.create:1"]),
    (Scenario("rebuild", ["rebuild"], after={"done": RUNS}),
     ["engine.reply.rename:1", "engine.reply.update:1", "step.after.stop:1", "engine.reply.create:1",
      "engine.reply.start:1", "engine.reply.remove:1"]),
    (Scenario("purge", ["purge", "--yes"], after={"done": After(None, "purged", data=False)}),
     ["engine.reply.remove:1", "purge.renamed:1", "purge.entry:2", "bus.positions:3"]),
    (Scenario("heir", ["restart"], after={"done": After("running", "running")}, heir=True),
     ["engine.reply.stop:1"]),
]


def make_networks(engine):
    """The workers of one agent make each of them once; these are of several."""
    there = {network.name for network in engine.client.networks.list()}
    for name in set(SHARED_NETWORKS) - there:
        engine.client.networks.create(name, check_duplicate=True)


@pytest.fixture
def real_bays(short_dir, kafka, engine, registry, image):
    if not (CRASH_BUILD / "muster-worker").exists():
        pytest.skip(f"{CRASH_BUILD / 'muster-worker'} is not built: start the tests with tests/run")
    made = []
    with contextlib.ExitStack() as ends:
        for number in range(4):
            place = short_dir / str(number)
            place.mkdir()
            made.append(RealBay(place, short_dir / "ledger.db", kafka, engine, registry, image))
            ends.callback(made[-1].close)
        make_networks(engine)
        yield made


def test_s13_l4_killed_on_the_real_ones(real_bays):
    visits = sweep(real_bays, [(scenario, [at], None) for scenario, points in KILLED for at in points])
    wrong = [visit.tell(wrong) for visit, wrong in visits if wrong]
    assert not wrong, f"{len(wrong)} of {len(visits)}:\n" + "\n".join(wrong)
    alive = [visit.points for visit, _ in visits if not visit.died]
    assert len(alive) <= 3, f"not reached: {alive}"
