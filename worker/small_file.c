/*
 * small_file.c - a file, read whole and bounded.
 */
#include "small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool set_failure(GError **error, const char *path, GFileError code,
                        const char *why)
{
    g_set_error(error, G_FILE_ERROR, (int)code, "%s: %s", path, why);
    return false;
}

static bool set_errno(GError **error, const char *path)
{
    const int number = errno;
    return set_failure(error, path, g_file_error_from_errno(number), g_strerror(number));
}

static bool read_all(int fd, const char *path, size_t most, GString *text, GError **error)
{
    char piece[8192];
    ssize_t count;

    while ((count = TEMP_FAILURE_RETRY(read(fd, piece, sizeof(piece)))) > 0) {
        g_string_append_len(text, piece, count);
        if (text->len > most)
            return set_failure(error, path, G_FILE_ERROR_INVAL,
                               "is longer than a file of this kind may be");
    }
    return count == 0 || set_errno(error, path);
}

bool small_file_read(const char *path, size_t most, char **ret_text, size_t *ret_length,
                     GError **error)
{
    struct stat about;
    /* A pipe in its place must not keep us waiting. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return set_errno(error, path);
    GString *text = g_string_new(NULL);
    bool good = fstat(fd, &about) == 0 || set_errno(error, path);
    if (good && !S_ISREG(about.st_mode))
        good = set_failure(error, path, G_FILE_ERROR_INVAL, "is no plain file");
    good = good && read_all(fd, path, most, text, error);
    close(fd);
    if (!good) {
        g_string_free(text, TRUE);
        return false;
    }
    *ret_length = text->len;
    *ret_text = g_string_free(text, FALSE);
    return true;
}
