/*
 * clean.h - foreign text that is shown: nothing in it moves a cursor or turns letters round.
 *
 * Names, messages and labels come from hosts, engines and registries that are not ours.  What a
 * terminal would obey (controls, escape sequences) and what a reader would be deceived by
 * (bidirectional controls, letters that are not seen) becomes a space where people read,
 * and an escape in JSON, which says the same to programs.
 */
#pragma once

#include <glib.h>
#include <stdio.h>

/* Valid UTF-8 in one line; g_free it. */
char *clean_text(const char *text);
/* The same, but that it may have several lines. */
char *clean_lines(const char *text);
/* JSON as json_dumps() writes it, with such characters escaped; takes `text`; g_free it. */
char *clean_json(char *text);
/* As fprintf(), with clean_lines() over all of it. */
void clean_print(FILE *stream, const char *format, ...) G_GNUC_PRINTF(2, 3);
