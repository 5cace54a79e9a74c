/*
 * test_host_lock.c - what others plant where locks are has no effect, and kills nobody.
 */
#include "host.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY  65534
#define LOCK    "a.commands.0"
#define KILL_MS 300

/* A data root; `.muster` in it is made by each test, as somebody else would. */
struct place {
    char *root;
    char *ours;
    char *lock;
};

static void set_up(struct place *place, gconstpointer unused)
{
    place->root = g_dir_make_tmp("muster-lock-XXXXXX", NULL);
    place->ours = g_build_filename(place->root, ".muster", NULL);
    place->lock = g_build_filename(place->ours, LOCK, NULL);
}

static void tear_down(struct place *place, gconstpointer unused)
{
    const char *arguments[] = {"rm", "-rf", place->root, NULL};

    g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                 NULL, NULL, NULL);
    g_free(place->root);
    g_free(place->ours);
    g_free(place->lock);
}

/* Neither taken nor waited for; and the error says so. */
static void assert_refused(const struct place *place, const char *words)
{
    g_autoptr(GError) error = NULL;
    struct host_lock *lock = host_wait_lock(place->root, LOCK, KILL_MS, NULL, &error);

    g_assert_null(lock);
    g_assert_nonnull(error);
    if (!strstr(error->message, words))
        g_error("says \"%s\"", error->message);
}

