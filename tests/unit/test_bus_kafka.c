/*
 * test_bus_kafka.c - what only the Kafka bus has; what all buses do is in test_bus.c.
 *
 * Needs a broker, $MUSTER_KAFKA=host:port; without one it ends with 77 ("skipped").
 */
#include "bus.h"

#include <poll.h>
#include <string.h>

enum {
    PATIENCE_MS = 90000,
    SESSION_MS = 6000, /* the least that a broker takes by default */
};

struct fixture {
    struct bus *bus;
    char *commands, *control, *events, *group;
};

/* --- Helpers ---------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static struct bus *open_bus(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *url = g_strdup_printf("kafka://%s", g_getenv("MUSTER_KAFKA"));
    g_autofree char *session = g_strdup_printf("session.timeout.ms=%d", SESSION_MS);
    g_autoptr(GPtrArray) properties = g_ptr_array_new();
    g_ptr_array_add(properties, session);
    struct bus *bus = bus_open(url, properties, &error);
    g_assert_no_error(error);
    return bus;
}

static void make_topic(struct bus *bus, const char *name, int32_t partitions)
{
    g_autoptr(GError) error = NULL;
    const struct bus_topic topic = {
        .name = name, .partitions = partitions, .retention_ms = -1, .append_time = true};
    bus_topic_make(bus, &topic, PATIENCE_MS, &error);
    g_assert_no_error(error);
}

static void set_up(struct fixture *fixture, const void *data)
{
    g_autofree char *id = g_uuid_string_random();
    fixture->commands = g_strdup_printf("commands.%s", id);
    fixture->control = g_strdup_printf("control.%s", id);
    fixture->events = g_strdup_printf("events.%s", id);
    fixture->group = g_strdup_printf("worker.%s", id);
    fixture->bus = open_bus();
    make_topic(fixture->bus, fixture->commands, 2);
    make_topic(fixture->bus, fixture->control, 2);
    make_topic(fixture->bus, fixture->events, 2);
}

static void tear_down(struct fixture *fixture, const void *data)
{
    bus_close(fixture->bus);
    g_free(fixture->commands);
    g_free(fixture->control);
    g_free(fixture->events);
    g_free(fixture->group);
}

static struct bus_message *message_new(const char *topic, int32_t partition,
                                       const char *text)
{
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    return bus_message_new(topic, partition, "key", value);
}

static void add_message(struct bus_batch *batch, const char *topic, int32_t partition,
                        const char *text)
{
    g_ptr_array_add(batch->messages, message_new(topic, partition, text));
}

static struct bus_sender *open_sender(struct fixture *fixture, const char *slot)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = g_strdup_printf("%s.%s", fixture->group, slot);
    struct bus_sender *sender = bus_sender_open(fixture->bus, id, PATIENCE_MS, &error);
    g_assert_no_error(error);
    return sender;
}

/* Sends `count` messages "0", "1", … in one transaction. */
static void send_some(struct bus_sender *sender, const char *topic, int32_t partition,
                      int count)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    for (int i = 0; i < count; i++) {
        g_autofree char *text = g_strdup_printf("%d", i);
        add_message(batch, topic, partition, text);
    }
    enum bus_sent sent = bus_sender_commit(sender, batch, &error);
    g_assert_no_error(error);
    g_assert_cmpint(sent, ==, BUS_SENT);
}

static char *text_of(const struct bus_record *record)
{
    gsize size = 0;
    const char *text = g_bytes_get_data(record->value, &size);
    return g_strndup(text, size);
}

static int64_t end_of(struct bus *bus, const char *topic, int32_t partition)
{
    g_autoptr(GError) error = NULL;
    int64_t first = -1, end = -1;
    bus_topic_range(bus, topic, partition, PATIENCE_MS, &first, &end, &error);
    g_assert_no_error(error);
    return end;
}

static GPtrArray *position_at(const char *topic, int32_t partition, int64_t offset)
{
    GPtrArray *positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(topic, partition, offset, NULL));
    return positions;
}

