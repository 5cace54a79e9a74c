/*
 * compare.c - how two rows differ, column by column.
 */
#include "compare.h"

#define SHOWN_MAX 200 /* characters of a value in a sentence */

static const char *id_of(const struct table *table, const void *row)
{
    return *column_text(&table->columns[0], row); /* the key is the first column */
}

static guint compare_column(const struct table *table, const struct column *column,
                            const void *ledger, const void *log, compare_tell *tell,
                            void *listener)
{
    if (!(column->flags & COLUMN_LOG) || column_equal(column, ledger, log))
        return 0;
    json_auto_t *here = column_to_json(column, ledger);
    json_auto_t *there = column_to_json(column, log);
    g_autofree char *here_text = json_dumps(here, JSON_ENCODE_ANY | JSON_COMPACT);
    g_autofree char *there_text = json_dumps(there, JSON_ENCODE_ANY | JSON_COMPACT);
    const struct difference difference = {table, id_of(table, ledger), column->name,
                                          here_text, there_text};
    tell(listener, &difference);
    return 1;
}

guint compare_rows(const struct table *table, const void *ledger, const void *log,
                   compare_tell *tell, void *listener)
{
    guint differences = 0;
    if (!ledger || !log) {
        const struct difference difference = {table, id_of(table, ledger ? ledger : log),
                                              NULL, ledger ? "a row" : NULL,
                                              log ? "a row" : NULL};
        tell(listener, &difference);
        return 1;
    }
    for (size_t i = 0; i < table->n_columns; i++)
        differences += compare_column(table, &table->columns[i], ledger, log, tell,
                                      listener);
    return differences;
}

static char *cut(const char *value)
{
    if (g_utf8_strlen(value, -1) <= SHOWN_MAX)
        return g_strdup(value);
    g_autofree char *head = g_utf8_substring(value, 0, SHOWN_MAX);
    return g_strconcat(head, "…", NULL);
}

char *difference_text(const struct difference *difference)
{
    const char *table = difference->table->name;
    if (!difference->ledger || !difference->log)
        return g_strdup_printf("%s %s is %s", table, difference->id,
                               difference->ledger ? "in the ledger and not in the log"
                                                  : "in the log and not in the ledger");
    g_autofree char *ledger = cut(difference->ledger);
    g_autofree char *log = cut(difference->log);
    return g_strdup_printf("%s %s: %s is %s in the ledger, and %s by the log", table,
                           difference->id, difference->column, ledger, log);
}
