/*
 * feed.h - tells the hub what happens: events once the ledger has them, and the rows that
 * they changed.
 *
 * A thread with its own reader of muster.events and its own connection to the ledger, so
 * that neither the loop of `muster serve` nor HTTP ever waits for the other.  It tells an
 * event only when the ledger has taken it, whichever process does that: what is asked for
 * after an event is never older than it.
 */
#pragma once

#include "bus.h"
#include "hub.h"

struct feed;

/* Opens the ledger at this path for itself; `tick` is called about every 100 ms. */
struct feed *feed_start(const char *ledger_path, struct bus *bus, struct hub *hub,
                        void (*tick)(void *context), void *context, GError **error);
void feed_stop(struct feed *feed);
/* The ledger may have taken something: look now.  From any thread. */
void feed_poke(struct feed *feed);
/* Whether the bus answers, as far as is known.  From any thread. */
bool feed_is_well(const struct feed *feed);
