/*
 * bus_suite_group.c - delivery tests of groups within one process: assignment,
 * positions and metadata, takeover, batches of an older assignment, topics that hold
 * back no other.
 */
#include "bus_suite_tests.h"

#include <string.h>

enum { PARTITIONS = 4 };

/* Two topics that are consumed together, and their group. */
struct pair {
    struct bus *bus;
    char *commands, *control, *group, *sender_name;
    struct bus_sender *sender;
};

static struct pair *pair_new(struct place *place)
{
    struct pair *pair = g_new0(struct pair, 1);
    pair->bus = place_open(place);
    pair->commands = place_topic(place, pair->bus, "commands", PARTITIONS);
    pair->control = place_topic(place, pair->bus, "control", PARTITIONS);
    pair->group = place_name(place, "group");
    pair->sender_name = place_name(place, "sender");
    pair->sender = suite_sender(pair->bus, pair->sender_name);
    return pair;
}

static void pair_free(struct pair *pair)
{
    bus_sender_close(pair->sender);
    bus_close(pair->bus);
    g_free(pair->commands);
    g_free(pair->control);
    g_free(pair->group);
    g_free(pair->sender_name);
    g_free(pair);
}
typedef struct pair Pair;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pair, pair_free)

static struct member *pair_join(struct pair *pair, const char *instance)
{
    return member_join(pair->bus, pair->group, instance, pair->commands, pair->control);
}

/* Partition n of both topics has one owner, and each partition one in all. */
static void check_shares(struct pair *pair, struct member *const *members, size_t count)
{
    for (int32_t n = 0; n < PARTITIONS; n++) {
        guint owners = 0;
        for (size_t i = 0; i < count; i++) {
            bool has = member_has(members[i], pair->commands, n);
            g_assert_true(has == member_has(members[i], pair->control, n));
            owners += has;
        }
        g_assert_cmpuint(owners, ==, 1);
    }
}

/* --- Assignment --------------------------------------------------------------------- */

static void test_one_member_has_all(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    check_shares(pair, &member, 1);
    g_assert_nonnull(member->membership);
    /* Sorted by topic, then partition. */
    for (guint i = 1; i < member->share->len; i++) {
        const struct bus_partition *before = member->share->pdata[i - 1];
        const struct bus_partition *here = member->share->pdata[i];
        int order = strcmp(before->topic, here->topic);
        g_assert_true(order < 0 || (order == 0 && before->partition < here->partition));
    }
}

static void test_rebalance_on_join(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) one = pair_join(pair, "one");
    members_settle(&one, 1, 2 * PARTITIONS);
    g_autoptr(Member) two = pair_join(pair, "two");
    struct member *both[] = {one, two};
    members_settle(both, 2, PARTITIONS);
    check_shares(pair, both, 2);
    g_assert_cmpuint(one->revoked, >=, 1);
    g_assert_cmpuint(one->lost, ==, 0);
    g_assert_cmpuint(two->revoked, ==, two->assigned - 1);
}

/* Nobody is given a partition before its old owner has released it. */
static void test_revoked_is_awaited(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) one = pair_join(pair, "one");
    members_settle(&one, 1, 2 * PARTITIONS);
    one->is_stubborn = true;
    g_autoptr(Member) two = pair_join(pair, "two");
    int64_t deadline = suite_deadline();
    while (!one->is_revoked) {
        member_turn(one);
        member_turn(two);
        suite_patience(deadline, "a revocation");
    }
    for (int i = 0; i < 10; i++) {
        member_turn(one);
        member_turn(two);
        g_assert_true(!two->share || two->share->len == 0);
    }
    /* What was begun under the old assignment can still be finished. */
    g_autoptr(BusBatch) batch = member_batch(one, pair->group);
    suite_position(batch, pair->commands, 0, 0, "finished");
    g_assert_cmpint(bus_sender_commit(pair->sender, batch, NULL), ==, BUS_SENT);
    one->is_stubborn = false;
    member_release(one);
    struct member *both[] = {one, two};
    members_settle(both, 2, PARTITIONS);
    check_shares(pair, both, 2);
}

