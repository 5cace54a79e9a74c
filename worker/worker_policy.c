/*
 * worker_policy.c - the policy, read again on SIGHUP.
 *
 * Read on a thread, swapped on the loop between two turns.  What has been judged stays judged:
 * a command that has begun is finished by the rules of its beginning, unless it comes again
 * after a takeover: then it is asked about once more (lane.c).  The data roots and the
 * registries of the command line are the same in every policy of this process.
 */
#include "worker_parts.h"

#include "log.h"

struct reload {
    struct worker *worker;
    struct policy *policy;
    GError *error;
};

static void read_policy(void *data)
{
    struct reload *reload = data;
    reload->policy = policy_source_read(&reload->worker->config->policy_source,
                                        &reload->error);
}

static void use_policy(struct worker *worker, const struct policy *policy_taken)
{
    lanes_use_policy(worker->lanes, policy_taken);
    policy_unref(worker->policy);
    worker->policy = policy_taken;
    log_info("policy.reloaded", "file", worker->config->policy_source.file);
}

static void end_reload(void *data)
{
    g_autofree struct reload *reload = data;
    g_autoptr(GError) error = reload->error;
    struct worker *worker = reload->worker;
    worker->reloading = false;
    if (error)
        log_error("policy.kept", "why", error->message);
    else
        use_policy(worker, reload->policy);
    if (worker->reload_again)
        worker_reload_policy(worker);
}

void worker_reload_policy(struct worker *worker)
{
    worker->reload_again = worker->reloading;
    if (worker->reloading || worker->stop)
        return;
    struct reload *reload = g_new0(struct reload, 1);
    reload->worker = worker;
    worker->reloading = true;
    errands_start(worker->errands, read_policy, end_reload, reload);
}
