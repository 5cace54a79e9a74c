"""T9: values of env, credentials and tokens stand in commands and in files of their owner, and nowhere else."""
import json
import resource
import sqlite3
import subprocess
from pathlib import Path

import pytest
from fleet import BUILD

pytestmark = pytest.mark.bus("sqlite")
CANARY = "canary-5f1e"
PORTS = ("--game-port", 16261, "--udp-port", 16262, "--rcon-port", 27015)
IMAGE = ("--image", "registry.test/steam-zomboid", "--image-tag", "1")


# --- How a value comes in



def config_of(fleet, name):
    with sqlite3.connect(f"file:{fleet.ledger}?mode=ro", uri=True) as db:
        (text,), = db.execute("SELECT config FROM servers WHERE name = ?", (name,))
    return json.loads(text)


def test_t9_e_key_takes_the_value_from_the_environment(bare_fleet):
    bare_fleet.run("server", "create", bare_fleet.agent, "alpha", *PORTS, *IMAGE, "-e", "RCONPASSWORD", "-e", "A=b",
                   environment={"RCONPASSWORD": CANARY})
    assert config_of(bare_fleet, "alpha") == {"RCONPASSWORD": CANARY, "A": "b"}
    bare_fleet.run("server", "set", f"{bare_fleet.agent}/alpha", "-e", "RCONPASSWORD", environment={"RCONPASSWORD": ""})
    assert config_of(bare_fleet, "alpha") == {"RCONPASSWORD": "", "A": "b"}
    done = bare_fleet.run("server", "set", f"{bare_fleet.agent}/alpha", "-e", "NOWHERE_SET", expect=2)
    assert "--env NOWHERE_SET: " in done.stderr and "not" in done.stderr
    assert config_of(bare_fleet, "alpha") == {"RCONPASSWORD": "", "A": "b"}


def test_t9_env_file(bare_fleet, tmp_path):
    path = tmp_path / "secrets.env"
    path.write_text(f"# a comment\n\n  SERVERNAME=x # y\r\nRCONPASSWORD={CANARY}\nFROM_OUTSIDE\nEQUALS=a=b\nEMPTY=\n")
    bare_fleet.run("server", "create", bare_fleet.agent, "alpha", *PORTS, *IMAGE, "--env-file", path, "-e", "EMPTY=not",
                   environment={"FROM_OUTSIDE": "there"})
    assert config_of(bare_fleet, "alpha") == {"SERVERNAME": "x # y", "RCONPASSWORD": CANARY, "FROM_OUTSIDE": "there",
                                              "EQUALS": "a=b", "EMPTY": "not"}


@pytest.mark.parametrize("text,line", [
    (f"A=1\nB C={CANARY}\n".encode(), 2),
    (f"\n={CANARY}\n".encode(), 2),
    (f"A=1\n\n{CANARY}\n".encode(), 3),  # a line of a key in PEM looks so
    (b"A=\xff" + CANARY.encode() + b"\n", 1),
])
def test_t9_what_is_wrong_with_an_env_file_is_told_by_its_line(bare_fleet, tmp_path, text, line):
    path = tmp_path / "secrets.env"
    path.write_bytes(text)
    done = bare_fleet.run("server", "create", bare_fleet.agent, "alpha", *PORTS, *IMAGE, "--env-file", path, expect=2)
    assert f"{path}:{line}: " in done.stderr
    assert CANARY not in done.stderr + done.stdout
    assert not bare_fleet.json("server", "list")


@pytest.mark.parametrize("text,says", [(None, "No such file"), (b"A=1\nB=\0\n", "byte 0"),
                                       (b"A=" + b"x" * (1 << 20), "1 MiB")], ids=["none", "zero", "large"])
def test_t9_an_env_file_that_is_none(bare_fleet, tmp_path, text, says):
    path = tmp_path / "secrets.env"
    if text:
        path.write_bytes(text)
    done = bare_fleet.run("server", "create", bare_fleet.agent, "alpha", *PORTS, *IMAGE, "--env-file", path, expect=2)
    assert str(path) in done.stderr and says in done.stderr


# --- Secrets of the bus


@pytest.mark.parametrize("name", [
    "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.passphrase", " sasl.password "])
def test_t9_a_secret_property_is_refused_on_the_command_line(bare_fleet, tmp_path, name):
    bus = "kafka://127.0.0.1:1"
    worker = [BUILD / "muster-worker", "--agent", bare_fleet.agent, "--data-root", tmp_path, "--registry", "r/"]
    muster = [bare_fleet.program, "agent", "list", "--ledger", bare_fleet.ledger]
    for words in (muster, worker):
        words = [*map(str, words), "--bus", bus, "-X", f"{name}={CANARY}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2, done.stderr
        assert "-F" in done.stderr and name.strip() in done.stderr
        assert CANARY not in done.stderr + done.stdout


def test_t9_a_secret_property_goes_into_a_file(bare_fleet, tmp_path):
    path = tmp_path / "kafka.properties"
    path.write_text(f"sasl.password={CANARY}\nsecurity.protocol=nonsense\n")
    done = bare_fleet.run("-F", path, "agent", "list", "--bus", "kafka://127.0.0.1:1", expect=None)
    assert "command line" not in done.stderr and CANARY not in done.stderr


# --- Memory


def core_limits(process):
    lines = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
    line, = (line for line in lines if line.startswith("Max core file size"))
    return line.split()[4:6]


def test_t9_no_core_dump(yard):
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        processes = [yard.start_worker(), yard.fleet.start_serve()]
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    for process in processes:
        assert all(limit in ("0", "1") for limit in core_limits(process)), core_limits(process)
