"""The HTTP API as programs use it: what it does, what it refuses, and whom.

Mostly on the embedded bus and a scripted engine; what depends on the bus, on Kafka too.
"""
import concurrent.futures
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from client import OPENAPI, Client
from fleet import wait_for
from scripted_engine import ScriptedEngine
from services import PATIENCE_S, Ports

IMAGE = "registry.test/game"
SECRET = "hunter2"
FILES = re.findall("<file>web/(.*?)</file>", (OPENAPI.parents[1] / "muster.gresource.xml").read_text())
EXAMPLES = Path(__file__).resolve().parents[2] / "deploy/examples"


class Front:
    """A fleet with `muster serve`, a worker on a scripted engine, and a client of each role."""

    def __init__(self, fleet, engine):
        self.fleet, self.engine = fleet, engine
        self.process = fleet.start_serve()
        self.url = f"http://127.0.0.1:{fleet.http_port}"
        self.tokens = {role: self.token(role) for role in ("viewer", "operator", "admin")}
        self.viewer, self.operator, self.admin = (
            Client(self.url, token) for token in self.tokens.values())
        self.nobody = Client(self.url)
        self.agent = f"/agents/{fleet.agent}"

    def token(self, role, *more):
        return self.fleet.json("token", "add", "--role", role, "--name", f"{role}-{len(more)}", *more)["token"]

    def body(self, name=None, **more):
        return {"name": name or self.fleet.new_name(), "image": IMAGE, "image_tag": "1", "game_port": Ports.take(),
                "udp_port": Ports.take(), "rcon_port": Ports.take(), **more}

    def create(self, **more):
        """(path, id) of a server that runs."""
        queued = self.operator.queue("POST", f"{self.agent}/servers", self.body(**more))
        assert self.operator.wait(queued)["outcome"] == "done"
        return f"{self.agent}/servers/{queued['server_id']}", queued["server_id"]

    def container(self, path):
        return self.viewer.get(path)["container"]

    def remove(self, container):
        self.engine.ask("DELETE", f"/containers/{container}?force=1")

    def restart(self):
        self.process.stop()
        self.process = self.fleet.start("serve-again", [*self.process.command])


@pytest.fixture
def front(bare_fleet, short_dir):
    with ScriptedEngine(short_dir / "docker.sock", images=[f"{IMAGE}:1"]) as engine:
        front = Front(bare_fleet, engine)
        bare_fleet.start_worker(docker=engine.path, registry="registry.test/")
        yield front
        log = front.process.output()
        for token in front.tokens.values():
            assert token not in log
        assert SECRET not in log
        bare_fleet.close()


@pytest.fixture
def desk(bare_fleet):
    """Without worker and engine: what is asked stays queued."""
    front = Front(bare_fleet, None)
    yield front
    assert SECRET not in front.process.output()


sqlite = pytest.mark.bus("sqlite")


# What it does


def test_a_server_is_made_lost_started_deleted_and_restored(front):
    path, server_id = front.create(config={"SECRET_TOKEN": SECRET})
    stream = front.viewer.stream(server=server_id)
    stream.wait("hello")
    assert front.viewer.get(path)["shown_status"] == "running"
    front.remove(front.container(path))
    row = stream.wait("server", status="missing")[2]
    assert {"start", "rebuild", "delete"} <= set(row["actions"])
    assert front.operator.done("POST", f"{path}/start")["recovered"] is True
    stream.wait("server", status="running")
    front.operator.done("POST", f"{path}/stop", {"skip_save": True})
    front.operator.done("POST", f"{path}/restart")
    front.operator.done("POST", f"{path}/rebuild", {"reason": "a new image"})
    assert front.operator.done("POST", f"{path}/recreate")["already"] is True
    front.admin.done("DELETE", path)
    row = front.viewer.get(path)
    assert row["status"] == "deleted" and row["actions"] == ["restore", "delete", "purge"]
    assert row["needs_fresh"] is False  # no game has written any data: none is gone
    front.admin.done("POST", f"{path}/restore", {"start": True})
    stream.wait("server", status="running")
    front.admin.done("DELETE", f"{path}/purge")
    assert front.viewer.get(path)["status"] == "purged"
    assert front.viewer.get(f"{front.agent}/servers") == []
    asked = front.viewer.get("/commands", server=server_id)
    assert [command["action"] for command in asked] == [
        "purge", "restore", "delete", "recreate", "rebuild", "restart", "stop", "start", "create"]
    assert {command["actor"] for command in asked} == {"token:operator-0", "token:admin-0"}
    spans = [span for span in front.viewer.get("/timeline") if span["server_id"] == server_id]
    statuses = [span["status"] for span in spans]
    assert statuses[0] == "creating" and "missing" in statuses and statuses[-1] == "purged"
    assert all(a["until_at"] == b["from_at"] for a, b in zip(spans, spans[1:], strict=False))
    stream.close()
    assert SECRET not in json.dumps(stream.messages)


