/*
 * live.js - the lists and the stream, put together without a gap.
 *
 * The stream is opened first and the lists are fetched behind its hello: what comes meanwhile
 * waits, and is put on top.  After a break the stream goes on where it was, if the control
 * plane still knows; else the lists are fetched again.
 */
import { keepStream } from "./stream.js";

/* Messages of the store for one of the stream, or none. */
export function toStore({ event, data }) {
    switch (event) {
        case "server":
        case "agent":
            return [{ type: event, row: JSON.parse(data) }];
        case "log":
            return [{ type: "log", event: JSON.parse(data) }];
        default:
            return []; /* a newer control plane's */
    }
}

/* Whether behind this message the lists have to be fetched. */
export const asksForLists = ({ event, data }) =>
    event === "reset" || (event === "hello" && !JSON.parse(data).resumed);

/* `dispatch(messages)` takes a list of the store's; returns { stop }. */
export function goLive(api, dispatch) {
    let waiting = null; /* what came while lists are fetched; null: none are */
    let late = false; /* the lists were asked for again while they were fetched */
    let stopped = false;
    const online = new Map(); /* agent id → as last told */

    async function fetchLists() {
        late = Boolean(waiting);
        if (late) return;
        waiting = [];
        for (let again = 1; !stopped; again = Math.min(again * 2, 15)) {
            try {
                const [agents, servers] = await Promise.all([api.agents(), api.servers()]);
                return put({ type: "lists", agents, servers });
            } catch (error) {
                if (error.status === 401 || error.status === 403) return;
                await new Promise((resolve) => setTimeout(resolve, again * 1000));
            }
        }
    }

    function put(lists) {
        const later = waiting;
        waiting = null;
        for (const agent of lists.agents) online.set(agent.id, agent.online);
        if (stopped) return;
        dispatch([lists, ...later]);
        if (late) fetchLists();
    }

    /* An agent came or went: its servers are told of otherwise, and come with the lists. */
    function hasTurned({ type, row }) {
        if (type !== "agent") return false;
        const turned = online.has(row.id) && online.get(row.id) !== row.online;
        online.set(row.id, row.online);
        return turned;
    }

    function take(messages) {
        const news = messages.flatMap(toStore);
        if (waiting) waiting.push(...news);
        else if (news.length) dispatch(news);
        const turned = news.filter(hasTurned).length > 0;
        if (turned || messages.some(asksForLists)) fetchLists();
    }

    async function open(lastId, signal) {
        try {
            return await api.events(lastId, signal);
        } catch (error) {
            error.final = error.status === 401 || error.status === 403;
            throw error;
        }
    }

    const stream = keepStream(open, {
        opened: () => dispatch([{ type: "link", link: "live" }]),
        messages: take,
        broken: () => dispatch([{ type: "link", link: "reconnecting" }]),
    });
    dispatch([{ type: "link", link: "connecting" }]);
    return {
        stop() {
            stopped = true;
            stream.stop();
        },
    };
}
