/*
 * topics.h - how each of Muster's topics is made.
 */
#pragma once

#include "bus.h"
#include "ledger.h"

#define TOPICS_MS 30000 /* how long the making of one may take */

/* By its name, which is borrowed. */
struct bus_topic topic_shape(const char *name, int32_t partitions);
/* What is wrong with a topic, and what would be right; NULL: nothing.  Pure. */
char *topic_fault(const struct bus_topic *wanted, const struct bus_topic_look *seen);
/* What is worth a warning; NULL: nothing.  Pure. */
char *topic_warning(const struct bus_topic *wanted, const struct bus_topic_look *seen);
/* The ledger remembers what a message to the topic may have, for requests that come while nobody
 * can be asked; and how much that is, CONTRACT_NONE: it is not known. */
bool topic_note_bytes(struct ledger *ledger, const char *topic,
                      const struct bus_topic_look *look, GError **error);
bool topic_bytes(struct ledger *ledger, const char *topic, int64_t *ret_bytes,
                 GError **error);
/* Asks it of the bus, for a command of an agent. */
bool topics_ask_bytes(struct ledger *ledger, struct bus *bus, const char *agent_id,
                      GError **error);
/* Makes it if it is not there; BUS_ERROR_USAGE if it is and has a fault. */
bool topic_prepare(struct bus *bus, const struct bus_topic *topic,
                   struct bus_topic_look *ret_look, GError **error);
/* Makes the topics of an agent, as `muster init` was told; fine if they are there. */
bool topics_make_for(struct ledger *ledger, struct bus *bus, const char *agent_id,
                     int64_t partitions, GError **error);
