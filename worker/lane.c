/*
 * lane.c - one queue per server.
 */
#include "lane.h"

#include "lane_parts.h"
#include "log.h"

#define EXPIRY_MS 1000

GPtrArray *lane_cancels_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)order_free);
}

void lane_waiting_free(void *data)
{
    struct waiting *waiting = data;
    order_free(waiting->order);
    g_clear_pointer(&waiting->cancels, g_ptr_array_unref);
    g_free(waiting);
}

static void lane_free(void *data)
{
    struct lane *lane = data;
    g_assert(!lane->job);
    g_queue_clear_full(&lane->orders, lane_waiting_free);
    g_ptr_array_unref(lane->cancels);
    g_free(lane->server_id);
    g_free(lane->told_progress);
    g_free(lane);
}

struct lanes *lanes_new(const struct lanes_setup *setup)
{
    struct lanes *lanes = g_new0(struct lanes, 1);
    lanes->setup = *setup;
    lanes->by_server = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, lane_free);
    lanes->tidied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    lanes->running = g_ptr_array_new();
    g_queue_init(&lanes->ready);
    lanes->orphans = orphans_new(setup->locks);
    lanes->wakes_at = INT64_MAX;
    return lanes;
}

void lanes_free(struct lanes *lanes)
{
    if (!lanes)
        return;
    lanes_end(lanes);
    g_hash_table_unref(lanes->by_server);
    g_ptr_array_unref(lanes->running);
    g_hash_table_unref(lanes->tidied);
    orphans_free(lanes->orphans);
    g_free(lanes);
}

void lanes_use_policy(struct lanes *lanes, const struct policy *policy)
{
    lanes->setup.site.policy = policy;
}

void lanes_use_logs(struct lanes *lanes, enum engine_logs logs)
{
    lanes->setup.site.logs = logs;
}

void lanes_on_told(struct lanes *lanes, lanes_told told, void *context)
{
    lanes->told = told;
    lanes->told_context = context;
}

void lanes_on_touched(struct lanes *lanes, lanes_touched touched, void *context)
{
    lanes->touched = touched;
    lanes->touched_context = context;
}

void lanes_touch(struct lanes *lanes, const char *server_id)
{
    if (lanes->touched)
        lanes->touched(lanes->touched_context, server_id);
}

struct lane *lanes_lane(struct lanes *lanes, const char *server_id)
{
    struct lane *lane = g_hash_table_lookup(lanes->by_server, server_id);
    if (lane)
        return lane;
    lane = g_new0(struct lane, 1);
    lane->server_id = g_strdup(server_id);
    lane->lanes = lanes;
    lane->cancels = lane_cancels_new();
    g_queue_init(&lane->orders);
    g_hash_table_insert(lanes->by_server, lane->server_id, lane);
    return lane;
}

void lanes_push(struct lanes *lanes, struct partition *partition,
                struct order *order_taken)
{
    struct lane *lane = lanes_lane(lanes, order_taken->command->server_id);
    struct waiting *waiting = g_new0(struct waiting, 1);
    waiting->partition = partition;
    waiting->order = order_taken;
    waiting->cancels = lane_cancels_new();
    if (!lane->job && g_queue_is_empty(&lane->orders))
        g_queue_push_tail(&lanes->ready, lane);
    g_queue_push_tail(&lane->orders, waiting);
    lane->open++;
    lanes_touch(lanes, lane->server_id);
}

/* --- heads of lanes ------------------------------------------------------------------------------- */

static const char expired[] =
    "it was not begun before it expired; ask again if it is still wanted";

/* Whoever says that it has begun: a host allows nothing that its policy does not allow now. What
 * it may have done already is undone; one without a spec that can be read has done nothing. */
static bool refuse_begun(const struct lanes *lanes, struct order *order,
                         struct refusal *ret_refusal)
{
    const struct command *command = order->command;
    struct refusal refusal = {0};
    const bool allowed = policy_allows(lanes->setup.site.policy, command, &refusal);
    const bool broken = !allowed && g_str_equal(refusal.code, CODE_INVALID);
    if (allowed) {
        refusal_clear(&refusal);
        return false;
    }
    log_warning("begun.refused", "command", command->command_id, "action",
                command->action, "server", command->server_id, "why", refusal.message);
    *(broken ? ret_refusal : &order->refused) = refusal;
    return broken;
}

