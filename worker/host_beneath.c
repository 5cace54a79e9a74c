/*
 * host_beneath.c - paths of the wire, resolved so that none leads out of its root.
 *
 * Lexical checks alone do not do it: a server's own process may have put a symlink where
 * a directory was.  The kernel refuses those at the moment of use.
 */
#include "host_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    int number;
    const char *text;
} texts[] = {
    {ELOOP, "it is a symlink, and those are not followed beneath a data root"},
    {EXDEV, "it leads out of its data root"},
    {ENOTDIR, "something that is no directory is in the way"},
    {EEXIST, "something that is no directory is in the way"},
    {ENOSYS, "this kernel has no openat2 (Linux 5.6 has)"},
};

void beneath_set_error(GError **error, int number, const char *doing, const char *path)
{
    const char *text = g_strerror(number);

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].number == number)
            text = texts[i].text;
    }
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(number), "%s %s: %s", doing,
                path, text);
}

int beneath_open_root(const char *root, GError **error)
{
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0 && errno == ENOENT)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "the data root %s is not there: make it, or mount its disk", root);
    else if (directory < 0)
        beneath_set_error(error, errno, "open the data root", root);
    return directory;
}

static int open_how(int directory, const char *path, struct open_how *how)
{
    int opened;

    how->flags |= O_CLOEXEC;
    how->resolve |= RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
    do {
        opened = (int)syscall(SYS_openat2, directory, path, how, sizeof *how);
    } while (opened < 0 && (errno == EINTR || errno == EAGAIN)); /* a rename raced us */
    return opened;
}

int beneath_open(int directory, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)flags,
        .mode = flags & O_CREAT ? mode : 0,
    };

    return open_how(directory, path, &how);
}

int beneath_open_here(int directory, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_NO_XDEV};

    return open_how(directory, path, &how);
}

/* What follows `root` in `path`, or NULL if it lies elsewhere. */
static const char *path_after(const char *root, const char *path)
{
    size_t length = strlen(root);

    while (length > 1 && root[length - 1] == '/')
        length--;
    if (root[0] != '/' || strncmp(root, path, length) != 0)
        return NULL;
    return path[length] == '/' || path[length] == '\0' ? path + length : NULL;
}

char **beneath_split(const char *root, const char *path, GError **error)
{
    const char *rest = path_after(root, path);
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_auto(GStrv) pieces = g_strsplit(rest ? rest : "..", "/", -1);

    for (char **piece = pieces; *piece; piece++) {
        if (g_str_equal(*piece, ".") || g_str_equal(*piece, "..")) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                        "%s is not a plain path inside the data root %s", path, root);
            return NULL;
        }
        if (**piece)
            g_strv_builder_add(names, *piece);
    }
    return g_strv_builder_end(names);
}
