/*
 * cli_list.c - muster server list: servers by pages, and containers that are no server's.
 */
#include "cli.h"

#include "clock.h"
#include "ledger_found.h"
#include "ledger_rows.h"
#include "print.h"
#include "print_table.h"
#include "reach.h"
#include "view.h"

#include <stdio.h>

#define PAGE 1000 /* servers in memory at a time */

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
static const struct option list_options[] = {
    FLAG("agent", 0, STRING, agent, "AGENT", "only this agent's"),
    FLAG("status", 0, STRING, status, "STATUS", "only these (purged ones are shown only so); unknown: nobody can say now"),
    {"limit", 0, OPTION_NUMBER, offsetof(struct flags, limit), "N", "at most so many", false, 1, INT32_MAX},
    FLAG("after", 0, STRING, after, "SERVER", "those behind this one: the last of the page before"),
    FLAG("unmanaged", 0, FLAG, unmanaged, NULL, "instead: containers without our labels; `server adopt` takes one"),
    FLAG("extra", 0, FLAG, extra, NULL, "instead: containers that bear a server's label, but not its name"),
    FLAG("orphans", 0, FLAG, orphans, NULL, "instead: containers whose server is deleted or not known"),
};
/* clang-format on */

/* --- Servers -------------------------------------------------------------------------------------------- */

static bool make_filter(struct call *call, struct agent_row **ret_agent,
                        struct server_row **ret_after, struct server_filter *ret_filter,
                        GError **error)
{
    const struct flags *flags = call->flags;
    *ret_filter = (struct server_filter){.partition = CONTRACT_NONE};
    if (flags->status && !g_str_equal(flags->status, REACH_UNKNOWN)) {
        ret_filter->status = server_status_from_name(flags->status);
        if (ret_filter->status == STATUS_NONE) {
            cli_usage(error,
                      "--status: '%s' is none of creating, running, stopped, "
                      "rebuilding, deleting, deleted, purged, failed, missing, unknown",
                      flags->status);
            return false;
        }
    }
    if ((flags->agent && !(*ret_agent = cli_find_agent(call, flags->agent, error))) ||
        (flags->after && !(*ret_after = cli_find_server(call, flags->after, error))))
        return false;
    ret_filter->agent_id = *ret_agent ? (*ret_agent)->id : NULL;
    ret_filter->after = *ret_after;
    ret_filter->limit = flags->limit;
    return true;
}

static char *remarks(const struct remark_facts *facts)
{
    GString *text = g_string_new("");
    const unsigned said = remark_judge(facts);
    for (unsigned i = 0; i < REMARK_COUNT; i++) {
        if (!(said & 1U << i))
            continue;
        g_autofree char *brief = remark_brief((enum remark)i, facts);
        g_string_append_printf(text, "%s%s", text->len ? "; " : "", brief);
    }
    return g_string_free(text, FALSE);
}

/* "27040,27041"; one that the profile does not ask for is 0. */
static char *ports_of(const struct server_row *server)
{
    const int64_t ports[] = {server->game_port, server->udp_port};
    GString *text = g_string_new("");
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (ports[i] > 0)
            g_string_append_printf(text, "%s%" G_GINT64_FORMAT, text->len ? "," : "",
                                   ports[i]);
    }
    return g_string_free(text, FALSE);
}

static bool add_server(const struct view *view, struct print_table *table,
                       const struct server_row *server, GError **error)
{
    struct remark_facts facts;
    if (!view_remarks(view, server, &facts, error))
        return false;
    const struct agent_row *agent = view_agent(view, server->agent_id);
    const char *status = view_status(view, server);
    g_autofree char *name = g_strdup_printf("%s/%s", agent ? agent->name : "?",
                                            server->name);
    g_autofree char *since = print_time(server->status_at);
    g_autofree char *ports = ports_of(server);
    g_autofree char *more = remarks(&facts);
    print_table_add(table, name, status, since, ports, server->id, more, NULL);
    return true;
}

/* A list on its way out: JSON goes row by row, a table needs its widths first. */
struct sink {
    const struct view *view;
    struct print_table *table; /* NULL: JSON */
    bool begun;
};

static bool sink_take(struct sink *sink, const struct server_row *server, GError **error)
{
    if (sink->table)
        return add_server(sink->view, sink->table, server, error);
    json_auto_t *json = view_server_json(sink->view, server, error);
    if (!json)
        return false;
    json_flatten(json);
    fputc(sink->begun ? ',' : '[', stdout);
    print_json_text(json, JSON_COMPACT);
    sink->begun = true;
    return true;
}

static void sink_end(struct sink *sink)
{
    if (sink->table)
        print_table_end(sink->table);
    else
        puts(sink->begun ? "]" : "[]");
}

