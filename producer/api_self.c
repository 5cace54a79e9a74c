/*
 * api_self.c - about muster itself and whoever asks: health, figures, roles.
 */
#include "api_parts.h"

#include "clock.h"
#include "ledger_aside.h"
#include "ledger_figures.h"
#include "ledger_log.h"
#include "ledger_rows.h"
#include "metrics.h"
#include "reach.h"
#include "view.h"

#define PAGE 1000 /* servers in memory at a time */

/* --- Health ----------------------------------------------------------------------------------- */

static bool reaches_ledger(struct visit *visit)
{
    int64_t seq;
    return ledger_get_number(visit->desk->ledger, META_EVENTS_PARTITIONS, &seq, NULL);
}

/* What the loop has said last of the bus, of its topics; NULL: nothing is wrong. */
static char *dup_word(struct api *api, char *const *word)
{
    g_mutex_lock(&api->mutex);
    char *text = g_strdup(*word);
    g_mutex_unlock(&api->mutex);
    return text;
}

bool api_health(struct visit *visit, GError **error)
{
    g_autofree char *trouble = dup_word(visit->api, &visit->api->trouble);
    g_autofree char *fault = dup_word(visit->api, &visit->api->topic_fault);
    g_autofree char *other = dup_word(visit->api, &visit->api->other);
    bool ledger = reaches_ledger(visit);
    bool bus = !trouble && feed_is_well(visit->api->feed);
    int64_t waiting = 0; /* serving goes on: a person has to look at that host's engine */
    g_autoptr(GHashTable) marked = ledger ? ledger_marked(visit->desk->ledger, NULL)
                                          : NULL;
    const int64_t not_read = marked ? g_hash_table_size(marked) : 0;
    if (ledger)
        ledger = ledger_waiting(visit->desk->ledger, &waiting, NULL);
    int64_t skew_ms = 0;
    json_t *skew = ledger && clock_skew(visit->desk->ledger, &skew_ms)
                       ? json_integer(skew_ms)
                       : json_null();
    const bool well = ledger && bus && !fault && !other && waiting == 0 && not_read == 0;
    return answer_json(visit, ledger && bus ? 200 : 503,
                       json_pack("{s:s, s:b, s:b, s:s?, s:s?, s:s?, s:I, s:I, s:o, s:s}",
                                 "status", well ? "ok" : "degraded", "ledger", ledger,
                                 "bus", bus, "trouble", trouble, "topic_fault", fault,
                                 "other_control_plane", other, "waiting_engine",
                                 (json_int_t)waiting, "agents_not_read",
                                 (json_int_t)not_read, "clock_skew_ms", skew, "version",
                                 MUSTER_VERSION));
}

/* --- Who asks ---------------------------------------------------------------------------------- */

bool api_me(struct visit *visit, GError **error)
{
    const struct token_row *token = visit->token;
    json_t *may = json_array();
    for (size_t i = 0; i < api_n_routes; i++)
        if (api_routes[i].role <= visit->role)
            json_array_append_new(may, json_string(api_routes[i].operation));
    return answer_json(visit, 200,
                       json_pack("{s:s, s:s, s:s, s:o, s:o}", "actor", visit->actor,
                                 "name", token->name, "role", token->role, "expires_at",
                                 token->expires_at == CONTRACT_NONE
                                     ? json_null()
                                     : json_integer(token->expires_at),
                                 "may", may));
}

/* --- Figures ------------------------------------------------------------------------------------ */

static const struct {
    const char *what;
    const char *name;
    const char *label;
    const char *help;
} families[] = {
    {"servers", "muster_servers", "status", "Servers by their stored status."},
    {"commands", "muster_commands_open", "state", "Commands without a result."},
    {"outbox", "muster_outbox", NULL, "Events that wait to be sent."},
    {"agents", "muster_agents", "held",
     "Agents, and whether they are held: no command for them is taken."},
    {"not_read", "muster_agents_not_read", NULL,
     "Agents of which the log holds something that this muster cannot read."},
    {"aside", "muster_events_aside", "reason",
     "Records of the log that were put aside, since they count nowhere."},
};

struct figures {
    GString *text;
    const char *family; /* whose lines are being written */
};

/* Rows come family by family. */
static void add_count(void *taker, const char *what, const char *by, int64_t count)
{
    struct figures *figures = taker;
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (!g_str_equal(families[i].what, what))
            continue;
        if (figures->family != families[i].name)
            metrics_family(figures->text, families[i].name, METRIC_GAUGE,
                           families[i].help);
        figures->family = families[i].name;
        metrics_sample(figures->text, families[i].name, families[i].label, by,
                       (double)count);
    }
}

static void add_clocks(struct visit *visit, const struct view *view, GString *text)
{
    static const char name[] = "muster_worker_clock_skew_seconds";
    int64_t skew_ms;
    if (clock_skew(visit->desk->ledger, &skew_ms))
        metrics_one(text, "muster_clock_skew_seconds", METRIC_GAUGE,
                    "By how much this host's clock is ahead of the log's.",
                    (double)skew_ms / 1000);
    metrics_family(text, name, METRIC_GAUGE,
                   "By how much a worker's clock was ahead of the log's at its last "
                   "heartbeat.");
    for (guint i = 0; i < view->workers->len; i++) {
        const struct worker_row *worker = view->workers->pdata[i];
        if (worker->clock_skew_ms != CONTRACT_NONE && reach_worker(worker, view->now))
            metrics_sample(text, name, "worker", worker->id,
                           (double)worker->clock_skew_ms / 1000);
    }
}

