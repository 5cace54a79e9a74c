/*
 * verdict.h - the engine's answers in our words; the only place where that is decided.
 *
 * A table over (what was asked, HTTP status, text), a sentence per row.  Texts are those of
 * Engine 20.10 to 29, which says much with status 500 that is final.  Pure.
 */
#pragma once

#include "contract.h"
#include "policy.h"

/* What was asked of the engine. */
enum asked {
    ASKED_LOOK,     /* GET /containers/{}/json */
    ASKED_IMAGE,    /* GET /images/{}/json */
    ASKED_PULL,     /* POST /images/create; for errors inside the stream: status 200 */
    ASKED_NETWORKS, /* GET /networks */
    ASKED_NETWORK,  /* POST /networks/create */
    ASKED_NETWORK_REMOVE, /* DELETE /networks/{}, of two of a name */
    ASKED_CREATE,
    ASKED_CONNECT, /* POST /networks/{}/connect */
    ASKED_START,
    ASKED_UNPAUSE,
    ASKED_RENAME,
    ASKED_UPDATE, /* POST /containers/{}/update */
    ASKED_STOP,
    ASKED_KILL,
    ASKED_REMOVE,
    ASKED_EXEC,          /* POST /containers/{}/exec, /exec/{}/start, GET /exec/{}/json */
    ASKED_LIST,          /* GET /containers/json */
    ASKED_CHANGES,       /* GET /containers/{}/changes */
    ASKED_VOLUMES,       /* GET /volumes */
    ASKED_VOLUME_REMOVE, /* DELETE /volumes/{} */
    ASKED_LOG,           /* GET /containers/{}/logs */
    ASKED_ENGINE,        /* GET /version, /info, /_ping, /events: the watch asks them */
    ASKED_COUNT,
};

enum verdict {
    VERDICT_DONE,     /* it is so now */
    VERDICT_ALREADY,  /* it was so before */
    VERDICT_ABSENT,   /* there is no such thing (container, image): the step decides */
    VERDICT_CONFLICT, /* the name is taken: look whose it is */
    VERDICT_RETRY, /* may pass by itself: again after a pause, a bounded number of times */
    VERDICT_UNKNOWN, /* it may have happened: look before anything else */
    VERDICT_REFUSED, /* final; the refusal says why */
};

/* How the transport went, in docker.h's words. */
enum answer {
    ANSWER_HTTP,        /* `status` and `text` are the engine's */
    ANSWER_UNREACHABLE, /* certainly not delivered: no socket, connection refused */
    ANSWER_BROKEN,      /* the connection ended without a whole answer */
    ANSWER_TIMEOUT,     /* our deadline passed */
};

/* `text`: the engine's message (or the raw body where it is no JSON; or the transport's
 * error), may be NULL.  `ret_refusal` is filled for REFUSED, and for ABSENT, CONFLICT, RETRY
 * and UNKNOWN too: it is the result if no step takes those as good news and the tries run
 * out.  DONE and ALREADY leave it as it is. */
enum verdict verdict_of(enum asked asked, enum answer answer, int status,
                        const char *text, struct refusal *ret_refusal);

/* {"message": "…"} → its text, else the body itself, cut at 1,000 characters and made valid
 * UTF-8; g_free it. */
char *verdict_text(const char *body, size_t length);
/* What an answer is judged by: of good news nothing, since a long list is not to be read twice;
 * else the engine's text, or the transport's error; g_free it. */
char *verdict_answer_text(enum answer answer, int status, const char *body, size_t length,
                          const char *error);
const char *asked_name(enum asked asked);
const char *verdict_name(enum verdict verdict);
