"""What the scripted engine holds: containers, images, networks and the events they make.

Pure but for the clock and random ids: no sockets, no waiting.  Statuses, texts and shapes are
those measured on Docker Engine 20.10 (API 1.41).  Labels steer a container's process:

    test.exit=N        it ends with N at once when started
    test.term-ms=N     it ends N ms after SIGTERM (default 0)
    test.ignores-term  only SIGKILL ends it
    test.exec-ms=N     an exec in it takes N ms;  test.exec-exit=N  and ends with N

Volumes are engine_volumes.py's.  `stuck` of a container says what hinders its removal or its end:
"busy" (its layer is in use: the removal fails, and leaves it dead), "removing" (the removal goes
on for ever), "stopping" (nothing ends its process).
"""
import collections
import datetime
import os
import re
import secrets
import tempfile
import time

import engine_volumes
from engine_refusal import Refusal

EVENTS_KEPT = 256  # of all kinds, before filtering: as dockerd does
NAME = re.compile(r"^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$")
NEVER = "0001-01-01T00:00:00Z"


def rfc3339(nanoseconds):
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    day = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return day.strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


def reference(image, tag=None):
    if tag and tag.startswith("sha256:"):
        return f"{image}@{tag}"
    if tag:
        return f"{image}:{tag}"
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"


