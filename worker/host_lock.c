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
 * The kernel ends a lock with its process, and says who holds it: nobody else is ever killed,
 * and it only if it is this program under our user.  The text in the file is for people: a file
 * can be anybody's.  What somebody else has put where locks are is refused (host_private.c).
 */
#include "host.h"
#include "host_beneath.h"
#include "host_holder.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_DIRECTORY ".muster"
#define POLL_MS        25  /* flock cannot wait with a time-out */
#define LOOK_MS        200 /* at the holder: that reads all locks of the host */

#define TELL_MS 1000 /* a wait that is longer is told, once */

struct host_lock {
    int file;
};

/* For people: who has had the lock. */
static bool owner_write(int file)
{
    struct stat status = {0};

    if (stat("/proc/self/ns/pid", &status) != 0)
        status.st_ino = 0;
    g_autofree char *text = g_strdup_printf(
        "%d %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", getpid(),
        holder_starttime(getpid()), (guint64)status.st_ino);
    const ssize_t length = (ssize_t)strlen(text);

    return ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) == length;
}

/* --- Locking ----------------------------------------------------------------------- */

/* The lock's file, made if it is not there; -1 with an error.  A fifo does not stop us. */
static int open_file(const char *root, const char *name, GError **error)
{
    g_autofree char *directory = g_build_filename(root, LOCK_DIRECTORY, NULL);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_auto(Descriptor) top = beneath_open_root(root, error);
    g_auto(Descriptor) at = -1;
    g_auto(Descriptor) file = -1;

    g_assert(name[0] && name[0] != '.' && !strchr(name, '/'));
    if (top < 0 || !beneath_check_root(top, root, error))
        return -1;
    at = beneath_open_private(top, LOCK_DIRECTORY, true, directory, error);
    if (at < 0)
        return -1;
    file = beneath_open(at, name, O_RDWR | O_CREAT | O_NONBLOCK, 0600);
    if (file < 0)
        beneath_set_error(error, errno, "open the lock", path);
    if (file < 0 || !beneath_check_private(file, path, error))
        return -1;
    const int opened = file;
    file = -1;
    return opened;
}

/* `ret_holder`, unless NULL, is set where NULL is returned without an error. */
static struct host_lock *try_lock(const char *root, const char *name,
                                  struct holder *ret_holder, GError **error)
{
    g_auto(Descriptor) file = open_file(root, name, error);
    struct host_lock *lock;

    if (file < 0)
        return NULL;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK && ret_holder)
            holder_find(file, ret_holder);
        else if (errno != EWOULDBLOCK)
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
    return try_lock(root, name, NULL, error);
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

/* One wait: the bound is a holder's, and another one in between begins it anew; so does its
 * sign of life. */
struct waiting {
    const char *root;
    const char *name;
    int64_t bound_ms;
    int64_t began_ms;
    int64_t since_ms;
    int64_t look_at_ms;
    struct holder last;
    bool told;
};

static void tell_once(struct waiting *waiting, const struct holder *now)
{
    if (waiting->told || clock_ms() - waiting->began_ms < TELL_MS)
        return;
    waiting->told = true;
    g_autofree char *who = holder_describe(now);
    g_autofree char *path = g_build_filename(waiting->root, LOCK_DIRECTORY, waiting->name,
                                             NULL);
    log_info("lock.waiting", "lock", path, "held_by", who);
}

/* False, with an error: it is not to be killed, and has not let go within the bound. */
static bool wait_on(struct waiting *waiting, const struct holder *now, GError **error)
{
    if (!holder_equal(now, &waiting->last)) {
        waiting->last = *now;
        waiting->since_ms = clock_ms();
    }
    tell_once(waiting, now);
    if (clock_ms() - waiting->since_ms < waiting->bound_ms)
        return true;
    waiting->since_ms = clock_ms();
    if (holder_is_self(now))
        return true; /* another thread of ours: it comes to its end */
    g_autofree char *path = g_build_filename(waiting->root, LOCK_DIRECTORY, waiting->name,
                                             NULL);
    g_autofree char *who = holder_describe(now);
    bool killed;
    if (holder_kill(now, &killed)) {
        if (killed)
            log_warning("lock.killed", "lock", path, "held_by", who, "why",
                        "its loop did not go round");
        return true;
    }
    g_set_error(
        error, G_IO_ERROR, G_IO_ERROR_BUSY,
        "the lock %s is held by %s, which is not killed: only a worker that hangs "
        "is, of our own program, user and pid namespace; end what holds it, or wait",
        path, who);
    return false;
}

struct host_lock *host_wait_lock(const char *root, const char *name,
                                 int64_t kill_after_ms, const int *cancel, GError **error)
{
    struct waiting waiting = {
        .root = root,
        .name = name,
        .bound_ms = kill_after_ms,
        .began_ms = clock_ms(),
        .since_ms = clock_ms(),
    };

    while (!is_cancelled(cancel, error)) {
        g_autoptr(GError) failure = NULL;
        const bool look = clock_ms() >= waiting.look_at_ms;
        struct holder now = {0};
        struct host_lock *lock = try_lock(root, name, look ? &now : NULL, &failure);
        if (look)
            waiting.look_at_ms = clock_ms() + LOOK_MS;
        if (lock || failure || (look && !wait_on(&waiting, &now, &failure))) {
            if (failure)
                g_propagate_error(error, g_steal_pointer(&failure));
            return lock;
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
