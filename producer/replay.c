/*
 * replay.c - muster.events read again.
 *
 * What an event makes of the rows is apply.c's word, the same for ingest and here: there is
 * no second way to fold a log.
 */
#include "replay.h"

#include "apply.h"
#include "eventlog.h"
#include "ingest.h"

#define LOOK_EVERY 512   /* records between two looks at how far it is */
#define WAIT_MS    10    /* for the next one; the last is followed by markers */
#define SILENCE_MS 30000 /* without a single event: the bus is not telling */

/* --- Spans ---------------------------------------------------------------------------------------- */

void span_clear(struct span *span)
{
    g_clear_pointer(&span->from, g_ptr_array_unref);
    g_clear_pointer(&span->ends, g_ptr_array_unref);
}

static bool add_partition(struct span *span, struct bus *bus, int32_t partition,
                          GError **error)
{
    int64_t first, end;
    if (!bus_topic_range(bus, TOPIC_EVENTS, partition, EVENTLOG_MS, &first, &end, error))
        return false;
    int64_t stop = end;
    if (span->until_ms != CONTRACT_NONE &&
        !bus_topic_offset_at(bus, TOPIC_EVENTS, partition, span->until_ms + 1,
                             EVENTLOG_MS, &stop, error))
        return false;
    g_ptr_array_add(span->from, bus_position_new(TOPIC_EVENTS, partition, first, NULL));
    g_ptr_array_add(span->ends, bus_position_new(TOPIC_EVENTS, partition,
                                                 CLAMP(stop, first, end), NULL));
    return true;
}

bool span_of_log(struct span *ret_span, struct bus *bus, int32_t first, int32_t last,
                 int64_t until_ms, GError **error)
{
    g_auto(Span) span = {bus_positions_new(), bus_positions_new(), until_ms};
    for (int32_t partition = first; partition < last; partition++)
        if (!add_partition(&span, bus, partition, error))
            return false;
    *ret_span = span;
    span = (struct span){0};
    return true;
}

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
                TOPIC_EVENTS " %d goes from offset %" G_GINT64_FORMAT
                             " to %" G_GINT64_FORMAT ", not from %" G_GINT64_FORMAT,
                from->partition, from->offset, end->offset, offset);
    return false;
}

bool span_is_whole(const struct span *span)
{
    for (guint i = 0; i < span->from->len; i++)
        if (((const struct bus_position *)span->from->pdata[i])->offset > 0)
            return false;
    return true;
}

/* --- A run ---------------------------------------------------------------------------------------- */

/* A partition on its way. */
struct course {
    int64_t from, next, end;
};

struct run {
    const struct replay *replay;
    const struct span *span;
    struct bus_reader *reader;
    GHashTable *courses; /* partition → struct course */
    int64_t events;
    int64_t append_ms;
    guint unlooked; /* records since the last look */
};

static GPtrArray *make_courses(struct run *run)
{
    GPtrArray *positions = bus_positions_new();
    run->courses = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (guint i = 0; i < run->span->from->len; i++) {
        const struct bus_position *from = run->span->from->pdata[i];
        const struct bus_position *end = run->span->ends->pdata[i];
        if (from->offset >= end->offset)
            continue;
        struct course *course = g_new0(struct course, 1);
        *course = (struct course){from->offset, from->offset, end->offset};
        g_hash_table_insert(run->courses, GINT_TO_POINTER(from->partition), course);
        g_ptr_array_add(positions, bus_position_new(from->topic, from->partition,
                                                    from->offset, NULL));
    }
    return positions;
}

static bool newer(const struct bus_record *record, GError **error)
{
    g_set_error(error, INGEST_ERROR, INGEST_ERROR_NEWER,
                TOPIC_EVENTS " %d @ %" G_GINT64_FORMAT
                             " was written by a newer worker: upgrade muster first",
                record->partition, record->offset);
    return false;
}

