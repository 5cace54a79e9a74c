/*
 * bus_sqlite_send.c - records on their way into the embedded bus.
 *
 * A batch is one SQLite transaction: whether its sender and its membership still count
 * is asked under the lock under which its records and positions become true, so that
 * nothing of a fenced process, or of an older assignment, is ever committed.  Limits
 * are a broker's, and told before anything is written.  What is too old is dropped
 * here, in small pieces.
 */
#include "bus_sqlite.h"

#include "crash.h"

#include <string.h>

#define COMMIT_PATIENCE_MS 10000
#define TELLER_PATIENCE_MS 200
#define TIDY_EVERY_US      (60 * G_USEC_PER_SEC)
#define TIDY_OFFSETS       50000 /* dropped at most in one go */
#define COMPACT_OFFSETS    20000 /* looked at, at the end of a compacted partition */

struct sqlite_sender {
    struct bus_sender base;
    struct db *db;
    const char *boot; /* borrowed */
    char *name;
    int64_t epoch;
    int64_t gap_every;
    int64_t transactions;
    int64_t tidy_at; /* monotonic, us */
};

struct sqlite_teller {
    struct bus_teller base;
    struct db *db;
    const char *boot; /* borrowed */
    int64_t tidy_at;  /* monotonic, us */
    bool has_heard;   /* since it was last asked */
    struct bus_heard heard;
};

/* --- Limits ------------------------------------------------------------------------- */

static size_t message_size(const struct bus_message *message)
{
    size_t size = message->key ? strlen(message->key) : 0;
    size += message->value ? g_bytes_get_size(message->value) : 0;
    for (guint i = 0; message->headers && i < message->headers->len; i++) {
        const struct bus_header *header = g_ptr_array_index(message->headers, i);
        size += strlen(header->name) + g_bytes_get_size(header->value);
    }
    return size;
}

static bool check_message(const struct bus_message *message, GError **error)
{
    size_t size = message_size(message);
    if (size <= SQLITE_BUS_RECORD_LIMIT)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_TOO_LARGE,
                "a record of %zu bytes for %s; the limit is %d", size, message->topic,
                SQLITE_BUS_RECORD_LIMIT);
    return false;
}

static bool check_position(const struct bus_position *position, GError **error)
{
    size_t length = position->metadata ? strlen(position->metadata) : 0;
    if (length <= SQLITE_BUS_METADATA_LIMIT)
        return true;
    g_set_error(
        error, BUS_ERROR, BUS_ERROR_TOO_LARGE,
        "%zu characters of metadata beside the offset of %s [%d]; the limit is %d",
        length, position->topic, position->partition, SQLITE_BUS_METADATA_LIMIT);
    return false;
}

static bool check_batch(const struct bus_batch *batch, GError **error)
{
    for (guint i = 0; i < batch->messages->len; i++) {
        if (!check_message(g_ptr_array_index(batch->messages, i), error))
            return false;
    }
    for (guint i = 0; i < batch->positions->len; i++) {
        if (!check_position(g_ptr_array_index(batch->positions, i), error))
            return false;
    }
    return true;
}

/* --- The time ----------------------------------------------------------------------- */

/* Of one transaction. */
struct moment {
    int64_t ms;
    bool is_sure; /* enough to drop by it what is too old */
};

static bool read_clock(struct db *db, const char *boot, struct file_clock *ret_clock,
                       GError **error)
{
    sqlite3_stmt *found = db_bind(db, SQL_CLOCK, "t", boot);
    enum db_step step = db_step(db, found, error);
    if (step == DB_ROW)
        *ret_clock = (struct file_clock){
            .boot_ms = sqlite3_column_int64(found, 0),
            .wall_ms = sqlite3_column_int64(found, 1),
            .other_boot_ms = sqlite3_column_int64(found, 2),
            .other_wall_ms = sqlite3_column_int64(found, 3),
        };
    db_end(found);
    return step != DB_FAILED;
}

/* Inside the transaction that appends, so that all processes have one clock. */
static bool tell_time(struct db *db, const char *boot, struct moment *ret_moment,
                      GError **error)
{
    struct file_clock clock = {0};
    if (!read_clock(db, boot, &clock, error))
        return false;
    return !file_clock_look(&clock, bus_boot_ms(), g_get_real_time() / 1000,
                            &ret_moment->ms, &ret_moment->is_sure) ||
           db_run(db, SQL_CLOCK_SET, error, "tiiii", boot, clock.boot_ms, clock.wall_ms,
                  clock.other_boot_ms, clock.other_wall_ms);
}

