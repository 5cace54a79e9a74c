/*
 * main.js - the page: who is signed in, what is known, which view is shown.
 *
 * Messages change the state, the state is drawn at most once a frame; views ask for nothing
 * but what `app` offers them.
 */
import { agentForm } from "./agent-form.js";
import { questionOf } from "./actions.js";
import { makeApi } from "./api.js";
import { ask } from "./dialog.js";
import { setText } from "./dom.js";
import { goLive } from "./live.js";
import { makeNotes } from "./notes.js";
import { refreshTimes } from "./parts.js";
import { hashOf, routeOf } from "./route.js";
import { adoptForm, createForm, editForm } from "./server-form.js";
import { dropToken, keepToken, takeToken } from "./session.js";
import { emptyState, reduceAll } from "./store.js";
import { themeButton } from "./theme.js";
import { foundView } from "./view-found.js";
import { serversView } from "./view-servers.js";
import { signInView } from "./view-sign-in.js";
import { timelineView } from "./view-timeline.js";
import { isTrouble, resultWords } from "./words.js";

const TIMES_MS = 15000; // how often "3 min ago" is looked at again
const LINKS = {
    off: "",
    connecting: "connecting…",
    live: "live",
    reconnecting: "connection lost, reconnecting…",
};

const $ = (id) => document.getElementById(id);
const main = $("main");
const note = makeNotes($("notes"));

let state = emptyState;
let route = routeOf(location.hash);
let views = null; // by name, while somebody is signed in
let live = null;
let frame = 0;
const asked = new Set(); // commands of this page whose end is to be told

/* --- State --- */

function dispatch(messages) {
    state = reduceAll(state, messages);
    for (const message of messages) if (message.type === "log") tellEnd(message.event);
    draw();
}

function draw() {
    frame ||= requestAnimationFrame(() => {
        frame = 0;
        render();
    });
}

function render() {
    const link = $("link");
    link.dataset.link = state.link;
    setText(link, LINKS[state.link]);
    setText($("who"), state.me ? `${state.me.name}, ${state.me.role}` : "");
    $("leave").hidden = $("views").hidden = !state.me;
    for (const anchor of $("views").children)
        anchor.toggleAttribute("aria-current", anchor.hash === `#/${route.view}`);
    views?.[route.view].render(state, route);
}

/* What this page has asked for has ended. */
function tellEnd({ body, cause, server_id: id }) {
    if (
        body?.type !== "Result" ||
        ["accepted", "progress"].includes(body.outcome) ||
        !asked.delete(cause?.command_id)
    )
        return;
    const name = state.servers.get(id)?.name;
    note(
        `${name ? `${name}: ` : ""}${resultWords({ ...body, action: cause.action })}`,
        isTrouble(body.outcome) ? "bad" : "good",
    );
}

/* --- Where we are --- */

function show(element) {
    if (main.firstElementChild !== element) main.replaceChildren(element);
}

function go(to) {
    location.hash = hashOf(to);
}

function openHistory(server) {
    if (state.history?.id === server?.id) return;
    dispatch([{ type: "historyBegun", id: server?.id ?? null }]);
    if (server) olderHistory();
}

async function olderHistory() {
    const { id, next } = state.history;
    const server = state.servers.get(id);
    try {
        const { items, next: further } = await app.api.history(server, next);
        dispatch([{ type: "historyCame", id, events: items, next: further }]);
    } catch (problem) {
        dispatch([{ type: "historyCame", id, events: [], next: null }]);
        note(`The history could not be read: ${problem.message}`, "bad");
    }
}

function follow() {
    const before = route;
    route = routeOf(location.hash);
    if (!views) return;
    show(views[route.view].element);
    render();
    if (before.view !== route.view) main.focus();
    else if (before.serverId && !route.serverId) views.servers.focusRow(before.serverId);
    else if (route.serverId && before.serverId !== route.serverId) $("panel-title")?.focus();
}

