"""What a worker does not do, and says so: S19, S20, S23, L1, L5, L11, L13; and a purge that is large."""
import os
import re
import tempfile
import time
from pathlib import Path

import docker
import pytest
import requests
from conftest import keep
from fleet import wait_for
from scripted_host import IMAGE, ScriptedHost
from services import PATIENCE_S, Ports


@pytest.fixture
def new_host(request, short_dir, kafka):
    """A function that makes hosts without a worker."""
    made = []

    def make(**options):
        directory = short_dir / str(len(made))
        directory.mkdir()
        made.append(keep(request, ScriptedHost(directory, kafka, **options)))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture(scope="module")
def shared(kafka):
    with tempfile.TemporaryDirectory(prefix="f") as directory:
        host = ScriptedHost(Path(directory), kafka)
        host.worker("slot", assigned=True)
        yield host
        host.close()


@pytest.fixture
def host(request, shared):
    """One for many tests; what a test has put there by hand goes with it."""
    shared.scripted.clear_log()
    yield keep(request, shared)
    for name in shared.scripted.containers():
        if not name.startswith("steam-zomboid-"):
            shared.scripted.ask("DELETE", f"/containers/{name}?force=1")


def changes(host):
    return [r for r in host.scripted.log() if r["method"] != "GET"]


def by_hand(host, name, labels=None, mounts=(), **state):
    """A container that somebody else has made; it runs."""
    api = docker.APIClient(base_url=f"unix://{host.docker}", version="1.41", timeout=PATIENCE_S)
    made = api.create_container(IMAGE, name=name, labels=labels or {}, host_config=api.create_host_config(
        mounts=[docker.types.Mount("/data", str(path), "bind") for path in mounts]))
    api.start(made["Id"])
    return made["Id"]


# --- S19: a purge is refused before anything is done, or done


def outside(host, server, short_dir):
    elsewhere = short_dir / "elsewhere"
    (elsewhere / "data").mkdir(parents=True)
    (elsewhere / "data" / "precious").write_text("here")
    return elsewhere


def data_is_a_symlink(host, server, short_dir):
    data = host.data_root / server.name
    os.rename(data, data.with_name("moved"))
    data.symlink_to(outside(host, server, short_dir))
    return "symlink"


def a_parent_is_a_symlink(host, server, short_dir):
    link = host.data_root / f"link-{server.name}"
    link.symlink_to(outside(host, server, short_dir))
    server.spec["data_dir"] = f"{link}/data"
    return "symlink"


def another_mounts_the_data(host, server, short_dir):
    by_hand(host, "guest", mounts=[host.data_root / server.name / "data"])
    return "guest"


def anothers_server_mounts_the_root(host, server, short_dir):
    by_hand(host, "other", labels={"muster.managed": "true"}, mounts=[host.data_root])
    return "other"


PURGES = {f.__name__: f for f in (data_is_a_symlink, a_parent_is_a_symlink, another_mounts_the_data,
                                  anothers_server_mounts_the_root)}


@pytest.mark.parametrize("why", PURGES)
def test_s19_an_unsafe_purge_is_refused_before_anything_is_done(host, short_dir, why):
    server = host.created()
    named = PURGES[why](host, server, short_dir)
    tree = sorted(host.data_root.rglob("*"))
    host.scripted.clear_log()
    result = host.do("purge", server)
    assert (result["outcome"], result["code"]) == ("failed", "purge_failed") and named in result["message"], result
    assert changes(host) == [] and host.status_of(server) == "running"
    assert sorted(host.data_root.rglob("*")) == tree
    assert not list(short_dir.rglob("elsewhere")) or (short_dir / "elsewhere/data/precious").read_text() == "here"


@pytest.mark.parametrize("path", ["{root}/../x", "{root}/a/../../x", "/etc", "{root}", "{root}/", "relative", "/"])
def test_s19_a_path_that_leads_out_is_rejected(host, path):
    server = host.created()
    server.spec["data_dir"] = path.format(root=host.data_root)
    host.scripted.clear_log()
    result = host.do("purge", server)
    assert result["outcome"] in ("rejected", "failed") and result["code"] in (
        "forbidden", "invalid", "purge_failed"), result
    assert changes(host) == [] and host.status_of(server) == "running"
    assert (host.data_root / server.name / "data").is_dir()


def test_s19_gone_already_is_done_and_told_as_such(host):
    server = host.created()
    assert host.done("purge", server)["already"] is False
    assert host.done("purge", server)["already"] is True


