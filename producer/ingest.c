/*
 * ingest.c - takes muster.events into the ledger.
 */
#include "ingest.h"

#include "apply.h"
#include "aside.h"
#include "beats.h"
#include "clock.h"
#include "crash.h"
#include "eventlog.h"
#include "landmark.h"
#include "log.h"
#include "refold.h"
#include "rival.h"

#define BATCH   500
#define TELL_MS 60000 /* between two words of what was put aside */

G_DEFINE_QUARK(muster_ingest_error, ingest_error)

struct ingest {
    struct ledger *ledger;
    struct bus *bus;
    struct codec *codec;
    struct bus_reader *reader;
    struct landmarks *landmarks;
    int32_t partitions;
    GPtrArray *aim;  /* struct bus_position: the ends to arrive at, or NULL */
    bool hears;      /* the bus has heartbeats */
    int64_t told_us; /* when it was last told of a record that was put aside; 0: never */
    guint untold;    /* of these since then */
    bool is_live;    /* the end has been reached: what comes is new */
    char *fault;     /* what was lost, or NULL */
    struct rival *rival;
};

struct ingest *ingest_open(struct ledger *ledger, struct bus *bus, struct codec *codec,
                           GError **error)
{
    g_autoptr(Ingest) ingest = g_new0(struct ingest, 1);
    ingest->ledger = ledger;
    ingest->bus = bus;
    ingest->codec = codec;
    if (!eventlog_check(ledger, bus, &ingest->partitions, error) ||
        !refold_if_due(ledger, bus, codec, ingest->partitions, error))
        return NULL;
    ingest->landmarks = landmarks_load(ledger, ingest->partitions, error);
    if (!ingest->landmarks || !(ingest->rival = rival_load(ledger, error)))
        return NULL;
    g_autoptr(GPtrArray) positions = eventlog_positions(ledger, bus, ingest->landmarks,
                                                        ingest->partitions, error);
    if (!positions || !beats_position(ledger, bus, positions, &ingest->hears, error))
        return NULL;
    ingest->reader = bus_reader_open(bus, positions, error);
    return ingest->reader ? g_steal_pointer(&ingest) : NULL;
}

void ingest_close(struct ingest *ingest)
{
    if (!ingest)
        return;
    bus_reader_close(ingest->reader);
    landmarks_free(ingest->landmarks);
    g_clear_pointer(&ingest->aim, g_ptr_array_unref);
    g_free(ingest->fault);
    rival_free(ingest->rival);
    g_free(ingest);
}

int ingest_fd(struct ingest *ingest)
{
    return bus_reader_fd(ingest->reader);
}

bool ingest_knows_log(const struct ingest *ingest)
{
    return landmarks_met(ingest->landmarks);
}

const char *ingest_fault(const struct ingest *ingest)
{
    return ingest->fault;
}

const char *ingest_other(const struct ingest *ingest)
{
    return rival_text(ingest->rival);
}

/* --- The last record taken ------------------------------------------------------------------------ */

/* Compaction or retention has eaten it: what else, only a replay tells. */
static bool miss(struct ingest *ingest, int32_t partition, GError **error)
{
    const int64_t place = landmarks_place(ingest->landmarks, partition);
    if (!landmarks_miss(ingest->landmarks, ingest->bus, partition, error))
        return false;
    g_free(ingest->fault);
    ingest->fault = g_strdup_printf(
        "topic " TOPIC_EVENTS " has lost records, the one at %d @ %" G_GINT64_FORMAT
        " among them: it was compacted, or its retention is not for ever; `muster audit "
        "replay --verify` shows what is missing",
        partition, place);
    log_error("ingest.gone", "why", ingest->fault);
    return true;
}

/* Those behind which nothing comes any more. */
static bool miss_passed(struct ingest *ingest, GError **error)
{
    for (int32_t i = 0; !ingest_knows_log(ingest) && i < ingest->partitions; i++) {
        const int64_t place = landmarks_place(ingest->landmarks, i);
        if (place >= 0 && bus_reader_passed(ingest->reader, TOPIC_EVENTS, i, place + 1) &&
            !miss(ingest, i, error))
            return false;
    }
    return true;
}

/* --- A batch ------------------------------------------------------------------------------------ */

