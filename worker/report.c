/*
 * report.c - what a worker writes into the log.
 */
#include "report.h"

#include "shape.h"

#include <string.h>

#define MESSAGE_MAX 2000 /* bytes of a result's sentence */
#define CUT_MESSAGE 400
#define CUT_STEPS   32

struct cause *cause_new(const struct command *command, const char *topic,
                        int32_t partition, int64_t offset)
{
    struct cause *cause = g_new0(struct cause, 1);
    cause->command_id = g_strdup(command ? command->command_id : "");
    cause->action = g_strdup(command ? command->action : "");
    cause->actor = g_strdup(command ? command->actor : "");
    cause->topic = g_strdup(topic);
    cause->partition = partition;
    cause->offset = offset;
    return cause;
}

struct cause *cause_dup(const struct cause *cause)
{
    if (!cause)
        return NULL;
    struct cause *copy = g_memdup2(cause, sizeof(*cause));
    copy->command_id = g_strdup(cause->command_id);
    copy->action = g_strdup(cause->action);
    copy->actor = g_strdup(cause->actor);
    copy->topic = g_strdup(cause->topic);
    return copy;
}

void cause_free(struct cause *cause)
{
    if (!cause)
        return;
    g_free(cause->command_id);
    g_free(cause->action);
    g_free(cause->actor);
    g_free(cause->topic);
    g_free(cause);
}

struct event *report_event(const struct author *author, const char *server_id,
                           const struct cause *cause, int64_t now_ms)
{
    struct event *event = event_new();
    g_free(event->event_id);
    g_free(event->agent_id);
    g_free(event->worker);
    g_free(event->engine_id);
    event->event_id = uuid7_new(now_ms);
    event->agent_id = g_strdup(author->agent_id);
    event->worker = g_strdup(author->worker);
    event->engine_id = g_strdup(author->engine_id);
    event->server_id = g_strdup(server_id);
    event->cause = cause_dup(cause);
    event->at = now_ms;
    return event;
}

static void set_text(char **text, const char *to, size_t most)
{
    g_free(*text);
    *text = to ? g_utf8_make_valid(to, (gssize)MIN(strlen(to), most)) : g_strdup("");
}

struct event *report_result(const struct author *author, const char *server_id,
                            const struct cause *cause, struct result *result_taken,
                            int64_t now_ms)
{
    struct event *event = report_event(author, server_id, cause, now_ms);
    event->result = result_taken;
    return event;
}

struct event *report_ended(const struct author *author, const char *server_id,
                           const struct cause *cause, enum outcome outcome,
                           const char *code, const char *message, int64_t now_ms)
{
    struct result *result = result_new();
    result->outcome = outcome;
    set_text(&result->code, code, MESSAGE_MAX);
    set_text(&result->message, message, MESSAGE_MAX);
    return report_result(author, server_id, cause, result, now_ms);
}

struct event *report_accepted(const struct author *author, const char *server_id,
                              const struct cause *cause, const char *note, int64_t now_ms)
{
    struct event *event = report_ended(author, server_id, cause, OUTCOME_ACCEPTED,
                                       CODE_OK, "begun", now_ms);
    g_ptr_array_add(event->result->steps, step_report_new(note, STEP_DID_BEGIN, 0));
    return event;
}

struct event *report_progress(const struct author *author, const char *server_id,
                              const struct cause *cause, const char *code,
                              const char *text, int64_t now_ms)
{
    return report_ended(author, server_id, cause, OUTCOME_PROGRESS, code, text, now_ms);
}

struct event *report_state(const struct author *author, const char *server_id,
                           struct state *state_taken, int64_t now_ms)
{
    struct event *event = report_event(author, server_id, NULL, now_ms);
    event->state = state_taken;
    return event;
}

struct event *report_sync(const struct author *author, const struct cause *cause,
                          struct sync *sync_taken, int64_t now_ms)
{
    struct event *event = report_event(author, NULL, cause, now_ms);
    event->sync = sync_taken;
    return event;
}

struct deadletter *report_deadletter(const struct author *author, const char *topic,
                                     int32_t partition, int64_t offset, const char *code,
                                     const char *message, GBytes *value, int64_t now_ms)
{
    struct deadletter *letter = deadletter_new();
    const gsize length = g_bytes_get_size(value);
    set_text(&letter->agent_id, author->agent_id, MESSAGE_MAX);
    set_text(&letter->worker, author->worker, MESSAGE_MAX);
    set_text(&letter->topic, topic, MESSAGE_MAX);
    set_text(&letter->code, code, MESSAGE_MAX);
    set_text(&letter->message, message, MESSAGE_MAX);
    letter->at = now_ms;
    letter->partition = partition;
    letter->offset = offset;
    letter->length = (int64_t)length;
    g_free(letter->sha256);
    letter->sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, value);
    return letter;
}

void report_cut(struct event *event)
{
    if (!event->result)
        return;
    struct result *result = event->result;
    g_autofree char *message = g_strndup(result->message, CUT_MESSAGE);
    set_text(&result->message, message, CUT_MESSAGE);
    if (result->steps->len > CUT_STEPS)
        g_ptr_array_set_size(result->steps, CUT_STEPS);
    g_clear_pointer(&result->state, state_free);
}

static char *count_text(const GPtrArray *syncs)
{
    guint servers = 0, pending = 0, unknown = 0;
    for (guint i = 0; i < syncs->len; i++) {
        const struct sync *sync = g_ptr_array_index(syncs, i);
        servers += sync->servers->len;
        pending += sync->pending->len;
        unknown += sync->unknown->len;
    }
    return g_strdup_printf("%u servers listed, %u pending, %u unknown", servers, pending,
                           unknown);
}

struct event *report_listed(const struct author *author, const char *server_id,
                            const struct cause *cause, const GPtrArray *syncs,
                            int64_t now_ms)
{
    const struct sync *first = g_ptr_array_index(syncs, 0);
    const bool good = first->complete;
    g_autofree char *text = good ? count_text(syncs) : NULL;
    return report_ended(author, server_id, cause, good ? OUTCOME_DONE : OUTCOME_FAILED,
                        good ? CODE_OK : CODE_SYNC_FAILED, good ? text : first->message,
                        now_ms);
}
