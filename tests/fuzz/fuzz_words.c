/*
 * fuzz_words.c - any bytes at all, where people write a bus, its properties, a time or a
 * moment of the log.
 *
 * The first byte chooses which.  What is taken can be written, and read again is the same;
 * what is not taken is refused with a sentence.  Nothing is contacted, nothing is made.
 *
 * A seed corpus lies in corpus/words.
 */
#include "bus.h"
#include "moment.h"
#include "options.h"

#include <string.h>

#define YEAR_10000_MS INT64_C(253402300800000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(bool good, const GError *error)
{
    g_assert(good == (error == NULL));
    g_assert(good || *error->message);
}

static void try_bus(const char *scheme, const char *text)
{
    g_autofree char *url = g_strconcat(scheme, text, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Bus) bus = bus_open(url, NULL, &error);
    check_error(bus != NULL, error);
    g_assert(!error || g_error_matches(error, BUS_ERROR, BUS_ERROR_USAGE));
}

static void try_url(const char *text)
{
    try_bus("", text);
}

static void try_kafka(const char *text)
{
    try_bus("kafka://", text);
}

static void try_sqlite(const char *text)
{
    try_bus("sqlite://", text);
}

static void try_properties(const char *text)
{
    static const char *const urls[] = {"sqlite:///nowhere/bus.db", "kafka://localhost:1"};
    g_autoptr(GPtrArray) properties = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 16);
    for (char **line = lines; *line; line++)
        g_ptr_array_add(properties, g_strdup(*line));
    /* librdkafka would load those, and files */
    bool harmless = !strstr(text, "plugin") && !strstr(text, "ssl.");
    for (size_t i = 0; i < (harmless ? 2 : 1); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Bus) bus = bus_open(urls[i], properties, &error);
        check_error(bus != NULL, error);
    }
}

static void try_duration(const char *text)
{
    g_autoptr(GError) error = NULL;
    int64_t ms = -1;
    bool good = options_duration(text, &ms, &error);
    check_error(good, error);
    g_assert(good ? ms >= 0 : ms == -1);
}

static void try_moment(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct moment moment = {.ms = -1};
    bool good = moment_or_offset("--at", text, &moment, &error);
    check_error(good, error);
    g_assert(good ? moment.ms >= 0 : moment.ms == -1);
    if (!good || moment.is_offset)
        return;
    g_autofree char *written = moment_text(moment.ms);
    int64_t again = -1;
    g_assert(moment.ms >= YEAR_10000_MS || moment_parse("--at", written, &again, NULL));
    g_assert(moment.ms >= YEAR_10000_MS || again == moment.ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *text) = {
        try_url, try_kafka, try_sqlite, try_properties, try_duration, try_moment};

    if (size == 0)
        return 0;
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    tries[data[0] % G_N_ELEMENTS(tries)](text);
    return 0;
}
