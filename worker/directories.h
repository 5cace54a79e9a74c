/*
 * directories.h - the directories under the data roots, as a Sync tells them.
 *
 * Blocks: a thread's work.
 */
#pragma once

#include "contract.h"

#define DIRECTORIES_MOST 50000 /* of one root; one that has more is left out */

/* struct found, from `roots` (char *).  A root that cannot be listed whole is left out whole:
 * what is not in a list that was cut would look as if it were gone.  `*ret_left_out`: a sentence
 * that says which and why, or NULL. */
GPtrArray *directories_list(const GPtrArray *roots, char **ret_left_out);
