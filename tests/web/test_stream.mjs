/* sse.js, retry.js, live.js: the stream of events. */
import assert from "node:assert/strict";
import test from "node:test";
import { asksForLists, toStore } from "../../producer/web/live.js";
import { retryDelay } from "../../producer/web/retry.js";
import { sseParser } from "../../producer/web/sse.js";

const STREAM =
    "\ufeffid: 1\nevent: hello\ndata: {}\n\n: still here\n\ndata: a\ndata:b\nid: 2\n\nevent: lost\n\nid\ndata: x\r\n\r\n";
const MESSAGES = [
    { event: "hello", data: "{}", id: "1" },
    { event: "message", data: "a\nb", id: "2" },
    { event: "message", data: "x", id: "" },
];

test("messages are the same in pieces of any size", () => {
    const text = STREAM.slice(1); // the decoder of the browser takes the mark away
    for (let size = 1; size <= text.length; size++) {
        const parser = sseParser();
        const found = [];
        for (let at = 0; at < text.length; at += size)
            found.push(...parser.feed(text.slice(at, at + size)));
        assert.deepEqual(found, MESSAGES, `in pieces of ${size}`);
    }
});

test("a message that is not whole is not one", () => {
    const parser = sseParser();
    assert.deepEqual(parser.feed("data: half\n"), []);
    assert.deepEqual(parser.feed("\n"), [{ event: "message", data: "half", id: "" }]);
});

test("a line without end is refused, not kept", () => {
    const parser = sseParser();
    assert.throws(() => {
        for (let i = 0; i < 10; i++) parser.feed("x".repeat(1024 * 1024));
    }, RangeError);
});

test("the waits grow, end somewhere, and differ from page to page", () => {
    const mean = [1, 2, 3, 4, 5, 6, 50].map((attempt) => retryDelay(attempt, 0.5));
    assert.deepEqual(
        [...mean].sort((a, b) => a - b),
        mean,
    );
    assert.ok(retryDelay(1000, 0.999) <= 15000);
    assert.ok(retryDelay(1, 0) >= 200);
    assert.notEqual(retryDelay(3, 0.1), retryDelay(3, 0.9));
});

test("only a stream that does not go on asks for the lists", () => {
    assert.ok(asksForLists({ event: "hello", data: '{"resumed":false}' }));
    assert.ok(!asksForLists({ event: "hello", data: '{"resumed":true}' }));
    assert.ok(asksForLists({ event: "reset", data: "{}" }));
    assert.ok(!asksForLists({ event: "server", data: "{}" }));
});

test("what a newer control plane sends is passed over", () => {
    assert.deepEqual(toStore({ event: "weather", data: "not even JSON" }), []);
    assert.deepEqual(toStore({ event: "server", data: '{"id":"a"}' }), [
        { type: "server", row: { id: "a" } },
    ]);
});
