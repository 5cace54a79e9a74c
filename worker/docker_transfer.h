/*
 * docker_transfer.h - one request on the wire: for docker.c alone.
 *
 * A transfer is queued with its request, begun on an easy handle that docker.c lends it,
 * and ends as a reply.  Its callbacks only take note.
 */
#pragma once

#include "docker.h"

#include <curl/curl.h>

/* A whole line of a body that is handed out as it comes. */
struct line {
    uint64_t ticket;
    char *text;
};
void line_free(struct line *line);

struct wire { /* borrowed by all transfers */
    const char *socket_path;
    int api;       /* minor version */
    GQueue *lines; /* struct line; whole lines are pushed here */
};

struct transfer;

/* Takes ownership of the request. */
struct transfer *transfer_new(uint64_t ticket, struct request *request);
void transfer_free(struct transfer *transfer);

/* CLOCK_BOOTTIME in milliseconds: the clock of everything here. */
int64_t transfer_clock_ms(void);

/* Sets `easy` (fresh or reset) up for this request; it stays the caller's.
 * CURLINFO_PRIVATE is the transfer. */
void transfer_begin(struct transfer *transfer, CURL *easy, const struct wire *wire,
                    int64_t now_ms);
/* NULL before transfer_begin(); borrowed. */
CURL *transfer_easy(const struct transfer *transfer);
uint64_t transfer_ticket(const struct transfer *transfer);
enum docker_lane transfer_lane(const struct transfer *transfer);
enum asked transfer_asked(const struct transfer *transfer);

/* When its next deadline passes; INT64_MAX: it has none. */
int64_t transfer_due(const struct transfer *transfer);
/* Its deadline has passed: end it as CURLE_OPERATION_TIMEDOUT. */
bool transfer_is_late(const struct transfer *transfer, int64_t now_ms);

/* What became of it; the last line without a newline is handed out first. */
struct reply *transfer_reply(struct transfer *transfer, CURLcode code, int64_t now_ms);

typedef struct line Line;
typedef struct transfer Transfer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Line, line_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transfer, transfer_free)
