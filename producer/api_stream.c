/*
 * api_stream.c - the stream of news (server-sent events), and its end when its token ends.
 */
#include "api_parts.h"

#include "ask.h"
#include "ledger_rows.h"
#include "log.h"

#define CHECK_MS 2000

struct asked {
    char *agent;
    char *server;
};

static void asked_clear(struct asked *asked)
{
    g_free(asked->agent);
    g_free(asked->server);
}
typedef struct asked Asked;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

static void sleep_of(void *exchange)
{
    http_sleep(exchange);
}

static void wake_of(void *exchange)
{
    http_wake(exchange);
}

/* A stream of the hub, and its place among its client's. */
struct watching {
    struct hub_stream *stream;
    struct stay *stay;
};

static ssize_t read_of(void *watching, char *to, size_t room)
{
    return hub_stream_read(((struct watching *)watching)->stream, to, room);
}

static void close_of(void *data)
{
    struct watching *watching = data;
    hub_stream_close(watching->stream);
    stay_end(watching->stay);
    g_free(watching);
}

static bool answer_stream(struct visit *visit, const char *agent_id,
                          const char *server_id)
{
    static const struct http_stream_ops ops = {read_of, close_of};
    const struct hub_stream_options options = {
        .agent_id = agent_id,
        .server_id = server_id,
        .owner = visit->token->id,
        .sleep = sleep_of,
        .wake = wake_of,
        .behind = backlog_fill,
        .reader = visit->exchange,
        .context = visit->api->backlog,
    };
    bool malformed = false;
    visit->stay = stay_begin(visit);
    if (!visit->stay)
        return true;
    struct hub_stream *stream = hub_stream_new(
        visit->api->hub, http_header(visit->exchange, "Last-Event-ID"), &options,
        &malformed);
    if (malformed)
        return answer_problem(visit, 400, "invalid", "Last-Event-ID",
                              "Last-Event-ID: this is no id of an event here");
    if (!stream) {
        http_reply_header(&visit->reply, "Retry-After", "5");
        return answer_problem(visit, 503, "not_available", NULL,
                              "too many read the events already");
    }
    visit->reply.status = 200;
    visit->reply.ops = &ops;
    struct watching *watching = g_new0(struct watching, 1);
    *watching = (struct watching){stream, g_steal_pointer(&visit->stay)};
    visit->reply.stream = watching;
    http_reply_header(&visit->reply, "Content-Type", "text/event-stream");
    http_reply_header(&visit->reply, "X-Accel-Buffering", "no"); /* nginx */
    return true;
}

bool api_events(struct visit *visit, GError **error)
{
    static const struct ask_field fields[] = {
        {"agent", ASK_TEXT, offsetof(struct asked, agent)},
        {"server", ASK_TEXT, offsetof(struct asked, server)},
    };
    const struct ask_table table = {fields, G_N_ELEMENTS(fields)};
    g_auto(Asked) asked = {0};
    g_autoptr(AgentRow) agent = NULL;
    g_autoptr(ServerRow) server = NULL;
    if (!ask_query(&table, visit->query, &asked, error) ||
        !visit_asked_agent(visit, asked.agent, &agent, error) ||
        (asked.server &&
         !ledger_load_server(visit->desk->ledger, asked.server, &server, error)))
        return false;
    if (asked.server && !server)
        return answer_problem(visit, 404, "not_found", "server",
                              "server: there is none of that id");
    const char *agent_id = agent ? agent->id : server ? server->agent_id : NULL;
    return answer_stream(visit, agent_id, server ? server->id : NULL);
}

/* --- Tokens that end ------------------------------------------------------------------------------- */

static bool holds(void *context, const char *owner)
{
    return g_hash_table_contains(context, owner);
}

/* The ids of those that count. */
static GHashTable *good_tokens(struct desk *desk)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) tokens = ledger_tokens(desk->ledger, &error);
    if (!tokens) {
        log_warning("http.tokens_unread", "why", error->message);
        return NULL;
    }
    GHashTable *good = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < tokens->len; i++) {
        const struct token_row *token = tokens->pdata[i];
        if (token_row_holds(token, api_now()))
            g_hash_table_add(good, g_strdup(token->id));
    }
    return good;
}

void api_check_streams(struct api *api)
{
    struct hub_figures figures;
    hub_figures(api->hub, &figures);
    if (g_get_monotonic_time() < api->check_us || figures.streams == 0)
        return;
    struct desk *desk = g_async_queue_try_pop(api->desks);
    if (!desk) /* all are at work; it is asked again soon */
        return;
    g_autoptr(GHashTable) good = good_tokens(desk);
    g_async_queue_push(api->desks, desk);
    if (good)
        hub_check(api->hub, holds, good);
    api->check_us = g_get_monotonic_time() + CHECK_MS * INT64_C(1000);
}
