/*
 * http.c - HTTP/1.1 over libmicrohttpd, the only file that knows it.
 *
 * An exchange sleeps (MHD_suspend_connection) from the moment it is handed over until its
 * reply is there, so that libmicrohttpd's thread is never held up.  libmicrohttpd answers
 * by itself, in its own words, what is no HTTP at all or has too large a head.
 */
#include "http.h"

#include "http_listen.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define HEAD_MAX        (32 * 1024) /* bytes of a request's first line and headers */
#define IDLE_SECONDS    30
#define HEAD_SECONDS    60                  /* from the last answer to a whole head */
#define DISCARD_MAX     (4 * HTTP_BODY_MAX) /* of a body that is too large: then we hang up */
#define STREAM_BLOCK    (32 * 1024)

G_DEFINE_QUARK(muster_http_error, http_error)

struct http {
    struct MHD_Daemon *daemon;
    struct http_handler handler;
    int listener; /* once it is quiet; else -1 */
    GMutex mutex; /* of links */
    GHashTable *links;
};

/* A connection, while it waits for a head. */
struct link {
    int fd;
    bool busy; /* with an exchange */
    int64_t since_us;
};

static const char *const header_names[] = {
    "Authorization", "Content-Type",  "Idempotency-Key",
    "Last-Event-ID", "If-None-Match", "Origin",
};

struct http_exchange {
    struct http *http;
    struct MHD_Connection *connection;
    struct link *link;
    char *method;
    char *path;
    char *client;
    char *headers[G_N_ELEMENTS(header_names)];
    GPtrArray *query;
    GByteArray *incoming;
    GBytes *body;
    size_t length; /* of what came, also if it was too much */
    int64_t began_us;
    bool taken;
    bool replied;
    struct http_reply reply;
};

/* --- Replies ------------------------------------------------------------------------------- */

void http_reply_clear(struct http_reply *reply)
{
    g_clear_pointer(&reply->body, g_bytes_unref);
    g_clear_pointer(&reply->headers, g_ptr_array_unref);
    if (reply->ops)
        reply->ops->close(reply->stream);
    *reply = (struct http_reply){0};
}

void http_reply_header(struct http_reply *reply, const char *name, const char *value)
{
    if (!reply->headers)
        reply->headers = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(reply->headers, g_strdup(name));
    g_ptr_array_add(reply->headers, g_strdup(value));
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t room)
{
    struct http_exchange *exchange = context;
    ssize_t count = exchange->reply.ops->read(exchange->reply.stream, to, room);
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

static void unref_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

static struct MHD_Response *make_response(struct http_exchange *exchange)
{
    GBytes *body = exchange->reply.body;
    gsize length = 0;
    if (exchange->reply.ops)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                                 read_stream, exchange, NULL);
    if (!body)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "",
                                               MHD_RESPMEM_PERSISTENT);
    const void *bytes = g_bytes_get_data(body, &length);
    return MHD_create_response_from_buffer_with_free_callback_cls(
        length, (void *)(uintptr_t)bytes, unref_bytes, g_bytes_ref(body));
}

static enum MHD_Result queue_reply(struct http_exchange *exchange)
{
    struct MHD_Response *response = make_response(exchange);
    const GPtrArray *headers = exchange->reply.headers;
    for (guint i = 0; headers && i + 1 < headers->len; i += 2)
        MHD_add_response_header(response, headers->pdata[i], headers->pdata[i + 1]);
    enum MHD_Result result = MHD_queue_response(exchange->connection,
                                                exchange->reply.status, response);
    MHD_destroy_response(response);
    return result;
}

void http_reply(struct http_exchange *exchange, struct http_reply *reply)
{
    g_assert(!exchange->replied);
    exchange->reply = *reply;
    exchange->replied = true;
    *reply = (struct http_reply){0};
    MHD_resume_connection(exchange->connection);
}

void http_sleep(struct http_exchange *exchange)
{
    MHD_suspend_connection(exchange->connection);
}

void http_wake(struct http_exchange *exchange)
{
    MHD_resume_connection(exchange->connection);
}

