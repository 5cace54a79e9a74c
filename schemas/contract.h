/*
 * contract.h - what control plane and workers say to each other, in one page.
 *
 * A control plane asks: it writes a *command* for one *server* into the topic of the
 * server's *agent* (a Docker host).  A *worker* on that host takes it, looks at the
 * container, carries out the *steps* that are missing, and answers with *events* in one
 * topic that is kept for ever:
 *
 *     Record   what was asked, written by the control plane with the command
 *     Result   how a command goes: accepted, progress, then exactly one terminal outcome
 *     State    one server's container as the engine shows it, or its absence
 *     Sync     all containers of one partition as one list of the engine shows them
 *
 * "Which servers are missing?" is a pure function of that topic (producer/presence.h).
 *
 * The structs here are the records of the .avsc files, field by field and under the same
 * names; shape.c holds the table that binds them.  Rules for all of them:
 *
 *   - Times are wall clock, milliseconds since 1970 UTC, fields end in _at.
 *   - Optional numbers are CONTRACT_NONE when absent, optional strings and records NULL.
 *   - Strings are UTF-8.  Arrays are GPtrArrays that own their elements, never NULL in a
 *     struct made by x_new() or by the codec.
 *   - Values of env are secrets: they travel in commands only, never in an event, a log
 *     line or an error.
 *
 * This file does no I/O and knows no library but GLib.
 */
#pragma once

#include "codes.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CONTRACT_NONE INT64_MIN /* an optional number that is absent */

/* --- Words ------------------------------------------------------------------------- */

/* What can be asked.  Travels as a string, so that a worker can refuse by name what it
 * does not know; ACTION_UNKNOWN is that case. */
enum action {
    ACTION_UNKNOWN,
    ACTION_CREATE,
    ACTION_START,
    ACTION_STOP,
    ACTION_RESTART,
    ACTION_REBUILD,
    ACTION_RECREATE,
    ACTION_RESTORE,
    ACTION_DELETE,
    ACTION_PURGE,
    ACTION_CANCEL,
    ACTION_SYNC,
    ACTION_COUNT,
};

/* How a command goes.  Everything from OUTCOME_DONE on is terminal: a command has exactly
 * one of those in the log. */
enum outcome {
    OUTCOME_ACCEPTED, /* begun: from here on it is finished or rolled back, never expired */
    OUTCOME_PROGRESS,  /* at most one a second, e.g. a pull */
    OUTCOME_DONE,      /* the container is as asked; `already` tells that it was before */
    OUTCOME_FAILED,    /* tried; `code` and `message` say why */
    OUTCOME_REJECTED,  /* never tried: unknown, malformed, forbidden, wrong host */
    OUTCOME_EXPIRED,   /* never tried: not begun by expires_at */
    OUTCOME_CANCELLED, /* ended by a cancel */
    OUTCOME_COUNT,
};

/* A container's status in Docker's words, and two of ours at either end. */
enum container_status {
    CONTAINER_UNKNOWN, /* the engine did not answer about it in time */
    CONTAINER_ABSENT,  /* the engine says that there is none */
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_RESTARTING,
    CONTAINER_REMOVING,
    CONTAINER_EXITED,
    CONTAINER_DEAD,
    CONTAINER_STATUS_COUNT,
};

/* yes, no, or nobody looked. */
enum maybe { MAYBE_UNKNOWN, MAYBE_NO, MAYBE_YES };

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_COUNT };

/* When to ask the registry for the image. */
enum pull {
    PULL_BY_ACTION, /* create and rebuild: always; the others: if the image is not here */
    PULL_ALWAYS,
    PULL_MISSING,
    PULL_NEVER,
    PULL_COUNT,
};

/* What made a worker list its engine. */
enum sync_reason {
    SYNC_ON_START,      /* the worker came up */
    SYNC_ON_ASSIGNMENT, /* it got the partition */
    SYNC_ON_COMMAND,    /* a sync command, named in `cause` */
    SYNC_ON_ENGINE,     /* the engine was away, or events of it were lost */
    SYNC_ON_CHANGE,     /* the list differs from what the events have told */
    SYNC_ON_TIME,       /* every 15 minutes */
    SYNC_REASON_COUNT,
};

/* What a Record event is about. */
enum record_kind {
    RECORD_COMMAND, /* a command was queued; `server` is the record it was made from */
    RECORD_SERVER,  /* a server's record was made or changed without a command */
    RECORD_AGENT,   /* an agent was made or changed */
    RECORD_LOST, /* the command in `cause` has left the topic unanswered: it is closed */
    RECORD_RELEASE, /* a person released the agent's mass_absence mark */
    RECORD_KIND_COUNT,
};

