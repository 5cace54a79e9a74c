/*
 * ledger_moves.h - which status each server had when, for the last 30 days.
 *
 * Triggers of the ledger note each move, whoever makes it.
 */
#pragma once

#include "ledger.h"

/* The newest move; 0 if there is none. */
bool ledger_last_move(struct ledger *ledger, int64_t *ret_seq, GError **error);
/* Adds the ids of servers that moved after `*seq` (char *, owned by the set), and goes on to
 * the newest move. */
bool ledger_moved_since(struct ledger *ledger, int64_t *seq, GHashTable *ids,
                        GError **error);

#define MOVES_MOST 20000

/* Who had which status from when until when, as far as it falls into [since, until]: an array
 * of objects of server_id, agent_id, status, from_at and until_at (null: still), by server
 * and time, MOVES_MOST at most.  `agent_id` NULL: all.  Owned by the caller. */
json_t *ledger_spans(struct ledger *ledger, const char *agent_id, int64_t since,
                     int64_t until, GError **error);