/* --- Appending ---------------------------------------------------------------------- */

/* A partition that a transaction has touched; hashed by `is`. */
struct touched {
    struct bus_partition is; /* its topic is the message's */
    struct partition_row row;
};

static guint partition_hash(gconstpointer pointer)
{
    const struct bus_partition *partition = pointer;
    return g_str_hash(partition->topic) ^ (guint)partition->partition;
}

static gboolean partition_equal(gconstpointer a, gconstpointer b)
{
    const struct bus_partition *one = a, *other = b;
    return one->partition == other->partition && g_str_equal(one->topic, other->topic);
}

static GHashTable *touched_new(void)
{
    return g_hash_table_new_full(partition_hash, partition_equal, NULL, g_free);
}

static struct touched *touch(struct db *db, GHashTable *all,
                             const struct bus_message *message, GError **error)
{
    struct bus_partition is = {.topic = message->topic, .partition = message->partition};
    struct touched *touched = g_hash_table_lookup(all, &is);
    if (touched)
        return touched;
    struct partition_row row = {0};
    if (!partition_find(db, is.topic, is.partition, &row, error))
        return NULL;
    touched = g_new0(struct touched, 1);
    touched->is = is;
    touched->row = row;
    g_hash_table_insert(all, &touched->is, touched);
    return touched;
}

/* Append times never fall within a partition, whatever the clock does. */
static bool append(struct db *db, GHashTable *all, const struct bus_message *message,
                   int64_t now_ms, GError **error)
{
    struct touched *touched = touch(db, all, message, error);
    if (!touched)
        return false;
    struct partition_row *row = &touched->row;
    row->last_ms = MAX(row->last_ms, message->append_ms ? message->append_ms : now_ms);
    g_autoptr(GBytes) headers = headers_pack(message->headers);
    if (!db_run(db, SQL_RECORD_ADD, error, "iitbb",
                row->id * SQLITE_BUS_OFFSETS + row->end, row->last_ms, message->key,
                headers, message->value))
        return false;
    row->end++;
    return true;
}

/* Under the lock under which it becomes true: what it was told before may be long ago. */
static bool check_time(const struct bus_batch *batch, int64_t now_ms, GError **error)
{
    if (batch->before_ms == 0 || now_ms < batch->before_ms)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_LATE,
                "%" G_GINT64_FORMAT " ms too late by the bus's clock",
                now_ms - batch->before_ms);
    return false;
}

/* `gap`: offsets left out behind the records, as Kafka's transaction markers do. */
static bool append_end(struct db *db, GHashTable *all, int64_t gap, GError **error)
{
    GHashTableIter iter;
    void *value = NULL;
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct partition_row *row = &((struct touched *)value)->row;
        if (!db_run(db, SQL_PARTITION_UPDATE, error, "iii", row->id, row->end + gap,
                    row->last_ms))
            return false;
    }
    return true;
}

/* --- Retention and compaction ------------------------------------------------------- */

struct untidy {
    struct partition_row row;
    int64_t retention_ms; /* -1: for ever */
    bool compacted;
};

static bool find_untidy(struct db *db, GArray *found, GError **error)
{
    sqlite3_stmt *rows = db_bind(db, SQL_TIDY, "");
    enum db_step step;
    while ((step = db_step(db, rows, error)) == DB_ROW) {
        struct untidy untidy = {
            .row = {.id = sqlite3_column_int64(rows, 0),
                    .first = sqlite3_column_int64(rows, 1),
                    .end = sqlite3_column_int64(rows, 2),
                    .last_ms = sqlite3_column_int64(rows, 3)},
            .retention_ms = sqlite3_column_int64(rows, 4),
            .compacted = sqlite3_column_int(rows, 5),
        };
        g_array_append_val(found, untidy);
    }
    db_end(rows);
    return step == DB_DONE;
}

static bool drop_old(struct db *db, const struct untidy *untidy, int64_t now_ms,
                     int64_t *budget, GError **error)
{
    const struct partition_row *row = &untidy->row;
    int64_t cut = 0, base = row->id * SQLITE_BUS_OFFSETS;
    int64_t oldest_ms = now_ms - untidy->retention_ms;
    if (!partition_offset_at(db, row, oldest_ms, &cut, error))
        return false;
    cut = MIN(cut, row->first + *budget);
    if (cut <= row->first)
        return true;
    *budget -= cut - row->first;
    return db_run(db, SQL_RECORDS_DROP, error, "ii", base + row->first, base + cut) &&
           db_run(db, SQL_PARTITION_FIRST, error, "ii", row->id, cut);
}

