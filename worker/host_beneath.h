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
