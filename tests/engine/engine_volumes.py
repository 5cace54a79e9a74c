"""The volumes of the scripted engine, and what a container has mounted.

A volume is a directory for real, so that what stands in it can be looked at.  Which mounts a
container gets, and which volumes go with it (DELETE ?v=1), is as in Docker Engine 20.10: what it
was not given by a name, also if it came by --volumes-from, and nobody else has.
"""
import os
import secrets
import shutil

from engine_refusal import Refusal

ANONYMOUS = "com.docker.volume.anonymous"


class Volumes:
    def __init__(self, directory):
        self.directory = directory
        self.all = {}  # name → as GET /volumes/NAME shows it

    def make(self, config, now):
        name = config.get("Name") or secrets.token_hex(32)
        if name in self.all:
            return self.all[name]
        place = os.path.join(self.directory, name, "_data")
        os.makedirs(place, exist_ok=True)
        self.all[name] = {"Name": name, "Driver": config.get("Driver") or "local", "Mountpoint": place,
                          "CreatedAt": now, "Labels": config.get("Labels") or {}, "Scope": "local",
                          "Options": config.get("DriverOpts") or None}
        return self.all[name]

    def find(self, name):
        if name not in self.all:
            raise Refusal(404, f"get {name}: no such volume")
        return self.all[name]

    def remove(self, name, users, force=False):
        if name not in self.all and force:
            return
        self.find(name)
        if users:
            raise Refusal(409, f"remove {name}: volume is in use - [{', '.join(users)}]")
        shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)
        del self.all[name]

    # --- what a container gets

    def points(self, config, image, find, now):
        """In the engine's order: from other containers, by HostConfig, and then what the image
        wants and nobody has given.  `find`: a name → a container."""
        host, points = config.get("HostConfig") or {}, {}
        for source in host.get("VolumesFrom") or []:
            name, _, mode = source.partition(":")
            for point in find(name).points:
                points[point["Destination"]] = {**point, "RW": point["RW"] and mode != "ro"}
        for bind in host.get("Binds") or []:
            source, target, *mode = bind.split(":")
            points[target] = self.point("bind" if source.startswith("/") else "volume", source, target,
                                        "ro" not in mode, {}, now)
        for mount in host.get("Mounts") or []:
            points[mount.get("Target")] = self.point(mount.get("Type"), mount.get("Source"), mount.get("Target"),
                                                     not mount.get("ReadOnly", False), mount.get("VolumeOptions") or {}, now)
        for target in {**(image.get("Volumes") or {}), **(config.get("Volumes") or {})}:
            if target not in points:
                points[target] = self.point("volume", "", target, True, {}, now)
        return list(points.values())

    def point(self, kind, source, target, writable, options, now):
        """`named`: it stays when its container is removed with its volumes."""
        if kind != "volume":
            return {"Type": kind, "Source": source, "Destination": target, "RW": writable, "named": True}
        driver = options.get("DriverConfig") or {}
        labels = options.get("Labels") or ({} if source else {ANONYMOUS: ""})
        volume = self.make({"Name": source, "Driver": driver.get("Name"), "DriverOpts": driver.get("Options"),
                            "Labels": labels}, now)
        return {"Type": "volume", "Name": volume["Name"], "Source": volume["Mountpoint"], "Driver": volume["Driver"],
                "Destination": target, "RW": writable, "named": bool(source)}


def users_of(volume, containers):
    return [c.id for c in containers if any(p.get("Name") == volume for p in c.points)]


def shown(point):
    """As `Mounts` has it."""
    known = {key: value for key, value in point.items() if key != "named"}
    return {**known, "Mode": "z" if point["Type"] == "volume" else "",
            "Propagation": "" if point["Type"] == "volume" else "rprivate"}
