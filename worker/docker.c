/*
 * docker.c - the lanes of requests to the engine, and the place where the loop waits.
 *
 * A request waits in its lane until there is room, becomes a transfer (docker_transfer.c)
 * in curl's multi handle, and ends as a reply.  Deadlines are ours, not curl's, so that
 * they are measured on CLOCK_BOOTTIME and that what lies in the socket counts before they
 * do: a worker that was stopped for a while first reads what came meanwhile.
 *
 * CURLMOPT_MAX_TOTAL_CONNECTIONS is not used: it counts the streams too (measured: a ping
 * waited for the end of a pull).
 */
#include "docker.h"
#include "crash.h"
#include "docker_transfer.h"

#include <limits.h>

#define IDLE_HANDLES 16 /* easy handles kept for the next request */

struct docker {
    char *socket_path;
    CURLM *multi;
    struct wire wire;
    struct docker_limits limits;
    unsigned running[DOCKER_LANES];
    GQueue waiting[DOCKER_LANES]; /* struct transfer, oldest first */
    GPtrArray *on_wire;           /* struct transfer; end() frees them */
    GQueue lines;                 /* struct line */
    GQueue replies;               /* struct reply */
    GPtrArray *idle;              /* CURL * */
    uint64_t last_ticket;
};

/* --- Its life ---------------------------------------------------------------------- */

/* curl closes an idle connection when more than this many are open, busy ones included.
 * */
static void set_connections_kept(struct docker *docker)
{
    long kept = 4;

    for (unsigned lane = 0; lane < DOCKER_LANES; lane++)
        kept += docker->limits.at_once[lane];
    curl_multi_setopt(docker->multi, CURLMOPT_MAXCONNECTS, kept);
}

struct docker *docker_new(const char *socket_path, const struct docker_limits *limits)
{
    struct docker *docker = g_new0(struct docker, 1);

    /* Safe in any thread from libcurl 7.84 on; no TLS is spoken here. */
    curl_global_init(CURL_GLOBAL_NOTHING);
    docker->socket_path = g_strdup(socket_path);
    docker->multi = curl_multi_init();
    g_assert(docker->multi);
    docker->wire = (struct wire){docker->socket_path, 41, &docker->lines};
    for (unsigned lane = 0; lane < DOCKER_LANES; lane++)
        g_queue_init(&docker->waiting[lane]);
    g_queue_init(&docker->lines);
    g_queue_init(&docker->replies);
    docker->on_wire = g_ptr_array_new();
    docker->idle = g_ptr_array_new_with_free_func(curl_easy_cleanup);
    docker->limits = *limits;
    set_connections_kept(docker);
    return docker;
}

void docker_set_api(struct docker *docker, int minor)
{
    docker->wire.api = minor;
}

int docker_api(const struct docker *docker)
{
    return docker->wire.api;
}

/* Takes it off the wire and frees it; its handle is kept for the next one. */
static void end(struct docker *docker, struct transfer *transfer)
{
    CURL *easy = transfer_easy(transfer);

    curl_multi_remove_handle(docker->multi, easy);
    g_ptr_array_remove_fast(docker->on_wire, transfer);
    docker->running[transfer_lane(transfer)]--;
    transfer_free(transfer);
    if (docker->idle->len < IDLE_HANDLES) {
        curl_easy_reset(easy);
        g_ptr_array_add(docker->idle, easy);
    } else {
        curl_easy_cleanup(easy);
    }
}

void docker_free(struct docker *docker)
{
    if (!docker)
        return;
    while (docker->on_wire->len > 0)
        end(docker, docker->on_wire->pdata[0]);
    g_ptr_array_unref(docker->on_wire);
    g_ptr_array_unref(docker->idle);
    curl_multi_cleanup(docker->multi);
    for (unsigned lane = 0; lane < DOCKER_LANES; lane++)
        g_queue_clear_full(&docker->waiting[lane], (GDestroyNotify)transfer_free);
    g_queue_clear_full(&docker->lines, (GDestroyNotify)line_free);
    g_queue_clear_full(&docker->replies, (GDestroyNotify)reply_free);
    g_free(docker->socket_path);
    g_free(docker);
    curl_global_cleanup();
}

/* --- Sending ----------------------------------------------------------------------- */

uint64_t docker_send(struct docker *docker, struct request *request)
{
    struct transfer *transfer = transfer_new(++docker->last_ticket, request);

    g_queue_push_tail(&docker->waiting[request->lane], transfer);
    return docker->last_ticket;
}

static CURL *take_handle(struct docker *docker)
{
    CURL *easy = docker->idle->len > 0
                     ? g_ptr_array_steal_index(docker->idle, docker->idle->len - 1)
                     : curl_easy_init();

    g_assert(easy);
    return easy;
}

static bool has_room(const struct docker *docker, enum docker_lane lane)
{
    unsigned limit = docker->limits.at_once[lane];

    return limit == 0 || docker->running[lane] < limit;
}

static void begin_waiting(struct docker *docker, enum docker_lane lane)
{
    while (has_room(docker, lane) && !g_queue_is_empty(&docker->waiting[lane])) {
        struct transfer *transfer = g_queue_pop_head(&docker->waiting[lane]);
        transfer_begin(transfer, take_handle(docker), &docker->wire, transfer_clock_ms());
        curl_multi_add_handle(docker->multi, transfer_easy(transfer));
        g_ptr_array_add(docker->on_wire, transfer);
        docker->running[lane]++;
    }
}

