/*
 * test_bus_kafka_outage.c - L7 on the Kafka bus: the broker goes away for longer than every
 * time-out in the middle of work, and comes back.
 *
 * Runs brokers of its own (deploy/kafka), since it stops them.  Takes minutes.
 */
#include "bus.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 90000,
    WORK_MS = 3000,
    AGAIN_MS = 300,
    EVENTS_EACH = 5, /* of one batch */
};

static const char script[] = TEST_SCHEMAS "/../deploy/kafka";

struct broker {
    char *dir;
    char *address;
};

/* A worker as small as can be: batch n holds events that say n, and the position n + 1. */
struct work {
    struct bus *bus;
    char *commands, *events, *group;
    struct bus_consumer *consumer;
    struct bus_sender *sender;
    GMutex lock; /* of what follows */
    struct bus_membership *membership;
    int done;      /* batches that are committed */
    bool is_over;  /* asks the sending thread to end */
    GError *error; /* that ended it */
};

/* --- The broker ----------------------------------------------------------------------------- */

static char *run_script(struct broker *broker, const char *verb)
{
    const char *argv[] = {script, verb, "--dir", broker->dir, NULL};
    g_autoptr(GError) error = NULL;
    char *output = NULL;
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL,
                 &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return output;
}

static void broker_run(struct broker *broker, const char *verb)
{
    g_free(run_script(broker, verb));
}

static void broker_signal(struct broker *broker, int signal)
{
    g_autofree char *path = g_build_filename(broker->dir, "pid", NULL);
    g_autofree char *pid = NULL;
    g_assert_true(g_file_get_contents(path, &pid, NULL, NULL));
    g_assert_cmpint(kill(atoi(pid), signal), ==, 0);
}

/* The first start chooses a port of its own, which the directory remembers. */
static void broker_set_up(struct broker *broker, const void *data)
{
    g_autoptr(GError) error = NULL;
    broker->dir = g_dir_make_tmp("muster-outage-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *port = g_strdup_printf("%d", g_random_int_range(20000, 32000));
    const char *argv[] = {script, "start", "--port", port, "--dir", broker->dir, NULL};
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                 NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    broker->address = g_strdup_printf("kafka://127.0.0.1:%s", port);
}

static void broker_tear_down(struct broker *broker, const void *data)
{
    broker_run(broker, "kill");
    const char *argv[] = {"rm", "-rf", broker->dir, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                 NULL, NULL);
    g_free(broker->dir);
    g_free(broker->address);
}

/* --- The work ------------------------------------------------------------------------------- */

static struct bus_batch *batch_new(struct work *work, struct bus_membership *membership)
{
    struct bus_batch *batch = bus_batch_new(work->group, membership);
    g_autofree char *text = g_strdup_printf("%d", work->done);
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    for (int i = 0; i < EVENTS_EACH; i++)
        g_ptr_array_add(batch->messages, bus_message_new(work->events, 0, NULL, value));
    g_ptr_array_add(batch->positions, bus_position_new(work->commands, 0, 0, text));
    return batch;
}

static struct bus_membership *ref_membership(struct work *work)
{
    g_mutex_lock(&work->lock);
    struct bus_membership *membership = work->membership
                                            ? bus_membership_ref(work->membership)
                                            : NULL;
    g_mutex_unlock(&work->lock);
    return membership;
}

static void note_sent(struct work *work, enum bus_sent sent, GError *problem)
{
    g_mutex_lock(&work->lock);
    work->done += sent == BUS_SENT;
    if (sent == BUS_DEAD || sent == BUS_REFUSED) {
        work->is_over = true;
        work->error = g_error_copy(problem);
    }
    g_mutex_unlock(&work->lock);
    if (sent != BUS_SENT)
        g_test_message("batch %d: %d, %s", work->done, sent, problem->message);
}

static bool is_over(struct work *work)
{
    g_mutex_lock(&work->lock);
    bool over = work->is_over;
    g_mutex_unlock(&work->lock);
    return over;
}

/* A batch that is not committed is sent again, at the membership of then. */
static void *send_on(void *data)
{
    struct work *work = data;
    while (!is_over(work)) {
        struct bus_membership *membership = ref_membership(work);
        enum bus_sent sent = BUS_RETRY;
        if (membership) {
            g_autoptr(BusBatch) batch = batch_new(work, membership);
            g_autoptr(GError) problem = NULL;
            sent = bus_sender_commit(work->sender, batch, &problem);
            note_sent(work, sent, problem);
            bus_membership_unref(membership);
        }
        if (sent != BUS_SENT)
            g_usleep(AGAIN_MS * 1000);
    }
    return NULL;
}

static void set_membership(struct work *work, struct bus_membership *membership)
{
    g_mutex_lock(&work->lock);
    g_clear_pointer(&work->membership, bus_membership_unref);
    work->membership = membership ? bus_membership_ref(membership) : NULL;
    g_mutex_unlock(&work->lock);
}

static void answer(struct work *work, const struct bus_notice *notice)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) positions = NULL;
    if (notice->kind == BUS_NOTICE_ASSIGNED) {
        positions = bus_consumer_committed(work->consumer, notice->partitions,
                                           PATIENCE_MS, &error);
        g_assert_no_error(error);
        g_assert_true(bus_consumer_start(work->consumer, positions, &error));
        set_membership(work, notice->membership);
    } else if (notice->kind == BUS_NOTICE_REVOKED || notice->kind == BUS_NOTICE_LOST) {
        set_membership(work, NULL);
        g_assert_true(bus_consumer_release(work->consumer, &error));
    }
}

