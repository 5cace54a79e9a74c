/*
 * test_pull.c - progress streams, as files of lines: tests/cases/pull/.
 *
 * Lines go in as they are; one that begins with "# " says what must be so by then:
 * succeeded, unfinished, error TEXT, or else the text of the progress.
 */
#include "pull.h"

#include <string.h>

static void expect(const struct pull_stream *stream, const char *wanted)
{
    g_autofree char *text = pull_stream_text(stream);

    if (g_str_equal(wanted, "succeeded")) {
        g_assert_true(pull_stream_succeeded(stream));
        g_assert_null(pull_stream_error(stream));
    } else if (g_str_equal(wanted, "unfinished")) {
        g_assert_false(pull_stream_succeeded(stream));
        g_assert_null(pull_stream_error(stream));
    } else if (g_str_has_prefix(wanted, "error ")) {
        g_assert_false(pull_stream_succeeded(stream));
        g_assert_cmpstr(pull_stream_error(stream), ==, wanted + strlen("error "));
    } else {
        g_assert_cmpstr(text, ==, wanted);
    }
}

static void check_file(const void *name)
{
    g_autofree char *path = g_build_filename(TEST_CASES, "pull", name, NULL);
    g_autoptr(PullStream) stream = pull_stream_new();
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "# "))
            expect(stream, *line + 2);
        else
            pull_stream_line(stream, *line, strlen(*line));
    }
}

static void a_new_stream_has_nothing(void)
{
    g_autoptr(PullStream) stream = pull_stream_new();
    int64_t current = -1;
    int64_t total = -1;

    pull_stream_bytes(stream, &current, &total);
    g_assert_cmpint(current, ==, 0);
    g_assert_cmpint(total, ==, 0);
    expect(stream, "unfinished");
    expect(stream, "");
}

static void layers_and_texts_are_bounded(void)
{
    g_autoptr(PullStream) stream = pull_stream_new();
    g_autofree char *long_text = g_strnfill(100000, 'x');

    for (int i = 0; i < 2000; i++) {
        g_autofree char *line = g_strdup_printf(
            "{\"status\":\"Pulling fs layer\",\"id\":\"%d\"}", i);
        pull_stream_line(stream, line, strlen(line));
    }
    expect(stream, "0 of 512 layers");
    pull_stream_line(stream, long_text, 100000);
    g_assert_cmpuint(strlen(pull_stream_error(stream)), ==, 1000);
}

static void what_is_no_utf8_is_an_error_in_utf8(void)
{
    g_autoptr(PullStream) stream = pull_stream_new();

    pull_stream_line(stream, "\xff\x00{", 3);
    g_assert_true(g_utf8_validate(pull_stream_error(stream), -1, NULL));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *file;
    } streams[] = {
        {"/pull/downloaded", "downloaded.txt"},
        {"/pull/up_to_date", "up_to_date.txt"},
        {"/pull/s15_an_error_after_the_200", "registry_dies.txt"},
        {"/pull/s15_the_end_alone_is_no_success", "cut_off.txt"},
        {"/pull/s15_no_json_is_the_error", "no_json.txt"},
        {"/pull/podman_says_it_twice", "podman.txt"},
        {"/pull/odd_lines_do_no_harm", "odd.txt"},
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        g_test_add_data_func(streams[i].name, streams[i].file, check_file);
    g_test_add_func("/pull/a_new_stream_has_nothing", a_new_stream_has_nothing);
    g_test_add_func("/pull/layers_and_texts_are_bounded", layers_and_texts_are_bounded);
    g_test_add_func("/pull/what_is_no_utf8_is_an_error_in_utf8",
                    what_is_no_utf8_is_an_error_in_utf8);
    return g_test_run();
}
