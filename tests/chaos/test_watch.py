"""What watches all the time, seen to find what must not be."""
from watch import LASTS_S, Suspicions, missing_is_there, shown_aside, two_running


def game(container, server="s1", name="steam-zomboid-a", status="running", places=()):
    return {"id": container, "server": server, "name": name, "status": status, "places": set(places)}


def kinds(found):
    return [key[0] for key, _ in found]


def test_two_that_run_for_one_server():
    assert kinds(two_running([game("c1"), game("c2", name="a-moved")])) == ["two_running"]
    assert kinds(two_running([game("c1"), game("c2", status="exited")])) == []


def test_two_that_run_on_one_directory():
    assert kinds(two_running([game("c1", "s1", places=[(1, 2)]), game("c2", "s2", places=[(1, 2), (1, 3)])])) == ["two_running"]
    assert kinds(two_running([game("c1", "s1", places=["v1"]), game("c2", "s2", places=["v2"])])) == []


def test_one_aside_that_is_shown_as_running():
    games, row = [game("c1", name="steam-zomboid-a.old-k1-r")], {"id": "s1", "container_id": "c1", "status": "running"}
    assert kinds(shown_aside(games, [row])) == ["shown_aside"]
    assert kinds(shown_aside(games, [{**row, "status": "rebuilding"}])) == []
    assert kinds(shown_aside([game("c1")], [row])) == []


def test_one_that_is_there_and_shown_missing():
    row = {"id": "s1", "container_id": "c1", "status": "missing"}
    assert kinds(missing_is_there([game("c1", name="a-moved")], [row])) == ["missing_is_there"]
    assert kinds(missing_is_there([game("c2")], [row])) == []
    assert kinds(missing_is_there([game("c1", status="dead")], [row])) == []


def test_only_what_lasts_is_told_and_once():
    suspicions, found = Suspicions(), {("two_running", "c1", "c2"): "two"}
    assert suspicions.note(found, 0) == []
    assert suspicions.note({}, LASTS_S["two_running"]) == []  # it is over
    assert suspicions.note(found, 10) == []
    assert suspicions.note(found, 10 + LASTS_S["two_running"]) == ["two_running: two"]
    assert suspicions.note(found, 20) == []
