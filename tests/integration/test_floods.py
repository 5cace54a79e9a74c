"""T11: what one server's owner asks for too much of is bounded, and others are served."""
from test_stands_still import begin_stop, run

FLOOD = 3000  # twice as many as the position's metadata can tell of
WAITING_MOST = 256


def bodies_of(outpost):
    return [event["body"] for event in outpost.tail.terminals()]


def test_t11_queued_commands_of_one_server_do_not_hold_up_others(narrow_outpost):
    outpost = narrow_outpost
    outpost.worker("a", assigned=True)
    greedy, other = outpost.server(), outpost.server()
    run(outpost, greedy, other)
    stop = begin_stop(outpost, greedy)
    outpost.send_all([("start", greedy, None)] * FLOOD)
    assert outpost.outcome(outpost.send("restart", other, "done")) == "done"
    refused = [result for result in bodies_of(outpost) if result["code"] == "queue_full"]
    assert len(refused) == FLOOD - (WAITING_MOST - 1), "the stop counts, too"
    assert all(result["outcome"] == "rejected" and "256 commands" in result["message"] for result in refused)
    outpost.scripted.release()
    assert outpost.outcome(stop) == "done"
    outpost.wait_answered()
    assert outpost.outcome(outpost.send("restart", greedy, "done")) == "done"
    answered = [event["cause"]["command_id"] for event in outpost.tail.terminals()]
    assert sorted(answered) == sorted(command_id for _, command_id, _ in outpost.sent), "one answer each"
