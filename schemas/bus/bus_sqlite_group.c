/*
 * bus_sqlite_group.c - a slot in a group of the embedded bus: its row, lease and share.
 *
 * Carries out in the file what bus_sqlite_decide.c decides, each act in one transaction
 * and decided again under the lock.  Shares follow from the tables alone (range over
 * the sorted names), so members need not talk to each other.
 *
 * Leases are of one boot and of CLOCK_BOOTTIME.  Nothing here waits for the disk, for no
 * lease outlives the boot; only batches do (bus_sqlite_send.c).
 */
#include "bus_sqlite.h"

#include <string.h>
#include <time.h>

#define RENEWALS_PER_LEASE 3

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct slot *slot_new(struct sqlite_bus *bus, struct db *db, const char *group,
                      const char *instance, const char *const *topics)
{
    struct slot *slot = g_new0(struct slot, 1);
    slot->db = db;
    slot->boot = bus->boot;
    slot->lease_ms = bus->lease_ms;
    slot->group = g_strdup(group);
    slot->instance = g_strdup(instance);
    slot->topics = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; topics[i]; i++)
        g_ptr_array_add(slot->topics, g_strdup(topics[i]));
    g_ptr_array_sort(slot->topics, by_text);
    slot->share = bus_partitions_new();
    return slot;
}

void slot_free(struct slot *slot)
{
    if (!slot)
        return;
    g_ptr_array_unref(slot->topics);
    g_ptr_array_unref(slot->share);
    g_free(slot->missing);
    g_free(slot->group);
    g_free(slot->instance);
    g_free(slot);
}

/* --- Entering ----------------------------------------------------------------------- */

static bool find_group(struct slot *slot, GError **error)
{
    if (!db_run(slot->db, SQL_GROUP_MAKE, error, "t", slot->group))
        return false;
    sqlite3_stmt *found = db_bind(slot->db, SQL_GROUP, "t", slot->group);
    enum db_step step = db_step(slot->db, found, error);
    if (step == DB_ROW)
        slot->group_id = sqlite3_column_int64(found, 0);
    db_end(found);
    return step == DB_ROW;
}

static bool find_member(struct slot *slot, bool *ret_alive, GError **error)
{
    if (!db_run(slot->db, SQL_MEMBER_MAKE, error, "it", slot->group_id, slot->instance))
        return false;
    sqlite3_stmt *found = db_bind(slot->db, SQL_MEMBER, "itti", slot->group_id,
                                  slot->instance, slot->boot, bus_boot_ms());
    enum db_step step = db_step(slot->db, found, error);
    if (step == DB_ROW) {
        slot->member = sqlite3_column_int64(found, 0);
        slot->epoch = sqlite3_column_int64(found, 1) + 1;
        *ret_alive = sqlite3_column_int(found, 2);
    }
    db_end(found);
    return step == DB_ROW;
}

/* Whether the member reads these very topics already. */
static bool compare_topics(struct slot *slot, bool *ret_same, GError **error)
{
    sqlite3_stmt *rows = db_bind(slot->db, SQL_SUBSCRIPTIONS, "i", slot->member);
    enum db_step step;
    guint same = 0, known = 0;
    while ((step = db_step(slot->db, rows, error)) == DB_ROW) {
        const char *topic = (const char *)sqlite3_column_text(rows, 0);
        known++;
        same += g_ptr_array_find_with_equal_func(slot->topics, topic, g_str_equal, NULL);
    }
    db_end(rows);
    *ret_same = same == known && known == slot->topics->len;
    return step == DB_DONE;
}

static bool bump(struct slot *slot, GError **error)
{
    return db_run(slot->db, SQL_GROUP_BUMP, error, "i", slot->group_id);
}

static bool subscribe(struct slot *slot, GError **error)
{
    if (!db_run(slot->db, SQL_UNSUBSCRIBE, error, "i", slot->member))
        return false;
    for (guint i = 0; i < slot->topics->len; i++) {
        if (!db_run(slot->db, SQL_SUBSCRIBE, error, "it", slot->member,
                    slot->topics->pdata[i]))
            return false;
    }
    return bump(slot, error);
}

