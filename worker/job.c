/*
 * job.c - the one driver of all plans and steps.
 *
 * Each state has a turn function; job_advance() calls them until the job has to wait.  An
 * answer of the engine is judged once (verdict.c), and is then good news for the step, a
 * pause, a look, or the end.
 */
#include "job.h"

#include "host.h"
#include "pull.h"

#include <gio/gio.h>
#include <string.h>

#define TRIES_MAX          6     /* of an answer that may pass by itself */
#define ENGINE_PATIENCE_MS 90000 /* while the engine does not answer at all */
#define RETRY_FIRST_MS     250
#define RETRY_MOST_MS      8000
#define LOCK_STALL_MS      30000

enum wait { WAIT_NOTHING, WAIT_REPLY, WAIT_PULL, WAIT_ERRAND, WAIT_TIMER, WAIT_COMMIT };

struct job {
    const struct site *site;
    struct order *order;
    enum job_state state;
    enum wait wait;
    uint64_t ticket;
    int64_t wakes_at;
    struct facts facts;
    bool data_looked_at;
    struct plan plan;
    size_t at; /* index in the plan's steps, or its undo */
    int64_t step_began;
    unsigned retries;          /* within this step */
    int64_t unreachable_since; /* 0: the engine answers */
    char *note;
    GPtrArray *reports; /* struct step_report */
    enum outcome outcome;
    struct refusal refusal; /* of the result, when failed */
    struct host_lock *networks_lock;
    struct result *result;
};

static const char *const state_names[] = {
    [JOB_LOOKING] = "looking",     [JOB_BEGINNING] = "beginning",
    [JOB_STEPPING] = "stepping",   [JOB_UNDOING] = "undoing",
    [JOB_REPORTING] = "reporting", [JOB_ENDED] = "ended",
    [JOB_ABANDONED] = "abandoned",
};

void order_free(struct order *order)
{
    if (!order)
        return;
    command_free(order->command);
    cause_free(order->cause);
    g_free(order->traceparent);
    g_free(order->begun);
    g_free(order);
}

static void step_report_free(void *data)
{
    struct step_report *report = data;
    g_free(report->name);
    g_free(report->did);
    g_free(report);
}

struct job *job_new(const struct site *site, struct order *order_taken)
{
    struct job *job = g_new0(struct job, 1);
    job->site = site;
    job->order = order_taken;
    job->facts.command = order_taken->command;
    job->facts.seen = container_new();
    job->facts.api = docker_api(site->docker);
    job->reports = g_ptr_array_new_with_free_func(step_report_free);
    job->wakes_at = INT64_MAX;
    job->outcome = OUTCOME_DONE;
    return job;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    g_assert(job_can_be_freed(job));
    facts_clear(&job->facts);
    refusal_clear(&job->refusal);
    g_clear_pointer(&job->networks_lock, host_unlock);
    g_clear_pointer(&job->reports, g_ptr_array_unref);
    result_free(job->result);
    order_free(job->order);
    g_free(job->note);
    g_free(job);
}

/* --- waiting ------------------------------------------------------------------------------- */

static void move(struct job *job, enum job_state state)
{
    job->state = state;
    job->at = 0;
    job->retries = 0;
}

static void wait_for_timer(struct job *job, int64_t now_ms, int64_t ms)
{
    job->wait = WAIT_TIMER;
    job->wakes_at = now_ms + ms;
}

static void send_request(struct job *job, struct request *request)
{
    job->ticket = docker_send(job->site->docker, request);
    job->wait = WAIT_REPLY;
}

static void send_pull(struct job *job, struct request *request)
{
    g_autofree char *image = container_image_reference(job->order->command->spec);
    request->stall_ms = job->site->pull_stall_ms;
    request->first_byte_ms = job->site->pull_stall_ms;
    pulls_join(job->site->pulls, image, request, job);
    job->wait = WAIT_PULL;
}

static void look(struct job *job)
{
    send_request(job, step_look_request(job->order->command));
}

