/*
 * topic_watch.h - are the topics still as they were made?
 *
 * An admin can change a topic at any time, and no command may wait for a look at all of them: they
 * are looked at one after the other, for ever.  What is wrong is told once, and stays in sight
 * until it is mended; it is never an end.
 */
#pragma once

#include "bus.h"
#include "ledger.h"

struct topic_watch;

struct topic_watch *topic_watch_new(struct ledger *ledger, struct bus *bus);
void topic_watch_free(struct topic_watch *watch);

/* Looks at what is due at `now_us` (monotonic), and notes what each topic takes.  The error is
 * muster.events' alone. */
bool topic_watch_step(struct topic_watch *watch, int64_t now_us, GError **error);
/* How many topics have a fault, and what it is: a sentence, or NULL; g_free it. */
guint topic_watch_count(const struct topic_watch *watch);
char *topic_watch_dup_fault(const struct topic_watch *watch);
