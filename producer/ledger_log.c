/*
 * ledger_log.c - the ledger's side of the log: outbox, positions, syncs on their way.
 */
#include "ledger_log.h"

#include <string.h>

/* --- Facts ----------------------------------------------------------------------------------- */

bool ledger_get_meta(struct ledger *ledger, const char *key, GBytes **ret_value,
                     GError **error)
{
    struct query *get = query(ledger, "SELECT value FROM meta WHERE key = ?1", error);
    if (!get)
        return false;
    query_text(get, 1, key);
    enum query_step step = query_step(get, error);
    if (step != QUERY_FAILED)
        *ret_value = step == QUERY_ROW ? query_get_bytes(get, 0) : NULL;
    query_end(get);
    return step != QUERY_FAILED;
}

bool ledger_set_meta(struct ledger *ledger, const char *key, GBytes *value,
                     GError **error)
{
    struct query *set = query(ledger, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
                              error);
    if (!set)
        return false;
    query_text(set, 1, key);
    query_bytes(set, 2, value);
    return query_run(set, error);
}

char *ledger_get_string(struct ledger *ledger, const char *key, GError **error)
{
    g_autoptr(GBytes) value = NULL;
    if (!ledger_get_meta(ledger, key, &value, error) || !value)
        return NULL;
    return g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
}

bool ledger_set_string(struct ledger *ledger, const char *key, const char *text,
                       GError **error)
{
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    return ledger_set_meta(ledger, key, value, error);
}

bool ledger_get_number(struct ledger *ledger, const char *key, int64_t *ret_number,
                       GError **error)
{
    g_autoptr(GBytes) value = NULL;
    if (!ledger_get_meta(ledger, key, &value, error))
        return false;
    g_autofree char *text =
        value ? g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value)) : NULL;
    *ret_number = text ? g_ascii_strtoll(text, NULL, 10) : CONTRACT_NONE;
    return true;
}

bool ledger_set_number(struct ledger *ledger, const char *key, int64_t number,
                       GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    return ledger_set_string(ledger, key, text, error);
}

char *ledger_id(struct ledger *ledger, GError **error)
{
    g_autofree char *fresh = g_uuid_string_random();
    struct query *make = query(
        ledger, "INSERT OR IGNORE INTO meta VALUES ('ledger.id', ?1)", error);
    if (!make)
        return NULL;
    g_autoptr(GBytes) value = g_bytes_new(fresh, strlen(fresh));
    query_bytes(make, 1, value);
    return query_run(make, error) ? ledger_get_string(ledger, "ledger.id", error) : NULL;
}

char *ledger_get_profile(struct ledger *ledger, const char *name, GError **error)
{
    struct query *get = query(ledger, "SELECT json FROM profiles WHERE name = ?1", error);
    if (!get)
        return NULL;
    query_text(get, 1, name);
    char *json = query_step(get, error) == QUERY_ROW ? g_strdup(query_get_text(get, 0))
                                                     : NULL;
    query_end(get);
    return json;
}

