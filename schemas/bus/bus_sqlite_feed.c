/*
 * bus_sqlite_feed.c - records on their way out of the embedded bus.
 *
 * A wake is a descriptor that becomes readable when somebody has committed; a feed
 * hands out the records of some partitions, in order within each, reading ahead a
 * bounded number.  A reader is a feed with a wake.  Nothing here keeps a transaction
 * open between two calls.
 */
#include "bus_sqlite.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define READ_AHEAD_RECORDS 256
#define READ_AHEAD_BYTES   (4 * 1024 * 1024)
#define READER_POLL_MS     1000
#define READER_PATIENCE_MS 5000

/* --- Wake-ups ----------------------------------------------------------------------- */

static bool wake_fail(const char *what, GError **error)
{
    g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE, "%s: %s", what,
                g_strerror(errno));
    return false;
}

static bool wake_add(struct wake *wake, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(wake->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/* The bell is the file that is touched after a COMMIT: most changes of the write-ahead
 * log itself come before what they bring is visible.  The timer is for bells that got
 * lost. */
bool wake_open(struct wake *wake, const struct db *db, int64_t poll_ms, GError **error)
{
    g_autofree char *bell = g_strconcat(db->path, ".bell", NULL);
    wake->poll_ms = poll_ms;
    wake->epoll = epoll_create1(EPOLL_CLOEXEC);
    wake->bell = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    wake->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (wake->epoll < 0 || wake->bell < 0 || wake->timer < 0)
        return wake_fail("make the descriptors that wake a reader", error);
    if (inotify_add_watch(wake->bell, bell, IN_ATTRIB) < 0)
        return wake_fail(bell, error);
    if (!wake_add(wake, wake->bell) || !wake_add(wake, wake->timer))
        return wake_fail("watch the descriptors that wake a reader", error);
    wake_poke(wake);
    return true;
}

/* The timer fires now, and then at its period. */
void wake_poke(struct wake *wake)
{
    struct itimerspec period = {
        .it_interval = {wake->poll_ms / 1000, wake->poll_ms % 1000 * 1000000},
        .it_value = {0, 1},
    };
    timerfd_settime(wake->timer, 0, &period, NULL);
}

void wake_close(struct wake *wake)
{
    int *descriptors[] = {&wake->epoll, &wake->bell, &wake->timer};
    for (size_t i = 0; i < G_N_ELEMENTS(descriptors); i++) {
        if (*descriptors[i] > 0)
            close(*descriptors[i]);
        *descriptors[i] = 0;
    }
}

void wake_drain(struct wake *wake)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    uint64_t ticks;
    while (read(wake->bell, events, sizeof events) > 0)
        ;
    while (read(wake->timer, &ticks, sizeof ticks) > 0)
        ;
}

void wake_wait(struct wake *wake, int timeout_ms)
{
    struct pollfd descriptor = {.fd = wake->epoll, .events = POLLIN};
    poll(&descriptor, 1, timeout_ms);
}

/* --- Headers ------------------------------------------------------------------------ */

static void pack_part(GByteArray *blob, const void *data, gsize length)
{
    uint32_t size = GUINT32_TO_LE((uint32_t)length);
    g_byte_array_append(blob, (const guint8 *)&size, sizeof size);
    g_byte_array_append(blob, data, (guint)length);
}

GBytes *headers_pack(const GPtrArray *headers)
{
    if (!headers || headers->len == 0)
        return NULL;
    GByteArray *blob = g_byte_array_new();
    for (guint i = 0; i < headers->len; i++) {
        const struct bus_header *header = g_ptr_array_index(headers, i);
        gsize length = 0;
        const void *value = g_bytes_get_data(header->value, &length);
        pack_part(blob, header->name, strlen(header->name));
        pack_part(blob, value, length);
    }
    return g_byte_array_free_to_bytes(blob);
}

static bool unpack_part(const char **data, size_t *left, const char **ret_part,
                        uint32_t *ret_length)
{
    uint32_t size = 0;
    if (*left < sizeof size)
        return false;
    memcpy(&size, *data, sizeof size);
    size = GUINT32_FROM_LE(size);
    if (size > *left - sizeof size)
        return false;
    *ret_part = *data + sizeof size;
    *ret_length = size;
    *data += sizeof size + size;
    *left -= sizeof size + size;
    return true;
}

bool headers_unpack(const void *data, size_t length, GPtrArray **ret_headers)
{
    GPtrArray *headers = NULL;
    const char *rest = data, *name = NULL, *value = NULL;
    uint32_t name_length = 0, value_length = 0;
    while (length > 0) {
        if (!unpack_part(&rest, &length, &name, &name_length) ||
            !unpack_part(&rest, &length, &value, &value_length)) {
            g_clear_pointer(&headers, g_ptr_array_unref);
            return false;
        }
        g_autofree char *text = g_strndup(name, name_length);
        g_autoptr(GBytes) bytes = g_bytes_new(value, value_length);
        bus_headers_add(&headers, text, bytes);
    }
    *ret_headers = headers;
    return true;
}

/* --- Feed --------------------------------------------------------------------------- */

struct cursor {
    struct bus_partition is;
    int64_t id;
    int64_t next;  /* offset to read from the file next */
    guint waiting; /* records of it that were read and not handed out yet */
};

struct feed {
    struct db *db;        /* borrowed */
    GPtrArray *cursors;   /* struct cursor */
    guint turn;           /* the cursor to begin with, so that none starves */
    GQueue records;       /* struct bus_record, read ahead */
    gsize bytes;          /* that the last reading ahead has brought */
    int64_t seen_version; /* of the file when everything in it had been read */
    bool drained;         /* `seen_version` means something */
};

static void cursor_free(void *pointer)
{
    struct cursor *cursor = pointer;
    g_free(cursor->is.topic);
    g_free(cursor);
}

struct feed *feed_new(struct db *db)
{
    struct feed *feed = g_new0(struct feed, 1);
    feed->db = db;
    feed->cursors = g_ptr_array_new_with_free_func(cursor_free);
    g_queue_init(&feed->records);
    return feed;
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    g_queue_clear_full(&feed->records, (GDestroyNotify)bus_record_free);
    g_ptr_array_unref(feed->cursors);
    g_free(feed);
}

static bool check_range(const struct bus_partition *partition, int64_t offset,
                        int64_t first, int64_t end, GError **error)
{
    if (offset >= first && offset <= end)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_RANGE,
                "offset %" G_GINT64_FORMAT
                " of %s [%d] is not in the log, which has %" G_GINT64_FORMAT
                " to %" G_GINT64_FORMAT,
                offset, partition->topic, partition->partition, first, end);
    return false;
}

