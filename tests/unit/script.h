/*
 * script.h - test cases that are short stories in a text file.
 *
 * A case is a block of lines; its first is its name; empty lines part cases, # begins a
 * comment.  What the lines mean is the test's to say.
 */
#pragma once

#include "cases.h"

struct script {
    char *name;
    GPtrArray *lines; /* char *, stripped; without the name */
};

static inline void script_free(void *data)
{
    struct script *script = data;
    g_free(script->name);
    g_ptr_array_unref(script->lines);
    g_free(script);
}

static inline GPtrArray *scripts_in(const char *folder, const char *file)
{
    g_autofree char *path = g_build_filename(TEST_CASES, folder, file, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    GPtrArray *scripts = g_ptr_array_new_with_free_func(script_free);
    struct script *script = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (**line == '#')
            continue;
        if (**line == '\0') {
            script = NULL;
        } else if (script) {
            g_ptr_array_add(script->lines, g_strdup(*line));
        } else {
            script = g_new0(struct script, 1);
            script->name = g_strdup(*line);
            script->lines = g_ptr_array_new_with_free_func(g_free);
            g_ptr_array_add(scripts, script);
        }
    }
    g_assert_cmpuint(scripts->len, >, 0);
    return scripts;
}

/* What stands behind `word` and a space, or NULL: the line begins otherwise. */
static inline const char *script_after(const char *line, const char *word)
{
    const size_t length = strlen(word);
    if (!g_str_has_prefix(line, word) || (line[length] != ' ' && line[length] != '\0'))
        return NULL;
    return line + length + (line[length] == ' ');
}

/* Whether `word` is one of the words of a line. */
static inline bool script_has(const char *line, const char *word)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    return g_strv_contains((const char *const *)words, word);
}
