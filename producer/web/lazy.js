/*
 * lazy.js - what is off the screen is made later.
 *
 * A fleet has thousands of rows and a screen shows twenty.  Those are made at once, the others
 * when they come near or when the browser has nothing else to do, a few at a time.
 */

const AT_ONCE = 30; // a frame: more than a screen shows
const NEAR = "800px";
const LEFT_MS = 3; // stop filling when so little of an idle time is left

const whenIdle =
    globalThis.requestIdleCallback ??
    ((work) => setTimeout(work, 50, { timeRemaining: () => 2 * LEFT_MS, didTimeout: true }));

export function makeLazy() {
    const waiting = new Map(); // element → fill
    const observer = new IntersectionObserver(
        (entries) => {
            for (const { target, isIntersecting } of entries) if (isIntersecting) now(target);
        },
        { rootMargin: NEAR },
    );
    let budget = AT_ONCE;
    let planned = false;

    function now(element) {
        const fill = waiting.get(element);
        waiting.delete(element);
        observer.unobserve(element);
        fill?.();
    }

    function work(deadline) {
        planned = false;
        for (const element of waiting.keys()) {
            if (deadline.timeRemaining() < LEFT_MS) break;
            now(element);
        }
        plan();
    }

    function plan() {
        if (planned || !waiting.size) return;
        planned = true;
        whenIdle(work);
    }

    /* Calls fill() now, or once the element comes near the screen. */
    return function lazily(element, fill) {
        if (budget === AT_ONCE) setTimeout(() => (budget = AT_ONCE));
        if (budget-- > 0) return fill();
        waiting.set(element, fill);
        observer.observe(element);
        return plan();
    };
}
