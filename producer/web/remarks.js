/*
 * remarks.js - what is worth saying of a server beside its status.
 *
 * Pure.  The control plane judges (producer/remark.c) and brings the sentences; here is how its
 * words look.  What the page does not know (a newer control plane's word) is shown as it came.
 */

/* `mark`: on the row.  `notice`: in the panel.  What is left out, the page says elsewhere. */
const LOOKS = {
    agent_offline: {},
    not_read: { mark: "cannot be read", tone: "odd", notice: true },
    mass_absence: { mark: "many are missing", tone: "odd", notice: true },
    not_healed: {},
    healing: {},
    restarting: { mark: "restarting again and again", tone: "bad", notice: true },
    not_known: { tone: "odd", notice: true },
    oom_killed: { mark: "out of memory", tone: "bad", notice: true },
    unhealthy: { mark: "unhealthy", tone: "bad", notice: true },
    exited: { mark: "ended by itself", tone: "bad", notice: true },
    no_data: { mark: "no data", tone: "odd" },
    data_elsewhere: { mark: "data elsewhere", tone: "odd" },
    drift: { mark: "drift", tone: "odd" },
    last_failed: {},
};

function looksOf(word) {
    return LOOKS[word] ?? { mark: word.replaceAll("_", " "), tone: "odd", notice: true };
}

function remarksOf(server) {
    return (server.remarks ?? []).map((word, i) => ({
        ...looksOf(word),
        name: word,
        about: server.remark_sentences?.[i] ?? "",
    }));
}

/* [{ name, word, tone, about }] */
export const marksOf = (server) =>
    remarksOf(server)
        .filter(({ mark }) => mark)
        .map(({ name, mark, tone, about }) => ({ name, word: mark, tone, about }));

export const sentenceOf = (server, word) =>
    remarksOf(server).find(({ name }) => name === word)?.about ?? "";

/* [{ tone, about }] */
export const remarkNoticesOf = (server) =>
    remarksOf(server)
        .filter(({ notice, about }) => notice && about)
        .map(({ tone, about }) => ({ tone, about }));
