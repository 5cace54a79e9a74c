"""player - plays an episode: its rounds, one after another, and after each the question what broke.

A round: commands by `muster` and over HTTP, faults on threads of their own; then everything is mended, and as
long as something is still to come, waited for.  What is right away wrong, or is so after the
patience, is a breach.
"""
import collections
import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import checker
import facts
import faults
import kinds
from asking import ByCommandLine, ByHttp, ids_of, take_ports
from confluent_kafka import KafkaException
from data import Data
from fleet import wait_for
from hands import make_stranger
from kinds import one_of
from watch import Watch
from world import World

PATIENCE_S = 90  # until all is mended and told; the longest waits of a worker are a minute
LOOK_EVERY_S = 0.4
SLOTS = 2


class Broken(Exception):
    """`breaches`: sentences; `tail`: what the programs have logged."""

    def __init__(self, breaches, tail=""):
        super().__init__(breaches, tail)
        self.breaches, self.tail = breaches, tail

    def __str__(self):
        return "\n".join(map(str, self.breaches))


class Player:
    def __init__(self, world, patience_s, servers=8):
        self.world, self.patience_s, self.servers = world, patience_s, servers
        self.slots = {}  # number of a server in the script → (site, id, name)
        self.asked, self.site_of = {}, {}
        self.names = 0
        self.shell, self.http = ByCommandLine(world), ByHttp(world.address, world.token)
        self.done = collections.Counter()
        self.injected = collections.Counter()
        self.strangers = {}  # number of a server → the container that somebody has made for it, by hand
        self.data = Data(world)
        self.problems = []
        self.log = facts.open_log(world)
        self.watch = Watch(world, self.problems)
        self.watch.start()

    def close(self):
        self.watch.end()

    # --- steps

    def play_round(self, steps):
        threads = []
        self.data.begin_round()
        for site in self.world.sites:
            site.was_reset = False
        for step in steps:
            time.sleep(step.get("after", 0))
            if step["do"] == "world":
                continue
            if step["do"] == "command":
                self.command(step)
            else:
                threads.append(threading.Thread(target=self.fault, args=[step]))
                threads[-1].start()
        self.look_meanwhile()
        for thread in threads:
            thread.join()
        for site in self.world.sites:
            wait_for("what is aside to be gone", site.put_back)
        self.mark_data()
        self.settle()

    def fault(self, step):
        function, _ = faults.KINDS[step["kind"]]
        self.injected[step["kind"]] += 1
        try:
            function(self.world, step["which"], step["for"] * self.lengths_of(step["kind"]))
        except Exception as problem:  # told with the round's end; the other steps are to be made
            self.problems.append(f"the fault {step['kind']} could not be made: {problem!r}")

    def lengths_of(self, kind):
        return self.world.ground.lengths if kind in kinds.BEYOND else 1

    def command(self, step):
        number, action = step["server"] % self.servers, step["action"]
        site = self.world.sites[number % len(self.world.sites)]
        by = self.http.losing(step.get("lost", 0)) if step.get("by") == "http" else self.shell
        try:
            if action == "sync":
                code, answer = by.sync(site)
            elif number not in self.slots:
                code, answer = self.bring(by, site, number, action)
            elif action in ("create", "adopt"):
                code, answer = by.create(site, self.slots[number][2], site.tags[0])
            else:
                if step.get("fresh"):
                    self.data.tell_fresh(self.slots[number][1])
                server, words = self.slots[number][1], {word: step[word] for word in ("fresh", "expires") if word in step}
                if step.get("twice"):
                    code, answer = (self.shell if by is self.http else self.http).act(action, site, server)
                    self.note(site, answer if code == 0 else {})
                code, answer = by.act(action, site, server, **words)
        except (subprocess.TimeoutExpired, TimeoutError) as problem:
            self.problems.append(f"{action} is not answered: {problem}")
            return
        self.done[f"{action} {'asked' if code == 0 else 'refused' if code == 2 else code}"] += 1
        if code == 0:
            self.note(site, answer)
            if action == "purge":
                del self.slots[number]

    def bring(self, by, site, number, action):
        """By a create, or by adopting what somebody has made by hand: that a worker has to see first."""
        by = by if self.world.knows_profile() else self.shell
        if action == "adopt" or number % 4 == 3 or (number in self.strangers and action != "create"):
            return self.adopt(by, site, number)
        name = self.a_name()
        code, answer = by.create(site, name, one_of(site.tags, number))
        if code == 0:
            self.slots[number] = (site, answer["server_id"], name)
        return code, answer

    def a_name(self):
        self.names += 1
        return f"{self.world.id}-{self.names}"

    def adopt(self, by, site, number):
        if number not in self.strangers:
            name, ports = self.a_name(), take_ports()
            container = make_stranger(self.world, site, name, ports, number)
            if container:
                self.strangers[number] = container, name, ports
            return 2, "it is made now"
        container, name, ports = self.strangers[number]
        code, answer = by.adopt(site, container, ports)
        # The bus may be away (4): it is adopted all the same.
        for row in self.world.rows("SELECT id FROM servers WHERE container_id = ?", container):
            self.world.adopted[container] = row["id"]
            self.done["adopted"] += 1  # whatever the step said
            self.slots[number] = (site, row["id"], name)
            del self.strangers[number]
        return code, answer

    def note(self, site, answer):
        for command in ids_of(answer):
            self.asked[command], self.site_of[command] = answer.get("server_id"), site

    # --- data

    def mark_data(self):
        """Puts a file into the data of each server that has none yet."""
        for site, server, name in self.slots.values():
            self.data.mark(site, server, name)
        for site in self.world.sites:
            for container in site.looked_at():
                self.data.mark_volumes(site, container)

    # --- the end of a round

    def settle(self):
        """Until all promises hold, or one cannot any more."""
        end = time.monotonic() + self.patience_s
        while True:
            self.complain(self.problems + self.world.crashes())
            breaches = self.look_patiently()
            if not breaches:
                break
            if time.monotonic() > end or not all(breach.open for breach in breaches):
                self.complain(breaches)
            time.sleep(LOOK_EVERY_S)
        allowed = ("time_backwards", "sync_contradicts") if self.world.clocks_jumped else ()
        for site in self.world.sites:
            audit = checker.Facts(audit=facts.of_audit(self.world, site, allowed))
            self.complain(checker.check(audit, [checker.ledger_is_replay]))

    def look_meanwhile(self):
        """Some promises hold at any moment; with the bus away nothing is seen."""
        for site in self.world.sites:
            with contextlib.suppress(OSError, KafkaException, AssertionError):
                self.problems += map(str, self.look_at_log(site))

    def look_at_log(self, site):
        log = facts.of_log(self.world, site, self.log)
        if checker.check(log, [checker.offsets_behind_events]):
            self.log.wait_decided()
            log = facts.of_log(self.world, site, self.log, log.committed)
        return checker.check(log, checker.AT_ANY_MOMENT)

    def look_patiently(self):
        """A partition may be without a leader for a while."""
        try:
            return self.look()
        except (OSError, KafkaException) as problem:
            return [checker.Breach("log", f"the log cannot be read: {problem!r}", open=True)]

    def look(self):
        """What is wrong now; the dear checks only when the cheap ones find nothing."""
        ours = {site.id for site in self.world.sites}  # a shared broker's log has other worlds', too
        unfinished = [row for row in self.world.rows("SELECT * FROM commands WHERE finished_at IS NULL")
                      if row["agent_id"] in ours]
        breaches = [checker.Breach("one_result", f"{checker.tell(row)} is open in the ledger", open=True) for row in unfinished]
        for site in self.world.sites:
            if unfinished:
                breaches += self.look_at_log(site)
            else:
                breaches += checker.check(facts.of_all(self.world, site, self.log, self))
        return breaches

    def complain(self, breaches):
        if breaches:
            raise Broken(breaches, self.tail())

    def tail(self):
        texts = []
        for kept in self.world.kept():
            for process in [end[0] for end in kept.ends[-2:]] + ([kept.process] if kept.process else []):
                texts.append(f"--- {process.name}\n{process.output()[-3000:]}")
        return "\n".join(texts)


