/*
 * test_bus.c - the delivery tests, the same for every bus.
 *
 * Runs on the embedded bus in a temporary directory, and on Kafka if MUSTER_TEST_KAFKA
 * or MUSTER_KAFKA is host:port of a broker; `test_bus kafka` runs there only, and ends
 * with 77 ("skipped") without one.  All names are unique to a run, so that a broker can
 * be used again. Here: topics, order, offsets, senders; groups are in
 * bus_suite_group.c, processes that are killed in bus_suite_roles.c.  No test asserts
 * how long something takes.
 */
#include "bus_suite.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>

#include "bus_suite_tests.h"

/* --- Topics ------------------------------------------------------------------------- */

static void test_topics(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *name = place_topic(place, bus, "topic", 3);
    struct bus_topic again = {.name = name, .partitions = 3, .retention_ms = -1};
    g_assert_true(bus_topic_make(bus, &again, PATIENCE_MS, &error));
    g_assert_no_error(error);
    int32_t partitions = 0;
    g_assert_true(bus_topic_partitions(bus, name, PATIENCE_MS, &partitions, &error));
    g_assert_cmpint(partitions, ==, 3);
    int64_t first = -1, end = -1;
    g_assert_true(bus_topic_range(bus, name, 2, PATIENCE_MS, &first, &end, &error));
    g_assert_cmpint(first, ==, 0);
    g_assert_cmpint(end, ==, 0);
}

