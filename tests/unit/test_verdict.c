/*
 * test_verdict.c - the engine's answers, as lines of text: tests/cases/verdict/.
 *
 *     asked | status | text → verdict code | words of the sentence
 *
 * `status` may be unreachable, broken or timeout; the last column may be left out.
 */
#include "verdict.h"

#include <string.h>

#define ARROW "→ "

static const char *const answers[] = {
    [ANSWER_HTTP] = "",
    [ANSWER_UNREACHABLE] = "unreachable",
    [ANSWER_BROKEN] = "broken",
    [ANSWER_TIMEOUT] = "timeout",
};

static enum asked asked_of(const char *name)
{
    for (unsigned i = 0; i < ASKED_COUNT; i++) {
        if (g_str_equal(asked_name((enum asked)i), name))
            return (enum asked)i;
    }
    g_error("nothing is asked by the name \"%s\"", name);
}

static enum answer answer_of(const char *status)
{
    for (size_t i = 1; i < G_N_ELEMENTS(answers); i++) {
        if (g_str_equal(answers[i], status))
            return (enum answer)i;
    }
    return ANSWER_HTTP;
}

static void expect(const char *line, enum verdict verdict, const struct refusal *refusal,
                   char **wanted)
{
    g_autofree char *got = g_strdup_printf("%s %s", verdict_name(verdict),
                                           refusal->code ? refusal->code : "");
    bool code_matters = strchr(g_strstrip(wanted[0]), ' ') != NULL;

    if (code_matters ? !g_str_equal(g_strstrip(got), wanted[0])
                     : !g_str_has_prefix(got, wanted[0]))
        g_error("%s\n  gives: %s", line, got);
    if (wanted[1] != NULL && !strstr(refusal->message, g_strstrip(wanted[1])))
        g_error("%s\n  says: %s", line, refusal->message);
    if (refusal->message != NULL)
        g_assert_null(strpbrk(refusal->message, "{}"));
}

static void check_line(const char *line)
{
    const char *arrow = strstr(line, ARROW);
    g_assert_nonnull(arrow);
    g_autofree char *question = g_strndup(line, (gsize)(arrow - line));
    g_auto(GStrv) columns = g_strsplit(question, "|", 3);
    g_auto(GStrv) wanted = g_strsplit(arrow + strlen(ARROW), "|", 2);
    struct refusal refusal = {0};

    g_assert_cmpuint(g_strv_length(columns), ==, 3);
    for (size_t i = 0; i < 3; i++)
        g_strstrip(columns[i]);
    enum verdict verdict = verdict_of(asked_of(columns[0]), answer_of(columns[1]),
                                      atoi(columns[1]), *columns[2] ? columns[2] : NULL,
                                      &refusal);
    expect(line, verdict, &refusal, wanted);
    refusal_clear(&refusal);
}

static void check_file(const void *name)
{
    g_autofree char *path = g_build_filename(TEST_CASES, "verdict", name, NULL);
    g_autofree char *text = NULL;
    unsigned checked = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (**line == '\0' || **line == '#')
            continue;
        check_line(*line);
        checked++;
    }
    g_assert_cmpuint(checked, >, 10);
}

/* Whatever comes, there is an answer, and a refusal for all but good news. */
static void every_answer_has_a_verdict(void)
{
    static const int statuses[] = {-1,  0,   100, 200, 204, 301,
                                   304, 400, 404, 409, 500, 999};

    for (unsigned asked = 0; asked < ASKED_COUNT; asked++) {
        for (unsigned answer = 0; answer < G_N_ELEMENTS(answers); answer++) {
            for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
                struct refusal refusal = {0};
                enum verdict verdict = verdict_of((enum asked)asked, (enum answer)answer,
                                                  statuses[i], NULL, &refusal);
                bool good = verdict == VERDICT_DONE || verdict == VERDICT_ALREADY;
                g_assert_cmpint(refusal.message == NULL, ==, good);
                g_assert_false(good && answer != ANSWER_HTTP);
                refusal_clear(&refusal);
            }
        }
    }
}

static void s15_texts_in_a_stream_are_as_good_as_a_status(void)
{
    struct refusal refusal = {0};
    const char *text = "toomanyrequests: slow down";

    g_assert_cmpint(verdict_of(ASKED_PULL, ANSWER_HTTP, 200, text, &refusal), ==,
                    VERDICT_REFUSED);
    g_assert_cmpstr(refusal.code, ==, CODE_REGISTRY_LIMITED);
    g_assert_nonnull(strstr(refusal.message, text)); /* the registry's own words */
    refusal_clear(&refusal);
}

