/*
 * cli_events.c - muster init, sync, events, serve: what is about the log as a whole.
 */
#include "cli.h"

#include "clean.h"
#include "clock.h"
#include "eventlog.h"
#include "ledger_rows.h"
#include "print.h"
#include "reading.h"
#include "serve.h"
#include "terminal.h"
#include "topics.h"
#include "view.h"

#include <stdio.h>

#define EVENTS_PARTITIONS 32

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
static const struct option init_options[] = {
    {"events-partitions", 0, OPTION_NUMBER, offsetof(struct flags, events_partitions), "N",
     "of muster.events, fixed from then on (default 32, or what it has)", false, 1, 1024},
    {"replication", 0, OPTION_NUMBER, offsetof(struct flags, replication), "N",
     "replicas of each topic (default 3 where there are three brokers, else 1)", false, 1, 32},
    {"min-insync", 0, OPTION_NUMBER, offsetof(struct flags, min_insync), "N",
     "of them that must have a record before it counts (default 2 of three, else 1)", false, 1, 32},
};
static const struct option sync_options[] = {
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
    FLAG("expires", 0, DURATION, expires_ms, "TIME", "not begun by then: expired (at most 6d)"),
};
static const struct option events_options[] = {
    FLAG("follow", 'f', FLAG, follow, NULL, "go on with what comes"),
    FLAG("server", 0, STRING, server, "SERVER", "only events of this one"),
    FLAG("since", 0, DURATION, since_ms, "TIME", "only as old as this, such as 1h"),
};
static const struct option serve_options[] = {
    FLAG("listen", 0, STRING, listen, "ADDRESS", "where to serve HTTP (default " API_LISTEN "), or none"),
    FLAG("tls-cert", 0, STRING, tls_cert, "FILE", "serve HTTPS: the certificate and its chain, PEM; read again at SIGHUP"),
    FLAG("tls-key", 0, STRING, tls_key, "FILE", "its key, PEM"),
    FLAG("insecure", 0, FLAG, insecure, NULL, "serve HTTP without TLS on other addresses than loopback, too"),
    FLAG("proxy", 0, STRINGS, proxy, "NETWORK", "addresses of reverse proxies, such as 10.0.0.5 or 10.0.0.0/8: limits go by the address that they add to X-Forwarded-For"),
    FLAG("cors-origin", 0, STRINGS, cors_origin, "ORIGIN", "let pages of this origin use the API, such as https://panel.example"),
};
/* clang-format on */

/* --- init ----------------------------------------------------------------------------------------- */

/* muster.events may be there already, made by hand or by another ledger: its count stays. */
static bool events_partitions(struct call *call, int32_t *ret_partitions, GError **error)
{
    g_autoptr(GError) none = NULL;
    *ret_partitions = call->flags->events_partitions
                          ? (int32_t)call->flags->events_partitions
                          : EVENTS_PARTITIONS;
    if (call->flags->events_partitions ||
        bus_topic_partitions(call->session.bus, TOPIC_EVENTS, EVENTLOG_MS, ret_partitions,
                             &none) ||
        g_error_matches(none, BUS_ERROR, BUS_ERROR_NO_TOPIC))
        return true;
    g_propagate_error(error, g_steal_pointer(&none));
    return false;
}

static bool keep_wish(struct call *call, const char *key, int64_t wish, GError **error)
{
    return !wish || ledger_set_number(call->session.ledger, key, wish, error);
}

/* The shared topics; in `*ret_events` how muster.events is. */
static bool make_shared(struct call *call, int32_t partitions,
                        struct bus_topic_look *ret_events, GError **error)
{
    const struct flags *flags = call->flags;
    struct bus_topic topics[] = {
        topic_shape(TOPIC_DEADLETTER, 1),
        topic_shape(TOPIC_HEARTBEATS, 1),
        topic_shape(TOPIC_EVENTS, partitions),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(topics); i++) {
        topics[i].replication = (int)flags->replication;
        topics[i].min_insync = (int)flags->min_insync;
        if (!topic_prepare(call->session.bus, &topics[i], ret_events, error) ||
            !topic_note_bytes(call->session.ledger, topics[i].name, ret_events, error))
            return false;
        g_autofree char *warning = topic_warning(&topics[i], ret_events);
        if (warning)
            clean_print(stderr, "muster: warning: %s\n", warning);
    }
    return keep_wish(call, META_REPLICATION, flags->replication, error) &&
           keep_wish(call, META_MIN_INSYNC, flags->min_insync, error);
}

