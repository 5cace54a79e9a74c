/*
 * container.h - a container as the engine shows it, and the JSON that asks for one.
 *
 * Pure: reads and makes the engine's JSON (Docker Engine API v1.41 … v1.5x), talks to
 * nobody.  Foreign JSON is bounded by the caller (docker.h) and by jansson's depth limit;
 * fields that are missing or of another type are an error that names them only where we
 * cannot do without them (Id, Name, State.Status), otherwise they are empty.  A status that
 * we do not know, of a newer engine, is CONTAINER_UNKNOWN; never absent, never exited.
 */
#pragma once

#include "contract.h"
#include "policy.h"

/* A network of the engine; of one that is made anew under its name, the id is another. */
struct engine_network {
    char *name;
    char *id;      /* "" where the engine does not say */
    char *created; /* as the engine writes it; NULL: not asked */
    bool ours;     /* bears our label; likewise */
};
struct engine_network *engine_network_new(const char *name, const char *id);
void engine_network_free(struct engine_network *network);
/* The one of that name, or NULL; borrowed. */
const struct engine_network *engine_network_find(const GPtrArray *networks,
                                                 const char *name);

struct container {
    enum container_status status; /* CONTAINER_ABSENT: everything else is empty */
    char *id;
    char *name; /* without the leading slash */
    char *image;
    char *image_id;
    char *agent_id; /* of our labels, "" where it has none */
    char *server_id;
    char *command_id;
    char *spec_digest;
    char *canonical; /* LABEL_CONTAINER */
    char *
        reach; /* how its processes reach the host ("runs privileged"), or ""; not in a list */
    bool managed;  /* LABEL_MANAGED is "true" */
    bool anothers; /* container_disown_others(): of another agent of Muster's */
    bool running;  /* State.Running: also while paused or restarting */
    char *user; /* Config.User, of the image or of the spec; "" for root, and in a list */
    char *restart_policy;
    int64_t restart_retries; /* of on-failure; 0: without end */
    GPtrArray *networks;     /* struct engine_network, as it knows those that it is on */
    GPtrArray *mounts;       /* struct mounted */
    GPtrArray *ports;        /* struct port, as configured (HostConfig.PortBindings) */
    int64_t started_at;      /* ms, CONTRACT_NONE if never */
    int64_t finished_at;
    /* State.StartedAt as the engine wrote it, for exact comparison; at most 35 characters,
     * "" if it is no time. */
    char *started_text;
    int64_t exit_code; /* CONTRACT_NONE if it never ended */
    bool oom_killed;
    int64_t restart_count;
    char *health; /* "" without a check */
    char *error;  /* State.Error */
};

struct container *container_new(void); /* absent */
void container_free(struct container *container);

/* GET /containers/{id}/json. */
struct container *container_parse(const char *json, size_t length, GError **error);
/* GET /containers/json?all=1: an array of struct container.  What a list lacks (exit code
 * but as text, started_at, restart count, health) stays empty. */
GPtrArray *container_parse_list(const char *json, size_t length, GError **error);

/* GET /volumes: name → the directory of the host that a volume of the local driver binds
 * (o=bind), char * both; other volumes are not in it.  g_hash_table_unref() it. */
GHashTable *container_parse_volumes(const char *json, size_t length, GError **error);

/* Two agents may share an engine, and a server's id is only a name: LABEL_AGENT_ID says whose a
 * container is.  One that bears another agent's is that agent's, whatever else its labels say:
 * it is not listed, not missing, not extra, not started and not removed by us, its directories
 * and volumes are another server's.  One without the label, made before there was one or by
 * hand, is his in whose commands its server is: as if it bore ours. */
bool container_is_of(const struct container *seen, const char *agent_id);

/* Whose is the container that bears a server's name? */
enum whose {
    WHOSE_NOBODYS, /* there is none */
    WHOSE_OURS, /* labelled with this server and of this agent, or named by spec.adopt */
    WHOSE_FOREIGN, /* anybody else's: never touched */
};
enum whose container_whose(const struct container *seen, const struct command *command);

/* What is another agent's of a list (struct container) loses our labels: it is a container like
 * any that somebody has made, and `anothers` besides. */
void container_disown_others(GPtrArray *containers, const char *agent_id);

/* The canonical container of its label: managed, a server id, and its own name. */
bool container_is_canonical(const struct container *seen);

/* Where the engine keeps the log of a container that names no driver. */
enum engine_logs {
    ENGINE_LOGS_UNKNOWN,   /* Podman, or not said: no log is bounded by us */
    ENGINE_LOGS_ELSEWHERE, /* Docker, in another driver than json-file */
    ENGINE_LOGS_IN_FILES,  /* Docker's json-file, which has no bound of its own */
};

/* What a container is made by beside its command. */
struct terms {
    const struct policy *policy; /* what it is confined to */
    enum engine_logs logs;
    int api; /* minor version: 41, 44, … */
};

/* Body of POST /containers/create for this command: our labels added, Mounts (never Binds),
 * what the policy confines it to, all networks from API 1.44 on, the first alone below.  `volumes`
 * (struct volume) are those of keep_volumes(); each is in the place of a mount of the spec. */
char *container_create_body(const struct command *command, const GPtrArray *volumes,
                            const struct terms *terms);
/* Body of POST /networks/create, with CheckDuplicate. */
char *container_network_body(const struct network *network);
/* The image as the engine wants it, always with a tag or a digest: "repository:tag", or
 * "repository@sha256:…" if there is a digest; reference.h says how both fields are read. */
char *container_image_reference(const struct spec *spec);

/* What events say of it; of an unlabelled one `found`, ports and mounts too. */
struct state *container_state(const struct container *seen, enum maybe data_exists);

/* A line of GET /events (type container, network noise filtered by the caller). */
struct engine_event {
    char *action; /* "start", "die", "destroy", "rename", "health_status: healthy", … */
    char *container_id;
    char *name;     /* without slash */
    char *agent_id; /* labels, or "" */
    char *server_id;
    int64_t exit_code; /* of "die", else CONTRACT_NONE */
    int64_t time_ns;   /* timeNano */
};
void engine_event_free(struct engine_event *event);
struct engine_event *engine_event_parse(const char *line, size_t length, GError **error);

typedef struct container Container;
typedef struct engine_event EngineEvent;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Container, container_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EngineEvent, engine_event_free)
