/*
 * feed.c - tells the hub what happens.
 */
#include "feed.h"

#include "clean.h"
#include "clock.h"
#include "codec.h"
#include "eventlog.h"
#include "ledger_moves.h"
#include "ledger_log.h"
#include "ledger_rows.h"
#include "log.h"
#include "reading.h"
#include "view.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICK_MS   100
#define BEHIND_MS 10   /* while the ledger has not taken what has been read */
#define AGAIN_MS  1000 /* after trouble with the bus */
#define AGENTS_MS \
 1000 /* how often agents are looked at: nobody says that one is silent */
#define PENDING_MAX 2000

struct feed {
    struct ledger *ledger;
    struct codec *codec;
    struct bus *bus;
    struct hub *hub;
    void (*tick)(void *context);
    void *context;
    struct bus_reader *reader;
    GQueue pending;     /* struct bus_record */
    GHashTable *agents; /* id → its JSON, as last told */
    int64_t moves;      /* the last one told */
    int64_t agents_due_us;
    int64_t again_us;
    bool has_lost; /* the log, of what was to be read */
    int poke;
    int stopping; /* atomic, as the next */
    int well;
    GThread *thread;
};

/* --- Rows ---------------------------------------------------------------------------------- */

/* When it was last heard of changes all the time, and is no news. */
static char *agent_gist(const json_t *json)
{
    json_auto_t *copy = json_copy((json_t *)json);
    json_object_del(copy, "last_event_at");
    json_object_del(copy, "clock_skew_ms");
    return clean_json(json_dumps(copy, JSON_COMPACT));
}

static void tell_agent(struct feed *feed, const struct view *view,
                       const struct agent_row *agent)
{
    json_auto_t *json = view_agent_json(view, agent);
    g_autofree char *gist = agent_gist(json);
    g_autofree char *text = clean_json(json_dumps(json, JSON_COMPACT));
    if (g_strcmp0(g_hash_table_lookup(feed->agents, agent->id), gist) == 0)
        return;
    g_hash_table_insert(feed->agents, g_strdup(agent->id), g_steal_pointer(&gist));
    hub_tell_row(feed->hub, NEWS_AGENT, agent->id, NULL, text);
}

static void tell_agents(struct feed *feed, const struct view *view)
{
    GHashTableIter iter;
    void *agent;
    g_hash_table_iter_init(&iter, view->agents);
    while (g_hash_table_iter_next(&iter, NULL, &agent))
        tell_agent(feed, view, agent);
    feed->agents_due_us = g_get_monotonic_time() + AGENTS_MS * 1000;
}

static bool tell_server(struct feed *feed, const struct view *view, const char *id,
                        GError **error)
{
    g_autoptr(ServerRow) server = NULL;
    if (!ledger_load_server(feed->ledger, id, &server, error))
        return false;
    if (!server)
        return true;
    json_auto_t *json = view_server_json(view, server, error);
    if (!json)
        return false;
    g_autofree char *text = clean_json(json_dumps(json, JSON_COMPACT));
    hub_tell_row(feed->hub, NEWS_SERVER, server->agent_id, server->id, text);
    return true;
}

/* Those that events named, and those whose status moved, whoever did that. */
static bool tell_rows(struct feed *feed, GHashTable *servers, GError **error)
{
    g_auto(View) view = {0};
    GHashTableIter iter;
    void *id;
    if (!ledger_moved_since(feed->ledger, &feed->moves, servers, error))
        return false;
    bool agents = g_get_monotonic_time() >= feed->agents_due_us;
    if (!hub_is_watched(feed->hub) || (g_hash_table_size(servers) == 0 && !agents))
        return true;
    if (!view_begin(&view, feed->ledger, clock_now(feed->ledger), error))
        return false;
    g_hash_table_iter_init(&iter, servers);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        if (!tell_server(feed, &view, id, error))
            return false;
    tell_agents(feed, &view);
    return true;
}

/* --- Events -------------------------------------------------------------------------------- */

static void tell_event(struct feed *feed, const struct bus_record *record,
                       const struct event *event)
{
    if (hub_is_watched(feed->hub)) {
        json_auto_t *json = view_event_json(record, event);
        g_autofree char *text = clean_json(json_dumps(json, JSON_COMPACT));
        hub_tell_log(feed->hub, record->partition, record->offset, event->agent_id,
                     event->server_id, text);
    } else {
        hub_pass(feed->hub, record->partition, record->offset);
    }
    if (event->cause && *event->cause->command_id)
        hub_tell_command(feed->hub, event->cause->command_id);
}

static void take_event(struct feed *feed, const struct bus_record *record,
                       GHashTable *servers)
{
    g_auto(Reading) reading;
    reading_take(&reading, feed->codec, hub_partitions(feed->hub), record);
    const struct event *event = reading_event(&reading);
    if (!event) {
        hub_pass(feed->hub, record->partition, record->offset);
        return;
    }
    tell_event(feed, record, event);
    if (event->server_id)
        g_hash_table_add(servers, g_strdup(event->server_id));
}

/* Tells what is in the ledger by now, in order. */
static bool tell_pending(struct feed *feed, GHashTable *servers, GError **error)
{
    const struct bus_record *record;
    int32_t partition = -1;
    int64_t next = 0;
    while ((record = g_queue_peek_head(&feed->pending))) {
        if (record->partition != partition || record->offset >= next) {
            partition = record->partition;
            if (!ledger_position(feed->ledger, partition, &next, error))
                return false;
        }
        if (record->offset >= next)
            return true;
        take_event(feed, record, servers);
        bus_record_free(g_queue_pop_head(&feed->pending));
    }
    return true;
}