/* All committed records of a partition from `from` to its end now: their texts. */
static GPtrArray *read_texts(struct bus *bus, const char *topic, int32_t partition,
                             int64_t from)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) positions = position_at(topic, partition, from);
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    int64_t end = end_of(bus, topic, partition);
    int64_t until = now_ms() + PATIENCE_MS;
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, &error);
    g_assert_no_error(error);
    while (!bus_reader_passed(reader, topic, partition, end)) {
        g_autoptr(BusRecord) record = NULL;
        bus_reader_next(reader, 100, &record, &error);
        g_assert_no_error(error);
        g_assert_cmpint(now_ms(), <, until);
        if (record)
            g_ptr_array_add(texts, text_of(record));
    }
    return texts;
}

/* A member of the group with what it was last told. */
struct member {
    struct bus_consumer *consumer;
    struct bus_membership *membership;
    GPtrArray *partitions;
    enum bus_notice_kind kind; /* of the last notice about partitions */
};

static struct member *member_new(struct fixture *fixture, struct bus *bus,
                                 const char *slot)
{
    g_autoptr(GError) error = NULL;
    const char *topics[] = {fixture->commands, fixture->control, NULL};
    struct member *member = g_new0(struct member, 1);
    member->consumer = bus_consumer_open(bus, fixture->group, slot, topics, &error);
    g_assert_no_error(error);
    return member;
}

static void member_free(struct member *member)
{
    bus_consumer_close(member->consumer);
    bus_membership_unref(member->membership);
    if (member->partitions)
        g_ptr_array_unref(member->partitions);
    g_free(member);
}

/* One turn of a loop; true if there was news about partitions. */
static bool member_turn(struct member *member, int wait_ms, GError **error)
{
    struct pollfd fd = {.fd = bus_consumer_fd(member->consumer), .events = POLLIN};
    struct bus_notice notice = {0};
    poll(&fd, 1, wait_ms);
    if (!bus_consumer_notice(member->consumer, &notice, error))
        return false;
    bool news = notice.kind != BUS_NOTICE_NONE && notice.kind != BUS_NOTICE_ERROR;
    if (notice.kind == BUS_NOTICE_ERROR)
        g_test_message("notice: %s", notice.message);
    if (news) {
        member->kind = notice.kind;
        g_clear_pointer(&member->partitions, g_ptr_array_unref);
        member->partitions = g_steal_pointer(&notice.partitions);
    }
    if (notice.membership) {
        g_clear_pointer(&member->membership, bus_membership_unref);
        member->membership = g_steal_pointer(&notice.membership);
    }
    bus_notice_clear(&notice);
    return news;
}

static void member_await(struct member *member, enum bus_notice_kind kind)
{
    g_autoptr(GError) error = NULL;
    int64_t until = now_ms() + PATIENCE_MS;
    member->kind = BUS_NOTICE_NONE;
    while (member->kind != kind) {
        member_turn(member, 100, &error);
        g_assert_no_error(error);
        g_assert_cmpint(now_ms(), <, until);
    }
}

static GPtrArray *member_committed(struct member *member)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *positions = bus_consumer_committed(member->consumer, member->partitions,
                                                  PATIENCE_MS, &error);
    g_assert_no_error(error);
    return positions;
}

/* Starts where the group has committed, or at the beginning. */
static void member_start(struct member *member)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) positions = member_committed(member);
    bus_consumer_start(member->consumer, positions, &error);
    g_assert_no_error(error);
}

static struct member *member_started(struct fixture *fixture, const char *slot)
{
    struct member *member = member_new(fixture, fixture->bus, slot);
    member_await(member, BUS_NOTICE_ASSIGNED);
    member_start(member);
    return member;
}

static struct bus_record *member_take(struct member *member, unsigned topic)
{
    g_autoptr(GError) error = NULL;
    int64_t until = now_ms() + PATIENCE_MS;
    struct bus_record *record = NULL;
    while (!(record = bus_consumer_take(member->consumer, topic))) {
        member_turn(member, 100, &error);
        g_assert_no_error(error);
        g_assert_cmpint(now_ms(), <, until);
    }
    return record;
}

