/*
 * bench_replay.c - how fast a log is read again: by a consumer that only reads, by one that
 * decodes as well, by the rulebook (audit check), folded (audit replay), and taken into a
 * ledger on disk, as `muster serve` does it.
 *
 *     bench_replay sqlite:///tmp/bench.db | kafka://host:port   [SERVERS [EVENTS]]
 *
 * Writes muster.events of one agent on a bus that has none yet, and leaves it there: lives of
 * servers (create, accepted, done, states, stop, start), and a sync of all after every 10,000
 * events.  It measures, it judges nothing: figures of one machine compare with figures of the
 * same machine only, so what counts is the ratio to reading.
 */
#include "eventlog.h"
#include "ingest.h"
#include "replay.h"
#include "rulebook.h"
#include "topics.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TIMEOUT_MS = 30000, BATCH = 500, SYNC_EVERY = 10000, PARTITIONS = 4 };
#define AGENT "bench-agent"

static void check(GError *error)
{
    if (error)
        g_error("%s", error->message);
}

/* --- Writing ---------------------------------------------------------------------------- */

struct writer {
    struct bus *bus;
    struct codec *codec;
    struct bus_sender *sender;
    struct bus_batch *batch;
    int64_t clock;
    int64_t written;
    int servers;
};

static void send(struct writer *writer)
{
    g_autoptr(GError) error = NULL;
    if (bus_sender_commit(writer->sender, writer->batch, &error) != BUS_SENT)
        check(error);
    g_ptr_array_set_size(writer->batch->messages, 0);
}

static void write_event(struct writer *writer, struct event *event_taken)
{
    g_autoptr(Event) event = event_taken;
    g_free(event->event_id);
    event->event_id = uuid7_new(writer->clock);
    g_autoptr(GBytes) bytes = codec_encode_event(writer->codec, event);
    g_ptr_array_add(writer->batch->messages,
                    bus_message_new(TOPIC_EVENTS, 0, event->server_id, bytes));
    writer->written++;
    if (writer->batch->messages->len >= BATCH)
        send(writer);
}

static struct event *event_at(struct writer *writer, int server)
{
    struct event *event = event_new();
    row_set(&event->agent_id, AGENT);
    if (server >= 0)
        event->server_id = g_strdup_printf("server-%d", server);
    event->at = ++writer->clock;
    return event;
}

static struct event *worker_event(struct writer *writer, int server)
{
    struct event *event = event_at(writer, server);
    row_set(&event->worker, "bench-agent-1");
    row_set(&event->engine_id, "ENGI:NE01");
    return event;
}

static struct state *state_of(int server, enum container_status status)
{
    struct state *state = state_new();
    state->status = status;
    state->container_id = g_strdup_printf("%064d", server);
    row_set(&state->image, "registry.test/steam-zomboid:latest");
    row_set(&state->spec_digest, "digest");
    state->data_exists = MAYBE_YES;
    return state;
}

static struct cause *cause_of(const char *command_id, const char *action)
{
    struct cause *cause = g_new0(struct cause, 1);
    cause->command_id = g_strdup(command_id);
    cause->action = g_strdup(action);
    cause->actor = g_strdup("bench");
    cause->topic = topic_commands(AGENT);
    cause->offset = CONTRACT_NONE;
    return cause;
}

static void write_agent(struct writer *writer)
{
    struct event *event = event_at(writer, -1);
    event->record = record_new();
    event->record->kind = RECORD_AGENT;
    event->record->agent = agent_record_new();
    row_set(&event->record->agent->name, "bench");
    event->record->agent->partitions = PARTITIONS;
    event->record->agent->updated_at = event->at;
    write_event(writer, event);
}

static void write_result(struct writer *writer, int server, const char *command_id,
                         const char *action, enum outcome outcome,
                         enum container_status status)
{
    struct event *event = worker_event(writer, server);
    event->cause = cause_of(command_id, action);
    event->result = result_new();
    event->result->outcome = outcome;
    if (outcome_is_terminal(outcome))
        event->result->state = state_of(server, status);
    write_event(writer, event);
}

