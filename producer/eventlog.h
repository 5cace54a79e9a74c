/*
 * eventlog.h - muster.events as the ledger knows it: which log it is, and how far it goes.
 */
#pragma once

#include "bus.h"
#include "ledger_log.h"

struct landmarks;

#define EVENTLOG_MS 10000 /* how long the bus may take to answer a question */

/* BUS_ERROR_PARTITIONS if a topic has not the partitions that were recorded for it. */
bool eventlog_check_topic(struct bus *bus, const char *topic, int64_t recorded,
                          GError **error);
/* Whether the bus holds the log that this ledger is made from.  BUS_ERROR_PARTITIONS, or
 * BUS_ERROR_RANGE for another log. */
bool eventlog_check(struct ledger *ledger, struct bus *bus, int32_t *ret_partitions,
                    GError **error);
/* Remembers the log; at `muster init`. */
bool eventlog_remember(struct ledger *ledger, struct bus *bus, GError **error);

/* From now on the ledger goes on behind the end of this log, another bus's copy of the one that
 * it has read to its end. */
bool eventlog_move(struct ledger *ledger, struct bus *bus, GError **error);

/* Where the ledger goes on in each of `partitions`: struct bus_position, for a reader; with
 * `landmarks` (or NULL) that is to meet them.  What the log has lost is passed over.
 * BUS_ERROR_RANGE if one is beyond the log's end. */
GPtrArray *eventlog_positions(struct ledger *ledger, struct bus *bus,
                              const struct landmarks *landmarks, int32_t partitions,
                              GError **error);
/* The ends of the partitions that the ledger's agents write to, or of all: struct
 * bus_position. */
GPtrArray *eventlog_ends(struct ledger *ledger, struct bus *bus, int32_t partitions,
                         bool all, GError **error);
/* Whether the ledger has taken everything before these ends. */
bool eventlog_reached(struct ledger *ledger, const GPtrArray *ends, bool *ret_reached,
                      GError **error);
