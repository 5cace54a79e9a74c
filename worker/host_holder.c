/*
 * host_holder.c - who holds a lock, as the kernel says.
 *
 * /proc/locks has the pid in our own pid namespace, and leaves out who has none there.  It
 * names files by the filesystem's device, which on btrfs is not the one that stat() tells; that
 * of the mount is the same.
 */
#include "host_holder.h"

#include "host_beneath.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- A process -------------------------------------------------------------------------- */

uint64_t holder_starttime(int64_t pid)
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

/* What follows a field's name in /proc/PID/status; "" if it is not there. */
static const char *field_of(const char *status, const char *field)
{
    const char *found = strstr(status, field);

    return found ? found + strlen(field) : "";
}

static void note_process(struct holder *holder)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/status",
                                            holder->pid);
    g_autofree char *text = NULL;

    holder->uid = -1;
    if (holder->pid <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return;
    const char *name = field_of(text, "Name:\t");
    holder->starttime = holder_starttime(holder->pid);
    holder->waits = g_ascii_strtoull(field_of(text, "\nvoluntary_ctxt_switches:"), NULL,
                                     10);
    sscanf(field_of(text, "\nUid:"), "%*d %" G_GINT64_FORMAT, &holder->uid);
    g_snprintf(holder->name, sizeof holder->name, "%.*s", (int)strcspn(name, "\n"), name);
}

static bool is_same_file(int64_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/exe", pid);
    struct stat theirs, ours;

    return stat(path, &theirs) == 0 && stat("/proc/self/exe", &ours) == 0 &&
           theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* An upgrade has put another file in its place: then the name says it. */
static bool is_our_program(const struct holder *holder)
{
    struct holder self = {.pid = getpid()};

    note_process(&self);
    return holder->uid == (int64_t)geteuid() &&
           (is_same_file(holder->pid) ||
            (*self.name && g_str_equal(self.name, holder->name)));
}

/* --- What the kernel says ----------------------------------------------------------------- */

static uint64_t device_of_mount(int file, uint64_t otherwise)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", file);
    g_autofree char *info = NULL;
    g_autofree char *mounts = NULL;
    g_autofree char *line = NULL;
    unsigned major, minor;

    if (!g_file_get_contents(path, &info, NULL, NULL) ||
        !g_file_get_contents("/proc/self/mountinfo", &mounts, NULL, NULL))
        return otherwise;
    line = g_strdup_printf("%" G_GINT64_FORMAT " ",
                           g_ascii_strtoll(field_of(info, "mnt_id:"), NULL, 10));
    for (const char *at = mounts; at;
         at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (g_str_has_prefix(at, line) &&
            sscanf(at, "%*d %*d %u:%u", &major, &minor) == 2)
            return makedev(major, minor);
    }
    return otherwise;
}

/* Without a /proc of its own a container reads pids there that mean others to its calls. */
static bool proc_is_ours(void)
{
    g_autofree char *self = g_file_read_link("/proc/self", NULL);

    return self && g_ascii_strtoll(self, NULL, 10) == getpid();
}

static int64_t pid_in_locks(const struct holder *sought)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!proc_is_ours() || !g_file_get_contents("/proc/locks", &text, NULL, NULL))
        return 0;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        int64_t pid;
        unsigned major, minor;
        uint64_t inode;
        if (sscanf(*line,
                   "%*d: FLOCK ADVISORY %*s %" G_GINT64_FORMAT
                   " %x:%x:%" G_GUINT64_FORMAT,
                   &pid, &major, &minor, &inode) == 4 &&
            inode == sought->inode && makedev(major, minor) == sought->device)
            return pid;
    }
    return 0;
}

void holder_find(int file, struct holder *ret_holder)
{
    struct holder holder = {0};
    struct stat status = {0};

    if (fstat(file, &status) == 0) {
        holder.inode = status.st_ino;
        holder.device = device_of_mount(file, status.st_dev);
        holder.pid = pid_in_locks(&holder);
        note_process(&holder);
    }
    *ret_holder = holder;
}

bool holder_equal(const struct holder *a, const struct holder *b)
{
    return a->pid == b->pid && a->starttime == b->starttime && a->waits == b->waits;
}

bool holder_is_self(const struct holder *holder)
{
    return holder->pid == getpid();
}

/* The descriptor holds on to the process while the kernel is asked once more. */
bool holder_kill(const struct holder *holder, bool *ret_killed)
{
    g_auto(Descriptor) process = -1;

    *ret_killed = false;
    if (holder->pid <= 0 || holder->starttime == 0 || holder_is_self(holder) ||
        !is_our_program(holder))
        return false;
    process = (int)syscall(SYS_pidfd_open, (pid_t)holder->pid, 0);
    *ret_killed = process >= 0 && holder_starttime(holder->pid) == holder->starttime &&
                  pid_in_locks(holder) == holder->pid &&
                  syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0;
    return true;
}

char *holder_describe(const struct holder *holder)
{
    if (holder->pid <= 0)
        return g_strdup(
            "a process that is not in our pid namespace (another container's?)");
    return g_strdup_printf("the process %" G_GINT64_FORMAT
                           " (\"%s\", uid %" G_GINT64_FORMAT ")",
                           holder->pid, holder->name, holder->uid);
}
