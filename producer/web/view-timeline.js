/*
 * view-timeline.js - the fleet over time, as a picture and as a table.
 */
import { h, setText } from "./dom.js";
import { select } from "./fields.js";
import { begin, layout, RANGES, summaryOf } from "./timeline.js";
import { draw, legend, table } from "./timeline-picture.js";

const EDGES = 28; // pixels of the card around the picture
const LANES = 40; // at first; there is a button for more
const SETTLE_MS = 1500; // changes that come together are fetched together

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
        const since = begin(data.spans, data.commands, until - Number(range.value), until);
        const plan = layout({
            ...data,
            nameOf,
            since,
            until,
            most,
            width: told.clientWidth - EDGES,
        });
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
        timer ||= setTimeout(
            () => {
                timer = 0;
                fetchAll();
            },
            data ? SETTLE_MS : 0,
        );
    }

    new ResizeObserver(redraw).observe(element);
    return { element, render, tick: redraw };
}
