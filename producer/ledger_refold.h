/*
 * ledger_refold.h - copies out of a ledger that was folded anew what has no rows.h.
 */
#pragma once

#include "ledger.h"

/* What is known of syncs, whole ones and those on their way, of all the agents of `from`. */
bool ledger_copy_syncs(struct ledger *to, struct ledger *from, GError **error);
