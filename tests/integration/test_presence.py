"""Nobody is missing who is there, and who is gone is missing soon: what Syncs say, and what is made of it.

Scripted engines: what is renamed, copied and removed by hand is the same there.
"""
import pytest
from fleet import wait_for

# --- L19: a takeover while an older command is incomplete


@pytest.mark.bus("kafka")  # where records take a moment to come again
def test_l19_who_goes_after_a_takeover_is_missing(yard):
    """What is committed stands below the last command of the server: that excused its absence until
    the next full Sync, a quarter of an hour later."""
    fleet = yard.fleet
    yard.agent = fleet.agent = fleet.add_agent(fleet.new_name(), partitions=1)
    fleet.start_serve()
    worker = yard.start_worker()
    server, container = yard.create()
    yard.engine.script({"method": "POST", "path": "/images/create", "do": "hang", "times": 0})
    slow, _ = fleet.create(image="registry.test/steam-zomboid", wait=False)
    wait_for("its create to be begun", lambda: any(
        event["server_id"] == slow and event["body"].get("outcome") == "accepted" for event in fleet.events()))
    assert fleet.server("restart", server)["outcome"] == "done"  # a later command than the incomplete one
    worker.kill()
    yard.remove(container)
    yard.start_worker()
    fleet.wait_status(server, "missing")
    assert fleet.status(slow) == "creating"
