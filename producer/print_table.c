/*
 * print_table.c - rows of words under headings.
 */
#include "print_table.h"

#include "terminal.h"

#include <stdarg.h>

#define GAP 2
#define CUT_GENTLY \
 16 /* columns that a cut word keeps as long as others can be left out */
#define CUT_HARD 4

struct print_table {
    const struct print_column *columns;
    guint count;
    GPtrArray *rows; /* GStrv */
};

struct print_table *print_table_new(const struct print_column *columns, guint count)
{
    struct print_table *table = g_new0(struct print_table, 1);
    table->columns = columns;
    table->count = count;
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    return table;
}

void print_table_add(struct print_table *table, ...)
{
    va_list cells;
    char **row = g_new0(char *, table->count + 1);
    va_start(cells, table);
    for (guint i = 0; i < table->count; i++)
        row[i] = text_cut(va_arg(cells, const char *), 0);
    va_end(cells);
    g_ptr_array_add(table->rows, row);
}

/* --- Widths ------------------------------------------------------------------------- */

/* 0: the column is left out. */
static int *natural_widths(const struct print_table *table)
{
    int *widths = g_new0(int, table->count);
    for (guint i = 0; i < table->count; i++) {
        widths[i] = text_width(table->columns[i].heading);
        for (guint r = 0; r < table->rows->len; r++) {
            char **row = table->rows->pdata[r];
            widths[i] = MAX(widths[i], text_width(row[i]));
        }
    }
    return widths;
}

static int width_of_line(const int *widths, guint count)
{
    int width = -GAP;
    for (guint i = 0; i < count; i++)
        width += widths[i] ? widths[i] + GAP : 0;
    return width;
}

/* Makes the widest of those that yield so narrower until the line fits.  False: all are at
 * `least`, or were narrower. */
static bool cut(const struct print_table *table, int *widths, int screen,
                enum print_yield yield, int least)
{
    int over = width_of_line(widths, table->count) - screen;
    for (; over > 0; over--) {
        int *widest = NULL;
        for (guint i = 0; i < table->count; i++)
            if (table->columns[i].yield == yield && widths[i] > least &&
                (!widest || widths[i] > *widest))
                widest = &widths[i];
        if (!widest)
            return false;
        (*widest)--;
    }
    return true;
}

static bool drop_one(const struct print_table *table, int *widths)
{
    for (guint i = table->count; i > 0; i--) {
        if (table->columns[i - 1].yield != PRINT_DROP || widths[i - 1] == 0)
            continue;
        widths[i - 1] = 0;
        return true;
    }
    return false;
}

static int *fitting_widths(const struct print_table *table, int screen)
{
    g_autofree int *natural = natural_widths(table);
    for (;;) {
        int *widths = g_memdup2(natural, table->count * sizeof *widths);
        if (!screen || cut(table, widths, screen, PRINT_CUT, CUT_GENTLY))
            return widths;
        if (!drop_one(table, natural)) {
            (void)(cut(table, widths, screen, PRINT_CUT, CUT_HARD) ||
                   cut(table, widths, screen, PRINT_NAME, CUT_HARD));
            return widths;
        }
        g_free(widths);
    }
}

/* --- Printing ----------------------------------------------------------------------- */

static void print_cell(const struct print_column *column, const char *text, int width,
                       bool is_heading)
{
    g_autofree char *cell = text_cut(text, width);
    if (column->yield == PRINT_STATUS && !is_heading)
        terminal_word(stdout, cell);
    else
        fputs(cell, stdout);
}

static void print_row(const struct print_table *table, char *const *row,
                      const int *widths, int screen, bool is_heading)
{
    int room = screen ? screen : G_MAXINT;
    int padding = 0; /* in front of the next cell: nothing stands behind the last */
    for (guint i = 0; i < table->count; i++) {
        int width = MIN(widths[i], room - padding);
        if (widths[i] == 0 || width <= 0)
            continue;
        int used = MIN(text_width(row[i]), width);
        if (used > 0)
            printf("%*s", padding, "");
        print_cell(&table->columns[i], row[i], width, is_heading);
        room -= used > 0 ? padding + used : 0;
        padding = (used > 0 ? 0 : padding) + widths[i] - used + GAP;
    }
    fputc('\n', stdout);
}

void print_table_end(struct print_table *table)
{
    int screen = terminal_width(stdout);
    g_autofree int *widths = fitting_widths(table, screen);
    g_autofree char **headings = g_new0(char *, table->count);
    for (guint i = 0; i < table->count; i++)
        headings[i] = (char *)table->columns[i].heading;
    print_row(table, headings, widths, screen, true);
    for (guint i = 0; i < table->rows->len; i++)
        print_row(table, table->rows->pdata[i], widths, screen, false);
    g_ptr_array_unref(table->rows);
    g_free(table);
}
