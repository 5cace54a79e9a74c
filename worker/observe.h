/*
 * observe.h - the engine's events become State events, where they are news.
 *
 * It remembers what this assignment has told the log of each server (by results, states and
 * syncs alike, they share one FIFO).  An engine event marks its server; once no job of that
 * server runs, the container is looked at, and a State goes out if it differs from what was
 * told.  A job's own doings are told by its result.
 */
#pragma once

#include "docker.h"
#include "lane.h"
#include "publish.h"

struct observer_setup {
    struct docker *docker;
    struct publisher *publisher;
    const struct lanes *lanes;
    const struct author *author;
};

struct observer;
struct observer *observer_new(const struct observer_setup *setup);
void observer_free(struct observer *observer);

/* The partitions that are mine from now on (NULL: none); what was told is forgotten.
 * `partitions` is the count of the topic. */
void observer_assign(struct observer *observer, const struct assignment *assignment,
                     int32_t partitions);

/* What results and syncs have told. */
void observer_told(struct observer *observer, const char *server_id,
                   const struct state *state);
const struct state *observer_last(const struct observer *observer, const char *server_id);
/* Server id → struct state; borrowed. */
GHashTable *observer_all(const struct observer *observer);
/* Whether the log, having been told `told` (may be NULL), needs to hear `now`. */
bool observer_is_news(const struct state *told, const struct state *now);

/* An engine event of a container with our label.  True: only a list can tell what it means
 * (a renamed container, a copy). */
bool observer_event(struct observer *observer, const struct engine_event *event);
/* Sends what looks are due; `now_ms` host time. */
void observer_advance(struct observer *observer, int64_t now_ms);
/* Offers a reply; false: not the observer's.  `*ret_list` true as above. */
bool observer_reply(struct observer *observer, const struct reply *reply, int64_t wall_ms,
                    bool *ret_list);

typedef struct observer Observer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Observer, observer_free)