static void test_l13_another_partition_count(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *name = place_topic(place, bus, "topic", 3);
    struct bus_topic other = {.name = name, .partitions = 4, .retention_ms = -1};
    g_assert_false(bus_topic_make(bus, &other, PATIENCE_MS, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_PARTITIONS);
}

static void test_no_such_topic(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *name = place_name(place, "nowhere");
    g_autoptr(GError) error = NULL;
    int32_t partitions = 0;
    g_assert_false(bus_topic_partitions(bus, name, PATIENCE_MS, &partitions, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
    g_clear_error(&error);
    g_assert_null(bus_topic_log_id(bus, name, PATIENCE_MS, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
}

static void test_log_id(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(Bus) other = place_open(place);
    g_autofree char *one = place_topic(place, bus, "one", 1);
    g_autofree char *two = place_topic(place, bus, "two", 1);
    g_autofree char *id = bus_topic_log_id(bus, one, PATIENCE_MS, NULL);
    g_autofree char *same = bus_topic_log_id(other, one, PATIENCE_MS, NULL);
    g_autofree char *another = bus_topic_log_id(bus, two, PATIENCE_MS, NULL);
    g_assert_nonnull(id);
    g_assert_cmpstr(id, ==, same);
    g_assert_cmpstr(id, !=, another);
}

static void test_unknown_property(struct place *place)
{
    g_autoptr(GPtrArray) properties = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(properties, (char *)"no.such.property=1");
    g_assert_null(bus_open(place->url, properties, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "no.such.property"));
}

/* --- Order and content -------------------------------------------------------------- */

enum { ORDER_PARTITIONS = 3, ORDER_RECORDS = 600, ORDER_BATCH = 50 };

static void test_order_in_each_partition(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", ORDER_PARTITIONS);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    for (int n = 0; n < ORDER_RECORDS;) {
        g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
        for (int i = 0; i < ORDER_BATCH; i++, n++) {
            g_autofree char *value = g_strdup_printf("%d", n);
            suite_add(batch, topic, n % ORDER_PARTITIONS, "key", value);
        }
        g_assert_cmpint(bus_sender_commit(sender, batch, NULL), ==, BUS_SENT);
    }
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, ORDER_PARTITIONS);
    g_assert_cmpuint(records->len, ==, ORDER_RECORDS);
    int64_t offsets[ORDER_PARTITIONS] = {-1, -1, -1}, times[ORDER_PARTITIONS] = {0};
    int next[ORDER_PARTITIONS] = {0, 1, 2};
    for (guint i = 0; i < records->len; i++) {
        const struct bus_record *record = g_ptr_array_index(records, i);
        g_autofree char *value = suite_value(record);
        int32_t p = record->partition;
        g_assert_cmpint(atoi(value), ==, next[p]);
        g_assert_cmpint(record->offset, >, offsets[p]);
        g_assert_cmpint(record->append_ms, >=, times[p]);
        next[p] += ORDER_PARTITIONS;
        offsets[p] = record->offset;
        times[p] = record->append_ms;
    }
}

static void test_what_is_sent_is_received(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    g_autoptr(GBytes) bytes = g_bytes_new("\0\xff\xc3\x01", 4);
    struct bus_message *message = bus_message_new(topic, 0, "a key", bytes);
    bus_message_add_header(message, "traceparent", "00-abc-01");
    bus_message_add_header(message, "empty", "");
    g_ptr_array_add(batch->messages, message);
    suite_add(batch, topic, 0, "tombstone", NULL);
    suite_add(batch, topic, 0, NULL, "no key");
    int64_t before = g_get_real_time() / 1000;
    g_assert_cmpint(bus_sender_commit(sender, batch, NULL), ==, BUS_SENT);
    int64_t after = g_get_real_time() / 1000;

    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, BUS_OFFSET_NONE);
    g_autoptr(BusRecord) first = suite_next(reader);
    g_autofree char *trace = bus_record_dup_header(first, "traceparent");
    g_autofree char *empty = bus_record_dup_header(first, "empty");
    g_assert_cmpstr(first->key, ==, "a key");
    g_assert_true(g_bytes_equal(first->value, bytes));
    g_assert_cmpstr(trace, ==, "00-abc-01");
    g_assert_cmpstr(empty, ==, "");
    g_assert_null(bus_record_dup_header(first, "absent"));
    g_assert_cmpint(first->append_ms, >=, before - 1);
    g_assert_cmpint(first->append_ms, <=, after + 1);
    g_autoptr(BusRecord) second = suite_next(reader);
    g_assert_cmpstr(second->key, ==, "tombstone");
    g_assert_null(second->value);
    g_autoptr(BusRecord) third = suite_next(reader);
    g_assert_null(third->key);
    g_assert_null(third->headers);
}

static void test_teller(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(place, bus, "heartbeats", 1);
    g_autoptr(BusTeller) teller = bus_teller_open(bus, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) bytes = g_bytes_new("alive", 5);
    g_autoptr(BusMessage) message = bus_message_new(topic, 0, "agent/worker", bytes);
    g_assert_true(bus_teller_tell(teller, message, &error));
    g_assert_no_error(error);
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, BUS_OFFSET_NONE);
    g_autoptr(BusRecord) record = suite_next(reader);
    g_assert_cmpstr(record->key, ==, "agent/worker");
    g_assert_true(g_bytes_equal(record->value, bytes));
}

/* When the log has it, and by whose clock. */
static void test_l18_teller_hears_the_time(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "heartbeats", 1);
    g_autoptr(BusTeller) teller = bus_teller_open(bus, NULL);
    g_autoptr(GBytes) bytes = g_bytes_new("alive", 5);
    g_autoptr(BusMessage) message = bus_message_new(topic, 0, "agent/worker", bytes);
    struct bus_heard heard = {0};
    const int64_t before = bus_boot_ms();
    g_assert_false(bus_teller_heard(teller, &heard));
    g_assert_true(bus_teller_tell(teller, message, NULL));
    while (!bus_teller_heard(teller, &heard))
        g_usleep(1000);
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, BUS_OFFSET_NONE);
    g_autoptr(BusRecord) record = suite_next(reader);
    g_assert_cmpint(heard.append_ms, ==, record->append_ms);
    g_assert_cmpint(heard.told_at, >=, before - 1); /* it is rounded */
    g_assert_cmpint(heard.heard_at, >=, heard.told_at);
    g_assert_cmpint(heard.heard_at, <=, bus_boot_ms());
    g_assert_false(bus_teller_heard(teller, &heard));
}

/* --- Offsets ------------------------------------------------------------------------ */

static void test_l14_offsets_have_gaps(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    suite_send(sender, topic, 0, "key", "one");
    suite_send(sender, topic, 0, "key", "two");
    int64_t first = 0, end = 0;
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 1);
    g_assert_cmpuint(records->len, ==, 2);
    /* Not before: a commit is answered before its marker is in the log. */
    g_assert_true(bus_topic_range(bus, topic, 0, PATIENCE_MS, &first, &end, NULL));
    const struct bus_record *one = records->pdata[0], *two = records->pdata[1];
    g_assert_cmpint(two->offset, >, one->offset + 1);
    g_assert_cmpint(end, >, two->offset + 1);
    /* The end, behind the last gap, is a place to begin. */
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, end);
    g_assert_true(bus_reader_passed(reader, topic, 0, end));
    suite_send(sender, topic, 0, "key", "three");
    g_autoptr(BusRecord) three = suite_next(reader);
    g_autofree char *value = suite_value(three);
    g_assert_cmpstr(value, ==, "three");
}

