/*
 * cancel.h - cancels, from being received to being answered.
 *
 * The control topic is read beside the queue, so a cancel can overtake its target.  A cancel
 * whose target is not here is looked for in what the commands topic holds and was not received
 * yet (on a thread): if it is there, the cancel is parked until the queue has come to it;
 * otherwise there is nothing to cancel.
 */
#pragma once

#include "lane.h"

struct cancels_setup {
    struct bus *bus;
    struct codec *codec;
    struct errands *errands;
    struct lanes *lanes;
    struct publisher *publisher;
    const struct author *author;
};

struct cancels;
struct cancels *cancels_new(const struct cancels_setup *setup);
void cancels_free(struct cancels *cancels);

/* A received cancel.  Takes the order. */
void cancels_add(struct cancels *cancels, struct partition *partition,
                 struct order *order_taken);
/* Host time for pauses, wall time for events, the log's for expiry. */
void cancels_advance(struct cancels *cancels, int64_t now_ms, int64_t wall_ms,
                     int64_t log_ms);
/* The assignment is over: those not answered are the next owner's. */
void cancels_end(struct cancels *cancels);
