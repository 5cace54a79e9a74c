"""L20: a command id is one command: one effect and one result, however often it comes."""
import time

from commander import a_command, a_spec, partition_of, uuid7
from fleet import wait_for
from stranger import Stranger
from yard import IMAGE

TERMINAL = ("done", "failed", "rejected", "expired", "cancelled")
PARTITIONS = 4  # of an agent's commands
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


class Poster:
    """Sends commands for one server, past our control plane."""

    def __init__(self, yard):
        self.yard, self.fleet = yard, yard.fleet
        self.server, self.container = yard.create()
        name = self.container.removeprefix("steam-zomboid-")
        self.spec = a_spec(name, f"{IMAGE}:latest", str(self.fleet.data_root))
        self.streams = {kind: Stranger(self.fleet, "command", f"muster.{kind}.{self.fleet.agent}")
                        for kind in ("commands", "control")}

    def command(self, action, **changes):
        return a_command(self.fleet.agent, action, self.server, None if action == "cancel" else self.spec, **changes)

    def send(self, command, times=1):
        kind = "control" if command["action"] in ("cancel", "sync") else "commands"
        for _ in range(times):
            self.streams[kind].write(command, self.server, partition_of(self.server, PARTITIONS))
        return command["command_id"]

    def ends(self, command_id):
        """Its terminal results, as (outcome, code)."""
        return [(event["body"]["outcome"], event["body"]["code"]) for event in self.fleet.events()
                if (event["cause"] or {}).get("command_id") == command_id
                and event["body"].get("outcome") in TERMINAL]

    def end(self, command_id):
        return wait_for(f"the end of {command_id}", lambda: self.ends(command_id))[0]

    def passes(self):
        """What was sent before has been taken: a later one has its result."""
        assert self.end(self.send(self.command("start"))) == ("done", "")

    def stops(self):
        return len(self.yard.engine.requests("POST", "/stop"))

    def another_worker(self):
        self.yard.worker.kill()
        return self.yard.start_worker()


def sent_again(poster, command, stops):
    """The same bytes, and other ones."""
    poster.send(command)
    poster.send({**command, "action": "stop", "reason": "other bytes"})
    poster.passes()
    assert poster.ends(command["command_id"]) == [("done", "")]
    assert poster.stops() == stops


def test_l20_the_same_id_again_is_one_command(yard):
    yard.start_worker()
    poster = Poster(yard)
    command = poster.command("restart")
    poster.send(command, times=3)  # before the first of them has begun
    poster.passes()
    assert poster.end(command["command_id"]) == ("done", "")
    sent_again(poster, command, stops=1)
    poster.another_worker()
    sent_again(poster, command, stops=1)
    poster.another_worker()
    poster.send(command)
    poster.another_worker()  # which takes over what nobody has told a word about
    sent_again(poster, command, stops=1)


def test_l20_an_hour_later_it_is_looked_up(yard):
    """Its id tells how old it is; no worker remembers for so long."""
    yard.start_worker()
    poster = Poster(yard)
    now = int(time.time() * 1000)
    command = poster.command("restart", command_id=uuid7(now - 60 * MINUTE_MS), issued_at=now - 60 * MINUTE_MS)
    assert poster.end(poster.send(command)) == ("done", "")  # late, but the first of its id
    poster.another_worker()
    sent_again(poster, command, stops=1)


def test_l20_whatever_the_first_has_come_to(yard):
    """Rejected, expired: the id is used up."""
    yard.start_worker()
    poster = Poster(yard)
    for first, end in ((poster.command("paint"), ("rejected", "unknown_action")),
                       (poster.command("stop", expires_in=-1), ("expired", "expired"))):
        assert poster.end(poster.send(first)) == end
        poster.send({**first, "action": "stop", "expires_at": first["expires_at"] + 10 * MINUTE_MS})
        poster.passes()
        poster.another_worker()
        poster.send({**first, "action": "stop", "expires_at": first["expires_at"] + 10 * MINUTE_MS})
        poster.passes()
        assert poster.ends(first["command_id"]) == [end]
    assert poster.stops() == 0


def test_l20_a_cancel_again_is_one_cancel(yard):
    yard.start_worker()
    poster = Poster(yard)
    cancel = poster.command("cancel", target=uuid7())
    poster.send(cancel, times=2)
    assert poster.end(cancel["command_id"]) == ("failed", "too_late")
    poster.another_worker()
    poster.send(cancel)
    assert poster.end(poster.send(poster.command("cancel", target=uuid7()))) == ("failed", "too_late")
    assert poster.ends(cancel["command_id"]) == [("failed", "too_late")]


def test_l20_what_can_be_no_command_id_is_rejected(yard):
    """Of which nobody could say later whether it had been there before."""
    yard.start_worker()
    poster = Poster(yard)
    now = int(time.time() * 1000)
    for changes in ({"command_id": "11111111-2222-4333-8444-555555555555"},  # a random one, of no time
                    {"command_id": "mine"},
                    {"command_id": uuid7(now + 60 * MINUTE_MS)},
                    {"expires_at": now + 8 * DAY_MS}):
        command_id = poster.send(poster.command("stop", **changes))
        assert poster.end(command_id) == ("rejected", "invalid"), changes
        poster.send(poster.command("stop", **{**changes, "command_id": command_id}))
        poster.passes()
        assert poster.ends(command_id) == [("rejected", "invalid")]
    assert poster.stops() == 0
