/*
 * docker.h - HTTP to the local Docker Engine over its unix socket, without blocking.
 *
 * The only place that knows libcurl.  It carries requests and brings back replies and
 * lines; what they mean is said elsewhere (container.h, verdict.h, pull.h).  The loop of
 * the worker waits in docker_wait(), which is curl_multi_poll() with the loop's own
 * descriptors beside the sockets.
 *
 * Lanes of their own (request.h), so that none waits for another: changes, stops, reads,
 * pulls; streams (the event stream) are in none.  Within a lane requests go out in order.
 *
 * Requests that change something use a fresh connection: libcurl silently repeats a POST
 * when a reused connection dies unanswered (CURLOPT_FRESH_CONNECT).
 *
 * The body of an answer that is no success (not 2xx) is in the reply, also where lines
 * were asked for.  In DOCKER_STREAM the first line is empty: it says that the stream is
 * open, however long it stays quiet.  Paths are given escaped: g_uri_escape_string().
 *
 * Bodies are bounded: 1 MiB for a reply, 32 MiB for a list; a line of a stream 256 KiB.
 * An answer over the limit is ANSWER_BROKEN with a sentence.
 */
#pragma once

#include "request.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct docker_limits {
    unsigned at_once[DOCKER_LANES]; /* 0: no limit */
};

struct docker;
struct docker *docker_new(const char *socket_path, const struct docker_limits *limits);
/* Ends all transfers (an engine goes on with what it was told, but ends pulls). */
void docker_free(struct docker *docker);
/* The API that is spoken from now on: 41 for v1.41. */
void docker_set_api(struct docker *docker, int minor);
int docker_api(const struct docker *docker);

/* Queues it; takes ownership.  The ticket names its reply and its lines; never 0. */
uint64_t docker_send(struct docker *docker, struct request *request);
/* Drops a request wherever it is; no reply will come.  0 is fine. */
void docker_cancel(struct docker *docker, uint64_t ticket);

struct docker_fd {
    int fd;
    bool ready; /* set by docker_wait() */
};
/* Moves all transfers on, and waits at most `timeout_ms` for them, for one of `fds` to be
 * readable, or for docker_wake(); returns early when there are replies or lines. */
void docker_wait(struct docker *docker, struct docker_fd *fds, size_t n_fds,
                 int timeout_ms);
void docker_wake(struct docker *docker); /* from any thread */

/* What has come, oldest first: a line (until NULL) and then replies (until NULL).  A
 * stream's lines come before its reply. */
char *docker_next_line(struct docker *docker, uint64_t *ret_ticket); /* g_free it */
struct reply *docker_next_reply(struct docker *docker);

typedef struct docker Docker;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Docker, docker_free)
