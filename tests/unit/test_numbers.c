/*
 * test_numbers.c - numbers of a config come out as they went in.
 */
#include "numbers.h"

#include <glib.h>
#include <string.h>

static void s36_numbers_stay_as_written(void)
{
    static const char *const texts[] = {
        "{\"A\":0.1,\"B\":0.35,\"C\":9223372036854775808,\"D\":-1.50e+10}",
        "{\"A\":1.0,\"B\":[0.1,{\"C\":1E5}],\"D\":123456789012345678901234567890}",
        "{\"A\":\"0.1\",\"B\":\"-1\",\"C\":true,\"D\":null}",
        "{\"0.1\":0.1,\"a \\\"0.1\\\" b\":\"c \\\"0.1\\\" d\"}",
        "{\"\\u00010.1\":\"\\u0001x\"}",
        "0.1",
        "[]",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_auto_t *json = numbers_load(texts[i], strlen(texts[i]), JSON_DECODE_ANY,
                                         NULL);
        g_assert_nonnull(json);
        g_autofree char *text = numbers_dump(json);
        g_assert_cmpstr(text, ==, texts[i]);
    }
}

static void s36_a_variable_gets_the_text(void)
{
    const char *text = "{\"A\":0.1,\"B\":\"x\",\"C\":[0.1,\"y\"],\"D\":true}";
    json_auto_t *json = numbers_load(text, strlen(text), 0, NULL);
    static const char *const wanted[][2] = {
        {"A", "0.1"}, {"B", "x"}, {"C", "[0.1,\"y\"]"}, {"D", "true"}};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *value = numbers_text(json_object_get(json, wanted[i][0]));
        g_assert_cmpstr(value, ==, wanted[i][1]);
    }
}

static void what_is_no_json_is_none(void)
{
    static const char *const texts[] = {
        "{\"A\":01}", "{\"A\":1.}", "{\"A\":-}",     "{\"A\":.5}", "{\"A\":1-2}",
        "{\"A\":1e}", "{\"A\":1x}", "{\"A\":1.2.3}", "{\"A\":\"",  "{\"A\":\"\\"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_error_t where, wanted;
        g_assert_null(json_loads(texts[i], 0, &wanted));
        g_assert_null(numbers_load(texts[i], strlen(texts[i]), 0, &where));
        g_assert_cmpint(where.column, ==, wanted.column);
    }
}

static void restored(void)
{
    const char *text = "{\"A\":[1,0.5],\"B\":9223372036854775808,\"C\":\"1\"}";
    json_t *json = numbers_restore(numbers_load(text, strlen(text), 0, NULL));
    json_auto_t *wanted = json_pack("{s:[i, f], s:f, s:s}", "A", 1, 0.5, "B",
                                    9223372036854775808.0, "C", "1");
    g_assert_true(json_equal(json, wanted));
    json_decref(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/numbers/s36_numbers_stay_as_written", s36_numbers_stay_as_written);
    g_test_add_func("/numbers/s36_a_variable_gets_the_text",
                    s36_a_variable_gets_the_text);
    g_test_add_func("/numbers/what_is_no_json_is_none", what_is_no_json_is_none);
    g_test_add_func("/numbers/restored", restored);
    return g_test_run();
}
