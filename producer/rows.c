/*
 * rows.c - the ledger's rows: their columns, their life, their JSON.
 *
 * Pure.  It knows nothing of SQLite; ledger.c binds and reads by the tables here.
 */
#include "rows.h"

#include "reference.h"

#include <string.h>

static const char *const status_names[] = {
    [STATUS_NONE] = "",
    [STATUS_CREATING] = "creating",
    [STATUS_RUNNING] = "running",
    [STATUS_STOPPED] = "stopped",
    [STATUS_REBUILDING] = "rebuilding",
    [STATUS_DELETING] = "deleting",
    [STATUS_DELETED] = "deleted",
    [STATUS_PURGED] = "purged",
    [STATUS_FAILED] = "failed",
    [STATUS_MISSING] = "missing",
};

const char *server_status_name(enum server_status status)
{
    g_assert(status < STATUS_COUNT);
    return status_names[status];
}

enum server_status server_status_from_name(const char *name)
{
    for (int i = STATUS_NONE + 1; i < STATUS_COUNT; i++)
        if (g_strcmp0(name, status_names[i]) == 0)
            return (enum server_status)i;
    return STATUS_NONE;
}

/* --- The tables -------------------------------------------------------------------- */

/* clang-format off */
#define LOG COLUMN_LOG
#define HIDDEN COLUMN_HIDDEN

#define AGENT(name, kind, flags) {#name, COLUMN_##kind, offsetof(struct agent_row, name), flags}
static const struct column agent_columns[] = {
    AGENT(id,                     TEXT,             LOG),
    AGENT(name,                   TEXT,             LOG),
    AGENT(steam_zomboid_registry, TEXT,             LOG),
    AGENT(server_data_path,       TEXT,             LOG),
    AGENT(engine_id,              TEXT_OPTIONAL,    LOG),
    AGENT(partitions,             INTEGER,          LOG),
    AGENT(held,                   TEXT_OPTIONAL,    0),
    AGENT(on_missing,             TEXT,             LOG),
    AGENT(mass_absence_at,        INTEGER_OPTIONAL, LOG),
    AGENT(last_event_at,          INTEGER_OPTIONAL, LOG),
    AGENT(created_at,             INTEGER,          LOG),
    AGENT(updated_at,             INTEGER,          LOG),
};

