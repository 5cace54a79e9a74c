/*
 * observe.h - the engine's events become State events, where they are news.
 *
 * It remembers what this assignment has told the log of each server (by results, states and
 * syncs alike, they share one FIFO).  An engine event marks its server; once no job of that
 * server runs, the container is looked at, and a State goes out if it differs from what was
 * told.  A job's own doings are told by its result.  What moves again and again is told ever less
 * often (pace.h), and looked at by itself once that is due, or a remark goes.
 */
#pragma once

#include "docker.h"
#include "lane.h"
#include "pace.h"
#include "publish.h"

struct observer_setup {
    struct docker *docker;
    struct publisher *publisher;
    const struct lanes *lanes;
    const struct author *author;
    double patience; /* factor of PACE_STABLE_MS; 0: as 1 */
};

struct observer;
struct observer *observer_new(const struct observer_setup *setup);
void observer_free(struct observer *observer);

/* The partitions that are mine from now on (NULL: none); what was told is forgotten.
 * `partitions` is the count of the topic. */
void observer_assign(struct observer *observer, const struct assignment *assignment,
                     int32_t partitions);

/* What was seen of it by others: completes the state, by what is remembered of it. */
void observer_saw(struct observer *observer, const char *server_id, struct state *state,
                  int64_t now_ms, int64_t wall_ms);
/* What syncs have told, or are about to. */
void observer_told(struct observer *observer, const char *server_id,
                   const struct state *state);
/* Likewise results, which begin another story. */
void observer_told_by_result(struct observer *observer, const char *server_id,
                             const struct state *state, int64_t now_ms, int64_t wall_ms);
const struct state *observer_last(const struct observer *observer, const char *server_id);
/* Server id → struct state; borrowed. */
GHashTable *observer_all(const struct observer *observer);
/* Adds (as char *) the servers whose present state the log is to hear later. */
void observer_add_held(const struct observer *observer, GHashTable *server_ids);

/* An engine event of a container with our label.  True: only a list can tell what it means
 * (a renamed container, a copy). */
bool observer_event(struct observer *observer, const struct engine_event *event,
                    int64_t now_ms);
/* Sends what looks are due; `now_ms` host time. */
void observer_advance(struct observer *observer, int64_t now_ms);
/* Offers a reply; false: not the observer's.  `*ret_list` true as above. */
bool observer_reply(struct observer *observer, const struct reply *reply, int64_t now_ms,
                    int64_t wall_ms, bool *ret_list);

typedef struct observer Observer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Observer, observer_free)