static void fail(struct job *job, struct refusal *refusal_taken)
{
    job->outcome = OUTCOME_FAILED;
    if (job->refusal.code) /* the first reason is the one to tell */
        refusal_clear(refusal_taken);
    else
        job->refusal = *refusal_taken;
    *refusal_taken = (struct refusal){0};
    const bool undo = job->state == JOB_STEPPING && job->plan.n_undo > 0;
    job->facts.acted = job->facts.waited = 0;
    job->facts.fresh = false;
    move(job, undo ? JOB_UNDOING : JOB_REPORTING);
}

/* --- errands: directories and locks ---------------------------------------------------------- */

struct host_errand {
    struct job *job;
    const struct policy *policy;
    const struct spec *spec;
    enum { ERRAND_DATA, ERRAND_DIRECTORIES, ERRAND_LOCK } kind;
    enum maybe data_exists;
    struct host_lock *lock;
    GError *error;
};

static void make_directories(struct host_errand *errand)
{
    const GPtrArray *mounts = errand->spec->mounts;
    for (guint i = 0; i < mounts->len && !errand->error; i++) {
        const struct mount *mount = g_ptr_array_index(mounts, i);
        const char *root = policy_root_of(errand->policy, mount->host_path);
        if (mount->make_directory && root)
            host_make_directory(root, mount->host_path, &errand->error);
    }
}

static void host_work(void *data)
{
    struct host_errand *errand = data;
    const char *data_dir = errand->spec->data_dir;
    const char *root = policy_root_of(errand->policy, data_dir);
    const char *lock_root = g_ptr_array_index(errand->policy->data_roots, 0);
    static const int never = 0;
    switch (errand->kind) {
    case ERRAND_DATA:
        errand->data_exists = root ? host_data_exists(root, data_dir) : MAYBE_UNKNOWN;
        break;
    case ERRAND_DIRECTORIES:
        make_directories(errand);
        break;
    case ERRAND_LOCK:
        errand->lock = host_wait_lock(lock_root, "networks", LOCK_STALL_MS, &never,
                                      &errand->error);
        break;
    }
}

static void host_done(void *data)
{
    g_autofree struct host_errand *errand = data;
    g_autoptr(GError) error = errand->error;
    struct job *job = errand->job;
    job->wait = WAIT_NOTHING;
    job->networks_lock = errand->lock ? errand->lock : job->networks_lock;
    job->facts.networks_locked = job->networks_lock != NULL;
    if (job->state == JOB_ABANDONED)
        return;
    if (error) {
        struct refusal refusal = {0};
        refusal_set(&refusal, CODE_MOUNT_FAILED, "%s", error->message);
        fail(job, &refusal);
    } else if (errand->kind == ERRAND_DATA) {
        job->facts.data_exists = errand->data_exists;
        job->data_looked_at = true;
    } else if (errand->kind == ERRAND_DIRECTORIES) {
        job->facts.directories_made = true;
    }
}

static void send_errand(struct job *job, int kind)
{
    struct host_errand *errand = g_new0(struct host_errand, 1);
    errand->job = job;
    errand->policy = job->site->policy;
    errand->spec = job->order->command->spec;
    errand->kind = kind;
    job->wait = WAIT_ERRAND;
    errands_start(job->site->errands, host_work, host_done, errand);
}

/* --- the turns of the states ------------------------------------------------------------------ */

static void take_plan(struct job *job)
{
    plan_make(job->order->command, job->facts.seen, job->order->begun, &job->plan);
    struct refusal refusal = {0};
    switch (job->plan.planned) {
    case PLANNED_NOTHING:
        move(job, JOB_REPORTING);
        break;
    case PLANNED_REFUSED:
        refusal_set(&refusal, job->plan.code, "%s", job->plan.sentence);
        fail(job, &refusal);
        job->facts.fresh = true;
        break;
    case PLANNED_STEPS:
        job->note = plan_note(job->facts.seen);
        move(job, job->order->begun ? JOB_STEPPING : JOB_BEGINNING);
        job->wait = job->order->begun ? WAIT_NOTHING : WAIT_COMMIT;
        break;
    }
}

static void turn_looking(struct job *job, int64_t now_ms)
{
    if (!job->data_looked_at)
        send_errand(job, ERRAND_DATA);
    else if (!job->facts.fresh)
        look(job);
    else
        take_plan(job);
}

