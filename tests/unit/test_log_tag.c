/*
 * test_log_tag.c - the tag of the log before the metadata of an offset.
 */
#include "log_tag.h"

static void is_put_before_and_taken_off(void)
{
    g_autofree char *tagged = log_tag_before("1f2e3d4c", g_strdup("AQEA"));
    g_autofree char *untagged = log_tag_before(NULL, g_strdup("AQEA"));
    g_autofree char *nothing_open = log_tag_before("1f2e3d4c", g_strdup(""));
    g_assert_cmpstr(tagged, ==, "1f2e3d4c:AQEA");
    g_assert_cmpstr(untagged, ==, "AQEA");
    g_assert_cmpstr(log_tag_behind("1f2e3d4c", tagged), ==, "AQEA");
    g_assert_cmpstr(log_tag_behind("1f2e3d4c", nothing_open), ==, "");
}

static void l9_an_offset_of_another_log_is_none(void)
{
    g_assert_null(log_tag_behind("1f2e3d4c", "00000000:AQEA"));
    g_assert_null(log_tag_behind("1f2e3d4c", "1f2e3d4:AQEA"));
    g_assert_null(log_tag_behind("1f2e3d4c", "1f2e3d4cc:AQEA"));
    g_assert_null(log_tag_behind("1f2e3d4c", ":AQEA"));
}

static void without_a_tag_nothing_is_said_against_it(void)
{
    g_assert_cmpstr(log_tag_behind("1f2e3d4c", "AQEA"), ==,
                    "AQEA"); /* an older worker's */
    g_assert_cmpstr(log_tag_behind("1f2e3d4c", NULL), ==, "");
    g_assert_cmpstr(log_tag_behind(NULL, "1f2e3d4c:AQEA"), ==, "AQEA");
    g_assert_cmpstr(log_tag_behind(NULL, "AQEA"), ==, "AQEA");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log_tag/is_put_before_and_taken_off", is_put_before_and_taken_off);
    g_test_add_func("/log_tag/l9_an_offset_of_another_log_is_none",
                    l9_an_offset_of_another_log_is_none);
    g_test_add_func("/log_tag/without_a_tag_nothing_is_said_against_it",
                    without_a_tag_nothing_is_said_against_it);
    return g_test_run();
}
