"""Each check of the checker, seen to fail: a story that is right, and one thing of it made wrong."""
import base64
import copy

import pytest
from checker import CHECKS, Facts, begun_in, check

SERVER = "s1"
NAME = "steam-zomboid-alpha"


def state(status, container):
    return {"status": status, "container_id": container, "oom_killed": False,
            "finished_at": 5000 if status == "exited" else None}


OURS = "w1:1:-:"  # before a worker's metadata


def result(command, outcome, action="create", status=None, container="c1", server=SERVER, **cause):
    return {"server_id": server, "cause": {"command_id": command, "action": action, **cause}, "append_ms": 5000,
            "body": {"outcome": outcome, "code": "", "state": status and state(status, container)}}


def command(command_id, action, offset):
    return {"kind": "commands", "partition": 0, "offset": offset, "value": {
        "command_id": command_id, "action": action, "server_id": SERVER, "reason": f"once-{command_id}", "expires_at": 9000}}


def rejection(offset):
    return result("", "rejected", server=None, topic="muster.commands.1", partition=0, offset=offset)


def a_container(name=NAME, container="c1", status="running", **labels):
    return {"id": container, "name": name, "status": status, "created_ms": 4000,
            "labels": {"muster.server.id": SERVER, "muster.container": NAME, **labels},
            "policy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "mounts": [{"Type": "volume", "Destination": "/saves", "Source": "/volumes/v1"}]}


def right():
    """A server is created and stopped."""
    return Facts(
        commands=[command("k1", "create", 0), command("k2", "stop", 2)],
        events=[result("k1", "accepted"), result("k1", "done", "create", "running"),
                rejection(1), result("k2", "accepted", "stop"), result("k2", "done", "stop", "exited")],
        strays=[{"kind": "commands", "partition": 0, "offset": 1, "value": None}],
        committed={("commands", 0): (3, OURS)}, asked={"k1": SERVER, "k2": SERVER},
        told={"once-k1": ["k1"], "once-k3": []},
        containers=[a_container(status="exited")], networks=["zomboid-servers"],
        servers={SERVER: {"status": "stopped", "container_id": "c1", "data_dir": "/data/alpha"}},
        ledger={"k1": {"outcome": "done"}, "k2": {"outcome": "done"}},
        files={"alpha"}, kept={(SERVER, "data_dir"): True, (SERVER, "/saves"): True},
        volumes={(SERVER, "/saves"): "/volumes/v1"})


def test_the_right_story_breaks_nothing():
    assert check(right()) == []


def second_result(facts):
    facts.events.append(result("k1", "failed"))


def no_result(facts):
    del facts.events[-1]


def never_sent(facts):
    facts.asked["k3"] = SERVER


def sent_twice(facts):
    facts.commands.append(command("k2", "stop", 4))


def result_of_nothing(facts):
    facts.events.append(result("k9", "rejected"))


def accepted_twice(facts):
    facts.events.insert(1, result("k1", "accepted"))


def accepted_after_the_end(facts):
    facts.events.append(result("k2", "accepted"))


def queued_again(facts):
    facts.told["once-k1"] = ["k0"]


def refused_and_queued_twice(facts):
    facts.commands += [command("k3", "start", 3), command("k4", "start", 4)]
    facts.commands[-1]["value"]["reason"] = "once-k3"


def out_of_order(facts):
    facts.events = facts.events[2:] + facts.events[:2]


def untrue(facts):
    facts.events[-1]["body"]["state"]["status"] = "running"
    facts.containers[0]["status"] = "running"


def started_by_nobody(facts):
    facts.containers[0]["status"] = "running"


def replaced_by_nobody(facts):
    facts.containers[0]["id"] = "c2"


def offset_ahead(facts):
    facts.events = facts.events[:2]


def begun_and_not_said(facts):
    facts.committed["commands", 0] = (2, OURS + base64.b64encode(bytes([1, 1, 1, 0])).decode())
    facts.events = facts.events[:2]


def offset_behind(facts):
    facts.committed["commands", 0] = (2, OURS)


def missing_that_is_there(facts):
    facts.servers[SERVER]["status"] = "missing"


def present_that_is_gone(facts):
    facts.containers.clear()


def stuck(facts):
    facts.servers[SERVER]["status"] = "rebuilding"


def orphan_container(facts):
    facts.servers[SERVER]["status"] = "deleted"


def two_containers(facts):
    facts.containers.append(a_container(f"{NAME}.old-k1-r", "c0", "exited"))


def two_networks(facts):
    facts.networks.append("zomboid-servers")


def purged_without_its_volume(facts):
    facts.volume_names.append(f"muster-{SERVER}-saves")
    facts.servers[SERVER]["status"] = "purged"
    facts.containers.clear()


def half_a_purge(facts):
    facts.files.add(".purge-k2")


def purged_with_data(facts):
    facts.servers[SERVER]["status"] = "purged"


def data_lost(facts):
    facts.kept[SERVER, "data_dir"] = False


def volume_lost(facts):
    facts.kept[SERVER, "/saves"] = False


def layer_lost(facts):
    facts.layers["c0"] = SERVER


def volume_replaced(facts):
    facts.containers[0]["mounts"][0]["Source"] = "/volumes/v2"


def volume_not_mounted(facts):
    facts.containers[0]["mounts"].clear()


def roll_back(facts, status, container, message=""):
    """A rebuild that fails, and says that the old one is back."""
    facts.commands.append(command("k3", "rebuild", 3))
    facts.events += [result("k3", "accepted", "rebuild"), result("k3", "failed", "rebuild", status, container)]
    facts.events[-1]["body"].update(rolled_back=not message, message=message)
    facts.ledger["k3"], facts.committed["commands", 0] = {"outcome": "failed"}, (4, OURS)


def rolled_back_and_gone(facts):
    roll_back(facts, "absent", None)


def rolled_back_to_another(facts):
    roll_back(facts, "exited", "c2")


def said_to_be_back(facts):
    roll_back(facts, "absent", None, "the old container is back")


def rolled_back_and_stopped(facts):
    del facts.events[2:], facts.commands[1:]
    roll_back(facts, "exited", "c1")


def purged_under_another(facts):
    facts.mounted.append((SERVER, 1000, 9000))
    facts.events += [result("k3", "accepted", "purge"), result("k3", "done", "purge")]
    facts.events[-2]["at"], facts.events[-1]["at"] = 2000, 3000


def policy_of_one_aside(facts):
    facts.containers[0]["policy"] = {"Name": "no", "MaximumRetryCount": 0}


def retries_lost(facts):
    facts.policies["c1"] = {"Name": "on-failure", "MaximumRetryCount": 5}
    facts.containers[0]["policy"] = {"Name": "on-failure", "MaximumRetryCount": 0}


def adopted_and_left(facts):
    facts.adopted["c0"] = SERVER
    facts.containers.append({**a_container("by-hand", "c0", "exited"), "labels": {}})


def verify_differs(facts):
    facts.audit.append("audit replay --verify: …")


def ledger_differs(facts):
    facts.ledger["k2"]["outcome"] = "failed"


def begun_late(facts):
    facts.events[0]["append_ms"] = 20_000


def stray_not_answered(facts):
    facts.events.remove(rejection(1))


def stray_answered_twice(facts):
    facts.events.append(rejection(1))


def command_taken_for_a_stray(facts):
    facts.events.append(rejection(2))


def command_closed_by_a_place(facts):
    facts.events[-1]["body"].update(outcome="rejected", code="wrong_place")


def made_after_its_end(facts):
    facts.containers[0]["labels"]["muster.command.id"] = "k1"
    facts.containers[0]["created_ms"] = 20_000


def made_by_what_expired(facts):
    facts.commands.append(command("k3", "rebuild", 3))
    facts.events.append(result("k3", "expired", "rebuild"))
    facts.containers[0]["labels"]["muster.command.id"] = "k3"


BROKEN = [(begun_late, "in_time"), (stray_not_answered, "strays_close_nothing"),
          (stray_answered_twice, "strays_close_nothing"), (command_taken_for_a_stray, "strays_close_nothing"),
          (command_closed_by_a_place, "strays_close_nothing"), (made_after_its_end, "one_effect"),
          (made_by_what_expired, "one_effect"), (second_result, "one_result"), (no_result, "one_result"),
          (never_sent, "one_result"), (sent_twice, "one_result"), (result_of_nothing, "one_result"),
          (accepted_twice, "one_result"), (accepted_after_the_end, "one_result"), (queued_again, "asked_once"),
          (refused_and_queued_twice, "asked_once"), (out_of_order, "in_order"), (untrue, "true_results"),
          (started_by_nobody, "told_is_there"), (replaced_by_nobody, "told_is_there"),
          (offset_ahead, "offsets_behind_events"), (begun_and_not_said, "offsets_behind_events"),
          (offset_behind, "offsets_arrive"), (missing_that_is_there, "shown_is_there"),
          (present_that_is_gone, "shown_is_there"), (stuck, "shown_is_there"), (orphan_container, "nothing_left"),
          (two_containers, "nothing_left"), (two_networks, "nothing_left"), (half_a_purge, "nothing_left"),
          (purged_without_its_volume, "nothing_left"), (purged_with_data, "nothing_left"),
          (data_lost, "data_is_kept"), (volume_lost, "data_is_kept"), (layer_lost, "data_is_kept"),
          (volume_replaced, "data_is_carried"), (volume_not_mounted, "data_is_carried"),
          (rolled_back_and_gone, "rolled_back_is_true"), (rolled_back_to_another, "rolled_back_is_true"),
          (said_to_be_back, "rolled_back_is_true"), (rolled_back_and_stopped, "rolled_back_is_true"),
          (purged_under_another, "purge_sees_others"), (policy_of_one_aside, "policy_is_kept"),
          (retries_lost, "policy_is_kept"), (adopted_and_left, "nothing_left"), (verify_differs, "ledger_is_replay"),
          (ledger_differs, "ledger_is_replay")]


@pytest.mark.parametrize("spoil, promise", BROKEN, ids=[spoil.__name__ for spoil, _ in BROKEN])
def test_what_is_wrong_is_found(spoil, promise):
    facts = copy.deepcopy(right())
    spoil(facts)
    assert promise in {breach.promise for breach in check(facts)}


def test_every_check_is_seen_to_fail():
    assert {promise for _, promise in BROKEN} == {one.__name__ for one in CHECKS}


def test_a_rebuild_that_is_rolled_back_breaks_nothing():
    facts = right()
    roll_back(facts, "exited", "c1")
    assert check(facts) == []


def test_what_nobody_promised_is_no_breach():
    facts = right()
    facts.adopted["c0"], facts.removed["c0"] = "s2", "s2"  # by hand: nobody knows what it had
    facts.volumes["s2", "/saves"], facts.layers["c0"] = "/volumes/v9", "s2"
    facts.commands.append(command("k3", "start", 3))
    facts.commands[-1]["value"]["options"] = {"fresh": True}
    facts.events += [result("k3", "accepted", "start"), result("k3", "done", "start", "running", "c1")]
    facts.containers[0]["status"], facts.servers[SERVER]["status"] = "running", "running"
    facts.ledger["k3"], facts.committed["commands", 0] = {"outcome": "done"}, (4, OURS)
    facts.layers["c7"] = SERVER
    assert check(facts) == []


def test_a_command_sent_again_has_one_result():
    facts = right()
    facts.commands.append(command("k2", "stop", 2))
    facts.repeated.add("k2")
    assert check(facts) == []
    facts.events.append(result("k2", "done", "stop", "exited"))
    assert "one_result" in {breach.promise for breach in check(facts)}


def test_a_group_that_somebody_has_reset_is_not_ahead():
    facts = right()
    facts.events = [facts.events[2]]  # the offset is behind both commands, and they have no result
    facts.committed["commands", 0] = (3, "")
    assert {breach.promise for breach in check(facts) if not breach.open} == set()
    assert "offsets_arrive" in {breach.promise for breach in check(facts)}


def test_what_others_do_is_no_breach():
    facts = right()
    facts.by_hand.add(SERVER)
    untrue(facts)
    assert not check(facts) or {breach.promise for breach in check(facts)} == {"shown_is_there"}


def started_and_exited():
    """The result of a start that is done, and the container has ended since."""
    facts = right()
    facts.commands[1]["value"]["action"] = facts.events[-1]["cause"]["action"] = "start"
    facts.events[-2]["cause"]["action"] = "start"
    return facts


@pytest.mark.parametrize("stops, broken", [([[4000, 6000]], set()), ([[4000, float("inf")]], set()),
                                           ([[1000, 4000]], {"true_results"}), ([], {"true_results"})])
def test_a_container_may_end_with_its_engine(stops, broken):
    facts = started_and_exited()
    facts.engine_stops = stops
    assert {breach.promise for breach in check(facts)} == broken


def test_without_syncs_a_container_may_go_unseen():
    facts = right()
    facts.has_grown = True
    present_that_is_gone(facts)
    assert check(facts) == []
    second_result(facts)
    assert "one_result" in {breach.promise for breach in check(facts)}


def test_the_name_of_a_purged_server_may_come_again():
    facts = right()
    facts.servers["s0"] = {"status": "purged", "container_id": None, "data_dir": "/data/alpha"}
    assert check(facts) == []


def test_a_cancelled_one_may_end_before_those_in_front():
    facts = right()
    facts.commands.append(command("k3", "start", 3))
    facts.events.insert(1, result("k3", "cancelled", "start"))
    facts.ledger["k3"] = {"outcome": "cancelled"}
    facts.committed["commands", 0] = (4, OURS)
    assert check(facts) == []


def sync(**changes):
    return {"server_id": None, "cause": None, "body": {
        "sync_id": "y", "complete": True, "chunk": 0, "chunks": 1, "partition": 0, "partitions": 1,
        "servers": [], "pending": [], "unknown": [], **changes}}


def test_a_sync_without_a_server_says_that_it_is_gone():
    facts = right()
    facts.events.append(sync())
    assert {breach.promise for breach in check(facts)} == {"told_is_there"}
    facts.events[-1] = sync(pending=[SERVER])
    assert check(facts) == []
    facts.events[-1] = sync(complete=False)
    assert check(facts) == []


def test_that_one_is_gone_says_nothing_of_another():
    facts = right()
    facts.events.append({"server_id": SERVER, "cause": None, "body": state("absent", "c0")})
    assert check(facts) == []
    facts.events[-2]["body"]["state"] = state("unknown", "c0")  # of a server with two, and then one is gone
    present_that_is_gone(facts)
    facts.servers[SERVER]["status"] = "missing"
    assert "told_is_there" not in {breach.promise for breach in check(facts)}


def test_the_notes_beside_an_offset_are_read():
    # received up to 12; open are 10 (begun, with a note of two characters) and 12
    metadata = base64.b64encode(bytes([1, 3, 1, 2, ord("r"), ord("7"), 2])).decode()
    assert begun_in(10, metadata) == begun_in(10, "w1:1f:18c0:" + metadata) == begun_in(10, "w1?" + metadata) == {10}
    assert begun_in(10, "") == begun_in(10, "w1:-:") == begun_in(10, "w1?") == set()
