/*
 * timeline.js - where everything stands in the picture of the fleet.
 *
 * Pure: spans and commands go in, coordinates and words come out; view-timeline.js draws them.
 */
import { actionWords, resultWords, spanWords, statusWords, timeWords } from "./words.js";

const LABEL = 190;
const LABEL_NARROW = 104;
const NARROW = 640;
const LANE = 22;
const TOP = 26;

export const RANGES = [
    ["15 min", 15 * 60e3],
    ["1 hour", 3600e3],
    ["6 hours", 6 * 3600e3],
    ["24 hours", 24 * 3600e3],
    ["7 days", 7 * 86400e3],
];

/* Distances of the marks on the axis. */
const STEPS = [1e3, 5e3, 15e3, 60e3, 5 * 60e3, 15 * 60e3, 3600e3, 3 * 3600e3, 12 * 3600e3, 86400e3];
const MARK_WIDTH = 100;

function axisOf(since, until, x, width) {
    const most = Math.max(2, Math.floor(width / MARK_WIDTH));
    const step = STEPS.find((each) => (until - since) / each <= most) ?? STEPS.at(-1);
    const offset = new Date(since).getTimezoneOffset() * 60e3;
    const first = Math.ceil((since - offset) / step) * step + offset;
    const format =
        step >= 86400e3
            ? { month: "short", day: "numeric" }
            : { hour: "2-digit", minute: "2-digit", ...(step < 60e3 && { second: "2-digit" }) };
    const marks = [];
    for (let at = first; at <= until; at += step)
        marks.push({ x: x(at), label: new Date(at).toLocaleString([], format) });
    return marks;
}

/* Servers in which something has changed come first, then those that need somebody. */
const URGENCY = ["missing", "failed", "unknown", "rebuilding", "creating", "deleting"];

function rank(lane) {
    const last = URGENCY.indexOf(lane.spans.at(-1)?.status);
    return [last < 0 ? URGENCY.length : last, -(lane.spans.length + lane.ticks.length)];
}

function byRank(a, b) {
    const [x, y] = [rank(a), rank(b)];
    return x[0] - y[0] || x[1] - y[1] || a.name.localeCompare(b.name, "en", { numeric: true });
}

function collect(spans, commands, nameOf) {
    const lanes = new Map();
    const lane = (id) => {
        const name = nameOf(id);
        if (name !== null && !lanes.has(id)) lanes.set(id, { id, name, spans: [], ticks: [] });
        return lanes.get(id);
    };
    for (const span of spans) lane(span.server_id)?.spans.push(span);
    for (const command of commands)
        if (command.server_id) lane(command.server_id)?.ticks.push(command);
    return [...lanes.values()];
}

function place(span, since, until, x) {
    const from = Math.max(span.from_at, since);
    const to = Math.min(span.until_at ?? until, until);
    const { word, tone } = statusWords(span.status);
    return {
        status: span.status,
        tone,
        word,
        from: span.from_at,
        until: span.until_at,
        x: x(from),
        width: Math.max(1.5, x(to) - x(from)),
        title: `${word} for ${spanWords((span.until_at ?? until) - span.from_at)}, since ${timeWords(span.from_at)}`,
    };
}

function mark(command, x) {
    return {
        x: x(command.issued_at),
        trouble: ["failed", "rejected", "expired"].includes(command.outcome),
        command,
        title: `${timeWords(command.issued_at)}, ${command.actor}: ${command.finished_at ? resultWords(command) : `${actionWords(command.action).word} asked for`}`,
    };
}

const EMPTY_PART = 0.03; // of the picture, before the first thing in it

/* Where the picture begins: `since`, or shortly before the first thing that is known. */
export function begin(spans, commands, since, until) {
    const first = Math.min(
        until - 1000,
        ...spans.map(({ from_at }) => from_at),
        ...commands.map(({ issued_at }) => issued_at),
    );
    return Math.max(since, first - (until - first) * EMPTY_PART);
}

/*
 * { width, height, axis, lanes: [{ id, name, y, spans, ticks }], left } of at most `most` lanes.
 * `nameOf(serverId)` is null for a server that is not to be shown; `width` is in pixels.
 */
export function layout({ spans, commands, nameOf, since, until, most, width }) {
    const left = width < NARROW ? LABEL_NARROW : LABEL;
    const room = Math.max(width - left - 10, 1);
    const x = (at) => left + ((at - since) / (until - since)) * room;
    const all = collect(
        spans,
        commands.filter(({ issued_at }) => issued_at >= since),
        nameOf,
    ).sort(byRank);
    const lanes = all.slice(0, most).map((lane, i) => ({
        id: lane.id,
        name: lane.name,
        y: TOP + i * LANE,
        spans: lane.spans
            .filter((span) => (span.until_at ?? until) >= since)
            .map((span) => place(span, since, until, x)),
        ticks: lane.ticks.map((command) => mark(command, x)),
    }));
    return {
        width,
        height: TOP + lanes.length * LANE + 6,
        lane: LANE,
        left,
        axis: axisOf(since, until, x, room),
        lanes,
        more: all.length - lanes.length,
    };
}

/* "12 servers; 2 are missing now: alpha, beta." - the picture in a sentence. */
export function summaryOf({ lanes, more }) {
    const missing = lanes
        .filter((lane) => lane.spans.at(-1)?.status === "missing")
        .map(({ name }) => name);
    const count = lanes.length + more;
    const servers = `${count} ${count === 1 ? "server" : "servers"} in the picture`;
    if (!missing.length) return `${servers}; none of those shown is missing now.`;
    return `${servers}; missing now: ${missing.slice(0, 10).join(", ")}${missing.length > 10 ? `, and ${missing.length - 10} more` : ""}.`;
}