/* Compaction and retention may have eaten what it was to read: ingest tells that. */
static bool pass_lost(struct feed *feed, int64_t *places, GError **error)
{
    for (int32_t i = 0; i < hub_partitions(feed->hub); i++) {
        int64_t first, end;
        if (!bus_topic_range(feed->bus, TOPIC_EVENTS, i, EVENTLOG_MS, &first, &end,
                             error))
            return false;
        if (places[i] < first)
            hub_pass(feed->hub, i, first - 1);
        places[i] = MAX(places[i], first);
    }
    feed->has_lost = false;
    return true;
}

static bool open_reader(struct feed *feed, GError **error)
{
    int32_t partitions = hub_partitions(feed->hub);
    g_autofree int64_t *places = g_new0(int64_t, partitions);
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_queue_clear_full(&feed->pending, (GDestroyNotify)bus_record_free);
    hub_places(feed->hub, places);
    if (feed->has_lost && !pass_lost(feed, places, error))
        return false;
    for (int32_t i = 0; i < partitions; i++)
        g_ptr_array_add(positions, bus_position_new(TOPIC_EVENTS, i, places[i], NULL));
    feed->reader = bus_reader_open(feed->bus, positions, error);
    return feed->reader != NULL;
}

static bool read_more(struct feed *feed, GError **error)
{
    if (!feed->reader && !open_reader(feed, error))
        return false;
    while (g_queue_get_length(&feed->pending) < PENDING_MAX) {
        struct bus_record *record = NULL;
        if (!bus_reader_next(feed->reader, 0, &record, error))
            return false;
        if (!record)
            return true;
        g_queue_push_tail(&feed->pending, record);
    }
    return true;
}

/* --- The thread ----------------------------------------------------------------------------- */

static bool turn(struct feed *feed, GError **error)
{
    g_autoptr(GHashTable)
        servers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return read_more(feed, error) && tell_pending(feed, servers, error) &&
           tell_rows(feed, servers, error);
}

static void back_off(struct feed *feed, const GError *error)
{
    if (g_atomic_int_get(&feed->well))
        log_warning("http.feed", "why", error->message);
    g_atomic_int_set(&feed->well, 0);
    feed->has_lost = g_error_matches(error, BUS_ERROR, BUS_ERROR_RANGE);
    g_clear_pointer(&feed->reader, bus_reader_close);
    feed->again_us = g_get_monotonic_time() + AGAIN_MS * 1000;
}

static void wait_for_news(struct feed *feed)
{
    bool full = g_queue_get_length(&feed->pending) >= PENDING_MAX;
    struct pollfd fds[] = {
        {.fd = feed->poke, .events = POLLIN},
        {.fd = feed->reader && !full ? bus_reader_fd(feed->reader) : -1,
         .events = POLLIN},
    };
    uint64_t count;
    poll(fds, G_N_ELEMENTS(fds), g_queue_is_empty(&feed->pending) ? TICK_MS : BEHIND_MS);
    if (fds[0].revents && read(feed->poke, &count, sizeof count) < 0)
        g_assert(errno == EAGAIN || errno == EINTR);
}

static void *run(void *data)
{
    struct feed *feed = data;
    while (!g_atomic_int_get(&feed->stopping)) {
        g_autoptr(GError) error = NULL;
        if (g_get_monotonic_time() >= feed->again_us) {
            if (turn(feed, &error))
                g_atomic_int_set(&feed->well, 1);
            else
                back_off(feed, error);
        }
        hub_tick(feed->hub);
        feed->tick(feed->context);
        wait_for_news(feed);
    }
    return NULL;
}

static void feed_free(struct feed *feed)
{
    bus_reader_close(feed->reader);
    g_queue_clear_full(&feed->pending, (GDestroyNotify)bus_record_free);
    g_hash_table_unref(feed->agents);
    codec_free(feed->codec);
    ledger_close(feed->ledger);
    close(feed->poke);
    g_free(feed);
}

struct feed *feed_start(const char *ledger_path, struct bus *bus, struct hub *hub,
                        void (*tick)(void *context), void *context, GError **error)
{
    struct feed *feed = g_new0(struct feed, 1);
    feed->bus = bus;
    feed->hub = hub;
    feed->tick = tick;
    feed->context = context;
    feed->well = 1;
    feed->codec = codec_new();
    feed->agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    feed->poke = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    g_queue_init(&feed->pending);
    feed->ledger = ledger_open(ledger_path, error);
    if (!feed->ledger || !ledger_last_move(feed->ledger, &feed->moves, error)) {
        feed_free(feed);
        return NULL;
    }
    feed->thread = g_thread_new("feed", run, feed);
    return feed;
}

void feed_stop(struct feed *feed)
{
    if (!feed)
        return;
    g_atomic_int_set(&feed->stopping, 1);
    feed_poke(feed);
    g_thread_join(feed->thread);
    feed_free(feed);
}

void feed_poke(struct feed *feed)
{
    const uint64_t one = 1;
    if (write(feed->poke, &one, sizeof one) < 0)
        g_assert(errno == EAGAIN);
}

bool feed_is_well(const struct feed *feed)
{
    return g_atomic_int_get(&feed->well);
}
