/*
 * job_host.c - a job's errands on threads: data, directories, the networks' lock, a purge.
 */
#include "job_host.h"

#include "host_mark.h"
#include "inside.h"
#include "job.h"
#include "job_parts.h"
#include "log.h"
#include "others.h"

#include <gio/gio.h>

#define HOST_LOCKS    "/run/lock"
#define LOCK_STALL_MS 120000 /* for making some networks on a busy engine */

static void look_at_data(struct host_errand *errand)
{
    const char *data_dir = errand->command->spec->data_dir;
    const char *root = policy_root_of(errand->policy, data_dir);
    errand->data_exists = root ? host_data_exists(root, data_dir, &errand->data_empty)
                               : MAYBE_UNKNOWN;
}

/* To whom the spec says, or to whom the container runs as. */
static void give_directories(struct host_errand *errand)
{
    const struct spec *spec = errand->command->spec;
    struct host_owner to = {.uid = -1, .gid = -1, .name = errand->user};
    if (!inside_owner(spec->owner, &to.uid, &to.gid))
        inside_user(errand->user, &to.uid, &to.gid);
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        const char *root = policy_root_of(errand->policy, mount->host_path);
        const bool theirs = mount->make_directory && !mount->read_only && root;
        g_autofree char *remark = theirs
                                      ? host_give_directory(root, mount->host_path, &to)
                                      : NULL;
        if (remark)
            g_string_append_printf(errand->remark, "%s%s",
                                   errand->remark->len ? "; " : "", remark);
    }
}

/* Everybody may have made something there before us. */
static void tell_no_lock(const GError *error)
{
    static int told;

    if (g_atomic_int_compare_and_exchange(&told, 0, 1))
        log_warning("networks.lock", "why", error->message, "then",
                    "the lock lies in the first data root: workers of others may make a "
                    "network of one name at the same time");
}

/* One lock for all workers of the engine, of whatever agent and data root.  Where none can be, the
 * workers of this data root at least have one; one that is held is not passed by. */
static void lock_networks(struct host_errand *errand)
{
    const char *name = errand->lock_name;
    g_autoptr(GError) error = NULL;
    errand->lock = host_wait_lock(HOST_LOCKS, name, errand->stall_ms, &errand->cancel,
                                  &error);
    if (errand->lock)
        return;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_BUSY) ||
        g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        errand->error = g_steal_pointer(&error);
        return;
    }
    tell_no_lock(error);
    errand->lock = host_wait_lock(g_ptr_array_index(errand->policy->data_roots, 0), name,
                                  errand->stall_ms, &errand->cancel, &errand->error);
}

static void host_work(void *data)
{
    struct host_errand *errand = data;
    static void (*const works[])(struct host_errand *) = {
        [HOST_LOOK_AT_DATA] = look_at_data,
        [HOST_MAKE_DIRECTORIES] = host_errand_make_directories,
        [HOST_GIVE_DIRECTORIES] = give_directories,
        [HOST_LOCK_NETWORKS] = lock_networks,
        [HOST_CHECK_SOURCES] = host_errand_check_sources,
        [HOST_CHECK_OLD_SOURCES] = host_errand_check_old_sources,
        [HOST_CHECK_PURGE] = host_errand_check_purge,
        [HOST_PURGE] = host_errand_purge,
    };
    works[errand->work](errand);
}

/* Who looks again asks again. */
static void forget_lists(struct job *job)
{
    g_clear_pointer(&job->facts.everything, g_free);
    g_clear_pointer(&job->facts.volumes, g_free);
}

