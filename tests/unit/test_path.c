/*
 * test_path.c - paths against patterns, places as words, and how often somebody may.
 */
#include "limiter.h"
#include "path.h"
#include "place_id.h"

#include <string.h>

/* --- Paths ------------------------------------------------------------------------------- */

static void paths(void)
{
    static const struct {
        const char *pattern, *path;
        const char *first, *second; /* values; first NULL: no match, "": match without */
    } cases[] = {
        {"/agents", "/agents", "", NULL},
        {"/agents", "/agents/", NULL, NULL},
        {"/agents", "//agents", NULL, NULL},
        {"/agents/{a}", "/agents/x", "x", NULL},
        {"/agents/{a}", "/agents/", NULL, NULL},
        {"/agents/{a}", "/agents/x/y", NULL, NULL},
        {"/agents/{a}", "/agents/x%2Fy", "x/y", NULL},
        {"/agents/{a}", "/agents/%C3%A4", "\xc3\xa4", NULL},
        {"/agents/{a}", "/agents/x%00y", NULL, NULL},
        {"/agents/{a}", "/agents/%ff", NULL, NULL},
        {"/agents/{a}", "/agents/x%4", NULL, NULL},
        {"/agents/{a}/servers/{b}", "/agents/x/servers/y", "x", "y"},
        {"/agents/{a}/servers/{b}", "/agents/x/servers/%00", NULL, NULL},
        {"/agents/{a}/servers/{b}", "/agents/x/server/y", NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *values[PATH_VALUES] = {NULL};
        bool match = path_match(cases[i].pattern, cases[i].path, values);
        g_assert_true(match == (cases[i].first != NULL));
        if (match && *cases[i].first)
            g_assert_cmpstr(values[0], ==, cases[i].first);
        g_assert_cmpstr(values[1], ==, cases[i].second);
        g_free(values[0]);
        g_free(values[1]);
    }
}

/* --- Places ------------------------------------------------------------------------------- */

static void places(void)
{
    const int64_t next[] = {0, 36, 0, INT64_C(4738381338321616895)};
    int64_t back[4] = {0};
    g_autofree char *tag = place_id_tag("a log");
    g_autofree char *other = place_id_tag("another");
    const int64_t small[] = {0, 36, 0, 1295};
    g_autofree char *text = place_id_text(tag, small, 4);
    g_autofree char *expected = g_strconcat(tag, "-1.10-3.zz", NULL);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(place_id_parse(tag, text, back, 4), ==, PLACE_ID_OURS);
    g_assert_cmpmem(back, sizeof back, small, sizeof small);
    g_assert_cmpint(place_id_parse(other, text, back, 4), ==, PLACE_ID_OTHER_LOG);
    g_autofree char *large = place_id_text(tag, next, 4);
    g_assert_cmpint(place_id_parse(tag, large, back, 4), ==, PLACE_ID_OURS);
    g_assert_cmpmem(back, sizeof back, next, sizeof next);
}

static void no_places(void)
{
    static const char *const rests[] = {"-",
                                        "-1",
                                        "-1.",
                                        "-.1",
                                        "-4.1",
                                        "-1.-1",
                                        "-1.A",
                                        "-1.1.1",
                                        "-1.1-",
                                        "-1. 1",
                                        "-1.1234567890123"};
    static const char *const others[] = {"", "x", "12345", "1234567", "ABCDEF"};
    int64_t next[4] = {-7, -7, -7, -7};
    g_autofree char *tag = place_id_tag("a log");
    for (size_t i = 0; i < G_N_ELEMENTS(rests); i++) {
        g_autofree char *text = g_strconcat(tag, rests[i], NULL);
        g_assert_cmpint(place_id_parse(tag, text, next, 4), ==, PLACE_ID_MALFORMED);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_cmpint(place_id_parse(tag, others[i], next, 4), ==, PLACE_ID_MALFORMED);
    g_assert_cmpint(next[0], ==, -7); /* untouched */
}

/* --- Limits -------------------------------------------------------------------------------- */

static void limits(void)
{
    const int64_t second = G_USEC_PER_SEC;
    g_autoptr(Limiter) limiter = limiter_new(2, 0.5);
    g_assert_cmpint(limiter_take(limiter, "a", 0), ==, 0);
    g_assert_cmpint(limiter_take(limiter, "a", 0), ==, 0);
    int64_t wait_ms = limiter_take(limiter, "a", 0);
    g_assert_cmpint(wait_ms, >, 1900);
    g_assert_cmpint(wait_ms, <=, 2001);
    g_assert_cmpint(limiter_take(limiter, "b", 0), ==, 0); /* its own */
    g_assert_cmpint(limiter_take(limiter, "a", wait_ms * 1000), ==, 0);
    g_assert_cmpint(limiter_take(limiter, "a", wait_ms * 1000), >, 0);
    /* However long it waits, there are no more than two. */
    g_assert_cmpint(limiter_take(limiter, "a", 1000 * second), ==, 0);
    g_assert_cmpint(limiter_take(limiter, "a", 1000 * second), ==, 0);
    g_assert_cmpint(limiter_take(limiter, "a", 1000 * second), >, 0);
}

/* A flood of addresses takes no more than its room, and does not free those in use. */
static void limits_many(void)
{
    g_autoptr(Limiter) limiter = limiter_new(1, 1);
    for (int i = 0; i < LIMITER_KEYS - 1; i++) {
        g_autofree char *key = g_strdup_printf("%d", i);
        limiter_take(limiter, key, 0);
    }
    g_assert_cmpint(limiter_take(limiter, "held", 10 * G_USEC_PER_SEC), ==, 0);
    g_assert_cmpint(limiter_take(limiter, "one more", 10 * G_USEC_PER_SEC), ==, 0);
    g_assert_cmpint(limiter_take(limiter, "held", 10 * G_USEC_PER_SEC), >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/path/match", paths);
    g_test_add_func("/place_id/there_and_back", places);
    g_test_add_func("/place_id/none", no_places);
    g_test_add_func("/limiter/burst", limits);
    g_test_add_func("/limiter/many", limits_many);
    return g_test_run();
}
