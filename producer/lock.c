/*
 * lock.c - locks and the bell beside the ledger.
 *
 * flock and not fcntl: it belongs to the open file, so that it ends with the process and
 * with nothing else.
 */
#include "lock.h"

#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

struct lock {
    int fd;
};

static int open_beside(const char *ledger_path, const char *what)
{
    g_autofree char *path = g_strdup_printf("%s.%s", ledger_path, what);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static bool failed(const char *ledger_path, const char *what, GError **error)
{
    g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_FAILED, "%s.%s: %s", ledger_path, what,
                g_strerror(errno));
    return false;
}

bool lock_try(const char *ledger_path, const char *what, struct lock **ret_lock,
              GError **error)
{
    int fd = open_beside(ledger_path, what);
    if (fd < 0)
        return failed(ledger_path, what, error);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_lock = g_new0(struct lock, 1);
        (*ret_lock)->fd = fd;
        return true;
    }
    bool busy = errno == EWOULDBLOCK || errno == EINTR;
    if (!busy)
        failed(ledger_path, what, error);
    close(fd);
    if (busy)
        *ret_lock = NULL;
    return busy;
}

void lock_release(struct lock *lock)
{
    if (!lock)
        return;
    close(lock->fd);
    g_free(lock);
}

int bell_listen(const char *ledger_path, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s.bell", ledger_path);
    int file = open_beside(ledger_path, "bell");
    if (file >= 0)
        close(file);
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (file < 0 || fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0) {
        failed(ledger_path, "bell", error);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

void bell_drain(int fd)
{
    char buffer[4096];
    while (read(fd, buffer, sizeof buffer) > 0)
        ;
}

void bell_ring(const char *ledger_path)
{
    int fd = open_beside(ledger_path, "bell");
    if (fd < 0)
        return;
    if (pwrite(fd, "!", 1, 0) < 0) {
        /* The listener also looks once a second. */
    }
    close(fd);
}