static struct bus_batch *batch_at(struct fixture *fixture, struct member *member,
                                  int32_t partition, int64_t offset, const char *metadata)
{
    struct bus_batch *batch = bus_batch_new(fixture->group, member->membership);
    g_ptr_array_add(batch->positions,
                    bus_position_new(fixture->commands, partition, offset, metadata));
    return batch;
}

static const struct bus_position *position_of(GPtrArray *positions, const char *topic,
                                              int32_t partition)
{
    for (guint i = 0; i < positions->len; i++) {
        const struct bus_position *position = g_ptr_array_index(positions, i);
        if (position->partition == partition && g_str_equal(position->topic, topic))
            return position;
    }
    g_assert_not_reached();
}

/* --- Topics ------------------------------------------------------------------------------- */

static void test_bad_topics(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    int64_t first = -1, end = -1;
    g_assert_false(bus_topic_range(fixture->bus, fixture->commands, 7, PATIENCE_MS,
                                   &first, &end, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
    g_clear_error(&error);
    const struct bus_topic bad = {.name = "no/slash", .partitions = 1};
    g_assert_false(bus_topic_make(fixture->bus, &bad, PATIENCE_MS, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
}

static void test_log_id(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *a = bus_topic_log_id(fixture->bus, fixture->commands, PATIENCE_MS,
                                          &error);
    g_autofree char *again = bus_topic_log_id(fixture->bus, fixture->commands,
                                              PATIENCE_MS, &error);
    g_autofree char *b = bus_topic_log_id(fixture->bus, fixture->control, PATIENCE_MS,
                                          &error);
    g_assert_no_error(error);
    g_test_message("log id %s", a);
    g_assert_cmpstr(a, ==, again);
    g_assert_cmpstr(a, !=, b);
    g_assert_null(bus_topic_log_id(fixture->bus, "absent", PATIENCE_MS, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
}

static void test_offset_at(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) sender = open_sender(fixture, "s");
    int64_t offset = -1;
    send_some(sender, fixture->events, 0, 3);
    g_usleep(20 * 1000);
    int64_t between = g_get_real_time() / 1000;
    g_usleep(20 * 1000);
    send_some(sender, fixture->events, 0, 3);
    bus_topic_offset_at(fixture->bus, fixture->events, 0, between, PATIENCE_MS, &offset,
                        &error);
    g_assert_no_error(error);
    /* 0 1 2, and a marker, which a broker that is busy writes after it has answered */
    g_assert_cmpint(offset, >=, 3);
    g_assert_cmpint(offset, <=, 4);
    bus_topic_offset_at(fixture->bus, fixture->events, 0, 0, PATIENCE_MS, &offset,
                        &error);
    g_assert_cmpint(offset, ==, 0);
    int64_t end = end_of(fixture->bus, fixture->events,
                         0); /* a marker may be on its way */
    bus_topic_offset_at(fixture->bus, fixture->events, 0, between + 1000000, PATIENCE_MS,
                        &offset, &error);
    g_assert_no_error(error);
    g_assert_cmpint(offset, >=, end);
    g_assert_cmpint(offset, <=, end_of(fixture->bus, fixture->events, 0));
}

/* --- Sending and reading --------------------------------------------------------------------- */

static void test_reader_no_topic(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) positions = position_at("absent", 0, 0);
    g_autoptr(BusReader) reader = bus_reader_open(fixture->bus, positions, &error);
    g_autoptr(BusRecord) record = NULL;
    g_assert_no_error(error);
    g_assert_false(bus_reader_next(reader, 60000, &record, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
}

/* Markers, aborted records and nothing else below the end: it is passed all the same. */
static void test_l14_gaps(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) sender = open_sender(fixture, "s");
    for (int i = 0; i < 3; i++)
        send_some(sender, fixture->events, 0, 2);
    g_autoptr(BusBatch) refused = bus_batch_new(NULL, NULL);
    add_message(refused, fixture->events, 0, "never seen");
    add_message(refused, fixture->events, 77, "no such partition");
    g_assert_cmpint(bus_sender_commit(sender, refused, &error), ==, BUS_REFUSED);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC);
    g_autoptr(GPtrArray) texts = read_texts(fixture->bus, fixture->events, 0, 0);
    g_assert_cmpint(texts->len, ==, 6);
    g_assert_cmpint(end_of(fixture->bus, fixture->events, 0), >=, 9);
    g_autoptr(GPtrArray) late = read_texts(fixture->bus, fixture->events, 0, 8);
    g_assert_cmpint(late->len, ==, 0);
}

static void test_too_large(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) sender = open_sender(fixture, "s");
    g_autofree char *huge = g_strnfill(1100000, 'x');
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    add_message(batch, fixture->events, 0, "small");
    add_message(batch, fixture->events, 0, huge);
    g_assert_cmpint(bus_sender_commit(sender, batch, &error), ==, BUS_REFUSED);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_TOO_LARGE);
    send_some(sender, fixture->events, 0, 1); /* it works on */
    g_autoptr(GPtrArray) texts = read_texts(fixture->bus, fixture->events, 0, 0);
    g_assert_cmpint(texts->len, ==, 1);
}

/* --- Consuming ----------------------------------------------------------------------------- */

static void test_consume_and_commit(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) relay = open_sender(fixture, "relay");
    g_autoptr(BusSender) sender = open_sender(fixture, "slot");
    struct member *member = member_started(fixture, "slot");
    g_assert_cmpint(member->partitions->len, ==, 4);
    send_some(relay, fixture->commands, 1, 3);
    send_some(relay, fixture->control, 0, 1);
    g_autoptr(BusRecord) cancel = member_take(member, 1);
    g_assert_cmpstr(cancel->topic, ==, fixture->control);
    g_autoptr(BusRecord) command = NULL;
    for (int i = 0; i < 3; i++) {
        g_clear_pointer(&command, bus_record_free);
        command = member_take(member, 0);
        g_assert_cmpint(command->offset, ==, i);
    }
    g_autofree char *metadata = g_strnfill(3000, 'm');
    g_autoptr(BusBatch) batch = batch_at(fixture, member, 1, 3, metadata);
    add_message(batch, fixture->events, 0, "done");
    g_assert_cmpint(bus_sender_commit(sender, batch, &error), ==, BUS_SENT);
    g_autoptr(GPtrArray) committed = member_committed(member);
    const struct bus_position *position = position_of(committed, fixture->commands, 1);
    g_assert_cmpint(position->offset, ==, 3);
    g_assert_cmpstr(position->metadata, ==, metadata);
    g_assert_cmpint(position_of(committed, fixture->commands, 0)->offset, ==,
                    BUS_OFFSET_NONE);
    g_autoptr(GPtrArray) texts = read_texts(fixture->bus, fixture->events, 0, 0);
    g_assert_cmpint(texts->len, ==, 1);
    member_free(member);
}

/* A thousand records are not taken; the other topic and the membership do not mind. */
static void test_one_topic_waits(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) relay = open_sender(fixture, "relay");
    struct member *member = member_started(fixture, "slot");
    for (int i = 0; i < 5; i++)
        send_some(relay, fixture->commands, 0, 1000);
    for (int64_t until = now_ms() + 2 * SESSION_MS; now_ms() < until;)
        g_assert_false(member_turn(member, 1000, &error));
    send_some(relay, fixture->control, 0, 1);
    int64_t start = now_ms();
    g_autoptr(BusRecord) cancel = member_take(member, 1);
    g_assert_nonnull(cancel);
    g_assert_cmpint(now_ms() - start, <, 2000);
    int64_t last = -1;
    for (int i = 0; i < 5000; i++) {
        g_autoptr(BusRecord) command = member_take(member, 0);
        g_assert_cmpint(command->offset, >, last);
        last = command->offset;
    }
    member_free(member);
}

