"""What a person sees on a terminal: lines that fit, one that is written over, colours; and none of
that where there is no terminal."""
import json
import re

import pytest
from fleet import BUILD
from scripted_engine import ScriptedEngine
from terminal import SEQUENCE, Terminal

GAME = {"image": "registry.test/game", "image_tag": "1"}
COLOUR = re.compile(r"\x1b\[\d+m")
pytestmark = pytest.mark.bus("sqlite")


def on_terminal(fleet, *words, columns=80, env=None):
    """(exit code, what was shown) of a muster command on a terminal."""
    command = [BUILD / "muster", *words, "--bus", fleet.bus_url, "--ledger", fleet.ledger]
    with Terminal(command, columns, env) as terminal:
        return terminal.wait_end(), terminal


@pytest.fixture
def failed(bare_fleet, short_dir):
    """A fleet with a server that runs, one whose name is long, and one that failed with a long
    reason."""
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        fleet.create("alpha", **GAME)
        fleet.create("a-name-that-is-as-long-as-a-name-may-be-for-a-server-on-a-host", **GAME)
        engine.script({"path": "/images/create", "do": "error", "status": 404,
                       "text": "manifest for this image is unknown, " * 5})
        fleet.create("gone", expect=1, **GAME)
        yield fleet
        fleet.close()


def test_tables_fit_the_terminal(failed):
    host = failed.agent_name
    for words in (["server", "list"], ["agent", "list"], ["agent", "show", failed.agent], ["events"],
                  ["server", "show", f"{host}/gone"], ["profile", "list"], ["audit", "replay"]):
        for columns in (40, 60, 80, 120, 200):
            code, shown = on_terminal(failed, *words, columns=columns)
            lines = shown.text.splitlines()
            assert code == 0 and lines
            assert max(len(line) for line in lines) <= columns, (words, columns)


def test_what_is_left_out_can_be_done_without(failed):
    narrow = on_terminal(failed, "server", "list", columns=100)[1].text
    assert "alpha" in narrow and "failed" in narrow and "…" in narrow
    assert "NAME" in narrow and "  REM" in narrow and "  ID " not in narrow
    wide = on_terminal(failed, "server", "list", columns=1000)[1].text
    assert failed.json("server", "list")[0]["id"] in wide and "…" not in wide
    shown = on_terminal(failed, "server", "show", f"{failed.agent_name}/gone", columns=66)[1].text
    whole = failed.run("server", "show", f"{failed.agent_name}/gone").stdout
    assert "".join(shown.split()) == "".join(whole.split())  # a long value goes on below itself


def test_without_a_terminal_all_is_there_and_plain(failed):
    for words in (["server", "list"], ["events"], ["server", "show", f"{failed.agent_name}/gone"]):
        plain = failed.run(*words)
        assert not SEQUENCE.search(plain.stdout + plain.stderr) and "…" not in plain.stdout
    assert failed.json("server", "list")[0]["id"] in failed.run("server", "list").stdout


def test_colours_are_for_terminals_alone_and_can_be_refused(failed):
    assert COLOUR.search(on_terminal(failed, "server", "list", columns=200)[1].raw)
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert not COLOUR.search(on_terminal(failed, "server", "list", columns=200, env=env)[1].raw)


def test_what_an_engine_says_moves_no_cursor(bare_fleet, short_dir):
    """The text of an error is a foreigner's."""
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        engine.script({"path": "/images/create", "do": "error", "text": "no\x1b[2J\x07\nway", "times": 0})
        server_id, _ = fleet.create(expect=1, **GAME)
        for words in (["server", "list"], ["events", "--server", server_id], ["server", "show", server_id]):
            for said in (on_terminal(fleet, *words, columns=200)[1].raw, fleet.run(*words).stdout):
                assert "way" in said and "\x1b[2J" not in said and "\x07" not in said
        fleet.close()


def test_t8_what_an_engine_says_turns_no_letters_round(bare_fleet, short_dir):
    """Escape sequences of both kinds, and what turns the direction of writing; programs are told all of it."""
    fleet, foreign = bare_fleet, "no\x1b]0;x\x07\x9b31m\u202eyaw\u2066\u200f\x7fway"
    harmful = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        server_id, _ = fleet.create(**GAME)
        engine.script({"path": "/images/create", "do": "error", "text": foreign, "times": 0})
        words = ["--pull", "always", "--wait"]
        rebuilt = fleet.run("server", "rebuild", server_id, *words, expect=None)
        assert "way" in rebuilt.stdout and not harmful.search(rebuilt.stdout + rebuilt.stderr)
        for shown in (["events"], ["server", "show", server_id], ["audit", "replay"]):
            said = fleet.run(*shown).stdout
            assert not harmful.search(said), shown
        assert "way" in fleet.run("events").stdout
        as_json = fleet.run("events", "--json").stdout
        assert not harmful.search(as_json)
        messages = [json.loads(line)["body"].get("message", "") for line in as_json.splitlines()]
        assert any("\u202eyaw\u2066\u200f way" in message for message in messages)
        wrong = fleet.run("server", "show", "a\x9b31m\u202eb", expect=None)
        assert wrong.returncode != 0 and wrong.stderr and not harmful.search(wrong.stderr)
        fleet.close()


def test_waiting_is_one_line_that_is_written_over(bare_fleet, short_dir):
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        worker = fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        server_id, _ = fleet.create(**GAME)
        worker.stop()
        words = [BUILD / "muster", "server", "rebuild", server_id, "--wait", "--bus", fleet.bus_url,
                 "--ledger", fleet.ledger]
        with Terminal(words, columns=50) as terminal:
            terminal.wait_for(r"rebuild: waits for its worker, [1-9]\d* s")
            fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
            assert terminal.wait_end() == 0
            before, after = terminal.raw.rsplit("\r\x1b[K", 1)
        assert "\n" not in before  # one line, and it is gone
        assert all(len(SEQUENCE.sub("", line)) < 50 for line in before.split("\r"))
        assert SEQUENCE.sub("", after).startswith("rebuild done: ")
        assert "\r" not in fleet.run("server", "stop", server_id, "--wait").stderr
        fleet.close()


def test_a_pull_is_seen_as_it_goes_on(bare_fleet, short_dir):
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        fleet.start_worker(name="a", docker=engine.path, registry="registry.test/")
        server_id, _ = fleet.create(**GAME)
        lines = [{"status": "Downloading", "id": "aaaaaaaaaaaa",
                  "progressDetail": {"current": number * 10**6, "total": 10**7}} for number in range(8)]
        engine.script({"path": "/images/create", "do": "lines", "lines": lines, "ms": 500})
        words = [BUILD / "muster", "server", "rebuild", server_id, "--wait", "--bus", fleet.bus_url,
                 "--ledger", fleet.ledger]
        with Terminal(words) as terminal:
            assert terminal.wait_end() == 0
            told = re.findall(r"rebuild: (pull: [^\r\x1b]*), \d+ s", terminal.raw)
        assert len(set(told)) > 1
        fleet.close()
