"""Which path does what: one table for Docker's API, one for the tests' side door."""

import asyncio
import json
import re
import struct

from engine_message import Answer
from engine_refusal import Refusal
from engine_model import event_matches, reference
import engine_view


class Route:
    def __init__(self, name, method, path, act, status=200):
        self.name, self.method, self.act, self.status = name, method, act, status
        self.path = re.compile("^" + path.replace("{}", "([^/]+)").replace("{*}", "(.+)") + "$")


# --- containers


def create(server, request):
    api = request.api or int(server.model.api.split(".")[1])
    return server.model.create(request.query.get("name", ""), request.json(), api)


def inspect(server, request, name):
    return engine_view.inspection(server.model, server.model.find(name))


def listing(server, request):
    return engine_view.listing(server.model, request.flag("all"), request.filters())


async def stop(server, request, name):
    """SIGTERM, then as long as the process or `t` takes, then SIGKILL."""
    model = server.model
    container = model.find(name)
    if not container.running:
        raise Refusal(304)
    container.stopped_by_hand = True
    limit_ms = 1000 * int(request.query.get("t") or 10)
    needs_ms = int(container.labels.get("test.term-ms", 0))
    if "test.ignores-term" in container.labels:
        needs_ms = limit_ms + 1
    model.signal(container, 15)
    await asyncio.sleep(min(needs_ms, limit_ms) / 1000)
    if container.stuck == "stopping":
        await server.until_free(container)
        needs_ms = limit_ms + 1
    if container.running:
        if needs_ms > limit_ms:
            model.signal(container, 9)
        model.end(container, 137 if needs_ms > limit_ms else 0)
    model.stop_ends(container)


async def remove(server, request, name):
    """Whoever asks may leave: what has begun goes on."""
    model, force = server.model, request.flag("force")
    container = model.find(name)
    if container.running and force and container.stuck == "stopping":
        await server.until_free(container)
    if container.stuck == "removing" and container.status != "removing" and (force or not container.running):
        if container.running:
            model.end(container, 137)
        container.status = "removing"
        await server.until_free(container)
        container.status = "dead"
    if container.id in model.containers:
        model.remove(container.id, force, request.flag("v"))


def get_stuck(server, request):
    wanted = request.json()
    server.model.get_stuck(wanted.get("name", ""), wanted["how"])
    server.freed.set()
    server.freed.clear()


async def kill(server, request, name):
    model = server.model
    container = model.find(name)
    number = {"": 9, "SIGKILL": 9, "KILL": 9, "9": 9, "SIGTERM": 15, "TERM": 15, "15": 15,
              "SIGINT": 2, "SIGHUP": 1, "SIGUSR1": 10}.get(request.query.get("signal", ""))
    if number is None:
        raise Refusal(400, f"Invalid signal: {request.query['signal']}")
    if not container.running:
        raise Refusal(409, f"Cannot kill container: {name}: Container {container.id} is not "
                           "running")
    model.signal(container, number)
    if container.stuck == "stopping":
        await server.until_free(container)
    ends = number == 9 or (number in (2, 15) and "test.ignores-term" not in container.labels)
    if ends and container.running:
        container.stopped_by_hand = True
        model.end(container, 137 if number == 9 else 0)


async def restart(server, request, name):
    if server.model.find(name).running:
        await stop(server, request, name)
    server.model.start(name)


def exec_create(server, request, name):
    return server.model.exec_create(name, request.json())


async def exec_start(server, request, exec_id):
    run = server.model.exec_find(exec_id)
    container = server.model.containers[run["ContainerID"]]
    run["Running"] = True

    async def finish():
        await asyncio.sleep(int(container.labels.get("test.exec-ms", 0)) / 1000)
        server.model.exec_end(exec_id, int(container.labels.get("test.exec-exit", 0)))

    if request.json().get("Detach"):
        server.keep(asyncio.ensure_future(finish()))
        return None

    async def stream(connection):
        connection.begin_stream("application/vnd.docker.raw-stream")
        await connection.writer.drain()
        await finish()
        text = b"saved\n"
        connection.chunk(struct.pack(">BxxxI", 1, len(text)) + text)
        connection.end_stream()

    return stream


# --- networks, images


def networks(server, request):
    filters = request.filters()
    wanted = filters.get("name", [])
    return [network for network in server.model.networks.values()
            if not wanted or any(re.search(name, network["Name"]) for name in wanted)]


