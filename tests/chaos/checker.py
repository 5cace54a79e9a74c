"""checker - which promise is broken, if any: the log, the engine and the ledger must tell one story.

Pure: facts go in, sentences come out.  facts.py collects them with clients that are not ours
once nothing happens any more; test_checker.py shows that each check can fail.

A breach that is `open` may mend itself with time (a result is still to come); the others never.
"""
import base64
import dataclasses
import re

from commander import partition_of

ENGINE_SHIFT_MS = 300_000  # by which a fault sets an engine's clock
LATE_MS = 10_000  # by which clocks and brokers may differ
OUR_OFFSETS = "w1"  # begins the metadata that a worker commits (worker/log_tag.c)
BY_PLACE = {"wrong_place", "wrong_agent", "malformed"}  # codes of what bears no id

TERMINAL = {"done", "failed", "rejected", "expired", "cancelled"}
NETWORKS = {"zomboid-servers", "zomboid-backend"}
RUNNING = {"running", "restarting", "paused"}
STOPPED = {"created", "exited", "dead"}
# What a done action leaves; None: there is no container.
LEAVES = {"create": RUNNING, "start": RUNNING, "restart": RUNNING, "rebuild": RUNNING,
          "recreate": RUNNING | STOPPED | {"removing"}, "restore": RUNNING | STOPPED,
          "stop": STOPPED | {None}, "delete": {None}, "purge": {None}}
# What the ledger may say of a server that has a container of that status.
SHOWN = {**dict.fromkeys(RUNNING, "running"), **dict.fromkeys(STOPPED, "stopped")}
WITHOUT = {"missing", "deleted", "purged", "failed"}
SAYS_BACK = re.compile(r"old container is back|old one is back")


@dataclasses.dataclass
class Breach:
    promise: str
    what: str
    open: bool = False

    def __str__(self):
        return f"{self.promise}: {self.what}"


@dataclasses.dataclass
class Facts:
    """All that is known of one agent.

    commands    {"kind": "commands" | "control", "partition", "offset", "value"}, in order
    strays      likewise, what lies in those topics and is no command; a value may be None
    repeated    ids of commands that somebody has sent again
    clocks_jumped   a fault has set some clock
    events      as decoded, in order; "offset" and "append_ms" added
    committed   (kind, partition) → (offset, metadata)
    asked       command id → server id: what muster said that it has taken
    told        key → ids of the commands that whoever asked over HTTP was told of; none: refused
    containers  {"id", "name", "status", "labels", "created_ms"} of the engine
    networks    their names;  volume_names: those of volumes
    servers     id → the ledger's row;  ledger: command id → the ledger's row
    files       names right below the data root
    kept        (server id, "data_dir" or a place in its container) → whether what was in it is still there
    volumes     (server id, place in its container) → directory of the volume that was mounted there
    by_hand     server ids whose containers somebody else has touched
    adopted     container id → server id: of those that bear no label
    policies    container id → the restart policy that somebody has given it
    layers      container id → server id: somebody has written into the container's own layer
    removed     container id → server id: somebody else has removed it
    racing      container ids that somebody else has touched while a command of theirs was open
    mounted     (server id, from, to) in ms: somebody else had its data mounted
    engine_stops    [from, to] in ms: when the engine went, and when it was back
    has_grown   partitions were added to its topics: its Syncs count others now, and are not taken
    audit       what `audit replay --verify` and `audit check` found
    """
    commands: list = dataclasses.field(default_factory=list)
    strays: list = dataclasses.field(default_factory=list)
    repeated: set = dataclasses.field(default_factory=set)
    clocks_jumped: bool = False
    events: list = dataclasses.field(default_factory=list)
    committed: dict = dataclasses.field(default_factory=dict)
    asked: dict = dataclasses.field(default_factory=dict)
    told: dict = dataclasses.field(default_factory=dict)
    containers: list = dataclasses.field(default_factory=list)
    networks: list = dataclasses.field(default_factory=list)
    volume_names: list = dataclasses.field(default_factory=list)
    servers: dict = dataclasses.field(default_factory=dict)
    ledger: dict = dataclasses.field(default_factory=dict)
    files: set = dataclasses.field(default_factory=set)
    kept: dict = dataclasses.field(default_factory=dict)
    volumes: dict = dataclasses.field(default_factory=dict)
    by_hand: set = dataclasses.field(default_factory=set)
    adopted: dict = dataclasses.field(default_factory=dict)
    policies: dict = dataclasses.field(default_factory=dict)
    layers: dict = dataclasses.field(default_factory=dict)
    removed: dict = dataclasses.field(default_factory=dict)
    racing: set = dataclasses.field(default_factory=set)
    mounted: list = dataclasses.field(default_factory=list)
    engine_stops: list = dataclasses.field(default_factory=list)
    has_grown: bool = False
    audit: list = dataclasses.field(default_factory=list)

    def results(self):
        """command id → its results, in the order of the log."""
        found = {}
        for event in self.events:
            if "outcome" in event["body"] and event["cause"] and event["cause"]["command_id"]:
                found.setdefault(event["cause"]["command_id"], []).append(event["body"])
        return found

    def canonical(self):
        """server id → its container: the one that bears the name on its label, or was adopted."""
        return {**{self.adopted[c["id"]]: c for c in self.containers if c["id"] in self.adopted},
                **{c["labels"]["muster.server.id"]: c for c in self.containers
                   if "muster.server.id" in c["labels"] and c["labels"].get("muster.container") == c["name"]}}

    def server_of(self, container):
        return container["labels"].get("muster.server.id") or self.adopted.get(container["id"])

    def asked_fresh(self):
        """Server ids that were ever told to begin with new data."""
        return {command["value"]["server_id"] for command in self.commands
                if (command["value"].get("options") or {}).get("fresh")}

    def purged(self):
        return {event["server_id"] for event in self.events
                if event["cause"] and event["cause"]["action"] == "purge" and "outcome" in event["body"]}


