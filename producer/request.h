/*
 * request.h - taking a request: the record's change, the command and its Record event, all
 * in one transaction of the ledger.
 *
 * Nothing is sent here; relay.c does, once the ledger has it.  A request applies its own
 * Record event by the fold, the same that ingest runs when the event comes back, so that
 * both agree by construction.
 */
#pragma once

#include "codec.h"
#include "ledger_log.h"
#include "ledger_rows.h"

#define REQUEST_ERROR (request_error_quark())
GQuark request_error_quark(void);
enum request_error {
    REQUEST_ERROR_REFUSED,   /* not in this status, the name is taken, … */
    REQUEST_ERROR_NOT_FOUND, /* no such agent, server or profile */
};

/* The name under which a request may be repeated (HTTP's Idempotency-Key). */
struct once {
    const char *key;
    const char *digest; /* of all that was asked */
};

struct request {
    enum action action;
    const char *actor;  /* who asks: "cli:root" */
    const char *reason; /* in their words, may be "" */
    int64_t now;        /* wall clock, ms */
    int64_t expires_ms; /* 0: the action's own */
    bool fresh;
    bool start; /* restore: start afterwards */
    bool skip_save;
    bool unmarked; /* purge: also data that does not bear its mark */
    bool
        as_found; /* adopt: with a profile of its own, that keeps the container as it is */
    bool dry_run;   /* adopt: say what would be, and do nothing */
    bool keep_data; /* only while it is missing, and only with the data that is there */
    enum pull pull;
    enum server_status only_if; /* NONE; else refused if it is not that any more */
    const char *target;         /* cancel: NULL for the newest open command */
    const struct once *once;    /* NULL; else kept with what was queued */
};

/* What was queued. */
struct queued {
    char *command_id; /* NULL: an event alone */
    char *server_id;
    char *agent_id;
    char *event_id;      /* of the Record */
    json_t *proposal;    /* of a dry run: the record that it would be; or NULL */
    json_t *differences; /* sentences: what a rebuild would change of an adopted one */
};
struct queued *queued_new(const char *command_id, const char *server_id,
                          const char *agent_id, const char *event_id);
void queued_free(struct queued *queued);
/* Notes how this server's container, if it is an adopted one, is not what its record asks for. */
bool queued_note_differences(struct queued *queued, struct ledger *ledger,
                             const struct server_row *server, GError **error);
typedef struct queued Queued;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Queued, queued_free)

/* Ends a request's transaction, with what was queued kept under its `once`. */
bool request_commit(struct ledger *ledger, const struct request *request,
                    const GPtrArray *all, GError **error);
bool request_commit_one(struct ledger *ledger, const struct request *request,
                        const struct queued *queued, GError **error);
/* What was kept so (struct queued), or NULL and an error. */
GPtrArray *request_recall(const char *kept, GError **error);

/* Makes a server of `draft` (record fields and agent_id; the rest is filled in) and queues
 * its create. */
struct queued *request_create(struct ledger *ledger, struct codec *codec,
                              struct server_row *draft, const struct request *request,
                              GError **error);
/* Queues any other action for a server. */
struct queued *request_action(struct ledger *ledger, struct codec *codec,
                              const char *server_id, const struct request *request,
                              GError **error);
/* Stores the changed record fields of a server; queues its Record, no command. */
struct queued *request_change(struct ledger *ledger, struct codec *codec,
                              const struct server_row *changed,
                              const struct request *request, GError **error);
/* Takes a server that was there before this ledger (imported, adopted), with the id, status
 * and container_id of `server`, which is changed to the row as stored; queues its Record.
 * Within a transaction; names are not checked. */
bool request_bring(struct ledger *ledger, struct codec *codec, struct server_row *server,
                   const struct request *request, char **ret_event_id, GError **error);
/* One sync command per partition: struct queued. */
GPtrArray *request_sync(struct ledger *ledger, struct codec *codec, const char *agent_id,
                        const struct request *request, GError **error);
/* A new agent (created_at 0), or one whose record fields have changed. */
struct queued *request_agent(struct ledger *ledger, struct codec *codec,
                             struct agent_row *agent, const struct request *request,
                             GError **error);
/* Whether request_agent() would take it, before topics are made for it. */
bool request_check_agent(struct ledger *ledger, const struct agent_row *agent,
                         GError **error);
/* The Record of an agent as it is; `before`: as it was, NULL if it is new.  Within a
 * transaction. */
bool request_agent_record(struct ledger *ledger, struct codec *codec,
                          const struct agent_row *before, const struct agent_row *agent,
                          const struct request *request, char **ret_event_id,
                          GError **error);
