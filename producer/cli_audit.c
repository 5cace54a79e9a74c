/*
 * cli_audit.c - muster audit …: what the log says, without asking the ledger.
 *
 * The ledger gives names and says which log it is; all else comes from the log.
 */
#include "cli.h"

#include "clean.h"
#include "authors.h"
#include "cli_heard.h"
#include "eventlog.h"
#include "ledger_rows.h"
#include "log.h"
#include "moment.h"
#include "print.h"
#include "print_table.h"
#include "replay.h"
#include "rulebook.h"
#include "terminal.h"
#include "verify.h"

#include <stdio.h>

/* clang-format off */
#define FLAG(name, kind, field, argument, help) \
    {name, 0, OPTION_##kind, offsetof(struct flags, field), argument, help}
#define SPAN_OPTIONS \
    FLAG("agent", STRING, agent, "AGENT", "only this agent's"), \
    FLAG("at", STRING, at, "TIME", "as of then, by the log's append time (default: now)"), \
    FLAG("from", STRING, from, "TIME|OFFSET", "begin there, not at the log's beginning; an offset wants --agent or --server")
static const struct option replay_options[] = {
    SPAN_OPTIONS,
    FLAG("server", STRING, server, "SERVER", "only this one"),
    FLAG("verify", FLAG, verify, NULL, "compare the ledger with the log, as far as it has read it"),
};
static const struct option check_options[] = {SPAN_OPTIONS};
/* clang-format on */

static const char replay_details[] =
    "TIME is 2026-01-31T12:00:00Z, with a zone, or milliseconds since 1970; OFFSET a smaller "
    "number.\nWith --from, what comes out is what the log says from there on: agents are taken "
    "from the\nledger, and servers are those of which something was asked since.\n"
    "A container that bears a server's label which no Record has given is told of at the end,\n"
    "with --json as an object with \"recorded\": false.\n"
    "--verify folds the log from its beginning up to where the ledger has read, and compares\n"
    "the columns that the log determines: 0 equal, 1 different, each difference in a "
    "sentence.\nRows with a request that is not in the log yet may differ; how many do is "
    "told.\n--json prints a line for each server, or for each difference and a last one in "
    "all.\n";

static const char check_details[] =
    "Prints a line for each event that breaks the log's rules, with --json an object with its\n"
    "place; 0 none does, 1 some do.  With --from, nothing is judged by what may lie before.\n"
    "  unreadable        nobody can decode it\n"
    "  repeated_event    an event_id for the second time (among the last 4 million)\n"
    "  wrong_partition   not in the partition of its agent\n"
    "  unknown_agent     no Record has made its agent\n"
    "  foreign_engine    from an engine that is not its agent's\n"
    "  time_backwards    over a second earlier than what its worker wrote before\n"
    "  no_cause          a result of no command\n"
    "  no_record         a result of a command that nobody recorded\n"
    "  second_record     a command that was recorded, and so sent, twice\n"
    "  second_result     a second terminal result of a command\n"
    "  after_result      accepted or in progress after the terminal result\n"
    "  not_begun         a step was made, and the command was never accepted\n"
    "  begun_after_expiry  accepted over 10 s after it had expired, by the append time\n"
    "  repeated_id       two commands of one id were begun\n"
    "  misplaced         a command under a key, or in a partition or topic, that is not its own\n"
    "  value_in_name     a Record with the value of an env, which is secret\n"
    "  same_name         two servers of one name on an agent, none of them purged\n"
    "  sync_partitions   a sync that counts other partitions than its agent has\n"
    "  sync_contradicts  a sync against what had happened after its list was begun\n"
    "  second_ledger     two ledgers, so two control planes, have written side by side\n";

/* --- What part of the log ------------------------------------------------------------------------- */

/* One audit at work. */
struct audit {
    struct call *call;
    struct agent_row *agent;   /* or NULL: all */
    struct server_row *server; /* or NULL: all */
    int32_t partitions;        /* of muster.events */
    struct span span;
    struct heard *heard;
    int64_t events; /* read */
};

static void audit_end(struct audit *audit)
{
    agent_row_free(audit->agent);
    server_row_free(audit->server);
    span_clear(&audit->span);
    heard_free(audit->heard);
}
typedef struct audit Audit;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Audit, audit_end)

