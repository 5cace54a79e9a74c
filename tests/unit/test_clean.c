/*
 * test_clean.c - foreign text reaches no terminal as anything but text.
 */
#include "clean.h"

static void t8_controls_become_spaces(void)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"plain, gr\xc3\xbc\xc3\x9f dich", "plain, gr\xc3\xbc\xc3\x9f dich"},
        {"\033[2J\a\bx\x7f", " [2J  x "},
        {"\033]0;title\033\\x", " ]0;title \\x"},
        {"C1 \xc2\x9b"
         "31m \xc2\x9d"
         "0;x",
         "C1  31m  0;x"},
        {"a\r\n\tb", "a   b"},
        {"exe.\xe2\x80\xaegpj", "exe. gpj"},               /* U+202E */
        {"\xe2\x81\xa6x\xe2\x81\xa9\xe2\x80\x8f", " x  "}, /* U+2066 U+2069 U+200F */
        {"\xd8\x9cx\xef\xbb\xbf\xe2\x80\xa8", " x  "},     /* U+061C U+FEFF U+2028 */
        {"\xe0\xa4\x95\xe2\x80\x8d\xe0\xa4\xb7", "\xe0\xa4\x95\xe2\x80\x8d\xe0\xa4\xb7"},
        {"\xd7\xa9\xd7\x9c",
         "\xd7\xa9\xd7\x9c"}, /* letters from right to left are letters */
        {"bad \xff\x9b bytes", "bad \xef\xbf\xbd\xef\xbf\xbd bytes"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *line = clean_text(rows[i].text);
        g_assert_cmpstr(line, ==, rows[i].line);
    }
    g_autofree char *lines = clean_lines("a\n\033b\n");
    g_assert_cmpstr(lines, ==, "a\n b\n");
}

static void t8_json_says_the_same(void)
{
    static const struct {
        const char *json, *escaped;
    } rows[] = {
        {"{\"a\":\"\\u001b gr\xc3\xbc\xc3\x9f\"}",
         "{\"a\":\"\\u001b gr\xc3\xbc\xc3\x9f\"}"},
        {"\"\x7f\xc2\x9b\"", "\"\\u007f\\u009b\""},
        {"[\"a\xe2\x80\xae"
         "b\",\n 1]",
         "[\"a\\u202eb\",\n 1]"},
        {"\"\xf3\xa0\x81\x81x\"", "\"\\udb40\\udc41x\""}, /* U+E0041 */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *escaped = clean_json(g_strdup(rows[i].json));
        g_assert_cmpstr(escaped, ==, rows[i].escaped);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clean/t8_controls_become_spaces", t8_controls_become_spaces);
    g_test_add_func("/clean/t8_json_says_the_same", t8_json_says_the_same);
    return g_test_run();
}
