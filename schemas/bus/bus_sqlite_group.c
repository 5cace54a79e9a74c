/*
 * bus_sqlite_group.c - groups of the embedded bus: members, leases, who has which partition.
 *
 * There is no coordinator: every member looks at the group's tables and does what is next
 * (decide()), one step in one transaction.  A member joins or its lease runs out: the
 * generation goes up.  Members give back what they hold of an older generation, and when
 * nobody holds any, each takes its share of the new one.  Shares follow from the tables
 * alone (`range` over the sorted names), so members need not talk to each other.
 *
 * Leases are renewed by notice(), by no thread of ours: a loop that hangs loses them.  They
 * are of one boot and of CLOCK_BOOTTIME.  Nothing here needs to be on the disk before it
 * counts, for no lease outlives the boot; only batches (bus_sqlite_send.c) wait for it.
 */
#include "bus_sqlite.h"

#include <string.h>
#include <time.h>

#define NOTICE_PATIENCE_MS 100 /* the caller is a loop; it comes back */
#define OPEN_PATIENCE_MS   10000
#define POLL_MS            1000
#define RENEWALS_PER_LEASE 3
/* Who was told to give back and does not is given up after so many leases, as a broker does
 * after max.poll.interval.ms. */
#define LEASES_TO_RELEASE 30
#define STEPS_PER_NOTICE  4

enum phase {
    PHASE_WAITING,   /* has nothing, wants its share */
    PHASE_OFFERED,   /* has been told its share; start() is to come */
    PHASE_RUNNING,   /* has its share */
    PHASE_RELEASING, /* has been told to give back; release() is to come */
};

struct sqlite_membership {
    struct bus_membership base;
    int64_t member, epoch, generation;
    char *boot;
};

struct sqlite_consumer {
    struct bus_consumer base;
    struct sqlite_bus *bus; /* borrowed */
    struct db *db;
    struct wake wake;
    char *group;
    char *instance;
    GPtrArray *topics; /* names, as they were given */
    GPtrArray *feeds;  /* struct feed, one a topic */

    int64_t group_id, member, epoch;
    enum phase phase;
    int64_t generation; /* of `share` */
    GPtrArray *share;   /* struct bus_partition */
    GPtrArray *lost; /* partitions whose offset is not in the log, to be told; or NULL */
    char *lost_why;
    char *missing;        /* topics that are not there yet, to be told; or NULL */
    GError *failure;      /* of take(), to be told */
    int64_t renew_at;     /* lease clock */
    int64_t release_by;   /* lease clock; in PHASE_RELEASING */
    int64_t seen_version; /* of the file when there was nothing to do */
};

int64_t lease_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* --- What is next: pure ---------------------------------------------------------------------- */

/* The group as a member sees it. */
struct view {
    int64_t epoch;      /* of our slot now */
    bool alive;         /* our lease is good */
    int64_t holds;      /* the generation whose share the file says we hold, or 0 */
    int64_t generation; /* of the group */
    bool expired;       /* another member's lease has run out */
    bool blocked;       /* another member holds something of an older generation */
};

struct moment {
    enum phase phase;
    int64_t epoch, generation; /* ours */
    bool renewal_is_due;
};

enum act {
    ACT_NOTHING,
    ACT_FENCED,  /* another process has our slot: the end */
    ACT_LOSE,    /* our lease ran out while we held something: tell it */
    ACT_JOIN,    /* (back) into the group, which begins a generation */
    ACT_RELEASE, /* write down that we hold nothing */
    ACT_SWEEP,   /* take out who is silent, which begins a generation */
    ACT_RENEW,
    ACT_REVOKE, /* a newer generation: tell it */
    ACT_TAKE,   /* our share of this generation: tell it */
};

static enum act decide(const struct view *view, const struct moment *moment)
{
    if (view->epoch != moment->epoch)
        return ACT_FENCED;
    if (!view->alive && moment->phase == PHASE_RUNNING)
        return ACT_LOSE;
    if (!view->alive)
        return moment->phase == PHASE_WAITING ? ACT_JOIN : ACT_NOTHING;
    if (moment->phase == PHASE_WAITING && view->holds != 0)
        return ACT_RELEASE;
    if (view->expired)
        return ACT_SWEEP;
    if (moment->renewal_is_due)
        return ACT_RENEW;
    if (moment->phase == PHASE_RUNNING && view->generation != moment->generation)
        return ACT_REVOKE;
    if (moment->phase == PHASE_WAITING && !view->blocked)
        return ACT_TAKE;
    return ACT_NOTHING;
}