static bool drop_waiting(struct docker *docker, uint64_t ticket)
{
    for (unsigned lane = 0; lane < DOCKER_LANES; lane++) {
        for (GList *link = docker->waiting[lane].head; link; link = link->next) {
            if (transfer_ticket(link->data) != ticket)
                continue;
            transfer_free(link->data);
            g_queue_delete_link(&docker->waiting[lane], link);
            return true;
        }
    }
    return false;
}

static bool drop_on_wire(struct docker *docker, uint64_t ticket)
{
    for (unsigned i = 0; i < docker->on_wire->len; i++) {
        if (transfer_ticket(docker->on_wire->pdata[i]) != ticket)
            continue;
        end(docker, docker->on_wire->pdata[i]);
        return true;
    }
    return false;
}

static void drop_lines(struct docker *docker, uint64_t ticket)
{
    for (GList *link = docker->lines.head, *next; link; link = next) {
        struct line *line = link->data;
        next = link->next;
        if (line->ticket != ticket)
            continue;
        line_free(line);
        g_queue_delete_link(&docker->lines, link);
    }
}

static void drop_reply(struct docker *docker, uint64_t ticket)
{
    for (GList *link = docker->replies.head; link; link = link->next) {
        struct reply *reply = link->data;
        if (reply->ticket != ticket)
            continue;
        reply_free(reply);
        g_queue_delete_link(&docker->replies, link);
        return;
    }
}

void docker_cancel(struct docker *docker, uint64_t ticket)
{
    if (ticket == 0 || drop_waiting(docker, ticket))
        return;
    if (!drop_on_wire(docker, ticket))
        drop_reply(docker, ticket);
    drop_lines(docker, ticket);
}

/* --- Moving on --------------------------------------------------------------------- */

static void finish(struct docker *docker, struct transfer *transfer, CURLcode code)
{
    g_queue_push_tail(&docker->replies,
                      transfer_reply(transfer, code, transfer_clock_ms()));
    end(docker, transfer);
}

static void finish_ended(struct docker *docker)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(docker->multi, &left))) {
        CURLcode code = message->data.result; /* the message dies with its handle */
        char *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(docker, (struct transfer *)(void *)transfer, code);
    }
}

static void finish_late(struct docker *docker)
{
    int64_t now_ms = transfer_clock_ms();

    for (unsigned i = docker->on_wire->len; i > 0; i--) {
        struct transfer *transfer = docker->on_wire->pdata[i - 1];
        if (transfer_is_late(transfer, now_ms))
            finish(docker, transfer, CURLE_OPERATION_TIMEDOUT);
    }
}

static void move_on(struct docker *docker)
{
    const unsigned before = docker->on_wire->len;
    int running;

    for (enum docker_lane lane = 0; lane < DOCKER_LANES; lane++)
        begin_waiting(docker, lane);
    curl_multi_perform(docker->multi, &running);
    for (unsigned i = before; i < docker->on_wire->len; i++)
        crash_point_of("engine.sent",
                       asked_name(transfer_asked(docker->on_wire->pdata[i])));
    finish_ended(docker);
    finish_late(docker);
}

/* --- Waiting ----------------------------------------------------------------------- */

static bool has_news(const struct docker *docker)
{
    return docker->lines.length > 0 || docker->replies.length > 0;
}

static int time_to_wait(const struct docker *docker, int timeout_ms)
{
    int64_t wait_ms = timeout_ms < 0 ? INT_MAX : timeout_ms;
    int64_t now_ms = transfer_clock_ms();

    if (has_news(docker))
        return 0;
    for (unsigned i = 0; i < docker->on_wire->len; i++)
        wait_ms = MIN(wait_ms, transfer_due(docker->on_wire->pdata[i]) - now_ms);
    return (int)MAX(wait_ms, 0);
}

void docker_wait(struct docker *docker, struct docker_fd *fds, size_t n_fds,
                 int timeout_ms)
{
    g_autofree struct curl_waitfd *waits = g_new0(struct curl_waitfd, n_fds);

    for (size_t i = 0; i < n_fds; i++)
        waits[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = CURL_WAIT_POLLIN};
    move_on(docker);
    curl_multi_poll(docker->multi, waits, (unsigned)n_fds,
                    time_to_wait(docker, timeout_ms), NULL);
    for (size_t i = 0; i < n_fds; i++)
        fds[i].ready = waits[i].revents != 0;
    move_on(docker);
}

void docker_wake(struct docker *docker)
{
    curl_multi_wakeup(docker->multi);
}

/* --- What has come ----------------------------------------------------------------- */

char *docker_next_line(struct docker *docker, uint64_t *ret_ticket)
{
    g_autoptr(Line) line = g_queue_pop_head(&docker->lines);

    if (!line)
        return NULL;
    *ret_ticket = line->ticket;
    return g_steal_pointer(&line->text);
}

struct reply *docker_next_reply(struct docker *docker)
{
    return g_queue_pop_head(&docker->replies);
}
