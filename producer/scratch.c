/*
 * scratch.c - a database in memory for somebody else's SQL.
 */
#include "scratch.h"

#include "scratch_functions.h"

#include <sqlite3.h>
#include <string.h>

#define STATEMENT_MAX  (64 * 1024 * 1024)
#define VALUE_MAX      (4 * 1024 * 1024)
#define PAGE_SIZE      4096
#define PAGES_LEAST    1024
#define WORK_STEP      10000 /* instructions of SQLite's machine between two looks */
#define WORK_LEAST     100   /* such looks, for the smallest dump */
#define BYTES_PER_STEP 200   /* of a dump: a row takes some 100 instructions */

G_DEFINE_QUARK(muster_scratch_error, scratch_error)

struct scratch {
    sqlite3 *db;
    sqlite3_stmt *rows;
    size_t work, work_left;
};

/* --- What is allowed ------------------------------------------------------------------- */

/* All of SQLite's own but these: a dump may hold any in CHECKs, defaults, generated columns
 * and values. */
static const char *const denied[] = {"load_extension", "fts3_tokenizer", NULL};

static int authorize(void *data, int action, const char *first, const char *second,
                     const char *database, const char *inner)
{
    switch (action) {
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX: /* of a table's keys */
    case SQLITE_INSERT:
    case SQLITE_SELECT: /* several rows of values are one */
    case SQLITE_READ:
        return SQLITE_OK;
    case SQLITE_UPDATE: /* SQLite's own, while it makes a table */
        return g_strcmp0(first, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return g_strv_contains(denied, second) ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

static int count_work(void *data)
{
    struct scratch *scratch = data;
    if (scratch->work_left == 0)
        return 1; /* interrupts it */
    scratch->work_left--;
    return 0;
}

static void harden(sqlite3 *db)
{
    static const struct {
        int what, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, VALUE_MAX},
        {SQLITE_LIMIT_SQL_LENGTH, STATEMENT_MAX},
        {SQLITE_LIMIT_COLUMN, 200},
        {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 10},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    static const struct {
        int what, value;
    } settings[] = {
        /* SQLite calls json_valid() unsafe in a CHECK; authorize() says what is. */
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        sqlite3_limit(db, limits[i].what, limits[i].value);
    for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
        sqlite3_db_config(db, settings[i].what, settings[i].value, NULL);
}

/* --- Errors ------------------------------------------------------------------------------ */

/* Sentences of SQLite that quote names and numbers, never values. */
static bool is_tellable(const char *message)
{
    static const char *const begins[] = {"table ",
                                         "UNIQUE constraint ",
                                         "NOT NULL constraint ",
                                         "CHECK constraint ",
                                         "no such table",
                                         "no such function",
                                         "not authorized",
                                         "duplicate column ",
                                         "cannot store ",
                                         NULL};
    for (const char *const *begin = begins; *begin; begin++)
        if (g_str_has_prefix(message, *begin))
            return true;
    return g_str_has_suffix(message, " columns"); /* "3 values for 4 columns" */
}

static const char *says_code(int code)
{
    switch (code) {
    case SQLITE_ERROR:
        return "is no SQL that a dump would hold";
    case SQLITE_FULL:
    case SQLITE_INTERRUPT:
        return "makes more of itself than the file has";
    case SQLITE_TOOBIG:
        return "holds a value that is too large";
    default:
        return sqlite3_errstr(code);
    }
}

static bool failed(struct scratch *scratch, GError **error)
{
    const char *message = sqlite3_errmsg(scratch->db);
    g_set_error_literal(error, SCRATCH_ERROR, SCRATCH_ERROR_REFUSED,
                        is_tellable(message) ? message
                                             : says_code(sqlite3_errcode(scratch->db)));
    return false;
}

/* --- Life ---------------------------------------------------------------------------------- */

static bool prepare(struct scratch *scratch, size_t bytes, GError **error)
{
    g_autofree char *sql = g_strdup_printf(
        "PRAGMA page_size = %d; PRAGMA max_page_count = %zu; PRAGMA journal_mode = OFF",
        PAGE_SIZE, PAGES_LEAST + bytes / PAGE_SIZE * 3);
    if (sqlite3_open_v2(":memory:", &scratch->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(scratch->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(scratch, error);
    harden(scratch->db);
    if (!scratch_functions_add(scratch->db))
        return failed(scratch, error);
    scratch->work = scratch->work_left = WORK_LEAST + bytes / BYTES_PER_STEP;
    sqlite3_progress_handler(scratch->db, WORK_STEP, count_work, scratch);
    sqlite3_set_authorizer(scratch->db, authorize, scratch);
    return true;
}

struct scratch *scratch_new(size_t bytes, GError **error)
{
    g_autoptr(Scratch) scratch = g_new0(struct scratch, 1);
    return prepare(scratch, bytes, error) ? g_steal_pointer(&scratch) : NULL;
}

void scratch_free(struct scratch *scratch)
{
    if (!scratch)
        return;
    sqlite3_finalize(scratch->rows);
    sqlite3_close(scratch->db);
    g_free(scratch);
}

bool scratch_run(struct scratch *scratch, const char *sql, size_t length, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (length > STATEMENT_MAX) {
        g_set_error(error, SCRATCH_ERROR, SCRATCH_ERROR_REFUSED, "is larger than %d MiB",
                    STATEMENT_MAX / 1024 / 1024);
        return false;
    }
    bool good = sqlite3_prepare_v2(scratch->db, sql, (int)length, &statement, NULL) ==
                    SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_DONE;
    if (!good)
        failed(scratch, error);
    sqlite3_finalize(statement);
    return good;
}

bool scratch_has(struct scratch *scratch, const char *table)
{
    return sqlite3_table_column_metadata(scratch->db, "main", table, NULL, NULL, NULL,
                                         NULL, NULL, NULL) == SQLITE_OK;
}

/* --- Rows ---------------------------------------------------------------------------------- */

bool scratch_select(struct scratch *scratch, const char *table, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT * FROM \"%s\"", table);
    sqlite3_finalize(scratch->rows);
    scratch->rows = NULL;
    scratch->work_left = scratch->work; /* generated columns are made anew */
    return sqlite3_prepare_v2(scratch->db, sql, -1, &scratch->rows, NULL) == SQLITE_OK ||
           failed(scratch, error);
}

/* NULL: text that is no UTF-8. */
static json_t *value_at(sqlite3_stmt *rows, int column)
{
    switch (sqlite3_column_type(rows, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(rows, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(rows, column));
    case SQLITE_NULL:
        return json_null();
    default: { /* text, and blobs that are text */
        const void *text = sqlite3_column_blob(rows, column);
        size_t length = (size_t)sqlite3_column_bytes(rows, column);
        return length && memchr(text, '\0', length)
                   ? NULL
                   : json_stringn(text ? text : "", length);
    }
    }
}

static json_t *row_of(sqlite3_stmt *rows, GError **error)
{
    json_auto_t *row = json_object();
    for (int i = 0; i < sqlite3_column_count(rows); i++) {
        g_autofree char *name = g_ascii_strdown(sqlite3_column_name(rows, i), -1);
        json_t *value = value_at(rows, i);
        if (!value) {
            g_set_error(error, SCRATCH_ERROR, SCRATCH_ERROR_REFUSED,
                        "%.100s: is not UTF-8 text", name);
            return NULL;
        }
        json_object_set_new(row, name, value);
    }
    return json_incref(row);
}

enum query_step scratch_next(struct scratch *scratch, json_t **ret_row, GError **error)
{
    switch (sqlite3_step(scratch->rows)) {
    case SQLITE_ROW:
        *ret_row = row_of(scratch->rows, error);
        return *ret_row ? QUERY_ROW : QUERY_FAILED;
    case SQLITE_DONE:
        return QUERY_END;
    default:
        failed(scratch, error);
        return QUERY_FAILED;
    }
}
