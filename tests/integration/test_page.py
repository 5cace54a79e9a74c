"""The page of muster serve, in a real Chromium.

What a person does is done here: fields filled, buttons pressed, and what the page shows is
waited for, never reloaded.  Every page that a test closes must have asked no other host for
anything and have had no error, a breach of its security policy included.
"""
import subprocess
import time

import pytest
from fleet import BUILD, wait_for
from services import Ports

MARK = "window.sameDocument = true"
IS_SAME = "window.sameDocument === true"


@pytest.fixture
def open_page(browser):
    """A function that opens the page of a fleet; all are closed with the test."""
    opened = []

    def open_it(fleet, role="admin"):
        token = fleet.json("token", "add", "--role", role, "--name", f"{role}-{len(opened)}")["token"]
        page = browser.open(f"http://127.0.0.1:{fleet.http_port}")
        opened.append(page)
        page.sign_in(token)
        page.run(MARK)
        return page

    yield open_it
    for page in opened:
        page.close()


@pytest.fixture
def served(fleet):
    """A fleet with its worker and muster serve."""
    fleet.start_worker()
    fleet.start_serve()
    return fleet


def row(name):
    return f'.row:has(.name:text-is("{name}"))'


def button(name, choice):
    return f'{row(name)} [data-choice="{choice}"]'


def wait_status(page, name, status):
    page.wait(f'{row(name)} .badge[data-status="{status}"]')


def create(fleet, page, name):
    page.click("text=Create a server")
    page.call("selectOption", 'dialog .field:has(label:text-is("Agent")) select', fleet.agent)
    fields = {"Name": name, "Game port": Ports.take(), "Second UDP port": Ports.take(), "RCON port": Ports.take()}
    for label, value in fields.items():
        page.fill(f'dialog .field:has(label:text-is("{label}")) input', str(value))
    page.click('dialog button:text-is("Create")')
    page.wait("dialog", "detached")


def lose(fleet, page, name):
    """Its container is removed by hand; returns the seconds until the page shows it."""
    fleet.engine.remove(fleet.container_name(name))
    begin = time.monotonic()
    wait_status(page, name, "missing")
    return time.monotonic() - begin


@pytest.mark.bus("kafka")
def test_the_page_mends_a_missing_server(served, open_page):
    page, name = open_page(served), served.new_name()
    container = served.container_name(name)
    create(served, page, name)
    wait_status(page, name, "running")
    made = served.engine.find(container).id

    seconds = lose(served, page, name)
    print(f"missing was shown {seconds:.2f} s after the container was removed")
    page.shoot("missing")
    page.click(button(name, "start"))
    wait_status(page, name, "running")
    started = served.engine.find(container).id
    assert started != made

    lose(served, page, name)
    page.click(button(name, "rebuild"))
    wait_status(page, name, "running")
    assert served.engine.find(container).id not in (made, started)
    assert page.run(IS_SAME), "the page was loaded again on the way"


@pytest.mark.bus("kafka")
def test_the_page_deletes_with_a_question_and_restores(served, open_page):
    page, name = open_page(served), served.new_name()
    container = served.container_name(name)
    create(served, page, name)
    wait_status(page, name, "running")
    wait_for("its world", (served.data_root / name / "data" / "world.save").exists)
    page.click(f"{row(name)} .name")
    page.click('.panel [data-choice="delete"]')
    page.shoot("question")
    page.click("dialog button:text-is('Keep it as it is')")
    assert served.status(f"{served.agent_name}/{name}") == "running"
    page.click('.panel [data-choice="delete"]')
    page.click("dialog button:text-is('Delete')")
    wait_status(page, name, "deleted")
    assert served.engine.find(container) is None

    page.click(button(name, "restore"))
    wait_status(page, name, "stopped")
    assert served.engine.find(container).status == "created"
    page.click(button(name, "start"))
    wait_status(page, name, "running")
    for said in ("Create was asked for", "Deleted", "Restored", "Started"):
        page.wait(f'.panel .history :text("{said}")')
    page.shoot("history")
    assert page.run(IS_SAME)


