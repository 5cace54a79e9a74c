"""T4: what another hand has committed for a worker's group gives no leave for anything."""
import base64
import json
import socket
import struct
import time

import pytest
from fleet import wait_for
from services import PATIENCE_S

OK, UNKNOWN_MEMBER = 0, 25  # the second while the group still has members


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def commit(outpost, kind, offset, metadata):
    """OffsetCommit (key 8, version 2): Debian's client commits no metadata."""
    body = struct.pack(">hhi", 8, 2, 1) + text("forger") + text(outpost.group)
    body += struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 1)
    body += text(f"muster.{kind}.{outpost.agent}") + struct.pack(">iiq", 1, 0, offset) + text(metadata)
    host, port = outpost.kafka.address.split(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as broker:
        broker.sendall(struct.pack(">i", len(body)) + body)
        answer = broker.recv(4096)
    (code,) = struct.unpack(">h", answer[-2:])
    assert code in (OK, UNKNOWN_MEMBER), code
    return code == OK


def begun(note, count=1):
    """As worker/log_tag.c and worker/offsets.c write it: all of `count` records have begun."""
    entry = bytes([1, len(note)]) + note.encode()
    return "w1:1:-:" + base64.b64encode(bytes([1, count]) + entry * count).decode()


def forge(outpost, metadata):
    for kind, what in (("commands", metadata), ("control", "w1:1:-:")):
        wait_for("the group to be empty", lambda k=kind, w=what: commit(outpost, k, 0, w))


@pytest.mark.parametrize("note", ["a", "r1", ""])
def test_t4_what_the_log_does_not_show_as_accepted_expires(narrow_outpost, note):
    outpost = narrow_outpost
    server = outpost.server()
    late = outpost.send("create", server, "expired", expires_at=int(time.time() * 1000) + 1)
    forge(outpost, begun(note))
    worker = outpost.worker("a", assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert outpost.outcome(late) == "expired" and outpost.changes_of(server) == []
    assert "begun.not_taken" in worker.output()
    assert outpost.committed() == outpost.end_of()


@pytest.mark.parametrize("note", ["a", "r1", ""])
def test_t4_policy_is_asked_whatever_the_metadata_says(narrow_outpost, short_dir, note):
    outpost = narrow_outpost
    policy = short_dir / "policy.json"
    policy.write_text(json.dumps({"container_names": ["other-"]}))
    server = outpost.server()
    outpost.send("create", server, "rejected")
    forge(outpost, begun(note))
    outpost.worker("a", "--policy", str(policy), assigned=True)
    outpost.wait_answered()
    outpost.judge()
    assert outpost.changes_of(server) == []


def test_t4_what_was_answered_does_not_run_again(narrow_outpost):
    """The oldest commands of the topic, all said to have begun."""
    outpost = narrow_outpost
    worker = outpost.worker("a", assigned=True)
    server = outpost.server()
    for action in ("create", "delete", "create"):
        assert outpost.outcome(outpost.send(action, server, "done")) == "done"
    worker.kill()
    changes = len(outpost.changes_of(server))
    forge(outpost, begun("r1", 3))
    outpost.worker("a", assigned=True)
    assert outpost.outcome(outpost.send("stop", server, "done")) == "done"
    outpost.judge()
    after = [(r["method"], r["path"]) for r in outpost.changes_of(server)[changes:]]
    assert [path.rpartition("/")[2].partition("?")[0] for _, path in after] == ["stop"], after


def test_t4_what_has_truly_begun_is_undone_if_the_policy_forbids_it_now(narrow_outpost, short_dir):
    outpost = narrow_outpost
    policy = short_dir / "policy.json"
    policy.write_text(json.dumps({"container_names": ["other-"]}))
    worker = outpost.worker("a", assigned=True)
    server = outpost.server()
    assert outpost.outcome(outpost.send("create", server, "done")) == "done"
    outpost.scripted.script({"method": "POST", "path": "/containers/create", "do": "hang"})
    outpost.send("rebuild", server, "rejected")
    wait_for("its create", lambda: len(outpost.scripted.requests("POST", "/containers/create")) > 1)
    worker.kill()
    outpost.scripted.release()
    outpost.worker("a", "--policy", str(policy), assigned=True)
    outpost.wait_answered()
    outpost.judge()
    result = [e["body"] for e in outpost.tail.terminals()][-1]
    assert (result["code"], result["rolled_back"]) == ("forbidden", True), result
    names = {c["Name"][1:]: c["State"]["Status"] for c in outpost.scripted.state()["containers"]}
    assert names == {outpost.container(server): "running"}
