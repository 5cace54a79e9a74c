/*
 * reach.c - whether an agent can be reached.
 */
#include "reach.h"

int64_t reach_span_ms(int64_t interval_ms)
{
    return REACH_INTERVALS *
           (interval_ms > 0 ? MIN(interval_ms, HEARTBEAT_MOST_MS) : REACH_DEFAULT_MS);
}

bool reach_lasts(int64_t heard_at, int64_t interval_ms, int64_t now)
{
    const int64_t span_ms = reach_span_ms(interval_ms);
    return heard_at >= now - span_ms && heard_at <= now + span_ms;
}

bool reach_worker(const struct worker_row *worker, int64_t now)
{
    return reach_lasts(worker->heard_at, worker->interval_ms, now);
}

enum maybe reach_agent(const GPtrArray *workers, const char *agent_id, int64_t now)
{
    enum maybe online = MAYBE_UNKNOWN;
    for (guint i = 0; i < workers->len; i++) {
        const struct worker_row *worker = workers->pdata[i];
        if (!g_str_equal(worker->agent_id, agent_id))
            continue;
        if (reach_worker(worker, now))
            return MAYBE_YES;
        online = MAYBE_NO;
    }
    return online;
}

/* Of those that are gone, or never came, the log says all that there is to know. */
bool reach_is_on_host(enum server_status status)
{
    switch (status) {
    case STATUS_CREATING:
    case STATUS_RUNNING:
    case STATUS_STOPPED:
    case STATUS_REBUILDING:
    case STATUS_DELETING:
    case STATUS_MISSING:
        return true;
    case STATUS_NONE:
    case STATUS_DELETED:
    case STATUS_PURGED:
    case STATUS_FAILED:
    case STATUS_COUNT:
        return false;
    }
    g_assert_not_reached();
}

bool reach_hides(const struct server_row *server, enum maybe online)
{
    return online == MAYBE_NO && reach_is_on_host(server->status);
}

bool reach_is_unknown(const struct server_row *server)
{
    return server->container_seen && server->shown == SHOWN_NOTHING &&
           server->container_status == CONTAINER_UNKNOWN &&
           (server->status == STATUS_RUNNING || server->status == STATUS_STOPPED);
}

const char *reach_status(const struct server_row *server, enum maybe online)
{
    return reach_hides(server, online) || reach_is_unknown(server)
               ? REACH_UNKNOWN
               : server_status_name(server->status);
}
