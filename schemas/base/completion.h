/*
 * completion.h - what a shell may put at the cursor, from the tables of options.
 *
 * The script of a shell (completion_script()) knows nothing itself: it calls `PROGRAM
 * __complete WORD...`, with the words from behind the program's name to the cursor, the last
 * one being begun and maybe empty.  It gets back a candidate a line, with a tab and what it
 * is behind it; "@files" and "@directories" stand for those that begin so.
 */
#pragma once

#include "options.h"

#define COMPLETION_WORD "__complete" /* argv[1] of such a call */

enum cursor_at {
    CURSOR_WORD,   /* a word that is no option, or nothing yet */
    CURSOR_OPTION, /* "-…", "--…" */
    CURSOR_VALUE,  /* of an option: the next word, or behind its "=" */
};

struct cursor {
    enum cursor_at at;
    const char *begun; /* what is there of the word, or of the value */
    char *before;      /* stands before it in the same word: "--agent=", or "" */
    const struct option *option; /* VALUE: whose */
    GPtrArray *words; /* before the cursor, without options: const char *, borrowed */
};

/* `words` ends with NULL and is borrowed. */
void cursor_find(struct cursor *ret_cursor, const struct option_table *const *tables,
                 size_t count, char *const *words);
void cursor_clear(struct cursor *cursor);

/* Appends the candidate, if it begins as the cursor's word does. */
void completion_offer(GString *out, const struct cursor *cursor, const char *candidate,
                      const char *about);
void completion_options(GString *out, const struct cursor *cursor,
                        const struct option_table *const *tables, size_t count);
/* What an argument says by itself: words that are meant as they stand, FILE, SOCKET, DIR.
 * Others offer nothing. */
void completion_argument(GString *out, const struct cursor *cursor, const char *argument);

/* All of it for a program without commands; g_free it. */
char *completion_of_options(const struct option_table *const *tables, size_t count,
                            char *const *words);

/* For "bash", "zsh" or "fish"; g_free it.  Error: OPTIONS_ERROR_USAGE. */
char *completion_script(const char *program, const char *shell, GError **error);

typedef struct cursor Cursor;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cursor, cursor_clear)
