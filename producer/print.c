/*
 * print.c - what people and programs see.
 *
 * To standard output only.  Values of config are hidden columns and events have none, so
 * nothing here can print a secret.
 */
#include "print.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', stdout);
    json_decref(json);
}

/* --- Tables ------------------------------------------------------------------------------------- */

struct print_table {
    GPtrArray *rows; /* GStrv */
    guint columns;
};

struct print_table *print_table_new(const char *const *headings)
{
    struct print_table *table = g_new0(struct print_table, 1);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    table->columns = g_strv_length((char **)headings);
    g_ptr_array_add(table->rows, g_strdupv((char **)headings));
    return table;
}

void print_table_add(struct print_table *table, ...)
{
    va_list cells;
    char **row = g_new0(char *, table->columns + 1);
    va_start(cells, table);
    for (guint i = 0; i < table->columns; i++)
        row[i] = g_strdup(va_arg(cells, const char *));
    va_end(cells);
    g_ptr_array_add(table->rows, row);
}

static glong width_of(const struct print_table *table, guint column)
{
    glong width = 0;
    for (guint i = 0; i < table->rows->len; i++)
        width = MAX(width, g_utf8_strlen(((char **)table->rows->pdata[i])[column], -1));
    return width;
}

/* Columns of the terminal; a lot where there is none. */
static glong screen_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col)
        return size.ws_col;
    return 10000;
}

static void print_row(char **row, const glong *widths, guint columns, glong room)
{
    for (guint i = 0; i < columns && room > 0; i++) {
        glong length = g_utf8_strlen(row[i], -1);
        g_autofree char *cell = g_utf8_substring(row[i], 0, MIN(length, room));
        glong pad = i + 1 < columns ? MAX(widths[i] - length + 2, 0) : 0;
        printf("%s%*s", cell, (int)pad, "");
        room -= MIN(length, room) + pad;
    }
    fputc('\n', stdout);
}

void print_table_end(struct print_table *table)
{
    g_autofree glong *widths = g_new0(glong, table->columns);
    glong screen = screen_width();
    for (guint i = 0; i < table->columns; i++)
        widths[i] = width_of(table, i);
    for (guint i = 0; i < table->rows->len; i++)
        print_row(table->rows->pdata[i], widths, table->columns, screen);
    g_ptr_array_unref(table->rows);
    g_free(table);
}

/* --- Details ------------------------------------------------------------------------------------ */

char *print_time(int64_t ms)
{
    if (ms == CONTRACT_NONE || ms == 0)
        return g_strdup("-");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(ms / 1000);
    return time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
}

static bool is_time(const struct column *column)
{
    return g_str_has_suffix(column->name, "_at") ||
           g_str_has_suffix(column->name, "_since");
}

static char *value_text(const struct column *column, const json_t *value)
{
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_integer(value))
        return is_time(column)
                   ? print_time(json_integer_value(value))
                   : g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "yes" : "no");
    return g_strdup("");
}

void print_details(const struct table *table, const void *row)
{
    json_auto_t *json = row_to_json(table, row);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        g_autofree char *text = value_text(column, json_object_get(json, column->name));
        if (*text)
            printf("%-24s %s\n", column->name, text);
    }
}

/* --- Events --------------------------------------------------------------------------------------- */

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

static void add_state(GString *line, const struct state *state)
{
    g_string_append_printf(line, " %s", container_status_name(state->status));
    if (state->container && *state->container)
        g_string_append_printf(line, " %s", state->container);
    if (state->status == CONTAINER_EXITED && state->exit_code != CONTRACT_NONE)
        g_string_append_printf(line, " exit %" G_GINT64_FORMAT, state->exit_code);
}

static void add_result(GString *line, const struct event *event)
{
    const struct result *result = event->result;
    g_string_append_printf(line, "result %s %s",
                           event->cause ? event->cause->action : "-",
                           outcome_name(result->outcome));
    if (*result->code)
        g_string_append_printf(line, " %s", result->code);
    if (result->already)
        g_string_append(line, " (already)");
    if (result->recovered)
        g_string_append(line, " (recovered)");
    if (*result->message)
        g_string_append_printf(line, ": %s", result->message);
}

static void add_record(GString *line, const struct event *event)
{
    const struct record *record = event->record;
    g_string_append_printf(line, "record %s", record_kind_name(record->kind));
    if (event->cause)
        g_string_append_printf(line, " %s by %s", event->cause->action,
                               or_dash(event->cause->actor));
    if (record->server)
        g_string_append_printf(line, " of %s", record->server->name);
    if (record->agent)
        g_string_append_printf(line, " %s", record->agent->name);
    if (*record->reason)
        g_string_append_printf(line, ": %s", record->reason);
}

static void add_sync(GString *line, const struct sync *sync)
{
    g_string_append_printf(
        line, "sync of partition %" G_GINT64_FORMAT " (%s): %u servers", sync->partition,
        sync_reason_name(sync->reason), sync->servers->len);
    if (sync->extra->len + sync->unmanaged->len > 0)
        g_string_append_printf(line, ", %u extra, %u unmanaged", sync->extra->len,
                               sync->unmanaged->len);
    if (!sync->complete)
        g_string_append_printf(line, ", not complete: %s", sync->message);
}

char *print_event(const struct event *event, int64_t append_ms, const char *agent_name)
{
    g_autofree char *time = print_time(append_ms);
    GString *line = g_string_new(NULL);
    g_string_printf(line, "%s  %s  %s  ", time, agent_name, or_dash(event->server_id));
    if (event->record)
        add_record(line, event);
    else if (event->result)
        add_result(line, event);
    else if (event->sync)
        add_sync(line, event->sync);
    if (event->state) {
        g_string_append(line, "state");
        add_state(line, event->state);
    }
    return g_string_free(line, FALSE);
}
