/*
 * form.js - what can be wrong with a server's record, said before it is sent.
 *
 * Pure.  The control plane checks again, and is right; here is what saves a round trip.
 */

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const DIGEST = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}";
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const HOST = "[A-Za-z0-9][A-Za-z0-9.-]*|\\[[0-9A-Fa-f:]+\\]";
const PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const TAGS = new RegExp(`^(?:(?:${TAG})(?:@(?:${DIGEST}))?|${DIGEST})$`);
const IMAGE = new RegExp(
    `^(?:(?:${HOST})(?::[0-9]{1,5})?/)?${PART}(?:/${PART})*(?::${TAG})?(?:@(?:${DIGEST}))?$`,
);
export const PORTS = ["game_port", "udp_port", "rcon_port"];

function wrongName(value) {
    if (!value) return "Give it a name.";
    if (value.length > 100) return "At most 100 characters.";
    return NAME.test(value) && !value.includes("..")
        ? ""
        : "Letters, digits, and _ . - behind the first; no two dots in a row.";
}

function wrongPort(value) {
    const port = Number(value);
    return Number.isInteger(port) && port >= 1 && port <= 65535 ? "" : "A number from 1 to 65535.";
}

function wrongPath(value) {
    const parts = value.split("/").slice(1);
    return value.startsWith("/") && parts.every((part) => part && part !== "." && part !== "..")
        ? ""
        : "An absolute path on the host, without . and .. in it.";
}

function wrongImage(value) {
    return IMAGE.test(value)
        ? ""
        : "Such as registry.example:5000/games/zomboid, in small letters; a tag or digest may follow.";
}

/* A whole reference may stand in it, too. */
function wrongTag(value) {
    return TAGS.test(value) || (!/^sha(256|512):/.test(value) && IMAGE.test(value))
        ? ""
        : "A tag (letters, digits, and _ . - behind the first; at most 128), or a digest: sha256:…";
}

const optional = (check) => (value) => (value ? check(value) : "");

const CHECKS = {
    name: wrongName,
    image: optional(wrongImage),
    image_tag: optional(wrongTag),
    server_data_path: optional(wrongPath),
};

/* Until the profiles are there: zomboid's. */
const PUBLISHED = { game_port: ["udp"], udp_port: ["udp"] };

/* Whether a host could not give both away: one number for UDP and TCP is fine. */
const shareProtocol = (some, others) => some.some((protocol) => others.includes(protocol));

function wrongPorts(values, ports, published) {
    const wrong = {};
    const clash = (other, port) =>
        PORTS.indexOf(other) < PORTS.indexOf(port) &&
        values[other] === values[port] &&
        shareProtocol(published[other] ?? [], published[port] ?? []);
    for (const port of ports)
        if (wrongPort(values[port])) wrong[port] = wrongPort(values[port]);
        else if (ports.some((other) => clash(other, port)))
            wrong[port] = "Another port of this server has that number.";
    return wrong;
}

function wrongConfig(config) {
    const names = config.map(([name]) => name);
    const bad = names.find((name) => !name || /[=\s\p{Cc}]/u.test(name));
    if (bad !== undefined)
        return bad ? `“${bad}”: no = and no white space in a name.` : "Each value needs a name.";
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    return twice ? `“${twice}” stands there twice.` : "";
}

/*
 * { field: sentence } of what is wrong; empty: nothing.  `values` are strings by field, `ports`
 * the fields that the profile uses, `config` a list of [name, value], `published` the protocols
 * by which the host gives its ports away, by field.
 */
export function wrongOf(values, ports, config, published = PUBLISHED) {
    const wrong = wrongPorts(values, ports, published);
    for (const [field, check] of Object.entries(CHECKS))
        if (field in values && check(values[field])) wrong[field] = check(values[field]);
    if (wrongConfig(config)) wrong.config = wrongConfig(config);
    return wrong;
}

/* Who on that agent has one of these ports already: { field: name }.  `profiles` tell what each
 * server gives away. */
export function portsTaken(values, ports, servers, agentId, ownId, profiles = []) {
    const publishedOf = (name) =>
        profiles.find((profile) => profile.name === name)?.published ?? PUBLISHED;
    const published = publishedOf(values.profile);
    const taken = {};
    for (const server of servers) {
        if (
            server.agent_id !== agentId ||
            server.id === ownId ||
            ["deleted", "purged"].includes(server.status)
        )
            continue;
        const theirs = publishedOf(server.profile);
        for (const port of ports)
            if (
                PORTS.some(
                    (other) =>
                        server[other] === Number(values[port]) &&
                        shareProtocol(published[port] ?? [], theirs[other] ?? []),
                )
            )
                taken[port] = server.name;
    }
    return taken;
}

const FIRST_PORT = 16261;

/* Numbers that no server of that agent has, for the fields of a profile. */
export function freePorts(ports, servers, agentId, published = PUBLISHED) {
    const used = new Set(
        servers
            .filter((server) => server.agent_id === agentId && server.status !== "purged")
            .flatMap((server) => PORTS.map((port) => server[port])),
    );
    const free = {};
    let next = FIRST_PORT;
    for (const port of ports) {
        if (port === "rcon_port" && !published[port]) {
            free[port] = "27015"; /* inside the container only: the same for all */
            continue;
        }
        while (used.has(next) && next < 65535) next++;
        free[port] = String(next++);
    }
    return free;
}

/* What to send of a new record: no empty fields. */
export function bodyOf(values, ports, config) {
    const body = {};
    for (const [field, value] of Object.entries(values))
        if (PORTS.includes(field) ? ports.includes(field) : value !== "")
            body[field] = PORTS.includes(field) ? Number(value) : value;
    if (config.length) body.config = Object.fromEntries(config);
    return body;
}

/* What to send of a changed one: what differs from `server`, null for a variable taken away. */
export function changeOf(values, ports, config, server) {
    const now = { ...server, on_missing: server.on_missing ?? "agent" };
    const body = bodyOf(values, ports, []);
    const change = Object.fromEntries(
        Object.entries(body).filter(([field, value]) => (now[field] ?? "") !== value),
    );
    const known = server.config ?? {};
    const wanted = Object.fromEntries(config);
    const changed = [
        ...Object.keys(known)
            .filter((name) => !(name in wanted))
            .map((name) => [name, null]),
        ...config.filter(([name, value]) => known[name] !== value),
    ];
    if (changed.length) change.config = Object.fromEntries(changed);
    return change;
}
