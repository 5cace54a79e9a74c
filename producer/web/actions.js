/*
 * actions.js - which buttons a server has, and what is asked before one is obeyed.
 *
 * Pure.  What may be asked is the control plane's to say (`actions` of a server, none for a
 * viewer); here is which of that is of use in a status, and what stands to be lost.
 */
import { actionWords } from "./words.js";

const BUSY = ["cancel"];
const WHOLE = ["start", "rebuild", "recreate", "delete", "purge"];

/* By stored status, the likeliest first. */
const USEFUL = {
    creating: BUSY,
    rebuilding: BUSY,
    deleting: BUSY,
    running: ["stop", "restart", "rebuild", "delete", "purge"],
    stopped: ["start", "rebuild", "delete", "purge"],
    missing: WHOLE,
    failed: ["start", "rebuild", "delete", "purge"],
    deleted: ["restore", "restore_start", "purge"],
    purged: [],
};

/* What brings it back is shown before all others. */
const MENDS = new Set(["start", "restore"]);
const WORDS = { restore_start: "Restore and start" };
const IN_ROW = 3;
const NOT_IN_ROW = new Set(["recreate", "purge"]);

const base = (choice) => (choice === "restore_start" ? "restore" : choice);

/* { choice, action, word, grave, first } of each button.  `may`: what the role may call. */
export function buttonsOf(server, may) {
    const possible = new Set((server.actions ?? []).filter((action) => may.has(`${action}Server`)));
    const useful = USEFUL[server.status] ?? [...possible];
    const cancel = server.open?.length && !useful.includes("cancel") ? ["cancel"] : [];
    return [...cancel, ...useful]
        .filter((choice) => possible.has(base(choice)))
        .map((choice) => ({
            choice,
            action: base(choice),
            word: WORDS[choice] ?? actionWords(choice).word,
            grave: choice === "delete" || choice === "purge",
            first: MENDS.has(choice),
        }));
}

/* Those that fit a row of a list. */
export const rowButtonsOf = (server, may) =>
    buttonsOf(server, may)
        .filter(({ choice }) => !NOT_IN_ROW.has(choice) || server.status === "deleted")
        .slice(0, IN_ROW);

/* --- Before it is obeyed --- */

const MAKES = new Set(["start", "restart", "rebuild", "recreate", "restore"]);
const ENDS_GAME = new Set(["stop", "restart", "rebuild", "delete", "purge"]);

const mayRun = (server) =>
    ["running", "restarting", "paused", "unknown"].includes(server.container_status) &&
    server.status !== "missing" &&
    server.status !== "deleted";

const needsFresh = (action, server) => MAKES.has(action) && server.needs_fresh;

/*
 * What to ask first, or null: { title, lines, yes, grave, typed, save, fresh, unmarked }.
 * `typed`: the name has to be typed; `save`: offer to stop without saving; `fresh`: yes means new
 * data; `unmarked`: yes goes for data that does not bear the server's mark on its host, too.
 */
export function questionOf(action, server) {
    const { word } = actionWords(action);
    const title = `${word} ${server.name}?`;
    const game = ENDS_GAME.has(action) && mayRun(server);
    if (action === "purge")
        return {
            title,
            yes: "Purge for good",
            grave: true,
            typed: server.name,
            unmarked: true,
            save: game,
            lines: [
                `Its container and its data in ${server.data_dir || "its data directory"} are removed. Nothing brings them back.`,
            ],
        };
    if (action === "delete")
        return {
            title,
            yes: "Delete",
            grave: true,
            save: game,
            lines: [
                game ? "The game is saved and ended, players are disconnected." : null,
                "Its container is removed. Its record and its data stay, and Restore brings it back.",
            ].filter(Boolean),
        };
    if (needsFresh(action, server))
        return {
            title,
            yes: `${word} with new data`,
            grave: true,
            fresh: true,
            lines: [
                "Its data is gone from the host. If you go on, it begins afresh, with an empty world.",
                "If the data is only away (a disk that is not mounted), bring it back first.",
            ],
        };
    if (game)
        return {
            title,
            yes: word,
            grave: false,
            save: true,
            lines: [
                `The game runs. It is saved and ended, players are disconnected${action === "stop" ? "." : ", then it starts again."}`,
            ],
        };
    return null;
}
