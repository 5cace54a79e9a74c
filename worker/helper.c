/*
 * helper.c - a program of the host, bounded in time and in words.
 *
 * posix_spawn() and not fork(): a child that runs our code, if only for a moment, shares the
 * locks that say who may touch this host.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_MAX 4096 /* fits into any pipe at once */

G_DEFINE_QUARK(helper - error - quark, helper_error)

extern char **environ;

struct child {
    const struct helper_call *call;
    pid_t pid;
    int ended;  /* readable when it has ended */
    int output; /* -1 when it has said all */
    GString *said;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void helper_said_clear(struct helper_said *said)
{
    g_clear_pointer(&said->text, g_free);
    *said = (struct helper_said){0};
}

/* --- starting it -------------------------------------------------------------------- */

static void plumb(posix_spawn_file_actions_t *actions, int input, int output)
{
    posix_spawn_file_actions_init(actions);
    posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

/* The loop's threads block what signalfd takes; SIGPIPE is ignored here. */
static void set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(attributes);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETPGROUP);
}

static int spawn(const struct helper_call *call, int input, int output, pid_t *ret_pid)
{
    char *argv[] = {(char *)call->name, (char *)call->verb, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    plumb(&actions, input, output);
    set_signals(&attributes);
    const int failure = posix_spawnp(ret_pid, call->name, &actions, &attributes, argv,
                                     environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* The input is written before anybody reads: it fits, and nobody can leave us waiting. */
static int start(struct child *child)
{
    const size_t length = strlen(child->call->input);
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int failure = 0;

    if (length > INPUT_MAX || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
        write(in[1], child->call->input, length) != (ssize_t)length)
        failure = length > INPUT_MAX ? E2BIG : errno;
    close_fd(&in[1]);
    if (!failure)
        failure = spawn(child->call, in[0], out[1], &child->pid);
    close_fd(&in[0]);
    close_fd(&out[1]);
    child->output = out[0];
    if (child->output >= 0)
        fcntl(child->output, F_SETFL, O_NONBLOCK);
    return failure;
}

static bool set_start_error(const struct child *child, int number, GError **error)
{
    g_set_error(error, HELPER_ERROR, HELPER_ERROR_START, "%s could not be started: %s",
                child->call->name, g_strerror(number));
    return false;
}

/* --- hearing it --------------------------------------------------------------------- */

/* All that has come. */
static bool hear(struct child *child, GError **error)
{
    char piece[4096];
    ssize_t count = 0;

    while (child->output >= 0 && child->said->len <= child->call->most) {
        count = TEMP_FAILURE_RETRY(read(child->output, piece, sizeof(piece)));
        if (count <= 0)
            break;
        g_string_append_len(child->said, piece, count);
    }
    if (count == 0 || (count < 0 && errno != EAGAIN))
        close_fd(&child->output);
    if (child->said->len <= child->call->most)
        return true;
    g_set_error(error, HELPER_ERROR, HELPER_ERROR_OUTPUT, "%s said more than %zu bytes",
                child->call->name, child->call->most);
    return false;
}

/* What stays behind with our pipe in its hands (an agent that it has started) is not waited
 * for: the end of the helper itself counts. */
static bool attend(struct child *child, GError **error)
{
    child->ended = pidfd_open(child->pid, 0);
    if (child->ended < 0)
        return set_start_error(child, errno, error);
    const int64_t until = g_get_monotonic_time() / 1000 + child->call->limit_ms;

    for (;;) {
        struct pollfd fds[] = {{child->output, POLLIN, 0}, {child->ended, POLLIN, 0}};
        const int64_t left = until - g_get_monotonic_time() / 1000;
        const int ready = left > 0 ? poll(fds, G_N_ELEMENTS(fds), (int)left) : 0;
        if (ready == 0) {
            g_set_error(error, HELPER_ERROR, HELPER_ERROR_TIMEOUT,
                        "%s did not end within %" G_GINT64_FORMAT " s", child->call->name,
                        child->call->limit_ms / 1000);
            return false;
        }
        if (!hear(child, error))
            return false;
        if (fds[1].revents)
            return hear(child, error);
    }
}

static bool reap(struct child *child, int *ret_code, GError **error)
{
    int status = 0;

    TEMP_FAILURE_RETRY(waitpid(child->pid, &status, 0));
    if (WIFEXITED(status))
        *ret_code = WEXITSTATUS(status);
    else if (error && !*error)
        g_set_error(error, HELPER_ERROR, HELPER_ERROR_DIED, "%s died of signal %d",
                    child->call->name, WTERMSIG(status));
    return WIFEXITED(status);
}

static bool converse(struct child *child, int *ret_code, GError **error)
{
    const int failure = start(child);

    if (failure)
        return set_start_error(child, failure, error);
    const bool heard = attend(child, error);
    if (!heard)
        kill(-child->pid, SIGKILL);
    return reap(child, ret_code, heard ? error : NULL) && heard;
}

bool helper_run(const struct helper_call *call, struct helper_said *ret_said,
                GError **error)
{
    struct child child = {call, 0, -1, -1, g_string_new(NULL)};
    int code = 0;
    const bool good = converse(&child, &code, error);

    close_fd(&child.output);
    close_fd(&child.ended);
    if (!good) {
        g_string_free(child.said, TRUE);
        return false;
    }
    ret_said->code = code;
    ret_said->length = child.said->len;
    ret_said->text = g_string_free(child.said, FALSE);
    return true;
}
