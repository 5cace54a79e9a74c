/*
 * properties.c - the properties for librdkafka that -F and -X give, of both programs.
 */
#include "properties.h"

#include "options.h"

#include <string.h>

static bool add_file(GPtrArray *properties, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, error)) {
        g_prefix_error(error, "-F: ");
        return false;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *property = g_strstrip(*line);
        if (*property && *property != '#')
            g_ptr_array_add(properties, g_strdup(property));
    }
    return true;
}

/* Those of librdkafka 2.x, and what newer ones are likely to be called: a file is never wrong. */
bool property_is_secret(const char *name)
{
    static const char *const marks[] = {"password", "passphrase", "secret",
                                        "key.pem",  "jaas",       "oauthbearer.config"};
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
        if (strstr(name, marks[i]))
            return true;
    return false;
}

static bool add_word(GPtrArray *properties, const char *word, GError **error)
{
    g_autofree char *property = g_strstrip(g_strdup(word));
    g_autofree char *name = g_strndup(property, strcspn(property, "="));
    g_strchomp(name);
    if (property_is_secret(name)) {
        g_set_error(
            error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE,
            "-X: %s is secret, and everybody on this host can read the command line; "
            "write the line %s=… into a file that only you can read, and name that "
            "by -F",
            name, name);
        return false;
    }
    g_ptr_array_add(properties, g_steal_pointer(&property));
    return true;
}

GPtrArray *properties_read(const GPtrArray *files, const GPtrArray *words, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; files && i < files->len; i++)
        if (!add_file(all, files->pdata[i], error))
            return NULL;
    for (guint i = 0; words && i < words->len; i++)
        if (!add_word(all, words->pdata[i], error))
            return NULL;
    return g_steal_pointer(&all);
}
