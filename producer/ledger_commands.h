/*
 * ledger_commands.h - commands by pages, newest first.
 */
#pragma once

#include "ledger.h"

struct command_filter {
    const char *agent_id;             /* NULL: all */
    const char *server_id;            /* NULL: all */
    int64_t since;                    /* issued then or later, ms */
    bool open;                        /* only those without a result */
    const struct command_row *before; /* NULL: from the newest */
    int64_t limit;
};

/* struct command_row. */
GPtrArray *ledger_commands(struct ledger *ledger, const struct command_filter *filter,
                           GError **error);
