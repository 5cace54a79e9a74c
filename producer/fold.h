/*
 * fold.h - what an event of the log makes of a row.
 *
 * Pure: a row and an event go in, the row comes out changed.  The ledger is this fold kept
 * in SQLite, an audit is the same fold from the beginning, and a request applies its own
 * Record event by it before the log has it.  Told twice, an event changes nothing more.
 */
#pragma once

#include "presence.h"
#include "rows.h"

enum folded {
    FOLDED,          /* taken; the row may be as it was */
    FOLDED_REPEATED, /* old news: a second terminal result, a state of an older container */
    FOLDED_STRANGER, /* of another agent than the row's */
};

/* A server's Record, Result or State.  For a result `fold_command` comes first, and says
 * whether it is news. */
enum folded fold_server(struct server_row *server, const struct event *event,
                        const struct place *place);
/* The command that a Record or Result is about. */
enum folded fold_command(struct command_row *command, const struct event *event,
                         const struct place *place);
/* A sync that came whole, as far as it is about this server of its partition.  One whose first
 * Record is not in the log yet is none of it: a replay does not know it there. */
enum folded fold_sync(struct server_row *server, const struct presence_sync *index,
                      const struct place *place);
/* What a list of the data directories, asked for at `listed_at` by the worker's clock, says
 * about a server's (presence_data()).  While a command is open it says nothing. */
enum folded fold_data(struct server_row *server, enum maybe listed, int64_t listed_at);
/* The volumes (struct volume) of a container that somebody adopts: what was seen of it before. */
void fold_kept(struct server_row *server, const GPtrArray *volumes);
/* An agent's Record. */
enum folded fold_agent(struct agent_row *agent, const struct event *event,
                       const struct place *place);

/* Whose engine an event comes from. */
enum engine {
    ENGINE_OURS,    /* the agent's, or the event names none */
    ENGINE_FIRST,   /* the first one seen: it is the agent's from now on */
    ENGINE_FOREIGN, /* another one: nothing of it may be applied */
};
enum engine fold_engine(struct agent_row *agent, const struct event *event);
