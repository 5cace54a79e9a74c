/*
 * ledger_found.c - containers that the last syncs saw and that are no server's own.
 */
#include "ledger_found.h"

#include "shape.h"

#include <string.h>

/* clang-format off */
#define FOUND(name, kind) {#name, COLUMN_##kind, offsetof(struct found_row, name), 0}
static const struct column found_columns[] = {
    FOUND(agent_id,     TEXT),
    FOUND(kind,         TEXT),
    FOUND(container_id, TEXT),
    FOUND(name,         TEXT),
    FOUND(status,       TEXT),
    FOUND(image,        TEXT),
    FOUND(server_id,    TEXT_OPTIONAL),
    FOUND(seen_at,      INTEGER),
};
/* clang-format on */
const struct table table_found = {"found", sizeof(struct found_row), found_columns,
                                  G_N_ELEMENTS(found_columns)};

const char *found_kind_name(enum found_kind kind)
{
    static const char *const names[FOUND_KIND_COUNT] = {"unmanaged", "extra", "orphan"};
    return names[kind];
}

void found_row_free(struct found_row *row)
{
    if (row && row->found)
        shape_found.free(row->found);
    row_free(&table_found, row);
}

/* --- What was told of an unmanaged one ------------------------------------------------------ */

static const char *text_of(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text ? text : "";
}

static void take_texts(GPtrArray *texts, const json_t *item, const char *name)
{
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(item, name), i, text)
        g_ptr_array_add(texts, g_strdup(json_string_value(text)));
}

static void take_mounts(struct found *found, const json_t *item)
{
    size_t i;
    json_t *mount;
    json_array_foreach(json_object_get(item, "mounts"), i, mount) g_ptr_array_add(
        found->mounts,
        mounted_new(text_of(mount, "type"), text_of(mount, "name"),
                    text_of(mount, "source"), text_of(mount, "container_path"),
                    json_is_true(json_object_get(mount, "read_only"))));
}

static void take_ports(struct found *found, const json_t *item)
{
    size_t i;
    json_t *listed;
    json_array_foreach(json_object_get(item, "ports"), i, listed)
    {
        const bool udp = g_str_equal(text_of(listed, "protocol"),
                                     protocol_name(PROTOCOL_UDP));
        struct port *port = port_new(
            json_integer_value(json_object_get(listed, "host_port")),
            json_integer_value(json_object_get(listed, "container_port")),
            udp ? PROTOCOL_UDP : PROTOCOL_TCP);
        row_set(&port->host_ip, text_of(listed, "host_ip"));
        g_ptr_array_add(found->ports, port);
    }
}

static struct found *found_of(const json_t *item)
{
    struct found *found = found_new();
    row_set(&found->container_id, text_of(item, "container_id"));
    row_set(&found->name, text_of(item, "name"));
    row_set(&found->status, text_of(item, "status"));
    row_set(&found->image, text_of(item, "image"));
    row_set(&found->restart_policy, text_of(item, "restart_policy"));
    take_mounts(found, item);
    take_ports(found, item);
    take_texts(found->env_names, item, "env_names");
    take_texts(found->entrypoint, item, "entrypoint");
    take_texts(found->command, item, "command");
    return found;
}

/* --- Rows ------------------------------------------------------------------------------------ */

/* One row of `syncs` at work. */
struct look {
    const char *agent_id;
    int64_t at;
    bool first; /* the newest of its agent: all partitions list what is unmanaged */
    GHashTable *owner; /* start of an adopted container's id → server id */
    GPtrArray *rows;
};

static void take_member(char **field, const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    row_set(field, text ? text : "");
}

