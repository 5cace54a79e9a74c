/*
 * lane_post.c - what lanes tell the log: begun, progress, results; and cancels, which are
 * answered together with their target.
 */
#include "lane.h"

#include "lane_parts.h"
#include "log.h"
#include "pace.h"

#define PROGRESS_LOOK_MS 1000

static void result_committed(void *owner)
{
    struct lane *lane = owner;
    lanes_touch(lane->lanes, lane->server_id);
    if (--lane->open == 0 && !lane->job)
        g_hash_table_remove(lane->lanes->by_server, lane->server_id);
}

static void begin_committed(void *owner)
{
    struct lane *lane = owner;
    if (lane->job)
        job_begun(lane->job);
}

static void begin_lapsed(void *owner)
{
    struct lane *lane = owner;
    lane->lapsed = true;
    lane->lanes->wakes_at = 0;
}

static void log_result(const struct order *order, const struct result *result)
{
    log_info("command", "command", order->command->command_id, "action",
             order->command->action, "server", order->command->server_id, "outcome",
             outcome_name(result->outcome), "code", result->code, "message",
             result->message);
}

/* A cancel is answered in the transaction of its target's result. */
static void add_cancel_result(struct lanes *lanes, struct letter *letter,
                              const struct order *cancel, const struct result *target,
                              int64_t wall_ms)
{
    const bool cancelled = target->outcome == OUTCOME_CANCELLED;
    g_autofree char *late = g_strdup_printf(
        "its target had %s: %s, %s",
        target->outcome == OUTCOME_EXPIRED ? "ended before it could be cancelled"
                                           : "come too far to be cancelled",
        outcome_name(target->outcome), target->message);
    struct event *event = report_ended(
        lanes->setup.author, cancel->command->server_id, cancel->cause,
        cancelled ? OUTCOME_DONE : OUTCOME_FAILED, cancelled ? CODE_OK : CODE_TOO_LATE,
        cancelled ? "cancelled" : late, wall_ms);
    log_result(cancel, event->result);
    letter_add_event(letter, event, cancel->traceparent);
    letter_finishes(letter, cancel->control, cancel->cause->offset);
}

void lane_post_result(struct lanes *lanes, struct lane *lane, struct partition *partition,
                      const struct order *order, struct event *event_taken,
                      const GPtrArray *cancels)
{
    struct letter *letter = letter_new(partition);
    const struct result *result = event_taken->result;
    log_result(order, result);
    lanes->ended[result->outcome]++;
    if (result->state && lanes->told)
        lanes->told(lanes->told_context, lane->server_id, result->state);
    letter_add_event(letter, event_taken, order->traceparent);
    letter_finishes(letter, order->control, order->cause->offset);
    for (guint i = 0; cancels && i < cancels->len; i++)
        add_cancel_result(lanes, letter, g_ptr_array_index(cancels, i), result,
                          event_taken->at);
    letter_then(letter, result_committed, lane);
    publisher_add(lanes->setup.publisher, letter);
}

static void post_begun(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    const struct order *order = job_order(lane->job);
    struct letter *letter = letter_new(lane->partition);
    letter_add_event(letter,
                     report_accepted(lanes->setup.author, lane->server_id, order->cause,
                                     job_note(lane->job), wall_ms),
                     order->traceparent);
    letter_begins(letter, order->control, order->cause->offset, job_note(lane->job));
    letter_then(letter, begin_committed, lane);
    letter_expires(letter, order->command->expires_at, begin_lapsed);
    publisher_add(lanes->setup.publisher, letter);
    lane->beginning = true;
}

/* Without room for its note in the metadata it waits, having done nothing yet, until others
 * have finished. */
void lane_begin(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    const struct order *order = job_order(lane->job);
    struct offsets *offsets = order->control ? lane->partition->control
                                             : lane->partition->commands;
    if (offsets_reserve(offsets, order->cause->offset))
        post_begun(lanes, lane, wall_ms);
}

void lane_post_progress(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                        int64_t wall_ms)
{
    if (now_ms < lane->progress_at)
        return;
    g_autofree char *text = job_progress(lane->job);
    lane->progress_at = now_ms + PROGRESS_LOOK_MS;
    if (!text || g_strcmp0(text, lane->told_progress) == 0)
        return;
    lane->progress_at = now_ms + pace_progress_ms(++lane->progress_told);
    const struct order *order = job_order(lane->job);
    struct letter *letter = letter_new(lane->partition);
    letter_add_event(letter,
                     report_progress(lanes->setup.author, lane->server_id, order->cause,
                                     CODE_OK, text, wall_ms),
                     order->traceparent);
    publisher_add(lanes->setup.publisher, letter);
    g_free(lane->told_progress);
    lane->told_progress = g_steal_pointer(&text);
}

