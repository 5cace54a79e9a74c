"""The log's promises, one worker or two on a scripted engine: cases L2, L3, L4, L6, L7, L9, L10, L14."""
import hashlib
import time

import pytest
from commander import partition_of
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from fleet import wait_for
from outpost import PATIENCE, forget_group, judge
from services import PATIENCE_S

BIG = 1048588 - 200  # the broker takes batches of 1 MiB and 12 bytes


def send_and_wait(outpost, action, server_id, **changes):
    command_id = outpost.send(action, server_id, **changes)
    assert outpost.outcome(command_id) == "done", outpost.result(command_id)["body"]
    return command_id


def slow_to_stop(outpost, ms):
    """A server whose process takes that long after SIGTERM."""
    return outpost.server(labels={"test.term-ms": str(ms)},
                          stop={"signal": "SIGTERM", "timeout_s": 60, "save": [],
                                "save_timeout_s": 30})


def wait_request(outpost, method, path, number=1, timeout=PATIENCE_S):
    return wait_for(f"{method} {path}", lambda: (
        lambda found: found if len(found) >= number else None)(
            outpost.scripted.requests(method, path)), timeout)


# --- L14


def test_l14_the_watermark_moves_over_the_gaps_of_transactions(narrow_outpost):
    outpost = narrow_outpost
    server_id = outpost.server()
    actions = ["create"] + ["stop", "start"] * 5
    commands = [outpost.command(action, server_id) for action in actions]
    aborted = outpost.command("delete", server_id)
    batches = [[command] for command in commands]
    batches.insert(4, [aborted, None])
    outpost.commander.send_together(*batches)
    for command in commands:
        outpost.note(command, "done")
    wait_for("a marker behind each", lambda: outpost.end_of() >= 2 * len(commands) + 2)
    worker = outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert aborted["command_id"] not in outpost.tail.answered()
    last = outpost.result(commands[-1]["command_id"])["cause"]["offset"]
    assert outpost.committed() == last + 1
    worker.kill()
    before = len(outpost.scripted.requests("POST"))
    outpost.worker("a", assigned=True)
    send_and_wait(outpost, "stop", server_id)
    outpost.judge()
    assert len(outpost.scripted.requests("POST")) == before + 1  # that stop, and nothing again


# --- L2, L10: zombies


def stop_in_the_middle(outpost, worker, ms=10000):
    """A stop of which the engine has taken the request; the server's id and the command's."""
    server_id = slow_to_stop(outpost, ms)
    send_and_wait(outpost, "create", server_id)
    command_id = outpost.send("stop", server_id, "done")
    wait_request(outpost, "POST", "/stop")
    return server_id, command_id


def test_l2_a_worker_that_stands_still_is_killed_and_its_stop_is_finished(narrow_outpost):
    outpost = narrow_outpost
    zombie = outpost.worker("a", assigned=True)
    server_id, stop = stop_in_the_middle(outpost, zombie)
    zombie.pause()
    zombie.killed = True  # not by us
    heir = outpost.worker("b")
    outpost.wait_assigned(heir)
    assert zombie.exit_code() == -9
    assert outpost.outcome(stop) == "done"
    send_and_wait(outpost, "delete", server_id)
    send_and_wait(outpost, "create", server_id)
    assert outpost.scripted.containers()[outpost.container(server_id)]["State"]["Running"]
    assert {e["worker"] for e in outpost.tail.terminals()[-3:]} == {"b"}
    outpost.judge()


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_l2_a_new_owner_waits_until_the_last_call_has_returned(narrow_outpost, names):
    """The old owner only lost its place; it is not to be killed, and its stop still runs.
    Partitions go to the members in the order of their names: a gets it back, b does not."""
    outpost = narrow_outpost
    old = outpost.worker(names[0], "--takeover", "60s", assigned=True)
    server_id, stop = stop_in_the_middle(outpost, old, ms=14000)
    old.pause()
    heir = outpost.worker(names[1], "--takeover", "60s")
    wait_for("the heir to be given the partition", lambda: outpost.is_member(names[1]))
    old.resume()
    restart = outpost.send("restart", server_id, "done")
    assert outpost.outcome(stop) == "done"
    assert outpost.outcome(restart) == "done"
    changes = outpost.changes_of(server_id)
    for before, after in zip(changes, changes[1:]):
        assert before["ended"] <= after["at"] + 0.005, (before, after)
    assert [c["path"].split("/")[-1].split("?")[0] for c in changes][-3:] == ["start", "stop", "start"]
    assert old.process.poll() is None and heir.process.poll() is None
    outpost.judge()


