/*
 * test_host.c - directories that stay beneath their root, and locks between processes.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A data root, and a directory beside it that nothing may get into. */
struct place {
    char *top;
    char *root;
    char *outside;
};

static char *in(const char *directory, const char *below)
{
    return g_build_filename(directory, below, NULL);
}

static void set_up(struct place *place, gconstpointer unused)
{
    place->top = g_dir_make_tmp("muster-host-XXXXXX", NULL);
    place->root = in(place->top, "root");
    place->outside = in(place->top, "outside");
    g_assert_cmpint(g_mkdir(place->root, 0755), ==, 0);
    g_assert_cmpint(g_mkdir(place->outside, 0755), ==, 0);
}

static void tear_down(struct place *place, gconstpointer unused)
{
    const char *arguments[] = {"rm", "-rf", place->top, NULL};

    g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                 NULL, NULL, NULL);
    g_free(place->top);
    g_free(place->root);
    g_free(place->outside);
}

static void make(const char *root, const char *path)
{
    g_autoptr(GError) error = NULL;
    bool made = host_make_directory(root, path, &error);

    g_assert_no_error(error);
    g_assert_true(made);
}

static void assert_not_made(const char *root, const char *path, int code,
                            const char *says)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(host_make_directory(root, path, &error));
    g_assert_error(error, G_IO_ERROR, code);
    g_assert_nonnull(strstr(error->message, says));
}

