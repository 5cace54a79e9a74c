/*
 * options_text.c - a table of options as --help.
 *
 * It comes from the table and from nothing else, so that it cannot differ from what is
 * parsed; manual.c and completion.c do the same.  No clock and no terminal: the same table
 * gives the same text.
 */
#include "options.h"

#include <inttypes.h>
#include <string.h>

#define HELP_COLUMN 28 /* where the help of an option begins */
#define HELP_WIDTH  88

/* What stands for the value when the table names nothing. */
static const char *const arguments[] = {
    [OPTION_FLAG] = "",         [OPTION_STRING] = "TEXT",   [OPTION_STRINGS] = "TEXT",
    [OPTION_NUMBER] = "NUMBER", [OPTION_FACTOR] = "FACTOR", [OPTION_DURATION] = "TIME",
    [OPTION_WAIT] = "TIME",
};

GArray *options_all(const struct option_table *const *tables, size_t count)
{
    static const struct option help = {
        .name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "show this"};
    GArray *all = g_array_new(false, false, sizeof(struct option));

    for (size_t t = 0; t < count; t++)
        g_array_append_vals(all, tables[t]->options, (guint)tables[t]->n_options);
    g_array_append_val(all, help);
    return all;
}

char *option_form(const struct option *option)
{
    const char *argument = option->argument ? option->argument : arguments[option->kind];
    GString *form = g_string_new(NULL);

    if (option->letter)
        g_string_append_printf(form, "-%c, ", option->letter);
    g_string_append_printf(form, "--%s", option->name);
    if (option->kind == OPTION_WAIT)
        g_string_append_printf(form, "[=%s]", argument);
    else if (option->kind != OPTION_FLAG)
        g_string_append_printf(form, "=%s", argument);
    return g_string_free(form, false);
}

char *option_remarks(const struct option *option)
{
    GString *remarks = g_string_new(option->help);
    bool ranged = option->minimum != 0 || option->maximum != 0;

    if (option->kind == OPTION_NUMBER && ranged)
        g_string_append_printf(remarks, " (%" PRId64 " to %" PRId64 ")", option->minimum,
                               option->maximum);
    if (option->kind == OPTION_STRINGS)
        g_string_append(remarks, " (may be given several times)");
    if (option->required)
        g_string_append(remarks, " (required)");
    return g_string_free(remarks, false);
}

/* Appends `text` broken at spaces; the first line goes on at `column`, the others begin
 * at HELP_COLUMN.  A newline in `text` is kept. */
static void append_wrapped(GString *out, const char *text, size_t column)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (size_t i = 0; words[i]; i++) {
        size_t width = (size_t)g_utf8_strlen(words[i], -1);

        if (i > 0 && column + 1 + width > HELP_WIDTH) {
            g_string_append_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (i > 0) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, words[i]);
        column += width;
    }
    g_string_append_c(out, '\n');
}

static void append_option(GString *out, const struct option *option)
{
    g_autofree char *form = option_form(option);
    g_autofree char *remarks = option_remarks(option);
    const char *indent = option->letter ? "  " : "      ";
    size_t column = strlen(indent) + (size_t)g_utf8_strlen(form, -1);

    g_string_append_printf(out, "%s%s", indent, form);
    if (column + 2 > HELP_COLUMN) {
        g_string_append_c(out, '\n');
        column = 0;
    }
    g_string_append_printf(out, "%*s", (int)(HELP_COLUMN - column), "");
    append_wrapped(out, remarks, HELP_COLUMN);
}

char *options_help(const struct option_table *const *tables, size_t count)
{
    g_autoptr(GArray) all = options_all(tables, count);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "Usage: %s\n\n%s\n\n", tables[0]->usage,
                           tables[0]->summary);
    for (guint i = 0; i < all->len; i++)
        append_option(out, &g_array_index(all, struct option, i));
    if (tables[0]->footer)
        g_string_append_printf(out, "\n%s\n", tables[0]->footer);
    return g_string_free(out, false);
}
