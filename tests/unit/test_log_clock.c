/*
 * test_log_clock.c - what time it is by the log, as heartbeats tell it.
 */
#include "log_clock.h"

#include <glib.h>

#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

/* Heartbeats as they are answered; then the time is asked for at `boot_ms`, with a host's clock
 * that shows `wall_ms`. */
struct beat {
    int64_t append_ms, told_at, heard_at;
};

static const struct {
    const char *name;
    struct beat beats[2];
    int64_t boot_ms, wall_ms;
    bool settled;
    int64_t log_ms;
} rows[] = {
    {"nothing is known yet", {{0}}, 1000, 77, false, 77},
    {"the host's clock, where the log tells none", {{0, 10, 20}}, 1000, 77, true, 77},
    {"the log's, whatever the host's shows", {{5000, 10, 20}}, 1020, 77, true, 6000},
    {"a host that is years ahead", {{5000, 10, 20}}, 1020, 2 * YEAR_MS, true, 6000},
    {"a host that is years behind", {{YEAR_MS, 10, 20}}, 1020, 77, true, YEAR_MS + 1000},
    {"the newest counts", {{5000, 10, 20}, {5900, 990, 1000}}, 1000, 77, true, 5900},
    {"a broker that was set back",
     {{5000, 10, 20}, {400, 990, 1000}},
     1000,
     77,
     true,
     400},
    {"one that was lost", {{5000, 10, 20}, {0, 990, 1000}}, 1020, 77, true, 6000},
    {"an answer that was long on its way",
     {{5000, 10, 20}, {5100, 100, 45000}},
     45020,
     77,
     true,
     50000},
    {"it is better than nothing", {{5100, 100, 45000}}, 45020, 77, true, 5120},
};

static void l18_table(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct log_clock clock = {0};
        for (size_t j = 0; j < G_N_ELEMENTS(rows[i].beats); j++) {
            const struct beat *beat = &rows[i].beats[j];
            if (beat->heard_at)
                log_clock_hear(&clock, beat->append_ms, beat->told_at, beat->heard_at);
        }
        const int64_t log_ms = log_clock_ms(&clock, rows[i].boot_ms, rows[i].wall_ms);
        if (log_ms != rows[i].log_ms || clock.is_settled != rows[i].settled)
            g_error("%s: %" G_GINT64_FORMAT, rows[i].name, log_ms);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log_clock/l18_table", l18_table);
    return g_test_run();
}
