/*
 * view-found.js - containers that are no server's own: to adopt, or to know of.
 */
import { h, setText } from "./dom.js";
import { badge, time } from "./parts.js";

const KINDS = [
    [
        "unmanaged",
        "Unmanaged",
        "Containers without our labels, under a name that a server's could have. Adopting makes one a server's; it goes on as it is.",
    ],
    [
        "extra",
        "Extra",
        "Containers that bear a server's label, but not its name: a copy, a leftover, one renamed by hand. They are told of and never touched.",
    ],
    [
        "orphan",
        "Orphans",
        "Containers whose server is deleted or not known. They are told of and never touched.",
    ],
];
const SETTLE_MS = 800;

function table(kind, found, app) {
    const state = app.state();
    const adopts = kind === "unmanaged" && app.may.has("adopt");
    const row = (each) =>
        h(
            "tr",
            {},
            h(
                "td",
                {},
                h("b", {}, each.name),
                h("div", { class: "soft code" }, each.container_id.slice(0, 12)),
            ),
            h("td", {}, state.agents.get(each.agent_id)?.name ?? each.agent_id),
            h("td", {}, each.status),
            h("td", { class: "code" }, each.image),
            h(
                "td",
                {},
                h("div", {}, state.servers.get(each.server_id)?.name ?? each.server_id ?? ""),
                time(each.seen_at),
            ),
            adopts
                ? h(
                      "td",
                      {},
                      h(
                          "button",
                          {
                              type: "button",
                              "aria-label": `Adopt ${each.name}`,
                              onclick: () => app.adopt(each),
                          },
                          "Adopt",
                      ),
                  )
                : null,
        );
    return h(
        "div",
        { class: "table-wrap" },
        h(
            "table",
            {},
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    [
                        "Container",
                        "Agent",
                        "It is",
                        "Image",
                        kind === "unmanaged" ? "Seen" : "Server, seen",
                    ].map((word) => h("th", { scope: "col" }, word)),
                    adopts
                        ? h("th", { scope: "col" }, h("span", { class: "hush" }, "Adopt"))
                        : null,
                ),
            ),
            h("tbody", {}, found.map(row)),
        ),
    );
}

/* One that was adopted is unmanaged to its worker alone. */
const isOurs = (each) => each.kind === "unmanaged" && each.server_id;

export function foundView(app) {
    const told = h("p", { class: "soft", role: "status" });
    const lists = h("div", {});
    const element = h(
        "div",
        {},
        h("div", { class: "tools" }, h("h2", {}, "Containers that are no server's own")),
        told,
        lists,
    );
    let seen = null;
    let timer = 0;

    async function fetchAll() {
        try {
            show((await app.api.found()).filter((each) => !isOurs(each)));
        } catch (problem) {
            setText(told, `They could not be fetched: ${problem.message}`);
        }
    }

    function show(found) {
        setText(
            told,
            found.length
                ? ""
                : "None: every container that the hosts have told of is a server's own.",
        );
        lists.replaceChildren(
            ...KINDS.flatMap(([kind, title, about]) => {
                const of = found.filter((each) => each.kind === kind);
                return of.length
                    ? [
                          h(
                              "section",
                              { class: "card found" },
                              h("h3", {}, title),
                              h("p", { class: "soft" }, about),
                              table(kind, of, app),
                          ),
                      ]
                    : [];
            }),
        );
    }

    /* What the hosts list comes with events; servers that change are a sign of them. */
    function render(state) {
        if (seen === state.syncs + state.servers.size) return;
        seen = state.syncs + state.servers.size;
        timer ||= setTimeout(() => {
            timer = 0;
            fetchAll();
        }, SETTLE_MS);
    }

    return { element, render, refresh: fetchAll };
}
