/*
 * api_read.c - agents and servers, as they are now.
 */
#include "api_parts.h"

#include "ask.h"
#include "clock.h"
#include "ledger_found.h"
#include "ledger_rows.h"
#include "numbers.h"
#include "profile.h"
#include "reach.h"
#include "request.h"
#include "view.h"

#include <string.h>

#define PAGE 200 /* unless asked for another size */

static const char *const statuses[] = {"creating", "running",     "stopped", "rebuilding",
                                       "deleting", "deleted",     "purged",  "failed",
                                       "missing",  REACH_UNKNOWN, NULL};
static const char *const kinds[] = {"unmanaged", "extra", "orphan", NULL};

/* --- What the path names -------------------------------------------------------------------- */

struct agent_row *visit_agent(struct visit *visit, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    if (!ledger_find_agent(visit->desk->ledger, visit->values[0], &agent, error))
        return NULL;
    if (!agent)
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND, "no agent '%.100s'",
                    visit->values[0]);
    return g_steal_pointer(&agent);
}

bool visit_asked_agent(struct visit *visit, const char *asked,
                       struct agent_row **ret_agent, GError **error)
{
    if (!asked)
        return true;
    if (!ledger_find_agent(visit->desk->ledger, asked, ret_agent, error))
        return false;
    if (!*ret_agent)
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND,
                    "agent: there is no '%.100s'", asked);
    return *ret_agent != NULL;
}

struct server_row *visit_server(struct visit *visit, struct agent_row **ret_agent,
                                GError **error)
{
    const char *word = visit->values[1];
    g_autoptr(ServerRow) server = NULL;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent || !ledger_load_server(visit->desk->ledger, word, &server, error))
        return NULL;
    if (server && !g_str_equal(server->agent_id, agent->id))
        g_clear_pointer(&server, server_row_free);
    if (!server &&
        !ledger_find_server(visit->desk->ledger, agent->id, word, &server, error))
        return NULL;
    if (!server)
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND,
                    "%s has no server '%.100s'", agent->name, word);
    else if (ret_agent)
        *ret_agent = g_steal_pointer(&agent);
    return g_steal_pointer(&server);
}

static bool ask_nothing(struct visit *visit, GError **error)
{
    const struct ask_table none = {NULL, 0};
    return ask_query(&none, visit->query, NULL, error);
}

/* --- Agents ---------------------------------------------------------------------------------- */

static gint by_name(gconstpointer a, gconstpointer b)
{
    const struct agent_row *const *left = a;
    const struct agent_row *const *right = b;
    return g_strcmp0((*left)->name, (*right)->name);
}

bool api_agents(struct visit *visit, GError **error)
{
    g_auto(View) view = {0};
    g_autoptr(GPtrArray) agents = ledger_agents(visit->desk->ledger, error);
    if (!agents || !ask_nothing(visit, error) ||
        !view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error))
        return false;
    json_t *list = json_array();
    g_ptr_array_sort(agents, by_name);
    for (guint i = 0; i < agents->len; i++)
        json_array_append_new(list, view_agent_json(&view, agents->pdata[i]));
    return answer_json(visit, 200, list);
}

bool api_agent(struct visit *visit, GError **error)
{
    g_auto(View) view = {0};
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent || !ask_nothing(visit, error) ||
        !view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error))
        return false;
    return answer_json(visit, 200, view_agent_json(&view, agent));
}

bool api_workers(struct visit *visit, GError **error)
{
    g_auto(View) view = {0};
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent || !ask_nothing(visit, error) ||
        !view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error))
        return false;
    json_t *list = json_array();
    for (guint i = 0; i < view.workers->len; i++) {
        const struct worker_row *worker = view.workers->pdata[i];
        if (g_str_equal(worker->agent_id, agent->id))
            json_array_append_new(list, view_worker_json(&view, worker));
    }
    return answer_json(visit, 200, list);
}

/* --- What is no server's ------------------------------------------------------------------------ */

static unsigned bits_of(const char *kind)
{
    for (int i = 0; kind && i < FOUND_KIND_COUNT; i++)
        if (g_str_equal(kind, found_kind_name((enum found_kind)i)))
            return 1U << i;
    return (1U << FOUND_KIND_COUNT) - 1;
}

static bool answer_found(struct visit *visit, const char *agent_id, GError **error)
{
    static const struct ask_field fields[] = {{"kind", ASK_WORD, 0, .words = kinds}};
    const struct ask_table table = {fields, G_N_ELEMENTS(fields)};
    struct {
        char *kind;
    } asked = {NULL};
    bool good = ask_query(&table, visit->query, &asked, error);
    unsigned bits = bits_of(asked.kind);
    g_free(asked.kind);
    g_autoptr(GPtrArray)
        rows = good ? ledger_found(visit->desk->ledger, agent_id, bits, error) : NULL;
    if (!rows)
        return false;
    found_drop_adopted(rows);
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, row_to_json(&table_found, rows->pdata[i]));
    return answer_json(visit, 200, list);
}

