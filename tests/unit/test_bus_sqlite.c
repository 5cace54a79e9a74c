/*
 * test_bus_sqlite.c - what only the embedded bus has: its file, its disk, leases that run
 * out, retention and compaction.  Delivery is tested by test_bus.c, as on every bus.
 */
#include "bus_suite.h"
#include "bus_suite_vfs.h"

#include "bus_sqlite.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- A bus in a directory of its own ------------------------------------------------ */

struct home {
    char *directory, *path;
    struct place place;
};

static struct home *home_new(void)
{
    struct home *home = g_new0(struct home, 1);
    home->directory = g_dir_make_tmp("muster-bus-XXXXXX", NULL);
    home->path = g_build_filename(home->directory, "bus.db", NULL);
    home->place.label = g_strdup("sqlite");
    home->place.run = g_strdup("t");
    home->place.url = g_strconcat("sqlite://", home->path, NULL);
    home->place.properties = g_ptr_array_new();
    /* On a busy machine none may run out by itself. */
    g_ptr_array_add(home->place.properties, (char *)"bus.lease.ms=600000");
    return home;
}

static void home_free(struct home *home)
{
    g_autoptr(GDir) directory = g_dir_open(home->directory, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(directory))) {
        g_autofree char *file = g_build_filename(home->directory, name, NULL);
        g_unlink(file);
    }
    g_rmdir(home->directory);
    g_ptr_array_unref(home->place.properties);
    g_free(home->place.label);
    g_free(home->place.run);
    g_free(home->place.url);
    g_free(home->directory);
    g_free(home->path);
    g_free(home);
}
typedef struct home Home;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Home, home_free)

/* Another program at the file. */
static sqlite3 *stranger_open(struct home *home)
{
    sqlite3 *stranger = NULL;
    g_assert_cmpint(sqlite3_open(home->path, &stranger), ==, SQLITE_OK);
    return stranger;
}

static void stranger_do(sqlite3 *stranger, const char *text)
{
    g_assert_cmpint(sqlite3_exec(stranger, text, NULL, NULL, NULL), ==, SQLITE_OK);
}

static void write_into(struct home *home, const char *text)
{
    sqlite3 *stranger = stranger_open(home);
    stranger_do(stranger, text);
    sqlite3_close(stranger);
}

/* --- What is next ------------------------------------------------------------------- */

struct decide_row {
    const char *case_name;
    struct view view; /* epoch, alive, holds, generation, expired, blocked */
    struct self self; /* phase, epoch, generation, renewal is due */
    enum act act;
};

/* clang-format off */
static const struct decide_row decide_table[] = {
    {"a new member takes its share",
     {1, true, 0, 5, false, false}, {PHASE_WAITING, 1, 0, false}, ACT_TAKE},
    {"not before the others have released theirs",
     {1, true, 0, 5, false, true}, {PHASE_WAITING, 1, 0, false}, ACT_NOTHING},
    {"not while somebody is silent",
     {1, true, 0, 5, true, false}, {PHASE_WAITING, 1, 0, false}, ACT_SWEEP},
    {"what was released is written down before anything is taken",
     {1, true, 4, 5, false, false}, {PHASE_WAITING, 1, 4, false}, ACT_RELEASE},
    {"all is well",
     {1, true, 5, 5, false, false}, {PHASE_RUNNING, 1, 5, false}, ACT_NOTHING},
    {"a lease is renewed",
     {1, true, 5, 5, false, false}, {PHASE_RUNNING, 1, 5, true}, ACT_RENEW},
    {"while being asked to give back, too",
     {1, true, 4, 5, false, false}, {PHASE_RELEASING, 1, 4, true}, ACT_RENEW},
    {"a newer generation",
     {1, true, 4, 5, false, false}, {PHASE_RUNNING, 1, 4, false}, ACT_REVOKE},
    {"no second word before release()",
     {1, true, 4, 6, false, false}, {PHASE_RELEASING, 1, 4, false}, ACT_NOTHING},
    {"no revocation before start()",
     {1, true, 4, 5, false, false}, {PHASE_OFFERED, 1, 4, false}, ACT_NOTHING},
    {"a lease that ran out in work",
     {1, false, 4, 5, false, false}, {PHASE_RUNNING, 1, 4, true}, ACT_LOSE},
    {"is not joined again before release()",
     {1, false, 0, 5, false, false}, {PHASE_RELEASING, 1, 4, true}, ACT_NOTHING},
    {"but then",
     {1, false, 0, 5, false, true}, {PHASE_WAITING, 1, 4, true}, ACT_JOIN},
    {"a lost lease and a taken slot: the slot counts",
     {2, false, 0, 5, true, true}, {PHASE_RUNNING, 1, 4, true}, ACT_FENCED},
    {"whatever it was about to do",
     {2, true, 0, 5, false, false}, {PHASE_WAITING, 1, 0, false}, ACT_FENCED},
};
/* clang-format on */