def test_s19_a_symlink_in_the_data_is_removed_and_not_followed(host, short_dir):
    server = host.created()
    elsewhere = outside(host, server, short_dir)
    (host.data_root / server.name / "data" / "link").symlink_to(elsewhere)
    host.done("purge", server)
    assert not (host.data_root / server.name).exists() and (elsewhere / "data/precious").exists()


def longest_turn(port):
    figures = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S).text
    return float(re.search(r"^muster_worker_turn_seconds_max (\S+)", figures, re.M)[1])


def test_a_purge_of_100_000_files_holds_up_nobody(new_host):
    host = new_host()
    port = Ports.take()
    host.worker("slot", "--metrics", f"127.0.0.1:{port}")
    large, other = host.created(), host.created()
    for i in range(100):
        directory = host.data_root / large.name / "data" / f"d{i}"
        directory.mkdir()
        for j in range(1000):
            os.close(os.open(directory / f"f{j}", os.O_CREAT | os.O_WRONLY))
    host.done("restart", other)
    without_s = longest_turn(port)
    purge = host.ask("purge", large)
    wait_for("the purge", lambda: list(host.data_root.glob(".purge-*")) or host.terminals_of(purge))
    restarts = [host.ask("restart", other) for _ in range(2)]
    for command in [*restarts, purge]:
        assert host.outcome(command) == "done"
    assert not (host.data_root / large.name).exists()
    longest_s = longest_turn(port)
    took_s = next(s["ms"] for s in host.result_of(purge)["steps"] if s["name"] == "purge") / 1000
    print(f"100,000 files were removed in {took_s:.2f} s; the longest turn took {longest_s * 1000:.1f} ms, "
          f"before it {without_s * 1000:.1f} ms")
    ended = [e["cause"]["command_id"] for e in host.tail.terminals()]
    assert ended.index(restarts[0]) < ended.index(purge) or took_s < 2  # a quick disk
    assert longest_s < max(1, took_s)


# --- S20: the engine's API moved on


@pytest.mark.parametrize("api, min_api", [("1.24", "1.12"), ("1.40", "1.12"), ("1.99", "1.90")])
def test_s20_an_engine_without_a_common_version_is_told_as_such(new_host, api, min_api):
    host = new_host(api=api, min_api=min_api)
    worker = host.worker("slot", assigned=True)
    wait_for("its word", lambda: "engine.unsupported" in worker.output())
    assert f"speaks API {min_api} to {api}" in worker.output()
    server = host.new()
    create = host.ask("create", server, expires_in=4)
    result = host.do_sync()
    assert (result["outcome"], result["code"]) == ("failed", "sync_failed") and "API" in result["message"], result
    assert host.outcome(create) == "expired"
    told = [e["body"] for e in host.tail.read()]
    assert not [b for b in told if b.get("complete") or "oom_killed" in b]
    assert changes(host) == []


def test_s20_an_engine_that_is_replaced_by_an_unsupported_one_says_nothing_of_servers(new_host):
    host = new_host()
    worker = host.worker("slot")
    servers = [host.created() for _ in range(3)]
    since = host.mark()
    host.scripted.set(api="1.99", min_api="1.90")
    host.scripted.restart(down_ms=200)
    wait_for("its word", lambda: "engine.unsupported" in worker.output())
    result = host.do_sync()
    assert (result["outcome"], result["code"]) == ("failed", "sync_failed"), result
    for event in host.tail.read()[since:]:
        assert event["body"].get("status") not in ("exited", "absent") and not event["body"].get("complete")
    assert {host.status_of(server) for server in servers} == {"running"}


@pytest.mark.parametrize("api, min_api, spoken", [("1.41", "1.12", 41), ("1.44", "1.24", 44), ("1.99", "1.44", 47)])
def test_s20_the_newest_common_version_is_spoken(new_host, api, min_api, spoken):
    host = new_host(api=api, min_api=min_api)
    host.worker("slot")
    server = host.created()
    (create,) = host.scripted.requests("POST", "/containers/create")
    assert create["api"] == spoken
    assert len(create["body"]["NetworkingConfig"]["EndpointsConfig"]) == (2 if spoken >= 44 else 1)
    assert len(host.scripted.requests("POST", "/connect$")) == (0 if spoken >= 44 else 1)
    found = host.scripted.containers()[server.container]
    assert set(found["NetworkSettings"]["Networks"]) == {"zomboid-servers", "zomboid-backend"}
    host.done("stop", server)
    (stop,) = host.scripted.requests("POST", "/stop")
    assert ("signal=SIGTERM" in stop["path"]) == (spoken >= 42)


