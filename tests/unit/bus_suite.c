/*
 * bus_suite.c - what the tests of a bus have in common.
 *
 * Fails the running test at once when a bus does something that no test asks for; it does
 * not look behind the bus's interface.
 */
#include "bus_suite.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Where a test runs -------------------------------------------------------------- */

struct bus *place_open(const struct place *place)
{
    g_autoptr(GError) error = NULL;
    struct bus *bus = bus_open(place->url, place->properties, &error);
    g_assert_no_error(error);
    return bus;
}

char *place_name(struct place *place, const char *noun)
{
    return g_strdup_printf("%s-%u-%s", place->run, place->names++, noun);
}

char *place_topic(struct place *place, struct bus *bus, const char *noun,
                  int32_t partitions)
{
    g_autoptr(GError) error = NULL;
    char *name = place_name(place, noun);
    struct bus_topic topic = {
        .name = name, .partitions = partitions, .retention_ms = -1, .append_time = true};
    bus_topic_make(bus, &topic, PATIENCE_MS, &error);
    g_assert_no_error(error);
    return name;
}

int64_t suite_deadline(void)
{
    return g_get_monotonic_time() + PATIENCE_MS * INT64_C(1000);
}

void suite_patience(int64_t deadline, const char *what)
{
    if (g_get_monotonic_time() > deadline)
        g_error("waited %d ms in vain: %s", PATIENCE_MS, what);
}

/* --- In and out --------------------------------------------------------------------- */

struct bus_sender *suite_sender(struct bus *bus, const char *name)
{
    g_autoptr(GError) error = NULL;
    struct bus_sender *sender = bus_sender_open(bus, name, PATIENCE_MS, &error);
    g_assert_no_error(error);
    return sender;
}

void suite_add(struct bus_batch *batch, const char *topic, int32_t partition,
               const char *key, const char *value)
{
    g_autoptr(GBytes) bytes = value ? g_bytes_new(value, strlen(value)) : NULL;
    g_ptr_array_add(batch->messages, bus_message_new(topic, partition, key, bytes));
}

void suite_send(struct bus_sender *sender, const char *topic, int32_t partition,
                const char *key, const char *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    suite_add(batch, topic, partition, key, value);
    enum bus_sent sent = bus_sender_commit(sender, batch, &error);
    g_assert_no_error(error);
    g_assert_cmpint(sent, ==, BUS_SENT);
}

struct bus_reader *suite_reader(struct bus *bus, const char *topic, int32_t partition,
                                int64_t offset)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(topic, partition, offset, NULL));
    struct bus_reader *reader = bus_reader_open(bus, positions, &error);
    g_assert_no_error(error);
    return reader;
}

struct bus_record *suite_next(struct bus_reader *reader)
{
    g_autoptr(GError) error = NULL;
    struct bus_record *record = NULL;
    bus_reader_next(reader, PATIENCE_MS, &record, &error);
    g_assert_no_error(error);
    g_assert_nonnull(record);
    return record;
}

static void read_partition(struct bus *bus, const char *topic, int32_t partition,
                           GPtrArray *records)
{
    g_autoptr(GError) error = NULL;
    int64_t first = 0, end = 0, deadline = suite_deadline();
    bus_topic_range(bus, topic, partition, PATIENCE_MS, &first, &end, &error);
    g_assert_no_error(error);
    g_autoptr(BusReader) reader = suite_reader(bus, topic, partition, first);
    while (!bus_reader_passed(reader, topic, partition, end)) {
        struct bus_record *record = NULL;
        bus_reader_next(reader, 200, &record, &error);
        g_assert_no_error(error);
        if (record)
            g_ptr_array_add(records, record);
        suite_patience(deadline, "a reader to pass the end");
    }
}

GPtrArray *suite_read_all(struct bus *bus, const char *topic, int32_t partitions)
{
    GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)bus_record_free);
    for (int32_t i = 0; i < partitions; i++)
        read_partition(bus, topic, i, records);
    return records;
}

