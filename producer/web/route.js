/*
 * route.js - what the part of the address behind # asks for.
 *
 * Pure.  Every view has an address of its own, so that one can be kept, sent and gone back to.
 */

const VIEWS = ["servers", "timeline", "found"];

/* { view, agentId, serverId }: "#/servers/AGENT/SERVER" */
export function routeOf(hash) {
    const [, view, agentId, serverId] = hash.split("/").map(decodePart);
    return VIEWS.includes(view) ? { view, agentId, serverId } : { view: "servers" };
}

function decodePart(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part; /* typed by hand */
    }
}

export const hashOf = ({ view, agentId, serverId }) =>
    ["#", view, agentId, serverId]
        .filter((part) => part)
        .map((part, i) => (i ? encodeURIComponent(part) : part))
        .join("/");
