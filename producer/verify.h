/*
 * verify.h - is the ledger what its log makes of it?
 *
 * The ledger is compared, in one snapshot of it, with a fold of the log up to the ledger's own
 * positions, over the columns that the log determines.
 */
#pragma once

#include "compare.h"
#include "ledger.h"

#include "codec.h"

/* Which rows; NULL: any. */
struct verify_scope {
    const char *agent_id;
    const char *server_id;
};

struct verified {
    guint agents, servers, commands; /* rows that were compared */
    guint differences;
    guint unsent; /* rows that differ and have a request that is not in the log yet: no
                     difference */
};

/* False: a ledger failed.  Each difference is told. */
bool verify_ledger(struct ledger *ledger, struct ledger *log, struct codec *codec,
                   const struct verify_scope *scope, compare_tell *tell, void *listener,
                   struct verified *ret_verified, GError **error);
