"""The worker on an engine that goes wrong by a script, and killed at any moment, on real Kafka."""
import collections
import concurrent.futures
import tempfile
import time
from pathlib import Path

import pytest
from conftest import ScriptedEngine, keep
from fleet import wait_for
from host import Host

IMAGE = "registry.test/game:1"
# What changes something at the engine; looks and lists are none of these.
CHANGES = r"/(create|connect|start|stop|exec|rename|update|unpause)(\?|$)|/containers/[0-9a-f]{12,}(\?force=1)?$"


def make_host(directory, kafka, *options):
    """A host on a scripted engine of its own."""
    directory.mkdir()
    engine = ScriptedEngine(directory / "docker.sock", images=[IMAGE]).start()
    host = Host(directory, kafka, engine.path, IMAGE, "registry.test/", partitions=1)
    host.scripted = engine
    host.worker("slot", *options)
    return host


def close_host(host):
    wait_for("the engine", lambda: answers(host.scripted))
    host.scripted.clear_script()
    host.scripted.release()
    try:
        host.close()
    finally:
        host.scripted.stop()


@pytest.fixture
def new_host(request, short_dir, kafka):
    """A function that makes hosts with a worker, given its options."""
    made = []

    def make(*options):
        made.append(keep(request, make_host(short_dir / str(len(made)), kafka, *options)))
        return made[-1]

    yield make
    for host in made:
        close_host(host)


@pytest.fixture
def host(new_host):
    return new_host()


@pytest.fixture
def engine(host):
    return host.scripted


def changes(engine):
    return engine.requests(path=CHANGES)


def answers(engine):
    try:
        return engine.state()
    except OSError:
        return None


def streams(engine):
    """How often the engine was asked for its events; 0 while it is away."""
    try:
        return len(engine.requests("GET", "^/events"))
    except OSError:
        return 0


def statuses(engine):
    return {name: found["State"]["Status"] for name, found in engine.containers().items()}


# --- S01, S02, S09: the list


def away(engine):
    engine.restart(down_ms=10000, killed=True)
    wait_for("its end", lambda: not answers(engine), every=0.005)


LISTS = {
    "refuses": (away, "cannot be reached"),
    "answers 500": ({"do": "error", "status": 500, "text": "the disk has gone"}, "the disk has gone"),
    "breaks off": ({"do": "break", "bytes": 40}, "broke off"),
    "is no list": ({"do": "body", "text": '{"a": 1}'}, "list"),
    "is cut JSON": ({"do": "body", "text": '[{"Id": "1'}, "list"),
}


def five(host):
    servers = [host.new() for _ in range(5)]
    for command in [host.ask("create", server) for server in servers]:
        assert host.result_of(command)["outcome"] == "done"
    return servers


def break_list(engine, how):
    if callable(how):
        how(engine)
    else:
        engine.script({"method": "GET", "path": "^/containers/json", "times": 0, **how})


@pytest.mark.parametrize("how", LISTS)
def test_s01_a_failed_list_is_not_an_empty_list(host, engine, how):
    fault, named = LISTS[how]
    servers = five(host)
    since = host.mark()
    break_list(engine, fault)
    result = host.do_sync()
    assert (result["outcome"], result["code"]) == ("failed", "sync_failed"), result
    assert named in result["message"]
    told = [e["body"] for e in host.tail.read()[since:] if "sync_id" in e["body"]]
    assert told and not any(sync["complete"] or sync["servers"] for sync in told)
    assert all(sync["code"] == "sync_failed" and named in sync["message"] for sync in told)
    assert not [e for e in host.tail.read()[since:] if e["body"].get("status") == "absent"]
    wait_for("the engine", lambda: answers(engine))
    engine.clear_script()
    ended = "exited" if callable(fault) else "running"  # with a killed engine its containers end
    assert {host.listed(server)[0]["status"] for server in servers} == {ended}


def test_s01_a_list_that_hangs(host, engine):
    """A list has half a minute."""
    servers = five(host)
    since = host.mark()
    engine.script({"method": "GET", "path": "^/containers/json", "times": 0, "do": "hang"})
    result = host.result_of(host.ask_sync())
    assert (result["outcome"], result["code"]) == ("failed", "sync_failed"), result
    assert "did not answer in time" in result["message"]
    told = [e["body"] for e in host.tail.read()[since:] if "outcome" not in e["body"]]
    assert told and not any(body["complete"] for body in told)
    engine.clear_script()
    engine.release()
    assert all(host.listed(server)[0]["status"] == "running" for server in servers)


