/*
 * topics.c - how each of Muster's topics is made: kept for how long, and by whose clock.
 */
#include "topics.h"

#include "contract.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const struct {
    const char *prefix;
    int64_t retention_ms;
    bool compacted, append_time;
} shapes[] = {
    {TOPIC_EVENTS, -1, false, true},
    {TOPIC_HEARTBEATS, -1, true, true},
    {TOPIC_DEADLETTER, 30 * DAY_MS, false, false},
    {"muster.commands.", 7 * DAY_MS, false, true},
    {"muster.control.", 7 * DAY_MS, false, true},
};

struct bus_topic topic_shape(const char *name, int32_t partitions)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        if (g_str_has_prefix(name, shapes[i].prefix))
            return (struct bus_topic){name, partitions, shapes[i].retention_ms,
                                      shapes[i].compacted, shapes[i].append_time};
    g_assert_not_reached();
}

static bool make(struct bus *bus, char *name, int64_t partitions, GError **error)
{
    g_autofree char *owned = name;
    const struct bus_topic topic = topic_shape(owned, (int32_t)partitions);
    return bus_topic_make(bus, &topic, TOPICS_MS, error);
}

bool topics_make_for(struct bus *bus, const char *agent_id, int64_t partitions,
                     GError **error)
{
    return make(bus, topic_commands(agent_id), partitions, error) &&
           make(bus, topic_control(agent_id), partitions, error);
}
