/*
 * retry.js - how long to wait before the next try.
 *
 * Pure: the chance is an argument.  Many pages lose one server at the same moment; the spread
 * keeps them from coming back at the same moment too.
 */

const FIRST_MS = 500;
const MOST_MS = 15000;

/* Before try `attempt` (1, 2, …); `chance` is in [0, 1). */
export function retryDelay(attempt, chance) {
    const full = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
    return Math.round(full / 2 + (full / 2) * chance);
}
