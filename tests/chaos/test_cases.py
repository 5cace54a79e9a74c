"""Every numbered case has a test that bears its number: `grep s05_` shows where it is proved."""
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CASES = [f"s{number:02}" for number in range(1, 37)] + [f"l{number}" for number in range(1, 33)]


def test_every_case_has_a_test_of_its_name():
    found = set()
    for path in [*TESTS.rglob("test_*.py"), *TESTS.glob("unit/*.c")]:
        for name in re.findall(r"^(?:def test_|static void )([a-z0-9_]+)\(", path.read_text(), re.MULTILINE):
            found |= set(name.split("_"))
    assert not set(CASES) - found
