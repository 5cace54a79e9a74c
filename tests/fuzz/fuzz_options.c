/*
 * fuzz_options.c - any words at all, as a command line.
 *
 * The input's lines are the words.  What was taken is text and within its limits; the words
 * that are left are argv's own, in their order, and parsed again as words they stay the same.
 *
 * A seed corpus lies in corpus/options.
 */
#include "options.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
    bool verbose;
    char *agent;
    GPtrArray *registries;
    int64_t partitions;
    int64_t offset;
    int64_t interval_ms;
    int64_t wait_ms;
};

#define AT(member) offsetof(struct settings, member)

static const struct option worker_rows[] = {
    {"verbose", 'v', OPTION_FLAG, AT(verbose), NULL, "tell more"},
    {"agent", 'a', OPTION_STRING, AT(agent), "ID", "the host's id"},
    {"registry", 'r', OPTION_STRINGS, AT(registries), "HOST", "allow HOST"},
    {"partitions", 'p', OPTION_NUMBER, AT(partitions), NULL, "how many", .minimum = 1,
     .maximum = 64},
    {"offset", 0, OPTION_NUMBER, AT(offset), NULL, "from where"},
    {"interval", 'i', OPTION_DURATION, AT(interval_ms), NULL, "how often"},
};
static const struct option wait_rows[] = {
    {"wait", 'w', OPTION_WAIT, AT(wait_ms), NULL, "wait for the result"},
};
static const struct option_table worker_table = {"program", "Does.", NULL, worker_rows,
                                                 G_N_ELEMENTS(worker_rows)};
static const struct option_table wait_table = {"program", "Waits.", NULL, wait_rows,
                                               G_N_ELEMENTS(wait_rows)};
static const struct option_table *const tables[] = {&worker_table, &wait_table};

static void check_text(const char *text)
{
    g_assert(!text || g_utf8_validate(text, -1, NULL));
}

static void settings_check(const struct settings *settings)
{
    check_text(settings->agent);
    for (guint i = 0; settings->registries && i < settings->registries->len; i++)
        check_text(g_ptr_array_index(settings->registries, i));
    g_assert(settings->partitions >= 1 && settings->partitions <= 64);
    g_assert(settings->interval_ms >= 0 && settings->wait_ms >= 0);
}

static void settings_clear(struct settings *settings)
{
    g_free(settings->agent);
    g_clear_pointer(&settings->registries, g_ptr_array_unref);
}

static bool parse(int *argc, char **argv, bool *ret_helped, GError **error)
{
    struct settings settings = {.partitions = 4};
    void *const intos[] = {&settings, &settings};
    bool good = options_parse(tables, intos, G_N_ELEMENTS(tables), argc, &argv,
                              ret_helped, error);
    settings_check(&settings);
    settings_clear(&settings);
    return good;
}

/* What is left stands in `words` in the same order, by pointer. */
static void check_left(int argc, char **argv, char **words)
{
    for (int i = 1; i < argc; i++) {
        while (*words && *words != argv[i])
            words++;
        g_assert(*words);
        words++;
    }
}

/* Behind "--" all of them are words. */
static void check_again(int argc, char **argv)
{
    char *again[WORDS_MAX + 3] = {argv[0], (char *)"--"};
    bool helped = false;
    for (int i = 1; i < argc; i++)
        again[i + 1] = argv[i];
    int count = argc + 1;
    bool good = parse(&count, again, &helped, NULL);
    g_assert(good && !helped && count == argc);
    for (int i = 1; i < argc; i++)
        g_assert(g_str_equal(again[i], argv[i]));
}

/* --help goes to standard output. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    g_assert(freopen("/dev/null", "w", stdout));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *line = g_strconcat("program\n", text, NULL);
    g_auto(GStrv) words = g_strsplit(line, "\n", WORDS_MAX);
    g_autoptr(GError) error = NULL;
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = (int)g_strv_length(words);
    bool helped = false;

    memcpy(argv, words, (size_t)argc * sizeof *argv);
    bool good = parse(&argc, argv, &helped, &error);
    g_assert(good == (error == NULL));
    if (!good) {
        g_assert(error->domain == OPTIONS_ERROR && *error->message);
        return 0;
    }
    check_left(argc, argv, words);
    check_again(argc, argv);
    return 0;
}
