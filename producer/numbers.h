/*
 * numbers.h - JSON whose numbers stay as people wrote them.
 *
 * Pure.  jansson reads 0.1 as a double and writes 0.10000000000000001, and takes nothing
 * beyond 2^63.  A record's config goes into the environment of a container, as text; so here
 * a number is a string that begins with a mark, and is written without mark and quotes.
 */
#pragma once

#include <jansson.h>

/* As json_loadb(). */
json_t *numbers_load(const char *text, size_t length, size_t flags,
                     json_error_t *ret_where);
/* As json_dumps(), compact and with sorted keys; g_free it. */
char *numbers_dump(const json_t *json);
/* What a variable gets: a string's text, a number's, else JSON; g_free it. */
char *numbers_text(const json_t *value);
/* Makes marked strings jansson's numbers again, in place of `json`, which is taken. */
json_t *numbers_restore(json_t *json);
