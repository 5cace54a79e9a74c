"""One request as it came and one answer as it goes: HTTP/1.1, as much as Docker's clients use."""

import json
import re
import urllib.parse

from engine_refusal import Refusal

REASONS = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified",
           400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict",
           500: "Internal Server Error", 503: "Service Unavailable"}
VERSIONED = re.compile(r"^/v1\.(\d+)(/.*)$")


class Answer:
    def __init__(self, status, body=b"", content_type="application/json"):
        self.status, self.body, self.content_type = status, body, content_type

    @staticmethod
    def of(value, status=200):
        if isinstance(value, Answer):
            return value
        return Answer(204) if value is None else Answer(status, json.dumps(value).encode() + b"\n")

    @staticmethod
    def refusal(refusal):
        if refusal.status == 304:
            return Answer(304)
        return Answer.of({"message": refusal.message}, refusal.status)

    def head(self, length=None):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}",
                 "Api-Version: 1.41", "Server: Docker/scripted (linux)"]
        if self.status not in (204, 304):
            lines += [f"Content-Type: {self.content_type}",
                      f"Content-Length: {len(self.body) if length is None else length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        versioned = VERSIONED.match(target)
        self.api = int(versioned[1]) if versioned else None
        self.target = versioned[2] if versioned else target
        self.path, _, query = self.target.partition("?")
        self.path = urllib.parse.unquote(self.path)
        self.query = {key: values[-1] for key, values in
                      urllib.parse.parse_qs(query, keep_blank_values=True).items()}

    def flag(self, name):
        return self.query.get(name, "").lower() in ("1", "true", "t")

    def json(self):
        if not self.body:
            return {}
        if "json" not in self.headers.get("content-type", ""):
            raise Refusal(400, "Content-Type specified () must be 'application/json'")
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(500, f"invalid character: {error}") from error

    def filters(self):
        filters = json.loads(self.query.get("filters") or "{}")
        return {key: list(value) for key, value in filters.items()}