@sqlite
def test_it_prints_what_the_command_line_prints(front):
    def flat(row):
        """The command line leaves out what is no plain value, but for the remarks."""
        return {name: value for name, value in row.items()
                if name.startswith("remark") or not isinstance(value, (list, dict))}

    path, server_id = front.create(config={"SECRET_TOKEN": SECRET})
    by_http, by_cli = front.viewer.get(path), front.fleet.show(server_id)
    assert by_http.pop("config") == {"SECRET_TOKEN": None}
    assert flat(by_http) == by_cli
    assert [flat(row) for row in front.viewer.get("/servers")] == front.fleet.json("server", "list")
    assert front.viewer.get("/profiles") == front.fleet.json("profile", "list")
    [agent], [shown] = front.viewer.get("/agents"), front.fleet.json("agent", "list")
    assert {**agent, "last_event_at": 0} == {**shown, "last_event_at": 0}
    events = [event for event in front.fleet.events("--server", server_id)]
    assert front.viewer.get(f"{path}/history") == events[::-1]


@sqlite
def test_a_record_changes_and_drifts(front):
    path, _ = front.create(config={"A": "1", "B": "2"})
    changed = front.operator.ask("PATCH", path, {"config": {"A": None, "C": "3"}, "on_missing": "start"}).json()
    assert changed["config"] == {"B": "2", "C": "3"} and changed["on_missing"] == "start"
    wait_for("the drift", lambda: front.viewer.get(path)["drift"])
    assert front.operator.ask("PATCH", path, {"on_missing": "agent"}).json()["on_missing"] is None
    front.operator.done("POST", f"{path}/rebuild")
    assert front.viewer.get(path)["drift"] is False


@sqlite
def test_agents_are_made_and_changed(desk):
    made = desk.admin.ask("POST", "/agents", {"name": "second", "partitions": 1}, expect=201)
    agent = made.json()
    assert made.headers["Location"] == f"/agents/{agent['id']}" and agent["partitions"] == 1
    changed = desk.admin.ask("PATCH", "/agents/second", {"on_missing": "start"}).json()
    assert changed["on_missing"] == "start" and changed["id"] == agent["id"]
    assert desk.viewer.get("/agents/second/workers") == []
    queued = desk.operator.queue("POST", "/agents/second/servers/sync")
    assert queued["server_id"] is None
    assert desk.admin.ask("POST", "/agents/second/rebind", {"engine_id": "other"}, expect=202)
    wait_for("the engine", lambda: desk.viewer.get("/agents/second")["engine_id"] == "other")
    desk.admin.problem("POST", "/agents/second/release", 409)
    desk.admin.problem("POST", "/agents", 409, {"name": "second"})


@sqlite
def test_what_is_unmanaged_is_adopted(front):
    name = front.fleet.new_name()
    front.engine.ask("POST", f"/containers/create?name=steam-zomboid-{name}", {"Image": f"{IMAGE}:1"})
    front.engine.ask("POST", f"/containers/steam-zomboid-{name}/start")
    front.operator.done("POST", f"{front.agent}/servers/sync")
    [found] = wait_for("it to be listed", lambda: front.viewer.get(f"{front.agent}/found", kind="unmanaged"))
    [of_all] = front.viewer.get("/found")
    assert found["name"] == f"steam-zomboid-{name}" and {**of_all, "seen_at": found["seen_at"]} == found
    answer = front.operator.ask("POST", f"{front.agent}/adopt", {
        "container": found["container_id"][:12], "game_port": 1, "udp_port": 2, "rcon_port": 3}, expect=202)
    assert answer.json()["command_id"] is None
    assert front.viewer.get(answer.headers["Location"])["name"] == name
    assert front.viewer.get(f"{front.agent}/found") == []
    front.operator.problem("POST", f"{front.agent}/adopt", 409, {"container": "nothing"})


