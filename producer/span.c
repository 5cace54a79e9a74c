/*
 * span.c - a part of the log, and reading it once.
 */
#include "span.h"

#include "contract.h"
#include "eventlog.h"

#define LOOK_EVERY 512   /* records between two looks at how far it is */
#define WAIT_MS    10    /* for the next one; the last is followed by markers */
#define SILENCE_MS 30000 /* without a single record: the bus is not telling */

void span_init(struct span *span)
{
    *span = (struct span){bus_positions_new(), bus_positions_new(), CONTRACT_NONE,
                          CONTRACT_NONE};
}

void span_clear(struct span *span)
{
    g_clear_pointer(&span->from, g_ptr_array_unref);
    g_clear_pointer(&span->ends, g_ptr_array_unref);
}

bool span_add(struct span *span, struct bus *bus, const char *topic, int32_t first,
              int32_t last, GError **error)
{
    for (int32_t partition = first; partition < last; partition++) {
        int64_t begin, end;
        if (!bus_topic_range(bus, topic, partition, EVENTLOG_MS, &begin, &end, error))
            return false;
        g_ptr_array_add(span->from, bus_position_new(topic, partition, begin, NULL));
        g_ptr_array_add(span->ends, bus_position_new(topic, partition, end, NULL));
    }
    return true;
}

/* What the bus answers may lie before that time (bus_topic_offset_at()). */
bool span_begin_at(struct span *span, struct bus *bus, int64_t ms, GError **error)
{
    for (guint i = 0; i < span->from->len; i++) {
        struct bus_position *from = span->from->pdata[i];
        int64_t at;
        if (!bus_topic_offset_at(bus, from->topic, from->partition, ms, EVENTLOG_MS, &at,
                                 error))
            return false;
        from->offset = MAX(from->offset, at);
    }
    span->since_ms = ms;
    return true;
}

bool span_begin_at_offset(struct span *span, int64_t offset, GError **error)
{
    g_assert(span->from->len == 1);
    struct bus_position *from = span->from->pdata[0];
    const struct bus_position *end = span->ends->pdata[0];
    if (offset >= from->offset && offset <= end->offset) {
        from->offset = offset;
        return true;
    }
    g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                "%s %d goes from offset %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                ", not from %" G_GINT64_FORMAT,
                from->topic, from->partition, from->offset, end->offset, offset);
    return false;
}

void span_end_at(struct span *span, int64_t ms)
{
    span->until_ms = ms;
}

bool span_is_whole(const struct span *span)
{
    for (guint i = 0; i < span->from->len; i++)
        if (((const struct bus_position *)span->from->pdata[i])->offset > 0)
            return false;
    return true;
}

bool span_is_empty(const struct span *span)
{
    for (guint i = 0; i < span->from->len; i++) {
        const struct bus_position *from = span->from->pdata[i];
        const struct bus_position *end = span->ends->pdata[i];
        if (from->offset < end->offset)
            return false;
    }
    return true;
}

/* --- Reading -------------------------------------------------------------------------------------- */

/* A partition on its way. */
struct course {
    struct bus_partition is; /* its topic is the span's */
    int64_t from, next, end;
};

struct reading {
    const struct span *span;
    struct bus_reader *reader;
    GHashTable *courses; /* struct course, by what it is */
    span_take *take;
    span_progress *progress;
    void *taker;
    guint unlooked; /* records since the last look */
};

static guint course_hash(gconstpointer pointer)
{
    const struct bus_partition *is = pointer;
    return g_str_hash(is->topic) ^ (guint)is->partition;
}

static gboolean course_equal(gconstpointer a, gconstpointer b)
{
    const struct bus_partition *one = a, *other = b;
    return one->partition == other->partition && g_str_equal(one->topic, other->topic);
}

static GPtrArray *make_courses(struct reading *reading)
{
    const struct span *span = reading->span;
    GPtrArray *positions = bus_positions_new();
    reading->courses = g_hash_table_new_full(course_hash, course_equal, NULL, g_free);
    for (guint i = 0; i < span->from->len; i++) {
        const struct bus_position *from = span->from->pdata[i];
        const struct bus_position *end = span->ends->pdata[i];
        if (from->offset >= end->offset)
            continue;
        struct course *course = g_new0(struct course, 1);
        *course = (struct course){
            {from->topic, from->partition}, from->offset, from->offset, end->offset};
        g_hash_table_insert(reading->courses, &course->is, course);
        g_ptr_array_add(positions, bus_position_new(from->topic, from->partition,
                                                    from->offset, NULL));
    }
    return positions;
}

static bool take_record(struct reading *reading, const struct bus_record *record,
                        GError **error)
{
    const struct span *span = reading->span;
    const struct bus_partition is = {record->topic, record->partition};
    struct course *course = g_hash_table_lookup(reading->courses, &is);
    if (!course || record->offset >= course->end)
        return true; /* what came after the end was asked for */
    if (span->until_ms != CONTRACT_NONE && record->append_ms > span->until_ms) {
        course->next = course->end; /* append times never fall */
        return true;
    }
    if (course->next == course->end)
        return true;
    course->next = record->offset + 1;
    if (span->since_ms != CONTRACT_NONE && record->append_ms < span->since_ms)
        return true;
    return reading->take(reading->taker, record, error);
}

/* Notes the partitions that are through, tells how far it is; whether any is left. */
static bool look(struct reading *reading)
{
    GHashTableIter iter;
    void *value;
    int64_t done = 0, all = 0;
    bool is_left = false;
    g_hash_table_iter_init(&iter, reading->courses);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct course *course = value;
        if (bus_reader_passed(reading->reader, course->is.topic, course->is.partition,
                              course->end))
            course->next = course->end;
        done += course->next - course->from;
        all += course->end - course->from;
        is_left = is_left || course->next < course->end;
    }
    if (reading->progress)
        reading->progress(reading->taker, all ? (double)done / (double)all : 1);
    reading->unlooked = 0;
    return is_left;
}

static bool is_silent(int64_t since_us, GError **error)
{
    if (g_get_monotonic_time() - since_us < SILENCE_MS * 1000)
        return false;
    g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE,
                "the bus handed over no record for %d s, and the end is not reached",
                SILENCE_MS / 1000);
    return true;
}

static bool read_all(struct reading *reading, GError **error)
{
    int64_t heard_us = g_get_monotonic_time();
    while (reading->unlooked || look(reading)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reading->reader, WAIT_MS, &record, error) ||
            (record && !take_record(reading, record, error)))
            return false;
        reading->unlooked = record ? (reading->unlooked + 1) % LOOK_EVERY : 0;
        if (record)
            heard_us = g_get_monotonic_time();
        else if (is_silent(heard_us, error))
            return false;
    }
    return true;
}

bool span_read(const struct span *span, struct bus *bus, span_take *take,
               span_progress *progress, void *taker, GError **error)
{
    struct reading reading = {
        .span = span, .take = take, .progress = progress, .taker = taker};
    g_autoptr(GPtrArray) positions = make_courses(&reading);
    reading.reader = bus_reader_open(bus, positions, error);
    bool good = reading.reader && read_all(&reading, error);
    bus_reader_close(reading.reader);
    g_hash_table_unref(reading.courses);
    return good;
}
