/*
 * env_given.c - the variables that -e and --env-file give, in the forms of `docker run`.
 */
#include "env_given.h"

#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES (1024 * 1024) /* a command takes less */

static bool wrong(GError **error, const char *where, const char *what)
{
    g_set_error(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE, "%s: %s", where, what);
    return false;
}

/* What stands alone in a line of a file may be a piece of a value, of a key in PEM for example:
 * `where` has to do for it. */
static bool take_from_environment(json_t *config, const char *key, const char *where,
                                  GError **error)
{
    const char *value = g_getenv(key);
    if (!value)
        return wrong(error, where,
                     "expected KEY=VALUE, or a KEY that is set and exported in this "
                     "environment; this one is not");
    if (!g_utf8_validate(value, -1, NULL))
        return wrong(error, where, "the value in the environment is not UTF-8");
    json_object_set_new(config, key, json_string(value));
    return true;
}

static bool is_key(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (g_ascii_isspace(text[i]) || g_ascii_iscntrl(text[i]))
            return false;
    return length > 0;
}

static bool take_one(json_t *config, const char *text, const char *where, GError **error)
{
    const size_t length = strcspn(text, "=");
    if (!g_utf8_validate(text, -1, NULL))
        return wrong(error, where, "is not UTF-8");
    if (!is_key(text, length))
        return wrong(error, where, "expected KEY=VALUE, or KEY, without spaces in KEY");
    if (!text[length])
        return take_from_environment(config, text, where, error);
    g_autofree char *key = g_strndup(text, length);
    json_object_set_new(config, key, json_string(text + length + 1));
    return true;
}

/* Bounded: it may be a device, or a pipe that does not end.  NULL: `error` is set. */
static char *read_file(const char *path, GError **error)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        g_set_error(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE, "--env-file: %s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    g_autofree char *text = g_malloc(FILE_BYTES + 1);
    const size_t length = fread(text, 1, FILE_BYTES + 1, file);
    const int failed = ferror(file) ? errno : 0;
    fclose(file);
    const char *what = failed                       ? g_strerror(failed)
                       : length > FILE_BYTES        ? "is larger than 1 MiB"
                       : memchr(text, '\0', length) ? "holds a byte 0"
                                                    : NULL;
    if (what) {
        g_set_error(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE, "--env-file: %s: %s", path,
                    what);
        return NULL;
    }
    text[length] = '\0';
    return g_steal_pointer(&text);
}

/* As Docker reads it: blanks before a line count for nothing, those behind it are the
 * value's. */
static bool take_file(json_t *config, const char *path, GError **error)
{
    g_autofree char *text = read_file(path, error);
    if (!text)
        return false;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *where = g_strdup_printf("--env-file: %s:%u", path, i + 1);
        char *line = g_strchug(lines[i]);
        char *end = line + strlen(line);
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        if (*line && *line != '#' && !take_one(config, line, where, error))
            return false;
    }
    return true;
}

static bool take_word(json_t *config, const char *word, GError **error)
{
    g_autofree char *key = g_strndup(word, strcspn(word, "="));
    g_autofree char *where = g_strdup_printf("--env %s", key);
    return take_one(config, word, where, error);
}

bool env_given(json_t *config, const GPtrArray *files, const GPtrArray *words,
               GError **error)
{
    for (guint i = 0; files && i < files->len; i++)
        if (!take_file(config, files->pdata[i], error))
            return false;
    for (guint i = 0; words && i < words->len; i++)
        if (!take_word(config, words->pdata[i], error))
            return false;
    return true;
}
