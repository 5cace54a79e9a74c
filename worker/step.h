/*
 * step.h - the steps, each a pure pair of questions: what do you need, and what was that?
 *
 * A step says what it needs and is come back to; job.c is the one driver of all steps.  Every
 * step looks before it acts, so that doing it twice is doing it once: it asks for nothing
 * when the container already is as the step would make it.
 *
 * Pure: requests are values, docker.c sends them.
 */
#pragma once

#include "aside.h"
#include "container.h"
#include "request.h"

enum step {
    STEP_TIDY,       /* settle what an earlier rebuild has left */
    STEP_SWEEP,      /* remove what has served and could not be removed then */
    STEP_CHECK_KEPT, /* what would be lost is found before anything is changed */
    STEP_PULL,
    STEP_DIRECTORIES,
    STEP_NETWORKS,
    STEP_SET_ASIDE, /* rebuild: the old one gets another name */
    STEP_UNPAUSE,
    STEP_SAVE,
    STEP_STOP,
    STEP_CREATE,
    STEP_CONNECT,
    STEP_START,
    STEP_SETTLE,
    STEP_REMOVE,
    STEP_REMOVE_OLD,  /* rebuild: it has served */
    STEP_REMOVE_MADE, /* undo of a create that could not be started */
    STEP_PUT_BACK,    /* undo of a rebuild */
    STEP_CHECK_PURGE, /* what would stop the purge is found before the container goes */
    STEP_PURGE,
    STEP_REMOVE_VOLUMES, /* of a purged server */
    STEP_COUNT,
};

/* What a job knows while it goes on. */
struct facts {
    const struct command *command; /* borrowed */
    struct container *seen;        /* the server's container when last looked at */
    char *old_id;                  /* one that a rebuild has, or may have, set aside */
    struct container *old;         /* when last looked at; NULL: it is not aside */
    GPtrArray *listed;  /* struct container, of the server's label, or NULL: not asked */
    bool listed_now;    /* nothing was changed since that list */
    bool wants_list;    /* the next look begins with the list */
    GHashTable *passed; /* ids of leftovers that could not be settled: left as they are */
    bool was_aside;     /* this command's rebuild had set the old one aside */
    bool
        removal_failed; /* what has served cannot be removed now: it is marked, and left */
    bool start_refused; /* the old one is to come back, but cannot be started */
    bool adopted_gone;  /* spec.adopt names nothing (any more): look by name */
    bool ran;           /* before this command, or before the rebuild that it settles */
    bool rested;        /* stopped so that it can be renamed, see step_rebuild.c */
    bool resumed; /* from a pause: what the engine counts of restarts is of before it */
    bool policy_stays; /* the engine cannot change a container's restart policy */
    bool fresh;        /* nothing was changed since these looks */
    double patience; /* factor of the spans in which the engine is waited for; 0: as 1 */
    const char *left_id; /* STEP_SWEEP: of the one to remove; borrowed */
    bool left_by_force;
    int api; /* minor version, see docker_api() */
    enum engine_logs logs;
    const struct policy *policy; /* borrowed, for as long as a step is asked */
    enum maybe image_here;
    bool pulled;
    GPtrArray *kept;          /* struct volume, of the containers that were looked at */
    GPtrArray *image_volumes; /* char *, places of the image's VOLUMEs; NULL: not asked */
    bool directories_made;
    bool volumes_looked_at; /* create: those that the spec names are this server's */
    bool directories_given; /* to whom the container runs as, or it is said why not */
    char *remark;           /* what a person should know of a job that is done, or NULL */
    GPtrArray *networks_here;  /* struct engine_network, or NULL: not asked yet */
    bool networks_locked;      /* this job alone makes networks on this host now */
    bool network_late;         /* one was asked for, and may be made yet */
    char *network_going;       /* id of one of two of a name, or NULL */
    GPtrArray *networks_stuck; /* char *, ids of such that the engine does not remove */
    char *everything; /* the engine's lists, to see who else mounts what of the host */
    size_t everything_length;
    char *volumes;
    size_t volumes_length;
    bool others_wanted;   /* directories: not without these lists */
    bool sources_checked; /* nobody else's are in or around them, and they are in place */
    bool old_checked;     /* likewise those of the old one that is to be started again */
    bool purge_checked;
    bool purged;
    bool purge_found; /* there was something to remove */
    bool kept_checked;
    bool log_asked; /* for why it has not stayed up */
    char *denied;   /* what in its log can come from the host's policy, or NULL */
    GPtrArray *volumes_going; /* char *, those of a purged server; NULL: not listed yet */
    unsigned volumes_removed; /* of those */
    unsigned acted;           /* how often the running step has changed something */
    unsigned waited;          /* how often it has asked to wait */
    char *exec_id;            /* the save command's */
    bool exec_ended;
    enum maybe saved;
    enum maybe killed;
    enum maybe data_exists; /* before anything was made */
    bool data_empty;        /* it was no, and the directory was there */
};
void facts_clear(struct facts *facts);
/* A span in which the engine is waited for, as long as this job has patience. */
int64_t step_span(const struct facts *facts, int64_t ms);