/* Record, accepted, done. */
static void write_command(struct writer *writer, int server, const char *action,
                          enum container_status status)
{
    g_autofree char *command_id = uuid7_new(writer->clock);
    struct event *event = event_at(writer, server);
    event->cause = cause_of(command_id, action);
    event->record = record_new();
    event->record->kind = RECORD_COMMAND;
    event->record->server = server_record_new();
    event->record->server->name = g_strdup_printf("server-%d", server);
    event->record->server->created_at = event->record->server->updated_at = 1;
    event->record->server->spec = spec_new();
    row_set(&event->record->server->spec->digest, "digest");
    event->record->expires_at = event->at + 3600000;
    write_event(writer, event);
    write_result(writer, server, command_id, action, OUTCOME_ACCEPTED, status);
    write_result(writer, server, command_id, action, OUTCOME_DONE, status);
}

static void write_state(struct writer *writer, int server, enum container_status status)
{
    struct event *event = worker_event(writer, server);
    event->state = state_of(server, status);
    write_event(writer, event);
}

static void write_sync(struct writer *writer, int32_t partition)
{
    struct event *event = worker_event(writer, -1);
    event->sync = sync_new();
    event->sync->sync_id = uuid7_new(event->at);
    event->sync->partition = partition;
    event->sync->partitions = PARTITIONS;
    event->sync->complete = true;
    event->sync->chunks = 1;
    event->sync->listed_at = event->at;
    event->sync->seen = INT64_MAX / 2;
    for (int i = 0; i < writer->servers; i++) {
        g_autofree char *id = g_strdup_printf("server-%d", i);
        if (partition_of(id, PARTITIONS) == partition)
            g_ptr_array_add(event->sync->servers,
                            listed_new(id, state_of(i, CONTAINER_RUNNING)));
    }
    write_event(writer, event);
}

static void write_log(struct writer *writer, int64_t events)
{
    int64_t synced = 0;
    write_agent(writer);
    for (int i = 0; i < writer->servers; i++)
        write_command(writer, i, "create", CONTAINER_RUNNING);
    for (int i = 0; writer->written < events; i = (i + 1) % writer->servers) {
        write_command(writer, i, "stop", CONTAINER_EXITED);
        write_state(writer, i, CONTAINER_EXITED);
        write_command(writer, i, "start", CONTAINER_RUNNING);
        write_state(writer, i, CONTAINER_RUNNING);
        if (writer->written / SYNC_EVERY == synced)
            continue;
        synced = writer->written / SYNC_EVERY;
        for (int32_t partition = 0; partition < PARTITIONS; partition++)
            write_sync(writer, partition);
    }
    send(writer);
}

static int64_t make_log(struct bus *bus, struct codec *codec, int servers, int64_t events)
{
    g_autoptr(GError) error = NULL;
    const struct bus_topic topic = topic_shape(TOPIC_EVENTS, 1);
    g_auto(Span) span;
    span_init(&span);
    bus_topic_make(bus, &topic, TIMEOUT_MS, &error);
    check(error);
    span_add(&span, bus, TOPIC_EVENTS, 0, 1, &error);
    check(error);
    if (!span_is_empty(&span))
        g_error(TOPIC_EVENTS " has records: give a bus of its own");
    g_autoptr(BusSender) sender = bus_sender_open(bus, "bench", TIMEOUT_MS, &error);
    check(error);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    struct writer writer = {.bus = bus,
                            .codec = codec,
                            .sender = sender,
                            .batch = batch,
                            .clock = g_get_real_time() / 1000,
                            .servers = servers};
    write_log(&writer, events);
    return writer.written;
}

/* --- Reading ---------------------------------------------------------------------------- */

static bool drop_record(void *taker, const struct bus_record *record, GError **error)
{
    (*(int64_t *)taker)++;
    return true;
}

static bool drop_event(void *taker, const struct reading *reading,
                       const struct bus_record *record, const struct place *place,
                       GError **error)
{
    g_assert(reading_event(reading));
    return true;
}

