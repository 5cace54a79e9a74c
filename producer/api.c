/*
 * api.c - a visit from its arrival to its answer: route, token, limits, handler.
 */
#include "api_write.h"

#include "clean.h"
#include "ledger_rows.h"
#include "ledger_log.h"
#include "log.h"
#include "place_id.h"

#include <string.h>

#define THREADS        4
#define QUEUE_MAX      512 /* visits that wait for a thread */
#define CLIENT_WORK    64  /* visits of one address that are at work or wait for it */
#define TOKEN_WORK     64
#define BUSY_MS        1000 /* until one that has too many at work may come again */
#define FAILURES_BURST 20
#define FAILURES_RATE  0.2 /* a second */
#define REQUESTS_BURST 1000
#define REQUESTS_RATE  250
#define STOP_MS        5000

int64_t api_now(void)
{
    return g_get_real_time() / 1000;
}

/* --- Answers ------------------------------------------------------------------------------ */

bool answer_text(struct visit *visit, unsigned status, const char *type, char *text_taken)
{
    visit->reply.status = status;
    visit->reply.body = g_bytes_new_take(text_taken, strlen(text_taken));
    http_reply_header(&visit->reply, "Content-Type", type);
    return true;
}

bool answer_json(struct visit *visit, unsigned status, json_t *json)
{
    char *text = clean_json(json_dumps(json, JSON_COMPACT));
    json_decref(json);
    return answer_text(visit, status, JSON_TYPE, text);
}

static bool is_allowed_origin(const struct api *api, const char *origin)
{
    return origin && api->cors_origins &&
           g_strv_contains((const char *const *)api->cors_origins, origin);
}

static void add_cors_headers(const struct api *api, const char *origin,
                             struct http_reply *reply)
{
    if (!api->cors_origins)
        return;
    http_reply_header(reply, "Vary", "Origin");
    if (!is_allowed_origin(api, origin))
        return;
    http_reply_header(reply, "Access-Control-Allow-Origin", origin);
    http_reply_header(reply, "Access-Control-Expose-Headers",
                      "Link, Location, Retry-After");
}

static bool has_header(const struct http_reply *reply, const char *name)
{
    for (guint i = 0; reply->headers && i < reply->headers->len; i += 2)
        if (g_ascii_strcasecmp(reply->headers->pdata[i], name) == 0)
            return true;
    return false;
}

/* What a browser needs to be told.  There are no cookies, so nobody can act in another's name
 * (CSRF); the page loads nothing from elsewhere and is in nobody's frame. */