bool feed_add(struct feed *feed, const char *topic, int32_t partition, int64_t offset,
              GError **error)
{
    struct partition_row row = {0};
    if (!partition_find(feed->db, topic, partition, &row, error))
        return false;
    if (offset == BUS_OFFSET_NONE)
        offset = row.first;
    struct bus_partition is = {.topic = (char *)topic, .partition = partition};
    if (!check_range(&is, offset, row.first, row.end, error))
        return false;
    struct cursor *cursor = g_new0(struct cursor, 1);
    cursor->is = (struct bus_partition){g_strdup(topic), partition};
    cursor->id = row.id;
    cursor->next = offset;
    g_ptr_array_add(feed->cursors, cursor);
    feed->drained = false;
    return true;
}

static struct bus_record *record_read(sqlite3_stmt *row, const struct cursor *cursor)
{
    g_autoptr(BusRecord) record = g_new0(struct bus_record, 1);
    const void *headers = sqlite3_column_blob(row, 3);
    size_t length = (size_t)sqlite3_column_bytes(row, 3);
    if (!headers_unpack(headers, length, &record->headers))
        return NULL;
    record->topic = g_strdup(cursor->is.topic);
    record->partition = cursor->is.partition;
    record->offset = sqlite3_column_int64(row, 0) - cursor->id * SQLITE_BUS_OFFSETS;
    record->append_ms = sqlite3_column_int64(row, 1);
    record->by_log = true;
    record->key = db_column_dup(row, 2);
    record->value = db_column_bytes(row, 4);
    return g_steal_pointer(&record);
}

