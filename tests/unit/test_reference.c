/*
 * test_reference.c - names of images, as lines: tests/cases/reference/.
 *
 *     image | image_tag → what an engine pulls, or "no": words of the error
 */
#include "reference.h"

#include "cases.h"

static void check_line(const char *line)
{
    g_auto(GStrv) halves = g_strsplit(line, " → ", 2);
    g_auto(GStrv) pair = g_strsplit(halves[0], "|", 2);
    g_auto(Reference) reference = {0};
    g_autoptr(GError) error = NULL;
    const char *wanted = halves[1];
    bool good = reference_of(g_strstrip(pair[0]), g_strstrip(pair[1]), &reference,
                             &error);
    if (g_str_has_prefix(wanted, "no: ")) {
        if (good || !strstr(error->message, wanted + strlen("no: ")))
            g_error("%s: says %s", line, good ? "yes" : error->message);
        g_assert_true(g_str_has_prefix(error->message, "image: ") ||
                      g_str_has_prefix(error->message, "image_tag: "));
        return;
    }
    if (!good)
        g_error("%s: says %s", line, error->message);
    g_autofree char *text = reference_text(&reference);
    g_assert_cmpstr(text, ==, wanted);
}

/* A digest need not be written out in a case. */
static void s36_references(void)
{
    g_autoptr(GBytes) bytes = case_bytes(TEST_CASES "/reference/pairs.txt");
    g_autoptr(GString) text = g_string_new_len(g_bytes_get_data(bytes, NULL),
                                               (gssize)g_bytes_get_size(bytes));
    g_autofree char *hex = g_strnfill(64, 'a');
    g_autofree char *other = g_strnfill(64, 'b');
    g_string_replace(text, "{a}", hex, 0);
    g_string_replace(text, "{b}", other, 0);
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line && **line != '#')
            check_line(*line);
}

static void s36_both_are_kept_for_people(void)
{
    g_autofree char *hex = g_strnfill(64, 'a');
    g_autofree char *tag = g_strconcat("41@sha256:", hex, NULL);
    g_auto(Reference) reference = {0};
    g_assert_true(reference_of("x", tag, &reference, NULL));
    g_autofree char *again = reference_tag_text(&reference);
    g_assert_cmpstr(again, ==, tag);
    g_assert_cmpstr(reference.tag, ==, "41");
}

static void full_names(void)
{
    static const char *const table[][2] = {
        {"busybox", "docker.io/library/busybox"},
        {"library/busybox", "docker.io/library/busybox"},
        {"docker.io/busybox", "docker.io/library/busybox"},
        {"index.docker.io/me/busybox", "docker.io/me/busybox"},
        {"localhost/busybox", "localhost/busybox"},
        {"[::1]:5000/busybox", "[::1]:5000/busybox"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *full = repository_full(table[i][0]);
        g_assert_cmpstr(full, ==, table[i][1]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reference/s36_references", s36_references);
    g_test_add_func("/reference/s36_both_are_kept_for_people",
                    s36_both_are_kept_for_people);
    g_test_add_func("/reference/full_names", full_names);
    return g_test_run();
}
