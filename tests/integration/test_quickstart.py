"""The first command that a newcomer runs: it shows the story, and leaves nothing behind."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from fleet import BUILD
from services import ROOT

SHOWN = ("status running", "status missing", "another container", "status stopped", "status deleted",
         "the world is still there", "it was missing", "the ledger is what the log makes of it", "breaks its rules")


def processes_of(directory):
    """Those that were started below it: their words or their environment say so."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(directory).encode() in told:
            yield process.name, told[:200]


@pytest.fixture
def tmp():
    """Short: an engine's own sockets lie below it."""
    directory = Path(tempfile.mkdtemp(dir="/tmp", prefix="q"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("options", [[], pytest.param(["--kafka"], marks=pytest.mark.long)], ids=["embedded", "kafka"])
def test_it_shows_the_story_and_leaves_nothing(engine, tmp, options):
    if BUILD != ROOT / "build":
        pytest.skip("the quickstart builds into build/, which is not what is tested here")
    done = subprocess.run([ROOT / "deploy" / "quickstart", *options], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, TMPDIR=str(tmp)))
    assert done.returncode == 0, done.stdout
    for sentence in SHOWN:
        assert re.search(rf"\[seen\] .*{sentence}", done.stdout), sentence
    assert list(tmp.iterdir()) == []
    assert list(processes_of(tmp)) == []
    assert str(tmp) not in Path("/proc/mounts").read_text()
