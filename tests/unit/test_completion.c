/*
 * test_completion.c - words before a cursor as rows: what a shell is offered there; and the
 * manual page of the same tables.
 */
#include "completion.h"
#include "manual.h"

#include <string.h>

static const struct option rows[] = {
    {"agent", 'a', OPTION_STRING, 0, "ID", "the host's id", .required = true},
    {"all", 0, OPTION_FLAG, 0, NULL, "take all"},
    {"pull", 0, OPTION_STRING, 0, "always|missing", "when to pull"},
    {"policy", 0, OPTION_STRING, 0, "FILE", "limits"},
    {"data-root", 0, OPTION_STRINGS, 0, "DIR", "where data lies"},
    {"profile", 0, OPTION_STRING, 0, "PROFILE|FILE", "which game"},
    {"wait", 'w', OPTION_WAIT, 0, NULL, "for the result"},
};
static const struct option_table table = {"tool [OPTION]...", "Does it.\n\nWell.",
                                          ".5 is no macro, -1 no dash", rows,
                                          G_N_ELEMENTS(rows)};
static const struct option_table *const tables[] = {&table};

static const struct {
    const char *words;   /* parted by spaces; the last is begun */
    const char *offered; /* candidates, parted by spaces */
} cases[] = {
    {"", "--agent --all --pull --policy --data-root --profile --wait --help"},
    {"word ", "--agent --all --pull --policy --data-root --profile --wait --help"},
    {"x", ""},
    {"--a", "--agent --all"},
    {"-", "--agent --all --pull --policy --data-root --profile --wait --help"},
    {"--al", "--all"},
    {"--nothing", ""},
    {"--pull ", "always missing"},
    {"--pull m", "missing"},
    {"--pull=", "--pull=always --pull=missing"},
    {"--pull=a", "--pull=always"},
    {"--pull always --al", "--all"},
    {"--pull --al", ""}, /* it is the value */
    {"--agent ", ""},
    {"-a ", ""},
    {"-a x --al", "--all"},
    {"--all --al", "--all"},
    {"--all=", ""},
    {"--wait --al", "--all"}, /* its value is behind "=" or not there */
    {"--policy ", "@files"},
    {"--policy=x", "@files"},
    {"--data-root ", "@directories"},
    {"--profile ", "@files"}, /* which profiles there are, only the program knows */
    {"-- --al", ""},          /* no options behind it */
};

static void test_offers(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) words = g_strsplit(cases[i].words, " ", -1);
        if (!words[0]) { /* nothing split gives nothing */
            g_strfreev(words);
            words = g_strdupv((char *[]){(char *)"", NULL});
        }
        g_autofree char *told = completion_of_options(tables, 1, words);
        g_auto(GStrv) lines = g_strsplit(g_strchomp(told), "\n", -1);
        for (char **line = lines; *line; line++)
            (*line)[strcspn(*line, "\t")] = '\0';
        g_autofree char *offered = g_strjoinv(" ", lines);
        if (!g_str_equal(offered, cases[i].offered))
            g_error("'%s': offered '%s', not '%s'", cases[i].words, offered,
                    cases[i].offered);
    }
}

static void test_words_before(void)
{
    char *words[] = {(char *)"server", (char *)"--agent", (char *)"x", (char *)"-",
                     (char *)"--",     (char *)"--all",   (char *)"b", NULL};
    g_auto(Cursor) cursor = {0};
    cursor_find(&cursor, tables, 1, words);
    g_assert_cmpint(cursor.at, ==, CURSOR_WORD);
    g_assert_cmpstr(cursor.begun, ==, "b");
    g_assert_cmpuint(cursor.words->len, ==, 3);
    g_assert_cmpstr(cursor.words->pdata[0], ==, "server");
    g_assert_cmpstr(cursor.words->pdata[1], ==, "-");
    g_assert_cmpstr(cursor.words->pdata[2], ==, "--all");
}

static void test_scripts(void)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < G_N_ELEMENTS(shells); i++) {
        g_autofree char *script = completion_script("a-tool", shells[i], NULL);
        g_assert_nonnull(strstr(script, "a-tool"));
        g_assert_nonnull(strstr(script, "_a_tool"));
        g_assert_null(strstr(script, "NAME"));
        g_assert_null(strstr(script, "PROGRAM"));
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(completion_script("a-tool", "csh", &error));
    g_assert_error(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE);
}

static void test_manual(void)
{
    static const char *const parts[] = {
        ".SH NAME\ntool \\- does it\n",
        ".SH SYNOPSIS\ntool [OPTION]...\n",
        ".SH DESCRIPTION\nDoes it.\n.PP\nWell.\n",
        ".TP\n.B \\-a, \\-\\-agent=ID\nthe host's id (required)\n",
        ".B \\-w, \\-\\-wait[=TIME]\n",
        ".nf\n\\&.5 is no macro, \\-1 no dash\n.fi\n",
    };
    g_autofree char *page = manual_of_options("tool", "does it", tables, 1);
    g_assert_true(g_str_has_prefix(page, ".TH tool 1 "));
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (!strstr(page, parts[i]))
            g_error("\"%s\" is not in:\n%s", parts[i], page);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/completion/offers", test_offers);
    g_test_add_func("/completion/words_before", test_words_before);
    g_test_add_func("/completion/scripts", test_scripts);
    g_test_add_func("/completion/manual", test_manual);
    return g_test_run();
}
