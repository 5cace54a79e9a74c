/*
 * worker_metrics.c - the worker's figures as text.
 */
#include "worker_parts.h"

#include "metrics.h"

#define EVERY_MS 1000

static void add_commands(const struct worker *worker, GString *text)
{
    static const char name[] = "muster_worker_commands_total";
    metrics_family(text, name, METRIC_COUNTER, "Commands that got a terminal result.");
    for (int outcome = OUTCOME_DONE; outcome < OUTCOME_COUNT; outcome++)
        metrics_sample(text, name, "outcome", outcome_name(outcome),
                       (double)lanes_ended(worker->lanes, outcome));
}

static char *make_text(const struct worker *worker, int64_t now_ms)
{
    GString *text = g_string_new(NULL);
    const unsigned partitions = worker->assignment ? worker->assignment->partitions->len
                                                   : 0;
    add_commands(worker, text);
    metrics_one(text, "muster_worker_commands_queued", METRIC_GAUGE,
                "Commands received and without a committed result.",
                lanes_queued(worker->lanes));
    metrics_one(text, "muster_worker_jobs_running", METRIC_GAUGE,
                "Commands being carried out.", lanes_running(worker->lanes));
    metrics_one(text, "muster_worker_jobs_waiting_engine", METRIC_GAUGE,
                "Commands that wait for the engine beyond all patience; restart it if it "
                "hangs.",
                lanes_waiting(worker->lanes));
    metrics_one(text, "muster_worker_partitions", METRIC_GAUGE,
                "Command partitions that are this worker's.", partitions);
    metrics_one(text, "muster_worker_engine_up", METRIC_GAUGE,
                "1 while the Docker Engine answers.", watch_is_up(worker->watch));
    metrics_one(text, "muster_worker_commit_seconds", METRIC_GAUGE,
                "How long the transaction on its way has been running; 0: none is.",
                (double)publisher_busy_ms(worker->publisher, now_ms) / 1000);
    metrics_one(text, "muster_worker_turn_seconds_max", METRIC_GAUGE,
                "The longest turn of the loop since the start.",
                (double)worker->turn_most_us / G_USEC_PER_SEC);
    return g_string_free(text, FALSE);
}

void worker_tell_metrics(struct worker *worker, int64_t now_ms)
{
    if (!worker->metrics || now_ms < worker->metrics_at)
        return;
    worker->metrics_at = now_ms + EVERY_MS;
    metrics_http_set(worker->metrics, make_text(worker, now_ms));
}