# Once


@sqlite
def test_a_repeated_request_queues_nothing_again(desk):
    body, key = desk.body(), {"Idempotency-Key": "one"}
    first = desk.operator.queue("POST", f"{desk.agent}/servers", body, headers=key)
    desk.restart()
    assert desk.operator.queue("POST", f"{desk.agent}/servers", body, headers=key) == first
    assert len(desk.viewer.get("/commands")) == 1
    problem = desk.operator.problem("POST", f"{desk.agent}/servers", 422, desk.body(), headers=key)
    assert problem["field"] == "Idempotency-Key"
    # another's key is another key
    path = f"{desk.agent}/servers/{first['server_id']}"
    other = desk.admin.queue("POST", f"{path}/stop", headers=key)
    assert other["command_id"] != first["command_id"]
    synced = desk.admin.queue("POST", f"{desk.agent}/servers/sync", headers={"Idempotency-Key": "all"})
    assert len(synced["command_ids"]) == 4
    assert desk.admin.queue("POST", f"{desk.agent}/servers/sync", headers={"Idempotency-Key": "all"}) == synced
    desk.operator.problem("POST", f"{path}/stop", 400, headers={"Idempotency-Key": "x" * 201})


@sqlite
def test_l31_one_key_and_ten_requests_at_once_are_one_command(desk):
    """Whoever comes second is refused for what the first has changed: that is no answer to it."""
    def at_once(path, body, key):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            asked = [pool.submit(desk.operator.queue, "POST", path, body, headers={"Idempotency-Key": key})
                     for _ in range(10)]
            answers = [one.result() for one in asked]
        assert all(answer == answers[0] for answer in answers), answers
        return answers[0]

    for number in range(5):
        made = at_once(f"{desk.agent}/servers", desk.body(), f"make {number}".replace(" ", "-"))
        server = f"{desk.agent}/servers/{made['server_id']}"
        at_once(f"{server}/restart", None, f"restart-{number}")
    asked = [command["action"] for command in desk.viewer.get("/commands")]
    assert sorted(asked) == ["create"] * 5 + ["restart"] * 5


# What it refuses


@sqlite
def test_every_route_but_health_and_the_page_wants_a_token(desk):
    stranger = Client(desk.url, "muster_" + "A" * 43)
    paths = json.loads(OPENAPI.read_text())["paths"]
    asked = 0
    for path, methods in paths.items():
        path = path.replace("{agent_id}", desk.fleet.agent).replace("{server_id}", "s").replace("{command_id}", "c")
        for method, operation in methods.items():
            if operation["x-role"] == "none":
                desk.nobody.ask(method.upper(), path)
                continue
            asked += 1
            desk.nobody.problem(method.upper(), path, 401)
            answer = stranger.ask(method.upper(), path, expect=None)
            assert answer.status_code in (401, 429), (method, path)
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers.get("WWW-Authenticate" if answer.status_code == 401 else "Retry-After")
    assert asked > 30
    for name in ("", *FILES):
        assert desk.nobody.ask("GET", f"/{name}").content
    # so many wrong ones from one address are too many, if they come faster than one in five seconds
    wait_for("a guess too many", lambda: stranger.ask("GET", "/agents", expect=None).status_code == 429, every=0)
    # a right one is taken all the same
    desk.viewer.get("/agents")


@sqlite
def test_a_role_may_what_the_contract_says(desk):
    order = ("none", "viewer", "operator", "admin")
    server = desk.operator.queue("POST", f"{desk.agent}/servers", desk.body())["server_id"]
    may = {role: getattr(desk, role).get("/me")["may"] for role in order[1:]}
    for path, methods in json.loads(OPENAPI.read_text())["paths"].items():
        path = path.replace("{agent_id}", desk.fleet.agent).replace("{server_id}", server)
        for method, operation in methods.items():
            for role in order[1:]:
                allowed = order.index(role) >= order.index(operation["x-role"])
                assert (operation["operationId"] in may[role]) == allowed
                if not allowed:
                    problem = getattr(desk, role).problem(method.upper(), path, 403, {})
                    assert operation["x-role"] in problem["detail"]
    assert desk.viewer.get("/me")["actor"] == "token:viewer-0"


