"""faulty_proxy - stands before a socket, and can cut, reset, slow or hold what passes.

For unix sockets and TCP ports; all proxies of a process share one loop on a thread of its own.

    with FaultyProxy("/run/engine.sock", "/tmp/x/proxy.sock") as proxy:
        proxy.cut()             ends every connection, in both directions
        proxy.be("refuse")      new connections end at once, until proxy.be("pass")
        proxy.be("error")       new ones, if they are of HTTP, have 500 as their answer
"""
import asyncio
import contextlib
import json
import random
import re
import socket
import struct
import threading

MODES = ("pass", "refuse", "hold", "slow", "error")
ERROR = json.dumps({"message": 'connection error: desc = "transport: error while dialing: dial unix '
                               '/run/containerd/containerd.sock: connect: connection refused": unavailable'}).encode()
SLOW_S = 0.05
RESET = struct.pack("ii", 1, 0)  # linger for no time: what is sent is RST


class Loop:
    """An event loop on a thread, for as long as the process lives."""

    _loop = None

    @classmethod
    def get(cls):
        if cls._loop is None:
            cls._loop = asyncio.new_event_loop()
            threading.Thread(target=cls._loop.run_forever, daemon=True).start()
        return cls._loop

    @classmethod
    def run(cls, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, cls.get()).result(30)


def is_port(address):
    return isinstance(address, int)


class FaultyProxy:
    """`behind` and `front` are paths of unix sockets or ports of 127.0.0.1."""

    def __init__(self, behind, front):
        self.behind, self.front, self.mode = behind, front, "pass"
        self.writers, self.passing, self.server = set(), None, None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        Loop.run(self._start())
        return self

    def stop(self):
        Loop.run(self._stop())

    def be(self, mode):
        assert mode in MODES, mode
        Loop.run(self._be(mode))

    def cut(self, reset=False):
        """Ends what is open; `reset`: in a way that the other side is told at once."""
        Loop.run(self._cut(reset))

    async def _start(self):
        self.passing = asyncio.Event()
        self.passing.set()
        if is_port(self.front):
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.front)
        else:
            self.server = await asyncio.start_unix_server(self._serve, str(self.front))

    async def _stop(self):
        self.server.close()
        await self._cut(False)

    async def _be(self, mode):
        self.mode = mode
        if mode == "hold":
            self.passing.clear()
        else:
            self.passing.set()

    async def _cut(self, reset):
        for writer in list(self.writers):
            if reset and is_port(self.front):
                with contextlib.suppress(OSError):  # it ended just now
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def _connect(self):
        if is_port(self.behind):
            return await asyncio.open_connection("127.0.0.1", self.behind)
        return await asyncio.open_unix_connection(str(self.behind))

    async def _serve(self, reader, writer):
        if self.mode == "refuse":
            writer.transport.abort()
            return
        if self.mode == "error":
            await self._answer_error(reader, writer)
            return
        try:
            there_reader, there = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, there}
        self.writers |= both
        try:
            await asyncio.gather(self._pass_on(reader, there), self._pass_on(there_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.writers -= both
            for end in both:
                end.transport.abort()

    async def _answer_error(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
                         b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(ERROR), ERROR))
            await writer.drain()
        writer.close()

    async def _pass_on(self, reader, writer):
        while data := await reader.read(65536):
            await self.passing.wait()
            if self.mode == "slow":
                await asyncio.sleep(random.random() * SLOW_S)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
