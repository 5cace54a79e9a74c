/*
 * manual.c - a manual page of tables of options.
 *
 * No clock: the same table gives the same page, so that a build can be repeated.
 */
#include "manual.h"

struct manual {
    GString *out;
};

/* Appends `text` so that roff prints it as it is: man(7), "Fonts" and "Escapes". */
static void append_roff(GString *out, const char *text)
{
    bool line_begins = true;
    for (const char *c = text; *c; c++) {
        if (line_begins && (*c == '.' || *c == '\''))
            g_string_append(out, "\\&");
        if (*c == '\\')
            g_string_append(out, "\\e");
        else if (*c == '-')
            g_string_append(out, "\\-");
        else
            g_string_append_c(out, *c);
        line_begins = *c == '\n';
    }
    if (!line_begins)
        g_string_append_c(out, '\n');
}

static void append_macro(struct manual *manual, const char *macro, const char *text)
{
    g_string_append_printf(manual->out, ".%s ", macro);
    append_roff(manual->out, text);
}

struct manual *manual_new(const char *name, const char *about)
{
    struct manual *manual = g_new0(struct manual, 1);
    manual->out = g_string_new(NULL);
    g_string_append_printf(manual->out, ".TH %s 1 \"\" \"muster %s\" \"Muster\"\n", name,
                           MUSTER_VERSION);
    g_string_append(manual->out,
                    ".nh\n.ad l\n"); /* names are not parted, nor lines stretched */
    manual_section(manual, "NAME");
    g_string_append_printf(manual->out, "%s \\- ", name); /* as lexgrog(1) wants it */
    append_roff(manual->out, about);
    return manual;
}

void manual_section(struct manual *manual, const char *title)
{
    append_macro(manual, "SH", title);
}

void manual_part(struct manual *manual, const char *title)
{
    append_macro(manual, "SS", title);
}

void manual_text(struct manual *manual, const char *text)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
    for (char **paragraph = paragraphs; *paragraph; paragraph++) {
        if (paragraph > paragraphs)
            g_string_append(manual->out, ".PP\n");
        append_roff(manual->out, *paragraph);
    }
}

void manual_lines(struct manual *manual, const char *lines)
{
    g_string_append(manual->out, ".PP\n.nf\n");
    append_roff(manual->out, lines);
    g_string_append(manual->out, ".fi\n");
}

void manual_option(struct manual *manual, const struct option *option)
{
    g_autofree char *form = option_form(option);
    g_autofree char *remarks = option_remarks(option);
    g_string_append(manual->out, ".TP\n");
    append_macro(manual, "B", form);
    append_roff(manual->out, remarks);
}

char *manual_end(struct manual *manual)
{
    GString *out = manual->out;
    g_free(manual);
    return g_string_free(out, false);
}

char *manual_of_options(const char *name, const char *about,
                        const struct option_table *const *tables, size_t count)
{
    g_autoptr(GArray) all = options_all(tables, count);
    struct manual *manual = manual_new(name, about);
    manual_section(manual, "SYNOPSIS");
    manual_text(manual, tables[0]->usage);
    manual_section(manual, "DESCRIPTION");
    manual_text(manual, tables[0]->summary);
    manual_section(manual, "OPTIONS");
    for (guint i = 0; i < all->len; i++)
        manual_option(manual, &g_array_index(all, struct option, i));
    if (tables[0]->footer) {
        manual_section(manual, "NOTES");
        manual_lines(manual, tables[0]->footer);
    }
    return manual_end(manual);
}
