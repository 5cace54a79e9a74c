/*
 * timeline-picture.js - a laid-out timeline as SVG, and the same in a table.
 */
import { h, s } from "./dom.js";
import { summaryOf } from "./timeline.js";
import { resultWords, spanWords, statusWords, timeWords } from "./words.js";

const LETTER = 6.8; // how wide one is, about

const title = (text) => s("title", {}, text);

function hatch() {
    return s(
        "defs",
        {},
        s(
            "pattern",
            {
                id: "hatch",
                width: 7,
                height: 7,
                patternUnits: "userSpaceOnUse",
                patternTransform: "rotate(45)",
            },
            s("rect", { class: "hatch-ground", width: 7, height: 7 }),
            s("line", { class: "hatch-line", x1: 0, y1: 0, x2: 0, y2: 7 }),
        ),
    );
}

function drawLane(lane, height, left) {
    const most = Math.floor(left / LETTER) - 2;
    const name = lane.name.length > most ? `${lane.name.slice(0, most - 1)}…` : lane.name;
    return s(
        "g",
        {},
        s(
            "text",
            { class: "lane-name", x: left - 10, y: lane.y + height * 0.66, "text-anchor": "end" },
            name,
            title(lane.name),
        ),
        lane.spans.map((span) =>
            s(
                "rect",
                {
                    class: "span",
                    "data-status": span.status,
                    "data-tone": span.tone,
                    x: span.x,
                    y: lane.y + 4,
                    width: span.width,
                    height: height - 9,
                    rx: 2,
                },
                title(`${lane.name}: ${span.title}`),
            ),
        ),
        lane.ticks.map((tick) =>
            s(
                "path",
                {
                    class: tick.trouble ? "tick trouble" : "tick",
                    d: `M${tick.x} ${lane.y + 7}l-4 -7h8z`,
                },
                title(`${lane.name}: ${tick.title}`),
            ),
        ),
    );
}

export function draw(plan) {
    const svg = s(
        "svg",
        {
            viewBox: `0 0 ${plan.width} ${plan.height}`,
            role: "img",
            "aria-label": `Timeline. ${summaryOf(plan)} The table below says the same.`,
        },
        hatch(),
    );
    for (const { x, label } of plan.axis)
        svg.append(
            s("line", { class: "grid", x1: x, x2: x, y1: 18, y2: plan.height }),
            s("text", { x, y: 12, "text-anchor": "middle" }, label),
        );
    svg.append(...plan.lanes.map((lane) => drawLane(lane, plan.lane, plan.left)));
    return svg;
}

const KINDS = [
    ["running", "good"],
    ["stopped", "calm"],
    ["missing", "bad"],
    ["rebuilding", "busy"],
    ["deleted", "faint"],
];

export function legend() {
    const swatch = (status, tone) =>
        s(
            "svg",
            { class: "swatch", viewBox: "0 0 24 12", "aria-hidden": "true" },
            s("rect", {
                class: "span",
                "data-status": status,
                "data-tone": tone,
                width: 24,
                height: 12,
                rx: 2,
            }),
        );
    const words = { rebuilding: "Creating, rebuilding, deleting", missing: "Missing, failed" };
    return h(
        "div",
        { class: "timeline legend" },
        KINDS.map(([status, tone]) =>
            h("span", {}, swatch(status, tone), words[status] ?? statusWords(status).word),
        ),
        h(
            "span",
            {},
            s(
                "svg",
                { class: "swatch", viewBox: "0 0 24 12", "aria-hidden": "true" },
                s("path", { class: "tick", d: "M12 11l-6 -10h12z" }),
            ),
            "Command (red: failed)",
        ),
    );
}

/* The picture's text alternative. */
export function table(plan, until) {
    const rows = plan.lanes
        .flatMap((lane) => [
            ...lane.spans.map((span) => [
                span.from,
                [
                    lane.name,
                    span.word,
                    timeWords(span.from),
                    span.until ? timeWords(span.until) : "now",
                    spanWords((span.until ?? until) - span.from),
                ],
            ]),
            ...lane.ticks.map(({ command }) => [
                command.issued_at,
                [
                    lane.name,
                    command.finished_at ? resultWords(command) : `${command.action} asked for`,
                    timeWords(command.issued_at),
                    command.finished_at ? timeWords(command.finished_at) : "open",
                    command.actor,
                ],
            ]),
        ])
        .sort(([a], [b]) => b - a);
    return h(
        "div",
        { class: "table-wrap" },
        h(
            "table",
            {},
            h("caption", { class: "hush" }, "What the picture shows, newest first"),
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    ["Server", "Status or command", "From", "Until", "For, or by"].map((word) =>
                        h("th", { scope: "col" }, word),
                    ),
                ),
            ),
            h(
                "tbody",
                {},
                rows.slice(0, 500).map(([, cells]) =>
                    h(
                        "tr",
                        {},
                        cells.map((cell) => h("td", {}, cell)),
                    ),
                ),
            ),
        ),
    );
}
