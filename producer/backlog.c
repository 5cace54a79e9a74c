/*
 * backlog.c - what a stream missed, out of the log.
 */
#include "backlog.h"

#include "clean.h"
#include "codec.h"
#include "log.h"
#include "reading.h"
#include "view.h"

#define THREADS 2
#define WAIT_MS 100
#define TURN_US (2 * G_USEC_PER_SEC) /* then others have their turn */

struct backlog {
    struct bus *bus;
    GThreadPool *pool;
};

/* What is kept with a stream from one fill to the next. */
struct filler {
    struct codec *codec;
    struct bus_reader *reader;
    int64_t *aim; /* where the news were when it was last asked */
    GQueue held;  /* struct bus_record: of behind the aim, since readers cannot go back */
};

static void filler_free(void *data)
{
    struct filler *filler = data;
    bus_reader_close(filler->reader);
    codec_free(filler->codec);
    g_queue_clear_full(&filler->held, (GDestroyNotify)bus_record_free);
    g_free(filler->aim);
    g_free(filler);
}

static bool has_missed(const struct hub_stream *stream, const int64_t *places,
                       const int64_t *aim, int32_t partition)
{
    const char *agent = hub_stream_agent(stream);
    int32_t partitions = hub_partitions(hub_stream_hub(stream));
    return places[partition] < aim[partition] &&
           (!agent || partition_of(agent, partitions) == partition);
}

static struct filler *filler_new(struct backlog *backlog, struct hub_stream *stream,
                                 GError **error)
{
    struct hub *hub = hub_stream_hub(stream);
    int32_t partitions = hub_partitions(hub);
    const int64_t *places = hub_stream_places(stream);
    g_autoptr(GPtrArray) positions = bus_positions_new();
    struct filler *filler = g_new0(struct filler, 1);
    filler->codec = codec_new();
    filler->aim = g_new0(int64_t, partitions);
    g_queue_init(&filler->held);
    hub_places(hub, filler->aim);
    /* All of them: one that has missed nothing yet may do so before it has caught up. */
    for (int32_t i = 0; i < partitions; i++)
        if (!hub_stream_agent(stream) ||
            partition_of(hub_stream_agent(stream), partitions) == i)
            g_ptr_array_add(positions,
                            bus_position_new(TOPIC_EVENTS, i, places[i], NULL));
    filler->reader = bus_reader_open(backlog->bus, positions, error);
    if (filler->reader)
        return filler;
    filler_free(filler);
    return NULL;
}

static void add_record(struct filler *filler, struct hub_stream *stream,
                       const struct bus_record *record)
{
    g_auto(Reading) reading;
    hub_stream_places(stream)[record->partition] = record->offset + 1;
    reading_take(&reading, filler->codec, hub_partitions(hub_stream_hub(stream)), record);
    const struct event *event = reading_event(&reading);
    if (!event)
        return; /* the ledger put it aside, too */
    if (!hub_stream_wants(stream, NEWS_LOG, event->agent_id, event->server_id))
        return;
    json_auto_t *json = view_event_json(record, event);
    g_autofree char *text = clean_json(json_dumps(json, JSON_COMPACT));
    hub_stream_add(stream, text);
}

/* Everything before the aim has been handed out. */
static bool has_arrived(const struct filler *filler, struct hub_stream *stream)
{
    const int64_t *places = hub_stream_places(stream);
    for (int32_t i = 0; i < hub_partitions(hub_stream_hub(stream)); i++)
        if (has_missed(stream, places, filler->aim, i) &&
            !bus_reader_passed(filler->reader, TOPIC_EVENTS, i, filler->aim[i]))
            return false;
    return true;
}

/* A new aim, and what had been read beyond the last one. */
static void aim_again(struct filler *filler, struct hub_stream *stream)
{
    GQueue still = G_QUEUE_INIT;
    struct bus_record *record;
    hub_places(hub_stream_hub(stream), filler->aim);
    while ((record = g_queue_pop_head(&filler->held))) {
        if (record->offset < filler->aim[record->partition]) {
            add_record(filler, stream, record);
            bus_record_free(record);
        } else {
            g_queue_push_tail(&still, record);
        }
    }
    filler->held = still;
}

static bool take_record(struct filler *filler, struct hub_stream *stream, GError **error)
{
    struct bus_record *record = NULL;
    if (!bus_reader_next(filler->reader, WAIT_MS, &record, error))
        return false;
    if (!record)
        return true;
    if (record->offset >= filler->aim[record->partition]) {
        g_queue_push_tail(&filler->held, record);
        return true;
    }
    add_record(filler, stream, record);
    bus_record_free(record);
    return true;
}

enum filled { FILLED_DONE, FILLED_FOR_NOW, FILLED_FAILED };

static enum filled fill(struct filler *filler, struct hub_stream *stream, GError **error)
{
    int64_t end_us = g_get_monotonic_time() + TURN_US;
    while (hub_stream_room(stream) > 0 && g_get_monotonic_time() < end_us) {
        if (has_arrived(filler, stream)) {
            if (hub_stream_catches_up(stream, filler->aim))
                return FILLED_DONE;
            aim_again(filler, stream);
        } else if (!take_record(filler, stream, error)) {
            return FILLED_FAILED;
        }
    }
    return FILLED_FOR_NOW;
}

static void turn(void *data, void *context)
{
    g_autoptr(HubStream) stream = data;
    g_autoptr(GError) error = NULL;
    struct filler *filler = hub_stream_filler(stream);
    if (!filler) {
        filler = filler_new(context, stream, &error);
        if (filler)
            hub_stream_set_filler(stream, filler, filler_free);
    }
    switch (filler ? fill(filler, stream, &error) : FILLED_FAILED) {
    case FILLED_DONE:
        hub_stream_set_filler(stream, NULL, NULL);
        hub_stream_filled(stream);
        return;
    case FILLED_FOR_NOW:
        hub_stream_filled(stream);
        return;
    case FILLED_FAILED:
        log_warning("http.backlog", "why", error->message);
        hub_stream_give_up(stream);
        return;
    }
}

struct backlog *backlog_new(struct bus *bus)
{
    struct backlog *backlog = g_new0(struct backlog, 1);
    backlog->bus = bus;
    backlog->pool = g_thread_pool_new(turn, backlog, THREADS, FALSE, NULL);
    return backlog;
}

void backlog_free(struct backlog *backlog)
{
    if (!backlog)
        return;
    g_thread_pool_free(backlog->pool, FALSE, TRUE);
    g_free(backlog);
}

void backlog_fill(void *context, struct hub_stream *stream)
{
    struct backlog *backlog = context;
    g_thread_pool_push(backlog->pool, stream, NULL);
}
