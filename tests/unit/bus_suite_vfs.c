/*
 * bus_suite_vfs.c - a disk that fails when a test says so: a VFS of SQLite in front of
 * the real one.
 *
 * The file that SQLite gets is the real one's, with its table of methods exchanged, so
 * there is nothing to pass on but what may fail.  Shared memory and locks never fail
 * here.
 */
#include "bus_suite_vfs.h"

#include <glib.h>
#include <sqlite3.h>
#include <string.h>

static sqlite3_vfs *real;
static sqlite3_vfs failing;
/* The real VFS has a table of methods for each kind of file. */
static struct methods {
    const sqlite3_io_methods *real;
    sqlite3_io_methods failing;
} methods[8];
static int countdown, failure, has_failed;

/* 0, or the code that this operation has to give. */
static int fate(void)
{
    if (failure == 0 || --countdown > 0)
        return SQLITE_OK;
    has_failed = 1;
    return failure;
}

static const sqlite3_io_methods *real_of(sqlite3_file *file)
{
    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (file->pMethods == &methods[i].failing)
            return methods[i].real;
    }
    g_assert_not_reached();
}

static int failing_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    int code = fate();
    return code ? code : real_of(file)->xWrite(file, data, size, at);
}

static int failing_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = fate();
    return code ? code : real_of(file)->xTruncate(file, size);
}

/* Without the real one, which takes most of the time: no test turns the machine off. */
static int failing_sync(sqlite3_file *file, int flags)
{
    return fate();
}

static void exchange(sqlite3_file *file)
{
    size_t i = 0;
    while (methods[i].real && methods[i].real != file->pMethods)
        i++;
    g_assert_cmpuint(i, <, G_N_ELEMENTS(methods) - 1);
    if (!methods[i].real) {
        methods[i] = (struct methods){file->pMethods, *file->pMethods};
        methods[i].failing.xWrite = failing_write;
        methods[i].failing.xTruncate = failing_truncate;
        methods[i].failing.xSync = failing_sync;
    }
    file->pMethods = &methods[i].failing;
}

static int failing_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *ret_flags)
{
    int opened = real->xOpen(real, name, file, flags, ret_flags);
    if (opened == SQLITE_OK && file->pMethods)
        exchange(file);
    return opened;
}

void failing_vfs_install(void)
{
    real = sqlite3_vfs_find(NULL);
    failing = *real;
    failing.zName = "failing";
    failing.xOpen = failing_open;
    failing.pNext = NULL;
    g_assert_cmpint(sqlite3_vfs_register(&failing, 1), ==, SQLITE_OK);
}

void failing_vfs_set(int nth, int code)
{
    countdown = nth;
    failure = code;
    has_failed = 0;
}

int failing_vfs_has_failed(void)
{
    return has_failed;
}