@sqlite
def test_a_token_ends(desk):
    brief = desk.fleet.json("token", "add", "--role", "viewer", "--name", "brief", "--expires", "1s")["token"]
    stays, ends = desk.viewer.stream(), desk.operator.stream()
    desk.fleet.run("token", "revoke", "operator-0")
    desk.operator.problem("GET", "/me", 401)
    ends.wait_over()
    assert not stays.over
    stays.close()
    wait_for("it to expire", lambda: Client(desk.url, brief).ask("GET", "/me", expect=None).status_code == 401)
    listed = desk.fleet.run("token", "list", "--json").stdout
    assert all(token not in listed for token in desk.tokens.values())
    with open(desk.fleet.ledger, "rb") as ledger:
        kept = ledger.read()
    assert all(token.encode() not in kept for token in desk.tokens.values())


@sqlite
def test_a_viewer_sees_no_value_of_config(desk):
    queued = desk.operator.queue("POST", f"{desk.agent}/servers", desk.body(config={"SECRET_TOKEN": SECRET}))
    path = f"{desk.agent}/servers/{queued['server_id']}"
    assert desk.operator.get(path)["config"] == {"SECRET_TOKEN": SECRET}
    for seen in (path, f"{desk.agent}/servers", "/servers", "/commands", f"{path}/history", "/metrics", "/timeline"):
        answer = desk.viewer.ask("GET", seen)
        assert SECRET not in answer.text
    for seen in (f"{desk.agent}/servers", "/servers", "/commands", f"{path}/history"):
        assert SECRET not in desk.admin.ask("GET", seen).text


@sqlite
@pytest.mark.parametrize(("method", "path", "body", "status", "field"), [
    ("GET", "/nothing", None, 404, None),
    ("GET", "/agents/none", None, 404, None),
    ("GET", "/agents/AGENT/servers/none", None, 404, None),
    ("GET", "/agents/AGENT%2Fservers", None, 404, None),
    ("GET", "/agents/x%00y", None, 404, None),
    ("GET", "/commands/none", None, 404, None),
    ("POST", "/agents/none/servers", {}, 404, None),
    ("GET", "/servers?limit=0", None, 400, "limit"),
    ("GET", "/servers?limit=1001", None, 400, "limit"),
    ("GET", "/servers?status=happy", None, 400, "status"),
    ("GET", "/servers?after=none", None, 404, "after"),
    ("GET", "/servers?statu=running", None, 400, "statu"),
    ("GET", "/servers?limit=1&limit=2", None, 400, "limit"),
    ("GET", "/servers?status=%ff", None, 400, None),
    ("GET", "/commands?agent=none", None, 404, "agent"),
    ("GET", "/commands?before=none", None, 404, "before"),
    ("GET", "/commands?open=perhaps", None, 400, "open"),
    ("GET", "/commands/x?wait=61", None, 400, "wait"),
    ("GET", "/timeline?since=-1", None, 400, "since"),
    ("GET", "/events?server=none", None, 404, "server"),
    ("POST", "/agents/AGENT/servers", {}, 400, "name"),
    ("POST", "/agents/AGENT/servers", {"name": "a b", "game_port": 1, "udp_port": 2, "rcon_port": 3}, 400, "name"),
    ("POST", "/agents/AGENT/servers", {"name": "a", "game_port": 0}, 400, "game_port"),
    ("POST", "/agents/AGENT/servers", {"name": "a", "game_port": 1, "udp_port": 2, "rcon_port": 3,
                                       "profile": "/etc/passwd"}, 404, "profile"),
    ("POST", "/agents/AGENT/servers", {"name": "a", "game_port": 1, "udp_port": 2, "rcon_port": 3,
                                       "image": "a b"}, 422, "image"),
    ("POST", "/agents/AGENT/servers", {"name": "a", "game_port": 1, "udp_port": 1, "rcon_port": 3,
                                       "image": "a"}, 422, "udp_port"),
    ("POST", "/agents", {"name": "-"}, 400, "name"),
    ("POST", "/agents", {"name": "a", "id": "../x"}, 400, "id"),
    ("POST", "/agents", {"name": "a", "server_data_path": "x"}, 400, "server_data_path"),
])
def test_a_problem_names_what_is_wrong(desk, method, path, body, status, field):
    problem = desk.admin.problem(method, path.replace("AGENT", desk.fleet.agent), status, body)
    assert problem.get("field") == field


