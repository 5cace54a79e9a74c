/*
 * bus_suite_roles.c - delivery tests with several processes: some die, some are stopped
 * for too long, and still every input has exactly one output.
 *
 * A child is this program in a role.  Children talk by lines on their standard output,
 * and die with the test.
 */
#include "bus_suite_tests.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* --- Roles -------------------------------------------------------------------------- */

static void say(const char *line)
{
    printf("%s\n", line);
    fflush(stdout);
}

/* Consumes `topics[0]`, and says when it has a share. */
static int role_member(const struct place *place, char **arguments)
{
    const char *group = arguments[0], *instance = arguments[1], *topic = arguments[2];
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(Member) member = member_join(bus, group, instance, topic, NULL);
    unsigned told = 0;
    while (!member->error) {
        member_turn(member);
        if (member->assigned > told && member->share && member->share->len > 0)
            say("assigned");
        told = member->assigned;
    }
    return 3;
}

static const char *const sent_names[] = {
    [BUS_SENT] = "sent", [BUS_RETRY] = "retry",     [BUS_STALE] = "stale",
    [BUS_LATE] = "late", [BUS_REFUSED] = "refused", [BUS_DEAD] = "dead",
};

/* Takes a record, stops itself with it in hand, and when it wakes sends what it had. */
static int role_zombie(const struct place *place, char **arguments)
{
    const char *group = arguments[0], *instance = arguments[1];
    const char *in = arguments[2], *out = arguments[3];
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(BusSender) sender = suite_sender(bus, instance);
    g_autoptr(Member) member = member_join(bus, group, instance, in, NULL);
    g_autoptr(BusRecord) record = member_record(member, 0);
    g_autoptr(BusBatch) batch = member_batch(member, group);
    suite_add(batch, out, 0, record->key, "of the zombie");
    suite_position(batch, in, record->partition, record->offset + 1, NULL);
    say("holding");
    raise(SIGSTOP);
    enum bus_sent sent = bus_sender_commit(sender, batch, NULL);
    say(sent == BUS_STALE || sent == BUS_DEAD ? "refused" : sent_names[sent]);
    while (!member->error && member->lost == 0)
        member_turn(member);
    say(member->error ? "ended" : "lost");
    return 0;
}

enum { BATCH_MOST = 8 };

struct worker {
    struct member *member;
    struct bus_sender *sender;
    const char *group, *in, *out;
};

/* As many records as are there, up to BATCH_MOST; NULL if there are none. */
static struct bus_batch *gather(struct worker *worker)
{
    g_autoptr(BusBatch) batch = NULL;
    for (int i = 0; i < BATCH_MOST; i++) {
        g_autoptr(BusRecord) record = bus_consumer_take(worker->member->consumer, 0);
        if (!record)
            break;
        if (!batch)
            batch = member_batch(worker->member, worker->group);
        g_autofree char *value = suite_value(record);
        suite_add(batch, worker->out, record->partition, record->key, value);
        suite_position(batch, worker->in, record->partition, record->offset + 1, "done");
        g_usleep(2000);
    }
    return g_steal_pointer(&batch);
}

/* Of each partition only the last position counts, as with a broker. */
static bool forward(struct worker *worker, const struct bus_batch *batch)
{
    g_autoptr(GError) error = NULL;
    for (;;) {
        g_clear_error(&error);
        switch (bus_sender_commit(worker->sender, batch, &error)) {
        case BUS_SENT:
        case BUS_STALE:
            return true;
        case BUS_RETRY:
        case BUS_LATE:
            g_usleep(20000);
            continue;
        case BUS_REFUSED:
        case BUS_DEAD:
            return false;
        }
    }
}

/* Consumes, transforms, produces, until it is killed. */
static int role_worker(const struct place *place, char **arguments)
{
    struct worker worker = {
        .group = arguments[0], .in = arguments[2], .out = arguments[3]};
    const char *instance = arguments[1];
    g_autoptr(Bus) bus = place_open(place);
    g_autoptr(BusSender) sender = suite_sender(bus, instance);
    g_autoptr(Member) member = member_join(bus, worker.group, instance, worker.in, NULL);
    worker.member = member;
    worker.sender = sender;
    while (!member->error) {
        g_autoptr(BusBatch) batch = member->share ? gather(&worker) : NULL;
        if (batch && !forward(&worker, batch))
            return 3;
        if (!batch)
            member_turn(member);
        else
            member_notices(member);
    }
    return 3;
}

