/* store.js: what the page knows, message by message. */
import assert from "node:assert/strict";
import test from "node:test";
import { emptyState, reduceAll } from "../../producer/web/store.js";

const row = (id, status, open = []) => ({ id, agent_id: "a", name: id, status, open });
const agent = { id: "a", name: "host" };
const lists = (...servers) => ({ type: "lists", agents: [agent], servers });
const result = (id, outcome, command = "c1", message = "") => ({
    type: "log",
    event: {
        event_id: `${id}-${outcome}-${message}`,
        server_id: id,
        cause: { command_id: command, action: "start" },
        body: { type: "Result", outcome, message },
    },
});
const opened = [{ command_id: "c1", action: "start" }];

test("a row that says the same stays the same object over a reload", () => {
    const first = reduceAll(emptyState, [lists(row("x", "running"), row("y", "running"))]);
    const second = reduceAll(first, [lists(row("x", "running"), row("y", "missing"))]);
    assert.equal(second.servers.get("x"), first.servers.get("x"));
    assert.equal(second.servers.get("y").status, "missing");
});

test("what is not in the lists any more is gone", () => {
    const state = reduceAll(emptyState, [
        lists(row("x", "running"), row("y", "running")),
        lists(row("y", "running")),
    ]);
    assert.deepEqual([...state.servers.keys()], ["y"]);
});

test("a row's news changes that row alone", () => {
    const first = reduceAll(emptyState, [lists(row("x", "running"), row("y", "running"))]);
    const second = reduceAll(first, [{ type: "server", row: row("x", "missing") }]);
    assert.equal(second.servers.get("x").status, "missing");
    assert.equal(second.servers.get("y"), first.servers.get("y"));
    assert.equal(second.agents, first.agents);
    assert.equal(first.servers.get("x").status, "running");
});

test("progress is shown until the command ends", () => {
    const begun = reduceAll(emptyState, [
        lists(row("x", "creating", opened)),
        result("x", "accepted"),
        result("x", "progress", "c1", "pull: 1 of 2 layers"),
    ]);
    assert.deepEqual(begun.progress.get("x"), {
        command_id: "c1",
        action: "start",
        text: "pull: 1 of 2 layers",
    });
    assert.equal(reduceAll(begun, [result("x", "done")]).progress.size, 0);
});

test("another command's end does not end it", () => {
    const begun = reduceAll(emptyState, [
        lists(row("x", "creating", opened)),
        result("x", "progress"),
    ]);
    assert.equal(reduceAll(begun, [result("x", "done", "c0")]).progress.size, 1);
});

test("nothing is under way where no command is open: the end was missed", () => {
    const begun = reduceAll(emptyState, [
        lists(row("x", "creating", opened)),
        result("x", "progress"),
    ]);
    assert.equal(reduceAll(begun, [{ type: "server", row: row("x", "running") }]).progress.size, 0);
    assert.equal(reduceAll(begun, [lists(row("x", "running"))]).progress.size, 0);
});

test("history: what comes is put on top once, pages below", () => {
    const news = result("x", "done");
    const state = reduceAll(emptyState, [
        lists(row("x", "running")),
        { type: "historyBegun", id: "x" },
        news,
        news,
        { type: "historyCame", id: "x", events: [news.event, { event_id: "old" }], next: "/more" },
    ]);
    assert.deepEqual(
        state.history.events.map((event) => event.event_id),
        [news.event.event_id, "old"],
    );
    assert.equal(state.history.next, "/more");
    assert.equal(state.history.loading, false);
});

test("a page of a history that is not shown any more is dropped", () => {
    const state = reduceAll(emptyState, [
        { type: "historyBegun", id: "x" },
        { type: "historyCame", id: "y", events: [{ event_id: "e" }], next: null },
    ]);
    assert.deepEqual(state.history.events, []);
});

test("who signs out leaves nothing behind", () => {
    const state = reduceAll(emptyState, [
        lists(row("x", "running")),
        { type: "signedIn", me: { name: "anna" }, profiles: [] },
        { type: "signedOut" },
    ]);
    assert.equal(state, emptyState);
});

test("what it does not know changes nothing", () => {
    assert.equal(reduceAll(emptyState, [{ type: "weather" }]), emptyState);
});
