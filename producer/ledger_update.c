/*
 * ledger_update.c - writes of a row what has changed in it.
 *
 * An upsert of all columns takes each of the row's index entries out and puts it back in;
 * most events change a few columns, most of them in no index.
 */
#include "ledger.h"

static bool is_changed(const struct column *column, const void *before, const void *after)
{
    return !column_equal(column, before, after);
}

/* "UPDATE servers SET status = ?, … WHERE id = ?", or NULL if nothing has changed. */
static char *update_sql(const struct table *table, const void *before, const void *after)
{
    GString *sql = g_string_new(NULL);
    for (size_t i = 1; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        if (!is_changed(column, before, after))
            continue;
        if (sql->len == 0)
            g_string_printf(sql, "UPDATE %s SET ", table->name);
        else
            g_string_append(sql, ", ");
        g_string_append_printf(sql, "%s = ?", column->name);
    }
    if (sql->len > 0)
        g_string_append_printf(sql, " WHERE %s = ?", table->columns[0].name);
    return g_string_free(sql, sql->len == 0);
}

bool ledger_update(struct ledger *ledger, const struct table *table, const void *before,
                   const void *after, GError **error)
{
    if (!before)
        return ledger_store(ledger, table, after, error);
    g_assert(column_equal(&table->columns[0], before, after));
    g_autofree char *sql = update_sql(table, before, after);
    if (!sql)
        return true;
    if (!ledger_has_room(ledger, sql)) /* sets of columns are many, and each is a text */
        return ledger_store(ledger, table, after, error);
    struct query *update = query(ledger, sql, error);
    if (!update)
        return false;
    int index = 1;
    for (size_t i = 1; i < table->n_columns; i++)
        if (is_changed(&table->columns[i], before, after))
            query_column(update, index++, &table->columns[i], after);
    query_column(update, index, &table->columns[0], after);
    return query_run(update, error);
}
