/*
 * test_log.c - lines as they come out of a process.
 */
#include "log.h"

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/text", test_text);
    g_test_add_func("/log/journal", test_journal_has_the_time_itself);
    g_test_add_func("/log/hostile_values", test_hostile_values);
    g_test_add_func("/log/long_values", test_long_values_are_cut);
    g_test_add_func("/log/json", test_json);
    g_test_add_func("/log/glib", test_glib_goes_the_same_way);
    return g_test_run();
}
