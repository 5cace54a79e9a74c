"""What a shell and man(1) are given: all of it comes from the tables of options."""
import os
import re
import subprocess

import pytest
from fleet import BUILD
from terminal import Terminal

GAME = {"image": "registry.test/game", "image_tag": "1"}
COMMON = {"--bus", "--ledger", "--properties", "--property", "--json", "--wait", "--yes", "--help"}


def output(*words, env=None):
    return subprocess.run([str(word) for word in words], check=True, text=True, stdout=subprocess.PIPE,
                          env=dict(os.environ, **(env or {}))).stdout


def offered(program, *words, env=None):
    lines = output(BUILD / program, "__complete", *words, env=env).splitlines()
    return [line.split("\t")[0] for line in lines]


def commands():
    """Every command's words, as completion itself leads to them."""
    for word in offered("muster", ""):
        if re.search(rf"^Usage: muster {word}\b", output(BUILD / "muster", word, "--help"), re.M):
            yield (word,)
        else:  # a noun
            yield from ((word, verb) for verb in offered("muster", word, ""))


def options_of(text):
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.M))


@pytest.fixture(scope="module")
def manual():
    return output(BUILD / "muster", "manual").replace("\\-", "-")


def test_every_option_of_every_command_is_completed_and_in_the_manual(manual):
    told = set()
    for words in commands():
        helped = output(BUILD / "muster", *words, "--help")
        options = options_of(helped)
        assert COMMON <= options
        assert set(offered("muster", *words, "--")) == options
        part = re.split(rf"\n\.SS muster {' '.join(words)}\b", manual)[1].split("\n.S", 1)[0]
        assert set(re.findall(r"^\.B (?:-\w, )?(--[a-z-]+)", part, re.M)) == options - COMMON
        told.add(words)
    assert {("server", "create"), ("bus", "copy"), ("serve",), ("completion",)} <= told and len(told) > 30
    common = manual.split("\n.SH COMMON OPTIONS\n", 1)[1].split("\n.SH", 1)[0]
    assert set(re.findall(r"^\.B (?:-\w, )?(--[a-z-]+)", common, re.M)) == COMMON


def test_every_option_of_the_worker_is_completed_and_in_its_manual():
    options = options_of(output(BUILD / "muster-worker", "--help"))
    assert {"--agent", "--data-root", "--completion"} <= options
    assert set(offered("muster-worker", "--")) == options
    page = output(BUILD / "muster-worker", "--manual").replace("\\-", "-")
    assert set(re.findall(r"^\.B (?:-\w, )?(--[a-z-]+)", page, re.M)) == options


@pytest.mark.parametrize("program, word", [("muster", "manual"), ("muster-worker", "--manual")])
def test_the_manual_page_is_sound(program, word, tmp_path):
    page = tmp_path / f"{program}.1"
    page.write_text(output(BUILD / program, word))
    shown = subprocess.run(["man", "--warnings=w", "-l", str(page)], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, check=True,
                           env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80", MAN_KEEP_STDERR="1"))
    assert shown.stderr == "" and "OPTIONS" in shown.stdout and "--agent" in shown.stdout
    assert output("lexgrog", page).count(f'"{program} - ') == 1


@pytest.fixture
def named(bare_fleet):
    """Two servers in a ledger that MUSTER_LEDGER names; the bus is one that nobody reaches."""
    for name in ("alpha", "beta"):
        bare_fleet.create(name=name, wait=False, **GAME)
    env = {"MUSTER_LEDGER": str(bare_fleet.ledger), "MUSTER_BUS": "kafka://127.0.0.1:1",
           "PATH": f"{BUILD}:{os.environ['PATH']}"}
    return bare_fleet, env


@pytest.mark.bus("sqlite")
def test_names_come_from_the_ledger_and_no_bus_is_asked(named):
    fleet, env = named
    host = fleet.agent_name
    assert offered("muster", "server", "show", "", env=env) == [f"{host}/"]
    assert offered("muster", "server", "show", f"{host}/", env=env) == [f"{host}/alpha", f"{host}/beta"]
    assert offered("muster", "server", "start", f"{host}/b", env=env) == [f"{host}/beta"]
    assert offered("muster", "server", "create", host[:3], env=env) == [host]
    assert offered("muster", "server", "list", f"--agent={host[:3]}", env=env) == [f"--agent={host}"]
    assert offered("muster", "server", "list", "--status", "mis", env=env) == ["missing"]
    assert offered("muster", "server", "create", host, "x", "--profile", "z", env=env) == ["@files", "zomboid"]
    assert offered("muster", "server", "show", f"{host}/alpha", "", env=env) == []
    other = dict(env, MUSTER_LEDGER="/nonexistent")
    assert offered("muster", "server", "show", "", env=other) == []
    assert offered("muster", "--ledger", fleet.ledger, "server", "show", "", env=other) == [f"{host}/"]


def bash(env):
    return Terminal(["bash", "--norc", "-i"], env=env), 'eval "$(muster completion bash)"\n'


def zsh(env):
    # -D: no dump file; the completion system itself takes a second to load
    return Terminal(["zsh", "-f", "-i"], env=env), (
        'autoload -U compinit; compinit -u -D; eval "$(muster completion zsh)"\n')


def fish(env):
    return Terminal(["fish", "--no-config", "-i"], env=env), "muster completion fish | source\n"


@pytest.mark.bus("sqlite")
@pytest.mark.parametrize("shell", [bash, zsh, fish], ids=lambda shell: shell.__name__)
def test_a_shell_completes_what_is_typed(named, shell):
    """On a real terminal, with a real tab key."""
    fleet, env = named
    (fleet.directory / "none.properties").touch()
    terminal, setup = shell(dict(env, MUSTER_BUS=fleet.bus_url, PS1="> ", HISTFILE="/dev/null"))
    with terminal:
        terminal.type(setup + "echo re''ady\n")
        terminal.wait_for("ready")
        terminal.type(f"muster server show --js\t{fleet.agent_name}/al\t--properties={fleet.directory}/non\t\n")
        terminal.wait_for('"name":"alpha"')
        terminal.type("exit\n")
        terminal.wait_end()


def test_a_shell_that_is_not_known_is_refused():
    done = subprocess.run([BUILD / "muster", "completion", "tcsh"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "bash, zsh or fish" in done.stderr
