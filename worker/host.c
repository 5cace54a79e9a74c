/*
 * host.c - directories under the data roots: made, looked into, listed.
 *
 * It never removes anything, and follows no symlink beneath a root.  host_lock.c has the
 * locks.
 */
#include "host.h"
#include "host_beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_DEPTH   16   /* directories deep; what is deeper counts as data */
#define LOOK_ENTRIES 4096 /* seen without a file among them: likewise */

static void directory_close(DIR *directory)
{
    if (directory)
        closedir(directory);
}
typedef DIR Directory;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Directory, directory_close)

/* Reads a directory through a descriptor of its own; NULL with errno. */
static DIR *open_directory(int parent, const char *name)
{
    g_auto(Descriptor) opened = beneath_open(parent, name, O_RDONLY | O_DIRECTORY, 0);
    DIR *directory = opened < 0 ? NULL : fdopendir(opened);

    if (directory)
        opened = -1; /* closedir() closes it */
    return directory;
}

/* --- Making ------------------------------------------------------------------------ */

/* Goes from `*at` into `name`, which is made if it is not there; false with errno.  A new
 * one gets its mode whatever our umask is: the server runs as another user. */
static bool step_into(int *at, const char *name, mode_t mode)
{
    bool made = mkdirat(*at, name, mode) == 0;
    int next;

    if (!made && errno != EEXIST)
        return false;
    next = beneath_open(*at, name, (made ? O_RDONLY : O_PATH) | O_DIRECTORY, 0);
    if (next < 0)
        return false;
    g_close(*at, NULL);
    *at = next;
    return !made || fchmod(next, mode) == 0;
}

bool host_make_directory(const char *root, const char *path, GError **error)
{
    g_auto(GStrv) names = beneath_split(root, path, error);
    g_auto(Descriptor) at = -1;

    if (!names)
        return false;
    at = beneath_open_root(root, error);
    if (at < 0)
        return false;
    for (char **name = names; *name; name++) {
        if (!step_into(&at, *name, name[1] ? 0700 : 0755)) {
            beneath_set_error(error, errno, "make the directory", path);
            return false;
        }
    }
    return true;
}

/* --- Looking ----------------------------------------------------------------------- */

static bool is_dots(const char *name)
{
    return g_str_equal(name, ".") || g_str_equal(name, "..");
}

static bool entry_is_directory(int parent, const struct dirent *entry)
{
    struct stat status;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(parent, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

/* Whether there is anything but directories in it.  A tree of directories alone is what
 * the worker makes before the first start. */
static enum maybe has_data(int parent, const char *name, unsigned depth, unsigned *budget)
{
    g_autoptr(Directory) directory = open_directory(parent, name);
    enum maybe found = MAYBE_NO;
    struct dirent *entry;

    if (!directory)
        return MAYBE_UNKNOWN;
    while (found == MAYBE_NO && (entry = readdir(directory))) {
        if (is_dots(entry->d_name))
            continue;
        if (depth == 0 || (*budget)-- == 0 ||
            !entry_is_directory(dirfd(directory), entry))
            return MAYBE_YES;
        found = has_data(dirfd(directory), entry->d_name, depth - 1, budget);
    }
    return found;
}

enum maybe host_data_exists(const char *root, const char *path, bool *ret_empty)
{
    g_auto(GStrv) names = path && *path ? beneath_split(root, path, NULL) : NULL;
    g_auto(Descriptor) at = names ? beneath_open_root(root, NULL) : -1;
    g_autofree char *below = names ? g_strjoinv("/", names) : NULL;
    g_auto(Descriptor) found = -1;
    unsigned budget = LOOK_ENTRIES;

    if (at < 0)
        return MAYBE_UNKNOWN; /* also: its disk is not mounted */
    found = beneath_open(at, *below ? below : ".", O_PATH | O_DIRECTORY, 0);
    if (found < 0)
        return errno == ENOENT ? MAYBE_NO : MAYBE_UNKNOWN;
    const enum maybe there = has_data(found, ".", LOOK_DEPTH, &budget);
    *ret_empty = there == MAYBE_NO;
    return there;
}

/* --- Listing ----------------------------------------------------------------------- */

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first `most` by name; called often enough, it bounds what is held. */
static void keep_first(GPtrArray *names, unsigned most)
{
    g_ptr_array_sort(names, compare_names);
    if (names->len > most)
        g_ptr_array_set_size(names, (int)most);
}

static void list_names(DIR *directory, unsigned most, GPtrArray *names)
{
    struct dirent *entry;

    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.' || !entry_is_directory(dirfd(directory), entry))
            continue;
        g_ptr_array_add(names, g_strdup(entry->d_name));
        if (names->len / 2 > most)
            keep_first(names, most);
    }
}

GPtrArray *host_list_data(const char *root, unsigned most, GError **error)
{
    g_auto(Descriptor) at = beneath_open_root(root, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Directory) directory = NULL;

    if (at < 0)
        return NULL;
    directory = open_directory(at, ".");
    if (!directory) {
        beneath_set_error(error, errno, "list the data root", root);
        return NULL;
    }
    errno = 0;
    list_names(directory, most, names);
    if (errno) {
        beneath_set_error(error, errno, "list the data root", root);
        return NULL;
    }
    keep_first(names, most);
    return g_steal_pointer(&names);
}
