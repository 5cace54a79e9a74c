/*
 * clock.h - what time it is, by the log's clock.
 *
 * What a command may wait for, what is too old, and who is heard of are questions of append times.
 * So they are asked by the clock that gives these (on Kafka a broker's), and not by this host's,
 * which may be 400 days ahead for five seconds.  It is known from records that came while one
 * waited for them, and goes on with CLOCK_BOOTTIME; where none has come since this host was
 * started, the host's own clock is all that there is.
 */
#pragma once

#include "bus.h"
#include "ledger.h"

/* ms since 1970.  A ledger that does not answer: by the host's clock. */
int64_t clock_now(struct ledger *ledger);
/* How far this host's clock is ahead of the log's; false: that is not known. */
bool clock_skew(struct ledger *ledger, int64_t *ret_ms);
/* Learns from a record that has been appended a moment ago; within the ledger's transaction. */
bool clock_learn(struct ledger *ledger, const struct bus_record *record, GError **error);
