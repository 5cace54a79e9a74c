/*
 * cli.c - finds the command in the words, parses by its row, runs it, and turns what came
 * of it into an exit code.
 *
 * Nothing here knows what a command does.
 */
#include "cli_rows.h"

#include "clean.h"
#include "cli_complete.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- The words -------------------------------------------------------------------------------------- */

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

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (g_str_equal(argv[i], word))
            return true;
    return false;
}

/* Finds the row and takes its words out; NULL with an error, or with help or the version printed. */
static const struct cli_row *take_row(int *argc, char **argv, GError **error)
{
    int at[2] = {0, 0};
    int found = cli_find_words(*argc, argv, at);
    const char *first = found > 0 ? argv[at[0]] : NULL;
    const char *second = found > 1 ? argv[at[1]] : NULL;
    const struct cli_row *row = cli_row_find(first, second);
    if (row) {
        if (row->noun)
            remove_word(argc, argv, at[1]);
        remove_word(argc, argv, at[0]);
        return row;
    }
    g_autofree char *verbs = cli_verbs_of(first);
    if (has_word(*argc, argv, "--help") || has_word(*argc, argv, "-h") ||
        g_strcmp0(first, "help") == 0)
        cli_print_rows(*verbs ? first : NULL);
    else if (!first && has_word(*argc, argv, "--version"))
        puts("muster " MUSTER_VERSION);
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
    g_autofree char *usage = cli_row_usage(row);
    g_autofree char *footer = g_strconcat(row->details ? row->details : "",
                                          row->details ? "\n" : "", cli_exit_codes, NULL);
    g_autofree char *sentence = cli_row_sentence(row);
    const struct option_table own = cli_own_table(row, usage, sentence, footer);
    const struct option_table shared = cli_common_table(usage);
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
        case BUS_ERROR_INVALID:
            return CLI_USAGE;
        case BUS_ERROR_UNREACHABLE:
        case BUS_ERROR_NO_TOPIC:
        case BUS_ERROR_RANGE:
        case BUS_ERROR_DENIED:
        case BUS_ERROR_LATE:
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
    clean_print(stderr, "muster: %s\n", error->message);
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
        &flags->at,        &flags->from,       &flags->role,      &flags->name,
        &flags->tls_cert,  &flags->tls_key};
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
        g_free(*strings[i]);
    g_clear_pointer(&flags->env, g_ptr_array_unref);
    g_clear_pointer(&flags->env_file, g_ptr_array_unref);
    g_clear_pointer(&flags->unset_env, g_ptr_array_unref);
    g_clear_pointer(&flags->cors_origin, g_ptr_array_unref);
    g_clear_pointer(&flags->proxy, g_ptr_array_unref);
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
    if (argc > 1 && g_str_equal(argv[1], COMPLETION_WORD))
        return cli_complete(argv + 2);
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
