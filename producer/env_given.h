/*
 * env_given.h - the variables that -e and --env-file give, in the forms of `docker run`.
 *
 * No error repeats a value.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Sets what `files` (names of files) and then `words` give in `config`: "KEY=VALUE", or KEY alone,
 * whose value this process's own environment has.  Both may be NULL.  OPTIONS_ERROR_USAGE. */
bool env_given(json_t *config, const GPtrArray *files, const GPtrArray *words,
               GError **error);
