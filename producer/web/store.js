/*
 * store.js - all that the page knows, and the one function that changes it.
 *
 * Pure: a state and a message go in, a new state comes out.  What has not changed stays the
 * very same object, and by that the views know what to leave alone.
 */

export const emptyState = Object.freeze({
    me: null, // who is signed in, and what may be done
    link: "off", // off, connecting, live, reconnecting
    loaded: false, // the lists have come at least once
    agents: new Map(), // id → row
    servers: new Map(), // id → row
    progress: new Map(), // server id → { command_id, action, text } of what is under way
    profiles: [],
    syncs: 0, // how many lists of hosts have come
    history: null, // of the server that is shown: { id, events, next, loading }
});

const HISTORY_MOST = 2000; // events of one server kept while they come in

const byId = (rows) => new Map(rows.map((row) => [row.id, row]));
const withEntry = (map, key, value) => new Map(map).set(key, value);

function without(map, key) {
    if (!map.has(key)) return map;
    const next = new Map(map);
    next.delete(key);
    return next;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/* Rows that say the same stay the same objects: a reload redraws only what differs. */
function merged(known, rows) {
    return byId(
        rows.map((row) =>
            known.has(row.id) && same(known.get(row.id), row) ? known.get(row.id) : row,
        ),
    );
}

const UNDER_WAY = ["accepted", "progress"];

function progressOf(progress, event) {
    const { body, cause, server_id } = event;
    if (body?.type !== "Result" || !server_id) return progress;
    if (UNDER_WAY.includes(body.outcome))
        return withEntry(progress, server_id, {
            command_id: cause?.command_id,
            action: cause?.action,
            text: body.message,
        });
    return progress.get(server_id)?.command_id === cause?.command_id
        ? without(progress, server_id)
        : progress;
}

function historyOf(history, event) {
    if (
        !history ||
        event.server_id !== history.id ||
        history.events.some((known) => known.event_id === event.event_id)
    )
        return history;
    return { ...history, events: [event, ...history.events].slice(0, HISTORY_MOST) };
}

/* Nothing can be under way where the row knows of no open command. */
function settled(progress, server) {
    return server.open?.length ? progress : without(progress, server.id);
}

const takes = {
    signedIn: (state, { me, profiles }) => ({ ...state, me, profiles }),
    signedOut: () => emptyState,
    link: (state, { link }) => (state.link === link ? state : { ...state, link }),
    lists: (state, { agents, servers }) => ({
        ...state,
        loaded: true,
        agents: merged(state.agents, agents),
        servers: merged(state.servers, servers),
        progress: new Map(
            [...state.progress].filter(([id]) =>
                servers.some((s) => s.id === id && s.open?.length),
            ),
        ),
    }),
    agent: (state, { row }) => ({ ...state, agents: withEntry(state.agents, row.id, row) }),
    server: (state, { row }) => ({
        ...state,
        servers: withEntry(state.servers, row.id, row),
        progress: settled(state.progress, row),
    }),
    log: (state, { event }) => ({
        ...state,
        progress: progressOf(state.progress, event),
        history: historyOf(state.history, event),
        syncs: state.syncs + (event.body?.type === "Sync" ? 1 : 0),
    }),
    historyBegun: (state, { id }) => ({
        ...state,
        history: id && { id, events: [], next: null, loading: true },
    }),
    historyCame: (state, { id, events, next }) => {
        if (state.history?.id !== id) return state; /* another server is shown by now */
        const known = new Set(state.history.events.map((event) => event.event_id));
        const older = events.filter((event) => !known.has(event.event_id));
        return {
            ...state,
            history: { id, next, loading: false, events: [...state.history.events, ...older] },
        };
    },
};

export function reduce(state, message) {
    const take = takes[message.type];
    return take ? take(state, message) : state;
}

/* Many at once, as they come from the stream. */
export const reduceAll = (state, messages) => messages.reduce(reduce, state);