/* --- Requests ------------------------------------------------------------------------------ */

static char *address_text(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? http_address_text(info->client_addr) : g_strdup("");
}

static enum MHD_Result take_pair(void *context, enum MHD_ValueKind kind, const char *name,
                                 size_t name_length, const char *value,
                                 size_t value_length)
{
    GPtrArray *query = context;
    g_ptr_array_add(query, g_strndup(name, name_length));
    g_ptr_array_add(query, value ? g_strndup(value, value_length) : g_strdup(""));
    return MHD_YES;
}

static struct link *link_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static struct http_exchange *exchange_new(struct http *http,
                                          struct MHD_Connection *connection,
                                          const char *url, const char *method)
{
    struct http_exchange *exchange = g_new0(struct http_exchange, 1);
    exchange->http = http;
    exchange->connection = connection;
    exchange->link = link_of(connection);
    exchange->method = g_strdup(method);
    exchange->path = g_strdup(url);
    exchange->client = address_text(connection);
    exchange->query = g_ptr_array_new_with_free_func(g_free);
    exchange->incoming = g_byte_array_new();
    exchange->began_us = g_get_monotonic_time();
    for (size_t i = 0; i < G_N_ELEMENTS(header_names); i++)
        exchange->headers[i] = g_strdup(
            MHD_lookup_connection_value(connection, MHD_HEADER_KIND, header_names[i]));
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_pair,
                                exchange->query);
    return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
    http_reply_clear(&exchange->reply);
    for (size_t i = 0; i < G_N_ELEMENTS(header_names); i++)
        g_free(exchange->headers[i]);
    g_clear_pointer(&exchange->incoming, g_byte_array_unref);
    g_clear_pointer(&exchange->body, g_bytes_unref);
    g_ptr_array_unref(exchange->query);
    g_free(exchange->method);
    g_free(exchange->path);
    g_free(exchange->client);
    g_free(exchange);
}

const char *http_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

const char *http_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

const char *http_client(const struct http_exchange *exchange)
{
    return exchange->client;
}

const char *http_header(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(header_names); i++)
        if (g_str_equal(header_names[i], name))
            return exchange->headers[i];
    g_assert_not_reached();
}

const GPtrArray *http_query(const struct http_exchange *exchange)
{
    return exchange->query;
}

GBytes *http_body(const struct http_exchange *exchange)
{
    return exchange->body;
}

int64_t http_began_us(const struct http_exchange *exchange)
{
    return exchange->began_us;
}

/* --- libmicrohttpd's calls -------------------------------------------------------------------- */

static void set_busy(struct http *http, struct link *link, bool busy)
{
    if (!link)
        return;
    g_mutex_lock(&http->mutex);
    link->busy = busy;
    link->since_us = g_get_monotonic_time();
    g_mutex_unlock(&http->mutex);
}

/* Answers without having been handed over. */
static enum MHD_Result refuse(struct http_exchange *exchange, unsigned status)
{
    const struct http_handler *handler = &exchange->http->handler;
    handler->refuse(handler->context, exchange, status, &exchange->reply);
    exchange->replied = true;
    return queue_reply(exchange);
}

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                   "Content-Length");
    guint64 length;
    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &length, NULL) &&
           length > HTTP_BODY_MAX;
}

static enum MHD_Result take_head(struct http *http, struct MHD_Connection *connection,
                                 const char *url, const char *method, void **request)
{
    struct http_exchange *exchange = exchange_new(http, connection, url, method);
    *request = exchange;
    set_busy(http, exchange->link, true);
    return announces_too_much(connection) ? refuse(exchange, 413) : MHD_YES;
}

/* MHD_NO hangs up. */
static enum MHD_Result take_bytes(struct http_exchange *exchange, const char *data,
                                  size_t length)
{
    exchange->length += length;
    if (exchange->length > DISCARD_MAX ||
        g_get_monotonic_time() - exchange->began_us > HTTP_BODY_SECONDS * G_USEC_PER_SEC)
        return MHD_NO;
    if (exchange->length <= HTTP_BODY_MAX)
        g_byte_array_append(exchange->incoming, (const guint8 *)data, (guint)length);
    return MHD_YES;
}

