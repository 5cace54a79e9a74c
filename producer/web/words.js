/*
 * words.js - what people read: statuses, actions, results and times as words.
 *
 * Pure.  What the page does not know (a newer control plane's word) is shown as it came.
 */

/* tone: the colour; the symbol differs too, so that no meaning hangs on colour alone. */
const STATUSES = {
    running: { word: "Running", icon: "running", tone: "good" },
    stopped: { word: "Stopped", icon: "stopped", tone: "calm" },
    creating: { word: "Creating", icon: "working", tone: "busy" },
    rebuilding: { word: "Rebuilding", icon: "working", tone: "busy" },
    deleting: { word: "Deleting", icon: "working", tone: "busy" },
    missing: { word: "Missing", icon: "missing", tone: "bad" },
    failed: { word: "Failed", icon: "failed", tone: "bad" },
    unknown: { word: "Unknown", icon: "unknown", tone: "odd" },
    deleted: { word: "Deleted", icon: "deleted", tone: "faint" },
    purged: { word: "Purged", icon: "deleted", tone: "faint" },
};

/* In the order in which people look for them. */
export const STATUS_ORDER = [
    "missing",
    "failed",
    "unknown",
    "creating",
    "rebuilding",
    "deleting",
    "running",
    "stopped",
    "deleted",
    "purged",
];

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");

export function statusWords(status) {
    return STATUSES[status] ?? { word: capital(status || "unknown"), icon: "unknown", tone: "odd" };
}

const ACTIONS = {
    create: { word: "Create", done: "Created", ing: "Creating" },
    start: { word: "Start", done: "Started", ing: "Starting" },
    stop: { word: "Stop", done: "Stopped", ing: "Stopping" },
    restart: { word: "Restart", done: "Restarted", ing: "Restarting" },
    rebuild: { word: "Rebuild", done: "Rebuilt", ing: "Rebuilding" },
    recreate: { word: "Recreate", done: "Recreated", ing: "Recreating" },
    restore: { word: "Restore", done: "Restored", ing: "Restoring" },
    delete: { word: "Delete", done: "Deleted", ing: "Deleting" },
    purge: { word: "Purge", done: "Purged", ing: "Purging" },
    cancel: { word: "Cancel", done: "Cancelled a command", ing: "Cancelling" },
    sync: { word: "Sync", done: "Listed", ing: "Listing" },
};

export function actionWords(action) {
    const word = capital(action || "command");
    return ACTIONS[action] ?? { word, done: `${word} done`, ing: word };
}

const OUTCOMES = {
    failed: "failed",
    rejected: "was refused by the host",
    expired: "expired before it was begun",
    cancelled: "was cancelled",
};

const sentence = (text) => (/[.!?…]$/.test(text) || !text ? text : `${text}.`);

/* How a command ended: "Started.", "Start failed: port 16261 is taken." */
export function resultWords({ action, outcome, message, already, recovered, rolled_back }) {
    const words = actionWords(action);
    const told = message ? `: ${sentence(message)}` : ".";
    if (outcome === "accepted") return `${words.ing}…`;
    if (outcome === "progress") return `${words.ing}: ${message}…`;
    if (outcome === "done") return doneWords(words, { message, already, recovered });
    const back = rolled_back ? " The old container is back." : "";
    return `${words.word} ${OUTCOMES[outcome] ?? outcome}${told}${back}`;
}

/* The worker's own words, where they say more than that it was done. */
function doneWords(words, { message, already, recovered }) {
    if (message && message.toLowerCase() !== words.done.toLowerCase())
        return `${words.done}: ${sentence(message)}`;
    if (message) return `${words.done}.`;
    if (already) return `${words.done}: nothing had to be done.`;
    return recovered ? `${words.done}: the container was made again.` : `${words.done}.`;
}

/* The last result of a server's row, or "". */
export function lastWords(server) {
    if (!server.last_outcome) return "";
    return resultWords({
        action: server.last_action,
        outcome: server.last_outcome,
        message: server.last_message,
    });
}

export const isTrouble = (outcome) => ["failed", "rejected", "expired"].includes(outcome);

/* --- Times --- */

const UNITS = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
];

/* "5 min", of milliseconds. */
export function spanWords(ms) {
    const seconds = Math.max(0, Math.round(ms / 1000));
    const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"];
    return `${Math.floor(seconds / size)} ${unit}`;
}

export function agoWords(at, now) {
    if (!at) return "";
    return now - at < 5000 ? "just now" : `${spanWords(now - at)} ago`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const timeWords = (at) => (at ? CLOCK.format(at) : "never");

export const plural = (count, one, many = `${one}s`) =>
    `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
