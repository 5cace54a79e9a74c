/*
 * container_volumes.c - which volumes of the engine are directories of the host.
 *
 * A volume of the local driver with o=bind is the directory that its option `device` names;
 * the mount point that the engine shows for it is that directory only while a container that
 * has it runs.
 */
#include "container.h"

#include <gio/gio.h>
#include <jansson.h>

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* mount(8)'s words: "bind", or "rbind" among others. */
static bool binds(const char *words)
{
    g_auto(GStrv) split = g_strsplit(words, ",", -1);

    return g_strv_contains((const char *const *)split, "bind") ||
           g_strv_contains((const char *const *)split, "rbind");
}

static void take_volume(GHashTable *bound, const json_t *volume)
{
    const json_t *options = json_object_get(volume, "Options");
    const char *device = text_at(options, "device");

    if (g_str_equal(text_at(volume, "Driver"), "local") && *device == '/' &&
        binds(text_at(options, "o")))
        g_hash_table_replace(bound, g_strdup(text_at(volume, "Name")), g_strdup(device));
}

GHashTable *container_parse_volumes(const char *json, size_t length, GError **error)
{
    json_t *answer = json_loadb(json, length, 0, NULL);
    GHashTable *bound = NULL;
    size_t i;
    json_t *volume;

    if (json_is_object(answer))
        bound = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    else
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                            "the engine's list of volumes is no list");
    json_array_foreach(json_object_get(answer, "Volumes"), i, volume)
        take_volume(bound, volume);
    json_decref(answer);
    return bound;
}