static bool find_scope(struct audit *audit, GError **error)
{
    const struct flags *flags = audit->call->flags;
    const char *agent = flags->agent;
    if (flags->server) {
        audit->server = cli_find_server(audit->call, flags->server, error);
        if (!audit->server)
            return false;
        agent = audit->server->agent_id;
    }
    if (agent && !(audit->agent = cli_find_agent(audit->call, agent, error)))
        return false;
    if (audit->server && flags->agent) {
        cli_usage(error, "--server says which agent; give one of both");
        return false;
    }
    return true;
}

static bool begin_from(struct audit *audit, GError **error)
{
    const char *text = audit->call->flags->from;
    struct moment from;
    if (!text)
        return true;
    if (!moment_or_offset("--from", text, &from, error))
        return false;
    if (!from.is_offset)
        return span_begin_at(&audit->span, audit->call->session.bus, from.ms, error);
    if (audit->agent)
        return span_begin_at_offset(&audit->span, from.ms, error);
    cli_usage(error,
              "--from: %s is an offset, and each partition has its own: say which by "
              "--agent",
              text);
    return false;
}

static bool audit_begin(struct audit *audit, GError **error)
{
    const struct session *session = &audit->call->session;
    const struct flags *flags = audit->call->flags;
    int64_t until_ms = CONTRACT_NONE;
    if (flags->at && !moment_parse("--at", flags->at, &until_ms, error))
        return false;
    log_setup(LOG_LEVEL_NONE, false); /* what the fold logs, ingest has logged */
    if (!find_scope(audit, error) ||
        !eventlog_check(session->ledger, session->bus, &audit->partitions, error))
        return false;
    int32_t first = audit->agent ? partition_of(audit->agent->id, audit->partitions) : 0;
    int32_t last = audit->agent ? first + 1 : audit->partitions;
    span_init(&audit->span);
    span_end_at(&audit->span, until_ms);
    return span_add(&audit->span, session->bus, TOPIC_EVENTS, first, last, error) &&
           begin_from(audit, error);
}

static void show_progress(const struct replay_progress *progress)
{
    g_autofree char *time = print_time(progress->append_ms);
    g_autofree char *line = g_strdup_printf(
        "%3.0f %%, %" G_GINT64_FORMAT " events, up to %s", progress->share * 100,
        progress->events, time);
    terminal_live(line);
}

static bool run(struct audit *audit, replay_take *take, void *taker, GError **error)
{
    const struct session *session = &audit->call->session;
    const struct replay replay = {session->bus, session->codec, audit->partitions,
                                  take,         taker,          show_progress};
    bool good = replay_run(&replay, &audit->span, &audit->events, error);
    terminal_live(NULL);
    return good;
}

/* --- Folding -------------------------------------------------------------------------------------- */

/* Where the log is not read from its beginning, nothing in it tells of the agents. */
static bool seed_agents(struct folding *folding, struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray) agents = ledger_agents(ledger, error);
    for (guint i = 0; agents && i < agents->len; i++) {
        struct agent_row *agent = agents->pdata[i];
        agent->last_event_at = agent->mass_absence_at = CONTRACT_NONE;
        if (!ledger_store_agent(folding->ledger, agent, error))
            return false;
    }
    return agents != NULL;
}

/* What folds, and listens for what nobody recorded. */
struct listening {
    struct folding *folding;
    struct heard *heard;
};

static bool listen_and_fold(void *taker, const struct reading *reading,
                            const struct bus_record *record, const struct place *place,
                            GError **error)
{
    const struct listening *listening = taker;
    if (reading_event(reading))
        heard_note(listening->heard, reading->event, place);
    return folding_take(listening->folding, reading, record, place, error);
}

