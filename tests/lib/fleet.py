"""fleet - one agent with its ledger, data, workers and servers, for one test.

The programs run as a person runs them: as processes, with the options of the manual.  A fleet
names everything after itself, so that any number of tests can share an engine and a broker.
"""
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

from log_reader import LogReader
from services import PATIENCE_S, Ports

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
BUILD = Path(os.environ.get("MUSTER_BUILD", "build")).resolve()


def wait_for(what, condition, timeout=PATIENCE_S, every=0.1):
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {timeout} s for {what}; the last answer was {answer!r}"
        time.sleep(every)


class Process:
    """A long-running program of ours: started, awaited by sd_notify, stopped by its pid."""

    def __init__(self, name, command, directory):
        self.name, self.command = name, [str(word) for word in command]
        self.log = directory / f"{name}.log"
        self.killed = False
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = f"\0muster-test-{secrets.token_hex(8)}"
        self._notify.bind(path)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET="@" + path[1:]), start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_ready(self, timeout=PATIENCE_S):
        """Until it says READY=1, as it would to systemd."""
        end = time.monotonic() + timeout
        self._notify.settimeout(0.1)
        while True:
            assert self.process.poll() is None, (
                f"{self.name} ended with {self.process.returncode}: {self.output()[-4000:]}")
            assert time.monotonic() < end, f"{self.name} was not ready in {timeout} s: {self.output()[-4000:]}"
            try:
                if b"READY=1" in self._notify.recv(4096):
                    return self
            except socket.timeout:
                continue

    def resident_kib(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError(f"{self.name} is gone")

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """kill -9, and reap it."""
        self.killed = True
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def exit_code(self):
        """Once it has ended by itself."""
        return self.process.wait(PATIENCE_S)

    def stop(self, timeout=PATIENCE_S):
        """SIGTERM; a clean end is the only right one.  Does nothing if it is gone already."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM") from None

    def close(self):
        try:
            self.stop()
        finally:
            self._notify.close()
        assert self.killed or self.process.returncode == 0, (
            f"{self.name} ended with {self.process.returncode}: {self.output()[-4000:]}")


class Fleet:
    """Everything that one test has of Muster.  `engine` and `image` are None for a bare fleet."""

    def __init__(self, directory, bus_url, engine=None, registry=None, image=None, kafka=None):
        self.id = "t" + secrets.token_hex(4)
        self.directory, self.bus_url, self.kafka = directory, bus_url, kafka
        self.engine, self.registry, self.image = engine, registry, image
        self.ledger = directory / "ledger.db"
        self.program = BUILD / "muster"
        self.data_root = directory / "data"
        self.data_root.mkdir()
        self.agent_name = f"{self.id}-host"
        self.agent = None
        self.processes = []
        self._names = 0

    # The muster program

    def run(self, *arguments, expect=0, timeout=PATIENCE_S, stdin=None, environment=None):
        """`muster ARGUMENTS`; expect is the exit code that is right, None any."""
        command = [str(self.program), *map(str, arguments), "--bus", self.bus_url,
                   "--ledger", str(self.ledger)]
        done = subprocess.run(command, text=True, timeout=timeout, input=stdin or "",
                              env=dict(os.environ, **environment) if environment else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert expect is None or done.returncode == expect, (
            f"{' '.join(command)}\nended with {done.returncode}, not {expect}\n"
            f"stdout: {done.stdout}\nstderr: {done.stderr}")
        return done

    def json(self, *arguments, expect=0, timeout=PATIENCE_S):
        return json.loads(self.run(*arguments, "--json", expect=expect, timeout=timeout).stdout)

    def init(self):
        self.run("init")
        return self

    def add_agent(self, name=None, **options):
        """Makes the agent; the first one becomes the fleet's own."""
        words = ["--data-path", self.data_root]
        if self.image:
            words += ["--registry", self.image.rsplit(":", 1)[0]]
        agent = str(self.json("agent", "add", name or self.agent_name, *words, *flags(options))["id"])
        self.agent = self.agent or agent
        return agent

    # Long-running programs

    def start(self, name, command, ready=True):
        process = Process(name, command, self.directory)
        self.processes.append(process)
        return process.wait_ready() if ready else process

    def start_worker(self, *extra, name=None, agent=None, docker=None, registry=None, ready=True,
                     env_log=None, root_first=None, clock=None):
        """A muster-worker of the agent; extra words are options as they stand.  With
        `root_first` its locks lie there, as if on another host; with `clock`, as "+400d", the wall
        clock of that host is set so."""
        number = sum(p.name.startswith("worker") for p in self.processes) + 1
        roots = [root for root in (root_first, self.data_root) if root]
        command = [BUILD / "muster-worker", "--agent", agent or self.agent, "--bus", self.bus_url,
                   *(word for root in roots for word in ("--data-root", root)),
                   "--docker", docker or self.engine.socket,
                   "--registry", registry or f"{self.registry.address}/"]
        if name:
            command += ["--worker", name]
        return self.start(env_log or f"worker-{number}", [*by_clock(clock), *command, *extra], ready)

    def start_serve(self, *extra, ready=True, port=None, prefix=()):
        """`muster serve`; the words of `prefix` run it."""
        self.http_port = port or Ports.take()
        command = [*prefix, self.program, "serve", "--bus", self.bus_url, "--ledger", self.ledger,
                   "--listen", f"127.0.0.1:{self.http_port}"]
        return self.start("serve", [*command, *extra], ready)

    # Servers

    def new_name(self):
        self._names += 1
        return f"{self.id}-{self._names}"

    @staticmethod
    def container_name(server_name):
        return f"steam-zomboid-{server_name}"

    def create(self, name=None, *extra, wait=True, expect=0, **options):
        """`muster server create` with ports of its own; returns (server id, name)."""
        name = name or self.new_name()
        options = {"game_port": Ports.take(), "udp_port": Ports.take(), "rcon_port": Ports.take(),
                   "image_tag": self.image.rsplit(":", 1)[1] if self.image else "latest", **options}
        words = ["server", "create", self.agent, name, *flags(options), *extra]
        words += ["--wait"] if wait else []
        return str(self.json(*words, expect=expect)["server_id"]), name

    def server(self, action, server, *extra, wait=True, expect=0):
        """`muster server ACTION SERVER`, decoded."""
        return self.json("server", action, server, *extra, *(["--wait"] if wait else []), expect=expect)

    def show(self, server):
        return self.json("server", "show", server)

    def status(self, server):
        return self.show(server)["status"]

    def wait_status(self, server, status):
        return wait_for(f"{server} to be {status}", lambda: self.status(server) == status)

    # The log

    def events(self, *arguments):
        """`muster events --json`: on both buses, by our own reader."""
        return [json.loads(line) for line in self.run("events", "--json", *arguments).stdout.splitlines()]

    def log(self):
        """The events of this agent by clients that are not ours.  Kafka only."""
        return LogReader(self.kafka.address).events(self.agent)

    # The end

    def close(self):
        """Stop what runs, remove what was made; then tell what went wrong on the way."""
        problems = []
        for process in reversed(self.processes):
            try:
                process.close()
            except Exception as problem:  # every process must be stopped
                problems.append(str(problem))
        if self.engine:
            for name in self.engine.names(self.id):
                self.engine.remove(name)
        assert not problems, "\n".join(problems)


def by_clock(shift):
    """What makes a program, whose words follow, see another wall clock; and no other of the clocks."""
    if not shift:
        return []
    return ["env", *(f"{name}={value}" for name, value in false_clock(shift).items())]


def false_clock(shift):
    """The environment that does it."""
    assert FAKETIME.exists(), f"{FAKETIME} is missing: tests/setup installs it"
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def flags(options):
    """{'game_port': 1, 'json': True} as command line words."""
    words = []
    for key, value in options.items():
        words.append("--" + key.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words
