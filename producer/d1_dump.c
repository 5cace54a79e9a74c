/*
 * d1_dump.c - the export of a D1 database, read into rows.
 */
#include "d1_dump.h"

#include "d1.h"
#include "dump.h"
#include "scratch.h"

#include <string.h>

G_DEFINE_QUARK(muster_d1_dump_error, d1_dump_error)

/* --- Loading ---------------------------------------------------------------------------- */

static bool is_wanted(const char *table)
{
    return g_str_equal(table, "agents") || g_str_equal(table, "servers");
}

static void note_table(struct d1_dump *read, const char *table)
{
    if (g_str_has_prefix(table, "sqlite_") ||
        g_ptr_array_find_with_equal_func(read->tables, table, g_str_equal, NULL))
        return;
    g_ptr_array_add(read->tables, g_strdup(table));
}

static bool load(struct d1_dump *read, struct scratch *scratch, const char *text,
                 size_t length, GError **error)
{
    struct dump dump;
    if (!dump_open(&dump, text, length, error))
        return false;
    for (;;) {
        g_auto(DumpStatement) statement = {0};
        if (!dump_next(&dump, &statement, error))
            return false;
        if (statement.kind == DUMP_END)
            return true;
        if (!statement.table)
            continue;
        if (!is_wanted(statement.table)) {
            note_table(read, statement.table);
        } else if (!scratch_run(scratch, statement.text, statement.length, error)) {
            g_prefix_error(error, "line %d: ", statement.line);
            return false;
        }
    }
}

/* --- Reading the rows ---------------------------------------------------------------------- */

typedef bool take_row(struct d1_dump *read, const json_t *row, int64_t now,
                      GError **error);

static bool take_agent(struct d1_dump *read, const json_t *row, int64_t now,
                       GError **error)
{
    struct agent_row *agent = d1_agent(row, now, error);
    if (agent)
        g_ptr_array_add(read->agents, agent);
    return agent != NULL;
}

static bool take_server(struct d1_dump *read, const json_t *row, int64_t now,
                        GError **error)
{
    struct server_row *server = d1_server(row, now, error);
    if (server)
        g_ptr_array_add(read->servers, server);
    return server != NULL;
}

/* "server alpha (17)", as far as the row says. */
static char *row_title(const char *what, const json_t *row)
{
    const json_t *id = json_object_get(row, "id");
    const char *name = json_string_value(json_object_get(row, "name"));
    g_autofree char *number = json_is_integer(id)
                                  ? g_strdup_printf("%" JSON_INTEGER_FORMAT,
                                                    json_integer_value(id))
                                  : NULL;
    const char *text = number ? number : json_string_value(id);
    return g_strdup_printf("%s %.100s (%.100s)", what, name ? name : "-",
                           text ? text : "without id");
}

static bool read_table(struct d1_dump *read, struct scratch *scratch, const char *table,
                       const char *what, take_row *take, int64_t now, GError **error)
{
    enum query_step step;
    json_t *next = NULL;
    if (!scratch_has(scratch, table))
        return true;
    if (!scratch_select(scratch, table, error))
        return false;
    while ((step = scratch_next(scratch, &next, error)) == QUERY_ROW) {
        json_auto_t *row = next;
        g_autoptr(GError) wrong = NULL;
        if (take(read, row, now, &wrong))
            continue;
        g_autofree char *title = row_title(what, row);
        g_ptr_array_add(read->wrong, g_strdup_printf("%s: %s", title, wrong->message));
    }
    return step == QUERY_END;
}

/* Living ones first, then the deleted from the newest on: who comes first has the name. */
static gint by_claim(gconstpointer a, gconstpointer b)
{
    const struct server_row *one = *(struct server_row *const *)a;
    const struct server_row *other = *(struct server_row *const *)b;
    bool gone = one->status == STATUS_DELETED,
         other_gone = other->status == STATUS_DELETED;
    if (gone != other_gone)
        return gone - other_gone;
    if (one->deleted_at != other->deleted_at)
        return one->deleted_at > other->deleted_at ? -1 : 1;
    return one->created_at < other->created_at ? -1 : one->created_at > other->created_at;
}

static bool parse(struct d1_dump *read, const char *text, size_t length, int64_t now,
                  GError **error)
{
    g_autoptr(Scratch) scratch = scratch_new(length, error);
    if (!scratch || !load(read, scratch, text, length, error))
        return false;
    if (!scratch_has(scratch, "agents") && !scratch_has(scratch, "servers")) {
        g_set_error(error, D1_DUMP_ERROR, D1_DUMP_ERROR_REFUSED,
                    "has neither a table agents nor a table servers");
        return false;
    }
    if (!read_table(read, scratch, "agents", "agent", take_agent, now, error) ||
        !read_table(read, scratch, "servers", "server", take_server, now, error))
        return false;
    g_ptr_array_sort(read->servers, by_claim);
    return true;
}

struct d1_dump *d1_dump_parse(const char *name, const char *text, size_t length,
                              int64_t now, GError **error)
{
    g_autoptr(D1Dump) read = g_new0(struct d1_dump, 1);
    read->name = g_strdup(name);
    read->agents = g_ptr_array_new_with_free_func((GDestroyNotify)agent_row_free);
    read->servers = g_ptr_array_new_with_free_func((GDestroyNotify)server_row_free);
    read->wrong = g_ptr_array_new_with_free_func(g_free);
    read->tables = g_ptr_array_new_with_free_func(g_free);
    if (parse(read, text, length, now, error))
        return g_steal_pointer(&read);
    g_prefix_error(error, "%s: ", name);
    return NULL;
}

struct d1_dump *d1_dump_read(const char *path, int64_t now, GError **error)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, error);
    if (!file)
        return NULL;
    gsize length = g_mapped_file_get_length(file);
    if (length > D1_DUMP_MAX_BYTES) {
        g_set_error(error, D1_DUMP_ERROR, D1_DUMP_ERROR_REFUSED, "%s: larger than %d MiB",
                    path, (int)(D1_DUMP_MAX_BYTES / 1024 / 1024));
        return NULL;
    }
    const char *text = g_mapped_file_get_contents(file);
    return d1_dump_parse(path, text ? text : "", length, now, error);
}

void d1_dump_free(struct d1_dump *read)
{
    if (!read)
        return;
    g_free(read->name);
    g_ptr_array_unref(read->agents);
    g_ptr_array_unref(read->servers);
    g_ptr_array_unref(read->wrong);
    g_ptr_array_unref(read->tables);
    g_free(read);
}