# --- the log


def one_result(facts):
    """Every command that was accepted has exactly one terminal result."""
    sent, results = {}, facts.results()
    for command in facts.commands:
        value = command["value"]
        if value["command_id"] in sent and value["command_id"] not in facts.repeated:
            yield Breach("one_result", f"{tell(value)} was sent twice")
        sent.setdefault(value["command_id"], value)
    for command_id in facts.asked.keys() - sent.keys():
        yield Breach("one_result", f"command {command_id} was accepted and is not sent", open=True)
    for command_id, value in sent.items():
        yield from judge_results(value, [body["outcome"] for body in results.get(command_id, [])])
    for command_id in results.keys() - sent.keys():
        yield Breach("one_result", f"command {command_id} has a result and was never sent")


def judge_results(value, outcomes):
    ends = [outcome for outcome in outcomes if outcome in TERMINAL]
    if not ends:
        yield Breach("one_result", f"{tell(value)} has no result: {outcomes}", open=True)
    elif len(ends) > 1 or outcomes[-1] not in TERMINAL:
        yield Breach("one_result", f"{tell(value)} has {outcomes}")
    if outcomes.count("accepted") > 1 or "accepted" in outcomes[1:]:
        yield Breach("one_result", f"{tell(value)} was accepted late or twice: {outcomes}")


def asked_once(facts):
    """However often something was asked under one key (which is its reason), it was taken once, and
    that is what was told.  One that was told of a refusal may have been taken when it was lost."""
    sent = {}
    for command in facts.commands:
        sent.setdefault(command["value"]["reason"], set()).add(command["value"]["command_id"])
    for key, told in facts.told.items():
        found = sent.get(key, set())
        if found - set(told) if told else len(found) > 1:
            yield Breach("asked_once", f"{sorted(found)} were sent for what was asked once, and told {told}")


def in_order(facts):
    """The commands of a server begin and end in the order of its queue; one that is cancelled
    may end before those in front of it."""
    place, reached = {}, {}
    for command in facts.commands:
        if command["kind"] == "commands":
            place.setdefault(command["value"]["command_id"], command["offset"])
    for event in facts.events:
        body, cause = event["body"], event["cause"]
        if "outcome" not in body or not cause or body["outcome"] == "cancelled":
            continue
        offset, server = place.get(cause["command_id"]), event["server_id"]
        if offset is None:
            continue
        if offset < reached.get(server, -1):
            yield Breach("in_order", f"{cause['action']} {cause['command_id']} of {server} is {body['outcome']} "
                                     f"behind a later command")
        reached[server] = max(offset, reached.get(server, -1))


def in_time(facts):
    """Nothing has begun after it expired, by the log's clock."""
    expires = {command["value"]["command_id"]: command["value"]["expires_at"] for command in facts.commands}
    for event in facts.events:
        cause = event["cause"]
        if event["body"].get("outcome") != "accepted" or not cause or cause["command_id"] not in expires:
            continue
        late = event["append_ms"] - expires[cause["command_id"]]
        if late > LATE_MS:
            yield Breach("in_time", f"{cause['action']} {cause['command_id']} of {event['server_id']} has begun {late} ms"
                                    " after it expired")