static void write_file(const char *directory, const char *name)
{
    g_autofree char *path = in(directory, name);

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static void link_to(const char *target, const char *directory, const char *name)
{
    g_autofree char *path = in(directory, name);

    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void assert_empty(const char *directory)
{
    g_autoptr(GDir) opened = g_dir_open(directory, 0, NULL);

    g_assert_null(g_dir_read_name(opened));
}

/* --- Directories ------------------------------------------------------------------- */

static void test_makes_what_is_missing(struct place *place, gconstpointer unused)
{
    g_autofree char *path = in(place->root, "fox/data");
    mode_t before = umask(077);
    struct stat status;

    make(place->root, path);
    make(place->root, path);
    umask(before);
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_true(S_ISDIR(status.st_mode));
    g_assert_cmpint(status.st_mode & 0777, ==, 0755);
}

static int mode_of(const char *path)
{
    struct stat status;

    g_assert_cmpint(stat(path, &status), ==, 0);
    return status.st_mode & 0777;
}

static void test_t7_only_what_it_makes_above_a_source_is_closed(struct place *place,
                                                                gconstpointer unused)
{
    g_autofree char *open = in(place->root, "open");
    g_autofree char *between = in(place->root, "open/fox");
    g_autofree char *path = in(place->root, "open/fox/data");
    g_autofree char *top = in(place->root, "bear");

    g_assert_cmpint(g_mkdir(open, 0755), ==, 0);
    g_assert_cmpint(chmod(open, 0775), ==, 0);
    make(place->root, path);
    make(place->root, top);
    g_assert_cmpint(mode_of(open), ==, 0775);
    g_assert_cmpint(mode_of(between), ==, 0700);
    g_assert_cmpint(mode_of(path), ==, 0755);
    g_assert_cmpint(mode_of(top), ==, 0755);
}

static void test_t7_a_closed_root_is_not_exposed(struct place *place,
                                                 gconstpointer unused)
{
    g_assert_cmpint(chmod(place->root, 0700), ==, 0);
    g_assert_null(host_exposed(place->root));
    g_assert_null(host_exposed("/nowhere"));
}

static void test_odd_but_fine_paths(struct place *place, gconstpointer unused)
{
    g_autofree char *root = g_strconcat(place->root, "/", NULL);
    g_autofree char *path = g_strconcat(place->root, "//a///b/", NULL);
    g_autofree char *made = in(place->root, "a/b");

    make(root, path);
    make(root, place->root);
    g_assert_true(g_file_test(made, G_FILE_TEST_IS_DIR));
}

static void test_s19_paths_outside_are_refused(struct place *place, gconstpointer unused)
{
    g_autofree char *up = in(place->root, "../outside/x");
    g_autofree char *hidden = in(place->root, "a/../../outside/x");
    g_autofree char *dot = in(place->root, "./x");
    g_autofree char *beside = g_strconcat(place->root, "-not", NULL);
    g_autofree char *outside = in(place->outside, "x");
    const char *paths[] = {up, hidden, dot, beside, outside, "x", "", "/"};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        assert_not_made(place->root, paths[i], G_IO_ERROR_INVALID_ARGUMENT,
                        "not a plain path inside the data root");
    assert_empty(place->outside);
    assert_empty(place->root);
}

static void test_s19_symlinks_are_not_followed(struct place *place, gconstpointer unused)
{
    g_autofree char *through = in(place->root, "out/x");
    g_autofree char *last = in(place->root, "out");
    g_autofree char *dangling = in(place->root, "nowhere/x");
    g_autofree char *inside = in(place->root, "again/x");

    link_to(place->outside, place->root, "out");
    link_to("/does/not/exist", place->root, "nowhere");
    link_to(".", place->root, "again");
    assert_not_made(place->root, through, G_IO_ERROR_TOO_MANY_LINKS, "symlink");
    assert_not_made(place->root, last, G_IO_ERROR_TOO_MANY_LINKS, "symlink");
    assert_not_made(place->root, dangling, G_IO_ERROR_TOO_MANY_LINKS, "symlink");
    assert_not_made(place->root, inside, G_IO_ERROR_TOO_MANY_LINKS, "symlink");
    assert_empty(place->outside);
}

static void test_the_root_may_be_a_symlink(struct place *place, gconstpointer unused)
{
    g_autofree char *root = in(place->top, "alias");
    g_autofree char *path = in(root, "x");
    g_autofree char *made = in(place->root, "x");

    link_to(place->root, place->top, "alias");
    make(root, path);
    g_assert_true(g_file_test(made, G_FILE_TEST_IS_DIR));
}

static void test_a_file_in_the_way(struct place *place, gconstpointer unused)
{
    g_autofree char *at = in(place->root, "file");
    g_autofree char *below = in(place->root, "file/x");

    write_file(place->root, "file");
    assert_not_made(place->root, at, G_IO_ERROR_NOT_DIRECTORY,
                    "no directory is in the way");
    assert_not_made(place->root, below, G_IO_ERROR_NOT_DIRECTORY,
                    "no directory is in the way");
}

static void test_s22_the_root_is_missing(struct place *place, gconstpointer unused)
{
    g_autofree char *root = in(place->top, "unmounted");
    g_autofree char *path = in(root, "x");

    assert_not_made(root, path, G_IO_ERROR_NOT_FOUND, "mount its disk");
    g_assert_false(g_file_test(root, G_FILE_TEST_EXISTS));
    bool empty = false;
    g_assert_cmpint(host_data_exists(root, path, &empty), ==, MAYBE_UNKNOWN);
}

/* --- Data -------------------------------------------------------------------------- */

static void assert_data(const struct place *place, const char *below, enum maybe expected)
{
    g_autofree char *path = in(place->root, below);
    bool empty = false;

    g_assert_cmpint(host_data_exists(place->root, path, &empty), ==, expected);
    g_assert_cmpint(empty, ==,
                    expected == MAYBE_NO && g_file_test(path, G_FILE_TEST_IS_DIR));
}

/* What the worker itself has made is not data, however deep. */
static void test_empty_directories_are_no_data(struct place *place, gconstpointer unused)
{
    g_autofree char *bin = in(place->root, "fox/bin");
    g_autofree char *saves = in(place->root, "fox/data/Saves");

    assert_data(place, "fox", MAYBE_NO);
    make(place->root, bin);
    make(place->root, saves);
    assert_data(place, "fox", MAYBE_NO);
    write_file(saves, "map.bin");
    assert_data(place, "fox", MAYBE_YES);
    assert_data(place, "fox/data", MAYBE_YES);
    assert_data(place, "fox/bin", MAYBE_NO);
}

static void test_what_cannot_be_looked_at_is_unknown(struct place *place,
                                                     gconstpointer unused)
{
    bool empty = false;
    write_file(place->root, "file");
    link_to(place->outside, place->root, "link");
    write_file(place->outside, "theirs");
    assert_data(place, "file", MAYBE_UNKNOWN);
    assert_data(place, "link", MAYBE_UNKNOWN);
    assert_data(place, "link/x", MAYBE_UNKNOWN);
    assert_data(place, "../outside", MAYBE_UNKNOWN);
    g_assert_cmpint(host_data_exists(place->root, "", &empty), ==, MAYBE_UNKNOWN);
    g_assert_cmpint(host_data_exists(place->root, NULL, &empty), ==, MAYBE_UNKNOWN);
}

/* Counts as data before it takes long. */
static void test_looking_is_bounded(struct place *place, gconstpointer unused)
{
    g_autoptr(GString) deep = g_string_new(place->root);

    for (int i = 0; i < 40; i++)
        g_string_append(deep, "/d");
    make(place->root, deep->str);
    assert_data(place, "d", MAYBE_YES);
    for (int i = 0; i < 5000; i++) {
        g_autofree char *path = g_strdup_printf("%s/wide/%d", place->root, i);
        make(place->root, path);
    }
    assert_data(place, "wide", MAYBE_YES);
}

static void test_lists_directories_sorted(struct place *place, gconstpointer unused)
{
    static const char *const names[] = {"elk", "bear",    "fox",
                                        "ant", ".muster", ".purge-1"};
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GPtrArray) some = NULL;
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = in(place->root, names[i]);
        make(place->root, path);
    }
    write_file(place->root, "a-file");
    link_to(place->outside, place->root, "a-link");
    all = host_list_data(place->root, 100, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 4);
    g_assert_cmpstr(all->pdata[0], ==, "ant");
    g_assert_cmpstr(all->pdata[3], ==, "fox");
    some = host_list_data(place->root, 1, &error);
    g_assert_cmpuint(some->len, ==, 1);
    g_assert_cmpstr(some->pdata[0], ==, "ant");
    g_assert_null(host_list_data(place->outside + 1, 1, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* --- Locks ------------------------------------------------------------------------- */

static struct host_lock *lock_now(const char *root)
{
    g_autoptr(GError) error = NULL;
    struct host_lock *lock = host_try_lock(root, "partition-0", &error);

    g_assert_no_error(error);
    return lock;
}

/* A process that takes the lock and lets go after `ms` (0: never, and it hangs); it lives on,
 * and is seen to, as a worker is. */
static pid_t fork_holder(const char *root, int64_t ms)
{
    int ready[2];
    pid_t pid;
    char byte;

    g_assert_cmpint(pipe(ready), ==, 0);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        struct host_lock *lock = host_try_lock(root, "partition-0", NULL);
        if (!lock || write(ready[1], "x", 1) != 1)
            _exit(1);
        if (ms == 0)
            pause();
        for (int64_t end = g_get_monotonic_time() + ms * 1000;
             g_get_monotonic_time() < end;)
            g_usleep(10000);
        host_unlock(lock);
        pause();
    }
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return pid;
}

static int end_of(pid_t pid)
{
    int status;

    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static bool is_alive(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static void test_a_lock_is_one_owners(struct place *place, gconstpointer unused)
{
    struct host_lock *lock = lock_now(place->root);
    g_autofree char *path = in(place->root, ".muster/partition-0");
    g_autofree char *text = NULL;
    g_autofree char *pid = g_strdup_printf("%d ", getpid());
    g_auto(GStrv) words = NULL;

    g_assert_nonnull(lock);
    g_assert_null(lock_now(place->root));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, pid));
    words = g_strsplit(text, " ", -1);
    g_assert_cmpuint(g_strv_length(words), ==, 3);
    host_unlock(lock);
    lock = lock_now(place->root);
    g_assert_nonnull(lock);
    host_unlock(lock);
    host_unlock(NULL);
}

static void test_a_lock_ends_with_its_process(struct place *place, gconstpointer unused)
{
    pid_t holder = fork_holder(place->root, 0);
    struct host_lock *lock;

    g_assert_null(lock_now(place->root));
    kill(holder, SIGKILL);
    g_assert_cmpint(end_of(holder), ==, SIGKILL);
    lock = lock_now(place->root);
    g_assert_nonnull(lock);
    host_unlock(lock);
}

static struct host_lock *wait_for(const char *root, int64_t kill_after_ms)
{
    g_autoptr(GError) error = NULL;
    struct host_lock *lock = host_wait_lock(root, "partition-0", kill_after_ms, NULL,
                                            &error);

    g_assert_no_error(error);
    return lock;
}

static void test_l2_a_stalled_holder_is_killed(struct place *place, gconstpointer unused)
{
    pid_t holder = fork_holder(place->root, 0);
    int64_t began = g_get_monotonic_time();
    struct host_lock *lock;

    lock = wait_for(place->root, 300);
    g_assert_nonnull(lock);
    g_assert_cmpint(g_get_monotonic_time() - began, >=, 300000);
    g_assert_cmpint(end_of(holder), ==, SIGKILL);
    host_unlock(lock);
}

static void test_l2_a_stopped_holder_is_killed(struct place *place, gconstpointer unused)
{
    pid_t holder = fork_holder(place->root, 60000);
    struct host_lock *lock;

    kill(holder, SIGSTOP);
    lock = wait_for(place->root, 300);
    g_assert_nonnull(lock);
    g_assert_cmpint(end_of(holder), ==, SIGKILL);
    host_unlock(lock);
}

/* It lets go long after the bound, and lives on. */
static void test_l29_a_busy_holder_is_waited_for(struct place *place,
                                                 gconstpointer unused)
{
    pid_t holder = fork_holder(place->root, 4000);
    struct host_lock *lock = wait_for(place->root, 1500);

    g_assert_nonnull(lock);
    g_assert_true(is_alive(holder));
    host_unlock(lock);
    kill(holder, SIGKILL);
    end_of(holder);
}

/* The owner's text can be anybody's: a pid that was given again, another pid namespace.
 * */
static void test_l2_only_the_very_holder_is_killed(struct place *place,
                                                   gconstpointer unused)
{
    g_autofree char *path = in(place->root, ".muster/partition-0");
    pid_t holder = fork_holder(place->root, 700);
    pid_t bystander = fork();
    g_autofree char *text = g_strdup_printf("%d 1 1\n", bystander);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    struct host_lock *lock;

    if (bystander == 0) {
        pause();
        _exit(0);
    }
    g_assert_cmpint(write(file, text, strlen(text)), ==, (ssize_t)strlen(text));
    close(file);
    lock = wait_for(place->root, 50);
    g_assert_nonnull(lock);
    g_assert_true(is_alive(bystander));
    g_assert_true(is_alive(holder));
    host_unlock(lock);
    kill(holder, SIGKILL);
    kill(bystander, SIGKILL);
    end_of(holder);
    end_of(bystander);
}

struct waiting {
    const char *root;
    int cancel;
    GError *error;
};

static gpointer wait_in_vain(gpointer data)
{
    struct waiting *waiting = data;

    return host_wait_lock(waiting->root, "partition-0", 50, &waiting->cancel,
                          &waiting->error);
}

/* Also: our own process is never killed, whatever the bound. */
static void test_a_wait_can_be_given_up(struct place *place, gconstpointer unused)
{
    struct waiting waiting = {.root = place->root};
    struct host_lock *lock = lock_now(place->root);
    GThread *thread = g_thread_new("wait", wait_in_vain, &waiting);

    g_usleep(300000);
    g_atomic_int_set(&waiting.cancel, true);
    g_assert_null(g_thread_join(thread));
    g_assert_error(waiting.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_error_free(waiting.error);
    host_unlock(lock);
}

static void test_a_lock_that_cannot_be(struct place *place, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *missing = in(place->top, "unmounted");

    g_assert_null(host_try_lock(missing, "partition-0", &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    g_clear_error(&error);
    link_to(place->outside, place->root, ".muster");
    g_assert_null(host_wait_lock(place->root, "partition-0", 50, NULL, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_LINKS);
    assert_empty(place->outside);
}

/* --- Giving -------------------------------------------------------------------------- */

static char *give(const struct place *place, const char *path, int64_t uid, int64_t gid)
{
    const struct host_owner to = {uid, gid, "steam"};

    return host_give_directory(place->root, path, &to);
}

static void assert_owner(const char *path, uid_t uid, gid_t gid)
{
    struct stat status;

    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpuint(status.st_uid, ==, uid);
    g_assert_cmpuint(status.st_gid, ==, gid);
}

static void assert_says(char *remark_taken, const char *words)
{
    g_autofree char *remark = remark_taken;

    g_assert_nonnull(remark);
    if (!strstr(remark, words))
        g_error("says \"%s\"", remark);
}

static void test_s33_what_is_new_is_given(struct place *place, gconstpointer unused)
{
    g_autofree char *path = in(place->root, "fox/data");
    g_autofree char *above = in(place->root, "fox");

    if (geteuid() != 0) {
        g_test_skip("to give a directory away takes root");
        return;
    }
    make(place->root, path);
    g_assert_null(give(place, path, 1000, 1001));
    assert_owner(path, 1000, 1001);
    assert_owner(above, 0, 0);
    g_assert_null(give(place, path, 1000, -1)); /* twice is once */
    assert_owner(path, 1000, 1001);
    assert_says(give(place, path, 2000, -1), "which is 1000:1001's with mode 755");
    assert_owner(path, 1000, 1001);
}

static void test_s33_what_holds_data_is_left(struct place *place, gconstpointer unused)
{
    g_autofree char *path = in(place->root, "fox/data");

    if (geteuid() != 0) {
        g_test_skip("what is somebody else's takes root");
        return;
    }
    make(place->root, path);
    write_file(path, "world");
    assert_says(give(place, path, 1000, 1000), "may not be able to write to");
    assert_owner(path, 0, 0);
    g_assert_null(give(place, path, 0, 0));
    g_assert_null(give(place, path, -1, -1)); /* who cannot be known has written there */
    g_assert_cmpint(chmod(path, 0777), ==, 0);
    g_assert_null(give(place, path, 1000, 1000));
    g_assert_cmpint(chmod(path, 0775), ==, 0);
    g_assert_null(give(place, path, 1000, 0));
}

static void test_s33_a_name_is_the_images(struct place *place, gconstpointer unused)
{
    g_autofree char *path = in(place->root, "fox/data");
    g_autofree char *link = in(place->root, "way/out");

    make(place->root, path);
    assert_says(give(place, path, -1, -1), "runs as \"steam\"");
    link_to(place->outside, place->root, "way");
    g_assert_null(give(place, link, 1000, 1000));
    g_assert_null(give(place, place->outside, 1000, 1000));
    g_assert_cmpint(chmod(place->outside, 0755), ==, 0);
    assert_owner(place->outside, geteuid(), getegid());
}

typedef void (*test_in_place)(struct place *place, gconstpointer unused);

static void add(const char *path, test_in_place test)
{
    g_test_add(path, struct place, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/host/makes_what_is_missing", test_makes_what_is_missing);
    add("/host/t7_only_what_it_makes_above_a_source_is_closed",
        test_t7_only_what_it_makes_above_a_source_is_closed);
    add("/host/t7_a_closed_root_is_not_exposed", test_t7_a_closed_root_is_not_exposed);
    add("/host/s33_what_is_new_is_given", test_s33_what_is_new_is_given);
    add("/host/s33_what_holds_data_is_left", test_s33_what_holds_data_is_left);
    add("/host/s33_a_name_is_the_images", test_s33_a_name_is_the_images);
    add("/host/odd_but_fine_paths", test_odd_but_fine_paths);
    add("/host/s19_paths_outside_are_refused", test_s19_paths_outside_are_refused);
    add("/host/s19_symlinks_are_not_followed", test_s19_symlinks_are_not_followed);
    add("/host/the_root_may_be_a_symlink", test_the_root_may_be_a_symlink);
    add("/host/a_file_in_the_way", test_a_file_in_the_way);
    add("/host/s22_the_root_is_missing", test_s22_the_root_is_missing);
    add("/host/empty_directories_are_no_data", test_empty_directories_are_no_data);
    add("/host/what_cannot_be_looked_at_is_unknown",
        test_what_cannot_be_looked_at_is_unknown);
    add("/host/looking_is_bounded", test_looking_is_bounded);
    add("/host/lists_directories_sorted", test_lists_directories_sorted);
    add("/host/a_lock_is_one_owners", test_a_lock_is_one_owners);
    add("/host/a_lock_ends_with_its_process", test_a_lock_ends_with_its_process);
    add("/host/l2_a_stalled_holder_is_killed", test_l2_a_stalled_holder_is_killed);
    add("/host/l2_a_stopped_holder_is_killed", test_l2_a_stopped_holder_is_killed);
    add("/host/l29_a_busy_holder_is_waited_for", test_l29_a_busy_holder_is_waited_for);
    add("/host/l2_only_the_very_holder_is_killed",
        test_l2_only_the_very_holder_is_killed);
    add("/host/a_wait_can_be_given_up", test_a_wait_can_be_given_up);
    add("/host/a_lock_that_cannot_be", test_a_lock_that_cannot_be);
    return g_test_run();
}