static void turn_for(struct work *work, int ms)
{
    int64_t until = g_get_monotonic_time() + ms * INT64_C(1000);
    while (g_get_monotonic_time() < until) {
        g_autoptr(GError) error = NULL;
        struct pollfd fd = {.fd = bus_consumer_fd(work->consumer), .events = POLLIN};
        struct bus_notice notice = {0};
        poll(&fd, 1, 100);
        bus_consumer_notice(work->consumer, &notice, &error);
        g_assert_no_error(error);
        if (notice.message)
            g_test_message("notice: %s", notice.message);
        answer(work, &notice);
        bus_notice_clear(&notice);
    }
}

static int done_by(struct work *work)
{
    g_mutex_lock(&work->lock);
    int done = work->done;
    g_mutex_unlock(&work->lock);
    return done;
}

static void turn_until_done(struct work *work, int done)
{
    int64_t until = g_get_monotonic_time() + PATIENCE_MS * INT64_C(1000);
    while (done_by(work) < done && !is_over(work)) {
        turn_for(work, 100);
        g_assert_cmpint(g_get_monotonic_time(), <, until);
    }
    g_assert_no_error(work->error);
}

static struct work *work_new(const struct broker *broker)
{
    g_autoptr(GError) error = NULL;
    struct work *work = g_new0(struct work, 1);
    g_mutex_init(&work->lock);
    work->commands = g_strdup("commands");
    work->events = g_strdup("events");
    work->group = g_strdup("group");
    work->bus = bus_open(broker->address, NULL, &error);
    g_assert_no_error(error);
    struct bus_topic topic = {
        .name = work->commands, .partitions = 1, .retention_ms = -1};
    g_assert_true(bus_topic_make(work->bus, &topic, PATIENCE_MS, &error));
    topic.name = work->events;
    g_assert_true(bus_topic_make(work->bus, &topic, PATIENCE_MS, &error));
    const char *topics[] = {work->commands, NULL};
    work->consumer = bus_consumer_open(work->bus, work->group, "slot", topics, &error);
    g_assert_no_error(error);
    work->sender = bus_sender_open(work->bus, "slot", PATIENCE_MS, &error);
    g_assert_no_error(error);
    return work;
}

static void work_free(struct work *work)
{
    bus_sender_close(work->sender);
    bus_consumer_close(work->consumer);
    bus_membership_unref(work->membership);
    bus_close(work->bus);
    g_mutex_clear(&work->lock);
    g_free(work->commands);
    g_free(work->events);
    g_free(work->group);
    g_free(work);
}

/* Every batch is there once, in order. */
static void check_events(struct work *work)
{
    g_autoptr(GError) error = NULL;
    int64_t first = 0, end = 0;
    g_assert_true(
        bus_topic_range(work->bus, work->events, 0, PATIENCE_MS, &first, &end, &error));
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(work->events, 0, 0, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(work->bus, positions, &error);
    int seen = 0;
    while (!bus_reader_passed(reader, work->events, 0, end)) {
        g_autoptr(BusRecord) record = NULL;
        g_assert_true(bus_reader_next(reader, 1000, &record, &error));
        if (!record)
            continue;
        g_autofree char *want = g_strdup_printf("%d", seen / EVENTS_EACH);
        g_assert_cmpmem(g_bytes_get_data(record->value, NULL),
                        g_bytes_get_size(record->value), want, strlen(want));
        seen++;
    }
    g_assert_cmpint(seen, ==, work->done * EVENTS_EACH);
}

/* --- The tests ------------------------------------------------------------------------------ */

static const struct outage {
    const char *name;
    const char *stop; /* a verb of deploy/kafka, or NULL: it is frozen */
    int seconds;
} outage_table[] = {
    {"l7_broker_stopped_for_two_minutes", "stop", 120},
    {"l7_broker_killed", "kill", 30},
    {"l7_broker_frozen", NULL, 45},
};

static void test_outage(struct broker *broker, const void *data)
{
    const struct outage *outage = data;
    struct work *work = work_new(broker);
    GThread *thread = g_thread_new("send", send_on, work);
    turn_until_done(work, 1);
    turn_for(work, WORK_MS);
    if (outage->stop)
        broker_run(broker, outage->stop);
    else
        broker_signal(broker, SIGSTOP);
    int before = done_by(work);
    turn_for(work, outage->seconds * 1000);
    if (outage->stop)
        broker_run(broker, "start");
    else
        broker_signal(broker, SIGCONT);
    turn_until_done(work, before + 10);
    g_mutex_lock(&work->lock);
    work->is_over = true;
    g_mutex_unlock(&work->lock);
    g_thread_join(thread);
    g_assert_no_error(work->error);
    check_events(work);
    work_free(work);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(outage_table); i++) {
        g_autofree char *path = g_strdup_printf("/bus_kafka/%s", outage_table[i].name);
        g_test_add(path, struct broker, &outage_table[i], broker_set_up, test_outage,
                   broker_tear_down);
    }
    return g_test_run();
}
