/*
 * dialog.js - asks a person before something is lost.
 *
 * The browser keeps focus inside, and gives it back to the button at the end; Escape is no.
 */
import { h, setText } from "./dom.js";

let count = 0;

function typedField(name, yes) {
    const id = `typed-${++count}`;
    const input = h("input", {
        id,
        autocomplete: "off",
        autocapitalize: "off",
        spellcheck: "false",
        oninput: () => {
            yes.disabled = input.value !== name;
        },
    });
    yes.disabled = true;
    return h(
        "div",
        { class: "field" },
        h("label", { for: id }, "Type ", h("code", {}, name), " to go on"),
        input,
    );
}

function check(label) {
    const input = h("input", { type: "checkbox" });
    return { input, element: h("label", { class: "choice" }, input, h("span", {}, label)) };
}

/* null for no; else what to send with the action: { fresh, unmarked, skip_save }. */
export function ask(question) {
    const title = h("h2", { id: `ask-${++count}` }, question.title);
    const yes = h(
        "button",
        { value: "yes", class: `first${question.grave ? " grave" : ""}` },
        question.yes,
    );
    const no = h(
        "button",
        { value: "no", formnovalidate: true, autofocus: question.grave && !question.typed },
        "Keep it as it is",
    );
    const skip = question.save ? check("Do not save first") : null;
    const dialog = h(
        "dialog",
        { "aria-labelledby": title.id },
        h(
            "form",
            { method: "dialog" },
            title,
            question.lines.map((line) => h("p", {}, line)),
            question.typed ? typedField(question.typed, yes) : null,
            skip?.element,
            h("div", { class: "end" }, no, yes),
        ),
    );
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) =>
        dialog.addEventListener("close", () => {
            dialog.remove();
            if (dialog.returnValue !== "yes" || yes.disabled) return resolve(null);
            resolve({
                ...(question.fresh && { fresh: true }),
                ...(question.unmarked && { unmarked: true }),
                ...(skip?.input.checked && { skip_save: true }),
            });
        }),
    );
}

/* A dialog around a form that says itself when it is done: { dialog, close }. */
export function formDialog(title, form, className = "wide") {
    const heading = h("h2", { id: `form-${++count}` }, title);
    const dialog = h("dialog", { class: className, "aria-labelledby": heading.id }, form);
    form.prepend(heading);
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.showModal();
    return { close: () => dialog.close(), title: (text) => setText(heading, text) };
}
