"""The door of `muster serve` (T8): whatever one client does, others are served.

Clients are told apart by where they connect from: 127.0.0.2 attacks, 127.0.0.1 asks.
"""
import contextlib
import re
import resource
import signal
import socket
import subprocess
import threading

import pytest
from client import Client
from fleet import wait_for
from services import PATIENCE_S, Ports

pytestmark = pytest.mark.bus("sqlite")

ATTACKER, OTHER = "127.0.0.2", "127.0.0.3"
MANY = 1100
SERVED_S = 15  # what takes milliseconds; less than what it takes to be rid of those who say nothing


@pytest.fixture(autouse=True)
def enough_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(8192, before[1])), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Door:
    """A fleet with `muster serve`, and connections to it from chosen addresses."""

    def __init__(self, fleet, *words, prefix=()):
        self.fleet = fleet
        self.process = fleet.start_serve(*words, prefix=prefix)
        self.tokens = [fleet.json("token", "add", "--role", "operator", "--name", name)["token"]
                       for name in ("one", "two")]
        self.opened = contextlib.ExitStack()

    def connect(self, whence, small=False):
        connection = self.opened.enter_context(socket.socket())
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(SERVED_S)
        connection.bind((whence, 0))
        connection.connect(("127.0.0.1", self.fleet.http_port))
        return connection

    def head(self, path="/agents", token=None, method="GET", *more):
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *more]
        lines += [f"Authorization: Bearer {self.tokens[token]}"] if token is not None else []
        return "\r\n".join([*lines, "", ""]).encode()

    def answer(self, connection, data):
        """The status of what it is answered with."""
        connection.sendall(data)
        return status_of(connection)

    def is_served(self, whence=OTHER, token=1, path="/agents"):
        with self.connect(whence) as connection:
            assert self.answer(connection, self.head(path, token)) == 200


