/*
 * apply.h - one event into the ledger: load the rows, fold, store them.
 *
 * Within a transaction of the ledger that ingest.c opens and commits.
 */
#pragma once

#include "codec.h"
#include "ledger_log.h"
#include "presence.h"

/* False: the ledger failed, or something that must stop ingest.  What an event means that
 * nobody can use (of an unknown agent, of a foreign engine, told before) is logged, and
 * true.  `bytes` are those that `event` was decoded from. */
bool apply_event(struct ledger *ledger, struct codec *codec, const struct event *event,
                 GBytes *bytes, const struct place *place, GError **error);
