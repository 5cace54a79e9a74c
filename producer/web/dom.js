/*
 * dom.js - elements, made and kept in step with data.
 *
 * Text goes in as text, never as HTML: names and messages come from other people's hosts.
 * Styles are classes; the page's security policy knows no inline ones.
 */

const SVG = "http://www.w3.org/2000/svg";

function set(element, name, value) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
}

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
    element.append(
        ...children
            .flat()
            .filter((child) => child !== null && child !== undefined && child !== false),
    );
    return element;
}

/* h("button", { class: "quiet", onclick: f }, "Stop") */
export const h = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);
/* Likewise, of a picture. */
export const s = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

/* A symbol of index.html.  What it says is said in words beside it. */
export const icon = (name) =>
    s(
        "svg",
        { class: "icon", "aria-hidden": "true", focusable: "false" },
        s("use", { href: `#i-${name}` }),
    );

/* Sets text only where it is another: an unchanged node costs no layout. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

export function setAttributes(element, attributes) {
    for (const [name, value] of Object.entries(attributes))
        if (
            element.getAttribute(name) !==
            (value === true ? "" : value === false || value == null ? null : String(value))
        )
            set(element, name, value);
}

/*
 * Makes the children of `parent` those of `items`, in their order.  An item that is the very
 * object of last time is not looked at again; a new one under a known key is given to
 * `update(element, item)`.  What stays in order stays in place, so focus stays, too.  With
 * `keeps`, an element that leaves is kept for when its item comes back.
 */
export function keyed(parent, key, make, update, keeps = false) {
    const known = new Map(); // key → { element, item }

    function removeBut(items) {
        const wanted = new Set(items.map(key));
        for (const [id, { element }] of known) {
            if (wanted.has(id)) continue;
            element.remove();
            if (!keeps) known.delete(id);
        }
    }

    function take(item) {
        const id = key(item);
        const entry = known.get(id) ?? { element: make(item), item: null };
        if (entry.item !== item) update(entry.element, item);
        entry.item = item;
        known.set(id, entry);
        return entry.element;
    }

    return (items) => {
        removeBut(items);
        let place = parent.firstElementChild;
        for (const item of items) {
            const element = take(item);
            if (element === place) place = place.nextElementSibling;
            else parent.insertBefore(element, place);
        }
    };
}
