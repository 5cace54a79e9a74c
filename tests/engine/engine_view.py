"""Containers as the engine's two reads show them: the list and the inspection."""

from engine_model import labels_match, rfc3339


def status_text(container):
    if container.status == "created":
        return "Created"
    if container.status == "exited":
        return f"Exited ({container.exit_code}) 4 seconds ago"
    health = f" ({container.health})" if container.health else ""
    paused = " (Paused)" if container.status == "paused" else ""
    return "Up 4 seconds" + health + paused


def summary(model, container):
    """One entry of GET /containers/json: what it lacks, the engine's lacks too."""
    ports = [{"IP": ip, "PrivatePort": private, "PublicPort": public, "Type": protocol}
             for ip, public, private, protocol in container.published()]
    return {"Id": container.id, "Names": ["/" + container.name], "Image": container.image,
            "ImageID": container.image_id, "Command": "run",
            "Created": container.created_ns // 1_000_000_000,
            "Ports": ports if container.running else [], "Labels": container.labels,
            "State": container.status, "Status": status_text(container),
            "HostConfig": {"NetworkMode": container.host.get("NetworkMode") or "default"},
            "NetworkSettings": {"Networks": container.endpoints()},
            "Mounts": container.mounts()}


def inspection(model, container):
    """GET /containers/{}/json."""
    host = {"NetworkMode": "default", "PortBindings": {}, "Binds": None,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, **container.host}
    config = {key: value for key, value in container.config.items()
              if key not in ("HostConfig", "NetworkingConfig")}
    ports = {}
    for ip, public, private, protocol in container.published() if container.running else ():
        ports.setdefault(f"{private}/{protocol}", []).append(
            {"HostIp": ip, "HostPort": str(public)})
    return {"Id": container.id, "Created": rfc3339(container.created_ns), "Path": "run",
            "Args": [], "State": container.state(), "Image": container.image_id,
            "Name": "/" + container.name, "RestartCount": container.restart_count,
            "Driver": "overlay2", "Platform": "linux", "HostConfig": host,
            "Mounts": container.mounts(), "Config": {"Labels": {}, "Env": [], **config},
            "NetworkSettings": {"Ports": ports, "Networks": container.endpoints()}}


def is_listed(container, everything, filters):
    wanted = filters.get("status", [])
    if wanted and container.status not in wanted:
        return False
    if not (everything or wanted or container.running):
        return False
    if filters.get("id") and not any(container.id.startswith(i) for i in filters["id"]):
        return False
    names = filters.get("name", [])
    if names and not any(name.strip("^$").lstrip("/") in container.name for name in names):
        return False
    return labels_match(container.labels, filters.get("label", []))


def listing(model, everything, filters):
    newest_first = reversed(list(model.containers.values()))
    return [summary(model, container) for container in newest_first
            if is_listed(container, everything, filters)]
