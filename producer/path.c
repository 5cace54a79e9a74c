/*
 * path.c - the path of a request against a pattern.
 */
#include "path.h"

#include <string.h>

char *path_decode(const char *escaped)
{
    g_autofree char *text = g_uri_unescape_string(escaped, NULL);
    return text && g_utf8_validate(text, -1, NULL) ? g_steal_pointer(&text) : NULL;
}

static bool match_segment(const char *pattern, const char *segment, char **values,
                          int *count)
{
    if (*pattern != '{')
        return g_str_equal(pattern, segment);
    if (!*segment || !(values[*count] = path_decode(segment)))
        return false;
    (*count)++;
    return true;
}

bool path_match(const char *pattern, const char *path, char *ret_values[PATH_VALUES])
{
    g_auto(GStrv) patterns = g_strsplit(pattern, "/", -1);
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    char *values[PATH_VALUES] = {NULL};
    int count = 0;
    bool good = g_strv_length(patterns) == g_strv_length(segments);
    for (size_t i = 0; good && patterns[i]; i++)
        good = match_segment(patterns[i], segments[i], values, &count);
    for (int i = 0; i < PATH_VALUES; i++)
        if (good)
            ret_values[i] = values[i];
        else
            g_free(values[i]);
    return good;
}
