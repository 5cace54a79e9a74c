/*
 * bench_engine.c - how fast the engine itself makes servers, with nothing of ours around
 * it.
 *
 *     bench_engine SOCKET IMAGE [ITEMS]
 *
 * Makes ITEMS (24) containers like a Zomboid server's at each of 1, 2, 4 and 8 at once:
 * two user networks, two UDP ports, two mounts.  One item is create, connect, start.
 * Prints items/s and each call's p50 and p99.  A worker's rate is told as a ratio to this
 * one: on the same machine, in the same minutes.  IMAGE must be there and stay up.  All
 * that it made is removed again, also what an earlier, killed run left.
 */
#include "docker.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORKS        2
#define FIRST_PORT      42000
#define CALL_TIMEOUT_MS 120000

enum call { CALL_CREATE, CALL_CONNECT, CALL_START, CALL_ALL, CALL_COUNT };
static const char *const call_names[] = {"create", "connect", "start", "all"};

struct item {
    unsigned number;
    enum call call;
    uint64_t ticket;
    int64_t began_us; /* the item */
    int64_t asked_us; /* the call */
};

struct bench {
    struct docker *docker;
    const char *image;
    char *directory;
    unsigned items;
    unsigned begun;
    unsigned ended;
    GHashTable *running;       /* ticket → struct item */
    GArray *times[CALL_COUNT]; /* int64_t, µs */
};

static const struct docker_limits no_limits;

/* --- Calls ------------------------------------------------------------------------- */

static struct request *post(const char *method, char *path, char *body)
{
    struct request *request = request_new(ASKED_ENGINE, DOCKER_CHANGE, method, "%s",
                                          path);

    request->body = body;
    request->timeout_ms = CALL_TIMEOUT_MS;
    g_free(path);
    return request;
}

static char *create_body(const struct bench *bench, unsigned number)
{
    unsigned port = FIRST_PORT + 2 * number;

    return g_strdup_printf(
        "{\"Image\":\"%s\",\"ExposedPorts\":{\"16261/udp\":{},\"16262/udp\":{}},"
        "\"Labels\":{\"bench\":\"1\"},\"HostConfig\":{\"NetworkMode\":\"bench-0\","
        "\"RestartPolicy\":{\"Name\":\"unless-stopped\"},\"PortBindings\":{"
        "\"16261/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"%u\"}],"
        "\"16262/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"%u\"}]},\"Mounts\":["
        "{\"Type\":\"bind\",\"Source\":\"%s\",\"Target\":\"/data\"},"
        "{\"Type\":\"bind\",\"Source\":\"%s\",\"Target\":\"/game\"}]}}",
        bench->image, port, port + 1, bench->directory, bench->directory);
}

static struct request *request_of(const struct bench *bench, const struct item *item)
{
    unsigned number = item->number;

    if (item->call == CALL_CREATE)
        return post("POST", g_strdup_printf("/containers/create?name=bench-%u", number),
                    create_body(bench, number));
    if (item->call == CALL_CONNECT)
        return post("POST", g_strdup("/networks/bench-1/connect"),
                    g_strdup_printf("{\"Container\":\"bench-%u\"}", number));
    return post("POST", g_strdup_printf("/containers/bench-%u/start", number), NULL);
}

static struct reply *wait_for(struct docker *docker)
{
    struct reply *reply;

    while (!(reply = docker_next_reply(docker)))
        docker_wait(docker, NULL, 0, 1000);
    return reply;
}

static void check(const struct reply *reply, const char *what)
{
    if (reply->answer == ANSWER_HTTP && reply->status < 300)
        return;
    g_printerr("bench_engine: %s: %d %s%s\n", what, reply->status, reply->body,
               reply->error ? reply->error : "");
    exit(1);
}

/* --- One level --------------------------------------------------------------------- */

static void ask(struct bench *bench, struct item *item)
{
    item->asked_us = g_get_monotonic_time();
    item->ticket = docker_send(bench->docker, request_of(bench, item));
    g_hash_table_insert(bench->running, &item->ticket, item);
}

static void begin_item(struct bench *bench)
{
    struct item *item = g_new0(struct item, 1);

    item->number = bench->begun++;
    item->began_us = g_get_monotonic_time();
    ask(bench, item);
}