static void add_common_headers(const struct api *api, struct http_exchange *exchange,
                               struct http_reply *reply)
{
    http_reply_header(reply, "X-Content-Type-Options", "nosniff");
    http_reply_header(reply, "Referrer-Policy", "no-referrer");
    http_reply_header(reply, "Cross-Origin-Resource-Policy",
                      api->cors_origins ? "cross-origin" : "same-origin");
    http_reply_header(reply, "Content-Security-Policy",
                      "default-src 'none'; script-src 'self'; style-src 'self'; "
                      "img-src 'self'; connect-src 'self'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
    if (api->tls_certificate)
        http_reply_header(reply, "Strict-Transport-Security", "max-age=31536000");
    if (!has_header(reply, "Cache-Control"))
        http_reply_header(reply, "Cache-Control", "no-store");
    add_cors_headers(api, http_header(exchange, "Origin"), reply);
}

/* --- A visit ------------------------------------------------------------------------------- */

static bool take_one(struct api *api, struct tally *tally, const char *key)
{
    g_mutex_lock(&api->mutex);
    bool good = tally_take(tally, key);
    g_mutex_unlock(&api->mutex);
    return good;
}

/* Neither its client nor its token is held up by it any more. */
void visit_leave_work(struct visit *visit)
{
    struct api *api = visit->api;
    g_mutex_lock(&api->mutex);
    if (visit->at_work)
        tally_give(api->clients, http_whence(visit->exchange));
    if (visit->token_at_work)
        tally_give(api->tokens, visit->token->id);
    g_mutex_unlock(&api->mutex);
    visit->at_work = visit->token_at_work = false;
}

static void visit_free(struct visit *visit)
{
    for (int i = 0; i < PATH_VALUES; i++)
        g_free(visit->values[i]);
    g_clear_pointer(&visit->query, g_ptr_array_unref);
    visit_leave_work(visit);
    stay_end(visit->stay);
    token_row_free(visit->token);
    g_free(visit->actor);
    g_free(visit->digest);
    g_free(visit);
}

/* Whether a route is of the same path as those before it: the first pattern that matches is
 * the path's, so that "sync" is never taken for a server. */
static bool is_of_path(const struct route *route, const char *path, const char **pattern,
                       char *ret_values[PATH_VALUES])
{
    if (*pattern && !g_str_equal(*pattern, route->path))
        return false;
    if (!path_match(route->path, path, ret_values))
        return false;
    *pattern = route->path;
    return true;
}

/* Finds the route; false: answered. */
static bool find_route(struct visit *visit)
{
    const char *path = http_path(visit->exchange);
    const char *method = http_method(visit->exchange);
    const char *pattern = NULL;
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    if (g_str_equal(method, "HEAD"))
        method = "GET"; /* its head */
    for (size_t i = 0; i < api_n_routes; i++) {
        const struct route *route = &api_routes[i];
        char *values[PATH_VALUES] = {NULL};
        if (!is_of_path(route, path, &pattern, values))
            continue;
        if (g_str_equal(route->method, method)) {
            visit->route = route;
            memcpy(visit->values, values, sizeof values);
            return true;
        }
        g_ptr_array_add(others, (char *)route->method);
        for (int j = 0; j < PATH_VALUES; j++)
            g_free(values[j]);
    }
    return api_other_path(visit, others);
}

static int64_t take_limit(struct api *api, struct limiter *limiter, const char *key)
{
    g_mutex_lock(&api->mutex);
    int64_t wait_ms = limiter_take(limiter, key, g_get_monotonic_time());
    g_mutex_unlock(&api->mutex);
    return wait_ms;
}

void too_many(struct visit *visit, int64_t wait_ms)
{
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT,
                                               (wait_ms + 999) / 1000);
    answer_problem(visit, 429, "too_many", NULL,
                   "too many requests; Retry-After says when to come again");
    http_reply_header(&visit->reply, "Retry-After", seconds);
    g_mutex_lock(&visit->api->mutex);
    visit->api->figures.limited++;
    g_mutex_unlock(&visit->api->mutex);
}

/* Only who guesses is held back: a right token is taken from the same address at any time. */
static void no_token(struct visit *visit, bool guessed, const char *why)
{
    int64_t wait_ms = guessed ? take_limit(visit->api, visit->api->failures,
                                           http_whence(visit->exchange))
                              : 0;
    g_mutex_lock(&visit->api->mutex);
    visit->api->figures.refused++;
    g_mutex_unlock(&visit->api->mutex);
    if (wait_ms > 0) {
        too_many(visit, wait_ms);
        return;
    }
    answer_problem(visit, 401, "no_token", NULL, why);
    http_reply_header(&visit->reply, "WWW-Authenticate", "Bearer");
}

/* Who it is; false: answered, or an error. */
static bool find_token(struct visit *visit, GError **error)
{
    const char *header = http_header(visit->exchange, "Authorization");
    if (!header || g_ascii_strncasecmp(header, "Bearer ", 7) != 0) {
        no_token(visit, false, "a bearer token is needed; `muster token add` makes one");
        return false;
    }
    g_autofree char *hash = token_hash(header + 7);
    if (hash && !ledger_find_token(visit->desk->ledger, hash, &visit->token, error))
        return false;
    if (!visit->token || !token_row_holds(visit->token, api_now())) {
        no_token(visit, true, "this token is not known, has expired, or was revoked");
        return false;
    }
    visit->role = role_from_name(visit->token->role);
    visit->actor = g_strconcat("token:", visit->token->name, NULL);
    return true;
}