static bool hand_over(struct run *run, const struct bus_record *record, GError **error)
{
    const struct replay *replay = run->replay;
    const struct place place = {record->partition, record->offset, record->append_ms};
    g_autoptr(Event) event = NULL;
    g_autoptr(GError) why = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    if (codec_decode_event(replay->codec, bytes, length, &event, &why) ==
        DECODED_UNKNOWN_SCHEMA)
        return newer(record, error);
    run->events++;
    return replay->take(replay->taker, event, record, &place, why ? why->message : NULL,
                        error);
}

static bool take_record(struct run *run, const struct bus_record *record, GError **error)
{
    int64_t until_ms = run->span->until_ms;
    struct course *course = g_hash_table_lookup(run->courses,
                                                GINT_TO_POINTER(record->partition));
    if (!course || record->offset >= course->end)
        return true; /* what came after the end was asked for */
    course->next = record->offset + 1;
    run->append_ms = record->append_ms;
    if (until_ms != CONTRACT_NONE && record->append_ms > until_ms)
        return true;
    return hand_over(run, record, error);
}

/* Forgets the partitions that are through, tells how far it is; whether any is left. */
static bool look(struct run *run)
{
    GHashTableIter iter;
    void *key, *value;
    int64_t done = 0, all = 0;
    bool is_left = false;
    g_hash_table_iter_init(&iter, run->courses);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct course *course = value;
        if (bus_reader_passed(run->reader, TOPIC_EVENTS, GPOINTER_TO_INT(key),
                              course->end))
            course->next = course->end;
        done += course->next - course->from;
        all += course->end - course->from;
        is_left = is_left || course->next < course->end;
    }
    const struct replay_progress progress = {
        run->events, all ? (double)done / (double)all : 1.0, run->append_ms};
    if (run->replay->progress)
        run->replay->progress(&progress);
    run->unlooked = 0;
    return is_left;
}

static bool silent(int64_t since_us, GError **error)
{
    if (g_get_monotonic_time() - since_us < SILENCE_MS * 1000)
        return false;
    g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE,
                "the bus handed over no event for %d s, and the end is not reached",
                SILENCE_MS / 1000);
    return true;
}

static bool read_all(struct run *run, GError **error)
{
    int64_t heard_us = g_get_monotonic_time();
    while (run->unlooked || look(run)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(run->reader, WAIT_MS, &record, error) ||
            (record && !take_record(run, record, error)))
            return false;
        run->unlooked = record ? (run->unlooked + 1) % LOOK_EVERY : 0;
        if (record)
            heard_us = g_get_monotonic_time();
        else if (silent(heard_us, error))
            return false;
    }
    return true;
}

bool replay_run(const struct replay *replay, const struct span *span, int64_t *ret_events,
                GError **error)
{
    struct run run = {.replay = replay, .span = span, .append_ms = CONTRACT_NONE};
    g_autoptr(GPtrArray) positions = make_courses(&run);
    run.reader = bus_reader_open(replay->bus, positions, error);
    bool good = run.reader && read_all(&run, error);
    bus_reader_close(run.reader);
    g_hash_table_unref(run.courses);
    if (good)
        *ret_events = run.events;
    return good;
}

/* --- Folding --------------------------------------------------------------------------------------- */

bool folding_begin(struct folding *folding, struct codec *codec, GError **error)
{
    folding->codec = codec;
    folding->ledger = ledger_make_scratch(error);
    return folding->ledger && ledger_begin(folding->ledger, error);
}

void folding_end(struct folding *folding)
{
    g_clear_pointer(&folding->ledger, ledger_close);
}

bool folding_take(void *taker, const struct event *event, const struct bus_record *record,
                  const struct place *place, const char *why, GError **error)
{
    struct folding *folding = taker;
    if (!event) {
        folding->unreadable++;
        return true;
    }
    return apply_event(folding->ledger, folding->codec, event, record->value, place,
                       error);
}