class Played:
    """What came of an episode, or of all of a run."""

    def __init__(self):
        self.rounds, self.injected, self.done = 0, collections.Counter(), collections.Counter()
        self.outcomes = collections.Counter()
        self.broken, self.failures = None, 0

    def add(self, other):
        self.rounds += other.rounds
        self.failures += other.broken is not None
        self.injected += other.injected
        self.done += other.done
        self.outcomes += other.outcomes


def outcomes_of(world):
    """The ledger of a shared broker knows other worlds, too."""
    ours = {site.id for site in world.sites}
    return collections.Counter(f"{row['outcome']} {row['code']}".strip()
                               for row in world.rows("SELECT agent_id, outcome, code FROM commands")
                               if row["agent_id"] in ours)


def play(rounds, ground, keep=None, patience_s=PATIENCE_S):
    """Plays it in a world of its own.  `keep`: a directory to which a failure's files go."""
    agents = 1 if ground.engine else 2  # an engine is one host, and its locks lie below one data root
    said = {name: value for steps in rounds for step in steps if step["do"] == "world" for name, value in step.items()}
    played = Played()
    directory = Path(tempfile.mkdtemp(prefix="chaos"))
    world = World(directory, ground, agents, SLOTS, said.get("linked", False),
                  said.get("replicas") if ground.brokers > 1 else None)
    player = Player(world, patience_s * (10 if ground.lengths > 1 else 1))
    try:
        for steps in rounds:
            player.play_round(steps)
            played.rounds += 1
    except Broken as broken:
        played.broken = broken
    except Exception as problem:  # of the harness itself: it is to be told, not to end the run
        played.broken = Broken([f"the harness: {problem!r}"], player.tail())
    finally:
        played.injected, played.done = player.injected, player.done
        with contextlib.suppress(Exception):
            played.outcomes = outcomes_of(world)
        player.close()
        world.close()
        if not played.broken and world.crashes():
            played.broken = Broken(world.crashes(), player.tail())
        ground.renew_engine_if_stuck()
        if played.broken and keep:
            shutil.copytree(directory, keep, ignore=shutil.ignore_patterns("*.sock", "data"), dirs_exist_ok=True)
        shutil.rmtree(directory, ignore_errors=True)
    return played