static void test_passed_counts_what_was_handed_out(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    suite_send(sender, topic, 0, "key", "one");
    suite_send(sender, topic, 0, "key", "two");
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, 0);
    g_assert_false(bus_reader_passed(reader, topic, 0, 1));
    g_autoptr(BusRecord) one = suite_next(reader);
    g_assert_true(bus_reader_passed(reader, topic, 0, one->offset + 1) ||
                  !bus_reader_passed(reader, topic, 0, one->offset + 2));
    g_autoptr(BusRecord) two = suite_next(reader);
    g_assert_cmpint(two->offset, >, one->offset);
    g_assert_false(bus_reader_passed(reader, topic, 0, two->offset + 100));
}

static void test_read_from_an_offset_and_a_time(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    for (int i = 0; i < 10; i++) {
        g_autofree char *value = g_strdup_printf("%d", i);
        suite_send(sender, topic, 0, "key", value);
        g_usleep(3000); /* append times are in ms */
    }
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 1);
    const struct bus_record *sixth = records->pdata[6];
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, sixth->offset);
    g_autoptr(BusRecord) from_offset = suite_next(reader);
    g_assert_cmpint(from_offset->offset, ==, sixth->offset);
    int64_t offset = 0, first = 0, end = 0;
    g_assert_true(
        bus_topic_offset_at(bus, topic, 0, sixth->append_ms, PATIENCE_MS, &offset, NULL));
    g_assert_cmpint(offset, ==, sixth->offset);
    g_assert_true(bus_topic_offset_at(bus, topic, 0, 0, PATIENCE_MS, &offset, NULL));
    g_assert_cmpint(offset, ==, 0);
    int64_t tomorrow = g_get_real_time() / 1000 + 86400000;
    g_assert_true(
        bus_topic_offset_at(bus, topic, 0, tomorrow, PATIENCE_MS, &offset, NULL));
    g_assert_true(bus_topic_range(bus, topic, 0, PATIENCE_MS, &first, &end, NULL));
    g_assert_cmpint(offset, ==, end);
}

static void send_at(struct bus_sender *sender, const char *topic, const char *value,
                    int64_t append_ms)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    suite_add(batch, topic, 0, "key", value);
    ((struct bus_message *)batch->messages->pdata[0])->append_ms = append_ms;
    bus_sender_commit(sender, batch, &error);
    g_assert_no_error(error);
}

/* A copy of a log has its times; what is written after it has those of the new one. */
static void test_a_copy_keeps_its_times(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autofree char *id = bus_topic_log_id(bus, topic, PATIENCE_MS, NULL);
    const int64_t past[] = {1500000000000, 1500000000000, 1600000000123};
    int64_t offset = 0, before = g_get_real_time() / 1000;
    bus_topic_keep_times(bus, topic, true, PATIENCE_MS, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(past); i++)
        send_at(sender, topic, "old", past[i]);
    g_assert_true(bus_topic_keep_times(bus, topic, false, PATIENCE_MS, &error));
    suite_send(sender, topic, 0, "key", "new");
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 1);
    g_assert_cmpuint(records->len, ==, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(past); i++)
        g_assert_cmpint(((struct bus_record *)records->pdata[i])->append_ms, ==, past[i]);
    g_assert_cmpint(((struct bus_record *)records->pdata[3])->append_ms, >=, before);
    g_assert_true(
        bus_topic_offset_at(bus, topic, 0, 1500000000001, PATIENCE_MS, &offset, NULL));
    g_assert_cmpint(offset, <=, ((struct bus_record *)records->pdata[2])->offset);
    g_autofree char *same = bus_topic_log_id(bus, topic, PATIENCE_MS, NULL);
    g_assert_cmpstr(same, ==, id);
    g_assert_false(bus_topic_keep_times(bus, "nowhere", true, PATIENCE_MS, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
}

/* A bus may notice when it opens the reader, or when it reads. */
static void test_reader_out_of_range(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    suite_send(sender, topic, 0, "key", "one");
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(topic, 0, 1000, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, &error);
    int64_t deadline = suite_deadline();
    while (reader && !error) {
        struct bus_record *record = NULL;
        bus_reader_next(reader, 500, &record, &error);
        g_assert_null(record);
        suite_patience(deadline, "an error about the offset");
    }
    g_assert_error(error, BUS_ERROR, BUS_ERROR_RANGE);
}

struct late {
    struct bus_sender *sender;
    const char *topic;
};

static void *send_late(void *data)
{
    const struct late *late = data;
    g_usleep(300000);
    suite_send(late->sender, late->topic, 0, "key", "late");
    return NULL;
}

/* The reader's descriptor wakes a loop that waits. */
static void test_reader_wakes(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, 0);
    struct late late = {sender, topic};
    GThread *thread = g_thread_new("late", send_late, &late);
    struct pollfd descriptor = {.fd = bus_reader_fd(reader), .events = POLLIN};
    struct bus_record *record = NULL;
    int64_t deadline = suite_deadline();
    while (!record) {
        suite_patience(deadline, "a wake-up");
        g_assert_true(bus_reader_next(reader, 0, &record, NULL));
        if (!record)
            g_assert_cmpint(poll(&descriptor, 1, PATIENCE_MS), ==, 1);
    }
    bus_record_free(record);
    g_thread_join(thread);
}

