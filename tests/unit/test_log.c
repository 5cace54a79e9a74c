/*
 * test_log.c - lines as they come out of a process.
 */
#include "log.h"
#include "log_limit.h"

#include <string.h>

/* Runs the test again as a process of its own, which calls `speak`; its standard error must
 * match `pattern`. */
static void expect(void (*speak)(void), const char *pattern)
{
    if (g_test_subprocess()) {
        g_unsetenv("JOURNAL_STREAM");
        speak();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(pattern);
}

static void speak_text(void)
{
    log_setup(LOG_LEVEL_INFO, false);
    log_info("job.done", "server", "s-1", "none", NULL, "empty", "", "text", "two words");
}

static void test_text(void)
{
    expect(speak_text,
           "20*-*-*T*:*:*.*Z info job.done server=s-1 empty=\"\" text=\"two words\"\n");
}

static void speak_journal(void)
{
    g_setenv("JOURNAL_STREAM", "8:1", true);
    log_setup(LOG_LEVEL_INFO, false);
    log_warning("bus.slow", "ms", "412");
    log_debug("not.shown");
}

static void test_journal_has_the_time_itself(void)
{
    expect(speak_journal, "warning bus.slow ms=412\n");
}

static void speak_hostile(void)
{
    log_setup(LOG_LEVEL_INFO, false);
    log_error("x", "v", "a\n2026 info forged\x1b[2J\r\"\\\xff é");
}

/* Nothing from outside can begin a line or move the cursor. */
static void test_hostile_values(void)
{
    expect(speak_hostile, "*Z error x v=\"a\\n2026 info forged\\u001b[2J\\u000d\\\"\\\\"
                          "\xef\xbf\xbd é\"\n");
}

static void speak_long(void)
{
    g_autofree char *value = g_strnfill(1001, 'x');

    log_setup(LOG_LEVEL_INFO, false);
    log_info("x", "long", value);
}

static void test_long_values_are_cut(void)
{
    g_autofree char *kept = g_strnfill(1000, 'x');
    g_autofree char *pattern = g_strconcat("*long=\"", kept, "…\"\n", NULL);

    expect(speak_long, pattern);
}

static void speak_json(void)
{
    log_setup(LOG_LEVEL_DEBUG, true);
    log_debug("job.done", "server", "s\"1", "none", NULL);
}

static void test_json(void)
{
    expect(speak_json, "{\"time\":\"20*-*-*T*:*:*.*Z\",\"level\":\"debug\","
                       "\"what\":\"job.done\",\"server\":\"s\\\"1\"}\n");
}

static void speak_glib(void)
{
    log_setup(LOG_LEVEL_INFO, false);
    log_setup(LOG_LEVEL_INFO, false); /* again is fine */
    g_message("from GLib");
}

static void test_glib_goes_the_same_way(void)
{
    expect(speak_glib, "*Z info glib domain=muster message=\"from GLib\"\n");
}

static void speak_flood(void)
{
    g_setenv("JOURNAL_STREAM", "8:1", true);
    log_setup(LOG_LEVEL_INFO, false);
    for (int i = 0; i < 1001; i++)
        log_info("flood");
    log_info("x");
}

/* A thousand lines, and no more, and not a word less of anything else. */
static void test_flood(void)
{
    g_autoptr(GString) pattern = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append(pattern, "info flood\n");
    g_string_append(pattern, "info x\n");
    expect(speak_flood, pattern->str);
}

static void test_left_out_is_told(void)
{
    g_autoptr(LogLimit) limit = log_limit_new(2, 10);
    const char *what = NULL;
    guint left_out = 0;
    for (int i = 0; i < 5; i++)
        g_assert_cmpint(log_limit_take(limit, "a", 100 + i), ==, i < 2);
    g_assert_true(log_limit_take(limit, "b", 105)); /* each name has its own */
    g_assert_false(log_limit_tell(limit, 109, &what, &left_out));
    g_assert_true(log_limit_tell(limit, 110, &what, &left_out));
    g_assert_cmpstr(what, ==, "a");
    g_assert_cmpuint(left_out, ==, 3);
    g_assert_false(log_limit_tell(limit, 111, &what, &left_out)); /* once */
    g_assert_true(log_limit_take(limit, "a", 111));
    g_assert_true(log_limit_take(limit, "a", 112));
    g_assert_false(log_limit_take(limit, "a", 113));
    g_assert_false(
        log_limit_tell(limit, 120, &what, &left_out)); /* its span began at 111 */
    g_assert_true(log_limit_tell(limit, 121, &what, &left_out));
    g_assert_cmpuint(left_out, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/text", test_text);
    g_test_add_func("/log/journal", test_journal_has_the_time_itself);
    g_test_add_func("/log/hostile_values", test_hostile_values);
    g_test_add_func("/log/long_values", test_long_values_are_cut);
    g_test_add_func("/log/json", test_json);
    g_test_add_func("/log/glib", test_glib_goes_the_same_way);
    g_test_add_func("/log/flood", test_flood);
    g_test_add_func("/log/left_out", test_left_out_is_told);
    return g_test_run();
}
