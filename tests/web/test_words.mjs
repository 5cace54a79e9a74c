/* words.js, history.js: what people read. */
import assert from "node:assert/strict";
import test from "node:test";
import { eventWords, fractionOf } from "../../producer/web/history.js";
import {
    agoWords,
    lastWords,
    plural,
    resultWords,
    spanWords,
    statusWords,
} from "../../producer/web/words.js";

test("every status differs in word and in colour or symbol", () => {
    const looks = ["running", "stopped", "missing", "failed", "unknown", "creating", "deleted"].map(
        (status) => statusWords(status),
    );
    assert.equal(new Set(looks.map(({ word }) => word)).size, looks.length);
    assert.equal(new Set(looks.map(({ icon }) => icon)).size, looks.length);
});

test("a status of a newer control plane is shown as it came", () => {
    assert.deepEqual(statusWords("half_asleep"), {
        word: "Half asleep",
        icon: "unknown",
        tone: "odd",
    });
});

const RESULTS = [
    [{ action: "start", outcome: "done", message: "started" }, "Started."],
    [{ action: "start", outcome: "accepted", message: "begun" }, "Starting…"],
    [{ action: "start", outcome: "done", message: "" }, "Started."],
    [
        { action: "start", outcome: "done", message: "", already: true },
        "Started: nothing had to be done.",
    ],
    [
        { action: "start", outcome: "done", message: "", recovered: true },
        "Started: the container was made again.",
    ],
    [
        { action: "stop", outcome: "done", message: "there is no container" },
        "Stopped: there is no container.",
    ],
    [
        { action: "create", outcome: "failed", message: "port 16261 is taken" },
        "Create failed: port 16261 is taken.",
    ],
    [
        { action: "rebuild", outcome: "failed", message: "no such image", rolled_back: true },
        "Rebuild failed: no such image. The old container is back.",
    ],
    [{ action: "purge", outcome: "rejected", message: "" }, "Purge was refused by the host."],
    [
        { action: "create", outcome: "progress", message: "pull: 1 of 2 layers" },
        "Creating: pull: 1 of 2 layers…",
    ],
    [{ action: "hibernate", outcome: "done", message: "" }, "Hibernate done."],
];
for (const [result, words] of RESULTS)
    test(`a result in words: ${words}`, () => assert.equal(resultWords(result), words));

test("a server without a result says nothing of one", () => {
    assert.equal(lastWords({ last_outcome: "", last_action: "", last_message: "" }), "");
});

test("spans and times", () => {
    assert.equal(spanWords(999), "1 s");
    assert.equal(spanWords(61e3), "1 min");
    assert.equal(spanWords(25 * 3600e3), "1 d");
    assert.equal(agoWords(null, 5), "");
    assert.equal(agoWords(1000, 2000), "just now");
    assert.equal(agoWords(1000, 2000 + 3600e3), "1 h ago");
    assert.equal(plural(1, "server"), "1 server");
    assert.equal(plural(2000, "server"), "2,000 servers");
});

test("how far a pull is", () => {
    assert.equal(fractionOf("pull: 3 of 6 layers, 12.5 of 50.0 MB"), 0.25);
    assert.equal(fractionOf("pull: 3 of 6 layers"), 0.5);
    assert.equal(fractionOf("pull: 0 of 0 layers"), null);
    assert.equal(fractionOf(undefined), null);
});

const CAUSE = { action: "start", actor: "token:anna", command_id: "c" };
const EVENTS = [
    [
        { body: { type: "Record", kind: "command", reason: "players" }, cause: CAUSE },
        "calm",
        "Start was asked for by token:anna.",
    ],
    [
        { body: { type: "Record", kind: "server", actor: "cli:ann", changed: ["config.MAP"] } },
        "calm",
        "The record was changed by cli:ann.",
    ],
    [
        { body: { type: "Result", outcome: "done", message: "", steps: [] }, cause: CAUSE },
        "good",
        "Started.",
    ],
    [
        { body: { type: "Result", outcome: "failed", message: "no", steps: [] }, cause: CAUSE },
        "bad",
        "Start failed: no.",
    ],
    [
        { body: { type: "State", status: "absent", exit_code: null } },
        "bad",
        "The container is not there.",
    ],
    [
        { body: { type: "State", status: "exited", exit_code: 137, oom_killed: true } },
        "calm",
        "The container has ended.",
    ],
    [{ body: { type: "Prophecy" } }, "odd", "Something that this page does not know."],
];
for (const [event, tone, text] of EVENTS)
    test(`an event in words: ${text}`, () => {
        const words = eventWords(event);
        assert.equal(words.text, text);
        assert.equal(words.tone, tone);
    });

test("what was done stands below a result, step by step", () => {
    const body = {
        type: "Result",
        outcome: "failed",
        message: "",
        rolled_back: true,
        saved: true,
        steps: [
            { name: "pull", did: "done", ms: 41234, retries: 1 },
            { name: "create", did: "already", ms: 1, retries: 0 },
        ],
    };
    assert.deepEqual(eventWords({ body, cause: CAUSE }).more, [
        "the old container is back, the game was saved",
        "pull: done, 41 s, tried 2 times",
    ]);
});