static void test_lost_offset_is_told(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    struct member *member = member_new(fixture, fixture->bus, "slot");
    member_await(member, BUS_NOTICE_ASSIGNED);
    g_autoptr(GPtrArray) positions = member_committed(member);
    ((struct bus_position *)position_of(positions, fixture->commands, 1))->offset = 500;
    g_assert_true(bus_consumer_start(member->consumer, positions, &error));
    for (int64_t until = now_ms() + PATIENCE_MS; member->kind != BUS_NOTICE_RANGE;) {
        g_autoptr(BusRecord) none = bus_consumer_take(member->consumer, 0);
        g_assert_null(none);
        member_turn(member, 100, &error);
        g_assert_no_error(error);
        g_assert_cmpint(now_ms(), <, until);
    }
    const struct bus_partition *lost = g_ptr_array_index(member->partitions, 0);
    g_assert_cmpstr(lost->topic, ==, fixture->commands);
    g_assert_cmpint(lost->partition, ==, 1);
    /* the caller finds out where to go on, and starts again */
    ((struct bus_position *)position_of(positions, fixture->commands, 1))->offset = 0;
    g_assert_true(bus_consumer_start(member->consumer, positions, &error));
    g_autoptr(BusSender) relay = open_sender(fixture, "relay");
    send_some(relay, fixture->commands, 1, 1);
    g_autoptr(BusRecord) record = member_take(member, 0);
    g_assert_cmpint(record->offset, ==, 0);
    member_free(member);
}