static void test_takeover_by_the_same_instance(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) one = pair_join(pair, "one");
    g_autoptr(Member) other = pair_join(pair, "other");
    struct member *both[] = {one, other};
    members_settle(both, 2, PARTITIONS);
    unsigned revoked = other->revoked, assigned = other->assigned;
    g_autoptr(Bus) second_bus = place_open(place);
    g_autoptr(Member) again = member_join(second_bus, pair->group, "one", pair->commands,
                                          pair->control);
    int64_t deadline = suite_deadline();
    while (!again->share || !one->error) {
        member_turn(one);
        member_turn(again);
        member_turn(other);
        suite_patience(deadline, "the slot to be taken over");
    }
    g_assert_error(one->error, BUS_ERROR, BUS_ERROR_FATAL);
    struct member *now[] = {again, other};
    check_shares(pair, now, 2);
    g_assert_cmpuint(other->revoked, ==, revoked);
    g_assert_cmpuint(other->assigned, ==, assigned);
    /* What the older process had in hand is not committed any more. */
    g_autoptr(BusBatch) batch = member_batch(one, pair->group);
    suite_add(batch, pair->control, 0, "key", "of a zombie");
    suite_position(batch, pair->commands, 0, 0, NULL);
    enum bus_sent sent = bus_sender_commit(pair->sender, batch, NULL);
    g_assert_true(sent == BUS_STALE || sent == BUS_DEAD);
}

/* --- Positions ---------------------------------------------------------------------- */

static void test_l9_nothing_committed(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    struct bus_position *position = member_committed(member, pair->commands, 1);
    g_assert_cmpint(position->offset, ==, BUS_OFFSET_NONE);
    bus_position_free(position);
}

static void commit_position(struct pair *pair, struct member *member, int64_t offset,
                            const char *metadata)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BusBatch) batch = member_batch(member, pair->group);
    suite_add(batch, pair->control, 0, "key", "an event");
    suite_position(batch, pair->commands, 1, offset, metadata);
    enum bus_sent sent = bus_sender_commit(pair->sender, batch, &error);
    g_assert_no_error(error);
    g_assert_cmpint(sent, ==, BUS_SENT);
}

static void test_positions_and_metadata_come_back(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autofree char *metadata = g_strnfill(3000, 'm');
    suite_send(pair->sender, pair->commands, 1, "key", "a command");
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    g_autoptr(BusRecord) record = member_record(member, 0);
    commit_position(pair, member, record->offset, "first");
    commit_position(pair, member, record->offset + 1, metadata);
    struct bus_position *position = member_committed(member, pair->commands, 1);
    g_assert_cmpint(position->offset, ==, record->offset + 1);
    g_assert_cmpstr(position->metadata, ==, metadata);
    bus_position_free(position);
    /* A restart under the same name reads on from there. */
    g_clear_pointer(&member, member_free);
    suite_send(pair->sender, pair->commands, 1, "key", "the next");
    g_autoptr(Member) again = pair_join(pair, "one");
    g_autoptr(BusRecord) next = member_record(again, 0);
    g_autofree char *value = suite_value(next);
    g_assert_cmpstr(value, ==, "the next");
}

static void test_too_much_metadata_is_refused(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autofree char *metadata = g_strnfill(5000, 'm');
    g_autoptr(GError) error = NULL;
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    g_autoptr(BusBatch) batch = member_batch(member, pair->group);
    suite_add(batch, pair->control, 0, "key", "not committed");
    suite_position(batch, pair->commands, 1, 0, metadata);
    g_assert_cmpint(bus_sender_commit(pair->sender, batch, &error), ==, BUS_REFUSED);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_TOO_LARGE);
    g_autoptr(GPtrArray) records = suite_read_all(pair->bus, pair->control, 1);
    g_assert_cmpuint(records->len, ==, 0);
    commit_position(pair, member, 0, "small");
}

static void test_l10_batch_of_an_older_assignment(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(GError) error = NULL;
    g_autoptr(Member) one = pair_join(pair, "one");
    members_settle(&one, 1, 2 * PARTITIONS);
    g_autoptr(BusBatch) batch = member_batch(one, pair->group);
    suite_add(batch, pair->control, 0, "key", "of an older assignment");
    suite_position(batch, pair->commands, 0, 0, "older");
    g_autoptr(Member) two = pair_join(pair, "two");
    struct member *both[] = {one, two};
    members_settle(both, 2, PARTITIONS);
    g_assert_cmpint(bus_sender_commit(pair->sender, batch, &error), ==, BUS_STALE);
    g_assert_nonnull(error);
    /* Nothing of it is there, and the sender goes on. */
    commit_position(pair, one, 0, NULL);
    g_autoptr(GPtrArray) records = suite_read_all(pair->bus, pair->control, PARTITIONS);
    g_assert_cmpuint(records->len, ==, 1);
    struct bus_position *position = member_committed(one, pair->commands, 0);
    g_assert_cmpint(position->offset, ==, BUS_OFFSET_NONE);
    bus_position_free(position);
}

