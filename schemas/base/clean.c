/*
 * clean.c - foreign text that is shown.
 */
#include "clean.h"

#include <stdarg.h>
#include <stdbool.h>

#define NON_JOINER 0x200c /* scripts and pictures need these two */
#define JOINER     0x200d

static bool is_harmful(gunichar c)
{
    const GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR ||
           type == G_UNICODE_PARAGRAPH_SEPARATOR ||
           (type == G_UNICODE_FORMAT && c != NON_JOINER && c != JOINER);
}

static char *clean(const char *text, bool lines)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_sized_new(64);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        bool kept = !is_harmful(c) || (lines && c == '\n');
        g_string_append_unichar(out, kept ? c : ' ');
    }
    return g_string_free(out, FALSE);
}

char *clean_text(const char *text)
{
    return clean(text, false);
}

char *clean_lines(const char *text)
{
    return clean(text, true);
}

static void append_escaped(GString *out, gunichar c)
{
    if (c <= 0xffff) {
        g_string_append_printf(out, "\\u%04x", c);
        return;
    }
    c -= 0x10000; /* two surrogates (RFC 8259, 7) */
    g_string_append_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
                           0xdc00 + (c & 0x3ff));
}

/* What is below 0x80, jansson has escaped but for DEL; newlines are of its indentation. */
char *clean_json(char *text)
{
    GString *out = NULL; /* once there is something to escape */
    const char *from = text;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c < 0x7f || !is_harmful(c))
            continue;
        if (!out)
            out = g_string_sized_new(256);
        g_string_append_len(out, from, at - from);
        append_escaped(out, c);
        from = g_utf8_next_char(at);
    }
    if (!out)
        return text;
    g_string_append(out, from);
    g_free(text);
    return g_string_free(out, FALSE);
}

void clean_print(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = clean_lines(text);
    fputs(shown, stream);
}
