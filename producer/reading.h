/*
 * reading.h - a record of muster.events, as every reader of ours takes it.
 *
 * Anybody who may write to the topic may write anything into it.  Nothing of that stops a
 * reader: what cannot be read, and what lies where its agent's events do not belong, counts
 * nowhere, and reading goes on.
 */
#pragma once

#include "bus.h"
#include "codec.h"

enum reading_kind {
    READING_COUNTS,
    READING_NO_VALUE,
    READING_MALFORMED,       /* nobody will ever read it */
    READING_UNKNOWN_SCHEMA,  /* another muster may */
    READING_WRONG_PARTITION, /* an event, and no order of its agent's to rely on */
    READING_KIND_COUNT,
};

const char *reading_name(enum reading_kind kind); /* "unknown_schema" */

struct reading {
    enum reading_kind kind;
    struct event *event; /* of COUNTS and WRONG_PARTITION, else NULL */
    char *why;           /* NULL for COUNTS: what is wrong with it */
};

/* `partitions`: of muster.events. */
void reading_take(struct reading *reading, struct codec *codec, int32_t partitions,
                  const struct bus_record *record);
void reading_clear(struct reading *reading);

/* The event if it counts, or NULL. */
const struct event *reading_event(const struct reading *reading);

typedef struct reading Reading;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)
