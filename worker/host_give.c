/*
 * host_give.c - directories that the worker made, given to whom the server runs as.
 *
 * A bind mount is its maker's: a server that runs as another user could not write into what
 * the worker, who is root, has made for it.  What a person made, or holds data, is theirs to
 * give; then it is only said who may not be able to write there.
 */
#include "host.h"
#include "host_beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_empty(int directory)
{
    const int opened = beneath_open(directory, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *entries = opened < 0 ? NULL : fdopendir(opened);
    unsigned seen = 0;

    if (!entries) {
        g_close(opened, NULL);
        return false;
    }
    while (seen < 3 && readdir(entries)) /* "." and ".." are always there */
        seen++;
    closedir(entries);
    return seen == 2;
}

static bool can_write(const struct stat *status, const struct host_owner *to)
{
    return to->uid == 0 || (int64_t)status->st_uid == to->uid ||
           (status->st_mode & S_IWOTH) ||
           ((status->st_mode & S_IWGRP) && (int64_t)status->st_gid == to->gid);
}

static char *remark_of_name(const char *path, const struct stat *status,
                            const struct host_owner *to)
{
    return g_strdup_printf(
        "the server runs as \"%s\", whose number is known to its image alone, and %s is new "
        "and %u:%u's: if it cannot write there, name its owner as uid:gid in the profile, and "
        "chown it",
        to->name, path, status->st_uid, status->st_gid);
}

static char *remark_of_owner(const char *path, const struct stat *status,
                             const struct host_owner *to)
{
    return g_strdup_printf("the server runs as %" G_GINT64_FORMAT
                           ", and may not be able to write to %s, which is %u:%u's with "
                           "mode %03o: chown it, or let its profile name another user",
                           to->uid, path, status->st_uid, status->st_gid,
                           status->st_mode & 07777);
}

static char *give(int directory, const char *path, const struct host_owner *to)
{
    struct stat status;

    if (fstat(directory, &status) != 0)
        return NULL;
    const bool new = status.st_uid == geteuid() && is_empty(directory);
    if (to->uid < 0)
        return new && !(status.st_mode & S_IWOTH) ? remark_of_name(path, &status, to)
                                                  : NULL;
    if (can_write(&status, to))
        return NULL;
    if (!new)
        return remark_of_owner(path, &status, to);
    if (fchown(directory, (uid_t)to->uid, (gid_t)to->gid) == 0)
        return NULL;
    return g_strdup_printf("%s could not be given to %" G_GINT64_FORMAT
                           ", as whom the server runs: %s",
                           path, to->uid, g_strerror(errno));
}

char *host_give_directory(const char *root, const char *path, const struct host_owner *to)
{
    g_auto(GStrv) names = beneath_split(root, path, NULL);
    g_auto(Descriptor) at = names ? beneath_open_root(root, NULL) : -1;
    g_autofree char *below = names ? g_strjoinv("/", names) : NULL;
    g_auto(Descriptor) directory = -1;

    if (at >= 0)
        directory = beneath_open(at, *below ? below : ".", O_RDONLY | O_DIRECTORY, 0);
    return directory < 0 ? NULL : give(directory, path, to);
}