@pytest.mark.bus("sqlite")
def test_s32_a_loop_is_marked_while_it_runs(yard, open_page):
    """A badge on the row and a sentence in the panel, and both go again, without a reload."""
    fleet = yard.fleet
    fleet.start_serve()
    fleet.start_worker("--patience", "0.03", docker=yard.engine.path, registry="registry.test/")
    server, container = yard.create()
    name = fleet.show(server)["name"]
    page = open_page(fleet)
    wait_status(page, name, "running")
    page.click(f"{row(name)} .name")

    def restarted():
        yard.engine.die(container, oom=True)
        return "restarting" in fleet.show(server)["remarks"]

    wait_for("the engine to have restarted it a few times", restarted)
    page.wait(f"{row(name)} .mark[data-remark='restarting'][data-tone='bad']")
    page.wait(f"{row(name)} .mark[data-remark='oom_killed']")
    page.wait(".panel .notice.bad:has-text('the engine starts it again and again')")
    wait_status(page, name, "running")
    page.shoot("loop")
    page.wait(f"{row(name)} .mark[data-remark='restarting']", "detached")
    page.wait(f"{row(name)} .mark[data-remark='oom_killed']", "detached")
    assert page.run(IS_SAME)


@pytest.mark.bus("kafka")
def test_purge_asks_for_the_name(served, open_page):
    page, name = open_page(served), served.new_name()
    _, name = served.create(name)
    wait_status(page, name, "running")
    page.click(f"{row(name)} .name")
    page.click('.panel [data-choice="purge"]')
    assert page.run("document.querySelector('dialog .grave').disabled")
    page.fill("dialog input:not([type=checkbox])", name + "x")
    assert page.run("document.querySelector('dialog .grave').disabled")
    page.fill("dialog input:not([type=checkbox])", name)
    page.click("dialog .grave")
    page.wait(row(name), "detached")
    assert not (served.data_root / name).exists()


@pytest.mark.bus("kafka")
def test_a_viewers_page_has_no_buttons(served, open_page):
    _, name = served.create()
    page = open_page(served, role="viewer")
    wait_status(page, name, "running")
    page.click(f"{row(name)} .name")
    page.wait(".panel")
    buttons = page.run("""[...document.querySelectorAll("main button:not(.name, .chips button)")]
        .filter((button) => button.checkVisibility()).map((button) => button.innerText.trim() || button.ariaLabel)""")
    assert set(buttons) <= {"Close", "Older"}
    page.shoot("viewer")

    served.engine.remove(served.container_name(name))
    wait_status(page, name, "missing")
    assert page.count("[data-choice]") == 0


@pytest.mark.bus("kafka")
def test_a_broken_connection_heals_by_itself(served, open_page):
    _, name = served.create()
    page = open_page(served)
    page.forgive("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET",
                 "ERR_EMPTY_RESPONSE", "Failed to load resource")
    wait_status(page, name, "running")
    served.processes[-1].stop()
    page.wait('#link[data-link="reconnecting"]')
    page.shoot("reconnecting")
    served.engine.remove(served.container_name(name))

    served.start_serve(port=served.http_port)
    page.wait('#link[data-link="live"]')
    wait_status(page, name, "missing")
    page.click(button(name, "start"))
    wait_status(page, name, "running")
    assert page.run(IS_SAME)


@pytest.mark.bus("kafka")
def test_what_is_wrong_is_said_at_its_field(served, open_page):
    page, name = open_page(served), served.new_name()
    wrong = 'dialog .field:has(label:text-is("{}")) .wrong:not(:empty)'
    served.create(name)
    page.wait(row(name))
    page.click("text=Create a server")
    page.call("selectOption", 'dialog .field:has(label:text-is("Agent")) select', served.agent)
    page.fill('dialog .field:has(label:text-is("Name")) input', "a/b")
    page.fill('dialog .field:has(label:text-is("Game port")) input', "70000")
    page.click('dialog button:text-is("Create")')
    page.wait(wrong.format("Name"))
    page.wait(wrong.format("Game port"))
    assert page.run("document.activeElement.getAttribute('aria-invalid')") == "true"
    page.shoot("form")

    page.fill('dialog .field:has(label:text-is("Name")) input', name)
    page.fill('dialog .field:has(label:text-is("Game port")) input', str(Ports.take()))
    page.forgive("status of 4")
    page.click('dialog button:text-is("Create")')
    page.wait("dialog .notice.bad:not([hidden]), " + wrong.format("Name"))
    assert name in page.text("dialog")


