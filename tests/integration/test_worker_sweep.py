"""kill -9 at every point of every action, on the scripted engine and the embedded bus: S13, L4, L12.

The default tier takes a sample that differs from run to run, --long takes every point, and
pairs of points.  What failed is repeated by its names:

    MUSTER_SWEEP_AT=step.after.create:1 tests/run -k 's13 and rebuild_good'
"""
import contextlib
import json
import os
import random
import tempfile
from pathlib import Path

import pytest
from conftest import TIER
from services import ROOT, Ports
from sweep import After, Scenario, ScriptedBay, points_in, sweep

BAYS = 12
EVERY = 15  # in the default tier, but some of each
PAIRS = 20
SEED = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30))


def remove_by_hand(visit):
    visit.bay.scripted.ask("DELETE", f"/containers/{visit.container}?force=1")


def pause_by_hand(visit):
    visit.bay.scripted.ask("POST", f"/containers/{visit.container}/pause")


def let_it_be_dead(visit):
    visit.bay.scripted.ask("POST", f"/containers/{visit.container}/stop")
    visit.bay.scripted.ask("POST", "/_status", {"name": visit.container, "status": "dead"})


def another_image(visit):
    visit.set(image_tag="2")


def no_such_image(visit):
    visit.set(image_tag="nosuch")


def endless_pull(visit):
    visit.set(image_tag=f"endless-{visit.name}")
    visit.bay.scripted.script({"path": f"images/create.*endless-{visit.name}", "do": "hang", "times": 0})


def refused_create(visit):
    visit.bay.scripted.script({"method": "POST", "path": f"create.name={visit.container}$", "times": 0,
                               "do": "error", "status": 400, "text": "invalid mount config"})


def taken_port(visit):
    port = Ports.take()
    name = f"holds-{port}"
    visit.bay.scripted.ask("POST", f"/containers/create?name={name}", {
        "Image": "registry.test/game:1",
        "HostConfig": {"PortBindings": {f"{port}/udp": [{"HostPort": str(port)}]}}})
    visit.bay.scripted.ask("POST", f"/containers/{name}/start")
    visit.set(game_port=port)


def another_profile(visit, name, **changes):
    profile = json.loads((ROOT / "producer" / "profiles" / "zomboid.json").read_text())
    profile.update(name=name, **changes)
    path = visit.bay.directory / f"{name}.json"
    path.write_text(json.dumps(profile))
    visit.set(profile=path)


def dies_at_once(visit):
    another_profile(visit, "short-lived", labels={"test.exit": "3"})


def dies_with_another_policy(visit):
    another_profile(visit, "one-shot", labels={"test.exit": "3"}, restart_policy="no")


def dies_while_restarting(visit):
    visit.bay.scripted.ask("POST", "/_status", {"name": visit.container, "status": "restarting"})
    dies_at_once(visit)


def saves_first(visit):
    another_profile(visit, "saving", stop={"signal": "SIGTERM", "timeout_s": 60, "save": ["save"],
                                           "save_timeout_s": 30})


RUNS = After("running", "running", made="this")
RUNS_STILL = After("running", "running")
STOPPED = After("exited", "stopped")
RESTORED = After("created", "stopped", made="this")
GONE = After(None, "deleted")
PURGED = After(None, "purged", data=False)
DIED = {"failed": RUNS_STILL}  # of the new one of a rebuild