static bool has_room(const struct feed *feed)
{
    return feed->records.length < READ_AHEAD_RECORDS && feed->bytes < READ_AHEAD_BYTES;
}

static bool read_row(struct feed *feed, struct cursor *cursor, sqlite3_stmt *row,
                     GError **error)
{
    struct bus_record *record = record_read(row, cursor);
    if (!record) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL, "%s: %s [%d] is damaged",
                    feed->db->path, cursor->is.topic, cursor->is.partition);
        return false;
    }
    cursor->next = record->offset + 1;
    cursor->waiting++;
    for (int column = 2; column <= 4; column++)
        feed->bytes += (gsize)sqlite3_column_bytes(row, column);
    g_queue_push_tail(&feed->records, record);
    return true;
}

/* Reads the cursor's records below `end` as far as there is room. */
static bool read_rows(struct feed *feed, struct cursor *cursor, int64_t end,
                      GError **error)
{
    int64_t base = cursor->id * SQLITE_BUS_OFFSETS;
    int64_t limit = READ_AHEAD_RECORDS - feed->records.length;
    sqlite3_stmt *rows = db_bind(feed->db, SQL_RECORDS, "iii", base + cursor->next,
                                 base + end, limit);
    enum db_step step = DB_ROW;
    bool fine = true;
    while (fine && has_room(feed) && (step = db_step(feed->db, rows, error)) == DB_ROW)
        fine = read_row(feed, cursor, rows, error);
    db_end(rows);
    if (step == DB_DONE && has_room(feed))
        cursor->next = end; /* a gap at the end has been passed, too */
    return fine && step != DB_FAILED;
}

/* Inside a transaction, so that the end and the records are of one moment. */
static bool read_cursor(struct feed *feed, struct cursor *cursor, GError **error)
{
    sqlite3_stmt *range = db_bind(feed->db, SQL_PARTITION_RANGE, "i", cursor->id);
    enum db_step step = db_step(feed->db, range, error);
    int64_t first = step == DB_ROW ? sqlite3_column_int64(range, 0) : 0;
    int64_t end = step == DB_ROW ? sqlite3_column_int64(range, 1) : 0;
    db_end(range);
    if (step == DB_FAILED || !check_range(&cursor->is, cursor->next, first, end, error))
        return false;
    return cursor->next == end || read_rows(feed, cursor, end, error);
}

/* A partition that was cut off is reported once, and read no more. */
static bool give_up(struct feed *feed, struct cursor *cursor,
                    const struct bus_partition **ret_lost)
{
    *ret_lost = &cursor->is;
    cursor->id = 0; /* no partition has this id */
    feed->drained = false;
    return false;
}