static void test_decide(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(decide_table); i++) {
        const struct decide_row *row = &decide_table[i];
        g_test_message("%s", row->case_name);
        g_assert_cmpint(decide(&row->view, &row->self), ==, row->act);
    }
}

static void test_shares_add_up(void)
{
    for (int64_t partitions = 1; partitions < 20; partitions++) {
        for (int64_t members = 1; members < 8; members++) {
            int64_t next = 0, first = 0;
            for (int64_t rank = 0; rank < members; rank++) {
                int64_t count = range_share(partitions, members, rank, &first);
                g_assert_cmpint(first, ==, next);
                next += count;
            }
            g_assert_cmpint(next, ==, partitions);
        }
    }
}

/* --- The file ----------------------------------------------------------------------- */

static void test_only_its_owner_can_read_it(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    G_GNUC_UNUSED g_autofree char *topic = place_topic(&home->place, bus, "topic", 1);
    g_autoptr(GDir) directory = g_dir_open(home->directory, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(directory))) {
        g_autofree char *path = g_build_filename(home->directory, name, NULL);
        struct stat seen;
        g_assert_cmpint(stat(path, &seen), ==, 0);
        g_assert_cmpint(seen.st_mode & 0777, ==, 0600);
    }
}

static void check_refused(struct home *home, const char *says)
{
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autoptr(GError) error = NULL;
    int32_t partitions = 0;
    g_assert_false(bus_topic_partitions(bus, "topic", 1000, &partitions, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, says));
}

static void test_other_databases_are_left_alone(void)
{
    g_autoptr(Home) home = home_new();
    write_into(home, "CREATE TABLE servers (id TEXT)");
    check_refused(home, "no bus of Muster");
}

static void test_other_files_are_left_alone(void)
{
    g_autoptr(Home) home = home_new();
    g_autofree char *text = g_strnfill(5000, 'x');
    g_assert_true(g_file_set_contents(home->path, text, -1, NULL));
    check_refused(home, "no SQLite database");
    g_autofree char *after = NULL;
    g_assert_true(g_file_get_contents(home->path, &after, NULL, NULL));
    g_assert_cmpstr(after, ==, text);
}

static void test_newer_versions_are_left_alone(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    G_GNUC_UNUSED g_autofree char *topic = place_topic(&home->place, bus, "topic", 1);
    write_into(home, "PRAGMA user_version = 99");
    check_refused(home, "version 99");
}

static void test_the_directory_must_be_there(void)
{
    g_autoptr(Home) home = home_new();
    g_free(home->place.url);
    home->place.url = g_strdup_printf("sqlite://%s/nowhere/bus.db", home->directory);
    check_refused(home, "nowhere");
}

static void test_properties_have_limits(void)
{
    const char *bad[] = {"bus.lease.ms=1", "bus.lease.ms=soon", "bus.lease.ms",
                         "bus.gap.every=-1", "linger.ms=5"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GPtrArray) properties = g_ptr_array_new();
        g_autoptr(GError) error = NULL;
        g_ptr_array_add(properties, (char *)bad[i]);
        g_assert_null(bus_open("sqlite:///tmp/never-made.db", properties, &error));
        g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
    }
}

