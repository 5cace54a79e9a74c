/*
 * browser.mjs - Chromium, driven by lines of JSON: tests/lib/browser.py has the other end.
 *
 *     node browser.mjs PLAYWRIGHT CHROMIUM
 *
 * {"page": "a", "call": ["keyboard", "press"], "with": ["Escape"]} calls page.keyboard.press
 * and answers {"value": …} or {"error": …}.  A page comes into being with "open" and its
 * options, and keeps a list of what went wrong in it and of the hosts that it asked.
 */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [playwright, chromium] = process.argv.slice(2);
const { chromium: driver } = createRequire(`${playwright}/package.json`)("playwright-core");

// As root, and in containers, there is no sandbox to be had; what is opened is our own page.
const browser = await driver.launch({ executablePath: chromium, args: ["--no-sandbox"] });
const pages = new Map();

function watch(page) {
    const seen = { errors: [], hosts: new Set() };
    page.on("pageerror", (error) => seen.errors.push(error.stack ?? String(error)));
    page.on("console", (message) => {
        if (message.type() === "error") seen.errors.push(message.text());
    });
    page.on("request", (request) => seen.hosts.add(new URL(request.url()).host));
    return seen;
}

const own = {
    async open({ page: name }, options, timeout) {
        const context = await browser.newContext(options);
        context.setDefaultTimeout(timeout);
        const page = await context.newPage();
        pages.set(name, { page, context, seen: watch(page) });
    },
    async close({ page: name }) {
        await pages.get(name).context.close();
        pages.delete(name);
    },
    seen({ page: name }) {
        const { errors, hosts } = pages.get(name).seen;
        return { errors, hosts: [...hosts] };
    },
};

async function answer(order) {
    const [first] = order.call;
    if (order.call.length === 1 && own[first]) return own[first](order, ...order.with);
    const path = [...order.call];
    const method = path.pop();
    const target = path.reduce((object, name) => object[name], pages.get(order.page).page);
    const value = await target[method](...order.with);
    return ["string", "number", "boolean"].includes(typeof value) ||
        Array.isArray(value) ||
        value?.constructor === Object
        ? value
        : null;
}

for await (const line of createInterface(process.stdin)) {
    const told = await Promise.resolve(JSON.parse(line))
        .then(answer)
        .then(
            (value) => ({ value: value ?? null }),
            (error) => ({ error: String(error.message) }),
        );
    process.stdout.write(`${JSON.stringify(told)}\n`);
}
await browser.close();
