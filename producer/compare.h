/*
 * compare.h - how a row of the ledger differs from the one that the log alone makes.
 *
 * Pure.  Only columns that the log determines are looked at (COLUMN_LOG).
 */
#pragma once

#include "rows.h"

struct difference {
    const struct table *table;
    const char *id;
    const char *column; /* NULL: the whole row is on one side only */
    const char *ledger; /* as JSON; NULL: no such row */
    const char *log;
};

typedef void compare_tell(void *listener, const struct difference *difference);

/* Tells each difference of two rows of one key, either of which may be NULL; returns how
 * many there are. */
guint compare_rows(const struct table *table, const void *ledger, const void *log,
                   compare_tell *tell, void *listener);

/* One sentence; g_free it. */
char *difference_text(const struct difference *difference);
