"""client - the HTTP API as a program uses it, by requests, and its stream of events.

Everything that comes back is held to producer/web/openapi.json where a test says so.
"""
import json
import socket
import threading
import time
from pathlib import Path

import requests
from fleet import wait_for
from services import PATIENCE_S

OPENAPI = Path(__file__).resolve().parents[2] / "producer/web/openapi.json"


class Client:
    """One token's requests to a fleet's `muster serve`."""

    def __init__(self, url, token=None, verify=True):
        self.url, self.token = url, token
        self.session = requests.Session()
        self.session.trust_env = False  # or REQUESTS_CA_BUNDLE would count more
        self.session.verify = verify
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method, path, body=None, expect=200, **more):
        """The response, whose status has to be `expect` (None: any)."""
        response = self.session.request(method, self.url + path, json=body, timeout=PATIENCE_S, **more)
        assert expect is None or response.status_code == expect, (
            f"{method} {path}: {response.status_code}, not {expect}: {response.text}")
        return response

    def get(self, path, **query):
        return self.ask("GET", path, params=query).json()

    def problem(self, method, path, status, body=None, **more):
        """The problem that it is answered with, in the one shape that all have."""
        response = self.ask(method, path, body, expect=status, **more)
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == status and problem["title"] and problem["detail"]
        assert problem["type"].startswith("urn:muster:problem:")
        return problem

    def queue(self, method, path, body=None, **more):
        """The ids of what it queued, after a look at the answer's form."""
        response = self.ask(method, path, body, expect=202, **more)
        queued = response.json()
        assert response.headers["Location"] == f"/commands/{queued['command_id']}"
        return queued

    def wait(self, queued, seconds=PATIENCE_S):
        """The command, once it has a result."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            command = self.get(f"/commands/{queued['command_id']}", wait=10)
            if command["finished_at"] is not None:
                return command
        raise AssertionError(f"no result in {seconds} s: {command}")

    def done(self, method, path, body=None, **more):
        command = self.wait(self.queue(method, path, body, **more))
        assert command["outcome"] == "done", command
        return command

    def stream(self, last=None, **query):
        return Stream(self, last, query)


class Stream:
    """An event stream, read on a thread: (id, event, data) in `messages`."""

    def __init__(self, client, last, query):
        headers = {"Last-Event-ID": last} if last else {}
        self.messages, self.over = [], False
        self.response = client.session.get(client.url + "/events", params=query, headers=headers,
                                           stream=True, timeout=(PATIENCE_S, 60))
        assert self.response.status_code == 200, self.response.text
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        message = {}
        try:
            for line in self.response.iter_lines(chunk_size=None, decode_unicode=True):
                if line:
                    name, _, value = line.partition(": ")
                    message[name] = value
                elif "data" in message:
                    self.messages.append((message.get("id"), message["event"], json.loads(message["data"])))
                    message = {}
        except (requests.RequestException, AttributeError, ValueError):
            pass  # cut off, as closing it does
        self.over = True

    def find(self, event, **fields):
        return [message for message in self.messages if message[1] == event
                and all(message[2].get(name) == value for name, value in fields.items())]

    def wait(self, event, **fields):
        return wait_for(f"{event} {fields}", lambda: self.find(event, **fields), every=0.02)[-1]

    def wait_over(self):
        wait_for("the stream to end", lambda: self.over)

    @property
    def last(self):
        return [number for number, _, _ in self.messages if number][-1]

    def close(self):
        """Cut off; what closes a response first waits for whoever reads it."""
        connection = self.response.raw._connection
        if connection and connection.sock:
            connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self.response.close()