/* --- Senders ------------------------------------------------------------------------ */

static void test_l4_older_sender_is_fenced(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) older = suite_sender(bus, name);
    suite_send(older, topic, 0, "key", "before");
    g_autoptr(BusSender) newer = suite_sender(bus, name);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    suite_add(batch, topic, 0, "key", "of a zombie");
    g_assert_cmpint(bus_sender_commit(older, batch, &error), ==, BUS_DEAD);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_FATAL);
    suite_send(newer, topic, 0, "key", "after");
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 1);
    g_assert_cmpuint(records->len, ==, 2);
    g_autofree char *last = suite_value(records->pdata[1]);
    g_assert_cmpstr(last, ==, "after");
}

/* A sender that has sent and is idle holds back nobody who reads what others commit. */
static void test_l6_idle_sender_holds_nobody_back(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *idle_name = place_name(place, "idle");
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) idle = suite_sender(bus, idle_name);
    suite_send(idle, topic, 0, "key", "one");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    suite_send(sender, topic, 0, "key", "two");
    g_autoptr(BusReader) reader = suite_reader(bus, topic, 0, 0);
    for (int i = 0; i < 2; i++) {
        g_autoptr(BusRecord) record = suite_next(reader);
        g_assert_nonnull(record->value);
    }
}

static void test_too_large_is_refused(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    g_autofree char *big = g_strnfill(2 * 1024 * 1024, 'x');
    suite_add(batch, topic, 0, "key", "small, in the same batch");
    suite_add(batch, topic, 0, "key", big);
    g_assert_cmpint(bus_sender_commit(sender, batch, &error), ==, BUS_REFUSED);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_TOO_LARGE);
    suite_send(sender, topic, 0, "key", "after");
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 1);
    g_assert_cmpuint(records->len, ==, 1);
}

/* Both from now on, by the clock of this machine: what the sender takes the time for, and until
 * when it may go. */
static void send_until(struct place *place, int64_t known_ms, int64_t before_ms,
                       enum bus_sent wanted)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(place, bus, "topic", 2);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    const int64_t now = g_get_real_time() / 1000;
    suite_add(batch, topic, 0, "key", "one");
    suite_add(batch, topic, 1, "key", "two");
    batch->now_ms = now + known_ms;
    batch->before_ms = now + before_ms;
    g_assert_cmpint(bus_sender_commit(sender, batch, &error), ==, wanted);
    g_assert_true(wanted == BUS_SENT ||
                  g_error_matches(error, BUS_ERROR, BUS_ERROR_LATE));
    suite_send(sender, topic, 0, "key", "after"); /* the sender goes on */
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 2);
    g_assert_cmpuint(records->len, ==, wanted == BUS_SENT ? 3 : 1);
}

/* The log's own clock counts, whatever the sender takes it for. */
static void test_l18_what_comes_too_late_is_not_committed(struct place *place)
{
    send_until(place, 0, 600000, BUS_SENT);
    send_until(place, -600000, -1000, BUS_LATE);
}

static void test_nearly_too_large_is_taken(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", 1);
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autofree char *big = g_strnfill(990 * 1000, 'x');
    for (int i = 0; i < 8; i++)
        suite_send(sender, topic, 0, "key", big);
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 1);
    g_assert_cmpuint(records->len, ==, 8);
}

const struct suite_test bus_log_tests[] = {
    {"topics", test_topics},
    {"l13_another_partition_count", test_l13_another_partition_count},
    {"no_such_topic", test_no_such_topic},
    {"log_id", test_log_id},
    {"unknown_property", test_unknown_property},
    {"order_in_each_partition", test_order_in_each_partition},
    {"what_is_sent_is_received", test_what_is_sent_is_received},
    {"teller", test_teller},
    {"l18_teller_hears_the_time", test_l18_teller_hears_the_time},
    {"l18_what_comes_too_late_is_not_committed",
     test_l18_what_comes_too_late_is_not_committed},
    {"l14_offsets_have_gaps", test_l14_offsets_have_gaps},
    {"passed_counts_what_was_handed_out", test_passed_counts_what_was_handed_out},
    {"read_from_an_offset_and_a_time", test_read_from_an_offset_and_a_time},
    {"a_copy_keeps_its_times", test_a_copy_keeps_its_times},
    {"reader_out_of_range", test_reader_out_of_range},
    {"reader_wakes", test_reader_wakes},
    {"l4_older_sender_is_fenced", test_l4_older_sender_is_fenced},
    {"l6_idle_sender_holds_nobody_back", test_l6_idle_sender_holds_nobody_back},
    {"too_large_is_refused", test_too_large_is_refused},
    {"nearly_too_large_is_taken", test_nearly_too_large_is_taken},
    {NULL, NULL},
};