static void end_step(struct job *job, enum step step, int64_t now_ms)
{
    struct step_report *report = g_new0(struct step_report, 1);
    report->name = g_strdup(step_name(step));
    report->did = g_strdup(job->facts.acted || step == STEP_DIRECTORIES ? "done"
                                                                        : "already");
    report->ms = now_ms - job->step_began;
    report->retries = job->retries;
    g_ptr_array_add(job->reports, report);
    job->facts.acted = job->facts.waited = 0;
    job->retries = 0;
    job->step_began = 0;
    job->at++;
    g_clear_pointer(&job->networks_lock, host_unlock);
    job->facts.networks_locked = false;
}

static void follow(struct job *job, enum step step, enum ask ask, struct want *want,
                   int64_t now_ms)
{
    switch (ask) {
    case ASK_NOTHING:
        end_step(job, step, now_ms);
        break;
    case ASK_LOOK:
        look(job);
        break;
    case ASK_ENGINE:
        if (want->request->asked == ASKED_PULL)
            send_pull(job, want->request);
        else
            send_request(job, want->request);
        break;
    case ASK_HOST:
        send_errand(job,
                    want->host == HOST_LOCK_NETWORKS ? ERRAND_LOCK : ERRAND_DIRECTORIES);
        break;
    case ASK_WAIT:
        wait_for_timer(job, now_ms, want->wait_ms);
        break;
    case ASK_REFUSE:
        fail(job, &want->refusal);
        break;
    }
}

static void turn_steps(struct job *job, int64_t now_ms)
{
    const bool undoing = job->state == JOB_UNDOING;
    const size_t n = undoing ? job->plan.n_undo : job->plan.n_steps;
    if (job->at >= n) {
        move(job, JOB_REPORTING);
        return;
    }
    const enum step step = undoing ? job->plan.undo[job->at] : job->plan.steps[job->at];
    if (!job->step_began)
        job->step_began = now_ms;
    struct want want;
    const enum ask ask = step_ask(step, &job->facts, &want);
    follow(job, step, ask, &want, now_ms);
}

static bool is_theirs(const struct job *job)
{
    const struct command *command = job->order->command;
    return container_whose(job->facts.seen, command->server_id, command->spec) !=
           WHOSE_OURS;
}

static struct state *state_after(const struct job *job)
{
    g_autoptr(Container) absent = container_new();
    const enum maybe data = job->facts.directories_made ? MAYBE_YES
                                                        : job->facts.data_exists;
    return container_state(is_theirs(job) ? absent : job->facts.seen, data);
}

static bool has_drifted(const struct job *job)
{
    const struct container *seen = job->facts.seen;
    const struct spec *spec = job->order->command->spec;
    return !is_theirs(job) && *spec->digest && *seen->spec_digest &&
           !g_str_equal(spec->digest, seen->spec_digest);
}

static void fill_result(const struct job *job, struct result *result)
{
    const bool failed = job->outcome == OUTCOME_FAILED;
    const char *sentence = failed ? job->refusal.message : job->plan.sentence;
    g_free(result->code);
    g_free(result->message);
    result->outcome = job->outcome;
    result->code = g_strdup(failed ? job->refusal.code : CODE_OK);
    result->message = g_utf8_make_valid(sentence ? sentence : "", -1);
    result->recovered = job->plan.recovered && !failed;
    result->already = !failed && job->plan.planned == PLANNED_NOTHING &&
                      !job->order->begun;
    result->data_exists = job->facts.data_exists;
    result->saved = job->facts.saved;
    result->killed = job->facts.killed;
}

static void finish(struct job *job)
{
    job->result = result_new();
    fill_result(job, job->result);
    g_clear_pointer(&job->result->steps, g_ptr_array_unref);
    job->result->steps = g_steal_pointer(&job->reports);
    if (job->facts.fresh) {
        job->result->drift = has_drifted(job);
        job->result->state = state_after(job);
    }
    move(job, JOB_ENDED);
}

