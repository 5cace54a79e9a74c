/*
 * bus_sqlite_consumer.c - a consumer of the embedded bus: a slot in a group, and a feed
 * for each of its topics, so that one that is not taken from holds back no other.
 *
 * Leases are renewed by notice(), by no thread of ours: a loop that hangs loses them,
 * as it should.  A busy file delays what notice() does; it never ends the consumer.
 */
#include "bus_sqlite.h"

#include <string.h>

#define NOTICE_PATIENCE_MS 100 /* the caller is a loop; it comes back */
#define OPEN_PATIENCE_MS   10000
#define POLL_MS            1000
/* Who was told to give back and does not is given up after so many leases, as a broker
 * does after max.poll.interval.ms. */
#define LEASES_TO_RELEASE 30
#define ACTS_PER_NOTICE   4

struct sqlite_consumer {
    struct bus_consumer base;
    struct sqlite_bus *bus; /* borrowed */
    struct db *db;
    struct wake wake;
    struct slot *slot;
    char **topics;    /* as they were given */
    GPtrArray *feeds; /* struct feed, one a topic */

    enum phase phase;
    int64_t release_by;   /* lease clock; in PHASE_RELEASING */
    int64_t seen_version; /* of the file when there was nothing to do */
    GPtrArray *lost; /* partitions whose offset is not in the log, to be told; or NULL */
    char *lost_why;
    GError *failure; /* of take(), to be told */
};

static void feeds_clear(struct sqlite_consumer *consumer)
{
    g_ptr_array_set_size(consumer->feeds, 0);
    for (size_t i = 0; consumer->topics[i]; i++)
        g_ptr_array_add(consumer->feeds, feed_new(consumer->db));
}

/* --- Open and close ----------------------------------------------------------------- */

static struct sqlite_consumer *consumer_new(struct sqlite_bus *bus,
                                            const char *const *topics)
{
    struct sqlite_consumer *consumer = g_new0(struct sqlite_consumer, 1);
    consumer->base.ops = &bus_sqlite_ops;
    consumer->bus = bus;
    consumer->topics = g_strdupv((char **)topics);
    consumer->feeds = g_ptr_array_new_with_free_func((GDestroyNotify)feed_free);
    consumer->seen_version = -1;
    return consumer;
}

struct bus_consumer *sqlite_consumer_open(struct bus *base, const char *group,
                                          const char *instance, const char *const *topics,
                                          GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct sqlite_consumer *consumer = consumer_new(bus, topics);
    g_autoptr(BusConsumer) opened = &consumer->base;
    consumer->db = db_open(bus->path, FLEETING, OPEN_PATIENCE_MS, error);
    if (!consumer->db)
        return NULL;
    feeds_clear(consumer);
    consumer->slot = slot_new(bus, consumer->db, group, instance, topics);
    if (!wake_open(&consumer->wake, consumer->db, MIN(POLL_MS, bus->lease_ms / 3),
                   error) ||
        !slot_enter(consumer->slot, error))
        return NULL;
    consumer->db->patience_ms = NOTICE_PATIENCE_MS;
    return g_steal_pointer(&opened);
}

/* The slot is kept until the lease runs out: a restart is free. */
void sqlite_consumer_close(struct bus_consumer *base)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_ptr_array_unref(consumer->feeds);
    slot_free(consumer->slot);
    g_clear_pointer(&consumer->lost, g_ptr_array_unref);
    g_clear_error(&consumer->failure);
    wake_close(&consumer->wake);
    db_close(consumer->db);
    g_strfreev(consumer->topics);
    g_free(consumer->lost_why);
    g_free(consumer);
}

int sqlite_consumer_fd(struct bus_consumer *base)
{
    return ((struct sqlite_consumer *)base)->wake.epoll;
}

/* --- Notices ------------------------------------------------------------------------ */

static GPtrArray *share_copy(const GPtrArray *share)
{
    GPtrArray *copy = bus_partitions_new();
    for (guint i = 0; i < share->len; i++) {
        const struct bus_partition *partition = g_ptr_array_index(share, i);
        bus_partitions_add(copy, partition->topic, partition->partition);
    }
    return copy;
}