const char *action_name(enum action action);    /* "create" */
enum action action_from_name(const char *name); /* ACTION_UNKNOWN if it is none */
const char *outcome_name(enum outcome outcome); /* "done" */
bool outcome_is_terminal(enum outcome outcome);
const char *container_status_name(enum container_status status);
enum container_status container_status_from_name(const char *name);
const char *maybe_name(enum maybe maybe); /* "unknown", "no", "yes" */
const char *protocol_name(enum protocol protocol);
const char *pull_name(enum pull pull);
const char *sync_reason_name(enum sync_reason reason);
const char *record_kind_name(enum record_kind kind);

/* --- Names on the bus -------------------------------------------------------------- */

#define TOPIC_EVENTS     "muster.events"
#define TOPIC_HEARTBEATS "muster.heartbeats"
#define TOPIC_DEADLETTER "muster.deadletter"
#define HEADER_TRACEPARENT \
 "traceparent" /* W3C Trace Context, passed from command to events */

/* Header of a Record: the id of the ledger that has written it. */
#define HEADER_LEDGER "muster-ledger"
#define COMMANDS_KEPT_MS   \
 (INT64_C(7) * 24 * 3600 * \
  1000) /* commands and control, unless somebody changes their topics */

char *topic_commands(const char *agent_id); /* "muster.commands.<agent>"; g_free it */
char *topic_control(const char *agent_id);  /* "muster.control.<agent>"; g_free it */
char *group_workers(const char *agent_id);  /* "muster.worker.<agent>"; g_free it */

/* The partition of a key: Kafka's DefaultPartitioner for keyed records, that is
 * toPositive(murmur2(key)) % partitions.  `partitions` > 0. */
int32_t partition_of(const char *key, int32_t partitions);
/* An agent's events are in one partition of muster.events: elsewhere somebody else has written
 * it.  A sentence that says so, g_free it; NULL: it is where it belongs. */
struct event;
char *event_misplaced(const struct event *event, int32_t partitions, int32_t partition);

/* The labels that make a container ours. */
#define LABEL_MANAGED     "muster.managed" /* "true" */
#define LABEL_AGENT_ID    "muster.agent.id"
#define LABEL_SERVER_ID   "muster.server.id"
#define LABEL_SERVER_NAME "muster.server.name"
#define LABEL_CONTAINER   "muster.container"  /* the canonical name; others are extra */
#define LABEL_COMMAND_ID  "muster.command.id" /* the command that made it */
#define LABEL_SPEC        "muster.spec"       /* spec.digest at that time */
#define LABEL_PREFIX      "muster."           /* a spec's own labels may not begin so */

/* --- The spec: a container, completely described ------------------------------------ */

struct pair {
    char *key;
    char *value;
};

struct network {
    char *name;
    bool internal; /* made so if absent: no way out, and a faster stop */
};

struct mount {
    char *host_path; /* absolute, inside the worker's data roots */
    char *container_path;
    bool read_only;
    bool make_directory; /* make host_path if it is not there */
};

struct port {
    char *host_ip; /* "" for all */
    int64_t host_port;
    int64_t container_port;
    enum protocol protocol;
};

struct stop {
    char *signal;      /* "SIGTERM"; "" for the image's own */
    int64_t timeout_s; /* from the signal to SIGKILL */
    GPtrArray *save;   /* char *; argv run inside before the signal; empty: none */
    int64_t save_timeout_s;
};

struct resources { /* 0: no limit */
    int64_t memory_bytes;
    int64_t nano_cpus; /* 1,000,000,000 is one CPU */
    int64_t pids;
};

struct tmpfs { /* in memory, empty at each start */
    char *container_path;
    int64_t size_bytes; /* 0: half of the host's memory */
    char *mode;         /* octal, "1777"; "": the engine's default */
    bool exec;          /* programs in it may be run */
};

struct ulimit {
    char *name;   /* as setrlimit(2) has it, without RLIMIT_: "nofile" */
    int64_t soft; /* -1: none */
    int64_t hard;
};

struct logging {        /* where the engine keeps what the container prints */
    char *driver;       /* "" for the engine's default */
    GPtrArray *options; /* struct pair, sorted by key */
};

struct health_check { /* 0: the engine's default */
    GPtrArray
        *test; /* char *: CMD and argv, CMD-SHELL and a line, NONE; empty: the image's */
    int64_t interval_s;
    int64_t timeout_s;
    int64_t start_period_s;
    int64_t retries;
};

