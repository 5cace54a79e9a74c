/*
 * host_lock.c - locks between the workers of a host, and what is done about a stalled
 * one.
 *
 * Kafka does not fence a Docker socket, so an owner of a partition holds an flock here
 * from before its first effect until its last call has returned.  One that is busy is
 * waited for, however long that takes; one that shows no sign of life is killed.
 *
 * The sign is that its loop goes round: it waits at least once a second (worker.c), and the
 * kernel counts that for all to see.  Nothing has to be written for it, so that a disk that
 * hangs makes no worker look dead, and nobody else can write it.
 *
 * The kernel ends a lock with its process; the text in the file only says whom to kill.
 */
#include "host.h"
#include "host_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOCK_DIRECTORY ".muster"
#define POLL_MS        25 /* flock cannot wait with a time-out */

struct host_lock {
    int file;
};

/* Whom to kill: a pid alone may be somebody else's by now. */
struct owner {
    int64_t pid;        /* 0: not known */
    uint64_t starttime; /* clock ticks after boot, field 22 of /proc/PID/stat */
    uint64_t namespace; /* inode of /proc/self/ns/pid */
};

/* A holder at work, or not, at one moment. */
struct sighting {
    struct owner owner;
    uint64_t waits; /* how often its first thread, the loop's, has waited; 0: not known */
};

/* --- Owners ------------------------------------------------------------------------ */

static uint64_t starttime_of(int64_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/stat", pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    const char *after_name;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    after_name = strrchr(text, ')'); /* the name may have spaces and parentheses */
    if (!after_name || strlen(after_name) < 2)
        return 0;
    fields = g_strsplit(after_name + 2, " ", -1); /* fields[0] is field 3, the state */
    return g_strv_length(fields) > 19 ? g_ascii_strtoull(fields[19], NULL, 10) : 0;
}

static struct owner owner_self(void)
{
    struct stat status = {0};

    if (stat("/proc/self/ns/pid", &status) != 0)
        status.st_ino = 0;
    return (struct owner){getpid(), starttime_of(getpid()), status.st_ino};
}

static bool owner_equal(const struct owner *a, const struct owner *b)
{
    return a->pid == b->pid && a->starttime == b->starttime &&
           a->namespace == b->namespace;
}

static bool owner_write(int file)
{
    struct owner self = owner_self();
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT
                                            " %" G_GUINT64_FORMAT "\n",
                                            self.pid, self.starttime, self.namespace);
    ssize_t length = (ssize_t)strlen(text);

    return ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) == length;
}

static struct owner owner_read(int file)
{
    char text[128] = "";
    struct owner owner = {0};

    if (pread(file, text, sizeof text - 1, 0) <= 0 ||
        sscanf(text, "%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
               &owner.pid, &owner.starttime, &owner.namespace) != 3)
        return (struct owner){0};
    return owner;
}

static struct sighting sighting_of(const struct owner *owner)
{
    static const char name[] = "\nvoluntary_ctxt_switches:";
    g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/status",
                                            owner->pid);
    g_autofree char *text = NULL;
    const char *line = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL))
        line = strstr(text, name);
    return (struct sighting){*owner,
                             line ? g_ascii_strtoull(line + strlen(name), NULL, 10) : 0};
}

static bool sighting_equal(const struct sighting *a, const struct sighting *b)
{
    return owner_equal(&a->owner, &b->owner) && a->waits == b->waits;
}

/* Kills it if it still is who it was: the descriptor holds on to the process while its
 * start time is compared. */
static void owner_kill(const struct owner *owner)
{
    struct owner self = owner_self();
    g_auto(Descriptor) process = -1;

    if (owner->pid <= 0 || owner->starttime == 0 || owner->pid == self.pid ||
        owner->namespace != self.namespace)
        return;
    process = (int)syscall(SYS_pidfd_open, (pid_t)owner->pid, 0);
    if (process < 0 || starttime_of(owner->pid) != owner->starttime)
        return;
    syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
}

/* --- Locking ----------------------------------------------------------------------- */

/* The lock's file, made if it is not there; -1 with an error. */
static int open_file(const char *root, const char *name, GError **error)
{
    g_autofree char *directory = g_build_filename(root, LOCK_DIRECTORY, NULL);
    g_autofree char *below = g_build_filename(LOCK_DIRECTORY, name, NULL);
    g_auto(Descriptor) at = -1;
    int file;

    g_assert(name[0] && name[0] != '.' && !strchr(name, '/'));
    if (!host_make_directory(root, directory, error))
        return -1;
    at = beneath_open_root(root, error);
    if (at < 0)
        return -1;
    file = beneath_open(at, below, O_RDWR | O_CREAT, 0600);
    if (file < 0)
        beneath_set_error(error, errno, "open the lock", below);
    return file;
}

/* `ret_holder` is set where NULL is returned without an error. */
static struct host_lock *try_lock(const char *root, const char *name,
                                  struct owner *ret_holder, GError **error)
{
    g_auto(Descriptor) file = open_file(root, name, error);
    struct host_lock *lock;

    if (file < 0)
        return NULL;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            *ret_holder = owner_read(file);
        else
            beneath_set_error(error, errno, "lock", name);
        return NULL;
    }
    if (!owner_write(file)) {
        beneath_set_error(error, errno, "write the lock's owner into", name);
        return NULL;
    }
    lock = g_new0(struct host_lock, 1);
    lock->file = file;
    file = -1;
    return lock;
}

struct host_lock *host_try_lock(const char *root, const char *name, GError **error)
{
    struct owner holder;

    return try_lock(root, name, &holder, error);
}

static int64_t clock_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static bool is_cancelled(const int *cancel, GError **error)
{
    if (!cancel || !g_atomic_int_get(cancel))
        return false;
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                        "nobody waits for the lock any more");
    return true;
}

/* The bound is a holder's: another one in between begins it anew, and so does its sign of
 * life. */
struct host_lock *host_wait_lock(const char *root, const char *name,
                                 int64_t kill_after_ms, const int *cancel, GError **error)
{
    struct sighting last = {0};
    int64_t since_ms = clock_ms();

    while (!is_cancelled(cancel, error)) {
        g_autoptr(GError) failure = NULL;
        struct owner holder = {0};
        struct host_lock *lock = try_lock(root, name, &holder, &failure);
        if (lock || failure) {
            if (failure)
                g_propagate_error(error, g_steal_pointer(&failure));
            return lock;
        }
        struct sighting now = sighting_of(&holder);
        if (!sighting_equal(&now, &last)) {
            last = now;
            since_ms = clock_ms();
        } else if (clock_ms() - since_ms >= kill_after_ms) {
            owner_kill(&holder);
            since_ms = clock_ms();
        }
        g_usleep(POLL_MS * 1000);
    }
    return NULL;
}

/* Called on loops: the text stays, for writing to a disk that hangs would not come back. */
void host_unlock(struct host_lock *lock)
{
    if (!lock)
        return;
    g_close(lock->file, NULL);
    g_free(lock);
}
