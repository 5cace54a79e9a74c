/*
 * adopted.h - how containers that servers have adopted differ from what their records ask for.
 *
 * By the agents' last syncs, which list such a container as long as nobody has made it anew from
 * the record: then it is settled.
 */
#pragma once

#include "differ.h"
#include "ledger.h"

struct adopted; /* reads what was found on an agent once, for any number of its servers */
struct adopted *adopted_new(struct ledger *ledger);
void adopted_free(struct adopted *adopted);

/* struct difference; none of a server whose container Muster has made, or nobody has found.
 * NULL: the ledger says no.  Owned by the caller. */
GPtrArray *adopted_differences(struct adopted *adopted, const struct server_row *server,
                               const struct agent_row *agent, GError **error);
/* The same for one server. */
GPtrArray *adopted_differences_of(struct ledger *ledger, const struct server_row *server,
                                  GError **error);
/* Their sentences, as a JSON array.  Owned by the caller. */
json_t *differences_json(const GPtrArray *differences);

typedef struct adopted Adopted;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Adopted, adopted_free)
