/*
 * crash.c - counts the points that are passed, and ends the process at one of them.
 */
#include "crash.h"

#ifdef MUSTER_CRASH_POINTS

# include <fcntl.h>
# include <glib.h>
# include <signal.h>
# include <stdbool.h>
# include <string.h>
# include <unistd.h>

/* Each line is in the file before its point is passed, also when it is the last. */
static void note(const char *name)
{
    const char *path = g_getenv("MUSTER_CRASH_LOG");
    g_autofree char *line = g_strconcat(name, "\n", NULL);
    const int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)
                          : -1;
    if (file < 0)
        return;
    if (write(file, line, strlen(line)) < 0)
        g_error("cannot write %s", path);
    close(file);
}

/* "17" counts all points, "commit.after:2" those of that name. */
static bool is_the_one(const char *name)
{
    static guint64 passed;
    const char *at = g_getenv("MUSTER_CRASH_AT");
    const char *colon = at ? strrchr(at, ':') : NULL;
    const size_t length = colon ? (size_t)(colon - at) : 0;
    if (!at || (colon && (strlen(name) != length || strncmp(at, name, length) != 0)))
        return false;
    return ++passed == g_ascii_strtoull(colon ? colon + 1 : at, NULL, 10);
}

void crash_point(const char *name)
{
    static GMutex one_at_a_time;
    g_mutex_lock(&one_at_a_time);
    note(name);
    if (is_the_one(name))
        kill(getpid(), SIGKILL);
    g_mutex_unlock(&one_at_a_time);
}

void crash_point_of(const char *name, const char *which)
{
    g_autofree char *whole = g_strconcat(name, ".", which, NULL);
    crash_point(whole);
}

#endif