/* The newest of each key among the last COMPACT_OFFSETS; an older one farther back may
 * stay, as it may in Kafka. */
static bool compact(struct db *db, const struct partition_row *row, GError **error)
{
    int64_t base = row->id * SQLITE_BUS_OFFSETS;
    int64_t from = MAX(row->first, row->end - COMPACT_OFFSETS);
    return db_run(db, SQL_RECORDS_COMPACT, error, "ii", base + from, base + row->end);
}

static bool tidy_all(struct db *db, const char *boot, GError **error)
{
    struct moment now = {0};
    g_autoptr(GArray) found = g_array_new(false, false, sizeof(struct untidy));
    int64_t budget = TIDY_OFFSETS;
    if (!db_begin_write(db, error) || !tell_time(db, boot, &now, error) ||
        !find_untidy(db, found, error))
        return false;
    for (guint i = 0; i < found->len; i++) {
        const struct untidy *untidy = &g_array_index(found, struct untidy, i);
        if (now.is_sure && untidy->retention_ms >= 0 &&
            !drop_old(db, untidy, now.ms, &budget, error))
            return false;
        if (untidy->compacted && !compact(db, &untidy->row, error))
            return false;
    }
    return db_commit(db, error);
}

/* Once a minute at most; if it cannot be done now, the next minute will do. */
static void tidy(struct db *db, const char *boot, int64_t *tidy_at)
{
    int64_t now = g_get_monotonic_time();
    if (now < *tidy_at)
        return;
    *tidy_at = now + TIDY_EVERY_US;
    tidy_all(db, boot, NULL);
    db_rollback(db);
}

/* --- Sender ------------------------------------------------------------------------- */

static bool read_epoch(struct sqlite_sender *sender, int64_t *ret_epoch, GError **error)
{
    sqlite3_stmt *found = db_bind(sender->db, SQL_SENDER_EPOCH, "t", sender->name);
    enum db_step step = db_step(sender->db, found, error);
    if (step != DB_FAILED)
        *ret_epoch = step == DB_ROW ? sqlite3_column_int64(found, 0) : 0;
    db_end(found);
    return step != DB_FAILED;
}

/* Whoever had the name before is fenced from here on. */
static bool take_name(struct sqlite_sender *sender, GError **error)
{
    return db_begin_write(sender->db, error) &&
           db_run(sender->db, SQL_SENDER_OPEN, error, "t", sender->name) &&
           read_epoch(sender, &sender->epoch, error) && db_commit(sender->db, error);
}

struct bus_sender *sqlite_sender_open(struct bus *base, const char *transactional_id,
                                      int timeout_ms, GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct sqlite_sender *sender = g_new0(struct sqlite_sender, 1);
    g_autoptr(BusSender) opened = &sender->base;
    opened->ops = &bus_sqlite_ops;
    sender->name = g_strdup(transactional_id);
    sender->gap_every = bus->gap_every;
    sender->boot = bus->boot;
    sender->db = db_open(bus->path, DURABLE, timeout_ms, error);
    if (!sender->db || !take_name(sender, error))
        return NULL;
    sender->db->patience_ms = COMMIT_PATIENCE_MS;
    return g_steal_pointer(&opened);
}

void sqlite_sender_close(struct bus_sender *base)
{
    struct sqlite_sender *sender = (struct sqlite_sender *)base;
    db_close(sender->db);
    g_free(sender->name);
    g_free(sender);
}

static bool check_epoch(struct sqlite_sender *sender, GError **error)
{
    int64_t epoch = 0;
    if (!read_epoch(sender, &epoch, error))
        return false;
    if (epoch == sender->epoch)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL,
                "fenced: another process sends as %s now (epoch %" G_GINT64_FORMAT
                ", ours was %" G_GINT64_FORMAT ")",
                sender->name, epoch, sender->epoch);
    return false;
}

static bool commit_positions(struct db *db, const struct bus_batch *batch, GError **error)
{
    for (guint i = 0; i < batch->positions->len; i++) {
        const struct bus_position *position = g_ptr_array_index(batch->positions, i);
        struct partition_row row = {0};
        if (!partition_find(db, position->topic, position->partition, &row, error) ||
            !db_run(db, SQL_POSITION_COMMIT, error, "tiit", batch->group, row.id,
                    position->offset, position->metadata))
            return false;
    }
    return true;
}

static int64_t next_gap(struct sqlite_sender *sender)
{
    sender->transactions++;
    return sender->gap_every > 0 && sender->transactions % sender->gap_every == 0 ? 1 : 0;
}

