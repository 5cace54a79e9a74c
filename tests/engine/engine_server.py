"""The scripted engine's HTTP side: requests, answers, faults, streams, over a unix socket.

Beside Docker's paths there is a side door for tests (never logged, never faulted):

    GET  /_log                 every request: method, path, body, status, times, fault
    POST /_log                 forget it
    GET  /_state               containers, images, networks, and the peak of requests at once
    POST /_script [rule, …]    add rules (engine_faults.py);  DELETE /_script  drops all
    POST /_release             end every hang and hold
    POST /_set {…}             api, min_api, version, id, clock_shift_ms, latency_ms: {"start": 300, …}
    POST /_image {"name", "config"}               put an image there; config: {"Volumes": {"/x": {}}, …}
    POST /_stuck {"name", "how"}                  of one container or all that are there (engine_model.py)
    POST /_change {"name", "paths"}               it has written these into its own layer
    POST /_die {"name", "exit_code", "oom"}       a container's process ends by itself
    POST /_status {"name", "status"}              whatever it was: "dead", …
    POST /_health {"name", "health"}
    POST /_events {"cut", "forget", "flood"}      end the streams; lose what is kept; N events
    POST /_restart {"down_ms", "killed"}          the engine goes away and comes back
"""
import asyncio
import collections
import contextlib
import json
import os
import time

from engine_faults import Script
from engine_message import Answer, Request
from engine_model import Model, reference
from engine_refusal import Refusal
import engine_routes

LOGGED_MOST = 100_000
# What holds the container's lock in dockerd (20.10) waits for the others that do: where a test
# makes some slow, an inspection comes after them.  A list and a stop wait for none.
LOCKING = ("inspect", "start", "rename", "update")


class Gone(Exception):
    """The connection is to be dropped now."""