@pytest.mark.bus("kafka")
def test_a_changed_record_shows_drift_until_a_rebuild(served, open_page):
    page, name = open_page(served), served.new_name()
    served.create(name)
    page.click(f"{row(name)} .name")
    page.click("text=Edit the record")
    page.click("dialog >> text=Add a variable")
    page.fill("dialog .pair input >> nth=0", "MAX_PLAYERS")
    page.fill("dialog .pair input >> nth=1", "32")
    page.click("dialog button:text-is('Save')")
    page.wait(f"{row(name)} .mark:text-is('drift')")
    page.wait(".panel .notice:has-text('Rebuild applies it')")
    page.click('.panel [data-choice="rebuild"]')
    page.click("dialog .first")
    page.wait(f"{row(name)} .mark:text-is('drift')", "detached")
    wait_status(page, name, "running")
    assert "MAX_PLAYERS=32" in served.engine.inspect(served.container_name(name))["Config"]["Env"]


@pytest.mark.bus("kafka")
def test_the_timeline_shows_what_was_missing_when(served, open_page):
    page = open_page(served)
    _, name = served.create()
    wait_status(page, name, "running")
    lose(served, page, name)
    page.click(button(name, "start"))
    wait_status(page, name, "running")
    page.click('nav a:text-is("Timeline")')
    page.wait('.timeline .span[data-status="missing"]')
    page.click("summary:text-is('As a table')")
    words = page.text("table")
    for said in ("Missing", "Running", "Started"):
        assert said in words
    page.shoot("timeline")


@pytest.mark.bus("kafka")
def test_a_found_container_is_adopted(served, open_page):
    page, name = open_page(served), served.new_name()
    container = served.container_name(name)
    served.engine.client.images.pull(*served.image.rsplit(":", 1))
    ports = sorted([Ports.take(), Ports.take()])
    served.engine.client.containers.run(served.image, name=container, detach=True, environment={"MOTD": "x"},
                                        ports={f"{port}/udp": port for port in ports})
    served.run("sync", served.agent, "--wait")
    page.click('nav a:text-is("Unmanaged")')
    page.click(f'[aria-label="Adopt {container}"]')
    page.fill('dialog .field:has(label:text-is("RCON port")) input', str(Ports.take()))
    page.shoot("adopt")
    page.click("dialog button:text-is('Adopt')")
    page.wait("dialog", "detached")
    page.click('nav a:text-is("Servers")')
    wait_status(page, name, "running")
    page.wait(f"{row(name)} .mark:text-is('drift')")
    page.click(f"{row(name)} .name")
    page.wait(".panel .notice:has-text('a rebuild would drop MOTD')")
    server = next(each for each in served.json("server", "list") if each["name"] == name)
    assert [server["game_port"], server["udp_port"]] == ports


# --- What needs no engine -------------------------------------------------------------------------

NAMELESS = """[...document.querySelectorAll("button, a, input, select, summary")]
    .filter((each) => each.checkVisibility())
    .filter((each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length))
    .map((each) => each.outerHTML)"""


PORT_FIELDS = """[...document.querySelectorAll("dialog .field label")]
    .filter((label) => label.checkVisibility()).map((label) => label.innerText).filter((text) => text.endsWith("port"))"""


def shoot_all(page, name):
    for narrow in (False, True):
        for dark in (False, True):
            page.look(dark, narrow)
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
            page.shoot(f"{name}-{'dark' if dark else 'light'}-{'narrow' if narrow else 'wide'}")


def fill_ledger(fleet, servers, agents):
    subprocess.run([str(BUILD / "tests" / "bench" / "make_ledger"), str(fleet.ledger), str(servers), str(agents)], check=True,
                   stdout=subprocess.DEVNULL)


