/*
 * request.h - what is said to the engine and what it answers, as values.
 *
 * Pure: steps make requests, docker.c carries them.
 */
#pragma once

#include "verdict.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Requests wait for others of their lane only. */
enum docker_lane {
    DOCKER_CHANGE, /* uses the engine's CPU: create, start, remove, … */
    DOCKER_STOP,   /* waits for the container more than for the engine: stop, a save */
    DOCKER_READ,
    DOCKER_PULL,
    DOCKER_STREAM, /* no limit: the event stream */
    DOCKER_LANES,
};

struct request {
    enum asked asked; /* for the log and for verdict_of() */
    enum docker_lane lane;
    const char *method;  /* "GET", "POST", "DELETE"; static */
    char *path;          /* "/containers/json?all=1", without the version prefix */
    char *body;          /* JSON, or NULL */
    char *registry_auth; /* X-Registry-Auth, or NULL; secret */
    bool unversioned;    /* no "/v1.NN" in front: /version */
    bool lines;        /* hand out the body line by line as it comes (a stream, a pull) */
    int64_t max_bytes; /* of the body; 0: 1 MiB; not for lines */
    int64_t timeout_ms;    /* for the whole answer; 0: none */
    int64_t first_byte_ms; /* until the answer begins; 0: none */
    int64_t stall_ms;      /* between two pieces of the answer; 0: none */
};
struct request *request_new(enum asked asked, enum docker_lane lane, const char *method,
                            const char *path_format, ...) G_GNUC_PRINTF(4, 5);
void request_free(struct request *request);

struct reply {
    uint64_t ticket;
    enum asked asked;
    enum answer answer;
    int status; /* HTTP, with ANSWER_HTTP */
    char *body; /* NUL-terminated; "" with lines */
    size_t length;
    char *error;  /* the transport's sentence, or NULL */
    bool stalled; /* ANSWER_TIMEOUT by first_byte_ms or stall_ms */
    int64_t ms;   /* from the wire's start to the end; waiting in the lane not counted */
};
void reply_free(struct reply *reply);

typedef struct request Request;
typedef struct reply Reply;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Request, request_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reply, reply_free)
