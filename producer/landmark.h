/*
 * landmark.h - the last record taken of each partition of muster.events: by it the log is
 * known again.
 *
 * Nothing that tools do to a topic's settings changes it, and a log that was made anew, or put
 * back from a backup and gone on, has another one there.
 */
#pragma once

#include "bus.h"
#include "ledger.h"

struct landmarks;

/* Those that the ledger has, for `partitions`. */
struct landmarks *landmarks_load(struct ledger *ledger, int32_t partitions,
                                 GError **error);
void landmarks_free(struct landmarks *landmarks);
/* Moves positions (struct bus_position, one a partition, in order) back to them. */
void landmarks_begin_at(const struct landmarks *landmarks, GPtrArray *positions);

enum landmark {
    LANDMARK_NEWS,  /* the record comes behind it */
    LANDMARK_KNOWN, /* it is the record that was taken last */
    LANDMARK_WRONG, /* the error says so: the log is another one */
};
/* What the next record of a partition is. */
enum landmark landmarks_meet(struct landmarks *landmarks, const struct bus_record *record,
                             GError **error);
/* For who reads from the beginning: whether the record is the one to be met; and whether that
 * of a partition, behind which he is, has been.  BUS_ERROR_RANGE. */
bool landmarks_await(const struct landmarks *landmarks, const struct bus_record *record);
bool landmarks_check(const struct landmarks *landmarks, int32_t partition,
                     GError **error);
/* Whether all of them have been met. */
bool landmarks_met(const struct landmarks *landmarks);
/* Remembers a record, within the ledger's transaction that takes it. */
bool landmark_set(struct ledger *ledger, const struct bus_record *record, GError **error);
/* For a ledger that goes on with a copy, where places differ. */
bool landmarks_forget(struct ledger *ledger, GError **error);
