/*
 * view-panel.js - everything about one server: what it is, what can be done, what has happened.
 */
import { buttonsOf } from "./actions.js";
import { h, icon, keyed, setAttributes, setText } from "./dom.js";
import { shownStatus } from "./filter.js";
import { eventWords, fractionOf } from "./history.js";
import { badge, setBadge, time } from "./parts.js";
import { remarkNoticesOf, sentenceOf } from "./remarks.js";
import { setButtons, underWay } from "./row.js";
import { isTrouble, lastWords, timeWords } from "./words.js";

/* --- What is worth saying first --- */

function noticesOf(server, agent, app) {
    const notices = [];
    const say = (tone, ...content) => notices.push(h("p", { class: `notice ${tone}` }, ...content));
    if (server.status === "missing")
        say(
            "bad",
            shownStatus(server) === "unknown"
                ? "When last heard of, its container was gone since "
                : "Its container is gone since ",
            time(server.missing_since),
            ". The record and what is known of its data are kept: the buttons bring it back or take it away.",
        );
    if (shownStatus(server) === "unknown")
        say(
            "odd",
            `${agent?.name ?? "Its agent"} is offline. It was ${server.status} when last heard of; what is asked now waits until the host is back.`,
        );
    if (server.healing) say("odd", server.healing);
    for (const { tone, about } of remarkNoticesOf(server)) say(tone, about);
    if (server.drift)
        say(
            "odd",
            `${sentenceOf(server, "drift").replace(/; a rebuild applies it\.$/, ".")} `,
            app.may.has("rebuildServer") ? "Rebuild applies it." : "A rebuild applies it.",
        );
    if (server.needs_fresh)
        say(
            "odd",
            "Its data is gone from the host: whatever makes its container begins afresh, and asks before.",
        );
    return notices;
}

const yesNo = { true: "yes", false: "no" };
const MEANS = { show: "show it", start: "start it again" };

/* As the record has it; whose repository stands for none, the profile says. */
function imageOf({ image, image_tag: tag }) {
    if (!image || tag.includes("/")) return tag;
    return `${image}${/^sha(256|512):/.test(tag) ? "@" : ":"}${tag}`;
}

function factsOf(server, agent) {
    return [
        ["Agent", agent?.name ?? server.agent_id],
        ["Game", server.profile],
        ["Image", server.container_image || imageOf(server)],
        ["Game port", server.game_port],
        ["UDP port", server.udp_port],
        ["RCON port", server.rcon_port],
        ["Container", server.container],
        ["Container id", server.container_id?.slice(0, 12)],
        ["It is", server.container_status],
        ["Started", server.started_at && timeWords(server.started_at)],
        [
            "Ended",
            server.finished_at &&
                server.container_status !== "running" &&
                timeWords(server.finished_at),
        ],
        ["Exit code", server.container_status === "running" ? null : server.exit_code],
        ["Health", server.health],
        ["Restarts by the engine", server.restart_count || null],
        ["Data", server.data_dir],
        ["Data there", yesNo[server.data_exists] ?? "nobody looked"],
        [
            "When missing",
            MEANS[server.on_missing] ?? `as the agent: ${MEANS[agent?.on_missing] ?? "show it"}`,
        ],
        ["Made", timeWords(server.created_at)],
        ["Deleted", server.deleted_at && timeWords(server.deleted_at)],
        ["Id", server.id],
    ].filter(
        ([, value]) =>
            value !== null && value !== undefined && value !== "" && value !== 0 && value !== false,
    );
}

/* --- History --- */

function historyItem(event) {
    const { tone, icon: symbol, text, more } = eventWords(event);
    return h(
        "li",
        { "data-tone": tone, "data-event": event.event_id },
        icon(symbol),
        h(
            "div",
            {},
            h("p", {}, text),
            more.map((line) => h("p", { class: "soft" }, line)),
            h("p", { class: "when" }, time(event.append_at)),
        ),
    );
}

function makeHistory(app) {
    const list = h("ol", { class: "history" });
    const state = h("p", { class: "soft", role: "status" });
    const older = h("button", { type: "button", onclick: () => app.olderHistory() }, "Older");
    const setEvents = keyed(
        list,
        (event) => event.event_id,
        historyItem,
        () => {},
    );
    return {
        elements: [list, state, h("div", {}, older)],
        render(history) {
            setEvents(history?.events ?? []);
            setText(
                state,
                history?.loading
                    ? "Reading the log…"
                    : history?.events.length
                      ? ""
                      : "Nothing in the log yet.",
            );
            older.hidden = !history?.next || history.loading;
        },
    };
}

/* --- The panel --- */

export function makePanel(app) {
    const title = h("h2", { tabindex: "-1", "data-focus": true, id: "panel-title" });
    const state = badge("unknown");
    const close = h(
        "button",
        {
            class: "quiet square",
            type: "button",
            "aria-label": "Close",
            title: "Close (Escape)",
            onclick: () => app.hide(),
        },
        icon("close"),
    );
    const buttons = h("div", { class: "buttons", role: "group", "aria-label": "What can be done" });
    const notices = h("div", { class: "pairs" });
    const busy = h("p", {});
    const bar = h("progress", { max: 1, "aria-label": "Pull of the image" });
    const progress = h("div", { class: "progress" }, busy, bar);
    const last = h("p", { class: "told" });
    const facts = h("dl", { class: "facts" });
    const edit = h(
        "button",
        { type: "button", onclick: () => app.editServer(shown) },
        "Edit the record",
    );
    const history = makeHistory(app);
    const element = h(
        "aside",
        { class: "panel card", "aria-labelledby": "panel-title" },
        h("div", { class: "panel-head" }, h("div", {}, title, state), close),
        buttons,
        notices,
        progress,
        h("section", {}, h("h3", {}, "Last result"), last),
        h("section", {}, h("h3", {}, "Record and container"), facts, h("div", {}, edit)),
        h("section", {}, h("h3", {}, "History"), ...history.elements),
    );
    let shown = null;
    let agentShown = null;

    function renderServer(server, agent) {
        setAttributes(element, { "data-server": server.id });
        setText(title, server.name);
        setBadge(state, shownStatus(server));
        setButtons(buttons, buttonsOf(server, app.may), server, app);
        buttons.hidden = !buttons.childElementCount;
        notices.replaceChildren(...noticesOf(server, agent, app));
        last.replaceChildren(
            lastWords(server) || "No command has ended yet.",
            " ",
            server.last_at ? time(server.last_at) : "",
        );
        last.classList.toggle("trouble", isTrouble(server.last_outcome));
        facts.replaceChildren(
            ...factsOf(server, agent).flatMap(([name, value]) => [
                h("dt", {}, name),
                h("dd", {}, String(value)),
            ]),
        );
        edit.hidden =
            !app.may.has("changeServer") || ["deleting", "purged"].includes(server.status);
    }

    function render(all, server) {
        const agent = server && all.agents.get(server.agent_id);
        element.hidden = !server;
        if (server && (server !== shown || agent !== agentShown)) renderServer(server, agent);
        shown = server;
        agentShown = agent;
        if (!server) return;
        const text = underWay(server, all.progress.get(server.id));
        const fraction = text ? fractionOf(all.progress.get(server.id)?.text) : null;
        progress.hidden = !text;
        setText(busy, text);
        bar.hidden = fraction === null;
        bar.value = fraction ?? 0;
        history.render(all.history);
    }

    return { element, render, focus: () => title.focus() };
}
