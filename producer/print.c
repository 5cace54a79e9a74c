/*
 * print.c - what people and programs see.
 *
 * To standard output only.  Values of config are hidden columns and events have none, so
 * nothing here can print a secret.
 */
#include "print.h"

#include "clean.h"
#include "terminal.h"

#include <string.h>

void print_json_text(const json_t *json, size_t flags)
{
    g_autofree char *text = clean_json(json_dumps(json, flags));
    fputs(text, stdout);
}

void print_json(json_t *json)
{
    print_json_text(json, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', stdout);
    json_decref(json);
}

/* Remarks are an array everywhere: several may hold at once. */
static bool stays(const char *key)
{
    return g_str_equal(key, "remarks") || g_str_equal(key, "remark_sentences");
}

void json_flatten(json_t *object)
{
    const char *key;
    void *next;
    json_t *value;
    json_object_foreach_safe(object, next, key, value)
    {
        if ((json_is_array(value) || json_is_object(value)) && !stays(key))
            json_object_del(object, key);
    }
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

#define FIELD_WIDTH 24 /* of a name */
#define VALUE_LEAST 10 /* columns; with less, the terminal may wrap as it likes */

void print_field(const char *name, const char *value)
{
    int screen = terminal_width(stdout);
    int width = screen ? screen - FIELD_WIDTH - 1 : 0;
    g_autofree char *clean = text_cut(value, 0);
    printf("%-*s ", FIELD_WIDTH, name);
    if (width < VALUE_LEAST || g_str_has_suffix(name, "status")) {
        terminal_word(stdout, clean);
        fputc('\n', stdout);
        return;
    }
    for (const char *at = clean, *end; *at; at = end) {
        end = text_line_end(at, width);
        printf("%*s%.*s\n", at > clean ? FIELD_WIDTH + 1 : 0, "", (int)(end - at), at);
    }
}

void print_details(const struct table *table, const void *row)
{
    json_auto_t *json = row_to_json(table, row);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        g_autofree char *text = value_text(column, json_object_get(json, column->name));
        if (*text)
            print_field(column->name, text);
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
    else if (*record->actor)
        g_string_append_printf(line, " by %s", record->actor);
    if (record->server)
        g_string_append_printf(line, " of %s", record->server->name);
    if (record->agent)
        g_string_append_printf(line, " %s", record->agent->name);
    for (guint i = 0; i < record->changed->len; i++)
        g_string_append_printf(line, "%s%s", i ? ", " : ", changed ",
                               (const char *)record->changed->pdata[i]);
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
    g_autofree char *text = g_string_free(line, FALSE);
    return clean_text(text);
}
