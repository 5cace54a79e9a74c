/*
 * cli_agent.c - muster agent …: the Docker hosts as the control plane knows them.
 */
#include "cli.h"

#include "clean.h"
#include "check.h"
#include "clock.h"
#include "decree.h"
#include "heal.h"
#include "ledger_upkeep.h"
#include "print.h"
#include "print_table.h"
#include "reach.h"
#include "topics.h"
#include "view.h"

#include <stdio.h>

#define PARTITIONS 4

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
#define ON_MISSING FLAG("on-missing", 0, STRING, on_missing, "show|start", "when a server turns missing: show it (default), or start it")
static const struct option add_options[] = {
    FLAG("registry", 0, STRING, registry, "R", "image repository of its servers, such as registry:5000/steam-zomboid"),
    FLAG("data-path", 0, STRING, data_path, "DIR", "directory on the host that holds the servers' data"),
    FLAG("id", 0, STRING, id, "ID", "its id in topic names and for its workers (default: a new UUID)"),
    {"partitions", 0, OPTION_NUMBER, offsetof(struct flags, partitions), "N",
     "of its topics, fixed from then on (default 4)", false, 1, 256},
    ON_MISSING,
};
static const struct option set_options[] = {
    FLAG("registry", 0, STRING, registry, "R", "image repository of its servers"),
    FLAG("data-path", 0, STRING, data_path, "DIR", "directory on the host that holds the servers' data"),
    ON_MISSING,
};
static const struct option release_options[] = {
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
};
static const struct option rebind_options[] = {
    FLAG("engine", 0, STRING, engine, "ID", "the engine's id (default: that of its workers)"),
    FLAG("reason", 0, STRING, reason, "TEXT", "why, for the log"),
};
/* clang-format on */

bool cli_make_topics(struct call *call, const char *agent_id, int64_t partitions,
                     GError **error)
{
    return topics_make_for(call->session.ledger, call->session.bus, agent_id, partitions,
                           error);
}

static int finish_agent(struct call *call, const struct agent_row *agent,
                        const struct queued *queued, GError **error)
{
    if (!session_deliver(&call->session, queued->event_id, error))
        return CLI_UNREACHABLE;
    if (call->common->json)
        print_json(row_to_json(&table_agents, agent));
    else
        clean_print(stdout, "%s\n", agent->id);
    return CLI_DONE;
}

/* Before topics are made for it; the transaction that stores it checks again. */
static bool check_new(struct call *call, const struct agent_row *agent, GError **error)
{
    g_autoptr(AgentRow) by_name = NULL;
    g_autoptr(AgentRow) by_id = NULL;
    if (!check_name("agent name", agent->name, error) ||
        !check_name("agent id", agent->id, error) ||
        !ledger_find_agent(call->session.ledger, agent->name, &by_name, error) ||
        !ledger_find_agent(call->session.ledger, agent->id, &by_id, error))
        return false;
    if (!by_name && !by_id)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "there is an agent '%s' already; `muster agent set` changes it",
                by_name ? agent->name : agent->id);
    return false;
}

static bool take_on_missing(const struct flags *flags, struct agent_row *agent,
                            GError **error)
{
    if (!flags->on_missing)
        return true;
    row_set(&agent->on_missing, flags->on_missing);
    if (heal_is_word(flags->on_missing))
        return true;
    cli_usage(error, "--on-missing: '%s' is not show or start", flags->on_missing);
    return false;
}

static int agent_add(struct call *call, GError **error)
{
    const struct flags *flags = call->flags;
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = agent_row_new();
    g_free(agent->id);
    agent->id = flags->id ? g_strdup(flags->id)
                          : uuid7_new(clock_now(call->session.ledger));
    row_set(&agent->name, call->words[0]);
    row_set(&agent->steam_zomboid_registry, flags->registry ? flags->registry : "");
    row_set(&agent->server_data_path, flags->data_path ? flags->data_path : "");
    agent->partitions = flags->partitions ? flags->partitions : PARTITIONS;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    if (!take_on_missing(flags, agent, error) || !check_new(call, agent, error))
        return CLI_USAGE;
    if (!cli_make_topics(call, agent->id, agent->partitions, error))
        return CLI_UNREACHABLE;
    g_autoptr(Queued) queued = request_agent(call->session.ledger, call->session.codec,
                                             agent, &request, error);
    return queued ? finish_agent(call, agent, queued, error) : CLI_USAGE;
}

