/*
 * worker.c - the loop.
 *
 * It blocks in one place, docker_wait().  Each turn hands out what has come - signals, ends of
 * errands, answers of the engine, notices and records of the bus - and then lets each part
 * move on.
 */
#include "worker.h"

#include "footprint.h"
#include "log.h"
#include "worker_parts.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TURN_MOST_MS    1000
#define COMMIT_STUCK_MS (10 * 60 * 1000) /* a transaction that does not come back */
#define STALE_MOST_MS   (60 * 1000)      /* a session's time-out is shorter */
#define TRIM_AFTER_MS   5000             /* of no command */
#define BUS_ANSWERS_MS  5000             /* when draining; else it counts as away */
#define BUS_TAKES_MS    10000            /* likewise a batch */
#define TEAR_DOWN_MS    5000             /* a library or a disk may hang */

void worker_end(struct worker *worker, GError *error_taken)
{
    worker->stop = true;
    if (worker->error)
        g_error_free(error_taken);
    else
        worker->error = error_taken;
}

/* --- time and signals --------------------------------------------------------------------------------- */

static void drain(struct worker *worker)
{
    if (worker->draining)
        return;
    worker->draining = true;
    worker->drain_until = host_ms() + worker->config->drain_ms;
    lanes_close(worker->lanes);
    heartbeats_drain(worker->heartbeats);
    sd_notify(0, "STOPPING=1");
    log_info("draining");
}

static void take_signals(struct worker *worker)
{
    struct signalfd_siginfo info;
    while (read(worker->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            worker_reload_policy(worker);
        else
            drain(worker);
    }
}

/* It has said so, it does not answer, or it does not take what there is to tell. */
static bool bus_is_away(const struct worker *worker, int64_t now_ms)
{
    return worker->bus_away ||
           (worker->bus_asked_at && now_ms - worker->bus_asked_at > BUS_ANSWERS_MS) ||
           publisher_trying_ms(worker->publisher, now_ms) > BUS_TAKES_MS;
}

/* Without the engine nothing that runs comes further, and without the bus nothing is told: the
 * next process goes on from there. */
static void end_drain(struct worker *worker, int64_t now_ms)
{
    if (!worker->draining)
        return;
    const bool runs = lanes_running(worker->lanes) > 0 ||
                      inventory_is_running(worker->inventory);
    const bool over = publisher_is_idle(worker->publisher) &&
                      (!runs || !watch_is_up(worker->watch));
    if (!over)
        worker_ask_bus(worker, now_ms);
    if (!over && !bus_is_away(worker, now_ms) && worker->assignment &&
        now_ms < worker->drain_until)
        return;
    heartbeats_drain(
        worker->heartbeats); /* its last word: what it has begun and not ended */
    heartbeats_advance(worker->heartbeats, lanes_running(worker->lanes), now_ms,
                       wall_ms());
    worker->stop = true;
}

/* A list of the engine, too, touches what was given back; it comes every half a minute. */
static void keep_small(struct worker *worker, int64_t now_ms)
{
    const bool waits = worker->trim_at != INT64_MAX;
    if (lanes_running(worker->lanes) > 0 ||
        (!waits && inventory_is_running(worker->inventory)))
        worker->trim_at = now_ms + TRIM_AFTER_MS;
    if (now_ms < worker->trim_at)
        return;
    footprint_trim();
    worker->trim_at = INT64_MAX;
}

static void keep_time(struct worker *worker, int64_t now_ms)
{
    if (now_ms >= worker->check_at) {
        worker->check_at = now_ms + worker->config->sync_interval_ms;
        inventory_check(worker->inventory);
        worker_check_log(worker);
    }
    if (worker->assignment && now_ms >= worker->sync_at) {
        worker->sync_at = now_ms + SYNC_EVERY_MS;
        inventory_want(worker->inventory, SYNC_ON_TIME);
        worker_synced_unmanaged(worker, now_ms);
    }
    keep_small(worker, now_ms);
    if (publisher_busy_ms(worker->publisher, now_ms) > COMMIT_STUCK_MS)
        g_error("a transaction has not come back for ten minutes"); /* ends the process */
    if (publisher_stale_ms(worker->publisher, now_ms) > STALE_MOST_MS)
        worker_end(worker,
                   g_error_new(BUS_ERROR, BUS_ERROR_STALE,
                               "the bus says that the partitions are another's, but has "
                               "not taken them for a minute"));
    if (publisher_error(worker->publisher))
        worker_end(worker, g_error_copy(publisher_error(worker->publisher)));
}

/* --- the loop --------------------------------------------------------------------------------------------- */

static int64_t turn(struct worker *worker)
{
    const int64_t now = host_ms(), wall = wall_ms();
    worker->log_ms = log_clock_ms(heartbeats_clock(worker->heartbeats), bus_boot_ms(),
                                  wall);
    take_signals(worker);
    errands_collect(worker->errands);
    errands_collect(worker->questions);
    errands_collect(worker->commits);
    worker_take_answers(worker);
    worker_take_notices(worker);
    worker_end_takeover(worker);
    worker_finish_revoke(worker);
    worker_take_records(worker);
    int64_t wakes_at = watch_tick(worker->watch, now);
    worker_take_news(worker);
    const bool engine_up = watch_is_up(worker->watch);
    if (!worker->revoking) {
        cancels_advance(worker->cancels, now, wall, worker->log_ms);
        lanes_advance(worker->lanes, engine_up, now, wall, worker->log_ms);
        observer_advance(worker->observer, now);
        inventory_advance(worker->inventory, engine_up, now, wall);
        publisher_advance(worker->publisher, now, worker->log_ms);
    }
    keep_time(worker, now);
    heartbeats_advance(worker->heartbeats, lanes_queued(worker->lanes), now, wall);
    worker_tell_metrics(worker, now);
    end_drain(worker, now);
    wakes_at = MIN(wakes_at, lanes_wakes_at(worker->lanes));
    return MIN(wakes_at, publisher_wakes_at(worker->publisher));
}

static void loop(struct worker *worker)
{
    while (!worker->stop) {
        struct docker_fd fds[] = {{.fd = worker->signal_fd},
                                  {.fd = bus_consumer_fd(worker->consumer)}};
        const int64_t began = g_get_monotonic_time();
        const int64_t wakes_at = turn(worker);
        worker->turn_most_us = MAX(worker->turn_most_us, g_get_monotonic_time() - began);
        if (worker->stop)
            return;
        const int64_t wait = CLAMP(wakes_at - host_ms(), 0, TURN_MOST_MS);
        docker_wait(worker->docker, fds, G_N_ELEMENTS(fds), (int)wait);
    }
}

bool worker_run(const struct worker_config *config, GError **error)
{
    struct worker worker = {.config = config};
    GError *failure = NULL;
    const bool good = worker_set_up(&worker, &failure);
    ending_free(config->early);
    if (good) {
        worker.trim_at = host_ms() + TRIM_AFTER_MS;
        log_info("ready", "agent", config->agent_id, "worker", worker.slot);
        sd_notify(0, "READY=1");
        loop(&worker);
        failure = worker.error;
    }
    ending_begin(TEAR_DOWN_MS,
                 failure ? 1 : 0); /* lifted by nobody: the bus is closed yet */
    worker_tear_down(&worker);
    if (failure)
        g_propagate_error(error, failure);
    else
        log_info("stopped");
    return failure == NULL;
}
