/*
 * decree.h - what the ledger decides without a command: a mark that a person releases, an
 * agent's new engine, a command that nobody will answer any more.
 *
 * Each is a Record event and nothing else: the rows change when it comes back from the log,
 * so that the log alone tells when it came into force.
 */
#pragma once

#include "request.h"

/* A mass_absence, and that something of the agent cannot be read.  Refused if it bears neither
 * mark. */
struct queued *decree_release(struct ledger *ledger, struct codec *codec,
                              const char *agent_id, const struct request *request,
                              GError **error);
/* From the place of the Record in the log on, only `engine_id` counts. */
struct queued *decree_rebind(struct ledger *ledger, struct codec *codec,
                             const char *agent_id, const char *engine_id,
                             const struct request *request, GError **error);
/* Closes a command; once, however often it is called. */
bool decree_lost(struct ledger *ledger, struct codec *codec,
                 const struct command_row *command, int64_t now, GError **error);
/* Closes a command that its topic does not take (`why`); its Record waits on, and goes alone. */
bool decree_unsendable(struct ledger *ledger, struct codec *codec,
                       const struct outgoing *outgoing, const char *why, int64_t now,
                       GError **error);