def test_l2_l10_a_zombie_without_a_lock_publishes_nothing(narrow_outpost, short_dir):
    """Two hosts by mistake, or a lock on another disk: then only the log's fence is left."""
    outpost = narrow_outpost
    elsewhere = short_dir / "elsewhere"
    elsewhere.mkdir()
    # b will not get the partition back: a comes first.
    zombie = outpost.start_worker(*PATIENCE, name="b",
                                  docker=outpost.docker, registry="registry.test/",
                                  env_log="worker-zombie", root_first=elsewhere)
    outpost.wait_assigned(zombie)
    server_id, stop = stop_in_the_middle(outpost, zombie)
    zombie.pause()
    outpost.worker("a", assigned=True)
    assert outpost.result(stop)["worker"] == "a"
    send_and_wait(outpost, "delete", server_id)
    send_and_wait(outpost, "create", server_id)
    made = outpost.scripted.containers()[outpost.container(server_id)]["Id"]
    seen = len(outpost.tail.read())
    outpost.scripted.clear_log()
    zombie.resume()
    wait_for("the zombie to see that it has lost", lambda: " revoked" in zombie.output())
    outpost.judge(settle=2)
    assert "b" not in {e["worker"] for e in outpost.tail.read()[seen:]}
    assert outpost.scripted.requests("POST") + outpost.scripted.requests("DELETE") == []
    container = outpost.scripted.containers()[outpost.container(server_id)]
    assert container["Id"] == made and container["State"]["Running"]


def test_l10_a_batch_from_before_the_partitions_moved_is_not_committed(narrow_outpost, short_dir,
                                                                       rounds):
    """The zombie stops in the middle of a stream of transactions, and would go on with them."""
    outpost = narrow_outpost
    quick = ("-X", "session.timeout.ms=2000", "-X", "heartbeat.interval.ms=500")
    elsewhere = short_dir / "elsewhere"
    elsewhere.mkdir()
    servers = [outpost.server() for _ in range(20)]
    outpost.send_all([("create", server_id, "done") for server_id in servers])
    for i in range(rounds(3)):
        zombie = outpost.start_worker(*quick, name=f"z{i}", docker=outpost.docker,
                                      registry="registry.test/", env_log=f"worker-z{i}",
                                      root_first=elsewhere)
        outpost.wait_assigned(zombie)
        outpost.wait_answered()
        before = len(outpost.tail.terminals())
        outpost.send_all([("start", server_id, "done") for server_id in servers] * 40)
        wait_for("a stream of results", lambda: len(outpost.tail.terminals()) > before + 50,
                 every=0.01)
        zombie.pause()
        zombie.killed = True  # it may find itself fenced, and end
        heir = outpost.worker(f"a{i}", assigned=True)
        outpost.wait_answered()
        zombie.resume()
        wait_for("the zombie to see that it has lost", lambda: (
            " revoked" in zombie.output() or zombie.process.poll() is not None))
        outpost.judge()
        for process in (zombie, heir):
            process.kill()


# --- L3: poison


