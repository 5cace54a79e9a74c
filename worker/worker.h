/*
 * worker.h - the process on a Docker host: one thread, one loop, no state of its own.
 *
 * What it knows, it reads from the bus and the engine.  It is crash-only: what it cannot go
 * on with ends worker_run() with an error, and a new process goes on from the log.
 */
#pragma once

#include "bus.h"
#include "credentials.h"
#include "ending.h"
#include "policy_source.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct worker_config {
    const char *agent_id;
    const char
        *slot; /* its name among the agent's workers, or NULL: the first free one */
    struct bus *bus;
    const char *docker_socket;
    const char *metrics;         /* address to serve figures at, or NULL */
    const struct policy *policy; /* the first one, of this source */
    struct policy_source policy_source;
    struct credentials_source credentials;
    GPtrArray *name_prefixes; /* char *, of unmanaged containers worth telling */
    unsigned concurrency;     /* engine changes at once; 0: 2 × cores */
    int64_t sync_interval_ms;
    int64_t heartbeat_ms;
    int64_t pull_stall_ms;
    int64_t pull_most_ms;
    int64_t takeover_ms; /* a stalled holder of a partition's lock is killed after that */
    double patience;     /* of jobs with the engine, as a factor */
    int64_t drain_ms;    /* on SIGTERM, running commands have that long to end */
    struct ending *early; /* of signals while it is being set up, which may wait; taken */
};

/* Runs until SIGTERM or SIGINT (true) or until it cannot go on (false); SIGHUP makes it read
 * its policy again.  Those signals must be blocked in all threads before. */
bool worker_run(const struct worker_config *config, GError **error);
