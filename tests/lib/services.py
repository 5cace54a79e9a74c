"""services - the real engine, registry and broker that tests/run has started, as objects."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import docker
import requests

ROOT = Path(__file__).resolve().parents[2]
# Where a test waits for what has to come: only one that fails waits as long, however busy the machine.
PATIENCE_S = 240


def run_script(name, *arguments):
    """Run one of deploy/ and return the last line it printed."""
    done = subprocess.run([str(ROOT / "deploy" / name), *map(str, arguments)], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f"deploy/{name} failed: {done.stderr}"
    return (done.stdout.splitlines() or [""])[-1]


def pause(api, container):
    """docker pause, by hand; a busy machine does not always freeze all its processes in time."""
    for attempt in range(100):
        try:
            return api.pause(container)
        except docker.errors.APIError as error:
            if "unable to freeze" not in str(error) or attempt == 99:
                raise
            time.sleep(0.2)
    raise AssertionError("not reached")


class Engine:
    """A Docker Engine; what tests do behind Muster's back goes through `client`."""

    def __init__(self, socket, directory=None, options=()):
        self.socket, self.directory, self.options = socket, directory, options
        self.client = docker.DockerClient(base_url=f"unix://{socket}", timeout=PATIENCE_S)

    def find(self, name):
        """The container of that name, or None."""
        try:
            return self.client.containers.get(name)
        except docker.errors.NotFound:
            return None

    def inspect(self, name):
        return self.client.api.inspect_container(name)

    def remove(self, name):
        """docker rm -f, by hand, as a person would."""
        self.client.api.remove_container(name, force=True)

    def pause(self, name):
        pause(self.client.api, name)

    def remove_network(self, network):
        """With whatever is still on it; returns the names of that.

        The engine can keep the endpoint of a container that was removed while it started.
        """
        network.reload()
        left = [endpoint["Name"] for endpoint in (network.attrs["Containers"] or {}).values()]
        for name in left:
            network.disconnect(name, force=True)
        network.remove()
        return left

    def names(self, prefix):
        return sorted(n.lstrip("/") for c in self.client.api.containers(all=True)
                      for n in c["Names"] if prefix in n)

    def stop(self):
        run_script("engine", "stop", "--dir", self.directory)

    def kill(self):
        run_script("engine", "kill", "--dir", self.directory)

    def start(self):
        run_script("engine", "start", "--dir", self.directory, *self.options)

    def signal(self, number):
        """To the daemon, if it runs."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((Path(self.directory) / "pid").read_text().split()[0])
            if str(self.directory).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():  # and is no other one
                os.kill(pid, number)


class Registry:
    def __init__(self, address, directory=None):
        self.address, self.directory = address, directory

    def push_demo(self, engine, name, *env, volumes=()):
        """Make the demo image and push it; returns its full name."""
        options = [word for pair in env for word in ("--env", pair)]
        options += [word for path in volumes for word in ("--volume", path)]
        return run_script("demo-image", engine.socket, self.address, name, *options)

    def tags(self, repository):
        return requests.get(f"http://{self.address}/v2/{repository}/tags/list", timeout=PATIENCE_S).json()["tags"]

    def stop(self):
        run_script("registry", "stop", "--dir", self.directory)

    def start(self):
        run_script("registry", "start", "--dir", self.directory)


class Kafka:
    """A broker.  `address` is host:port, `url` what --bus takes."""

    def __init__(self, address, directory):
        self.address, self.directory = address, directory

    @property
    def url(self):
        return f"kafka://{self.address}"

    def stop(self):
        run_script("kafka", "stop", "--dir", self.directory)

    def kill(self):
        run_script("kafka", "kill", "--dir", self.directory)

    def pause(self):
        """It stands still, as on a host that is out of memory."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        os.kill(int((Path(self.directory) / "pid").read_text().split()[0]), number)

    def start(self):
        run_script("kafka", "start", "--port", self.address.rsplit(":", 1)[1], "--dir", self.directory)

    @contextlib.contextmanager
    def killed(self):
        self.kill()
        yield
        self.start()

    @contextlib.contextmanager
    def paused(self):
        """It takes connections and answers nothing."""
        pid = int((Path(self.directory) / "pid").read_text().split()[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


class Cluster(Kafka):
    """Several brokers, of which each can go; `address` names them all."""

    def kill_node(self, number):
        run_script("kafka", "kill", "--dir", self.directory, "--node", number)

    def start_node(self, number):
        run_script("kafka", "start", "--dir", self.directory, "--node", number)


class Ports:
    """Numbers that no other test uses; below the range from which the kernel hands out its own.

    Processes of pytest that run side by side begin far from each other.
    """

    FIRST, EACH = 21000, 1370
    _place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    _range = range(FIRST + _place * EACH, FIRST + (_place + 1) * EACH)
    _next = os.getpid() % EACH
    _lock = threading.Lock()

    @classmethod
    def take(cls):
        with cls._lock:
            while True:
                cls._next = (cls._next + 1) % cls.EACH
                port = cls._range[cls._next]
                if cls._is_free(port):
                    return port

    @classmethod
    def take_in_a_row(cls, number):
        while True:
            ports = [cls.take() for _ in range(number)]
            if ports[-1] - ports[0] == number - 1:
                return ports

    @staticmethod
    def _is_free(port):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("0.0.0.0", port))
            return True
        except OSError:
            return False