def strays_close_nothing(facts):
    """What is no command is rejected once, by its place, and no command by that."""
    answers = {(stray["kind"], stray["partition"], stray["offset"]): [] for stray in facts.strays}
    for event in facts.events:
        body, cause = event["body"], event["cause"]
        if "outcome" not in body or not cause:
            continue
        if cause["command_id"]:
            if body.get("code") in BY_PLACE:
                yield Breach("strays_close_nothing", f"command {cause['command_id']} is {body['outcome']} by {body['code']}")
            continue
        place = (cause["topic"].split(".")[1], cause["partition"], cause["offset"])
        if place not in answers:
            yield Breach("strays_close_nothing", f"{place} is {body['outcome']} by its place, and lies right")
        answers.setdefault(place, []).append(body["outcome"])
    for place, outcomes in answers.items():
        if outcomes != ["rejected"]:
            yield Breach("strays_close_nothing", f"what lies at {place} and is no command has {outcomes}",
                         open=not outcomes)


def ended_with_the_engine(facts, state):
    """By the engine's clock, which a fault may have set."""
    return state["status"] == "exited" and state["finished_at"] and any(
        begin <= state["finished_at"] + shift <= end
        for begin, end in facts.engine_stops for shift in (0, -ENGINE_SHIFT_MS, ENGINE_SHIFT_MS))


def true_results(facts):
    """What is done has left what its action means, unless somebody else was at it, or it ended
    with its engine before it was looked at."""
    for event in facts.events:
        body = event["body"]
        if body.get("outcome") != "done" or not body["state"] or event["server_id"] in facts.by_hand:
            continue
        status = None if body["state"]["status"] == "absent" else body["state"]["status"]
        action = event["cause"]["action"]
        if action in LEAVES and status not in LEAVES[action] and not ended_with_the_engine(facts, body["state"]):
            yield Breach("true_results", f"{action} of {event['server_id']} is done, and it is {status}")


def last_words(events):
    """server id → (status, container id) as the log tells it last; None: it is not there."""
    told, chunks = {}, {}
    for event in events:
        body = event["body"]
        if "sync_id" in body:
            chunks.setdefault(body["sync_id"], []).append(body)
            if body["complete"] and len(chunks[body["sync_id"]]) == body["chunks"]:
                take_sync(told, chunks.pop(body["sync_id"]))
        elif "outcome" in body and body["state"]:
            told[event["server_id"]] = word_of(body["state"])
        elif "oom_killed" in body:
            take_state(told, event["server_id"], body)
    return told


def word_of(state):
    if state["status"] in ("absent", "unknown"):
        return None if state["status"] == "absent" else "unknown"
    return state["status"], state["container_id"]


def take_state(told, server, state):
    """That a container is gone says nothing of another one."""
    now = told.get(server)
    known = now[1] if now and now != "unknown" else None
    if state["status"] == "absent" and state["container_id"] and known not in (None, state["container_id"]):
        return
    told[server] = word_of(state)


def take_sync(told, chunks):
    listed = {each["server_id"]: word_of(each["state"]) for chunk in chunks for each in chunk["servers"]}
    silent = {server for chunk in chunks for server in chunk["pending"] + chunk["unknown"]}
    first = chunks[0]
    for server in told.keys() - silent - listed.keys():
        if partition_of(server, first["partitions"]) == first["partition"]:
            told[server] = None
    told.update({server: word for server, word in listed.items() if server not in silent})


def rolled_back_is_true(facts):
    """The old container really is back when a result says so."""
    for number, event in enumerate(facts.events):
        body, server = event["body"], event["server_id"]
        if not body.get("rolled_back") and not SAYS_BACK.search(body.get("message") or ""):
            continue
        if body.get("outcome") not in TERMINAL:
            continue
        before = last_words(facts.events[:begin_of(facts.events, number)]).get(server)
        after = word_of(body["state"]) if body["state"] else None
        if before in (None, "unknown") or before[1] in facts.removed.keys() | facts.racing:
            continue
        if after in (None, "unknown") or after[1] != before[1]:
            yield Breach("rolled_back_is_true", f"{event['cause']['action']} of {server} is rolled back, and {before} is {after}")
        elif (before[0] in RUNNING and after[0] not in RUNNING and server not in facts.by_hand
              and not ended_with_the_engine(facts, body["state"])):
            yield Breach("rolled_back_is_true", f"{event['cause']['action']} of {server} is rolled back, and {before} runs no more")


def begin_of(events, number):
    """Where the command of that event was accepted."""
    command = events[number]["cause"]["command_id"]
    return next(at for at, event in enumerate(events) if event["cause"] and event["cause"]["command_id"] == command)


