/*
 * cli_shell.c - muster completion, muster manual: what a shell and man(1) are given, made of
 * the rows of all commands.
 */
#include "cli_rows.h"

#include "completion.h"
#include "manual.h"

#include <stdio.h>

static const char completion_details[] =
    "For this session: eval \"$(muster completion bash)\".  A package installs it for all.\n"
    "Commands, options and the ledger's names are completed; no bus is asked.\n";

static int completion(struct call *call, GError **error)
{
    g_autofree char *script = completion_script("muster", call->words[0], error);
    if (!script)
        return CLI_USAGE;
    fputs(script, stdout);
    return CLI_DONE;
}

/* --- The manual page ---------------------------------------------------------------- */

static const char manual_description[] =
    "A control plane keeps a record per server and writes what it wants of it into a log. "
    "A worker on each Docker host carries that out, and writes what it did and saw into the "
    "log, too. The ledger is what people and programs look at: each server's status, proved "
    "by the log.\n\n"
    "Every command works with and without a running muster serve, and common options may "
    "stand before and after the command's words.\n\n";

static const char manual_files[] =
    "MUSTER_BUS      the bus, where --bus says none\n"
    "MUSTER_LEDGER   the ledger, where --ledger says none\n"
    "NO_COLOR        if set, nothing is coloured\n"
    "$XDG_STATE_HOME/muster/ledger.db, bus.db (~/.local/state)\n"
    "                ledger and embedded bus, where nothing names others\n";

static void add_row(struct manual *manual, const struct cli_row *row)
{
    g_autofree char *usage = cli_row_usage(row);
    g_autofree char *sentence = cli_row_sentence(row);
    manual_part(manual, usage);
    manual_text(manual, sentence);
    for (size_t i = 0; i < row->n_options; i++)
        manual_option(manual, &row->options[i]);
    if (row->details)
        manual_lines(manual, row->details);
}

static void add_common(struct manual *manual)
{
    const struct option_table table = cli_common_table("");
    const struct option_table *const tables[] = {&table};
    g_autoptr(GArray) all = options_all(tables, 1);
    manual_section(manual, "COMMON OPTIONS");
    for (guint i = 0; i < all->len; i++)
        manual_option(manual, &g_array_index(all, struct option, i));
}

static int manual(struct call *call, GError **error)
{
    const struct cli_row *row;
    struct manual *page = manual_new("muster", "run fleets of containers through a log");
    manual_section(page, "SYNOPSIS");
    manual_text(page, "muster COMMAND [OPTION]...");
    manual_section(page, "DESCRIPTION");
    manual_text(page, manual_description);
    manual_text(page, cli_server_words);
    manual_section(page, "COMMANDS");
    for (size_t i = 0; (row = cli_row_at(i)); i++)
        add_row(page, row);
    add_common(page);
    manual_section(page, "EXIT STATUS");
    manual_text(page, cli_exit_codes);
    manual_section(page, "ENVIRONMENT AND FILES");
    manual_lines(page, manual_files);
    manual_section(page, "SEE ALSO");
    manual_text(page, "muster-worker(1)");
    g_autofree char *text = manual_end(page);
    fputs(text, stdout);
    return CLI_DONE;
}

/* clang-format off */
const struct cli_row cli_shell_rows[] = {
    {NULL, "completion", "bash|zsh|fish", 1, "print what makes a shell complete our words", NULL, 0, completion,
     .alone = true, .details = completion_details},
    {NULL, "manual", "", 0, "print the manual page, for man(1)", NULL, 0, manual, .alone = true},
};
/* clang-format on */
const size_t cli_n_shell_rows = G_N_ELEMENTS(cli_shell_rows);