@sqlite
def test_what_is_refused_says_what_is_possible(desk):
    queued = desk.operator.queue("POST", f"{desk.agent}/servers", desk.body())
    path = f"{desk.agent}/servers/{queued['server_id']}"
    desk.admin.queue("DELETE", path)
    problem = desk.operator.problem("POST", f"{path}/start", 409)
    assert problem["possible"] == desk.viewer.get(path)["actions"] == ["restore", "delete", "purge", "cancel"]
    assert "deleting" in problem["detail"]


@sqlite
def test_methods_types_and_sizes(desk):
    answer = desk.admin.ask("PUT", desk.agent, {}, expect=405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "PATCH", "OPTIONS"}
    assert desk.nobody.ask("POST", "/index.html", expect=405).headers["Allow"] == "GET, HEAD, OPTIONS"
    path = f"{desk.agent}/servers"
    plain = {"Content-Type": "text/plain"}
    desk.admin.problem("POST", path, 415, data="{}", headers=plain)
    json_type = {"Content-Type": "application/json; charset=utf-8"}
    for text in ('{"name"', f'{{"name": {SECRET}}}', '{"name":"a","name":"b"}', "[" * 5000, '"\\ud800"', b"\xff"):
        problem = desk.admin.problem("POST", path, 400, data=text, headers=json_type)
        assert SECRET not in problem["detail"]
    assert desk.admin.problem("POST", path, 413, data=b" " * 600_000, headers=json_type)
    assert desk.admin.problem("POST", path, 413, data=iter([b" " * 300_000] * 2), headers=json_type)
    head = desk.viewer.ask("HEAD", "/servers")
    assert head.headers["Content-Type"] == "application/json" and not head.content


@sqlite
def test_pages_follow_each_other(desk):
    for number in range(5):
        desk.operator.queue("POST", f"{desk.agent}/servers", desk.body(f"s{number}"))
    for path, key, order in ((f"{desk.agent}/servers", "name", 1), ("/servers", "name", 1),
                             ("/commands", "command_id", -1)):
        whole = desk.viewer.get(path)
        seen, address = [], f"{path}?limit=2"
        while address:
            answer = desk.viewer.ask("GET", address)
            assert 1 <= len(answer.json()) <= 2
            seen += answer.json()
            address = answer.links.get("next", {}).get("url")
        names = [row[key] for row in seen]  # the rest of a row may change meanwhile
        assert names == [row[key] for row in whole] and len(whole) == 5
        assert names == sorted(names, reverse=order < 0)
    assert [row["name"] for row in desk.viewer.get("/servers", status="creating", limit=1)] == ["s0"]
    history = f"{desk.agent}/servers/s0/history"
    desk.operator.queue("POST", f"{desk.agent}/servers/s0/stop")
    wait_for("both to be there", lambda: len(desk.viewer.get(history)) == 2)
    first = desk.viewer.ask("GET", f"{history}?limit=1")
    second = desk.viewer.ask("GET", first.links["next"]["url"])
    assert first.json() + second.json() == desk.viewer.get(history)


# Browsers