def told_is_there(facts):
    """The log's last word about each server is what the engine has.  One that was adopted and bears no
    label is of the ledger alone."""
    there = facts.canonical()
    for server, word in last_words(facts.events).items():
        found = there.get(server)
        now = (found["status"], found["id"]) if found else None
        if server in facts.adopted.values() and (not found or not found["labels"]):
            continue
        if word != now:
            yield Breach("told_is_there", f"the log's last word of {server} is {word}, the engine has {now}", open=True)


# --- offsets


def varint(data, at):
    """(number, where it ends)"""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def notes_in(metadata):
    """What stands beside a committed offset behind the tag of its log."""
    return (metadata or "").rpartition(":")[2].removeprefix("w1?")


def begun_in(offset, metadata):
    """The offsets that have begun, of what stands beside a committed one (worker/offsets.c)."""
    data, begun, following = base64.b64decode(notes_in(metadata)), set(), offset
    _, at = varint(data, 1) if data else (0, 0)  # how far what was received reaches
    while at < len(data):
        head, at = varint(data, at)
        following += (head >> 1) + 1
        if head & 1:
            begun.add(following - 1)
            length, at = varint(data, at)
            at += length
    return begun


def offsets_behind_events(facts):
    """Whatever the committed offsets call done has its result in the log, what they call begun
    is accepted: true at any moment, if the offsets were read before the events."""
    results = facts.results()
    for command in facts.commands:
        offset, metadata = facts.committed.get((command["kind"], command["partition"]), (0, ""))
        if not (metadata or "").startswith(OUR_OFFSETS):
            continue  # somebody has reset the group
        begun = begun_in(offset, metadata)
        outcomes = {body["outcome"] for body in results.get(command["value"]["command_id"], [])}
        place = f"{tell(command['value'])} at {command['kind']}/{command['partition']}@{command['offset']}"
        if command["offset"] < offset and not outcomes & TERMINAL:
            yield Breach("offsets_behind_events", f"{place} is below the committed {offset} and has no result")
        if command["offset"] in begun and not outcomes:
            yield Breach("offsets_behind_events", f"{place} has begun by its offset's note, and no event says so")


def offsets_arrive(facts):
    """When all is done, the offsets say so."""
    last = {}
    for command in facts.commands:
        last[command["kind"], command["partition"]] = command["offset"]
    for place, offset in last.items():
        committed, metadata = facts.committed.get(place, (0, ""))
        if committed <= offset or notes_in(metadata) or not (metadata or "").startswith(OUR_OFFSETS):
            yield Breach("offsets_arrive", f"{place}: committed {committed} {metadata!r}, the last command is {offset}",
                         open=True)


# --- the engine


def shown_is_there(facts):
    """No server is missing that is not, none is present that is gone, none is stuck between."""
    there = facts.canonical()
    for server, row in facts.servers.items():
        found = there.get(server)
        status = found["status"] if found else None
        right = row["status"] == SHOWN.get(status) if found else row["status"] in WITHOUT
        if not right:
            yield Breach("shown_is_there", f"the ledger has {server} as {row['status']}, the engine as {status}",
                         open=True)
        elif found and row["container_id"] != found["id"]:
            yield Breach("shown_is_there", f"the ledger has another container of {server}", open=True)


def one_effect(facts):
    """What a command has made was made by one that had begun, and had not ended."""
    results, ends = facts.results(), {}
    for event in facts.events:
        if event["body"].get("outcome") in TERMINAL and event["cause"]:
            ends[event["cause"]["command_id"]] = event["append_ms"]
    for container in facts.containers:
        command = container["labels"].get("muster.command.id")
        outcomes = [body["outcome"] for body in results.get(command, [])]
        if not command or "muster.server.id" not in container["labels"]:
            continue
        if not outcomes or outcomes == ["rejected"] or outcomes == ["expired"]:
            yield Breach("one_effect", f"{container['name']} was made by command {command}, which is {outcomes}",
                         open=not outcomes)
        elif not facts.clocks_jumped and container["created_ms"] > ends.get(command, float("inf")) + LATE_MS:
            yield Breach("one_effect", f"{container['name']} was made by command {command} after that had ended")


