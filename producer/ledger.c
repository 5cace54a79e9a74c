/*
 * ledger.c - the ledger as a database: opening, migrating, transactions, statements.
 *
 * The only place of the control plane that knows SQLite.  What is in the tables, the files
 * ledger_*.c say; what it means, the pure parts do.
 */
#include "ledger.h"

#include "muster_resource.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define APPLICATION_ID 0x4d757374 /* "Must" */
#define BUSY_MS        10000
#define CHECK_BYTES    (INT64_C(64) << 20) /* up to here a check takes no time to speak of */
#define SQL_RESOURCE   "/muster/ledger.sql"
#define STATEMENTS_MAX 512 /* of those whose text data put together */

G_DEFINE_QUARK(muster_ledger_error, ledger_error)

struct ledger {
    sqlite3 *db;
    char *path;
    GHashTable *queries; /* SQL text → struct query */
    /* The same, found without making the text: by table and the rest of a SELECT, and by
     * table.  Borrowed from `queries`. */
    GHashTable *selects; /* struct select_key → struct query */
    GHashTable *stores;  /* struct table → struct query */
    bool in_transaction;
};

struct query {
    struct ledger *ledger;
    sqlite3_stmt *statement;
};

static bool failed(struct ledger *ledger, const char *doing, GError **error)
{
    g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_FAILED, "ledger %s: %s: %s",
                ledger->path, doing, sqlite3_errmsg(ledger->db));
    return false;
}

static bool not_ours(struct ledger *ledger, GError **error, const char *why)
{
    g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_NOT_OURS, "ledger %s: %s", ledger->path,
                why);
    return false;
}

/* --- Statements ---------------------------------------------------------------------- */

static void query_free(struct query *query)
{
    sqlite3_finalize(query->statement);
    g_free(query);
}

struct query *query(struct ledger *ledger, const char *sql, GError **error)
{
    struct query *query = g_hash_table_lookup(ledger->queries, sql);
    if (query) {
        query_end(query);
        return query;
    }
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           NULL) != SQLITE_OK) {
        failed(ledger, "prepare", error);
        return NULL;
    }
    query = g_new0(struct query, 1);
    query->ledger = ledger;
    query->statement = statement;
    g_hash_table_insert(ledger->queries, g_strdup(sql), query);
    return query;
}

bool ledger_has_room(const struct ledger *ledger, const char *sql)
{
    return g_hash_table_size(ledger->queries) < STATEMENTS_MAX ||
           g_hash_table_contains(ledger->queries, sql);
}

void query_text(struct query *query, int index, const char *text)
{
    sqlite3_bind_text(query->statement, index, text, -1, SQLITE_TRANSIENT);
}

void query_integer(struct query *query, int index, int64_t number)
{
    if (number == CONTRACT_NONE)
        sqlite3_bind_null(query->statement, index);
    else
        sqlite3_bind_int64(query->statement, index, number);
}