@sqlite
def test_headers_for_browsers(bare_fleet):
    bare_fleet.start_serve("--cors-origin", "https://panel.test")
    client = Client(f"http://127.0.0.1:{bare_fleet.http_port}")
    for path in ("/", "/healthz", "/agents", "/nothing"):
        headers = client.ask("GET", path, expect=None).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Set-Cookie" not in headers and "Access-Control-Allow-Origin" not in headers
    ours = client.ask("OPTIONS", "/agents", expect=204, headers={"Origin": "https://panel.test"}).headers
    assert ours["Access-Control-Allow-Origin"] == "https://panel.test" and "Origin" in ours["Vary"]
    assert "Authorization" in ours["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in ours
    other = client.ask("OPTIONS", "/agents", expect=204, headers={"Origin": "https://evil.test"}).headers
    assert "Access-Control-Allow-Origin" not in other
    tag = client.ask("GET", "/").headers["ETag"]
    assert not client.ask("GET", "/", expect=304, headers={"If-None-Match": tag}).content


@sqlite
def test_https(bare_fleet, short_dir):
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    key, certificate = short_dir / "key.pem", short_dir / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "1", *names], check=True, capture_output=True)
    bare_fleet.start_serve("--tls-cert", certificate, "--tls-key", key)
    token = bare_fleet.json("token", "add", "--role", "viewer")["token"]
    client = Client(f"https://127.0.0.1:{bare_fleet.http_port}", token, verify=str(certificate))
    assert client.ask("GET", "/agents").headers["Strict-Transport-Security"]
    stream = client.stream()
    stream.wait("hello")
    bare_fleet.run("agent", "set", bare_fleet.agent, "--on-missing", "start")
    stream.wait("agent", on_missing="start")
    stream.close()
    assert bare_fleet.run("serve", "--tls-cert", certificate, expect=2)


# News


def wait_told(stream, command):
    """Its result: rows are told as soon as the ledger has them."""
    wait_for("the result to be told", lambda: [
        data for _, _, data in stream.find("log", server_id=command["server_id"])
        if data["cause"] and data["cause"]["command_id"] == command["command_id"]
        and data["body"].get("outcome") == "done"])


