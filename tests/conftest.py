"""What the tests of integration/ and chaos/ are given.

`fleet`       an agent on the real engine, on each bus in turn (parameter bus_kind)
`bare_fleet`  the same without an engine: for tests that bring a scripted one
`yard`        a bare fleet on a scripted engine, where what matters is the log
`engine`, `registry`, `kafka`, `image`   what tests/run has started: each process of pytest has its own
`own_kafka`   a broker of this test alone, to stop and to kill
`cluster`     three of them, shared by the tests of a file
`browser`     a Chromium without a screen
`outpost`     an agent on a scripted engine and Kafka, commanded without our control plane

`@pytest.mark.bus("kafka")` keeps a test to one bus; `@pytest.mark.long` to tests/run --long.
Tests that share what is made once for a file run in one process, as do those of one
`@pytest.mark.xdist_group`.
"""
import contextlib
import fcntl
import io
import os
import re
import shutil
import tarfile
import tempfile
import warnings
from pathlib import Path

import docker
import pytest
from browser import Browser, find_chromium
from fleet import BUILD, Fleet
from outpost import Outpost
from scripted_engine import ScriptedEngine
from services import Cluster, Engine, Kafka, Ports, Registry, run_script
from yard import Yard

TIER = os.environ.get("MUSTER_TIER", "default")
# What takes longest, by file or group: begun first, so that no process is busy when all others are done.
LONGEST = ("test_worker_sweep", "real", "scripted", "test_worker_sweep_real", "test_worker_faults", "test_worker_log",
           "test_worker_chaos", "test_chaos", "test_worker_waits", "test_worker_engine", "test_worker_policy",
           "test_control_plane")
SHARED_NETWORKS = ("zomboid-servers", "zomboid-backend")
fleets_key = pytest.StashKey()


def pytest_generate_tests(metafunc):
    if "bus_kind" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("bus")
        metafunc.parametrize("bus_kind", marker.args if marker else ("kafka", "sqlite"))


@pytest.fixture(scope="session")
def crash_build():
    """Where the programs are that die at a given point; tests/run makes them."""
    build = Path(os.environ.get("MUSTER_CRASH_BUILD", "build-crash")).resolve()
    if not ((build / "muster").exists() and (build / "muster-worker").exists()):
        pytest.skip(f"{build} has no programs that die at a point: start the tests with tests/run")
    return build


def is_of_tier(item):
    # libfaketime and the runtime of a sanitizer stop each other; the tier without one has these.
    if os.environ.get("MUSTER_BRIEF") and item.get_closest_marker("false_clock"):
        return False
    if TIER != "long" and item.get_closest_marker("long"):
        return False
    if TIER != "quick":
        return True
    kind = getattr(item, "callspec", None) and item.callspec.params.get("bus_kind")
    needs = set(item.fixturenames) & {"engine", "kafka", "own_kafka", "cluster", "crash_build", "browser"}
    return kind != "kafka" and not needs


def pytest_itemcollected(item):
    """What is made once for a file is made in one process: the tests that share it stay together."""
    made = item._fixtureinfo.name2fixturedefs.items()
    shared = sorted(name for name, definitions in made if definitions[-1].scope == "module")
    if shared and not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group("_".join([item.path.stem, *shared])))


def rank(item):
    group = item.get_closest_marker("xdist_group")
    names = [item.path.stem, *(group.args if group else ())]
    return min([LONGEST.index(name) for name in names if name in LONGEST], default=len(LONGEST))


def pytest_collection_modifyitems(config, items):
    chosen = [item for item in items if is_of_tier(item)]
    config.hook.pytest_deselected(items=[item for item in items if not is_of_tier(item)])
    items[:] = sorted(chosen, key=rank)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report):
    """The group is no part of the name that is told."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        report.nodeid = re.sub(r"@\w+$", "", report.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the programs have logged."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for fleet in item.stash.get(fleets_key, []):
        for process in fleet.processes if fleet.directory.exists() else ():
            report.sections.append((f"log of {process.name}, pid {process.pid}", process.output()[-8000:]))


@pytest.fixture(scope="session")
def bay():
    """The settings of an engine, a registry and a broker that no other process uses.

    It is held by a lock on its file: if pytest dies, it is free for whoever comes after.
    """
    if not os.environ.get("MUSTER_BAYS"):
        yield os.environ
        return
    for path in sorted(Path(os.environ["MUSTER_BAYS"]).glob("bay*/settings")):
        with path.open() as settings, contextlib.suppress(BlockingIOError):
            fcntl.flock(settings, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield dict(line.strip().split("=", 1) for line in settings)
            return
    pytest.fail("there are more processes of pytest than bays")


def setting(bay, name):
    if not bay.get(name):
        pytest.skip(f"{name} is not set: start the tests with tests/run")
    return bay[name]


@pytest.fixture(scope="session")
def engine(bay):
    engine = Engine(setting(bay, "MUSTER_DOCKER_SOCKET"), bay.get("MUSTER_ENGINE_DIR"))
    there = {network.name for network in engine.client.networks.list()}
    yield engine
    for network in engine.client.networks.list(names=list(SHARED_NETWORKS)):
        if network.name in SHARED_NETWORKS and network.name not in there:
            try:
                left = engine.remove_network(network)
            except docker.errors.APIError as error:  # an engine that was killed may hold what nobody sees
                left = [str(error)]
            if left:
                warnings.warn(f"a test has left {', '.join(left)} on {network.name}", stacklevel=1)


@pytest.fixture(scope="session")
def registry(bay):
    return Registry(setting(bay, "MUSTER_REGISTRY"), bay.get("MUSTER_REGISTRY_DIR"))


@pytest.fixture(scope="session")
def kafka(bay):
    return Kafka(setting(bay, "MUSTER_KAFKA"), bay.get("MUSTER_KAFKA_DIR"))


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium; tests/web/fetch has what drives it."""
    chromium, node = find_chromium(), shutil.which("node")
    if not (chromium and node):
        pytest.skip("chromium or nodejs is not installed: tests/setup does that")
    browser = Browser(run_script("../tests/web/fetch"), chromium)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def image(engine, registry):
    """The demo image, in the registry alone."""
    return registry.push_demo(engine, "steam-zomboid:latest")


