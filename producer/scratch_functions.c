/*
 * scratch_functions.c - unistr(), as SQLite 3.50 defines it.
 */
#include "scratch_functions.h"

#include <glib.h>
#include <string.h>

/* How many hex digits follow: \XXXX, \uXXXX, \+XXXXXX, \UXXXXXXXX.  `at` goes to the first. */
static int digits_of(const char **at)
{
    static const struct {
        char letter;
        int digits;
    } forms[] = {{'u', 4}, {'+', 6}, {'U', 8}};
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
        if (**at == forms[i].letter) {
            (*at)++;
            return forms[i].digits;
        }
    return 4;
}

/* The character behind a backslash; 0 if there is none.  `at` goes past it. */
static gunichar escaped(const char **at)
{
    gunichar code = 0;
    if (**at == '\\') {
        (*at)++;
        return '\\';
    }
    for (int left = digits_of(at); left > 0; left--, (*at)++) {
        if (!g_ascii_isxdigit(**at) || code > 0xFFFFFF)
            return 0;
        code = code << 4 | (gunichar)g_ascii_xdigit_value(**at);
    }
    return g_unichar_validate(code) ? code : 0;
}

static void unistr(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *at = (const char *)sqlite3_value_text(values[0]);
    if (!at)
        return; /* NULL of NULL */
    GString *text = g_string_new(NULL);
    for (const char *back; (back = strchr(at, '\\'));) {
        g_string_append_len(text, at, back - at);
        at = back + 1;
        gunichar code = escaped(&at);
        if (code == 0) {
            sqlite3_result_error(context, "invalid Unicode escape", -1);
            g_string_free(text, TRUE);
            return;
        }
        g_string_append_unichar(text, code);
    }
    g_string_append(text, at);
    sqlite3_result_text64(context, text->str, text->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    g_string_free(text, TRUE);
}

bool scratch_functions_add(sqlite3 *db)
{
    return sqlite3_create_function(db, "unistr", 1,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                   NULL, unistr, NULL, NULL) == SQLITE_OK;
}