GPtrArray *ledger_profile_names(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct query *select = query(ledger, "SELECT name FROM profiles ORDER BY name",
                                 error);
    enum query_step step = QUERY_FAILED;
    while (select && (step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(names, g_strdup(query_get_text(select, 0)));
    query_end(select);
    return step == QUERY_END ? g_steal_pointer(&names) : NULL;
}

bool ledger_set_profile(struct ledger *ledger, const char *name, const char *json,
                        GError **error)
{
    struct query *set = query(ledger, "INSERT OR REPLACE INTO profiles VALUES (?1, ?2)",
                              error);
    if (!set)
        return false;
    query_text(set, 1, name);
    query_text(set, 2, json);
    return query_run(set, error);
}

/* --- Outbox ------------------------------------------------------------------------------------ */

void outgoing_free(struct outgoing *outgoing)
{
    if (!outgoing)
        return;
    g_free(outgoing->event_id);
    g_free(outgoing->agent_id);
    g_free(outgoing->command_id);
    g_free(outgoing->topic);
    g_free(outgoing->key);
    g_free(outgoing->event_key);
    g_clear_pointer(&outgoing->command, g_bytes_unref);
    g_clear_pointer(&outgoing->event, g_bytes_unref);
    g_free(outgoing);
}

bool ledger_queue(struct ledger *ledger, const struct outgoing *outgoing, GError **error)
{
    struct query *insert = query(
        ledger,
        "INSERT INTO outbox (event_id, agent_id, command_id, topic, partition, key, "
        "command, event, event_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        error);
    if (!insert)
        return false;
    query_text(insert, 1, outgoing->event_id);
    query_text(insert, 2, outgoing->agent_id);
    query_text(insert, 3, outgoing->command_id);
    query_text(insert, 4, outgoing->topic);
    query_integer(insert, 5, outgoing->topic ? outgoing->partition : CONTRACT_NONE);
    query_text(insert, 6, outgoing->key);
    query_bytes(insert, 7, outgoing->command);
    query_bytes(insert, 8, outgoing->event);
    query_text(insert, 9, outgoing->event_key);
    return query_run(insert, error);
}

static struct outgoing *outgoing_from(struct query *query)
{
    struct outgoing *outgoing = g_new0(struct outgoing, 1);
    outgoing->seq = query_get_integer(query, 0);
    outgoing->event_id = g_strdup(query_get_text(query, 1));
    outgoing->agent_id = g_strdup(query_get_text(query, 2));
    outgoing->command_id = g_strdup(query_get_text(query, 3));
    outgoing->topic = g_strdup(query_get_text(query, 4));
    outgoing->partition = query_get_integer(query, 5);
    outgoing->key = g_strdup(query_get_text(query, 6));
    outgoing->command = outgoing->topic ? query_get_bytes(query, 7) : NULL;
    outgoing->event = query_get_bytes(query, 8);
    outgoing->event_key = g_strdup(query_get_text(query, 9));
    return outgoing;
}

GPtrArray *ledger_unsent(struct ledger *ledger, int limit, GError **error)
{
    g_autoptr(GPtrArray)
        unsent = g_ptr_array_new_with_free_func((GDestroyNotify)outgoing_free);
    struct query *select = query(
        ledger,
        "SELECT seq, event_id, agent_id, command_id, topic, partition, key, command, "
        "event, event_key FROM outbox WHERE sent_at IS NULL AND agent_id NOT IN "
        "(SELECT id FROM agents WHERE NOT sends) ORDER BY seq LIMIT ?1",
        error);
    if (!select)
        return NULL;
    enum query_step step;
    query_integer(select, 1, limit);
    while ((step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(unsent, outgoing_from(select));
    query_end(select);
    return step == QUERY_END ? g_steal_pointer(&unsent) : NULL;
}

GPtrArray *ledger_unsent_agents(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray) agents = g_ptr_array_new_with_free_func(g_free);
    struct query *select = query(ledger,
                                 "SELECT agent_id FROM outbox WHERE sent_at IS NULL "
                                 "UNION SELECT id FROM agents WHERE held IS NOT NULL",
                                 error);
    if (!select)
        return NULL;
    enum query_step step;
    while ((step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(agents, g_strdup(query_get_text(select, 0)));
    query_end(select);
    return step == QUERY_END ? g_steal_pointer(&agents) : NULL;
}

GPtrArray *ledger_unconfirmed(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray)
        events = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    struct query *select = query(ledger, "SELECT event FROM outbox ORDER BY seq", error);
    if (!select)
        return NULL;
    enum query_step step;
    while ((step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(events, query_get_bytes(select, 0));
    query_end(select);
    return step == QUERY_END ? g_steal_pointer(&events) : NULL;
}

bool ledger_mark_sent(struct ledger *ledger, const char *event_id, int64_t now,
                      GError **error)
{
    struct query *mark = query(
        ledger, "UPDATE outbox SET sent_at = ?2, command = NULL WHERE event_id = ?1",
        error);
    if (!mark)
        return false;
    query_text(mark, 1, event_id);
    query_integer(mark, 2, now);
    return query_run(mark, error);
}

bool ledger_drop_command(struct ledger *ledger, const char *event_id, GError **error)
{
    struct query *drop = query(ledger,
                               "UPDATE outbox SET topic = NULL, partition = NULL, "
                               "key = NULL, command = NULL WHERE event_id = ?1",
                               error);
    if (!drop)
        return false;
    query_text(drop, 1, event_id);
    return query_run(drop, error);
}

bool ledger_confirm(struct ledger *ledger, const char *event_id, GError **error)
{
    struct query *drop = query(ledger, "DELETE FROM outbox WHERE event_id = ?1", error);
    if (!drop)
        return false;
    query_text(drop, 1, event_id);
    return query_run(drop, error);
}

static bool finds(struct ledger *ledger, const char *sql, const char *event_id,
                  bool *ret_found, GError **error)
{
    struct query *look = query(ledger, sql, error);
    if (!look)
        return false;
    query_text(look, 1, event_id);
    enum query_step step = query_step(look, error);
    if (step != QUERY_FAILED)
        *ret_found = step == QUERY_ROW;
    query_end(look);
    return step != QUERY_FAILED;
}

bool ledger_is_queued(struct ledger *ledger, const char *event_id, bool *ret_queued,
                      GError **error)
{
    return finds(ledger, "SELECT 1 FROM outbox WHERE event_id = ?1", event_id, ret_queued,
                 error);
}

bool ledger_is_unsent(struct ledger *ledger, const char *event_id, bool *ret_unsent,
                      GError **error)
{
    return finds(ledger, "SELECT 1 FROM outbox WHERE event_id = ?1 AND sent_at IS NULL",
                 event_id, ret_unsent, error);
}

bool ledger_hold(struct ledger *ledger, const char *agent_id, const char *why, bool sends,
                 GError **error)
{
    struct query *hold = query(
        ledger, "UPDATE agents SET held = ?2, sends = ?3 WHERE id = ?1", error);
    if (!hold)
        return false;
    query_text(hold, 1, agent_id);
    query_text(hold, 2, why);
    query_integer(hold, 3, sends);
    return query_run(hold, error);
}

bool ledger_lift(struct ledger *ledger, const char *agent_id, GError **error)
{
    struct query *lift = query(ledger,
                               "UPDATE agents SET held = NULL, sends = 1 "
                               "WHERE held IS NOT NULL AND (?1 IS NULL OR id = ?1)",
                               error);
    if (!lift)
        return false;
    query_text(lift, 1, agent_id);
    return query_run(lift, error);
}

/* --- Positions ---------------------------------------------------------------------------------- */

bool ledger_position(struct ledger *ledger, int32_t partition, int64_t *ret_next,
                     GError **error)
{
    struct query *get = query(ledger, "SELECT next FROM positions WHERE partition = ?1",
                              error);
    if (!get)
        return false;
    query_integer(get, 1, partition);
    enum query_step step = query_step(get, error);
    if (step != QUERY_FAILED)
        *ret_next = step == QUERY_ROW ? query_get_integer(get, 0) : -1;
    query_end(get);
    return step != QUERY_FAILED;
}

bool ledger_set_position(struct ledger *ledger, int32_t partition, int64_t next,
                         GError **error)
{
    struct query *set = query(ledger, "INSERT OR REPLACE INTO positions VALUES (?1, ?2)",
                              error);
    if (!set)
        return false;
    query_integer(set, 1, partition);
    query_integer(set, 2, next);
    return query_run(set, error);
}

/* --- Syncs ---------------------------------------------------------------------------------------- */

bool ledger_keep_chunk(struct ledger *ledger, const char *agent_id, const char *sync_id,
                       int64_t chunk, GBytes *event, GError **error)
{
    struct query *keep = query(
        ledger, "INSERT OR REPLACE INTO sync_chunks VALUES (?1, ?2, ?3, ?4)", error);
    if (!keep)
        return false;
    query_text(keep, 1, agent_id);
    query_text(keep, 2, sync_id);
    query_integer(keep, 3, chunk);
    query_bytes(keep, 4, event);
    return query_run(keep, error);
}

bool ledger_count_chunks(struct ledger *ledger, const char *agent_id, const char *sync_id,
                         int64_t *ret_count, GError **error)
{
    struct query *count = query(
        ledger, "SELECT count(*) FROM sync_chunks WHERE agent_id = ?1 AND sync_id = ?2",
        error);
    if (!count)
        return false;
    query_text(count, 1, agent_id);
    query_text(count, 2, sync_id);
    const bool good = query_step(count, error) == QUERY_ROW;
    if (good)
        *ret_count = query_get_integer(count, 0);
    query_end(count);
    return good;
}

GPtrArray *ledger_chunks(struct ledger *ledger, const char *agent_id, const char *sync_id,
                         GError **error)
{
    g_autoptr(GPtrArray)
        chunks = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    struct query *select = query(ledger,
                                 "SELECT event FROM sync_chunks WHERE agent_id = ?1 AND "
                                 "sync_id = ?2 ORDER BY chunk",
                                 error);
    if (!select)
        return NULL;
    enum query_step step;
    query_text(select, 1, agent_id);
    query_text(select, 2, sync_id);
    while ((step = query_step(select, error)) == QUERY_ROW)
        g_ptr_array_add(chunks, query_get_bytes(select, 0));
    query_end(select);
    return step == QUERY_END ? g_steal_pointer(&chunks) : NULL;
}

bool ledger_drop_chunks(struct ledger *ledger, const char *agent_id, const char *sync_id,
                        GError **error)
{
    struct query *drop = query(
        ledger, "DELETE FROM sync_chunks WHERE agent_id = ?1 AND sync_id = ?2", error);
    if (!drop)
        return false;
    query_text(drop, 1, agent_id);
    query_text(drop, 2, sync_id);
    return query_run(drop, error);
}

bool ledger_keep_sync(struct ledger *ledger, const char *agent_id,
                      const struct sync *sync, int64_t append_ms, const char *found,
                      GError **error)
{
    struct query *keep = query(
        ledger, "INSERT OR REPLACE INTO syncs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        error);
    if (!keep)
        return false;
    query_text(keep, 1, agent_id);
    query_integer(keep, 2, sync->partition);
    query_text(keep, 3, sync->sync_id);
    query_text(keep, 4, sync_reason_name(sync->reason));
    query_integer(keep, 5, sync->listed_at);
    query_integer(keep, 6, append_ms);
    query_integer(keep, 7, sync->servers->len);
    query_text(keep, 8, found);
    return query_run(keep, error);
}
