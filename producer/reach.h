/*
 * reach.h - whether an agent can be reached, and what is shown of its servers if not.
 *
 * Pure: heartbeats and the wall clock go in.  What is stored about a server stays as it is;
 * only what people see says that nobody can know.
 */
#pragma once

#include "rows.h"

#define REACH_INTERVALS  3     /* so many without a heartbeat, and the worker is gone */
#define REACH_DEFAULT_MS 30000 /* the interval of a worker that does not tell its own */

/* Whether what was heard of it then, with that word of its interval, says that it is there.  What
 * nobody would set is cut to HEARTBEAT_MOST_MS, and what was heard in the future says as little
 * as what was heard long ago. */
bool reach_lasts(int64_t heard_at, int64_t interval_ms, int64_t now);
/* How long it is taken to be there; ms. */
int64_t reach_span_ms(int64_t interval_ms);
bool reach_worker(const struct worker_row *worker, int64_t now);

/* Yes: one of its workers is there.  No: none is, any more.  Unknown: none ever was.
 * `workers`: struct worker_row, of any agents. */
enum maybe reach_agent(const GPtrArray *workers, const char *agent_id, int64_t now);

/* Whether its status is about what is on the host now. */
bool reach_is_on_host(enum server_status status);
/* Whether a container of it is there of which the host itself cannot say how it is. */
bool reach_is_unknown(const struct server_row *server);
#define REACH_UNKNOWN "unknown"
/* The status that people see: "unknown" where nobody can say so, or where an agent is offline
 * and the status is about what is on the host now. */
const char *reach_status(const struct server_row *server, enum maybe online);
/* Whether that is "unknown" because the agent is offline. */
bool reach_hides(const struct server_row *server, enum maybe online);
