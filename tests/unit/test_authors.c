/*
 * test_authors.c - two ledgers that write into one log.
 */
#include "authors.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define ONE   "10000000-0000-4000-8000-000000000000"
#define OTHER "20000000-0000-4000-8000-000000000000"

static void note(void *listener, const struct place *place, const char *sentence)
{
    g_string_append_printf(listener, "%d@%d ", (int)place->partition, (int)place->offset);
    g_assert_nonnull(strstr(sentence, ONE));
    g_assert_nonnull(strstr(sentence, OTHER));
}

/* Words "1:3:40": ledger, partition, append time; offsets count. */
static void check(const char *story, const char *expected)
{
    g_autoptr(Authors) authors = authors_new();
    g_autoptr(GString) told = g_string_new("");
    g_auto(GStrv) words = g_strsplit(story, " ", -1);
    for (int i = 0; words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], ":", 3);
        const struct place place = {atoi(parts[1]), i, atoi(parts[2])};
        const char *ids[] = {NULL, ONE, OTHER, "no id at all"};
        authors_note(authors, ids[atoi(parts[0])], &place);
    }
    authors_judge(authors, note, told);
    g_assert_cmpstr(told->str, ==, expected);
}

static void test_one_after_the_other(void)
{
    check("1:0:10 1:0:20 2:0:30 2:0:40", "");
    check("2:5:30 2:5:40 1:0:10 1:0:20", "");
    check("1:0:10 1:0:20", "");
}

static void test_side_by_side(void)
{
    check("1:0:10 2:0:20 1:0:30", "0@1 ");
    check("2:7:20 1:0:10 1:0:30", "7@0 ");
    check("1:0:10 2:0:20 1:0:30 2:0:40", "0@1 ");
}

static void test_what_says_nothing(void)
{
    check("1:0:10 0:0:20 3:0:20 1:0:30", "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/authors/one_after_the_other", test_one_after_the_other);
    g_test_add_func("/authors/side_by_side", test_side_by_side);
    g_test_add_func("/authors/what_says_nothing", test_what_says_nothing);
    return g_test_run();
}