def tar_of(name, text):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return archive.getvalue()


@pytest.fixture(scope="session")
def image_of(engine, registry, image):
    """A function that makes the demo image with another program in it: "/bin/false"."""
    def make(program, *changes, users=()):
        """`changes` are lines of a Dockerfile: "VOLUME /world"; `users` of /etc/passwd."""
        name, _ = image.rsplit(":", 1)
        tag = "-".join(["runs", *re.findall(r"\w+", " ".join([program, *changes]))]).lower()
        api = engine.client.api
        api.pull(*image.rsplit(":", 1))
        made = api.create_container(image)["Id"]
        if users:
            api.put_archive(made, "/etc", tar_of("passwd", "".join(f"{line}\n" for line in users)))
        api.commit(made, name, tag, changes=[f'CMD ["{program}"]', *changes])
        api.remove_container(made)
        api.push(name, tag)
        api.remove_image(f"{name}:{tag}")
        return f"{name}:{tag}"

    return make


@pytest.fixture
def own_kafka(short_dir):
    directory = short_dir / "kafka"
    address = run_script("kafka", "start", "--port", Ports.take(), "--dir", directory)
    yield Kafka(address, directory)
    run_script("kafka", "kill", "--dir", directory)


@pytest.fixture(scope="module")
def cluster(long_lived_dir):
    """Three brokers as they come: a topic of which nobody says more lies on one of them."""
    directory = long_lived_dir / "kafka"
    stock = ("default.replication.factor=1", "min.insync.replicas=1")
    address = run_script("kafka", "start", "--port", Ports.take_in_a_row(3)[0], "--dir", directory, "--brokers", 3,
                         *(word for pair in stock for word in ("--set", pair)))
    yield Cluster(address, directory)
    run_script("kafka", "kill", "--dir", directory)


@pytest.fixture
def short_dir():
    """A directory whose path leaves room for sockets, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="f"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def long_lived_dir():
    """Likewise, for what the tests of a file share; each fixture gets its own."""
    directory = Path(tempfile.mkdtemp(prefix="f"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def bus(bus_kind, request, short_dir):
    """(url, broker or None) of the bus that this run of the test is on."""
    if bus_kind == "kafka":
        kafka = request.getfixturevalue("kafka")
        return kafka.url, kafka
    return f"sqlite://{short_dir}/bus.db", None


def need_programs():
    for program in ("muster", "muster-worker"):
        if not (BUILD / program).exists():
            pytest.skip(f"{BUILD / program} is not built")


def keep(request, fleet):
    request.node.stash.setdefault(fleets_key, []).append(fleet)
    return fleet


@pytest.fixture
def new_fleet(request, short_dir, engine, registry, image):
    """A function that makes fleets on a bus of the test's choice; they end with the test."""
    need_programs()
    made = []

    def make(url, kafka=None):
        directory = short_dir / str(len(made))
        directory.mkdir()
        made.append(keep(request, Fleet(directory, url, engine, registry, image, kafka)))
        made[-1].init().add_agent()
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


@pytest.fixture
def fleet(new_fleet, bus):
    return new_fleet(*bus)


@pytest.fixture
def empty_fleet(request, short_dir, bus):
    """A bus and a ledger, without an agent."""
    need_programs()
    directory = short_dir / "fleet"
    directory.mkdir()
    fleet = keep(request, Fleet(directory, bus[0], kafka=bus[1]))
    yield fleet.init()
    fleet.close()


@pytest.fixture
def bare_fleet(empty_fleet):
    empty_fleet.add_agent()
    return empty_fleet


@pytest.fixture
def yard(bare_fleet, short_dir):
    yard = Yard(bare_fleet, short_dir)
    yield yard
    for process in bare_fleet.processes:
        process.stop()
    yard.engine.stop()


@pytest.fixture
def new_outpost(request, short_dir):
    """A function that makes an agent on a broker, each on a scripted engine of its own."""
    if not (BUILD / "muster-worker").exists():
        pytest.skip(f"{BUILD / 'muster-worker'} is not built")
    made, engines = [], []

    def make(kafka, partitions=4):
        directory = short_dir / str(len(made))
        directory.mkdir()
        image = "registry.test/game:1"
        scripted = ScriptedEngine(directory / "docker.sock", images=[image]).start()
        engines.append(scripted)
        outpost = Outpost(directory, kafka, scripted.path, image, "registry.test/",
                          partitions=partitions)
        outpost.scripted = scripted
        made.append(keep(request, outpost))
        return outpost

    yield make
    try:
        for outpost in made:
            outpost.close()
    finally:
        for scripted in engines:  # after the workers, which end what they have begun
            scripted.stop()


@pytest.fixture
def outpost(new_outpost, kafka):
    return new_outpost(kafka)


@pytest.fixture
def narrow_outpost(new_outpost, kafka):
    """With one partition: what is in the log is in one order."""
    return new_outpost(kafka, partitions=1)


@pytest.fixture(scope="session")
def rounds():
    """rounds(n): how often to do a thing; less under a sanitizer, more with --long."""
    factor = 0.25 if os.environ.get("MUSTER_BRIEF") else 4 if TIER == "long" else 1
    return lambda number: max(1, int(number * factor))
