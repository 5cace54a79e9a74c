"""asking - two ways to ask for something: by `muster`, and over the HTTP API.

Both answer (0, what was queued), or (another code, why not).
"""
import contextlib
import http.client
import json
import secrets
import time

from services import Ports

PROFILE = "chaos"  # world.py brings it
ANSWER_MOST_S = 90
NOT_NOW = (429, 503)  # of HTTP: asked again
ANSWERS = (202, 404, 409)  # queued, or not possible as things are; any other is a mistake of ours or of theirs
WORDS = {"purge": ["--yes"], "restore": ["--start"]}
FIELDS = {"restore": {"start": True}}


class ByCommandLine:
    def __init__(self, world):
        self.world = world

    def sync(self, site):
        return self.world.muster("sync", site.id)

    def create(self, site, name, tag):
        return self.world.new_server(site, name, tag)

    def adopt(self, site, container, ports):
        words = [word for kind, port in ports.items() for word in (f"--{kind}-port", port)]
        return self.world.muster("server", "adopt", site.id, container, "--profile", self.world.profile, *words)

    def act(self, action, site, server, fresh=False, expires=None):
        """`expires`: seconds."""
        words = [*WORDS.get(action, []), *(["--fresh"] if fresh else []), *([f"--expires={expires}s"] if expires else [])]
        return self.world.muster("server", action, server, *words)


class ByHttp:
    """A careful program: whatever becomes of an answer, it asks again under the same
    Idempotency-Key until it has one.  The key goes into the log, as the reason."""

    def __init__(self, address, token):
        self.address = address  # (host, port)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.told = {}  # key → ids of the commands that it was told of; empty: it was refused
        self.lost = 0

    def losing(self, answers):
        """So many answers to the next request get lost: it is gone before they come."""
        self.lost = answers
        return self

    def sync(self, site):
        return self.ask("POST", f"/agents/{site.id}/servers/sync", {})

    def create(self, site, name, tag):
        return self.ask("POST", f"/agents/{site.id}/servers", {
            "name": name, "image_tag": tag, "profile": PROFILE, **fields_of(take_ports())})

    def adopt(self, site, container, ports):
        return self.ask("POST", f"/agents/{site.id}/adopt", {
            "container": container, "profile": PROFILE, **fields_of(ports)})

    def act(self, action, site, server, fresh=False, expires=None):
        place = f"/agents/{site.id}/servers/{server}"
        if action in ("delete", "purge"):
            return self.ask("DELETE", place + ("/purge" if action == "purge" else ""))
        return self.ask("POST", f"{place}/{action}", {**FIELDS.get(action, {}), **({"fresh": True} if fresh else {}),
                                                      **({"expires_ms": expires * 1000} if expires else {})})

    def ask(self, method, path, fields=None):
        key = "once-" + secrets.token_hex(8)
        path += "" if fields is not None else f"?reason={key}"
        body = None if fields is None else json.dumps({**fields, "reason": key})
        asked = (method, path, body, {**self.headers, "Idempotency-Key": key})
        for _ in range(self.lost):
            self.ask_and_leave(asked)
        self.lost = 0
        status, answer = self.ask_until_answered(asked)
        self.told[key] = ids_of(answer) if status == 202 else []
        return (0, answer) if status == 202 else (2, str(answer))

    @contextlib.contextmanager
    def connection(self):
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        try:
            yield connection
        finally:
            connection.close()

    def ask_and_leave(self, asked):
        with contextlib.suppress(OSError), self.connection() as connection:
            connection.request(*asked)

    def ask_until_answered(self, asked):
        end = time.monotonic() + ANSWER_MOST_S
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException), self.connection() as connection:
                connection.request(*asked)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status not in NOT_NOW:
                    assert answer.status in ANSWERS, f"{asked[:2]}: {answer.status} {text}"
                    return answer.status, json.loads(text)
            if time.monotonic() > end:
                raise TimeoutError(f"{asked[:2]} has no answer")
            time.sleep(0.1)


def ids_of(answer):
    """Of the commands that it queued: none, if it has only changed a record."""
    return answer.get("command_ids") or ([answer["command_id"]] if answer.get("command_id") else [])


def take_ports():
    return {kind: Ports.take() for kind in ("game", "udp", "rcon")}


def fields_of(ports):
    return {f"{kind}_port": port for kind, port in ports.items()}
