/*
 * scratch.h - a database in memory, to load parts of somebody's dump into and read them.
 *
 * A dump is foreign SQL.  The connection allows CREATE TABLE and INSERT of values, a few
 * functions of SQLite's own (newlines are written as replace(…, char(10)), tables have CHECKs), and
 * nothing else: no file, no ATTACH, no PRAGMA, no trigger, no view.  Memory and work are
 * bounded by the dump's size.
 *
 * What SQLite says of a wrong statement may quote it, and a row holds secrets: only
 * sentences that name tables and columns go into an error.
 */
#pragma once

#include "ledger.h"

#include <jansson.h>

#define SCRATCH_ERROR (scratch_error_quark())
GQuark scratch_error_quark(void);
enum scratch_error { SCRATCH_ERROR_REFUSED };

struct scratch;

/* For a dump of so many bytes. */
struct scratch *scratch_new(size_t bytes, GError **error);
void scratch_free(struct scratch *scratch);

/* One statement, without its semicolon. */
bool scratch_run(struct scratch *scratch, const char *sql, size_t length, GError **error);
bool scratch_has(struct scratch *scratch, const char *table);

/* Goes to the beginning of a table; then one row after the other as an object of its columns
 * (lower case): strings, integers, reals, null.  A row that is no UTF-8 is an error.  The
 * caller owns the row. */
bool scratch_select(struct scratch *scratch, const char *table, GError **error);
enum query_step scratch_next(struct scratch *scratch, json_t **ret_row, GError **error);

typedef struct scratch Scratch;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scratch, scratch_free)
