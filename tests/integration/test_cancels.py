"""L17: each cancel is answered, whenever it comes, and tells the truth of its target.

On a scripted engine, which holds what the test says.
"""
import json

from fleet import wait_for


TERMINAL = ("done", "failed", "rejected", "expired", "cancelled")


def ends_of(fleet, command_id):
    """Its terminal results, as (outcome, code)."""
    return [(event["body"]["outcome"], event["body"]["code"]) for event in fleet.events()
            if (event["cause"] or {}).get("command_id") == command_id and event["body"].get("outcome") in TERMINAL]


def end_of(fleet, command_id):
    ends = wait_for(f"the end of {command_id}", lambda: ends_of(fleet, command_id))
    assert len(ends) == 1, ends
    return ends[0]


def send(fleet, action, server, *extra):
    return fleet.server(action, server, *extra, wait=False)["command_id"]


def is_as_told(yard, server, container):
    runs = yard.engine.containers()[container]["State"]["Running"]
    return yard.fleet.show(server)["status"] == ("running" if runs else "stopped")


def test_l17_two_cancels_of_one_that_waits(yard):
    """They reach the worker together."""
    fleet, worker = yard.fleet, yard.start_worker()
    server, _ = yard.create()
    worker.pause()
    stop = send(fleet, "stop", server)
    cancels = [send(fleet, "cancel", server, "--command", stop) for _ in range(2)]
    worker.resume()
    ended, answers = end_of(fleet, stop), [end_of(fleet, cancel) for cancel in cancels]
    if ended[0] == "cancelled":  # they overtake the queue; but it may have begun before they came
        assert ("done", "") in answers and set(answers) <= {("done", ""), ("failed", "too_late")}
    else:
        assert (ended[0], answers) == ("done", 2 * [("failed", "too_late")])
    fleet.wait_status(server, "running" if ended[0] == "cancelled" else "stopped")


def test_l17_two_cancels_of_one_that_has_begun(yard):
    """While the engine does it: what has come true is done, and both are told so."""
    fleet = yard.fleet
    yard.start_worker()
    server, _ = yard.create()
    yard.engine.script({"method": "POST", "path": "/stop", "do": "hang", "apply": True})
    stop = send(fleet, "stop", server)
    wait_for("the stop", lambda: yard.engine.requests("POST", "/stop"))
    cancels = [send(fleet, "cancel", server, "--command", stop) for _ in range(2)]
    yard.engine.release()
    assert end_of(fleet, stop) == ("done", "")
    assert [end_of(fleet, cancel) for cancel in cancels] == 2 * [("failed", "too_late")]
    wait_for("it to be seen", lambda: fleet.show(server)["status"] == "stopped")


def test_l17_a_cancel_that_meets_the_end_of_its_target(yard):
    """It is sent while the target's result is on its way: whichever comes first, they agree."""
    fleet = yard.fleet
    yard.start_worker()
    server, container = yard.create()
    for _ in range(2):
        for action, status in (("stop", "stopped"), ("start", "running")):
            command = send(fleet, action, server)
            done = fleet.run("server", "cancel", server, "--command", command, "--json", expect=None)
            ended = end_of(fleet, command)
            if done.returncode == 2:  # the ledger has its end already
                assert ended[0] == "done" and "no open command" in done.stderr, done.stderr
            else:
                answer = end_of(fleet, json.loads(done.stdout)["command_id"])
                assert (ended[0], answer) in {("cancelled", ("done", "")), ("done", ("failed", "too_late"))}
            if ended[0] == "done":
                fleet.wait_status(server, status)
            wait_for("the log to say what is there", lambda: is_as_told(yard, server, container))


def test_l17_a_cancel_of_what_is_done_is_refused_and_changes_nothing(yard):
    fleet = yard.fleet
    yard.start_worker()
    server, _ = yard.create()
    stop = fleet.server("stop", server)["command_id"]
    done = fleet.run("server", "cancel", server, "--command", stop, expect=2)
    assert "no open command" in done.stderr
    fleet.run("server", "cancel", server, expect=2)
    assert fleet.show(server)["status"] == "stopped"
