/*
 * http_run.c - HTTP as a whole: its limits, its start, its certificates, its end.
 *
 * A certificate cannot be changed in a daemon of libmicrohttpd; so for a new one there is a new
 * daemon on the same socket, and the one before ends once its clients are gone.
 */
#include "http_parts.h"

#include "http_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX     2048
#define LINKS_LEAST   64
#define ONE_OF        4   /* an address may have a fourth of them */
#define LEAVING       64  /* connections that were ended and are not gone yet */
#define FDS_KEPT      256 /* for the ledger, the bus and those that leave */
#define BYTES_MAX     (64 * 1024 * 1024)
#define BYTES_MAX_ONE (8 * 1024 * 1024)
#define HEAD_MAX      (32 * 1024) /* bytes of a request's first line and headers */
#define IDLE_SECONDS  30
/* Keys that are agreed on for each connection alone: whoever gets at the certificate's later
 * cannot read what was said before. */
#define TLS_ONLY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

/* --- Daemons ------------------------------------------------------------------------------- */

/* Three, and an end. */
static void fill_tls(struct MHD_OptionItem *options, const char *certificate,
                     const char *key)
{
    const struct MHD_OptionItem all[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_ONLY},
        {MHD_OPTION_END, 0, NULL},
    };
    memcpy(options, all, sizeof all);
}

/* By a daemon that listens nowhere. */
static bool check_pair(const char *certificate, const char *key, GError **error)
{
    struct MHD_OptionItem tls[4];
    fill_tls(tls, certificate, key);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_TLS | MHD_USE_NO_LISTEN_SOCKET,
                                                 0, NULL, NULL, http_on_access, NULL,
                                                 MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (daemon) {
        MHD_stop_daemon(daemon);
        return true;
    }
    g_set_error(error, HTTP_ERROR, HTTP_ERROR_USAGE,
                "--tls-cert, --tls-key: these are no certificate and its key, in PEM");
    return false;
}

