/*
 * path.h - the path of a request against a pattern.
 *
 * Pure.  A pattern is "/agents/{agent_id}/servers"; a word in braces stands for one segment
 * that is not empty.  Segments are taken apart before they are decoded, so that an escaped
 * slash is part of a value and never parts one.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define PATH_VALUES 2 /* the most that a pattern has */

/* Whether it matches; the values of the words in braces, decoded, are left in `ret_values`:
 * g_free them.  What cannot be decoded (a NUL, no UTF-8) matches nothing. */
bool path_match(const char *pattern, const char *path, char *ret_values[PATH_VALUES]);

/* A part of a path or query, decoded; NULL if it is no UTF-8 or holds a NUL.  g_free it. */
char *path_decode(const char *escaped);
