"""host - an outpost seen server by server: ask for one thing, and look at what came of it."""
from commander import partition_of
from fleet import wait_for
from outpost import TERMINAL, Outpost
from services import PATIENCE_S, Ports


def is_result_of(event, command_id):
    return "outcome" in event["body"] and event["cause"]["command_id"] == command_id


def is_state_of(event, server, status):
    body = event["body"]
    return event["server_id"] == server.id and "oom_killed" in body and body["status"] == status


def is_sync_of(event, command_id):
    return "sync_id" in event["body"] and event["cause"] and event["cause"]["command_id"] == command_id


class Server:
    """What a command asks for; `spec` may be changed between commands."""

    def __init__(self, host, name, changes):
        self.name, self.ports = name, [Ports.take(), Ports.take()]
        self.id = host.server(name, ports=self.ports)
        self.spec = host.servers[self.id]
        self.spec.update(changes)
        self.container = self.spec["container"]
        self.partition = partition_of(self.id, host.partitions)


class Host(Outpost):
    # Commands

    def new(self, name=None, **changes):
        """A server that nobody has asked for yet; `changes` go into its spec."""
        return Server(self, name or self.new_name(), changes)

    def ask(self, action, server, options=None, **changes):
        """Sends a command, with these options and fields; its id."""
        all_options = self.command(action, server.id)["options"]
        return self.send(action, server.id, options={**all_options, **(options or {})}, **changes)

    def result_of(self, command_id, timeout=PATIENCE_S):
        return self.result(command_id, timeout)["body"]

    def do(self, action, server, timeout=PATIENCE_S, **changes):
        """A command and its terminal result."""
        return self.result_of(self.ask(action, server, **changes), timeout)

    def done(self, action, server, timeout=PATIENCE_S, **changes):
        result = self.do(action, server, timeout, **changes)
        assert result["outcome"] == "done", (action, result)
        return result

    def created(self, **changes):
        """A server that runs."""
        server = self.new(**changes)
        self.done("create", server)
        return server

    def ask_sync(self, partition=0):
        command = self.command("sync", None)
        self.commander.send_raw(self.commander.topic("sync"), self.commander.codec.encode(command),
                                partition=partition)
        return command["command_id"]

    def do_sync(self, partition=0):
        """Asks for a Sync of a partition; its terminal result."""
        return self.result_of(self.ask_sync(partition))

    def sync(self, partition=0):
        """Asks for a Sync of a partition: its body, whole or not."""
        command_id = self.ask_sync(partition)
        self.result(command_id)
        return self.wait_event("the sync", lambda e: is_sync_of(e, command_id))["body"]

    # What the log says

    def mark(self):
        """A number for `since`: from now on."""
        return len(self.tail.read())

    def wait_event(self, what, wanted, since=0, timeout=PATIENCE_S):
        return wait_for(what, lambda: next(filter(wanted, self.tail.read()[since:]), None), timeout)

    def wait_state(self, server, status, since=0):
        """A State event; results do not count."""
        return self.wait_event(f"{server.name} to be told {status}",
                               lambda e: is_state_of(e, server, status), since)

    def outcomes(self, command_id):
        return [e["body"]["outcome"] for e in self.tail.read() if is_result_of(e, command_id)]

    def terminals_of(self, command_id):
        return [outcome for outcome in self.outcomes(command_id) if outcome in TERMINAL]

    def listed(self, server):
        """Syncs until one says something of this server: its state or None, and the sync."""
        def ask():
            sync = self.sync(server.partition)
            return sync["complete"] and server.id not in sync["pending"] + sync["unknown"] and sync
        sync = wait_for(f"a sync about {server.name}", ask)
        states = {listed["server_id"]: listed["state"] for listed in sync["servers"]}
        return states.get(server.id), sync
