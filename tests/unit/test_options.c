/*
 * test_options.c - command lines as rows: what is said, what comes of it.
 */
#include "options.h"

#include <string.h>

struct worker_options {
    bool verbose;
    char *agent;
    GPtrArray *registries;
    int64_t partitions;
    int64_t offset;
    int64_t interval_ms;
    double patience;
};

struct wait_options {
    int64_t wait_ms;
    int64_t limited_ms;
};

#define AT(type, member) offsetof(struct type, member)

static const struct option worker_rows[] = {
    {"verbose", 'v', OPTION_FLAG, AT(worker_options, verbose), NULL, "tell more"},
    {"agent", 'a', OPTION_STRING, AT(worker_options, agent), "ID", "the host's id",
     .required = true},
    {"registry", 0, OPTION_STRINGS, AT(worker_options, registries), "HOST", "allow HOST"},
    {"partitions", 'p', OPTION_NUMBER, AT(worker_options, partitions), NULL, "how many",
     .minimum = 1, .maximum = 64},
    {"offset", 0, OPTION_NUMBER, AT(worker_options, offset), NULL, "from where"},
    {"patience", 0, OPTION_FACTOR, AT(worker_options, patience), NULL, "how much"},
    {"sync-interval", 0, OPTION_DURATION, AT(worker_options, interval_ms), NULL,
     "how often the engine is listed, which is a sentence so long that it needs two lines"},
};
static const struct option_table worker_table = {
    "muster-worker --agent ID …", "Carries out commands.",
    "Exit codes:\n  0  all is well", worker_rows, G_N_ELEMENTS(worker_rows)};

static const struct option wait_rows[] = {
    {"wait", 'w', OPTION_WAIT, AT(wait_options, wait_ms), NULL, "wait for the result"},
    {"limited", 0, OPTION_WAIT, AT(wait_options, limited_ms), "TIME", "the same, bounded",
     .maximum = 5000},
};
static const struct option_table wait_table = {"muster …", "Waits.", NULL, wait_rows,
                                               G_N_ELEMENTS(wait_rows)};

struct parsed {
    struct worker_options worker;
    struct wait_options wait;
    char *words; /* what is left, joined by "|" */
    bool ok, helped;
    GError *error;
};

static void parsed_clear(struct parsed *parsed)
{
    g_free(parsed->worker.agent);
    g_clear_pointer(&parsed->worker.registries, g_ptr_array_unref);
    g_free(parsed->words);
    g_clear_error(&parsed->error);
}

typedef struct parsed Parsed;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parsed, parsed_clear)

/* Parses "program" and `line`, split at spaces. */
static struct parsed parse(const char *line)
{
    struct parsed parsed = {.worker = {.partitions = 4}};
    const struct option_table *tables[] = {&worker_table, &wait_table};
    void *intos[] = {&parsed.worker, &parsed.wait};
    g_autofree char *whole = g_strconcat("program ", line, NULL);
    g_auto(GStrv) words = g_strsplit(g_strchomp(whole), " ", -1);
    g_autofree char **left = g_memdup2(words, (g_strv_length(words) + 1) * sizeof *words);
    char **argv = left;
    int argc = (int)g_strv_length(words);

    parsed.ok = options_parse(tables, intos, 2, &argc, &argv, &parsed.helped,
                              &parsed.error);
    if (parsed.ok) {
        g_assert_cmpint((int)g_strv_length(argv), ==, argc);
        parsed.words = g_strjoinv("|", argv + 1);
    }
    return parsed;
}

static void test_all_kinds(void)
{
    g_auto(Parsed) parsed = parse(
        "-v --agent h1 --registry a.example --registry=b.example -p 8 --offset -5 "
        "--sync-interval 15m --wait=30");

    g_assert_no_error(parsed.error);
    g_assert_true(parsed.worker.verbose);
    g_assert_cmpstr(parsed.worker.agent, ==, "h1");
    g_assert_cmpuint(parsed.worker.registries->len, ==, 2);
    g_assert_cmpstr(parsed.worker.registries->pdata[1], ==, "b.example");
    g_assert_cmpint(parsed.worker.partitions, ==, 8);
    g_assert_cmpint(parsed.worker.offset, ==, -5);
    g_assert_cmpint(parsed.worker.interval_ms, ==, 15 * 60 * 1000);
    g_assert_cmpint(parsed.wait.wait_ms, ==, 30000);
    g_assert_cmpstr(parsed.words, ==, "");
}

static void test_defaults_stay(void)
{
    g_auto(Parsed) parsed = parse("-a x");

    g_assert_true(parsed.ok);
    g_assert_false(parsed.helped);
    g_assert_cmpint(parsed.worker.partitions, ==, 4);
    g_assert_null(parsed.worker.registries);
    g_assert_cmpint(parsed.wait.wait_ms, ==, 0);
}

static void test_factor(void)
{
    g_auto(Parsed) parsed = parse("-a x --patience 0.05");

    g_assert_true(parsed.ok);
    g_assert_cmpfloat_with_epsilon(parsed.worker.patience, 0.05, 1e-9);
}

static void test_last_one_counts(void)
{
    g_auto(Parsed) parsed = parse("--agent x --agent y");

    g_assert_cmpstr(parsed.worker.agent, ==, "y");
}