/* Whether it may come in. */
static bool admit(struct visit *visit, GError **error)
{
    enum role least = visit->route->role;
    if (least == ROLE_NONE)
        return true;
    if (!find_token(visit, error))
        return false;
    int64_t wait_ms = take_limit(visit->api, visit->api->requests, visit->token->id);
    if (wait_ms == 0) {
        visit->token_at_work = take_one(visit->api, visit->api->tokens, visit->token->id);
        wait_ms = visit->token_at_work ? 0 : BUSY_MS;
    }
    if (wait_ms > 0) {
        too_many(visit, wait_ms);
        return false;
    }
    if (visit->role >= least)
        return true;
    answer_problem_format(visit, 403, "not_allowed", NULL,
                          "this takes the role %s, and the token's is %s",
                          role_name(least), role_name(visit->role));
    return false;
}

static bool decode_query(struct visit *visit)
{
    const GPtrArray *query = http_query(visit->exchange);
    visit->query = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < query->len; i++) {
        char *text = path_decode(query->pdata[i]);
        if (!text) {
            answer_problem(visit, 400, "invalid", NULL,
                           "the query is not escaped UTF-8 without NUL");
            return false;
        }
        g_ptr_array_add(visit->query, text);
    }
    return true;
}

static void log_visit(const struct visit *visit)
{
    int64_t us = g_get_monotonic_time() - http_began_us(visit->exchange);
    g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, us / 1000);
    g_autofree char *status = g_strdup_printf("%u", visit->reply.status);
    g_autofree char *path = g_utf8_make_valid(http_path(visit->exchange), -1);
    log_info("http.request", "method", http_method(visit->exchange), "path", path,
             "status", status, "ms", ms, "actor", visit->actor, "client",
             http_client(visit->exchange));
}

/* What is not read yet is kept, and counts. */
static void hold_answer(struct visit *visit)
{
    GBytes *body = visit->reply.body;
    if (!body || http_hold(visit->exchange, g_bytes_get_size(body)))
        return;
    http_reply_clear(&visit->reply);
    too_many(visit, BUSY_MS);
}

static void finish(struct visit *visit)
{
    visit_leave_work(visit);
    hold_answer(visit);
    add_common_headers(visit->api, visit->exchange, &visit->reply);
    log_visit(visit);
    http_reply(visit->exchange, &visit->reply);
    visit_free(visit);
}

/* Answers; false: it waits, and comes again. */
static bool answer(struct visit *visit)
{
    g_autoptr(GError) error = NULL;
    if (!visit->route) {
        if (!find_route(visit) || !decode_query(visit))
            return true;
        if (!admit(visit, &error)) {
            if (error)
                answer_error(visit, error);
            return true;
        }
    }
    bool waits = false;
    /* cppcheck-suppress autoVariables ; only handle() looks there */
    visit->waits = &waits;
    if (!visit->route->handle(visit, &error))
        answer_error(visit, error);
    if (!waits)
        write_answer_as_twin(visit);
    return !waits;
}

static void work(void *data, void *context)
{
    struct visit *visit = data;
    struct api *api = context;
    struct desk *desk = g_async_queue_pop(api->desks);
    visit->desk = desk;
    /* Once it waits, another thread may have it already. */
    if (answer(visit))
        finish(visit);
    g_async_queue_push(api->desks, desk);
}

/* --- What HTTP calls ------------------------------------------------------------------------- */

static const struct {
    unsigned status;
    const char *word, *detail;
} refusals[] = {
    {400, "malformed",
     "the head does not say in one way where the request ends: one Content-Length, or "
     "Transfer-Encoding: chunked alone"},
    {413, "too_large", "a body may have 512 KiB at most"},
    {429, "too_many", "too much is on its way from this address"},
};

static void refuse(void *context, struct http_exchange *exchange, unsigned status,
                   struct http_reply *ret_reply)
{
    struct api *api = context;
    g_atomic_int_inc(&api->open);
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++)
        if (refusals[i].status == status)
            problem_reply(ret_reply, status, refusals[i].word, NULL, refusals[i].detail);
    if (status == 429)
        http_reply_header(ret_reply, "Retry-After", "1");
    add_common_headers(api, exchange, ret_reply);
}

