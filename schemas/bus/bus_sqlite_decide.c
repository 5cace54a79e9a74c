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