class Connection:
    """One client; requests come one after another."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer

    async def run(self):
        try:
            while (request := await self.read()) is not None:
                await self.server.serve(self, request)
                await self.writer.drain()
        except (Gone, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            self.writer.transport.abort()

    async def read(self):
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            key, _, value = line.partition(":")
            headers[key.strip().lower()] = value.strip()
        length = int(headers.get("content-length") or 0)
        body = await self.reader.readexactly(length) if length else b""
        return Request(method, target, headers, body)

    def send(self, answer):
        self.writer.write(answer.head() + answer.body)

    # --- a body in chunks, as long as it takes

    def begin_stream(self, content_type="application/json"):
        self.writer.write((f"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: {content_type}"
                           "\r\nTransfer-Encoding: chunked\r\n\r\n").encode())

    def chunk(self, data):
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def line(self, value):
        text = value if isinstance(value, str) else json.dumps(value)
        self.chunk(text.encode() + b"\r\n")

    def end_stream(self):
        self.writer.write(b"0\r\n\r\n")

    async def until_closed(self, *others):
        """Until the client leaves or one of the events is set."""
        waits = [asyncio.ensure_future(self.reader.read(1))]
        waits += [asyncio.ensure_future(other.wait()) for other in others]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class Server:
    def __init__(self, path, **model):
        self.path = path
        self.model = Model(volumes=path + ".volumes", **model)
        self.script = Script()
        self.latency_ms = {}
        self.locks = collections.defaultdict(asyncio.Lock)
        self.log = collections.deque(maxlen=LOGGED_MOST)
        self.at_once = collections.Counter()
        self.peak = collections.Counter()
        self.release = asyncio.Event()
        self.freed = asyncio.Event()  # something that was stuck
        self.cut = asyncio.Event()
        self.tasks = set()
        self.connections = 0
        self.listener = None

    # --- being there

    async def listen(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = await asyncio.start_unix_server(self.accept, self.path, backlog=1024)

    async def accept(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.connections += 1
        try:
            await Connection(self, reader, writer).run()
        finally:
            self.tasks.discard(task)

    def keep(self, task):
        """asyncio itself holds tasks weakly only."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def restart(self, down_ms, killed):
        """In order: the socket goes at once.  Killed: it stays, and refuses."""
        await asyncio.sleep(0.01)  # so that who asked for it has the answer
        self.listener.close()
        if not killed and os.path.exists(self.path):
            os.unlink(self.path)
        for task in self.tasks - {asyncio.current_task()}:
            task.cancel()
        self.model.restart(killed)
        await asyncio.sleep(down_ms / 1000)
        await self.listen()

    async def until_free(self, container):
        """Until nothing hinders its end, or its removal; a restart of the engine frees it, too."""
        how = container.stuck
        while container.stuck == how:
            await self.freed.wait()

    # --- one request

    async def serve(self, connection, request):
        if request.path.startswith("/_") and request.path != "/_ping":
            connection.send(engine_routes.side_door(self, request))
            return
        rule = self.script.rule_for(request.method, request.target)
        entry = {"at": time.time(), "method": request.method, "path": request.target,
                 "api": request.api, "body": self.logged_body(request), "status": None,
                 "fault": rule.do if rule else None,
                 "auth": request.headers.get("x-registry-auth")}
        self.log.append(entry)
        try:
            await (self.go_wrong(rule, connection, request, entry) if rule else
                   self.go_right(connection, request, entry))
        finally:
            entry["ended"] = time.time()

    @staticmethod
    def logged_body(request):
        try:
            return json.loads(request.body) if request.body else None
        except ValueError:
            return request.body.decode("utf-8", "replace")

    async def go_right(self, connection, request, entry):
        answer = await self.answer(connection, request)
        entry["status"] = answer.status if answer else 200
        if answer:
            connection.send(answer)

    async def answer(self, connection, request):
        """None: it was a stream, and has been sent."""
        try:
            self.check_version(request)
            route, match = engine_routes.find(request)
            return await self.run_route(route, connection, request, match)
        except Refusal as refusal:
            return Answer.refusal(refusal)

    async def run_route(self, route, connection, request, match):
        self.at_once[route.name] += 1
        self.peak[route.name] = max(self.peak[route.name], self.at_once[route.name])
        try:
            groups = match.groups()
            async with contextlib.AsyncExitStack() as held:
                if route.name in LOCKING:
                    groups = [await self.lock(held, groups[0])]
                await asyncio.sleep(self.latency_ms.get(route.name, 0) / 1000)
                result = route.act(self, request, *groups)
            if asyncio.iscoroutine(result):
                result = await result
            if callable(result):
                await result(connection)
                return None
            return Answer.of(result, route.status)
        finally:
            self.at_once[route.name] -= 1

    async def lock(self, held, name):
        """Holds that container's lock; its id, for it may have another name by now."""
        try:
            container = self.model.find(name)
        except Refusal:
            return name  # there is none to hold: the route says so in its own time
        await held.enter_async_context(self.locks[container.id])
        return container.id

    def check_version(self, request):
        if request.api is None:
            return
        most, least = (int(text.split(".")[1]) for text in (self.model.api, self.model.min_api))
        if request.api > most:
            raise Refusal(400, f"client version 1.{request.api} is too new. Maximum supported API "
                               f"version is {self.model.api}")
        if request.api < least:
            raise Refusal(400, f"client version 1.{request.api} is too old. Minimum supported API "
                               f"version is {self.model.min_api}, please upgrade your client to a "
                               "newer version")

    # --- faults

    async def go_wrong(self, rule, connection, request, entry):
        answer = None
        if rule.do in ("delay", "wait"):
            await (asyncio.sleep(rule.get("ms", 100) / 1000) if rule.do == "delay" else
                   connection.until_closed(self.release))
            return await self.go_right(connection, request, entry)
        if rule.get("late"):
            asyncio.get_running_loop().call_later(
                rule.get("late") / 1000, lambda: self.model.network_create(request.json(), late=True))
        if rule.get("apply") or rule.do in ("break", "slow", "hold"):
            answer = await self.answer(connection, request)
            if not answer:  # it was a stream, and has gone out as it is
                return None
        return await getattr(self, "do_" + rule.do)(rule, connection, answer, entry)

    async def do_hang(self, rule, connection, answer, entry):
        await connection.until_closed(self.release)
        raise Gone

    async def do_hold(self, rule, connection, answer, entry):
        await connection.until_closed(self.release)
        entry["status"] = answer.status
        connection.send(answer)

    async def do_close(self, rule, connection, answer, entry):
        raise Gone

    async def do_error(self, rule, connection, answer, entry):
        entry["status"] = rule.get("status", 500)
        text = rule.get("text", "scripted failure")
        body = text if rule.get("raw") else json.dumps({"message": text}) + "\n"
        connection.send(Answer(entry["status"], body.encode()))

    async def do_break(self, rule, connection, answer, entry):
        connection.writer.write(answer.head() + answer.body[:rule.get("bytes", 10)])
        await connection.writer.drain()
        await asyncio.sleep(0.02)  # abort() throws away what has not gone yet
        raise Gone

    async def do_slow(self, rule, connection, answer, entry):
        entry["status"] = answer.status
        connection.writer.write(answer.head())
        piece = rule.get("bytes", 16)
        for begin in range(0, len(answer.body), piece):
            connection.writer.write(answer.body[begin:begin + piece])
            await connection.writer.drain()
            await asyncio.sleep(rule.get("ms", 20) / 1000)

    async def do_body(self, rule, connection, answer, entry):
        entry["status"] = 200
        connection.send(Answer(200, rule.get("text", "").encode()))

    async def do_huge(self, rule, connection, answer, entry):
        entry["status"] = 200
        size = rule.get("bytes", 64 << 20)
        connection.writer.write(Answer(200).head(size) + b'["')
        for left in range(size - 4, 0, -(1 << 16)):
            connection.writer.write(b"x" * min(left, 1 << 16))
            await connection.writer.drain()
        connection.writer.write(b'"]')

    async def do_lines(self, rule, connection, answer, entry):
        entry["status"] = 200
        connection.begin_stream()
        for line in rule.get("lines", []):
            connection.line(line)
            await connection.writer.drain()
            await asyncio.sleep(rule.get("ms", 0) / 1000)
        then = rule.get("then", "end")
        if then == "hang":
            await connection.until_closed(self.release)
        if then != "end":
            raise Gone
        connection.end_stream()


async def serve(path, rules, images, **model):
    server = Server(path, **model)
    server.script.add(rules)
    for image in images:
        server.model.image_add(reference(image))
    await server.listen()
    print("ready", flush=True)
    await asyncio.Event().wait()
