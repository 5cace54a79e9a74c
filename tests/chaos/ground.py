"""ground - what several episodes stand on: the broker, the engine, the registry, or none of them."""
import contextlib
import shutil
import tempfile
import threading
from pathlib import Path

from checker import NETWORKS
from faulty_proxy import FaultyProxy
from services import Engine, Kafka, Ports, Registry, run_script
from world import PATIENCE_FACTOR, VOLUME, with_volume


class Broker:
    """One of the brokers of a directory.  `may_be_away`: a semaphore; one alone does not start, it
    waits for another."""

    def __init__(self, directory, node, may_be_away):
        self.words, self.may_be_away = ("--dir", directory, "--node", node), may_be_away

    def stop(self):
        self.may_be_away.acquire()
        run_script("kafka", "stop", *self.words)

    def kill(self):
        self.may_be_away.acquire()
        run_script("kafka", "kill", *self.words)

    def start(self):
        try:
            run_script("kafka", "start", *self.words)
        finally:
            self.may_be_away.release()


class Ground:
    """bus: "kafka" or "sqlite"; engine: "real" or "scripted".  Nothing runs before start()."""

    def __init__(self, bus="sqlite", engine="scripted", brokers=1, live_restore=False, real_lengths=False):
        self.bus_kind, self.engine_kind, self.brokers, self.live_restore = bus, engine, brokers, live_restore
        self.patience = "1" if real_lengths else PATIENCE_FACTOR[engine]
        self.lengths = 1 / float(PATIENCE_FACTOR[engine]) if real_lengths else 1
        self.kafka = self.engine = self.registry = self.image = self.bus_url = None
        self.broker_list, self.broker_proxies = [], []
        self.has_strays = False  # the log holds what nobody of ours has written
        self.directory = Path(tempfile.mkdtemp(prefix="ground"))

    def __enter__(self):
        try:
            if self.bus_kind == "kafka":
                self.start_brokers()
            if self.engine_kind == "real":
                self.start_engine()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start_brokers(self):
        """Behind proxies, one each: by these the brokers tell clients to come."""
        directory = self.directory / "kafka"
        behind, front = Ports.take_in_a_row(self.brokers), Ports.take_in_a_row(self.brokers)
        self.broker_proxies = [FaultyProxy(*ends).start() for ends in zip(behind, front)]
        address = run_script("kafka", "start", "--port", behind[0], "--advertise", front[0],
                             "--brokers", self.brokers, "--dir", directory)
        self.kafka = Kafka(address, directory)
        may_be_away = threading.Semaphore(max(1, self.brokers - 1))
        self.broker_list = [Broker(directory, node, may_be_away) for node in range(1, self.brokers + 1)]
        self.bus_url = self.kafka.url

    def start_engine(self):
        options = ("--live-restore",) if self.live_restore else ()
        self.engine = Engine(run_script("engine", "start", "--dir", self.directory / "engine", *options),
                             self.directory / "engine", options)
        self.registry = Registry(run_script("registry", "start", "--dir", self.directory / "registry"),
                                 self.directory / "registry")
        self.image = self.registry.push_demo(self.engine, "steam-zomboid:latest")
        self.registry.push_demo(self.engine, with_volume("steam-zomboid:latest"), volumes=[VOLUME])

    def renew_engine_if_stuck(self):
        """Between worlds.  An engine that is killed while it restarts a container can wait for that
        container's end for ever (20.10 with live-restore), whatever is done to it."""
        api = self.engine.client.api if self.engine else None
        if api and api.containers(all=True):
            run_script("engine", "remove", "--dir", self.directory / "engine")
            self.start_engine()
        elif api:  # what is wrong with a network is not to be the next one's
            for network in api.networks():
                if network["Name"] in NETWORKS:
                    api.remove_network(network["Id"])

    def stop(self):
        for script, verb in (("kafka", "kill"), ("registry", "stop"), ("engine", "remove")):
            if (self.directory / script).exists():
                with contextlib.suppress(AssertionError):
                    run_script(script, verb, "--dir", self.directory / script)
        for proxy in self.broker_proxies:
            proxy.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
