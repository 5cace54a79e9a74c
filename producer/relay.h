/*
 * relay.h - sends what the ledger has accepted: command and Record in one bus transaction.
 *
 * Sent once, whatever is killed.  The sender's transactional id fences an older relay and
 * ends its open transaction; after that the end of muster.events is final, and every Record
 * of an unsent request that is found there was sent by the one before us.  (Simpler than
 * reading the command topics: a command is in its topic exactly if its Record is in the
 * log, and of all agents together that is one topic.)
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "ledger_log.h"

#define RELAY_LOCK "relay.lock"
#define RELAY_ID   "muster.relay"

struct relay;

/* Of whoever holds RELAY_LOCK.  Contacts nobody yet. */
struct relay *relay_new(struct ledger *ledger, struct bus *bus, struct codec *codec);
void relay_free(struct relay *relay);

/* Sends one batch of what waits.  `*ret_sent` 0: nothing waits (of agents that can be sent
 * to).  Errors: of the bus (try again later, but BUS_ERROR_FATAL: end), or the ledger's. */
bool relay_step(struct relay *relay, int *ret_sent, GError **error);

/* Whether an agent's topics are as the ledger recorded them; BUS_ERROR_PARTITIONS or
 * BUS_ERROR_NO_TOPIC if not: nothing may be sent then. */
bool relay_check_agent(struct bus *bus, const struct agent_row *agent, GError **error);
typedef struct relay Relay;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Relay, relay_free)
