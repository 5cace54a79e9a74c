/*
 * move.h - carries a log over to another bus, for who has outgrown a machine.
 *
 * What is carried (cargo.h) keeps its order in each partition, its keys, headers and append
 * times: so the log means the same there, to a replay, to `--at`, and to a worker that finds no
 * offsets and reads from the log what has been answered.  Offsets are others, and those of
 * groups are left behind.
 *
 * Nothing is deleted on the bus it comes from.  A target that has records is refused, so one
 * that was broken off has to be made anew.
 */
#pragma once

#include "cargo.h"

struct moved {
    int64_t records; /* carried, of all topics */
    int64_t left;    /* commands that were answered, and stay behind */
    int64_t
        foreign; /* records of the log that count nowhere, and that the target refuses */
    guint topics;
};

/* `progress` (may be NULL) is told what is done and how much of it, 0 … 1. */
struct move {
    const struct cargo *cargo;
    struct bus *to;
    void (*progress)(const char *what, double share);
    /* What is left behind of the log, and why it counts nowhere. */
    void (*foreign)(const struct bus_record *record, const char *why);
};

/* Makes the topics, carries, compares what has arrived with what was there.  CARGO_ERROR_REFUSED:
 * there are records in the target, or the source has grown meanwhile. */
bool move_carry(const struct move *move, struct moved *ret_moved, GError **error);