static const struct role_row {
    const char *name;
    int (*play)(const struct place *place, char **arguments);
} role_table[] = {
    {"member", role_member},
    {"zombie", role_zombie},
    {"worker", role_worker},
};

int suite_role(const struct place *place, const char *role, char **arguments)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < G_N_ELEMENTS(role_table); i++) {
        if (g_str_equal(role_table[i].name, role))
            return role_table[i].play(place, arguments);
    }
    g_error("no such role: %s", role);
}

/* --- Death -------------------------------------------------------------------------- */

enum { PARTITIONS = 4 };

static void test_rebalance_on_death(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", PARTITIONS);
    g_autofree char *group = place_name(place, "group");
    g_autoptr(Child) child = child_start(place, "member", group, "one", topic, NULL);
    child_expect(child, "assigned");
    g_autoptr(Member) two = member_join(bus, group, "two", topic, NULL);
    members_settle(&two, 1, PARTITIONS / 2);
    g_clear_pointer(&child, child_kill);
    members_settle(&two, 1, PARTITIONS);
    g_assert_cmpuint(two->lost, ==, 0);
}

/* The same name in two processes: the last one wins, and the first one ends. */
static void test_takeover_by_another_process(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *topic = place_topic(place, bus, "topic", PARTITIONS);
    g_autofree char *group = place_name(place, "group");
    g_autoptr(Member) older = member_join(bus, group, "one", topic, NULL);
    members_settle(&older, 1, PARTITIONS);
    g_autoptr(Child) child = child_start(place, "member", group, "one", topic, NULL);
    child_expect(child, "assigned");
    int64_t deadline = suite_deadline();
    while (!older->error) {
        member_turn(older);
        suite_patience(deadline, "the older process to be told");
    }
    g_assert_error(older->error, BUS_ERROR, BUS_ERROR_FATAL);
}

static void test_l2_zombie_commits_nothing(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *in = place_topic(place, bus, "in", 1);
    g_autofree char *out = place_topic(place, bus, "out", 1);
    g_autofree char *group = place_name(place, "group");
    g_autofree char *zombie_name = place_name(place, "zombie");
    g_autofree char *name = place_name(place, "sender");
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    suite_send(sender, in, 0, "key", "a command");
    g_autoptr(Child)
        zombie = child_start(place, "zombie", group, zombie_name, in, out, NULL);
    child_expect(zombie, "holding");
    child_wait_stopped(zombie);
    /* The next owner does the work. */
    g_autoptr(Member) heir = member_join(bus, group, "heir", in, NULL);
    g_autoptr(BusRecord) record = member_record(heir, 0);
    g_autoptr(BusBatch) batch = member_batch(heir, group);
    suite_add(batch, out, 0, record->key, "of the heir");
    suite_position(batch, in, 0, record->offset + 1, NULL);
    g_assert_cmpint(bus_sender_commit(sender, batch, NULL), ==, BUS_SENT);
    kill(zombie->pid, SIGCONT);
    child_expect(zombie, "refused");
    child_expect(zombie, "lost");
    g_autoptr(GPtrArray) records = suite_read_all(bus, out, 1);
    g_assert_cmpuint(records->len, ==, 1);
    g_autofree char *value = suite_value(records->pdata[0]);
    g_assert_cmpstr(value, ==, "of the heir");
}

/* --- Exactly once ------------------------------------------------------------------- */

enum { INPUTS = 600, KEYS = 20, WORKERS = 2, KILL_EVERY = 50 };

static void send_inputs(struct bus *bus, const char *name, const char *topic)
{
    g_autoptr(BusSender) sender = suite_sender(bus, name);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    for (int i = 0; i < INPUTS; i++) {
        g_autofree char *key = g_strdup_printf("%d", i % KEYS);
        g_autofree char *value = g_strdup_printf("%d", i);
        suite_add(batch, topic, i % KEYS % PARTITIONS, key, value);
    }
    g_assert_cmpint(bus_sender_commit(sender, batch, NULL), ==, BUS_SENT);
}

