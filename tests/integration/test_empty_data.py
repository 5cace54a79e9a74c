"""S34: an empty directory is not lost data, and "gone" is said only of what was there before."""
import shutil

import pytest
from fleet import wait_for
from yard import IMAGE

pytestmark = pytest.mark.bus("sqlite")


def never_written(yard):
    """A server whose game has written nothing so far."""
    server, name = yard.fleet.create(None, image=IMAGE)
    return server, yard.fleet.container_name(name), yard.fleet.data_root / name


def remove(yard, server, container):
    yard.remove(container)
    yard.fleet.wait_status(server, "missing")


def test_s34_what_never_wrote_comes_back_without_fresh(yard):
    yard.start_worker()
    fleet = yard.fleet
    server, container, _ = never_written(yard)
    fleet.server("delete", server)
    assert fleet.show(server)["data_gone"] is False and "no_data" not in fleet.show(server)["remarks"]
    fleet.server("restore", server, "--start")
    for action in ("start", "rebuild", "recreate"):
        remove(yard, server, container)
        fleet.server(action, server)
    assert fleet.status(server) == "running"


def test_s34_what_never_came_to_be_has_lost_nothing(yard):
    yard.start_worker()
    fleet = yard.fleet
    server, _ = fleet.create(None, image="registry.test/nosuch", expect=1)
    fleet.server("delete", server)
    assert fleet.show(server)["data_gone"] is False


def test_s34_what_was_there_is_gone(yard):
    """Its files, or its directory."""
    yard.start_worker()
    fleet = yard.fleet
    never_written(yard)  # an empty list of directories proves nothing
    server, container, data = never_written(yard)
    (data / "data" / "world.save").write_text("1")
    fleet.server("stop", server)  # looks at the data
    (data / "data" / "world.save").unlink()
    fleet.server("delete", server)
    assert fleet.show(server)["data_gone"] is True and "no_data" in fleet.show(server)["remarks"]
    assert "is gone" in fleet.run("server", "restore", server, expect=2).stderr
    fleet.server("restore", server, "--start", "--fresh")
    assert fleet.show(server)["data_gone"] is False
    fleet.server("delete", server)  # the new game has written nothing
    fleet.server("restore", server, "--start")
    remove(yard, server, container)
    shutil.rmtree(data)
    fleet.run("sync", fleet.agent, "--wait")
    wait_for("the ledger to know", lambda: fleet.show(server)["data_gone"])
    assert "is gone" in fleet.run("server", "start", server, expect=2).stderr
