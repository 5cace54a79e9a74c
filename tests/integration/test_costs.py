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


def lists_of_all(host):
    return [r for r in host.scripted.requests("GET", r"/containers/json\?") if "muster.managed" in r["path"]]


def test_s30_what_others_mount_is_asked_for_once_until_another_is_made(host):
    server = host.created()
    for _ in range(3):
        host.done("stop", server)
        host.scripted.clear_log()
        host.done("start", server)
    assert not lists_of_all(host)
    assert not host.scripted.requests("GET", "/volumes")
    other = host.new()
    host.scripted.ask("POST", f"/containers/create?name={other.container}", {
        "Image": host.image, "Labels": {"muster.managed": "true", "muster.server.id": other.id,
                                        "muster.container": other.container},
        "HostConfig": {"Mounts": [{"Type": "bind", "Source": server.spec["data_dir"], "Target": "/x"}]}})
    host.done("stop", server)
    refused = host.do("start", server)
    assert (refused["outcome"], refused["code"]) == ("failed", "mount_failed"), refused
    assert other.container in refused["message"]
    assert lists_of_all(host)