#define SERVER(name, kind, flags) {#name, COLUMN_##kind, offsetof(struct server_row, name), flags}
static const struct column server_columns[] = {
    SERVER(id,               TEXT,             LOG),
    SERVER(agent_id,         TEXT,             LOG),
    SERVER(name,             TEXT,             LOG),
    SERVER(status,           STATUS,           0), /* follows from the others and from requests */
    SERVER(container_id,     TEXT_OPTIONAL,    LOG),
    SERVER(config,           TEXT,             HIDDEN),
    SERVER(config_names,     TEXT,             LOG | HIDDEN),
    SERVER(image_tag,        TEXT,             LOG),
    SERVER(image,            TEXT_OPTIONAL,    LOG),
    SERVER(game_port,        INTEGER,          LOG),
    SERVER(udp_port,         INTEGER,          LOG),
    SERVER(rcon_port,        INTEGER,          LOG),
    SERVER(server_data_path, TEXT_OPTIONAL,    LOG),
    SERVER(on_missing,       TEXT_OPTIONAL,    LOG),
    SERVER(data_exists,      MAYBE,            LOG),
    SERVER(data_gone,        BOOL,             LOG),
    SERVER(created_at,       INTEGER,          LOG),
    SERVER(updated_at,       INTEGER,          LOG),
    SERVER(deleted_at,       INTEGER_OPTIONAL, LOG),
    SERVER(profile,          TEXT,             LOG),
    SERVER(container,        TEXT,             LOG),
    SERVER(data_dir,         TEXT,             LOG),
    SERVER(spec_digest,      TEXT,             LOG),
    SERVER(settled_status,   STATUS,           LOG),
    SERVER(status_at,        INTEGER_OPTIONAL, 0),
    SERVER(missing_since,    INTEGER_OPTIONAL, LOG),
    SERVER(drift,            BOOL,             LOG),
    SERVER(container_status, CONTAINER,        LOG),
    SERVER(container_image,  TEXT,             LOG),
    SERVER(container_spec,   TEXT,             LOG),
    SERVER(started_at,       INTEGER_OPTIONAL, LOG),
    SERVER(finished_at,      INTEGER_OPTIONAL, LOG),
    SERVER(exit_code,        INTEGER_OPTIONAL, LOG),
    SERVER(oom_killed,       BOOL,             LOG),
    SERVER(restart_count,    INTEGER,          LOG),
    SERVER(health,           TEXT,             LOG),
    SERVER(container_remarks, TEXT,            LOG | HIDDEN), /* remark.c tells them, with the others */
    SERVER(last_command_id,  TEXT_OPTIONAL,    LOG),
    SERVER(last_action,      TEXT,             LOG),
    SERVER(last_outcome,     TEXT,             LOG),
    SERVER(last_code,        TEXT,             LOG),
    SERVER(last_message,     TEXT,             LOG),
    SERVER(last_at,          INTEGER_OPTIONAL, LOG),
    SERVER(meant_to_run,     BOOL,             LOG | HIDDEN),
    SERVER(recorded,         BOOL,             LOG | HIDDEN),
    SERVER(partition,        INTEGER,          LOG | HIDDEN),
    SERVER(container_seen,   BOOL,             LOG | HIDDEN),
    SERVER(shown,            SHOWN,            LOG | HIDDEN),
    SERVER(command_offset,   INTEGER_OPTIONAL, LOG | HIDDEN),
    SERVER(data_at,          INTEGER_OPTIONAL, LOG | HIDDEN),
    SERVER(data_seen,        INTEGER,          LOG | HIDDEN),
    SERVER(container_mounts, TEXT,             LOG | HIDDEN),
};

#define COMMAND(name, kind, flags) {#name, COLUMN_##kind, offsetof(struct command_row, name), flags}
static const struct column command_columns[] = {
    COMMAND(command_id,  TEXT,             LOG),
    COMMAND(server_id,   TEXT_OPTIONAL,    LOG),
    COMMAND(agent_id,    TEXT,             LOG),
    COMMAND(action,      TEXT,             LOG),
    COMMAND(actor,       TEXT,             LOG),
    COMMAND(reason,      TEXT,             LOG),
    COMMAND(target,      TEXT_OPTIONAL,    LOG),
    COMMAND(issued_at,   INTEGER,          LOG),
    COMMAND(expires_at,  INTEGER,          LOG),
    COMMAND(recorded_at, INTEGER_OPTIONAL, LOG),
    COMMAND(accepted_at, INTEGER_OPTIONAL, LOG),
    COMMAND(finished_at, INTEGER_OPTIONAL, LOG),
    COMMAND(outcome,     TEXT,             LOG),
    COMMAND(code,        TEXT,             LOG),
    COMMAND(message,     TEXT,             LOG),
    COMMAND(recovered,   BOOL,             LOG),
    COMMAND(already,     BOOL,             LOG),
    COMMAND(rolled_back, BOOL,             LOG),
    COMMAND(result,      TEXT_OPTIONAL,    LOG | HIDDEN),
};

#define WORKER(name, kind) {#name, COLUMN_##kind, offsetof(struct worker_row, name), 0}
static const struct column worker_columns[] = {
    WORKER(id,             TEXT),
    WORKER(agent_id,       TEXT),
    WORKER(worker,         TEXT),
    WORKER(engine_id,      TEXT),
    WORKER(heard_at,       INTEGER),
    WORKER(interval_ms,    INTEGER),
    WORKER(started_at,     INTEGER),
    WORKER(host,           TEXT),
    WORKER(version,        TEXT),
    WORKER(engine_version, TEXT),
    WORKER(partitions,     TEXT),
    WORKER(queued,         INTEGER),
    WORKER(draining,       BOOL),
    WORKER(reads,          TEXT),
    WORKER(clock_skew_ms,  INTEGER_OPTIONAL),
};