/* `count` of `partitions` from `*ret_first` on are the share of the `rank`-th of `members`. */
static int64_t range_share(int64_t partitions, int64_t members, int64_t rank,
                           int64_t *ret_first)
{
    int64_t each = partitions / members, extra = partitions % members;
    *ret_first = each * rank + MIN(rank, extra);
    return each + (rank < extra ? 1 : 0);
}

/* --- Steps ----------------------------------------------------------------------------------- */

static bool look(struct sqlite_consumer *consumer, struct view *ret_view, GError **error)
{
    sqlite3_stmt *seen = db_bind(consumer->db, SQL_MEMBER_VIEW, "iti", consumer->member,
                                 consumer->bus->boot, lease_clock_ms());
    enum db_step step = db_step(consumer->db, seen, error);
    if (step == DB_ROW) {
        *ret_view = (struct view){
            .epoch = sqlite3_column_int64(seen, 0),
            .alive = sqlite3_column_int(seen, 1),
            .holds = sqlite3_column_int64(seen, 2),
            .generation = sqlite3_column_int64(seen, 3),
            .expired = sqlite3_column_int(seen, 4),
            .blocked = sqlite3_column_int(seen, 5),
        };
    }
    db_end(seen);
    if (step == DB_DONE)
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL,
                    "%s: member %s of group %s is gone", consumer->db->path,
                    consumer->instance, consumer->group);
    return step == DB_ROW;
}

static bool renew(struct sqlite_consumer *consumer, GError **error)
{
    int64_t now = lease_clock_ms();
    if (!db_run(consumer->db, SQL_MEMBER_RENEW, error, "iiti", consumer->member,
                consumer->epoch, consumer->bus->boot, now + consumer->bus->lease_ms))
        return false;
    consumer->renew_at = now + consumer->bus->lease_ms / RENEWALS_PER_LEASE;
    return true;
}

static bool hold(struct sqlite_consumer *consumer, int64_t generation, GError **error)
{
    return db_run(consumer->db, SQL_MEMBER_HOLD, error, "iii", consumer->member,
                  consumer->epoch, generation);
}

static bool bump(struct sqlite_consumer *consumer, GError **error)
{
    return db_run(consumer->db, SQL_GROUP_BUMP, error, "i", consumer->group_id);
}

static bool sweep(struct sqlite_consumer *consumer, GError **error)
{
    return db_run(consumer->db, SQL_MEMBERS_SWEEP, error, "iti", consumer->group_id,
                  consumer->bus->boot, lease_clock_ms()) &&
           bump(consumer, error);
}

/* A topic that is made later begins a generation; until then it is missing in the share. */
static void note_missing(struct sqlite_consumer *consumer, GPtrArray *known)
{
    g_clear_pointer(&consumer->missing, g_free);
    for (guint i = 0; i < consumer->topics->len; i++) {
        const char *topic = consumer->topics->pdata[i];
        if (!g_ptr_array_find_with_equal_func(known, topic, g_str_equal, NULL))
            consumer->missing = g_strdup_printf("there is no topic %s yet", topic);
    }
}

static bool read_share(struct sqlite_consumer *consumer, GPtrArray *share,
                       GPtrArray *known, GError **error)
{
    sqlite3_stmt *rows = db_bind(consumer->db, SQL_ASSIGNMENT, "i", consumer->member);
    enum db_step step;
    while ((step = db_step(consumer->db, rows, error)) == DB_ROW) {
        const char *topic = (const char *)sqlite3_column_text(rows, 0);
        g_ptr_array_add(known, g_strdup(topic));
        int64_t first = 0;
        int64_t count = range_share(sqlite3_column_int64(rows, 1),
                                    sqlite3_column_int64(rows, 2),
                                    sqlite3_column_int64(rows, 3), &first);
        for (int64_t i = first; i < first + count; i++)
            bus_partitions_add(share, topic, (int32_t)i);
    }
    db_end(rows);
    return step == DB_DONE;
}

