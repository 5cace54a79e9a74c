"""T7: what the root of a container can do to the host, and what its local users reach of it.

On the real engine.  Seen from inside by `exec`, which has no more than the container has.
"""
import json
import os
import subprocess

import pytest
from fleet import BUILD, wait_for
from services import PATIENCE_S

pytestmark = pytest.mark.bus("sqlite")

GIVEN = ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]
ENGINES = [*GIVEN, "FSETID", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"]
INSIDE = "/home/steam/Zomboid"
WHO = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"%u\\n\", geteuid()); }\n"


@pytest.fixture(scope="module")
def who(tmp_path_factory):
    """A program that says as whom it runs; static, since it runs in any container."""
    program = tmp_path_factory.mktemp("who") / "who"
    subprocess.run(["cc", "-static", "-x", "c", "-o", program, "-"], input=WHO, text=True, check=True)
    return program.read_bytes()


@pytest.fixture
def start(fleet):
    """A function that starts the worker with such a policy."""
    def start(**policy):
        path = fleet.directory / "policy.json"
        path.write_text(json.dumps(policy))
        return fleet.start_worker("--policy", path)
    return start


def inside(fleet, name, *words, **options):
    """(exit code, output) of that in the server's container."""
    code, output = fleet.engine.find(fleet.container_name(name)).exec_run(list(words), **options)
    return code, output.decode()


def plant(fleet, name, program):
    """As the container's root would: a setuid program of root in its data."""
    path = fleet.data_root / name / "data" / "who"
    path.write_bytes(program)
    path.chmod(0o4755)
    return path


def host_config(fleet, name):
    return fleet.engine.inspect(fleet.container_name(name))["HostConfig"]


def names(capabilities):
    return sorted(name.removeprefix("CAP_") for name in capabilities or [])


def test_t7_a_container_is_confined(fleet, start):
    start()
    _, name = fleet.create()
    host = host_config(fleet, name)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert names(host["CapDrop"]) == ["ALL"] and names(host["CapAdd"]) == GIVEN
    assert host["PidsLimit"] == 4096
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10485760", "max-file": "5"}}


def test_t7_a_setuid_program_gives_no_new_privileges(fleet, start, who):
    start()
    _, name = fleet.create()
    plant(fleet, name, who)
    code, output = inside(fleet, name, f"{INSIDE}/who", user="1000:1000")
    assert (code, output.strip()) == (0, "1000")


def test_t7_no_device_node_can_be_made(fleet, start):
    start()
    _, name = fleet.create()
    code, output = inside(fleet, name, "mknod", f"{INSIDE}/disk", "b", "8", "0")
    assert code != 0 and "not permitted" in output
    assert not (fleet.data_root / name / "data" / "disk").exists()


def test_t7_a_fork_bomb_stops_at_the_limit(fleet, start):
    start(pids={"default": 20})
    _, name = fleet.create()
    assert host_config(fleet, name)["PidsLimit"] == 20
    _, output = inside(fleet, name, "sh", "-c", "i=0; while [ $i -lt 60 ]; do sleep 60 & i=$((i + 1)); done")
    assert "fork" in output, output
    running = fleet.engine.find(fleet.container_name(name)).top()["Processes"]
    assert len(running) <= 20


@pytest.fixture
def open_root(fleet):
    """The data root, as /srv/servers would be: all who are on this host can enter it."""
    closed = [(d, d.stat().st_mode) for d in fleet.data_root.parents if not d.stat().st_mode & 0o001]
    for directory, mode in closed:
        directory.chmod(mode | 0o001)
    fleet.data_root.chmod(0o755)
    yield fleet.data_root
    for directory, mode in closed:
        directory.chmod(mode)


def test_t7_no_local_user_reaches_a_setuid_program(fleet, start, who, open_root):
    """The data root itself is the host's: that is told, and not changed."""
    start()
    _, name = fleet.create()
    path = plant(fleet, name, who)
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                           "sh", "-c", str(path)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    assert done.returncode != 0 and b"Permission denied" in done.stderr, done
    assert fleet.data_root.stat().st_mode & 0o777 == 0o755
    if not os.statvfs(fleet.data_root).f_flag & os.ST_NOSUID:
        told = subprocess.run([BUILD / "muster-worker", "--check-policy", "--data-root", fleet.data_root,
                               "--registry", "x:1"], stdout=subprocess.PIPE, text=True, check=True).stdout
        assert str(fleet.data_root) in told and "nosuid" in told
        assert "data_root.exposed" in fleet.processes[0].output()


def test_t7_the_hosts_policy_loosens_it(fleet, start):
    start(capabilities=ENGINES, new_privileges=True, pids={"default": 0}, logs={"max_bytes": 0})
    server, name = fleet.create()
    host = host_config(fleet, name)
    assert not host["SecurityOpt"] and not host["PidsLimit"]
    assert names(host["CapAdd"]) == sorted(ENGINES)
    assert host["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert inside(fleet, name, "mknod", "/tmp/null", "c", "1", "3")[0] == 0


def test_t7_what_is_there_stays_until_a_rebuild(fleet, start):
    worker = start(capabilities=ENGINES, new_privileges=True)
    server, name = fleet.create()
    before = fleet.engine.inspect(fleet.container_name(name))["Id"]
    worker.stop()
    start()
    fleet.server("stop", server)
    fleet.server("start", server)
    after = fleet.engine.inspect(fleet.container_name(name))
    assert after["Id"] == before and not after["HostConfig"]["SecurityOpt"]
    fleet.server("rebuild", server)
    assert host_config(fleet, name)["SecurityOpt"] == ["no-new-privileges"]


def test_t7_what_an_image_misses_is_told_by_the_policys_key(fleet, start, image_of):
    """It is put back as it was; with what it needs it runs."""
    start()
    server, name = fleet.create()
    wait_for("its world", (fleet.data_root / name / "data" / "world.save").exists)
    line = "mknod /tmp/null c 1 3 && exec /game-server"
    image = image_of("/bin/sh", f'CMD ["/bin/sh", "-c", "{line}"]')
    fleet.run("server", "set", server, "--image-tag", image.rsplit(":", 1)[1])
    fleet.server("rebuild", server, expect=1)
    said = [e["body"]["message"] for e in fleet.events("--server", server) if e["body"].get("outcome") == "failed"][-1]
    assert "policy file" in said and '"capabilities"' in said and "MKNOD" in said, said
    fleet.processes[0].stop()
    start(capabilities=[*GIVEN, "MKNOD"])
    fleet.server("rebuild", server)
    assert "MKNOD" in names(host_config(fleet, name)["CapAdd"])


def test_t7_an_image_that_ends_for_another_reason_is_not_misled(fleet, start, image_of):
    start()
    image = image_of("/bin/sh", 'CMD ["/bin/sh", "-c", "echo no such world; exit 3"]')
    server, _ = fleet.create(image_tag=image.rsplit(":", 1)[1], expect=1)
    said = [e["body"]["message"] for e in fleet.events("--server", server) if e["body"].get("outcome") == "failed"][-1]
    assert "did not stay up" in said and "policy" not in said, said


@pytest.mark.parametrize("way", ["su game -c", "chown -R game /home/steam && exec su game -c"])
def test_t7_an_entrypoint_that_becomes_another_user_runs(fleet, start, image_of, way):
    start()
    image = image_of("/bin/sh", f'CMD ["/bin/sh", "-c", "{way} /game-server"]',
                     users=["root:x:0:0:root:/:/bin/sh", "game:x:1234:1234:game:/:/bin/sh"])
    _, name = fleet.create(image_tag=image.rsplit(":", 1)[1])
    assert "1234" in inside(fleet, name, "sh", "-c", "cat /proc/[0-9]*/status | grep Uid")[1]
