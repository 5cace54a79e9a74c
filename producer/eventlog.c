/*
 * eventlog.c - muster.events as the ledger knows it.
 *
 * Everything that could make the ledger read the wrong log, or the right one from the wrong
 * place, is refused here; nothing ever starts again from the beginning by itself.
 */
#include "eventlog.h"

#include "ledger_aside.h"
#include "landmark.h"
#include "ledger_rows.h"

bool eventlog_check_topic(struct bus *bus, const char *topic, int64_t recorded,
                          GError **error)
{
    int32_t partitions;
    if (!bus_topic_partitions(bus, topic, EVENTLOG_MS, &partitions, error))
        return false;
    if (partitions == recorded)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_PARTITIONS,
                "refused: topic %s has %d partitions and was made with %d: keys would go "
                "astray. The count must never be changed; a new topic is the way to grow",
                topic, partitions, (int)recorded);
    return false;
}

bool eventlog_check(struct ledger *ledger, struct bus *bus, int32_t *ret_partitions,
                    GError **error)
{
    int64_t partitions;
    if (!ledger_get_number(ledger, META_EVENTS_PARTITIONS, &partitions, error))
        return false;
    if (partitions == CONTRACT_NONE) {
        g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_NONE_THERE,
                    "the ledger knows no log yet: run `muster init`");
        return false;
    }
    if (!eventlog_check_topic(bus, TOPIC_EVENTS, partitions, error))
        return false;
    g_autofree char *known = ledger_get_string(ledger, META_EVENTS_LOG_ID, NULL);
    g_autofree char *log_id = bus_topic_log_id(bus, TOPIC_EVENTS, EVENTLOG_MS, error);
    if (!log_id)
        return false;
    if (g_strcmp0(log_id, known) != 0) {
        g_set_error(
            error, BUS_ERROR, BUS_ERROR_RANGE,
            "refused: the bus holds another log (%s) than the ledger was made from "
            "(%s): another --bus or --ledger is meant, or the topic was made anew",
            log_id, known ? known : "none");
        return false;
    }
    *ret_partitions = (int32_t)partitions;
    return true;
}

bool eventlog_remember(struct ledger *ledger, struct bus *bus, GError **error)
{
    int32_t partitions;
    int64_t known;
    if (!ledger_get_number(ledger, META_EVENTS_PARTITIONS, &known, error))
        return false;
    if (known != CONTRACT_NONE)
        return eventlog_check(ledger, bus, &partitions, error);
    g_autofree char *log_id = NULL;
    return bus_topic_partitions(bus, TOPIC_EVENTS, EVENTLOG_MS, &partitions, error) &&
           (log_id = bus_topic_log_id(bus, TOPIC_EVENTS, EVENTLOG_MS, error)) &&
           ledger_set_string(ledger, META_EVENTS_LOG_ID, log_id, error) &&
           ledger_set_number(ledger, META_EVENTS_PARTITIONS, partitions, error);
}

/* `*position`: where the ledger goes on, and where to begin to read. */
static bool check_position(struct bus *bus, const struct landmarks *landmarks,
                           int32_t partition, int64_t *position, GError **error)
{
    const int64_t next = *position;
    int64_t first, end;
    if (!bus_topic_range(bus, TOPIC_EVENTS, partition, EVENTLOG_MS, &first, &end, error))
        return false;
    if (next <= end) {
        *position = landmarks ? landmarks_begin_at(landmarks, partition, first, next)
                              : MAX(first, next);
        return true;
    }
    g_set_error(error, BUS_ERROR, BUS_ERROR_RANGE,
                "refused: the ledger has read " TOPIC_EVENTS
                " %d up to offset %" G_GINT64_FORMAT
                ", the log there goes to %" G_GINT64_FORMAT
                ": it is another one, or was put back from a backup",
                partition, next, end);
    return false;
}

GPtrArray *eventlog_positions(struct ledger *ledger, struct bus *bus,
                              const struct landmarks *landmarks, int32_t partitions,
                              GError **error)
{
    g_autoptr(GPtrArray) positions = bus_positions_new();
    for (int32_t partition = 0; partition < partitions; partition++) {
        int64_t next;
        if (!ledger_position(ledger, partition, &next, error) ||
            (next >= 0 && !check_position(bus, landmarks, partition, &next, error)))
            return NULL;
        g_ptr_array_add(positions,
                        bus_position_new(TOPIC_EVENTS, partition,
                                         next < 0 ? BUS_OFFSET_NONE : next, NULL));
    }
    return g_steal_pointer(&positions);
}