static bool write_entry(struct slot *slot, GError **error)
{
    bool alive = false, same = false;
    if (!find_group(slot, error) || !find_member(slot, &alive, error) ||
        !compare_topics(slot, &same, error))
        return false;
    int64_t now = bus_boot_ms();
    slot->renew_at = now + slot->lease_ms / RENEWALS_PER_LEASE;
    return db_run(slot->db, SQL_MEMBER_TAKEOVER, error, "iti", slot->member, slot->boot,
                  now + slot->lease_ms) &&
           ((alive && same) || subscribe(slot, error));
}

bool slot_enter(struct slot *slot, GError **error)
{
    bool done = db_begin_write(slot->db, error) && write_entry(slot, error) &&
                db_commit(slot->db, error);
    db_rollback(slot->db);
    if (done)
        db_ring(slot->db);
    return done;
}

/* --- Acts --------------------------------------------------------------------------- */

static bool look(struct slot *slot, struct view *ret_view, GError **error)
{
    sqlite3_stmt *seen = db_bind(slot->db, SQL_MEMBER_VIEW, "iti", slot->member,
                                 slot->boot, bus_boot_ms());
    enum db_step step = db_step(slot->db, seen, error);
    if (step == DB_ROW) {
        *ret_view = (struct view){
            .epoch = sqlite3_column_int64(seen, 0),
            .is_alive = sqlite3_column_int(seen, 1),
            .holds = sqlite3_column_int64(seen, 2),
            .generation = sqlite3_column_int64(seen, 3),
            .has_expired = sqlite3_column_int(seen, 4),
            .is_blocked = sqlite3_column_int(seen, 5),
        };
    }
    db_end(seen);
    if (step == DB_DONE)
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL,
                    "%s: member %s of group %s is gone", slot->db->path, slot->instance,
                    slot->group);
    return step == DB_ROW;
}

static bool renew(struct slot *slot, GError **error)
{
    int64_t now = bus_boot_ms();
    if (!db_run(slot->db, SQL_MEMBER_RENEW, error, "iiti", slot->member, slot->epoch,
                slot->boot, now + slot->lease_ms))
        return false;
    slot->renew_at = now + slot->lease_ms / RENEWALS_PER_LEASE;
    return true;
}

static bool hold(struct slot *slot, int64_t generation, GError **error)
{
    return db_run(slot->db, SQL_MEMBER_HOLD, error, "iii", slot->member, slot->epoch,
                  generation);
}

static bool sweep(struct slot *slot, GError **error)
{
    return db_run(slot->db, SQL_MEMBERS_SWEEP, error, "iti", slot->group_id, slot->boot,
                  bus_boot_ms()) &&
           bump(slot, error);
}

static bool read_share(struct slot *slot, GPtrArray *share, GPtrArray *known,
                       GError **error)
{
    sqlite3_stmt *rows = db_bind(slot->db, SQL_ASSIGNMENT, "i", slot->member);
    enum db_step step;
    while ((step = db_step(slot->db, rows, error)) == DB_ROW) {
        const char *topic = (const char *)sqlite3_column_text(rows, 0);
        int64_t first = 0;
        int64_t count = range_share(sqlite3_column_int64(rows, 1),
                                    sqlite3_column_int64(rows, 2),
                                    sqlite3_column_int64(rows, 3), &first);
        for (int64_t i = first; i < first + count; i++)
            bus_partitions_add(share, topic, (int32_t)i);
        g_ptr_array_add(known, g_strdup(topic));
    }
    db_end(rows);
    return step == DB_DONE;
}

/* A topic that is made later begins a generation; until then no share has any of it. */
static char *name_missing(const struct slot *slot, GPtrArray *known)
{
    for (guint i = 0; i < slot->topics->len; i++) {
        const char *topic = slot->topics->pdata[i];
        if (!g_ptr_array_find_with_equal_func(known, topic, g_str_equal, NULL))
            return g_strdup_printf("there is no topic %s yet", topic);
    }
    return NULL;
}

