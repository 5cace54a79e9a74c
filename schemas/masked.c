/*
 * masked.c - a command line that may stand in the log.
 */
#include "masked.h"

#include <stdbool.h>
#include <string.h>

static bool is_secret(const char *name)
{
    static const char *const said[] = {"pass",    "secret",  "token",     "apikey",
                                       "api-key", "api_key", "credential"};
    g_autofree char *lower = g_ascii_strdown(name, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(said); i++)
        if (strstr(lower, said[i]))
            return true;
    return false;
}

/* "--token=x" → "--token=***" */
static char *masked(const char *word)
{
    const char *equals = strchr(word, '=');
    g_autofree char *name = equals ? g_strndup(word, (gsize)(equals - word)) : NULL;
    return name && is_secret(name) ? g_strconcat(name, "=" MASK, NULL) : g_strdup(word);
}

/* "-adminpassword", "+rcon_password": the next word is its value. */
static bool announces(const char *word)
{
    return (*word == '-' || *word == '+') && !strchr(word, '=') && is_secret(word);
}

GPtrArray *masked_words(const GPtrArray *words)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(g_free);
    bool secret = false;
    for (guint i = 0; i < words->len; i++) {
        const char *word = words->pdata[i];
        const bool value = secret && *word != '-' && *word != '+';
        g_ptr_array_add(all, value ? g_strdup(MASK) : masked(word));
        secret = announces(word);
    }
    return all;
}