#define TABLE(name, row, columns) {name, sizeof(struct row), columns, G_N_ELEMENTS(columns)}
const struct table table_agents = TABLE("agents", agent_row, agent_columns);
const struct table table_servers = TABLE("servers", server_row, server_columns);
const struct table table_commands = TABLE("commands", command_row, command_columns);
const struct table table_workers = TABLE("workers", worker_row, worker_columns);
/* clang-format on */

/* --- Any row ----------------------------------------------------------------------- */

char **column_text(const struct column *column, const void *row)
{
    return (char **)((const char *)row + column->offset);
}

int64_t *column_integer(const struct column *column, const void *row)
{
    return (int64_t *)((const char *)row + column->offset);
}

static size_t column_size(const struct column *column)
{
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_TEXT_OPTIONAL:
        return sizeof(char *);
    case COLUMN_INTEGER:
    case COLUMN_INTEGER_OPTIONAL:
        return sizeof(int64_t);
    case COLUMN_BOOL:
        return sizeof(bool);
    case COLUMN_MAYBE:
    case COLUMN_STATUS:
    case COLUMN_CONTAINER:
    case COLUMN_SHOWN:
        return sizeof(int);
    }
    g_assert_not_reached();
}

static bool column_is_text(const struct column *column)
{
    return column->kind == COLUMN_TEXT || column->kind == COLUMN_TEXT_OPTIONAL;
}

void row_set(char **field, const char *value)
{
    char *copy = g_strdup(value);
    g_free(*field);
    *field = copy;
}

void *row_new(const struct table *table)
{
    void *row = g_malloc0(table->size);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        if (column->kind == COLUMN_TEXT)
            *column_text(column, row) = g_strdup("");
        else if (column->kind == COLUMN_INTEGER_OPTIONAL)
            *column_integer(column, row) = CONTRACT_NONE;
    }
    return row;
}

void row_free(const struct table *table, void *row)
{
    for (size_t i = 0; row && i < table->n_columns; i++)
        if (column_is_text(&table->columns[i]))
            g_free(*column_text(&table->columns[i], row));
    g_free(row);
}

bool column_equal(const struct column *column, const void *a, const void *b)
{
    if (column_is_text(column))
        return g_strcmp0(*column_text(column, a), *column_text(column, b)) == 0;
    return memcmp((const char *)a + column->offset, (const char *)b + column->offset,
                  column_size(column)) == 0;
}

bool row_equal(const struct table *table, const void *a, const void *b, unsigned flags)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        if ((flags == 0 || column->flags & flags) && !column_equal(column, a, b))
            return false;
    }
    return true;
}

void column_copy(const struct column *column, void *to, const void *from)
{
    if (column_is_text(column))
        row_set(column_text(column, to), *column_text(column, from));
    else
        memcpy((char *)to + column->offset, (const char *)from + column->offset,
               column_size(column));
}

void row_copy(const struct table *table, void *to, const void *from)
{
    for (size_t i = 0; i < table->n_columns; i++)
        column_copy(&table->columns[i], to, from);
}

static json_t *maybe_to_json(enum maybe maybe)
{
    return maybe == MAYBE_UNKNOWN ? json_null() : json_boolean(maybe == MAYBE_YES);
}

json_t *column_to_json(const struct column *column, const void *row)
{
    const void *field = (const char *)row + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_TEXT_OPTIONAL: {
        const char *text = *column_text(column, row);
        return text ? json_string(text) : json_null();
    }
    case COLUMN_INTEGER:
    case COLUMN_INTEGER_OPTIONAL: {
        int64_t number = *column_integer(column, row);
        return number == CONTRACT_NONE ? json_null() : json_integer(number);
    }
    case COLUMN_BOOL:
        return json_boolean(*(const bool *)field);
    case COLUMN_MAYBE:
        return maybe_to_json(*(const enum maybe *)field);
    case COLUMN_STATUS:
        return json_string(server_status_name(*(const enum server_status *)field));
    case COLUMN_CONTAINER:
        return json_string(container_status_name(*(const enum container_status *)field));
    case COLUMN_SHOWN:
        return json_integer(*(const enum shown *)field);
    }
    g_assert_not_reached();
}