struct
    volume { /* the engine's own, by name; made, and marked as the server's, if absent */
    char *name;
    char *container_path;
    bool read_only;
};

struct spec {
    char *server_name;
    char *container; /* the container's name */
    char *data_dir;  /* the directory that purge removes; "" for none */
    char *image;     /* repository, with the registry's host */
    char *image_tag;
    char *digest;        /* of this spec, keyed by the control plane; opaque to workers */
    GPtrArray *env;      /* struct pair, sorted by key; values are secret */
    GPtrArray *labels;   /* struct pair, sorted by key */
    GPtrArray *networks; /* struct network; the first is the container's main one */
    GPtrArray *mounts;   /* struct mount */
    GPtrArray *ports;    /* struct port */
    char *restart_policy; /* Docker's word: "no", "unless-stopped", … */
    struct stop *stop;
    struct resources *resources;
    char *
        owner; /* "1000:1000" of made directories; "": the user that the container runs as */
    char *user;            /* "" for the image's own */
    GPtrArray *entrypoint; /* char *; empty: the image's own */
    GPtrArray *command;    /* char *; empty: the image's own */
    bool open_stdin;       /* for programs that end when their input does */
    bool tty;
    char *hostname;     /* "" for the engine's choice */
    GPtrArray *tmpfs;   /* struct tmpfs */
    int64_t shm_bytes;  /* of /dev/shm; 0: the engine's default */
    GPtrArray *ulimits; /* struct ulimit */
    struct logging *logging;
    struct health_check *health;
    GPtrArray *volumes; /* struct volume */
    GPtrArray *kept; /* struct volume: its last container's, as the log tells; keep.h */
    GPtrArray *disposable; /* char *; places in the container's own layer that may go */
    char *adopt; /* id of an unlabelled container that is this server's, or NULL */
};

/* --- Command ------------------------------------------------------------------------ */

struct options {
    enum pull pull;
    bool start;     /* restore: start afterwards */
    bool fresh;     /* begin with new data although the old is known to be gone */
    bool skip_save; /* do not run the save command before a stop */
    bool unmarked;  /* purge data that does not bear the server's mark, too */
};

struct command {
    char *command_id; /* UUIDv7 */
    char *agent_id;
    char *engine_id; /* the agent's pinned engine, or NULL while none was seen */
    char *server_id; /* NULL only in a sync */
    char *action;    /* see enum action */
    int64_t issued_at;
    int64_t expires_at; /* not begun by then: expired; always set */
    char *actor;        /* who asked */
    char *reason;       /* in their words, may be "" */
    struct spec *spec;  /* NULL in sync and cancel */
    struct options *options;
    char *target; /* cancel: the command id to cancel; else NULL */
};

/* --- Event -------------------------------------------------------------------------- */

/* The command that made this event happen, and where it lies. */
struct cause {
    char *command_id; /* "" if it could not be decoded */
    char *action;
    char *actor;
    char *topic;
    int64_t partition;
    int64_t offset; /* CONTRACT_NONE in a Record: its place is not known yet */
};

struct server_record { /* the ledger's columns, under the ledger's names */
    char *name;
    char *profile;
    char *image; /* NULL: the agent's registry */
    char *image_tag;
    int64_t game_port;
    int64_t udp_port;
    int64_t rcon_port;
    char *server_data_path;  /* NULL: the agent's */
    GPtrArray *config_names; /* char *; the names of config, never its values */
    char *status;
    char *container_id; /* NULL: none is known */
    enum maybe data_exists;
    int64_t created_at;
    int64_t updated_at;
    int64_t deleted_at; /* CONTRACT_NONE: not deleted */
    char *on_missing;   /* "show" or "start"; NULL: as its agent has it */
    struct spec *spec;  /* env has names and empty values; NULL before the first */
};

struct agent_record {
    char *name;
    char *steam_zomboid_registry;
    char *server_data_path;
    char *engine_id; /* NULL: not seen yet */
    int64_t partitions;
    char *on_missing; /* "show" or "start"; "" is "show" */
    int64_t created_at;
    int64_t updated_at;
};

struct record {
    enum record_kind kind;
    struct server_record *server; /* or NULL */
    struct agent_record *agent;   /* or NULL */
    int64_t expires_at;           /* RECORD_COMMAND; else CONTRACT_NONE */
    struct options *options;      /* RECORD_COMMAND; else NULL */
    char *target;                 /* a cancel's; else NULL */
    char *reason;
    char *code;  /* RECORD_LOST: how the command ends; "" is CODE_LOST */
    char *actor; /* who asked, if there is no command: that has its own in `cause` */
    GPtrArray
        *changed; /* char *: fields of a row that was there; config.NAME, no values */
};