/* A restart under the same name takes over at once: nobody else sees a rebalance. */
static void test_static_restart(struct fixture *fixture, const void *data)
{
    struct member *member = member_started(fixture, "slot");
    member_free(member);
    int64_t start = now_ms();
    member = member_started(fixture, "slot");
    g_test_message("taken over after %" G_GINT64_FORMAT " ms", now_ms() - start);
    g_assert_cmpint(now_ms() - start, <, 3000);
    g_assert_cmpint(member->partitions->len, ==, 4);
    member_free(member);
}

static void test_l10_rebalance_makes_batches_stale(struct fixture *fixture,
                                                   const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) sender = open_sender(fixture, "a");
    struct member *a = member_started(fixture, "a");
    g_autoptr(BusBatch) old = batch_at(fixture, a, 0, 0, NULL);
    add_message(old, fixture->events, 0, "from before");
    struct member *b = member_new(fixture, fixture->bus, "b");
    member_await(a, BUS_NOTICE_REVOKED);
    g_assert_cmpint(a->partitions->len, ==, 4);
    g_assert_true(bus_consumer_release(a->consumer, &error));
    a->kind = b->kind = BUS_NOTICE_NONE;
    int64_t until = now_ms() + PATIENCE_MS;
    while (a->kind != BUS_NOTICE_ASSIGNED || b->kind != BUS_NOTICE_ASSIGNED) {
        member_turn(a, 20, &error);
        member_turn(b, 20, &error);
        g_assert_no_error(error);
        g_assert_cmpint(now_ms(), <, until);
    }
    g_assert_cmpint(a->partitions->len, ==, 2); /* the same partition of both topics */
    const struct bus_partition *one = g_ptr_array_index(a->partitions, 0);
    const struct bus_partition *two = g_ptr_array_index(a->partitions, 1);
    g_assert_cmpint(one->partition, ==, two->partition);
    g_assert_cmpint(bus_sender_commit(sender, old, &error), ==, BUS_STALE);
    g_test_message("%s", error->message);
    g_clear_error(&error);
    g_autoptr(BusBatch) new = batch_at(fixture, a, one->partition, 0, NULL);
    add_message(new, fixture->events, 0, "from after");
    g_assert_cmpint(bus_sender_commit(sender, new, &error), ==, BUS_SENT);
    g_autoptr(GPtrArray) texts = read_texts(fixture->bus, fixture->events, 0, 0);
    g_assert_cmpint(texts->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(texts, 0), ==, "from after");
    member_free(b);
    member_free(a);
}