static void note_done(struct job *job, const struct host_errand *errand)
{
    job->facts.data_exists = errand->work == HOST_LOOK_AT_DATA ? errand->data_exists
                                                               : job->facts.data_exists;
    job->facts.data_empty |= errand->data_empty;
    job->data_looked_at |= errand->work == HOST_LOOK_AT_DATA;
    job->facts.others_wanted = errand->others_wanted;
    job->facts.directories_made |= errand->work == HOST_MAKE_DIRECTORIES &&
                                   !errand->others_wanted;
    job->facts.sources_checked |= errand->sources_checked;
    job->facts.old_checked = errand->old_checked;
    if (errand->work == HOST_CHECK_SOURCES && errand->others && job->facts.everything)
        others_keep(job->site->others, errand->others, job->others_changes);
    if (errand->work == HOST_GIVE_DIRECTORIES) {
        job->facts.directories_given = true;
        g_free(job->facts.remark);
        job->facts.remark = errand->remark->len > 0 ? g_strdup(errand->remark->str)
                                                    : NULL;
    }
    job->facts.purged |= errand->work == HOST_PURGE;
    job->facts.purge_found |= errand->purge_found;
    job->facts.purge_checked |= errand->work == HOST_CHECK_PURGE;
    if (errand->work != HOST_LOCK_NETWORKS)
        forget_lists(job);
}

/* The lock is the job's by then. */
static void host_errand_free(struct host_errand *errand)
{
    g_clear_error(&errand->error);
    g_free(errand->user);
    g_free(errand->lock_name);
    if (errand->remark)
        g_string_free(errand->remark, TRUE);
    neighbours_unref(errand->others);
    policy_unref(errand->policy);
    g_free(errand);
}
typedef struct host_errand HostErrand;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostErrand, host_errand_free)

/* The old one gets its name back, and is not started: what it mounts is not its own any more. */
static void leave_stopped(struct job *job, const GError *error)
{
    struct refusal refusal = {0};
    refusal_set(&refusal, CODE_MOUNT_FAILED,
                "the old container was not started again: %s", error->message);
    if (job->state == JOB_UNDOING)
        job_leave(job, &refusal);
    refusal_clear(&refusal);
    job->facts.start_refused = true;
    job->facts.fresh = false;
    forget_lists(job);
}

static void host_done(void *data)
{
    g_autoptr(HostErrand) errand = data;
    const GError *error = errand->error;
    struct job *job = errand->job;
    struct refusal refusal = {0};
    job->wait = WAIT_NOTHING;
    job->errand = NULL;
    job->networks_lock = errand->lock ? errand->lock : job->networks_lock;
    job->facts.networks_locked = job->networks_lock != NULL;
    if (job->state == JOB_ABANDONED)
        return;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) && job->cancel_asked)
        return;
    if (!error) {
        note_done(job, errand);
        return;
    }
    if (errand->work == HOST_CHECK_OLD_SOURCES) {
        leave_stopped(job, error);
        return;
    }
    refusal_set(&refusal,
                errand->work == HOST_PURGE || errand->work == HOST_CHECK_PURGE
                    ? CODE_PURGE_FAILED
                    : CODE_MOUNT_FAILED,
                "%s", error->message);
    job_fail(job, &refusal);
}

static char *networks_lock_name(const char *engine_id)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, engine_id,
                                                         -1);
    return g_strdup_printf("networks.%.16s", sum);
}

void job_send_errand(struct job *job, enum host_work work)
{
    struct host_errand *errand = g_new0(struct host_errand, 1);
    errand->job = job;
    errand->work = work;
    errand->policy = policy_ref(job->site->policy);
    errand->facts = &job->facts;
    errand->command = job->order->command;
    errand->owner = (struct owner_name){job->order->command->agent_id,
                                        job->order->command->server_id};
    errand->stall_ms = step_span(&job->facts, LOCK_STALL_MS);
    errand->lock_name = networks_lock_name(job->site->author->engine_id);
    errand->user = g_strdup(job->facts.seen ? job->facts.seen->user : "");
    errand->remark = g_string_new(NULL);
    errand->others = g_steal_pointer(&job->others);
    job->wait = WAIT_ERRAND;
    job->errand = errand;
    errands_start(job->site->errands, host_work, host_done, errand);
}

void job_end_waits(struct job *job)
{
    if (job->errand)
        g_atomic_int_set(&job->errand->cancel, true);
}

bool job_remembers_others(struct job *job, const struct request *request)
{
    const bool starts = job->state == JOB_STEPPING && job_step(job) == STEP_START;
    if (!starts || request->asked != ASKED_LIST)
        return false;
    job->others = others_for(job->site->others, job->facts.seen->id);
    job->others_changes = others_changes(job->site->others);
    if (!job->others)
        return false;
    job_send_errand(job, HOST_CHECK_SOURCES);
    return true;
}