static void add_row(struct look *look, enum found_kind kind, const json_t *item)
{
    struct found_row *row = row_new(&table_found);
    row_set(&row->agent_id, look->agent_id);
    row_set(&row->kind, found_kind_name(kind));
    take_member(&row->container_id, item, "container_id");
    take_member(&row->name, item, "name");
    take_member(&row->status, item, "status");
    take_member(&row->image, item, "image");
    take_member(&row->server_id, item, "server_id");
    if (kind == FOUND_UNMANAGED) {
        g_autofree char *key = g_strndup(row->container_id, CONTAINER_SHORT);
        row_set(&row->server_id, g_hash_table_lookup(look->owner, key));
        row->found = found_of(item);
    }
    row->seen_at = look->at;
    g_ptr_array_add(look->rows, row);
}

static void add_rows(struct look *look, const char *found, unsigned kinds)
{
    json_auto_t *json = json_loads(found, 0, NULL);
    for (int kind = 0; kind < FOUND_KIND_COUNT; kind++) {
        size_t i;
        json_t *item;
        if (!(kinds & (1U << kind)) || (kind == FOUND_UNMANAGED && !look->first))
            continue;
        json_array_foreach(json_object_get(json, found_kind_name((enum found_kind)kind)),
                           i, item) add_row(look, (enum found_kind)kind, item);
    }
}

/* Which containers are adopted on an agent. */
static bool load_owners(struct ledger *ledger, struct look *look, GError **error)
{
    struct query *query_owners = query(
        ledger,
        "SELECT container_id, id FROM servers WHERE agent_id = ?1 AND "
        "container_id IS NOT NULL AND container_spec = ''",
        error);
    enum query_step step = QUERY_FAILED;
    g_hash_table_remove_all(look->owner);
    if (query_owners)
        query_text(query_owners, 1, look->agent_id);
    while (query_owners && (step = query_step(query_owners, error)) == QUERY_ROW)
        g_hash_table_insert(look->owner,
                            g_strndup(query_get_text(query_owners, 0), CONTAINER_SHORT),
                            g_strdup(query_get_text(query_owners, 1)));
    query_end(query_owners);
    return step == QUERY_END;
}

static bool take_sync(struct ledger *ledger, struct look *look, struct query *syncs,
                      unsigned kinds, char **last_agent, GError **error)
{
    look->agent_id = query_get_text(syncs, 0);
    look->at = query_get_integer(syncs, 1);
    look->first = g_strcmp0(look->agent_id, *last_agent) != 0;
    if (look->first && !load_owners(ledger, look, error))
        return false;
    row_set(last_agent, look->agent_id);
    add_rows(look, query_get_text(syncs, 2), kinds);
    return true;
}

GPtrArray *ledger_found(struct ledger *ledger, const char *agent_id, unsigned kinds,
                        GError **error)
{
    g_autoptr(GPtrArray)
        rows = g_ptr_array_new_with_free_func((GDestroyNotify)found_row_free);
    g_autoptr(GHashTable)
        owner = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *last_agent = NULL;
    struct look look = {.owner = owner, .rows = rows};
    struct query *syncs = query(ledger,
                                agent_id ? "SELECT agent_id, at, found FROM syncs WHERE "
                                           "agent_id = ?1 ORDER BY agent_id, at DESC"
                                         : "SELECT agent_id, at, found FROM syncs "
                                           "ORDER BY agent_id, at DESC",
                                error);
    enum query_step step = QUERY_FAILED;
    if (syncs && agent_id)
        query_text(syncs, 1, agent_id);
    while (syncs && (step = query_step(syncs, error)) == QUERY_ROW)
        if (!take_sync(ledger, &look, syncs, kinds, &last_agent, error)) {
            query_end(syncs);
            return NULL;
        }
    query_end(syncs);
    return step == QUERY_END ? g_steal_pointer(&rows) : NULL;
}

void found_drop_adopted(GPtrArray *rows)
{
    for (guint i = rows->len; i > 0; i--) {
        const struct found_row *row = rows->pdata[i - 1];
        if (g_str_equal(row->kind, found_kind_name(FOUND_UNMANAGED)) && row->server_id)
            g_ptr_array_remove_index(rows, i - 1);
    }
}
