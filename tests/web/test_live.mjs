/* live.js, stream.js: lists and stream together, and what happens when the stream breaks. */
import assert from "node:assert/strict";
import test from "node:test";

Object.assign(globalThis, {
    addEventListener() {},
    removeEventListener() {},
    document: { addEventListener() {}, removeEventListener() {} },
});
const { goLive } = await import("../../producer/web/live.js");

const say = (event, data, id = "") =>
    `${id && `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const hello = (resumed) => say("hello", { resumed }, "0");

/* A control plane with one agent; each stream that is opened says the next of `streams`. */
function fake(streams) {
    const api = { lists: 0, opened: [], gate: Promise.resolve(), online: true };
    const gone = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve));
    api.agents = async () => [{ id: "a", online: api.online }];
    api.servers = async () => {
        await api.gate;
        return [{ id: "s", status: `list ${++api.lists}` }];
    };
    api.events = async (lastId, signal) => {
        api.opened.push(lastId);
        const text = streams.shift();
        const body = new ReadableStream({
            async start(controller) {
                controller.enqueue(new TextEncoder().encode(text ?? hello(true)));
                if (text === undefined || streams.length === 0) await gone(signal);
                controller.close();
            },
        });
        return new Response(body);
    };
    return api;
}

/* Runs it until `enough(messages)`; the messages but those about the link. */
async function run(api, enough) {
    const messages = [];
    let wake;
    const done = new Promise((resolve) => (wake = resolve));
    const live = goLive(api, (news) => {
        messages.push(...news);
        if (enough(messages)) wake();
    });
    await done;
    live.stop();
    return messages;
}

const has =
    (type, count = 1) =>
    (messages) =>
        messages.filter((message) => message.type === type).length >= count;

test("what comes while the lists are fetched lies on top of them", async () => {
    const api = fake([hello(false) + say("server", { id: "early" }, "1"), hello(true)]);
    let open;
    api.gate = new Promise((resolve) => (open = resolve));
    setTimeout(() => open(), 50);
    const messages = await run(api, has("lists"));
    assert.ok(messages.some(({ type, row }) => type === "server" && row.id === "early"));
    assert.equal(api.lists, 1);
});

test("a stream that breaks goes on behind the last that came, and fetches nothing again", async () => {
    const api = fake([
        hello(false) + say("server", { id: "s" }, "7"),
        say("server", { id: "t" }, "8"),
    ]);
    const messages = await run(api, (list) => has("server", 2)(list) && has("lists")(list));
    assert.deepEqual(api.opened.slice(0, 2), ["", "7"]);
    assert.equal(api.lists, 1);
    assert.deepEqual(
        messages.filter(({ type }) => type === "link").map(({ link }) => link),
        ["connecting", "live", "reconnecting", "live"],
    );
});

test("a stream that cannot go on has the lists fetched again", async () => {
    const api = fake([hello(false), say("reset", {}, "9")]);
    await run(api, has("lists", 2));
    assert.equal(api.lists, 2);
});

test("an agent that comes or goes changes what is shown of its servers", async () => {
    const api = fake([hello(false), hello(true) + say("agent", { id: "a", online: false }, "2")]);
    await run(api, has("lists", 2));
    assert.equal(api.lists, 2);
});

test("a token that is no longer one ends it", async () => {
    const api = fake([]);
    api.events = async () => {
        api.opened.push("");
        throw Object.assign(new Error("no"), { status: 401 });
    };
    const live = goLive(api, () => {});
    await new Promise((resolve) => setTimeout(resolve, 900));
    live.stop();
    assert.equal(api.opened.length, 1);
});
