/* actions.js: the buttons of each status, and what is asked before. */
import assert from "node:assert/strict";
import test from "node:test";
import { buttonsOf, questionOf, rowButtonsOf } from "../../producer/web/actions.js";

const ALL = [
    "create",
    "start",
    "stop",
    "restart",
    "rebuild",
    "recreate",
    "restore",
    "delete",
    "purge",
    "cancel",
];
const may = new Set(ALL.map((action) => `${action}Server`));
const server = (status, more) => ({
    name: "alpha",
    status,
    container_status: status === "running" ? "running" : "absent",
    actions: ALL,
    open: [],
    data_exists: true,
    needs_fresh: false,
    data_dir: "/srv/alpha",
    ...more,
});
const choices = (buttons) => buttons.map(({ choice }) => choice);

const BUTTONS = {
    running: ["stop", "restart", "rebuild", "delete", "purge"],
    stopped: ["start", "rebuild", "delete", "purge"],
    missing: ["start", "rebuild", "recreate", "delete", "purge"],
    failed: ["start", "rebuild", "delete", "purge"],
    deleted: ["restore", "restore_start", "purge"],
    creating: ["cancel"],
    purged: [],
};
for (const [status, wanted] of Object.entries(BUTTONS))
    test(`${status}: ${wanted.join(", ") || "no button"}`, () =>
        assert.deepEqual(choices(buttonsOf(server(status), may)), wanted));

test("only what the control plane allows", () => {
    assert.deepEqual(choices(buttonsOf(server("missing", { actions: ["start"] }), may)), ["start"]);
});

test("a viewer has none, an operator none that only admins have", () => {
    const operator = new Set([...may].filter((each) => !/^(delete|purge|restore)/.test(each)));
    for (const status of Object.keys(BUTTONS))
        assert.deepEqual(buttonsOf(server(status), new Set()), []);
    assert.deepEqual(choices(buttonsOf(server("missing"), operator)), [
        "start",
        "rebuild",
        "recreate",
    ]);
    assert.deepEqual(choices(buttonsOf(server("deleted"), operator)), []);
});

test("an open command can be cancelled in any status", () => {
    const open = [{ command_id: "c", action: "stop" }];
    assert.ok(choices(buttonsOf(server("running", { open }), may)).includes("cancel"));
});

test("a row has the likeliest few", () => {
    assert.deepEqual(choices(rowButtonsOf(server("running"), may)), ["stop", "restart", "rebuild"]);
    assert.deepEqual(choices(rowButtonsOf(server("missing"), may)), ["start", "rebuild", "delete"]);
    assert.deepEqual(choices(rowButtonsOf(server("deleted"), may)), [
        "restore",
        "restore_start",
        "purge",
    ]);
});

test("nothing is asked where nothing can be lost", () => {
    for (const [action, status] of [
        ["start", "missing"],
        ["start", "stopped"],
        ["rebuild", "missing"],
        ["recreate", "missing"],
        ["restore", "deleted"],
        ["cancel", "creating"],
    ])
        assert.equal(questionOf(action, server(status)), null, `${action} of a ${status} one`);
});

test("a running game is not ended without a question, and may be ended without saving", () => {
    for (const action of ["stop", "restart", "rebuild", "delete", "purge"])
        assert.equal(questionOf(action, server("running")).save, true, action);
});

test("purge has the name typed", () => {
    const question = questionOf("purge", server("deleted"));
    assert.equal(question.typed, "alpha");
    assert.match(question.lines.join(" "), /\/srv\/alpha/);
});

test("new data is begun with only after a question", () => {
    for (const action of ["start", "rebuild", "recreate", "restore"])
        assert.equal(
            questionOf(action, server("missing", { needs_fresh: true, data_exists: false })).fresh,
            true,
            action,
        );
    assert.ok(!questionOf("delete", server("missing", { needs_fresh: true })).fresh);
});