static void tell_assigned(struct sqlite_consumer *consumer, struct bus_notice *ret_notice)
{
    ret_notice->kind = BUS_NOTICE_ASSIGNED;
    ret_notice->partitions = share_copy(consumer->slot->share);
    ret_notice->membership = membership_new(consumer->slot);
    consumer->phase = PHASE_OFFERED;
}

static void tell_over(struct sqlite_consumer *consumer, enum bus_notice_kind kind,
                      struct bus_notice *ret_notice)
{
    ret_notice->kind = kind;
    ret_notice->partitions = share_copy(consumer->slot->share);
    feeds_clear(consumer);
    consumer->phase = PHASE_RELEASING;
    consumer->release_by = bus_boot_ms() + consumer->bus->lease_ms * LEASES_TO_RELEASE;
}

static bool tell(struct sqlite_consumer *consumer, enum act act,
                 struct bus_notice *ret_notice, GError **error)
{
    switch (act) {
    case ACT_FENCED:
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL,
                    "another process took the slot %s of group %s",
                    consumer->slot->instance, consumer->slot->group);
        return false;
    case ACT_LOSE:
        tell_over(consumer, BUS_NOTICE_LOST, ret_notice);
        break;
    case ACT_REVOKE:
        tell_over(consumer, BUS_NOTICE_REVOKED, ret_notice);
        break;
    case ACT_TAKE:
        tell_assigned(consumer, ret_notice);
        break;
    case ACT_NOTHING:
    case ACT_JOIN:
    case ACT_RELEASE:
    case ACT_SWEEP:
    case ACT_RENEW:
        break;
    }
    return true;
}

/* What came up outside notice(). */
static bool tell_waiting(struct sqlite_consumer *consumer, struct bus_notice *ret_notice)
{
    if (consumer->lost) {
        ret_notice->kind = BUS_NOTICE_RANGE;
        ret_notice->partitions = g_steal_pointer(&consumer->lost);
        ret_notice->message = g_steal_pointer(&consumer->lost_why);
        return true;
    }
    if (consumer->slot->missing) {
        ret_notice->kind = BUS_NOTICE_ERROR;
        ret_notice->message = g_steal_pointer(&consumer->slot->missing);
        return true;
    }
    return false;
}

/* Nobody has written since there was nothing to do.  (That others' leases run out is seen
 * when ours is renewed.) */
static bool is_quiet(const struct sqlite_consumer *consumer, int64_t version)
{
    return consumer->phase == PHASE_RUNNING && version == consumer->seen_version &&
           !slot_is_due(consumer->slot);
}

/* Acts until there is something to tell or nothing to do. */
static bool advance(struct sqlite_consumer *consumer, struct bus_notice *ret_notice,
                    GError **error)
{
    int64_t version = 0;
    if (!db_version(consumer->db, &version, error))
        return false;
    if (is_quiet(consumer, version))
        return true;
    for (int i = 0; i < ACTS_PER_NOTICE && ret_notice->kind == BUS_NOTICE_NONE; i++) {
        enum act act = ACT_NOTHING;
        bool keep = consumer->phase != PHASE_RELEASING ||
                    bus_boot_ms() < consumer->release_by;
        if (!slot_act(consumer->slot, consumer->phase, keep, &act, error) ||
            !tell(consumer, act, ret_notice, error))
            return false;
        if (act == ACT_NOTHING) {
            consumer->seen_version = version;
            break;
        }
    }
    return true;
}

bool sqlite_consumer_notice(struct bus_consumer *base, struct bus_notice *ret_notice,
                            GError **error)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    struct bus_notice notice = {.kind = BUS_NOTICE_NONE};
    g_autoptr(GError) problem = NULL;
    wake_drain(&consumer->wake);
    if (consumer->failure) {
        g_propagate_error(error, g_steal_pointer(&consumer->failure));
        return false;
    }
    /* The file is busy: the next call tries again, well before the lease is over. */
    if (!tell_waiting(consumer, &notice) && !advance(consumer, &notice, &problem) &&
        !g_error_matches(problem, BUS_ERROR, BUS_ERROR_UNREACHABLE)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    *ret_notice = notice;
    return true;
}

