/*
 * profile.c - where profiles come from.
 */
#include "profile.h"

#include "ledger_log.h"
#include "profile_check.h"
#include "resolve.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#define PROFILE_MAX (256 * 1024)

static char *compiled_in(const char *name)
{
    g_autofree char *path = g_strdup_printf("/muster/profiles/%s.json", name);
    g_autoptr(GBytes)
        bytes = g_resources_lookup_data(path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    if (!bytes)
        return NULL;
    return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **profile_compiled_in(void)
{
    char **names = g_resources_enumerate_children("/muster/profiles",
                                                  G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_assert(names);
    for (char **name = names; *name; name++)
        (*name)[strlen(*name) - strlen(".json")] = '\0';
    qsort(names, g_strv_length(names), sizeof *names, by_name);
    return names;
}

json_t *profile_find(struct ledger *ledger, const char *name, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    g_autofree char *text = ledger_get_profile(ledger, name, &trouble);
    if (trouble) {
        g_propagate_error(error, g_steal_pointer(&trouble));
        return NULL;
    }
    if (!text)
        text = compiled_in(name);
    if (text)
        return resolve_profile(text, error);
    g_auto(GStrv) compiled = profile_compiled_in();
    g_autofree char *names = g_strjoinv(", ", compiled);
    g_set_error(error, RESOLVE_ERROR, RESOLVE_ERROR_RECORD,
                "profile: there is none named '%s'; known: %s, or a file of your own",
                name, names);
    return NULL;
}

static char *take_file(struct ledger *ledger, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    if (length > PROFILE_MAX) {
        g_set_error(error, RESOLVE_ERROR, RESOLVE_ERROR_PROFILE,
                    "profile %s: larger than %d KiB", path, PROFILE_MAX / 1024);
        return NULL;
    }
    json_auto_t *profile = resolve_profile(text, error);
    if (!profile || !profile_check(profile, error)) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    const char *name = json_string_value(json_object_get(profile, "name"));
    return ledger_set_profile(ledger, name, text, error) ? g_strdup(name) : NULL;
}

char *profile_take(struct ledger *ledger, const char *name_or_file, GError **error)
{
    if (strchr(name_or_file, '/') || g_str_has_suffix(name_or_file, ".json"))
        return take_file(ledger, name_or_file, error);
    json_auto_t *profile = profile_find(ledger, name_or_file, error);
    return profile ? g_strdup(name_or_file) : NULL;
}
