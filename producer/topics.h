/*
 * topics.h - how each of Muster's topics is made.
 */
#pragma once

#include "bus.h"

#define TOPICS_MS 30000 /* how long the making of one may take */

/* By its name, which is borrowed. */
struct bus_topic topic_shape(const char *name, int32_t partitions);
/* Makes the topics of an agent; fine if they are there. */
bool topics_make_for(struct bus *bus, const char *agent_id, int64_t partitions,
                     GError **error);