/* On `address`, or on the socket `listener`, which is the daemon's then. */
static struct MHD_Daemon *start_daemon(struct http *http,
                                       const struct sockaddr_storage *address,
                                       int listener, const char *certificate,
                                       const char *key)
{
    struct MHD_OptionItem tls[4] = {{MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem where[] = {
        listener >= 0 ? (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, listener, NULL}
                      : (struct MHD_OptionItem){MHD_OPTION_SOCK_ADDR, 0,
                                                (void *)(uintptr_t)address},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (certificate) {
        flags |= MHD_USE_TLS;
        fill_tls(tls, certificate, key);
    }
    if (address && address->ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(flags, 0, http_on_accept, http, http_on_access, http,
                            MHD_OPTION_ARRAY, where, MHD_OPTION_CONNECTION_LIMIT,
                            http->limits.links + LEAVING, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)HEAD_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, http,
                            MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, http,
                            MHD_OPTION_UNESCAPE_CALLBACK, http_leave_escaped, NULL,
                            MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

bool http_is_old(struct http *http, struct MHD_Connection *connection)
{
    const struct MHD_Daemon *daemon =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON)->daemon;
    g_mutex_lock(&http->mutex);
    bool old = http->daemon && daemon != http->daemon; /* NULL: it starts just now */
    g_mutex_unlock(&http->mutex);
    return old;
}

bool http_reload(struct http *http, const char *certificate, const char *key,
                 GError **error)
{
    if (!check_pair(certificate, key, error))
        return false;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon,
                                                           MHD_DAEMON_INFO_LISTEN_FD);
    int listener = fcntl(info->listen_fd, F_DUPFD_CLOEXEC, 0);
    struct MHD_Daemon *daemon =
        listener < 0 ? NULL : start_daemon(http, NULL, listener, certificate, key);
    if (!daemon) {
        g_set_error(error, HTTP_ERROR, HTTP_ERROR_TAKEN, "cannot listen again: %s",
                    g_strerror(errno));
        return false;
    }
    g_mutex_lock(&http->mutex);
    struct MHD_Daemon *old = http->daemon;
    http->daemon = daemon;
    g_ptr_array_add(http->old, old);
    g_mutex_unlock(&http->mutex);
    close(MHD_quiesce_daemon(old));
    return true;
}

/* One whose clients are gone, taken out; NULL: there is none. */
static struct MHD_Daemon *take_done(struct http *http)
{
    struct MHD_Daemon *done = NULL;
    g_mutex_lock(&http->mutex);
    for (guint i = 0; i < http->old->len && !done; i++) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(
            http->old->pdata[i], MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
        if (info->num_connections == 0)
            done = g_ptr_array_remove_index(http->old, i);
    }
    g_mutex_unlock(&http->mutex);
    return done;
}

/* --- Limits --------------------------------------------------------------------------------- */

/* As many connections as there are descriptors for, beside those that others need: a ledger
 * that cannot be opened is worse than a client that has to come again. */
struct door_limits http_limits(void)
{
    struct rlimit files;
    guint links = LINKS_LEAST;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = MAX(files.rlim_cur, MIN(files.rlim_max, LINKS_MAX + FDS_KEPT));
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur > LINKS_LEAST + FDS_KEPT)
        links = (guint)MIN(files.rlim_cur - FDS_KEPT, LINKS_MAX);
    return (struct door_limits){links, links / ONE_OF, BYTES_MAX, BYTES_MAX_ONE};
}

/* --- Start and stop ---------------------------------------------------------------------------- */

static bool take_proxies(struct http *http, const GPtrArray *proxies, GError **error)
{
    for (guint i = 0; proxies && i < proxies->len; i++) {
        struct http_network network;
        if (!http_network_parse(proxies->pdata[i], &network, error))
            return false;
        g_array_append_val(http->proxies, network);
    }
    return true;
}

/* Tokens are worth as much as what they may do. */
static bool check_open(const struct http_options *options,
                       const struct sockaddr_storage *address, GError **error)
{
    if (options->certificate)
        return check_pair(options->certificate, options->key, error);
    if (options->insecure || http_address_is_loopback((const void *)address))
        return true;
    g_set_error(
        error, HTTP_ERROR, HTTP_ERROR_USAGE,
        "--listen %s: without TLS, whoever is on the way can read the tokens: give "
        "--tls-cert and --tls-key, or listen on loopback, such as 127.0.0.1:8080; "
        "--insecure if something else protects the way, such as a proxy that "
        "speaks TLS, or a container's port that is published on loopback alone",
        options->listen);
    return false;
}

static struct http *http_new(const struct http_handler *handler)
{
    struct http *http = g_new0(struct http, 1);
    http->listener = -1;
    http->old = g_ptr_array_new();
    http->proxies = g_array_new(FALSE, FALSE, sizeof(struct http_network));
    http->limits = http_limits();
    http->handler = *handler;
    http->door = door_new(&http->limits);
    g_mutex_init(&http->mutex);
    return http;
}

struct http *http_start(const struct http_options *options,
                        const struct http_handler *handler, GError **error)
{
    struct sockaddr_storage address;
    if (!http_listen_address(options->listen, &address, error) ||
        !check_open(options, &address, error))
        return NULL;
    struct http *http = http_new(handler);
    if (!take_proxies(http, options->proxies, error)) {
        http_stop(http);
        return NULL;
    }
    struct MHD_Daemon *daemon = start_daemon(http, &address, -1, options->certificate,
                                             options->key);
    g_mutex_lock(&http->mutex);
    http->daemon = daemon;
    g_mutex_unlock(&http->mutex);
    if (daemon)
        return http;
    g_set_error(error, HTTP_ERROR, HTTP_ERROR_TAKEN,
                "--listen %s: cannot listen there; is the port taken?", options->listen);
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
    for (guint i = 0; i < http->old->len; i++)
        MHD_stop_daemon(http->old->pdata[i]);
    if (http->listener >= 0)
        close(http->listener);
    g_ptr_array_unref(http->old);
    door_free(http->door);
    g_array_unref(http->proxies);
    g_mutex_clear(&http->mutex);
    g_free(http);
}

unsigned http_connections(struct http *http)
{
    g_mutex_lock(&http->mutex);
    unsigned count = door_count(http->door);
    g_mutex_unlock(&http->mutex);
    return count;
}

void http_tick(struct http *http)
{
    g_mutex_lock(&http->mutex);
    g_autoptr(GArray) fds = door_overdue(http->door, g_get_monotonic_time());
    for (guint i = 0; i < fds->len; i++)
        shutdown(g_array_index(fds, int, i), SHUT_RDWR);
    g_mutex_unlock(&http->mutex);
    struct MHD_Daemon *done;
    while ((done = take_done(http)))
        MHD_stop_daemon(done);
}
