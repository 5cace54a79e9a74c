/*
 * fields.js - form fields with a label, a hint, and room for what is wrong.
 */
import { h, setAttributes, setText } from "./dom.js";

let count = 0;

/* `input` gets an id; what is wrong is tied to it for screen readers. */
export function field(label, input, hint, attributes = {}) {
    const id = `field-${++count}`;
    const wrong = h("p", { class: "wrong", id: `${id}-wrong`, "aria-live": "polite" });
    const about = h("p", { class: "hint", id: `${id}-hint`, hidden: !hint }, hint ?? "");
    setAttributes(input, { id, "aria-describedby": `${id}-hint ${id}-wrong` });
    const element = h(
        "div",
        { class: "field", ...attributes },
        h("label", { for: id }, label),
        input,
        about,
        wrong,
    );
    return {
        element,
        input,
        hint(text) {
            setText(about, text);
            about.hidden = !text;
        },
        wrong(text) {
            setText(wrong, text);
            setAttributes(input, { "aria-invalid": text ? "true" : null });
        },
    };
}

export const text = (attributes) =>
    h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
export const number = (attributes) => text({ inputmode: "numeric", maxlength: 5, ...attributes });
export const select = (options, attributes) =>
    h(
        "select",
        attributes,
        options.map(([value, word, selected]) => h("option", { value, selected }, word)),
    );

/* Names and secret values, as many as wanted. */
export function pairs(config, hint) {
    const rows = h("div", { class: "pairs" });
    const wrong = h("p", { class: "wrong", "aria-live": "polite" });

    function add([name, value] = ["", ""]) {
        const key = text({
            "aria-label": "Name of a variable",
            value: name,
            placeholder: "NAME",
            class: "code",
        });
        const secret = text({
            "aria-label": name ? `Value of ${name}` : "Its value",
            value: value ?? "",
            placeholder: "value",
            class: "code",
        });
        const row = h(
            "div",
            { class: "pair" },
            key,
            secret,
            h(
                "button",
                {
                    type: "button",
                    "aria-label": `Take ${name || "this variable"} away`,
                    onclick: () => {
                        row.remove();
                        more.focus();
                    },
                },
                "Remove",
            ),
        );
        rows.append(row);
        return key;
    }

    const more = h("button", { type: "button", onclick: () => add().focus() }, "Add a variable");
    config.forEach((pair) => add(pair));
    return {
        element: h(
            "div",
            { class: "field all", role: "group", "aria-label": "Variables of the container" },
            h("span", { class: "label" }, "Variables"),
            h("p", { class: "hint" }, hint),
            rows,
            h("div", {}, more),
            wrong,
        ),
        values: () =>
            [...rows.children].map((row) =>
                [...row.querySelectorAll("input")].map((input) => input.value),
            ),
        wrong: (text) => setText(wrong, text),
    };
}
