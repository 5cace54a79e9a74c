/*
 * bus_sqlite_db.c - one connection to the file of the embedded bus.
 *
 * Opens the file through SQLite only (a descriptor of our own, once closed, would drop
 * the locks of every connection of this process), refuses files that are not ours and
 * network filesystems, and makes a new file readable by its owner alone.
 */
#include "bus_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define APPLICATION_ID 0x4d757374 /* "Must" */
#define SCHEMA_VERSION 1

/* Where locks or shared memory do not reach, or not reliably. */
static const struct {
    unsigned long magic;
    const char *name;
} network_filesystems[] = {
    {NFS_SUPER_MAGIC, "NFS"},     {SMB_SUPER_MAGIC, "SMB"},   {CIFS_SUPER_MAGIC, "CIFS"},
    {SMB2_SUPER_MAGIC, "SMB"},    {AFS_SUPER_MAGIC, "AFS"},   {AFS_FS_MAGIC, "AFS"},
    {CEPH_SUPER_MAGIC, "CephFS"}, {CODA_SUPER_MAGIC, "Coda"}, {V9FS_MAGIC, "9P"},
    {OCFS2_SUPER_MAGIC, "OCFS2"}, {0x0bd00bd0, "Lustre"},     {0x47504653, "GPFS"},
};

/* --- Errors ------------------------------------------------------------------------- */

/* What SQLite says, in our words; the one place where its codes are looked at. */
static bool fail(struct db *db, GError **error)
{
    int code = sqlite3_errcode(db->handle);
    const char *said = sqlite3_errmsg(db->handle);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE,
                    "%s: another process has been writing for longer than %d ms",
                    db->path, db->patience_ms);
        break;
    case SQLITE_FULL:
        g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE, "%s: the disk is full",
                    db->path);
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        g_set_error(error, BUS_ERROR, BUS_ERROR_DENIED, "%s: %s", db->path, said);
        break;
    case SQLITE_NOTADB:
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE, "%s is no SQLite database",
                    db->path);
        break;
    default:
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL, "%s: %s (SQLite error %d)",
                    db->path, said, sqlite3_extended_errcode(db->handle));
    }
    return false;
}

/* --- Statements --------------------------------------------------------------------- */

/* SQLite's own handler sleeps up to 100 ms at a time, and the one that waits longest is
 * served last; a commit here takes a few ms. */
static int keep_trying(void *user, int tries)
{
    struct db *db = user;
    int64_t now = g_get_monotonic_time();
    if (tries == 0)
        db->busy_since = now;
    if (now - db->busy_since >= db->patience_ms * INT64_C(1000))
        return 0;
    g_usleep(tries < 5 ? 500 : 2000);
    return 1;
}

static void bind_one(sqlite3_stmt *statement, int index, char type, va_list *values)
{
    if (type == 'i') {
        sqlite3_bind_int64(statement, index, va_arg(*values, int64_t));
    } else if (type == 't') {
        sqlite3_bind_text(statement, index, va_arg(*values, const char *), -1,
                          SQLITE_STATIC);
    } else {
        g_assert(type == 'b');
        GBytes *bytes = va_arg(*values, GBytes *);
        gsize size = 0;
        const void *data = bytes ? g_bytes_get_data(bytes, &size) : NULL;
        sqlite3_bind_blob64(statement, index, bytes && !data ? "" : data, size,
                            SQLITE_STATIC);
    }
}

static sqlite3_stmt *bind_all(struct db *db, enum sql which, const char *types,
                              va_list *values)
{
    sqlite3_stmt **statement = &db->statements[which];
    if (!*statement) {
        int made = sqlite3_prepare_v3(db->handle, sqlite_bus_sql[which], -1,
                                      SQLITE_PREPARE_PERSISTENT, statement, NULL);
        if (made != SQLITE_OK)
            return NULL; /* the step that follows says why */
    }
    for (int i = 0; types[i]; i++)
        bind_one(*statement, i + 1, types[i], values);
    return *statement;
}

sqlite3_stmt *db_bind(struct db *db, enum sql which, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = bind_all(db, which, types, &values);
    va_end(values);
    return statement;
}

enum db_step db_step(struct db *db, sqlite3_stmt *statement, GError **error)
{
    int said = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    if (said == SQLITE_ROW)
        return DB_ROW;
    if (said == SQLITE_DONE)
        return DB_DONE;
    fail(db, error);
    return DB_FAILED;
}

void db_end(sqlite3_stmt *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

bool db_run(struct db *db, enum sql which, GError **error, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = bind_all(db, which, types, &values);
    va_end(values);
    enum db_step step = db_step(db, statement, error);
    db_end(statement);
    return step != DB_FAILED;
}

bool db_begin_read(struct db *db, GError **error)
{
    return db_run(db, SQL_BEGIN_READ, error, "");
}

bool db_begin_write(struct db *db, GError **error)
{
    return db_run(db, SQL_BEGIN_WRITE, error, "");
}

bool db_commit(struct db *db, GError **error)
{
    return db_run(db, SQL_COMMIT, error, "");
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        db_run(db, SQL_ROLLBACK, NULL, "");
}

bool db_version(struct db *db, int64_t *ret_version, GError **error)
{
    sqlite3_stmt *statement = db_bind(db, SQL_DATA_VERSION, "");
    enum db_step step = db_step(db, statement, error);
    if (step == DB_ROW)
        *ret_version = sqlite3_column_int64(statement, 0);
    db_end(statement);
    return step == DB_ROW;
}

GBytes *db_column_bytes(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return NULL;
    const void *data = sqlite3_column_blob(statement, column);
    return g_bytes_new(data, (gsize)sqlite3_column_bytes(statement, column));
}

char *db_column_dup(sqlite3_stmt *statement, int column)
{
    return g_strdup((const char *)sqlite3_column_text(statement, column));
}

/* --- The bell ----------------------------------------------------------------------- */

static bool bell_open(struct db *db, GError **error)
{
    g_autofree char *path = g_strconcat(db->path, ".bell", NULL);
    db->bell = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (db->bell >= 0)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_DENIED, "%s: %s", path, g_strerror(errno));
    return false;
}

