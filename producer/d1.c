/*
 * d1.c - rows of a D1 database as rows of the ledger.
 */
#include "d1.h"

#include "numbers.h"

#include <string.h>

#define SECONDS_BELOW INT64_C(100000000000) /* as milliseconds, a time in 1973 */

G_DEFINE_QUARK(muster_d1_error, d1_error)

static bool G_GNUC_PRINTF(2, 3) invalid(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, D1_ERROR, D1_ERROR_INVALID, text);
    return false;
}

/* --- Columns --------------------------------------------------------------------------- */

/* As text, numbers too; NULL for NULL and "". */
static char *text_of(const json_t *row, const char *column)
{
    const json_t *value = json_object_get(row, column);
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return g_strdup_printf("%.15g", json_real_value(value));
    return json_string_length(value) > 0 ? g_strdup(json_string_value(value)) : NULL;
}

static void take_text(char **field, const json_t *row, const char *column)
{
    char *text = text_of(row, column);
    g_free(*field);
    *field = text ? text : g_strdup("");
}

static void take_optional(char **field, const json_t *row, const char *column)
{
    g_free(*field);
    *field = text_of(row, column);
}

static bool take_needed(char **field, const json_t *row, const char *column,
                        GError **error)
{
    take_text(field, row, column);
    return **field || invalid(error, "%s: is not given", column);
}

/* check.h wants a path without the slash that people put behind it. */
static void strip_slashes(char *path)
{
    for (size_t length = path ? strlen(path) : 0; length > 1 && path[length - 1] == '/';)
        path[--length] = '\0';
}

/* NULL is 0. */
static bool take_number(int64_t *field, const json_t *row, const char *column,
                        GError **error)
{
    g_autofree char *text = text_of(row, column);
    *field = 0;
    return !text || g_ascii_string_to_signed(text, 10, 0, INT64_MAX, field, NULL) ||
           invalid(error, "%s: '%.40s' is no number", column, text);
}

static bool time_of_text(const char *text, int64_t *ret_ms)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    if (!time)
        return false;
    *ret_ms = g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
    return true;
}

static bool take_time(int64_t *field, const json_t *row, const char *column,
                      int64_t otherwise, GError **error)
{
    g_autofree char *text = text_of(row, column);
    double number;
    char *end = NULL;
    *field = otherwise;
    if (!text || time_of_text(text, field))
        return true;
    number = g_ascii_strtod(text, &end);
    if (*end || !(number >= 0 && number < 1e15))
        return invalid(error, "%s: '%.40s' is no time", column, text);
    *field = (int64_t)(number < (double)SECONDS_BELOW ? number * 1000 : number);
    return true;
}

static enum maybe maybe_of(const json_t *row, const char *column)
{
    g_autofree char *text = text_of(row, column);
    if (!text)
        return MAYBE_UNKNOWN;
    return g_str_equal(text, "0") || g_ascii_strcasecmp(text, "false") == 0 ? MAYBE_NO
                                                                            : MAYBE_YES;
}

/* --- Agents ------------------------------------------------------------------------------ */

/* "Host 1 (Berlin)" → "Host-1-Berlin". */
static char *name_of(const char *text)
{
    GString *name = g_string_new(NULL);
    for (const char *at = text; *at; at++) {
        bool good = g_ascii_isalnum(*at) || (name->len > 0 && strchr("_.-", *at));
        if (good)
            g_string_append_c(name, *at);
        else if (name->len > 0 && name->str[name->len - 1] != '-')
            g_string_append_c(name, '-');
    }
    while (name->len > 0 && strchr("-.", name->str[name->len - 1]))
        g_string_truncate(name, name->len - 1);
    return g_string_free(name, FALSE);
}

struct agent_row *d1_agent(const json_t *row, int64_t now, GError **error)
{
    g_autoptr(AgentRow) agent = agent_row_new();
    g_autofree char *name = text_of(row, "name");
    if (!take_needed(&agent->id, row, "id", error) ||
        !take_time(&agent->created_at, row, "created_at", now, error) ||
        !take_time(&agent->updated_at, row, "updated_at", now, error))
        return NULL;
    g_free(agent->name);
    agent->name = name_of(name ? name : agent->id);
    take_text(&agent->steam_zomboid_registry, row, "steam_zomboid_registry");
    take_text(&agent->server_data_path, row, "server_data_path");
    strip_slashes(agent->server_data_path);
    return g_steal_pointer(&agent);
}

/* --- Servers ------------------------------------------------------------------------------- */

/* What an exporter made of a newline in JSON, made right.  D1 writes a value with newlines as
 * replace('…', '\n', char(10)), which makes newlines of escapes, too; others write \n between
 * the values.  Within a string a raw newline can only have been an escape, behind a single
 * backslash only half of an escaped one; and elsewhere an escape only a newline.  So right
 * JSON stays as it is. */