bool api_agent_found(struct visit *visit, GError **error)
{
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    return agent && answer_found(visit, agent->id, error);
}

bool api_found(struct visit *visit, GError **error)
{
    return answer_found(visit, NULL, error);
}

/* --- Servers -------------------------------------------------------------------------------------- */

struct page {
    char *status;
    char *after;
    int64_t limit;
};

static void page_clear(struct page *page)
{
    g_free(page->status);
    g_free(page->after);
}
typedef struct page Page;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Page, page_clear)

static bool ask_page(struct visit *visit, struct page *page, GError **error)
{
    static const struct ask_field fields[] = {
        {"status", ASK_WORD, offsetof(struct page, status), .words = statuses},
        {"after", ASK_TEXT, offsetof(struct page, after)},
        {"limit", ASK_NUMBER, offsetof(struct page, limit), .minimum = 1,
         .maximum = 1000},
    };
    const struct ask_table table = {fields, G_N_ELEMENTS(fields)};
    page->limit = PAGE;
    return ask_query(&table, visit->query, page, error);
}

/* The address of what comes next: this one, with another place to go on from. */
void answer_next(struct visit *visit, const char *parameter, const char *place)
{
    g_autoptr(GString) link = g_string_new("<");
    g_string_append(link, http_path(visit->exchange));
    g_string_append_c(link, '?');
    for (guint i = 0; i + 1 < visit->query->len; i += 2) {
        g_autofree char *value = g_uri_escape_string(visit->query->pdata[i + 1], NULL,
                                                     false);
        if (!g_str_equal(visit->query->pdata[i], parameter))
            g_string_append_printf(link, "%s=%s&", (char *)visit->query->pdata[i], value);
    }
    g_autofree char *escaped = g_uri_escape_string(place, NULL, false);
    g_string_append_printf(link, "%s=%s>; rel=\"next\"", parameter, escaped);
    http_reply_header(&visit->reply, "Link", link->str);
}

static bool answer_servers(struct visit *visit, const struct view *view,
                           const GPtrArray *servers, bool more, GError **error)
{
    json_auto_t *list = json_array();
    for (guint i = 0; i < servers->len - (more ? 1 : 0); i++) {
        json_t *json = view_server_json(view, servers->pdata[i], error);
        if (!json)
            return false;
        json_array_append_new(list, json);
    }
    if (more) {
        const struct server_row *last = servers->pdata[servers->len - 2];
        answer_next(visit, "after", last->id);
    }
    return answer_json(visit, 200, json_incref(list));
}

static bool list_servers(struct visit *visit, const char *agent_id, GError **error)
{
    g_auto(Page) page = {0};
    g_auto(View) view = {0};
    g_autoptr(ServerRow) after = NULL;
    if (!ask_page(visit, &page, error) ||
        !view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error) ||
        (page.after &&
         !ledger_load_server(visit->desk->ledger, page.after, &after, error)))
        return false;
    if (page.after && !after)
        return answer_problem(visit, 404, "not_found", "after",
                              "after: no such server; it is taken from Link rel=next");
    const struct server_filter filter = {
        .agent_id = agent_id,
        .status = server_status_from_name(page.status),
        .partition = CONTRACT_NONE,
        .after = after,
        .limit = page.limit + 1, /* to see whether there are more */
    };
    g_autoptr(GPtrArray) servers = view_servers(
        &view, &filter, g_strcmp0(page.status, REACH_UNKNOWN) == 0, true, error);
    return servers &&
           answer_servers(visit, &view, servers, servers->len > page.limit, error);
}

bool api_servers(struct visit *visit, GError **error)
{
    return list_servers(visit, NULL, error);
}

bool api_agent_servers(struct visit *visit, GError **error)
{
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    return agent && list_servers(visit, agent->id, error);
}

/* A viewer is told which variables there are, and no value. */
static json_t *config_json(const struct visit *visit, const struct server_row *server)
{
    json_t *config = numbers_load(server->config, strlen(server->config), 0, NULL);
    const char *name;
    json_t *value;
    void *next;
    if (visit->role >= ROLE_OPERATOR)
        return config;
    json_object_foreach_safe(config, next, name, value)
        json_object_set_new(config, name, json_null());
    return config;
}

bool answer_server(struct visit *visit, const struct server_row *server, GError **error)
{
    g_auto(View) view = {0};
    if (!view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error))
        return false;
    json_t *json = view_server_json(&view, server, error);
    if (!json)
        return false;
    json_object_set_new(json, "config", config_json(visit, server));
    char *text = numbers_dump(json);
    json_decref(json);
    return answer_text(visit, 200, JSON_TYPE, text);
}

bool api_server(struct visit *visit, GError **error)
{
    g_autoptr(ServerRow) server = visit_server(visit, NULL, error);
    return server && ask_nothing(visit, error) && answer_server(visit, server, error);
}

bool api_profiles(struct visit *visit, GError **error)
{
    json_t *list = ask_nothing(visit, error)
                       ? profile_list_json(visit->desk->ledger, error)
                       : NULL;
    return list && answer_json(visit, 200, list);
}
