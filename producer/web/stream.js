/*
 * stream.js - the control plane's event stream, kept up.
 *
 * Through fetch, since EventSource can send no Authorization.  A stream that breaks, or says
 * nothing for longer than its heartbeats allow, is opened again from the last event that came,
 * after a wait that grows; coming back to a page or a network shortens it.
 */
import { retryDelay } from "./retry.js";
import { sseParser } from "./sse.js";

const SILENCE_MS = 45000; // the control plane sends a comment far more often than this

/* Feeds what comes to `listener.messages(list)`; resolves at the end of the stream. */
async function readStream(response, listener, alive) {
    const parser = sseParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        alive();
        const messages = parser.feed(value);
        if (messages.length) listener.messages(messages);
    }
}

/* An AbortController that gives up when `alive` was not called for so long. */
function watchdog() {
    const controller = new AbortController();
    let timer = 0;
    const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => controller.abort(), SILENCE_MS);
    };
    alive();
    return { controller, alive, stop: () => clearTimeout(timer) };
}

/*
 * `open(lastId, signal)` makes the request and resolves to a Response that is ok, or throws;
 * an error with `final` ends it all.  `listener`: opened(lastId), messages(list), broken(ms).
 */
export function keepStream(open, listener) {
    let lastId = "";
    let attempt = 0;
    let stopped = false;
    let wake = () => {};
    let current = null;

    async function once() {
        const dog = (current = watchdog());
        try {
            const response = await open(lastId, dog.controller.signal);
            attempt = 0;
            await listener.opened(lastId);
            await readStream(response, { messages }, dog.alive);
        } finally {
            dog.stop();
            dog.controller.abort();
        }
    }

    function messages(list) {
        lastId = list.at(-1).id || lastId;
        listener.messages(list);
    }

    async function run() {
        while (!stopped) {
            try {
                await once();
            } catch (error) {
                if (error.final) return;
            }
            if (!stopped) await pause();
        }
    }

    function pause() {
        const ms = retryDelay(++attempt, Math.random());
        listener.broken(ms);
        return new Promise((resolve) => {
            wake = resolve;
            setTimeout(resolve, ms);
        });
    }

    const hurry = () => document.visibilityState === "visible" && wake();
    addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    run();
    return {
        stop() {
            stopped = true;
            removeEventListener("online", hurry);
            document.removeEventListener("visibilitychange", hurry);
            current?.controller.abort();
            wake();
        },
        /* Forgets where it was: what follows is to be read anew. */
        rewind() {
            lastId = "";
        },
    };
}