static bool fold(struct audit *audit, struct folding *folding, GError **error)
{
    struct listening listening = {folding, audit->heard};
    const struct session *session = &audit->call->session;
    if (!folding_begin(folding, session->codec, audit->partitions, error) ||
        (audit->call->flags->from && !seed_agents(folding, session->ledger, error)) ||
        !run(audit, listen_and_fold, &listening, error))
        return false;
    if (folding->aside > 0)
        clean_print(
            stderr,
            "muster: %" G_GINT64_FORMAT
            " records could not be read, or lie where they do not belong, and count "
            "nowhere; `muster audit check` names them\n",
            folding->aside);
    if (!audit->call->flags->from && !span_is_whole(&audit->span))
        fputs("muster: the log has lost its beginning: what was before is not known\n",
              stderr);
    return true;
}

static GPtrArray *folded_servers(const struct audit *audit, struct folding *folding,
                                 GError **error)
{
    const struct server_filter filter = {audit->agent ? audit->agent->id : NULL,
                                         STATUS_NONE, CONTRACT_NONE};
    if (!audit->server)
        return ledger_servers(folding->ledger, &filter, false, error);
    g_autoptr(GPtrArray)
        servers = g_ptr_array_new_with_free_func((GDestroyNotify)server_row_free);
    struct server_row *server = NULL;
    if (!ledger_load_server(folding->ledger, audit->server->id, &server, error))
        return NULL;
    if (server)
        g_ptr_array_add(servers, server);
    return g_steal_pointer(&servers);
}

static bool print_fleet(const struct audit *audit, struct folding *folding,
                        const GPtrArray *servers, GError **error)
{
    static const struct print_column columns[] = {{"NAME", PRINT_NAME},
                                                  {"STATUS", PRINT_STATUS},
                                                  {"SINCE", PRINT_KEEP},
                                                  {"CONTAINER", PRINT_DROP},
                                                  {"ID", PRINT_DROP}};
    struct print_table *table = print_table_new(columns, G_N_ELEMENTS(columns));
    bool good = true;
    for (guint i = 0; good && i < servers->len; i++) {
        const struct server_row *server = servers->pdata[i];
        g_autoptr(AgentRow) agent = NULL;
        good = ledger_load_agent(folding->ledger, server->agent_id, &agent, error);
        g_autofree char *name = g_strdup_printf(
            "%s/%s", agent ? agent->name : server->agent_id, server->name);
        g_autofree char *since = print_time(server->status_at);
        g_autofree char *container = g_strndup(
            server->container_id ? server->container_id : "-", 12);
        print_table_add(table, name, server_status_name(server->status), since, container,
                        server->id, NULL);
    }
    print_table_end(table);
    g_autofree char *at = audit->span.until_ms == CONTRACT_NONE
                              ? g_strdup("now")
                              : moment_text(audit->span.until_ms);
    clean_print(stdout, "\nas of %s: %u servers, by %" G_GINT64_FORMAT " events\n", at,
                servers->len, audit->events);
    return good;
}

/* Where the log is not read from its beginning, their Records may lie before. */
static bool print_unrecorded(const struct audit *audit, const struct folding *folding,
                             GError **error)
{
    return audit->server || !span_is_whole(&audit->span) ||
           cli_heard_tell(audit->call, audit->heard, folding->ledger,
                          audit->agent ? audit->agent->id : NULL, error);
}

static int show_fleet(struct audit *audit, GError **error)
{
    g_auto(Folding) folding = {0};
    if (!fold(audit, &folding, error))
        return CLI_UNREACHABLE;
    g_autoptr(GPtrArray) servers = folded_servers(audit, &folding, error);
    if (!servers)
        return CLI_UNREACHABLE;
    if (!audit->call->common->json && !print_fleet(audit, &folding, servers, error))
        return CLI_UNREACHABLE;
    for (guint i = 0; audit->call->common->json && i < servers->len; i++)
        print_json(row_to_json(&table_servers, servers->pdata[i]));
    return print_unrecorded(audit, &folding, error) ? CLI_DONE : CLI_UNREACHABLE;
}

