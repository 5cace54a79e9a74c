"""starting_points - what an action may find: the containers of cases/actions/table.txt.

A Stage brings servers to their starting points, all of them at once, on the real engine or on a
scripted one: by commands where they can be made so, else behind the worker's back.
"""
import concurrent.futures
import re
import uuid

import docker
from fleet import wait_for
from services import PATIENCE_S, ROOT, pause

ADOPTED = {"adopted", "adopted_elsewhere"}
LEFT = {"left_running", "left_stopped", "left_never_ran", "left_half", "left_done"}
SAVE = ["/bin/sh", "-c", "echo saved >/home/steam/Zomboid/asked"]


class Row:
    """A line of the table."""

    def __init__(self, point, action, outcome, status, container, *flags):
        self.point, self.action, self.outcome, self.status = point, action, outcome, status
        self.container = container
        self.code = next((f for f in flags if "_" in f), "")
        self.flags = {f for f in flags if f != self.code}

    def __str__(self):
        return f"{self.action}-{self.point}"


def read_table():
    point, rows = None, []
    for line in (ROOT / "tests/cases/actions/table.txt").read_text().splitlines():
        words = line.split()
        if line.startswith("["):
            point = line.strip("[]")
        elif words and not line.startswith("#"):
            rows.append(Row(point, *words))
    return rows


class Case:
    """A row being played: its server, and the containers that it began with."""

    def __init__(self, row, server):
        self.row, self.server = row, server
        self.ids = {}  # "it", "old", "half"
        self.result = None

    @property
    def name(self):
        return self.server.container

    def role_of(self, container_id):
        return next((role for role, i in self.ids.items() if i == container_id), "new")


class Stage:
    def __init__(self, host, scripted=None, sick_image=None):
        self.host, self.scripted, self.sick_image = host, scripted, sick_image
        self.api = docker.APIClient(base_url=f"unix://{host.docker}", version="1.41", timeout=PATIENCE_S)

    def play(self, rows):
        """{row: case} with the result of each."""
        cases = [Case(row, self.server(row)) for row in rows]
        self.make(cases)
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(self.arrange, case) for case in cases]:
                done.result()
        commands = {case: self.act(case) for case in cases}
        self.host.wait_answered()
        for case, command in commands.items():
            case.result = self.host.result_of(command)
        return {str(case.row): case for case in cases}

    def server(self, row):
        return self.host.new(networks=[], ports=[], stop={
            "signal": "SIGTERM", "timeout_s": 10, "save": SAVE, "save_timeout_s": 30})

    # --- what the worker makes

    def make(self, cases):
        for case in cases:
            if case.row.point in {"absent", "foreign"} | ADOPTED:
                continue
            quiet = case.row.point in ("created", "left_never_ran")
            spec = case.server.spec
            healthy = dict(spec)
            if case.row.point == "restarting":
                spec["image"], _, spec["image_tag"] = self.sick_image.rpartition(":")
                spec["digest"] = "d0"
            self.host.ask("restore" if quiet else "create", case.server)
            spec.update(healthy)
        self.host.wait_answered()

    # --- what happens behind its back

    def arrange(self, case):
        found = self.inspect(case.name)
        if found:
            case.ids["it"] = found["Id"]
        arrange = getattr(self, "arrange_" + case.row.point, None)
        if arrange:
            arrange(case)
        data = self.host.data_root / case.server.name / "data"
        if data.is_dir():
            (data / "marker").write_text(case.server.name)

    def act(self, case):
        return self.host.ask(case.row.action, case.server)

    def arrange_stopped(self, case):
        self.api.stop(case.name)

    def arrange_paused(self, case):
        pause(self.api, case.name)

    def arrange_restarting(self, case):
        wait_for("it to be started again and again", lambda: (
            lambda found: found["State"]["Restarting"] and found["RestartCount"] > 4)(self.inspect(case.name)))

    def arrange_dead(self, case):
        self.scripted.ask("POST", "/_status", {"name": case.name, "status": "dead"})

    def arrange_foreign(self, case):
        case.ids["it"] = self.by_hand(case.name, {})

    def arrange_adopted(self, case, name=None):
        for mount in case.server.spec["mounts"]:
            (self.host.data_root / mount["host_path"]).mkdir(parents=True)
        case.ids["it"] = self.by_hand(name or case.name, {}, case.server)
        case.server.spec["adopt"] = case.ids["it"]

    def arrange_adopted_elsewhere(self, case):
        self.arrange_adopted(case, f"legacy-{case.server.name}")

    def set_aside(self, case, ran="r"):
        """As a rebuild that was begun; its command's id."""
        rebuild = str(uuid.uuid4())
        case.ids = {"old": case.ids["it"]}
        self.api.rename(case.name, f"{case.name}.old-{rebuild}-{ran}")
        self.api.update_container(case.ids["old"], restart_policy={"Name": "no"})
        return rebuild

    def arrange_left_running(self, case):
        self.set_aside(case)

    def arrange_left_stopped(self, case):
        self.set_aside(case)
        self.api.stop(case.ids["old"])

    def arrange_left_never_ran(self, case):
        self.api.start(case.name)
        self.api.stop(case.name)
        self.set_aside(case, "s")

    def arrange_left_half(self, case, start=False):
        labels = self.inspect(case.name)["Config"]["Labels"]
        rebuild = self.set_aside(case)
        self.api.stop(case.ids["old"])
        labels = {**labels, "muster.command.id": rebuild}
        case.ids["half"] = self.by_hand(case.name, labels, case.server, start)

    def arrange_left_done(self, case):
        self.arrange_left_half(case, start=True)

    # --- the engine

    def by_hand(self, name, labels, server=None, start=True):
        if not self.scripted:
            self.api.pull(*self.host.image.rsplit(":", 1))
        mounts = [docker.types.Mount(m["container_path"], m["host_path"], "bind")
                  for m in (server.spec["mounts"] if server else ())]
        made = self.api.create_container(
            self.host.image, name=name, labels=labels, host_config=self.api.create_host_config(
                mounts=mounts, restart_policy={"Name": "unless-stopped"}))
        if start:
            self.api.start(made["Id"])
        return made["Id"]

    def inspect(self, name):
        try:
            return self.api.inspect_container(name)
        except docker.errors.NotFound:
            return None

    def names(self, case):
        """Of all containers that are about this server."""
        of_it = re.compile(rf"-{case.server.name}(\.old-.*)?$")
        return {name[1:] for c in self.api.containers(all=True) for name in c["Names"]
                if of_it.search(name)}