void query_bytes(struct query *query, int index, GBytes *bytes)
{
    gsize length = 0;
    const void *data = bytes ? g_bytes_get_data(bytes, &length) : NULL;
    if (bytes)
        sqlite3_bind_blob64(query->statement, index, data ? data : "", length,
                            SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(query->statement, index);
}

enum query_step query_step(struct query *query, GError **error)
{
    switch (sqlite3_step(query->statement)) {
    case SQLITE_ROW:
        return QUERY_ROW;
    case SQLITE_DONE:
        return QUERY_END;
    default:
        failed(query->ledger, "run", error);
        return QUERY_FAILED;
    }
}

bool query_run(struct query *query, GError **error)
{
    enum query_step step;
    while ((step = query_step(query, error)) == QUERY_ROW)
        ;
    query_end(query);
    return step == QUERY_END;
}

void query_end(struct query *query)
{
    if (!query)
        return;
    sqlite3_reset(query->statement);
    sqlite3_clear_bindings(query->statement);
}

const char *query_get_text(struct query *query, int column)
{
    return (const char *)sqlite3_column_text(query->statement, column);
}

int64_t query_get_integer(struct query *query, int column)
{
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return CONTRACT_NONE;
    return sqlite3_column_int64(query->statement, column);
}

GBytes *query_get_bytes(struct query *query, int column)
{
    const void *data = sqlite3_column_blob(query->statement, column);
    return g_bytes_new(data, (gsize)sqlite3_column_bytes(query->statement, column));
}

/* --- Rows ------------------------------------------------------------------------------ */

static char *column_names(const struct table *table)
{
    GString *names = g_string_new("");
    for (size_t i = 0; i < table->n_columns; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", table->columns[i].name);
    return g_string_free(names, FALSE);
}

struct select_key {
    const struct table *table;
    char *rest;
};

static guint select_key_hash(gconstpointer pointer)
{
    const struct select_key *key = pointer;
    return g_str_hash(key->rest) ^ g_direct_hash(key->table);
}

static gboolean select_key_equal(gconstpointer a, gconstpointer b)
{
    const struct select_key *one = a, *other = b;
    return one->table == other->table && g_str_equal(one->rest, other->rest);
}

static void select_key_free(void *gone)
{
    struct select_key *key = gone;
    g_free(key->rest);
    g_free(key);
}

struct query *query_rows(struct ledger *ledger, const struct table *table,
                         const char *rest, GError **error)
{
    const struct select_key looked = {table, (char *)rest};
    struct query *select = g_hash_table_lookup(ledger->selects, &looked);
    if (select) {
        query_end(select);
        return select;
    }
    g_autofree char *names = column_names(table);
    g_autofree char *sql = g_strdup_printf("SELECT %s FROM %s %s", names, table->name,
                                           rest);
    select = query(ledger, sql, error);
    if (!select)
        return NULL;
    struct select_key *key = g_new0(struct select_key, 1);
    key->table = table;
    key->rest = g_strdup(rest);
    g_hash_table_insert(ledger->selects, key, select);
    return select;
}

void query_get_row(struct query *query, const struct table *table, void *row)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        void *field = (char *)row + column->offset;
        int at = (int)i;
        switch (column->kind) {
        case COLUMN_TEXT:
        case COLUMN_TEXT_OPTIONAL:
            row_set(field, query_get_text(query, at));
            break;
        case COLUMN_INTEGER:
        case COLUMN_INTEGER_OPTIONAL:
            *(int64_t *)field = query_get_integer(query, at);
            break;
        case COLUMN_BOOL:
            *(bool *)field = query_get_integer(query, at) == 1;
            break;
        case COLUMN_MAYBE: {
            int64_t value = query_get_integer(query, at);
            *(enum maybe *)field = value == CONTRACT_NONE ? MAYBE_UNKNOWN
                                   : value                ? MAYBE_YES
                                                          : MAYBE_NO;
            break;
        }
        case COLUMN_STATUS:
            *(enum server_status *)field = server_status_from_name(
                query_get_text(query, at));
            break;
        case COLUMN_CONTAINER:
            *(enum container_status *)field = container_status_from_name(
                query_get_text(query, at));
            break;
        case COLUMN_SHOWN:
            *(enum shown *)field = (enum shown)CLAMP(query_get_integer(query, at), 0, 2);
            break;
        }
    }
}

void query_column(struct query *query, int index, const struct column *column,
                  const void *row)
{
    const void *field = (const char *)row + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_TEXT_OPTIONAL:
        query_text(query, index, *(char *const *)field);
        return;
    case COLUMN_INTEGER:
    case COLUMN_INTEGER_OPTIONAL:
        query_integer(query, index, *(const int64_t *)field);
        return;
    case COLUMN_BOOL:
        query_integer(query, index, *(const bool *)field);
        return;
    case COLUMN_MAYBE: {
        enum maybe maybe = *(const enum maybe *)field;
        query_integer(query, index,
                      maybe == MAYBE_UNKNOWN ? CONTRACT_NONE : maybe == MAYBE_YES);
        return;
    }
    case COLUMN_STATUS:
        query_text(query, index, server_status_name(*(const enum server_status *)field));
        return;
    case COLUMN_CONTAINER:
        query_text(query, index,
                   container_status_name(*(const enum container_status *)field));
        return;
    case COLUMN_SHOWN:
        query_integer(query, index, *(const enum shown *)field);
        return;
    }
}

static char *store_sql(const struct table *table)
{
    g_autofree char *names = column_names(table);
    GString *sql = g_string_new(NULL);
    g_string_printf(sql, "INSERT INTO %s (%s) VALUES (", table->name, names);
    for (size_t i = 0; i < table->n_columns; i++)
        g_string_append(sql, i ? ", ?" : "?");
    g_string_append_printf(sql, ") ON CONFLICT (%s) DO UPDATE SET ",
                           table->columns[0].name);
    for (size_t i = 1; i < table->n_columns; i++)
        g_string_append_printf(sql, "%s%s = excluded.%s", i > 1 ? ", " : "",
                               table->columns[i].name, table->columns[i].name);
    return g_string_free(sql, FALSE);
}

