/*
 * view-sign-in.js - asks for a token.
 */
import { h } from "./dom.js";
import { field } from "./fields.js";

/* `enter(token)` throws what was wrong with it. */
export function signInView(enter, why) {
    const token = field(
        "Token",
        h("input", {
            type: "password",
            autocomplete: "current-password",
            spellcheck: "false",
            autofocus: true,
            required: true,
        }),
        "Made by muster token add --role viewer, operator or admin. It is kept in this tab alone.",
    );
    const button = h("button", { class: "first" }, "Sign in");
    const form = h(
        "form",
        {
            class: "card sign-in",
            novalidate: true,
            "aria-label": "Sign in",
            onsubmit: async (event) => {
                event.preventDefault();
                const value = token.input.value.trim();
                token.wrong(value ? "" : "Paste a token here.");
                if (!value || button.disabled) return;
                button.disabled = true;
                try {
                    await enter(value);
                } catch (problem) {
                    token.wrong(
                        problem.status === 401
                            ? "No such token: it is mistyped, has ended, or was revoked."
                            : problem.message,
                    );
                    token.input.focus();
                } finally {
                    button.disabled = false;
                }
            },
        },
        h("h2", {}, "Sign in"),
        why ? h("p", { class: "notice odd", role: "alert" }, why) : null,
        token.element,
        button,
    );
    return { element: form, focus: () => token.input.focus() };
}
