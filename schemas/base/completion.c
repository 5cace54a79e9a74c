/*
 * completion.c - what a shell may put at the cursor, from the tables of options.
 *
 * Nothing is parsed for its meaning: half a command line is never right.  Words are only
 * sorted into options, their values and others, as GOption would do it.
 */
#include "completion.h"

#include <string.h>

/* --- The cursor --------------------------------------------------------------------- */

static bool takes_value(const struct option *option)
{
    return option->kind != OPTION_FLAG;
}

/* Whether the value can be the next word: that of --wait cannot. */
static bool takes_next(const struct option *option)
{
    return takes_value(option) && option->kind != OPTION_WAIT;
}

/* The option that is called by the first `length` bytes of `word`. */
static const struct option *find_option(const struct option_table *const *tables,
                                        size_t count, const char *word, size_t length)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t]->n_options; i++) {
            const struct option *option = &tables[t]->options[i];
            bool is_long = length == strlen(option->name) + 2 &&
                           g_str_has_prefix(word, "--") &&
                           strncmp(word + 2, option->name, length - 2) == 0;
            bool is_short = option->letter && length == 2 && word[0] == '-' &&
                            word[1] == option->letter;
            if (is_long || is_short)
                return option;
        }
    }
    return NULL;
}

/* The word at the cursor, where `option` waits for its value or is NULL. */
static void place(struct cursor *cursor, const struct option_table *const *tables,
                  size_t count, const struct option *option, bool ended)
{
    const char *equals = strchr(cursor->begun, '=');
    if (option) {
        cursor->at = CURSOR_VALUE;
        cursor->option = option;
        return;
    }
    if (ended || cursor->begun[0] != '-')
        return;
    cursor->at = CURSOR_OPTION;
    if (!equals)
        return;
    option = find_option(tables, count, cursor->begun, (size_t)(equals - cursor->begun));
    if (!option || !takes_value(option))
        return;
    cursor->at = CURSOR_VALUE;
    cursor->option = option;
    g_free(cursor->before);
    cursor->before = g_strndup(cursor->begun, (gsize)(equals + 1 - cursor->begun));
    cursor->begun = equals + 1;
}

void cursor_find(struct cursor *ret_cursor, const struct option_table *const *tables,
                 size_t count, char *const *words)
{
    const struct option *waiting = NULL;
    bool ended = false; /* by "--" */
    *ret_cursor = (struct cursor){
        .begun = "", .before = g_strdup(""), .words = g_ptr_array_new()};
    for (; words[0] && words[1]; words++) {
        const char *word = words[0];
        if (waiting) {
            waiting = NULL;
        } else if (ended || word[0] != '-' || !word[1]) {
            g_ptr_array_add(ret_cursor->words, (gpointer)word);
        } else if (g_str_equal(word, "--")) {
            ended = true;
        } else {
            waiting = find_option(tables, count, word, strlen(word));
            if (waiting && !takes_next(waiting))
                waiting = NULL;
        }
    }
    if (words[0])
        ret_cursor->begun = words[0];
    place(ret_cursor, tables, count, waiting, ended);
}

void cursor_clear(struct cursor *cursor)
{
    g_clear_pointer(&cursor->before, g_free);
    g_clear_pointer(&cursor->words, g_ptr_array_unref);
}

/* --- Candidates --------------------------------------------------------------------- */

void completion_offer(GString *out, const struct cursor *cursor, const char *candidate,
                      const char *about)
{
    if (g_str_has_prefix(candidate, cursor->begun))
        g_string_append_printf(out, "%s%s\t%s\n", cursor->before, candidate, about);
}

void completion_options(GString *out, const struct cursor *cursor,
                        const struct option_table *const *tables, size_t count)
{
    g_autoptr(GArray) all = options_all(tables, count);
    for (guint i = 0; i < all->len; i++) {
        const struct option *option = &g_array_index(all, struct option, i);
        g_autofree char *name = g_strconcat("--", option->name, NULL);
        completion_offer(out, cursor, name, option->help);
    }
}

static bool is_meant_as_it_stands(const char *word)
{
    return *word && strspn(word, "abcdefghijklmnopqrstuvwxyz") == strlen(word);
}

void completion_argument(GString *out, const struct cursor *cursor, const char *argument)
{
    g_auto(GStrv) words = g_strsplit(argument ? argument : "", "|", -1);
    for (char **word = words; *word; word++) {
        if (is_meant_as_it_stands(*word))
            completion_offer(out, cursor, *word, "");
        else if (g_str_equal(*word, "FILE") || g_str_equal(*word, "SOCKET"))
            g_string_append(out, "@files\n");
        else if (g_str_equal(*word, "DIR"))
            g_string_append(out, "@directories\n");
    }
}

char *completion_of_options(const struct option_table *const *tables, size_t count,
                            char *const *words)
{
    GString *out = g_string_new(NULL);
    g_auto(Cursor) cursor = {0};
    cursor_find(&cursor, tables, count, words);
    switch (cursor.at) {
    case CURSOR_WORD:
        if (*cursor.begun)
            break;
        G_GNUC_FALLTHROUGH; /* there are only options */
    case CURSOR_OPTION:
        completion_options(out, &cursor, tables, count);
        break;
    case CURSOR_VALUE:
        completion_argument(out, &cursor, cursor.option->argument);
        break;
    }
    return g_string_free(out, false);
}