static void turn_reporting(struct job *job, int64_t now_ms)
{
    if (job->facts.fresh)
        finish(job);
    else
        look(job);
}

void job_advance(struct job *job, int64_t now_ms)
{
    static void (*const turns[])(struct job *, int64_t) = {
        [JOB_LOOKING] = turn_looking,     [JOB_BEGINNING] = NULL,
        [JOB_STEPPING] = turn_steps,      [JOB_UNDOING] = turn_steps,
        [JOB_REPORTING] = turn_reporting, [JOB_ENDED] = NULL,
        [JOB_ABANDONED] = NULL,
    };
    if (job->wait == WAIT_TIMER && now_ms >= job->wakes_at) {
        job->wait = WAIT_NOTHING;
        job->wakes_at = INT64_MAX;
    }
    while (job->wait == WAIT_NOTHING && turns[job->state])
        turns[job->state](job, now_ms);
}

/* --- answers ------------------------------------------------------------------------------------ */

static bool may_try_again(struct job *job, enum answer answer, int64_t now_ms)
{
    if (answer == ANSWER_HTTP)
        return job->retries < TRIES_MAX;
    if (!job->unreachable_since)
        job->unreachable_since = now_ms;
    return now_ms - job->unreachable_since < ENGINE_PATIENCE_MS;
}

static int64_t pause_ms(unsigned retries)
{
    return MIN((int64_t)RETRY_FIRST_MS << MIN(retries, 10u), RETRY_MOST_MS);
}

/* The last look may fail without harm: the result then tells no state. */
static void give_up(struct job *job, struct refusal *refusal_taken)
{
    if (job->state != JOB_REPORTING) {
        fail(job, refusal_taken);
        return;
    }
    refusal_clear(refusal_taken);
    finish(job);
}

static void try_again(struct job *job, enum answer answer, struct refusal *refusal_taken,
                      int64_t now_ms)
{
    if (!may_try_again(job, answer, now_ms)) {
        give_up(job, refusal_taken);
        return;
    }
    refusal_clear(refusal_taken);
    job->facts.fresh = false;
    wait_for_timer(job, now_ms, pause_ms(job->retries));
    job->retries++;
}

static void seen_absent(struct job *job)
{
    container_free(job->facts.seen);
    job->facts.seen = container_new();
    job->facts.fresh = true;
}

static void seen_container(struct job *job, const struct reply *reply, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    struct container *seen = container_parse(reply->body, reply->length, &error);
    if (seen) {
        container_free(job->facts.seen);
        job->facts.seen = seen;
        job->facts.fresh = true;
        return;
    }
    struct refusal refusal = {0};
    refusal_set(&refusal, CODE_ENGINE_REFUSED,
                "the engine's answer about the container: %s", error->message);
    try_again(job, ANSWER_HTTP, &refusal, now_ms);
}

static enum step running_step(const struct job *job)
{
    return job->state == JOB_UNDOING ? job->plan.undo[job->at] : job->plan.steps[job->at];
}

static void good_news(struct job *job, enum verdict verdict, const struct reply *reply,
                      int64_t now_ms)
{
    struct refusal refusal = {0};
    job->unreachable_since = 0;
    if (reply->asked == ASKED_LOOK && verdict == VERDICT_ABSENT)
        seen_absent(job);
    else if (reply->asked == ASKED_LOOK)
        seen_container(job, reply, now_ms);
    else if (!step_told(running_step(job), &job->facts, verdict, reply, &refusal))
        fail(job, &refusal);
}

/* The registry does not always say which image it speaks of. */
static void name_image(const struct job *job, struct refusal *refusal)
{
    g_autofree char *image = container_image_reference(job->order->command->spec);
    if (refusal->message && !strstr(refusal->message, image))
        refusal_set(refusal, refusal->code, "%s: %s", image, refusal->message);
}

