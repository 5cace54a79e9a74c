/*
 * refold.h - folds agents anew, once this muster can read what was put aside.
 *
 * A record that is read later is never folded alone: what came behind it was folded without
 * it.  So its partition is replayed from its beginning to where the ledger has read it, as an
 * audit does, and what the log determines of its agents' rows is written over by that, in one
 * transaction of the ledger.  What only the ledger knows stays: values, holds, and requests that
 * are not in the log yet, which are applied again on top.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "ledger.h"

/* For ingest, before it goes on.  Asks the bus for nothing unless this muster reads a schema
 * that the one before it did not, and something was put aside for its schema. */
bool refold_if_due(struct ledger *ledger, struct bus *bus, struct codec *codec,
                   int32_t partitions, GError **error);
