"""The control plane alone: what it accepts, what it sends, and how it answers.

No worker runs here; what the log says about commands is what the control plane wrote.
"""
import fcntl
import json
import random
import sqlite3
import subprocess
import time

import pytest
from client import Client
from commander import add_partitions, partition_of
from fleet import BUILD, wait_for
from log_reader import Codec, LogReader
from services import PATIENCE_S

D1_COLUMNS = {"id", "agent_id", "name", "container_id", "image_tag", "image", "game_port", "udp_port",
              "rcon_port", "server_data_path", "status", "data_exists", "created_at", "updated_at",
              "deleted_at"}
PORTS = ("--game-port", 16261, "--udp-port", 16262, "--rcon-port", 27015)
IMAGE = ("--image", "registry.test/steam-zomboid")


def add_server(fleet, name, *extra, expect=0):
    return fleet.run("server", "create", fleet.agent, name, *PORTS, *IMAGE, *extra, expect=expect)


def add_server_json(fleet, name, *extra):
    return json.loads(add_server(fleet, name, *extra, "--json").stdout)


def on_embedded_bus(path, topic):
    with sqlite3.connect(path) as db:
        return db.execute(
            "SELECT partitions.partition, records.key, records.value FROM records"
            " JOIN partitions ON partitions.id = records.place >> 40"
            " JOIN topics ON topics.id = partitions.topic WHERE topics.name = ?"
            " ORDER BY records.place", (topic,)).fetchall()


def commands_sent(fleet, kind="commands"):
    """(partition, key, command) of all that is in the agent's topic, by a codec not ours."""
    topic, codec = f"muster.{kind}.{fleet.agent}", Codec("command")
    if fleet.kafka:
        return [(m.partition, m.key, m.value) for m in LogReader(fleet.kafka.address).wait_settled(topic).read(topic, codec)]
    path = fleet.bus_url.removeprefix("sqlite://")
    return [(p, k, codec.decode(v)) for p, k, v in on_embedded_bus(path, topic)]


def records(fleet):
    """The Record events of commands of this agent."""
    return [e for e in fleet.events() if e["agent_id"] == fleet.agent
            and e["body"]["type"] == "Record" and e["body"]["kind"] == "command"]


def accepted(fleet):
    """Command ids that the ledger has accepted, in order."""
    with sqlite3.connect(f"file:{fleet.ledger}?mode=ro", uri=True) as db:
        return [row[0] for row in db.execute(
            "SELECT command_id FROM commands WHERE agent_id = ? ORDER BY rowid", (fleet.agent,))]


# What is sent


def test_a_command_and_its_record_say_the_same(bare_fleet):
    made = add_server_json(bare_fleet, "alpha", "-e", "PASSWORD=geheim", "--reason", "a test")
    ((partition, key, command),) = commands_sent(bare_fleet)
    (record,) = records(bare_fleet)
    assert key == command["server_id"] == record["server_id"] == made["server_id"]
    assert command["command_id"] == record["cause"]["command_id"] == made["command_id"]
    assert (record["cause"]["topic"], record["cause"]["partition"]) == (
        f"muster.commands.{bare_fleet.agent}", partition)
    assert command["action"] == "create" and command["reason"] == "a test"
    assert command["issued_at"] < command["expires_at"] < command["issued_at"] + 7 * 86_400_000
    assert record["body"]["server"]["status"] == "creating"
    assert record["body"]["server"]["config_names"] == ["PASSWORD"]


def test_env_values_are_in_commands_alone(bare_fleet):
    add_server(bare_fleet, "alpha", "-e", "PASSWORD=geheim")
    ((_, _, command),) = commands_sent(bare_fleet)
    assert command["spec"]["env"]["PASSWORD"] == "geheim"
    for words in (["events"], ["events", "--json"], ["server", "list", "--json"],
                  ["server", "show", f"{bare_fleet.agent}/alpha"]):
        done = bare_fleet.run(*words)
        assert "geheim" not in done.stdout + done.stderr


def test_commands_of_a_server_keep_their_order(bare_fleet):
    made = add_server_json(bare_fleet, "alpha")
    wanted = ["create", "stop", "start", "restart", "rebuild", "recreate", "delete", "restore", "purge"]
    for action in wanted[1:]:
        bare_fleet.server(action, made["server_id"], wait=False)
    assert [command["action"] for _, _, command in commands_sent(bare_fleet)] == wanted
    assert [record["cause"]["action"] for record in records(bare_fleet)] == wanted


