/*
 * bus_sqlite.c - the embedded bus: Kafka's topics, offsets, groups and fencing as
 * tables of one SQLite file, for one machine.
 *
 * Here: the URL, the properties, and topics.  The file is made when it is first
 * needed.  It is no network broker and refuses to be shared over a network filesystem.
 */
#include "bus_sqlite.h"

#include <string.h>

#define SCHEME_PREFIX "sqlite://"
#define BOOT_ID       "/proc/sys/kernel/random/boot_id"

/* --- The bus ------------------------------------------------------------------------ */

static const struct property_row {
    const char *name;
    size_t offset; /* of an int64_t in struct sqlite_bus */
    int64_t preset, least, most;
    const char *meaning;
} property_table[] = {
    {"bus.lease.ms", G_STRUCT_OFFSET(struct sqlite_bus, lease_ms), 10000, 200, 3600000,
     "how long a member of a group may be silent, in ms"},
    {"bus.gap.every", G_STRUCT_OFFSET(struct sqlite_bus, gap_every), 1, 0, 1000000,
     "every how many transactions offsets leave a gap, 0 for never"},
};

static bool set_property(struct sqlite_bus *bus, const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name = equals ? g_strndup(text, (gsize)(equals - text))
                                   : g_strdup(text);
    for (size_t i = 0; i < G_N_ELEMENTS(property_table); i++) {
        const struct property_row *row = &property_table[i];
        if (!g_str_equal(row->name, name))
            continue;
        gint64 *number = G_STRUCT_MEMBER_P(bus, row->offset);
        if (equals &&
            g_ascii_string_to_signed(equals + 1, 10, row->least, row->most, number, NULL))
            return true;
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "%s is a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                    ": %s",
                    row->name, row->least, row->most, row->meaning);
        return false;
    }
    g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                "the embedded bus has no property \"%s\"; it has bus.lease.ms and "
                "bus.gap.every",
                name);
    return false;
}

static bool set_properties(struct sqlite_bus *bus, const GPtrArray *properties,
                           GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(property_table); i++) {
        int64_t *number = G_STRUCT_MEMBER_P(bus, property_table[i].offset);
        *number = property_table[i].preset;
    }
    for (guint i = 0; properties && i < properties->len; i++) {
        if (!set_property(bus, g_ptr_array_index(properties, i), error))
            return false;
    }
    return true;
}

static void sqlite_close(struct bus *base)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    db_close(bus->db);
    g_mutex_clear(&bus->lock);
    g_free(bus->boot);
    g_free(bus->path);
    g_free(bus);
}

static struct bus *sqlite_open(const char *url, const GPtrArray *properties,
                               GError **error)
{
    const char *path = url + strlen(SCHEME_PREFIX);
    if (path[0] != '/' || g_str_has_suffix(path, "/")) {
        g_set_error(
            error, BUS_ERROR, BUS_ERROR_USAGE,
            "\"%s\": sqlite:// wants the whole path of a file, with three slashes: "
            "sqlite:///var/lib/muster/bus.db",
            url);
        return NULL;
    }
    struct sqlite_bus *bus = g_new0(struct sqlite_bus, 1);
    g_autoptr(Bus) base = &bus->bus;
    base->ops = &bus_sqlite_ops;
    g_mutex_init(&bus->lock);
    bus->path = g_strdup(path);
    if (!set_properties(bus, properties, error) ||
        !g_file_get_contents(BOOT_ID, &bus->boot, NULL, error))
        return NULL;
    g_strstrip(bus->boot);
    return g_steal_pointer(&base);
}

/* The connection that all threads share, locked; NULL (and not locked) on failure. */
static struct db *borrow_db(struct sqlite_bus *bus, int timeout_ms, GError **error)
{
    g_mutex_lock(&bus->lock);
    if (!bus->db)
        bus->db = db_open(bus->path, DURABLE, timeout_ms, error);
    if (!bus->db) {
        g_mutex_unlock(&bus->lock);
        return NULL;
    }
    bus->db->patience_ms = timeout_ms;
    return bus->db;
}

static void return_db(struct sqlite_bus *bus)
{
    db_rollback(bus->db);
    g_mutex_unlock(&bus->lock);
}

/* --- Partitions --------------------------------------------------------------------- */

bool partition_find(struct db *db, const char *topic, int32_t partition,
                    struct partition_row *ret_row, GError **error)
{
    sqlite3_stmt *found = db_bind(db, SQL_PARTITION, "ti", topic, (int64_t)partition);
    enum db_step step = db_step(db, found, error);
    if (step == DB_ROW) {
        *ret_row = (struct partition_row){
            .id = sqlite3_column_int64(found, 0),
            .first = sqlite3_column_int64(found, 1),
            .end = sqlite3_column_int64(found, 2),
            .last_ms = sqlite3_column_int64(found, 3),
        };
    }
    db_end(found);
    if (step == DB_DONE)
        g_set_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC,
                    "there is no partition %d of %s", partition, topic);
    return step == DB_ROW;
}

