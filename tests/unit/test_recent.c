/*
 * test_recent.c - which command is the first of its id, and what has to be looked up.
 *
 * A story is a row of words: "OFFSET:MINUTE:ID:SAID", a record that was received at that minute
 * of the log; an ID is a letter and the minute at which it was made ("a3"), or a name that is no
 * UUIDv7 ("x").  What is said: first, repeat, or the minute from which on it has to be looked
 * for ("?-7"; "?": from the beginning).
 */
#include "recent.h"

#include "contract.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define START_MS  (INT64_C(1800000000) * 1000)
#define MOST      4

static int64_t at(const char *minute)
{
    return START_MS + g_ascii_strtoll(minute, NULL, 10) * MINUTE_MS;
}

/* The same letter and minute are the same id. */
static char *id_of(const char *word)
{
    if (!word[1])
        return g_strdup(word);
    const int64_t ms = at(word + 1);
    return g_strdup_printf("%08x-%04x-7000-8000-0000000000%02x", (unsigned)(ms >> 16),
                           (unsigned)(ms & 0xffff), word[0]);
}

static char *said(struct recent *recent, const char *id, int64_t offset,
                  int64_t append_ms)
{
    int64_t from_ms = 0;
    switch (recent_judge(recent, id, offset, append_ms, &from_ms)) {
    case RECENT_FIRST:
        return g_strdup("first");
    case RECENT_REPEAT:
        return g_strdup("repeat");
    case RECENT_UNSURE:
        break;
    }
    return from_ms == INT64_MIN
               ? g_strdup("?")
               : g_strdup_printf("?%d", (int)((from_ms - START_MS) / MINUTE_MS));
}

static void tell(struct recent *recent, const char *story)
{
    g_auto(GStrv) words = g_strsplit(story, " ", -1);
    for (char **word = words; *word; word++) {
        g_auto(GStrv) part = g_strsplit(*word, ":", 4);
        g_autofree char *id = id_of(part[2]);
        const int64_t offset = g_ascii_strtoll(part[0], NULL, 10);
        g_autofree char *answer = said(recent, id, offset, at(part[1]));
        if (!g_str_equal(answer, part[3]))
            g_error("\"%s\": %s is %s", story, *word, answer);
        recent_note(recent, id, offset, at(part[1]));
    }
}

/* A look into the topic has found these: "OFFSET:MINUTE:ID". */
static void look(struct recent *recent, const char *found, const char *from_minute,
                 int64_t until)
{
    GQueue queue = G_QUEUE_INIT;
    g_auto(GStrv) words = g_strsplit(found, " ", -1);
    for (char **word = words; *word && **word; word++) {
        g_auto(GStrv) part = g_strsplit(*word, ":", 3);
        g_autofree char *id = id_of(part[2]);
        g_queue_push_tail(
            &queue, recent_id_new(id, g_ascii_strtoll(part[0], NULL, 10), at(part[1])));
    }
    recent_extend(recent, &queue, *from_minute ? at(from_minute) : INT64_MIN, until);
    g_assert_true(g_queue_is_empty(&queue));
}

/* Of a topic that was looked into from minute 0 on. */
static void l20_what_is_kept_tells(void)
{
    static const char *const stories[] = {
        "7:20:a20:first 9:20:b20:first 10:20:a20:repeat 11:21:a20:repeat",
        "7:20:a10:first 8:20:b12:first 9:20:a10:repeat",
        "7:20:a20:first 7:20:a20:first", /* delivered twice */
        "7:20:a9:?-1",                   /* it may lie before minute 0 */
        "7:20:a30:first 8:40:a30:repeat",
        "7:20:a31:? 8:40:a31:repeat", /* made when it was not yet: nobody can say */
        "7:20:x:? 8:20:x:repeat",
        /* Of what is forgotten, only the time is known. */
        ("1:20:a20:first 2:21:b21:first 3:22:c22:first 4:23:d23:first 5:24:e24:first "
         "6:25:a20:?10 7:35:f35:first"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(stories); i++) {
        g_autoptr(Recent) recent = recent_new(MOST);
        look(recent, "", "0", 0);
        tell(recent, stories[i]);
    }
}

/* Nobody knows what lies before the first record that is received. */
static void l20_after_a_takeover_it_is_looked_up(void)
{
    g_autoptr(Recent) recent = recent_new(100);
    g_assert_cmpint(recent_begin(recent), ==, INT64_MAX);
    tell(recent, "7:20:a20:?10");
    g_assert_cmpint(recent_begin(recent), ==, 7);
    tell(recent, "8:25:b25:?15 9:31:c31:first");
    look(recent, "3:15:d15 5:16:b25", "15", 7);
    g_assert_cmpint(recent_begin(recent), ==, 3);
    tell(recent, "10:31:d15:repeat 11:31:b25:repeat 12:31:e26:first");
}

static void l20_what_a_look_finds_is_not_all_kept(void)
{
    g_autoptr(Recent) recent = recent_new(MOST);
    look(recent, "1:11:a11 2:12:b12 3:13:c13 4:14:d14 5:15:e15", "10", 6);
    g_assert_cmpint(recent_begin(recent), ==, 2);
    tell(recent, "6:20:f20:?10 7:20:g23:first");
    look(recent, "1:11:h11", "", 2);
    g_assert_cmpint(recent_begin(recent), >, 1);
    tell(recent, "8:20:h11:?1");
}

/* The older of two counts, and is not forgotten with the younger. */
static void l20_two_that_a_look_finds(void)
{
    g_autoptr(Recent) recent = recent_new(MOST);
    look(recent, "1:11:a11 2:12:a11", "0", 3);
    tell(recent, "3:13:b13:first 4:14:c14:first 5:15:a11:repeat 6:16:d16:first");
    tell(recent, "7:17:a11:?1 8:18:c14:repeat");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recent/l20_what_is_kept_tells", l20_what_is_kept_tells);
    g_test_add_func("/recent/l20_after_a_takeover_it_is_looked_up",
                    l20_after_a_takeover_it_is_looked_up);
    g_test_add_func("/recent/l20_what_a_look_finds_is_not_all_kept",
                    l20_what_a_look_finds_is_not_all_kept);
    g_test_add_func("/recent/l20_two_that_a_look_finds", l20_two_that_a_look_finds);
    return g_test_run();
}
