/*
 * test_steady.c - which leaps of a clock are believed.
 */
#include "steady.h"

#include <glib.h>

#define DAY_MS INT64_C(86400000)

static void test_small_corrections_are_followed(void)
{
    struct steady steady = steady_begin(1000000, 500);
    g_assert_cmpint(steady_now(&steady, 700), ==, 1000200);
    g_assert_false(steady_take(&steady, 1000300, 700, 200));
    g_assert_cmpint(steady_now(&steady, 700), ==, 1000200);
    g_assert_true(steady_take(&steady, 1000700 + STEADY_STEP_MS - 500, 700, 200));
    g_assert_cmpint(steady_now(&steady, 700), ==, 1000200 + STEADY_STEP_MS);
}

static void test_a_leap_that_passes_is_not_believed(void)
{
    struct steady steady = steady_begin(0, 0);
    g_assert_true(steady_take(&steady, 400 * DAY_MS, 10, 0));
    for (int64_t boot = 1000; boot <= 5000; boot += 1000) {
        steady_take(&steady, 400 * DAY_MS + boot, boot, 0);
        g_assert_cmpint(steady_now(&steady, boot), ==, boot);
    }
    g_assert_true(steady_take(&steady, 6000, 6000, 0));
}

static void test_a_leap_that_lasts_is_believed(void)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        struct steady steady = steady_begin(0, 0);
        const int64_t leap = sign * 400 * DAY_MS;
        steady_take(&steady, leap + 10, 10, 0);
        steady_take(&steady, leap + STEADY_WAIT_MS, STEADY_WAIT_MS, 0);
        g_assert_cmpint(steady_now(&steady, STEADY_WAIT_MS), ==, STEADY_WAIT_MS);
        g_assert_true(
            steady_take(&steady, leap + 10 + STEADY_WAIT_MS, 10 + STEADY_WAIT_MS, 0));
        g_assert_cmpint(steady_now(&steady, 10 + STEADY_WAIT_MS), ==,
                        leap + 10 + STEADY_WAIT_MS);
    }
}

static void test_another_leap_begins_anew(void)
{
    struct steady steady = steady_begin(0, 0);
    steady_take(&steady, DAY_MS, 0, 0);
    steady_take(&steady, 2 * DAY_MS + STEADY_WAIT_MS, STEADY_WAIT_MS, 0);
    g_assert_cmpint(steady_now(&steady, STEADY_WAIT_MS), ==, STEADY_WAIT_MS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/steady/small", test_small_corrections_are_followed);
    g_test_add_func("/steady/passes", test_a_leap_that_passes_is_not_believed);
    g_test_add_func("/steady/lasts", test_a_leap_that_lasts_is_believed);
    g_test_add_func("/steady/another", test_another_leap_begins_anew);
    return g_test_run();
}
