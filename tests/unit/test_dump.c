/*
 * test_dump.c - where statements of SQL end, and what they are about.
 */
#include "dump.h"

#include <string.h>

static const char *const kinds[] = {"end", "create", "insert", "other"};

/* "insert servers@1; other@2", or the error. */
static char *taken_apart(const char *text)
{
    GString *out = g_string_new("");
    g_autoptr(GError) error = NULL;
    struct dump dump;
    g_assert_true(dump_open(&dump, text, strlen(text), NULL));
    for (;;) {
        g_auto(DumpStatement) statement = {0};
        if (!dump_next(&dump, &statement, &error)) {
            g_string_append_printf(out, "%s%s", out->len ? "; " : "", error->message);
            break;
        }
        if (statement.kind == DUMP_END)
            break;
        g_string_append_printf(out, "%s%s%s%s@%d", out->len ? "; " : "",
                               kinds[statement.kind], statement.table ? " " : "",
                               statement.table ? statement.table : "", statement.line);
    }
    return g_string_free(out, FALSE);
}

static void test_statements(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", ""},
        {" \n-- nothing\n/* at\nall */ ;; ;", ""},
        {"PRAGMA x;BEGIN;COMMIT;", "other@1; other@1; other@1"},
        {"create table a(b);", "create a@1"},
        {"CREATE TABLE IF NOT EXISTS \"A B\"\"c\" (d);", "create a b\"c@1"},
        {"CREATE TABLE main.[x](y);", "create x@1"},
        {"CREATE TEMP TABLE x(y);", "other@1"},
        {"CREATE INDEX servers ON servers(a);", "other@1"},
        {"INSERT INTO `t` VALUES(';', \";\", [;]);\n\nINSERT INTO u VALUES(1);",
         "insert t@1; insert u@3"},
        {"INSERT INTO t VALUES('it''s; so','a\nb');INSERT INTO t VALUES(2);",
         "insert t@1; insert t@2"},
        {"REPLACE INTO t VALUES(1);INSERT OR ABORT INTO u VALUES(1);",
         "insert t@1; insert u@1"},
        {"INSERT INTO 't' VALUES(1 -- ; '\n);", "insert t@1"},
        {"INSERT INTO t VALUES(1 /* ; */);", "insert t@1"},
        {"CREATE TRIGGER a AFTER INSERT ON b BEGIN INSERT INTO b VALUES(1); SELECT CASE "
         "WHEN 1 THEN 2 END; END; INSERT INTO c VALUES(1);",
         "other@1; insert c@1"},
        {"INSERT INTO t VALUES(1)",
         "line 1: a statement begins here and does not end: the file is cut off"},
        {"SELECT 1;\nINSERT INTO t VALUES('x;",
         "other@1; line 2: a statement begins here and does not end: the file is cut off"},
        {"/* no end",
         "line 1: a statement begins here and does not end: the file is cut off"},
        {"CREATE TABLE;INSERT INTO;", "other@1; other@1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *says = taken_apart(rows[i].text);
        g_assert_cmpstr(says, ==, rows[i].says);
    }
}

static void test_text_is_without_its_semicolon(void)
{
    const char *text = " SELECT 1 ; ";
    struct dump dump;
    g_auto(DumpStatement) statement = {0};
    g_assert_true(dump_open(&dump, text, strlen(text), NULL));
    g_assert_true(dump_next(&dump, &statement, NULL));
    g_assert_cmpmem(statement.text, statement.length, "SELECT 1 ", 9);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dump/statements", test_statements);
    g_test_add_func("/dump/text_is_without_its_semicolon",
                    test_text_is_without_its_semicolon);
    return g_test_run();
}
