/*
 * assignment.h - the partitions that are this worker's, from being given to being taken.
 *
 * Taking over (on a thread, it blocks) means, in this order:
 *
 *   1. hold the host's lock of each command partition: from here on no other process of
 *      this host has an effect for its servers;
 *   2. ask what the group has committed: offsets, and in their metadata what is incomplete
 *      and what had begun;
 *   3. where something is committed as begun: read whether the agent's events show it as
 *      accepted, for whoever may commit for the group can say so of any record;
 *   4. where nothing is committed, or not by a worker of this log (log_tag.h), but commands
 *      are in the topic: read the agent's events for what has been answered already.
 *
 * All that a worker knows of its partitions hangs on the assignment and goes with it.
 */
#pragma once

#include "answered.h"
#include "bus.h"
#include "codec.h"
#include "errand.h"
#include "host.h"
#include "log_tag.h"
#include "offsets.h"
#include "repeats.h"

/* One partition number: the commands and the control topic's. */
struct partition {
    int32_t number;
    struct offsets *commands;
    struct offsets *control;
    struct repeats *commands_repeats;
    struct repeats *control_repeats;
    struct log_tag commands_tag;
    struct log_tag control_tag;
    struct answered *answered; /* NULL: the offsets know */
    struct answered *proof;    /* of what is committed as begun; NULL: nothing is */
    const char *against;       /* why it had to be read from the log; NULL: it had not */
    /* Commands below this offset had been received by owners before.  Until they have come
     * again, a Sync says nothing about servers whose last command is among them. */
    int64_t received_before;
    bool caught_up; /* they have */
};

/* The host's locks of partitions, counted: an assignment holds one, and so does each job
 * whose engine call outlives its assignment. */
struct locks;
struct locks *locks_new(void);
void locks_free(struct locks *locks);                 /* gives back what is held */
bool locks_hold(struct locks *locks, int32_t number); /* one more; false: not held yet */
void locks_add(struct locks *locks, int32_t number, struct host_lock *lock_taken);
void locks_release(struct locks *locks, int32_t number); /* one less */

struct assignment {
    struct bus_membership *membership;
    GPtrArray *partitions; /* struct partition */
    GPtrArray *positions;  /* struct bus_position, where to start */
};
void assignment_free(struct assignment *assignment);
struct partition *assignment_partition(const struct assignment *assignment,
                                       int32_t number);

struct takeover;

struct takeover_setup {
    struct bus *bus;
    struct bus_consumer *consumer;
    struct codec *codec;
    struct locks *locks;
    struct errands *errands;
    const char *agent_id;
    const char *lock_root;
    int32_t partitions; /* of the agent's topics, by now */
    int64_t stalled_ms; /* a holder of a lock is killed after that */
};

/* Begins to take over what an ASSIGNED notice names. */
struct takeover *takeover_new(const struct takeover_setup *setup,
                              const struct bus_notice *notice);
/* It is not wanted any more: what it has locked is given back as soon as it can. */
void takeover_cancel(struct takeover *takeover);
bool takeover_is_done(const struct takeover *takeover);
/* When done: why it failed, if that may pass, or NULL.  Borrowed. */
const GError *takeover_trouble(const struct takeover *takeover);
/* Then: once more, from a little later on; its locks stay held. */
void takeover_again(struct takeover *takeover);
/* When done: the assignment, or NULL with an error.  Frees the takeover. */
struct assignment *takeover_finish(struct takeover *takeover, GError **error);

typedef struct assignment Assignment;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Assignment, assignment_free)
