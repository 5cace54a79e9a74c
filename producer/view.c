/*
 * view.c - what is seen of servers and agents beside their rows.
 */
#include "view.h"

#include "adopted.h"
#include "ledger_aside.h"
#include "ledger_upkeep.h"
#include "reach.h"
#include "request.h"
#include "rules.h"
#include "shape.h"
#include "upkeep.h"

#define PAGE 1000 /* servers in memory at a time */

static void add_worker(struct view *view, struct worker_row *worker)
{
    GPtrArray *of_agent = g_hash_table_lookup(view->by_agent, worker->agent_id);
    if (!of_agent) {
        of_agent = g_ptr_array_new();
        g_hash_table_insert(view->by_agent, worker->agent_id, of_agent);
    }
    g_ptr_array_add(of_agent, worker);
}

bool view_begin(struct view *view, struct ledger *ledger, int64_t now, GError **error)
{
    g_autoptr(GPtrArray) agents = ledger_agents(ledger, error);
    view->ledger = ledger;
    view->now = now;
    view->adopted = adopted_new(ledger);
    view->differs = g_string_new("");
    view->agents = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                         (GDestroyNotify)agent_row_free);
    view->by_agent = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                           (GDestroyNotify)g_ptr_array_unref);
    if (!agents || !(view->workers = ledger_workers(ledger, NULL, error)) ||
        !(view->marked = ledger_marked(ledger, error)))
        return false;
    g_ptr_array_set_free_func(agents, NULL); /* the table has them now */
    for (guint i = 0; i < agents->len; i++) {
        struct agent_row *agent = agents->pdata[i];
        g_hash_table_insert(view->agents, agent->id, agent);
    }
    for (guint i = 0; i < view->workers->len; i++)
        add_worker(view, view->workers->pdata[i]);
    return true;
}

void view_end(struct view *view)
{
    g_clear_pointer(&view->agents, g_hash_table_unref);
    g_clear_pointer(&view->by_agent, g_hash_table_unref);
    g_clear_pointer(&view->workers, g_ptr_array_unref);
    g_clear_pointer(&view->marked, g_hash_table_unref);
    g_clear_pointer(&view->adopted, adopted_free);
    if (view->differs)
        g_string_free(g_steal_pointer(&view->differs), TRUE);
}

const struct agent_row *view_agent(const struct view *view, const char *agent_id)
{
    return g_hash_table_lookup(view->agents, agent_id);
}

enum maybe view_online(const struct view *view, const char *agent_id)
{
    const GPtrArray *workers = g_hash_table_lookup(view->by_agent, agent_id);
    return workers ? reach_agent(workers, agent_id, view->now) : MAYBE_UNKNOWN;
}

bool view_is_marked(const struct view *view, const char *agent_id)
{
    return g_hash_table_contains(view->marked, agent_id);
}

const char *view_status(const struct view *view, const struct server_row *server)
{
    if (view_is_marked(view, server->agent_id) && reach_is_on_host(server->status))
        return REACH_UNKNOWN;
    return reach_status(server, view_online(view, server->agent_id));
}

/* Takes the unknown ones of a page over. */
static void sift(const struct view *view, GPtrArray *page, GPtrArray *to, int64_t limit)
{
    for (guint i = 0; i < page->len; i++) {
        if (limit > 0 && to->len >= limit)
            return;
        if (g_str_equal(view_status(view, page->pdata[i]), REACH_UNKNOWN))
            g_ptr_array_add(to, g_steal_pointer(&page->pdata[i]));
    }
}

/* A ledger does not know who is online, so that all pages are gone through. */
GPtrArray *view_servers(const struct view *view, const struct server_filter *filter,
                        bool unknown, bool with_open, GError **error)
{
    if (!unknown)
        return ledger_servers(view->ledger, filter, with_open, error);
    struct server_filter page_filter = *filter;
    g_autoptr(GPtrArray)
        found = g_ptr_array_new_with_free_func((GDestroyNotify)server_row_free);
    g_autoptr(ServerRow) last = NULL;
    page_filter.limit = PAGE;
    for (;;) {
        g_autoptr(GPtrArray)
            page = ledger_servers(view->ledger, &page_filter, with_open, error);
        if (!page)
            return NULL;
        server_row_free(last);
        last = page->len ? server_row_dup(page->pdata[page->len - 1]) : NULL;
        page_filter.after = last;
        const bool is_last = page->len < PAGE;
        sift(view, page, found, filter->limit);
        if (is_last || (filter->limit > 0 && found->len >= filter->limit))
            return g_steal_pointer(&found);
    }
}

static bool find_differences(const struct view *view, const struct server_row *server,
                             const struct agent_row *agent, GError **error)
{
    g_autoptr(GPtrArray)
        differences = adopted_differences(view->adopted, server, agent, error);
    g_string_truncate(view->differs, 0);
    for (guint i = 0; differences && i < differences->len; i++) {
        g_autofree char *sentence = difference_sentence(differences->pdata[i]);
        g_string_append_printf(view->differs, "%s%s", i ? ". " : "", sentence);
    }
    return differences != NULL;
}

bool view_remarks(const struct view *view, const struct server_row *server,
                  struct remark_facts *ret_facts, GError **error)
{
    const struct agent_row *agent = view_agent(view, server->agent_id);
    if (!find_differences(view, server, agent, error))
        return false;
    *ret_facts = (struct remark_facts){
        .server = server,
        .online = view_online(view, server->agent_id),
        .mass_absence = agent && agent->mass_absence_at != CONTRACT_NONE,
        .heal = HEAL_NOT_ASKED,
        .not_read = view_is_marked(view, server->agent_id),
        .differs = view->differs->len > 0 ? view->differs->str : NULL,
    };
    if (server->status != STATUS_MISSING || !agent || !heal_is_asked(server, agent))
        return true;
    return upkeep_judge(view->ledger, server, agent, ret_facts->online, view->now,
                        &ret_facts->heal, error);
}

