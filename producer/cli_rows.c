/*
 * cli_rows.c - all commands as one list.
 */
#include "cli_rows.h"

#include <stdio.h>
#include <string.h>

#define WAIT_DEFAULT_MS (INT64_C(15) * 60 * 1000)

const char cli_about[] =
    "Turns lifecycle commands in a log into containers on Docker hosts.";

const char cli_server_words[] = "SERVER is an id, or AGENT/NAME; AGENT an id or a name.";

const char cli_exit_codes[] =
    "Exit codes: 0 done, 1 failed, rejected, expired or cancelled, 2 wrong usage or refused\n"
    "before sending, 3 no result in time, 4 bus or ledger not reachable.";

/* clang-format off */
#define COMMON(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct common, field), argument, help}
static const struct option common_options[] = {
    COMMON("bus", 0, STRING, bus, "URL",
           "kafka://host:port,… or sqlite:///path (MUSTER_BUS, else in the state directory)"),
    COMMON("ledger", 0, STRING, ledger, "FILE",
           "the control plane's database (MUSTER_LEDGER, else in the state directory)"),
    COMMON("properties", 'F', STRINGS, files, "FILE", "librdkafka properties, key=value lines; secret ones go here alone"),
    COMMON("property", 'X', STRINGS, properties, "KEY=VALUE", "one librdkafka property that is no secret"),
    COMMON("json", 0, FLAG, json, NULL, "print JSON under the ledger's names"),
    {"wait", 0, OPTION_WAIT, offsetof(struct common, wait_ms), "SECONDS",
     "return when the result is there (15 minutes at most, or as given)", false, 0,
     WAIT_DEFAULT_MS},
    COMMON("yes", 0, FLAG, yes, NULL, "do not ask; purge: also data that does not bear the server's mark"),
};
/* clang-format on */

static const struct {
    const struct cli_row *rows;
    const size_t *count;
} groups[] = {
    {cli_other_rows, &cli_n_other_rows},   {cli_agent_rows, &cli_n_agent_rows},
    {cli_server_rows, &cli_n_server_rows}, {cli_list_rows, &cli_n_list_rows},
    {cli_fleet_rows, &cli_n_fleet_rows},   {cli_profile_rows, &cli_n_profile_rows},
    {cli_token_rows, &cli_n_token_rows},   {cli_audit_rows, &cli_n_audit_rows},
    {cli_bus_rows, &cli_n_bus_rows},       {cli_shell_rows, &cli_n_shell_rows},
};

/* --- The rows --------------------------------------------------------------------------------------- */

const struct cli_row *cli_row_at(size_t i)
{
    for (size_t g = 0; g < G_N_ELEMENTS(groups); g++) {
        if (i < *groups[g].count)
            return &groups[g].rows[i];
        i -= *groups[g].count;
    }
    return NULL;
}

const struct cli_row *cli_row_find(const char *first, const char *second)
{
    const struct cli_row *row;
    for (size_t i = 0; (row = cli_row_at(i)); i++) {
        if (row->noun
                ? g_strcmp0(first, row->noun) == 0 && g_strcmp0(second, row->verb) == 0
                : g_strcmp0(first, row->verb) == 0)
            return row;
    }
    return NULL;
}

char *cli_row_usage(const struct cli_row *row)
{
    return g_strdup_printf("muster %s%s%s%s%s%s", row->noun ? row->noun : "",
                           row->noun ? " " : "", row->verb, *row->arguments ? " " : "",
                           row->arguments, row->n_options ? " [OPTION]..." : "");
}

void cli_print_rows(const char *noun)
{
    const struct cli_row *row;
    printf("Usage: muster COMMAND [OPTION]...\n\n%s\n\n", cli_about);
    for (size_t i = 0; (row = cli_row_at(i)); i++) {
        g_autofree char *words = g_strdup_printf("%s%s%s %s", row->noun ? row->noun : "",
                                                 row->noun ? " " : "", row->verb,
                                                 row->arguments);
        if (!noun || g_strcmp0(noun, row->noun) == 0)
            printf("  %-34s %s\n", words, row->about);
    }
    printf(
        "\n%s  `muster COMMAND --help` shows a command's\noptions, `muster "
        "manual` and `muster completion` make a manual page and what a shell\ncompletes."
        "\n\n%s\n",
        cli_server_words, cli_exit_codes);
}

char *cli_row_sentence(const struct cli_row *row)
{
    char *sentence = g_strconcat(row->about, ".", NULL);
    sentence[0] = g_ascii_toupper(sentence[0]);
    return sentence;
}

char *cli_verbs_of(const char *noun)
{
    GString *verbs = g_string_new("");
    const struct cli_row *row;
    for (size_t i = 0; (row = cli_row_at(i)); i++)
        if (g_strcmp0(noun, row->noun) == 0)
            g_string_append_printf(verbs, "%s%s", verbs->len ? ", " : "", row->verb);
    return g_string_free(verbs, FALSE);
}

/* --- The words -------------------------------------------------------------------------------------- */

static bool takes_value(const struct option *option)
{
    return option->kind != OPTION_FLAG && option->kind != OPTION_WAIT;
}

/* Whether the word is a common option whose value is the next word. */
static bool skips_next(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(common_options); i++) {
        const struct option *option = &common_options[i];
        if (!takes_value(option))
            continue;
        if (g_str_has_prefix(word, "--") && g_str_equal(word + 2, option->name))
            return true;
        if (word[0] == '-' && option->letter && word[1] == option->letter && !word[2])
            return true;
    }
    return false;
}

int cli_find_words(int argc, char *const *argv, int ret_at[2])
{
    int found = 0;
    for (int i = 1; i < argc && found < 2; i++) {
        if (g_str_equal(argv[i], "--"))
            break;
        if (argv[i][0] == '-' && argv[i][1])
            i += skips_next(argv[i]);
        else
            ret_at[found++] = i;
    }
    return found;
}

/* --- Options --------------------------------------------------------------------------------------- */

struct option_table cli_own_table(const struct cli_row *row, const char *usage,
                                  const char *summary, const char *footer)
{
    return (struct option_table){usage, summary, footer, row->options, row->n_options};
}

struct option_table cli_common_table(const char *usage)
{
    return (struct option_table){usage, "", NULL, common_options,
                                 G_N_ELEMENTS(common_options)};
}
