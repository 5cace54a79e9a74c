/*
 * row.js - one server in the list.
 *
 * Made once and then changed in place: a row that has focus keeps it while its status moves.
 */
import { rowButtonsOf } from "./actions.js";
import { h, icon, setAttributes, setText } from "./dom.js";
import { shownStatus } from "./filter.js";
import { fractionOf } from "./history.js";
import { badge, setBadge, setTime, time, waitingButton } from "./parts.js";
import { marksOf } from "./remarks.js";
import { actionWords, isTrouble, lastWords } from "./words.js";

/* What is under way, in words; "" if nothing is. */
export function underWay(server, progress) {
    const open = server.open?.at(-1);
    if (!open && !progress) return "";
    const action = progress?.action ?? open.action;
    return `${actionWords(action).ing}${progress?.text ? `: ${progress.text}` : "…"}`;
}

const portsOf = (server) => [server.game_port, server.udp_port].filter(Boolean).join(", ");

function describe(server) {
    const ports = portsOf(server);
    return [
        server.profile,
        server.image_tag,
        ports && `port${ports.includes(",") ? "s" : ""} ${ports}`,
    ]
        .filter(Boolean)
        .join(" · ");
}

/* Never to another button: who presses Enter twice means the first one. */
function keepFocus(box, choice) {
    const place = box.closest("[data-server]");
    (
        box.querySelector(`[data-choice="${choice}"]`) ?? place?.querySelector("[data-focus]")
    )?.focus();
}

/* Buttons are made anew only where others are possible now. */
export function setButtons(box, buttons, server, app) {
    const wanted = buttons.map(({ choice }) => choice).join(" ");
    box.server = server;
    if (box.dataset.choices === wanted) return;
    const had = box.contains(document.activeElement) ? document.activeElement.dataset.choice : null;
    box.dataset.choices = wanted;
    box.replaceChildren(
        ...buttons.map(({ choice, word, grave, first }) =>
            waitingButton(
                {
                    class: `${first ? "first" : ""} ${grave ? "grave" : ""}`.trim() || null,
                    "data-choice": choice,
                    "aria-label": `${word} ${server.name}`,
                },
                word,
                () => app.act(box.server, choice),
            ),
        ),
    );
    if (had) keepFocus(box, had);
}

/* The sentence of a row, and when what it says was so. */
function sentenceOf(server) {
    if (server.status === "missing") {
        const gone =
            shownStatus(server) === "unknown"
                ? "When last heard of, its container was gone."
                : "Its container is gone.";
        return { text: `${gone} ${server.healing}`, at: server.missing_since };
    }
    return { text: lastWords(server), at: server.last_at, trouble: isTrouble(server.last_outcome) };
}

function setTold(told, server, progress) {
    const busy = underWay(server, progress);
    const fraction = busy ? fractionOf(progress?.text) : null;
    const { text, at, trouble } = busy ? { text: busy } : sentenceOf(server);
    setText(told.text, text);
    setAttributes(told.box, { class: `told${busy ? " busy" : trouble ? " trouble" : ""}` });
    told.bar.hidden = fraction === null;
    told.bar.value = fraction ?? 0;
    told.when.hidden = !at;
    setTime(told.when, at);
}

function makeTold() {
    const text = h("p", {});
    const bar = h("progress", { max: 1, hidden: true, "aria-label": "Pull of the image" });
    const when = time(null);
    return { text, bar, when, box: h("div", { class: "told" }, text, bar, when) };
}

/* The parts of a row beside its name: { elements, update(item) }. */
function makeParts(app) {
    const what = h("span", { class: "what" });
    const marks = h("span", {});
    const state = badge("unknown");
    const told = makeTold();
    const buttons = h("div", { class: "buttons", role: "group" });
    return {
        state,
        elements: [h("div", {}, marks, what), told.box, buttons],
        update({ server, progress }) {
            setText(what, describe(server));
            marks.replaceChildren(
                ...marksOf(server).map((mark) =>
                    h(
                        "span",
                        {
                            class: "mark",
                            "data-remark": mark.name,
                            "data-tone": mark.tone,
                            title: mark.about,
                        },
                        mark.word,
                    ),
                ),
            );
            setBadge(state, shownStatus(server));
            setTold(told, server, progress);
            setAttributes(buttons, { "aria-label": `What can be done with ${server.name}` });
            setButtons(buttons, rowButtonsOf(server, app.may), server, app);
        },
    };
}

/* A row with update(item); at first it has a name alone, the rest comes by `lazily`. */
export function makeRow(app, lazily) {
    const name = h("button", {
        class: "name",
        type: "button",
        "data-focus": true,
        onclick: () => app.show(element.item.server),
    });
    const title = h("div", {}, name);
    const element = h("li", { class: "row" }, title);
    let parts = null;

    function fill() {
        const [below, ...beside] = (parts = makeParts(app)).elements;
        title.append(below);
        element.prepend(parts.state);
        element.append(...beside);
        parts.update(element.item);
    }

    element.update = (item) => {
        const isNew = !element.item;
        element.item = item;
        setAttributes(element, {
            "data-server": item.server.id,
            class: item.open ? "row open" : "row",
        });
        setAttributes(name, {
            "aria-expanded": item.open ? "true" : "false",
            title: `Everything about ${item.server.name}`,
        });
        setText(name, item.server.name);
        parts?.update(item);
        if (isNew) lazily(element, fill);
    };
    return element;
}
