/*
 * parts.js - small things that several views show: badges, times, a button that waits.
 */
import { h, icon, setAttributes, setText } from "./dom.js";
import { agoWords, statusWords, timeWords } from "./words.js";

/* Colour, symbol and word of a status. */
export function badge(status) {
    const words = statusWords(status);
    return h(
        "span",
        { class: "badge", "data-tone": words.tone, "data-status": status },
        icon(words.icon),
        h("span", { class: "hush" }, "status: "),
        h("span", {}, words.word),
    );
}

export function setBadge(element, status) {
    if (element.dataset.status === status) return;
    const words = statusWords(status);
    setAttributes(element, { "data-tone": words.tone, "data-status": status });
    element.querySelector("use").setAttribute("href", `#i-${words.icon}`);
    setText(element.lastElementChild, words.word);
}

/* A time that grows old by itself: refreshTimes(). */
export function time(at) {
    return h(
        "time",
        { "data-at": at, datetime: at && new Date(at).toISOString(), title: timeWords(at) },
        agoWords(at, Date.now()),
    );
}

export function setTime(element, at) {
    setAttributes(element, {
        "data-at": at,
        datetime: at && new Date(at).toISOString(),
        title: timeWords(at),
    });
    setText(element, agoWords(at, Date.now()));
}

export function refreshTimes(now) {
    for (const element of document.querySelectorAll("time[data-at]"))
        setText(element, agoWords(Number(element.dataset.at), now));
}

/* Cannot be pressed again until what it began has ended. */
export function waitingButton(attributes, word, press) {
    const button = h(
        "button",
        {
            type: "button",
            ...attributes,
            onclick: async () => {
                if (button.getAttribute("aria-disabled") === "true") return;
                button.setAttribute("aria-disabled", "true");
                try {
                    await press();
                } finally {
                    button.removeAttribute("aria-disabled");
                }
            },
        },
        word,
    );
    return button;
}
