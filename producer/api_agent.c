/*
 * api_agent.c - agents: made known, changed, released, bound to another engine.
 */
#include "api_write.h"

#include "clock.h"
#include "decree.h"
#include "ledger_rows.h"
#include "topics.h"
#include "view.h"

#define PARTITIONS 4

static bool answer_agent(struct visit *visit, const struct queued *queued,
                         unsigned status, GError **error)
{
    g_auto(View) view = {0};
    g_autoptr(AgentRow) agent = NULL;
    if (!ledger_load_agent(visit->desk->ledger, queued->agent_id, &agent, error) ||
        !view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error))
        return false;
    return agent ? answer_json(visit, status, view_agent_json(&view, agent))
                 : answer_not_found(visit, "agent", queued->agent_id);
}

static bool answer_made(struct visit *visit, const GPtrArray *all, GError **error)
{
    const struct queued *queued = all->pdata[0];
    g_autofree char *location = g_strdup_printf("/agents/%s", queued->agent_id);
    http_reply_header(&visit->reply, "Location", location);
    return answer_agent(visit, queued, 201, error);
}

static bool answer_changed(struct visit *visit, const GPtrArray *all, GError **error)
{
    return answer_agent(visit, all->pdata[0], 200, error);
}

static enum wished begin(struct visit *visit, const struct ask_table *table,
                         struct wish *wish, write_answer *answer, GError **error)
{
    enum wished wished = wish_take(visit, table, wish, error);
    return wished == WISHED ? write_recall(visit, answer, error) : wished;
}

static void put(const struct wish *wish, struct agent_row *agent)
{
    if (wish->steam_zomboid_registry)
        row_set(&agent->steam_zomboid_registry, wish->steam_zomboid_registry);
    if (wish->server_data_path)
        row_set(&agent->server_data_path, wish->server_data_path);
    if (wish->on_missing)
        row_set(&agent->on_missing, wish->on_missing);
}

bool api_add_agent(struct visit *visit, GError **error)
{
    struct ledger *ledger = visit->desk->ledger;
    g_auto(Wish) wish = WISH_NONE;
    enum wished wished = begin(visit, &wish_agent_new, &wish, answer_made, error);
    if (wished != WISHED)
        return wished == WISHED_ANSWERED;
    const struct request request = wish_request(visit, &wish, ACTION_UNKNOWN);
    g_autoptr(AgentRow) agent = agent_row_new();
    g_free(agent->id);
    agent->id = wish.id ? g_strdup(wish.id) : uuid7_new(request.now);
    row_set(&agent->name, wish.name);
    agent->partitions = wish.partitions ? wish.partitions : PARTITIONS;
    put(&wish, agent);
    if (!request_check_agent(ledger, agent, error) ||
        !topics_make_for(ledger, visit->api->bus, agent->id, agent->partitions, error))
        return false;
    return write_finish(visit,
                        request_agent(ledger, visit->desk->codec, agent, &request, error),
                        answer_made, error);
}

bool api_change_agent(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent)
        return false;
    enum wished wished = begin(visit, &wish_agent_change, &wish, answer_changed, error);
    if (wished != WISHED)
        return wished == WISHED_ANSWERED;
    put(&wish, agent);
    const struct request request = wish_request(visit, &wish, ACTION_UNKNOWN);
    return write_finish(
        visit,
        request_agent(visit->desk->ledger, visit->desk->codec, agent, &request, error),
        answer_changed, error);
}

bool api_release(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent)
        return false;
    enum wished wished = begin(visit, &wish_reason, &wish, write_answer_queued, error);
    if (wished != WISHED)
        return wished == WISHED_ANSWERED;
    const struct request request = wish_request(visit, &wish, ACTION_UNKNOWN);
    return write_finish(visit,
                        decree_release(visit->desk->ledger, visit->desk->codec, agent->id,
                                       &request, error),
                        write_answer_queued, error);
}

/* Docker's are groups of letters, Podman's ours of digits and the like: no more is known. */
static bool is_engine_id(const char *id)
{
    for (; g_ascii_isgraph(*id); id++)
        ;
    return *id == '\0';
}

bool api_rebind(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent)
        return false;
    enum wished wished = begin(visit, &wish_rebind, &wish, write_answer_queued, error);
    if (wished != WISHED)
        return wished == WISHED_ANSWERED;
    if (!is_engine_id(wish.engine_id))
        return answer_problem(visit, 400, "invalid", "engine_id",
                              "engine_id: printable ASCII without spaces is meant");
    const struct request request = wish_request(visit, &wish, ACTION_UNKNOWN);
    return write_finish(visit,
                        decree_rebind(visit->desk->ledger, visit->desk->codec, agent->id,
                                      wish.engine_id, &request, error),
                        write_answer_queued, error);
}
