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

#include "container.h"
#include "request.h"

enum step {
    STEP_PULL,
    STEP_DIRECTORIES,
    STEP_NETWORKS,
    STEP_CREATE,
    STEP_CONNECT,
    STEP_START,
    STEP_SETTLE,
    STEP_UNPAUSE,
    STEP_SAVE,
    STEP_STOP,
    STEP_REMOVE,
    STEP_REMOVE_MADE, /* undo of a create that could not be started */
    STEP_PURGE,
    STEP_SET_ASIDE,  /* rebuild: rename the old one away */
    STEP_REMOVE_OLD, /* rebuild: it has served */
    STEP_PUT_BACK,   /* rebuild's undo */
    STEP_COUNT,
};

/* What a job knows while it goes on. */
struct facts {
    const struct command *command; /* borrowed */
    struct container *seen;        /* the server's container when last looked at */
    bool fresh;                    /* nothing was changed since that look */
    int api;                       /* minor version, see docker_api() */
    enum maybe image_here;
    bool pulled;
    bool directories_made;
    GPtrArray *networks_here; /* char *, or NULL: not asked yet */
    bool networks_locked;     /* this job alone makes networks on this host now */
    unsigned acted;           /* how often the running step has changed something */
    unsigned waited;          /* how often it has asked to wait */
    char *exec_id;            /* the save command's */
    bool exec_ended;
    enum maybe saved;
    enum maybe killed;
    enum maybe data_exists; /* before anything was made */
};
void facts_clear(struct facts *facts);

enum ask {
    ASK_NOTHING, /* it is so: the step is over */
    ASK_LOOK,    /* inspect the container first */
    ASK_ENGINE,  /* send `request` */
    ASK_HOST,    /* directory work or a lock: `host` */
    ASK_WAIT,    /* come back after `wait_ms` */
    ASK_REFUSE,  /* it cannot be: `refusal` */
};

enum host_work { HOST_MAKE_DIRECTORIES, HOST_LOCK_NETWORKS };

struct want {
    struct request *request;
    enum host_work host;
    int64_t wait_ms;
    struct refusal refusal;
};

/* A step nobody carries out yet has no function and is refused as CODE_UNSUPPORTED. */
bool step_is_carried_out(enum step step);
enum ask step_ask(enum step step, struct facts *facts, struct want *ret_want);
/* Takes note of an answer that is good news (DONE, ALREADY, ABSENT, CONFLICT).  False: the
 * answer could not be read, `ret_refusal` is set. */
bool step_told(enum step step, struct facts *facts, enum verdict verdict,
               const struct reply *reply, struct refusal *ret_refusal);

const char *step_name(enum step step); /* "pull" */
/* Whether a job in this step waits for something slow that is not the engine's CPU. */
bool step_is_patient(enum step step);

/* The request that looks at a command's container. */
struct request *step_look_request(const struct command *command);