def test_a_sync_goes_beside_the_queue(bare_fleet):
    done = bare_fleet.json("sync", bare_fleet.agent)
    sent = commands_sent(bare_fleet, "control")
    assert sorted(partition for partition, _, _ in sent) == [0, 1, 2, 3]
    assert {key for _, key, _ in sent} == {None}
    assert {command["command_id"] for _, _, command in sent} == set(done["command_ids"])
    assert not commands_sent(bare_fleet)


def test_a_cancel_names_its_target(bare_fleet):
    made = add_server_json(bare_fleet, "alpha")
    bare_fleet.server("cancel", made["server_id"], wait=False)
    ((_, key, cancel),) = commands_sent(bare_fleet, "control")
    assert key == made["server_id"]
    assert (cancel["action"], cancel["target"], cancel["spec"]) == ("cancel", made["command_id"], None)


def test_a_changed_record_is_in_the_log(bare_fleet):
    made = add_server_json(bare_fleet, "alpha")
    bare_fleet.run("server", "set", made["server_id"], "--image-tag", "v42", "-e", "A=1")
    changed = [e for e in bare_fleet.events("--server", made["server_id"])
               if e["body"].get("kind") == "server"]
    assert [(e["body"]["server"]["image_tag"], e["body"]["server"]["config_names"]) for e in changed] == [
        ("v42", ["A"])]
    assert bare_fleet.show(made["server_id"])["image_tag"] == "v42"
    assert len(commands_sent(bare_fleet)) == 1


# What is printed


def test_json_has_the_ledgers_names(bare_fleet):
    made = add_server_json(bare_fleet, "alpha")
    assert {"command_id", "server_id"} <= set(made)
    show = bare_fleet.json("server", "show", made["server_id"])
    (row,) = bare_fleet.json("server", "list", "--agent", bare_fleet.agent)
    assert show == row and D1_COLUMNS <= set(show)
    lists = {name for name, value in show.items() if isinstance(value, (dict, list))}
    assert lists == {"remarks", "remark_sentences"}
    agents = bare_fleet.json("agent", "list")
    (agent,) = [a for a in agents if a["id"] == bare_fleet.agent]
    assert {"name", "steam_zomboid_registry", "server_data_path", "engine_id"} <= set(agent)
    assert bare_fleet.json("server", "list", "--agent", bare_fleet.agent, "--status", "purged") == []


def test_common_options_stand_before_and_after(bare_fleet):
    command = [BUILD / "muster", "--json", "--bus", bare_fleet.bus_url, "server", "--ledger", bare_fleet.ledger,
               "list", "--agent", bare_fleet.agent]
    assert json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) == []


def test_events_follow(bare_fleet):
    made = add_server_json(bare_fleet, "alpha")
    follow = bare_fleet.start("follow", [BUILD / "muster", "events", "--follow", "--json", "--server",
                                         made["server_id"], "--bus", bare_fleet.bus_url,
                                         "--ledger", bare_fleet.ledger], ready=False)
    wait_for("the first event", lambda: "create" in follow.output())
    bare_fleet.server("stop", made["server_id"], wait=False)
    wait_for("the second", lambda: '"action":"stop"' in follow.output())
    follow.kill()


@pytest.mark.parametrize("words", [[], ["server"], ["agent"], ["server", "create"], ["events"], ["serve"]])
@pytest.mark.bus("sqlite")
def test_help(words):
    done = subprocess.run([BUILD / "muster", *words, "--help"], check=True, capture_output=True, text=True)
    assert "muster" in done.stdout and not done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 150


# What is refused


REFUSED = [
    (["nonsense"], "unknown command 'nonsense'"),
    (["server", "nonsense"], "known: create"),
    (["server"], "a command is missing"),
    (["server", "show"], "expected: muster server show SERVER"),
    (["server", "show", "nobody"], "no server 'nobody'"),
    (["server", "show", "nobody/x"], "no agent 'nobody'"),
    (["server", "create", "nobody", "x", *PORTS], "no agent 'nobody'"),
    (["server", "create", "AGENT", "x", *PORTS, "--nonsense"], "nonsense"),
    (["server", "create", "AGENT", "../x", *PORTS, *IMAGE], "name: '../x'"),
    (["server", "create", "AGENT", "a..b", *PORTS, *IMAGE], "'..'"),
    (["server", "create", "AGENT", "x", *IMAGE], "rcon_port: is needed"),
    (["server", "create", "AGENT", "x", *PORTS], "give the server one, or its agent a registry"),
    (["server", "create", "AGENT", "x", *PORTS, *IMAGE, "--udp-port", 16261], "udp_port: 16261 is the game_port"),
    (["server", "create", "AGENT", "x", *PORTS, *IMAGE, "--game-port", 65536], "65535"),
    (["server", "create", "AGENT", "x", *PORTS, *IMAGE, "--data-path", "/a/../b"], "'..'"),
    (["server", "create", "AGENT", "x", *PORTS, *IMAGE, "-e", "non sense"], "KEY=VALUE"),
    (["server", "create", "AGENT", "x", *PORTS, *IMAGE, "--profile", "nonsense"], "known: minecraft, zomboid"),
    (["server", "create", "AGENT", "x", *PORTS, *IMAGE, "--expires", "7d"], "at most 6d"),
    (["server", "list", "--status", "nonsense"], "none of creating"),
    (["agent", "add", "a/b"], "agent name"),
    (["agent", "add", "NAME"], "already"),
    (["sync", "nobody"], "no agent 'nobody'"),
]