def test_s01_a_list_that_fails_unasked_is_told_once(new_host):
    host = new_host("--sync-interval", "1s")
    servers, engine = five(host), host.scripted
    since = host.mark()
    engine.script({"method": "GET", "path": "^/containers/json", "times": 0, "do": "error", "text": "no disk"})
    failed = host.wait_event("the failure", lambda e: "sync_id" in e["body"], since)["body"]
    assert not failed["complete"] and "no disk" in failed["message"]
    wait_for("more failures", lambda: len([e for e in engine.requests("GET", "^/containers/json")
                                           if e["fault"]]) >= 2)
    assert len([e for e in host.tail.read()[since:] if "sync_id" in e["body"]]) == 1
    engine.clear_script()
    assert all(host.listed(server)[0]["status"] == "running" for server in servers)


def restarted_with_a_look_that(host, servers, **fault):
    """The worker begins anew and looks at all of them; one look goes wrong."""
    host.processes[-1].kill()
    since = host.mark()
    one = host.scripted.containers()[servers[0].container]["Id"]
    host.scripted.script({"method": "GET", "path": f"^/containers/{one}/json", **fault})
    host.worker("slot")
    return host.wait_event("the first sync", lambda e: "sync_id" in e["body"], since)["body"]


def test_s02_gone_between_list_and_look(host):
    servers = five(host)
    sync = restarted_with_a_look_that(host, servers, do="error", status=404, text="No such container: x")
    assert sync["complete"] and sync["unknown"] == []
    assert {s["server_id"] for s in sync["servers"]} == {s.id for s in servers[1:]}
    assert all(s["state"]["status"] == "running" for s in sync["servers"])


def test_s09_one_container_hangs(host, engine):
    servers = five(host)
    sync = restarted_with_a_look_that(host, servers, do="hang")
    assert sync["complete"] and sync["unknown"] == [servers[0].id]
    assert {s["server_id"] for s in sync["servers"]} == {s.id for s in servers[1:]}
    assert host.done("stop", servers[1])["state"]["status"] == "exited"
    assert host.listed(servers[0])[0]["status"] == "running"


# --- S06, S08: what an engine's answer is worth


def test_s06_iv_a_name_that_is_reserved_by_nothing(host, engine):
    server = host.new()
    engine.script({"method": "POST", "path": "^/containers/create", "do": "error", "status": 409, "times": 0,
                   "text": f'Conflict. The name "{server.container}" is reserved for name'})
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "name_conflict"), result
    assert server.container in result["message"] and "restart the engine" in result["message"]
    assert len(engine.requests("POST", "^/containers/create")) == 5
    engine.clear_script()
    host.done("start", server)


def test_s06_a_name_that_is_freed_meanwhile(host, engine):
    server = host.new()
    engine.script({"method": "POST", "path": "^/containers/create", "do": "error", "status": 409, "times": 2,
                   "text": f'Conflict. The name "{server.container}" is reserved for name'})
    assert host.done("create", server)["state"]["status"] == "running"


def test_s08_start_answered_eof_but_it_started(host, engine):
    server = host.new()
    engine.script({"method": "POST", "path": "/start$", "do": "close", "apply": True})
    result = host.done("create", server)
    assert result["state"]["status"] == "running"
    assert len(engine.requests("POST", "/start$")) == 1


def test_s08_start_answered_eof_and_it_did_not_start(host, engine):
    server = host.new()
    engine.script({"method": "POST", "path": "/start$", "do": "close"})
    assert host.done("create", server)["state"]["status"] == "running"
    assert [e["fault"] for e in engine.requests("POST", "/start$")] == ["close", None]


def test_s08_it_started_and_ended_again(host, engine):
    server = host.new(labels={"test.exit": "3"}, restart_policy="no")
    engine.script({"method": "POST", "path": "/start$", "do": "close", "apply": True})
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "start_failed"), result
    assert "exit code 3" in result["message"] and result["state"]["exit_code"] == 3


# --- S15: pulls


def pull_lines(*lines, then="end"):
    return {"method": "POST", "path": "^/images/create", "do": "lines", "then": then, "times": 0,
            "lines": [{"status": "Pulling from game", "id": "1"}, *lines]}


@pytest.mark.parametrize("text, code", [
    ("toomanyrequests: You have reached your pull rate limit", "registry_limited"),
    ("unauthorized: authentication required", "registry_denied"),
    ("manifest for registry.test/game:1 not found: manifest unknown", "image_not_found"),
    ("write /var/lib/docker/tmp/x: no space left on device", "pull_failed"),
])
def test_s15_i_an_error_in_the_stream_of_a_200(host, engine, text, code):
    server = host.new()
    engine.script(pull_lines({"errorDetail": {"message": text}, "error": text}))
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", code), result
    assert text in result["message"] and IMAGE in result["message"]
    assert not engine.requests("POST", "^/containers/create")


