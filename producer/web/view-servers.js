/*
 * view-servers.js - agents and their servers: search, filters, rows, and one server's panel.
 */
import { h, icon, keyed, setAttributes, setText } from "./dom.js";
import { counted, grouped, noFilter } from "./filter.js";
import { makeLazy } from "./lazy.js";
import { waitingButton } from "./parts.js";
import { makeRow } from "./row.js";
import { makePanel } from "./view-panel.js";
import { plural, statusWords, STATUS_ORDER } from "./words.js";

/* --- Search and filters --- */

function makeTools(app, changed) {
    const search = h("input", {
        type: "search",
        class: "search",
        placeholder: "Search by name, status, port, image…",
        "aria-label": "Search servers",
        "aria-keyshortcuts": "/",
        oninput: () => changed({ text: search.value }),
    });
    const agent = h("select", {
        "aria-label": "Agent",
        onchange: () => changed({ agent: agent.value }),
    });
    const create = h(
        "button",
        { class: "first", type: "button", onclick: () => app.createServer(agent.value) },
        "Create a server",
    );
    const chips = h("div", {
        class: "chips",
        role: "group",
        "aria-label": "Show only these statuses",
    });
    let agentsShown = null;

    function setAgents(agents) {
        if (agents === agentsShown) return;
        agentsShown = agents;
        const options = [...agents.values()].map(({ id, name }) =>
            h("option", { value: id, selected: id === agent.value }, name),
        );
        agent.replaceChildren(h("option", { value: "" }, "All agents"), ...options);
        agent.hidden = agents.size < 2;
    }

    const chip = (status) => {
        const words = statusWords(status);
        const count = h("b", {});
        const button = h(
            "button",
            { type: "button", "data-status": status, onclick: () => changed({ toggle: status }) },
            icon(words.icon),
            words.word,
            count,
        );
        button.count = count;
        return button;
    };
    const setChips = keyed(
        chips,
        ({ status }) => status,
        ({ status }) => chip(status),
        (button, { count, pressed }) => {
            setText(button.count, count.toLocaleString("en"));
            setAttributes(button, { "aria-pressed": pressed ? "true" : "false" });
        },
    );

    return {
        elements: [h("div", { class: "tools", role: "search" }, search, agent, create), chips],
        search,
        render(state, filter) {
            setAgents(state.agents);
            create.hidden = !app.may.has("createServer") || !state.agents.size;
            const counts = counted(state.agents, state.servers, filter);
            const statuses = STATUS_ORDER.filter(
                (status) => counts.has(status) || filter.statuses.has(status),
            );
            setChips(
                statuses.map((status) => ({
                    status,
                    count: counts.get(status) ?? 0,
                    pressed: filter.statuses.has(status),
                })),
            );
        },
    };
}

/* --- An agent --- */

function reachWords(agent) {
    if (agent.online === null || agent.online === undefined)
        return { tone: "odd", text: "no worker was heard of yet" };
    return agent.online
        ? { tone: "good", text: `online, ${plural(agent.workers, "worker")}` }
        : { tone: "bad", text: "offline: what its servers do is not known" };
}

function noticesOf(agent, app) {
    const notices = [];
    if (agent.mass_absence_at)
        notices.push(
            h(
                "div",
                { class: "notice bad" },
                h(
                    "span",
                    {},
                    "Many servers went missing at once, as when a disk is lost. None is started by itself until somebody has looked.",
                ),
                app.may.has("releaseAgent")
                    ? waitingButton({}, "I have looked: release", () => app.release(agent))
                    : null,
            ),
        );
    if (agent.held)
        notices.push(h("div", { class: "notice odd" }, `No command for it is taken: ${agent.held}`));
    return notices;
}

