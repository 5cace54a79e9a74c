/*
 * test_ending.c - processes that hang, and end all the same.
 */
#include "ending.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON_MS 50
#define LONG_MS 3600000 /* nobody waits so long: the test would hang */

/* A process that hangs in `life`; returns its pid once it does. */
static pid_t hang_in(void (*life)(void))
{
    int ready[2];
    char byte;
    g_assert_cmpint(pipe(ready), ==, 0);
    const pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        life();
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return pid;
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static int code_of(pid_t pid)
{
    int status;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void begin_soon(void)
{
    ending_begin(SOON_MS, 3);
}

static void begin_on_signal(void)
{
    block_signals();
    ending_on_signal(SOON_MS);
}

/* What is lifted does not count; the one with the code does. */
static void lift_one(void)
{
    block_signals();
    struct ending *lifted = ending_begin(LONG_MS, 1);
    struct ending *waits = ending_on_signal(SOON_MS);
    kill(getpid(), SIGTERM);
    ending_free(waits);
    ending_free(lifted);
    ending_free(NULL);
    ending_begin(SOON_MS, 4);
}

static void when_the_time_is_over(void)
{
    g_assert_cmpint(code_of(hang_in(begin_soon)), ==, 3);
}

static void when_a_signal_has_come(void)
{
    const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        const pid_t pid = hang_in(begin_on_signal);
        kill(pid, numbers[i]);
        g_assert_cmpint(code_of(pid), ==, 0);
    }
}

static void not_when_it_was_lifted(void)
{
    g_assert_cmpint(code_of(hang_in(lift_one)), ==, 4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ending/when_the_time_is_over", when_the_time_is_over);
    g_test_add_func("/ending/when_a_signal_has_come", when_a_signal_has_come);
    g_test_add_func("/ending/not_when_it_was_lifted", not_when_it_was_lifted);
    return g_test_run();
}