def test_refused_with_2_and_what_would_be_right(bare_fleet):
    for words, says in REFUSED:
        words = [{"AGENT": bare_fleet.agent, "NAME": bare_fleet.agent_name}.get(word, word) for word in words]
        done = bare_fleet.run(*words, expect=2)
        assert says in done.stderr, (words, done.stderr)
        assert not done.stdout
    assert not commands_sent(bare_fleet)


def test_a_refusal_says_what_is_possible(bare_fleet):
    made = add_server_json(bare_fleet, "alpha")
    bare_fleet.server("delete", made["server_id"], wait=False)
    done = bare_fleet.run("server", "start", made["server_id"], expect=2)
    assert "it is deleting" in done.stderr and "possible now: restore, delete, purge" in done.stderr
    assert "alpha already" in add_server(bare_fleet, "alpha", expect=2).stderr


def test_no_result_in_time_is_3(bare_fleet):
    done = add_server(bare_fleet, "alpha", "--wait=1", expect=3)
    assert "no result within 1 s" in done.stderr


@pytest.mark.bus("sqlite")
def test_no_ledger_is_4(bare_fleet):
    bare_fleet.ledger = bare_fleet.directory / "other.db"
    assert "muster init" in bare_fleet.run("server", "list", expect=4).stderr
    bare_fleet.ledger.write_text("this is no database, whatever its name says")
    assert "not a database" in bare_fleet.run("server", "list", expect=4).stderr


@pytest.mark.bus("sqlite")
def test_another_log_is_refused(bare_fleet):
    bare_fleet.bus_url = f"sqlite://{bare_fleet.directory}/other.db"
    ledger, bare_fleet.ledger = bare_fleet.ledger, bare_fleet.directory / "other-ledger.db"
    bare_fleet.init()
    bare_fleet.ledger = ledger
    assert "another log" in bare_fleet.run("server", "list", expect=4).stderr
    assert "another log" in bare_fleet.run("init", expect=4).stderr


@pytest.mark.bus("kafka")
def test_a_bus_that_is_away_is_4_and_the_command_is_sent_later(bare_fleet):
    url, bare_fleet.bus_url = bare_fleet.bus_url, "kafka://127.0.0.1:1"
    done = add_server(bare_fleet, "alpha", expect=4)
    assert "will be sent once that is possible" in done.stderr
    bare_fleet.bus_url = url
    assert not commands_sent(bare_fleet)
    bare_fleet.json("sync", bare_fleet.agent)
    assert [command["command_id"] for _, _, command in commands_sent(bare_fleet)] == accepted(bare_fleet)[:1]


@pytest.mark.bus("kafka")
def test_l13_a_changed_partition_count_is_refused(bare_fleet):
    topic = f"muster.commands.{bare_fleet.agent}"
    add_partitions(bare_fleet.kafka.address, topic, 6)
    done = add_server(bare_fleet, "alpha", expect=2)
    assert f"{topic} has 6 partitions and was made with 4" in done.stderr
    assert bare_fleet.json("server", "list", "--agent", bare_fleet.agent) == []


