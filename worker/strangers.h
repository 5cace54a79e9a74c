/*
 * strangers.h - looks at the containers without our labels that a Sync tells of.
 *
 * What a container was made with does not change while it lives, so the engine is asked once for
 * each: when it is first listed, and anew when a person asks for a sync (a restart policy can be
 * changed).  One that does not answer ends the looks of that run: it is told as it is listed, and
 * the next run asks again.
 */
#pragma once

#include "docker.h"
#include "listing.h"

struct strangers;
struct strangers *strangers_new(struct docker *docker);
void strangers_free(struct strangers *strangers);

/* The engine has listed: forgets those that are gone, plans to look at the new ones, and has the
 * listing know the rest. */
void strangers_plan(struct strangers *strangers, struct listing *listing);
/* Sends what may be sent; how many answers are awaited. */
unsigned strangers_advance(struct strangers *strangers);
/* False: it is no reply to a look of these. */
bool strangers_reply(struct strangers *strangers, const struct reply *reply);
/* Ends the looks of this run. */
void strangers_stop(struct strangers *strangers);
/* All are to be looked at anew. */
void strangers_forget(struct strangers *strangers);