static bool refuse_order(const struct lanes *lanes, struct order *order,
                         enum outcome *ret_outcome, struct refusal *ret_refusal)
{
    const struct command *command = order->command;
    const char *engine_id = lanes->setup.author->engine_id;
    *ret_outcome = OUTCOME_REJECTED;
    if (order->begun)
        return refuse_begun(lanes, order, ret_refusal);
    *ret_outcome = OUTCOME_EXPIRED;
    if (lanes->log_ms >= command->expires_at) {
        refusal_set(ret_refusal, CODE_EXPIRED, "%s", expired);
        return true;
    }
    *ret_outcome = OUTCOME_REJECTED;
    if (command->engine_id && *command->engine_id && *engine_id &&
        !g_str_equal(command->engine_id, engine_id)) {
        refusal_set(
            ret_refusal, CODE_WRONG_ENGINE,
            "the command is for the engine %s, and this host's is %s; if the engine was "
            "replaced on purpose, rebind the agent",
            command->engine_id, engine_id);
        return true;
    }
    return !policy_allows(lanes->setup.site.policy, command, ret_refusal);
}

static void begin_job(struct lanes *lanes, struct lane *lane, struct waiting *waiting)
{
    lane->job = job_new(&lanes->setup.site, g_steal_pointer(&waiting->order));
    lane->partition = waiting->partition;
    lane->beginning = lane->lapsed = false;
    g_clear_pointer(&lane->told_progress, g_free);
    lane->progress_told = 0;
    lane->progress_at = 0;
    while (waiting->cancels->len > 0)
        lane_cancel_job(lane, g_ptr_array_steal_index(waiting->cancels, 0));
}

static void start_head(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    struct waiting *waiting = g_queue_pop_head(&lane->orders);
    enum outcome outcome;
    struct refusal refusal = {0};
    if (refuse_order(lanes, waiting->order, &outcome, &refusal)) {
        struct event *event = report_ended(lanes->setup.author, lane->server_id,
                                           waiting->order->cause, outcome, refusal.code,
                                           refusal.message, wall_ms);
        lane_post_result(lanes, lane, waiting->partition, waiting->order, event,
                         waiting->cancels);
        refusal_clear(&refusal);
    } else {
        begin_job(lanes, lane, waiting);
    }
    lane_waiting_free(waiting);
}

static bool has_expired(const struct lanes *lanes, const struct order *order)
{
    return !order->begun && lanes->log_ms >= order->command->expires_at;
}

static bool head_has_expired(const struct lane *lane)
{
    const struct waiting *head = lane->orders.head->data;
    return has_expired(lane->lanes, head->order);
}

/* A call that was given up holds its lane, unless it is about what has served. */
static void leave_call(struct lanes *lanes, const struct lane *lane,
                       const struct job *job)
{
    if (job_given_up(job))
        orphans_add_call(lanes->orphans, job_leaves_call(job) ? "" : lane->server_id,
                         lane->partition->number, job_given_up(job));
}

static void close_job(struct lanes *lanes, struct lane *lane, struct event *event_taken)
{
    struct job *job = g_steal_pointer(&lane->job);
    lane_post_result(lanes, lane, lane->partition, job_order(job), event_taken,
                     lane->cancels);
    g_ptr_array_set_size(lane->cancels, 0);
    leave_call(lanes, lane, job);
    job_free(job);
    g_ptr_array_remove_fast(lanes->running, lane);
    if (!g_queue_is_empty(&lane->orders))
        g_queue_push_tail(&lanes->ready, lane);
}

static void end_job(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    close_job(lanes, lane,
              report_result(lanes->setup.author, lane->server_id,
                            job_order(lane->job)->cause, job_take_result(lane->job),
                            wall_ms));
}

/* It has looked, and has done nothing. */
static void expire_job(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    job_abandon(lane->job);
    close_job(lanes, lane,
              report_ended(lanes->setup.author, lane->server_id,
                           job_order(lane->job)->cause, OUTCOME_EXPIRED, CODE_EXPIRED,
                           expired, wall_ms));
}

/* Once `accepted` is handed over, the publisher decides whether it goes. */
static void advance_beginning(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    const bool late = lane->beginning ? lane->lapsed
                                      : has_expired(lanes, job_order(lane->job));
    if (late)
        expire_job(lanes, lane, wall_ms);
    else if (!lane->beginning)
        lane_begin(lanes, lane, wall_ms);
}

