/*
 * decree.c - what the ledger decides without a command.
 */
#include "decree.h"

#include "changed.h"
#include "ledger_aside.h"
#include "ledger_upkeep.h"
#include "letter.h"

#define LOST_REASON                                                                    \
 "nobody answered it, and its topic does not hold it any more: it is unknown whether " \
 "it was begun; `muster sync` shows what is there"

/* Queues the event alone, within the ledger's transaction. */
static bool queue_event(struct ledger *ledger, struct codec *codec,
                        const struct event *event, GError **error)
{
    g_autoptr(Outgoing) outgoing = g_new0(struct outgoing, 1);
    outgoing->event_id = g_strdup(event->event_id);
    outgoing->agent_id = g_strdup(event->agent_id);
    outgoing->event_key = g_strdup(event->server_id ? event->server_id : event->agent_id);
    outgoing->command_id = event->cause ? g_strdup(event->cause->command_id) : NULL;
    outgoing->event = codec_encode_event(codec, event);
    g_assert(outgoing->event);
    return ledger_queue(ledger, outgoing, error);
}

static struct letter letter_of(enum record_kind kind, const char *event_id,
                               const struct request *request)
{
    return (struct letter){
        .event_id = event_id,
        .kind = kind,
        .actor = request->actor,
        .reason = request->reason,
        .at = request->now,
    };
}

static struct agent_row *begin_with_agent(struct ledger *ledger, const char *agent_id,
                                          GError **error)
{
    struct agent_row *agent = NULL;
    if (!ledger_begin(ledger, error))
        return NULL;
    if (ledger_load_agent(ledger, agent_id, &agent, error) && !agent)
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND, "no agent %s",
                    agent_id);
    if (!agent)
        ledger_rollback(ledger);
    return agent;
}

/* Queues and commits; or takes all back. */
static struct queued *finish(struct ledger *ledger, struct codec *codec,
                             const struct request *request, const struct event *event,
                             GError **error)
{
    g_autoptr(Queued) queued = queued_new(NULL, NULL, event->agent_id, event->event_id);
    if (queue_event(ledger, codec, event, error) &&
        request_commit_one(ledger, request, queued, error))
        return g_steal_pointer(&queued);
    ledger_rollback(ledger);
    return NULL;
}

static bool check_marked(struct ledger *ledger, const struct agent_row *agent,
                         GError **error)
{
    int64_t marked_at;
    if (agent->mass_absence_at != CONTRACT_NONE)
        return true;
    if (!ledger_marked_at(ledger, agent->id, &marked_at, error))
        return false;
    if (marked_at != CONTRACT_NONE)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "%s bears no mass_absence mark, and all of it could be read: there is "
                "nothing to release",
                agent->name);
    return false;
}

struct queued *decree_release(struct ledger *ledger, struct codec *codec,
                              const char *agent_id, const struct request *request,
                              GError **error)
{
    g_autoptr(AgentRow) agent = begin_with_agent(ledger, agent_id, error);
    g_autofree char *event_id = uuid7_new(request->now);
    if (!agent)
        return NULL;
    if (!check_marked(ledger, agent, error)) {
        ledger_rollback(ledger);
        return NULL;
    }
    const struct letter letter = letter_of(RECORD_RELEASE, event_id, request);
    g_autoptr(Event) event = letter_record(&letter, agent->id, NULL, NULL);
    return finish(ledger, codec, request, event, error);
}

struct queued *decree_rebind(struct ledger *ledger, struct codec *codec,
                             const char *agent_id, const char *engine_id,
                             const struct request *request, GError **error)
{
    g_autoptr(AgentRow) agent = begin_with_agent(ledger, agent_id, error);
    g_autofree char *event_id = uuid7_new(request->now);
    if (!agent)
        return NULL;
    g_autoptr(AgentRow) before = agent_row_dup(agent);
    row_set(&agent->engine_id, engine_id);
    agent->updated_at = MAX(request->now, agent->updated_at + 1);
    g_autoptr(GPtrArray) changed = changed_in_agent(before, agent);
    struct letter letter = letter_of(RECORD_AGENT, event_id, request);
    letter.changed = changed;
    g_autoptr(Event) event = letter_record(&letter, agent->id, NULL, agent);
    return finish(ledger, codec, request, event, error);
}

static struct event *lost_event(const struct command_row *command, const char *event_id,
                                const char *code, const char *why, int64_t now)
{
    struct event *event = event_new();
    row_set(&event->event_id, event_id);
    row_set(&event->agent_id, command->agent_id);
    row_set(&event->server_id, command->server_id);
    event->at = now;
    event->record = record_new();
    event->record->kind = RECORD_LOST;
    row_set(&event->record->reason, why);
    row_set(&event->record->code, code);
    event->cause = g_new0(struct cause, 1);
    event->cause->command_id = g_strdup(command->command_id);
    event->cause->action = g_strdup(command->action);
    event->cause->actor = g_strdup(command->actor);
    event->cause->topic = g_strdup("");
    event->cause->offset = CONTRACT_NONE;
    return event;
}

bool decree_lost(struct ledger *ledger, struct codec *codec,
                 const struct command_row *command, int64_t now, GError **error)
{
    g_autofree char *event_id = uuid7_new(now);
    g_autoptr(Event) event = lost_event(command, event_id, CODE_LOST, LOST_REASON, now);
    bool closing = false;
    if (!ledger_begin(ledger, error))
        return false;
    if (ledger_is_closing(ledger, command->command_id, &closing, error) &&
        (closing || queue_event(ledger, codec, event, error)) &&
        ledger_commit(ledger, error))
        return true;
    ledger_rollback(ledger);
    return false;
}

bool decree_unsendable(struct ledger *ledger, struct codec *codec,
                       const struct outgoing *outgoing, const char *why, int64_t now,
                       GError **error)
{
    g_autofree char *event_id = uuid7_new(now);
    g_autoptr(CommandRow) command = NULL;
    if (!ledger_begin(ledger, error))
        return false;
    bool good = ledger_load_command(ledger, outgoing->command_id, &command, error) &&
                ledger_drop_command(ledger, outgoing->event_id, error);
    if (good && command) {
        g_autoptr(Event) event = lost_event(command, event_id, CODE_TOO_LARGE, why, now);
        good = queue_event(ledger, codec, event, error);
    }
    if (good && ledger_commit(ledger, error))
        return true;
    ledger_rollback(ledger);
    return false;
}
