"""watch - looks at engines and ledger all the time, for what must not be at any moment.

The engine's list is a little behind (20.10: 34 ms), and the two are not read at once: what is
wrong must be so for a while.  Pure but for class Watch.
"""
import contextlib
import itertools
import os
import re
import sqlite3
import threading
import time

import docker
import requests

EVERY_S = 0.25
RUNNING = {"running", "restarting", "paused"}
ASIDE = re.compile(r"\.(old|gone)-")
LASTS_S = {"two_running": 0.4, "shown_aside": 3, "missing_is_there": 4}


def two_running(games):
    """`games`: containers, with `server` and `places`: what each can write, as keys."""
    for a, b in itertools.combinations([game for game in games if game["status"] in RUNNING], 2):
        if a["server"] == b["server"] or a["places"] & b["places"]:
            yield ("two_running", *sorted((a["id"], b["id"]))), (
                f"{a['name']} of {a['server']} and {b['name']} of {b['server']} run at once"
                + ("" if a["server"] == b["server"] else ", on one directory"))


def shown_aside(games, rows):
    """A container that was set aside is shown as the running server."""
    there = {game["id"]: game for game in games}
    for row in rows:
        game = there.get(row["container_id"])
        if game and ASIDE.search(game["name"]) and row["status"] == "running":
            yield ("shown_aside", row["id"], game["id"]), f"{row['id']} is shown running, by {game['name']}"


def missing_is_there(games, rows):
    there = {game["id"]: game for game in games if game["status"] not in ("dead", "removing")}
    for row in rows:
        game = there.get(row["container_id"])
        if game and row["status"] == "missing":
            yield ("missing_is_there", row["id"], game["id"]), (
                f"{row['id']} is shown missing, and {game['name']} is {game['status']}")


class Suspicions:
    """What was wrong at every look since when; told once, when it has lasted."""

    def __init__(self):
        self.since, self.told = {}, set()

    def note(self, found, now):
        """`found`: key → sentence, of one look.  The sentences that are to be told."""
        self.since = {key: self.since.get(key, now) for key in found}
        due = [key for key, since in self.since.items() if key not in self.told and now - since >= LASTS_S[key[0]]]
        self.told.update(due)
        return [f"{key[0]}: {found[key]}" for key in due]


def places_of(mounts):
    """Of a directory its device and inode: it may have two names."""
    places = set()
    for mount in mounts:
        if mount.get("RW") and mount["Type"] == "bind":
            with contextlib.suppress(OSError):
                found = os.stat(mount["Source"])
                places.add((found.st_dev, found.st_ino))
        elif mount.get("RW") and mount["Type"] == "volume":
            places.add(mount["Name"])
    return places


class Watch(threading.Thread):
    def __init__(self, world, tell):
        super().__init__(daemon=True)
        self.world, self.tell, self.over = world, tell, threading.Event()
        self.apis = {site: docker.APIClient(base_url=f"unix://{site.socket}", version="1.41", timeout=5)
                     for site in world.sites}
        self.suspicions = {site: Suspicions() for site in world.sites}
        self.looks = 0

    def run(self):
        while not self.over.wait(EVERY_S):
            for site, api in self.apis.items():
                with contextlib.suppress(OSError, requests.RequestException, docker.errors.APIError,
                                         sqlite3.OperationalError):
                    self.look(site, api)

    def look(self, site, api):
        games = []
        for found in api.containers(all=True):
            game = {"id": found["Id"], "name": (found["Names"] or ["/"])[0].lstrip("/"), "status": found["State"],
                    "labels": found["Labels"] or {}, "places": places_of(found["Mounts"])}
            game["server"] = site.server_of(game)
            if game["server"] and game["id"] not in self.world.racing:
                games.append(game)
        rows = self.world.rows("SELECT id, status, container_id FROM servers WHERE agent_id = ?", site.id)
        found = dict(itertools.chain(two_running(games), shown_aside(games, rows), missing_is_there(games, rows)))
        self.tell += self.suspicions[site].note(found, time.monotonic())
        self.looks += 1

    def end(self):
        self.over.set()
        self.join()
        for api in self.apis.values():
            api.close()