char *suite_value(const struct bus_record *record)
{
    gsize length = 0;
    const char *text = record->value ? g_bytes_get_data(record->value, &length) : NULL;
    return g_strndup(text ? text : "", length);
}

/* --- A member of a group ------------------------------------------------------------ */

struct member *member_join(struct bus *bus, const char *group, const char *instance,
                           const char *first_topic, const char *second_topic)
{
    g_autoptr(GError) error = NULL;
    const char *topics[] = {first_topic, second_topic, NULL};
    struct member *member = g_new0(struct member, 1);
    member->bus = bus;
    member->consumer = bus_consumer_open(bus, group, instance, topics, &error);
    g_assert_no_error(error);
    return member;
}

static void forget_share(struct member *member)
{
    g_clear_pointer(&member->share, g_ptr_array_unref);
    g_clear_pointer(&member->membership, bus_membership_unref);
}

void member_free(struct member *member)
{
    if (!member)
        return;
    forget_share(member);
    g_clear_pointer(&member->range, g_ptr_array_unref);
    g_clear_error(&member->error);
    bus_consumer_close(member->consumer);
    g_free(member);
}

/* From what is committed, or from the first record that is there. */
static void start(struct member *member)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) positions = bus_consumer_committed(
        member->consumer, member->share, PATIENCE_MS, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < positions->len; i++) {
        struct bus_position *position = g_ptr_array_index(positions, i);
        int64_t end = 0;
        if (position->offset != BUS_OFFSET_NONE)
            continue;
        bus_topic_range(member->bus, position->topic, position->partition, PATIENCE_MS,
                        &position->offset, &end, &error);
        g_assert_no_error(error);
    }
    bus_consumer_start(member->consumer, positions, &error);
    g_assert_no_error(error);
}

void member_release(struct member *member)
{
    g_autoptr(GError) error = NULL;
    forget_share(member);
    member->is_revoked = false;
    bus_consumer_release(member->consumer, &error);
    g_assert_no_error(error);
}

static void give_back(struct member *member)
{
    member->is_revoked = true;
    if (!member->is_stubborn)
        member_release(member);
}

static void answer(struct member *member, struct bus_notice *notice)
{
    switch (notice->kind) {
    case BUS_NOTICE_NONE:
    case BUS_NOTICE_ERROR:
        break;
    case BUS_NOTICE_ASSIGNED:
        member->assigned++;
        forget_share(member);
        member->share = g_steal_pointer(&notice->partitions);
        member->membership = g_steal_pointer(&notice->membership);
        start(member);
        break;
    case BUS_NOTICE_REVOKED:
        member->revoked++;
        give_back(member);
        break;
    case BUS_NOTICE_LOST:
        member->lost++;
        give_back(member);
        break;
    case BUS_NOTICE_RANGE:
        g_clear_pointer(&member->range, g_ptr_array_unref);
        member->range = g_steal_pointer(&notice->partitions);
        break;
    }
}

void member_notices(struct member *member)
{
    enum bus_notice_kind kind = BUS_NOTICE_NONE;
    do {
        struct bus_notice notice = {0};
        if (member->error ||
            !bus_consumer_notice(member->consumer, &notice, &member->error))
            return;
        kind = notice.kind;
        answer(member, &notice);
        bus_notice_clear(&notice);
    } while (kind != BUS_NOTICE_NONE);
}

void member_turn(struct member *member)
{
    struct pollfd descriptor = {.fd = bus_consumer_fd(member->consumer),
                                .events = POLLIN};
    poll(&descriptor, 1, 50);
    member_notices(member);
}

void members_settle(struct member *const *members, size_t count, guint partitions)
{
    int64_t deadline = suite_deadline();
    for (;;) {
        size_t settled = 0;
        for (size_t i = 0; i < count; i++) {
            member_turn(members[i]);
            g_assert_no_error(members[i]->error);
            settled += members[i]->share && members[i]->share->len == partitions;
        }
        if (settled == count)
            return;
        suite_patience(deadline, "a group to settle");
    }
}