static bool take_share(struct sqlite_consumer *consumer, const struct view *view,
                       GError **error)
{
    g_autoptr(GPtrArray) share = bus_partitions_new();
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);
    if (!read_share(consumer, share, known, error) ||
        !hold(consumer, view->generation, error))
        return false;
    note_missing(consumer, known);
    g_ptr_array_unref(consumer->share);
    consumer->share = g_steal_pointer(&share);
    consumer->generation = view->generation;
    return true;
}

/* The steps that write; the others only tell. */
static bool act_writes(enum act act)
{
    return act == ACT_JOIN || act == ACT_RELEASE || act == ACT_SWEEP ||
           act == ACT_RENEW || act == ACT_TAKE;
}

static bool act_rings(enum act act)
{
    return act == ACT_JOIN || act == ACT_RELEASE || act == ACT_SWEEP;
}

static bool perform(struct sqlite_consumer *consumer, enum act act,
                    const struct view *view, GError **error)
{
    switch (act) {
    case ACT_JOIN:
        return renew(consumer, error) && hold(consumer, 0, error) &&
               bump(consumer, error);
    case ACT_RELEASE:
        return hold(consumer, 0, error);
    case ACT_SWEEP:
        return sweep(consumer, error);
    case ACT_RENEW:
        return renew(consumer, error);
    case ACT_TAKE:
        return take_share(consumer, view, error);
    case ACT_NOTHING:
    case ACT_FENCED:
    case ACT_LOSE:
    case ACT_REVOKE:
        break;
    }
    return true;
}

static bool renewal_is_due(const struct sqlite_consumer *consumer)
{
    int64_t now = lease_clock_ms();
    bool overdue = consumer->phase == PHASE_RELEASING && now >= consumer->release_by;
    return now >= consumer->renew_at && !overdue;
}

static bool choose(struct sqlite_consumer *consumer, struct view *ret_view,
                   enum act *ret_act, GError **error)
{
    struct moment moment = {
        .phase = consumer->phase,
        .epoch = consumer->epoch,
        .generation = consumer->generation,
        .renewal_is_due = renewal_is_due(consumer),
    };
    if (!look(consumer, ret_view, error))
        return false;
    *ret_act = decide(ret_view, &moment);
    return true;
}

/* One step: looks without a lock; what writes is decided again under it. */
static bool step_once(struct sqlite_consumer *consumer, enum act *ret_act, GError **error)
{
    struct view view;
    if (!choose(consumer, &view, ret_act, error))
        return false;
    if (!act_writes(*ret_act))
        return true;
    bool done = db_begin_write(consumer->db, error) &&
                choose(consumer, &view, ret_act, error) &&
                perform(consumer, *ret_act, &view, error) &&
                db_commit(consumer->db, error);
    db_rollback(consumer->db);
    if (done && act_rings(*ret_act))
        db_ring(consumer->db);
    return done;
}

/* --- Notices ----------------------------------------------------------------------------------- */

static struct bus_membership *membership_new(struct sqlite_consumer *consumer)
{
    struct sqlite_membership *membership = g_new0(struct sqlite_membership, 1);
    membership->base.ops = &bus_sqlite_ops;
    g_atomic_ref_count_init(&membership->base.references);
    membership->member = consumer->member;
    membership->epoch = consumer->epoch;
    membership->generation = consumer->generation;
    membership->boot = g_strdup(consumer->bus->boot);
    return &membership->base;
}

void sqlite_membership_free(struct bus_membership *base)
{
    struct sqlite_membership *membership = (struct sqlite_membership *)base;
    g_free(membership->boot);
    g_free(membership);
}

bool membership_check(struct db *db, const struct bus_membership *base, GError **error)
{
    const struct sqlite_membership *membership = (const struct sqlite_membership *)base;
    sqlite3_stmt *found = db_bind(db, SQL_MEMBERSHIP, "iiiti", membership->member,
                                  membership->epoch, membership->generation,
                                  membership->boot, lease_clock_ms());
    enum db_step step = db_step(db, found, error);
    db_end(found);
    if (step == DB_DONE)
        g_set_error(error, BUS_ERROR, BUS_ERROR_STALE,
                    "the assignment of generation %" G_GINT64_FORMAT
                    " that this batch belongs to is over",
                    membership->generation);
    return step == DB_ROW;
}