static bool take_share(struct slot *slot, const struct view *view, GError **error)
{
    g_autoptr(GPtrArray) share = bus_partitions_new();
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);
    if (!read_share(slot, share, known, error) || !hold(slot, view->generation, error))
        return false;
    g_free(slot->missing);
    slot->missing = name_missing(slot, known);
    g_ptr_array_unref(slot->share);
    slot->share = g_steal_pointer(&share);
    slot->generation = view->generation;
    return true;
}

static bool perform(struct slot *slot, enum act act, const struct view *view,
                    GError **error)
{
    switch (act) {
    case ACT_JOIN:
        return renew(slot, error) && hold(slot, 0, error) && bump(slot, error);
    case ACT_RELEASE:
        return hold(slot, 0, error);
    case ACT_SWEEP:
        return sweep(slot, error);
    case ACT_RENEW:
        return renew(slot, error);
    case ACT_TAKE:
        return take_share(slot, view, error);
    case ACT_NOTHING:
    case ACT_FENCED:
    case ACT_LOSE:
    case ACT_REVOKE:
        break;
    }
    return true;
}

static bool choose(struct slot *slot, enum phase phase, bool keep, struct view *ret_view,
                   enum act *ret_act, GError **error)
{
    struct self self = {
        .phase = phase,
        .epoch = slot->epoch,
        .generation = slot->generation,
        .renewal_is_due = keep && slot_is_due(slot),
    };
    if (!look(slot, ret_view, error))
        return false;
    *ret_act = decide(ret_view, &self);
    return true;
}

/* Looks without a lock first: mostly there is nothing to do. */
bool slot_act(struct slot *slot, enum phase phase, bool keep, enum act *ret_act,
              GError **error)
{
    struct view view;
    enum act act = ACT_NOTHING;
    if (!choose(slot, phase, keep, &view, &act, error))
        return false;
    if (act_writes(act)) {
        bool done = db_begin_write(slot->db, error) &&
                    choose(slot, phase, keep, &view, &act, error) &&
                    perform(slot, act, &view, error) && db_commit(slot->db, error);
        db_rollback(slot->db);
        if (!done)
            return false;
        if (act == ACT_JOIN || act == ACT_RELEASE || act == ACT_SWEEP)
            db_ring(slot->db);
    }
    *ret_act = act;
    return true;
}

bool slot_is_due(const struct slot *slot)
{
    return bus_boot_ms() >= slot->renew_at;
}

/* --- Membership --------------------------------------------------------------------- */

struct sqlite_membership {
    struct bus_membership base;
    int64_t member, epoch, generation;
    char *boot;
};

struct bus_membership *membership_new(const struct slot *slot)
{
    struct sqlite_membership *membership = g_new0(struct sqlite_membership, 1);
    membership->base.ops = &bus_sqlite_ops;
    g_atomic_ref_count_init(&membership->base.references);
    membership->member = slot->member;
    membership->epoch = slot->epoch;
    membership->generation = slot->generation;
    membership->boot = g_strdup(slot->boot);
    return &membership->base;
}

void sqlite_membership_free(struct bus_membership *base)
{
    struct sqlite_membership *membership = (struct sqlite_membership *)base;
    g_free(membership->boot);
    g_free(membership);
}

/* Whoever still holds its older generation's share may finish what it has begun. */
bool membership_check(struct db *db, const struct bus_membership *base, GError **error)
{
    const struct sqlite_membership *membership = (const struct sqlite_membership *)base;
    sqlite3_stmt *found = db_bind(db, SQL_MEMBERSHIP, "iiiti", membership->member,
                                  membership->epoch, membership->generation,
                                  membership->boot, bus_boot_ms());
    enum db_step step = db_step(db, found, error);
    db_end(found);
    if (step == DB_DONE)
        g_set_error(error, BUS_ERROR, BUS_ERROR_STALE,
                    "the assignment of generation %" G_GINT64_FORMAT
                    " that this batch belongs to is over",
                    membership->generation);
    return step == DB_ROW;
}
