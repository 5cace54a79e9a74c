"""What a command asks of the engine: no more than it has to.

On a scripted engine, which counts.
"""
import pytest
from conftest import keep
from scripted_host import ScriptedHost


@pytest.fixture
def host(request, short_dir, kafka):
    host = keep(request, ScriptedHost(short_dir, kafka))
    host.worker("slot", assigned=True)
    yield host
    host.close()


def test_what_is_so_already_is_looked_at_once(host):
    server, times = host.created(), 5
    host.done("stop", server)
    host.scripted.clear_log()
    for _ in range(times):
        assert host.done("stop", server)["already"]
    # The events of what came before may be followed by a look or two.
    assert times <= len(host.asked(server, "/json")) < 2 * times - 1
