"""stuck - faults that keep a container from ending or from being removed, until they let go.

On a scripted engine it is told to (engine_model.py).  On a real one a layer that cannot be removed
has the attribute of chattr +i, and a stop does not come back while the container's shim is stopped.
"""
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import docker
import requests
from kinds import fault, one_of

NO_MATTER = (OSError, docker.errors.APIError, requests.RequestException)


@contextlib.contextmanager
def held(site, how):
    """All containers that are there now."""
    if site.scripted:
        site.scripted.get_stuck(how)
        try:
            yield
        finally:
            site.scripted.get_stuck("")
        return
    hold = {"busy": held_layers, "stopping": held_shims}[how]
    with hold(site):
        yield


def layers_of(site):
    for container in site.containers():
        with contextlib.suppress(*NO_MATTER):
            yield Path(site.api.inspect_container(container["id"])["GraphDriver"]["Data"]["UpperDir"])


def set_immutable(layer, sign):
    """It may be gone by now."""
    subprocess.run(["chattr", f"{sign}i", layer], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def held_layers(site):
    layers = list(layers_of(site))
    for layer in layers:
        set_immutable(layer, "+")
    try:
        yield
    finally:
        for layer in layers:
            set_immutable(layer, "-")


def shims_of(site):
    ours = {container["id"].encode() for container in site.containers()}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = place.read_bytes().split(b"\0")
            if b"containerd-shim" in words[0] and ours & set(words):
                yield int(place.parent.name)


@contextlib.contextmanager
def held_shims(site):
    shims = list(shims_of(site))
    for shim in shims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(shim, signal.SIGSTOP)
    try:
        yield
    finally:
        for shim in shims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, signal.SIGCONT)


@fault("root")
def removals_are_stuck(world, which, seconds):
    """The layers are busy: what is removed stays, dead."""
    with held(one_of(world.sites, which), "busy"):
        time.sleep(seconds)


@fault("scripted")
def removals_do_not_end(world, which, seconds):
    with held(one_of(world.sites, which), "removing"):
        time.sleep(seconds)


@fault("root", beyond=True)
def stops_hang(world, which, seconds):
    """Longer than a stop is waited for."""
    with held(one_of(world.sites, which), "stopping"):
        time.sleep(seconds)
