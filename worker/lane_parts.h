/*
 * lane_parts.h - what the files of the lanes share: for lane*.c alone.
 *
 *     lane.c       queues, and the jobs at their heads
 *     lane_post.c  what they tell the log; cancel
 *     lane_tidy.c  what ended commands have left
 */
#pragma once

#include "lane.h"
#include "orphan.h"

struct waiting { /* an order in its lane */
    struct partition *partition;
    struct order *order;
    GPtrArray
        *cancels; /* struct order: it had begun in an earlier life, its job ends it */
};

struct lane {
    char *server_id;
    GQueue orders; /* struct waiting; without the one whose job runs */
    struct job *job;
    struct partition *partition; /* of the job */
    GPtrArray *cancels;          /* struct order: answered with the job's result */
    unsigned open;               /* taken, and their terminal result not committed */
    char *told_progress;
    int64_t progress_at;
    unsigned progress_told; /* of this job */
    bool beginning;         /* the job's `accepted` has been handed over */
    bool lapsed;            /* and has come back: it was too late for it */
    struct lanes *lanes;
};

struct lanes {
    struct lanes_setup setup;
    GHashTable *by_server; /* server id → struct lane */
    GQueue ready;          /* lanes with orders and no job, in the order they became so */
    GPtrArray *running;    /* lanes with a job */
    struct orphans *orphans;
    bool closed;
    int64_t wakes_at;
    int64_t log_ms; /* the log's clock, at this turn */
    uint64_t ended[OUTCOME_COUNT];
    GHashTable *tidied; /* container id → struct tidied: when to try again */
    int64_t expiry_at;  /* host time of the next look for expired heads */
    lanes_told told;
    void *told_context;
    lanes_touched touched;
    void *touched_context;
};

GPtrArray *lane_cancels_new(void); /* of struct order, owned */
void lane_waiting_free(void *waiting);
void lanes_touch(struct lanes *lanes, const char *server_id);

/* The terminal result of an order, with those of its cancels (or NULL).  Takes the event. */
void lane_post_result(struct lanes *lanes, struct lane *lane, struct partition *partition,
                      const struct order *order, struct event *event_taken,
                      const GPtrArray *cancels);
/* Hands `accepted` over, if the metadata has room for its note; else it is to be tried again. */
void lane_begin(struct lanes *lanes, struct lane *lane, int64_t wall_ms);
void lane_post_progress(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                        int64_t wall_ms);
/* That the engine is waited for beyond all patience is told once, and cancels are answered. */
void lane_post_waiting(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                       int64_t wall_ms);
struct lane *lanes_lane(struct lanes *lanes, const char *server_id); /* made if absent */
bool lanes_have_room(const struct lanes *lanes);
void lane_cancel_job(struct lane *lane, struct order *cancel_taken);