@pytest.mark.bus("sqlite")
@pytest.mark.parametrize("servers", [0, 5, 2000])
def test_fleets_of_any_size(empty_fleet, open_page, servers):
    if servers:
        fill_ledger(empty_fleet, servers, min(servers, 4))
    empty_fleet.start_serve()
    page = open_page(empty_fleet)
    page.wait(".row >> nth=0" if servers else ".empty >> text=No agents yet")
    assert page.count(".row") == servers
    assert page.run(NAMELESS) == []
    shoot_all(page, f"{servers}-servers")
    page.click('nav a:text-is("Timeline")')
    page.wait("figure.timeline > *")
    shoot_all(page, f"{servers}-timeline")


@pytest.mark.bus("sqlite")
def test_of_2000_rows_only_the_changed_one_is_drawn(bare_fleet, open_page):
    fill_ledger(bare_fleet, 2000, 4)
    bare_fleet.start_serve()
    server, name = bare_fleet.create(wait=False, image="registry.test/game")
    page = open_page(bare_fleet)
    page.wait(row(name))
    wait_for("all rows", lambda: page.count(".row .badge") == page.count(".row"))
    page.run("""new Promise((done) => requestIdleCallback(() => {
        window.changed = new Set();
        new MutationObserver((list) => {
            for (const { target } of list) {
                const row = (target.closest ? target : target.parentElement)?.closest(".row");
                if (row && !target.closest?.("time"))
                    changed.add(row.dataset.server);
            }
        }).observe(document.querySelector(".list"), { subtree: true, childList: true, attributes: true });
        done();
    }))""")
    bare_fleet.run("server", "set", server, "--image-tag", "another")
    page.wait(f'[data-server="{server}"] >> text=another')
    assert page.run("[...changed]") == [server]


@pytest.mark.bus("sqlite")
def test_the_form_has_the_fields_of_the_game(bare_fleet, open_page):
    bare_fleet.start_serve()
    page, name = open_page(bare_fleet), bare_fleet.new_name()
    page.click("text=Create a server")
    assert page.run(PORT_FIELDS) == ["Game port", "Second UDP port", "RCON port"]
    page.call("selectOption", 'dialog .field:has(label:text-is("Game")) select', "minecraft")
    assert page.run(PORT_FIELDS) == ["Game port"]
    page.fill('dialog .field:has(label:text-is("Name")) input', name)
    page.fill('dialog .field:has(label:text-is("Image")) input', "registry.test/minecraft")
    page.click('dialog button:text-is("Create")')
    wait_status(page, name, "creating")
    assert bare_fleet.show(f"{bare_fleet.agent_name}/{name}")["profile"] == "minecraft"


@pytest.mark.bus("sqlite")
def test_the_page_by_keyboard(empty_fleet, open_page):
    fill_ledger(empty_fleet, 5, 1)
    empty_fleet.start_serve()
    page = open_page(empty_fleet)
    page.wait(".row")
    focused = "document.activeElement.closest('.row')?.dataset.server ?? document.activeElement.className"
    page.call("keyboard.press", "/")
    assert page.run(focused) == "search"
    page.call("focus", ".row >> nth=0 >> .name")
    page.call("keyboard.press", "ArrowDown")
    second = page.run("document.querySelectorAll('.row')[1].dataset.server")
    assert page.run(focused) == second
    page.call("keyboard.press", "Enter")
    page.wait(".panel")
    assert page.run("document.activeElement.id") == "panel-title"
    page.call("keyboard.press", "Escape")
    page.wait(".panel", "hidden")
    assert page.run(focused) == second


@pytest.mark.bus("sqlite")
def test_signing_in_and_out(empty_fleet, open_page):
    empty_fleet.start_serve()
    page = open_page(empty_fleet)
    assert "token" not in page.run("location.href"), "the token stands in the address"
    page.click("#leave")
    page.forgive("status of 401")
    page.fill("form input", "no-such-token")
    page.click("form .first")
    page.wait(".wrong:has-text('No such token')")
    token = empty_fleet.json("token", "add", "--role", "viewer", "--name", "vera")
    page.fill("form input", token["token"])
    page.click("form .first")
    page.wait("#who:has-text('vera, viewer')")
    empty_fleet.run("token", "revoke", "vera")
    page.click('nav a:text-is("Timeline")')
    page.wait("form .notice:has-text('revoked')")
