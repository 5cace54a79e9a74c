/*
 * bench_bus.c - how fast a bus is: events a second through transactions of several
 * sizes, and how long a record takes from its sender's commit call to a reader that
 * waits.
 *
 *     bench_bus sqlite:///tmp/bench.db | kafka://host:port   [SECONDS for each figure]
 *
 * Makes topics with names of its own and leaves them there.  It measures, it judges
 * nothing: figures of one machine compare with figures of the same machine only.
 */
#include "bus.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 30000, VALUE_BYTES = 300, LATENCY_PAUSE_US = 2000 };

static void check(GError *error)
{
    if (error)
        g_error("%s", error->message);
}

static char *make_topic(struct bus *bus, const char *noun)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = g_uuid_string_random();
    char *name = g_strdup_printf("bench-%s-%s", noun, uuid);
    struct bus_topic topic = {
        .name = name, .partitions = 1, .retention_ms = -1, .append_time = true};
    bus_topic_make(bus, &topic, TIMEOUT_MS, &error);
    check(error);
    return name;
}

static struct bus_sender *open_sender(struct bus *bus, const char *name)
{
    g_autoptr(GError) error = NULL;
    struct bus_sender *sender = bus_sender_open(bus, name, TIMEOUT_MS, &error);
    check(error);
    return sender;
}

static void commit(struct bus_sender *sender, const struct bus_batch *batch)
{
    g_autoptr(GError) error = NULL;
    if (bus_sender_commit(sender, batch, &error) != BUS_SENT)
        check(error);
}

/* --- Throughput --------------------------------------------------------------------- */

static void measure_rate(struct bus *bus, int size, double seconds)
{
    g_autofree char *topic = make_topic(bus, "rate");
    g_autoptr(BusSender) sender = open_sender(bus, topic);
    g_autofree char *text = g_strnfill(VALUE_BYTES, 'x');
    g_autoptr(GBytes) value = g_bytes_new(text, VALUE_BYTES);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    for (int i = 0; i < size; i++)
        g_ptr_array_add(batch->messages, bus_message_new(topic, 0, "key", value));
    commit(sender, batch); /* the first one makes connections */
    int64_t start = g_get_monotonic_time(), now = start, events = 0;
    while ((double)(now - start) < seconds * G_USEC_PER_SEC) {
        commit(sender, batch);
        events += size;
        now = g_get_monotonic_time();
    }
    double rate = (double)events * G_USEC_PER_SEC / (double)(now - start);
    printf("%5d events a transaction: %9.0f events/s, %8.2f ms a transaction\n", size,
           rate, 1000.0 * size / rate);
}

/* --- Latency ------------------------------------------------------------------------ */

struct listener {
    struct bus_reader *reader;
    GArray *delays; /* int64_t, us */
    gint is_over;   /* atomic */
};

static void *listen_on(void *data)
{
    struct listener *listener = data;
    while (!g_atomic_int_get(&listener->is_over)) {
        g_autoptr(GError) error = NULL;
        g_autoptr(BusRecord) record = NULL;
        bus_reader_next(listener->reader, 100, &record, &error);
        check(error);
        if (!record)
            continue;
        int64_t sent_at = g_ascii_strtoll(record->key, NULL, 10);
        int64_t delay = g_get_monotonic_time() - sent_at;
        g_array_append_val(listener->delays, delay);
    }
    return NULL;
}

static int compare_delays(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static double percentile_ms(const GArray *delays, double part)
{
    guint index = (guint)(part * (delays->len - 1));
    return (double)g_array_index(delays, int64_t, index) / 1000.0;
}

static void speak(struct bus_sender *sender, const char *topic, double seconds)
{
    int64_t until = g_get_monotonic_time() + (int64_t)(seconds * G_USEC_PER_SEC);
    g_autoptr(GBytes) value = g_bytes_new_static("x", 1);
    while (g_get_monotonic_time() < until) {
        g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
        g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT,
                                               g_get_monotonic_time());
        g_ptr_array_add(batch->messages, bus_message_new(topic, 0, key, value));
        commit(sender, batch);
        g_usleep(LATENCY_PAUSE_US);
    }
    g_usleep(500000);
}

static void measure_latency(struct bus *bus, double seconds)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = make_topic(bus, "latency");
    g_autoptr(BusSender) sender = open_sender(bus, topic);
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(topic, 0, 0, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, &error);
    check(error);
    g_autoptr(GArray) delays = g_array_new(false, false, sizeof(int64_t));
    struct listener listener = {.reader = reader, .delays = delays};
    GThread *thread = g_thread_new("listener", listen_on, &listener);
    speak(sender, topic, seconds);
    g_atomic_int_set(&listener.is_over, 1);
    g_thread_join(thread);
    g_array_sort(delays, compare_delays);
    if (delays->len == 0)
        g_error("no record came");
    printf("commit call to reader: p50 %.2f ms, p99 %.2f ms, most %.2f ms (%u records)\n",
           percentile_ms(delays, 0.50), percentile_ms(delays, 0.99),
           percentile_ms(delays, 1.0), delays->len);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_bus URL [SECONDS]\n");
        return 2;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Bus) bus = bus_open(argv[1], NULL, &error);
    check(error);
    double seconds = argc > 2 ? g_ascii_strtod(argv[2], NULL) : 3;
    const int sizes[] = {1, 10, 100, 1000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        measure_rate(bus, sizes[i], seconds);
    measure_latency(bus, seconds);
    return 0;
}
