/*
 * metrics_http.c - a page of text over HTTP.
 */
#include "metrics_http.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <microhttpd.h>
#include <string.h>

#define CONNECTIONS_MAX 16
#define IDLE_SECONDS    10

struct metrics_http {
    struct MHD_Daemon *daemon;
    GMutex mutex;
    char *text;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4");
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
                              const char *url, const char *method, const char *version,
                              const char *data, size_t *data_size, void **request)
{
    struct metrics_http *http = context;
    if (!g_str_equal(url, "/metrics"))
        return answer(connection, MHD_HTTP_NOT_FOUND, "there is only /metrics\n");
    if (!g_str_equal(method, "GET") && !g_str_equal(method, "HEAD"))
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    g_mutex_lock(&http->mutex);
    g_autofree char *text = g_strdup(http->text);
    g_mutex_unlock(&http->mutex);
    return answer(connection, MHD_HTTP_OK, text);
}

static bool parse_address(const char *address, struct sockaddr_in *ret_address)
{
    const char *colon = strrchr(address, ':');
    guint64 port;
    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
        return false;
    g_autofree char *host = colon == address
                                ? g_strdup("127.0.0.1")
                                : g_strndup(address, (gsize)(colon - address));
    *ret_address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
    };
    return inet_pton(AF_INET, host, &ret_address->sin_addr) == 1;
}

struct metrics_http *metrics_http_new(const char *address, GError **error)
{
    struct sockaddr_in socket_address;
    if (!parse_address(address, &socket_address)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "--metrics \"%s\": an IPv4 address and a port are meant, such as "
                    "127.0.0.1:9464, or :9464 for loopback",
                    address);
        return NULL;
    }
    struct metrics_http *http = g_new0(struct metrics_http, 1);
    g_mutex_init(&http->mutex);
    http->text = g_strdup("");
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, handle, http,
        MHD_OPTION_SOCK_ADDR, &socket_address, MHD_OPTION_CONNECTION_LIMIT,
        CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
    if (http->daemon)
        return http;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                "--metrics %s: cannot listen there; is the port taken?", address);
    metrics_http_free(http);
    return NULL;
}

void metrics_http_free(struct metrics_http *http)
{
    if (!http)
        return;
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    g_mutex_clear(&http->mutex);
    g_free(http->text);
    g_free(http);
}

void metrics_http_set(struct metrics_http *http, char *text_taken)
{
    g_mutex_lock(&http->mutex);
    g_free(http->text);
    http->text = text_taken;
    g_mutex_unlock(&http->mutex);
}
