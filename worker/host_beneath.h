/*
 * host_beneath.h - opening things beneath a data root, and nowhere else: for host*.c
 * alone.
 *
 * openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS, Linux
 * 5.6. The root itself is what the host's operator says it is, symlinks included.
 */
#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <sys/types.h>

/* A descriptor for walking (O_PATH), or -1 with a sentence about the root. */
int beneath_open_root(const char *root, GError **error);
/* openat2(); -1 with errno.  `flags` get O_CLOEXEC. */
int beneath_open(int directory, const char *path, int flags, mode_t mode);
/* The same with RESOLVE_NO_XDEV: a mount point on the way is EXDEV. */
int beneath_open_here(int directory, const char *path, int flags);

/* The directory `name` in `directory`, made with 0700 if `make` and it is not there: our user's own, and
 * nobody else may look or write into it (a laxer mode of ours is mended).  What somebody else
 * has put there is an error that says so: G_IO_ERROR_PERMISSION_DENIED.  `path` is for it. */
int beneath_open_private(int directory, const char *name, bool make, const char *path,
                         GError **error);
/* Likewise for a file that is open: a plain file of our own, of one name; mode 0600. */
bool beneath_check_private(int file, const char *path, GError **error);
/* Whether others can rename what lies in a data root, which takes a lock's file away from who
 * holds it: false with an error. */
bool beneath_check_root(int directory, const char *root, GError **error);

/* The names between root and path: char **, empty for the root itself; g_strfreev it.
 * NULL with G_IO_ERROR_INVALID_ARGUMENT if `path` is not inside, or has "." or "..". */
char **beneath_split(const char *root, const char *path, GError **error);

/* Sets an error for `number` (an errno) about `path`: "… is a symlink, …". */
void beneath_set_error(GError **error, int number, const char *doing, const char *path);

/* A descriptor that closes itself; -1 is none. */
typedef int Descriptor;
static inline void descriptor_close(const Descriptor *descriptor)
{
    if (*descriptor >= 0)
        g_close(*descriptor, NULL);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Descriptor, descriptor_close)
