/*
 * rival.h - does another control plane write into this log?
 *
 * Two ledgers on one log each undo what the other asks for, and neither knows: what one holds of a
 * server is never what the other was told.  It shows in the log: each Record says which ledger has
 * written it; and one that says ours, comes while we wait for it, and is not of us, is a copy's.
 * It is told, and is no end: which of the two is the right one, a person knows.
 */
#pragma once

#include "bus.h"
#include "contract.h"
#include "ledger.h"

struct rival;

struct rival *rival_load(struct ledger *ledger, GError **error);
void rival_free(struct rival *rival);
/* Looks at an event before it is applied, within the ledger's transaction.  `is_live`: it has come
 * since the log's end was reached. */
bool rival_look(struct rival *rival, const struct event *event,
                const struct bus_record *record, bool is_live, GError **error);
/* The last one that was met, in a sentence; NULL: none, or not for a day. */
const char *rival_text(const struct rival *rival);