static struct query *store_query(struct ledger *ledger, const struct table *table,
                                 GError **error)
{
    struct query *store = g_hash_table_lookup(ledger->stores, table);
    if (store) {
        query_end(store);
        return store;
    }
    g_autofree char *sql = store_sql(table);
    store = query(ledger, sql, error);
    if (store)
        g_hash_table_insert(ledger->stores, (void *)table, store);
    return store;
}

bool ledger_store(struct ledger *ledger, const struct table *table, const void *row,
                  GError **error)
{
    struct query *store = store_query(ledger, table, error);
    if (!store)
        return false;
    for (size_t i = 0; i < table->n_columns; i++)
        query_column(store, (int)i + 1, &table->columns[i], row);
    return query_run(store, error);
}

/* --- Transactions ------------------------------------------------------------------------ */

static bool run(struct ledger *ledger, const char *sql, GError **error)
{
    if (sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    g_autofree char *doing = g_strndup(sql, 40);
    return failed(ledger, doing, error);
}

bool ledger_begin(struct ledger *ledger, GError **error)
{
    g_assert(!ledger->in_transaction);
    ledger->in_transaction = run(ledger, "BEGIN IMMEDIATE", error);
    return ledger->in_transaction;
}

bool ledger_begin_read(struct ledger *ledger, GError **error)
{
    g_assert(!ledger->in_transaction);
    /* The first read is what takes the snapshot. */
    ledger->in_transaction = run(ledger, "BEGIN; SELECT count(*) FROM meta", error);
    return ledger->in_transaction;
}

bool ledger_commit(struct ledger *ledger, GError **error)
{
    g_assert(ledger->in_transaction);
    if (!run(ledger, "COMMIT", error)) {
        ledger_rollback(ledger);
        return false;
    }
    ledger->in_transaction = false;
    return true;
}

void ledger_rollback(struct ledger *ledger)
{
    if (ledger->in_transaction)
        run(ledger, "ROLLBACK", NULL);
    ledger->in_transaction = false;
}

/* --- Opening ------------------------------------------------------------------------------- */

static bool damaged(struct ledger *ledger, const char *finding, GError **error)
{
    g_autofree char *why = g_strdup_printf("damaged (%s): put a backup in its place",
                                           finding);
    return not_ours(ledger, error, why);
}

static bool ask_integer(struct ledger *ledger, const char *sql, int64_t *ret_value,
                        GError **error)
{
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW;
    if (good)
        *ret_value = sqlite3_column_int64(statement, 0);
    int code = sqlite3_errcode(ledger->db);
    sqlite3_finalize(statement);
    if (!good && code == SQLITE_NOTADB)
        return not_ours(ledger, error, "not a database at all");
    if (!good && code == SQLITE_CORRUPT)
        return damaged(ledger, sqlite3_errmsg(ledger->db), error);
    return good || failed(ledger, sql, error);
}

bool ledger_check(struct ledger *ledger, GError **error)
{
    sqlite3_stmt *statement = NULL;
    g_autofree char *finding = NULL;
    if (sqlite3_prepare_v2(ledger->db, "PRAGMA quick_check(1)", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        finding = g_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    if (g_strcmp0(finding, "ok") == 0)
        return true;
    return damaged(ledger, finding ? finding : sqlite3_errmsg(ledger->db), error);
}

static bool check_if_small(struct ledger *ledger, GError **error)
{
    int64_t pages, page_size;
    if (!ask_integer(ledger, "PRAGMA page_count", &pages, error) ||
        !ask_integer(ledger, "PRAGMA page_size", &page_size, error))
        return false;
    return pages > CHECK_BYTES / page_size || ledger_check(ledger, error);
}

static bool check_ours(struct ledger *ledger, bool make, int64_t *ret_version,
                       GError **error)
{
    int64_t id, version, tables;
    if (!ask_integer(ledger, "PRAGMA application_id", &id, error) ||
        !ask_integer(ledger, "PRAGMA user_version", &version, error) ||
        !ask_integer(ledger, "SELECT count(*) FROM sqlite_schema", &tables, error))
        return false;
    bool empty = id == 0 && version == 0 && tables == 0;
    if (id != APPLICATION_ID && !(empty && make))
        return not_ours(ledger, error,
                        empty ? "is empty: run `muster init`"
                              : "is some other program's database; --ledger names ours");
    *ret_version = version;
    return true;
}

/* Runs the migration that begins with "-- version <N>" up to the next one. */
static bool migrate_to(struct ledger *ledger, const char *sql, int64_t version,
                       GError **error)
{
    g_autofree char *marker = g_strdup_printf("-- version %d\n", (int)version);
    const char *from = strstr(sql, marker);
    g_assert(from);
    const char *to = strstr(from + 1, "\n-- version ");
    g_autofree char *statements = to ? g_strndup(from, (gsize)(to - from))
                                     : g_strdup(from);
    g_autofree char *pragmas = g_strdup_printf(
        "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
        (int)version);
    return run(ledger, statements, error) && run(ledger, pragmas, error);
}

static int64_t last_version(const char *sql)
{
    int64_t last = 0;
    const char *at = sql;
    while ((at = strstr(at, "\n-- version "))) {
        at += strlen("\n-- version ");
        last = g_ascii_strtoll(at, NULL, 10);
    }
    return last;
}

static bool migrate(struct ledger *ledger, bool make, GError **error)
{
    g_autoptr(GBytes) resource = g_resources_lookup_data(
        SQL_RESOURCE, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    g_assert(resource);
    const char *sql = g_bytes_get_data(resource, NULL); /* GResource ends it with a NUL */
    int64_t last = last_version(sql);
    int64_t version;
    if (!check_ours(ledger, make, &version, error))
        return false;
    if (version > last)
        return not_ours(ledger, error, "written by a newer muster: upgrade this one");
    if (version == last)
        return true;
    if (!ledger_begin(ledger, error))
        return false;
    bool good = check_ours(ledger, make, &version,
                           error); /* another may have been first */
    for (int64_t to = version + 1; good && to <= last; to++)
        good = migrate_to(ledger, sql, to, error);
    if (good)
        return ledger_commit(ledger, error);
    ledger_rollback(ledger);
    return false;
}

static bool prepare(struct ledger *ledger, bool make, GError **error)
{
    int64_t ignored;
    sqlite3_busy_timeout(ledger->db, BUSY_MS);
    return ask_integer(ledger, "PRAGMA application_id", &ignored, error) &&
           check_ours(ledger, make, &ignored, error) &&
           run(ledger,
               "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
               "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
               error) &&
           check_if_small(ledger, error) && migrate(ledger, make, error);
}

static struct ledger *open_at(const char *path, bool make, GError **error)
{
    muster_data_get_resource(); /* so that the linker keeps it; it registers itself */
    g_autoptr(Ledger) ledger = g_new0(struct ledger, 1);
    ledger->path = g_strdup(path);
    ledger->queries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify)query_free);
    ledger->selects = g_hash_table_new_full(select_key_hash, select_key_equal,
                                            select_key_free, NULL);
    ledger->stores = g_hash_table_new(NULL, NULL);
    if (sqlite3_open_v2(path, &ledger->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        failed(ledger, "open", error);
        return NULL;
    }
    return prepare(ledger, make, error) ? g_steal_pointer(&ledger) : NULL;
}

struct ledger *ledger_open(const char *path, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_NONE_THERE,
                    "no ledger at %s: run `muster init`, or name it by --ledger", path);
        return NULL;
    }
    return open_at(path, false, error);
}

/* The key of all digests, made once. */
static bool give_secret(struct ledger *ledger, GError **error)
{
    guint8 secret[32];
    if (getrandom(secret, sizeof secret, 0) != sizeof secret) {
        g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_FAILED,
                    "ledger %s: no randomness: %s", ledger->path, g_strerror(errno));
        return false;
    }
    g_autoptr(GBytes) bytes = g_bytes_new(secret, sizeof secret);
    struct query *give = query(ledger, "INSERT OR IGNORE INTO meta VALUES ('secret', ?1)",
                               error);
    if (!give)
        return false;
    query_bytes(give, 1, bytes);
    return query_run(give, error);
}

struct ledger *ledger_make(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_FAILED, "ledger %s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    close(fd); /* before SQLite opens it: closing would drop its locks */
    g_autoptr(Ledger) ledger = open_at(path, true, error);
    return ledger && give_secret(ledger, error) ? g_steal_pointer(&ledger) : NULL;
}

struct ledger *ledger_make_scratch(GError **error)
{
    g_autoptr(Ledger) ledger = open_at("", true, error);
    if (!ledger || !run(ledger,
                        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                        "PRAGMA cache_size = -65536;"
                        "DROP TRIGGER servers_made; DROP TRIGGER servers_moved",
                        error))
        return NULL;
    return g_steal_pointer(&ledger);
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    ledger_rollback(ledger);
    g_hash_table_unref(ledger->selects);
    g_hash_table_unref(ledger->stores);
    g_hash_table_unref(ledger->queries);
    sqlite3_close(ledger->db);
    g_free(ledger->path);
    g_free(ledger);
}

const char *ledger_path(const struct ledger *ledger)
{
    return ledger->path;
}