/* Words of a State's remarks; a newer worker may know more. */
#define STATE_RESTARTING "restarting"
#define STATE_OOM_KILLED "oom_killed"

struct mounted {  /* what is mounted into a container */
    char *type;   /* Docker's word: "bind", "volume", "tmpfs" */
    char *name;   /* of a volume, else "" */
    char *source; /* on the host; in a State "" for a volume */
    char *container_path;
    bool read_only;
};

struct state {
    enum container_status status;
    char *container_id; /* NULL: absent, or never seen */
    char *container;    /* its name, without Docker's slash */
    char *image;        /* as it was asked for: repository:tag */
    char *image_id;     /* "sha256:…" of the image's configuration */
    GPtrArray *ports;   /* struct port, as published */
    int64_t started_at;
    int64_t finished_at;
    int64_t exit_code; /* CONTRACT_NONE while it never ended */
    bool oom_killed;
    int64_t restart_count;
    char *health;      /* Docker's word; "" if the image has no check */
    char *command_id;  /* of its label: the command that made it; "" if unlabelled */
    char *spec_digest; /* of its label */
    enum maybe data_exists;
    GPtrArray *remarks; /* char *: STATE_RESTARTING, …; see worker/pace.h */
    GPtrArray *mounts;  /* struct mounted: volumes, and an unlabelled container's binds */
};

/* An accepted Result's one step: its name is what redelivery must know, for whoever finds the
 * committed metadata gone. */
#define STEP_DID_BEGIN "begin"

struct step_report {
    char *name; /* "pull", "create", … */
    char *did;  /* "done", "already", "failed" */
    int64_t ms; /* from the first request to the last answer */
    int64_t retries;
};

struct result {
    enum outcome outcome;
    char *code;             /* CODE_…; "" when all is well */
    char *message;          /* one sentence that a person can act on */
    GPtrArray *steps;       /* struct step_report */
    bool recovered;         /* the container was gone and has been made again */
    bool already;           /* nothing had to be done */
    bool rolled_back;       /* a rebuild failed, the old container is back */
    bool drift;             /* the container was made from an older record */
    enum maybe data_exists; /* as found, before anything was made */
    bool data_empty; /* its directory was there, without a file in it (data_exists: no) */
    enum maybe saved;
    enum maybe killed;
    struct state *state; /* as seen afterwards; NULL if nobody could look */
};

struct listed { /* one server in a sync */
    char *server_id;
    struct state *state;
};

struct found {          /* one container or directory that is no server's canonical one */
    char *server_id;    /* of its label; "" if it has none */
    char *container_id; /* "" for a directory */
    char *name;         /* container name, or the directory's path */
    char *status;       /* Docker's word; "" for a directory */
    char *image;
    /* of a container without our labels: */
    GPtrArray *mounts;     /* struct mounted */
    GPtrArray *ports;      /* struct port */
    GPtrArray *env_names;  /* char *; beyond the image's, never values */
    GPtrArray *entrypoint; /* char *; where it is not the image's */
    GPtrArray *command;    /* char *; where it, or the entrypoint, is not the image's */
    char *restart_policy;  /* "": nobody looked */
};

/* Of extra[] and of unmanaged[]: a sync has to fit a record.  One that has so many may have
 * left some out. */
#define CONTAINER_SHORT 12 /* hex digits of an id that people write, and databases keep */

struct sync {
    char *sync_id;
    int64_t partition; /* of the agent's commands topic: the servers it covers */
    int64_t partitions;
    enum sync_reason reason;
    int64_t listed_at; /* when the list was asked for */
    bool complete;     /* only then it proves anything */
    int64_t chunk;     /* 0 … chunks - 1, all in one transaction */
    int64_t chunks;
    int64_t seen; /* commands below this offset had been received when it was asked for */
    GPtrArray *servers;   /* struct listed */
    GPtrArray *pending;   /* char *, server ids about which it says nothing */
    GPtrArray *unknown;   /* char *, server ids that the engine did not tell in time */
    GPtrArray *extra;     /* struct found: bear a server's label but not its name */
    GPtrArray *unmanaged; /* struct found: no label, a name with our prefix */
    GPtrArray *data;      /* struct found: directories under the data roots */
    GPtrArray *others;    /* char *, short ids of all containers in none of these lists */
    char *code;           /* CODE_SYNC_FAILED when not complete; else "" */
    char *message;
};