/* --- Verifying ------------------------------------------------------------------------------------ */

static json_t *value_of(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return value ? value : json_null();
}

static void print_difference(void *listener, const struct difference *difference)
{
    const struct call *call = listener;
    g_autofree char *sentence = difference_text(difference);
    if (!call->common->json) {
        clean_print(stdout, "%s\n", sentence);
        return;
    }
    json_t *line = json_pack("{s:s, s:s, s:s?, s:s}", "table", difference->table->name,
                             "id", difference->id, "column", difference->column,
                             "message", sentence);
    if (difference->column) {
        json_object_set_new(line, "ledger_value", value_of(difference->ledger));
        json_object_set_new(line, "log_value", value_of(difference->log));
    }
    print_json(line);
}

static void print_verified(const struct audit *audit, const struct verified *verified)
{
    if (audit->call->common->json) {
        print_json(json_pack(
            "{s:b, s:i, s:i, s:i, s:i, s:i, s:I}", "equal", verified->differences == 0,
            "differences", (int)verified->differences, "agents", (int)verified->agents,
            "servers", (int)verified->servers, "commands", (int)verified->commands,
            "unsent", (int)verified->unsent, "events", (json_int_t)audit->events));
        return;
    }
    clean_print(stdout,
                "%s: %u agents, %u servers and %u commands against %" G_GINT64_FORMAT
                " events\n",
                verified->differences ? "different" : "equal", verified->agents,
                verified->servers, verified->commands, audit->events);
    if (verified->unsent)
        clean_print(stdout,
                    "left out: %u rows that have a request which is not in the log yet\n",
                    verified->unsent);
}

/* The log up to where the ledger has read it. */
static bool end_at_ledger(struct audit *audit, GError **error)
{
    const struct session *session = &audit->call->session;
    g_autoptr(GPtrArray) positions = eventlog_positions(session->ledger, session->bus,
                                                        NULL, audit->partitions, error);
    if (!positions)
        return false;
    for (guint i = 0; i < audit->span.ends->len; i++) {
        struct bus_position *end = audit->span.ends->pdata[i];
        const struct bus_position *from = audit->span.from->pdata[i];
        const struct bus_position *read = positions->pdata[end->partition];
        end->offset = MAX(from->offset, read->offset);
    }
    return true;
}

static int verify(struct audit *audit, GError **error)
{
    const struct session *session = &audit->call->session;
    g_auto(Folding) folding = {0};
    struct verified verified;
    const struct verify_scope scope = {audit->agent ? audit->agent->id : NULL,
                                       audit->server ? audit->server->id : NULL};
    if (!end_at_ledger(audit, error) || !fold(audit, &folding, error) ||
        !verify_ledger(session->ledger, folding.ledger, session->codec, &scope,
                       print_difference, audit->call, &verified, error))
        return CLI_UNREACHABLE;
    print_verified(audit, &verified);
    return verified.differences ? CLI_FAILED : CLI_DONE;
}

static int audit_replay(struct call *call, GError **error)
{
    g_auto(Audit) audit = {.call = call};
    const struct flags *flags = call->flags;
    if (flags->verify && (flags->at || flags->from))
        return cli_usage(error,
                         "--verify compares with the whole log, up to where the ledger "
                         "has read: without --at and --from");
    /* One moment of the ledger, however long the log is and whoever goes on writing. */
    if (flags->verify && (!session_catch_up(&call->session, error) ||
                          !ledger_begin_read(call->session.ledger, error)))
        return CLI_UNREACHABLE;
    if (!audit_begin(&audit, error))
        return CLI_UNREACHABLE;
    audit.heard = heard_new();
    return flags->verify ? verify(&audit, error) : show_fleet(&audit, error);
}

/* --- Checking ------------------------------------------------------------------------------------- */

/* What listens to the rulebook. */
struct checking {
    const struct audit *audit;
    struct rulebook *rulebook;
    struct authors *authors;
    guint breaches;
};

