/*
 * fuzz_import.c - any bytes at all, as the export of a D1 database.
 *
 * Whatever stands in it: reading it ends, and gives rows or an error; the rows go into a
 * ledger, or each is refused with a reason.
 *
 * A seed corpus lies in corpus/import.
 */
#include "import.h"

#include <glib/gstdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct import_options options = {
    .profile = "zomboid",
    .registry = "registry.test/x",
    .data_path = "/srv",
    .partitions = 4,
    .skip_invalid = true,
    .dry = true,
};
static const struct request request = {.actor = "fuzz", .reason = "", .now = 1000};

/* One for all inputs, since what they write is taken back. */
static struct ledger *ledger;
static struct codec *codec;
static char *directory;

static void clean_up(void)
{
    ledger_close(ledger);
    codec_free(codec);
    g_autofree char *path = g_build_filename(directory, "ledger.db", NULL);
    g_unlink(path);
    g_rmdir(directory);
    g_free(directory);
}

static void set_up(void)
{
    directory = g_dir_make_tmp("fuzz-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "ledger.db", NULL);
    ledger = ledger_make(path, NULL);
    codec = codec_new();
    g_assert(ledger);
    atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_auto(ImportReport) report = {0};
    if (!ledger)
        set_up();
    g_autoptr(D1Dump)
        dump = d1_dump_parse("fuzz", (const char *)data, size, 1000, &error);
    g_assert((dump == NULL) == (error != NULL));
    if (!dump)
        return 0;
    bool good = import_apply(dump, ledger, codec, &options, &request, &report, &error);
    g_assert(good && !error);
    g_assert(report.agents + report.servers + report.skipped + report.there ==
             dump->agents->len + dump->servers->len + dump->wrong->len);
    return 0;
}