static void test_l4_fenced_sender_commits_no_position(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    g_autoptr(BusSender) newer = suite_sender(pair->bus, pair->sender_name);
    g_autoptr(BusBatch) batch = member_batch(member, pair->group);
    suite_add(batch, pair->control, 0, "key", "of a zombie");
    suite_position(batch, pair->commands, 0, 7, "of a zombie");
    g_assert_cmpint(bus_sender_commit(pair->sender, batch, NULL), ==, BUS_DEAD);
    struct bus_position *position = member_committed(member, pair->commands, 0);
    g_assert_cmpint(position->offset, ==, BUS_OFFSET_NONE);
    bus_position_free(position);
    g_assert_cmpint(bus_sender_commit(newer, batch, NULL), ==, BUS_SENT);
}

/* --- Records ------------------------------------------------------------------------ */

enum { QUEUED = 2000 };

/* Back-pressure: commands that nobody takes hold back no control record. */
static void test_one_topic_holds_back_no_other(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    for (int i = 0; i < QUEUED; i++) {
        g_autofree char *value = g_strdup_printf("%d", i);
        suite_add(batch, pair->commands, 0, "key", value);
    }
    g_assert_cmpint(bus_sender_commit(pair->sender, batch, NULL), ==, BUS_SENT);
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    suite_send(pair->sender, pair->control, 0, "key", "cancel");
    g_autoptr(BusRecord) cancel = member_record(member, 1);
    g_assert_cmpstr(cancel->topic, ==, pair->control);
    for (int i = 0; i < QUEUED; i++) {
        g_autoptr(BusRecord) record = member_record(member, 0);
        g_autofree char *value = suite_value(record);
        g_assert_cmpint(atoi(value), ==, i);
    }
}

static void test_nothing_is_taken_after_release(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    g_autoptr(Member) one = pair_join(pair, "one");
    members_settle(&one, 1, 2 * PARTITIONS);
    one->is_stubborn = true;
    g_autoptr(Member) two = pair_join(pair, "two");
    int64_t deadline = suite_deadline();
    while (!one->is_revoked) {
        member_turn(one);
        member_turn(two);
        suite_patience(deadline, "a revocation");
    }
    member_release(one);
    for (int32_t n = 0; n < PARTITIONS; n++)
        suite_send(pair->sender, pair->commands, n, "key", "for the next owner");
    g_assert_null(bus_consumer_take(one->consumer, 0));
    one->is_stubborn = false;
    struct member *both[] = {one, two};
    members_settle(both, 2, PARTITIONS);
    for (int32_t n = 0; n < PARTITIONS; n++) {
        struct member *owner = both[member_has(two, pair->commands, n)];
        g_autoptr(BusRecord) record = member_record(owner, 0);
        g_assert_true(member_has(owner, pair->commands, record->partition));
    }
}

static void test_start_out_of_range(struct place *place)
{
    g_autoptr(Pair) pair = pair_new(place);
    suite_send(pair->sender, pair->commands, 2, "key", "a command");
    g_autoptr(Member) member = pair_join(pair, "one");
    members_settle(&member, 1, 2 * PARTITIONS);
    commit_position(pair, member, 0, NULL);
    g_autoptr(BusBatch) batch = member_batch(member, pair->group);
    suite_position(batch, pair->commands, 2, 1000, NULL);
    g_assert_cmpint(bus_sender_commit(pair->sender, batch, NULL), ==, BUS_SENT);
    g_clear_pointer(&member, member_free);
    g_autoptr(Member) again = pair_join(pair, "one");
    int64_t deadline = suite_deadline();
    while (!again->range) {
        member_turn(again);
        g_assert_null(bus_consumer_take(again->consumer, 0));
        g_assert_no_error(again->error);
        suite_patience(deadline, "a notice about the offset");
    }
    g_assert_cmpuint(again->range->len, ==, 1);
    const struct bus_partition *lost = again->range->pdata[0];
    g_assert_cmpstr(lost->topic, ==, pair->commands);
    g_assert_cmpint(lost->partition, ==, 2);
}

const struct suite_test bus_group_tests[] = {
    {"one_member_has_all", test_one_member_has_all},
    {"rebalance_on_join", test_rebalance_on_join},
    {"revoked_is_awaited", test_revoked_is_awaited},
    {"takeover_by_the_same_instance", test_takeover_by_the_same_instance},
    {"l9_nothing_committed", test_l9_nothing_committed},
    {"positions_and_metadata_come_back", test_positions_and_metadata_come_back},
    {"too_much_metadata_is_refused", test_too_much_metadata_is_refused},
    {"l10_batch_of_an_older_assignment", test_l10_batch_of_an_older_assignment},
    {"l4_fenced_sender_commits_no_position", test_l4_fenced_sender_commits_no_position},
    {"one_topic_holds_back_no_other", test_one_topic_holds_back_no_other},
    {"nothing_is_taken_after_release", test_nothing_is_taken_after_release},
    {"start_out_of_range", test_start_out_of_range},
    {NULL, NULL},
};
