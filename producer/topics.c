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
