/*
 * numbers.c - numbers in JSON, kept as their text.
 */
#include "numbers.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define MARK        '\001' /* a string that has it and a number behind is taken for one */
#define MARK_DUMPED "\"\\u0001"

/* --- Text ------------------------------------------------------------------------------- */

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && g_ascii_isdigit(*at))
        at++;
    return at;
}

/* Past the number that begins here (RFC 8259, section 6); NULL if none does. */
static const char *number_end(const char *at, const char *end)
{
    const char *from = at < end && *at == '-' ? at + 1 : at;
    at = skip_digits(from, end);
    if (at == from || (*from == '0' && at - from > 1))
        return NULL;
    if (at < end && *at == '.') {
        from = at + 1;
        at = skip_digits(from, end);
        if (at == from)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        from = at + 1;
        from += from < end && (*from == '+' || *from == '-');
        at = skip_digits(from, end);
        if (at == from)
            return NULL;
    }
    return at;
}

/* Past the string whose first quote this is; `end` if it is cut off. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            return at + 1;
    }
    return end;
}

/* Puts a mark and quotes around each number. */
static GString *keep(const char *text, size_t length)
{
    GString *kept = g_string_sized_new(length + 64);
    const char *end = text + length;
    while (text < end) {
        const char *to = *text == '"' ? string_end(text, end) : number_end(text, end);
        bool is_number = *text != '"' && to &&
                         !(to < end && (g_ascii_isalnum(*to) || strchr("+-.", *to)));
        if (is_number)
            g_string_append(kept, MARK_DUMPED);
        g_string_append_len(kept, text, to ? to - text : 1);
        if (is_number)
            g_string_append_c(kept, '"');
        text = to ? to : text + 1;
    }
    return kept;
}

/* The same back, in what json_dumps() wrote compactly.  A key stays a string. */
static char *give(const char *text)
{
    const char *end = text + strlen(text);
    GString *given = g_string_sized_new((gsize)(end - text));
    while (text < end) {
        const char *to = *text == '"' ? string_end(text, end) : text + 1;
        const char *number = text + strlen(MARK_DUMPED);
        if (g_str_has_prefix(text, MARK_DUMPED) && *to != ':' &&
            number_end(number, to - 1) == to - 1)
            g_string_append_len(given, number, to - 1 - number);
        else
            g_string_append_len(given, text, to - text);
        text = to;
    }
    return g_string_free(given, FALSE);
}

/* --- JSON ------------------------------------------------------------------------------- */

json_t *numbers_load(const char *text, size_t length, size_t flags,
                     json_error_t *ret_where)
{
    GString *kept = keep(text, length);
    json_error_t where;
    json_t *json = json_loadb(kept->str, kept->len, flags, &where);
    if (!json && ret_where) {
        json_error_t own;
        json_t *again = json_loadb(text, length, flags,
                                   &own); /* whose columns are right */
        *ret_where = again ? where : own;
        json_decref(again);
    }
    g_string_free(kept, TRUE);
    return json;
}

char *numbers_dump(const json_t *json)
{
    g_autofree char *text = json_dumps(json,
                                       JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    return give(text);
}

/* The number's text, or NULL. */
static const char *marked(const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || *text != MARK)
        return NULL;
    const char *end = text + strlen(text);
    return number_end(text + 1, end) == end ? text + 1 : NULL;
}

char *numbers_text(const json_t *value)
{
    if (!json_is_string(value))
        return numbers_dump(value);
    return g_strdup(marked(value) ? marked(value) : json_string_value(value));
}

static json_t *number_of(const char *text)
{
    gint64 integer;
    if (g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &integer, NULL))
        return json_integer(integer);
    return json_real(g_ascii_strtod(text, NULL)); /* NULL beyond a double */
}

json_t *numbers_restore(json_t *json)
{
    const char *key;
    size_t i;
    json_t *item;
    json_t *number = marked(json) ? number_of(marked(json)) : NULL;
    if (number) {
        json_decref(json);
        return number;
    }
    json_array_foreach(json, i, item)
        json_array_set_new(json, i, numbers_restore(json_incref(item)));
    json_object_foreach(json, key, item)
        json_object_set_new(json, key, numbers_restore(json_incref(item)));
    return json;
}
