/*
 * ledger.h - the control plane's SQLite database: opening it, and asking it.
 *
 * A ledger is a fold of the log, plus what only it knows: env values, tokens and requests
 * that have not been sent.  It is opened by every `muster` process; SQLite's WAL keeps them
 * apart, and two locks beside it say who relays and who ingests (lock.h).
 *
 * This header is for the ledger's own files (ledger_*.c) and for those that open it.
 */
#pragma once

#include "rows.h"

#define LEDGER_ERROR (ledger_error_quark())
GQuark ledger_error_quark(void);
enum ledger_error {
    LEDGER_ERROR_NONE_THERE, /* no such file: `muster init` makes one */
    LEDGER_ERROR_NOT_OURS,   /* not a ledger, damaged, or a newer muster's */
    LEDGER_ERROR_FAILED,     /* SQLite says no: full disk, no permission, busy too long */
};

struct ledger;

/* Makes the file (mode 0600) if it is not there, otherwise as ledger_open(). */
struct ledger *ledger_make(const char *path, GError **error);
/* Checks that it is ours and (unless it is large, see ledger_check) whole, and brings it to
 * this version's tables. */
struct ledger *ledger_open(const char *path, GError **error);
/* Whether it is whole, however long that takes; `muster serve` asks at its start. */
bool ledger_check(struct ledger *ledger, GError **error);
/* An empty one for a replay: in a temporary file that has no name and goes with it.  It knows
 * no secret, and nothing of it is ever made durable. */
struct ledger *ledger_make_scratch(GError **error);
void ledger_close(struct ledger *ledger);
const char *ledger_path(const struct ledger *ledger);

/* One transaction at a time.  Begin takes the write lock at once (waits up to 10 s). */
bool ledger_begin(struct ledger *ledger, GError **error);
/* For reading alone: until ledger_rollback() all that is read is of one moment, whoever
 * writes meanwhile. */
bool ledger_begin_read(struct ledger *ledger, GError **error);
bool ledger_commit(struct ledger *ledger, GError **error);
void ledger_rollback(struct ledger *ledger); /* nothing, if none is open */

/* --- Asking ------------------------------------------------------------------------- */

/* A prepared statement, kept by the ledger under its text.  Reset by query_end() or by the
 * next query() of the same text. */
struct query;

struct query *query(struct ledger *ledger, const char *sql, GError **error);
/* Whether one more text, if it is one more, may be kept: for texts that data put together. */
bool ledger_has_room(const struct ledger *ledger, const char *sql);
void query_text(struct query *query, int index, const char *text); /* NULL: SQL's NULL */
void query_integer(struct query *query, int index,
                   int64_t number);                              /* CONTRACT_NONE: NULL */
void query_bytes(struct query *query, int index, GBytes *bytes); /* NULL: NULL */
/* A row's field. */
void query_column(struct query *query, int index, const struct column *column,
                  const void *row);

enum query_step { QUERY_ROW, QUERY_END, QUERY_FAILED };
enum query_step query_step(struct query *query, GError **error);
/* Runs it to its end and resets it. */
bool query_run(struct query *query, GError **error);
void query_end(struct query *query); /* NULL is fine */

const char *query_get_text(struct query *query, int column); /* until the next step */
int64_t query_get_integer(struct query *query, int column);  /* CONTRACT_NONE for NULL */
GBytes *query_get_bytes(struct query *query, int column);    /* a copy */

/* --- Rows by their tables -------------------------------------------------------------- */

/* Loads rows: "SELECT <the table's columns> FROM <table> <rest>"; then binds, steps, and
 * query_get_row() for each. */
struct query *query_rows(struct ledger *ledger, const struct table *table,
                         const char *rest, GError **error);
void query_get_row(struct query *query, const struct table *table, void *row);
/* Inserts the row, or replaces the one of the same key. */
bool ledger_store(struct ledger *ledger, const struct table *table, const void *row,
                  GError **error);
/* Writes what differs from `before`, which is how the row lies there; NULL: it does not yet. */
bool ledger_update(struct ledger *ledger, const struct table *table, const void *before,
                   const void *after, GError **error);

typedef struct ledger Ledger;
typedef struct query Query;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ledger, ledger_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Query, query_end)