def test_s15_i_a_stream_that_ends_without_a_word_is_no_success(host, engine):
    server = host.new()
    engine.script({**pull_lines({"status": "Downloading", "id": "a"}), "times": 1})
    assert host.done("create", server)["steps"][0]["retries"] == 1
    assert len(engine.requests("POST", "^/images/create")) == 2


def test_s15_ii_a_pull_without_bytes_is_ended(new_host):
    host = new_host("--pull-stall", "2s")
    engine, server = host.scripted, host.new()
    engine.script(pull_lines({"status": "Downloading", "id": "a"}, then="hang"))
    result = host.do("create", server)
    assert (result["outcome"], result["code"]) == ("failed", "pull_stalled"), result
    assert IMAGE in result["message"] and not engine.requests("POST", "^/containers/create")


def test_s15_vi_one_pull_for_two_servers(host, engine):
    engine.script({"method": "POST", "path": "^/images/create", "do": "wait"})
    commands = [host.ask("create", host.new()) for _ in range(3)]
    host.wait_pulling(*commands)
    engine.release()
    for command in commands:
        assert host.result_of(command)["outcome"] == "done"
    assert len(engine.requests("POST", "^/images/create")) == 1


def test_s16_a_slow_pull_blocks_nobody(host, engine):
    stopped, deleted = host.created(), host.created()
    engine.script({**pull_lines(then="hang"), "times": 1})
    slow = host.ask("create", host.new())
    wait_for("the pull", lambda: [e for e in engine.requests("POST", "^/images/create") if e["fault"]])
    host.done("stop", stopped)
    host.done("delete", deleted)
    assert host.do_sync()["outcome"] == "done"
    assert not host.terminals_of(slow)
    engine.release()
    assert host.result_of(slow)["outcome"] == "done"  # the pull broke off, and was asked for again


# --- S11: the engine goes away


def test_s11_the_end_of_the_stream_is_no_end_of_a_container(host, engine):
    servers = five(host)
    since = host.mark()
    engine.events(cut=True)
    wait_for("another stream", lambda: streams(engine) >= 2)
    assert all(host.listed(server)[0]["status"] == "running" for server in servers)
    engine.restart(down_ms=1500)
    wait_for("another stream", lambda: streams(engine) >= 3)
    assert all(host.listed(server)[0]["status"] == "running" for server in servers)
    assert not [e for e in host.tail.read()[since:] if e["body"].get("status") in ("exited", "absent")]


def test_s11_what_ended_while_the_engine_was_away_is_told(host, engine):
    servers = five(host)
    since = host.mark()
    engine.restart(down_ms=500, killed=True)
    sync = host.wait_event("a sync", lambda e: e["body"].get("reason") == "engine" and e["body"]["complete"],
                           since)["body"]
    told = {s["server_id"]: s["state"]["status"] for s in sync["servers"]}
    assert set(told.values()) <= {"exited"} and {*told, *sync["pending"]} == {server.id for server in servers}
    assert {host.listed(server)[0]["status"] for server in servers} == {"exited"}


def test_s11_one_that_is_removed_right_after_its_rebuild_is_told(host, engine):
    """The removal of the old one is heard of after the rebuild has ended: it says nothing of the new one."""
    server = host.created()
    engine.clear_log()
    since = host.mark()
    new = host.done("rebuild", server)["state"]["container_id"]
    wait_for("a look behind it", lambda: engine.log()[-1]["path"].endswith("/json"))
    time.sleep(0.3)
    engine.ask("DELETE", f"/containers/{new}?force=1")
    gone = host.wait_state(server, "absent", since)
    assert gone["body"]["container_id"] == new


# --- Break the Nth request, for every N; S13: kill the worker at the Nth request


@pytest.fixture(scope="module")
def all_hosts(kafka):
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        hosts = [make_host(Path(directory) / str(i), kafka) for i in range(8)]
        yield hosts
        for host in hosts:
            close_host(host)


@pytest.fixture
def hosts(request, all_hosts):
    """Several, for cases that wait more than they work."""
    return [keep(request, host) for host in all_hosts]


def deal(hosts, cases, run):
    """run(host, case) for every case, one at a time on each host; what they returned."""
    cases = collections.deque(cases)

    def work(host):
        done = []
        while cases:
            case = cases.popleft()
            done.append((host, case, *run(host, *case)))
        return done

    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as threads:
        return [one for done in list(threads.map(work, hosts)) for one in done]


def running(host):
    return host.created()


def stopped(host):
    server = host.created()
    host.done("stop", server)
    return server


def nothing(host):
    return host.new()


