/*
 * test_beats.c - heartbeats as the log dates them, and who is there by them.
 */
#include "beats.h"

#include "ledger_upkeep.h"
#include "reach.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define NOW    (1000 * DAY_MS)

static struct bus_record *record_of(struct codec *codec, int64_t interval_ms,
                                    int64_t append_ms)
{
    g_autoptr(Heartbeat) beat = heartbeat_new();
    struct bus_record *record = g_new0(struct bus_record, 1);
    row_set(&beat->agent_id, "a");
    row_set(&beat->worker, "w");
    beat->at = append_ms;
    beat->interval_ms = interval_ms;
    record->topic = g_strdup(TOPIC_HEARTBEATS);
    record->key = g_strdup("a/w");
    record->append_ms = append_ms;
    record->value = codec_encode_heartbeat(codec, beat);
    return record;
}

/* One that was heard at NOW, and is dated `ahead_ms` later: is it there `after_ms` later? */
static enum maybe there_after(int64_t ahead_ms, int64_t interval_ms, int64_t after_ms)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Ledger) ledger = ledger_make_scratch(&error);
    g_assert_no_error(error);
    struct codec *codec = codec_new();
    g_autoptr(BusRecord) record = record_of(codec, interval_ms, NOW + ahead_ms);
    g_assert_true(beats_take(ledger, codec, record, NOW, &error));
    g_assert_no_error(error);
    codec_free(codec);
    g_autoptr(GPtrArray) workers = ledger_workers(ledger, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(workers->len, ==, 1);
    return reach_agent(workers, "a", NOW + after_ms);
}

static void l27_what_is_dated_ahead_was_heard_when_it_was_read(void)
{
    static const struct {
        int64_t ahead_ms, interval_ms, after_ms;
        enum maybe there;
    } rows[] = {
        {0, 30000, 0, MAYBE_YES},
        {0, 30000, 90000, MAYBE_YES},
        {0, 30000, 90001, MAYBE_NO},
        {-60000, 30000, 0, MAYBE_YES},
        {-60000, 30000, 30001, MAYBE_NO},
        {400 * DAY_MS, 30000, 90000, MAYBE_YES},
        {400 * DAY_MS, 30000, 90001, MAYBE_NO},
        {400 * DAY_MS, 30000, 400 * DAY_MS, MAYBE_NO},
        {400 * DAY_MS, INT64_C(1) << 62, DAY_MS, MAYBE_NO},
        {0, INT64_C(1) << 62, DAY_MS, MAYBE_NO},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const enum maybe there = there_after(rows[i].ahead_ms, rows[i].interval_ms,
                                             rows[i].after_ms);
        if (there != rows[i].there)
            g_error("row %zu: it is%s there", i, there == MAYBE_YES ? "" : " not");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/beats/l27_what_is_dated_ahead_was_heard_when_it_was_read",
                    l27_what_is_dated_ahead_was_heard_when_it_was_read);
    return g_test_run();
}
