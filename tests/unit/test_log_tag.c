/*
 * test_log_tag.c - what stands before the metadata of an offset.
 */
#include "log_tag.h"

#include "bus_ops.h"

static void is_put_before_and_taken_off(void)
{
    static const struct {
        struct log_tag tag;
        const char *metadata, *text;
    } rows[] = {
        {{.partitions = 4, .offset = 31, .append_ms = 0x18c2a7d1f00},
         "AQEA",
         "w1:4:1f:18c2a7d1f00:AQEA"},
        {{.partitions = 1, .offset = 0, .append_ms = 0}, "", "w1:1:0:0:"},
        {{.partitions = 32, .offset = BUS_OFFSET_NONE}, "", "w1:20:-:"},
        {{.partitions = G_MAXINT32, .offset = G_MAXINT64, .append_ms = G_MAXINT64},
         "AQEA",
         "w1:7fffffff:7fffffffffffffff:7fffffffffffffff:AQEA"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct log_tag read = {0};
        g_autofree char *text = log_tag_before(&rows[i].tag, g_strdup(rows[i].metadata));
        g_assert_cmpstr(text, ==, rows[i].text);
        g_assert_cmpstr(log_tag_read(text, &read), ==, rows[i].metadata);
        g_assert_cmpint(read.partitions, ==, rows[i].tag.partitions);
        g_assert_cmpint(read.offset, ==, rows[i].tag.offset);
        g_assert_cmpint(read.append_ms, ==, rows[i].tag.append_ms);
    }
}

/* Tools that reset a group commit no metadata, or text of their own. */
static void l16_metadata_of_another_hand_is_none(void)
{
    static const char *const foreign[] = {
        NULL,
        "",
        "AQEA",
        "1f2e3d4c:AQEA",
        "reset by admin",
        "w1",
        "w1:",
        "w1:4",
        "w1:4:",
        "w1:4:1f",
        "w1:4:1f:",
        "w1:4:1f:18c2a7d1f00",
        "w1:4:-1:0:",
        "w1:4:x:0:",
        "w1:4::0:",
        "w1:4:8000000000000000:0:",
        "w1:80000000:0:0:",
        "w2:4:1f:18c2a7d1f00:",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        struct log_tag tag = {0};
        g_assert_null(log_tag_read(foreign[i], &tag));
    }
}

/* It dies in the middle: what it had committed tells too little of what is above. */
static void l16_whoever_still_learns_leaves_no_position(void)
{
    struct log_tag tag, read = {0};
    log_tag_init(&tag, 10);
    log_tag_receive(&tag, 8, 1000);
    g_autofree char *learning = log_tag_before(&tag, g_strdup(""));
    g_assert_null(log_tag_read(learning, &read));
    log_tag_receive(&tag, 9, 1001);
    g_autofree char *learned = log_tag_before(&tag, g_strdup(""));
    g_assert_cmpstr(log_tag_read(learned, &read), ==, "");
}

static void what_is_delivered_twice_changes_nothing(void)
{
    struct log_tag tag;
    log_tag_init(&tag, 0);
    log_tag_receive(&tag, 7, 70);
    log_tag_receive(&tag, 6, 60);
    g_assert_cmpint(tag.last_offset, ==, 7);
    g_assert_cmpint(tag.offset, ==, 7);
    g_assert_cmpint(tag.append_ms, ==, 70);
}

/* The topic may have been made anew between two records: what came since the last check proves
 * nothing, and what is committed meanwhile still names the older one. */
static void l9_only_what_was_received_before_a_check_is_of_the_same_log(void)
{
    struct log_tag tag;
    log_tag_init(&tag, 0);
    log_tag_receive(&tag, 1, 10);
    log_tag_receive(&tag, 2, 20);
    g_assert_cmpint(tag.offset, ==, 1);
    const struct log_tag checked = tag;
    log_tag_receive(&tag, 3, 30);
    log_tag_move(&tag, &checked);
    g_assert_cmpint(tag.offset, ==, 2);
    g_assert_cmpint(tag.append_ms, ==, 20);
    struct log_tag other;
    log_tag_init(&other, 0); /* another assignment: it has received nothing of that */
    log_tag_move(&other, &checked);
    g_assert_cmpint(other.offset, ==, BUS_OFFSET_NONE);
}

/* --- Whether the log is the same: a bus that answers one question --------------------------- */

struct answering_bus {
    struct bus base;
    int64_t asked_ms;
    int64_t answer;
};

static bool answer_offset_at(struct bus *base, const char *topic, int32_t partition,
                             int64_t ms, int timeout_ms, int64_t *ret_offset,
                             GError **error)
{
    struct answering_bus *bus = (struct answering_bus *)base;
    bus->asked_ms = ms;
    *ret_offset = bus->answer;
    return true;
}

static void l9_a_topic_made_anew_is_another_log(void)
{
    static const struct bus_ops ops = {.topic_offset_at = answer_offset_at};
    static const struct {
        int64_t younger; /* the first record that is younger than the tag's */
        bool fits;
    } rows[] = {{32, true}, {40, true}, {31, false}, {0, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct answering_bus bus = {.base.ops = &ops, .answer = rows[i].younger};
        const struct log_tag tag = {.offset = 31, .append_ms = 1000};
        bool fits = !rows[i].fits;
        g_assert_true(log_tag_fits(&bus.base, "t", 0, &tag, &fits, NULL));
        g_assert_cmpint(bus.asked_ms, ==, 1001);
        g_assert_cmpint(fits, ==, rows[i].fits);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log_tag/is_put_before_and_taken_off", is_put_before_and_taken_off);
    g_test_add_func("/log_tag/l16_metadata_of_another_hand_is_none",
                    l16_metadata_of_another_hand_is_none);
    g_test_add_func("/log_tag/l16_whoever_still_learns_leaves_no_position",
                    l16_whoever_still_learns_leaves_no_position);
    g_test_add_func("/log_tag/what_is_delivered_twice_changes_nothing",
                    what_is_delivered_twice_changes_nothing);
    g_test_add_func(
        "/log_tag/l9_only_what_was_received_before_a_check_is_of_the_same_log",
        l9_only_what_was_received_before_a_check_is_of_the_same_log);
    g_test_add_func("/log_tag/l9_a_topic_made_anew_is_another_log",
                    l9_a_topic_made_anew_is_another_log);
    return g_test_run();
}