/* The first record at `offset` or later: its offset and append time; the end and
 * INT64_MAX if there is none. */
static bool record_from(struct db *db, const struct partition_row *row, int64_t offset,
                        int64_t *ret_offset, int64_t *ret_ms, GError **error)
{
    int64_t base = row->id * SQLITE_BUS_OFFSETS;
    sqlite3_stmt *found = db_bind(db, SQL_RECORD_FROM, "ii", base + offset,
                                  base + row->end);
    enum db_step step = db_step(db, found, error);
    if (step != DB_FAILED) {
        *ret_offset = step == DB_ROW ? sqlite3_column_int64(found, 0) - base : row->end;
        *ret_ms = step == DB_ROW ? sqlite3_column_int64(found, 1) : INT64_MAX;
    }
    db_end(found);
    return step != DB_FAILED;
}

/* Append times never fall within a partition, so this is a binary search. */
bool partition_offset_at(struct db *db, const struct partition_row *row, int64_t ms,
                         int64_t *ret_offset, GError **error)
{
    int64_t low = row->first, high = row->end; /* the answer is in [low, high] */
    while (low < high) {
        int64_t middle = low + (high - low) / 2, offset = 0, appended = 0;
        if (!record_from(db, row, middle, &offset, &appended, error))
            return false;
        if (appended >= ms)
            high = middle;
        else
            low = offset + 1;
    }
    int64_t offset = 0, appended = 0;
    if (!record_from(db, row, low, &offset, &appended, error))
        return false;
    *ret_offset = offset;
    return true;
}

/* --- Topics ------------------------------------------------------------------------- */

/* 0 partitions: there is no such topic. */
static bool topic_count(struct db *db, const char *topic, int64_t *ret_partitions,
                        GError **error)
{
    sqlite3_stmt *found = db_bind(db, SQL_TOPIC, "t", topic);
    enum db_step step = db_step(db, found, error);
    if (step != DB_FAILED)
        *ret_partitions = step == DB_ROW ? sqlite3_column_int64(found, 1) : 0;
    db_end(found);
    return step != DB_FAILED;
}

/* Kafka's rule for names, so that a topic can move to it. */
static bool topic_check(const struct bus_topic *topic, GError **error)
{
    size_t length = strlen(topic->name);
    bool legal = length > 0 && length <= 249 && !g_str_equal(topic->name, ".") &&
                 !g_str_equal(topic->name, "..");
    for (size_t i = 0; i < length; i++)
        legal = legal &&
                (g_ascii_isalnum(topic->name[i]) || strchr("._-", topic->name[i]));
    if (legal && topic->partitions >= 1 && topic->partitions <= 10000)
        return true;
    g_set_error(
        error, BUS_ERROR, BUS_ERROR_USAGE,
        "topic \"%s\" with %d partitions: a name is 1 to 249 of a-z, A-Z, 0-9, '.', "
        "'_' and '-', partitions are 1 to 10000",
        topic->name, topic->partitions);
    return false;
}

static bool topic_add(struct db *db, const struct bus_topic *topic, GError **error)
{
    g_autofree char *uuid = g_uuid_string_random();
    if (!db_run(db, SQL_TOPIC_MAKE, error, "ttiii", topic->name, uuid,
                (int64_t)topic->partitions, topic->retention_ms,
                (int64_t)topic->compacted))
        return false;
    for (int64_t i = 0; i < topic->partitions; i++) {
        if (!db_run(db, SQL_PARTITION_MAKE, error, "ti", topic->name, i))
            return false;
    }
    return db_run(db, SQL_TOPIC_REBALANCE, error, "t", topic->name);
}

static bool topic_ensure(struct db *db, const struct bus_topic *topic, GError **error)
{
    int64_t partitions = 0;
    if (!db_begin_write(db, error) || !topic_count(db, topic->name, &partitions, error))
        return false;
    if (partitions == topic->partitions)
        return true;
    if (partitions > 0) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_PARTITIONS,
                    "topic %s has %" G_GINT64_FORMAT " partitions, not %d", topic->name,
                    partitions, topic->partitions);
        return false;
    }
    if (!topic_add(db, topic, error) || !db_commit(db, error))
        return false;
    db_ring(db);
    return true;
}