static void feeds_clear(struct sqlite_consumer *consumer)
{
    for (guint i = 0; i < consumer->feeds->len; i++) {
        feed_free(consumer->feeds->pdata[i]);
        consumer->feeds->pdata[i] = feed_new(consumer->db);
    }
}

static GPtrArray *share_copy(const GPtrArray *share)
{
    GPtrArray *copy = bus_partitions_new();
    for (guint i = 0; i < share->len; i++) {
        const struct bus_partition *partition = g_ptr_array_index(share, i);
        bus_partitions_add(copy, partition->topic, partition->partition);
    }
    return copy;
}

static void tell_share(struct sqlite_consumer *consumer, enum bus_notice_kind kind,
                       struct bus_notice *ret_notice)
{
    ret_notice->kind = kind;
    ret_notice->partitions = share_copy(consumer->share);
    if (kind == BUS_NOTICE_ASSIGNED) {
        ret_notice->membership = membership_new(consumer);
        consumer->phase = PHASE_OFFERED;
        return;
    }
    feeds_clear(consumer);
    consumer->phase = PHASE_RELEASING;
    consumer->release_by = lease_clock_ms() + consumer->bus->lease_ms * LEASES_TO_RELEASE;
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
    if (consumer->missing) {
        ret_notice->kind = BUS_NOTICE_ERROR;
        ret_notice->message = g_steal_pointer(&consumer->missing);
        return true;
    }
    return false;
}

static bool tell(struct sqlite_consumer *consumer, enum act act,
                 struct bus_notice *ret_notice, GError **error)
{
    switch (act) {
    case ACT_FENCED:
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL,
                    "another process took the slot %s of group %s", consumer->instance,
                    consumer->group);
        return false;
    case ACT_LOSE:
        tell_share(consumer, BUS_NOTICE_LOST, ret_notice);
        break;
    case ACT_REVOKE:
        tell_share(consumer, BUS_NOTICE_REVOKED, ret_notice);
        break;
    case ACT_TAKE:
        tell_share(consumer, BUS_NOTICE_ASSIGNED, ret_notice);
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

static bool is_quiet(struct sqlite_consumer *consumer, int64_t version)
{
    return consumer->phase == PHASE_RUNNING && version == consumer->seen_version &&
           lease_clock_ms() < consumer->renew_at;
}

/* Steps until there is something to tell or nothing to do. */
static bool advance(struct sqlite_consumer *consumer, struct bus_notice *ret_notice,
                    GError **error)
{
    int64_t version = 0;
    if (!db_version(consumer->db, &version, error))
        return false;
    if (is_quiet(consumer, version))
        return true;
    enum act act = ACT_NOTHING;
    for (int i = 0; i < STEPS_PER_NOTICE; i++) {
        if (!step_once(consumer, &act, error) || !tell(consumer, act, ret_notice, error))
            return false;
        if (act == ACT_NOTHING)
            consumer->seen_version = version;
        if (act == ACT_NOTHING || ret_notice->kind != BUS_NOTICE_NONE)
            break;
    }
    return true;
}

bool sqlite_consumer_notice(struct bus_consumer *base, struct bus_notice *ret_notice,
                            GError **error)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    *ret_notice = (struct bus_notice){.kind = BUS_NOTICE_NONE};
    wake_drain(&consumer->wake);
    if (consumer->failure) {
        g_propagate_error(error, g_steal_pointer(&consumer->failure));
        return false;
    }
    if (tell_waiting(consumer, ret_notice))
        return true;
    g_autoptr(GError) problem = NULL;
    if (advance(consumer, ret_notice, &problem))
        return true;
    /* Somebody is writing: the next call tries again, well before the lease runs out. */
    if (g_error_matches(problem, BUS_ERROR, BUS_ERROR_UNREACHABLE))
        return true;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

/* --- Joining ----------------------------------------------------------------------------------- */

static bool find_group(struct sqlite_consumer *consumer, GError **error)
{
    if (!db_run(consumer->db, SQL_GROUP_MAKE, error, "t", consumer->group))
        return false;
    sqlite3_stmt *found = db_bind(consumer->db, SQL_GROUP, "t", consumer->group);
    enum db_step step = db_step(consumer->db, found, error);
    if (step == DB_ROW)
        consumer->group_id = sqlite3_column_int64(found, 0);
    db_end(found);
    return step == DB_ROW;
}

static bool find_member(struct sqlite_consumer *consumer, bool *ret_alive, GError **error)
{
    if (!db_run(consumer->db, SQL_MEMBER_MAKE, error, "it", consumer->group_id,
                consumer->instance))
        return false;
    sqlite3_stmt *found = db_bind(consumer->db, SQL_MEMBER, "itti", consumer->group_id,
                                  consumer->instance, consumer->bus->boot,
                                  lease_clock_ms());
    enum db_step step = db_step(consumer->db, found, error);
    if (step == DB_ROW) {
        consumer->member = sqlite3_column_int64(found, 0);
        consumer->epoch = sqlite3_column_int64(found, 1) + 1;
        *ret_alive = sqlite3_column_int(found, 2);
    }
    db_end(found);
    return step == DB_ROW;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The topics in order, each once, as one text. */
static char *topics_text(const GPtrArray *topics)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    for (guint i = 0; i < topics->len; i++)
        g_ptr_array_add(sorted, topics->pdata[i]);
    g_ptr_array_sort(sorted, by_text);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < sorted->len; i++)
        g_string_append_printf(text, "%s\n", (const char *)sorted->pdata[i]);
    return g_string_free(text, FALSE);
}

