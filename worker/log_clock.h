/*
 * log_clock.h - what time it is by the log's clock, which says when a command expires.
 *
 * A host's own clock may be wrong, or leap; the broker's is the one by which the log is dated,
 * and everybody sees it.  It is known from the append time of the newest heartbeat that was
 * delivered, and what has passed since then by CLOCK_BOOTTIME, which nobody sets.  It is never
 * ahead of the broker's by that, and behind it by the way of the answer.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct log_clock {
    bool is_settled;   /* the first heartbeat has been answered, one way or the other */
    int64_t append_ms; /* 0: no log has told its time */
    int64_t heard_at;  /* CLOCK_BOOTTIME, ms */
};

/* A heartbeat was answered; `told_at`, `heard_at`: CLOCK_BOOTTIME, ms.  `append_ms` 0: it is lost,
 * or the log tells no times. */
void log_clock_hear(struct log_clock *clock, int64_t append_ms, int64_t told_at,
                    int64_t heard_at);
/* `boot_ms`: CLOCK_BOOTTIME now; `wall_ms`: the host's, for as long as the log tells no time. */
int64_t log_clock_ms(const struct log_clock *clock, int64_t boot_ms, int64_t wall_ms);
