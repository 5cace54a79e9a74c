/*
 * ending.c - a thread that waits, first for a signal and then for the time to be over.
 */
#include "ending.h"

#include "log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct ending {
    int signals; /* readable when one has come; -1: the time runs already */
    int lifted;  /* readable when it has been */
    int ms;
    int code;
    GThread *thread;
};

static int left_ms(int64_t until_us)
{
    return (int)MAX((until_us - g_get_monotonic_time() + 999) / 1000, 0);
}

/* Whether it was lifted; otherwise `fd` has become readable or the time is over. */
static bool wait_for(const struct ending *ending, int fd, int64_t until_us)
{
    struct pollfd fds[] = {{.fd = ending->lifted, .events = POLLIN},
                           {.fd = fd, .events = POLLIN}};
    int ready;
    do
        ready = poll(fds, G_N_ELEMENTS(fds), until_us ? left_ms(until_us) : -1);
    while (ready < 0 && errno == EINTR);
    return fds[0].revents != 0;
}

static void *watch(void *data)
{
    const struct ending *ending = data;
    if (ending->signals >= 0 && wait_for(ending, ending->signals, 0))
        return NULL;
    if (wait_for(ending, -1, g_get_monotonic_time() + ending->ms * INT64_C(1000)))
        return NULL;
    log_warning("ended", "why", "what it waited for did not come back in time");
    _exit(ending->code);
}

static struct ending *start(int signals, int ms, int code)
{
    struct ending *ending = g_new0(struct ending, 1);
    ending->signals = signals;
    ending->lifted = eventfd(0, EFD_CLOEXEC);
    g_assert(ending->lifted >= 0);
    ending->ms = ms;
    ending->code = code;
    ending->thread = g_thread_new("ending", watch, ending);
    return ending;
}

struct ending *ending_on_signal(int ms)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    const int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    g_assert(signals >= 0);
    return start(signals, ms, 0);
}

struct ending *ending_begin(int ms, int code)
{
    return start(-1, ms, code);
}

void ending_free(struct ending *ending)
{
    if (!ending)
        return;
    eventfd_write(ending->lifted, 1);
    g_thread_join(ending->thread);
    close(ending->lifted);
    if (ending->signals >= 0)
        close(ending->signals);
    g_free(ending);
}
