/*
 * worker_engine.c - the engine's side of the loop: replies, lines, events.
 */
#include "worker_parts.h"

#include "log.h"

/* --- news ---------------------------------------------------------------------------------------- */

static void set_engine(struct worker *worker)
{
    lanes_use_logs(worker->lanes, watch_engine_logs(worker->watch));
    if (g_str_equal(worker->engine_id, watch_engine_id(worker->watch)))
        return;
    g_free(worker->engine_id);
    worker->engine_id = g_strdup(watch_engine_id(worker->watch));
    worker->author.engine_id = worker->engine_id;
    log_info("engine", "id", worker->engine_id, "version",
             watch_engine_version(worker->watch));
    heartbeats_engine(worker->heartbeats, worker->engine_id,
                      watch_engine_version(worker->watch));
}

static bool has_our_prefix(const struct worker *worker, const char *name)
{
    for (guint i = 0; i < worker->config->name_prefixes->len; i++) {
        if (g_str_has_prefix(name, g_ptr_array_index(worker->config->name_prefixes, i)))
            return true;
    }
    return false;
}

/* The next Sync is about 3 s away, and further the more there have been of late. */
static void sync_soon(struct worker *worker, int64_t now_ms)
{
    if (now_ms - worker->unmanaged_at >= PACE_STABLE_MS)
        worker->unmanaged_told = 0;
    worker->unmanaged_at = now_ms;
    worker->unmanaged_due = true;
    worker->sync_at = MIN(worker->sync_at,
                          MAX(now_ms + pace_unmanaged_ms(0), worker->unmanaged_next));
}

void worker_synced_unmanaged(struct worker *worker, int64_t now_ms)
{
    if (!worker->unmanaged_due)
        return;
    worker->unmanaged_due = false;
    worker->unmanaged_next = now_ms + pace_unmanaged_ms(++worker->unmanaged_told);
}

/* A container without our label that bears one of our prefixes may be an adopted server's:
 * only the ledger knows whose it is, so the list tells; at once if it is gone, else soon, for
 * there is no end to what one does that crashes again and again. */
static void took_unmanaged(struct worker *worker, const struct engine_event *event)
{
    if (!has_our_prefix(worker, event->name))
        return;
    if (g_str_equal(event->action, "destroy"))
        inventory_want(worker->inventory, SYNC_ON_CHANGE);
    else
        sync_soon(worker, host_ms());
}

/* What changes a list of containers, beside how they fare. */
static bool is_of_life(const char *action)
{
    return g_str_equal(action, "create") || g_str_equal(action, "destroy") ||
           g_str_equal(action, "remove") || g_str_equal(action, "rename");
}

static void took_event(struct worker *worker, const struct engine_event *event)
{
    if (is_of_life(event->action))
        others_change(worker->others);
    if (*event->agent_id && !g_str_equal(event->agent_id, worker->config->agent_id))
        return; /* another agent's */
    if (*event->server_id)
        inventory_touch(worker->inventory, event->server_id, host_ms());
    else
        took_unmanaged(worker, event);
    if (observer_event(worker->observer, event, host_ms()))
        inventory_check(worker->inventory);
}

static void took_news(struct worker *worker, const struct watch_news *news)
{
    switch (news->kind) {
    case WATCH_NONE:
        break;
    case WATCH_UP:
        set_engine(worker);
        others_hear(worker->others, true);
        break;
    case WATCH_GAP:
        set_engine(worker);
        others_hear(worker->others, true);
        others_change(worker->others);
        inventory_want(worker->inventory, SYNC_ON_ENGINE);
        break;
    case WATCH_EVENT:
        took_event(worker, news->event);
        break;
    case WATCH_DOWN:
        others_hear(worker->others, false);
        log_warning("engine.down", "why", news->message);
        break;
    case WATCH_UNSUPPORTED:
        others_hear(worker->others, false);
        log_error("engine.unsupported", "why", news->message);
        break;
    }
}

void worker_take_news(struct worker *worker)
{
    for (;;) {
        struct watch_news news = {0};
        if (watch_next(worker->watch, &news) == WATCH_NONE)
            return;
        took_news(worker, &news);
        watch_news_clear(&news);
    }
}

static void took_reply(struct worker *worker, const struct reply *reply)
{
    bool list = false;
    if (watch_reply(worker->watch, reply, host_ms()) ||
        inventory_reply(worker->inventory, reply, host_ms(), wall_ms()) ||
        lanes_reply(worker->lanes, reply, host_ms()))
        return;
    if (observer_reply(worker->observer, reply, host_ms(), wall_ms(), &list) && list)
        inventory_check(worker->inventory);
}

void worker_take_answers(struct worker *worker)
{
    uint64_t ticket;
    for (;;) {
        g_autofree char *line = docker_next_line(worker->docker, &ticket);
        if (!line)
            break;
        if (!watch_line(worker->watch, ticket, line, host_ms()))
            lanes_line(worker->lanes, ticket, line);
    }
    for (;;) {
        g_autoptr(Reply) reply = docker_next_reply(worker->docker);
        if (!reply)
            break;
        took_reply(worker, reply);
    }
}
