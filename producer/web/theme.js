/*
 * theme.js - light, dark, or as the system has it.
 */

const KEY = "muster.theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

function stored() {
    const value = localStorage.getItem(KEY);
    return value in NEXT ? value : "system";
}

function apply(theme, button) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${theme}. Change to ${NEXT[theme]}`);
    button.title = button.getAttribute("aria-label");
    button.querySelector("use").setAttribute("href", `#i-theme-${theme}`);
}

export function themeButton(button) {
    let theme = stored();
    apply(theme, button);
    button.addEventListener("click", () => {
        theme = NEXT[theme];
        localStorage.setItem(KEY, theme);
        apply(theme, button);
    });
}
