"""builds - a bench runs one build, or compares two, each with what it was built from."""
import os
import re
import sys
from pathlib import Path


def use_build(build):
    """With what its own sources have for tests: they know its schemas."""
    os.environ["MUSTER_BUILD"] = build
    (home,) = re.findall(r"^CMAKE_HOME_DIRECTORY:\w+=(.*)$", Path(build, "CMakeCache.txt").read_text(), re.MULTILINE)
    sys.path[:0] = [f"{home}/tests/lib", f"{home}/tests/engine"]
    os.chdir(home)