static void end_tidy(struct lanes *lanes, struct lane *lane)
{
    struct job *job = g_steal_pointer(&lane->job);
    leave_call(lanes, lane, job);
    job_free(job);
    g_ptr_array_remove_fast(lanes->running, lane);
    lanes_touch(lanes, lane->server_id);
    if (!g_queue_is_empty(&lane->orders))
        g_queue_push_tail(&lanes->ready, lane);
    else if (lane->open == 0)
        g_hash_table_remove(lanes->by_server, lane->server_id);
}

static void post_news(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                      int64_t wall_ms)
{
    lane_post_progress(lanes, lane, now_ms, wall_ms);
    lane_post_waiting(lanes, lane, now_ms, wall_ms);
}

static void advance_job(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                        int64_t wall_ms)
{
    job_advance(lane->job, now_ms);
    if (job_state(lane->job) == JOB_BEGINNING)
        advance_beginning(lanes, lane, wall_ms);
    else if (job_state(lane->job) == JOB_ENDED && job_order(lane->job)->tidies)
        end_tidy(lanes, lane);
    else if (job_state(lane->job) == JOB_ENDED)
        end_job(lanes, lane, wall_ms);
    else if (!job_order(lane->job)->tidies)
        post_news(lanes, lane, now_ms, wall_ms);
}

static void advance_running(struct lanes *lanes, int64_t now_ms, int64_t wall_ms)
{
    for (guint i = lanes->running->len; i > 0; i--)
        advance_job(lanes, g_ptr_array_index(lanes->running, i - 1), now_ms, wall_ms);
}

static unsigned count_busy(const struct lanes *lanes)
{
    unsigned busy = 0;
    for (guint i = 0; i < lanes->running->len; i++) {
        const struct lane *lane = g_ptr_array_index(lanes->running, i);
        busy += !job_is_patient(lane->job);
    }
    return busy;
}

bool lanes_have_room(const struct lanes *lanes)
{
    return count_busy(lanes) < lanes->setup.at_once;
}

/* The head of a ready lane becomes a job, or is answered without one. */
static void start_lane(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                       int64_t wall_ms)
{
    start_head(lanes, lane, wall_ms);
    if (lane->job) {
        g_ptr_array_add(lanes->running, lane);
        advance_job(lanes, lane, now_ms, wall_ms);
    } else if (!g_queue_is_empty(&lane->orders)) {
        g_queue_push_tail(&lanes->ready, lane);
    }
}

static void start_ready(struct lanes *lanes, bool engine_up, int64_t now_ms,
                        int64_t wall_ms)
{
    const bool look_for_expired = now_ms >= lanes->expiry_at;
    if (look_for_expired)
        lanes->expiry_at = now_ms + EXPIRY_MS;
    GQueue passed_over = G_QUEUE_INIT;
    for (guint left = lanes->ready.length; left > 0; left--) {
        const bool room = engine_up && lanes_have_room(lanes);
        if (!room && !look_for_expired)
            break;
        struct lane *lane = g_queue_pop_head(&lanes->ready);
        if (!orphans_hold(lanes->orphans, lane->server_id) &&
            (room || head_has_expired(lane)))
            start_lane(lanes, lane, now_ms, wall_ms);
        else
            g_queue_push_tail(&passed_over, lane);
    }
    while (!g_queue_is_empty(&passed_over)) /* they keep their places at the front */
        g_queue_push_head(&lanes->ready, g_queue_pop_tail(&passed_over));
}

/* For want of credentials. */
static void end_refused_pulls(struct lanes *lanes)
{
    for (;;) {
        struct refusal why = {0};
        g_autoptr(GPtrArray) waiting = pulls_refused(lanes->setup.site.pulls, &why);
        if (!waiting)
            return;
        for (guint i = 0; i < waiting->len; i++)
            job_pull_refused(g_ptr_array_index(waiting, i), &why);
        refusal_clear(&why);
    }
}

static int64_t lane_wakes_at(const struct lane *lane, int64_t now_ms)
{
    g_autofree char *progress = job_progress(lane->job);
    return MIN(job_wakes_at(lane->job),
               progress ? MAX(lane->progress_at, now_ms) : INT64_MAX);
}

