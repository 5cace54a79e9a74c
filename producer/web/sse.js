/*
 * sse.js - the text of an event stream, taken apart.
 *
 * Pure: text goes in as it comes, in pieces of any size; whole messages come out.  Follows the
 * HTML standard, "Interpreting an event stream"; `id` is that of the last message that had one.
 */

const MOST = 4 * 1024 * 1024; // characters of one message: a server that sends more is broken

export function sseParser() {
    let rest = "";
    let fields = null;
    let lastId = "";
    let retry = null;

    function line(text) {
        if (text === "") return end();
        if (text.startsWith(":")) return null;
        const colon = text.indexOf(":");
        const name = colon < 0 ? text : text.slice(0, colon);
        const value = colon < 0 ? "" : text.slice(colon + (text[colon + 1] === " " ? 2 : 1));
        take(name, value);
        return null;
    }

    function take(name, value) {
        fields ??= { event: "message", data: [] };
        if (name === "event") fields.event = value;
        else if (name === "data") fields.data.push(value);
        else if (name === "id" && !value.includes("\0")) lastId = value;
        else if (name === "retry" && /^\d+$/.test(value)) retry = Number(value);
    }

    function end() {
        const done = fields;
        fields = null;
        return done?.data.length
            ? { event: done.event, data: done.data.join("\n"), id: lastId }
            : null;
    }

    return {
        /* The messages that `text` completes. */
        feed(text) {
            const messages = [];
            rest += text;
            const lines = rest.split(/\r\n|\n|\r(?=[^\n])/); // a \r at the end may be half of \r\n
            rest = lines.pop();
            if (rest.length > MOST)
                throw new RangeError("the event stream sends a line without end");
            for (const each of lines) {
                const message = line(each);
                if (message) messages.push(message);
            }
            return messages;
        },
        /* What the stream asks to wait before the next try, in ms, or null. */
        retry: () => retry,
    };
}
