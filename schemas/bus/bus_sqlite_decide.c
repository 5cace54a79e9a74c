/*
 * bus_sqlite_decide.c - what a member of an embedded group does next.
 *
 * Pure: a view of the group's tables goes in, one act comes out.  There is no
 * coordinator: every member looks and does what is next, one act in one transaction.  A
 * member joins, or its lease runs out: the generation goes up.  Members give back what
 * they hold of an older generation, and when nobody holds any, each takes its share of
 * the new one.
 */
#include "bus_sqlite_decide.h"

/* The order is the point: who is fenced says nothing else, who lost its lease first tells
 * it, and a share is taken only when all that could change it is written down. */
enum act decide(const struct view *view, const struct self *self)
{
    if (view->epoch != self->epoch)
        return ACT_FENCED;
    if (!view->is_alive && self->phase == PHASE_RUNNING)
        return ACT_LOSE;
    if (!view->is_alive)
        return self->phase == PHASE_WAITING ? ACT_JOIN : ACT_NOTHING;
    if (self->phase == PHASE_WAITING && view->holds != 0)
        return ACT_RELEASE;
    if (view->has_expired)
        return ACT_SWEEP;
    if (self->renewal_is_due)
        return ACT_RENEW;
    if (self->phase == PHASE_RUNNING && view->generation != self->generation)
        return ACT_REVOKE;
    if (self->phase == PHASE_WAITING && !view->is_blocked)
        return ACT_TAKE;
    return ACT_NOTHING;
}

bool act_writes(enum act act)
{
    return act >= ACT_JOIN;
}

int64_t range_share(int64_t partitions, int64_t members, int64_t rank, int64_t *ret_first)
{
    int64_t each = partitions / members, extra = partitions % members;
    *ret_first = each * rank + (rank < extra ? rank : extra);
    return each + (rank < extra ? 1 : 0);
}

static bool agree(int64_t since_boot_ms, int64_t since_wall_ms, int64_t boot_ms,
                  int64_t wall_ms)
{
    const int64_t leap_ms = (wall_ms - since_wall_ms) - (boot_ms - since_boot_ms);
    return leap_ms >= -CLOCK_LEAP_MS && leap_ms <= CLOCK_LEAP_MS;
}

/* A clock that leaps for some seconds, of the host or of one process, dates nothing.  One that
 * was wrong and is set right is believed after ten minutes; and at once after a boot, when there
 * is no other. */
bool file_clock_look(struct file_clock *clock, int64_t boot_ms, int64_t wall_ms,
                     int64_t *ret_now_ms, bool *ret_sure)
{
    const struct file_clock before = *clock;
    if (clock->boot_ms == 0)
        *clock = (struct file_clock){.boot_ms = boot_ms, .wall_ms = wall_ms};
    const bool good = agree(clock->boot_ms, clock->wall_ms, boot_ms, wall_ms);
    const bool known = clock->other_boot_ms != 0 &&
                       agree(clock->other_boot_ms, clock->other_wall_ms, boot_ms,
                             wall_ms);
    if (good) {
        clock->other_boot_ms = clock->other_wall_ms = 0;
    } else if (!known) {
        clock->other_boot_ms = boot_ms;
        clock->other_wall_ms = wall_ms;
    } else if (boot_ms - clock->other_boot_ms >= CLOCK_BELIEVE_MS) {
        *clock = (struct file_clock){.boot_ms = clock->other_boot_ms,
                                     .wall_ms = clock->other_wall_ms};
    }
    const bool believed = clock->other_boot_ms == 0;
    *ret_now_ms = believed ? wall_ms : clock->wall_ms + (boot_ms - clock->boot_ms);
    *ret_sure = believed && boot_ms - clock->boot_ms >= CLOCK_BELIEVE_MS;
    return before.boot_ms != clock->boot_ms ||
           before.other_boot_ms != clock->other_boot_ms;
}
