/*
 * notes.js - what has just happened, at the foot of the page, read out by screen readers.
 */
import { h, icon } from "./dom.js";

const SHOWN_MS = 7000;
const MOST = 3;

export function makeNotes(place) {
    return function note(text, tone = "calm") {
        const element = h(
            "div",
            { class: `notice ${tone}` },
            h("span", {}, text),
            h(
                "button",
                {
                    class: "square",
                    type: "button",
                    "aria-label": "Dismiss",
                    onclick: () => element.remove(),
                },
                icon("close"),
            ),
        );
        place.append(element);
        while (place.children.length > MOST) place.firstElementChild.remove();
        if (tone !== "bad")
            /* what went wrong stays until it was read */
            setTimeout(() => element.remove(), SHOWN_MS);
    };
}