def nothing_left(facts):
    """No container, network or directory is left of what has ended."""
    seen = {}
    for container in facts.containers:
        server = facts.server_of(container)
        if server is None:
            continue
        row = facts.servers.get(server)
        if row is None or row["status"] in ("deleted", "purged"):
            yield Breach("nothing_left", f"container {container['name']} of a server that is gone", open=True)
        seen.setdefault(server, []).append(container["name"])
    for server, names in seen.items():
        if len(names) > 1:
            yield Breach("nothing_left", f"{server} has {sorted(names)}", open=True)
    for name in sorted(set(facts.networks)):
        if facts.networks.count(name) > 1:
            yield Breach("nothing_left", f"{facts.networks.count(name)} networks are called {name}")
    for name in facts.volume_names:
        for server, row in facts.servers.items():
            if row["status"] == "purged" and name.startswith(f"muster-{server}-"):
                yield Breach("nothing_left", f"volume {name} of a server that is purged", open=True)
    for name in facts.files:
        if name.startswith(".purge-"):
            yield Breach("nothing_left", f"directory {name}", open=True)
    used = {row["data_dir"] for row in facts.servers.values() if row["status"] != "purged"}  # a name can come again
    for server, row in facts.servers.items():
        if row["status"] == "purged" and row["data_dir"] not in used and row["data_dir"].rsplit("/", 1)[1] in facts.files:
            yield Breach("nothing_left", f"the data of {server}, which is purged", open=True)


def data_is_kept(facts):
    """A server's data goes by a purge, and by nothing else."""
    purged = facts.purged()
    for (server, what), kept in facts.kept.items():
        if not kept and server not in purged:
            yield Breach("data_is_kept", f"the data of {server} ({what}) is gone, and nobody purged it")
    for container in facts.layers.keys() - {c["id"] for c in facts.containers} - facts.removed.keys():
        server = facts.layers[container]
        if server not in purged | facts.asked_fresh():
            yield Breach("data_is_kept", f"what {server} has written into its container {container} is gone with it")


def data_is_carried(facts):
    """Whatever container a server has: what it had in a volume is where it was.  Nobody knows what an
    adopted one had that somebody else has removed."""
    there = facts.canonical()
    excused = facts.purged() | {facts.adopted[c] for c in facts.removed.keys() & facts.adopted.keys()}
    for (server, place), directory in facts.volumes.items():
        found = there.get(server)
        if not found or server in excused:
            continue
        now = [mount["Source"] for mount in found["mounts"] if mount["Destination"] == place]
        if now != [directory]:
            yield Breach("data_is_carried", f"{server} had {directory} at {place}, and has {now}")


def purge_sees_others(facts):
    """What somebody else has mounted is not purged."""
    begun = {}
    for event in facts.events:
        body, cause = event["body"], event["cause"]
        if not cause or cause["action"] != "purge" or "outcome" not in body:
            continue
        if body["outcome"] == "accepted":
            begun[cause["command_id"]] = event["at"]
        since = begun.get(cause["command_id"])
        if body["outcome"] == "done" and since and any(
                server == event["server_id"] and begin < since and event["at"] < end for server, begin, end in facts.mounted):
            yield Breach("purge_sees_others", f"{event['server_id']} was purged while another container had its data mounted")


def policy_is_kept(facts):
    """None keeps the restart policy of one that is set aside, and what somebody has said holds, its
    retry count too, as long as there is that container."""
    for server, found in facts.canonical().items():
        policy, wanted = found["policy"], facts.policies.get(found["id"])
        if policy["Name"] in ("", "no") or (wanted and policy != wanted):
            yield Breach("policy_is_kept", f"{found['name']} of {server} has {policy}, and was given {wanted or 'none'}", open=True)


# --- the ledger


def ledger_is_replay(facts):
    """The ledger is what the log says, and the log keeps its own rules."""
    for line in facts.audit:
        yield Breach("ledger_is_replay", line)
    results = facts.results()
    for command_id, row in facts.ledger.items():
        ends = [body["outcome"] for body in results.get(command_id, []) if body["outcome"] in TERMINAL]
        if [row["outcome"]] != ends[:1]:
            yield Breach("ledger_is_replay", f"command {command_id} is {row['outcome'] or 'open'} in the ledger, "
                                             f"{ends} in the log", open=True)


CHECKS = (one_result, asked_once, in_order, in_time, strays_close_nothing, true_results, rolled_back_is_true, told_is_there,
          offsets_behind_events, offsets_arrive, one_effect, shown_is_there, nothing_left, data_is_kept, data_is_carried,
          purge_sees_others, policy_is_kept, ledger_is_replay)
BY_SYNCS = {told_is_there, shown_is_there}  # nothing else mends what nobody was there to see
AT_ANY_MOMENT = (in_order, in_time, true_results, rolled_back_is_true, offsets_behind_events)  # of the log alone


def check(facts, checks=CHECKS):
    return [breach for one in checks if not (facts.has_grown and one in BY_SYNCS) for breach in one(facts)]


def tell(command):
    return f"{command['action']} {command['command_id']} of {command['server_id']}"
