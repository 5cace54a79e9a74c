/*
 * log_clock.c - the log's time, between two heartbeats.
 */
#include "log_clock.h"

#define WAY_MOST_MS 5000 /* of an answer that tells the time better than the one before */

/* What the broker has dated before it stood still tells a time that is over by then. */
void log_clock_hear(struct log_clock *clock, int64_t append_ms, int64_t told_at,
                    int64_t heard_at)
{
    const bool is_better = clock->append_ms == 0 || heard_at - told_at <= WAY_MOST_MS;
    clock->is_settled = true;
    if (append_ms <= 0 || !is_better)
        return;
    clock->append_ms = append_ms;
    clock->heard_at = heard_at;
}

int64_t log_clock_ms(const struct log_clock *clock, int64_t boot_ms, int64_t wall_ms)
{
    if (clock->append_ms == 0)
        return wall_ms;
    return clock->append_ms + (boot_ms - clock->heard_at);
}
