/*
 * steady.h - a clock of which a leap is believed when it has lasted.
 *
 * A host's clock that is 400 days ahead for five seconds ends nothing for good: what counts time
 * by another clock's word goes on with CLOCK_BOOTTIME meanwhile.  Small corrections are followed
 * at once.  Pure: what both clocks show goes in, in ms; it is of one boot.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STEADY_STEP_MS 5000  /* what is no leap */
#define STEADY_WAIT_MS 60000 /* a leap that has lasted so long is believed */

struct steady {
    int64_t offset_ms;  /* believed: so far is the other clock ahead of CLOCK_BOOTTIME */
    int64_t leap_ms;    /* so far it is now, which is not believed yet, … */
    int64_t leap_since; /* … since then (CLOCK_BOOTTIME); -1: it is as it was */
};

struct steady steady_begin(int64_t shown_ms, int64_t boot_ms);
/* Whether anything has changed by more than `slack_ms`, or at all if it is of a leap. */
bool steady_take(struct steady *steady, int64_t shown_ms, int64_t boot_ms,
                 int64_t slack_ms);
int64_t steady_now(const struct steady *steady, int64_t boot_ms);
