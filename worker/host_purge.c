/*
 * host_purge.c - removes a directory tree beneath a data root.
 *
 * First it is renamed to ".purge-<command>" beside itself: whoever makes the server anew makes
 * a new directory, and a purge that was interrupted can be told from data.  Then it is emptied
 * through descriptors: no symlink is followed, no mount point is entered.
 */
#include "host.h"

#include "crash.h"
#include "host_beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 256 /* each level holds a descriptor */

static bool empty(int directory, dev_t device, int depth, const char *path,
                  GError **error);

static bool remove_entry(int directory, const char *name, dev_t device, int depth,
                         const char *path, GError **error)
{
    g_autofree char *inner_path = g_build_filename(path, name, NULL);
    crash_point("purge.entry");
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM) {
        beneath_set_error(error, errno, "remove", inner_path);
        return false;
    }
    g_auto(Descriptor)
        inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
        beneath_set_error(error, errno, "open", inner_path);
        return false;
    }
    if (!empty(inner, device, depth + 1, inner_path, error))
        return false;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    beneath_set_error(error, errno, "remove", inner_path);
    return false;
}

static bool may_empty(int directory, dev_t device, int depth, const char *path,
                      GError **error)
{
    struct stat status;
    if (fstat(directory, &status) == 0 && status.st_dev == device && depth < DEPTH_MAX)
        return true;
    if (depth >= DEPTH_MAX)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "%s lies %d directories deep; remove it by hand", path, depth);
    else
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
                    "%s is on another filesystem; unmount it first", path);
    return false;
}

static bool empty(int directory, dev_t device, int depth, const char *path,
                  GError **error)
{
    if (!may_empty(directory, device, depth, path, error))
        return false;
    DIR *entries = fdopendir(fcntl(directory, F_DUPFD_CLOEXEC, 0));
    if (!entries) {
        beneath_set_error(error, errno, "read", path);
        return false;
    }
    bool good = true;
    const struct dirent *entry;
    while (good && (entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = remove_entry(directory, entry->d_name, device, depth, path, error);
    }
    closedir(entries);
    return good;
}

/* Empties and removes `name` in `parent`; nothing there is fine. */
static bool finish_purge(int parent, const char *name, const char *path, GError **error)
{
    struct stat status;
    g_auto(Descriptor)
        tree = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree < 0 && errno == ENOENT)
        return true;
    if (tree < 0 || fstat(tree, &status) != 0) {
        beneath_set_error(error, errno, "open", path);
        return false;
    }
    if (!empty(tree, status.st_dev, 0, path, error))
        return false;
    crash_point("purge.emptied");
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    beneath_set_error(error, errno, "remove", path);
    return false;
}

/* `*ret_there`: there is a directory of that name; nothing at all is no error. */
static bool is_directory(int parent, const char *name, const char *path, bool *ret_there,
                         GError **error)
{
    struct stat status;
    *ret_there = false;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return true;
        beneath_set_error(error, errno, "look at", path);
        return false;
    }
    *ret_there = S_ISDIR(status.st_mode);
    if (!*ret_there)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY,
                    "%s is no directory (a symlink is not followed); remove it by hand",
                    path);
    return *ret_there;
}

static bool set_aside(int parent, const char *name, const char *purged, const char *path,
                      bool *ret_there, GError **error)
{
    if (!is_directory(parent, name, path, ret_there, error))
        return false;
    if (!*ret_there)
        return true;
    if (renameat(parent, name, parent, purged) == 0) {
        crash_point("purge.renamed");
        return true;
    }
    beneath_set_error(error, errno, "rename", path);
    return false;
}

static int open_parent(const char *root, char **names, GError **error)
{
    const guint n = g_strv_length(names);
    g_auto(Descriptor) top = beneath_open_root(root, error);
    if (top < 0)
        return -1;
    g_autofree char *last = names[n - 1];
    names[n - 1] = NULL;
    g_autofree char *relative = n == 1 ? g_strdup(".") : g_strjoinv("/", names);
    names[n - 1] = g_steal_pointer(&last);
    const int parent = beneath_open(top, relative, O_RDONLY | O_DIRECTORY, 0);
    if (parent < 0 && errno != ENOENT)
        beneath_set_error(error, errno, "open", relative);
    return parent;
}

/* The names from the root down to the directory, its own at least. */
static char **purge_names(const char *root, const char *path, GError **error)
{
    g_auto(GStrv) names = beneath_split(root, path, error);
    if (!names || names[0])
        return g_steal_pointer(&names);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "%s is the data root itself", path);
    return NULL;
}

bool host_can_purge(const char *root, const char *path, GError **error)
{
    GError *failure = NULL;
    bool there;
    g_auto(GStrv) names = purge_names(root, path, error);
    if (!names)
        return false;
    g_auto(Descriptor) parent = open_parent(root, names, &failure);
    const char *name = names[g_strv_length(names) - 1];
    if (parent >= 0)
        is_directory(parent, name, path, &there, &failure);
    if (failure)
        g_propagate_error(error, failure);
    return failure == NULL;
}

bool host_purge(const char *root, const char *path, const char *command_id,
                bool *ret_there, GError **error)
{
    GError *failure = NULL;
    *ret_there = false;
    g_auto(GStrv) names = purge_names(root, path, error);
    if (!names)
        return false;
    g_auto(Descriptor) parent = open_parent(root, names, &failure);
    if (parent < 0 && !failure)
        return true; /* not even its parent is there */
    g_autofree char *purged = g_strdup_printf(".purge-%s", command_id);
    const char *name = names[g_strv_length(names) - 1];
    /* What an earlier life of this command has set aside goes first: the name must be free. */
    if (!failure && finish_purge(parent, purged, path, &failure) &&
        set_aside(parent, name, purged, path, ret_there, &failure) &&
        finish_purge(parent, purged, path, &failure))
        return true;
    g_propagate_error(error, failure);
    return false;
}
