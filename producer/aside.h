/*
 * aside.h - puts aside what of muster.events does not count, and says whose it may be.
 *
 * A record that another muster can read may tell anything of the agent whose key it bears, so
 * that agent is marked: it is not fully known.  Nothing else marks anybody, since everybody can
 * write garbage.
 */
#pragma once

#include "reading.h"

#include "ledger.h"

/* Within a transaction of the ledger, ingest's or a replay's. */
bool aside_put(struct ledger *ledger, int32_t partitions, const struct reading *reading,
               const struct bus_record *record, GError **error);