/* The first of a partition is the last one that was taken: it is looked at alone. */
static bool meet(struct ingest *ingest, const struct bus_record *record, bool *ret_news,
                 GError **error)
{
    *ret_news = true;
    if (!g_str_equal(record->topic, TOPIC_EVENTS))
        return true;
    switch (landmarks_meet(ingest->landmarks, record, error)) {
    case LANDMARK_NEWS:
        return true;
    case LANDMARK_GONE:
        return miss(ingest, record->partition, error);
    case LANDMARK_KNOWN:
        *ret_news = false;
        return true;
    case LANDMARK_WRONG:
        return false;
    }
    g_assert_not_reached();
}

static bool take_records(struct ingest *ingest, int timeout_ms, GPtrArray *records,
                         GError **error)
{
    while (records->len < BATCH) {
        g_autoptr(BusRecord) record = NULL;
        bool is_news;
        if (!bus_reader_next(ingest->reader, records->len ? 0 : timeout_ms, &record,
                             error))
            return false;
        if (!record)
            return miss_passed(ingest, error);
        if (!meet(ingest, record, &is_news, error))
            return false;
        if (is_news)
            g_ptr_array_add(records, g_steal_pointer(&record));
    }
    return true;
}

/* Once, and of many the first of a minute: `muster audit aside` has them all. */
static void tell_aside(struct ingest *ingest, const struct reading *reading,
                       const struct bus_record *record)
{
    const int64_t now_us = g_get_monotonic_time();
    ingest->untold++;
    if (ingest->told_us && now_us - ingest->told_us < TELL_MS * 1000)
        return;
    g_autofree char *place = g_strdup_printf("%d@%" G_GINT64_FORMAT, record->partition,
                                             record->offset);
    g_autofree char *count = g_strdup_printf("%u", ingest->untold);
    log_error("ingest.put_aside", "place", place, "reason", reading_name(reading->kind),
              "why", reading->why, "count", count);
    ingest->told_us = now_us;
    ingest->untold = 0;
}

static bool take_event(struct ingest *ingest, const struct bus_record *record,
                       GError **error)
{
    const struct place place = {record->partition, record->offset, record->append_ms};
    g_auto(Reading) reading;
    reading_take(&reading, ingest->codec, ingest->partitions, record);
    if (reading_event(&reading))
        return rival_look(ingest->rival, reading.event, record, ingest->is_live, error) &&
               apply_event(ingest->ledger, ingest->codec, reading.event, record->value,
                           &place, error);
    tell_aside(ingest, &reading, record);
    return aside_put(ingest->ledger, ingest->partitions, &reading, record, error);
}

static bool take_record(struct ingest *ingest, const struct bus_record *record,
                        GError **error)
{
    return g_str_equal(record->topic, TOPIC_HEARTBEATS)
               ? beats_take(ingest->ledger, ingest->codec, record,
                            clock_now(ingest->ledger), error)
               : take_event(ingest, record, error);
}

/* Where each partition goes on behind the records. */
static bool note_positions(struct ingest *ingest, const GPtrArray *records,
                           GError **error)
{
    g_autofree const struct bus_record **last = g_new0(const struct bus_record *,
                                                       (gsize)ingest->partitions);
    for (guint i = 0; i < records->len; i++) {
        const struct bus_record *record = records->pdata[i];
        if (g_str_equal(record->topic, TOPIC_EVENTS))
            last[record->partition] = record;
    }
    for (int32_t partition = 0; partition < ingest->partitions; partition++)
        if (last[partition] &&
            (!ledger_set_position(ingest->ledger, partition, last[partition]->offset + 1,
                                  error) ||
             !landmark_set(ingest->ledger, last[partition], error)))
            return false;
    return true;
}

/* A batch that is full is not the newest. */
static bool learn_time(struct ingest *ingest, const GPtrArray *records, GError **error)
{
    const struct bus_record *newest = records->pdata[0];
    for (guint i = 1; i < records->len; i++)
        if (((const struct bus_record *)records->pdata[i])->append_ms > newest->append_ms)
            newest = records->pdata[i];
    return !ingest->is_live || records->len == BATCH ||
           clock_learn(ingest->ledger, newest, error);
}