static char *mend_newlines(const char *text)
{
    static const char raw[] = "\n\r\t", escape[] = "nrt";
    GString *mended = g_string_new(NULL);
    bool inside = false;
    for (; *text; text++) {
        const char *is_raw = inside ? strchr(raw, *text) : NULL;
        const char *next = *text == '\\' && text[1]
                               ? strchr(inside ? raw : escape, text[1])
                               : NULL;
        if (is_raw) {
            g_string_append_printf(mended, "\\%c", escape[is_raw - raw]);
        } else if (next && inside) {
            g_string_append_printf(mended, "\\\\%c", escape[next - raw]);
            text++;
        } else if (next) {
            g_string_append_c(mended, ' ');
            text++;
        } else {
            g_string_append_c(mended, *text);
            if (inside && *text == '\\' && text[1])
                g_string_append_c(mended, *++text);
            else if (*text == '"')
                inside = !inside;
        }
    }
    return g_string_free(mended, FALSE);
}

static bool take_config(struct server_row *server, const json_t *row, GError **error)
{
    g_autofree char *text = text_of(row, "config");
    g_autofree char *mended = mend_newlines(text ? text : "{}");
    json_error_t where = {.line = 1, .column = 1};
    json_auto_t *config = numbers_load(mended, strlen(mended), 0, &where);
    const char *key;
    json_t *value;
    void *next;
    if (!json_is_object(config)) /* what it says instead may be secret */
        return invalid(
            error,
            "config: is no JSON object: line %d, column %d of its value, which "
            "is not shown, since it may be secret",
            where.line, where.column);
    json_object_foreach_safe(config, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(config, key);
    }
    g_free(server->config);
    server->config = numbers_dump(config);
    return true;
}

static bool is_id(const char *text)
{
    return strlen(text) >= 12 && strlen(text) <= 64 &&
           text[strspn(text, "0123456789abcdef")] == '\0';
}

static bool take_container(struct server_row *server, const json_t *row, GError **error)
{
    take_optional(&server->container_id, row, "container_id");
    return !server->container_id || is_id(server->container_id) ||
           invalid(error, "container_id: '%.80s' is no container's id",
                   server->container_id);
}

static enum server_status status_of(const char *word, bool has_container)
{
    static const struct {
        const char *word;
        enum server_status status;
    } words[] = {
        {"running", STATUS_RUNNING},    {"starting", STATUS_RUNNING},
        {"restarting", STATUS_RUNNING}, {"deleted", STATUS_DELETED},
        {"failed", STATUS_FAILED},      {"error", STATUS_FAILED},
        {"creating", STATUS_FAILED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(word, words[i].word) == 0)
            return words[i].status == STATUS_FAILED && has_container ? STATUS_STOPPED
                                                                     : words[i].status;
    return STATUS_STOPPED;
}

static bool take_status(struct server_row *server, const json_t *row, GError **error)
{
    g_autofree char *word = text_of(row, "status");
    if (!take_time(&server->deleted_at, row, "deleted_at", CONTRACT_NONE, error))
        return false;
    server->status = status_of(word ? word : "", server->container_id != NULL);
    if (server->deleted_at != CONTRACT_NONE)
        server->status = STATUS_DELETED;
    if (server->status != STATUS_DELETED)
        return true;
    row_set(&server->container_id, NULL);
    if (server->deleted_at == CONTRACT_NONE)
        server->deleted_at = server->updated_at;
    return true;
}

struct server_row *d1_server(const json_t *row, int64_t now, GError **error)
{
    g_autoptr(ServerRow) server = server_row_new();
    g_autofree char *image = text_of(row, "image");
    g_autofree char *tag = text_of(row, "image_tag");
    server_row_put_image(server, image, tag);
    take_optional(&server->server_data_path, row, "server_data_path");
    strip_slashes(server->server_data_path);
    server->data_exists = maybe_of(row, "data_exists");
    if (!take_needed(&server->id, row, "id", error) ||
        !take_needed(&server->agent_id, row, "agent_id", error) ||
        !take_needed(&server->name, row, "name", error) ||
        !take_config(server, row, error) ||
        !take_number(&server->game_port, row, "game_port", error) ||
        !take_number(&server->udp_port, row, "udp_port", error) ||
        !take_number(&server->rcon_port, row, "rcon_port", error) ||
        !take_time(&server->created_at, row, "created_at", now, error) ||
        !take_time(&server->updated_at, row, "updated_at", now, error) ||
        !take_container(server, row, error) || !take_status(server, row, error))
        return NULL;
    return g_steal_pointer(&server);
}