static void print_init(const struct call *call, int32_t partitions,
                       const struct bus_topic_look *events)
{
    if (call->common->json) {
        print_json(json_pack("{s:s, s:s, s:i, s:i, s:i}", "bus", call->common->bus,
                             "ledger", call->common->ledger, "events_partitions",
                             (int)partitions, "replication", events->replicas,
                             "min_insync", events->min_insync));
        return;
    }
    clean_print(stdout, "bus     %s\nledger  %s\n", call->common->bus,
                call->common->ledger);
    if (events->brokers > 0)
        clean_print(stdout, "topics  %d replicas, %d of them in sync, on %d brokers\n",
                    events->replicas, events->min_insync, events->brokers);
}

static int init(struct call *call, GError **error)
{
    struct session *session = &call->session;
    struct bus_topic_look events = {0};
    int32_t partitions;
    if (!events_partitions(call, &partitions, error))
        return CLI_UNREACHABLE;
    if (call->flags->replication && call->flags->min_insync > call->flags->replication)
        return cli_usage(error, "--min-insync is at most --replication");
    if (!make_shared(call, partitions, &events, error) ||
        !eventlog_remember(session->ledger, session->bus, error) ||
        !session_take_log(session, error)) /* a new ledger learns what an old log knows */
        return CLI_UNREACHABLE;
    print_init(call, partitions, &events);
    return CLI_DONE;
}

/* --- sync ----------------------------------------------------------------------------------------- */

static int sync_agent(struct call *call, GError **error)
{
    struct session *session = &call->session;
    const struct request request = cli_request(call, ACTION_SYNC);
    if (request.expires_ms > CLI_EXPIRES_MAX)
        return cli_usage(error, "--expires: at most 6d, since the topic keeps commands "
                                "for 7");
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    if (!agent || !cli_check_agent(call, agent, error))
        return CLI_USAGE;
    g_autoptr(GPtrArray)
        all = request_sync(session->ledger, session->codec, agent->id, &request, error);
    return all ? cli_finish_all(call, all, error) : CLI_USAGE;
}

/* --- events --------------------------------------------------------------------------------------- */

struct listing {
    struct call *call;
    char *server_id;   /* or NULL: all */
    GHashTable *names; /* agent id → name */
    int32_t partitions;
    int32_t from, to; /* of them */
    int64_t since_ms; /* append time; 0: any */
};

static void print_record(const struct listing *listing, const struct bus_record *record)
{
    g_auto(Reading) reading = {0};
    if (record->append_ms < listing->since_ms)
        return; /* a bus may begin earlier than asked (bus_topic_offset_at()) */
    reading_take(&reading, listing->call->session.codec, listing->partitions, record);
    const struct event *event = reading_event(&reading);
    if (!event) {
        clean_print(stderr, "muster: " TOPIC_EVENTS " %d@%" G_GINT64_FORMAT ": %s: %s\n",
                    record->partition, record->offset, reading_name(reading.kind),
                    reading.why);
        return;
    }
    if (listing->server_id && g_strcmp0(event->server_id, listing->server_id) != 0)
        return;
    if (listing->call->common->json) {
        print_json(view_event_json(record, event));
        return;
    }
    const char *name = g_hash_table_lookup(listing->names, event->agent_id);
    g_autofree char *line = print_event(event, record->append_ms,
                                        name ? name : event->agent_id);
    g_autofree char *shown = text_cut(line, terminal_width(stdout));
    puts(shown);
}

/* Where to begin, and in `*ret_ends` where the log ends now. */
static GPtrArray *listing_positions(const struct listing *listing, GPtrArray **ret_ends,
                                    GError **error)
{
    struct bus *bus = listing->call->session.bus;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_autoptr(GPtrArray) ends = bus_positions_new();
    for (int32_t partition = listing->from; partition < listing->to; partition++) {
        int64_t first, end;
        if (!bus_topic_range(bus, TOPIC_EVENTS, partition, EVENTLOG_MS, &first, &end,
                             error) ||
            (listing->since_ms &&
             !bus_topic_offset_at(bus, TOPIC_EVENTS, partition, listing->since_ms,
                                  EVENTLOG_MS, &first, error)))
            return NULL;
        g_ptr_array_add(positions,
                        bus_position_new(TOPIC_EVENTS, partition, first, NULL));
        if (first < end)
            g_ptr_array_add(ends, bus_position_new(TOPIC_EVENTS, partition, end, NULL));
    }
    *ret_ends = g_steal_pointer(&ends);
    return g_steal_pointer(&positions);
}

