/*
 * bench_ledger.c - what a large ledger costs: a page, one server, a full sync of the fleet.
 *
 *   bench_ledger FILE [AGENTS]      of a ledger by make_ledger; AGENTS bounds the syncs
 *
 * The syncs are what the agents' workers would publish: every server that should have a
 * container is listed, none has changed.  The first round tells what make_ledger left out, so
 * that every row is written; the second changes nothing.  Times are the machine's; what to look
 * at is whether they grow with the ledger.
 */
#include "apply.h"
#include "ledger_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_EVERY 500 /* events, as ingest does */
#define PAGE         50
#define LOOKS        200

static void must(bool good, const GError *error)
{
    if (good)
        return;
    fprintf(stderr, "bench_ledger: %s\n", error->message);
    exit(1);
}

static double seconds_since(gint64 from)
{
    return (double)(g_get_monotonic_time() - from) / 1e6;
}

/* "VmRSS" or "VmHWM", MiB. */
static double memory(const char *what)
{
    g_autofree char *text = NULL;
    g_file_get_contents("/proc/self/status", &text, NULL, NULL);
    const char *line = text ? strstr(text, what) : NULL;
    return line ? g_ascii_strtod(strchr(line, ':') + 1, NULL) / 1024 : 0;
}

static void say(const char *what, double seconds, double times)
{
    printf("%-44s %10.3f ms   %7.1f MiB resident\n", what, seconds * 1000 / times,
           memory("VmRSS"));
    fflush(stdout);
}

/* --- Reading ------------------------------------------------------------------------------ */

static void time_page(struct ledger *ledger, const char *what,
                      const struct server_filter *filter)
{
    g_autoptr(GError) error = NULL;
    gint64 from = g_get_monotonic_time();
    for (int i = 0; i < LOOKS; i++) {
        g_autoptr(GPtrArray) page = ledger_servers(ledger, filter, false, &error);
        must(page != NULL, error);
    }
    say(what, seconds_since(from), LOOKS);
}

static void time_pages(struct ledger *ledger, const struct agent_row *agent,
                       const struct server_row *middle)
{
    struct server_filter filter = {.partition = CONTRACT_NONE, .limit = PAGE};
    time_page(ledger, "first page of all", &filter);
    filter.after = middle;
    time_page(ledger, "page in the middle of all", &filter);
    filter.status = STATUS_RUNNING;
    time_page(ledger, "page of the running, in the middle", &filter);
    filter.after = NULL;
    filter.status = STATUS_MISSING;
    time_page(ledger, "first page of the missing", &filter);
    filter.agent_id = agent->id;
    time_page(ledger, "page of an agent's missing", &filter);
    filter.status = STATUS_NONE;
    time_page(ledger, "page of an agent", &filter);
    filter = (struct server_filter){.partition = CONTRACT_NONE,
                                    .limit = PAGE,
                                    .status = STATUS_DELETED,
                                    .deleted_before = 1};
    time_page(ledger, "deleted long ago: none", &filter);
}

static void time_one(struct ledger *ledger, const struct server_row *server)
{
    g_autoptr(GError) error = NULL;
    gint64 from = g_get_monotonic_time();
    for (int i = 0; i < LOOKS; i++) {
        g_autoptr(ServerRow) by_id = NULL;
        must(ledger_load_server(ledger, server->id, &by_id, &error), error);
    }
    say("one by id", seconds_since(from), LOOKS);
    from = g_get_monotonic_time();
    for (int i = 0; i < LOOKS; i++) {
        g_autoptr(ServerRow) by_name = NULL;
        must(ledger_find_server(ledger, server->agent_id, server->name, &by_name, &error),
             error);
    }
    say("one by agent and name", seconds_since(from), LOOKS);
}

/* --- A full sync ---------------------------------------------------------------------------- */