class Events:
    """The last events, and whoever listens; a lost event is one that nobody kept."""

    def __init__(self):
        self.kept = collections.deque(maxlen=EVENTS_KEPT)
        self.listeners = []
        self.last_ns = 0
        self.shift_ms = 0  # the engine's clock, against this host's

    def now_ns(self):
        self.last_ns = max(time.time_ns() + self.shift_ms * 1_000_000, self.last_ns + 1)
        return self.last_ns

    def emit(self, kind, action, actor, attributes):
        now = self.now_ns()
        event = {"Type": kind, "Action": action, "Actor": {"ID": actor, "Attributes": attributes},
                 "scope": "local", "time": now // 1_000_000_000, "timeNano": now}
        if kind == "container":
            event.update(status=action, id=actor, **{"from": attributes.get("image", "")})
        self.kept.append(event)
        for listener in list(self.listeners):
            listener(event)

    def since(self, nanoseconds):
        return [event for event in self.kept if event["timeNano"] >= nanoseconds]


def event_matches(event, filters):
    """dockerd compares exactly, unless health_status or exec_* is asked for: then by prefix."""
    wanted = filters.get("event", [])
    action = event["Action"]
    if wanted:
        fuzzy = {"health_status", "exec_create", "exec_start"} & set(wanted)
        if not any(action.startswith(w) if fuzzy else action == w for w in wanted):
            return False
    if filters.get("type") and event["Type"] not in filters["type"]:
        return False
    return labels_match(event["Actor"]["Attributes"], filters.get("label", []))


def labels_match(labels, wanted):
    for want in wanted:
        key, equals, value = want.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


class Container:
    """One container; its process is what its labels say."""

    def __init__(self, name, config, now_ns):
        self.id = secrets.token_hex(32)
        self.name = name
        self.config = config
        self.host = config.get("HostConfig") or {}
        self.created_ns = now_ns
        self.status = "created"
        self.exit_code = 0
        self.error = ""
        self.oom_killed = False
        self.started = NEVER
        self.finished = NEVER
        self.restart_count = 0
        self.stopped_by_hand = False
        self.health = self.labels.get("test.health", "")
        self.networks = self.first_networks()
        self.network_ids = {}  # name → id, from when it was on them first
        self.image_id = ""
        self.points = []  # what is mounted, engine_volumes.py
        self.changes = []  # of its own layer: {"Path", "Kind"}
        self.stuck = ""

    def first_networks(self):
        endpoints = ((self.config.get("NetworkingConfig") or {}).get("EndpointsConfig")) or {}
        mode = self.host.get("NetworkMode") or "default"
        names = list(endpoints)
        if mode not in ("default", "") and mode not in names:
            names.insert(0, mode)
        return names or ["bridge"]

    @property
    def labels(self):
        return self.config.get("Labels") or {}

    @property
    def image(self):
        return self.config.get("Image", "")

    @property
    def running(self):
        return self.status in ("running", "paused", "restarting")

    @property
    def restarts(self):
        policy = (self.host.get("RestartPolicy") or {}).get("Name") or "no"
        return policy in ("always", "unless-stopped") and not self.stopped_by_hand

    def attributes(self, **more):
        return {**self.labels, "image": self.image, "name": self.name, **more}

    def published(self):
        """(host ip, host port, container port, protocol) of each binding."""
        for key, bindings in (self.host.get("PortBindings") or {}).items():
            port, _, protocol = key.partition("/")
            for binding in bindings or []:
                yield (binding.get("HostIp") or "0.0.0.0", int(binding["HostPort"]), int(port),
                       protocol or "tcp")

    def mounts(self):
        return [engine_volumes.shown(point) for point in self.points]

    def state(self):
        state = {"Status": self.status, "Running": self.running,
                 "Paused": self.status == "paused", "Restarting": self.status == "restarting",
                 "OOMKilled": self.oom_killed, "Dead": self.status == "dead",
                 "Pid": 4242 if self.running else 0, "ExitCode": self.exit_code,
                 "Error": self.error, "StartedAt": self.started, "FinishedAt": self.finished}
        if self.health:
            state["Health"] = {"Status": self.health, "FailingStreak": 0, "Log": []}
        return state

    def endpoints(self):
        return {name: {"NetworkID": self.network_ids.get(name, ""), "IPAddress": "172.18.0.2" if self.running else ""}
                for name in self.networks}


class Model:
    """The engine itself: every method is one request, applied at once, or a Refusal."""

    def __init__(self, api="1.41", min_api="1.12", version="20.10.24", volumes=None):
        self.api, self.min_api, self.version = api, min_api, version
        self.id = "SCRI:" + secrets.token_hex(8).upper()
        self.events = Events()
        self.containers = {}
        self.names = {}
        self.execs = {}
        self.images = {}
        self.image_configs = {}  # of those that are more than an empty one, whenever they are pulled
        self.volumes = engine_volumes.Volumes(volumes or os.path.join(tempfile.gettempdir(), "volumes"))
        self.networks = {}
        for name in ("bridge", "host", "none"):
            self.networks[name] = self.make_network(name, False)

    def clock(self):
        return rfc3339(self.events.now_ns())

    def info(self):
        states = [container.status for container in self.containers.values()]
        return {"ID": self.id, "Containers": len(states), "Images": len(self.images),
                "ContainersRunning": states.count("running"), "NCPU": os.cpu_count(),
                "SystemTime": self.clock(), "LoggingDriver": "json-file", "ServerVersion": self.version, "Name": "scripted"}

    def about(self):
        return {"Version": self.version, "ApiVersion": self.api, "MinAPIVersion": self.min_api,
                "Os": "linux", "Arch": "amd64", "Components": [{"Name": "Engine"}]}

    # --- containers

    def find(self, name):
        name = name.lstrip("/")
        found = self.containers.get(self.names.get(name, name))
        if not found and len(name) >= 4:
            found = next((c for c in self.containers.values() if c.id.startswith(name)), None)
        if not found:
            raise Refusal(404, f"No such container: {name}")
        return found

    def claim(self, name, container_id, prefix=""):
        holder = self.names.get(name)
        if holder:
            raise Refusal(409, f'{prefix}Conflict. The container name "/{name}" is already in use '
                               f'by container "{holder}". You have to remove (or rename) that '
                               "container to be able to reuse that name.")
        self.names[name] = container_id

    def check_create(self, name, config, api):
        if not config or not set(config) - {"HostConfig"}:
            raise Refusal(400, "Config cannot be empty in order to create a container")
        if not NAME.match(name):
            raise Refusal(400, f"Invalid container name ({name}), only "
                               "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        image = reference(config.get("Image", ""))
        if image not in self.images and config.get("Image") not in self.image_ids():
            raise Refusal(404, f"No such image: {image}")
        host = config.get("HostConfig") or {}
        if 0 < (host.get("Memory") or 0) < 6 << 20:
            raise Refusal(400, "Minimum memory limit allowed is 6MB")
        endpoints = ((config.get("NetworkingConfig") or {}).get("EndpointsConfig")) or {}
        if len(endpoints) > 1 and api < 44:
            raise Refusal(400, "Container cannot be connected to network endpoints: "
                               + ", ".join(endpoints))
        self.check_policy(host.get("RestartPolicy"))
        self.check_mounts(host)

    @staticmethod
    def check_policy(policy):
        name, count = (policy or {}).get("Name") or "no", (policy or {}).get("MaximumRetryCount") or 0
        if name not in ("no", "always", "unless-stopped", "on-failure"):
            raise Refusal(400, f"invalid restart policy '{name}'")
        if count and name != "on-failure":
            raise Refusal(400, f"maximum retry count cannot be used with restart policy '{name}'")

    def check_mounts(self, host):
        for mount in host.get("Mounts") or []:
            if mount.get("Type") == "bind" and not os.path.exists(mount["Source"]):
                raise Refusal(400, 'invalid mount config for type "bind": bind source path does '
                                   f"not exist: {mount['Source']}")

    def create(self, name, config, api=41):
        name = (name or "scripted_" + secrets.token_hex(4)).lstrip("/")
        self.check_create(name, config, api)
        container = Container(name, config, self.events.now_ns())
        image = self.images.get(reference(container.image), {"Id": container.image})
        container.image_id = image["Id"]
        self.claim(name, container.id)
        container.points = self.volumes.points(config, image.get("Config") or {}, self.find, self.clock())
        self.containers[container.id] = container
        self.events.emit("container", "create", container.id, container.attributes())
        return {"Id": container.id, "Warnings": []}

    def fail_start(self, container, status, message):
        container.error, container.exit_code = message, 128
        raise Refusal(status, message)

    def check_start(self, container):
        for name in container.networks:
            known = container.network_ids.get(name)
            if name not in self.networks or known not in (None, self.networks[name]["Id"]):
                self.fail_start(container, 404, f"network {known or name} not found")
        self.check_mounts(container.host)
        for other in self.containers.values():
            clash = self.clash(container, other) if other.running else None
            if clash:
                self.fail_start(container, 500,
                                "driver failed programming external connectivity on endpoint "
                                f"{container.name} ({container.id}): Bind for "
                                f"{clash[0]}:{clash[1]} failed: port is already allocated")

    @staticmethod
    def clash(container, other):
        taken = list(other.published())
        for ip, port, _, protocol in container.published():
            for other_ip, other_port, _, other_protocol in taken:
                if (port, protocol) == (other_port, other_protocol) and (
                        ip == other_ip or "0.0.0.0" in (ip, other_ip)):
                    return ip, port
        return None

    def start(self, name):
        container = self.find(name)
        if container.status in ("removing", "dead"):
            raise Refusal(409, "container is marked for removal and cannot be started")
        if container.running:
            raise Refusal(304)
        self.check_start(container)
        container.stopped_by_hand = False
        container.restart_count = 0  # of the engine's own restarts since
        self.run(container)
        if "test.exit" in container.labels:
            self.die(container.id, int(container.labels["test.exit"]))

    def run(self, container):
        for network in container.networks:
            self.events.emit("network", "connect", network, {"container": container.id})
            if network in self.networks:
                container.network_ids[network] = self.networks[network]["Id"]
        container.status, container.error, container.exit_code = "running", "", 0
        container.oom_killed = False
        container.started = self.clock()
        self.events.emit("container", "start", container.id, container.attributes())

    def die(self, name, exit_code, oom=False):
        """Its process ends by itself; the restart policy acts at once."""
        container = self.find(name)
        if not container.running:
            raise Refusal(409, f"Container {container.id} is not running")
        self.end(container, exit_code, oom)
        if container.restarts and "test.exit" not in container.labels:
            container.restart_count += 1
            self.run(container)

    def end(self, container, exit_code, oom=False):
        if oom:
            self.events.emit("container", "oom", container.id, container.attributes())
        container.status, container.exit_code = "exited", exit_code
        container.oom_killed = oom
        container.finished = self.clock()
        self.events.emit("container", "die", container.id,
                         container.attributes(exitCode=str(exit_code)))
        for network in container.networks:
            self.events.emit("network", "disconnect", network, {"container": container.id})

    def signal(self, container, number):
        self.events.emit("container", "kill", container.id,
                         container.attributes(signal=str(number)))

    def stop_ends(self, container):
        """It has been told to stop and its process has ended (exit code 0, or 137 if it had to
        be killed is the caller's to say)."""
        self.events.emit("container", "stop", container.id, container.attributes())

    def pause(self, name, paused):
        container = self.find(name)
        if paused != (container.status == "running"):
            raise Refusal(409 if paused else 500, f"Container {container.id} is not "
                          + ("running" if paused else "paused"))
        container.status = "paused" if paused else "running"
        self.events.emit("container", "pause" if paused else "unpause", container.id,
                         container.attributes())

    def rename(self, name, new):
        container = self.find(name)
        old, new = container.name, new.lstrip("/")
        if not NAME.match(new):
            raise Refusal(400, f"Invalid container name ({new}), only "
                               "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        self.claim(new, container.id, "Error when allocating new name: ")
        del self.names[old]
        container.name = new
        self.events.emit("container", "rename", container.id,
                         container.attributes(oldName="/" + old))

    def update(self, name, change):
        container = self.find(name)
        self.check_policy((change or {}).get("RestartPolicy"))
        container.host.update({key: value for key, value in (change or {}).items() if value})
        self.events.emit("container", "update", container.id, container.attributes())
        return {"Warnings": []}

    def set_health(self, name, health):
        container = self.find(name)
        container.health = health
        self.events.emit("container", f"health_status: {health}", container.id,
                         container.attributes())

    def remove(self, name, force, volumes=False):
        container = self.find(name)
        if container.status == "removing":
            raise Refusal(409, f"removal of container {container.id} is already in progress")
        if container.running and not force:
            raise Refusal(409, f"You cannot remove a running container {container.id}. Stop the "
                               "container before attempting removal or force remove")
        if container.running:
            self.signal(container, 9)
            self.end(container, 137)
        if container.stuck == "busy":
            container.status = "dead"
            raise Refusal(500, f'container {container.id}: driver "overlay2" failed to remove root filesystem: '
                               f"unlinkat /var/lib/docker/overlay2/{container.id[:12]}/merged: device or resource busy")
        del self.containers[container.id]
        del self.names[container.name]
        if volumes:
            self.remove_anonymous(container)
        self.events.emit("container", "destroy", container.id, container.attributes())

    def remove_anonymous(self, container):
        for point in container.points:
            users = engine_volumes.users_of(point.get("Name"), self.containers.values())
            if point["Type"] == "volume" and not point["named"] and not users:
                self.volumes.remove(point["Name"], (), force=True)

    def volume_remove(self, name, force):
        self.volumes.remove(name, engine_volumes.users_of(name, self.containers.values()), force)

    def get_stuck(self, name, how):
        """`name`: "" for all that are there.  `how`: "" lets go."""
        for container in [self.find(name)] if name else list(self.containers.values()):
            container.stuck = how

    def change(self, name, paths):
        """Files that its process has written into its own layer."""
        container = self.find(name)
        container.changes += [{"Path": path, "Kind": 1} for path in paths]

    # --- exec

    def exec_create(self, name, config):
        container = self.find(name)
        if not container.running:
            raise Refusal(409, f"Container {container.id} is not running")
        if container.status == "paused":
            raise Refusal(409, f"Container {container.id} is paused, unpause the container "
                               "before exec")
        if container.status == "restarting":
            raise Refusal(409, f"Container {container.id} is restarting, wait until the "
                               "container is running")
        exec_id = secrets.token_hex(32)
        self.execs[exec_id] = {"ID": exec_id, "Running": False, "ExitCode": None,
                               "ContainerID": container.id,
                               "ProcessConfig": {"arguments": config.get("Cmd", [])}}
        self.events.emit("container", "exec_create: " + " ".join(config.get("Cmd", [])),
                         container.id, container.attributes(execID=exec_id))
        return {"Id": exec_id}

    def exec_find(self, exec_id):
        if exec_id not in self.execs:
            raise Refusal(404, f"No such exec instance: {exec_id}")
        return self.execs[exec_id]

    def exec_end(self, exec_id, exit_code):
        run = self.execs[exec_id]
        run.update(Running=False, ExitCode=exit_code)
        container = self.containers.get(run["ContainerID"])
        if container:
            self.events.emit("container", "exec_die", container.id,
                             container.attributes(execID=exec_id, exitCode=str(exit_code)))

    # --- networks

    @staticmethod
    def make_network(name, internal):
        return {"Name": name, "Id": secrets.token_hex(32), "Driver": "bridge",
                "Scope": "local", "Internal": internal, "Labels": {}, "Containers": {}}

    def network(self, name):
        found = [n for n in self.networks.values() if n["Id"] == name] or [
            n for n in self.networks.values() if n["Name"] == name]
        if not found:
            raise Refusal(404, f"network {name} not found")
        if len(found) > 1:
            raise Refusal(400, f"{len(found)} matches found based on name: network {name} is ambiguous")
        return found[0]

    def network_create(self, config, late=False):
        """`late`: whether the name is free was looked at before."""
        name = config.get("Name", "")
        if name in ("bridge", "host", "none"):
            raise Refusal(403, f"operation is not permitted on predefined {name} network ")
        if name in self.networks and not late:
            raise Refusal(409, f"network with name {name} already exists")
        network = self.make_network(name, bool(config.get("Internal")))
        network["Labels"] = config.get("Labels") or {}
        self.networks[network["Id"] if name in self.networks else name] = network
        self.events.emit("network", "create", network["Id"], {"name": name})
        return {"Id": network["Id"], "Warning": ""}

    def network_connect(self, name, config):
        container = self.find(config.get("Container", ""))
        if container.running:
            self.network(name)
            if name in container.networks:
                raise Refusal(403, f"endpoint with name {container.name} already exists in "
                                   f"network {name}")
        if name not in container.networks:
            container.networks.append(name)
        container.network_ids.pop(name, None)  # a new endpoint, of the network that is there now

    def network_disconnect(self, name, config):
        container = self.find(config.get("Container", ""))
        if name not in container.networks:
            raise Refusal(500, f"container {container.id} is not connected to network {name}")
        container.networks.remove(name)
        container.network_ids.pop(name, None)

    def network_remove(self, name):
        network = self.network(name)
        users = [c for c in self.containers.values()
                 if c.running and c.network_ids.get(network["Name"], network["Id"]) == network["Id"]
                 and network["Name"] in c.networks]
        if users:
            raise Refusal(403, f"error while removing network: network {name} id "
                               f"{network['Id']} has active endpoints")
        others = [n for n in self.networks.values() if n is not network]
        self.networks = {}
        for other in others:  # the first of a name bears it
            self.networks[other["Id"] if other["Name"] in self.networks else other["Name"]] = other

    # --- images

    def image_ids(self):
        return {image["Id"] for image in self.images.values()}

    def image_add(self, image, config=None):
        new = image not in self.images
        if config:
            self.image_configs[image] = config
        digest = secrets.token_hex(32)
        self.images[image] = {"Id": "sha256:" + secrets.token_hex(32), "RepoTags": [image],
                              "RepoDigests": [image.rsplit(":", 1)[0] + "@sha256:" + digest],
                              "Created": self.clock(), "Size": 1234567,
                              "Config": {"Labels": {}, "Env": [], **self.image_configs.get(image, {})},
                              } if new else self.images[image]
        self.events.emit("image", "pull", image, {"name": image})
        return new

    def image(self, image):
        for name in (image, reference(image)):
            if name in self.images:
                return self.images[name]
        for there in self.images.values():
            if there["Id"] == image:
                return there
        raise Refusal(404, f"no such image: {image}: No such image: {reference(image)}")

    def image_remove(self, image, force):
        """By force, what uses it keeps it without its name."""
        self.image(image)
        for container in self.containers.values():
            if container.image == image and not force:
                raise Refusal(409, f'conflict: unable to remove repository reference "{image}" '
                                   f"(must force) - container {container.id[:12]} is using its "
                                   "referenced image")
        del self.images[reference(image)]
        return [{"Untagged": image}]

    # --- a restart of the engine itself

    def restart(self, killed):
        """Its events are gone.  Shut down in order, it starts again what its policy says;
        killed, it finds everything exited (as measured)."""
        self.events.kept.clear()
        for container in list(self.containers.values()):
            container.stuck = "" if container.stuck != "busy" else "busy"
            if container.status in ("dead", "removing") and not container.stuck:
                del self.containers[container.id], self.names[container.name]
            if not container.running:
                continue
            container.status, container.exit_code = "exited", 137 if killed else 0
            container.finished = self.clock()
            if not killed and container.restarts:
                self.run(container)