struct bus_record *member_record(struct member *member, unsigned topic_index)
{
    int64_t deadline = suite_deadline();
    for (;;) {
        struct bus_record *record = bus_consumer_take(member->consumer, topic_index);
        if (record)
            return record;
        member_turn(member);
        g_assert_no_error(member->error);
        suite_patience(deadline, "a record");
    }
}

bool member_has(const struct member *member, const char *topic, int32_t partition)
{
    for (guint i = 0; member->share && i < member->share->len; i++) {
        const struct bus_partition *has = g_ptr_array_index(member->share, i);
        if (has->partition == partition && g_str_equal(has->topic, topic))
            return true;
    }
    return false;
}

struct bus_position *member_committed(struct member *member, const char *topic,
                                      int32_t partition)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) partitions = bus_partitions_new();
    bus_partitions_add(partitions, topic, partition);
    g_autoptr(GPtrArray) positions = bus_consumer_committed(member->consumer, partitions,
                                                            PATIENCE_MS, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(positions->len, ==, 1);
    const struct bus_position *found = g_ptr_array_index(positions, 0);
    return bus_position_new(found->topic, found->partition, found->offset,
                            found->metadata);
}

struct bus_batch *member_batch(struct member *member, const char *group)
{
    g_assert_nonnull(member->membership);
    return bus_batch_new(group, member->membership);
}

void suite_position(struct bus_batch *batch, const char *topic, int32_t partition,
                    int64_t offset, const char *metadata)
{
    g_ptr_array_add(batch->positions,
                    bus_position_new(topic, partition, offset, metadata));
}

/* --- Other processes ---------------------------------------------------------------- */

/* argv of a child: role, label, url, run, then the role's own. */
struct child *child_start(const struct place *place, const char *role, ...)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    const char *first[] = {self, "role", role, place->label, place->url, place->run};
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++)
        g_ptr_array_add(words, (char *)first[i]);
    va_list rest;
    va_start(rest, role);
    for (char *word; (word = va_arg(rest, char *));)
        g_ptr_array_add(words, word);
    va_end(rest);
    g_ptr_array_add(words, NULL);
    g_autoptr(GError) error = NULL;
    struct child *child = g_new0(struct child, 1);
    g_spawn_async_with_pipes(NULL, (char **)words->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                             NULL, NULL, &child->pid, NULL, &child->output, NULL, &error);
    g_assert_no_error(error);
    return child;
}

bool child_has_ended(struct child *child)
{
    if (child->pid && waitpid(child->pid, NULL, WNOHANG) == child->pid)
        child->pid = 0;
    return child->pid == 0;
}

void child_kill(struct child *child)
{
    if (!child)
        return;
    if (!child_has_ended(child)) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    close(child->output);
    g_free(child);
}

/* A byte at a time: what comes after the line is for the next call. */
static void read_line(struct child *child, GString *line, int64_t deadline)
{
    g_string_truncate(line, 0);
    for (;;) {
        char byte = 0;
        struct pollfd descriptor = {.fd = child->output, .events = POLLIN};
        suite_patience(deadline, "a line of a child process");
        if (poll(&descriptor, 1, 1000) <= 0)
            continue;
        if (read(child->output, &byte, 1) != 1)
            g_error("a child process ended early");
        if (byte == '\n')
            return;
        g_string_append_c(line, byte);
    }
}

void child_expect(struct child *child, const char *line)
{
    int64_t deadline = suite_deadline();
    g_autoptr(GString) got = g_string_new(NULL);
    do {
        read_line(child, got, deadline);
    } while (!g_str_equal(got->str, line));
}

void child_wait_stopped(struct child *child)
{
    int status = 0;
    g_assert_cmpint(waitpid(child->pid, &status, WUNTRACED), ==, child->pid);
    g_assert_true(WIFSTOPPED(status));
}
