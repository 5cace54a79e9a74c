/*
 * history.js - an event of the log, in words.
 *
 * Pure.  { tone, icon, text, more } for a list of what has happened to a server.
 */
import { actionWords, isTrouble, resultWords, spanWords } from "./words.js";

const by = (actor) => (actor ? ` by ${actor}` : "");

const KINDS = {
    server: "The record was changed",
    agent: "The agent was changed",
    lost: "Given up: it left the queue without an answer",
    release: "Released after many absences",
};

function recordWords({ kind, reason, actor, changed }, cause) {
    const text =
        kind === "command"
            ? `${actionWords(cause?.action).word} was asked for${by(cause?.actor)}`
            : `${KINDS[kind] ?? kind}${by(actor)}`;
    const fields = changed?.length ? `changed: ${changed.join(", ")}` : "";
    return {
        tone: "calm",
        icon: "record",
        text: `${text}.`,
        more: [fields, reason && `“${reason}”`].filter(Boolean),
    };
}

const stepWords = ({ name, did, ms, retries }) =>
    `${name.replaceAll("_", " ")}: ${did}${ms >= 1000 ? `, ${spanWords(ms)}` : ""}${retries ? `, tried ${retries + 1} times` : ""}`;

const FLAGS = [
    ["rolled_back", true, "the old container is back"],
    ["saved", true, "the game was saved"],
    ["saved", false, "the game was not saved"],
    ["killed", true, "it had to be killed"],
    ["data_exists", false, "no data was there"],
];

function outcomeLook(outcome) {
    if (outcome === "done") return { tone: "good", icon: "done" };
    if (isTrouble(outcome)) return { tone: "bad", icon: "failed" };
    return {
        tone: outcome === "cancelled" ? "calm" : "busy",
        icon: outcome === "cancelled" ? "stopped" : "working",
    };
}

function resultLook(result, cause) {
    const flags = FLAGS.filter(([name, value]) => result[name] === value).map(
        ([, , words]) => words,
    );
    const steps = (result.steps ?? [])
        .filter(({ did }) => did !== "already" && did !== "begin")
        .map(stepWords);
    const text = resultWords({ ...result, action: cause?.action, rolled_back: false });
    return {
        ...outcomeLook(result.outcome),
        text,
        more: [flags.join(", "), steps.join("; ")].filter(Boolean),
    };
}

const STATES = {
    running: ["good", "running", "The container runs"],
    exited: ["calm", "stopped", "The container has ended"],
    created: ["calm", "stopped", "The container is made, and not started"],
    absent: ["bad", "missing", "The container is not there"],
    unknown: ["odd", "unknown", "The engine did not tell about the container"],
    dead: ["bad", "failed", "The container is dead"],
};

function stateWords(state) {
    const [tone, icon, text] = STATES[state.status] ?? [
        "calm",
        "record",
        `The container is ${state.status}`,
    ];
    const more = [
        state.status === "exited" && state.exit_code !== null ? `exit code ${state.exit_code}` : "",
        state.oom_killed ? "its memory was used up" : "",
        state.restart_count ? `restarted ${state.restart_count} times by the engine` : "",
        state.health ? `health: ${state.health}` : "",
        state.container_id ? `container ${state.container_id.slice(0, 12)}` : "",
    ].filter(Boolean);
    return { tone, icon, text: `${text}.`, more: more.length ? [more.join(", ")] : [] };
}

export function eventWords({ body, cause }) {
    switch (body?.type) {
        case "Record":
            return recordWords(body, cause);
        case "Result":
            return resultLook(body, cause);
        case "State":
            return stateWords(body);
        case "Sync":
            return {
                tone: "calm",
                icon: "record",
                text: "The host was listed.",
                more: body.message ? [body.message] : [],
            };
        default:
            return {
                tone: "odd",
                icon: "unknown",
                text: "Something that this page does not know.",
                more: [],
            };
    }
}

/* Of 0 … 1, where the words of a pull tell; else null: "3 of 6 layers, 12.3 of 50.1 MB". */
export function fractionOf(text) {
    const found =
        /([\d.]+) of ([\d.]+) MB/.exec(text ?? "") ?? /(\d+) of (\d+) layers/.exec(text ?? "");
    const total = Number(found?.[2]);
    return total > 0 ? Math.min(1, Number(found[1]) / total) : null;
}
