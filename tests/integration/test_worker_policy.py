"""What a host allows, by a file that is read again, and its credentials for a registry that asks."""
import base64
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from conftest import fleets_key
from fleet import BUILD, wait_for
from log_reader import LogReader
from outpost import Outpost
from services import PATIENCE_S, Ports, Registry, run_script

NAME, PASSWORD, WRONG = "ann", "correct-horse-7", "battery-staple-8"


def bcrypt(password):
    """By perl's crypt(), which every Debian has."""
    return subprocess.run(["perl", "-ne", "print crypt($_, q($2b$05$abcdefghijklmnopqrstuu))"],
                          input=password, text=True, check=True, stdout=subprocess.PIPE).stdout


def auth(password):
    return base64.b64encode(f"{NAME}:{password}".encode()).decode()


def secrets_of(password, address):
    """The password, and every dress in which it travels."""
    said = json.dumps({"username": NAME, "password": password, "serveraddress": address}, separators=(",", ":"))
    return [password, auth(password), base64.urlsafe_b64encode(said.encode()).decode()]


@pytest.fixture(scope="module")
def private(engine):
    """A registry that asks for credentials; `image` is in it."""
    directory = Path(tempfile.mkdtemp(prefix="r"))
    (directory / "htpasswd").write_text(f"{NAME}:{bcrypt(PASSWORD)}\n")
    port = Ports.take()
    private = Registry(run_script("registry", "start", "--dir", directory / "r", "--port", port), directory / "r")
    private.image = private.push_demo(engine, "steam-zomboid:latest")
    private.stop()
    run_script("registry", "start", "--dir", directory / "r", "--htpasswd", directory / "htpasswd")
    yield private
    private.stop()
    shutil.rmtree(directory, ignore_errors=True)


class Host(Outpost):
    """An agent on the real engine; its worker is started by the test."""

    def run_worker(self, *extra, ready=True):
        return self.worker("slot", *extra, ready=ready)

    def do(self, action, server, **changes):
        """A command and its terminal result."""
        return self.result(self.send(action, server, **changes))["body"]

    def done(self, action, server):
        result = self.do(action, server)
        assert result["outcome"] == "done", (action, result)
        return result

    def created(self, **changes):
        server = self.server(**changes)
        self.done("create", server)
        return server

    def output(self):
        return "".join(process.output() for process in self.processes)


@pytest.fixture
def new_host(request, kafka, engine, short_dir):
    """A function that makes a host whose servers run an image."""
    made = []

    def make(image):
        made.append(Host(short_dir, kafka, engine.socket, image, image.partition("/")[0], engine, partitions=1))
        request.node.stash.setdefault(fleets_key, []).append(made[0])
        return made[0]

    yield make
    for host in made:
        host.close()


@pytest.fixture
def host(new_host, image):
    return new_host(image)


class Config:
    """A Docker config.json of this host."""

    def __init__(self, directory):
        self.path = directory / "config.json"

    def write(self, content):
        """In one move, as `docker login` does."""
        text = content if isinstance(content, str) else json.dumps(content)
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self.path)

    def log_in(self, registry, password):
        self.write({"auths": {registry.address: {"auth": auth(password)}}})


@pytest.fixture
def config(short_dir):
    return Config(short_dir)


@pytest.fixture
def locked(new_host, private, config):
    """A host with servers whose image is in the private registry."""
    config.write({})
    return new_host(private.image)


def start(host, config, *extra):
    return host.run_worker("--docker-config", config.path, *extra)


def make_helper(directory, script):
    directory.mkdir(exist_ok=True)
    helper = directory / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\n{script}\n")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)


def a_gate(directory):
    """A file, and words of a shell that wait for it."""
    gate = directory / "gate"
    return gate, f"while [ ! -e {gate} ]; do sleep 0.05; done"


