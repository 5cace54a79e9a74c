/*
 * http.c - HTTP/1.1 over libmicrohttpd: exchanges, from their first byte to their last.
 *
 * An exchange sleeps (MHD_suspend_connection) from the moment it is handed over until its
 * reply is there, so that libmicrohttpd's thread is never held up.  libmicrohttpd answers
 * by itself, in its own words, what is no HTTP at all or has too large a head.
 */
#include "http_parts.h"

#include "http_head.h"
#include "http_listen.h"

#include <string.h>
#include <sys/socket.h>

#define DISCARD_MAX  (4 * HTTP_BODY_MAX) /* of what is not kept: then we hang up */
#define STREAM_BLOCK (32 * 1024)

G_DEFINE_QUARK(muster_http_error, http_error)

static const char *const header_names[] = {
    "Authorization", "Content-Type",  "Idempotency-Key",
    "Last-Event-ID", "If-None-Match", "Origin",
};

struct http_exchange {
    struct http *http;
    struct MHD_Connection *connection;
    struct door_link *link;
    char *method;
    char *path;
    char *client;
    char *whence;
    char *headers[G_N_ELEMENTS(header_names)];
    GPtrArray *query;
    GByteArray *incoming;
    GBytes *body;
    size_t length; /* of what came, also if it was too much */
    size_t held;
    bool overheld; /* what came since was not kept */
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

static void move_link(struct http *http, struct door_link *link, enum door_stage stage)
{
    if (!link)
        return;
    g_mutex_lock(&http->mutex);
    door_move(link, stage, g_get_monotonic_time());
    g_mutex_unlock(&http->mutex);
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t room)
{
    struct http_exchange *exchange = context;
    if (http_is_old(exchange->http, exchange->connection))
        return MHD_CONTENT_READER_END_OF_STREAM; /* its client comes again */
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
    if (http_is_old(exchange->http, exchange->connection))
        MHD_add_response_header(response, "Connection", "close");
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
    if (!exchange->reply.ops)
        move_link(exchange->http, exchange->link, DOOR_ANSWER);
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

static bool is_proxy(const struct http *http, const struct sockaddr *address)
{
    for (guint i = 0; i < http->proxies->len; i++)
        if (http_network_has(&g_array_index(http->proxies, struct http_network, i),
                             address))
            return true;
    return false;
}

/* Who asks: as the connection has it, or as a proxy says. */
static void set_client(struct http_exchange *exchange)
{
    struct sockaddr_storage named;
    const struct sockaddr *address =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
            ->client_addr;
    g_autofree char *forwarded = is_proxy(exchange->http, address)
                                     ? http_head_forwarded(exchange->connection)
                                     : NULL;
    if (forwarded && http_address_parse(forwarded, &named))
        address = (const void *)&named;
    exchange->client = http_address_text(address);
    exchange->whence = http_address_whence(address);
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

static struct door_link *link_of(struct MHD_Connection *connection)
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
    set_client(exchange);
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
    struct http *http = exchange->http;
    g_mutex_lock(&http->mutex);
    door_release(http->door, exchange->whence, exchange->held);
    g_mutex_unlock(&http->mutex);
    http_reply_clear(&exchange->reply);
    for (size_t i = 0; i < G_N_ELEMENTS(header_names); i++)
        g_free(exchange->headers[i]);
    g_clear_pointer(&exchange->incoming, g_byte_array_unref);
    g_clear_pointer(&exchange->body, g_bytes_unref);
    g_ptr_array_unref(exchange->query);
    g_free(exchange->method);
    g_free(exchange->path);
    g_free(exchange->client);
    g_free(exchange->whence);
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

const char *http_whence(const struct http_exchange *exchange)
{
    return exchange->whence;
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

bool http_hold(struct http_exchange *exchange, size_t bytes)
{
    struct http *http = exchange->http;
    g_mutex_lock(&http->mutex);
    bool good = door_hold(http->door, exchange->whence, bytes);
    if (good)
        exchange->held += bytes;
    g_mutex_unlock(&http->mutex);
    return good;
}

/* --- libmicrohttpd's calls -------------------------------------------------------------------- */

/* Answers without having been handed over. */
static enum MHD_Result refuse(struct http_exchange *exchange, unsigned status)
{
    const struct http_handler *handler = &exchange->http->handler;
    handler->refuse(handler->context, exchange, status, &exchange->reply);
    exchange->replied = true;
    move_link(exchange->http, exchange->link, DOOR_ANSWER);
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

/* Nothing behind a head that contradicts itself is a request: the connection ends. */
static enum MHD_Result refuse_head(struct http_exchange *exchange)
{
    http_reply_header(&exchange->reply, "Connection", "close");
    return refuse(exchange, 400);
}

static enum MHD_Result take_head(struct http *http, struct MHD_Connection *connection,
                                 const char *url, const char *method, const char *version,
                                 void **request)
{
    struct http_exchange *exchange = exchange_new(http, connection, url, method);
    *request = exchange;
    move_link(http, exchange->link, DOOR_BODY);
    if (!http_head_is_clear(connection, version))
        return refuse_head(exchange);
    return announces_too_much(connection) ? refuse(exchange, 413) : MHD_YES;
}

/* MHD_NO hangs up. */
static enum MHD_Result take_bytes(struct http_exchange *exchange, const char *data,
                                  size_t length)
{
    exchange->length += length;
    if (exchange->length > DISCARD_MAX ||
        g_get_monotonic_time() - exchange->began_us > DOOR_BODY_SECONDS * G_USEC_PER_SEC)
        return MHD_NO;
    if (exchange->length > HTTP_BODY_MAX || exchange->overheld)
        return MHD_YES;
    exchange->overheld = !http_hold(exchange, length);
    if (!exchange->overheld)
        g_byte_array_append(exchange->incoming, (const guint8 *)data, (guint)length);
    return MHD_YES;
}

static enum MHD_Result hand_over(struct http_exchange *exchange)
{
    const struct http_handler *handler = &exchange->http->handler;
    if (exchange->length > HTTP_BODY_MAX)
        return refuse(exchange, 413);
    if (exchange->overheld)
        return refuse(exchange, 429);
    exchange->body = g_byte_array_free_to_bytes(g_steal_pointer(&exchange->incoming));
    exchange->taken = true;
    move_link(exchange->http, exchange->link, DOOR_OURS);
    MHD_suspend_connection(exchange->connection);
    handler->take(handler->context, exchange);
    return MHD_YES;
}

enum MHD_Result http_on_access(void *context, struct MHD_Connection *connection,
                               const char *url, const char *method, const char *version,
                               const char *data, size_t *length, void **request)
{
    struct http_exchange *exchange = *request;
    if (!exchange)
        return take_head(context, connection, url, method, version, request);
    if (*length > 0) {
        size_t count = *length;
        *length = 0;
        return take_bytes(exchange, data, count);
    }
    if (exchange->replied)
        return queue_reply(exchange);
    return exchange->taken ? MHD_YES : hand_over(exchange);
}

void http_on_completed(void *context, struct MHD_Connection *connection, void **request,
                       enum MHD_RequestTerminationCode code)
{
    struct http *http = context;
    struct http_exchange *exchange = *request;
    if (!exchange)
        return;
    http->handler.over(http->handler.context, exchange,
                       exchange->replied ? exchange->reply.status : 0);
    move_link(http, exchange->link, DOOR_HEAD);
    if (http_is_old(http, connection)) /* also a stream's, which began before it was */
        shutdown(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                     ->connect_fd,
                 SHUT_RDWR);
    exchange_free(exchange);
    *request = NULL;
}

/* What an address counts as; NULL: a proxy.  g_free it. */
static char *dup_whence(const struct http *http, const struct sockaddr *address)
{
    return is_proxy(http, address) ? NULL : http_address_whence(address);
}

/* An MHD_AcceptPolicyCallback.  libmicrohttpd sees that a connection was shut down, and closes
 * it. */
enum MHD_Result http_on_accept(void *context, const struct sockaddr *address,
                               socklen_t length)
{
    struct http *http = context;
    int fd;
    g_autofree char *whence = dup_whence(http, address);
    g_mutex_lock(&http->mutex);
    bool good = door_admit(http->door, whence, &fd);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    g_mutex_unlock(&http->mutex);
    return good ? MHD_YES : MHD_NO;
}

void http_on_connection(void *context, struct MHD_Connection *connection,
                        void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct http *http = context;
    const struct sockaddr *address = MHD_get_connection_info(
                                         connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
                                         ->client_addr;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                 ->connect_fd;
    g_autofree char *whence = dup_whence(http, address);
    g_mutex_lock(&http->mutex);
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = door_enter(http->door, whence, fd, g_get_monotonic_time());
    else
        door_leave(http->door, *socket_context);
    g_mutex_unlock(&http->mutex);
}

/* Decoding is the handler's, which knows what an escaped slash is. */
size_t http_leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}