/* --- Fencing ---------------------------------------------------------------------------------- */

static void test_l4_fenced_sender_commits_nothing(struct fixture *fixture,
                                                  const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusSender) zombie = open_sender(fixture, "slot");
    struct member *member = member_started(fixture, "slot");
    g_autoptr(BusSender) heir = open_sender(fixture, "slot");
    g_autoptr(BusBatch) batch = batch_at(fixture, member, 0, 42, "x");
    add_message(batch, fixture->events, 0, "of a zombie");
    g_assert_cmpint(bus_sender_commit(zombie, batch, &error), ==, BUS_DEAD);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_FATAL);
    g_test_message("%s", error->message);
    g_clear_error(&error);
    g_assert_cmpint(bus_sender_commit(zombie, batch, &error), ==, BUS_DEAD);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_FATAL);
    g_clear_error(&error);
    g_autoptr(GPtrArray) committed = member_committed(member);
    g_assert_cmpint(position_of(committed, fixture->commands, 0)->offset, ==,
                    BUS_OFFSET_NONE);
    g_autoptr(GPtrArray) texts = read_texts(fixture->bus, fixture->events, 0, 0);
    g_assert_cmpint(texts->len, ==, 0);
    send_some(heir, fixture->events, 0, 1);
    member_free(member);
}

/* Answers what it is told; false: it has come to its end. */
static bool member_go_on(struct member *member, GError **error)
{
    g_autoptr(GError) problem = NULL;
    bool news = member_turn(member, 100, &problem);
    if (news && member->kind == BUS_NOTICE_ASSIGNED)
        member_start(member);
    else if (news)
        bus_consumer_release(member->consumer, &problem);
    if (!problem)
        return true;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

/* Two consumers of one name: each fences the other, and one is told that it has come to its
 * end. */
static void test_consumer_fenced(struct fixture *fixture, const void *data)
{
    g_autoptr(GError) error = NULL;
    struct member *zombie = member_started(fixture, "slot");
    struct member *heir = member_started(fixture, "slot");
    int64_t until = now_ms() + PATIENCE_MS;
    while (member_go_on(zombie, &error) && member_go_on(heir, &error))
        g_assert_cmpint(now_ms(), <, until);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_FATAL);
    g_test_message("%s", error->message);
    member_free(heir);
    member_free(zombie);
}

static const struct row {
    const char *path;
    void (*run)(struct fixture *fixture, const void *data);
} test_table[] = {
    {"/bus_kafka/log_id", test_log_id},
    {"/bus_kafka/bad_topics", test_bad_topics},
    {"/bus_kafka/offset_at", test_offset_at},
    {"/bus_kafka/reader_no_topic", test_reader_no_topic},
    {"/bus_kafka/l14_gaps", test_l14_gaps},
    {"/bus_kafka/too_large", test_too_large},
    {"/bus_kafka/consume_and_commit", test_consume_and_commit},
    {"/bus_kafka/one_topic_waits", test_one_topic_waits},
    {"/bus_kafka/l9_lost_offset_is_told", test_lost_offset_is_told},
    {"/bus_kafka/static_restart", test_static_restart},
    {"/bus_kafka/l10_rebalance_makes_batches_stale",
     test_l10_rebalance_makes_batches_stale},
    {"/bus_kafka/l4_fenced_sender_commits_nothing",
     test_l4_fenced_sender_commits_nothing},
    {"/bus_kafka/consumer_fenced", test_consumer_fenced},
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!g_getenv("MUSTER_KAFKA"))
        return 77;
    for (size_t i = 0; i < G_N_ELEMENTS(test_table); i++)
        g_test_add(test_table[i].path, struct fixture, NULL, set_up, test_table[i].run,
                   tear_down);
    return g_test_run();
}