static bool all_passed(struct bus_reader *reader, const GPtrArray *ends)
{
    for (guint i = 0; i < ends->len; i++) {
        const struct bus_position *end = ends->pdata[i];
        if (!bus_reader_passed(reader, end->topic, end->partition, end->offset))
            return false;
    }
    return true;
}

static bool print_all(const struct listing *listing, GError **error)
{
    g_autoptr(GPtrArray) ends = NULL;
    g_autoptr(GPtrArray) positions = listing_positions(listing, &ends, error);
    if (!positions)
        return false;
    g_autoptr(BusReader)
        reader = bus_reader_open(listing->call->session.bus, positions, error);
    if (!reader)
        return false;
    while (listing->call->flags->follow || !all_passed(reader, ends)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, 200, &record, error))
            return false;
        if (record)
            print_record(listing, record);
        else if (fflush(stdout) != 0 || ferror(stdout))
            return true; /* nobody reads any more */
    }
    return true;
}

static bool listing_begin(struct listing *listing, struct call *call, GError **error)
{
    int32_t partitions;
    listing->call = call;
    if (call->flags->since_ms)
        listing->since_ms = clock_now(call->session.ledger) - call->flags->since_ms;
    g_autoptr(GPtrArray) agents = ledger_agents(call->session.ledger, error);
    if (!agents ||
        !eventlog_check(call->session.ledger, call->session.bus, &partitions, error))
        return false;
    listing->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < agents->len; i++) {
        const struct agent_row *agent = agents->pdata[i];
        g_hash_table_insert(listing->names, g_strdup(agent->id), g_strdup(agent->name));
    }
    listing->partitions = listing->to = partitions;
    if (!call->flags->server)
        return true;
    g_autoptr(ServerRow) server = cli_find_server(call, call->flags->server, error);
    if (!server)
        return false;
    listing->server_id = g_strdup(server->id);
    listing->from = partition_of(server->agent_id, partitions);
    listing->to = listing->from + 1;
    return true;
}

static int events(struct call *call, GError **error)
{
    struct listing listing = {0};
    bool good = listing_begin(&listing, call, error) && print_all(&listing, error);
    g_free(listing.server_id);
    if (listing.names)
        g_hash_table_unref(listing.names);
    return good ? CLI_DONE : CLI_UNREACHABLE;
}

/* --- serve ------------------------------------------------------------------------------------------ */

/* TLS takes both files, and only with HTTP. */
static bool take_serve(const struct flags *flags, struct serve_options *options,
                       GError **error)
{
    bool none = g_strcmp0(flags->listen, "none") == 0;
    *options = (struct serve_options){
        .http = !none,
        .http_asked = flags->listen || flags->tls_cert || flags->cors_origin ||
                      flags->proxy,
        .api = {none ? NULL : flags->listen, flags->tls_cert, flags->tls_key,
                flags->insecure, flags->cors_origin, flags->proxy},
    };
    if ((flags->tls_cert == NULL) == (flags->tls_key == NULL))
        return true;
    cli_usage(error, "--tls-cert and --tls-key go together");
    return false;
}

static int serve(struct call *call, GError **error)
{
    struct serve_options options;
    if (!take_serve(call->flags, &options, error))
        return CLI_USAGE;
    return serve_run(&call->session, &options, error) ? CLI_DONE : CLI_UNREACHABLE;
}

/* clang-format off */
#define OPTIONS(table) table, G_N_ELEMENTS(table)
const struct cli_row cli_other_rows[] = {
    {NULL, "init", "", 0, "make the shared topics and the ledger", OPTIONS(init_options), init, .makes = true},
    {NULL, "sync", "AGENT", 1, "have an agent's workers list what is there", OPTIONS(sync_options), sync_agent, ACTION_SYNC},
    {NULL, "events", "", 0, "what the log holds, one event a line", OPTIONS(events_options), events},
    {NULL, "serve", "", 0, "relay and ingest all the time, and serve HTTP", OPTIONS(serve_options), serve},
};
/* clang-format on */
const size_t cli_n_other_rows = G_N_ELEMENTS(cli_other_rows);
