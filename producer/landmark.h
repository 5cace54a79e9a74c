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
/* Where to begin to read a partition of which the ledger wants the records from `next` on, and
 * the log has those from `first` on: at its mark, to meet it. */
int64_t landmarks_begin_at(const struct landmarks *landmarks, int32_t partition,
                           int64_t first, int64_t next);

enum landmark {
    LANDMARK_NEWS,  /* the record comes behind it */
    LANDMARK_KNOWN, /* it is the record that was taken last */
    LANDMARK_GONE, /* the record comes behind it, and it is not there: landmarks_miss() */
    LANDMARK_WRONG, /* the error says so: the log is another one */
};
/* What the next record of a partition is. */
enum landmark landmarks_meet(struct landmarks *landmarks, const struct bus_record *record,
                             GError **error);
/* For who reads from the beginning: whether the record is the one to be met. */
bool landmarks_await(const struct landmarks *landmarks, const struct bus_record *record);
/* Where the mark of a partition lies, as long as it is to be met; -1: it is not. */
int64_t landmarks_place(const struct landmarks *landmarks, int32_t partition);
/* That record is no more.  Compaction and retention eat records, and leave those before it older
 * than it was; where one of them is younger, the log is another one: BUS_ERROR_RANGE.  Else it is
 * to be met no more. */
bool landmarks_miss(struct landmarks *landmarks, struct bus *bus, int32_t partition,
                    GError **error);
/* Whether none is to be met any more. */
bool landmarks_met(const struct landmarks *landmarks);
/* Remembers a record, within the ledger's transaction that takes it. */
bool landmark_set(struct ledger *ledger, const struct bus_record *record, GError **error);
/* For a ledger that goes on with a copy, where places differ. */
bool landmarks_forget(struct ledger *ledger, GError **error);