static int agent_set(struct call *call, GError **error)
{
    const struct flags *flags = call->flags;
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    if (!agent)
        return CLI_USAGE;
    if (!flags->registry && !flags->data_path && !flags->on_missing)
        return cli_usage(error,
                         "nothing to set: --registry, --data-path or --on-missing");
    if (!take_on_missing(flags, agent, error))
        return CLI_USAGE;
    if (flags->registry)
        row_set(&agent->steam_zomboid_registry, flags->registry);
    if (flags->data_path)
        row_set(&agent->server_data_path, flags->data_path);
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    g_autoptr(Queued) queued = request_agent(call->session.ledger, call->session.codec,
                                             agent, &request, error);
    return queued ? finish_agent(call, agent, queued, error) : CLI_USAGE;
}

/* --- Decrees ---------------------------------------------------------------------------- */

/* Sends it, takes it back from the log, and shows the agent as it is then. */
static int finish_decree(struct call *call, const struct queued *queued, GError **error)
{
    bool stale;
    if (!queued)
        return CLI_USAGE;
    if (!session_deliver(&call->session, queued->event_id, error) ||
        !cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, queued->agent_id, error);
    if (!agent)
        return CLI_UNREACHABLE;
    if (call->common->json)
        print_json(row_to_json(&table_agents, agent));
    else
        clean_print(stdout, "%s\n", agent->id);
    return CLI_DONE;
}

static int agent_release(struct call *call, GError **error)
{
    struct session *session = &call->session;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    if (!agent)
        return CLI_USAGE;
    g_autoptr(Queued) queued = decree_release(session->ledger, session->codec, agent->id,
                                              &request, error);
    return finish_decree(call, queued, error);
}

/* The one engine that the workers who are there name. */
static char *engine_of_workers(struct call *call, const struct agent_row *agent,
                               GError **error)
{
    g_autoptr(GPtrArray) workers = ledger_workers(call->session.ledger, agent->id, error);
    const char *engine = NULL;
    for (guint i = 0; workers && i < workers->len; i++) {
        const struct worker_row *worker = workers->pdata[i];
        if (!*worker->engine_id || !reach_worker(worker, clock_now(call->session.ledger)))
            continue;
        if (engine && !g_str_equal(engine, worker->engine_id)) {
            cli_usage(error,
                      "its workers are on several engines, %s and %s: say --engine ID",
                      engine, worker->engine_id);
            return NULL;
        }
        engine = worker->engine_id;
    }
    if (workers && !engine)
        cli_usage(error, "no worker of %s is there to name its engine: say --engine ID",
                  agent->name);
    return g_strdup(engine);
}

static int agent_rebind(struct call *call, GError **error)
{
    struct session *session = &call->session;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    if (!agent)
        return CLI_USAGE;
    g_autofree char *engine = call->flags->engine ? g_strdup(call->flags->engine)
                                                  : engine_of_workers(call, agent, error);
    if (!engine)
        return CLI_USAGE;
    if (g_strcmp0(engine, agent->engine_id) == 0)
        return cli_usage(error, "%s is bound to engine %s already", agent->name, engine);
    g_autoptr(Queued) queued = decree_rebind(session->ledger, session->codec, agent->id,
                                             engine, &request, error);
    return finish_decree(call, queued, error);
}

/* --- Showing ------------------------------------------------------------------------------ */

static char *remarks(const struct view *view, const struct agent_row *agent)
{
    GString *text = g_string_new("");
    if (view_is_marked(view, agent->id))
        g_string_append(text, "not_read: `muster audit aside` shows what; ");
    if (agent->mass_absence_at != CONTRACT_NONE)
        g_string_append(text, "mass_absence: nothing is started by itself; ");
    if (agent->held)
        g_string_append_printf(text, "held: %s", agent->held);
    return g_string_free(text, FALSE);
}

static void print_agents(const struct view *view, const GPtrArray *agents)
{
    static const struct print_column columns[] = {
        {"NAME", PRINT_NAME},       {"ID", PRINT_DROP},     {"REGISTRY", PRINT_DROP},
        {"DATA PATH", PRINT_DROP},  {"ENGINE", PRINT_DROP}, {"ONLINE", PRINT_STATUS},
        {"LAST HEARD", PRINT_KEEP}, {"REMARKS", PRINT_CUT}};
    struct print_table *table = print_table_new(columns, G_N_ELEMENTS(columns));
    for (guint i = 0; i < agents->len; i++) {
        const struct agent_row *agent = agents->pdata[i];
        g_autofree char *heard = print_time(agent->last_event_at);
        g_autofree char *engine = g_strndup(agent->engine_id ? agent->engine_id : "-",
                                            14);
        g_autofree char *more = remarks(view, agent);
        print_table_add(table, agent->name, agent->id, agent->steam_zomboid_registry,
                        agent->server_data_path, engine,
                        maybe_name(view_online(view, agent->id)), heard, more, NULL);
    }
    print_table_end(table);
}

