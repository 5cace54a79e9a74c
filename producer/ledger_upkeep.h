/*
 * ledger_upkeep.h - the ledger's side of what is done without being asked: workers by their
 * heartbeats, missing servers that may be started, commands that nobody will answer.
 */
#pragma once

#include "ledger.h"

/* struct worker_row, of one agent or (NULL) of all. */
GPtrArray *ledger_workers(struct ledger *ledger, const char *agent_id, GError **error);
bool ledger_store_worker(struct ledger *ledger, const struct worker_row *worker,
                         GError **error);
bool ledger_drop_worker(struct ledger *ledger, const char *id, GError **error);

/* Ids of missing servers for which on_missing = start holds: char *. */
GPtrArray *ledger_healable(struct ledger *ledger, GError **error);
/* How often `actor` has asked something of a server since `since` and since somebody else
 * last did, and when the last time was (CONTRACT_NONE: never). */
bool ledger_count_asked(struct ledger *ledger, const char *server_id, const char *actor,
                        int64_t since, int64_t *ret_count, int64_t *ret_last_at,
                        GError **error);

/* Commands that are in the log, have no terminal result and expired before `before`, oldest
 * first: struct command_row. */
GPtrArray *ledger_overdue(struct ledger *ledger, int64_t before, GError **error);
/* Whether a Record that closes this command waits in the outbox. */
bool ledger_is_closing(struct ledger *ledger, const char *command_id, bool *ret_closing,
                       GError **error);

/* Forgets what is kept for a while only: answers for a day, moves for 30 but for
 * each server's last. */
bool ledger_prune(struct ledger *ledger, int64_t now, GError **error);
