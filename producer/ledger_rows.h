/*
 * ledger_rows.h - finding and keeping agents, servers and commands in the ledger.
 *
 * What is looked for and not there is no error: `*ret_…` is NULL then.
 */
#pragma once

#include "ledger.h"

bool ledger_find_agent(struct ledger *ledger, const char *id_or_name,
                       struct agent_row **ret_agent, GError **error);
bool ledger_load_agent(struct ledger *ledger, const char *id,
                       struct agent_row **ret_agent, GError **error);
/* All of them, by name: struct agent_row. */
GPtrArray *ledger_agents(struct ledger *ledger, GError **error);

/* With its open commands. */
bool ledger_load_server(struct ledger *ledger, const char *id,
                        struct server_row **ret_server, GError **error);
/* The one that holds the name on that agent; a purged one does not. */
bool ledger_find_server(struct ledger *ledger, const char *agent_id, const char *name,
                        struct server_row **ret_server, GError **error);

/* One whose data directory is `path`, or lies in it or around it, by name; `but` (an id) and
 * purged ones left out. */
bool ledger_find_data(struct ledger *ledger, const char *agent_id, const char *but,
                      const char *path, struct server_row **ret_server, GError **error);

struct server_filter {
    const char *agent_id;      /* NULL: all */
    enum server_status status; /* NONE: all but purged ones */
    int64_t partition; /* CONTRACT_NONE: all; else of `agent_id`'s, purged ones too */
    bool remarkable;   /* only those of which there may be something to remark */
    int64_t deleted_before;         /* 0: whenever; else deleted before that time, ms */
    const struct server_row *after; /* NULL: from the first; else what comes behind it */
    int64_t limit;                  /* 0: all */
};
/* struct server_row, by agent (its id) and name; their open commands only if asked for. */
GPtrArray *ledger_servers(struct ledger *ledger, const struct server_filter *filter,
                          bool with_open, GError **error);

/* How many of the agent's servers should have a container, and how many of these have been
 * missing since `since` or later. */
bool ledger_count_missing(struct ledger *ledger, const char *agent_id, int64_t since,
                          int64_t *ret_missing, int64_t *ret_expected, GError **error);

bool ledger_load_command(struct ledger *ledger, const char *command_id,
                         struct command_row **ret_command, GError **error);

bool ledger_store_agent(struct ledger *ledger, const struct agent_row *agent,
                        GError **error);
bool ledger_store_server(struct ledger *ledger, const struct server_row *server,
                         GError **error);
bool ledger_store_command(struct ledger *ledger, const struct command_row *command,
                          GError **error);
