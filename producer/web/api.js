/*
 * api.js - requests to the control plane that served this page.
 *
 * A refusal becomes a Problem (RFC 9457) with the field and the sentence that the control plane
 * gave.  What changes something carries an Idempotency-Key, so that it can be sent again when
 * the answer was lost, and is done once.
 */

const AGAIN_MS = 300;
const PAGE = 1000; // rows a request; the most that is answered

export class Problem extends Error {
    constructor(status, body) {
        super(body.detail || body.title || `the control plane answered ${status}`);
        this.status = status;
        this.field = body.field ?? null;
    }
}

const part = encodeURIComponent;
const serverPath = (server) => `/agents/${part(server.agent_id)}/servers/${part(server.id)}`;

function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
        byte.toString(16).padStart(2, "0"),
    ).join("");
}

async function problemOf(response) {
    const body = await response.json().catch(() => ({}));
    return new Problem(response.status, body);
}

/* The address of rel="next", or null. */
export function nextOf(link) {
    return /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? "")?.[1] ?? null;
}

/* `refused()` is called when the token is no longer one. */
export function makeApi(token, refused) {
    const authorization = { Authorization: `Bearer ${token}` };

    async function request(method, path, { body, headers, ...more } = {}) {
        const response = await fetch(path, {
            method,
            cache: "no-store",
            credentials: "omit",
            ...more,
            headers: {
                ...authorization,
                ...(body && { "Content-Type": "application/json" }),
                ...headers,
            },
            body: body && JSON.stringify(body),
        });
        if (response.status === 401) refused();
        if (!response.ok) throw await problemOf(response);
        return response;
    }

    /* Once more if the request or its answer was lost on the way, as when a network changes. */
    async function twice(method, path, more) {
        try {
            return await request(method, path, more);
        } catch (error) {
            if (error instanceof Problem) throw error;
            await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
            return request(method, path, more);
        }
    }

    const get = async (path) => (await twice("GET", path)).json();
    const change = async (method, path, body) =>
        (await twice(method, path, { body, headers: { "Idempotency-Key": newKey() } })).json();

    async function all(path, take) {
        for (let next = path; next;) {
            const response = await twice("GET", next);
            take(await response.json());
            next = nextOf(response.headers.get("Link"));
        }
    }

    /* A page of a list that goes on: { items, next }. */
    async function page(path) {
        const response = await twice("GET", path);
        return { items: await response.json(), next: nextOf(response.headers.get("Link")) };
    }

    const query = (values) => {
        const text = new URLSearchParams(
            Object.entries(values ?? {}).filter(([, value]) => value),
        ).toString();
        return text && `?${text}`;
    };

    function act(server, action, options) {
        if (action === "delete") return change("DELETE", serverPath(server) + query(options));
        if (action === "purge")
            return change("DELETE", `${serverPath(server)}/purge${query(options)}`);
        return change("POST", `${serverPath(server)}/${action}`, options ?? {});
    }

    return {
        me: () => get("/me"),
        agents: () => get("/agents"),
        profiles: () => get("/profiles"),
        servers: async () => {
            const servers = [];
            await all(`/servers?limit=${PAGE}`, (list) => servers.push(...list));
            return servers;
        },
        server: (server) => get(serverPath(server)),
        history: (server, next) => page(next ?? `${serverPath(server)}/history?limit=50`),
        found: () => get("/found"),
        timeline: (values) => get(`/timeline${query(values)}`),
        commands: (values) => page(`/commands${query({ ...values, limit: PAGE })}`),
        act,
        create: (agentId, body) => change("POST", `/agents/${part(agentId)}/servers`, body),
        change: (server, body) => change("PATCH", serverPath(server), body),
        adopt: (agentId, body) => change("POST", `/agents/${part(agentId)}/adopt`, body),
        sync: (agentId) => change("POST", `/agents/${part(agentId)}/servers/sync`, {}),
        release: (agentId) => change("POST", `/agents/${part(agentId)}/release`, {}),
        addAgent: (body) => change("POST", "/agents", body),
        /* An event stream from behind `lastId`; a Response. */
        events: (lastId, signal) =>
            request("GET", "/events", {
                signal,
                headers: {
                    Accept: "text/event-stream",
                    ...(lastId && { "Last-Event-ID": lastId }),
                },
            }),
    };
}
