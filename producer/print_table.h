/*
 * print_table.h - rows of words under headings, aligned, for people.
 *
 * On a terminal a row is a line, whatever the width: text is cut, and what can be asked for
 * elsewhere is left out.  Elsewhere everything is there, for grep and files.
 */
#pragma once

#include <glib.h>

/* What becomes of a column for which there is no room. */
enum print_yield {
    PRINT_KEEP,   /* it stays as it is */
    PRINT_STATUS, /* likewise; a word that has a colour */
    PRINT_CUT,    /* it is cut */
    PRINT_DROP,   /* it is left out; the last of these first */
    PRINT_NAME,   /* it is what people type: cut when nothing else has helped */
};

struct print_column {
    const char *heading;
    enum print_yield yield;
};

struct print_table;
struct print_table *print_table_new(const struct print_column *columns, guint count);
/* A word for each column. */
void print_table_add(struct print_table *table, ...) G_GNUC_NULL_TERMINATED;
void print_table_end(struct print_table *table); /* prints and frees */
