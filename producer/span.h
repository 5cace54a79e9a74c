/*
 * span.h - a part of the log, and reading it once.
 *
 * A span ends, unlike what ingest reads: where its partitions ended when it was made, or
 * earlier.  Reading it changes nothing on the bus.
 */
#pragma once

#include "bus.h"

struct span {
    GPtrArray *from;  /* struct bus_position */
    GPtrArray *ends;  /* struct bus_position: of the same partitions, in the same order */
    int64_t since_ms; /* append time of the first that counts; CONTRACT_NONE: any */
    int64_t until_ms; /* of the last; CONTRACT_NONE: any */
};

/* Nothing of the log. */
void span_init(struct span *span);
void span_clear(struct span *span);

/* Adds the partitions `first` … `last - 1` of a topic as they are now. */
bool span_add(struct span *span, struct bus *bus, const char *topic, int32_t first,
              int32_t last, GError **error);
/* Begins later: with what was appended at `ms` or later; or at an offset, BUS_ERROR_USAGE if
 * the (single) partition does not have it. */
bool span_begin_at(struct span *span, struct bus *bus, int64_t ms, GError **error);
bool span_begin_at_offset(struct span *span, int64_t offset, GError **error);
/* Ends with what was appended at `ms` or before. */
void span_end_at(struct span *span, int64_t ms);
/* Whether it has the first offset of each partition. */
bool span_is_whole(const struct span *span);
/* Whether nothing is in it. */
bool span_is_empty(const struct span *span);

typedef bool span_take(void *taker, const struct bus_record *record, GError **error);
/* Now and then: how much of it has been read, 0 … 1. */
typedef void span_progress(void *taker, double share);

/* Hands over its records, in the order of each partition.  `progress` may be NULL.  Errors: of
 * `take`, of the bus, and BUS_ERROR_UNREACHABLE if that falls silent. */
bool span_read(const struct span *span, struct bus *bus, span_take *take,
               span_progress *progress, void *taker, GError **error);

typedef struct span Span;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Span, span_clear)
