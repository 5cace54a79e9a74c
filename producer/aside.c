/*
 * aside.c - puts aside what of muster.events does not count.
 */
#include "aside.h"

#include "ledger_aside.h"
#include "ledger_rows.h"

#include <string.h>

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* A key is a server's id, an agent's, or "<agent>/<partition>" of a sync. */
static bool find_agent(struct ledger *ledger, const char *key, char **ret_agent_id,
                       GError **error)
{
    const char *slash = strchr(key, '/');
    const bool is_of_sync = slash && is_number(slash + 1);
    g_autofree char *id = is_of_sync ? g_strndup(key, (gsize)(slash - key))
                                     : g_strdup(key);
    g_autoptr(AgentRow) agent = NULL;
    g_autoptr(ServerRow) server = NULL;
    if (!ledger_load_agent(ledger, id, &agent, error) ||
        !ledger_load_server(ledger, key, &server, error))
        return false;
    if (agent || server)
        *ret_agent_id = g_strdup(agent ? agent->id : server->agent_id);
    return true;
}

/* Whom it marks, if anybody. */
static bool find_marked(struct ledger *ledger, int32_t partitions,
                        const struct reading *reading, const struct bus_record *record,
                        char **ret_agent_id, GError **error)
{
    if (reading->kind != READING_UNKNOWN_SCHEMA || !record->key ||
        !g_utf8_validate(record->key, -1, NULL))
        return true;
    if (!find_agent(ledger, record->key, ret_agent_id, error))
        return false;
    if (*ret_agent_id && partition_of(*ret_agent_id, partitions) != record->partition)
        g_clear_pointer(ret_agent_id, g_free);
    return true;
}

bool aside_put(struct ledger *ledger, int32_t partitions, const struct reading *reading,
               const struct bus_record *record, GError **error)
{
    g_autofree char *agent_id = NULL;
    if (!find_marked(ledger, partitions, reading, record, &agent_id, error))
        return false;
    const struct aside_row row = {
        .partition = record->partition,
        .reason = (char *)reading_name(reading->kind),
        .agent_id = agent_id ? agent_id : (char *)"",
        .marks = agent_id != NULL,
        .records = 1,
        .first_offset = record->offset,
        .last_offset = record->offset,
        .first_at = record->append_ms,
        .last_at = record->append_ms,
        .message = reading->why,
    };
    return ledger_put_aside(ledger, &row, error);
}