static bool take_all(struct ingest *ingest, const GPtrArray *records, GError **error)
{
    crash_point("ingest.before");
    if (!ledger_begin(ingest->ledger, error))
        return false;
    bool good = true;
    for (guint i = 0; good && i < records->len; i++)
        good = take_record(ingest, records->pdata[i], error);
    if (!good || !note_positions(ingest, records, error) ||
        !learn_time(ingest, records, error)) {
        ledger_rollback(ingest->ledger);
        return false;
    }
    crash_point("ingest.applied");
    if (!ledger_commit(ingest->ledger, error))
        return false;
    crash_point("ingest.after");
    return true;
}

bool ingest_step(struct ingest *ingest, int timeout_ms, int *ret_taken, GError **error)
{
    g_autoptr(GPtrArray)
        records = g_ptr_array_new_with_free_func((GDestroyNotify)bus_record_free);
    if (!take_records(ingest, timeout_ms, records, error))
        return false;
    if (records->len > 0 && !take_all(ingest, records, error))
        return false;
    *ret_taken = (int)records->len;
    return true;
}

/* --- Up to the end -------------------------------------------------------------------------------- */

static bool has_passed(struct ingest *ingest, const GPtrArray *ends)
{
    for (guint i = 0; i < ends->len; i++) {
        const struct bus_position *end = ends->pdata[i];
        if (!bus_reader_passed(ingest->reader, end->topic, end->partition, end->offset))
            return false;
    }
    return true;
}

static bool note_ends(struct ingest *ingest, const GPtrArray *ends, GError **error)
{
    bool reached = false;
    if (!eventlog_reached(ingest->ledger, ends, &reached, error))
        return false;
    if (reached)
        return true;
    if (!ledger_begin(ingest->ledger, error))
        return false;
    for (guint i = 0; i < ends->len; i++) {
        const struct bus_position *end = ends->pdata[i];
        int64_t next;
        if (g_str_equal(end->topic, TOPIC_HEARTBEATS) ||
            !bus_reader_passed(ingest->reader, end->topic, end->partition, end->offset))
            continue;
        if (!ledger_position(ingest->ledger, end->partition, &next, error) ||
            (next < end->offset &&
             !ledger_set_position(ingest->ledger, end->partition, end->offset, error))) {
            ledger_rollback(ingest->ledger);
            return false;
        }
    }
    return ledger_commit(ingest->ledger, error);
}

static bool take_aim(struct ingest *ingest, bool all, GError **error)
{
    g_clear_pointer(&ingest->aim, g_ptr_array_unref);
    g_autoptr(GPtrArray)
        ends = eventlog_ends(ingest->ledger, ingest->bus, ingest->partitions, all, error);
    if (!ends || (ingest->hears && !beats_end(ingest->bus, ends, error)))
        return false;
    ingest->aim = g_steal_pointer(&ends);
    return true;
}

bool ingest_aim(struct ingest *ingest, GError **error)
{
    return take_aim(ingest, false, error);
}

bool ingest_arrived(struct ingest *ingest, bool *ret_arrived, GError **error)
{
    bool arrived = !ingest->aim || has_passed(ingest, ingest->aim);
    if (arrived && ingest->aim && !note_ends(ingest, ingest->aim, error))
        return false;
    ingest->is_live = ingest->is_live || (arrived && ingest->aim);
    if (arrived)
        g_clear_pointer(&ingest->aim, g_ptr_array_unref);
    *ret_arrived = arrived;
    return true;
}

static bool too_slow(int64_t last_news_us, GError **error)
{
    if (g_get_monotonic_time() - last_news_us < INGEST_PATIENCE_MS * 1000)
        return false;
    g_set_error(error, INGEST_ERROR, INGEST_ERROR_SLOW,
                "the bus handed over no event for %d s, and the log's end is not reached",
                INGEST_PATIENCE_MS / 1000);
    return true;
}

bool ingest_catch_up(struct ingest *ingest, bool all, GError **error)
{
    int64_t last_news_us = g_get_monotonic_time();
    bool arrived = false;
    if (!take_aim(ingest, all, error))
        return false;
    while (!arrived) {
        int taken = 0;
        if (!ingest_step(ingest, 10, &taken, error) ||
            !ingest_arrived(ingest, &arrived, error))
            return false;
        if (taken > 0)
            last_news_us = g_get_monotonic_time();
        if (!arrived && too_slow(last_news_us, error))
            return false;
    }
    return true;
}
