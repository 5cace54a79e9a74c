/*
 * ledger_aside.h - what of muster.events was put aside, since nobody could read it or it lay
 * where it does not belong.
 *
 * The log keeps the records; the ledger has one row of each reason in a partition, and agent,
 * so that no flood of them fills it.
 */
#pragma once

#include "ledger.h"

struct aside_row {
    int64_t partition;
    char *reason;   /* reading_name() */
    char *agent_id; /* whose key they bear; "": nobody's */
    bool marks;     /* that agent is not fully known, as long as they cannot be read */
    int64_t records;
    int64_t first_offset; /* CONTRACT_NONE: of a log that this one is a copy of */
    int64_t last_offset;
    int64_t first_at; /* append times */
    int64_t last_at;
    char *message; /* of the last: why */
};
void aside_row_free(struct aside_row *row);

/* Adds to the row of the same partition, reason and agent, or makes it. */
bool ledger_put_aside(struct ledger *ledger, const struct aside_row *row, GError **error);
/* struct aside_row, by partition. */
GPtrArray *ledger_aside(struct ledger *ledger, GError **error);
/* Forgets those of a partition, which is being read anew. */
bool ledger_drop_aside(struct ledger *ledger, int64_t partition, GError **error);
/* The places are of another log from now on. */
bool ledger_misplace_aside(struct ledger *ledger, GError **error);

/* A person says that what could not be read of the agent is known to him. */
bool ledger_unmark(struct ledger *ledger, const char *agent_id, GError **error);
/* When the last record of those that mark the agent was appended; CONTRACT_NONE: it bears no
 * mark. */
bool ledger_marked_at(struct ledger *ledger, const char *agent_id, int64_t *ret_at,
                      GError **error);
/* The ids of all agents that bear the mark, as a set. */
GHashTable *ledger_marked(struct ledger *ledger, GError **error);