static bool add_end(struct bus *bus, int32_t partition, GPtrArray *ends, GError **error)
{
    int64_t first, end;
    if (!bus_topic_range(bus, TOPIC_EVENTS, partition, EVENTLOG_MS, &first, &end, error))
        return false;
    g_ptr_array_add(ends, bus_position_new(TOPIC_EVENTS, partition, end, NULL));
    return true;
}

/* Numbers of partitions, in a set. */
static GHashTable *partitions_of_agents(struct ledger *ledger, int32_t partitions,
                                        GError **error)
{
    g_autoptr(GPtrArray) agents = ledger_agents(ledger, error);
    if (!agents)
        return NULL;
    GHashTable *used = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < agents->len; i++) {
        const struct agent_row *agent = agents->pdata[i];
        g_hash_table_add(used, GINT_TO_POINTER(partition_of(agent->id, partitions)));
    }
    return used;
}

GPtrArray *eventlog_ends(struct ledger *ledger, struct bus *bus, int32_t partitions,
                         bool all, GError **error)
{
    g_autoptr(GPtrArray) ends = bus_positions_new();
    g_autoptr(GHashTable) used = partitions_of_agents(ledger, partitions, error);
    for (int32_t partition = 0; used && partition < partitions; partition++)
        if ((all || g_hash_table_contains(used, GINT_TO_POINTER(partition))) &&
            !add_end(bus, partition, ends, error))
            return NULL;
    return used ? g_steal_pointer(&ends) : NULL;
}

bool eventlog_reached(struct ledger *ledger, const GPtrArray *ends, bool *ret_reached,
                      GError **error)
{
    bool reached = true;
    for (guint i = 0; i < ends->len && reached; i++) {
        const struct bus_position *end = ends->pdata[i];
        int64_t next;
        if (!g_str_equal(end->topic, TOPIC_EVENTS))
            continue;
        if (!ledger_position(ledger, end->partition, &next, error))
            return false;
        reached = MAX(next, 0) >= end->offset;
    }
    *ret_reached = reached;
    return true;
}

/* --- Another bus ----------------------------------------------------------------------------------- */

static bool heartbeats_end(struct bus *bus, int64_t *ret_end, GError **error)
{
    g_autoptr(GError) none = NULL;
    int64_t first;
    *ret_end = 0;
    if (bus_topic_range(bus, TOPIC_HEARTBEATS, 0, EVENTLOG_MS, &first, ret_end, &none) ||
        g_error_matches(none, BUS_ERROR, BUS_ERROR_NO_TOPIC))
        return true;
    g_propagate_error(error, g_steal_pointer(&none));
    return false;
}

bool eventlog_move(struct ledger *ledger, struct bus *bus, GError **error)
{
    g_autoptr(GPtrArray) ends = bus_positions_new();
    g_autofree char *log_id = bus_topic_log_id(bus, TOPIC_EVENTS, EVENTLOG_MS, error);
    int64_t heartbeats, partitions;
    if (!log_id || !heartbeats_end(bus, &heartbeats, error) ||
        !ledger_get_number(ledger, META_EVENTS_PARTITIONS, &partitions, error) ||
        !eventlog_check_topic(bus, TOPIC_EVENTS, partitions, error))
        return false;
    for (int32_t partition = 0; partition < partitions; partition++)
        if (!add_end(bus, partition, ends, error))
            return false;
    if (!ledger_begin(ledger, error))
        return false;
    bool good = ledger_set_string(ledger, META_EVENTS_LOG_ID, log_id, error) &&
                landmarks_forget(ledger, error) &&
                ledger_set_number(ledger, META_HEARTBEATS_NEXT, heartbeats, error) &&
                ledger_misplace_aside(ledger, error);
    for (guint i = 0; good && i < ends->len; i++) {
        const struct bus_position *end = ends->pdata[i];
        good = ledger_set_position(ledger, end->partition, end->offset, error);
    }
    if (good)
        return ledger_commit(ledger, error);
    ledger_rollback(ledger);
    return false;
}