static void test_gaps_can_be_left_out(void)
{
    g_autoptr(Home) home = home_new();
    g_ptr_array_add(home->place.properties, (char *)"bus.gap.every=0");
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autofree char *topic = place_topic(&home->place, bus, "topic", 1);
    g_autoptr(BusSender) sender = suite_sender(bus, "sender");
    suite_send(sender, topic, 0, "key", "one");
    suite_send(sender, topic, 0, "key", "two");
    int64_t first = 0, end = 0;
    g_assert_true(bus_topic_range(bus, topic, 0, PATIENCE_MS, &first, &end, NULL));
    g_assert_cmpint(end, ==, 2);
}

/* Damaged headers are an error, however they are cut. */
static void test_headers_are_read_within_bounds(void)
{
    g_autoptr(GPtrArray) headers = NULL;
    g_autoptr(GBytes) value = g_bytes_new_static("value", 5);
    bus_headers_add(&headers, "name", value);
    g_autoptr(GBytes) packed = headers_pack(headers);
    gsize size = 0;
    const void *data = g_bytes_get_data(packed, &size);
    for (gsize length = 1; length < size; length++) {
        g_autofree void *cut = g_memdup2(data, length); /* so that ASan sees its end */
        GPtrArray *read = NULL;
        g_assert_false(headers_unpack(cut, length, &read));
        g_assert_null(read);
    }
    g_autoptr(GPtrArray) whole = NULL;
    g_assert_true(headers_unpack(data, size, &whole));
    g_assert_cmpuint(whole->len, ==, 1);
}

/* --- A busy file -------------------------------------------------------------------- */