static int agent_list(struct call *call, GError **error)
{
    g_auto(View) view = {0};
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(GPtrArray) agents = ledger_agents(call->session.ledger, error);
    if (!agents ||
        !view_begin(&view, call->session.ledger, clock_now(call->session.ledger), error))
        return CLI_UNREACHABLE;
    if (call->common->json) {
        json_t *list = json_array();
        for (guint i = 0; i < agents->len; i++)
            json_array_append_new(list, view_agent_json(&view, agents->pdata[i]));
        print_json(list);
    } else {
        print_agents(&view, agents);
    }
    return stale ? CLI_UNREACHABLE : CLI_DONE;
}

/* "+12.3 s": so far ahead of the log's. */
static char *clock_text(int64_t skew_ms)
{
    return skew_ms == CONTRACT_NONE ? g_strdup("-")
                                    : g_strdup_printf("%+.1f s", (double)skew_ms / 1000);
}

static void print_workers(const struct view *view, const struct agent_row *agent)
{
    static const struct print_column columns[] = {
        {"WORKER", PRINT_NAME},    {"THERE", PRINT_STATUS}, {"LAST HEARD", PRINT_KEEP},
        {"HOST", PRINT_CUT},       {"VERSION", PRINT_DROP}, {"ENGINE", PRINT_DROP},
        {"PARTITIONS", PRINT_CUT}, {"QUEUED", PRINT_KEEP},  {"CLOCK", PRINT_KEEP}};
    struct print_table *table = print_table_new(columns, G_N_ELEMENTS(columns));
    for (guint i = 0; i < view->workers->len; i++) {
        const struct worker_row *worker = view->workers->pdata[i];
        g_autofree char *heard = print_time(worker->heard_at);
        g_autofree char *queued = g_strdup_printf("%" G_GINT64_FORMAT, worker->queued);
        g_autofree char *clock = clock_text(worker->clock_skew_ms);
        if (!g_str_equal(worker->agent_id, agent->id))
            continue;
        print_table_add(table, worker->worker,
                        reach_worker(worker, view->now) ? "yes" : "no", heard,
                        worker->host, worker->version, worker->engine_version,
                        worker->partitions, queued, clock, NULL);
    }
    print_table_end(table);
}

static int agent_show(struct call *call, GError **error)
{
    g_auto(View) view = {0};
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = cli_find_agent(call, call->words[0], error);
    if (!agent)
        return CLI_USAGE;
    if (!view_begin(&view, call->session.ledger, clock_now(call->session.ledger), error))
        return CLI_UNREACHABLE;
    if (call->common->json) {
        print_json(view_agent_json(&view, agent));
    } else {
        print_details(&table_agents, agent);
        print_field("online", maybe_name(view_online(&view, agent->id)));
        fputc('\n', stdout);
        print_workers(&view, agent);
    }
    return stale ? CLI_UNREACHABLE : CLI_DONE;
}

/* clang-format off */
#define OPTIONS(table) table, G_N_ELEMENTS(table)
const struct cli_row cli_agent_rows[] = {
    {"agent", "add", "NAME", 1, "make a Docker host known, and its topics; prints its id", OPTIONS(add_options), agent_add},
    {"agent", "set", "AGENT", 1, "change an agent's record", OPTIONS(set_options), agent_set},
    {"agent", "list", "", 0, "all agents", NULL, 0, agent_list},
    {"agent", "show", "AGENT", 1, "all about one, and its workers", NULL, 0, agent_show},
    {"agent", "release", "AGENT", 1, "many went missing at once, or something could not be read, and it is known why",
     OPTIONS(release_options), agent_release},
    {"agent", "rebind", "AGENT", 1, "it is on another engine from now on", OPTIONS(rebind_options), agent_rebind},
};
/* clang-format on */
const size_t cli_n_agent_rows = G_N_ELEMENTS(cli_agent_rows);
