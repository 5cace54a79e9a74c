/*
 * peer.h - the scripted engine (scripted-engine, Python) as a C test's peer.
 *
 * A peer is a process with a socket of its own in a temporary directory.  Its side door
 * (engine_server.py) is asked with blocking requests that have nothing to do with the
 * docker under test.  What goes wrong here ends the test program.
 */
#pragma once

#include "docker.h"

#include <jansson.h>

struct peer;

/* NULL after g_test_skip(): this machine has no /usr/bin/python3. */
struct peer *peer_start(const char *api, const char *min_api);
void peer_stop(struct peer *peer);
const char *peer_socket(const struct peer *peer);
GPid peer_pid(const struct peer *peer);

/* Docker's paths (unversioned) and the side door's; 2xx or the program ends.  The
 * answer's JSON (NULL if it has none); json_decref it. */
json_t *peer_ask(struct peer *peer, const char *method, const char *path,
                 const char *body);
/* The same where the answer does not matter. */
void peer_tell(struct peer *peer, const char *method, const char *path, const char *body);
/* Adds one rule (engine_faults.py). */
void peer_script(struct peer *peer, const char *rule);
/* How many requests have come whose path contains `part`. */
unsigned peer_count(struct peer *peer, const char *method, const char *part);
/* Makes a container of the image game:1, not started. */
void peer_create(struct peer *peer, const char *name);

/* A lonely docker's loop: until the reply of `ticket`, at most 30 s.  Lines are dropped.
 * */
struct reply *docker_reply_of(struct docker *docker, uint64_t ticket);

typedef struct peer Peer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Peer, peer_stop)