static void test_words_are_left(void)
{
    static const struct {
        const char *line;
        const char *words;
    } rows[] = {
        {"-a x server start zomboid", "server|start|zomboid"},
        {"server -a x start -v zomboid", "server|start|zomboid"},
        {"server --agent server server", "server|server"},
        {"-a x -- -v --foo", "-v|--foo"},
        {"one -a x -- -v two", "one|-v|two"},
        {"-a x -- one", "one"},
        {"-a x -", "-"},
        {"-a x --wait zomboid", "zomboid"},
        {"-a x -w zomboid", "zomboid"},
        {"-a x start -- --wait", "start|--wait"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Parsed) parsed = parse(rows[i].line);

        g_assert_no_error(parsed.error);
        g_assert_cmpstr(parsed.words, ==, rows[i].words);
        g_assert_true(g_str_equal(parsed.worker.agent, "x") || i == 2);
    }
}

static void test_wait_alone(void)
{
    g_auto(Parsed) parsed = parse("-a x --wait --limited");

    g_assert_cmpint(parsed.wait.wait_ms, ==, 24 * 60 * 60 * 1000);
    g_assert_cmpint(parsed.wait.limited_ms, ==, 5000);
}

/* Each error names the option and says what would be right. */
static void test_errors(void)
{
    static const struct {
        const char *line;
        const char *message;
    } rows[] = {
        {"", "--agent is missing (the host's id); --help shows all options"},
        {"-a x --foo", "Unknown option --foo; --help shows all options"},
        {"-a x -p 65", "-p: \"65\" is no number from 1 to 64"},
        {"-a x --partitions=four", "--partitions: \"four\" is no number from 1 to 64"},
        {"-a x --patience 0",
         "--patience: \"0\" is no factor: give a number above 0, at most 1000, as 0.05"},
        {"-a x --patience 1,5",
         "--patience: \"1,5\" is no factor: give a number above 0, at most 1000, as 0.05"},
        {"-a x --patience nan",
         "--patience: \"nan\" is no factor: give a number above 0, at most 1000, as 0.05"},
        {"-a x --offset 1.5", "--offset: \"1.5\" is no whole number"},
        {"-a x --sync-interval 5w",
         "--sync-interval: \"5w\" is no duration: give seconds, "
         "or 500ms, 30s, 15m, 24h, 7d"},
        {"-a x --wait=soon",
         "--wait: \"soon\" is no duration: give seconds, or 500ms, 30s, "
         "15m, 24h, 7d"},
        {"-a", "Missing argument for -a; --help shows all options"},
        {"-a x --registry \xff", "--registry: the value is no UTF-8 text"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Parsed) parsed = parse(rows[i].line);

        g_assert_false(parsed.ok);
        g_assert_error(parsed.error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE);
        g_assert_cmpstr(parsed.error->message, ==, rows[i].message);
    }
}

static void test_durations(void)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        {"500ms", 500},
        {"30s", 30000},
        {"30", 30000},
        {"15m", 900000},
        {"0", 0},
        {"24h", 86400000},
        {"7d", 604800000},
        {"", -1},
        {"s", -1},
        {"-5s", -1},
        {" 5s", -1},
        {"5 s", -1},
        {"1.5h", -1},
        {"99999999999999999999s", -1},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775807s", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        int64_t ms = -1;
        g_autoptr(GError) error = NULL;
        bool ok = options_duration(rows[i].text, &ms, &error);

        g_assert_cmpint(ok, ==, rows[i].ms >= 0);
        g_assert_cmpint(ms, ==, rows[i].ms); /* untouched when refused */
        g_assert_cmpint(error != NULL, ==, !ok);
    }
}

static void test_help_is_enough(void)
{
    if (g_test_subprocess()) {
        g_auto(Parsed) parsed = parse("--help");
        g_assert_true(parsed.ok && parsed.helped); /* although --agent is missing */
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout(
        "Usage: muster-worker --agent ID …\n\nCarries out commands.\n*");
}

static void test_help_text(void)
{
    const struct option_table *tables[] = {&worker_table, &wait_table};
    g_autofree char *help = options_help(tables, 2);
    static const char *const parts[] = {
        "  -v, --verbose             tell more\n",
        "  -a, --agent=ID            the host's id (required)\n",
        "      --registry=HOST       allow HOST (may be given several times)\n",
        "  -p, --partitions=NUMBER   how many (1 to 64)\n",
        ("      --sync-interval=TIME  how often the engine is listed, which is a sentence so long\n"
         "                            that it needs two lines\n"),
        "  -w, --wait[=TIME]         wait for the result\n",
        "  -h, --help                show this\n",
        "\nExit codes:\n  0  all is well\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (!strstr(help, parts[i]))
            g_error("\"%s\" is not in:\n%s", parts[i], help);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/all_kinds", test_all_kinds);
    g_test_add_func("/options/defaults_stay", test_defaults_stay);
    g_test_add_func("/options/last_one_counts", test_last_one_counts);
    g_test_add_func("/options/words_are_left", test_words_are_left);
    g_test_add_func("/options/wait_alone", test_wait_alone);
    g_test_add_func("/options/errors", test_errors);
    g_test_add_func("/options/durations", test_durations);
    g_test_add_func("/options/factor", test_factor);
    g_test_add_func("/options/help_is_enough", test_help_is_enough);
    g_test_add_func("/options/help_text", test_help_text);
    return g_test_run();
}
