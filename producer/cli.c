/*
 * cli.c - finds the command in the words, parses by its row, runs it, and turns what came
 * of it into an exit code.
 *
 * Nothing here knows what a command does.
 */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_DEFAULT_MS (INT64_C(15) * 60 * 1000)

/* clang-format off */
#define COMMON(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct common, field), argument, help}
static const struct option common_options[] = {
    COMMON("bus", 0, STRING, bus, "URL",
           "kafka://host:port,… or sqlite:///path (MUSTER_BUS, else in the state directory)"),
    COMMON("ledger", 0, STRING, ledger, "FILE",
           "the control plane's database (MUSTER_LEDGER, else in the state directory)"),
    COMMON("properties", 'F', STRINGS, files, "FILE", "librdkafka properties, key=value lines"),
    COMMON("property", 'X', STRINGS, properties, "KEY=VALUE", "one librdkafka property"),
    COMMON("json", 0, FLAG, json, NULL, "print JSON under the ledger's names"),
    {"wait", 0, OPTION_WAIT, offsetof(struct common, wait_ms), "SECONDS",
     "return when the result is there (15 minutes at most, or as given)", false, 0,
     WAIT_DEFAULT_MS},
    COMMON("yes", 0, FLAG, yes, NULL, "do not ask"),
};
/* clang-format on */

static const char exit_codes[] =
    "Exit codes: 0 done, 1 failed, rejected, expired or cancelled, 2 wrong usage or refused\n"
    "before sending, 3 no result in time, 4 bus or ledger not reachable.";

static const struct {
    const struct cli_row *rows;
    const size_t *count;
} groups[] = {
    {cli_agent_rows, &cli_n_agent_rows},     {cli_server_rows, &cli_n_server_rows},
    {cli_list_rows, &cli_n_list_rows},       {cli_fleet_rows, &cli_n_fleet_rows},
    {cli_profile_rows, &cli_n_profile_rows}, {cli_other_rows, &cli_n_other_rows},
    {cli_token_rows, &cli_n_token_rows},     {cli_audit_rows, &cli_n_audit_rows},
    {cli_bus_rows, &cli_n_bus_rows},
};

/* --- The rows --------------------------------------------------------------------------------------- */

static const struct cli_row *row_at(size_t i)
{
    for (size_t g = 0; g < G_N_ELEMENTS(groups); g++) {
        if (i < *groups[g].count)
            return &groups[g].rows[i];
        i -= *groups[g].count;
    }
    return NULL;
}

static const struct cli_row *row_find(const char *first, const char *second)
{
    const struct cli_row *row;
    for (size_t i = 0; (row = row_at(i)); i++) {
        if (row->noun
                ? g_strcmp0(first, row->noun) == 0 && g_strcmp0(second, row->verb) == 0
                : g_strcmp0(first, row->verb) == 0)
            return row;
    }
    return NULL;
}

static char *row_usage(const struct cli_row *row)
{
    return g_strdup_printf("muster %s%s%s%s%s%s", row->noun ? row->noun : "",
                           row->noun ? " " : "", row->verb, *row->arguments ? " " : "",
                           row->arguments, row->n_options ? " [OPTION]..." : "");
}

/* The verbs of a noun, or all commands. */
static void print_rows(const char *noun)
{
    const struct cli_row *row;
    puts("muster COMMAND [OPTION]...\n\n"
         "Turns lifecycle commands in a log into containers on Docker hosts.\n");
    for (size_t i = 0; (row = row_at(i)); i++) {
        g_autofree char *words = g_strdup_printf("%s%s%s %s", row->noun ? row->noun : "",
                                                 row->noun ? " " : "", row->verb,
                                                 row->arguments);
        if (!noun || g_strcmp0(noun, row->noun) == 0)
            printf("  %-34s %s\n", words, row->about);
    }
    printf("\nSERVER is an id, or AGENT/NAME.  `muster COMMAND --help` shows a command's "
           "options.\n%s\n",
           exit_codes);
}

static char *verbs_of(const char *noun)
{
    GString *verbs = g_string_new("");
    const struct cli_row *row;
    for (size_t i = 0; (row = row_at(i)); i++)
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

/* The first two words that are neither options nor their values; `ret_at` says where. */
static int find_words(int argc, char **argv, int ret_at[2])
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

static void remove_word(int *argc, char **argv, int at)
{
    memmove(&argv[at], &argv[at + 1], (size_t)(*argc - at) * sizeof *argv);
    (*argc)--;
}

int cli_usage(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE, text);
    return CLI_USAGE;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (g_str_equal(argv[i], "--help") || g_str_equal(argv[i], "-h"))
            return true;
    return false;
}