static bool read_ahead(struct feed *feed, const struct bus_partition **ret_lost,
                       GError **error)
{
    feed->turn++;
    feed->bytes = 0;
    for (guint i = 0; i < feed->cursors->len && has_room(feed); i++) {
        struct cursor *cursor = g_ptr_array_index(feed->cursors,
                                                  (feed->turn + i) % feed->cursors->len);
        if (cursor->id == 0)
            continue;
        g_autoptr(GError) problem = NULL;
        if (read_cursor(feed, cursor, &problem))
            continue;
        if (g_error_matches(problem, BUS_ERROR, BUS_ERROR_RANGE))
            give_up(feed, cursor, ret_lost);
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    return true;
}

static bool refill(struct feed *feed, const struct bus_partition **ret_lost,
                   GError **error)
{
    int64_t version = 0;
    if (!db_version(feed->db, &version, error))
        return false;
    if (feed->drained && version == feed->seen_version)
        return true;
    bool fine = db_begin_read(feed->db, error) && read_ahead(feed, ret_lost, error);
    db_rollback(feed->db); /* it has only read */
    feed->drained = fine && has_room(feed);
    feed->seen_version = version;
    return fine;
}

static struct cursor *cursor_of(const struct feed *feed, const char *topic,
                                int32_t partition)
{
    for (guint i = 0; i < feed->cursors->len; i++) {
        struct cursor *cursor = g_ptr_array_index(feed->cursors, i);
        if (cursor->is.partition == partition && g_str_equal(cursor->is.topic, topic))
            return cursor;
    }
    return NULL;
}

struct bus_record *feed_next(struct feed *feed, const struct bus_partition **ret_lost,
                             GError **error)
{
    if (feed->records.length == 0 && !refill(feed, ret_lost, error))
        return NULL;
    struct bus_record *record = g_queue_pop_head(&feed->records);
    if (!record)
        return NULL;
    cursor_of(feed, record->topic, record->partition)->waiting--;
    return record;
}

bool feed_passed(const struct feed *feed, const char *topic, int32_t partition,
                 int64_t end)
{
    const struct cursor *cursor = cursor_of(feed, topic, partition);
    return cursor && cursor->waiting == 0 && cursor->next >= end;
}

/* --- Reader ------------------------------------------------------------------------- */

struct sqlite_reader {
    struct bus_reader base;
    struct db *db;
    struct feed *feed;
    struct wake wake;
};

struct bus_reader *sqlite_reader_open(struct bus *base, const GPtrArray *positions,
                                      GError **error)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)base;
    struct sqlite_reader *reader = g_new0(struct sqlite_reader, 1);
    g_autoptr(BusReader) opened = &reader->base;
    opened->ops = &bus_sqlite_ops;
    reader->db = db_open(bus->path, FLEETING, READER_PATIENCE_MS, error);
    if (!reader->db || !wake_open(&reader->wake, reader->db, READER_POLL_MS, error))
        return NULL;
    reader->feed = feed_new(reader->db);
    for (guint i = 0; i < positions->len; i++) {
        const struct bus_position *from = g_ptr_array_index(positions, i);
        if (!feed_add(reader->feed, from->topic, from->partition, from->offset, error))
            return NULL;
    }
    return g_steal_pointer(&opened);
}

void sqlite_reader_close(struct bus_reader *base)
{
    struct sqlite_reader *reader = (struct sqlite_reader *)base;
    feed_free(reader->feed);
    wake_close(&reader->wake);
    db_close(reader->db);
    g_free(reader);
}

int sqlite_reader_fd(struct bus_reader *base)
{
    return ((struct sqlite_reader *)base)->wake.epoll;
}

bool sqlite_reader_next(struct bus_reader *base, int timeout_ms,
                        struct bus_record **ret_record, GError **error)
{
    struct sqlite_reader *reader = (struct sqlite_reader *)base;
    int64_t until = g_get_monotonic_time() / 1000 + timeout_ms;
    for (;;) {
        const struct bus_partition *lost = NULL;
        g_autoptr(GError) problem = NULL;
        /* Drained first: whoever commits after the look rings again. */
        if (reader->feed->records.length == 0)
            wake_drain(&reader->wake);
        struct bus_record *record = feed_next(reader->feed, &lost, &problem);
        if (problem) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        int64_t left = until - g_get_monotonic_time() / 1000;
        if (record || left <= 0) {
            *ret_record = record;
            return true;
        }
        wake_wait(&reader->wake, (int)MIN(left, INT_MAX));
    }
}

bool sqlite_reader_passed(struct bus_reader *base, const char *topic, int32_t partition,
                          int64_t end)
{
    return feed_passed(((struct sqlite_reader *)base)->feed, topic, partition, end);
}