static bool write_batch(struct sqlite_sender *sender, const struct bus_batch *batch,
                        GError **error)
{
    struct db *db = sender->db;
    g_autoptr(GHashTable) touched = touched_new();
    struct moment now = {0};
    if (!db_begin_write(db, error) || !check_epoch(sender, error) ||
        !tell_time(db, sender->boot, &now, error) || !check_time(batch, now.ms, error) ||
        (batch->membership && !membership_check(db, batch->membership, error)))
        return false;
    crash_point("bus.begun");
    for (guint i = 0; i < batch->messages->len; i++) {
        if (!append(db, touched, g_ptr_array_index(batch->messages, i), now.ms, error))
            return false;
    }
    crash_point("bus.messages");
    if (!append_end(db, touched, next_gap(sender), error) ||
        !commit_positions(db, batch, error))
        return false;
    crash_point("bus.positions");
    return db_commit(db, error);
}

static enum bus_sent sent_of(const GError *problem)
{
    switch ((enum bus_error)problem->code) {
    case BUS_ERROR_UNREACHABLE: /* busy, or the disk is full: rolled back */
        return BUS_RETRY;
    case BUS_ERROR_LATE:
        return BUS_LATE;
    case BUS_ERROR_STALE:
        return BUS_STALE;
    case BUS_ERROR_USAGE:
    case BUS_ERROR_NO_TOPIC:
    case BUS_ERROR_PARTITIONS:
    case BUS_ERROR_RANGE:
    case BUS_ERROR_TOO_LARGE:
    case BUS_ERROR_INVALID:
    case BUS_ERROR_DENIED:
        return BUS_REFUSED;
    case BUS_ERROR_FATAL:
        break;
    }
    return BUS_DEAD;
}

enum bus_sent sqlite_sender_commit(struct bus_sender *base, const struct bus_batch *batch,
                                   GError **error)
{
    struct sqlite_sender *sender = (struct sqlite_sender *)base;
    g_assert(batch->positions->len == 0 || (batch->group && batch->membership));
    g_autoptr(GError) problem = NULL;
    if (!check_batch(batch, &problem) || !write_batch(sender, batch, &problem)) {
        db_rollback(sender->db);
        enum bus_sent sent = sent_of(problem);
        g_propagate_error(error, g_steal_pointer(&problem));
        return sent;
    }
    crash_point("bus.committed");
    db_ring(sender->db);
    tidy(sender->db, sender->boot, &sender->tidy_at);
    return BUS_SENT;
}

/* --- Teller ------------------------------------------------------------------------- */

struct bus_teller *sqlite_teller_open(struct bus *base, GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct sqlite_teller *teller = g_new0(struct sqlite_teller, 1);
    g_autoptr(BusTeller) opened = &teller->base;
    opened->ops = &bus_sqlite_ops;
    teller->boot = bus->boot;
    teller->db = db_open(bus->path, FLEETING, COMMIT_PATIENCE_MS, error);
    if (!teller->db)
        return NULL;
    teller->db->patience_ms = TELLER_PATIENCE_MS;
    return g_steal_pointer(&opened);
}

void sqlite_teller_close(struct bus_teller *base)
{
    struct sqlite_teller *teller = (struct sqlite_teller *)base;
    db_close(teller->db);
    g_free(teller);
}

bool sqlite_teller_heard(struct bus_teller *base, struct bus_heard *ret_heard)
{
    struct sqlite_teller *teller = (struct sqlite_teller *)base;
    if (!teller->has_heard)
        return false;
    *ret_heard = teller->heard;
    teller->has_heard = false;
    return true;
}

bool sqlite_teller_tell(struct bus_teller *base, const struct bus_message *message,
                        GError **error)
{
    struct sqlite_teller *teller = (struct sqlite_teller *)base;
    struct db *db = teller->db;
    g_autoptr(GHashTable) touched = touched_new();
    const int64_t told_at = bus_boot_ms();
    struct moment now = {0};
    bool told = check_message(message, error) && db_begin_write(db, error) &&
                tell_time(db, teller->boot, &now, error) &&
                append(db, touched, message, now.ms, error) &&
                append_end(db, touched, 0, error) && db_commit(db, error);
    db_rollback(db);
    teller->heard = (struct bus_heard){
        .append_ms = told ? now.ms : 0, .told_at = told_at, .heard_at = bus_boot_ms()};
    teller->has_heard = true;
    if (!told)
        return false;
    db_ring(db);
    tidy(db, teller->boot, &teller->tidy_at);
    return true;
}