class CommandLines(threading.Thread):
    """What every process's command line said, while this runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.over = set(), threading.Event()

    def run(self):
        while not self.over.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue  # it has ended

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def assert_hidden(host, private, *passwords, lines=()):
    """In no log line, no record of any topic, no command line."""
    reader = LogReader(host.kafka.address)
    records = [m.value for topic in ("muster.events", "muster.deadletter", "muster.heartbeats")
               for m in reader.read(topic) if m.value]
    places = {"the log": [host.output().encode()], "the topics": records, "a command line": lines}
    for password in passwords:
        for secret in secrets_of(password, private.address):
            for name, texts in places.items():
                assert not any(secret.encode() in text for text in texts), f"{secret} is in {name}"


# --- credentials


def test_a_wrong_password_is_denied_and_a_new_one_needs_no_restart(locked, private, config):
    config.log_in(private, WRONG)
    start(locked, config, "--debug")
    server = locked.server()
    with CommandLines() as lines:
        denied = locked.do("create", server)
        assert (denied["outcome"], denied["code"]) == ("failed", "registry_denied"), denied
        config.log_in(private, PASSWORD)
        assert locked.done("create", server)["state"]["status"] == "running"
    assert_hidden(locked, private, PASSWORD, WRONG, lines=lines.seen)


def test_without_credentials_it_is_denied(locked, config):
    start(locked, config)
    denied = locked.do("create", locked.server())
    assert (denied["outcome"], denied["code"]) == ("failed", "registry_denied"), denied


def test_a_helper_of_the_host_is_asked(locked, private, config, short_dir, monkeypatch):
    asked = short_dir / "asked"
    answer = json.dumps({"ServerURL": private.address, "Username": NAME, "Secret": PASSWORD})
    (short_dir / "answer").write_text(answer)
    gate, wait = a_gate(short_dir)
    make_helper(short_dir / "bin", f"cat >>{asked}; echo \" $*\" >>{asked}; {wait}; cat {short_dir}/answer")
    monkeypatch.setenv("PATH", f"{short_dir}/bin:{os.environ['PATH']}")
    config.write({"credHelpers": {private.address: "test"}, "auths": {private.address: {"auth": auth(WRONG)}}})
    start(locked, config, "--debug")
    with CommandLines() as lines:
        create = locked.send("create", locked.server())
        wait_for("the helper to be seen", lambda: any(b"docker-credential-test" in line for line in list(lines.seen)))
        gate.touch()
        assert locked.outcome(create) == "done"
    assert asked.read_text() == f"{private.address} get\n"
    assert_hidden(locked, private, PASSWORD, WRONG, lines=lines.seen)


@pytest.mark.parametrize("content, says", [
    ('{"auths": ' + PASSWORD, "config.json: line 1"),
    ('{"credsStore": "not-there"}', "docker-credential-not-there"),
    ('{"credsStore": "test"}', "exit code 3"),
])
def test_what_is_broken_is_named(locked, private, config, short_dir, monkeypatch, content, says):
    make_helper(short_dir / "bin", f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 3")
    monkeypatch.setenv("PATH", f"{short_dir}/bin:{os.environ['PATH']}")
    config.write(content)
    start(locked, config, "--debug")
    denied = locked.do("create", locked.server())
    assert (denied["outcome"], denied["code"]) == ("failed", "registry_denied"), denied
    assert says in denied["message"] and private.image in denied["message"]
    assert_hidden(locked, private, PASSWORD)


def test_servers_of_one_image_ask_once(locked, private, config, short_dir, monkeypatch):
    asked = short_dir / "asked"
    answer = json.dumps({"Username": NAME, "Secret": PASSWORD})
    gate, wait = a_gate(short_dir)
    make_helper(short_dir / "bin", f"echo x >>{asked}; {wait}; echo '{answer}'")
    monkeypatch.setenv("PATH", f"{short_dir}/bin:{os.environ['PATH']}")
    config.write({"credsStore": "test"})
    start(locked, config)
    commands = [locked.send("create", locked.server(networks=[])) for _ in range(4)]
    locked.wait_pulling(*commands)
    gate.touch()
    for command in commands:
        assert locked.outcome(command) == "done"
    assert asked.read_text() == "x\n"


def test_a_helper_that_hangs_keeps_only_its_pulls(locked, private, config, short_dir, monkeypatch):
    begun = short_dir / "begun"
    gate, wait = a_gate(short_dir)
    make_helper(short_dir / "bin", f"touch {begun}; {wait}; touch {begun}.over")
    monkeypatch.setenv("PATH", f"{short_dir}/bin:{os.environ['PATH']}")
    config.log_in(private, PASSWORD)
    start(locked, config)
    runs = locked.created()
    config.write({"credsStore": "test"})
    waits = locked.server()
    create = locked.send("create", waits)
    wait_for("the helper", begun.exists)
    locked.done("stop", runs)
    cancel = locked.send("cancel", waits, target=create)
    assert locked.outcome(create) == "cancelled"
    assert locked.outcome(cancel) == "done"
    assert not Path(f"{begun}.over").exists()
    gate.touch()


# --- the policy


class PolicyFile:
    def __init__(self, directory):
        self.path = directory / "policy.json"

    def write(self, content):
        self.path.write_text(content if isinstance(content, str) else json.dumps(content))
        return self


@pytest.fixture
def policy(short_dir):
    return PolicyFile(short_dir)


def reload(worker, what):
    """SIGHUP; returns the line of the log that says `what`."""
    before = len(worker.output())
    os.kill(worker.pid, signal.SIGHUP)
    wait_for(what, lambda: what in worker.output()[before:])
    return next(line for line in worker.output()[before:].splitlines() if what in line)


def assert_forbidden(host, server, rule):
    refused = host.do("create", server)
    assert (refused["outcome"], refused["code"]) == ("rejected", "forbidden"), refused
    assert f"rule {rule}:" in refused["message"], refused


def test_sighup_reads_the_policy_again(host, policy):
    policy.write({"container_names": ["other-"]})
    worker = host.run_worker("--policy", policy.path)
    server = host.server(networks=[])
    assert_forbidden(host, server, "container_names")

    policy.write({"container_names": ["steam-zomboid-"], "networks": ["zomboid-*"]})
    reload(worker, "policy.reloaded")
    assert_forbidden(host, server, "networks")
    policy.write({"container_names": ["steam-zomboid-"], "memory_bytes": {"max": 100000000}})
    reload(worker, "policy.reloaded")
    assert_forbidden(host, server, "memory_bytes")

    policy.write({})
    reload(worker, "policy.reloaded")
    host.done("create", server)

    policy.write({"memory_bytes": {"max": 1}, "host_ports": [[1, 2]], "registries": ["elsewhere.example"]})
    reload(worker, "policy.reloaded")
    refused = host.do("start", server)
    assert (refused["outcome"], refused["code"]) == ("rejected", "forbidden"), refused
    host.done("stop", server)  # a narrower policy leaves nothing running for ever
    host.done("delete", server)


def test_a_broken_file_keeps_the_old_policy_and_says_which_key(host, policy):
    policy.write({"networks": ["zomboid-*"]})
    worker = host.run_worker("--policy", policy.path)
    for content, says in (('{"netwroks": []}', "netwroks"), ('{"env": {"max_count": "9"}}', "env.max_count"),
                          ("{", "line 1"), ("[]", "has to be an object")):
        policy.write(content)
        line = reload(worker, "policy.kept")
        assert says in line and str(policy.path) in line and "error" in line, line
    policy.path.unlink()
    assert str(policy.path) in reload(worker, "policy.kept")
    assert_forbidden(host, host.server(networks=[]), "networks")


def test_many_sighups_end_with_the_last_file(host, policy):
    policy.write({})
    worker = host.run_worker("--policy", policy.path)
    for number in range(100):
        policy.path.with_suffix(".new").write_text(json.dumps({"networks": [f"n{number}"]}))
        policy.path.with_suffix(".new").rename(policy.path)
        os.kill(worker.pid, signal.SIGHUP)
    wait_for("the last file", lambda: "(n99)" in host.do("create", host.server())["message"])


def test_a_worker_without_a_policy_lives_through_a_sighup(host):
    worker = host.run_worker()
    reload(worker, "policy.reloaded")
    host.created(networks=[])


def check(policy, *extra):
    command = [BUILD / "muster-worker", "--check-policy", "--policy", policy.path, *extra]
    return subprocess.run(list(map(str, command)), text=True, timeout=PATIENCE_S, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def test_check_policy_says_what_is_allowed(policy):
    if not (BUILD / "muster-worker").exists():
        pytest.skip(f"{BUILD / 'muster-worker'} is not built")
    host = ("--data-root", "/srv/servers", "--registry", "reg:5000")
    policy.write({"host_ports": [[16261, 16400]], "memory_bytes": {"max": 8589934592}})
    said = check(policy, *host)
    assert said.returncode == 0 and not said.stderr, said
    for words in ("inside /srv/servers", "from reg:5000", "16261-16400", "at most 8.0 GiB"):
        assert words in said.stdout, said.stdout

    policy.write({"host_prots": [[16261, 16400]]})
    said = check(policy, *host)
    assert said.returncode == 2 and not said.stdout, said
    assert str(policy.path) in said.stderr and "host_prots" in said.stderr and "host_ports" in said.stderr
    policy.write({})
    assert check(policy, *host[:2]).returncode == 2
    assert check(policy, *host[2:]).returncode == 2


def test_a_worker_does_not_start_with_a_broken_policy(host, policy):
    policy.write({"pids": {"max": "many"}})
    worker = host.run_worker("--policy", policy.path, ready=False)
    assert worker.exit_code() == 2
    assert "pids.max" in worker.output()
    host.processes.clear()
