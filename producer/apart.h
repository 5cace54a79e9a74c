/*
 * apart.h - do a server's directories keep clear of one another, and of other servers'?
 *
 * Whoever can write a directory can put a symlink in the place of what lies in it, and what
 * lies in a data directory goes with it when that is purged.  So no mount's source and no data
 * directory lies in or around another's; but in the server's own data directory its sources
 * lie.  Here names are compared, since the control plane does not see the host; its worker
 * compares what they are.
 */
#pragma once

#include "ledger.h"

/* Of one spec.  Pure.  Error: CHECK_ERROR. */
bool apart_within(const struct spec *spec, GError **error);

/* From every other record of the agent that is not purged; `server_id` is its own.  Errors:
 * REQUEST_ERROR_REFUSED, or the ledger's. */
bool apart_from_others(struct ledger *ledger, const char *agent_id, const char *server_id,
                       const struct spec *spec, GError **error);
