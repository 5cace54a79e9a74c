/*
 * upkeep.h - what `muster serve` does without being asked: it starts missing servers where
 * that is wanted (heal.h), and closes commands that nobody will answer any more.
 *
 * For the one process that relays and ingests, when it has taken all that the log holds.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "heal.h"
#include "ledger.h"

struct upkeep;
struct upkeep *upkeep_new(struct ledger *ledger, struct bus *bus, struct codec *codec);
void upkeep_free(struct upkeep *upkeep);

/* `now`: wall clock, ms.  `*ret_queued`: whether there is something for the relay. */
bool upkeep_step(struct upkeep *upkeep, int64_t now, bool *ret_queued, GError **error);

/* How a server's healing stands; its agent is `online` or not. */
bool upkeep_judge(struct ledger *ledger, const struct server_row *server,
                  const struct agent_row *agent, enum maybe online, int64_t now,
                  enum heal *ret_heal, GError **error);

typedef struct upkeep Upkeep;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Upkeep, upkeep_free)