json_t *row_to_json(const struct table *table, const void *row)
{
    json_t *object = json_object();
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        if (!(column->flags & COLUMN_HIDDEN))
            json_object_set_new(object, column->name, column_to_json(column, row));
    }
    return object;
}

/* --- Each of them ------------------------------------------------------------------ */

static void open_command_free(struct open_command *command)
{
    g_free(command->command_id);
    g_free(command);
}

struct agent_row *agent_row_new(void)
{
    struct agent_row *agent = row_new(&table_agents);
    row_set(&agent->on_missing, "show");
    return agent;
}

struct agent_row *agent_row_dup(const struct agent_row *agent)
{
    struct agent_row *copy = agent_row_new();
    row_copy(&table_agents, copy, agent);
    return copy;
}

void agent_row_free(struct agent_row *agent)
{
    row_free(&table_agents, agent);
}

struct server_row *server_row_new(void)
{
    struct server_row *server = row_new(&table_servers);
    server->open = g_ptr_array_new_with_free_func((GDestroyNotify)open_command_free);
    row_set(&server->config, "{}");
    row_set(&server->config_names, "[]");
    server->meant_to_run =
        true; /* imported, adopted: nobody has asked for anything else */
    row_set(&server->container_mounts, "[]");
    return server;
}

void server_row_free(struct server_row *server)
{
    if (!server)
        return;
    g_ptr_array_unref(server->open);
    row_free(&table_servers, server);
}

struct server_row *server_row_dup(const struct server_row *server)
{
    struct server_row *copy = server_row_new();
    row_copy(&table_servers, copy, server);
    for (guint i = 0; i < server->open->len; i++) {
        const struct open_command *open = server->open->pdata[i];
        server_row_add_open(copy, open->command_id, open->action, open->in_log);
    }
    return copy;
}

struct command_row *command_row_new(void)
{
    return row_new(&table_commands);
}

struct command_row *command_row_dup(const struct command_row *command)
{
    struct command_row *copy = command_row_new();
    row_copy(&table_commands, copy, command);
    return copy;
}

void command_row_free(struct command_row *command)
{
    row_free(&table_commands, command);
}

struct worker_row *worker_row_new(void)
{
    return row_new(&table_workers);
}

void worker_row_free(struct worker_row *worker)
{
    row_free(&table_workers, worker);
}

void server_row_put_image(struct server_row *server, const char *image, const char *tag)
{
    g_auto(Reference) reference = {0};
    g_autofree char *said = NULL;
    if (image && *image && (!tag || !reference_is_whole(tag)) && /* or it stands alone */
        reference_of(image, tag ? tag : "", &reference, NULL) &&
        (said = reference_tag_text(&reference))) {
        image = reference.repository;
        tag = said;
    }
    if (image)
        row_set(&server->image, image);
    if (tag)
        row_set(&server->image_tag, tag);
}

bool server_row_is_adopted(const struct server_row *server)
{
    return server->container_id && *server->container_id && !*server->container_spec;
}

struct open_command *server_row_open(const struct server_row *server,
                                     const char *command_id)
{
    for (guint i = 0; i < server->open->len; i++) {
        struct open_command *open = server->open->pdata[i];
        if (g_strcmp0(open->command_id, command_id) == 0)
            return open;
    }
    return NULL;
}

void server_row_add_open(struct server_row *server, const char *command_id,
                         enum action action, bool in_log)
{
    struct open_command *open = server_row_open(server, command_id);
    if (!open) {
        open = g_new0(struct open_command, 1);
        open->command_id = g_strdup(command_id);
        open->action = action;
        g_ptr_array_add(server->open, open);
    }
    open->in_log = open->in_log || in_log;
}

void server_row_drop_open(struct server_row *server, const char *command_id)
{
    g_ptr_array_remove(server->open, server_row_open(server, command_id));
}

bool server_row_is_pending(const struct server_row *server)
{
    for (guint i = 0; i < server->open->len; i++)
        if (((const struct open_command *)server->open->pdata[i])->in_log)
            return true;
    return false;
}
