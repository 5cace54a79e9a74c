/*
 * dump.h - a SQL dump, taken apart into its statements.
 *
 * Pure.  It knows just enough of SQLite's language to say where a statement ends and which
 * table it makes or fills (tokens as in "The SQL Language: lexical structure"; a trigger's
 * body ends as sqlite3_complete() says).  Nothing is run here: scratch.h does that, with
 * the statements that somebody wants.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define DUMP_ERROR (dump_error_quark())
GQuark dump_error_quark(void);
enum dump_error {
    DUMP_ERROR_CUT, /* ends in the middle of a statement */
    DUMP_ERROR_NUL, /* not text */
};

enum dump_kind {
    DUMP_END,
    DUMP_CREATE_TABLE,
    DUMP_INSERT,
    DUMP_OTHER, /* PRAGMA, indexes, triggers, transactions, … */
};

/* Borrowed from the dump's text, but for `table`. */
struct dump_statement {
    enum dump_kind kind;
    const char *text; /* without its semicolon */
    size_t length;
    int line;    /* of the dump where it begins, from 1 */
    char *table; /* CREATE TABLE and INSERT: unquoted, lower case; else NULL */
};
void dump_statement_clear(struct dump_statement *statement);

struct dump {
    const char *at, *end;
    int line;
};

/* Begins; `text` is borrowed until the end. */
bool dump_open(struct dump *dump, const char *text, size_t length, GError **error);
/* The next statement, DUMP_END after the last one.  Clear it. */
bool dump_next(struct dump *dump, struct dump_statement *ret_statement, GError **error);

typedef struct dump_statement DumpStatement;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DumpStatement, dump_statement_clear)