static void s06_a_name_in_use_is_a_conflict_to_look_at(void)
{
    check_line(
        "create | 409 | Conflict. The container name \"/zomboid-1\" is already in use by "
        "container \"0f3e\". → conflict name_conflict | the name zomboid-1");
    check_line("create | 409 | Conflict. The name \"x\" is already reserved → "
               "conflict name_conflict");
}

static void s07_a_taken_port_is_named(void)
{
    check_line(
        "start | 500 | driver failed programming external connectivity on endpoint p2 "
        "(1a2b): Bind for 127.0.0.1:27915 failed: port is already allocated → "
        "refused port_conflict | port 27915 is taken");
    check_line(
        "start | 500 | Error starting userland proxy: listen udp4 127.0.0.1:27915: bind: "
        "address already in use → refused port_conflict | port 27915/udp is taken");
}

static void s19_only_a_404_of_the_container_is_its_end(void)
{
    check_line("remove | 409 | removal of container x1 is already in progress → "
               "retry remove_failed");
    check_line("remove | 500 | device or resource busy → retry remove_failed");
    check_line("remove | 404 | page not found → refused engine_unsupported");
    check_line("remove | broken | → unknown");
    check_line("remove | 404 | No such container: x1 → absent");
}

static void s20_no_common_version_is_told(void)
{
    check_line(
        "look | 400 | client version 1.41 is too old. Minimum supported API version is "
        "1.44 → refused engine_unsupported | upgrade the older one");
    check_line(
        "list | 400 | client version 1.52 is too new → refused engine_unsupported");
}

static void env_never_shows(void)
{
    struct refusal refusal = {0};

    verdict_of(ASKED_CREATE, ANSWER_HTTP, 400, "invalid environment variable: =hunter2",
               &refusal);
    g_assert_cmpstr(refusal.code, ==, CODE_INVALID);
    g_assert_null(strstr(refusal.message, "hunter2"));
    refusal_clear(&refusal);
}

static void check_text(const char *body, size_t length, const char *wanted)
{
    g_autofree char *text = verdict_text(body, length);

    g_assert_cmpstr(text, ==, wanted);
}

static void texts(void)
{
    g_autofree char *long_body = g_strnfill(5000, 'x');
    g_autofree char *cut = g_strnfill(1000, 'x');

    check_text("{\"message\":\"No such container: x\"}\n", 34, "No such container: x");
    check_text("client version 1.11 is too old\n", 31, "client version 1.11 is too old");
    check_text("", 0, "");
    check_text(NULL, 0, "");
    check_text("{\"message\":", 11, "{\"message\":");
    check_text("{\"message\":7}", 13, "{\"message\":7}");
    check_text("two\nlines\033[1m", 13, "two lines [1m");
    check_text("bad \xff\xfe utf-8", 12, "bad \xef\xbf\xbd\xef\xbf\xbd utf-8");
    check_text("{\"message\":\"a\\nb\"}", 18, "a b");
    check_text(long_body, 5000, cut);
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"measured.txt", "registry.txt", "newer.txt",
                                        "transport.txt"};

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *name = g_strconcat("/verdict/", files[i], NULL);
        g_test_add_data_func(name, files[i], check_file);
    }
    g_test_add_func("/verdict/every_answer_has_a_verdict", every_answer_has_a_verdict);
    g_test_add_func("/verdict/s15_texts_in_a_stream_are_as_good_as_a_status",
                    s15_texts_in_a_stream_are_as_good_as_a_status);
    g_test_add_func("/verdict/s06_a_name_in_use_is_a_conflict_to_look_at",
                    s06_a_name_in_use_is_a_conflict_to_look_at);
    g_test_add_func("/verdict/s07_a_taken_port_is_named", s07_a_taken_port_is_named);
    g_test_add_func("/verdict/s19_only_a_404_of_the_container_is_its_end",
                    s19_only_a_404_of_the_container_is_its_end);
    g_test_add_func("/verdict/s20_no_common_version_is_told",
                    s20_no_common_version_is_told);
    g_test_add_func("/verdict/env_never_shows", env_never_shows);
    g_test_add_func("/verdict/texts", texts);
    return g_test_run();
}