static void test_busy_is_told_and_passes(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autoptr(GError) error = NULL;
    g_autofree char *topic = place_topic(&home->place, bus, "topic", 1);
    g_autoptr(BusTeller) teller = bus_teller_open(bus, NULL);
    g_autoptr(BusMessage) message = bus_message_new(topic, 0, "key", NULL);
    g_autoptr(Member) member = member_join(bus, "group", "one", topic, NULL);
    sqlite3 *stranger = stranger_open(home);
    stranger_do(stranger, "BEGIN IMMEDIATE");
    g_assert_false(bus_teller_tell(teller, message, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE);
    member_notices(member); /* waits for its turn, without an error */
    g_assert_no_error(member->error);
    g_assert_null(member->share);
    stranger_do(stranger, "ROLLBACK");
    sqlite3_close(stranger);
    g_assert_true(bus_teller_tell(teller, message, NULL));
    members_settle(&member, 1, 1);
}

/* --- Groups ------------------------------------------------------------------------- */

/* A loop that hung for longer than its lease: a moment that is long over. */
static void test_l2_lost_lease_is_told(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autofree char *topic = place_topic(&home->place, bus, "topic", 2);
    g_autoptr(BusSender) sender = suite_sender(bus, "sender");
    g_autoptr(Member) member = member_join(bus, "group", "one", topic, NULL);
    members_settle(&member, 1, 2);
    g_autoptr(BusBatch) batch = member_batch(member, "group");
    suite_position(batch, topic, 0, 0, NULL);
    write_into(home, "UPDATE members SET lease_until = 1");
    g_assert_cmpint(bus_sender_commit(sender, batch, NULL), ==, BUS_STALE);
    member_notices(member);
    g_assert_cmpuint(member->lost, ==, 1);
    g_assert_cmpuint(member->revoked, ==, 0);
    members_settle(&member, 1, 2);
    g_assert_cmpint(bus_sender_commit(sender, batch, NULL), ==, BUS_STALE);
    g_autoptr(BusBatch) fresh = member_batch(member, "group");
    suite_position(fresh, topic, 0, 0, NULL);
    g_assert_cmpint(bus_sender_commit(sender, fresh, NULL), ==, BUS_SENT);
}

/* CLOCK_BOOTTIME begins anew: a lease "until 10^15 ms" of the last boot is nothing. */
static void test_leases_of_another_boot_are_void(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autofree char *topic = place_topic(&home->place, bus, "topic", 2);
    g_autoptr(Member) before = member_join(bus, "group", "before", topic, NULL);
    members_settle(&before, 1, 2);
    write_into(home,
               "UPDATE members SET boot = 'earlier', lease_until = 1000000000000000");
    g_autoptr(Member) after = member_join(bus, "group", "after", topic, NULL);
    members_settle(&after, 1, 2);
}

static void test_topic_that_is_made_later(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autofree char *topic = place_topic(&home->place, bus, "topic", 2);
    g_autoptr(Member) member = member_join(bus, "group", "one", topic, "later");
    members_settle(&member, 1, 2);
    struct bus_topic later = {.name = "later", .partitions = 2, .retention_ms = -1};
    g_assert_true(bus_topic_make(bus, &later, PATIENCE_MS, NULL));
    members_settle(&member, 1, 4);
}

/* --- Retention ---------------------------------------------------------------------- */

static void make_topic(struct bus *bus, const char *name, int64_t retention_ms,
                       bool compacted)
{
    struct bus_topic topic = {.name = name,
                              .partitions = 1,
                              .retention_ms = retention_ms,
                              .compacted = compacted};
    g_assert_true(bus_topic_make(bus, &topic, PATIENCE_MS, NULL));
}

static void send_numbers(struct bus *bus, const char *topic, int count, int keys)
{
    g_autoptr(BusSender) sender = suite_sender(bus, "numbers");
    for (int i = 0; i < count; i++) {
        g_autofree char *key = g_strdup_printf("%d", i % keys);
        g_autofree char *value = g_strdup_printf("%d", i);
        suite_send(sender, topic, 0, key, value);
    }
}

#define HOUR_MS 3600000

/* As if two hours were over.  Were a test to wait for what is there to get old, what it
 * writes next could get old, too, before it is read. */
static void age_records(struct home *home)
{
    write_into(home, "UPDATE records SET append_ms = append_ms - 7200000;"
                     "UPDATE clock SET boot_ms = boot_ms - 7200000,"
                     " wall_ms = wall_ms - 7200000");
}

/* A sender drops what is old when it first sends, and then once a minute. */
static void test_old_records_are_dropped(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    make_topic(bus, "short", HOUR_MS, false);
    send_numbers(bus, "short", 10, 10);
    g_autoptr(BusReader) late = suite_reader(bus, "short", 0, 0);
    age_records(home);
    send_numbers(bus, "short", 1, 1);
    g_autoptr(GPtrArray) records = suite_read_all(bus, "short", 1);
    g_assert_cmpuint(records->len, ==, 1);
    const struct bus_record *kept = records->pdata[0];
    int64_t first = 0, end = 0;
    g_assert_true(bus_topic_range(bus, "short", 0, PATIENCE_MS, &first, &end, NULL));
    g_assert_cmpint(first, <=, kept->offset);
    g_assert_cmpint(first, >, 10);
    /* Who has not read what is gone is told so, and never silently moved on. */
    g_autoptr(GError) error = NULL;
    g_autoptr(BusRecord) record = NULL;
    g_assert_false(bus_reader_next(late, 0, &record, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_RANGE);
}

#define DAYS_MS INT64_C(34560000000) /* 400 */

/* As if this machine's clock had leapt by 400 days, and everything before had been dated right. */
static void leap(struct home *home)
{
    write_into(home, "UPDATE records SET append_ms = append_ms - 34560000000;"
                     "UPDATE partitions SET last_ms = last_ms - 34560000000"
                     " WHERE last_ms > 0;"
                     "UPDATE clock SET boot_ms = boot_ms - 7200000,"
                     " wall_ms = wall_ms - 7200000 - 34560000000");
}

static void test_l27_a_clock_that_leaps_dates_nothing_and_drops_nothing(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    make_topic(bus, "short", HOUR_MS, false);
    send_numbers(bus, "short", 1, 1);
    leap(home);
    send_numbers(bus, "short", 10, 10);
    g_autoptr(GPtrArray) records = suite_read_all(bus, "short", 1);
    g_assert_cmpuint(records->len, ==, 11);
    const int64_t wall_ms = g_get_real_time() / 1000;
    for (guint i = 0; i < records->len; i++) {
        const struct bus_record *record = records->pdata[i];
        g_assert_cmpint(record->append_ms, <=, wall_ms - DAYS_MS + 1);
        g_assert_cmpint(record->append_ms, >, wall_ms - DAYS_MS - HOUR_MS);
    }
}

static void test_l27_table(void)
{
    static const struct look {
        int64_t boot_s, wall_s; /* what a process sees */
        int64_t now_s;
        bool sure;
    } looks[] = {
        {100, 1000000, 1000000, false}, /* after a boot it is believed */
        {700, 1000600, 1000600, true},
        {800, 1000730, 1000730, true},   /* set a little */
        {810, 9000740, 1000710, false},  /* leaps */
        {811, 1000711, 1000711, true},   /* and is back */
        {815, 9000745, 1000715, false},  /* again: of another process, say, */
        {820, 1000720, 1000720, true},   /* while this one's is right */
        {1500, 9001430, 1001400, false}, /* which never lasted */
        {2099, 9002029, 1001999, false}, /* now it does */
        {2100, 9002030, 9002030, true},  /* and is believed */
        {2200, 9002130, 9002130, true},
        {2300, 500000, 9002230, false}, /* set far back */
        {2310, 700000, 9002240, false}, /* and forward */
        {2909, 700599, 9002839, false},
        {2910, 700600, 700600, true},
    };
    struct file_clock clock = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        int64_t now_ms = 0;
        bool sure = false;
        const struct file_clock before = clock;
        const bool changed = file_clock_look(&clock, looks[i].boot_s * 1000,
                                             looks[i].wall_s * 1000, &now_ms, &sure);
        if (now_ms != looks[i].now_s * 1000 || sure != looks[i].sure)
            g_error("row %zu: %" G_GINT64_FORMAT ", %ssure", i, now_ms, sure ? "" : "un");
        g_assert_true(changed == (memcmp(&before, &clock, sizeof(clock)) != 0));
    }
}

static void test_consumer_is_cut_off(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    make_topic(bus, "short", HOUR_MS, false);
    send_numbers(bus, "short", 600, 10); /* more than is read ahead */
    g_autoptr(Member) member = member_join(bus, "group", "one", "short", NULL);
    g_autoptr(BusRecord) record = member_record(member, 0);
    g_assert_nonnull(record);
    age_records(home);
    send_numbers(bus, "short", 1, 1);
    int64_t deadline = suite_deadline();
    while (!member->range) {
        member_notices(member);
        g_assert_no_error(member->error);
        G_GNUC_UNUSED g_autoptr(BusRecord) more = bus_consumer_take(member->consumer, 0);
        suite_patience(deadline, "a notice about the offset");
    }
    g_assert_cmpuint(member->range->len, ==, 1);
}

static void test_compaction_keeps_the_newest_of_each_key(void)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    make_topic(bus, "compacted", -1, true);
    send_numbers(bus, "compacted", 50, 5);
    send_numbers(bus, "compacted", 5, 5);
    g_autoptr(BusSender) sender = suite_sender(bus, "last");
    suite_send(sender, "compacted", 0, NULL, "no key, kept");
    g_autoptr(GPtrArray) records = suite_read_all(bus, "compacted", 1);
    g_assert_cmpuint(records->len, ==, 6);
    for (guint i = 0; i < 5; i++) {
        g_autofree char *value = suite_value(records->pdata[i]);
        g_assert_cmpint(atoi(value), ==, (int)i);
    }
}

