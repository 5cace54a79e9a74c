/*
 * canonical.c - Parsing Canonical Form, rule by rule, and CRC-64-AVRO.
 *
 * It refuses what has no canonical form and leaves everything else about a schema's sense
 * to avro-c, which parses the same text.
 */
#include "canonical.h"

#include "codec.h"

#include <gio/gio.h>
#include <string.h>

static const char *const primitives[] = {"null",   "boolean", "int",    "long", "float",
                                         "double", "bytes",   "string", NULL};

static bool form_of(const json_t *schema, const char *space, int depth, GString *out,
                    GError **error);

static bool refuse(GError **error, const char *what)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, what);
    return false;
}

/* Rule STRINGS: as UTF-8, no escape that is not needed. */
static void append_string(GString *out, const char *string)
{
    json_t *value = json_string(string);
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    g_string_append(out, text);
    free(text);
    json_decref(value);
}

/* Rule FULLNAMES; g_free it. */
static char *full_name(const char *name, const char *space)
{
    if (strchr(name, '.') || space[0] == '\0')
        return g_strdup(name);
    return g_strconcat(space, ".", name, NULL);
}

/* Rule PRIMITIVES, and references to types that were named before. */
static void append_reference(GString *out, const char *name, const char *space)
{
    g_autofree char *full = full_name(name, space);

    append_string(out, g_strv_contains(primitives, name) ? name : full);
}

static bool append_union(const json_t *branches, const char *space, int depth,
                         GString *out, GError **error)
{
    size_t i;
    const json_t *branch;

    g_string_append_c(out, '[');
    json_array_foreach(branches, i, branch)
    {
        if (i > 0)
            g_string_append_c(out, ',');
        if (!form_of(branch, space, depth + 1, out, error))
            return false;
    }
    g_string_append_c(out, ']');
    return true;
}

static bool append_fields(const json_t *fields, const char *space, int depth,
                          GString *out, GError **error)
{
    size_t i;
    const json_t *field;

    if (!json_is_array(fields))
        return refuse(error, "a record has no array of fields");
    g_string_append(out, ",\"fields\":[");
    json_array_foreach(fields, i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));

        if (!name)
            return refuse(error, "a field has no name");
        g_string_append(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        append_string(out, name);
        g_string_append(out, ",\"type\":");
        if (!form_of(json_object_get(field, "type"), space, depth + 1, out, error)) {
            g_prefix_error(error, "%s: ", name);
            return false;
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

static bool append_symbols(const json_t *symbols, GString *out, GError **error)
{
    size_t i;
    const json_t *symbol;

    g_string_append(out, ",\"symbols\":[");
    json_array_foreach(symbols, i, symbol)
    {
        if (!json_is_string(symbol))
            return refuse(error, "a symbol is no string");
        if (i > 0)
            g_string_append_c(out, ',');
        append_string(out, json_string_value(symbol));
    }
    g_string_append_c(out, ']');
    return true;
}

/* A record, an enum or a fixed; rules STRIP and ORDER say which attributes stay. */
static bool append_named(const json_t *schema, const char *type, const char *space,
                         int depth, GString *out, GError **error)
{
    const char *name = json_string_value(json_object_get(schema, "name"));
    const json_t *own_space = json_object_get(schema, "namespace");

    if (!name)
        return refuse(error, "a named type has no name");
    if (json_is_string(own_space))
        space = json_string_value(own_space);

    g_autofree char *full = full_name(name, space);
    const char *dot = strrchr(full, '.');
    g_autofree char *inner = dot ? g_strndup(full, (gsize)(dot - full)) : g_strdup("");

    g_string_append(out, "{\"name\":");
    append_string(out, full);
    g_string_append_printf(out, ",\"type\":\"%s\"", type);
    if (g_str_equal(type, "record") &&
        !append_fields(json_object_get(schema, "fields"), inner, depth, out, error))
        return false;
    if (g_str_equal(type, "enum") &&
        !append_symbols(json_object_get(schema, "symbols"), out, error))
        return false;
    if (g_str_equal(type, "fixed"))
        g_string_append_printf(out, ",\"size\":%" JSON_INTEGER_FORMAT,
                               json_integer_value(json_object_get(schema, "size")));
    g_string_append_c(out, '}');
    return true;
}

/* An array or a map: `key` is "items" or "values". */
static bool append_container(const json_t *schema, const char *type, const char *key,
                             const char *space, int depth, GString *out, GError **error)
{
    g_string_append_printf(out, "{\"type\":\"%s\",\"%s\":", type, key);
    if (!form_of(json_object_get(schema, key), space, depth + 1, out, error))
        return false;
    g_string_append_c(out, '}');
    return true;
}

static bool append_object(const json_t *schema, const char *space, int depth,
                          GString *out, GError **error)
{
    static const char *const named[] = {"record", "enum", "fixed", NULL};
    const json_t *type = json_object_get(schema, "type");
    const char *word = json_string_value(type);

    if (!word)
        return form_of(type, space, depth + 1, out, error);
    if (g_strv_contains(named, word))
        return append_named(schema, word, space, depth, out, error);
    if (g_str_equal(word, "array"))
        return append_container(schema, word, "items", space, depth, out, error);
    if (g_str_equal(word, "map"))
        return append_container(schema, word, "values", space, depth, out, error);
    append_reference(out, word, space);
    return true;
}

static bool form_of(const json_t *schema, const char *space, int depth, GString *out,
                    GError **error)
{
    if (depth > 4 * CODEC_MAX_DEPTH) /* types, unions and fields each count */
        return refuse(error, "it is nested too deep");
    if (json_is_string(schema)) {
        append_reference(out, json_string_value(schema), space);
        return true;
    }
    if (json_is_array(schema))
        return append_union(schema, space, depth, out, error);
    if (json_is_object(schema))
        return append_object(schema, space, depth, out, error);
    return refuse(error, "a type is missing, or neither a name, a union nor an object");
}

char *canonical_form(const json_t *schema, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (!form_of(schema, "", 0, out, error))
        return NULL;
    return g_string_free(g_steal_pointer(&out), false);
}

uint64_t canonical_fingerprint(const char *form)
{
    const uint64_t empty = 0xc15d213aa4d7a795;
    uint64_t print = empty;

    for (const char *c = form; *c; c++) {
        print ^= (uint8_t)*c;
        for (int bit = 0; bit < 8; bit++)
            print = (print >> 1) ^ (empty & -(print & 1));
    }
    return print;
}