@pytest.mark.bus("kafka")
def test_l13_what_was_accepted_before_is_sent_to_its_place(bare_fleet):
    """And nothing more is accepted, over HTTP either."""
    fleet, kafka = bare_fleet, bare_fleet.kafka
    url, fleet.bus_url = fleet.bus_url, "kafka://127.0.0.1:1"
    for name in ("alpha", "beta", "gamma"):
        add_server(fleet, name, expect=4)
    fleet.bus_url = url
    for kind in ("commands", "control"):
        add_partitions(kafka.address, f"muster.{kind}.{fleet.agent}", 6)
    fleet.start_serve()
    wait_for("the accepted ones to be sent", lambda: len(commands_sent(fleet)) == 3)
    for place, _, command in commands_sent(fleet):
        assert place == partition_of(command["server_id"], 4)
    token = fleet.json("token", "add", "--role", "admin", "--name", "l13")["token"]
    client = Client(f"http://127.0.0.1:{fleet.http_port}", token)
    problem = client.problem("POST", f"/agents/{fleet.agent}/servers/sync", 409, {})
    assert "has 6 partitions and was made with 4" in problem["detail"]
    assert client.get(f"/agents/{fleet.agent}")["held"] in problem["detail"]


@pytest.mark.bus("kafka")
def test_an_agent_that_was_mended_is_sent_to_again(bare_fleet):
    """Its topic was deleted by hand, and is made again."""
    from confluent_kafka.admin import AdminClient, NewTopic
    fleet, topic = bare_fleet, f"muster.commands.{bare_fleet.agent}"
    admin = AdminClient({"bootstrap.servers": fleet.kafka.address})

    def is_there():
        return topic in admin.list_topics(timeout=PATIENCE_S).topics
    admin.delete_topics([topic])[topic].result(PATIENCE_S)
    wait_for("it to be gone", lambda: not is_there())
    serve = fleet.start_serve()
    token = fleet.json("token", "add", "--role", "admin", "--name", "mended")["token"]
    client = Client(f"http://127.0.0.1:{fleet.http_port}", token)
    create = {"name": "alpha", "game_port": 16261, "udp_port": 16262, "rcon_port": 27015, "image": IMAGE[1]}
    client.queue("POST", f"/agents/{fleet.agent}/servers", create)
    wait_for("it to be held", lambda: client.get(f"/agents/{fleet.agent}")["held"])
    client.problem("POST", f"/agents/{fleet.agent}/servers", 409, {**create, "name": "beta"})
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(PATIENCE_S)
    wait_for("it to be there again", is_there)
    serve.stop()
    fleet.start_serve()
    wait_for("what waited to be sent", lambda: len(commands_sent(fleet)) == 1)
    assert fleet.json("agent", "list")[0]["held"] is None


# With and without `muster serve`, and killed


def test_with_serve_running(bare_fleet):
    serve = bare_fleet.start_serve()
    made = add_server_json(bare_fleet, "alpha")

    def took():
        begin = time.monotonic()
        assert bare_fleet.status(made["server_id"]) == "creating"
        return time.monotonic() - begin
    wait_for("an answer that does not wait for serve in vain", lambda: took() < 1.5)
    bare_fleet.server("stop", made["server_id"], wait=False)
    assert [command["action"] for _, _, command in commands_sent(bare_fleet)] == ["create", "stop"]
    serve.stop()
    bare_fleet.server("start", made["server_id"], wait=False)
    assert len(commands_sent(bare_fleet)) == 3


@pytest.mark.bus("kafka")
def test_a_copied_ledger_that_sends_too_sends_nothing_twice(bare_fleet):
    """Each fences the other, and says so; what each has accepted is sent once."""
    fleet, ledger, copy = bare_fleet, bare_fleet.ledger, bare_fleet.directory / "copy.db"
    with sqlite3.connect(ledger) as db:
        db.execute("VACUUM INTO ?", [str(copy)])
    made, serves = [], {}
    for name, path in (("alpha", ledger), ("beta", copy), ("gamma", ledger), ("delta", copy)):
        fleet.ledger = path
        serves[path] = serves.get(path) or fleet.start_serve()
        made.append(add_server_json(fleet, name)["command_id"])
    assert sorted(command["command_id"] for _, _, command in commands_sent(fleet)) == sorted(made)
    assert serves[copy].output().count("does the muster of another ledger send on this bus?") >= 2  # a log of both


def test_the_log_alone_makes_the_fleet_again(bare_fleet):
    made = add_server_json(bare_fleet, "alpha", "-e", "PASSWORD=geheim")
    bare_fleet.server("stop", made["server_id"], wait=False)
    before = bare_fleet.json("server", "list", "--agent", bare_fleet.agent)
    bare_fleet.ledger = bare_fleet.directory / "again.db"
    bare_fleet.init()
    after = bare_fleet.json("server", "list", "--agent", bare_fleet.agent)
    for row in before + after:
        del row["status_at"]
    assert before == after
    done = bare_fleet.run("server", "start", made["server_id"], expect=2)
    assert "PASSWORD" in done.stderr
    bare_fleet.run("server", "set", made["server_id"], "-e", "PASSWORD=neu")
    bare_fleet.server("start", made["server_id"], wait=False)


