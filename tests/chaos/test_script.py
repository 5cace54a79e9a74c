"""Scripts: the same seed is the same script, and a failure is shrunk to what it needs."""
from script import BEYOND, make, shrink

KINDS = ["worker_killed", "bus_locked"]


def test_a_seed_is_a_script():
    assert make(7, 3, KINDS) == make(7, 3, KINDS)
    assert make(7, 3, KINDS) != make(8, 3, KINDS)
    assert make(7, 5, KINDS)[:3] == make(7, 3, KINDS)


def test_what_lasts_comes_in_the_last_round():
    scripts = [make(seed, 3, KINDS, ["partitions_added"]) for seed in range(20)]
    places = [{number for number, steps in enumerate(script) for step in steps if step.get("kind") == "partitions_added"}
              for script in scripts]
    assert {2} in places and set() in places and all(place <= {2} for place in places)


def test_what_is_long_is_longer_than_any_patience():
    steps = [step for one in make(1, 20, KINDS, (), KINDS[:1]) for step in one if step["do"] == "fault"]
    spans = {kind: [step["for"] for step in steps if step["kind"] == kind] for kind in KINDS}
    assert min(spans[KINDS[0]]) >= BEYOND[0] > min(spans[KINDS[1]])


def test_what_fails_is_shrunk_to_what_it_needs():
    rounds = make(1, 4, KINDS)
    needed = [rounds[1][2], rounds[3][0]]

    def fails(script):
        steps = [step for one in script for step in one]
        return all(any(step is want for step in steps) for want in needed)
    assert shrink(rounds, fails, tries=500) == [[needed[0]], [needed[1]]]


def test_shrinking_ends_after_so_many_tries():
    asked = []
    shrink(make(1, 10, KINDS), lambda script: asked.append(script), tries=20)
    assert len(asked) <= 20