def nothing_and_no_network(host):
    server = host.new()
    server.spec["networks"] = [{"name": f"{server.name}-{i}", "internal": False} for i in range(2)]
    return server


LIVES = [("create", nothing_and_no_network, "running"), ("start", nothing, "running"),
         ("start", stopped, "running"), ("restart", running, "running"), ("stop", running, "exited"),
         ("delete", running, None), ("recreate", nothing, "running"), ("restore", nothing, "created"),
         ("rebuild", running, "running"), ("purge", stopped, None)]
each_life = pytest.mark.parametrize("action, prepare, status", LIVES,
                                    ids=[f"{action}-{prepare.__name__}" for action, prepare, _ in LIVES])


def numbers(host, action, prepare):
    """1 … how many changes the action asks of the engine when nothing goes wrong."""
    host.created()  # which makes the common networks
    server = prepare(host)
    host.scripted.clear_log()
    host.done(action, server)
    count = len(changes(host.scripted))
    assert count > 0
    return range(1, count + 1)


def check(host, case, server, command, status):
    """One terminal result, done; one container, as it should be; nothing open."""
    result = host.result_of(command)
    assert result["outcome"] == "done", (case, result)
    state, sync = host.listed(server)
    assert host.terminals_of(command) == ["done"], case
    assert (state or {}).get("status") == status, (case, state)
    assert server.id not in [found["server_id"] for found in sync["extra"]], case
    there = {name: s for name, s in statuses(host.scripted).items() if f"{server.container}." in f"{name}."}
    assert there == ({server.container: status} if status else {}), case


@each_life
def test_break_the_nth_request(hosts, action, prepare, status):
    def break_it(host, n, fault):
        server, engine = prepare(host), host.scripted
        engine.script({"path": CHANGES, "nth": n, **fault})
        command = host.ask(action, server)
        host.result_of(command)
        assert [e["fault"] for e in changes(engine)].count("close") >= 1
        engine.clear_script()
        engine.clear_log()
        return server, command

    faults = ({"do": "close"}, {"do": "close", "apply": True})
    cases = [(n, fault) for n in numbers(hosts[0], action, prepare) for fault in faults]
    for host, case, server, command in deal(hosts, cases, break_it):
        check(host, case, server, command, status)


@pytest.mark.parametrize("action, prepare, status", LIVES[:1] + LIVES[3:6], ids=["create", "restart", "stop", "delete"])
def test_s13_kill_the_worker_at_the_nth_request(hosts, action, prepare, status):
    """The engine holds it back, so that the moment is sure; test_worker_sweep.py has all others."""
    def kill_it(host, n, applied):
        server, engine = prepare(host), host.scripted
        engine.clear_log()
        engine.script({"path": CHANGES, "nth": n, "do": "hang", "apply": applied})
        command = host.ask(action, server)
        wait_for(f"request {n}", lambda: [e for e in changes(engine) if e["fault"]])
        host.processes[-1].kill()
        engine.clear_script()
        host.worker("slot")
        host.result_of(command)
        return server, command

    cases = [(n, applied) for n in numbers(hosts[0], action, prepare) for applied in (False, True)]
    for host, case, server, command in deal(hosts, cases, kill_it):
        check(host, case, server, command, status)


def test_s13_kill_the_worker_around_its_commits(host):
    """After `accepted` can be read, and after the result can: a redelivery finds both."""
    server = host.created()
    for moment in ("accepted", "done"):
        command = host.ask("restart", server)
        wait_for(moment, lambda: moment in host.outcomes(command), every=0.005)
        host.processes[-1].kill()
        host.worker("slot")
        check(host, moment, server, command, "running")


def test_s13_a_restart_is_done_once(host, engine):
    server = host.created()
    engine.clear_log()
    engine.script({"method": "POST", "path": "/start$", "do": "hang", "apply": True})
    command = host.ask("restart", server)
    wait_for("the start", lambda: engine.requests("POST", "/start$"))
    host.processes[-1].kill()
    engine.clear_script()
    host.worker("slot")
    check(host, "start", server, command, "running")
    assert len(engine.requests("POST", "/stop")) == 1
    assert len(engine.requests("POST", "/start$")) == 1


def test_l11_begun_never_expires(host, engine):
    server = host.created()
    engine.script({"method": "POST", "path": "/stop", "do": "hang"})
    command = host.ask("restart", server, expires_in=6)
    wait_for("the stop", lambda: engine.requests("POST", "/stop"))
    host.processes[-1].kill()
    engine.clear_script()
    late = host.ask("stop", server, expires_in=0.5)
    time.sleep(6)
    host.worker("slot")
    check(host, "expired", server, command, "running")
    assert host.result_of(late)["outcome"] == "expired"