/* The history of the server whose panel is open; the lists may come later than the address. */
function followHistory() {
    const server = route.serverId ? state.servers.get(route.serverId) : null;
    if (views && (state.history?.id ?? null) !== (server?.id ?? null)) openHistory(server);
}

/* --- What views may ask for --- */

async function attempt(what, press) {
    try {
        return await press();
    } catch (problem) {
        note(`${what}: ${problem.message}`, "bad");
        return null;
    }
}

function queued(answer, text) {
    for (const id of answer.command_ids ?? [answer.command_id]) if (id) asked.add(id);
    if (text) note(text);
}

async function act(server, choice) {
    const action = choice === "restore_start" ? "restore" : choice;
    const question = questionOf(action, server);
    const answer = question ? await ask(question) : {};
    if (!answer) return;
    const options = { ...answer, ...(choice === "restore_start" && { start: true }) };
    const done = await attempt(server.name, () => app.api.act(server, action, options));
    if (done) queued(done);
}

const app = {
    api: null,
    may: new Set(),
    state: () => state,
    note,
    draw,
    queued,
    act,
    show: (server) => go({ view: "servers", agentId: server.agent_id, serverId: server.id }),
    hide: () => go({ view: "servers" }),
    olderHistory,
    took: (row) => dispatch([{ type: "server", row }]),
    tookAgent: (row) => dispatch([{ type: "agent", row }]),
    createServer: (agentId) => createForm(app, agentId),
    editServer: (server) => attempt(server.name, () => editForm(app, server)),
    addAgent: () => agentForm(app),
    adopt: (found) => adoptForm(app, found),
    sync: (agent) =>
        attempt(agent.name, async () =>
            queued(await app.api.sync(agent.id), `${agent.name}: asked to list what is there.`),
        ),
    release: (agent) =>
        attempt(agent.name, async () =>
            queued(await app.api.release(agent.id), `${agent.name}: released.`),
        ),
};

/* --- Signing in and out --- */

function leave(why) {
    dropToken();
    live?.stop();
    live = views = null;
    asked.clear();
    dispatch([{ type: "signedOut" }]);
    const signIn = signInView(enter, why);
    show(signIn.element);
    signIn.focus();
}

async function enter(token) {
    const api = makeApi(token, () => views && leave("The token has ended or was revoked."));
    const me = await api.me();
    keepToken(token);
    app.api = api;
    app.may = new Set(me.may);
    views = { servers: serversView(app), timeline: timelineView(app), found: foundView(app) };
    dispatch([{ type: "signedIn", me, profiles: await api.profiles() }]);
    live = goLive(api, (messages) => {
        dispatch(messages);
        followHistory();
    });
    follow();
}

/* What keeps the page from beginning: a control plane that does not answer is asked again. */
async function begin(token, wait = 1) {
    try {
        await enter(token);
    } catch (problem) {
        if (problem.status)
            return leave(
                problem.status === 401 ? "The token has ended or was revoked." : problem.message,
            );
        setText($("link"), "no answer, trying again…");
        $("link").dataset.link = "reconnecting";
        setTimeout(begin, wait * 1000, token, Math.min(wait * 2, 15));
    }
}

function onKey(event) {
    const typing =
        /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) ||
        document.querySelector("dialog[open]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !views) return;
    if (event.key === "/" && route.view === "servers") {
        event.preventDefault();
        views.servers.search();
    } else if (event.key === "Escape" && route.serverId) {
        app.hide();
    }
}

themeButton($("theme"));
$("leave").addEventListener("click", () => leave());
addEventListener("hashchange", () => {
    follow();
    followHistory();
});
addEventListener("keydown", onKey);
setInterval(() => {
    refreshTimes(Date.now());
    views?.[route.view].tick?.();
}, TIMES_MS);

const token = takeToken();
if (token) begin(token);
else leave();