SCENARIOS = [
    Scenario("create", ["create"], after={"done": RUNS}),
    Scenario("start_absent", ["start"], after={"done": RUNS}, by_hand=remove_by_hand),
    Scenario("start_stopped", ["start"], after={"done": RUNS_STILL}, before=["stop"]),
    Scenario("start_paused", ["start"], after={"done": RUNS_STILL}, by_hand=pause_by_hand),
    Scenario("start_dead", ["start"], after={"done": RUNS}, by_hand=let_it_be_dead),
    Scenario("stop", ["stop"], after={"done": STOPPED}, once="stop"),
    Scenario("stop_saving", ["stop"], after={"done": STOPPED}, by_hand=saves_first),
    Scenario("restart", ["restart"], after={"done": RUNS_STILL}, once="start"),
    Scenario("rebuild_good", ["rebuild"], after={"done": RUNS}, by_hand=another_image),
    Scenario("rebuild_absent", ["rebuild"], after={"done": RUNS}, by_hand=remove_by_hand),
    Scenario("rebuild_no_image", ["rebuild"], after=DIED, by_hand=no_such_image),
    Scenario("rebuild_no_create", ["rebuild"], after=DIED, by_hand=refused_create),
    Scenario("rebuild_no_start", ["rebuild"], after=DIED, by_hand=taken_port),
    Scenario("rebuild_dies", ["rebuild"], after=DIED, by_hand=dies_at_once),
    Scenario("rebuild_other_policy", ["rebuild"], after=DIED, by_hand=dies_with_another_policy),
    Scenario("rebuild_dies_restarting", ["rebuild"], after=DIED, by_hand=dies_while_restarting),
    Scenario("rebuild_dies_stopped", ["rebuild"], after={"failed": STOPPED}, before=["stop"],
             by_hand=dies_at_once),
    Scenario("recreate", ["recreate"], after={"done": RUNS}, by_hand=remove_by_hand),
    Scenario("restore", ["restore"], after={"done": RESTORED}, before=["delete"]),
    Scenario("restore_start", ["restore", "--start"], after={"done": RUNS}, before=["delete"]),
    Scenario("delete", ["delete"], after={"done": GONE}),
    Scenario("purge", ["purge", "--yes"], after={"done": PURGED}),
    Scenario("sync", ["sync"], after={"done": RUNS_STILL}),
    Scenario("cancel_queued", ["restart"], ["stop"], cancel="queued",
             after={"cancelled": RUNS_STILL, "done": STOPPED}),
    Scenario("cancel_pull", ["rebuild"], after={"cancelled": RUNS_STILL}, by_hand=endless_pull,
             cancel="images/create.*endless"),
    Scenario("cancel_stop", ["rebuild"], after={"cancelled": RUNS_STILL, "done": RUNS}, slow=True,
             cancel="containers/.*/stop"),
    Scenario("slow_create", ["create"], after={"done": RUNS}, slow=True),
    Scenario("slow_restart", ["restart"], after={"done": RUNS_STILL}, once="start", slow=True),
    Scenario("slow_rebuild", ["rebuild"], after={"done": RUNS}, slow=True),
    Scenario("slow_rebuild_dies", ["rebuild"], after=DIED, slow=True, by_hand=dies_at_once),
    Scenario("slow_purge", ["purge", "--yes"], after={"done": PURGED}, slow=True),
    Scenario("heir_restart", ["restart"], after={"done": RUNS_STILL}, once="start", heir=True),
    Scenario("heir_rebuild", ["rebuild"], after={"done": RUNS}, heir=True),
    Scenario("heir_purge", ["purge", "--yes"], after={"done": PURGED}, heir=True),
]


@pytest.fixture(scope="module")
def bays(crash_build):
    with tempfile.TemporaryDirectory(prefix="sweep") as directory, contextlib.ExitStack() as ends:
        made = []
        for number in range(BAYS):
            place = Path(directory) / str(number)
            place.mkdir()
            made.append(ScriptedBay(place))
            ends.callback(made[-1].close)  # each, whatever happens to the others
        yield made


def chosen(points, name):
    """The lists of points to die at, one after another."""
    at = os.environ.get("MUSTER_SWEEP_AT")
    if at:
        return [at.split(",")]
    chance = random.Random(f"{SEED} {name}")
    if TIER != "long":
        every = min(EVERY, len(points) // 5)
        return [[point] for point in points[chance.randrange(every)::every]]
    return [[point] for point in points] + [chance.choices(points, k=2) for _ in range(PAIRS)]


@pytest.fixture(scope="module")
def swept(request, bays):
    """scenario name → (its points, its visits): first one without a death, to learn the points."""
    scenarios = [item.callspec.params["scenario"] for item in request.session.items
                 if "swept" in item.fixturenames]
    logs = {scenario.name: bays[0].directory / f"{scenario.name}.points" for scenario in scenarios}
    made = sweep(bays, [(scenario, [], logs[scenario.name]) for scenario in scenarios])
    points = {name: points_in(log) for name, log in logs.items()}
    made += sweep(bays, [(scenario, at, None) for scenario in scenarios
                         for at in chosen(points[scenario.name], scenario.name)])
    return {name: (points[name], [(visit, wrong) for visit, wrong in made if visit.scenario.name == name])
            for name in logs}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_s13_l4_l12_killed_at_every_point(swept, scenario):
    points, visits = swept[scenario.name]
    died = sum(visit.died > 0 for visit, _ in visits)
    print(f"{scenario.name}: {len(points)} points, {len(visits) - 1} visits, {died} died;"
          f" MUSTER_SEED={SEED}")
    wrong = [visit.tell(wrong) for visit, wrong in visits if wrong]
    assert not wrong, f"{len(wrong)} of {len(visits)}:\n" + "\n".join(wrong[:5])
    assert died >= (len(visits) - 1) / 3, "too few of them have died to show anything"
