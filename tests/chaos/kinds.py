"""kinds - which faults there are: faults.py and hands.py note theirs here.

    fault(world, which, seconds)    which: a number that chooses among what there is

`needs` says where one makes sense: the kinds of bus and engine, and what must be there.  One that is
`beyond` lasts longer than any patience of a worker with its engine.
"""
import os

from fleet import FAKETIME
from world import BEFORE, CRASH_BUILD

KINDS = {}  # name → (function, needs)
BEYOND = set()
LASTING = set()  # names of those that nobody can undo: they come in the last round


def fault(*needs, lasting=False, beyond=False):
    def note(function):
        KINDS[function.__name__] = (function, set(needs))
        if beyond:
            BEYOND.add(function.__name__)
        if lasting:
            LASTING.add(function.__name__)
        return function
    return note


def possible(ground, only=()):
    """(The names of those that make sense on that ground, those besides that nobody can undo, and which
    of them are long.)"""
    there = {ground.bus_kind, ground.engine_kind}
    there |= {"crash"} if (CRASH_BUILD / "muster-worker").exists() else set()
    there |= {"before"} if BEFORE.exists() else set()
    there |= {"faketime"} if FAKETIME.exists() else set()
    there |= {"root"} if os.geteuid() == 0 else set()
    there |= {"brokers"} if ground.brokers > 1 else set()
    names = {name for name, (_, needs) in KINDS.items() if needs <= there and (not only or name in only)}
    return sorted(names - LASTING), sorted(names & LASTING), sorted(names & BEYOND)


def one_of(things, which):
    return things[which % len(things)]