static bool subscriptions_are(struct sqlite_consumer *consumer, bool *ret_same,
                              GError **error)
{
    g_autofree char *wanted = topics_text(consumer->topics);
    g_autoptr(GString) found = g_string_new(NULL);
    sqlite3_stmt *rows = db_bind(consumer->db, SQL_SUBSCRIPTIONS, "i", consumer->member);
    enum db_step step;
    while ((step = db_step(consumer->db, rows, error)) == DB_ROW)
        g_string_append_printf(found, "%s\n", sqlite3_column_text(rows, 0));
    db_end(rows);
    *ret_same = g_str_equal(found->str, wanted);
    return step == DB_DONE;
}

static bool subscribe(struct sqlite_consumer *consumer, GError **error)
{
    if (!db_run(consumer->db, SQL_UNSUBSCRIBE, error, "i", consumer->member))
        return false;
    for (guint i = 0; i < consumer->topics->len; i++) {
        if (!db_run(consumer->db, SQL_SUBSCRIBE, error, "it", consumer->member,
                    consumer->topics->pdata[i]))
            return false;
    }
    return true;
}

/* Takes the slot, whoever had it.  The others notice only if it had nobody, or if it reads
 * other topics now. */
static bool enter(struct sqlite_consumer *consumer, GError **error)
{
    bool alive = false, same = false;
    if (!db_begin_write(consumer->db, error) || !find_group(consumer, error) ||
        !find_member(consumer, &alive, error) ||
        !subscriptions_are(consumer, &same, error))
        return false;
    int64_t now = lease_clock_ms();
    consumer->renew_at = now + consumer->bus->lease_ms / RENEWALS_PER_LEASE;
    if (!db_run(consumer->db, SQL_MEMBER_TAKEOVER, error, "iti", consumer->member,
                consumer->bus->boot, now + consumer->bus->lease_ms))
        return false;
    if (!(alive && same) && !(subscribe(consumer, error) && bump(consumer, error)))
        return false;
    if (!db_commit(consumer->db, error))
        return false;
    db_ring(consumer->db);
    return true;
}

static struct sqlite_consumer *consumer_new(struct sqlite_bus *bus, const char *group,
                                            const char *instance,
                                            const char *const *topics)
{
    struct sqlite_consumer *consumer = g_new0(struct sqlite_consumer, 1);
    consumer->base.ops = &bus_sqlite_ops;
    consumer->bus = bus;
    consumer->group = g_strdup(group);
    consumer->instance = g_strdup(instance);
    consumer->topics = g_ptr_array_new_with_free_func(g_free);
    consumer->feeds = g_ptr_array_new_with_free_func((GDestroyNotify)feed_free);
    consumer->share = bus_partitions_new();
    consumer->seen_version = -1;
    for (size_t i = 0; topics[i]; i++)
        g_ptr_array_add(consumer->topics, g_strdup(topics[i]));
    return consumer;
}

