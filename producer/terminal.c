/*
 * terminal.c - what a terminal can show: its width, colours, one line that is written over.
 *
 * ECMA-48 sequences that every terminal of the last thirty years knows; no terminfo for four
 * of them.
 */
#include "terminal.h"

#include "clean.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_UNKNOWN 80 /* of a terminal that does not say, such as a serial line */

int terminal_width(FILE *stream)
{
    struct winsize size;
    int fd = fileno(stream);
    if (!isatty(fd))
        return 0;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                : WIDTH_UNKNOWN;
}

/* --- Text --------------------------------------------------------------------------- */

static int char_width(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

int text_width(const char *text)
{
    int width = 0;
    for (; *text; text = g_utf8_next_char(text))
        width += char_width(g_utf8_get_char(text));
    return width;
}

char *text_cut(const char *text, int width)
{
    g_autofree char *valid = clean_text(text);
    bool fits = width == 0 || text_width(valid) <= width;
    int room = width - 1; /* with "…" behind it */
    GString *out = g_string_new(NULL);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        room -= char_width(c);
        if (!fits && room < 0) {
            g_string_append(out, "…");
            break;
        }
        g_string_append_unichar(out, c);
    }
    return g_string_free(out, false);
}

const char *text_line_end(const char *text, int width)
{
    const char *behind_word = NULL;
    const char *at = text;
    for (int room = width; *at; at = g_utf8_next_char(at)) {
        room -= char_width(g_utf8_get_char(at));
        if (room < 0)
            return behind_word ? behind_word : at > text ? at : g_utf8_next_char(at);
        if (*at == ' ')
            behind_word = at + 1;
    }
    return at;
}

/* --- Colours ------------------------------------------------------------------------ */

#define GREEN  "\033[32m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

static const struct {
    const char *word, *colour;
} colours[] = {
    {"running", GREEN},   {"done", GREEN},        {"yes", GREEN},
    {"creating", YELLOW}, {"rebuilding", YELLOW}, {"deleting", YELLOW},
    {"unknown", YELLOW},  {"missing", RED},       {"failed", RED},
    {"rejected", RED},    {"expired", RED},       {"cancelled", RED},
    {"no", RED},
};

static bool is_coloured(FILE *stream)
{
    const char *no = g_getenv("NO_COLOR"); /* no-color.org */
    return isatty(fileno(stream)) && !(no && *no) && g_strcmp0(g_getenv("TERM"), "dumb");
}

void terminal_word(FILE *stream, const char *word)
{
    for (size_t i = 0; is_coloured(stream) && i < G_N_ELEMENTS(colours); i++) {
        if (!g_str_equal(word, colours[i].word))
            continue;
        fprintf(stream, "%s%s" PLAIN, colours[i].colour, word);
        return;
    }
    fputs(word, stream);
}

/* --- One line ----------------------------------------------------------------------- */

void terminal_live(const char *text)
{
    int width = terminal_width(stderr);
    if (!width)
        return;
    /* The last column stays free: a cursor behind it would wrap. */
    g_autofree char *line = text ? text_cut(text, width - 1) : g_strdup("");
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
}
