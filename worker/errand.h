/*
 * errand.h - blocking calls on threads that answer through the loop.
 *
 * An errand has two halves: `work` runs on a thread and touches nothing but its data; `done`
 * runs later on the loop, from errands_collect(), and may touch everything.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct errands;

typedef void (*errand_work)(void *data);
typedef void (*errand_done)(void *data);

/* `wake` is called from a thread when an errand has been run. */
struct errands *errands_new(unsigned threads, void (*wake)(void *context), void *context);
/* Waits for the errands that run; their `done` is called too. */
void errands_free(struct errands *errands);

void errands_start(struct errands *errands, errand_work work, errand_done done,
                   void *data);
/* Calls `done` of those that have been run; whether there were any. */
bool errands_collect(struct errands *errands);
unsigned errands_running(const struct errands *errands);

typedef struct errands Errands;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Errands, errands_free)