static void no_breach(void *listener, enum breach breach, const struct event *event,
                      const struct place *place, const char *sentence)
{
    g_error("%s: %s", breach_name(breach), sentence);
}

static bool judge_event(void *taker, const struct reading *reading,
                        const struct bus_record *record, const struct place *place,
                        GError **error)
{
    rulebook_judge(taker, reading->event, place);
    return true;
}

/* Returns events a second. */
static double print_rate(const char *name, int64_t events, int64_t begin, clock_t busy,
                         double reading)
{
    double rate = (double)events * G_USEC_PER_SEC /
                  (double)(g_get_monotonic_time() - begin);
    double cpu_us = (double)(clock() - busy) * 1e6 / CLOCKS_PER_SEC / (double)events;
    printf("%-16s %9.0f events/s, ratio to reading %.3f, %6.1f us of CPU an event\n",
           name, rate, reading > 0 ? rate / reading : 1.0, cpu_us);
    return rate;
}

/* One way of reading; returns events a second. */
static double measure(const char *name, struct bus *bus, struct codec *codec,
                      replay_take *take, void *taker, double reading)
{
    g_autoptr(GError) error = NULL;
    g_auto(Span) span;
    int64_t events = 0;
    span_init(&span);
    span_add(&span, bus, TOPIC_EVENTS, 0, 1, &error);
    check(error);
    const struct replay replay = {bus, codec, 1, take, taker, NULL};
    int64_t begin = g_get_monotonic_time();
    clock_t busy = clock();
    if (take)
        replay_run(&replay, &span, &events, &error);
    else
        span_read(&span, bus, drop_record, NULL, &events, &error);
    check(error);
    return print_rate(name, events, begin, busy, reading);
}

/* A ledger of its own, in a directory that goes with it. */
static void measure_ingest(struct bus *bus, struct codec *codec, int64_t events,
                           double reading)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("bench-replay-XXXXXX", &error);
    check(error);
    g_autofree char *path = g_build_filename(directory, "ledger.db", NULL);
    struct ledger *ledger = ledger_make(path, &error);
    check(error);
    eventlog_remember(ledger, bus, &error);
    check(error);
    int64_t begin = g_get_monotonic_time();
    clock_t busy = clock();
    struct ingest *ingest = ingest_open(ledger, bus, codec, &error);
    check(error);
    ingest_catch_up(ingest, true, &error);
    check(error);
    print_rate("ingest", events, begin, busy, reading);
    ingest_close(ingest);
    ledger_close(ledger);
    g_remove(path);
    g_rmdir(directory);
}

static long resident_kib(void)
{
    g_autofree char *text = NULL;
    long pages = 0;
    if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
        sscanf(text, "%*s %ld", &pages);
    return pages * 4;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_replay URL [SERVERS [EVENTS]]\n");
        return 2;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Bus) bus = bus_open(argv[1], NULL, &error);
    check(error);
    g_autoptr(Codec) codec = codec_new();
    int servers = argc > 2 ? atoi(argv[2]) : 1000;
    int64_t wanted = argc > 3 ? atoll(argv[3]) : 200000;
    g_assert(servers > 0);
    int64_t events = make_log(bus, codec, servers, wanted);
    printf("%" G_GINT64_FORMAT " events of %d servers\n", events, servers);
    double reading = measure("read", bus, codec, NULL, NULL, 0);
    measure("read and decode", bus, codec, drop_event, NULL, reading);
    g_autoptr(Rulebook) rulebook = rulebook_new(1, true, no_breach, NULL);
    measure("audit check", bus, codec, judge_event, rulebook, reading);
    g_auto(Folding) folding = {0};
    folding_begin(&folding, codec, 1, &error);
    check(error);
    measure("audit replay", bus, codec, folding_take, &folding, reading);
    measure_ingest(bus, codec, events, reading);
    printf("resident %ld KiB\n", resident_kib());
    return 0;
}
