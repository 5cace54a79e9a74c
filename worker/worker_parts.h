/*
 * worker_parts.h - what the files of the worker share: for worker*.c alone.
 *
 *     worker.c         the loop
 *     worker_bus.c     notices and records: partitions come and go, commands arrive
 *     worker_engine.c  replies, lines and events of the engine
 *     worker_make.c    setting up, tearing down
 *     worker_metrics.c figures
 *     worker_policy.c  the policy, read again
 */
#pragma once

#include "heartbeat.h"
#include "intake.h"
#include "metrics_http.h"
#include "others.h"
#include "watch.h"
#include "worker.h"

enum { TOPIC_INDEX_COMMANDS, TOPIC_INDEX_CONTROL };

#define SYNC_EVERY_MS (15 * 60000) /* a whole Sync, whatever the list says */

struct worker {
    const struct worker_config *config;
    struct author author;
    char *slot;
    char *engine_id;
    struct host_lock *slot_lock;
    int32_t partitions;
    int32_t events_partition;
    struct codec *codec;
    struct bus_consumer *consumer;
    struct bus_sender *sender;
    struct docker *docker;
    /* None waits for a thread of another kind: a disk may hang, and the bus be asked much. */
    struct errands *errands;   /* of the disk */
    struct errands *questions; /* to the bus */
    struct errands *commits;   /* one thread */
    struct pulls *pulls;
    struct watch *watch;
    struct publisher *publisher;
    struct locks *locks;
    struct others *others;
    struct lanes *lanes;
    struct observer *observer;
    struct inventory *inventory;
    struct cancels *cancels;
    struct heartbeats *heartbeats;
    int64_t log_ms;               /* the log's clock, at this turn */
    struct metrics_http *metrics; /* or NULL */
    int64_t metrics_at;           /* host time of the next text */
    int64_t turn_most_us;         /* the longest turn so far */
    struct intake intake;
    struct takeover *takeover;
    struct assignment *assignment;
    struct log_check *log_check; /* on its way, or NULL */
    bool revoking; /* the partitions are to be given back once no transaction runs */
    bool first_assignment;
    bool draining;
    int64_t drain_until;
    int64_t bus_asked_at; /* host time; when draining: whether it is there; 0: not now */
    int64_t bus_ask_at;   /* host time of the next time */
    bool bus_away;        /* it has not answered */
    int64_t trim_at;      /* host time; INT64_MAX: done */
    int64_t check_at;     /* host time of the next list */
    int64_t sync_at;
    int64_t unmanaged_at;    /* host time of the last event of an unmanaged container */
    int64_t unmanaged_next;  /* host time before which they make no other Sync */
    unsigned unmanaged_told; /* Syncs that they have made of late */
    bool unmanaged_due;      /* the next Sync is also for them */
    const struct policy *policy; /* what is judged by */
    bool reloading;              /* the policy is being read */
    bool reload_again;           /* and was to be read again meanwhile */
    int signal_fd;
    bool stop;
    GError *error;
};

static inline int64_t host_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static inline int64_t wall_ms(void)
{
    return g_get_real_time() / 1000;
}

/* The process cannot go on; the first reason counts.  Takes the error. */
void worker_end(struct worker *worker, GError *error_taken);

/* worker_bus.c: each takes what has come, and moves on what can be moved. */
void worker_take_notices(struct worker *worker);
void worker_end_takeover(struct worker *worker);
void worker_finish_revoke(struct worker *worker);
void worker_take_records(struct worker *worker);
/* While draining: asks, on a thread and again and again, whether the bus is there. */
void worker_ask_bus(struct worker *worker, int64_t now_ms);
/* Asks, on a thread, whether the topics are still those of the assignment, and have not grown. */
void worker_check_log(struct worker *worker);
/* Everything of the old assignment goes; takes the new one, or NULL. */
void worker_set_assignment(struct worker *worker, struct assignment *assignment_taken);

/* worker_engine.c */
void worker_take_answers(struct worker *worker);
void worker_take_news(struct worker *worker);
/* A whole Sync was asked for: what unmanaged containers do next may wait. */
void worker_synced_unmanaged(struct worker *worker, int64_t now_ms);

/* worker_policy.c: on a thread; a policy with an error leaves the old one in its place. */
void worker_reload_policy(struct worker *worker);

/* worker_metrics.c: once a second, if they are served. */
void worker_tell_metrics(struct worker *worker, int64_t now_ms);

/* worker_make.c */
bool worker_set_up(struct worker *worker, GError **error);
void worker_tear_down(struct worker *worker);
