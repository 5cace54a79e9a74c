/*
 * rows.h - the ledger's rows as structs: an agent, a server, a command.
 *
 * One table of columns per row.  The ledger loads and stores by it, --json prints by it,
 * and an audit compares by it, so that a new column is one line in ledger.sql, one in a
 * struct and one in a table.  The names are the ledger's, which are the D1 database's where
 * that has them.
 *
 * Pure.  The statuses of a server live here too, since a row is where they are kept.
 */
#pragma once

#include "contract.h"

#include <jansson.h>
#include <stddef.h>

/* What a server is, for people.  `failed` is a create that never had a container. */
enum server_status {
    STATUS_NONE, /* not a status: "this action shows none of its own" */
    STATUS_CREATING,
    STATUS_RUNNING,
    STATUS_STOPPED,
    STATUS_REBUILDING,
    STATUS_DELETING,
    STATUS_DELETED,
    STATUS_PURGED,
    STATUS_FAILED,
    STATUS_MISSING,
    STATUS_COUNT,
};

const char *server_status_name(enum server_status status); /* "creating"; "" for NONE */
enum server_status server_status_from_name(const char *name); /* NONE if it is none */

/* What the newest evidence in the log says about a server's container. */
enum shown { SHOWN_NOTHING, SHOWN_PRESENT, SHOWN_ABSENT };

/* What the log has ever shown of a server's data; kept as a number. */
enum { DATA_NEVER_SEEN, DATA_PLACE_SEEN, DATA_FILES_SEEN };

/* A command without a terminal result, as its server's row remembers it. */
struct open_command {
    char *command_id;
    enum action action;
    bool in_log; /* else only accepted here: what the log says is judged without it */
};

struct agent_row {
    char *id;
    char *name;
    char *steam_zomboid_registry;
    char *server_data_path;
    char *engine_id;         /* pinned when first seen; NULL before */
    int64_t partitions;      /* of its commands topic, fixed when that was made */
    char *held;              /* why no command for it is taken; NULL: they are */
    char *on_missing;        /* "show" or "start" */
    int64_t mass_absence_at; /* CONTRACT_NONE: no such mark */
    int64_t last_event_at;   /* append time; CONTRACT_NONE: never heard of */
    int64_t created_at;
    int64_t updated_at;
};

struct server_row {
    /* the record: what was asked */
    char *id;
    char *agent_id;
    char *name;
    char *profile;
    char *config;       /* a JSON object of strings; secret, only the ledger has it */
    char *config_names; /* a JSON array: which values the log says there are */
    char *image;        /* NULL: the agent's registry */
    char *image_tag;
    int64_t game_port; /* 0: none */
    int64_t udp_port;
    int64_t rcon_port;
    char *server_data_path; /* NULL: the agent's */
    char *on_missing;       /* "show" or "start"; NULL: the agent's */
    int64_t created_at;
    int64_t updated_at; /* of the record, not of what happened to it; it only grows */
    int64_t deleted_at; /* CONTRACT_NONE: not deleted */
    char *container;    /* the container's name */
    char *data_dir;
    char *spec_digest;

    /* what it is */
    enum server_status status;
    enum server_status settled_status; /* what it is when nothing is open or missing */
    int64_t status_at;                 /* append time of the event that last changed it */
    int64_t missing_since;             /* append time; CONTRACT_NONE: not missing */
    enum maybe data_exists;
    bool data_gone; /* there was some, and it is not there any more */
    bool drift;     /* the container was made from another spec than the record's */

    /* the container as last shown */
    char *container_id; /* the recorded one; NULL: none */
    enum container_status container_status;
    char *container_image;
    char *container_spec;
    int64_t started_at;
    int64_t finished_at;
    int64_t exit_code;
    bool oom_killed;
    int64_t restart_count;
    char *health;
    char *container_remarks; /* words, a space between: what its worker says of it */
    char *container_mounts;  /* JSON: those of the last one that was shown */

    /* the last terminal result */
    char *last_command_id;
    char *last_action;
    char *last_outcome;
    char *last_code;
    char *last_message;
    int64_t last_at; /* append time */

    bool recorded;     /* a Record of it is in the log, else only asked for here */
    bool meant_to_run; /* by the last command that has taken effect: see fold.c */

    /* bookkeeping for presence.c */
    int64_t partition;      /* of the agent's commands topic */
    bool container_seen;    /* shown since the last create, delete or purge */
    enum shown shown;       /* by the newest evidence */
    int64_t command_offset; /* of the command of the last result; CONTRACT_NONE: none */
    int64_t data_seen;      /* DATA_…_SEEN */
    int64_t data_at; /* worker's clock: when a command last had to do with its data */
    GPtrArray *open; /* struct open_command, oldest first; a table of its own */
};

