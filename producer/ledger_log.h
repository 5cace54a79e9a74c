/*
 * ledger_log.h - the ledger's side of the log: what is to be sent, and how far it has read.
 *
 * A request waits in the outbox from the transaction that accepted it until its Record event
 * is seen in muster.events.  Command and Record are one bus transaction, so that seeing the
 * Record proves that the command went out: `sent_at` only spares the relay from looking.
 */
#pragma once

#include "ledger.h"

/* --- Facts about this ledger --------------------------------------------------------------- */

#define META_EVENTS_PARTITIONS "events.partitions"
#define META_EVENTS_LOG_ID     "events.log_id"
#define META_EVENTS_READS \
 "events.reads" /* schemas that ingest could read when it last began */
#define META_HEARTBEATS_NEXT "heartbeats.next"
#define META_SECRET          "secret"             /* keys the digests of specs */
#define META_REPLICATION     "topics.replication" /* as `muster init` was told */
#define META_MIN_INSYNC      "topics.min_insync"

/* `*ret_value` NULL: not there. */
bool ledger_get_meta(struct ledger *ledger, const char *key, GBytes **ret_value,
                     GError **error);
bool ledger_set_meta(struct ledger *ledger, const char *key, GBytes *value,
                     GError **error);
bool ledger_get_number(struct ledger *ledger, const char *key, int64_t *ret_number,
                       GError **error); /* CONTRACT_NONE: not there */
bool ledger_set_number(struct ledger *ledger, const char *key, int64_t number,
                       GError **error);
char *ledger_get_string(struct ledger *ledger, const char *key, GError **error);
bool ledger_set_string(struct ledger *ledger, const char *key, const char *text,
                       GError **error);
/* Who this ledger is, for the log: a UUID that it is given when it is first asked; g_free it. */
char *ledger_id(struct ledger *ledger, GError **error);
/* Profiles that people brought; NULL without error: none of that name. */
char *ledger_get_profile(struct ledger *ledger, const char *name, GError **error);
GPtrArray *ledger_profile_names(struct ledger *ledger, GError **error); /* char * */
bool ledger_set_profile(struct ledger *ledger, const char *name, const char *json,
                        GError **error);

/* --- Outbox ---------------------------------------------------------------------------------- */

struct outgoing {
    int64_t seq;
    char *event_id;
    char *agent_id;
    char *command_id; /* NULL, with the next four: an event alone */
    char *topic;
    int64_t partition;
    char *key;
    GBytes *command;
    GBytes *event;
    char *event_key;
};
void outgoing_free(struct outgoing *outgoing);
typedef struct outgoing Outgoing;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outgoing, outgoing_free)

bool ledger_queue(struct ledger *ledger, const struct outgoing *outgoing, GError **error);
/* The oldest ones that may be sent, in order: struct outgoing. */
GPtrArray *ledger_unsent(struct ledger *ledger, int limit, GError **error);
/* Agents that have unsent ones, or are held: char *. */
GPtrArray *ledger_unsent_agents(struct ledger *ledger, GError **error);
bool ledger_mark_sent(struct ledger *ledger, const char *event_id, int64_t now,
                      GError **error);
/* The command of this event will not go; the event is sent alone. */
bool ledger_drop_command(struct ledger *ledger, const char *event_id, GError **error);
/* Seen in the log: out of the outbox. */
bool ledger_confirm(struct ledger *ledger, const char *event_id, GError **error);
/* Whether this event still waits to be sent. */
/* Whether it waits, sent or not, to be seen in the log: by this ledger it was asked. */
bool ledger_is_queued(struct ledger *ledger, const char *event_id, bool *ret_queued,
                      GError **error);
bool ledger_is_unsent(struct ledger *ledger, const char *event_id, bool *ret_unsent,
                      GError **error);
/* All that the log is not known to have, in order: GBytes, encoded events. */
GPtrArray *ledger_unconfirmed(struct ledger *ledger, GError **error);
/* No command for the agent is taken any more, because of `why`; `sends`: what was taken is sent. */
bool ledger_hold(struct ledger *ledger, const char *agent_id, const char *why, bool sends,
                 GError **error);
/* Lifts that, for all agents if `agent_id` is NULL. */
bool ledger_lift(struct ledger *ledger, const char *agent_id, GError **error);

/* --- Positions -------------------------------------------------------------------------------- */

/* The next offset to take; -1: from the first. */
bool ledger_position(struct ledger *ledger, int32_t partition, int64_t *ret_next,
                     GError **error);
bool ledger_set_position(struct ledger *ledger, int32_t partition, int64_t next,
                         GError **error);

/* --- Syncs -------------------------------------------------------------------------------------- */

bool ledger_keep_chunk(struct ledger *ledger, const char *agent_id, const char *sync_id,
                       int64_t chunk, GBytes *event, GError **error);
/* How many chunks are kept of it. */
bool ledger_count_chunks(struct ledger *ledger, const char *agent_id, const char *sync_id,
                         int64_t *ret_count, GError **error);
/* The bytes of the chunks kept of it, in order: GBytes. */
GPtrArray *ledger_chunks(struct ledger *ledger, const char *agent_id, const char *sync_id,
                         GError **error);
bool ledger_drop_chunks(struct ledger *ledger, const char *agent_id, const char *sync_id,
                        GError **error);
/* Remembers the last sync that counted.  `found`: JSON. */
bool ledger_keep_sync(struct ledger *ledger, const char *agent_id,
                      const struct sync *sync, int64_t append_ms, const char *found,
                      GError **error);