/* --- waiting for the engine ------------------------------------------------------------------- */

/* Nobody knows when its target ends: they are answered without it. */
static void answer_cancels(struct lanes *lanes, struct lane *lane, int64_t wall_ms)
{
    struct letter *letter = letter_new(lane->partition);
    for (guint i = 0; i < lane->cancels->len; i++) {
        const struct order *cancel = g_ptr_array_index(lane->cancels, i);
        struct event *event = report_ended(
            lanes->setup.author, lane->server_id, cancel->cause, OUTCOME_FAILED,
            CODE_TOO_LATE,
            "its target waits for the engine, to be finished or taken back: that cannot be "
            "cut short",
            wall_ms);
        log_result(cancel, event->result);
        letter_add_event(letter, event, cancel->traceparent);
        letter_finishes(letter, cancel->control, cancel->cause->offset);
    }
    publisher_add(lanes->setup.publisher, letter);
    g_ptr_array_set_size(lane->cancels, 0);
    job_refuse_cancel(lane->job);
}

void lane_post_waiting(struct lanes *lanes, struct lane *lane, int64_t now_ms,
                       int64_t wall_ms)
{
    const struct order *order = job_order(lane->job);
    g_autofree char *text = job_take_waiting(lane->job, now_ms);
    if (text) {
        struct letter *letter = letter_new(lane->partition);
        letter_add_event(letter,
                         report_progress(lanes->setup.author, lane->server_id,
                                         order->cause, CODE_WAITING_ENGINE, text,
                                         wall_ms),
                         order->traceparent);
        publisher_add(lanes->setup.publisher, letter);
        log_warning("waiting", "command", order->command->command_id, "server",
                    lane->server_id, "code", CODE_WAITING_ENGINE, "message", text);
    }
    if (job_is_waiting(lane->job) && lane->cancels->len > 0)
        answer_cancels(lanes, lane, wall_ms);
}

static GList *find_waiting(const struct lane *lane, const char *command_id)
{
    for (GList *link = lane->orders.head; link; link = link->next) {
        const struct waiting *waiting = link->data;
        if (g_str_equal(waiting->order->command->command_id, command_id))
            return link;
    }
    return NULL;
}

static void cancel_waiting(struct lanes *lanes, struct lane *lane, GList *link,
                           struct order *cancel, int64_t wall_ms)
{
    struct waiting *waiting = link->data;
    g_ptr_array_add(waiting->cancels, cancel);
    if (waiting->order->begun) /* it has to be looked at: its job ends it */
        return;
    struct event *event = report_ended(
        lanes->setup.author, lane->server_id, waiting->order->cause, OUTCOME_CANCELLED,
        CODE_CANCELLED, "cancelled before it began", wall_ms);
    lane_post_result(lanes, lane, waiting->partition, waiting->order, event,
                     waiting->cancels);
    g_queue_delete_link(&lane->orders, link);
    lane_waiting_free(waiting);
    if (!lane->job && g_queue_is_empty(&lane->orders))
        g_queue_remove(&lanes->ready, lane);
}

enum lanes_cancelled lanes_cancel(struct lanes *lanes, struct order *order,
                                  int64_t wall_ms)
{
    const char *target = order->command->target;
    struct lane *lane = g_hash_table_lookup(lanes->by_server, order->command->server_id);
    if (!lane)
        return CANCEL_UNKNOWN;
    if (lane->job && g_str_equal(job_order(lane->job)->command->command_id, target)) {
        lane_cancel_job(lane, order);
        return CANCEL_TAKEN;
    }
    GList *link = find_waiting(lane, target);
    if (!link)
        return CANCEL_UNKNOWN;
    cancel_waiting(lanes, lane, link, order, wall_ms);
    return CANCEL_TAKEN;
}

void lane_cancel_job(struct lane *lane, struct order *cancel_taken)
{
    g_ptr_array_add(lane->cancels, cancel_taken);
    job_cancel(lane->job);
}
