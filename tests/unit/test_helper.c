/*
 * test_helper.c - programs that answer, fail, hang, flood, leave children, or are not there.
 */
#include "helper.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct place {
    char *directory;
    char *path; /* of the program that a test writes */
};

static void set_up(struct place *place, const void *unused)
{
    place->directory = g_dir_make_tmp("helper-XXXXXX", NULL);
    place->path = g_build_filename(place->directory, "program", NULL);
}

static void tear_down(struct place *place, const void *unused)
{
    g_unlink(place->path);
    g_rmdir(place->directory);
    g_free(place->directory);
    g_free(place->path);
}

static bool run(const struct place *place, const char *script, int64_t limit_ms,
                struct helper_said *ret_said, GError **error)
{
    const struct helper_call call = {place->path, "get", "reg:5000", limit_ms, 1000};
    g_autofree char *text = g_strconcat("#!/bin/sh\n", script, "\n", NULL);

    g_assert_true(g_file_set_contents_full(place->path, text, -1,
                                           G_FILE_SET_CONTENTS_CONSISTENT, 0700, NULL));
    return helper_run(&call, ret_said, error);
}

static void it_is_asked_on_its_input(struct place *place, const void *unused)
{
    struct helper_said said = {0};

    g_assert_true(run(place, "echo \"$# $1\"; cat; echo err >&2", 20000, &said, NULL));
    g_assert_cmpstr(said.text, ==, "1 get\nreg:5000");
    g_assert_cmpuint(said.length, ==, strlen(said.text));
    g_assert_cmpint(said.code, ==, 0);
    helper_said_clear(&said);
}

static void its_exit_code_is_told(struct place *place, const void *unused)
{
    struct helper_said said = {0};

    g_assert_true(run(place, "echo no; exit 7", 20000, &said, NULL));
    g_assert_cmpint(said.code, ==, 7);
    g_assert_cmpstr(said.text, ==, "no\n");
    helper_said_clear(&said);
}

/* Whoever does not read is written to all the same, without a signal. */
static void it_need_not_listen(struct place *place, const void *unused)
{
    struct helper_said said = {0};

    g_assert_true(run(place, "exec <&-; echo yes", 20000, &said, NULL));
    g_assert_cmpstr(said.text, ==, "yes\n");
    helper_said_clear(&said);
}

static void expect_failure(struct place *place, const char *script, int64_t limit_ms,
                           enum helper_error code)
{
    g_autoptr(GError) error = NULL;
    struct helper_said said = {0};

    g_assert_false(run(place, script, limit_ms, &said, &error));
    g_assert_error(error, HELPER_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, place->path));
    g_assert_null(strstr(error->message, "hunter2"));
    g_assert_null(said.text);
}

/* Neither gone nor dead: what is dead has no words left. */
static bool runs(const char *command_line)
{
    g_autofree char *words = NULL;
    gsize length = 0;

    return g_file_get_contents(command_line, &words, &length, NULL) && length > 0;
}

static void one_that_hangs_is_killed_with_its_children(struct place *place,
                                                       const void *unused)
{
    g_autofree char *path = g_build_filename(place->directory, "child", NULL);
    g_autofree char *script = g_strdup_printf("sleep 600 & echo $! >%s; sleep 600", path);
    g_autofree char *pid = NULL;

    for (int64_t limit_ms = 300; !pid || !strchr(pid, '\n'); limit_ms *= 2) {
        g_clear_pointer(&pid, g_free);
        expect_failure(place, script, limit_ms, HELPER_ERROR_TIMEOUT);
        g_file_get_contents(path, &pid, NULL, NULL); /* it may not have got so far */
    }
    g_autofree char *line = g_strconcat("/proc/", g_strchomp(pid), "/cmdline", NULL);
    while (runs(line))
        g_usleep(10000);
    g_unlink(path);
}

static void one_that_floods_is_killed(struct place *place, const void *unused)
{
    expect_failure(place, "while :; do echo hunter2; done", 20000, HELPER_ERROR_OUTPUT);
}

static void one_that_dies_is_told(struct place *place, const void *unused)
{
    expect_failure(place, "echo hunter2; kill -9 $$", 20000, HELPER_ERROR_DIED);
}

static void one_that_is_not_there_is_told(struct place *place, const void *unused)
{
    const struct helper_call call = {"docker-credential-none", "get", "x", 1000, 1000};
    g_autoptr(GError) error = NULL;
    struct helper_said said = {0};

    g_assert_false(helper_run(&call, &said, &error));
    g_assert_error(error, HELPER_ERROR, HELPER_ERROR_START);
    g_assert_nonnull(strstr(error->message, "docker-credential-none"));
}

/* An agent that a helper starts keeps our pipe: its end is not waited for. */
static void what_it_leaves_behind_is_not_waited_for(struct place *place,
                                                    const void *unused)
{
    struct helper_said said = {0};

    g_assert_true(run(place, "sleep 600 & echo $!", 20000, &said, NULL));
    g_assert_cmpint(kill(atoi(said.text), SIGKILL), ==, 0); /* it is still there */
    helper_said_clear(&said);
}

/* A lock that a child inherits outlives us: nothing of ours may be open in it, not even what
 * a library has opened without O_CLOEXEC. */
static void nothing_of_ours_is_open_in_it(struct place *place, const void *unused)
{
    struct helper_said said = {0};
    const int fd = open(place->directory, O_RDONLY | O_DIRECTORY); /* no O_CLOEXEC */

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    g_assert_true(run(place, "readlink /proc/$$/fd/*", 20000, &said, NULL));
    g_autofree char *ours = g_strconcat(place->directory, "\n", NULL);
    g_assert_nonnull(strstr(said.text, "/dev/null\n")); /* standard error */
    g_assert_null(strstr(said.text, ours));
    helper_said_clear(&said);
    close(fd);
}

static void signals_are_as_at_a_start(struct place *place, const void *unused)
{
    struct helper_said said = {0};
    sigset_t all, before;

    sigfillset(&all);
    g_assert_cmpint(pthread_sigmask(SIG_BLOCK, &all, &before), ==, 0);
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    g_assert_true(
        run(place, "grep -E 'Sig(Blk|Ign)' /proc/self/status", 20000, &said, NULL));
    signal(SIGPIPE, old);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    g_assert_nonnull(strstr(said.text, "SigBlk:\t0000000000000000\n"));
    const guint64 ignored = g_ascii_strtoull(strrchr(said.text, '\t'), NULL, 16);
    g_assert_cmpuint(ignored & 0x7fffffff, ==, 0); /* 32 and 33 are the C library's own */
    helper_said_clear(&said);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) \
 g_test_add("/helper/" #name, struct place, NULL, set_up, name, tear_down)
    ADD(it_is_asked_on_its_input);
    ADD(its_exit_code_is_told);
    ADD(it_need_not_listen);
    ADD(one_that_hangs_is_killed_with_its_children);
    ADD(one_that_floods_is_killed);
    ADD(one_that_dies_is_told);
    ADD(one_that_is_not_there_is_told);
    ADD(what_it_leaves_behind_is_not_waited_for);
    ADD(nothing_of_ours_is_open_in_it);
    ADD(signals_are_as_at_a_start);
    return g_test_run();
}