static bool add_agents_online(struct visit *visit, GString *text, GError **error)
{
    g_auto(View) view = {0};
    GHashTableIter iter;
    void *id;
    int online = 0;
    if (!view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger), error))
        return false;
    g_hash_table_iter_init(&iter, view.agents);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        online += view_online(&view, id) == MAYBE_YES;
    metrics_one(text, "muster_agents_online", METRIC_GAUGE,
                "Agents whose workers are heard of.", online);
    add_clocks(visit, &view, text);
    return true;
}

/* The next page of those of which there is something to say; NULL and no error: there is none. */
static GPtrArray *next_servers(struct visit *visit, const GPtrArray *before,
                               GError **error)
{
    const struct server_filter filter = {
        .partition = CONTRACT_NONE,
        .remarkable = true,
        .after = before ? before->pdata[before->len - 1] : NULL,
        .limit = PAGE,
    };
    if (before && before->len < PAGE)
        return NULL;
    g_autoptr(GPtrArray) page = ledger_servers(visit->desk->ledger, &filter, true, error);
    return page && page->len > 0 ? g_steal_pointer(&page) : NULL;
}

static bool count_remarks(const struct view *view, const GPtrArray *servers,
                          int64_t *counts, GError **error)
{
    for (guint i = 0; i < servers->len; i++) {
        struct remark_facts facts;
        if (!view_remarks(view, servers->pdata[i], &facts, error))
            return false;
        const unsigned remarks = remark_judge(&facts);
        for (unsigned j = 0; j < REMARK_COUNT; j++)
            counts[j] += remarks >> j & 1;
    }
    return true;
}

/* Also those that hold for none: an alert needs a series to go by.  That an agent is offline, or
 * not fully known, is a figure of its own, and true of all its servers. */
static bool add_remarks(struct visit *visit, GString *text, GError **error)
{
    static const char name[] = "muster_servers_remarked";
    int64_t counts[REMARK_COUNT] = {0};
    GError *failure = NULL;
    g_auto(View) view = {0};
    g_autoptr(GPtrArray) page = NULL;
    bool good = view_begin(&view, visit->desk->ledger, clock_now(visit->desk->ledger),
                           &failure);
    while (good) {
        GPtrArray *next = next_servers(visit, page, &failure);
        g_clear_pointer(&page, g_ptr_array_unref);
        if (!(page = next))
            break;
        good = count_remarks(&view, page, counts, &failure);
    }
    if (failure) {
        g_propagate_error(error, failure);
        return false;
    }
    metrics_family(
        text, name, METRIC_GAUGE,
        "Servers by what is worth saying beside their status; one may have several.");
    for (unsigned i = REMARK_NOT_READ + 1; i < REMARK_COUNT; i++)
        metrics_sample(text, name, "remark", remark_word((enum remark)i),
                       (double)counts[i]);
    return true;
}

static void add_answers(struct api *api, GString *text)
{
    GHashTableIter iter;
    void *status, *count;
    metrics_family(text, "muster_http_requests_total", METRIC_COUNTER,
                   "Requests by the status of their answer.");
    g_mutex_lock(&api->mutex);
    g_hash_table_iter_init(&iter, api->figures.answers);
    while (g_hash_table_iter_next(&iter, &status, &count))
        metrics_sample(text, "muster_http_requests_total", "code", status,
                       (double)GPOINTER_TO_SIZE(count));
    int64_t refused = api->figures.refused, limited = api->figures.limited;
    g_mutex_unlock(&api->mutex);
    metrics_one(text, "muster_http_refused_total", METRIC_COUNTER,
                "Requests without a valid token.", (double)refused);
    metrics_one(text, "muster_http_limited_total", METRIC_COUNTER,
                "Requests answered 429.", (double)limited);
}

static void add_hub(struct api *api, GString *text)
{
    struct hub_figures figures;
    g_autofree char *trouble = dup_word(api, &api->trouble);
    g_autofree char *other = dup_word(api, &api->other);
    hub_figures(api->hub, &figures);
    metrics_one(text, "muster_http_connections", METRIC_GAUGE, "Open connections.",
                http_connections(api->http));
    metrics_one(text, "muster_http_streams", METRIC_GAUGE, "Open event streams.",
                (double)figures.streams);
    metrics_one(text, "muster_http_waits", METRIC_GAUGE,
                "Requests that wait for a result.", (double)figures.waits);
    metrics_one(text, "muster_http_streams_dropped_total", METRIC_COUNTER,
                "Event streams that were read too slowly.", (double)figures.dropped);
    metrics_one(text, "muster_bus_up", METRIC_GAUGE, "Whether the bus answers.",
                !trouble && feed_is_well(api->feed));
    metrics_one(text, "muster_topic_faults", METRIC_GAUGE,
                "Topics that are set up so that they lose records.",
                g_atomic_int_get(&api->topic_faults));
    metrics_one(text, "muster_other_control_planes", METRIC_GAUGE,
                "Whether another control plane has written into the log within a day.",
                other != NULL);
}

bool api_metrics(struct visit *visit, GError **error)
{
    g_autoptr(GString) text = g_string_new("");
    struct figures figures = {text, NULL};
    if (!ledger_figures(visit->desk->ledger, add_count, &figures, error) ||
        !add_agents_online(visit, text, error) || !add_remarks(visit, text, error))
        return false;
    add_answers(visit->api, text);
    add_hub(visit->api, text);
    return answer_text(visit, 200, "text/plain; version=0.0.4; charset=utf-8",
                       g_string_free(g_steal_pointer(&text), FALSE));
}