enum ask {
    ASK_NOTHING, /* it is so: the step is over */
    ASK_LOOK,    /* inspect the container first */
    ASK_ENGINE,  /* send `request` */
    ASK_HOST,    /* directory work or a lock: `host` */
    ASK_WAIT,    /* come back after `wait_ms` */
    ASK_REFUSE,  /* it cannot be: `refusal` */
};

enum host_work {
    HOST_LOOK_AT_DATA,
    HOST_MAKE_DIRECTORIES,
    HOST_GIVE_DIRECTORIES,
    HOST_LOCK_NETWORKS,
    HOST_CHECK_SOURCES,
    HOST_CHECK_OLD_SOURCES, /* of the old one, which a rollback starts again */
    HOST_CHECK_PURGE,
    HOST_PURGE,
};

struct want {
    struct request *request;
    enum host_work host;
    int64_t wait_ms;
    struct refusal refusal;
};

enum ask step_ask(enum step step, struct facts *facts, struct want *ret_want);
/* Takes note of an answer that is good news (DONE, ALREADY, ABSENT, CONFLICT), and of any to
 * a save's requests.  False: it ends the job, `ret_refusal` is set. */
bool step_told(enum step step, struct facts *facts, enum verdict verdict,
               const struct reply *reply, struct refusal *ret_refusal);

const char *step_name(enum step step); /* "pull" */
/* Whether it has another way when the engine does not remove what it should: only a delete
 * and a purge have to see it gone. */
bool step_can_do_without(enum step step, const struct facts *facts);
/* What the host's policy keeps from a container that this command has made, if `text` says that
 * something was denied: a sentence for people; g_free it.  Else NULL. */
char *step_why_denied(const struct facts *facts, const char *text, size_t length);
/* Whether a job in this step waits for something slow that is not the engine's CPU. */
bool step_is_patient(enum step step);

/* The requests that look: at the server's container, at one set aside, and for one. */
struct request *step_look_request(const struct facts *facts);
struct request *step_look_old_request(const struct facts *facts);
struct request *step_find_request(const struct facts *facts);
/* Takes note of what they showed; `seen` is taken and may be absent. */
void step_saw(struct facts *facts, struct container *seen_taken);
void step_saw_old(struct facts *facts, struct container *old_taken);
/* Takes what bears the server's label, and notes the id of one that was set aside and is to
 * be settled: this command's own first. */
void step_saw_all(struct facts *facts, GPtrArray *containers_taken);
/* Another container of the server that runs, by whatever name, or NULL; borrowed. */
const struct container *step_other_running(const struct facts *facts);
/* Another that is there, and is more than a remainder, or NULL; borrowed. */
const struct container *step_other(const struct facts *facts);
/* It is broken, or is being removed: nothing of it can come back. */
bool step_is_going(const struct container *container);
/* Why nothing is started beside it. */
void step_second(struct refusal *ret_refusal, const struct container *other);
/* The leftover stays as it is: the command goes on without it. */
void step_pass_over(struct facts *facts);
/* `old` was set aside by another command than this one. */
bool step_has_leftover(const struct facts *facts);
/* After the undo of a rebuild: the old one bears its name, and runs if it did. */
bool step_old_is_back(const struct facts *facts);
/* What was seen under the name is the server's. */
bool step_is_ours(const struct facts *facts);
/* The id of the server's own container, "" if there is none; borrowed. */
const char *step_own_id(const struct facts *facts);
