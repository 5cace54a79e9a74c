/*
 * steady.c - a clock of which a leap is believed when it has lasted.
 */
#include "steady.h"

#include <glib.h>

#define NO_LEAP (-1)

struct steady steady_begin(int64_t shown_ms, int64_t boot_ms)
{
    return (struct steady){.offset_ms = shown_ms - boot_ms, .leap_since = NO_LEAP};
}

static bool is_near(int64_t one_ms, int64_t other_ms)
{
    return ABS(one_ms - other_ms) <= STEADY_STEP_MS;
}

static bool follow(struct steady *steady, int64_t offset_ms, int64_t slack_ms)
{
    const bool is_news = steady->leap_since != NO_LEAP ||
                         ABS(offset_ms - steady->offset_ms) > slack_ms;
    if (is_news)
        steady->offset_ms = offset_ms;
    steady->leap_since = NO_LEAP;
    return is_news;
}

bool steady_take(struct steady *steady, int64_t shown_ms, int64_t boot_ms,
                 int64_t slack_ms)
{
    const int64_t offset_ms = shown_ms - boot_ms;
    if (is_near(offset_ms, steady->offset_ms))
        return follow(steady, offset_ms, slack_ms);
    if (steady->leap_since == NO_LEAP || !is_near(offset_ms, steady->leap_ms)) {
        steady->leap_ms = offset_ms;
        steady->leap_since = boot_ms;
        return true;
    }
    if (boot_ms - steady->leap_since < STEADY_WAIT_MS)
        return false;
    *steady = steady_begin(shown_ms, boot_ms);
    return true;
}

int64_t steady_now(const struct steady *steady, int64_t boot_ms)
{
    return boot_ms + steady->offset_ms;
}