static void print_breach_json(enum breach breach, const struct event *event,
                              const struct place *place, const char *sentence)
{
    const struct cause *cause = event ? event->cause : NULL;
    print_json(json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:s?, s:s?, s:s?, s:s?, s:s?}", "breach",
        breach_name(breach), "message", sentence, "partition", (int)place->partition,
        "offset", (json_int_t)place->offset, "append_at", (json_int_t)place->append_ms,
        "event_id", event ? event->event_id : NULL, "agent_id",
        event ? event->agent_id : NULL, "server_id", event ? event->server_id : NULL,
        "worker", event ? event->worker : NULL, "command_id",
        cause ? cause->command_id : NULL));
}

static void print_breach(void *listener, enum breach breach, const struct event *event,
                         const struct place *place, const char *sentence)
{
    struct checking *checking = listener;
    const struct agent_row *agent = checking->audit->agent;
    if (agent && event && !g_str_equal(event->agent_id, agent->id))
        return;
    checking->breaches++;
    if (checking->audit->call->common->json) {
        print_breach_json(breach, event, place, sentence);
        return;
    }
    g_autofree char *time = print_time(place->append_ms);
    clean_print(stdout, "%s  %d@%" G_GINT64_FORMAT "  %s: %s\n", time, place->partition,
                place->offset, breach_name(breach), sentence);
}

static void note_author(const struct checking *checking, const struct event *event,
                        const struct bus_record *record, const struct place *place)
{
    const struct agent_row *agent = checking->audit->agent;
    if (!event || !event->record || (agent && !g_str_equal(event->agent_id, agent->id)))
        return;
    g_autofree char *ledger = bus_record_dup_header(record, HEADER_LEDGER);
    authors_note(checking->authors, ledger, place);
}

static bool check_event(void *taker, const struct reading *reading,
                        const struct bus_record *record, const struct place *place,
                        GError **error)
{
    struct checking *checking = taker;
    note_author(checking, reading->event, record, place);
    if (reading->event)
        rulebook_judge(checking->rulebook, reading->event, place);
    else
        rulebook_unreadable(checking->rulebook, place, reading->why);
    return true;
}

static void print_author(void *listener, const struct place *place, const char *sentence)
{
    print_breach(listener, BREACH_SECOND_LEDGER, NULL, place, sentence);
}

static int audit_check(struct call *call, GError **error)
{
    g_auto(Audit) audit = {.call = call};
    struct checking checking = {.audit = &audit};
    if (!audit_begin(&audit, error))
        return CLI_UNREACHABLE;
    g_autoptr(Rulebook) rulebook = rulebook_new(
        audit.partitions, span_is_whole(&audit.span), print_breach, &checking);
    g_autoptr(Authors) authors = authors_new();
    checking.rulebook = rulebook;
    checking.authors = authors;
    if (!run(&audit, check_event, &checking, error))
        return CLI_UNREACHABLE;
    authors_judge(authors, print_author, &checking);
    if (!call->common->json)
        clean_print(stdout, "%u breaches in %" G_GINT64_FORMAT " events\n",
                    checking.breaches, audit.events);
    return checking.breaches ? CLI_FAILED : CLI_DONE;
}

/* clang-format off */
#define OPTIONS(table) table, G_N_ELEMENTS(table)
const struct cli_row cli_audit_rows[] = {
    {"audit", "replay", "", 0, "the fleet as the log tells it, at any time; --verify: is the ledger that",
     OPTIONS(replay_options), audit_replay, .details = replay_details},
    {"audit", "check", "", 0, "what in the log breaks its own rules", OPTIONS(check_options), audit_check,
     .details = check_details},
    {"audit", "aside", "", 0, "records of the log that could not be read, and count nowhere", NULL, 0,
     cli_audit_aside, .details = cli_aside_details},
};
/* clang-format on */
const size_t cli_n_audit_rows = G_N_ELEMENTS(cli_audit_rows);
