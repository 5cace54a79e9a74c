/*
 * cli_heard.h - `muster audit replay` tells of servers that nobody recorded.
 */
#pragma once

#include "cli.h"
#include "heard.h"

/* A sentence for each, or a JSON object with "recorded": false.  `folded`: what the log has made
 * of all others; `agent_id`: only of this one, or NULL. */
bool cli_heard_tell(const struct call *call, const struct heard *heard,
                    struct ledger *folded, const char *agent_id, GError **error);