static json_t *json_of(enum maybe maybe)
{
    return maybe == MAYBE_UNKNOWN ? json_null() : json_boolean(maybe == MAYBE_YES);
}

static json_t *actions_json(unsigned actions)
{
    json_t *list = json_array();
    for (int i = ACTION_UNKNOWN + 1; i < ACTION_COUNT; i++)
        if (actions & 1U << i)
            json_array_append_new(list, json_string(action_name((enum action)i)));
    return list;
}

static json_t *open_json(const GPtrArray *open)
{
    json_t *list = json_array();
    for (guint i = 0; i < open->len; i++) {
        const struct open_command *command = open->pdata[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "command_id", command->command_id,
                                        "action", action_name(command->action)));
    }
    return list;
}

/* The words, and beside them, in the same order, a sentence of each. */
static void add_remarks(json_t *json, const struct remark_facts *facts)
{
    json_t *words = json_array();
    json_t *sentences = json_array();
    const unsigned remarks = remark_judge(facts);
    for (unsigned i = 0; i < REMARK_COUNT; i++) {
        if (!(remarks & 1U << i))
            continue;
        g_autofree char *sentence = remark_sentence((enum remark)i, facts);
        json_array_append_new(words, json_string(remark_word((enum remark)i)));
        json_array_append_new(sentences, json_string(sentence));
    }
    json_object_set_new(json, "remarks", words);
    json_object_set_new(json, "remark_sentences", sentences);
}

json_t *view_server_json(const struct view *view, const struct server_row *server,
                         GError **error)
{
    struct remark_facts facts;
    if (!view_remarks(view, server, &facts, error))
        return NULL;
    json_t *json = row_to_json(&table_servers, server);
    if (facts.differs)
        json_object_set_new(json, "drift", json_true());
    json_object_set_new(json, "agent_online",
                        json_of(view_online(view, server->agent_id)));
    json_object_set_new(json, "shown_status", json_string(view_status(view, server)));
    json_object_set_new(json, "healing", json_string(heal_sentence(facts.heal)));
    add_remarks(json, &facts);
    json_object_set_new(json, "actions", actions_json(rule_actions(server)));
    json_object_set_new(json, "needs_fresh", json_boolean(rule_needs_fresh(server)));
    json_object_set_new(json, "open", open_json(server->open));
    return json;
}

/* Of the workers that are there: their host has one clock, and one of them may know it best. */
static json_t *skew_json(const GPtrArray *workers, int64_t now)
{
    int64_t farthest = CONTRACT_NONE;
    for (guint i = 0; workers && i < workers->len; i++) {
        const struct worker_row *worker = workers->pdata[i];
        const int64_t skew_ms = worker->clock_skew_ms;
        if (skew_ms != CONTRACT_NONE && reach_worker(worker, now) &&
            (farthest == CONTRACT_NONE || llabs(skew_ms) > llabs(farthest)))
            farthest = skew_ms;
    }
    return farthest == CONTRACT_NONE ? json_null() : json_integer(farthest);
}

json_t *view_agent_json(const struct view *view, const struct agent_row *agent)
{
    json_t *json = row_to_json(&table_agents, agent);
    const GPtrArray *workers = g_hash_table_lookup(view->by_agent, agent->id);
    json_int_t there = 0;
    for (guint i = 0; workers && i < workers->len; i++)
        there += reach_worker(workers->pdata[i], view->now);
    json_object_set_new(json, "online", json_of(view_online(view, agent->id)));
    json_object_set_new(json, "workers", json_integer(there));
    json_object_set_new(json, "not_read", json_boolean(view_is_marked(view, agent->id)));
    json_object_set_new(json, "clock_skew_ms", skew_json(workers, view->now));
    return json;
}

json_t *view_worker_json(const struct view *view, const struct worker_row *worker)
{
    json_t *json = row_to_json(&table_workers, worker);
    json_object_set_new(json, "there", json_boolean(reach_worker(worker, view->now)));
    return json;
}

json_t *view_queued_json(struct ledger *ledger, const GPtrArray *all, GError **error)
{
    const struct queued *queued = all->pdata[0];
    g_autoptr(ServerRow) server = NULL;
    if (queued->server_id &&
        !ledger_load_server(ledger, queued->server_id, &server, error))
        return NULL;
    json_t *json = json_pack("{s:s?, s:s?, s:s}", "command_id", queued->command_id,
                             "server_id", queued->server_id, "agent_id",
                             queued->agent_id);
    if (queued->differences)
        json_object_set(json, "differences", queued->differences);
    if (server)
        json_object_set_new(json, "status",
                            json_string(server_status_name(server->status)));
    if (all->len > 1) {
        json_t *ids = json_array();
        for (guint i = 0; i < all->len; i++) {
            const struct queued *one = all->pdata[i];
            json_array_append_new(ids, json_string(one->command_id));
        }
        json_object_set_new(json, "command_ids", ids);
    }
    return json;
}

json_t *view_event_json(const struct bus_record *record, const struct event *event)
{
    json_t *json = shape_to_json(&shape_event, event);
    json_object_set_new(json, "partition", json_integer(record->partition));
    json_object_set_new(json, "offset", json_integer(record->offset));
    json_object_set_new(json, "append_at", json_integer(record->append_ms));
    return json;
}
