/*
 * ask.c - fields of a JSON body or of a query, into a struct.
 */
#include "ask.h"

#include <string.h>

#define LARGEST 9007199254740992.0 /* 2^53: up to there a double is exact */

G_DEFINE_QUARK(muster_ask_error, ask_error)

static bool G_GNUC_PRINTF(3, 4)
    wrong(GError **error, const struct ask_field *field, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, ASK_ERROR, ASK_ERROR_INVALID, "%s: %s", field->name, text);
    return false;
}

/* Names come from outside: a long one is cut, so that an error stays a sentence. */
static bool unknown(GError **error, const char *name)
{
    g_set_error(error, ASK_ERROR, ASK_ERROR_INVALID, "%.64s: is not known here", name);
    return false;
}

static const struct ask_field *find(const struct ask_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (g_str_equal(table->fields[i].name, name))
            return &table->fields[i];
    return NULL;
}

static void *place(const struct ask_field *field, void *into)
{
    return (char *)into + field->offset;
}

/* --- Kinds -------------------------------------------------------------------------------- */

static bool put_text(const struct ask_field *field, const char *text, void *into,
                     GError **error)
{
    char **to = place(field, into);
    if (!*text)
        return wrong(error, field, "must not be empty");
    if (g_utf8_strlen(text, -1) > ASK_TEXT_MAX)
        return wrong(error, field, "longer than %d characters", ASK_TEXT_MAX);
    if (field->kind == ASK_WORD && !g_strv_contains(field->words, text)) {
        g_autofree char *words = g_strjoinv(", ", (char **)field->words);
        return wrong(error, field, "must be one of %s", words);
    }
    g_free(*to);
    *to = g_strdup(text);
    return true;
}

static bool put_number(const struct ask_field *field, int64_t number, void *into,
                       GError **error)
{
    if (number < field->minimum || number > field->maximum)
        return wrong(error, field, "must be %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                     field->minimum, field->maximum);
    *(int64_t *)place(field, into) = number;
    return true;
}

static bool put_values(const struct ask_field *field, const json_t *object, void *into,
                       GError **error)
{
    json_t **to = place(field, into);
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return wrong(error, field, "must be an object of strings and numbers");
    json_object_foreach((json_t *)object, name, value)
    {
        bool good = json_is_string(value) || json_is_number(value) ||
                    (field->kind == ASK_CHANGES && json_is_null(value));
        if (!good)
            return wrong(error, field,
                         "the value of %.64s must be a string or a number%s", name,
                         field->kind == ASK_CHANGES ? ", or null" : "");
    }
    json_decref(*to);
    *to = json_deep_copy(object);
    return true;
}

/* 7.0 is a whole number to JSON Schema, and to languages that know no other. */
static bool is_whole(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_number(value) && number >= -LARGEST && number <= LARGEST &&
           number == (double)(int64_t)number;
}

static bool put_json(const struct ask_field *field, const json_t *value, void *into,
                     GError **error)
{
    switch (field->kind) {
    case ASK_TEXT:
    case ASK_WORD:
        return json_is_string(value)
                   ? put_text(field, json_string_value(value), into, error)
                   : wrong(error, field, "must be a string");
    case ASK_NUMBER:
        return is_whole(value)
                   ? put_number(field, (int64_t)json_number_value(value), into, error)
                   : wrong(error, field, "must be a whole number");
    case ASK_BOOL:
        if (!json_is_boolean(value))
            return wrong(error, field, "must be true or false");
        *(bool *)place(field, into) = json_is_true(value);
        return true;
    case ASK_VALUES:
    case ASK_CHANGES:
        return put_values(field, value, into, error);
    }
    g_assert_not_reached();
}

static bool put_word(const struct ask_field *field, const char *text, void *into,
                     GError **error)
{
    gint64 number;
    switch (field->kind) {
    case ASK_TEXT:
    case ASK_WORD:
        return put_text(field, text, into, error);
    case ASK_NUMBER:
        return g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL)
                   ? put_number(field, number, into, error)
                   : wrong(error, field, "must be a whole number");
    case ASK_BOOL:
        if (!g_str_equal(text, "true") && !g_str_equal(text, "false"))
            return wrong(error, field, "must be true or false");
        *(bool *)place(field, into) = g_str_equal(text, "true");
        return true;
    case ASK_VALUES:
    case ASK_CHANGES:
        break;
    }
    g_assert_not_reached();
}

/* --- Body and query -------------------------------------------------------------------------- */

bool ask_body(const struct ask_table *table, const json_t *body, void *into,
              GError **error)
{
    const char *name;
    json_t *value;
    if (!json_is_object(body)) {
        g_set_error(error, ASK_ERROR, ASK_ERROR_INVALID,
                    "the body must be a JSON object");
        return false;
    }
    json_object_foreach((json_t *)body, name, value)
    {
        const struct ask_field *field = find(table, name);
        if (!field)
            return unknown(error, name);
        if (!put_json(field, value, into, error))
            return false;
    }
    for (size_t i = 0; i < table->count; i++)
        if (table->fields[i].required && !json_object_get(body, table->fields[i].name))
            return wrong(error, &table->fields[i], "is missing");
    return true;
}

bool ask_query(const struct ask_table *table, const GPtrArray *pairs, void *into,
               GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i + 1 < pairs->len; i += 2) {
        const struct ask_field *field = find(table, pairs->pdata[i]);
        if (!field)
            return unknown(error, pairs->pdata[i]);
        if (!g_hash_table_add(seen, pairs->pdata[i]))
            return wrong(error, field, "is given twice");
        if (!put_word(field, pairs->pdata[i + 1], into, error))
            return false;
    }
    return true;
}

char *ask_field_of(const char *message)
{
    size_t length = strspn(message,
                           "abcdefghijklmnopqrstuvwxyz_-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789");
    return length > 0 && message[length] == ':' ? g_strndup(message, length) : NULL;
}
