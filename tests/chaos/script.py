"""script - what happens in an episode, as data: made from a seed, kept as JSON, shrunk.

A script is a list of rounds, a round a list of steps, a step a dict:

    {"do": "command", "after": s, "server": n, "action": a, "by": "muster" | "http", "lost": n}
    {"do": "fault", "after": s, "kind": k, "which": n, "for": s}
    {"do": "world", "linked": b, "replicas": n}

`after` is the time since the step before.  `server` and `which` are numbers that the player
takes modulo what there is, so that a step keeps its meaning when others are left out.  `lost`:
so many answers over HTTP are lost, and it is asked again.  `fresh`: with new data, where it is gone;
`expires`: unless it begins within so many seconds; `twice`: both ways, one right after the other.  What
is said of the world holds from the beginning: `linked`: its data roots are named through a symbolic link;
`replicas`: of its topics, where there are several brokers.

Pure.
"""
import random

# How often each is asked for.  What is not possible at the moment is refused by muster.
ACTIONS = {"create": 10, "start": 16, "stop": 14, "restart": 12, "rebuild": 14, "recreate": 6, "restore": 8,
           "delete": 8, "purge": 5, "cancel": 8, "sync": 4, "adopt": 7}
SHORT, LONG = (0.05, 0.8), (2.5, 5.0)
BEYOND = (4.0, 7.0)
FRESH_IN = 5  # one of so many starts
EXPIRES_IN, EXPIRES = 8, (1, 4)  # one of so many commands; seconds
TWICE_IN = 2  # one of so many cancels
LOST = (0, 0, 0, 1, 2)
LONG_IN = 5  # one of so many faults is long: longer than a lease
LASTING_IN = 3  # one of so many episodes ends with what nobody can undo


def make(seed, rounds, kinds, lasting=(), beyond=(), commands=12, faults=6, servers=8):
    """`kinds`: the names of faults to choose from; `lasting`: of those that come in the last round;
    `beyond`: of those that take long."""
    made = [make_round(random.Random(f"{seed} {number}"), kinds, beyond, commands, faults, servers)
            for number in range(rounds)]
    chance = random.Random(f"{seed} end")
    made[0].insert(0, {"do": "world", "linked": chance.randrange(2) == 1, "replicas": chance.choice((1, 3))})
    if lasting and chance.randrange(LASTING_IN) == 0:
        made[-1].insert(chance.randrange(len(made[-1]) + 1), fault(chance, lasting))
    return made


def make_round(chance, kinds, beyond, commands, faults, servers):
    steps = [command(chance, servers) for _ in range(chance.randint(max(1, commands // 2), commands))]
    for _ in range(chance.randint(1, faults) if kinds else 0):
        steps.insert(chance.randrange(len(steps) + 1), fault(chance, kinds, beyond))
    return steps


def command(chance, servers):
    (action,) = chance.choices(list(ACTIONS), ACTIONS.values())
    step = {"do": "command", "after": round(chance.random() ** 3 * 0.4, 3),
            "server": chance.randrange(servers), "action": action}
    if action in ("start", "rebuild", "restore") and chance.randrange(FRESH_IN) == 0:
        step["fresh"] = True
    if action not in ("create", "adopt", "sync", "cancel", "delete", "purge") and chance.randrange(EXPIRES_IN) == 0:
        step["expires"] = chance.randint(*EXPIRES)
    if action == "cancel" and chance.randrange(TWICE_IN) == 0:
        step["twice"] = True
    return {**step, "by": "http", "lost": chance.choice(LOST)} if chance.randrange(2) else {**step, "by": "muster"}


def fault(chance, kinds, beyond=()):
    kind = chance.choice(kinds)
    span = BEYOND if kind in beyond else LONG if chance.randrange(LONG_IN) == 0 else SHORT
    return {"do": "fault", "after": round(chance.random() * 0.2, 3), "kind": kind,
            "which": chance.randrange(1000), "for": round(chance.uniform(*span), 2)}


# --- shrinking


def shrink(rounds, fails, tries=40):
    """The shortest script found, in at most so many tries, for which fails(script) is true still.

    Leaves out halves, then quarters, … of all steps; what failed once may not fail always, so
    the first that does is gone on with.
    """
    steps = [(number, step) for number, one in enumerate(rounds) for step in one]
    parts = 2
    while len(steps) > 1 and tries > 0:
        size = max(1, len(steps) // parts)
        for begin in range(0, len(steps), size):
            rest = steps[:begin] + steps[begin + size:]
            tries -= 1
            if rest and fails(rounds_of(rest)):
                steps, parts = rest, max(2, parts - 1)
                break
            if tries <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(len(steps), parts * 2)
    return rounds_of(steps)


def rounds_of(steps):
    numbers = sorted({number for number, _ in steps})
    return [[step for at, step in steps if at == number] for number in numbers]