/* --- Answers ------------------------------------------------------------------------ */

static void note_lost(struct sqlite_consumer *consumer, const char *topic,
                      int32_t partition, const GError *why)
{
    if (!consumer->lost)
        consumer->lost = bus_partitions_new();
    bus_partitions_add(consumer->lost, topic, partition);
    g_free(consumer->lost_why);
    consumer->lost_why = g_strdup(why->message);
}

static struct feed *feed_of(struct sqlite_consumer *consumer, const char *topic)
{
    for (guint i = 0; consumer->topics[i]; i++) {
        if (g_str_equal(consumer->topics[i], topic))
            return consumer->feeds->pdata[i];
    }
    return NULL;
}

bool sqlite_consumer_start(struct bus_consumer *base, const GPtrArray *positions,
                           GError **error)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_assert(consumer->phase == PHASE_OFFERED);
    for (guint i = 0; i < positions->len; i++) {
        const struct bus_position *from = g_ptr_array_index(positions, i);
        struct feed *feed = feed_of(consumer, from->topic);
        g_assert(feed);
        g_autoptr(GError) problem = NULL;
        if (feed_add(feed, from->topic, from->partition, from->offset, &problem))
            continue;
        if (!g_error_matches(problem, BUS_ERROR, BUS_ERROR_RANGE)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        note_lost(consumer, from->topic, from->partition, problem);
    }
    consumer->phase = PHASE_RUNNING;
    wake_poke(&consumer->wake); /* there may be records already */
    return true;
}

/* If the file is busy now, the next notice() writes it down. */
bool sqlite_consumer_release(struct bus_consumer *base, GError **error)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_clear_pointer(&consumer->lost, g_ptr_array_unref);
    feeds_clear(consumer);
    consumer->phase = PHASE_WAITING;
    wake_poke(&consumer->wake);
    return true;
}

struct bus_record *sqlite_consumer_take(struct bus_consumer *base, unsigned topic_index)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_assert(topic_index < consumer->feeds->len);
    if (consumer->phase != PHASE_RUNNING || consumer->failure)
        return NULL;
    const struct bus_partition *lost = NULL;
    g_autoptr(GError) problem = NULL;
    struct bus_record *record = feed_next(consumer->feeds->pdata[topic_index], &lost,
                                          &problem);
    if (lost)
        note_lost(consumer, lost->topic, lost->partition, problem);
    else if (problem && !g_error_matches(problem, BUS_ERROR, BUS_ERROR_UNREACHABLE))
        consumer->failure = g_steal_pointer(&problem);
    if (consumer->lost || consumer->failure)
        wake_poke(&consumer->wake);
    return record;
}

/* --- Positions ---------------------------------------------------------------------- */

static struct bus_position *read_position(struct db *db, const char *group,
                                          const struct bus_partition *partition,
                                          GError **error)
{
    sqlite3_stmt *found = db_bind(db, SQL_COMMITTED, "tti", group, partition->topic,
                                  (int64_t)partition->partition);
    enum db_step step = db_step(db, found, error);
    bool known = step == DB_ROW;
    struct bus_position *position = NULL;
    if (step != DB_FAILED)
        position = bus_position_new(
            partition->topic, partition->partition,
            known ? sqlite3_column_int64(found, 0) : BUS_OFFSET_NONE,
            known ? (const char *)sqlite3_column_text(found, 1) : NULL);
    db_end(found);
    return position;
}

/* On a connection of its own: notice() may be running on another thread. */
GPtrArray *sqlite_consumer_committed(struct bus_consumer *base,
                                     const GPtrArray *partitions, int timeout_ms,
                                     GError **error)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_autoptr(Db) db = db_open(consumer->bus->path, FLEETING, timeout_ms, error);
    if (!db || !db_begin_read(db, error))
        return NULL;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    for (guint i = 0; i < partitions->len; i++) {
        struct bus_position *position = read_position(db, consumer->slot->group,
                                                      partitions->pdata[i], error);
        if (!position)
            return NULL;
        g_ptr_array_add(positions, position);
    }
    return g_steal_pointer(&positions);
}
