/*
 * cli_heard.c - `muster audit replay` tells of servers that nobody recorded.
 */
#include "cli_heard.h"

#include "clean.h"
#include "ledger_rows.h"
#include "print.h"

#include <stdio.h>

/* By a Record of its own agent; `*ret_where`: the other one that one has given it to, or NULL. */
static bool is_recorded(struct ledger *ledger, const struct heard_server *heard,
                        bool *ret_is, char **ret_where, GError **error)
{
    g_autoptr(ServerRow) server = NULL;
    if (!ledger_load_server(ledger, heard->server_id, &server, error))
        return false;
    *ret_is = server && g_str_equal(server->agent_id, heard->agent_id);
    *ret_where = server && !*ret_is ? g_strdup(server->agent_id) : NULL;
    return true;
}

static void tell_json(const struct heard_server *heard, const char *sentence)
{
    const struct state *state = heard->state;
    print_json(json_pack("{s:s, s:s, s:b, s:s, s:s?, s:s, s:i, s:I, s:s}", "id",
                         heard->server_id, "agent_id", heard->agent_id, "recorded", false,
                         "container_status", container_status_name(state->status),
                         "container_id", state->container_id, "container",
                         state->container, "partition", (int)heard->place.partition,
                         "offset", (json_int_t)heard->place.offset, "message", sentence));
}

static void tell(const struct call *call, const struct heard_server *heard,
                 const char *where)
{
    const struct state *state = heard->state;
    g_autofree char *but = where ? g_strdup_printf("it is recorded on agent %s", where)
                                 : g_strdup("nobody has recorded it");
    g_autofree char *sentence = g_strdup_printf(
        "server %s on agent %s: its container %s is %s, as told at offset "
        "%" G_GINT64_FORMAT " of partition %d, and %s",
        heard->server_id, heard->agent_id,
        *state->container ? state->container : "(without a name)",
        container_status_name(state->status), heard->place.offset, heard->place.partition,
        but);
    if (call->common->json)
        tell_json(heard, sentence);
    else
        clean_print(stdout, "unrecorded: %s\n", sentence);
}

bool cli_heard_tell(const struct call *call, const struct heard *heard,
                    struct ledger *folded, const char *agent_id, GError **error)
{
    g_autoptr(GPtrArray) servers = heard_servers(heard);
    for (guint i = 0; i < servers->len; i++) {
        const struct heard_server *server = servers->pdata[i];
        g_autofree char *where = NULL;
        bool recorded = false;
        if (agent_id && !g_str_equal(server->agent_id, agent_id))
            continue;
        if (!is_recorded(folded, server, &recorded, &where, error))
            return false;
        if (!recorded)
            tell(call, server, where);
    }
    return true;
}