def varint(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def env_of(outpost, claim):
    """A command whose spec says that its env has that many entries."""
    spec = dict(outpost.servers[outpost.server("claim")], env={})
    plain = outpost.commander.codec.encode(outpost.commander.command("start", "s", spec))
    marked = dict(spec, env={"k": "v"})
    full = outpost.commander.codec.encode(outpost.commander.command("start", "s", marked))
    at = full.index(varint(1) + b"\x02k\x02v\x00")
    assert len(full) == len(plain) + 5
    return full[:at] + varint(claim) + full[at + 1:]


def poisons(outpost):
    """Their key, and (name, value, topic kind, code of the rejection, dead letter?) of each."""
    good = outpost.commander.codec.encode
    command, server_id = outpost.command, outpost.server("poison")
    outside = dict(outpost.servers[server_id], mounts=[
        {"host_path": "/etc", "container_path": "/x", "read_only": False, "make_directory": False}])
    return server_id, [
        ("garbage", b"\x17garbage\xff\x00" * 9, "commands", "malformed", True),
        ("empty", b"", "commands", "malformed", True),
        ("tombstone", None, "commands", "malformed", True),
        ("unknown schema", b"\xc3\x01" + b"\x11" * 8 + b"rest", "commands", None, True),
        ("big", b"\xc3\x01" + b"\x5a" * BIG, "commands", None, True),
        ("2^62 entries", env_of(outpost, 1 << 62), "commands", "malformed", True),
        ("cut", good(command("start", server_id))[:-3], "commands", "malformed", True),
        ("left over", good(command("start", server_id)) + b"x", "commands", "malformed", True),
        ("no command id", good(command("start", server_id, command_id="")), "commands",
         "malformed", True),
        ("unknown action", good(command("explode", server_id)), "commands", "unknown_action", False),
        ("wrong agent", good(command("start", server_id, agent_id="other")), "commands",
         "wrong_agent", False),
        ("wrong engine", good(command("start", server_id, engine_id="OTHER")), "commands",
         "wrong_engine", False),
        ("wrong topic", good(command("start", server_id)), "control", "wrong_place", False),
        ("sync as a command", good(command("sync", None)), "commands", "wrong_place", False),
        ("another's key", good(command("start", outpost.server())), "commands", "wrong_place", False),
        ("outside the roots", good(dict(command("start", server_id), spec=outside)), "commands", "forbidden", False),
    ]


def rejection_of(outpost, topic, offset, timeout=PATIENCE_S):
    def find():
        return [e for e in outpost.tail.terminals() if e["cause"]["topic"] == topic
                and e["cause"]["offset"] == offset]
    return wait_for(f"the answer to {topic} {offset}", find, timeout)


def test_l3_poison_is_rejected_by_its_offset_and_the_partition_moves_on(narrow_outpost):
    outpost = narrow_outpost
    worker = outpost.worker("a", assigned=True)
    places = []
    server_id, all_of_them = poisons(outpost)
    for name, value, kind, code, dead in all_of_them:
        topic = f"muster.{kind}.{outpost.agent}"
        _, offset = outpost.commander.send_raw(topic, value, key=server_id)
        places.append((name, topic, offset, value, code, dead))
    good = outpost.server()
    send_and_wait(outpost, "create", good)
    letters = {(m.value["topic"], m.value["offset"]): m.value for m in outpost.deadletters()}
    for name, topic, offset, value, code, dead in places:
        (event,) = rejection_of(outpost, topic, offset)
        assert event["body"]["outcome"] == "rejected", name
        assert code in (None, event["body"]["code"]), (name, event["body"])
        assert event["body"]["message"], name
        assert ((topic, offset) in letters) == dead, name
        if dead:
            letter = letters[topic, offset]
            assert letter["length"] == len(value or b""), name
            assert letter["sha256"] == hashlib.sha256(value or b"").hexdigest(), name
            assert letter["bytes"] == b"", name
    outpost.judge()
    assert outpost.committed() == outpost.end_of()
    assert worker.process.poll() is None


def test_l20_a_repeat_is_done_with(narrow_outpost):
    """Nothing is told of it, and no record waits for ever all the same."""
    outpost = narrow_outpost
    outpost.worker("a", assigned=True)
    server_id = outpost.server()
    command = outpost.command("create", server_id)
    outpost.commander.send_command(command)
    assert outpost.outcome(command["command_id"]) == "done"
    outpost.commander.send_command(command)
    wait_for("its offset", lambda: outpost.committed() == outpost.end_of())


def test_l3_memory_stays_bounded_over_thousands_of_poisons(narrow_outpost, rounds):
    outpost = narrow_outpost
    worker = outpost.worker("a", assigned=True)
    kinds = [(f"muster.{kind}.{outpost.agent}", value) for _, value, kind, _, dead
             in poisons(outpost)[1] if dead]

    def poison(number):
        for i in range(number):
            topic, value = kinds[i % len(kinds)]
            outpost.commander.producer.produce(topic, value=value, key="k", partition=0)
            if i % 20 == 0:
                outpost.commander.flush()
        outpost.commander.flush()
        server_id = outpost.server()
        send_and_wait(outpost, "create", server_id)

    poison(200)
    before = worker.resident_kib()
    poison(rounds(2000))
    grown = worker.resident_kib() - before
    assert grown < 24 * 1024, f"{grown} KiB more after 2,000 poisonous records"


# --- L4: fenced after the engine's work


def test_l4_a_fenced_worker_commits_no_offset_without_its_event(narrow_outpost):
    outpost = narrow_outpost
    worker = outpost.worker("a", assigned=True)
    server_id = outpost.server()
    send_and_wait(outpost, "create", server_id)
    outpost.scripted.script({"method": "POST", "path": "/stop", "do": "hold"})
    offset = outpost.committed()
    stop = outpost.send("stop", server_id, "done")
    wait_request(outpost, "POST", "/stop")
    assert outpost.committed() == offset  # begun is not done
    usurper = Producer({"bootstrap.servers": outpost.kafka.address,
                        "transactional.id": f"{outpost.group}.a"})
    usurper.init_transactions(PATIENCE_S)
    outpost.scripted.release()
    worker.killed = True  # it ends by itself, and not well
    assert worker.exit_code() == 1, worker.output()
    assert not outpost.scripted.containers()[outpost.container(server_id)]["State"]["Running"]
    assert stop not in outpost.tail.answered() and outpost.committed() == offset
    outpost.worker("a", assigned=True)
    assert outpost.outcome(stop) == "done"
    assert outpost.committed() == offset + 2 or outpost.committed() == outpost.end_of()
    outpost.judge()


def test_l4_the_next_process_of_a_slot_fences_the_one_before(narrow_outpost, short_dir):
    outpost = narrow_outpost
    first = outpost.worker("a", assigned=True)
    second = outpost.worker("a", ready=False)  # the host's lock of the slot is in the way
    second.killed = True
    assert second.exit_code() == 1
    assert "held by another worker" in second.output()
    elsewhere = short_dir / "elsewhere"
    elsewhere.mkdir()
    third = outpost.start_worker(*PATIENCE, name="a", docker=outpost.docker,
                                 registry="registry.test/", env_log="worker-third",
                                 root_first=elsewhere)
    server_id = outpost.server()
    first.killed = True
    create = outpost.send("create", server_id, "done")
    assert first.exit_code() == 1, first.output()
    outpost.wait_assigned(third)
    assert outpost.outcome(create) == "done"
    outpost.judge()


# --- L6: no transaction across engine work


def test_l6_no_transaction_stays_open_across_engine_work(narrow_outpost):
    outpost = narrow_outpost
    outpost.worker("a", assigned=True)
    stopping, other = outpost.server(), outpost.server()
    pulling = outpost.server(image_tag="2")
    send_and_wait(outpost, "create", stopping)
    outpost.scripted.script({"method": "POST", "path": "/stop", "do": "hold"})
    outpost.scripted.script({"method": "POST", "path": "/images/create.*2$", "do": "lines",
                             "lines": [{"status": "Pulling fs layer", "id": "aa"}],
                             "then": "hang"})
    long_ones = [outpost.send("stop", stopping, "done"), outpost.send("create", pulling)]
    wait_request(outpost, "POST", "/stop")
    wait_request(outpost, "POST", "/images/create.*2$")
    for action in ["create"] + ["stop", "start"] * 3:
        send_and_wait(outpost, action, other)
    assert not set(long_ones) & outpost.tail.answered()
    # Nothing holds the end of the stable log back: what is written is readable.
    stable, end = outpost.tail.ends()
    assert stable == end, f"readable up to {stable}, written up to {end}"
    outpost.scripted.release()
    outpost.wait_answered()
    outpost.judge()


# --- L7: the broker is gone


def broker_gone(outpost, kafka, seconds):
    worker = outpost.worker("a", assigned=True)
    servers = [slow_to_stop(outpost, 2000) for _ in range(8)]
    for server_id in servers:
        outpost.send("create", server_id, "done")
    outpost.wait_answered()
    for action in ("stop", "start", "stop", "delete"):
        for server_id in servers:
            outpost.send(action, server_id, "done")
    wait_request(outpost, "POST", "/stop", number=3)
    kafka.kill()
    time.sleep(seconds)
    kafka.start()
    outpost.wait_answered()
    outpost.judge()
    assert worker.process.poll() is None, worker.output()
    assert outpost.scripted.containers() == {}
    stops = len(outpost.scripted.requests("POST", "/stop"))
    assert stops == 2 * len(servers), "a stop was asked for twice"


@pytest.mark.parametrize("seconds", [20, pytest.param(120, marks=pytest.mark.long)])
def test_l7_the_broker_is_gone_in_the_middle_of_work(new_outpost, own_kafka, seconds):
    broker_gone(new_outpost(own_kafka, partitions=2), own_kafka, seconds)


# --- L9: the offsets are gone


def history(outpost):
    """A log with answered commands, one begun and one waiting; then the worker is killed."""
    worker = outpost.worker("a", assigned=True)
    done, busy = outpost.server(), slow_to_stop(outpost, 10000)
    for action in ("create", "delete", "create", "stop"):
        send_and_wait(outpost, action, done)
    send_and_wait(outpost, "create", busy)
    begun = outpost.send("stop", busy, "done")
    wait_request(outpost, "POST", "/stop", number=3)  # a delete and a stop were before
    outpost.send("start", busy, "done")
    worker.kill()
    outpost.send("start", done, "done")
    return begun


def test_l9_without_offsets_no_old_command_runs_and_none_is_skipped(narrow_outpost):
    outpost = narrow_outpost
    history(outpost)
    _, poison = outpost.commander.send_raw(f"muster.commands.{outpost.agent}", b"poison")
    before = len(outpost.tail.terminals())
    forget(outpost)
    requests = len(outpost.scripted.requests("DELETE"))
    outpost.worker("a", assigned=True)
    outpost.wait_answered()
    rejection_of(outpost, f"muster.commands.{outpost.agent}", poison)
    outpost.judge()
    assert len(outpost.tail.terminals()) == before + 4  # stop, two starts, the poison
    assert len(outpost.scripted.requests("DELETE")) == requests, "an old delete ran again"
    assert outpost.committed() == outpost.end_of()


def forget(outpost):
    """As a broker forgets a group that was away for too long."""
    def forgotten():
        code = forget_group(outpost.kafka.address, outpost.group)
        assert code in (0, 68, 69), code  # 68: it still has members; 69: it has gone
        return code != 68
    wait_for("the group to be empty", forgotten)
    assert outpost.committed() < 0


# --- L16: an administrator resets the group


def reset_group(outpost, where):
    """As kafka-consumer-groups and the pages that people use do: offsets without metadata."""
    topics = [f"muster.{kind}.{outpost.agent}" for kind in ("commands", "control")]
    consumer = Consumer({"bootstrap.servers": outpost.kafka.address, "group.id": outpost.group,
                         "enable.auto.commit": False})
    try:
        places = []
        for topic in topics:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE_S)
            offset = {"earliest": first, "latest": end, "offset": (first + end) // 2}[where]
            places.append(TopicPartition(topic, 0, offset))
        wait_for("the group to be empty", lambda: commits(consumer, places))
    finally:
        consumer.close()


def commits(consumer, places):
    try:
        consumer.commit(offsets=places, asynchronous=False)
    except KafkaException:
        return False  # it still has members
    return True


@pytest.mark.parametrize("where", ["earliest", "latest", "offset"])
def test_l16_a_group_reset_runs_nothing_twice_and_skips_nothing(narrow_outpost, where):
    outpost = narrow_outpost
    history(outpost)
    before = len(outpost.tail.terminals())
    deletes = len(outpost.scripted.requests("DELETE"))
    reset_group(outpost, where)
    worker = outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert len(outpost.tail.terminals()) == before + 3  # a stop and two starts waited
    assert len(outpost.scripted.requests("DELETE")) == deletes, "an old delete ran again"
    assert "position.not_taken" in worker.output() and "answered=5" in worker.output()
    assert outpost.committed() == outpost.end_of()


def test_l16_a_worker_that_is_killed_while_it_learns_leaves_no_position(narrow_outpost):
    """What it commits meanwhile tells nothing of the answered commands above."""
    outpost = narrow_outpost
    worker = outpost.worker("a", assigned=True)
    first, second = slow_to_stop(outpost, 3000), outpost.server()
    send_and_wait(outpost, "create", first)
    outpost.send("stop", first, "done")
    wait_request(outpost, "POST", "/stop")
    for action in ("create", "delete"):
        send_and_wait(outpost, action, second)
    worker.kill()
    reset_group(outpost, "earliest")
    deletes = len(outpost.scripted.requests("DELETE"))
    for slot in ("a", "a"):
        worker = outpost.worker(slot, assigned=True)
        worker.kill()
    outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert len(outpost.scripted.requests("DELETE")) == deletes, "an old delete ran again"


def test_l16_what_was_learned_is_known_although_markers_end_the_topic(narrow_outpost):
    """As our control plane sends it: behind the last command there is a transaction's marker."""
    outpost = narrow_outpost
    commands = [outpost.command("create", outpost.server()) for _ in range(2)]
    outpost.commander.send_together(*[[command] for command in commands])
    for command in commands:
        outpost.note(command, "done")
    worker = outpost.worker("a", assigned=True)
    outpost.wait_answered()
    worker.kill()
    worker = outpost.worker("a", assigned=True)
    outpost.judge()
    assert "position.not_taken" not in worker.output()


# --- L32: the done-set meets what it cannot read


def write_unreadable(outpost, *keys):
    """Events of a schema that nobody knows, under those keys."""
    place = partition_of(outpost.agent, outpost.events_partitions)
    for key in keys:
        outpost.commander.producer.produce("muster.events", b"\xc3\x01newer..and more", key=key, partition=place)
    outpost.commander.flush()


def test_l32_an_answer_that_cannot_be_read_hides_older_commands(new_outpost, own_kafka):
    outpost = new_outpost(own_kafka, partitions=1)
    history(outpost)
    hidden = outpost.sent[-3:]  # a stop and two starts that nobody has answered
    write_unreadable(outpost, *{server for server, _, _ in hidden})
    time.sleep(0.05)  # the append times are of milliseconds
    fresh = outpost.send("create", outpost.server(), "done")
    forget(outpost)
    changes = len(outpost.scripted.requests("POST"))
    worker = outpost.worker("a", assigned=True)
    assert outpost.outcome(fresh) == "done"
    ids = {one[1] for one in hidden}
    judge([one for one in outpost.sent if one not in hidden],
          [e for e in outpost.tail.results() if e["cause"]["command_id"] not in ids])
    assert worker.output().count("command.passed_over") == 3
    assert len(outpost.scripted.requests("POST")) <= changes + 4  # of the fresh one alone
    assert not ids & outpost.tail.answered()


def test_l32_what_a_stranger_has_written_hides_nothing(new_outpost, own_kafka):
    """No key, somebody's own word, another agent's."""
    outpost = new_outpost(own_kafka, partitions=1)
    history(outpost)
    write_unreadable(outpost, None, "k", "another-agent/0")
    deletes = len(outpost.scripted.requests("DELETE"))
    forget(outpost)
    worker = outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert "command.passed_over" not in worker.output()
    assert len(outpost.scripted.requests("DELETE")) == deletes, "an old delete ran again"


def test_l9_a_poison_is_not_rejected_twice_when_the_offsets_are_gone(narrow_outpost):
    outpost = narrow_outpost
    topic = f"muster.commands.{outpost.agent}"
    outpost.commander.send_raw(topic, b"poison")
    worker = outpost.worker("a", assigned=True)
    rejection_of(outpost, topic, 0)
    worker.kill()
    forget(outpost)
    _, second = outpost.commander.send_raw(topic, b"poison again")
    outpost.worker("a", assigned=True)
    rejection_of(outpost, topic, second)
    outpost.judge()
    assert len(rejection_of(outpost, topic, 0)) == 1
    assert len(outpost.deadletters()) == 2


def test_l9_old_control_commands_are_known_although_the_queue_is_younger(narrow_outpost):
    """Each topic has its own oldest record; by these the answers are looked for."""
    outpost = narrow_outpost
    outpost.make_topics_anew(**{"message.timestamp.type": "CreateTime"})
    worker = outpost.worker("a", assigned=True)
    sync = outpost.commander.command("sync", None, None)
    outpost.commander.send_command(sync)
    outpost.result(sync["command_id"])
    worker.kill()
    forget(outpost)
    server_id = outpost.server()
    command = outpost.command("create", server_id, expires_in=3600)
    outpost.commander.send_command(command, append_ms=int(time.time() + 1800) * 1000)
    outpost.note(command, "done")
    outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert [e["cause"]["command_id"] for e in outpost.tail.terminals()].count(
        sync["command_id"]) == 1


def test_l9_topics_made_anew_start_anew(narrow_outpost):
    outpost = narrow_outpost
    history(outpost)
    lost = outpost.sent[-3:]
    outpost.make_topics_anew()
    topic = f"muster.commands.{outpost.agent}"
    server_id = outpost.server()
    fresh = outpost.send("create", server_id, "done")
    _, poison = outpost.commander.send_raw(topic, b"poison")
    outpost.worker("a", assigned=True)
    assert outpost.outcome(fresh) == "done"
    assert rejection_of(outpost, topic, poison)
    time.sleep(1)  # a second answer would come late; what is lost is for the ledger
    judge([one for one in outpost.sent if one not in lost],
          [e for e in outpost.tail.results() if e["cause"]["command_id"] not in {one[1] for one in lost}])
    assert outpost.committed() == outpost.end_of()


def test_l9_topics_made_anew_and_filled_beyond_its_position_end_it_too(narrow_outpost):
    """No offset is out of range then; what lies below the position would never be read."""
    outpost = narrow_outpost
    worker = outpost.worker("a", "--sync-interval", "1s", "-X", "session.timeout.ms=45000", assigned=True)
    first = outpost.server()
    for action in ("create", "stop", "delete"):
        send_and_wait(outpost, action, first)
    worker.pause()
    outpost.make_topics_anew()
    outpost.send_all([("create", outpost.server(), "done") for _ in range(6)])
    worker.resume()
    worker.killed = True
    assert worker.exit_code() == 1, worker.output()
    outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()


def test_l9_topics_made_anew_under_a_running_worker_end_it(narrow_outpost):
    """Its positions mean nothing any more; its next process reads from the log what holds."""
    outpost = narrow_outpost
    worker = outpost.worker("a", assigned=True)
    first = outpost.server()
    for action in ("create", "stop", "start", "stop", "delete"):
        send_and_wait(outpost, action, first)
    outpost.make_topics_anew()
    fresh = outpost.send("create", outpost.server(), "done")
    worker.killed = True
    assert worker.exit_code() == 1, worker.output()
    outpost.worker("a", assigned=True)
    assert outpost.outcome(fresh) == "done"
    outpost.judge()