# --- S23: another container of that label


@pytest.mark.parametrize("action, status", [("stop", "exited"), ("restart", "running"), ("rebuild", "running"),
                                            ("recreate", "running"), ("delete", "absent")])
def test_s23_a_copy_is_told_and_never_touched(host, action, status):
    server = host.created()
    labels = host.scripted.containers()[server.container]["Config"]["Labels"]
    copy = by_hand(host, "copy-of-it", labels)
    before = host.scripted.containers()["copy-of-it"]["State"]
    host.scripted.clear_log()
    assert host.done(action, server)["state"]["status"] == status == host.status_of(server)
    assert not [r for r in changes(host) if copy in r["path"]]
    after = host.scripted.containers()["copy-of-it"]
    assert after["Id"] == copy and after["State"] == before
    state, sync = host.listed(server)
    assert [extra["container_id"] for extra in sync["extra"]] == [copy]
    assert (state or {"status": "absent"})["status"] == status


# --- L1: a stale backlog


def test_l1_a_stale_backlog_expires_in_order(new_host):
    host = new_host()
    servers = [host.new() for _ in range(4)]
    for i in range(40):
        host.send(("restart", "stop", "delete", "purge")[i // 10], servers[i % 4].id, "expired", expires_in=0.5)
    host.send("create", servers[0].id, "done")
    time.sleep(1)
    host.worker("slot")
    host.wait_answered()
    host.judge()
    assert all(e["body"]["code"] == "expired" for e in host.tail.terminals()[:40])
    assert len(host.scripted.requests("POST", "/containers/create")) == 1
    assert host.scripted.requests("POST", "/(stop|start)") == host.scripted.requests("POST", "/start")
    assert host.scripted.requests("DELETE") == []


# --- L5: the wrong host


def test_l5_a_command_for_another_engine_is_rejected(host):
    server = host.created()
    host.scripted.clear_log()
    engine_id = host.scripted.state()["id"]
    result = host.do("delete", server, engine_id="OTHER:ONE")
    assert (result["outcome"], result["code"]) == ("rejected", "wrong_engine") and engine_id in result["message"]
    assert changes(host) == [] and host.status_of(server) == "running"
    assert host.done("stop", server, engine_id=engine_id)["state"]["status"] == "exited"


def test_l5_two_engines_use_one_agent_id(new_host, short_dir):
    """By mistake a second host runs a worker of this agent: what is for the first is not done there."""
    host, other = new_host(partitions=2), new_host()
    engine_id = host.scripted.state()["id"]
    first = host.worker("a")
    wrong = host.start_worker("-X", "session.timeout.ms=6000", name="b", docker=other.docker,
                              registry=host.registry_prefix, env_log="wrong")
    host.wait_assigned(first, wrong)
    wait_for("one partition each", lambda: host.partitions_of(first) == host.partitions_of(wrong) == 1)
    servers = [host.new()]
    while len(servers) < 8 or {server.partition for server in servers} != {0, 1}:
        servers.append(host.new())
    results = [host.do("create", server, engine_id=engine_id) for server in servers]
    outcomes = {(r["outcome"], r["code"]) for r in results}
    assert outcomes == {("done", ""), ("rejected", "wrong_engine")}, outcomes
    assert other.scripted.containers() == {}
    assert len(host.scripted.containers()) == len([r for r in results if r["outcome"] == "done"])
    said = {e["engine_id"] for e in host.tail.terminals() if e["body"]["code"] == "wrong_engine"}
    assert said == {other.scripted.state()["id"]} and "wrong_engine" in wrong.output()


# --- L21: what lies where it does not count


def misplaced(host, command):
    """(what is wrong, code, topic, key, partition, the command) of copies of it."""
    topic, partition = host.commander.place(command)
    other = (partition + 1) % host.partitions
    of_another = dict(command, agent_id="somebody")
    return [("no key", "wrong_place", topic, None, partition, command),
            ("another's key", "wrong_place", topic, "another", partition, command),
            ("another partition", "wrong_place", topic, command["server_id"], other, command),
            ("the control topic", "wrong_place", host.commander.topic("sync"), command["server_id"], partition, command),
            ("another agent's", "wrong_agent", topic, command["server_id"], partition, of_another)]


def test_l21_what_lies_where_it_does_not_count_is_rejected_by_its_place(new_host):
    """A producer's mistake, or a mirror's: the real command is not answered by it, and keeps its turn."""
    host = new_host(partitions=2)
    host.worker("a", assigned=True)
    server = host.created()
    host.scripted.clear_log()
    command = host.command("stop", server.id)
    for wrong, code, topic, key, partition, copy in misplaced(host, command):
        place = host.commander.send_raw(topic, host.commander.codec.encode(copy), key=key, partition=partition)

        def answers():
            return [e for e in host.tail.terminals() if e["cause"]["topic"] == topic
                    and (e["cause"]["partition"], e["cause"]["offset"]) == place]
        event, = wait_for(f"the answer to {wrong}", answers)
        assert (event["body"]["outcome"], event["body"]["code"]) == ("rejected", code), (wrong, event)
        assert event["cause"]["command_id"] == "" and event["server_id"] is None, (wrong, event)
        assert command["command_id"] in event["body"]["message"] or "topic" in event["body"]["message"], event
    assert changes(host) == [] and host.status_of(server) == "running"
    host.commander.send_command(command)
    host.note(command)
    assert host.result_of(command["command_id"])["outcome"] == "done"
    host.judge()


# --- L11: begun is begun


def test_l11_a_rebuild_killed_after_its_stop_is_finished_although_it_has_expired(new_host):
    host = new_host()
    worker = host.worker("slot")
    server = host.created()
    before = host.id_of(server)
    host.scripted.script({"method": "POST", "path": "/containers/create", "do": "hang", "apply": False})
    command = host.ask("rebuild", server, expires_in=6)
    wait_for("the create", lambda: len(host.scripted.requests("POST", "/containers/create")) == 2)
    worker.kill()
    time.sleep(6)
    host.worker("slot")
    result = host.result_of(command)
    assert (result["outcome"], result["state"]["status"]) == ("done", "running"), result
    assert host.id_of(server) != before and set(host.scripted.containers()) == {server.container}


@pytest.mark.parametrize("shift_s", [-300, 300])
def test_l11_a_restart_is_done_once_whatever_the_clocks_say(new_host, shift_s):
    host = new_host()
    host.scripted.set(clock_shift_ms=shift_s * 1000)
    worker = host.worker("slot")
    server = host.created()
    host.scripted.set(latency_ms={"start": 1000})
    command = host.ask("restart", server)
    wait_for("its start", lambda: len(host.asked(server, "/start$")) == 2)
    worker.kill()
    wait_for("its end", lambda: host.status_of(server) == "running")
    host.worker("slot")
    assert host.outcome(command) == "done"
    assert len(host.asked(server, "/stop")) == 1 and len(host.asked(server, "/start$")) == 2


# --- L13: the partition count was changed by hand


def test_l13_one_topic_was_grown_before_the_start(new_host):
    host = new_host(partitions=2)
    host.add_partitions("commands", 3)
    worker = host.worker("slot", ready=False)
    assert worker.exit_code() == 1
    worker.killed = True  # its end is what is tested
    assert f"muster.commands.{host.agent} has 3 partitions and muster.control.{host.agent} has 2" in worker.output()


@pytest.mark.parametrize("topics", [["commands"], ["commands", "control"], ["control", "commands"]], ids="-".join)
def test_l13_topics_are_grown_under_a_running_worker(new_host, topics):
    host = new_host(partitions=2)
    worker = host.worker("slot", "-X", "topic.metadata.refresh.interval.ms=1000", assigned=True)
    server = host.created()
    for topic in topics:
        host.add_partitions(topic, 4)
    assert worker.exit_code() == 1
    worker.killed = True
    assert "have more partitions than the 2 " in worker.output().splitlines()[-1]
    assert host.status_of(server) == "running"


@pytest.mark.parametrize("topics", [["commands"], ["control", "commands"]], ids="-".join)
def test_l13_the_new_partitions_are_another_workers(new_host, topics):
    """Of five commands partitions the first worker gets 0 to 2, of four control partitions 0 and 1: it has
    no number that is new to it."""
    host = new_host(partitions=4)
    options = ("-X", "topic.metadata.refresh.interval.ms=1000", "--sync-interval", "1s")
    workers = [host.worker(slot, *options) for slot in "ab"]
    host.wait_assigned(*workers)
    for topic in topics:
        host.add_partitions(topic, 5)
    assert [worker.exit_code() for worker in workers] == [1, 1]
    for worker in workers:
        worker.killed = True
        assert "have more partitions than the 4 " in worker.output().splitlines()[-1]