/* Finds the row and takes its words out; NULL with an error, or with help printed. */
static const struct cli_row *take_row(int *argc, char **argv, GError **error)
{
    int at[2] = {0, 0};
    int found = find_words(*argc, argv, at);
    const char *first = found > 0 ? argv[at[0]] : NULL;
    const char *second = found > 1 ? argv[at[1]] : NULL;
    const struct cli_row *row = row_find(first, second);
    if (row) {
        if (row->noun)
            remove_word(argc, argv, at[1]);
        remove_word(argc, argv, at[0]);
        return row;
    }
    g_autofree char *verbs = verbs_of(first);
    if (asks_help(*argc, argv) || g_strcmp0(first, "help") == 0)
        print_rows(*verbs ? first : NULL);
    else if (!first)
        cli_usage(error, "no command given; `muster --help` lists them");
    else if (*verbs && second)
        cli_usage(error, "%s: unknown command '%s'; known: %s", first, second, verbs);
    else if (*verbs)
        cli_usage(error, "%s: a command is missing: %s", first, verbs);
    else
        cli_usage(error, "unknown command '%s'; `muster --help` lists them", first);
    return NULL;
}

static bool parse_options(const struct cli_row *row, struct flags *flags,
                          struct common *common, int *argc, char ***argv,
                          bool *ret_helped, GError **error)
{
    g_autofree char *usage = row_usage(row);
    g_autofree char *footer = g_strconcat(row->details ? row->details : "",
                                          row->details ? "\n" : "", exit_codes, NULL);
    const struct option_table own = {usage, row->about, footer, row->options,
                                     row->n_options};
    const struct option_table shared = {usage, "", NULL, common_options,
                                        G_N_ELEMENTS(common_options)};
    const struct option_table *const tables[] = {&own, &shared};
    void *const intos[] = {flags, common};
    if (!options_parse(tables, intos, 2, argc, argv, ret_helped, error))
        return false;
    if (*ret_helped || *argc - 1 == row->n_arguments)
        return true;
    cli_usage(error, "expected: %s", usage);
    return false;
}

/* --- Exit codes --------------------------------------------------------------------------------------- */

static int exit_of_error(const GError *error)
{
    if (error->domain == BUS_ERROR)
        switch ((enum bus_error)error->code) {
        case BUS_ERROR_USAGE:
        case BUS_ERROR_PARTITIONS:
        case BUS_ERROR_TOO_LARGE:
            return CLI_USAGE;
        case BUS_ERROR_UNREACHABLE:
        case BUS_ERROR_NO_TOPIC:
        case BUS_ERROR_RANGE:
        case BUS_ERROR_DENIED:
        case BUS_ERROR_STALE:
        case BUS_ERROR_FATAL:
            return CLI_UNREACHABLE;
        }
    if (error->domain == LEDGER_ERROR || error->domain == INGEST_ERROR)
        return CLI_UNREACHABLE;
    return CLI_USAGE;
}

static int say_error(const GError *error)
{
    fprintf(stderr, "muster: %s\n", error->message);
    return exit_of_error(error);
}

/* --- Running -------------------------------------------------------------------------------------------- */

static void flags_clear(struct flags *flags)
{
    char **const strings[] = {
        &flags->id,        &flags->registry,   &flags->data_path, &flags->image,
        &flags->image_tag, &flags->profile,    &flags->agent,     &flags->status,
        &flags->server,    &flags->reason,     &flags->command,   &flags->listen,
        &flags->pull,      &flags->on_missing, &flags->engine,    &flags->after,
        &flags->at,        &flags->from,       &flags->role,      &flags->name};
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
        g_free(*strings[i]);
    g_clear_pointer(&flags->env, g_ptr_array_unref);
    g_clear_pointer(&flags->unset_env, g_ptr_array_unref);
}
typedef struct flags Flags;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Flags, flags_clear)

static int run_row(const struct cli_row *row, struct flags *flags, struct common *common,
                   char **words, GError **error)
{
    struct call call = {.row = row, .flags = flags, .common = common, .words = words};
    common_defaults(common);
    int code = CLI_UNREACHABLE;
    if (row->alone || session_open(&call.session, common, row->makes, error))
        code = row->run(&call, error);
    session_close(&call.session);
    return code;
}

int cli_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_auto(Common) common = {.wait_ms = -1};
    g_auto(Flags) flags = {
        .game_port = -1, .udp_port = -1, .rcon_port = -1, .deleted_before_ms = -1};
    bool helped = false;
    const struct cli_row *row = take_row(&argc, argv, &error);
    if (!row)
        return error ? say_error(error) : CLI_DONE;
    if (!parse_options(row, &flags, &common, &argc, &argv, &helped, &error))
        return say_error(error);
    if (helped)
        return CLI_DONE;
    int code = run_row(row, &flags, &common, argv + 1, &error);
    if (error)
        code = say_error(error);
    if (fflush(stdout) != 0 && code == CLI_DONE)
        code = CLI_UNREACHABLE;
    return code;
}
