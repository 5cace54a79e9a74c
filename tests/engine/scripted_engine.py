"""A Docker Engine that does what a test tells it: for pytest, as a process of its own.

    engine = ScriptedEngine("/tmp/x/docker.sock", images=["game:1"])
    engine.start()
    engine.script({"method": "POST", "path": "/start$", "do": "close", "apply": True})
    …
    engine.requests("POST", "/start$")        what was asked for
    engine.restart(down_ms=500, killed=True)
    engine.stop()

engine_faults.py has the words of a script, engine_model.py the labels that steer containers.
Only the standard library.
"""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_S = 240


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class ScriptedEngine:
    def __init__(self, path, api="1.41", min_api="1.12", images=(), networks=()):
        self.path = str(path)
        self.api, self.min_api = api, min_api
        self.images, self.networks = images, networks
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [os.path.join(HERE, "scripted-engine"), self.path, "--api", self.api,
             "--min-api", self.min_api], stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the scripted engine did not start")
        for image in self.images:
            self.image(image)
        for network in self.networks:
            self.ask("POST", "/networks/create", {"Name": network})
        self.ask("POST", "/_log")
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process.stdout.close()
            self.process = None
        shutil.rmtree(self.path + ".volumes", ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def ask(self, method, path, body=None):
        """Docker's own paths, too.  The JSON of a 2xx; RuntimeError with the text of another."""
        connection = UnixConnection(self.path)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {text.decode()}")
        return json.loads(text) if text else None

    def script(self, *rules):
        self.ask("POST", "/_script", list(rules))

    def image(self, name, **config):
        """`config`: as Volumes={"/saves": {}}."""
        self.ask("POST", "/_image", {"name": name, "config": config})

    def get_stuck(self, how, name=""):
        """A container, or all that are there: "busy", "removing", "stopping", or "" to let go."""
        self.ask("POST", "/_stuck", {"name": name, "how": how})

    def change(self, name, *paths):
        """Its process writes these into the container's own layer."""
        self.ask("POST", "/_change", {"name": name, "paths": paths})

    def clear_script(self):
        self.ask("DELETE", "/_script")

    def release(self):
        self.ask("POST", "/_release")

    def set(self, **settings):
        self.ask("POST", "/_set", settings)

    def state(self):
        return self.ask("GET", "/_state")

    def containers(self):
        return {found["Name"][1:]: found for found in self.state()["containers"]}

    def die(self, name, exit_code=1, oom=False):
        self.ask("POST", "/_die", {"name": name, "exit_code": exit_code, "oom": oom})

    def events(self, **what):
        self.ask("POST", "/_events", what)

    def restart(self, down_ms=200, killed=False):
        self.ask("POST", "/_restart", {"down_ms": down_ms, "killed": killed})

    def log(self):
        return self.ask("GET", "/_log")

    def clear_log(self):
        self.ask("POST", "/_log")

    def requests(self, method=None, path=""):
        return [entry for entry in self.log()
                if method in (None, entry["method"]) and re.search(path, entry["path"])]
