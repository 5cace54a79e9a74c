/*
 * cli_complete.h - what a shell may put at the cursor: commands, their options, and the names
 * that the ledger knows.
 */
#pragma once

#include "completion.h"

/* `words` from behind "__complete" on, the begun one last; prints the candidates.  Whatever is
 * wrong, it says nothing and returns 0: a shell asks at every key. */
int cli_complete(char *const *words);