static bool sqlite_topic_make(struct bus *base, const struct bus_topic *topic,
                              int timeout_ms, GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    if (!topic_check(topic, error))
        return false;
    struct db *db = borrow_db(bus, timeout_ms, error);
    if (!db)
        return false;
    bool made = topic_ensure(db, topic, error);
    return_db(bus);
    return made;
}

static bool sqlite_topic_partitions(struct bus *base, const char *topic, int timeout_ms,
                                    int32_t *ret_partitions, GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct db *db = borrow_db(bus, timeout_ms, error);
    if (!db)
        return false;
    int64_t partitions = 0;
    bool looked = topic_count(db, topic, &partitions, error);
    return_db(bus);
    if (!looked)
        return false;
    if (partitions == 0) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC, "there is no topic %s", topic);
        return false;
    }
    *ret_partitions = (int32_t)partitions;
    return true;
}

static bool sqlite_topic_look(struct bus *base, const char *topic, int timeout_ms,
                              struct bus_topic_look *ret_look, GError **error)
{
    struct bus_topic_look look = {.max_bytes = SQLITE_BUS_RECORD_LIMIT};
    if (!sqlite_topic_partitions(base, topic, timeout_ms, &look.partitions, error))
        return false;
    *ret_look = look;
    return true;
}

static bool sqlite_topic_range(struct bus *base, const char *topic, int32_t partition,
                               int timeout_ms, int64_t *ret_first, int64_t *ret_end,
                               GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct db *db = borrow_db(bus, timeout_ms, error);
    if (!db)
        return false;
    struct partition_row row = {0};
    bool found = partition_find(db, topic, partition, &row, error);
    return_db(bus);
    if (found) {
        *ret_first = row.first;
        *ret_end = row.end;
    }
    return found;
}

static bool sqlite_topic_offset_at(struct bus *base, const char *topic, int32_t partition,
                                   int64_t ms, int timeout_ms, int64_t *ret_offset,
                                   GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct db *db = borrow_db(bus, timeout_ms, error);
    if (!db)
        return false;
    struct partition_row row = {0};
    bool found = db_begin_read(db, error) &&
                 partition_find(db, topic, partition, &row, error) &&
                 partition_offset_at(db, &row, ms, ret_offset, error);
    return_db(bus);
    return found;
}

static bool sqlite_topic_keep_times(struct bus *base, const char *topic, bool keep,
                                    int timeout_ms, GError **error)
{
    int32_t partitions;
    return sqlite_topic_partitions(base, topic, timeout_ms, &partitions, error);
}

static char *sqlite_topic_log_id(struct bus *base, const char *topic, int timeout_ms,
                                 GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct db *db = borrow_db(bus, timeout_ms, error);
    if (!db)
        return NULL;
    sqlite3_stmt *found = db_bind(db, SQL_LOG_ID, "t", topic);
    enum db_step step = db_step(db, found, error);
    char *id = NULL;
    if (step == DB_ROW)
        id = g_strdup_printf("%s/%s", sqlite3_column_text(found, 0),
                             sqlite3_column_text(found, 1));
    db_end(found);
    return_db(bus);
    if (step == DB_DONE)
        g_set_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC, "there is no topic %s", topic);
    return id;
}

const struct bus_ops bus_sqlite_ops = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .topic_make = sqlite_topic_make,
    .topic_look = sqlite_topic_look,
    .topic_partitions = sqlite_topic_partitions,
    .topic_range = sqlite_topic_range,
    .topic_offset_at = sqlite_topic_offset_at,
    .topic_keep_times = sqlite_topic_keep_times,
    .topic_log_id = sqlite_topic_log_id,
    .consumer_open = sqlite_consumer_open,
    .consumer_close = sqlite_consumer_close,
    .consumer_fd = sqlite_consumer_fd,
    .consumer_notice = sqlite_consumer_notice,
    .consumer_take = sqlite_consumer_take,
    .consumer_committed = sqlite_consumer_committed,
    .consumer_start = sqlite_consumer_start,
    .consumer_release = sqlite_consumer_release,
    .membership_free = sqlite_membership_free,
    .reader_open = sqlite_reader_open,
    .reader_close = sqlite_reader_close,
    .reader_fd = sqlite_reader_fd,
    .reader_next = sqlite_reader_next,
    .reader_passed = sqlite_reader_passed,
    .sender_open = sqlite_sender_open,
    .sender_close = sqlite_sender_close,
    .sender_commit = sqlite_sender_commit,
    .teller_open = sqlite_teller_open,
    .teller_close = sqlite_teller_close,
    .teller_tell = sqlite_teller_tell,
    .teller_heard = sqlite_teller_heard,
};