static void note(struct bench *bench, enum call call, int64_t since_us)
{
    int64_t took_us = g_get_monotonic_time() - since_us;

    g_array_append_val(bench->times[call], took_us);
}

static void go_on(struct bench *bench, struct reply *reply)
{
    struct item *item = g_hash_table_lookup(bench->running, &reply->ticket);

    g_hash_table_steal(bench->running, &reply->ticket);
    check(reply, call_names[item->call]);
    note(bench, item->call, item->asked_us);
    if (++item->call < CALL_ALL) {
        ask(bench, item);
        return;
    }
    note(bench, CALL_ALL, item->began_us);
    bench->ended++;
    g_free(item);
}

static double run_level(struct bench *bench, unsigned at_once)
{
    int64_t began_us = g_get_monotonic_time();

    bench->begun = bench->ended = 0;
    while (bench->ended < bench->items) {
        while (bench->begun < bench->items && bench->begun - bench->ended < at_once)
            begin_item(bench);
        g_autoptr(Reply) reply = wait_for(bench->docker);
        go_on(bench, reply);
    }
    return bench->items * 1e6 / (double)(g_get_monotonic_time() - began_us);
}

/* --- Before and after -------------------------------------------------------------- */

/* What is not there is fine. */
static void remove_all(struct bench *bench)
{
    for (unsigned i = 0; i < bench->items; i++)
        docker_send(
            bench->docker,
            post("DELETE", g_strdup_printf("/containers/bench-%u?force=1", i), NULL));
    for (unsigned i = 0; i < bench->items; i++)
        reply_free(wait_for(bench->docker));
}

static void change_networks(struct bench *bench, bool make)
{
    for (unsigned i = 0; i < NETWORKS; i++) {
        docker_send(bench->docker,
                    make
                        ? post("POST", g_strdup("/networks/create"),
                               g_strdup_printf("{\"Name\":\"bench-%u\","
                                               "\"CheckDuplicate\":true}",
                                               i))
                        : post("DELETE", g_strdup_printf("/networks/bench-%u", i), NULL));
        g_autoptr(Reply) reply = wait_for(bench->docker);
        if (make)
            check(reply, "make a network");
    }
}

static int compare_times(gconstpointer a, gconstpointer b)
{
    int64_t difference = *(const int64_t *)a - *(const int64_t *)b;

    return difference < 0 ? -1 : difference > 0;
}

static double percentile_ms(GArray *times, unsigned percent)
{
    g_array_sort(times, compare_times);
    return (double)g_array_index(times, int64_t, (times->len - 1) * percent / 100) / 1000;
}

static void print_level(struct bench *bench, unsigned at_once, double rate)
{
    g_print("at_once=%u items_per_s=%.2f", at_once, rate);
    for (enum call call = 0; call < CALL_COUNT; call++) {
        g_print(" %s_ms_p50=%.1f %s_ms_p99=%.1f", call_names[call],
                percentile_ms(bench->times[call], 50), call_names[call],
                percentile_ms(bench->times[call], 99));
        g_array_set_size(bench->times[call], 0);
    }
    g_print("\n");
}

int main(int argc, char **argv)
{
    static const unsigned levels[] = {1, 2, 4, 8};
    struct bench bench = {.items = argc > 3 ? (unsigned)atoi(argv[3]) : 24};

    if (argc < 3 || bench.items == 0) {
        g_printerr("usage: bench_engine SOCKET IMAGE [ITEMS]\n");
        return 2;
    }
    bench.docker = docker_new(argv[1], &no_limits);
    bench.image = argv[2];
    bench.directory = g_dir_make_tmp("muster-bench-XXXXXX", NULL);
    bench.running = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (enum call call = 0; call < CALL_COUNT; call++)
        bench.times[call] = g_array_new(FALSE, FALSE, sizeof(int64_t));
    remove_all(&bench);
    change_networks(&bench, false);
    change_networks(&bench, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(levels); i++) {
        print_level(&bench, levels[i], run_level(&bench, levels[i]));
        remove_all(&bench);
    }
    change_networks(&bench, false);
    for (enum call call = 0; call < CALL_COUNT; call++)
        g_array_unref(bench.times[call]);
    g_hash_table_unref(bench.running);
    docker_free(bench.docker);
    g_rmdir(bench.directory);
    g_free(bench.directory);
    return 0;
}
