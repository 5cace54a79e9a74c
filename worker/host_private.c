/*
 * host_private.c - what is ours alone beneath a data root: `.muster`, and what lies in it.
 *
 * A data root may be one in which others can write.  What they have put where ours should be
 * is told and not used; what is asked is always the open descriptor, never a name.
 */
#include "host_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a file";
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a fifo";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

static bool set_foreign(GError **error, const char *path, const char *right,
                        const struct stat *status)
{
    g_set_error(
        error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
        "%s is %s of uid %u with mode %03o and %u names, but has to be %s of our own "
        "uid %u: see who has put it there, and remove it",
        path, kind_of(status->st_mode), status->st_uid, status->st_mode & (mode_t)07777,
        (unsigned)status->st_nlink, right, geteuid());
    return false;
}

static bool close_to_others(int opened, const struct stat *status, mode_t mode,
                            const char *path, GError **error)
{
    if ((status->st_mode & 077) == 0 || fchmod(opened, mode) == 0)
        return true;
    beneath_set_error(error, errno, "close to others", path);
    return false;
}

bool beneath_check_private(int file, const char *path, GError **error)
{
    struct stat status;

    if (fstat(file, &status) != 0) {
        beneath_set_error(error, errno, "look at", path);
        return false;
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_nlink != 1)
        return set_foreign(error, path, "a file of one name", &status);
    return close_to_others(file, &status, 0600, path, error);
}

int beneath_open_private(int directory, const char *name, bool make, const char *path,
                         GError **error)
{
    g_auto(Descriptor) at = -1;
    struct stat status;

    if (make && mkdirat(directory, name, 0700) != 0 && errno != EEXIST) {
        beneath_set_error(error, errno, "make the directory", path);
        return -1;
    }
    at = beneath_open(directory, name, O_RDONLY | O_DIRECTORY, 0);
    if (at < 0 && errno == ENOTDIR &&
        fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        set_foreign(error, path, "a directory", &status);
        return -1;
    }
    if (at < 0 || fstat(at, &status) != 0) {
        beneath_set_error(error, errno, "open", path);
        return -1;
    }
    if (status.st_uid != geteuid()) {
        set_foreign(error, path, "a directory", &status);
        return -1;
    }
    if (!close_to_others(at, &status, 0700, path, error))
        return -1;
    const int opened = at;
    at = -1;
    return opened;
}

bool beneath_check_root(int directory, const char *root, GError **error)
{
    struct stat status;

    if (fstat(directory, &status) != 0) {
        beneath_set_error(error, errno, "look at the data root", root);
        return false;
    }
    const bool others_write = (status.st_mode & S_IWOTH) ||
                              ((status.st_mode & S_IWGRP) && status.st_gid != getegid());
    if (!others_write || (status.st_mode & S_ISVTX))
        return true;
    g_set_error(
        error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
        "the data root %s has mode %04o and gid %u: who can write there could put "
        "another directory in the place of .muster, in which the locks are; take the "
        "right to write from others (chmod go-w), or set the sticky bit (chmod +t)",
        root, status.st_mode & (mode_t)07777, status.st_gid);
    return false;
}