static enum MHD_Result hand_over(struct http_exchange *exchange)
{
    const struct http_handler *handler = &exchange->http->handler;
    if (exchange->length > HTTP_BODY_MAX)
        return refuse(exchange, 413);
    exchange->body = g_byte_array_free_to_bytes(g_steal_pointer(&exchange->incoming));
    exchange->taken = true;
    MHD_suspend_connection(exchange->connection);
    handler->take(handler->context, exchange);
    return MHD_YES;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection,
                                 const char *url, const char *method, const char *version,
                                 const char *data, size_t *length, void **request)
{
    struct http_exchange *exchange = *request;
    if (!exchange)
        return take_head(context, connection, url, method, request);
    if (*length > 0) {
        size_t count = *length;
        *length = 0;
        return take_bytes(exchange, data, count);
    }
    if (exchange->replied)
        return queue_reply(exchange);
    return exchange->taken ? MHD_YES : hand_over(exchange);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct http *http = context;
    struct http_exchange *exchange = *request;
    if (!exchange)
        return;
    http->handler.over(http->handler.context, exchange,
                       exchange->replied ? exchange->reply.status : 0);
    set_busy(http, exchange->link, false);
    exchange_free(exchange);
    *request = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection,
                          void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct http *http = context;
    g_mutex_lock(&http->mutex);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct link *link = g_new0(struct link, 1);
        link->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                       ->connect_fd;
        link->since_us = g_get_monotonic_time();
        *socket_context = link;
        g_hash_table_add(http->links, link);
    } else {
        g_hash_table_remove(http->links, *socket_context);
    }
    g_mutex_unlock(&http->mutex);
}

void http_tick(struct http *http)
{
    GHashTableIter iter;
    void *key;
    int64_t before_us = g_get_monotonic_time() - HEAD_SECONDS * G_USEC_PER_SEC;
    g_mutex_lock(&http->mutex);
    g_hash_table_iter_init(&iter, http->links);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct link *link = key;
        if (!link->busy && link->since_us < before_us)
            shutdown(link->fd, SHUT_RDWR); /* libmicrohttpd sees it closed, and closes */
    }
    g_mutex_unlock(&http->mutex);
}

/* Decoding is the handler's, which knows what an escaped slash is. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}

/* --- Start and stop ---------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct http *http,
                                       const struct sockaddr_storage *address,
                                       const struct http_options *options)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (options->certificate)
        flags |= MHD_USE_TLS;
    if (address->ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, http, MHD_OPTION_SOCK_ADDR, address,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escaped, NULL, MHD_OPTION_ARRAY, options->certificate ? tls : none,
        MHD_OPTION_END);
}

struct http *http_start(const struct http_options *options,
                        const struct http_handler *handler, GError **error)
{
    struct sockaddr_storage address;
    if (!http_listen_address(options->listen, &address, error))
        return NULL;
    struct http *http = g_new0(struct http, 1);
    http->listener = -1;
    g_mutex_init(&http->mutex);
    http->links = g_hash_table_new_full(NULL, NULL, g_free, NULL);
    http->handler = *handler;
    http->daemon = start_daemon(http, &address, options);
    if (http->daemon)
        return http;
    g_set_error(error, HTTP_ERROR, HTTP_ERROR_TAKEN, "--listen %s: cannot listen there%s",
                options->listen,
                options->certificate
                    ? ": is the port taken, or the certificate not one with its key?"
                    : "; is the port taken?");
    http_stop(http);
    return NULL;
}

void http_quiesce(struct http *http)
{
    if (http->listener < 0)
        http->listener = MHD_quiesce_daemon(http->daemon); /* ours to close now */
}

void http_stop(struct http *http)
{
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    if (http->listener >= 0)
        close(http->listener);
    g_hash_table_unref(http->links);
    g_mutex_clear(&http->mutex);
    g_free(http);
}

unsigned http_connections(struct http *http)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(
        http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}
