/*
 * topics.c - how each of Muster's topics is made: kept for how long, and by whose clock.
 */
#include "topics.h"

#include "contract.h"
#include "eventlog.h"
#include "ledger_log.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const struct {
    const char *prefix;
    int64_t retention_ms;
    bool compacted, append_time;
} shapes[] = {
    {TOPIC_EVENTS, -1, false, true},
    {TOPIC_HEARTBEATS, -1, true, true},
    {TOPIC_DEADLETTER, 30 * DAY_MS, false, false},
    {"muster.commands.", COMMANDS_KEPT_MS, false, true},
    {"muster.control.", COMMANDS_KEPT_MS, false, true},
};

struct bus_topic topic_shape(const char *name, int32_t partitions)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        if (g_str_has_prefix(name, shapes[i].prefix))
            return (struct bus_topic){
                .name = name,
                .partitions = partitions,
                .retention_ms = shapes[i].retention_ms,
                .compacted = shapes[i].compacted,
                .append_time = shapes[i].append_time,
            };
    g_assert_not_reached();
}

/* --- Judging ------------------------------------------------------------------------------ */

#define COMMAND \
 "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "

static char *policy_of(const struct bus_topic_look *seen)
{
    return g_strdup(!seen->compacted ? "delete"
                    : seen->deletes  ? "compact,delete"
                                     : "compact");
}

static bool is_kept_for_ever(const struct bus_topic_look *seen)
{
    return !seen->deletes || (seen->retention_ms < 0 && seen->retention_bytes < 0);
}

char *topic_fault(const struct bus_topic *wanted, const struct bus_topic_look *seen)
{
    g_autofree char *policy = policy_of(seen);
    if (!seen->known || wanted->compacted || !wanted->append_time)
        return NULL;
    if (seen->compacted)
        return g_strdup_printf("topic %s has cleanup.policy=%s, and compaction eats its "
                               "records; right is delete: " COMMAND
                               "cleanup.policy=delete",
                               wanted->name, policy, wanted->name);
    if (wanted->retention_ms < 0 && !is_kept_for_ever(seen))
        return g_strdup_printf(
            "topic %s is kept for retention.ms=%" G_GINT64_FORMAT
            ", retention.bytes=%" G_GINT64_FORMAT
            ", and what it loses no replay brings back; right is -1 for both: " COMMAND
            "retention.ms=-1,retention.bytes=-1",
            wanted->name, seen->retention_ms, seen->retention_bytes, wanted->name);
    if (wanted->retention_ms >= 0 && seen->retention_ms >= 0 &&
        seen->retention_ms < wanted->retention_ms)
        return g_strdup_printf(
            "topic %s is kept for retention.ms=%" G_GINT64_FORMAT
            ", less than a command may wait; right is %" G_GINT64_FORMAT ": " COMMAND
            "retention.ms=%" G_GINT64_FORMAT,
            wanted->name, seen->retention_ms, wanted->retention_ms, wanted->name,
            wanted->retention_ms);
    return NULL;
}

char *topic_warning(const struct bus_topic *wanted, const struct bus_topic_look *seen)
{
    if (seen->brokers > 1 && seen->replicas == 1)
        return g_strdup_printf(
            "topic %s has one replica on %d brokers: with that broker it "
            "is gone; kafka-reassign-partitions.sh gives it more",
            wanted->name, seen->brokers);
    if (seen->brokers > 0 && !seen->known)
        return g_strdup_printf(
            "the settings of topic %s cannot be looked at: the right to "
            "DescribeConfigs is missing",
            wanted->name);
    if (seen->known && wanted->append_time && !seen->append_time)
        return g_strdup_printf(
            "topic %s has message.timestamp.type=CreateTime: times are "
            "those of whoever writes; right is LogAppendTime: " COMMAND
            "message.timestamp.type=LogAppendTime",
            wanted->name, wanted->name);
    return NULL;
}

/* --- Sizes -------------------------------------------------------------------------------- */

#define META_BYTES "topic.bytes." /* and the topic's name */

bool topic_bytes(struct ledger *ledger, const char *topic, int64_t *ret_bytes,
                 GError **error)
{
    g_autofree char *key = g_strconcat(META_BYTES, topic, NULL);
    return ledger_get_number(ledger, key, ret_bytes, error);
}

bool topic_note_bytes(struct ledger *ledger, const char *topic,
                      const struct bus_topic_look *look, GError **error)
{
    g_autofree char *key = g_strconcat(META_BYTES, topic, NULL);
    int64_t noted;
    if (!ledger_get_number(ledger, key, &noted, error))
        return false;
    return noted == look->max_bytes ||
           ledger_set_number(ledger, key, look->max_bytes, error);
}

static bool ask_bytes(struct ledger *ledger, struct bus *bus, const char *topic,
                      GError **error)
{
    struct bus_topic_look look;
    return bus_topic_look(bus, topic, EVENTLOG_MS, &look, error) &&
           topic_note_bytes(ledger, topic, &look, error);
}

bool topics_ask_bytes(struct ledger *ledger, struct bus *bus, const char *agent_id,
                      GError **error)
{
    g_autofree char *commands = topic_commands(agent_id);
    return ask_bytes(ledger, bus, TOPIC_EVENTS, error) &&
           ask_bytes(ledger, bus, commands, error);
}

/* --- Making ------------------------------------------------------------------------------- */

bool topic_prepare(struct bus *bus, const struct bus_topic *topic,
                   struct bus_topic_look *ret_look, GError **error)
{
    if (!bus_topic_make(bus, topic, TOPICS_MS, error) ||
        !bus_topic_look(bus, topic->name, TOPICS_MS, ret_look, error))
        return false;
    g_autofree char *fault = topic_fault(topic, ret_look);
    if (!fault)
        return true;
    g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE, "refused: %s", fault);
    return false;
}

static bool make(struct ledger *ledger, struct bus *bus, char *name, int64_t partitions,
                 GError **error)
{
    g_autofree char *owned = name;
    struct bus_topic_look look;
    int64_t replication, min_insync;
    if (!ledger_get_number(ledger, META_REPLICATION, &replication, error) ||
        !ledger_get_number(ledger, META_MIN_INSYNC, &min_insync, error))
        return false;
    struct bus_topic topic = topic_shape(owned, (int32_t)partitions);
    topic.replication = (int)MAX(replication, 0);
    topic.min_insync = (int)MAX(min_insync, 0);
    return topic_prepare(bus, &topic, &look, error) &&
           topic_note_bytes(ledger, owned, &look, error);
}

bool topics_make_for(struct ledger *ledger, struct bus *bus, const char *agent_id,
                     int64_t partitions, GError **error)
{
    return make(ledger, bus, topic_commands(agent_id), partitions, error) &&
           make(ledger, bus, topic_control(agent_id), partitions, error);
}
