/*
 * beats.c - takes muster.heartbeats into the ledger.
 */
#include "beats.h"

#include "eventlog.h"
#include "ledger_log.h"
#include "ledger_upkeep.h"
#include "log.h"

bool beats_position(struct ledger *ledger, struct bus *bus, GPtrArray *positions,
                    bool *ret_hears, GError **error)
{
    g_autoptr(GError) why = NULL;
    int64_t first, end, next;
    *ret_hears = bus_topic_range(bus, TOPIC_HEARTBEATS, 0, EVENTLOG_MS, &first, &end,
                                 &why);
    if (!*ret_hears && !g_error_matches(why, BUS_ERROR, BUS_ERROR_NO_TOPIC)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    if (!*ret_hears)
        return true;
    if (!ledger_get_number(ledger, META_HEARTBEATS_NEXT, &next, error))
        return false;
    bool known = next != CONTRACT_NONE && next >= first && next <= end;
    g_ptr_array_add(positions,
                    bus_position_new(TOPIC_HEARTBEATS, 0, known ? next : first, NULL));
    return true;
}

bool beats_end(struct bus *bus, GPtrArray *ends, GError **error)
{
    int64_t first, end;
    if (!bus_topic_range(bus, TOPIC_HEARTBEATS, 0, EVENTLOG_MS, &first, &end, error))
        return false;
    if (first < end)
        g_ptr_array_add(ends, bus_position_new(TOPIC_HEARTBEATS, 0, end, NULL));
    return true;
}

static char *join(const GPtrArray *words)
{
    GString *text = g_string_new("");
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i ? "," : "", (char *)words->pdata[i]);
    return g_string_free(text, FALSE);
}

/* What it is late by on its way counts, too: some milliseconds, as long as the bus answers. */
static int64_t skew_of(const struct heartbeat *beat, const struct bus_record *record)
{
    int64_t skew_ms;
    const bool is_known = record->by_log &&
                          !__builtin_sub_overflow(beat->at, record->append_ms, &skew_ms);
    return is_known ? skew_ms : CONTRACT_NONE;
}

static struct worker_row *worker_of(const struct heartbeat *beat,
                                    const struct bus_record *record, int64_t now)
{
    struct worker_row *worker = worker_row_new();
    g_free(worker->id);
    worker->id = g_strconcat(beat->agent_id, "/", beat->worker, NULL);
    row_set(&worker->agent_id, beat->agent_id);
    row_set(&worker->worker, beat->worker);
    row_set(&worker->engine_id, beat->engine_id);
    worker->heard_at = MIN(record->append_ms, now);
    worker->clock_skew_ms = skew_of(beat, record);
    worker->interval_ms = beat->interval_ms;
    worker->started_at = beat->started_at;
    row_set(&worker->host, beat->host);
    row_set(&worker->version, beat->version);
    row_set(&worker->engine_version, beat->engine_version);
    g_free(worker->partitions);
    worker->partitions = join(beat->partitions);
    g_free(worker->reads);
    worker->reads = join(beat->reads);
    worker->queued = beat->queued;
    worker->draining = beat->draining;
    return worker;
}

/* A tombstone: somebody took that worker off the books. */
static bool forget(struct ledger *ledger, const struct bus_record *record, GError **error)
{
    return !record->key || ledger_drop_worker(ledger, record->key, error);
}

static bool take_beat(struct ledger *ledger, struct codec *codec,
                      const struct bus_record *record, int64_t now, GError **error)
{
    struct heartbeat *read = NULL;
    g_autoptr(GError) why = NULL;
    gsize length;
    const void *bytes = g_bytes_get_data(record->value, &length);
    if (codec_decode_heartbeat(codec, bytes, length, &read, &why) != DECODED) {
        log_debug("ingest.heartbeat_skipped", "why", why->message);
        return true;
    }
    g_autoptr(Heartbeat) beat = read;
    g_autoptr(WorkerRow) worker = worker_of(beat, record, now);
    return ledger_store_worker(ledger, worker, error);
}

bool beats_take(struct ledger *ledger, struct codec *codec,
                const struct bus_record *record, int64_t now, GError **error)
{
    bool good = record->value ? take_beat(ledger, codec, record, now, error)
                              : forget(ledger, record, error);
    return good &&
           ledger_set_number(ledger, META_HEARTBEATS_NEXT, record->offset + 1, error);
}
