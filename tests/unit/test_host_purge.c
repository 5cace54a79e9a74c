/*
 * test_host_purge.c - S30: a purge ends whatever lies in the directory, and asks first whether
 * it can begin.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <linux/fs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEEP 2000

struct ground {
    char *root;
    char *data; /* below it */
};

static void set_up(struct ground *ground, gconstpointer unused)
{
    ground->root = g_dir_make_tmp("muster-purge-XXXXXX", NULL);
    ground->data = g_build_filename(ground->root, "fox", NULL);
    g_assert_cmpint(g_mkdir(ground->data, 0755), ==, 0);
}

static void tear_down(struct ground *ground, gconstpointer unused)
{
    const char *arguments[] = {"rm", "-rf", ground->root, NULL};

    g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                 NULL, NULL, NULL);
    g_free(ground->root);
    g_free(ground->data);
}

static void write_file(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static bool is_there(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* Directories in one another, a file in each hundredth. */
static void dig(const char *directory, const char *name, int depth)
{
    int at = open(directory, O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < depth; i++) {
        g_assert_cmpint(mkdirat(at, name, 0755), ==, 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
        if (i % 100 == 0)
            close(openat(at, "file", O_WRONLY | O_CREAT, 0644));
    }
    close(at);
}

/* This name alone. */
static void assert_holds(const char *directory, const char *name)
{
    g_autoptr(GDir) opened = g_dir_open(directory, 0, NULL);

    g_assert_cmpstr(g_dir_read_name(opened), ==, name);
    g_assert_null(g_dir_read_name(opened));
}

static void purge(const struct ground *ground, const char *command_id)
{
    g_autoptr(GError) error = NULL;
    bool there;

    g_assert_true(host_purge(ground->root, ground->data, command_id, &there, &error));
    g_assert_no_error(error);
    g_assert_true(there);
}

static void s30_any_depth(struct ground *ground, gconstpointer unused)
{
    dig(ground->data, "d", DEEP);
    dig(ground->data, "deep-0", DEEP / 4); /* a name that the purge itself gives */
    write_file(ground->data, "deep-1");
    purge(ground, "1");
    g_assert_false(is_there(ground->root, "fox"));
    g_assert_false(is_there(ground->root, ".purge-1"));
}

static void s30_another_purge_finishes_what_is_left(struct ground *ground,
                                                    gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *left = host_purge_name(ground->data, "1");
    bool there;

    g_assert_cmpint(g_rename(ground->data, left), ==, 0);
    dig(left, "d", 3);
    g_assert_true(host_finish_purge(ground->root, left, &there, &error));
    g_assert_no_error(error);
    g_assert_true(there);
    g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
    g_assert_true(host_finish_purge(ground->root, left, &there, &error));
    g_assert_false(there);
    g_assert_false(host_finish_purge(ground->root, ground->data, &there, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

/* Not every filesystem has it, and only root may. */
static bool set_immutable(const char *path, bool on)
{
    int file = open(path, O_RDONLY);
    int flags = 0;
    bool good = ioctl(file, FS_IOC_GETFLAGS, &flags) == 0;

    flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    good = good && ioctl(file, FS_IOC_SETFLAGS, &flags) == 0;
    close(file);
    return good;
}

static void assert_cannot(const struct ground *ground)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(host_can_purge(ground->root, ground->data, &error));
    g_assert_nonnull(strstr(error->message, ground->data));
}

static void s30_what_cannot_be_changed_is_found_before(struct ground *ground,
                                                       gconstpointer unused)
{
    g_assert_true(host_can_purge(ground->root, ground->data, NULL));
    assert_holds(ground->root, "fox");
    if (!set_immutable(ground->root, true)) {
        g_test_skip("no immutable directories here");
        return;
    }
    assert_cannot(ground);
    set_immutable(ground->root, false);
    set_immutable(ground->data, true);
    assert_cannot(ground);
    set_immutable(ground->data, false);
    g_assert_true(host_can_purge(ground->root, ground->data, NULL));
}

/* A bind mount has its source's device number: only the kernel tells it from a directory. */
static void s30_no_mount_point_is_entered(struct ground *ground, gconstpointer unused)
{
    g_autofree char *other = g_build_filename(ground->root, "other", NULL);
    g_autofree char *inner = g_build_filename(ground->data, "mnt", NULL);
    g_autoptr(GError) error = NULL;
    bool there;

    g_mkdir(other, 0755);
    g_mkdir(inner, 0755);
    write_file(other, "precious");
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(other, inner, NULL, MS_BIND, NULL) != 0) {
        g_test_skip("mounting is not allowed here");
        return;
    }
    g_assert_false(host_purge(ground->root, ground->data, "1", &there, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_BUSY);
    g_assert_true(is_there(other, "precious"));
    g_autofree char *moved = g_build_filename(ground->root, ".purge-1/mnt", NULL);
    g_assert_cmpint(umount2(moved, MNT_DETACH), ==, 0);
}

static void add(const char *name, void (*test)(struct ground *, gconstpointer))
{
    g_test_add(name, struct ground, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/host_purge/s30_any_depth", s30_any_depth);
    add("/host_purge/s30_another_purge_finishes_what_is_left",
        s30_another_purge_finishes_what_is_left);
    add("/host_purge/s30_what_cannot_be_changed_is_found_before",
        s30_what_cannot_be_changed_is_found_before);
    add("/host_purge/s30_no_mount_point_is_entered", s30_no_mount_point_is_entered);
    return g_test_run();
}