def status_of(connection):
    """0: it was hung up without one."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n" not in received:
            some = connection.recv(4096)
            if not some:
                break
            received += some
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def until_closed(connection):
    received = b""
    with contextlib.suppress(ConnectionError):
        while some := connection.recv(65536):
            received += some
    return received


@pytest.fixture
def door(bare_fleet):
    door = Door(bare_fleet)
    with door.opened:
        yield door


# Connections


@pytest.mark.parametrize("files", (None, 512))
def test_t8_half_requests_of_one_address_leave_room_for_others(bare_fleet, files):
    door = Door(bare_fleet, prefix=["prlimit", f"--nofile={files}:{files}"] if files else ())
    with door.opened:
        for _ in range(MANY):
            with contextlib.suppress(ConnectionError):
                door.connect(ATTACKER).sendall(door.head()[:-2])
        door.is_served()
        door.is_served(ATTACKER)  # also who shares its address
        # What has to be opened for it can be.
        assert len(bare_fleet.json("agent", "list")) == 1


def test_t8_heads_that_never_end_are_cut_off(door):
    """One byte at a time is no reason to wait."""
    slow = door.connect(ATTACKER)
    slow.sendall(door.head()[:-2])
    over = threading.Event()

    def drip():
        with contextlib.suppress(ConnectionError):
            while not over.wait(1):
                slow.sendall(b"X")

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    slow.settimeout(30)
    assert until_closed(slow) == b""
    over.set()
    dripping.join()


def test_t8_one_token_has_so_many_streams(door):
    streams, statuses = [], []
    for whence in [ATTACKER] * 300 + [OTHER] * 600:
        streams.append(door.connect(whence))
        statuses.append(door.answer(streams[-1], door.head("/events", 0)))
    assert statuses.count(200) >= 200 and set(statuses) == {200, 429}
    for whence in (ATTACKER, OTHER, "127.0.0.1"):
        assert door.answer(door.connect(whence), door.head("/events", 1)) == 200
        door.is_served(whence)
    for stream in streams:
        stream.close()
    wait_for("its streams to be given back",
             lambda: door.answer(door.connect(OTHER), door.head("/events", 0)) == 200)


def test_t8_one_address_has_so_many_waits(door):
    queued = door.fleet.json("server", "create", door.fleet.agent, "waits", "--image", "registry.test/game:1",
                             "--game-port", "1", "--udp-port", "2", "--rcon-port", "3")
    path = f"/commands/{queued['command_id']}?wait=60"
    for token in (0, 1):
        for _ in range(MANY // 2):
            with contextlib.suppress(ConnectionError):
                door.connect(ATTACKER).sendall(door.head(path, token))
    door.is_served()
    door.is_served(ATTACKER)
    assert door.answer(door.connect(OTHER), door.head(path.replace("wait=60", "wait=1"), 1)) in (200, 429)


# Bodies


def test_t8_bodies_are_not_kept_without_end(door):
    """400 bodies, each as large as one may be but for its last byte, of a client without a token."""
    before = door.process.resident_kib()
    head = door.head(f"/agents/{door.fleet.agent}/servers", None, "POST", f"Content-Length: {512 * 1024}")
    for _ in range(400):
        connection = door.connect(ATTACKER)
        connection.sendall(head)
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(b" " * (512 * 1024 - 1))
    door.is_served()
    assert door.process.resident_kib() - before < 80000
    with door.connect(OTHER) as other:
        assert door.answer(other, head.replace(b"Content-Length: 524288", b"Content-Length: 2") + b"{}") == 401


@pytest.mark.parametrize("length", ("0", "1", "524289", "4294967296", str(2 ** 63), str(2 ** 64 - 1), str(2 ** 64),
                                    "9" * 400))
def test_t8_bodies_of_every_length(door, length):
    path = f"/agents/{door.fleet.agent}/servers"
    with door.connect(ATTACKER) as connection:
        head = door.head(path, None, "POST", f"Content-Length: {length}")
        assert door.answer(connection, head + b"x" * (length == "1")) in (400, 401, 413)
    door.is_served()


# Where a request ends


CONTRADICTIONS = {
    "two lengths": "Content-Length: 4\r\nContent-Length: 30",
    "the same length twice": "Content-Length: 4\r\nContent-Length: 4",
    "a list of lengths": "Content-Length: 4, 4",
    "a length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "chunks and a length": "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "chunks twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunks and another coding": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "another coding": "Transfer-Encoding: identity",
    "a list of codings": "Transfer-Encoding: gzip, chunked",
    "a coding that is nearly chunked": "Transfer-Encoding: xchunked",
    "a quoted coding": 'Transfer-Encoding: "chunked"',
    "a length with a sign": "Content-Length: +4",
    "a length below zero": "Content-Length: -4",
    "a length in hexadecimal": "Content-Length: 0x4",
    "a length of nothing": "Content-Length:",
    "a length of two words": "Content-Length: 4 4",
    "a space before the colon": "Content-Length : 4",
    "a tab before the colon": "Transfer-Encoding\t: chunked",
    "a control in a name": "Content\x01Length: 4",
    "two hosts": "Host: y",
}
MALFORMED_CHUNKS = ("x\r\nabcd\r\n0\r\n\r\n", "-4\r\nabcd\r\n0\r\n\r\n", "0x4\r\nabcd\r\n0\r\n\r\n",
                    "4\r\nabcdX\r\n0\r\n\r\n", "fffffffffffffffff\r\nabcd\r\n0\r\n\r\n", "\r\nabcd\r\n0\r\n\r\n")


def answers_to(door, request):
    """All that is answered until it is closed, the connection being left open by us."""
    with door.connect(ATTACKER) as connection:
        connection.sendall(request)
        return until_closed(connection)


@pytest.mark.parametrize("fields", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_t8_a_head_that_contradicts_itself_is_refused(door, fields):
    smuggled = door.head("/smuggled")
    request = door.head(f"/agents/{door.fleet.agent}/servers", 0, "POST", fields) + b"abcd" + smuggled
    received = answers_to(door, request)
    # libmicrohttpd says its own 400 twice; what matters is that nothing behind it is a request.
    assert set(re.findall(rb"HTTP/1.1 (\d+)", received)) == {b"400"}
    door.is_served()


@pytest.mark.parametrize("chunks", MALFORMED_CHUNKS)
def test_t8_malformed_chunks_are_refused(door, chunks):
    request = door.head(f"/agents/{door.fleet.agent}/servers", 0, "POST", "Transfer-Encoding: chunked")
    received = answers_to(door, request + chunks.encode() + door.head("/smuggled"))
    assert received.count(b"HTTP/1.1 ") <= 1 and not received.startswith(b"HTTP/1.1 2")
    assert b" 404 " not in received
    door.is_served()


def test_t8_chunks_before_http_1_1_are_refused(door):
    request = door.head("/agents", 0, "POST", "Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0")
    received = answers_to(door, request + b"0\r\n\r\n" + door.head("/smuggled"))
    assert b" 400 " in received.splitlines()[0] and received.count(b"HTTP/1.") == 1


def test_t8_whole_requests_follow_each_other(door):
    """What is clear is still taken, one after another on a connection."""
    plain = door.head("/nothing", 0, "POST", "Content-Length: 4") + b"abcd"
    chunked = door.head("/nothing", 0, "POST", "Transfer-Encoding: chunked") + b"4\r\nabcd\r\n0\r\n\r\n"
    with door.connect(OTHER) as connection:
        for request in (plain, chunked, door.head("/nothing", 0, "GET", "Content-Length: 0"), plain):
            assert door.answer(connection, request) == 404
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while connection.recv(65536):
                    pass
            connection.settimeout(SERVED_S)


# Behind a proxy


def test_t8_behind_a_proxy_clients_are_told_apart(bare_fleet):
    door = Door(bare_fleet, "--proxy", ATTACKER)

    def guess(whence, *forwarded):
        with door.connect(whence) as connection:
            more = [f"X-Forwarded-For: {word}" for word in forwarded]
            return door.answer(connection, door.head("/agents", None, "GET", "Authorization: Bearer x", *more))

    with door.opened:
        first = door.connect(ATTACKER)
        for _ in range(600):  # a proxy's connections are not one client's
            door.connect(ATTACKER)
        assert [guess(ATTACKER, "203.0.113.1") for _ in range(30)].count(429) > 0
        assert guess(ATTACKER, "203.0.113.2") == 401
        # What a client says of itself stands before what the proxy adds.
        assert guess(ATTACKER, "203.0.113.9, 203.0.113.1") == guess(ATTACKER, "203.0.113.9", "203.0.113.1") == 429
        assert door.answer(first, door.head("/agents", 1, "GET", "X-Forwarded-For: 203.0.113.1")) == 200
        # Nobody else is believed.
        statuses = [guess(OTHER, f"203.0.113.{number}") for number in range(30)]
        assert statuses.count(429) > 0
    wrong = bare_fleet.run("serve", "--proxy", "somewhere", expect=None)
    assert wrong.returncode != 0 and "--proxy somewhere" in wrong.stderr and "10.0.0.0/8" in wrong.stderr


# TLS


def make_pair(directory, name, kind="ec"):
    """(certificate, key) files of that common name."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", "rsa:2048"]
    subprocess.run(["openssl", "req", "-x509", *how, "-nodes", "-keyout", key, "-out", certificate, "-days", "1",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def handshake(door, *words):
    """What `openssl s_client` says of a connection."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{door.fleet.http_port}", *words],
                          input="", text=True, capture_output=True, timeout=PATIENCE_S)
    return done.stdout if done.returncode == 0 and "Cipher is (NONE)" not in done.stdout else None


def subject(door):
    said = handshake(door) or ""
    return (re.findall(r"^subject=.*CN ?= ?(\S+)", said, re.MULTILINE) or [None])[0]


def test_t8_tls_has_forward_secrecy(bare_fleet, short_dir):
    certificate, key = make_pair(short_dir, "first", "rsa")
    door = Door(bare_fleet, "--tls-cert", certificate, "--tls-key", key)
    with door.opened:
        assert handshake(door, "-tls1_3")
        assert handshake(door, "-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384")
        assert not handshake(door, "-tls1_2", "-cipher", "AES256-GCM-SHA384:AES128-SHA:@SECLEVEL=0")
        assert not handshake(door, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


def test_t8_sighup_reads_certificates_again(bare_fleet, short_dir):
    used = [short_dir / "used.pem", short_dir / "used.key"]

    def use(name):
        for source, target in zip(make_pair(short_dir, name), used):
            target.write_bytes(source.read_bytes())

    def hang_up(what, count=1):
        door.process.process.send_signal(signal.SIGHUP)
        wait_for(what, lambda: door.process.output().count(f" {what}") >= count)

    use("first")
    door = Door(bare_fleet, "--tls-cert", used[0], "--tls-key", used[1])
    client = Client(f"https://127.0.0.1:{bare_fleet.http_port}", door.tokens[0], verify=False)
    with door.opened:
        before = client.stream()
        before.wait("hello")
        assert subject(door) == "first"
        use("second")
        hang_up("serve.reloaded")
        assert subject(door) == "second"
        before.wait_over()  # its client comes again
        after = client.stream(before.last)
        after.wait("hello")
        # What is none is told, and the one of before stays.
        used[0].write_text("none")
        hang_up("serve.not_reloaded")
        assert "--tls-cert" in door.process.output()
        assert subject(door) == "second"
        use("third")
        used[1].unlink()
        hang_up("serve.not_reloaded", 2)
        assert subject(door) == "second"
        bare_fleet.run("agent", "set", bare_fleet.agent, "--on-missing", "start")
        after.wait("agent", on_missing="start")
        after.close()


def test_t8_sighup_does_not_end_it(door):
    door.process.process.send_signal(signal.SIGHUP)
    wait_for("it to take note", lambda: "serve.reloaded" in door.process.output())
    door.is_served()


@pytest.mark.parametrize("address", ("0.0.0.0", "[::]"))
def test_t8_others_are_reached_by_tls_or_by_will(bare_fleet, address):
    bare_fleet.start_serve(port=None).stop()
    where = f"{address}:{Ports.take()}"
    refused = bare_fleet.run("serve", "--listen", where, expect=2)
    for word in (where, "--tls-cert", "127.0.0.1:8080", "--insecure"):
        assert word in refused.stderr
    served = bare_fleet.start("insecure", [bare_fleet.program, "serve", "--bus", bare_fleet.bus_url, "--ledger",
                                           bare_fleet.ledger, "--listen", where, "--insecure"])
    served.stop()
