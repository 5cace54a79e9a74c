/*
 * terminal.h - what the terminal that a person sits at can show.
 *
 * Where there is none, text stays whole and plain, for programs and files.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

/* Columns of the terminal behind `stream`; 0: there is none. */
int terminal_width(FILE *stream);

/* How many columns `text` takes. */
int text_width(const char *text);
/* `text` in one line of at most `width` columns (0: any), the last one a "…" if it is cut.
 * As clean_text(): much of what is shown comes from an engine or a registry.  g_free it. */
char *text_cut(const char *text, int width);

/* Where a first line of at most `width` columns ends: behind a word, or in one that is longer
 * than a line.  Not before the second character. */
const char *text_line_end(const char *text, int width);

/* Prints `word` (a status, an outcome, maybe cut) in the colour that it is read by, unless
 * the stream is no terminal or the user has set NO_COLOR. */
void terminal_word(FILE *stream, const char *word);

/* On standard error, if that is a terminal: one line, written over by the next one; NULL
 * takes it away. */
void terminal_live(const char *text);
