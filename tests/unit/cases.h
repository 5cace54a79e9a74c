/*
 * cases.h - test cases that are files: folders of tests/cases, JSON, bytes.
 */
#pragma once

#include "shape.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

static inline int cases_order(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths below `folder` that end in `suffix`, sorted; at least one. */
static inline GStrv cases_in(const char *folder, const char *suffix)
{
    g_autofree char *path = g_build_filename(TEST_CASES, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new();

    g_assert_nonnull(dir);
    for (const char *name; (name = g_dir_read_name(dir));)
        if (g_str_has_suffix(name, suffix))
            g_ptr_array_add(paths, g_build_filename(path, name, NULL));
    g_assert_cmpuint(paths->len, >, 0);
    g_ptr_array_sort(paths, cases_order);
    g_ptr_array_add(paths, NULL);
    return (GStrv)g_ptr_array_steal(paths, NULL);
}

/* The file whose name differs in its end; g_free it. */
static inline char *case_beside(const char *path, const char *suffix, const char *other)
{
    g_assert_true(g_str_has_suffix(path, suffix));
    g_autofree char *stem = g_strndup(path, strlen(path) - strlen(suffix));
    return g_strconcat(stem, other, NULL);
}

static inline GBytes *case_bytes(const char *path)
{
    char *contents = NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &contents, &length, &error);
    g_assert_no_error(error);
    return g_bytes_new_take(contents, length);
}

static inline json_t *case_json(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (!json)
        g_error("%s:%d: %s", path, error.line, error.text);
    return json;
}

static inline const char *case_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text)
        g_error("a case has no \"%s\"", key);
    return text;
}

/* "command", or a path whose file name begins with "command.". */
static inline const struct shape *case_shape(const char *name)
{
    static const struct shape *const shapes[] = {&shape_command, &shape_event,
                                                 &shape_heartbeat, &shape_deadletter};
    g_autofree char *base = g_path_get_basename(name);
    size_t length = strcspn(base, ".");

    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        if (strlen(shapes[i]->name) == length &&
            g_ascii_strncasecmp(shapes[i]->name, base, length) == 0)
            return shapes[i];
    g_error("%s: no record is called so", name);
}

/* How many bytes a string of JSON stands for; each is a character below U+0100. */
static inline json_int_t case_bytes_meant(const json_t *string)
{
    json_int_t count = 0;

    for (size_t i = 0; i < json_string_length(string); i++)
        count += (json_string_value(string)[i] & 0xc0) != 0x80;
    return count;
}

/* What a decoder can show of a case's value: env without its values, bytes as their number. */
static inline json_t *case_shown(json_t *value)
{
    json_t *spec = json_object_get(value, "spec");
    json_t *bytes = json_object_get(value, "bytes");
    const char *key;
    void *next;
    json_t *secret;

    json_object_foreach_safe(json_object_get(spec, "env"), next, key, secret)
        json_object_set_new(json_object_get(spec, "env"), key, json_string(""));
    if (bytes)
        json_object_set_new(value, "bytes", json_integer(case_bytes_meant(bytes)));
    return value;
}

static inline void assert_json_equal(const json_t *a, const json_t *b, const char *where)
{
    if (json_equal(a, b))
        return;
    char *one = json_dumps(a, JSON_INDENT(1) | JSON_SORT_KEYS);
    char *other = json_dumps(b, JSON_INDENT(1) | JSON_SORT_KEYS);
    g_error("%s:\n%s\nis not\n%s", where, one, other);
}