struct event {
    char *event_id; /* UUIDv7 */
    char *agent_id;
    char *server_id; /* NULL: about no single one */
    char *worker;    /* the slot; "" if the control plane wrote it */
    char *engine_id; /* "" likewise */
    int64_t at;
    struct cause *cause; /* NULL: no command made it happen */
    /* exactly one of these: */
    struct record *record;
    struct result *result;
    struct state *state;
    struct sync *sync;
};

/* --- Beside the log ----------------------------------------------------------------- */

#define HEARTBEAT_MOST_MS (60 * 60 * 1000) /* between two */
struct heartbeat {
    char *agent_id;
    char *worker;
    char *engine_id; /* "" while the engine has not answered */
    int64_t at;
    int64_t interval_ms;
    int64_t started_at;
    char *host;
    char *version;         /* of the worker */
    char *engine_version;  /* "20.10.24, API 1.41" */
    GPtrArray *partitions; /* char *, "commands 0"-style numbers as text: "0", "3" */
    GPtrArray *reads;      /* char *, fingerprints of the command schemas it can read */
    int64_t queued;        /* commands received and not ended */
    bool draining;
};

struct deadletter {
    char *agent_id;
    char *worker;
    int64_t at;
    char *topic; /* where the record lies */
    int64_t partition;
    int64_t offset;
    char *code;
    char *message;
    int64_t length; /* of the whole value, bytes */
    char *sha256;   /* of the whole value, hex */
    GBytes *bytes;  /* its first 64 KiB */
};

/* --- Life of the structs ------------------------------------------------------------ */

/* x_new(): strings "" (optional ones NULL), arrays empty, optional numbers CONTRACT_NONE,
 * required records made.  x_free() takes NULL. */
struct command *command_new(void);
struct spec *spec_new(void);
struct event *event_new(void);
struct record *record_new(void);
struct server_record *server_record_new(void);
struct agent_record *agent_record_new(void);
struct result *result_new(void);
struct state *state_new(void);
struct sync *sync_new(void);
struct heartbeat *heartbeat_new(void);
struct deadletter *deadletter_new(void);
void command_free(struct command *command);
void spec_free(struct spec *spec);
void event_free(struct event *event);
void record_free(struct record *record);
void server_record_free(struct server_record *server);
void agent_record_free(struct agent_record *agent);
void result_free(struct result *result);
void state_free(struct state *state);
void sync_free(struct sync *sync);
void heartbeat_free(struct heartbeat *heartbeat);
void deadletter_free(struct deadletter *deadletter);

struct spec *spec_dup(const struct spec *spec);
struct state *state_dup(const struct state *state);

/* Elements for the arrays; strings are copied. */
struct pair *pair_new(const char *key, const char *value);
const char *pairs_get(const GPtrArray *pairs, const char *key); /* borrowed, or NULL */
void pairs_set(GPtrArray *pairs, const char *key,
               const char *value); /* keeps the order */
struct listed *listed_new(const char *server_id, struct state *state_taken);
struct found *found_new(void);
struct step_report *step_report_new(const char *name, const char *did, int64_t ms);
struct network *network_new(const char *name, bool internal);
struct mount *mount_new(const char *host_path, const char *container_path);
struct mounted *mounted_new(const char *type, const char *name, const char *source,
                            const char *container_path, bool read_only);
struct port *port_new(int64_t host_port, int64_t container_port, enum protocol protocol);
/* Whether a host could not have both: the same number and protocol, and addresses that are the
 * same or one of which is all of them ("", "0.0.0.0", "::"). */
bool ports_clash(const struct port *a, const struct port *b);
struct tmpfs *tmpfs_new(const char *container_path);
struct ulimit *ulimit_new(const char *name, int64_t soft, int64_t hard);
struct volume *volume_new(const char *name, const char *container_path);

/* A fresh UUIDv7 (RFC 9562), g_free it.  `now_ms` is the wall clock; the random part comes
 * from the system. */
char *uuid7_new(int64_t now_ms);
/* The time that a UUIDv7 bears, in ms since 1970; CONTRACT_NONE: it is none. */
int64_t uuid7_ms(const char *id);

/* g_autoptr(Command) command = …; the typedefs exist for g_autoptr alone. */
typedef struct command Command;
typedef struct spec Spec;
typedef struct event Event;
typedef struct record Record;
typedef struct server_record ServerRecord;
typedef struct agent_record AgentRecord;
typedef struct result Result;
typedef struct state State;
typedef struct sync Sync;
typedef struct heartbeat Heartbeat;
typedef struct deadletter Deadletter;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Command, command_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spec, spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Event, event_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Record, record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerRecord, server_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentRecord, agent_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Result, result_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(State, state_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sync, sync_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Heartbeat, heartbeat_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Deadletter, deadletter_free)