struct command_row {
    char *command_id;
    char *server_id; /* NULL: a sync */
    char *agent_id;
    char *action;
    char *actor;
    char *reason;
    char *target; /* a cancel's, or NULL */
    int64_t issued_at;
    int64_t expires_at;
    int64_t
        recorded_at; /* append time of its Record; CONTRACT_NONE: not in the log yet */
    int64_t accepted_at;
    int64_t finished_at; /* append time of its terminal result */
    char *outcome;       /* "" before its first result */
    char *code;
    char *message;
    bool recovered;
    bool already;
    bool rolled_back;
    char *result; /* the last result as JSON, or NULL */
};

/* A worker, by its last heartbeat.  Not of the log: heartbeats are compacted away. */
struct worker_row {
    char *id; /* "agent/worker" */
    char *agent_id;
    char *worker;
    char *engine_id;
    int64_t heard_at; /* append time */
    int64_t interval_ms;
    int64_t started_at;
    char *host;
    char *version;
    char *engine_version;
    char *partitions; /* "0,3" */
    int64_t queued;
    bool draining;
    char *
        reads; /* fingerprints of the command schemas that it reads, by comma; "": not told */
    int64_t
        clock_skew_ms; /* its clock is so far ahead of the log's; CONTRACT_NONE: not known */
};

enum column_kind {
    COLUMN_TEXT,             /* char *, never NULL */
    COLUMN_TEXT_OPTIONAL,    /* char * or NULL */
    COLUMN_INTEGER,          /* int64_t */
    COLUMN_INTEGER_OPTIONAL, /* int64_t or CONTRACT_NONE */
    COLUMN_BOOL,             /* bool, 0 or 1 */
    COLUMN_MAYBE,            /* enum maybe: NULL, 0 or 1 */
    COLUMN_STATUS,           /* enum server_status, by name */
    COLUMN_CONTAINER,        /* enum container_status, by name */
    COLUMN_SHOWN,            /* enum shown, as a number */
};

enum column_flags {
    COLUMN_LOG = 1,    /* the log alone determines it */
    COLUMN_HIDDEN = 2, /* bookkeeping or secret: not for show and list */
};

struct column {
    const char *name;
    enum column_kind kind;
    size_t offset;
    unsigned flags;
};

struct table {
    const char *name; /* in the ledger; its first column is the key */
    size_t size;      /* of the struct */
    const struct column *columns;
    size_t n_columns;
};

extern const struct table table_agents, table_servers, table_commands, table_workers;

/* Strings "" or NULL, optional numbers CONTRACT_NONE. */
void *row_new(const struct table *table);
void row_free(const struct table *table, void *row); /* NULL is fine; not `open` */
/* Whether all columns that have one of `flags` are the same (0: all columns). */
bool row_equal(const struct table *table, const void *a, const void *b, unsigned flags);
void row_copy(const struct table *table, void *to, const void *from);
void column_copy(const struct column *column, void *to, const void *from);
/* What is not hidden, as a flat object.  Owned by the caller. */
json_t *row_to_json(const struct table *table, const void *row);
json_t *column_to_json(const struct column *column, const void *row);
bool column_equal(const struct column *column, const void *a, const void *b);
char **column_text(const struct column *column, const void *row);
int64_t *column_integer(const struct column *column, const void *row);

struct agent_row *agent_row_new(void);
struct server_row *server_row_new(void);
struct agent_row *agent_row_dup(const struct agent_row *agent);
struct command_row *command_row_dup(const struct command_row *command);
struct server_row *server_row_dup(const struct server_row *server);
struct command_row *command_row_new(void);
struct worker_row *worker_row_new(void);
void agent_row_free(struct agent_row *agent);
void server_row_free(struct server_row *server);
void command_row_free(struct command_row *command);
void worker_row_free(struct worker_row *worker);

/* The open command of this id, or NULL; borrowed. */
struct open_command *server_row_open(const struct server_row *server,
                                     const char *command_id);
/* Again with `in_log`: it is in the log now. */
void server_row_add_open(struct server_row *server, const char *command_id,
                         enum action action, bool in_log);
void server_row_drop_open(struct server_row *server, const char *command_id);
/* Whether a command of it is open in the log. */
bool server_row_is_pending(const struct server_row *server);

/* What was given for the image, NULL: nothing.  A tag or digest in `image` becomes image_tag's,
 * so that the next --image-tag replaces it; what contradicts itself is left for resolve() to
 * refuse. */
void server_row_put_image(struct server_row *server, const char *image, const char *tag);

/* Whether its container is known by its id alone: it bears no label of ours, until a rebuild
 * makes one that does. */
bool server_row_is_adopted(const struct server_row *server);

/* Replaces a string field: frees the old one, copies the new one (NULL stays NULL). */
void row_set(char **field, const char *value);

typedef struct agent_row AgentRow;
typedef struct server_row ServerRow;
typedef struct command_row CommandRow;
typedef struct worker_row WorkerRow;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentRow, agent_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerRow, server_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CommandRow, command_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkerRow, worker_row_free)
