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

/* --- All of them ---------------------------------------------------------------------------- */

static json_t *ports_used(const json_t *profile)
{
    static const char *const ports[] = {"game_port", "udp_port", "rcon_port"};
    g_autofree char *text = json_dumps(profile, JSON_COMPACT);
    json_t *used = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        g_autofree char *word = g_strdup_printf("{%s}", ports[i]);
        if (strstr(text, word))
            json_array_append_new(used, json_string(ports[i]));
    }
    return used;
}

/* {"game_port": ["udp"]}: which of these a host gives away, and by which protocols. */
static json_t *ports_published(const json_t *profile)
{
    json_t *published = json_object();
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(profile, "ports"), i, port)
    {
        const char *text = json_string_value(json_object_get(port, "host_port"));
        const char *protocol = json_string_value(json_object_get(port, "protocol"));
        size_t length = text ? strlen(text) : 0;
        if (length <= 2 || text[0] != '{' || text[length - 1] != '}')
            continue;
        g_autofree char *field = g_strndup(text + 1, length - 2);
        json_t *protocols = json_object_get(published, field);
        if (!protocols)
            json_object_set_new(published, field, protocols = json_array());
        json_array_append_new(protocols, json_string(protocol ? protocol : "tcp"));
    }
    return published;
}

static json_t *names_of(const json_t *object)
{
    json_t *names = json_array();
    for (void *at = json_object_iter((json_t *)object); at;
         at = json_object_iter_next((json_t *)object, at))
        json_array_append_new(names, json_string(json_object_iter_key(at)));
    return names;
}

static const char *text_of(const json_t *profile, const char *field)
{
    const char *text = json_string_value(json_object_get(profile, field));
    return text ? text : "";
}

static bool add_profile(struct ledger *ledger, json_t *list, const char *name,
                        const char *origin, GError **error)
{
    json_auto_t *profile = profile_find(ledger, name, error);
    if (!profile)
        return false;
    json_array_append_new(
        list,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "name", name, "origin",
                  origin, "about", text_of(profile, "about"), "image",
                  text_of(profile, "image"), "image_tag", text_of(profile, "image_tag"),
                  "ports", ports_used(profile), "published", ports_published(profile),
                  "config_names", names_of(json_object_get(profile, "env"))));
    return true;
}

json_t *profile_list_json(struct ledger *ledger, GError **error)
{
    json_auto_t *list = json_array();
    g_auto(GStrv) compiled = profile_compiled_in();
    g_autoptr(GPtrArray) own = ledger_profile_names(ledger, error);
    if (!own)
        return NULL;
    for (guint i = 0; i < own->len; i++)
        if (!add_profile(ledger, list, own->pdata[i], "own", error))
            return NULL;
    /* One brought by people stands in for one of muster's of the same name. */
    for (char **name = compiled; *name; name++)
        if (!g_ptr_array_find_with_equal_func(own, *name, g_str_equal, NULL) &&
            !add_profile(ledger, list, *name, "muster", error))
            return NULL;
    return json_incref(list);
}
