/*
 * view-timeline.js - the fleet over time, as a picture and as a table.
 */
import { h, s, setText } from "./dom.js";
import { select } from "./fields.js";
import { layout, RANGES, summaryOf } from "./timeline.js";
import { resultWords, spanWords, statusWords, timeWords } from "./words.js";

const LANES = 40; // at first; there is a button for more
const SETTLE_MS = 1500; // changes that come together are fetched together
const TICK_MS = 10000; // how often "now" moves on

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
    const name = lane.name.length > 26 ? `${lane.name.slice(0, 25)}…` : lane.name;
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

function draw(plan) {
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

function legend() {
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

function table(plan, until) {
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

export function timelineView(app) {
    const range = select(
        RANGES.map(([word, ms], i) => [ms, word, i === 1]),
        { "aria-label": "How far back", onchange: () => fetchAll() },
    );
    const agent = select([["", "All agents"]], {
        "aria-label": "Agent",
        onchange: () => fetchAll(),
    });
    const search = h("input", {
        type: "search",
        class: "search",
        placeholder: "Only servers named…",
        "aria-label": "Only servers named",
        oninput: () => redraw(),
    });
    const told = h("p", { class: "soft", role: "status" });
    const picture = h("figure", { class: "timeline" });
    const words = h("details", { ontoggle: () => redraw() }, h("summary", {}, "As a table"));
    const more = h("button", {
        type: "button",
        hidden: true,
        onclick: () => {
            most += LANES;
            redraw();
        },
    });
    const element = h(
        "div",
        {},
        h("div", { class: "tools" }, h("h2", {}, "Timeline"), range, agent, search),
        told,
        h("div", { class: "card" }, picture, legend(), h("p", {}, more)),
        words,
    );
    let data = null;
    let most = LANES;
    let seen = null;
    let timer = 0;
    let fetching = 0;

    async function fetchAll() {
        const turn = ++fetching;
        const since = Date.now() - Number(range.value);
        const values = { agent: agent.value, since };
        try {
            const [spans, commands] = await Promise.all([
                app.api.timeline(values),
                app.api.commands(values),
            ]);
            if (turn !== fetching) return; /* asked for another range meanwhile */
            data = { spans, commands: commands.items };
            redraw();
        } catch (problem) {
            setText(told, `The timeline could not be fetched: ${problem.message}`);
        }
    }

    function nameOf(id) {
        const server = app.state().servers.get(id);
        const text = search.value.trim().toLowerCase();
        if (text && !server?.name.toLowerCase().includes(text)) return null;
        return server?.name ?? `${id.slice(0, 8)}…`;
    }

    function redraw() {
        if (!data || !element.isConnected) return;
        const until = Date.now();
        const plan = layout({ ...data, nameOf, since: until - Number(range.value), until, most });
        picture.replaceChildren(
            plan.lanes.length
                ? draw(plan)
                : h("p", { class: "empty" }, "Nothing has happened in that time."),
        );
        setText(told, summaryOf(plan));
        more.hidden = !plan.more;
        setText(more, `Show more (${plan.more} left)`);
        words.replaceChildren(words.firstElementChild, words.open ? table(plan, until) : "");
    }

    /* Fetched again once what has changed has settled. */
    function render(state) {
        if (agent.options.length !== state.agents.size + 1)
            agent.replaceChildren(
                h("option", { value: "" }, "All agents"),
                ...[...state.agents.values()].map(({ id, name }) =>
                    h("option", { value: id }, name),
                ),
            );
        if (seen === state.servers) return;
        seen = state.servers;
        clearTimeout(timer);
        timer = setTimeout(fetchAll, data ? SETTLE_MS : 0);
    }

    setInterval(redraw, TICK_MS);
    return { element, render };
}
