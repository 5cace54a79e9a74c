/*
 * beats.h - takes muster.heartbeats into the ledger: who is there, by the log's clock.
 *
 * Heartbeats are no part of the log that makes the fleet: what cannot be read is left out,
 * and a topic that was made anew is read from its beginning.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "ledger.h"

/* Adds where to read on; `*ret_hears` is false if the bus has no such topic. */
bool beats_position(struct ledger *ledger, struct bus *bus, GPtrArray *positions,
                    bool *ret_hears, GError **error);
/* Adds where the topic ends now. */
bool beats_end(struct bus *bus, GPtrArray *ends, GError **error);
/* Within a transaction of the ledger.  `now`: wall clock; what the log dates later was heard now:
 * a topic may take a host's own times, and a host's clock may be wrong. */
bool beats_take(struct ledger *ledger, struct codec *codec,
                const struct bus_record *record, int64_t now, GError **error);
