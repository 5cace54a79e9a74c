/*
 * changed.h - which fields of a row somebody has changed, by name.
 *
 * Pure.  Of config each value has a name of its own, "config.NAME": the values are secret.
 */
#pragma once

#include "rows.h"

/* char *, in the order of the columns; empty for a new row (`before` NULL): all of it is new.
 * g_ptr_array_unref it. */
GPtrArray *changed_in_server(const struct server_row *before,
                             const struct server_row *after);
GPtrArray *changed_in_agent(const struct agent_row *before,
                            const struct agent_row *after);