struct bus_consumer *sqlite_consumer_open(struct bus *base, const char *group,
                                          const char *instance, const char *const *topics,
                                          GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct sqlite_consumer *consumer = consumer_new(bus, group, instance, topics);
    g_autoptr(BusConsumer) opened = &consumer->base;
    consumer->db = db_open(bus->path, FLEETING, OPEN_PATIENCE_MS, error);
    if (!consumer->db)
        return NULL;
    for (guint i = 0; i < consumer->topics->len; i++)
        g_ptr_array_add(consumer->feeds, feed_new(consumer->db));
    int64_t poll_ms = MIN(POLL_MS, bus->lease_ms / RENEWALS_PER_LEASE);
    if (!wake_open(&consumer->wake, consumer->db, poll_ms, error) ||
        !enter(consumer, error))
        return NULL;
    consumer->db->patience_ms = NOTICE_PATIENCE_MS;
    return g_steal_pointer(&opened);
}

/* Its place is kept until the lease runs out: a restart is free. */
void sqlite_consumer_close(struct bus_consumer *base)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_ptr_array_unref(consumer->feeds);
    g_ptr_array_unref(consumer->topics);
    g_ptr_array_unref(consumer->share);
    g_clear_pointer(&consumer->lost, g_ptr_array_unref);
    g_clear_error(&consumer->failure);
    wake_close(&consumer->wake);
    db_close(consumer->db);
    g_free(consumer->lost_why);
    g_free(consumer->missing);
    g_free(consumer->group);
    g_free(consumer->instance);
    g_free(consumer);
}

/* --- The rest of the interface ------------------------------------------------------------------ */

int sqlite_consumer_fd(struct bus_consumer *base)
{
    return ((struct sqlite_consumer *)base)->wake.epoll;
}

static void note_lost(struct sqlite_consumer *consumer, const char *topic,
                      int32_t partition, const GError *why)
{
    if (!consumer->lost)
        consumer->lost = bus_partitions_new();
    bus_partitions_add(consumer->lost, topic, partition);
    g_free(consumer->lost_why);
    consumer->lost_why = g_strdup(why->message);
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
    return record;
}

static struct bus_position *read_position(struct db *db, const char *group,
                                          const struct bus_partition *partition,
                                          GError **error)
{
    sqlite3_stmt *found = db_bind(db, SQL_COMMITTED, "tti", group, partition->topic,
                                  (int64_t)partition->partition);
    enum db_step step = db_step(db, found, error);
    struct bus_position *position = NULL;
    if (step == DB_ROW)
        position = bus_position_new(partition->topic, partition->partition,
                                    sqlite3_column_int64(found, 0),
                                    (const char *)sqlite3_column_text(found, 1));
    else if (step == DB_DONE)
        position = bus_position_new(partition->topic, partition->partition,
                                    BUS_OFFSET_NONE, NULL);
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
        struct bus_position *position = read_position(
            db, consumer->group, g_ptr_array_index(partitions, i), error);
        if (!position)
            return NULL;
        g_ptr_array_add(positions, position);
    }
    return g_steal_pointer(&positions);
}

static struct feed *feed_of(struct sqlite_consumer *consumer, const char *topic)
{
    for (guint i = 0; i < consumer->topics->len; i++) {
        if (g_str_equal(consumer->topics->pdata[i], topic))
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

static bool write_release(struct sqlite_consumer *consumer, GError **error)
{
    bool done = db_begin_write(consumer->db, error) && hold(consumer, 0, error) &&
                db_commit(consumer->db, error);
    db_rollback(consumer->db);
    db_ring(consumer->db);
    return done;
}

/* If the file is busy, the next notice() writes it down. */
bool sqlite_consumer_release(struct bus_consumer *base, GError **error)
{
    struct sqlite_consumer *consumer = (struct sqlite_consumer *)base;
    g_clear_pointer(&consumer->lost, g_ptr_array_unref);
    feeds_clear(consumer);
    consumer->phase = PHASE_WAITING;
    consumer->generation = 0;
    g_autoptr(GError) problem = NULL;
    if (write_release(consumer, &problem) ||
        g_error_matches(problem, BUS_ERROR, BUS_ERROR_UNREACHABLE))
        return true;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}