def test_a_stream_goes_on_where_it_was_cut_off(front):
    path, server_id = front.create()
    live = front.viewer.stream()
    hello = live.wait("hello")
    assert hello[2] == {"resumed": False}
    wait_told(live, front.operator.done("POST", f"{path}/stop"))
    live.wait("server", id=server_id, status="stopped")
    live.close()
    seen = live.find("log")
    cut_off = seen[len(seen) // 2][0]
    started = front.operator.done("POST", f"{path}/start")
    again = front.viewer.stream(cut_off)
    wait_told(again, started)
    again.wait("server", id=server_id, status="running")
    assert again.messages[0][1:] == ("hello", {"resumed": True})
    again.close()
    whole = [(event["partition"], event["offset"]) for event in front.fleet.events()]
    places = [(data["partition"], data["offset"]) for _, _, data in again.find("log")]
    missed = [(data["partition"], data["offset"]) for _, _, data in seen[len(seen) // 2 + 1:]]
    assert missed and places[:len(missed)] == missed
    # From the very beginning, by another process than the one that gave the id: out of the log.
    front.restart()
    tag = hello[0].partition("-")[0]
    far = front.viewer.stream(tag)
    wait_for("all of it", lambda: len(far.find("log")) >= len(whole))
    assert sorted((data["partition"], data["offset"]) for _, _, data in far.find("log"))[:len(whole)] == sorted(whole)
    wait_told(far, front.operator.done("POST", f"{path}/stop"))
    far.wait("server", id=server_id, status="stopped")
    numbers = [(data["partition"], data["offset"]) for _, _, data in far.find("log")]
    assert len(numbers) == len(set(numbers))
    far.close()
    reset = front.viewer.stream("000000-0.1")
    reset.wait("reset")
    reset.close()
    assert front.viewer.problem("GET", "/events", 400, headers={"Last-Event-ID": "x"})["field"] == "Last-Event-ID"


@sqlite
def test_what_was_told_is_in_the_ledger(front):
    stream = front.viewer.stream()
    stream.wait("hello")
    queued = front.operator.queue("POST", f"{front.agent}/servers", front.body())
    result = wait_for("its result", lambda: [
        data for _, _, data in stream.find("log", server_id=queued["server_id"])
        if data["cause"] and data["body"].get("outcome") == "done"], every=0.001)[0]
    assert front.viewer.get(f"/commands/{result['cause']['command_id']}")["outcome"] == "done"
    stream.close()


def read_nothing(front, path="/events", last=None):
    """A connection that has asked for the stream and does not read it."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", front.fleet.http_port))
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {front.tokens['viewer']}"]
    lines += [f"Last-Event-ID: {last}"] if last else []
    slow.sendall("\r\n".join([*lines, "", ""]).encode())
    return slow


@sqlite
def test_slow_readers_hold_nobody_back(desk):
    """Of old events and of new ones; the log that they were asked for is larger than any buffer."""
    quick = [desk.viewer.stream()]
    tag = quick[0].wait("hello")[0].partition("-")[0]
    config = {f"NAME_{'X' * 90}_{number}": "" for number in range(50)}  # names stand in events
    server = desk.operator.queue("POST", f"{desk.agent}/servers", desk.body(config=config))["server_id"]
    path = f"{desk.agent}/servers/{server}"

    def told():
        """Whoever is cut off, since this machine is busy, goes on behind what was seen."""
        if quick[-1].over:
            quick.append(desk.viewer.stream(quick[-1].last))
        return sum(len(stream.find("log", server_id=server)) for stream in quick)

    slow = [read_nothing(desk) for _ in range(8)] + [read_nothing(desk, last=tag) for _ in range(8)]
    for number in range(300):
        desk.operator.ask("PATCH", path, {"game_port": 1000 + number})
    wait_for("the last one", lambda: told() >= 301)
    assert desk.viewer.get(path)["game_port"] == 1299
    far = desk.viewer.stream(tag)  # is filled beside those that do not read
    wait_for("all of it", lambda: len(far.find("log", server_id=server)) >= 301)
    for stream in (far, *quick):
        stream.close()
    for connection in slow:
        connection.close()


@sqlite
def test_it_ends_in_order(desk):
    queued = desk.operator.queue("POST", f"{desk.agent}/servers", desk.body())
    streams = [desk.viewer.stream() for _ in range(3)]
    for stream in streams:
        stream.wait("hello")
    read_nothing(desk)
    waiting = subprocess.Popen(
        ["curl", "-s", "-H", f"Authorization: Bearer {desk.tokens['viewer']}",
         f"{desk.url}/commands/{queued['command_id']}?wait=60"], stdout=subprocess.PIPE, text=True)
    wait_for("it to wait", lambda: "\nmuster_http_waits 1\n" in desk.viewer.ask("GET", "/metrics").text)
    desk.process.stop(timeout=50)  # who waits is not waited for
    assert json.loads(waiting.communicate(timeout=PATIENCE_S)[0])["finished_at"] is None
    for stream in streams:
        stream.wait_over()


@sqlite
def test_it_says_when_the_bus_is_away(desk):
    health = desk.nobody.get("/healthz")
    assert health["status"] == "ok" and health["bus"] is True and health["ledger"] is True
    figures = desk.viewer.ask("GET", "/metrics")
    assert figures.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "\nmuster_bus_up 1\n" in figures.text and 'muster_http_requests_total{code="200"}' in figures.text


@sqlite
def test_an_address_that_is_taken(desk):
    busy = desk.fleet.run("serve", "--listen", f"127.0.0.1:{desk.fleet.http_port}", expect=None)
    assert busy.returncode != 0 and "cannot listen" in busy.stderr
    for wrong in ("8080", "localhost", "::1:80", "127.0.0.1:99999"):
        assert "--listen" in desk.fleet.run("serve", "--listen", wrong, expect=None).stderr


# Programs


@sqlite
def test_the_examples_work(front):
    environment = {**os.environ, "MUSTER_URL": front.url, "MUSTER_TOKEN": front.tokens["operator"]}

    def run(*words, expect=0):
        done = subprocess.run([EXAMPLES / words[0], *words[1:]], env=environment, text=True, timeout=PATIENCE_S,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    if shutil.which("node"):
        fields = [f"{key}={value}" for key, value in front.body("made").items() if key != "name"]
        told = run("client.mjs", front.fleet.agent, "made", *fields).splitlines()
        assert told[-2:] == ["running", "create done: made and started"]
        run("client.mjs", front.fleet.agent, "made", *fields, expect=2)
    else:
        front.create(name="made")
    assert run("client.sh", front.fleet.agent, "made", "stop").startswith("stop done")
    name, status, actions = run("client.sh", front.fleet.agent).strip().split("\t")
    assert (name, status) == ("made", "stopped") and "start" in actions.split(",")
    run("client.sh", front.fleet.agent, "made", "explode", expect=22)
