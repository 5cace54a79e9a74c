"""The API against its own OpenAPI file: schemathesis makes requests of it, right and wrong ones.

From PyPI, into a virtual environment below the test's directory; minutes, so only with --long.
"""
import subprocess
import sys

import pytest
from client import Client
from scripted_engine import ScriptedEngine

SCHEMATHESIS = "schemathesis==4.32.5"
# What is valid by its form may still name what is not there, or be refused in this state.  Whether a
# wrong token is refused, test_http.py tells: guesses are limited, and so are not all answered 401.
CONFIGURATION = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "304", "401", "403", "404", "409", "422", "429", "503"]
ignored_auth.enabled = false
"""


@pytest.fixture
def schemathesis(tmp_path):
    environment = tmp_path / "venv"
    made = subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True, text=True)
    if made.returncode == 0:
        made = subprocess.run([environment / "bin/pip", "install", "--quiet", SCHEMATHESIS],
                              capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"{SCHEMATHESIS} cannot be had: {(made.stdout + made.stderr)[-500:]}")
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    return environment / "bin/schemathesis"


@pytest.mark.long
@pytest.mark.bus("sqlite")
@pytest.mark.timeout(900)
def test_the_contract_holds(schemathesis, bare_fleet, short_dir, tmp_path):
    fleet = bare_fleet
    with ScriptedEngine(short_dir / "docker.sock", images=["registry.test/game:1"]) as engine:
        serve = fleet.start_serve()
        fleet.start_worker(docker=engine.path, registry="registry.test/")
        token = fleet.json("token", "add", "--role", "admin", "--name", "fuzz")["token"]
        fleet.create(image="registry.test/game", image_tag="1")
        url = f"http://127.0.0.1:{fleet.http_port}"
        # a stream has no end, and agents make topics that stay
        words = ["run", f"{url}/openapi.json", "--url", url, "--header", f"Authorization: Bearer {token}",
                 "--exclude-operation-id", "events", "--exclude-operation-id", "addAgent",
                 "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--max-time", "300",
                 "--request-timeout", "65", "--rate-limit", "150/s", "--continue-on-failure", "--no-color"]
        done = subprocess.run([schemathesis, *words], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=800)
        assert done.returncode == 0, done.stdout[-20000:]
        assert Client(url, token).get("/me")["name"] == "fuzz"
        assert token not in serve.output()
        fleet.close()
