/*
 * options.c - one table of options: parsed by GOption, printed as help and as a manual page.
 *
 * GOption does the words: long and short forms, "=", several letters in one, "--".  The
 * values are read here, because its own errors say neither which option is wrong nor what
 * would be right.  Nothing here ends the process or knows what an option is for.
 */
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FACTOR_MOST  1000
#define WAIT_BARE_MS (24 * 60 * 60 * INT64_C(1000)) /* "--wait" alone; see options.h */

G_DEFINE_QUARK(options - error - quark, options_error)

/* One call of options_parse(), as the callbacks of GOption see it. */
struct parse {
    const struct option_table *const *tables;
    void *const *intos;
    size_t count;
    GHashTable *given; /* of const struct option *, borrowed */
    bool help;
};

static bool usage_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool usage_error(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE, message);
    return false;
}

/* --- Values ------------------------------------------------------------------------ */

static const struct {
    const char *unit;
    int64_t ms;
} duration_units[] = {
    {"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

bool options_duration(const char *text, int64_t *ret_ms, GError **error)
{
    char *unit = NULL;
    guint64 number = g_ascii_strtoull(text, &unit, 10);

    for (size_t i = 0; g_ascii_isdigit(text[0]) && i < G_N_ELEMENTS(duration_units);
         i++) {
        if (!g_str_equal(unit, duration_units[i].unit))
            continue;
        if (number > (guint64)(INT64_MAX / duration_units[i].ms))
            break;
        *ret_ms = (int64_t)number * duration_units[i].ms;
        return true;
    }
    return usage_error(error,
                       "\"%s\" is no duration: give seconds, or 500ms, 30s, 15m, "
                       "24h, 7d",
                       text);
}

typedef bool set_value(const struct option *option, const char *value, void *field,
                       GError **error);

static bool set_flag(const struct option *option, const char *value, void *field,
                     GError **error)
{
    *(bool *)field = true;
    return true;
}

static bool set_string(const struct option *option, const char *value, void *field,
                       GError **error)
{
    char **string = field;

    g_free(*string);
    *string = g_strdup(value);
    return true;
}

static bool set_strings(const struct option *option, const char *value, void *field,
                        GError **error)
{
    GPtrArray **strings = field;

    if (!*strings)
        *strings = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(*strings, g_strdup(value));
    return true;
}

static bool set_number(const struct option *option, const char *value, void *field,
                       GError **error)
{
    bool any = option->minimum == 0 && option->maximum == 0;
    int64_t minimum = any ? INT64_MIN : option->minimum;
    int64_t maximum = any ? INT64_MAX : option->maximum;
    gint64 number = 0;

    if (g_ascii_string_to_signed(value, 10, minimum, maximum, &number, NULL)) {
        *(int64_t *)field = number;
        return true;
    }
    if (any)
        return usage_error(error, "\"%s\" is no whole number", value);
    return usage_error(error, "\"%s\" is no number from %" PRId64 " to %" PRId64, value,
                       minimum, maximum);
}

static bool set_factor(const struct option *option, const char *value, void *field,
                       GError **error)
{
    char *end = NULL;
    const double factor = g_ascii_strtod(value, &end);

    if (end == value || *end || !(factor > 0 && factor <= FACTOR_MOST))
        return usage_error(
            error, "\"%s\" is no factor: give a number above 0, at most %d, as 0.05",
            value, FACTOR_MOST);
    *(double *)field = factor;
    return true;
}

static bool set_duration(const struct option *option, const char *value, void *field,
                         GError **error)
{
    return options_duration(value, field, error);
}

static bool set_wait(const struct option *option, const char *value, void *field,
                     GError **error)
{
    if (value[0])
        return options_duration(value, field, error);
    *(int64_t *)field = option->maximum > 0 ? option->maximum : WAIT_BARE_MS;
    return true;
}

/* clang-format off */
static const struct {
    set_value *set;
    int flags; /* GOptionFlags beside G_OPTION_FLAG_FILENAME */
} kinds[] = {
    [OPTION_FLAG]     = {set_flag, G_OPTION_FLAG_NO_ARG},
    [OPTION_STRING]   = {set_string, 0},
    [OPTION_STRINGS]  = {set_strings, 0},
    [OPTION_NUMBER]   = {set_number, 0},
    [OPTION_FACTOR]   = {set_factor, 0},
    [OPTION_DURATION] = {set_duration, 0},
    [OPTION_WAIT]     = {set_wait, 0},
};
/* clang-format on */

/* --- Parsing ----------------------------------------------------------------------- */

static bool option_is(const struct option *option, const char *word)
{
    if (word[0] == '-' && word[1] == '-')
        return g_str_equal(option->name, word + 2);
    return option->letter && word[0] == '-' && word[1] == option->letter && !word[2];
}

/* The option that is called "--name" or "-n", and the struct that it fills. */
static const struct option *parse_find(const struct parse *parse, const char *word,
                                       void **ret_into)
{
    for (size_t t = 0; t < parse->count; t++) {
        for (size_t i = 0; i < parse->tables[t]->n_options; i++) {
            const struct option *option = &parse->tables[t]->options[i];

            if (!option_is(option, word))
                continue;
            *ret_into = parse->intos[t];
            return option;
        }
    }
    return NULL;
}

static gboolean take_option(const char *word, const char *value, gpointer data,
                            GError **error)
{
    struct parse *parse = data;
    void *into = NULL;
    const struct option *option = parse_find(parse, word, &into);

    g_assert(option); /* GOption knows only what the tables have */
    if (value && !g_utf8_validate(value, -1, NULL))
        return usage_error(error, "%s: the value is no UTF-8 text", word);
    if (!kinds[option->kind].set(option, value, (char *)into + option->offset, error)) {
        g_prefix_error(error, "%s: ", word);
        return false;
    }
    g_hash_table_add(parse->given, (gpointer)option);
    return true;
}

static gboolean take_help(const char *word, const char *value, gpointer data,
                          GError **error)
{
    ((struct parse *)data)->help = true;
    return true;
}

/* GOption's entry for an option; GOption does not change what arg_data points to. */
static GOptionEntry entry_of(const struct option *option)
{
    return (GOptionEntry){
        .long_name = option->name,
        .short_name = option->letter,
        .flags = G_OPTION_FLAG_FILENAME | kinds[option->kind].flags,
        .arg = G_OPTION_ARG_CALLBACK,
        .arg_data = (gpointer)take_option,
        .description = option->help,
    };
}

static GArray *entries_of(const struct parse *parse)
{
    GArray *entries = g_array_new(true, true, sizeof(GOptionEntry));
    GOptionEntry help = {"help",
                         'h',
                         G_OPTION_FLAG_NO_ARG,
                         G_OPTION_ARG_CALLBACK,
                         (gpointer)take_help,
                         "show this",
                         NULL};

    for (size_t t = 0; t < parse->count; t++) {
        for (size_t i = 0; i < parse->tables[t]->n_options; i++) {
            GOptionEntry entry = entry_of(&parse->tables[t]->options[i]);
            g_array_append_val(entries, entry);
        }
    }
    g_array_append_val(entries, help);
    return entries;
}

/* GOption would take the word after "--wait" as its value.  So a bare one is given to it as
 * "--wait=", an empty value. */
static void spell_out_waits(const struct parse *parse, GPtrArray *words)
{
    for (guint i = 1; i < words->len; i++) {
        char **word = (char **)&words->pdata[i];
        void *into = NULL;
        const struct option *option = parse_find(parse, *word, &into);

        if (g_str_equal(*word, "--"))
            return;
        if (!option || option->kind != OPTION_WAIT)
            continue;
        g_free(*word);
        *word = g_strdup_printf("--%s=", option->name);
    }
}

static bool check_required(const struct parse *parse, GError **error)
{
    for (size_t t = 0; t < parse->count; t++) {
        for (size_t i = 0; i < parse->tables[t]->n_options; i++) {
            const struct option *option = &parse->tables[t]->options[i];

            if (!option->required || g_hash_table_contains(parse->given, option))
                continue;
            return usage_error(error, "--%s is missing (%s); --help shows all options",
                               option->name, option->help);
        }
    }
    return true;
}

/* Words that are no options, as strings of argv itself, so that they live as long. */
static void keep_words(GStrv left, int *argc, char **argv)
{
    int kept = 1;
    int from = 1;
    bool ended = false;

    for (size_t i = 1; left[0] && left[i]; i++) {
        if (!ended && g_str_equal(left[i], "--")) {
            ended = true;
            continue;
        }
        while (from < *argc && !g_str_equal(argv[from], left[i]))
            from++;
        g_assert(from < *argc);
        argv[kept++] = argv[from++];
    }
    if (*argc > kept)
        argv[kept] = NULL;
    *argc = MIN(*argc, kept);
}

static bool parse_words(struct parse *parse, int *argc, char **argv, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    GOptionGroup *group = g_option_group_new("main", "", "", parse, NULL); /* context's */
    g_autoptr(GArray) entries = entries_of(parse);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GError) trouble = NULL;

    for (int i = 0; i < *argc; i++)
        g_ptr_array_add(words, g_strdup(argv[i]));
    spell_out_waits(parse, words);
    g_ptr_array_add(words, NULL);
    g_auto(GStrv) left = (GStrv)g_ptr_array_steal(words, NULL);

    g_option_group_add_entries(group, (const GOptionEntry *)(void *)entries->data);
    g_option_context_set_main_group(context, group);
    g_option_context_set_help_enabled(context, false);
    if (!g_option_context_parse_strv(context, &left, &trouble)) {
        if (trouble->domain == OPTIONS_ERROR) {
            g_propagate_error(error, g_steal_pointer(&trouble));
            return false;
        }
        return usage_error(error, "%s; --help shows all options", trouble->message);
    }
    keep_words(left, argc, argv);
    return true;
}

bool options_parse(const struct option_table *const *tables, void *const *intos,
                   size_t count, int *argc, char ***argv, bool *ret_helped,
                   GError **error)
{
    g_autoptr(GHashTable) given = g_hash_table_new(NULL, NULL);
    struct parse parse = {tables, intos, count, given, false};

    if (!parse_words(&parse, argc, *argv, error))
        return false;
    if (parse.help) {
        g_autofree char *help = options_help(tables, count);
        fputs(help, stdout); /* g_print() would turn it to the locale */
    } else if (!check_required(&parse, error)) {
        return false;
    }
    *ret_helped = parse.help;
    return true;
}