static struct bus_reader *read_outputs(struct bus *bus, const char *topic)
{
    g_autoptr(GPtrArray) positions = bus_positions_new();
    for (int32_t i = 0; i < PARTITIONS; i++)
        g_ptr_array_add(positions, bus_position_new(topic, i, BUS_OFFSET_NONE, NULL));
    struct bus_reader *reader = bus_reader_open(bus, positions, NULL);
    g_assert_nonnull(reader);
    return reader;
}

/* Workers that are started again whenever they end, as by systemd. */
struct crew {
    struct place *place;
    const char *group, *in, *out;
    char *names[WORKERS];
    struct child *workers[WORKERS];
};

static void crew_start(struct crew *crew, int which)
{
    child_kill(crew->workers[which]);
    crew->workers[which] = child_start(crew->place, "worker", crew->group,
                                       crew->names[which], crew->in, crew->out, NULL);
}

/* Kills one, any, at a moment that nobody chose. */
static void crew_kill_one(struct crew *crew)
{
    g_usleep((gulong)g_random_int_range(0, 30000));
    crew_start(crew, g_random_int_range(0, WORKERS));
}

static void crew_look_after(struct crew *crew)
{
    for (int i = 0; i < WORKERS; i++) {
        if (child_has_ended(crew->workers[i]))
            crew_start(crew, i);
    }
}

static void crew_assemble(struct crew *crew)
{
    for (int i = 0; i < WORKERS; i++) {
        crew->names[i] = place_name(crew->place, "worker");
        crew_start(crew, i);
    }
}

static void crew_dismiss(struct crew *crew)
{
    for (int i = 0; i < WORKERS; i++) {
        child_kill(crew->workers[i]);
        g_free(crew->names[i]);
    }
}

static void check_outputs(const GPtrArray *records)
{
    int times[INPUTS] = {0}, last[KEYS];
    for (int i = 0; i < KEYS; i++)
        last[i] = -1;
    for (guint i = 0; i < records->len; i++) {
        const struct bus_record *record = g_ptr_array_index(records, i);
        g_autofree char *value = suite_value(record);
        int key = atoi(record->key), input = atoi(value);
        g_assert_cmpint(input, >, last[key]); /* in order of its key */
        last[key] = input;
        times[input]++;
    }
    for (int i = 0; i < INPUTS; i++)
        g_assert_cmpint(times[i], ==, 1);
}

static void test_exactly_once_under_kill(struct place *place)
{
    g_autoptr(Bus) bus = place_open(place);
    g_autofree char *in = place_topic(place, bus, "in", PARTITIONS);
    g_autofree char *out = place_topic(place, bus, "out", PARTITIONS);
    g_autofree char *group = place_name(place, "group");
    g_autofree char *name = place_name(place, "sender");
    send_inputs(bus, name, in);
    struct crew crew = {.place = place, .group = group, .in = in, .out = out};
    crew_assemble(&crew);
    g_autoptr(BusReader) reader = read_outputs(bus, out);
    int64_t deadline = suite_deadline();
    for (int seen = 0; seen < INPUTS;) {
        g_autoptr(BusRecord) record = NULL;
        g_assert_true(bus_reader_next(reader, 200, &record, NULL));
        if (record && ++seen % KILL_EVERY == 0) {
            crew_kill_one(&crew);
            deadline = suite_deadline();
        }
        crew_look_after(&crew);
        suite_patience(deadline, "outputs");
    }
    crew_dismiss(&crew);
    g_autoptr(GPtrArray) records = suite_read_all(bus, out, PARTITIONS);
    check_outputs(records);
}

const struct suite_test bus_process_tests[] = {
    {"rebalance_on_death", test_rebalance_on_death},
    {"takeover_by_another_process", test_takeover_by_another_process},
    {"l2_zombie_commits_nothing", test_l2_zombie_commits_nothing},
    {"exactly_once_under_kill", test_exactly_once_under_kill},
    {NULL, NULL},
};
