/*
 * replay.h - muster.events read again: from anywhere, up to anywhere, for whoever looks.
 *
 * A replay ends: where the log ended when it began, at an append time, or where the ledger
 * has read to.  It changes nothing on the bus, and nothing in the ledger.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "ledger.h"
#include "presence.h"

/* A part of muster.events. */
struct span {
    GPtrArray *from;  /* struct bus_position */
    GPtrArray *ends;  /* struct bus_position: of the same partitions, in the same order */
    int64_t until_ms; /* append time of the last that counts; CONTRACT_NONE: any */
};
void span_clear(struct span *span);

/* All of the partitions `first` … `last - 1` as they are now, up to the append time
 * `until_ms` (CONTRACT_NONE: all). */
bool span_of_log(struct span *ret_span, struct bus *bus, int32_t first, int32_t last,
                 int64_t until_ms, GError **error);
/* Begins later: at the first event that was appended at `ms` or later; or at an offset,
 * BUS_ERROR_USAGE if the (single) partition does not have it. */
bool span_begin_at(struct span *span, struct bus *bus, int64_t ms, GError **error);
bool span_begin_at_offset(struct span *span, int64_t offset, GError **error);
/* Whether it has the log's first offset of each partition. */
bool span_is_whole(const struct span *span);

struct replay_progress {
    int64_t events;    /* handed over so far */
    double share;      /* of the offsets, 0 … 1 */
    int64_t append_ms; /* of the last one */
};

/* What is done with an event.  `event` is NULL if it cannot be decoded: `why` says so. */
typedef bool replay_take(void *taker, const struct event *event,
                         const struct bus_record *record, const struct place *place,
                         const char *why, GError **error);

struct replay {
    struct bus *bus;
    struct codec *codec;
    replay_take *take;
    void *taker;
    void (*progress)(const struct replay_progress *progress); /* or NULL */
};

/* Hands over all events of the span.  Errors: of the bus, of `take`, and INGEST_ERROR_NEWER
 * for an event of a newer schema: what it means cannot be guessed. */
bool replay_run(const struct replay *replay, const struct span *span, int64_t *ret_events,
                GError **error);

/* What folds: an empty ledger, within a transaction that is never committed. */
struct folding {
    struct ledger *ledger;
    struct codec *codec;
    int64_t unreadable; /* events stepped over, as ingest does */
};
bool folding_begin(struct folding *folding, struct codec *codec, GError **error);
void folding_end(struct folding *folding);
replay_take folding_take; /* `taker` is a struct folding */

typedef struct span Span;
typedef struct folding Folding;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Span, span_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Folding, folding_end)
