/*
 * bus_suite_vfs.h - a disk that fails when a test says so.
 */
#pragma once

/* From now on SQLite opens its files through this; once per process. */
void failing_vfs_install(void);
/* The `nth` write, truncation or sync from now on (1: the next) and all that follow it
 * give `code` (SQLITE_FULL, SQLITE_IOERR_WRITE…); 0: the disk is well again. */
void failing_vfs_set(int nth, int code);
/* Whether it has failed since it was set. */
int failing_vfs_has_failed(void);
