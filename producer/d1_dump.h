/*
 * d1_dump.h - the export of a D1 database, read into rows.
 *
 * The file is loaded into a scratch database and read from there, so that SQLite and not we
 * know what a column list, a NULL or a quoted quote is.  Only the statements that make and
 * fill the tables agents and servers are run; the other tables are named and left.
 *
 * Knows no ledger: import.h takes the rows over.
 */
#pragma once

#include "rows.h"

#define D1_DUMP_MAX_BYTES (INT64_C(1) << 30)

#define D1_DUMP_ERROR (d1_dump_error_quark())
GQuark d1_dump_error_quark(void);
enum d1_dump_error { D1_DUMP_ERROR_REFUSED };

struct d1_dump {
    char *name;        /* of the file */
    GPtrArray *agents; /* struct agent_row */
    GPtrArray
        *servers; /* struct server_row: the living ones, then the deleted, newest first */
    GPtrArray *wrong;  /* char *, a sentence for each row that cannot be one of ours */
    GPtrArray *tables; /* char *, the other tables */
};

/* Errors name the file and the line; `now` stands for times that are not given. */
struct d1_dump *d1_dump_read(const char *path, int64_t now, GError **error);
/* The same of a text in memory; `name` for the errors. */
struct d1_dump *d1_dump_parse(const char *name, const char *text, size_t length,
                              int64_t now, GError **error);
void d1_dump_free(struct d1_dump *dump);

typedef struct d1_dump D1Dump;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(D1Dump, d1_dump_free)
