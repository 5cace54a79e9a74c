"""registry_proxy - a registry that goes wrong as a test tells it, in front of one that works.

    with RegistryProxy(registry.address) as proxy:
        proxy.fail("/blobs/", 429, "TOOMANYREQUESTS", "toomanyrequests: slow down")
        proxy.hold("/blobs/")       its answers stop after a few bytes, until
        proxy.release()
        proxy.slow("/blobs/", 600)  they take that many seconds, byte by byte
        proxy.paths("GET", "/blobs/")     what was asked for
"""
import http.client
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from services import PATIENCE_S

FIRST_BYTES = 100
PASSED_ON = ("Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self):
        """The engine tries TLS first: told in clear text, it takes the hint at once."""
        if self.request.recv(1, socket.MSG_PEEK) == b"\x16":
            self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            return
        super().handle()

    def do_GET(self):
        proxy = self.server.proxy
        proxy.asked.append((self.command, self.path))
        for path, failure in proxy.failures:
            if re.search(path, self.path):
                return self.fail(*failure)
        connection = http.client.HTTPConnection(proxy.behind, timeout=PATIENCE_S)
        connection.request(self.command, self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name in PASSED_ON:
            if answer.headers[name]:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", answer.headers["Content-Length"] or len(body))
        self.end_headers()
        connection.close()
        return self.send(body)

    do_HEAD = do_GET

    def send(self, body):
        proxy = self.server.proxy
        if any(re.search(path, self.path) for path in proxy.held):
            self.wfile.write(body[:FIRST_BYTES])
            self.wfile.flush()
            proxy.holding.set()
            proxy.released.wait(PATIENCE_S)
            body = body[FIRST_BYTES:]
        seconds = next((s for path, s in proxy.slowed if re.search(path, self.path)), 0)
        if seconds:
            body = self.send_slowly(body, seconds)
        self.wfile.write(body)

    def send_slowly(self, body, seconds):
        """The rest, for whom it was released or who has gone away."""
        began, sent = time.monotonic(), 0
        try:
            while sent < len(body) and not self.server.proxy.released.wait(0.5):
                due = int(len(body) * (time.monotonic() - began) / seconds)
                self.wfile.write(body[sent:due])
                sent = max(sent, due)
        except OSError:
            self.server.proxy.left.set()
            raise
        return body[sent:]

    def fail(self, status, code, message, headers):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *_):
        pass


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that leave in the middle are what the tests are about."""


class RegistryProxy:
    def __init__(self, behind):
        self.behind = behind
        self.asked, self.failures, self.held, self.slowed = [], [], [], []
        self.holding, self.released, self.left = (threading.Event() for _ in range(3))
        self.server = Listener(("127.0.0.1", 0), Handler)
        self.server.proxy = self
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def fail(self, path, status, code, message, **headers):
        self.failures.append((path, (status, code, message, headers)))

    def hold(self, path):
        self.held.append(path)

    def slow(self, path, seconds):
        self.slowed.append((path, seconds))

    def release(self):
        self.released.set()

    def paths(self, method, path):
        return [p for m, p in self.asked if m == method and re.search(path, p)]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release()
        self.server.shutdown()
        self.server.server_close()
