"""What goes wrong by itself is told beside the status, and costs the log no more than it is worth.

On scripted engines where the container has to do what is asked of it, on the real one where the
engine itself restarts, kills and checks.
"""
from client import Client
from fleet import wait_for

PLACES = ("list", "list --json", "show", "show --json", "GET servers", "GET server", "/metrics")


def remarks(fleet, server):
    return fleet.show(server)["remarks"]


def wait_remark(fleet, server, word):
    return wait_for(f"{word} to be remarked", lambda: word in remarks(fleet, server))


def wait_no_remark(fleet, server, word):
    return wait_for(f"{word} to be over", lambda: word not in remarks(fleet, server))


class Places:
    """Where a person or a program may read a remark."""

    def __init__(self, fleet):
        self.fleet = fleet
        token = fleet.json("token", "add", "--role", "viewer", "--name", "looks")["token"]
        self.client = Client(f"http://127.0.0.1:{fleet.http_port}", token)

    def saying(self, server, word):
        """Those of PLACES that have the word for this server."""
        fleet, client = self.fleet, self.client
        path = f"/agents/{fleet.agent}/servers"
        lines = [line for line in fleet.run("server", "list", "--agent", fleet.agent).stdout.splitlines()
                 if server in line]
        shown = fleet.show(server)
        # Every word has a sentence beside it.
        assert len(shown["remarks"]) == len(shown["remark_sentences"]) and all(shown["remark_sentences"])
        rows = {"list --json": [s for s in fleet.json("server", "list", "--agent", fleet.agent) if s["id"] == server],
                "show --json": [shown], "GET server": [client.get(f"{path}/{server}")],
                "GET servers": [s for s in client.get(path) if s["id"] == server]}
        said = {place for place, found in rows.items() if [word in row["remarks"] for row in found] == [True]}
        if lines and word in lines[0]:
            said.add("list")
        if f"{word}: " in fleet.run("server", "show", server).stdout:
            said.add("show")
        metric = f'muster_servers_remarked{{remark="{word}"}} 1\n'
        if metric in client.ask("GET", "/metrics").text:
            said.add("/metrics")
        return said


def test_s32_an_unhealthy_one_is_told_as_such_everywhere(yard):
    fleet = yard.fleet
    fleet.start_serve()
    yard.start_worker()
    server, container = yard.create()
    places = Places(fleet)
    yard.engine.ask("POST", "/_health", {"name": container, "health": "unhealthy"})
    wait_remark(fleet, server, "unhealthy")
    assert fleet.status(server) == "running"
    assert places.saying(server, "unhealthy") == set(PLACES)
    yard.engine.ask("POST", "/_health", {"name": container, "health": "healthy"})
    wait_no_remark(fleet, server, "unhealthy")
    assert places.saying(server, "unhealthy") == set()


def test_s32_one_that_ends_after_its_first_second_is_told_as_such(yard):
    """Its start was done; nobody has asked it to end."""
    fleet = yard.fleet
    fleet.start_serve()
    yard.start_worker()
    server, container = yard.create()
    places = Places(fleet)
    yard.engine.ask("POST", f"/containers/{container}/update", {"RestartPolicy": {"Name": "no"}})
    yard.engine.die(container, exit_code=7)
    wait_remark(fleet, server, "exited")
    assert fleet.status(server) == "stopped" and fleet.show(server)["last_outcome"] == "done"
    assert "exit code 7" in fleet.show(server)["remark_sentences"][0]
    assert places.saying(server, "exited") == set(PLACES)
    fleet.server("stop", server)
    assert remarks(fleet, server) == []
    fleet.server("start", server)
    assert remarks(fleet, server) == []