void lanes_advance(struct lanes *lanes, bool engine_up, int64_t now_ms, int64_t wall_ms,
                   int64_t log_ms)
{
    lanes->log_ms = log_ms;
    orphans_end(lanes->orphans);
    end_refused_pulls(lanes);
    advance_running(lanes, now_ms, wall_ms);
    if (!lanes->closed)
        start_ready(lanes, engine_up, now_ms, wall_ms);
    lanes->wakes_at = g_queue_is_empty(&lanes->ready) ? INT64_MAX : lanes->expiry_at;
    for (guint i = 0; i < lanes->running->len; i++)
        lanes->wakes_at = MIN(
            lanes->wakes_at, lane_wakes_at(g_ptr_array_index(lanes->running, i), now_ms));
}

int64_t lanes_wakes_at(const struct lanes *lanes)
{
    return lanes->wakes_at;
}

/* --- answers of the engine ------------------------------------------------------------------------- */

static struct job *job_of_ticket(const struct lanes *lanes, uint64_t ticket)
{
    for (guint i = 0; i < lanes->running->len; i++) {
        const struct lane *lane = g_ptr_array_index(lanes->running, i);
        if (job_waits_for(lane->job, ticket))
            return lane->job;
    }
    return NULL;
}

bool lanes_reply(struct lanes *lanes, const struct reply *reply, int64_t now_ms)
{
    g_autoptr(PullStream) stream = NULL;
    g_autoptr(GPtrArray) waiting = pulls_reply(lanes->setup.site.pulls, reply, &stream);
    for (guint i = 0; waiting && i < waiting->len; i++)
        job_pulled(g_ptr_array_index(waiting, i), reply, stream, now_ms);
    if (waiting || orphans_reply(lanes->orphans, reply, now_ms))
        return true;
    struct job *job = job_of_ticket(lanes, reply->ticket);
    if (job)
        job_reply(job, reply, now_ms);
    return job != NULL;
}

bool lanes_line(struct lanes *lanes, uint64_t ticket, const char *line)
{
    return pulls_line(lanes->setup.site.pulls, ticket, line) ||
           job_of_ticket(lanes, ticket) != NULL || /* a save's output: not kept */
           orphans_wait_for(lanes->orphans, ticket);
}

/* --- the end ----------------------------------------------------------------------------------------- */

void lanes_close(struct lanes *lanes)
{
    lanes->closed = true;
}

static void abandon_job(struct lanes *lanes, struct lane *lane)
{
    struct job *job = g_steal_pointer(&lane->job);
    job_abandon(job);
    if (!job_can_be_freed(job)) {
        orphans_add_job(lanes->orphans, lane->server_id, lane->partition->number, job);
        return;
    }
    leave_call(lanes, lane, job);
    job_free(job);
}

void lanes_end(struct lanes *lanes)
{
    for (guint i = 0; i < lanes->running->len; i++) {
        abandon_job(lanes, g_ptr_array_index(lanes->running, i));
    }
    g_ptr_array_set_size(lanes->running, 0);
    g_queue_clear(&lanes->ready);
    g_hash_table_remove_all(lanes->by_server);
}

/* --- what others may know ----------------------------------------------------------------------------- */

bool lanes_server_is_busy(const struct lanes *lanes, const char *server_id)
{
    const struct lane *lane = g_hash_table_lookup(lanes->by_server, server_id);
    return lane && lane->job;
}

unsigned lanes_queued(const struct lanes *lanes)
{
    GHashTableIter iter;
    struct lane *lane;
    unsigned queued = 0;
    g_hash_table_iter_init(&iter, lanes->by_server);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&lane))
        queued += lane->open;
    return queued;
}

unsigned lanes_running(const struct lanes *lanes)
{
    return lanes->running->len + orphans_count(lanes->orphans);
}

unsigned lanes_waiting(const struct lanes *lanes)
{
    unsigned waiting = 0;
    for (guint i = 0; i < lanes->running->len; i++) {
        const struct lane *lane = g_ptr_array_index(lanes->running, i);
        waiting += job_is_waiting(lane->job);
    }
    return waiting;
}

uint64_t lanes_ended(const struct lanes *lanes, enum outcome outcome)
{
    return lanes->ended[outcome];
}

unsigned lanes_queued_of(const struct lanes *lanes, const char *server_id)
{
    const struct lane *lane = g_hash_table_lookup(lanes->by_server, server_id);
    return lane ? lane->open : 0;
}

void lanes_add_open(const struct lanes *lanes, GHashTable *server_ids)
{
    GHashTableIter iter;
    struct lane *lane;
    g_hash_table_iter_init(&iter, lanes->by_server);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&lane)) {
        if (lane->open > 0 || lane->job)
            g_hash_table_add(server_ids, g_strdup(lane->server_id));
    }
}