/* A page at a time, so that a fleet's size is no matter. */
static bool take_pages(const struct server_filter *filter, bool unknown,
                       struct sink *sink, GError **error)
{
    struct server_filter page_filter = *filter;
    int64_t left = filter->limit ? filter->limit : INT64_MAX;
    g_autoptr(ServerRow) last = NULL;
    for (;;) {
        page_filter.limit = MIN(left, PAGE);
        g_autoptr(GPtrArray) page = view_servers(sink->view, &page_filter, unknown,
                                                 sink->table == NULL, error);
        if (!page)
            return false;
        for (guint i = 0; i < page->len; i++)
            if (!sink_take(sink, page->pdata[i], error))
                return false;
        left -= page->len;
        if ((int64_t)page->len < page_filter.limit || left == 0)
            return true;
        server_row_free(last);
        last = server_row_dup(page->pdata[page->len - 1]);
        page_filter.after = last;
    }
}

/* --- What is no server's --------------------------------------------------------------------------- */

static void print_found(const struct view *view, const GPtrArray *rows)
{
    static const struct print_column columns[] = {
        {"KIND", PRINT_KEEP}, {"CONTAINER", PRINT_NAME}, {"STATUS", PRINT_KEEP},
        {"IMAGE", PRINT_CUT}, {"ID", PRINT_DROP},        {"REMARKS", PRINT_CUT}};
    struct print_table *table = print_table_new(columns, G_N_ELEMENTS(columns));
    for (guint i = 0; i < rows->len; i++) {
        const struct found_row *row = rows->pdata[i];
        const struct agent_row *agent = view_agent(view, row->agent_id);
        g_autofree char *name = g_strdup_printf("%s/%s", agent ? agent->name : "?",
                                                row->name);
        g_autofree char *id = g_strndup(row->container_id, 12);
        g_autofree char *more = row->server_id && *row->server_id
                                    ? g_strdup_printf("server %s", row->server_id)
                                    : g_strdup("");
        print_table_add(table, row->kind, name, row->status, row->image, id, more, NULL);
    }
    print_table_end(table);
}

static void print_found_json(const GPtrArray *rows)
{
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, row_to_json(&table_found, rows->pdata[i]));
    print_json(list);
}

static int list_found(struct call *call, unsigned kinds, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    g_auto(View) view = {0};
    if (call->flags->agent && !(agent = cli_find_agent(call, call->flags->agent, error)))
        return CLI_USAGE;
    g_autoptr(GPtrArray)
        rows = ledger_found(call->session.ledger, agent ? agent->id : NULL, kinds, error);
    if (!rows ||
        !view_begin(&view, call->session.ledger, clock_now(call->session.ledger), error))
        return CLI_UNREACHABLE;
    found_drop_adopted(rows);
    if (call->common->json)
        print_found_json(rows);
    else
        print_found(&view, rows);
    return CLI_DONE;
}

/* --- The command -------------------------------------------------------------------------------------- */

static int list_servers(struct call *call, GError **error)
{
    static const struct print_column columns[] = {
        {"NAME", PRINT_NAME},  {"STATUS", PRINT_STATUS}, {"SINCE", PRINT_KEEP},
        {"PORTS", PRINT_DROP}, {"ID", PRINT_DROP},       {"REMARKS", PRINT_CUT}};
    g_autoptr(AgentRow) agent = NULL;
    g_autoptr(ServerRow) after = NULL;
    g_auto(View) view = {0};
    struct server_filter filter;
    if (!make_filter(call, &agent, &after, &filter, error))
        return CLI_USAGE;
    if (!view_begin(&view, call->session.ledger, clock_now(call->session.ledger), error))
        return CLI_UNREACHABLE;
    struct sink sink = {&view, call->common->json
                                   ? NULL
                                   : print_table_new(columns, G_N_ELEMENTS(columns))};
    bool good = take_pages(&filter, g_strcmp0(call->flags->status, REACH_UNKNOWN) == 0,
                           &sink, error);
    sink_end(&sink);
    return good ? CLI_DONE : CLI_UNREACHABLE;
}

static int server_list(struct call *call, GError **error)
{
    const struct flags *flags = call->flags;
    unsigned kinds = (flags->unmanaged ? 1U << FOUND_UNMANAGED : 0) |
                     (flags->extra ? 1U << FOUND_EXTRA : 0) |
                     (flags->orphans ? 1U << FOUND_ORPHAN : 0);
    bool stale;
    if (kinds && (flags->status || flags->after || flags->limit))
        return cli_usage(error, "--unmanaged, --extra and --orphans list containers, and "
                                "go with --agent alone");
    if (!cli_catch_up(call, &stale, error))
        return CLI_UNREACHABLE;
    int code = kinds ? list_found(call, kinds, error) : list_servers(call, error);
    return code == CLI_DONE && stale ? CLI_UNREACHABLE : code;
}

/* clang-format off */
const struct cli_row cli_list_rows[] = {
    {"server", "list", "", 0, "all servers, or containers that are none's", list_options,
     G_N_ELEMENTS(list_options), server_list},
};
/* clang-format on */
const size_t cli_n_list_rows = G_N_ELEMENTS(cli_list_rows);
