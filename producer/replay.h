/*
 * replay.h - the events of a span, decoded and in order; and folding them from nothing.
 */
#pragma once

#include "codec.h"
#include "ledger.h"
#include "presence.h"
#include "reading.h"
#include "span.h"

/* How far it is. */
struct replay_progress {
    int64_t events; /* handed over so far */
    double share;   /* of the span, 0 … 1 */
    int64_t append_ms;
};

/* What is done with a record, whether it can be read and counts or not. */
typedef bool replay_take(void *taker, const struct reading *reading,
                         const struct bus_record *record, const struct place *place,
                         GError **error);

struct replay {
    struct bus *bus;
    struct codec *codec;
    int32_t partitions; /* of muster.events */
    replay_take *take;
    void *taker;
    void (*progress)(const struct replay_progress *progress); /* or NULL */
};

/* Hands over all records of a span of muster.events.  Errors: of the bus and of `take`. */
bool replay_run(const struct replay *replay, const struct span *span, int64_t *ret_events,
                GError **error);

/* What folds: an empty ledger, within a transaction that is never committed. */
struct folding {
    struct ledger *ledger;
    struct codec *codec;
    int32_t partitions; /* of muster.events */
    int64_t aside;      /* records that were put aside, as ingest does */
};
bool folding_begin(struct folding *folding, struct codec *codec, int32_t partitions,
                   GError **error);
void folding_end(struct folding *folding);
replay_take folding_take; /* `taker` is a struct folding */

typedef struct folding Folding;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Folding, folding_end)