/* --- A disk that fails -------------------------------------------------------------- */

enum { FAULT_RECORDS = 20 };

static struct bus_batch *fault_batch(struct member *member, const char *topic,
                                     int64_t offset)
{
    struct bus_batch *batch = member_batch(member, "group");
    g_autofree char *big = g_strnfill(6000, 'x'); /* several pages in all */
    for (int i = 0; i < FAULT_RECORDS; i++)
        suite_add(batch, topic, 1, "key", big);
    suite_position(batch, topic, 0, offset, "metadata");
    return batch;
}

/* With the disk well again: how many batches are in the log, the position agreeing. */
static guint count_batches(struct home *home, const char *topic)
{
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autoptr(GPtrArray) records = suite_read_all(bus, topic, 2);
    g_assert_cmpuint(records->len % FAULT_RECORDS, ==, 0);
    guint batches = records->len / FAULT_RECORDS;
    g_autoptr(Db) db = db_open(home->path, FLEETING, PATIENCE_MS, NULL);
    sqlite3_stmt *found = db_bind(db, SQL_COMMITTED, "tti", "group", topic, INT64_C(0));
    bool known = db_step(db, found, NULL) == DB_ROW;
    g_assert_true(known == (batches > 0));
    if (known)
        g_assert_cmpint(sqlite3_column_int64(found, 0), ==, batches);
    db_end(found);
    return batches;
}

