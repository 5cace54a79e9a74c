/*
 * cli_agent.c - muster agent …: the Docker hosts as the control plane knows them.
 */
#include "cli.h"

#include "check.h"
#include "ledger_rows.h"
#include "print.h"

#define PARTITIONS 4
#define WEEK_MS    (INT64_C(7) * 24 * 3600 * 1000)
#define TOPIC_MS   30000

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
static const struct option add_options[] = {
    FLAG("registry", 0, STRING, registry, "R", "image repository of its servers, such as registry:5000/steam-zomboid"),
    FLAG("data-path", 0, STRING, data_path, "P", "directory on the host that holds the servers' data"),
    FLAG("id", 0, STRING, id, "ID", "its id in topic names and for its workers (default: a new UUID)"),
    {"partitions", 0, OPTION_NUMBER, offsetof(struct flags, partitions), "N",
     "of its topics, fixed from then on (default 4)", false, 1, 256},
};
static const struct option set_options[] = {
    FLAG("registry", 0, STRING, registry, "R", "image repository of its servers"),
    FLAG("data-path", 0, STRING, data_path, "P", "directory on the host that holds the servers' data"),
};
/* clang-format on */

static bool make_topic(struct call *call, char *name, int64_t partitions, GError **error)
{
    g_autofree char *owned = name;
    const struct bus_topic topic = {
        .name = owned,
        .partitions = (int32_t)partitions,
        .retention_ms = WEEK_MS,
        .append_time = true,
    };
    return bus_topic_make(call->session.bus, &topic, TOPIC_MS, error);
}

static int finish_agent(struct call *call, const struct agent_row *agent,
                        const struct queued *queued, GError **error)
{
    if (!session_deliver(&call->session, queued->event_id, error))
        return CLI_UNREACHABLE;
    if (call->common->json)
        print_json(row_to_json(&table_agents, agent));
    else
        printf("%s\n", agent->id);
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

static int agent_add(struct call *call, GError **error)
{
    const struct flags *flags = call->flags;
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(AgentRow) agent = agent_row_new();
    g_free(agent->id);
    agent->id = flags->id ? g_strdup(flags->id) : uuid7_new(session_now());
    row_set(&agent->name, call->words[0]);
    row_set(&agent->steam_zomboid_registry, flags->registry ? flags->registry : "");
    row_set(&agent->server_data_path, flags->data_path ? flags->data_path : "");
    agent->partitions = flags->partitions ? flags->partitions : PARTITIONS;
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    if (!check_new(call, agent, error))
        return CLI_USAGE;
    if (!make_topic(call, topic_commands(agent->id), agent->partitions, error) ||
        !make_topic(call, topic_control(agent->id), agent->partitions, error))
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
    if (!flags->registry && !flags->data_path)
        return cli_usage(error, "nothing to set: --registry or --data-path");
    if (flags->registry)
        row_set(&agent->steam_zomboid_registry, flags->registry);
    if (flags->data_path)
        row_set(&agent->server_data_path, flags->data_path);
    const struct request request = cli_request(call, ACTION_UNKNOWN);
    g_autoptr(Queued) queued = request_agent(call->session.ledger, call->session.codec,
                                             agent, &request, error);
    return queued ? finish_agent(call, agent, queued, error) : CLI_USAGE;
}

static void print_agents(const GPtrArray *agents)
{
    static const char *const headings[] = {
        "NAME", "ID", "REGISTRY", "DATA PATH", "ENGINE", "LAST HEARD", "HELD", NULL};
    struct print_table *table = print_table_new(headings);
    for (guint i = 0; i < agents->len; i++) {
        const struct agent_row *agent = agents->pdata[i];
        g_autofree char *heard = print_time(agent->last_event_at);
        g_autofree char *engine = g_strndup(agent->engine_id ? agent->engine_id : "-",
                                            14);
        print_table_add(table, agent->name, agent->id, agent->steam_zomboid_registry,
                        agent->server_data_path, engine, heard,
                        agent->held ? agent->held : "", NULL);
    }
    print_table_end(table);
}

static int agent_list(struct call *call, GError **error)
{
    bool stale;
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    g_autoptr(GPtrArray) agents = ledger_agents(call->session.ledger, error);
    if (!agents)
        return CLI_UNREACHABLE;
    if (call->common->json) {
        json_t *list = json_array();
        for (guint i = 0; i < agents->len; i++)
            json_array_append_new(list, row_to_json(&table_agents, agents->pdata[i]));
        print_json(list);
    } else {
        print_agents(agents);
    }
    return stale ? CLI_UNREACHABLE : CLI_DONE;
}

/* clang-format off */
#define OPTIONS(table) table, G_N_ELEMENTS(table)
const struct cli_row cli_agent_rows[] = {
    {"agent", "add", "NAME", 1, "make a Docker host known, and its topics; prints its id", OPTIONS(add_options), agent_add},
    {"agent", "set", "AGENT", 1, "change an agent's record", OPTIONS(set_options), agent_set},
    {"agent", "list", "", 0, "all agents", NULL, 0, agent_list},
};
/* clang-format on */
const size_t cli_n_agent_rows = G_N_ELEMENTS(cli_agent_rows);
