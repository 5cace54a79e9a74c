"""A control plane and workers of different versions, side by side: L25."""
import json
import time

import pytest
from fleet import wait_for
from log_reader import Codec
from stranger import Stranger
from yard import IMAGE

OLDEST = "a6d3cde713f6fe42"  # of the command schemas: schemas/history/command
NEWEST = f"{Codec('command').fingerprint:016x}"


def hear_of(fleet, version, reads):
    """What an older worker says of itself, every 30 s."""
    now = int(time.time() * 1000)
    stranger = Stranger(fleet, "heartbeat", "muster.heartbeats")
    stranger.write({"agent_id": fleet.agent, "worker": "old", "at": now, "interval_ms": 30000, "host": "cellar",
                    "version": version, "reads": reads}, f"{fleet.agent}/old", 0)
    wait_for("its heartbeat to be taken", lambda: version in fleet.run("agent", "show", fleet.agent).stdout)


@pytest.fixture
def profiles(short_dir):
    """One that asks for nothing new, and one that asks for what the oldest command schema has no word for."""
    plain = {"image": IMAGE, "container": "game-{name}", "ports": [
        {"host_port": "{game_port}", "container_port": 7777, "protocol": "udp"}]}
    for name, profile in (("plain", plain), ("newer", {**plain, "tmpfs": [{"container_path": "/cache"}]})):
        (short_dir / f"{name}.json").write_text(json.dumps({"name": name, **profile}))
    return short_dir


def test_l25_what_an_older_worker_cannot_read_is_refused_and_all_else_is_not(yard, profiles):
    fleet = yard.fleet

    def create(name, expect=0):
        return fleet.run("server", "create", fleet.agent, name, "--profile", profiles / f"{name}.json", "--game-port",
                         {"plain": 7000, "newer": 7001}[name], "--image-tag", "latest", "--wait", expect=expect)
    fleet.start_serve()
    yard.start_worker()
    hear_of(fleet, "0.1.0", [OLDEST])
    create("plain")
    fleet.server("restart", f"{fleet.agent}/plain")
    refused = create("newer", expect=2).stderr
    assert "the worker old of agent" in refused and "0.1.0" in refused and "upgrade" in refused, refused
    assert [row["name"] for row in fleet.json("server", "list", "--agent", fleet.agent)] == ["plain"]
    hear_of(fleet, "0.2.0", [OLDEST, NEWEST])
    create("newer")
    yard.verify()