static void take(void *context, struct http_exchange *exchange)
{
    struct api *api = context;
    struct visit *visit = g_new0(struct visit, 1);
    visit->api = api;
    visit->exchange = exchange;
    g_atomic_int_inc(&api->open);
    visit->at_work = take_one(api, api->clients, http_whence(exchange));
    if (!visit->at_work) {
        too_many(visit, BUSY_MS);
        finish(visit);
        return;
    }
    if (!g_atomic_int_get(&api->stopping) &&
        g_thread_pool_unprocessed(api->pool) < QUEUE_MAX) {
        g_thread_pool_push(api->pool, visit, NULL);
        return;
    }
    answer_problem(visit, 503, "not_available", NULL,
                   "too many requests are on their way");
    http_reply_header(&visit->reply, "Retry-After", "1");
    finish(visit);
}

void visit_resume(void *data)
{
    struct visit *visit = data;
    g_thread_pool_push(visit->api->pool, visit, NULL);
}

static void over(void *context, struct http_exchange *exchange, unsigned status)
{
    struct api *api = context;
    char key[16];
    if (status == 0)
        return; /* hung up before it had come whole */
    g_snprintf(key, sizeof key, "%u", status);
    g_mutex_lock(&api->mutex);
    size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(api->figures.answers, key));
    g_hash_table_insert(api->figures.answers, g_strdup(key), GSIZE_TO_POINTER(count + 1));
    g_mutex_unlock(&api->mutex);
    g_atomic_int_dec_and_test(&api->open);
}

/* --- Start and stop ---------------------------------------------------------------------------- */

static void desk_free(void *data)
{
    struct desk *desk = data;
    ledger_close(desk->ledger);
    codec_free(desk->codec);
    g_free(desk);
}

static bool add_desk(struct api *api, GError **error)
{
    struct ledger *ledger = ledger_open(api->ledger_path, error);
    if (!ledger)
        return false;
    struct desk *desk = g_new0(struct desk, 1);
    *desk = (struct desk){ledger, codec_new()};
    g_async_queue_push(api->desks, desk);
    return true;
}

/* The hub begins where the ledger has got to.  The bus is not asked: it may be away. */
static bool make_hub(struct api *api, GError **error)
{
    int64_t known;
    struct desk *desk = g_async_queue_pop(api->desks);
    g_async_queue_push(api->desks, desk); /* nobody is at work yet */
    if (!ledger_get_number(desk->ledger, META_EVENTS_PARTITIONS, &known, error))
        return false;
    g_autofree char *log_id = ledger_get_string(desk->ledger, META_EVENTS_LOG_ID, NULL);
    if (known == CONTRACT_NONE || !log_id) {
        g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_NONE_THERE,
                    "the ledger knows no log yet: run `muster init`");
        return false;
    }
    int32_t partitions = (int32_t)known;
    g_autofree int64_t *next = g_new0(int64_t, partitions);
    g_autofree char *tag = place_id_tag(log_id);
    for (int32_t i = 0; i < partitions; i++) {
        if (!ledger_position(desk->ledger, i, &next[i], error))
            return false;
        next[i] = MAX(next[i], 0);
    }
    api->hub = hub_new(tag, next, partitions);
    return true;
}

static void tick(void *context)
{
    struct api *api = context;
    struct http *http = g_atomic_pointer_get(&api->http);
    if (http)
        http_tick(http);
    api_check_streams(api);
}

/* NULL and no error: there is none. */
static bool read_pair(const struct api *api, char **ret_certificate, char **ret_key,
                      GError **error)
{
    return (!api->tls_certificate ||
            g_file_get_contents(api->tls_certificate, ret_certificate, NULL, error)) &&
           (!api->tls_key || g_file_get_contents(api->tls_key, ret_key, NULL, error));
}

bool api_reload(struct api *api, GError **error)
{
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;
    if (!api->tls_certificate)
        return true;
    return read_pair(api, &certificate, &key, error) &&
           http_reload(api->http, certificate, key, error);
}

static bool start_http(struct api *api, const struct api_options *options, GError **error)
{
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;
    if (!read_pair(api, &certificate, &key, error))
        return false;
    const struct http_options http_options = {
        options->listen ? options->listen : API_LISTEN, certificate, key,
        options->insecure, options->proxies};
    const struct http_handler handler = {take, refuse, over, api};
    struct http *http = http_start(&http_options, &handler, error);
    g_atomic_pointer_set(&api->http, http);
    return http != NULL;
}

