/*
 * job_host.h - a job's errand on a thread: for job_host.c, job_sources.c and job_purge.c alone.
 */
#pragma once

#include "host_mark.h"
#include "job.h"
#include "neighbours.h"

#include <gio/gio.h>

struct host_lock;

struct host_errand {
    struct job *job; /* not for the thread */
    enum host_work work;
    const struct policy *policy; /* held: the site may get another one meanwhile */
    const struct facts *facts;   /* stand still while the job waits for it */
    const struct command *command;
    struct owner_name owner;
    char *lock_name;  /* networks: by the engine's id */
    int cancel;       /* atomic: nobody waits for a lock any more */
    int64_t stall_ms; /* of another's that holds a lock */
    char *user;       /* directories: of the container */
    GString *remark;  /* likewise: what a person should know */
    bool others_wanted;
    bool sources_checked;
    bool old_checked;
    bool purge_found;
    enum maybe data_exists;
    bool data_empty;
    struct host_lock *lock;
    struct neighbours *others; /* a start's: remembered, or read by it; held */
    GError *error;
};

/* NULL with the errand's error; the errand's. */
const struct neighbours *host_errand_neighbours(struct host_errand *errand);
/* An error that takes its text; false. */
bool host_errand_refuse(struct host_errand *errand, char *why_taken);

/* job_sources.c */
void host_errand_make_directories(struct host_errand *errand);
void host_errand_check_sources(struct host_errand *errand);
void host_errand_check_old_sources(struct host_errand *errand);

/* job_purge.c */
void host_errand_check_purge(struct host_errand *errand);
void host_errand_purge(struct host_errand *errand);