/* --- All of it ---------------------------------------------------------------------- */

static void test_unknown_url(void)
{
    const char *urls[] = {"", "nats://here", "kafka:/here", "sqlite://relative.db",
                          "sqlite:///"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(bus_open(urls[i], NULL, &error));
        g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
    }
}

struct test_case {
    struct place *place; /* borrowed */
    void (*run)(struct place *place);
};

static void run_case(gconstpointer data)
{
    const struct test_case *chosen = data;
    chosen->run(chosen->place);
}

static void add_tests(struct place *place, const struct suite_test *tests)
{
    for (; tests->name; tests++) {
        g_autofree char *path = g_strdup_printf("/bus/%s/%s", place->label, tests->name);
        struct test_case *chosen = g_new(struct test_case, 1);
        *chosen = (struct test_case){place, tests->run};
        g_test_add_data_func_full(path, chosen, run_case, g_free);
    }
}

/* How long a member may be silent.  Those of this process live, and a busy machine lets
 * them wait; children die or are stopped, and that is to be found soon. */
static const struct patience {
    const char *kafka, *sqlite;
} own_patience = {"session.timeout.ms=30000", "bus.lease.ms=15000"},
  childs_patience = {"session.timeout.ms=6000", "bus.lease.ms=1500"};

static struct place *place_new(const char *label, const char *url, const char *run,
                               const struct patience *patience)
{
    struct place *place = g_new0(struct place, 1);
    place->label = g_strdup(label);
    place->url = g_strdup(url);
    place->run = g_strdup(run);
    place->properties = g_ptr_array_new_with_free_func(g_free);
    bool is_kafka = g_str_equal(label, "kafka");
    g_ptr_array_add(place->properties,
                    g_strdup(is_kafka ? patience->kafka : patience->sqlite));
    return place;
}

static void place_free(struct place *place)
{
    g_ptr_array_unref(place->properties);
    g_free(place->label);
    g_free(place->url);
    g_free(place->run);
    g_free(place);
}

static void add_place(GPtrArray *places, const char *label, const char *url)
{
    g_autofree char *uuid = g_uuid_string_random();
    uuid[8] = '\0';
    g_autofree char *run = g_strconcat("t", uuid, NULL);
    struct place *place = place_new(label, url, run, &own_patience);
    g_ptr_array_add(places, place);
    add_tests(place, bus_log_tests);
    add_tests(place, bus_group_tests);
    add_tests(place, bus_process_tests);
}

static void remove_directory(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;
    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_unlink(file);
    }
    g_rmdir(path);
}

static const char *find_broker(void)
{
    const char *broker = g_getenv("MUSTER_TEST_KAFKA");
    return broker ? broker : g_getenv("MUSTER_KAFKA");
}

static int run_tests(bool kafka_only, const char *broker)
{
    g_autofree char *directory = g_dir_make_tmp("muster-bus-XXXXXX", NULL);
    g_autofree char *sqlite_url = g_strdup_printf("sqlite://%s/bus.db", directory);
    g_autofree char *kafka_url = g_strdup_printf("kafka://%s", broker);
    g_autoptr(GPtrArray)
        places = g_ptr_array_new_with_free_func((GDestroyNotify)place_free);
    g_test_add_func("/bus/unknown_url", test_unknown_url);
    if (!kafka_only)
        add_place(places, "sqlite", sqlite_url);
    if (broker)
        add_place(places, "kafka", kafka_url);
    int failed = g_test_run();
    remove_directory(directory);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc >= 6 && g_str_equal(argv[1], "role")) {
        struct place *place = place_new(argv[3], argv[4], argv[5], &childs_patience);
        int status = suite_role(place, argv[2], argv + 6);
        place_free(place);
        return status;
    }
    g_test_init(&argc, &argv, NULL);
    const char *broker = find_broker();
    bool kafka_only = argc > 1 && g_str_equal(argv[1], "kafka");
    return kafka_only && !broker ? 77 : run_tests(kafka_only, broker);
}