static struct api *api_new(const char *ledger_path, struct bus *bus,
                           const struct api_options *options)
{
    struct api *api = g_new0(struct api, 1);
    api->ledger_path = g_strdup(ledger_path);
    api->bus = bus;
    api->tls_certificate = g_strdup(options->tls_certificate);
    api->tls_key = g_strdup(options->tls_key);
    if (options->cors_origins) {
        api->cors_origins = g_new0(char *, options->cors_origins->len + 1);
        for (guint i = 0; i < options->cors_origins->len; i++)
            api->cors_origins[i] = g_strdup(options->cors_origins->pdata[i]);
    }
    g_mutex_init(&api->mutex);
    api->failures = limiter_new(FAILURES_BURST, FAILURES_RATE);
    api->requests = limiter_new(REQUESTS_BURST, REQUESTS_RATE);
    const struct door_limits limits = http_limits();
    api->stays = tally_new(limits.links_of_one / 4 * 3, limits.links / 4 * 3);
    api->token_stays = tally_new(limits.links_of_one / 2, limits.links / 4 * 3);
    api->clients = tally_new(CLIENT_WORK, G_MAXUINT);
    api->tokens = tally_new(TOKEN_WORK, G_MAXUINT);
    api->figures.answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    api->desks = g_async_queue_new_full(desk_free);
    api->pool = g_thread_pool_new(work, api, THREADS, FALSE, NULL);
    api->backlog = backlog_new(bus);
    return api;
}

struct api *api_start(const char *ledger_path, struct bus *bus,
                      const struct api_options *options, GError **error)
{
    struct api *api = api_new(ledger_path, bus, options);
    bool good = true;
    for (int i = 0; i < THREADS && good; i++)
        good = add_desk(api, error);
    if (good && make_hub(api, error) &&
        (api->feed = feed_start(ledger_path, bus, api->hub, tick, api, error)) &&
        start_http(api, options, error))
        return api;
    api_stop(api);
    return NULL;
}

/* No new connections; streams and waits end; what has come is answered. */
static void drain(struct api *api)
{
    int64_t end_us = g_get_monotonic_time() + STOP_MS * 1000;
    g_atomic_int_set(&api->stopping, 1);
    http_quiesce(api->http);
    hub_close(api->hub);
    while (g_atomic_int_get(&api->open) > 0 && g_get_monotonic_time() < end_us)
        g_usleep(10 * 1000);
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    if (api->http)
        drain(api);
    /* Nobody but HTTP's own thread calls it from here on. */
    feed_stop(api->feed);
    g_thread_pool_free(api->pool, FALSE, TRUE);
    if (api->http)
        http_stop(api->http);
    backlog_free(api->backlog);
    hub_free(api->hub);
    g_async_queue_unref(api->desks);
    limiter_free(api->failures);
    limiter_free(api->requests);
    tally_free(api->clients);
    tally_free(api->tokens);
    tally_free(api->stays);
    tally_free(api->token_stays);
    g_hash_table_unref(api->figures.answers);
    g_strfreev(api->cors_origins);
    g_free(api->tls_certificate);
    g_free(api->tls_key);
    g_mutex_clear(&api->mutex);
    g_free(api->trouble);
    g_free(api->topic_fault);
    g_free(api->other);
    g_free(api->ledger_path);
    g_free(api);
}

void api_poke(struct api *api)
{
    feed_poke(api->feed);
}

static void keep_word(struct api *api, char **word, const char *text)
{
    g_mutex_lock(&api->mutex);
    g_free(*word);
    *word = g_strdup(text);
    g_mutex_unlock(&api->mutex);
}

void api_trouble(struct api *api, const char *why)
{
    keep_word(api, &api->trouble, why);
}

void api_other(struct api *api, const char *other)
{
    keep_word(api, &api->other, other);
}

void api_topic_faults(struct api *api, const char *fault, guint count)
{
    keep_word(api, &api->topic_fault, fault);
    g_atomic_int_set(&api->topic_faults, (int)count);
}
