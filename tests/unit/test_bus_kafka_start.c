/*
 * test_bus_kafka_start.c - threads of librdkafka that are slow to start while the clock jumps.
 *
 * This program's thrd_create() and cnd_timedwait() are found before the C library's.
 */
#include "bus.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <threads.h>
#include <unistd.h>

#define SLOW_MS    300
#define PATIENCE_S 60

/* --- What librdkafka calls ----------------------------------------------------------------- */

static gint clock_jumps;

struct slow_call {
    thrd_start_t function;
    void *data;
};

static gpointer slow_run(gpointer data)
{
    struct slow_call call = *(struct slow_call *)data;
    g_free(data);
    if (g_atomic_int_get(&clock_jumps))
        g_usleep(SLOW_MS * 1000);
    call.function(call.data);
    return NULL;
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *data)
{
    struct slow_call *call = g_new(struct slow_call, 1);
    *call = (struct slow_call){function, data};
    return pthread_create(thread, NULL, slow_run, call) ? thrd_error : thrd_success;
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
    int (*real)(cnd_t *, mtx_t *, const struct timespec *) = dlsym(RTLD_NEXT,
                                                                   "cnd_timedwait");
    return g_atomic_int_get(&clock_jumps) ? thrd_timedout : real(condition, mutex, until);
}

/* --- The test --------------------------------------------------------------------------- */

static int listen_anywhere(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(listen(fd, 8), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* The first request of whoever connects: it names librdkafka, as its properties do. */
static void assert_reads_properties(int listener)
{
    char bytes[512];
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    int fd = accept(listener, NULL, NULL);
    g_assert_cmpint(fd, >=, 0);
    ssize_t length = recv(fd, bytes, sizeof(bytes), 0);
    g_assert_cmpint(length, >, 0);
    g_assert_nonnull(memmem(bytes, (size_t)length, "librdkafka", strlen("librdkafka")));
    close(fd);
}

static void test_what_its_threads_read_stays(void)
{
    uint16_t port;
    int32_t partitions = 0;
    int listener = listen_anywhere(&port);
    g_autofree char *url = g_strdup_printf("kafka://127.0.0.1:%u", port);
    g_autoptr(GError) error = NULL;
    g_autoptr(Bus) bus = bus_open(url, NULL, &error);
    g_assert_no_error(error);
    g_atomic_int_set(&clock_jumps, 1);
    g_assert_false(bus_topic_partitions(bus, "t", 1000, &partitions, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_FATAL);
    g_atomic_int_set(&clock_jumps, 0);
    g_clear_pointer(&bus, bus_close);
    assert_reads_properties(listener);
    close(listener);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus_kafka/start/what_its_threads_read_stays",
                    test_what_its_threads_read_stays);
    return g_test_run();
}
