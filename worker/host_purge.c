/*
 * host_purge.c - removes a directory tree beneath a data root.
 *
 * First it is renamed to ".purge-<command>" beside itself: whoever makes the server anew makes
 * a new directory, and a purge that was interrupted can be told from data.  Then it is emptied
 * through descriptors, however deep it is: no symlink is followed, no mount point is entered.
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

#define DEPTH_MAX  64 /* each level holds a descriptor; what lies deeper is brought up */
#define NAMES_MAX  (64 * 1024 * 1024) /* tried for what is brought up */
#define PURGE_NAME ".purge-"

/* A tree that is being emptied. */
struct emptying {
    int top; /* the tree's own directory */
    const char *path;
    unsigned brought_up; /* how many names were given */
};

static bool empty(struct emptying *at, int directory, int depth, const char *path,
                  GError **error);

/* Opens a directory that lies in another, if no mount point is between the two: also none
 * of the same filesystem (a bind mount), which no device number shows. */
static int open_inner(int directory, const char *name, const char *path, GError **error)
{
    const int inner = beneath_open_here(directory, name, O_RDONLY | O_DIRECTORY);
    if (inner >= 0)
        return inner;
    if (errno == EXDEV)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
                    "%s is on another filesystem, or mounted there; unmount it first",
                    path);
    else
        beneath_set_error(error, errno, "open", path);
    return -1;
}

/* A directory that lies too deep becomes one of the tree's own, under a name that is free:
 * so any depth is emptied with a fixed number of descriptors. */
static bool bring_up(struct emptying *at, int directory, const char *name,
                     const char *path, GError **error)
{
    while (at->brought_up < NAMES_MAX) {
        g_autofree char *free_name = g_strdup_printf("deep-%u", at->brought_up++);
        if (renameat2(directory, name, at->top, free_name, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    beneath_set_error(error, errno, "rename", path);
    return false;
}

static bool remove_directory(struct emptying *at, int directory, const char *name,
                             int depth, const char *path, GError **error)
{
    if (depth >= DEPTH_MAX)
        return bring_up(at, directory, name, path, error);
    g_auto(Descriptor) inner = open_inner(directory, name, path, error);
    if (inner < 0 || !empty(at, inner, depth + 1, path, error))
        return false;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    beneath_set_error(error, errno, "remove", path);
    return false;
}

static bool remove_entry(struct emptying *at, int directory, const char *name, int depth,
                         const char *path, GError **error)
{
    g_autofree char *inner_path = g_build_filename(path, name, NULL);
    crash_point("purge.entry");
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno == EISDIR || errno == EPERM)
        return remove_directory(at, directory, name, depth, inner_path, error);
    beneath_set_error(error, errno, "remove", inner_path);
    return false;
}

/* One reading of a directory, everything that it shows removed. */
static bool empty(struct emptying *at, int directory, int depth, const char *path,
                  GError **error)
{
    const int own = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    DIR *entries = own < 0 || lseek(own, 0, SEEK_SET) < 0 ? NULL : fdopendir(own);
    if (!entries) {
        beneath_set_error(error, errno, "read", path);
        if (own >= 0)
            close(own);
        return false;
    }
    bool good = true;
    const struct dirent *entry;
    while (good && (entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = remove_entry(at, directory, entry->d_name, depth, path, error);
    }
    closedir(entries);
    return good;
}

/* Empties and removes `name` in `parent`; nothing there is fine.  What was brought up meanwhile
 * makes it another round. */
static bool finish_purge(int parent, const char *name, const char *path, bool *ret_there,
                         GError **error)
{
    g_auto(Descriptor)
        tree = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree < 0 && errno == ENOENT)
        return true;
    if (tree < 0) {
        beneath_set_error(error, errno, "open", path);
        return false;
    }
    struct emptying at = {tree, path, 0};
    unsigned before;
    *ret_there = true;
    do {
        before = at.brought_up;
        if (!empty(&at, tree, 0, path, error))
            return false;
    } while (at.brought_up != before);
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

/* Whether a directory may be taken out of its parent: tried, since what stands in the way (a
 * disk that was remounted, a flag of chattr, another owner) has no one place to be looked up. */
static bool can_be_changed(int parent, const char *name, const char *path, GError **error)
{
    g_autofree char *id = g_uuid_string_random(); /* others try here at the same time */
    g_autofree char *probe = g_strconcat(PURGE_NAME, id, NULL);
    if (mkdirat(parent, probe, 0700) != 0 || unlinkat(parent, probe, AT_REMOVEDIR) != 0) {
        beneath_set_error(error, errno, "change the directory that holds", path);
        return false;
    }
    if (faccessat(parent, name, W_OK | X_OK, AT_EACCESS) == 0)
        return true;
    beneath_set_error(error, errno, "change", path);
    return false;
}

bool host_can_purge(const char *root, const char *path, GError **error)
{
    GError *failure = NULL;
    bool there = false;
    g_auto(GStrv) names = purge_names(root, path, error);
    if (!names)
        return false;
    g_auto(Descriptor) parent = open_parent(root, names, &failure);
    const char *name = names[g_strv_length(names) - 1];
    if (parent >= 0 && is_directory(parent, name, path, &there, &failure) && there)
        can_be_changed(parent, name, path, &failure);
    if (failure)
        g_propagate_error(error, failure);
    return failure == NULL;
}

char *host_purge_name(const char *path, const char *command_id)
{
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_strconcat(PURGE_NAME, command_id, NULL);
    return g_build_filename(parent, name, NULL);
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
    g_autofree char *purged = g_strconcat(PURGE_NAME, command_id, NULL);
    const char *name = names[g_strv_length(names) - 1];
    bool left = false;
    /* What an earlier life of this command has set aside goes first: the name must be free. */
    if (!failure && finish_purge(parent, purged, path, &left, &failure) &&
        set_aside(parent, name, purged, path, ret_there, &failure) &&
        finish_purge(parent, purged, path, &left, &failure)) {
        *ret_there |= left;
        return true;
    }
    g_propagate_error(error, failure);
    return false;
}

bool host_finish_purge(const char *root, const char *purged, bool *ret_there,
                       GError **error)
{
    GError *failure = NULL;
    *ret_there = false;
    g_auto(GStrv) names = purge_names(root, purged, error);
    if (!names)
        return false;
    const char *name = names[g_strv_length(names) - 1];
    if (!g_str_has_prefix(name, PURGE_NAME)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "%s is nothing that a purge has set aside", purged);
        return false;
    }
    g_auto(Descriptor) parent = open_parent(root, names, &failure);
    if (parent >= 0)
        finish_purge(parent, name, purged, ret_there, &failure);
    if (failure)
        g_propagate_error(error, failure);
    return failure == NULL;
}
