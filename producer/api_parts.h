/*
 * api_parts.h - what the files of the API share: a visit, and how it is answered.
 */
#pragma once

#include "api.h"

#include "backlog.h"
#include "codec.h"
#include "feed.h"
#include "http.h"
#include "hub.h"
#include "ledger.h"
#include "ledger_tokens.h"
#include "limiter.h"
#include "path.h"
#include "request.h"
#include "tally.h"

#include <jansson.h>

/* What one thread works with. */
struct desk {
    struct ledger *ledger;
    struct codec *codec;
};

struct api_figures {
    GHashTable *answers; /* "200" → how many (as a pointer) */
    int64_t refused;     /* for want of a valid token */
    int64_t limited;
};

struct api {
    char *ledger_path;
    struct bus *bus;
    char **cors_origins;
    char *tls_certificate; /* files; NULL: no TLS */
    char *tls_key;
    struct http *http;
    struct hub *hub;
    struct feed *feed;
    struct backlog *backlog;
    GThreadPool *pool;
    GAsyncQueue *desks;
    int64_t check_us;          /* when streams are looked at again; the feed's thread */
    GMutex mutex;              /* of the next */
    struct limiter *failures;  /* by address: requests without a valid token */
    struct limiter *requests;  /* by token */
    struct tally *clients;     /* by address: requests at work */
    struct tally *tokens;      /* by token: the same */
    struct tally *stays;       /* by address: streams and waits */
    struct tally *token_stays; /* by token: the same */
    struct api_figures figures;
    char *trouble;     /* of the loop, or NULL */
    char *topic_fault; /* or NULL */
    char *other;       /* control plane, or NULL */
    int topic_faults;  /* how many topics have one; atomic */
    int readers;       /* of the log, at this moment */
    int open;          /* exchanges that are not over; atomic, as the next */
    int stopping;
};

struct route;
struct visit;

/* How a request that was taken is answered, now or when it is repeated: by what was queued for
 * it (struct queued). */
typedef bool write_answer(struct visit *visit, const GPtrArray *all, GError **error);

/* A request on its way through the API. */
struct visit {
    struct api *api;
    struct http_exchange *exchange;
    const struct route *route;
    char *values[PATH_VALUES]; /* of the words in the route's path */
    GPtrArray *query;          /* name, value, …, decoded */
    struct desk *desk;
    struct token_row *token; /* NULL: the route asks for none */
    enum role role;
    char *actor;      /* "token:NAME" */
    struct once once; /* its Idempotency-Key, if it has one */
    char *digest;
    write_answer *repeat; /* how a repetition is answered, with a key */
    int64_t deadline_us;  /* of a wait; 0: not asked yet */
    bool at_work;         /* counts among its client's */
    bool token_at_work;   /* and among its token's */
    struct stay *stay;    /* or NULL */
    bool *waits; /* to be set before the hub gets it: then it is another thread's */
    struct http_reply reply;
};

/* Answers, by filling `visit->reply`; or an error that api_problem.c turns into an answer. */
typedef bool api_handle(struct visit *visit, GError **error);

struct route {
    const char *method;
    const char *path; /* with {words} */
    const char *operation;
    enum role role; /* the least */
    api_handle *handle;
};
extern const struct route api_routes[];
extern const size_t api_n_routes;

/* --- Answers --------------------------------------------------------------------------- */

#define JSON_TYPE "application/json"

/* Takes `json`; false and no error never. */
bool answer_json(struct visit *visit, unsigned status, json_t *json);
bool answer_text(struct visit *visit, unsigned status, const char *type,
                 char *text_taken);

/* A problem as an answer; `field` may be NULL.  Always true: it is an answer. */
bool answer_problem(struct visit *visit, unsigned status, const char *word,
                    const char *field, const char *detail);
bool answer_problem_format(struct visit *visit, unsigned status, const char *word,
                           const char *field, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
/* "no agent 'x'" and the like. */
bool answer_not_found(struct visit *visit, const char *what, const char *which);
/* The problem that an error is. */
void answer_error(struct visit *visit, const GError *error);
/* Adds what may be asked of the server now to the problem that was answered. */
void answer_possible(struct visit *visit, unsigned actions);
void problem_reply(struct http_reply *reply, unsigned status, const char *word,
                   const char *field, const char *detail);

/* --- Things that several need ------------------------------------------------------------- */

int64_t api_now(void); /* wall clock, ms */
/* The agent, or server on its agent, that the path names; NULL: it is answered, or an
 * error. */
struct agent_row *visit_agent(struct visit *visit, GError **error);
struct server_row *visit_server(struct visit *visit, struct agent_row **ret_agent,
                                GError **error);
/* The agent that a query asks for by `asked`; NULL asks for none.  false: an error. */
bool visit_asked_agent(struct visit *visit, const char *asked,
                       struct agent_row **ret_agent, GError **error);

/* Adds the Link to what comes next: this address, with `parameter` set to `place`. */
void answer_next(struct visit *visit, const char *parameter, const char *place);
/* All about a server; its config as the role may see it. */
bool answer_server(struct visit *visit, const struct server_row *server, GError **error);
/* A path that is no route's for this method: a file of the page, or a no; `methods` has the
 * route's other ones.  false: it is answered. */
bool api_other_path(struct visit *visit, const GPtrArray *methods);
/* Answers 429. */
void too_many(struct visit *visit, int64_t wait_ms);

/* A stream or a wait, which may take long: how many there are is limited by address and by
 * token, so that there is always room for requests. */
struct stay;
/* NULL: it is answered. */
struct stay *stay_begin(struct visit *visit);
void stay_end(struct stay *stay); /* NULL is fine */

/* Neither its client nor its token is held up by it any more. */
void visit_leave_work(struct visit *visit);
/* For a wait that has ended: the visit goes on. */
void visit_resume(void *visit);
/* Ends the streams of tokens that do not count any more.  From the feed's thread. */
void api_check_streams(struct api *api);

/* --- Handlers ------------------------------------------------------------------------------ */

api_handle api_health, api_metrics, api_me, api_file, api_profiles;
api_handle api_agents, api_agent, api_workers, api_agent_found, api_found;
api_handle api_servers, api_agent_servers, api_server;
api_handle api_create, api_change, api_adopt, api_sync, api_start_server, api_stop_server,
    api_restart, api_rebuild, api_recreate, api_restore, api_cancel, api_delete,
    api_purge;
api_handle api_add_agent, api_change_agent, api_release, api_rebind;
api_handle api_commands, api_command, api_timeline, api_history, api_events;
