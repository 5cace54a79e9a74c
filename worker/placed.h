/*
 * placed.h - does a command count where it lies?
 *
 * It counts in the topic of its action, under its server's key and in the partition of that,
 * for its own agent: a server's order hangs on that, and a copy elsewhere must not answer for
 * the real one.
 *
 * Pure.
 */
#pragma once

#include "contract.h"

struct place_found {
    const char *agent_id; /* whose topic it is */
    bool control;         /* which of the two */
    const char *key;      /* or NULL */
    int32_t partition;
    int32_t partitions; /* by which records were put there */
};

/* NULL: it could be answered by its id, and in its time.  Else a sentence; borrowed. */
const char *placed_what_is_missing(const struct command *command);
/* NULL: it counts.  Else a code, and a sentence (g_free it). */
const char *placed_judge(const struct command *command, const struct place_found *found,
                         char **ret_message);
/* Both. */
bool placed_counts(const struct command *command, const struct place_found *found);