/* The worker's side: what it lists of a partition. */
static struct event *sync_of(struct ledger *ledger, const struct agent_row *agent,
                             int64_t partition)
{
    const struct server_filter filter = {.agent_id = agent->id, .partition = partition};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) servers = ledger_servers(ledger, &filter, false, &error);
    must(servers != NULL, error);
    struct event *event = event_new();
    row_set(&event->agent_id, agent->id);
    row_set(&event->worker, "worker");
    event->sync = sync_new();
    event->sync->complete = true;
    event->sync->partition = partition;
    event->sync->partitions = agent->partitions;
    event->sync->chunks = 1;
    for (guint i = 0; i < servers->len; i++) {
        const struct server_row *server = servers->pdata[i];
        if (!server->container_seen || server->status == STATUS_MISSING)
            continue;
        struct state *state = state_new();
        state->status = server->settled_status == STATUS_RUNNING ? CONTAINER_RUNNING
                                                                 : CONTAINER_EXITED;
        state->started_at = server->created_at;
        row_set(&state->container_id, server->container_id);
        row_set(&state->container, server->container);
        row_set(&state->image, server->container_image);
        row_set(&state->spec_digest, server->container_spec);
        g_ptr_array_add(event->sync->servers, listed_new(server->id, state));
    }
    return event;
}

struct fleet_sync {
    struct ledger *ledger;
    struct codec *codec;
    int64_t now;
    int64_t events, servers, bytes;
    double read_s, apply_s;
};

static void apply_one(struct fleet_sync *at, GBytes *bytes)
{
    g_autoptr(GError) error = NULL;
    struct event *decoded = NULL;
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    const struct place place = {0, at->events, at->now};
    gint64 from = g_get_monotonic_time();
    must(codec_decode_event(at->codec, data, length, &decoded, &error) == DECODED, error);
    g_autoptr(Event) event = decoded;
    at->read_s += seconds_since(from);
    from = g_get_monotonic_time();
    must(apply_event(at->ledger, at->codec, event, bytes, &place, &error), error);
    if (++at->events % COMMIT_EVERY == 0)
        must(ledger_commit(at->ledger, &error) && ledger_begin(at->ledger, &error),
             error);
    at->apply_s += seconds_since(from);
    at->servers += event->sync->servers->len;
    at->bytes += (int64_t)length;
}

static void sync_all(struct ledger *ledger, const GPtrArray *agents, int64_t count,
                     const char *what)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Codec) codec = codec_new();
    struct fleet_sync at = {ledger, codec, g_get_real_time() / 1000};
    must(ledger_begin(ledger, &error), error);
    for (int64_t i = 0; i < count; i++) {
        const struct agent_row *agent = agents->pdata[i];
        for (int64_t partition = 0; partition < agent->partitions; partition++) {
            g_autoptr(Event) event = sync_of(ledger, agent, partition);
            g_autoptr(GBytes) bytes = codec_encode_event(codec, event);
            apply_one(&at, bytes);
        }
    }
    gint64 from = g_get_monotonic_time();
    must(ledger_commit(ledger, &error), error);
    at.apply_s += seconds_since(from);
    printf("%-30s %" G_GINT64_FORMAT " syncs, %" G_GINT64_FORMAT " servers, %.0f MiB: "
           "decoded in %.1f s, applied in %.1f s (%.0f servers/s); "
           "%.1f MiB resident, %.1f at most\n",
           what, at.events, at.servers, (double)at.bytes / 1048576, at.read_s, at.apply_s,
           (double)at.servers / at.apply_s, memory("VmRSS"), memory("VmHWM"));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (argc < 2) {
        fputs("bench_ledger FILE [AGENTS]\n", stderr);
        return 2;
    }
    gint64 from = g_get_monotonic_time();
    g_autoptr(Ledger) ledger = ledger_open(argv[1], &error);
    must(ledger != NULL, error);
    say("open", seconds_since(from), 1);
    from = g_get_monotonic_time();
    g_autoptr(GPtrArray) agents = ledger_agents(ledger, &error);
    must(agents && agents->len > 0, error);
    say("all agents", seconds_since(from), 1);
    const struct agent_row *agent = agents->pdata[agents->len / 2];
    const struct server_filter filter = {
        .agent_id = agent->id, .partition = CONTRACT_NONE, .limit = 1};
    g_autoptr(GPtrArray) servers = ledger_servers(ledger, &filter, false, &error);
    must(servers && servers->len > 0, error);
    time_one(ledger, servers->pdata[0]);
    time_pages(ledger, agent, servers->pdata[0]);
    int64_t count = argc > 2 ? g_ascii_strtoll(argv[2], NULL, 10) : agents->len;
    count = MIN(count, (int64_t)agents->len);
    sync_all(ledger, agents, count, "full sync, all rows change");
    sync_all(ledger, agents, count, "full sync, nothing changes");
    return 0;
}
