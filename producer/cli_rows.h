/*
 * cli_rows.h - all commands as one list: for running one, for --help, the manual page and
 * completion.
 */
#pragma once

#include "cli.h"

/* The i-th command, in the order of --help; NULL behind the last. */
const struct cli_row *cli_row_at(size_t i);
/* "server", "list"; or "init" and whatever comes behind it.  NULL: no such command. */
const struct cli_row *cli_row_find(const char *first, const char *second);
/* Where the first two words are that are neither options nor the values of common ones, from
 * argv[1] on; how many there are. */
int cli_find_words(int argc, char *const *argv, int ret_at[2]);

/* "muster server show SERVER"; g_free it. */
char *cli_row_usage(const struct cli_row *row);
/* What it does, as a sentence; g_free it. */
char *cli_row_sentence(const struct cli_row *row);
/* "list, show, …" of "server"; "" if that is no noun; g_free it. */
char *cli_verbs_of(const char *noun);
/* What `muster --help` prints, or `muster NOUN --help`. */
void cli_print_rows(const char *noun);

/* The options of one command, and those that all have; the texts are borrowed. */
struct option_table cli_own_table(const struct cli_row *row, const char *usage,
                                  const char *summary, const char *footer);
struct option_table cli_common_table(const char *usage);

extern const char cli_about[], cli_server_words[], cli_exit_codes[];