static void assert_taken(const struct place *place)
{
    g_autoptr(GError) error = NULL;
    struct host_lock *lock = host_wait_lock(place->root, LOCK, KILL_MS, NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(lock);
    host_unlock(lock);
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    g_assert_cmpint(lstat(path, &status), ==, 0);
    return status.st_mode & (mode_t)07777;
}

static void make_ours(const struct place *place, mode_t mode)
{
    g_assert_cmpint(g_mkdir(place->ours, 0700), ==, 0);
    g_assert_cmpint(chmod(place->ours, mode), ==, 0);
}

static pid_t start_bystander(void)
{
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

static bool is_alive(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

/* What a worker would have written, of a process of somebody else's choice. */
static char *text_naming(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *stat_text = NULL;
    struct stat namespace;

    g_assert_true(g_file_get_contents(path, &stat_text, NULL, NULL));
    g_assert_cmpint(stat("/proc/self/ns/pid", &namespace), ==, 0);
    g_auto(GStrv) fields = g_strsplit(strrchr(stat_text, ')') + 2, " ", -1);
    return g_strdup_printf("%d %s %" G_GUINT64_FORMAT "\n", pid, fields[19],
                           (guint64) namespace.st_ino);
}

/* --- What is planted ---------------------------------------------------------------------- */

static void test_t6_a_symlink_for_a_lock(struct place *place, gconstpointer unused)
{
    make_ours(place, 0777);
    g_assert_cmpint(symlink("/etc/passwd", place->lock), ==, 0);
    assert_refused(place, "symlink");
}

static void test_t6_a_fifo_for_a_lock(struct place *place, gconstpointer unused)
{
    make_ours(place, 0777);
    g_assert_cmpint(mkfifo(place->lock, 0666), ==, 0);
    assert_refused(place, "is a fifo of uid");
}

static void test_t6_a_hard_link_for_a_lock(struct place *place, gconstpointer unused)
{
    g_autofree char *victim = g_build_filename(place->root, "victim", NULL);
    g_autofree char *text = NULL;

    make_ours(place, 0777);
    g_assert_true(g_file_set_contents(victim, "precious", -1, NULL));
    g_assert_cmpint(link(victim, place->lock), ==, 0);
    assert_refused(place, "2 names");
    g_assert_true(g_file_get_contents(victim, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "precious");
}

static void test_t6_what_is_ours_is_closed(struct place *place, gconstpointer unused)
{
    make_ours(place, 0777);
    g_assert_true(g_file_set_contents(place->lock, "", 0, NULL));
    g_assert_cmpint(chmod(place->lock, 0666), ==, 0);
    assert_taken(place);
    g_assert_cmpuint(mode_of(place->ours), ==, 0700);
    g_assert_cmpuint(mode_of(place->lock), ==, 0600);
}

static void test_t6_a_lock_is_made_for_us_alone(struct place *place, gconstpointer unused)
{
    assert_taken(place);
    g_assert_cmpuint(mode_of(place->ours), ==, 0700);
    g_assert_cmpuint(mode_of(place->lock), ==, 0600);
}

/* --- Who plants --------------------------------------------------------------------------- */

/* As a user without rights: makes what is not there yet, holds it, and names a victim.  Who stands
 * in the root needs no way to it: the tests' own directory is closed to others. */
static pid_t plant_as_nobody(const struct place *place, const char *text)
{
    int ready[2];
    char byte;

    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        umask(0);
        if (chdir(place->root) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
            _exit(1);
        g_mkdir(".muster", 0777);
        int file = open(".muster/" LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file < 0 || flock(file, LOCK_EX) != 0 ||
            write(file, text, strlen(text)) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return pid;
}

static void assert_plants_in_vain(const struct place *place, const char *words)
{
    pid_t bystander = start_bystander();
    g_autofree char *text = text_naming(bystander);
    pid_t hostile = plant_as_nobody(place, text);

    assert_refused(place, words);
    g_assert_true(is_alive(bystander));
    g_assert_true(is_alive(hostile));
    end(hostile);
    end(bystander);
}

static bool is_root(void)
{
    if (geteuid() == 0)
        return true;
    g_test_skip("only root can be two users");
    return false;
}

static void test_t6_a_stranger_was_there_before(struct place *place, gconstpointer unused)
{
    if (!is_root())
        return;
    g_assert_cmpint(chmod(place->root, 01777), ==, 0);
    assert_plants_in_vain(place, ".muster is a directory of uid 65534");
}

static void test_t6_a_strangers_lock_in_ours(struct place *place, gconstpointer unused)
{
    if (!is_root())
        return;
    g_assert_cmpint(chmod(place->root, 0755), ==, 0);
    make_ours(place, 0777);
    assert_plants_in_vain(place, LOCK " is a file of uid 65534");
}

static void test_t6_a_root_in_which_others_write(struct place *place,
                                                 gconstpointer unused)
{
    g_assert_cmpint(chmod(place->root, 0777), ==, 0);
    assert_refused(place, "chmod go-w");
    g_assert_cmpint(chmod(place->root, 01777), ==, 0);
    assert_taken(place);
    g_assert_cmpint(chmod(place->root, 0775), ==, 0);
    assert_taken(place); /* our own group: many a distribution's umask */
}

/* --- Who is killed ------------------------------------------------------------------------ */

/* It holds the lock, and is no worker; whom the text names is one and does not hold it. */
static void test_t6_neither_who_is_named_nor_a_stranger_is_killed(struct place *place,
                                                                  gconstpointer unused)
{
    const char *arguments[] = {"flock", "--no-fork", place->lock,
                               "sh",    "-c",        "echo held; exec sleep 1000",
                               NULL};
    pid_t bystander = start_bystander();
    g_autofree char *text = text_naming(bystander);
    GPid stranger;
    int output;
    char byte;

    make_ours(place, 0700);
    g_assert_true(g_file_set_contents(place->lock, text, -1, NULL));
    g_assert_true(g_spawn_async_with_pipes(
        NULL, (char **)arguments, NULL,
        G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
        NULL, NULL, &stranger, NULL, &output, NULL, NULL));
    g_assert_cmpint(read(output, &byte, 1), ==, 1);
    assert_refused(place, "which is not killed");
    g_assert_true(is_alive(bystander));
    g_assert_true(is_alive(stranger));
    end(bystander);
    end(stranger);
    close(output);
}

/* As a worker in a container is: what holds the lock has no pid here, and the one that the text
 * names is somebody else's. */
static int wait_in_a_namespace(const struct place *place)
{
    g_autoptr(GError) error = NULL;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
        return 77;
    pid_t inner = fork();
    if (inner == 0) {
        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("proc", "/proc", "proc", 0, NULL) != 0)
            _exit(77);
        host_wait_lock(place->root, LOCK, KILL_MS, NULL, &error);
        _exit(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_BUSY) &&
                      strstr(error->message, "not in our pid namespace")
                  ? 0
                  : 1);
    }
    int status = 0;
    waitpid(inner, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void test_t6_a_holder_of_another_pid_namespace(struct place *place,
                                                      gconstpointer unused)
{
    struct host_lock *lock = host_try_lock(place->root, LOCK, NULL);
    int status;

    g_assert_nonnull(lock);
    pid_t pid = fork();
    if (pid == 0)
        _exit(wait_in_a_namespace(place));
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    host_unlock(lock);
    if (WEXITSTATUS(status) == 77)
        g_test_skip("no namespaces can be made here");
    else
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

#define add(path, test) g_test_add(path, struct place, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/host_lock/t6_a_symlink_for_a_lock", test_t6_a_symlink_for_a_lock);
    add("/host_lock/t6_a_fifo_for_a_lock", test_t6_a_fifo_for_a_lock);
    add("/host_lock/t6_a_hard_link_for_a_lock", test_t6_a_hard_link_for_a_lock);
    add("/host_lock/t6_what_is_ours_is_closed", test_t6_what_is_ours_is_closed);
    add("/host_lock/t6_a_lock_is_made_for_us_alone", test_t6_a_lock_is_made_for_us_alone);
    add("/host_lock/t6_a_stranger_was_there_before", test_t6_a_stranger_was_there_before);
    add("/host_lock/t6_a_strangers_lock_in_ours", test_t6_a_strangers_lock_in_ours);
    add("/host_lock/t6_a_root_in_which_others_write",
        test_t6_a_root_in_which_others_write);
    add("/host_lock/t6_neither_who_is_named_nor_a_stranger_is_killed",
        test_t6_neither_who_is_named_nor_a_stranger_is_killed);
    add("/host_lock/t6_a_holder_of_another_pid_namespace",
        test_t6_a_holder_of_another_pid_namespace);
    return g_test_run();
}
