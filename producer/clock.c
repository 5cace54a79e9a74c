/*
 * clock.c - what time it is, by the log's clock.
 */
#include "clock.h"

#include "ledger_log.h"
#include "steady.h"

#define META_CLOCK "clock" /* boot id, and the numbers of struct steady */
#define BOOT_ID    "/proc/sys/kernel/random/boot_id"
#define SLACK_MS   1000 /* what is written down only if it is more than that */

static int64_t host_ms(void)
{
    return g_get_real_time() / 1000;
}

static char *boot_id(void)
{
    char *id = NULL;
    return g_file_get_contents(BOOT_ID, &id, NULL, NULL) ? g_strstrip(id) : g_strdup("-");
}

/* What is known in this boot. */
static bool load(struct ledger *ledger, const char *boot, struct steady *ret_steady)
{
    g_autofree char *text = ledger_get_string(ledger, META_CLOCK, NULL);
    g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);
    if (g_strv_length(words) != 4 || !g_str_equal(words[0], boot))
        return false;
    *ret_steady = (struct steady){g_ascii_strtoll(words[1], NULL, 10),
                                  g_ascii_strtoll(words[2], NULL, 10),
                                  g_ascii_strtoll(words[3], NULL, 10)};
    return true;
}

int64_t clock_now(struct ledger *ledger)
{
    g_autofree char *boot = boot_id();
    struct steady steady;
    return load(ledger, boot, &steady) ? steady_now(&steady, bus_boot_ms()) : host_ms();
}

bool clock_skew(struct ledger *ledger, int64_t *ret_ms)
{
    g_autofree char *boot = boot_id();
    struct steady steady;
    if (!load(ledger, boot, &steady))
        return false;
    *ret_ms = host_ms() - steady_now(&steady, bus_boot_ms());
    return true;
}

static bool store(struct ledger *ledger, const char *boot, const struct steady *steady,
                  GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, boot,
        steady->offset_ms, steady->leap_ms, steady->leap_since);
    return ledger_set_string(ledger, META_CLOCK, text, error);
}

/* The first one may have been on its way for long: if the host's clock says another thing, it is
 * as a leap, and has to be said again. */
bool clock_learn(struct ledger *ledger, const struct bus_record *record, GError **error)
{
    g_autofree char *boot = boot_id();
    struct steady steady;
    if (!record->by_log)
        return true;
    const bool is_known = load(ledger, boot, &steady);
    if (!is_known)
        steady = steady_begin(host_ms(), bus_boot_ms());
    const bool is_news = steady_take(&steady, record->append_ms, bus_boot_ms(), SLACK_MS);
    return (is_known && !is_news) || store(ledger, boot, &steady, error);
}
