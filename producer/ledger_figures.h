/*
 * ledger_figures.h - how many of what the ledger has, for whoever watches over it.
 */
#pragma once

#include "ledger.h"

/* Calls `take` for each row of a count: what is counted, by what, how many. */
typedef void figures_take(void *taker, const char *what, const char *by, int64_t count);

/* "servers" by status, "commands" by outcome of those that are open, "outbox" by nothing (""),
 * "agents" by whether they are held, "not_read": agents of which something could not be read,
 * "aside": records of the log that count nowhere, by reason. */
bool ledger_figures(struct ledger *ledger, figures_take *take, void *taker,
                    GError **error);

/* Commands that wait for their host's engine beyond all patience. */
bool ledger_waiting(struct ledger *ledger, int64_t *ret_count, GError **error);