function makeAgent(app, lazily) {
    const title = h("h2", {});
    const reach = h("span", { class: "badge" });
    const count = h("span", { class: "soft" });
    const sync = waitingButton(
        { class: "quiet", title: "Have its workers list what is there" },
        "Sync",
        () => app.sync(element.agent),
    );
    const notices = h("div", {});
    const rows = h("ul", { class: "rows" });
    const none = h("p", { class: "none" });
    const element = h(
        "section",
        { class: "agent" },
        h(
            "div",
            { class: "agent-head" },
            title,
            reach,
            count,
            h("div", { class: "buttons" }, sync),
        ),
        notices,
        none,
        rows,
    );
    const setRows = keyed(
        rows,
        ({ server }) => server.id,
        () => makeRow(app, lazily),
        (row, item) => row.update(item),
        true,
    );

    element.update = ({ agent, items, total }) => {
        if (element.agent !== agent) {
            element.agent = agent;
            const { tone, text } = reachWords(agent);
            setText(title, agent.name);
            setAttributes(element, { "aria-label": `Agent ${agent.name}`, "data-agent": agent.id });
            setAttributes(rows, { "aria-label": `Servers of ${agent.name}` });
            reach.dataset.tone = tone;
            setText(reach, text);
            notices.replaceChildren(...noticesOf(agent, app));
            sync.hidden = !app.may.has("syncAgent");
        }
        setText(
            count,
            items.length === total
                ? plural(total, "server")
                : `${items.length} of ${plural(total, "server")}`,
        );
        setText(none, total ? "No server here matches." : "No servers yet.");
        none.hidden = items.length > 0;
        setRows(items);
    };
    return element;
}

/* --- The view --- */

const noAgents = (app) =>
    h(
        "div",
        { class: "empty card" },
        h("h2", {}, "No agents yet"),
        h(
            "p",
            {},
            "An agent is a Docker host. Make it known here or with ",
            h("code", {}, "muster agent add"),
            ", then run ",
            h("code", {}, "muster-worker"),
            " on it.",
        ),
        app.may.has("addAgent")
            ? h("button", { class: "first", type: "button", onclick: app.addAgent }, "Add an agent")
            : null,
    );

/* The same object as last time for a row of which nothing has changed. */
function makeItems() {
    const cache = new WeakMap();
    return (server, progress, open) => {
        const known = cache.get(server);
        if (known && known.progress === progress && known.open === open) return known;
        const item = { server, progress, open };
        cache.set(server, item);
        return item;
    };
}

/* Up and down between the rows, from wherever focus is in one. */
function moveBetweenRows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = step && event.target.closest?.(".row");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...event.currentTarget.querySelectorAll(".row")];
    const next = rows[rows.indexOf(row) + step];
    if (!next) return;
    event.preventDefault();
    next.querySelector(".name").focus();
}

export function serversView(app) {
    let filter = { ...noFilter };
    const itemOf = makeItems();
    const lazily = makeLazy();
    const tools = makeTools(app, change);
    const list = h("div", { class: "list", onkeydown: moveBetweenRows });
    const waiting = h("p", { class: "empty", role: "status" }, "Fetching the fleet…");
    const empty = noAgents(app);
    const more = h(
        "p",
        {},
        h("button", { class: "quiet", type: "button", onclick: app.addAgent }, "Add an agent"),
    );
    const panel = makePanel(app);
    const desk = h("div", { class: "desk" }, list, panel.element);
    const element = h(
        "div",
        {},
        h("h2", { class: "hush" }, "Servers"),
        ...tools.elements,
        waiting,
        empty,
        desk,
        more,
    );
    const setAgents = keyed(
        list,
        ({ id }) => id,
        () => makeAgent(app, lazily),
        (section, group) => section.update(group),
    );

    function change({ toggle, ...values }) {
        const statuses = new Set(filter.statuses);
        if (toggle && !statuses.delete(toggle)) statuses.add(toggle);
        filter = { ...filter, ...values, statuses };
        app.draw();
    }

    function render(state, route) {
        const shown = state.servers.get(route.serverId) ?? null;
        waiting.hidden = state.loaded;
        empty.hidden = !state.loaded || state.agents.size > 0;
        desk.hidden = !state.loaded || state.agents.size === 0;
        more.hidden = desk.hidden || !app.may.has("addAgent");
        for (const tool of tools.elements) tool.hidden = desk.hidden;
        desk.classList.toggle("with-panel", Boolean(shown));
        for (const tool of tools.elements) tool.classList.toggle("behind", Boolean(shown));
        tools.render(state, filter);
        setAgents(
            grouped(state.agents, state.servers, filter).map(({ id, agent, servers, total }) => ({
                id,
                agent,
                total,
                items: servers.map((server) =>
                    itemOf(server, state.progress.get(server.id), server === shown),
                ),
            })),
        );
        panel.render(state, shown);
    }

    return {
        element,
        render,
        search: () => tools.search.focus(),
        focusRow: (id) => list.querySelector(`[data-server="${CSS.escape(id)}"] .name`)?.focus(),
    };
}