PULL_LINES = (
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    {"status": "Downloading", "progressDetail": {"current": 131072, "total": 10003244},
     "progress": "[> ]  131.1kB/10MB", "id": "aaaaaaaaaaaa"},
    {"status": "Download complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    {"status": "Pull complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
)


def pull(server, request):
    image = reference(request.query.get("fromImage", ""), request.query.get("tag"))
    if "nosuch" in image:
        raise Refusal(404, f"manifest for {image} not found: manifest unknown: manifest unknown")

    async def stream(connection):
        connection.begin_stream()
        connection.line({"status": f"Pulling from {image}", "id": request.query.get("tag", "")})
        new = image not in server.model.images
        for line in PULL_LINES if new else ():
            await asyncio.sleep(server.latency_ms.get("pull_line", 0) / 1000)
            connection.line(line)
        server.model.image_add(image)
        connection.line({"status": "Digest: sha256:" + "ab" * 32})
        connection.line({"status": ("Status: Downloaded newer image for " if new else
                                    "Status: Image is up to date for ") + image})
        connection.end_stream()

    return stream


# --- events


def nanoseconds(text):
    seconds, _, rest = text.partition(".")
    return int(seconds) * 1_000_000_000 + int((rest + "0" * 9)[:9])


def events(server, request):
    filters = request.filters()
    since, until = request.query.get("since"), request.query.get("until")

    async def stream(connection):
        queue = asyncio.Queue()
        connection.begin_stream()
        for event in server.model.events.since(nanoseconds(since)) if since else ():
            if event_matches(event, filters):
                connection.line(event)
        if until:
            connection.end_stream()
            return
        server.model.events.listeners.append(queue.put_nowait)
        try:
            await pass_on(server, connection, queue, filters)
        finally:
            server.model.events.listeners.remove(queue.put_nowait)

    return stream


async def pass_on(server, connection, queue, filters):
    """Until the client leaves or the stream is cut; a cut one has no last chunk."""
    async def forward():
        while True:
            event = await queue.get()
            if event_matches(event, filters):
                connection.line(event)
                await connection.writer.drain()

    await connection.writer.drain()
    forwarding = asyncio.ensure_future(forward())
    try:
        await connection.until_closed(server.cut)
    finally:
        forwarding.cancel()
    raise ConnectionError


ROUTES = [
    Route("ping", "GET", "/_ping", lambda s, r: Answer(200, b"OK", "text/plain")),
    Route("version", "GET", "/version", lambda s, r: s.model.about()),
    Route("info", "GET", "/info", lambda s, r: s.model.info()),
    Route("events", "GET", "/events", events),
    Route("list", "GET", "/containers/json", listing),
    Route("create", "POST", "/containers/create", create, 201),
    Route("inspect", "GET", "/containers/{}/json", inspect),
    Route("start", "POST", "/containers/{}/start", lambda s, r, n: s.model.start(n)),
    Route("stop", "POST", "/containers/{}/stop", stop),
    Route("restart", "POST", "/containers/{}/restart", restart),
    Route("kill", "POST", "/containers/{}/kill", kill),
    Route("pause", "POST", "/containers/{}/pause", lambda s, r, n: s.model.pause(n, True)),
    Route("unpause", "POST", "/containers/{}/unpause", lambda s, r, n: s.model.pause(n, False)),
    Route("rename", "POST", "/containers/{}/rename",
          lambda s, r, n: s.model.rename(n, r.query.get("name", ""))),
    Route("update", "POST", "/containers/{}/update", lambda s, r, n: s.model.update(n, r.json())),
    Route("remove", "DELETE", "/containers/{}", remove),
    Route("changes", "GET", "/containers/{}/changes", lambda s, r, n: s.model.find(n).changes or Answer(200, b"null\n")),
    Route("exec", "POST", "/containers/{}/exec", exec_create, 201),
    Route("exec_start", "POST", "/exec/{}/start", exec_start),
    Route("exec_inspect", "GET", "/exec/{}/json", lambda s, r, i: s.model.exec_find(i)),
    Route("networks", "GET", "/networks", networks),
    Route("network_create", "POST", "/networks/create",
          lambda s, r: s.model.network_create(r.json()), 201),
    Route("network", "GET", "/networks/{}", lambda s, r, n: s.model.network(n)),
    Route("connect", "POST", "/networks/{}/connect",
          lambda s, r, n: s.model.network_connect(n, r.json()) or {}),
    Route("disconnect", "POST", "/networks/{}/disconnect",
          lambda s, r, n: s.model.network_disconnect(n, r.json()) or {}),
    Route("network_remove", "DELETE", "/networks/{}", lambda s, r, n: s.model.network_remove(n)),
    Route("volumes", "GET", "/volumes",
          lambda s, r: {"Volumes": list(s.model.volumes.all.values()), "Warnings": None}),
    Route("volume_create", "POST", "/volumes/create",
          lambda s, r: s.model.volumes.make(r.json(), s.model.clock()), 201),
    Route("volume", "GET", "/volumes/{}", lambda s, r, n: s.model.volumes.find(n)),
    Route("volume_remove", "DELETE", "/volumes/{}", lambda s, r, n: s.model.volume_remove(n, r.flag("force"))),
    Route("images", "GET", "/images/json", lambda s, r: list(s.model.images.values())),
    Route("pull", "POST", "/images/create", pull),
    Route("image", "GET", "/images/{*}/json", lambda s, r, i: s.model.image(i)),
    Route("image_remove", "DELETE", "/images/{*}",
          lambda s, r, i: s.model.image_remove(i, r.flag("force"))),
]


def find(request):
    for route in ROUTES:
        if route.method == request.method and (match := route.path.match(request.path)):
            return route, match
    raise Refusal(404, "page not found")


# --- the side door


def state(server, request):
    return {"id": server.model.id, "images": list(server.model.images),
            "networks": list(server.model.networks), "peak": dict(server.peak),
            "listeners": len(server.model.events.listeners), "connections": server.connections,
            "containers": [engine_view.inspection(server.model, container)
                           for container in server.model.containers.values()]}


def settings(server, request):
    for key, value in request.json().items():
        if key == "latency_ms":
            server.latency_ms.update(value)
        elif key == "clock_shift_ms":
            server.model.events.shift_ms = value
        elif key in ("api", "min_api", "version", "id"):
            setattr(server.model, key, value)
        else:
            raise Refusal(400, f"{key}: not a setting")


def change_events(server, request):
    wanted = request.json()
    for _ in range(wanted.get("flood", 0)):
        server.model.events.emit("network", "connect", "flood", {})
    if wanted.get("forget"):
        server.model.events.kept.clear()
    if wanted.get("cut"):
        server.cut.set()
        server.cut.clear()  # those that wait now are woken


def release(server, request):
    server.release.set()
    server.release.clear()


def go_away(server, request):
    wanted = request.json()
    server.keep(asyncio.ensure_future(
        server.restart(wanted.get("down_ms", 200), wanted.get("killed", False))))


def die(server, request):
    wanted = request.json()
    server.model.die(wanted["name"], wanted.get("exit_code", 1), wanted.get("oom", False))


def status(server, request):
    server.model.find(request.json()["name"]).status = request.json()["status"]


def health(server, request):
    server.model.set_health(request.json()["name"], request.json()["health"])


SIDE_DOOR = {
    ("GET", "/_log"): lambda s, r: list(s.log),
    ("POST", "/_log"): lambda s, r: s.log.clear(),
    ("GET", "/_state"): state,
    ("POST", "/_script"): lambda s, r: s.script.add(json.loads(r.body)),
    ("DELETE", "/_script"): lambda s, r: s.script.clear(),
    ("POST", "/_release"): release,
    ("POST", "/_set"): settings,
    ("POST", "/_image"): lambda s, r: s.model.image_add(reference(r.json()["name"]), r.json().get("config")) and None,
    ("POST", "/_stuck"): get_stuck,
    ("POST", "/_change"): lambda s, r: s.model.change(r.json()["name"], r.json()["paths"]),
    ("POST", "/_die"): die,
    ("POST", "/_status"): status,
    ("POST", "/_health"): health,
    ("POST", "/_events"): change_events,
    ("POST", "/_restart"): go_away,
}


def side_door(server, request):
    act = SIDE_DOOR.get((request.method, request.path))
    try:
        if not act:
            raise Refusal(404, f"no such thing at the side door: {request.path}")
        return Answer.of(act(server, request))
    except Refusal as refusal:
        return Answer.refusal(refusal)
    except (KeyError, ValueError, TypeError) as error:
        return Answer.of({"message": f"{type(error).__name__}: {error}"}, 400)
