/*
 * filter.js - which servers are shown, and in what order.
 *
 * Pure.
 */

/* `statuses` is a Set; an empty one shows all but what was purged long ago. */
export const noFilter = Object.freeze({ text: "", agent: "", statuses: new Set(), drift: false });

const ORDER = new Intl.Collator("en", { numeric: true });
const haystack = new WeakMap(); // a row is replaced when it changes, so its text can be kept

function textOf(server, agentName) {
    let text = haystack.get(server);
    if (text === undefined) {
        text = [
            server.name,
            agentName,
            server.id,
            server.status,
            server.shown_status,
            server.image,
            server.image_tag,
            server.container,
            server.container_id,
            server.game_port,
            server.udp_port,
            server.rcon_port,
            server.profile,
            server.last_code,
            server.last_message,
        ]
            .filter(Boolean)
            .join("\n")
            .toLowerCase();
        haystack.set(server, text);
    }
    return text;
}

export const shownStatus = (server) => server.shown_status || server.status;

/* A function of (server, its agent's name): whether it is to be shown. */
export function matcher({ agent, statuses, drift, text }) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (server, agentName) =>
        (!agent || server.agent_id === agent) &&
        (statuses.size ? statuses.has(shownStatus(server)) : server.status !== "purged") &&
        (!drift || server.drift) &&
        (!words.length || words.every((word) => textOf(server, agentName).includes(word)));
}

/* Agents by name, each with those of its servers that match, by name. */
export function grouped(agents, servers, filter) {
    const matches = matcher(filter);
    const groups = new Map(
        [...agents.values()]
            .filter((agent) => !filter.agent || agent.id === filter.agent)
            .sort((a, b) => ORDER.compare(a.name, b.name))
            .map((agent) => [agent.id, { id: agent.id, agent, servers: [], total: 0 }]),
    );
    for (const server of servers.values()) {
        const group = groups.get(server.agent_id);
        if (!group) continue;
        group.total++;
        if (matches(server, group.agent.name)) group.servers.push(server);
    }
    for (const group of groups.values())
        group.servers.sort((a, b) => ORDER.compare(a.name, b.name));
    return [...groups.values()];
}

/* How many servers are in each shown status, without regard to the filter's statuses. */
export function counted(agents, servers, filter) {
    const counts = new Map();
    const matches = matcher({ ...filter, statuses: new Set() });
    const matchesPurged = matcher({ ...filter, statuses: new Set(["purged"]) });
    for (const server of servers.values()) {
        const status = shownStatus(server);
        const name = agents.get(server.agent_id)?.name ?? "";
        if ((status === "purged" ? matchesPurged : matches)(server, name))
            counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    return counts;
}
