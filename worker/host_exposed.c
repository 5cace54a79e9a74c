/*
 * host_exposed.c - whether local users of the host reach what servers write.
 *
 * The root of a container writes programs that are setuid, and device nodes where it may make
 * them, into its mounts.  Directories that the worker makes above a mount are its own alone;
 * a data root is its host's: that is not changed, it is told.
 */
#include "host.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

/* Whether a user who has no rights of his own can walk to it. */
static bool is_open_to_all(const char *path)
{
    g_autofree char *part = g_strdup(path);
    struct stat status;

    for (;;) {
        if (stat(part, &status) != 0 || !(status.st_mode & S_IXOTH))
            return false;
        if (g_str_equal(part, "/"))
            return true;
        char *parent = g_path_get_dirname(part);
        g_free(part);
        part = parent;
    }
}

char *host_exposed(const char *root)
{
    struct statvfs filesystem;

    if (statvfs(root, &filesystem) != 0 || !is_open_to_all(root))
        return NULL;
    const bool setuid = !(filesystem.f_flag & ST_NOSUID);
    const bool devices = !(filesystem.f_flag & ST_NODEV);
    if (!setuid && !devices)
        return NULL;
    return g_strdup_printf(
        "every local user can enter %s, and its filesystem is mounted without %s%s%s: what "
        "a server writes there may give them its rights; mount it with nosuid,nodev, or "
        "chmod o-x %s",
        root, setuid ? "nosuid" : "", setuid && devices ? " and " : "",
        devices ? "nodev" : "", root);
}