static void judge(struct job *job, const struct reply *reply, const char *text,
                  int64_t now_ms)
{
    struct refusal refusal = {0};
    const enum verdict verdict = verdict_of(reply->asked, reply->answer, reply->status,
                                            text, &refusal);
    if (reply->asked == ASKED_PULL)
        name_image(job, &refusal);
    job->wait = WAIT_NOTHING;
    job->ticket = 0;
    if (reply->asked ==
        ASKED_EXEC) { /* a save that fails ends nothing; its step decides */
        refusal_clear(&refusal);
        good_news(job, verdict, reply, now_ms);
        return;
    }
    switch (verdict) {
    case VERDICT_DONE:
    case VERDICT_ALREADY:
    case VERDICT_ABSENT:
    case VERDICT_CONFLICT:
        refusal_clear(&refusal);
        good_news(job, verdict, reply, now_ms);
        break;
    case VERDICT_UNKNOWN:
        /* A call that we gave up may still be at work: once is enough, looks decide. */
        job->facts.acted += reply->answer == ANSWER_TIMEOUT;
        try_again(job, reply->answer, &refusal, now_ms);
        break;
    case VERDICT_RETRY:
        try_again(job, reply->answer, &refusal, now_ms);
        break;
    case VERDICT_REFUSED:
        give_up(job, &refusal);
        break;
    }
}

void job_reply(struct job *job, const struct reply *reply, int64_t now_ms)
{
    if (job->state == JOB_ABANDONED) {
        job->wait = WAIT_NOTHING;
        job->ticket = 0;
        return;
    }
    g_autofree char *text = reply->answer == ANSWER_HTTP
                                ? verdict_text(reply->body, reply->length)
                                : g_strdup(reply->error);
    judge(job, reply, text, now_ms);
}

/* The verdict on a pull is in its stream, unless the engine refused before it began one. */
static char *pull_text(const struct reply *reply, const struct pull_stream *stream)
{
    if (reply->answer != ANSWER_HTTP)
        return g_strdup(reply->error);
    if (reply->status != 200)
        return verdict_text(reply->body, reply->length);
    if (pull_stream_succeeded(stream))
        return NULL;
    const char *error = pull_stream_error(stream);
    return g_strdup(error ? error
                          : "the pull ended without success and without a reason");
}

void job_pulled(struct job *job, const struct reply *reply,
                const struct pull_stream *stream, int64_t now_ms)
{
    g_autofree char *text = pull_text(reply, stream);
    judge(job, reply, text, now_ms);
}

void job_begun(struct job *job)
{
    if (job->state != JOB_BEGINNING)
        return;
    job->wait = WAIT_NOTHING;
    move(job, JOB_STEPPING);
}

void job_abandon(struct job *job)
{
    if (job->wait == WAIT_PULL)
        pulls_leave(job->site->pulls, job);
    if (job->wait != WAIT_REPLY && job->wait != WAIT_ERRAND)
        job->wait = WAIT_NOTHING;
    job->state = JOB_ABANDONED;
}

/* --- what others may know ---------------------------------------------------------------------- */

enum job_state job_state(const struct job *job)
{
    return job->state;
}

const char *job_state_name(enum job_state state)
{
    return state_names[state];
}

const struct order *job_order(const struct job *job)
{
    return job->order;
}

uint64_t job_ticket(const struct job *job)
{
    return job->ticket;
}

const char *job_note(const struct job *job)
{
    return job->note;
}

int64_t job_wakes_at(const struct job *job)
{
    return job->wakes_at;
}

bool job_is_patient(const struct job *job)
{
    if (job->wait == WAIT_TIMER || job->wait == WAIT_PULL)
        return true;
    return job->state == JOB_STEPPING && job->at < job->plan.n_steps &&
           step_is_patient(job->plan.steps[job->at]);
}

bool job_can_be_freed(const struct job *job)
{
    return job->wait == WAIT_NOTHING &&
           (job->state == JOB_ENDED || job->state == JOB_ABANDONED);
}

char *job_progress(const struct job *job)
{
    const struct pull_stream *stream = job->wait == WAIT_PULL
                                           ? pulls_stream(job->site->pulls, job)
                                           : NULL;
    if (!stream)
        return NULL;
    g_autofree char *text = pull_stream_text(stream);
    return g_strdup_printf("pull: %s", text);
}

struct result *job_take_result(struct job *job)
{
    return g_steal_pointer(&job->result);
}