/* A touch that fails is no loss: sleepers look once a second anyway. */
void db_ring(struct db *db)
{
    (void)!futimens(db->bell, NULL);
}

/* --- Opening ------------------------------------------------------------------------ */

static bool refuse_network(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    struct statfs seen;
    if (statfs(directory, &seen) != 0) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE, "the bus's directory %s: %s",
                    directory, g_strerror(errno));
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(network_filesystems); i++) {
        if ((unsigned long)seen.f_type != network_filesystems[i].magic)
            continue;
        g_set_error(
            error, BUS_ERROR, BUS_ERROR_USAGE,
            "%s is on a network filesystem (%s), where SQLite's locks do not hold; "
            "put the bus on a local disk, or use kafka://",
            directory, network_filesystems[i].name);
        return false;
    }
    return true;
}

/* mknod() makes the file with its mode, and gives no descriptor that must be closed. */
static bool make_file(const char *path, GError **error)
{
    if (mknod(path, S_IFREG | 0600, 0) == 0 || errno == EEXIST)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_DENIED, "cannot make %s: %s", path,
                g_strerror(errno));
    return false;
}

/* For what runs once per connection. */
static bool execute(struct db *db, const char *text, GError **error)
{
    return sqlite3_exec(db->handle, text, NULL, NULL, NULL) == SQLITE_OK ||
           fail(db, error);
}

static bool ask_number(struct db *db, const char *text, int64_t *ret_number,
                       GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db->handle, text, -1, &statement, NULL) != SQLITE_OK)
        return fail(db, error);
    enum db_step step = db_step(db, statement, error);
    if (step == DB_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return step == DB_ROW;
}

static bool recognize(struct db *db, bool *ret_empty, GError **error)
{
    int64_t application = 0, version = 0, tables = 0;
    if (!ask_number(db, "PRAGMA application_id", &application, error) ||
        !ask_number(db, "PRAGMA user_version", &version, error) ||
        !ask_number(db, "SELECT count(*) FROM sqlite_master", &tables, error))
        return false;
    *ret_empty = application == 0 && version == 0 && tables == 0;
    if (*ret_empty || (application == APPLICATION_ID && version == SCHEMA_VERSION))
        return true;
    if (application == APPLICATION_ID)
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "%s is a bus of version %" G_GINT64_FORMAT
                    ", this program knows version "
                    "%d only",
                    db->path, version, SCHEMA_VERSION);
    else
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "%s is an SQLite database, but no bus of Muster; it is left alone",
                    db->path);
    return false;
}

static bool make_schema(struct db *db, GError **error)
{
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *rest = g_strdup_printf("INSERT INTO log (id) VALUES ('%s');"
                                            "PRAGMA application_id = %d;"
                                            "PRAGMA user_version = %d;",
                                            uuid, APPLICATION_ID, SCHEMA_VERSION);
    bool empty = false;
    if (!db_begin_write(db, error) || !recognize(db, &empty, error))
        return false;
    if (empty && (!execute(db, sqlite_bus_schema, error) ||
                  !execute(db, sqlite_bus_clock, error) || !execute(db, rest, error)))
        return false;
    return db_commit(db, error);
}

/* Two processes may make the file at once, and this change calls no busy handler. */
static bool make_wal(struct db *db, GError **error)
{
    int64_t until = g_get_monotonic_time() + db->patience_ms * INT64_C(1000);
    for (;;) {
        g_autoptr(GError) problem = NULL;
        if (execute(db, "PRAGMA journal_mode = WAL", &problem))
            return true;
        bool again = g_error_matches(problem, BUS_ERROR, BUS_ERROR_UNREACHABLE);
        if (!again || g_get_monotonic_time() >= until) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        g_usleep(2000);
    }
}

static bool prepare_file(struct db *db, GError **error)
{
    bool empty = false;
    if (!recognize(db, &empty, error))
        return false;
    if (!empty)
        return execute(db, sqlite_bus_clock, error);
    bool made = make_wal(db, error) && make_schema(db, error);
    db_rollback(db);
    return made;
}

/* A connection whose work is not durable writes from somebody's loop: it never does the
 * checkpoint, which waits for the disk; those who commit do. */
static bool set_durability(struct db *db, enum durability durability, GError **error)
{
    return execute(db,
                   durability == DURABLE
                       ? "PRAGMA synchronous = FULL"
                       : "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0",
                   error);
}

struct db *db_open(const char *path, enum durability durability, int patience_ms,
                   GError **error)
{
    if (!refuse_network(path, error) || !make_file(path, error))
        return NULL;
    g_autoptr(Db) db = g_new0(struct db, 1);
    db->path = g_strdup(path);
    db->patience_ms = patience_ms;
    db->bell = -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        fail(db, error);
        return NULL;
    }
    sqlite3_busy_handler(db->handle, keep_trying, db);
    if (!prepare_file(db, error) || !set_durability(db, durability, error) ||
        !bell_open(db, error))
        return NULL;
    return g_steal_pointer(&db);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    if (db->bell >= 0)
        close(db->bell);
    g_free(db->path);
    g_free(db);
}