/* One commit whose `nth` write fails.  Whether there was an nth one. */
static bool break_nth(int nth, int code)
{
    g_autoptr(Home) home = home_new();
    g_autoptr(Bus) bus = place_open(&home->place);
    g_autofree char *topic = place_topic(&home->place, bus, "topic", 2);
    g_autoptr(BusSender) sender = suite_sender(bus, "sender");
    g_autoptr(Member) member = member_join(bus, "group", "one", topic, NULL);
    members_settle(&member, 1, 2);
    g_autoptr(BusBatch) first = fault_batch(member, topic, 1);
    g_autoptr(GError) error = NULL;
    failing_vfs_set(nth, code);
    enum bus_sent sent = bus_sender_commit(sender, first, &error);
    bool has_failed = failing_vfs_has_failed();
    failing_vfs_set(0, 0);
    guint batches = count_batches(home, topic);
    g_test_message("%d of code %d: outcome %d, %u batches, %s", nth, code, sent, batches,
                   error ? error->message : "no error");
    g_assert_true(error ? sent != BUS_SENT : sent == BUS_SENT);
    g_assert_true(sent == BUS_SENT || sent == BUS_RETRY || sent == BUS_DEAD);
    if (sent == BUS_SENT)
        g_assert_cmpuint(batches, ==, 1);
    if (sent != BUS_RETRY)
        return has_failed;
    g_assert_cmpuint(batches, ==, 0);
    g_assert_cmpint(bus_sender_commit(sender, first, NULL), ==, BUS_SENT);
    g_assert_cmpuint(count_batches(home, topic), ==, 1);
    return has_failed;
}

static void test_break_the_nth_write(void)
{
    const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        int nth = 1;
        while (break_nth(nth, codes[i]))
            nth++;
        g_assert_cmpint(nth, >, 10);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    failing_vfs_install();
    g_test_add_func("/bus_sqlite/decide", test_decide);
    g_test_add_func("/bus_sqlite/shares_add_up", test_shares_add_up);
    g_test_add_func("/bus_sqlite/only_its_owner_can_read_it",
                    test_only_its_owner_can_read_it);
    g_test_add_func("/bus_sqlite/other_databases", test_other_databases_are_left_alone);
    g_test_add_func("/bus_sqlite/other_files", test_other_files_are_left_alone);
    g_test_add_func("/bus_sqlite/newer_versions", test_newer_versions_are_left_alone);
    g_test_add_func("/bus_sqlite/no_directory", test_the_directory_must_be_there);
    g_test_add_func("/bus_sqlite/properties_have_limits", test_properties_have_limits);
    g_test_add_func("/bus_sqlite/gaps_can_be_left_out", test_gaps_can_be_left_out);
    g_test_add_func("/bus_sqlite/headers", test_headers_are_read_within_bounds);
    g_test_add_func("/bus_sqlite/busy", test_busy_is_told_and_passes);
    g_test_add_func("/bus_sqlite/l2_lost_lease_is_told", test_l2_lost_lease_is_told);
    g_test_add_func("/bus_sqlite/another_boot", test_leases_of_another_boot_are_void);
    g_test_add_func("/bus_sqlite/topic_that_is_made_later",
                    test_topic_that_is_made_later);
    g_test_add_func("/bus_sqlite/old_records_are_dropped", test_old_records_are_dropped);
    g_test_add_func("/bus_sqlite/l27_a_clock_that_leaps_dates_nothing_and_drops_nothing",
                    test_l27_a_clock_that_leaps_dates_nothing_and_drops_nothing);
    g_test_add_func("/bus_sqlite/l27_table", test_l27_table);
    g_test_add_func("/bus_sqlite/consumer_is_cut_off", test_consumer_is_cut_off);
    g_test_add_func("/bus_sqlite/compaction",
                    test_compaction_keeps_the_newest_of_each_key);
    g_test_add_func("/bus_sqlite/break_the_nth_write", test_break_the_nth_write);
    return g_test_run();
}