def queue_at_once(fleet, servers, count):
    """Programs that all ask at the same time; each server is asked by one of them alone."""
    script = "for i in $(seq {count}); do {muster} server stop {server} --bus {bus} --ledger {ledger}; done"
    return [subprocess.Popen(
        ["bash", "-c", script.format(count=count, muster=BUILD / "muster", server=server, bus=fleet.bus_url,
                                     ledger=fleet.ledger)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for server in servers]


def check_sent_once(fleet):
    fleet.run("sync", fleet.agent)  # whoever sends, sends all that waits
    ids = accepted(fleet)
    sent = [command["command_id"] for kind in ("commands", "control") for _, _, command in commands_sent(fleet, kind)]
    told = [record["cause"]["command_id"] for record in records(fleet)]
    assert sorted(sent) == sorted(ids) and len(set(sent)) == len(sent)
    assert told == ids, "Records are in the order of the requests"


def test_l8_serve_killed_while_it_relays(bare_fleet, rounds):
    servers = [add_server_json(bare_fleet, f"s{number}")["server_id"] for number in range(3)]
    askers = queue_at_once(bare_fleet, servers, rounds(12))
    while any(asker.poll() is None for asker in askers):
        serve = bare_fleet.start_serve(ready=False)
        time.sleep(random.uniform(0.02, 0.6))
        serve.kill()
    check_sent_once(bare_fleet)


def test_l8_the_command_line_killed_at_any_moment(bare_fleet, rounds):
    server = add_server_json(bare_fleet, "alpha")["server_id"]
    command = [str(BUILD / "muster"), "server", "stop", server, "--bus", bare_fleet.bus_url,
               "--ledger", str(bare_fleet.ledger)]
    for number in range(rounds(30)):
        asker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.25 if bare_fleet.kafka else 0.06))
        asker.kill()
        asker.wait()
    check_sent_once(bare_fleet)


def unsent(fleet):
    with sqlite3.connect(f"file:{fleet.ledger}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone()[0]


def test_l8_killed_between_sending_and_noting_it(bare_fleet):
    """The ledger as it was before, the log as it is after: what a kill in between leaves."""
    server = add_server_json(bare_fleet, "alpha")["server_id"]
    with open(f"{bare_fleet.ledger}.relay.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asker = subprocess.Popen([BUILD / "muster", "server", "stop", server, "--bus", bare_fleet.bus_url,
                                  "--ledger", bare_fleet.ledger], stderr=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL)
        wait_for("the request", lambda: unsent(bare_fleet) == 1, every=0.01)
        asker.kill()
        asker.wait()
    copy = bare_fleet.directory / "copy.db"
    with sqlite3.connect(bare_fleet.ledger) as db, sqlite3.connect(copy) as other:
        db.backup(other)
    bare_fleet.json("sync", bare_fleet.agent)
    assert len(commands_sent(bare_fleet)) == 2
    bare_fleet.ledger = copy
    assert unsent(bare_fleet) == 1
    bare_fleet.json("sync", bare_fleet.agent)
    assert len(commands_sent(bare_fleet)) == 2


def test_an_agent_that_is_added_twice(bare_fleet):
    done = bare_fleet.run("agent", "add", bare_fleet.agent_name, expect=2)
    assert "already" in done.stderr
    first = bare_fleet.json("agent", "add", f"{bare_fleet.id}-second", "--id", f"{bare_fleet.id}-x")
    assert first["id"] == f"{bare_fleet.id}-x"
    bare_fleet.run("agent", "add", f"{bare_fleet.id}-third", "--id", f"{bare_fleet.id}-x", expect=2)


def test_init_a_second_time_changes_nothing(bare_fleet):
    def agent():  # others on this broker may be heard of meanwhile
        return [agent for agent in bare_fleet.json("agent", "list") if agent["id"] == bare_fleet.agent]
    before = agent()
    bare_fleet.init()
    assert before and agent() == before


def test_the_list_has_no_port_that_a_server_has_not(bare_fleet):
    """Of one whose profile asks for one port alone."""
    bare_fleet.run("server", "create", bare_fleet.agent, "mine", "--profile", "minecraft", "--game-port", 25565)
    add_server(bare_fleet, "zomboid")
    lines = {line.split()[0].split("/")[1]: line.split()
             for line in bare_fleet.run("server", "list").stdout.splitlines() if "/" in line.split()[0]}
    assert "25565" in lines["mine"], lines
    assert "16261,16262" in lines["zomboid"], lines
