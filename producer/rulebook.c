/*
 * rulebook.c - the rules for commands, workers and agents, one function each.
 *
 * Each rule looks at the event with what was remembered before it; then the event itself is
 * remembered.  What is told twice, or comes from a foreign engine, is remembered only as far
 * as the ledger takes it.
 */
#include "rulebook_parts.h"

#include "fold.h"

#include <stdarg.h>

#define REMEMBER 4000000 /* ids of events, and of ended commands */
#define LATE_MS \
 10000 /* by which the clocks of the control plane and the log may differ */
#define SLACK_MS 1000 /* a loop that is busy stamps what it began first later */

struct rulebook {
    int32_t partitions;
    bool whole;
    rulebook_tell *tell;
    void *listener;
    GHashTable *agents; /* id → struct agent_seen */
    GHashTable *open;   /* command id → struct command_seen */
    struct recall *ended;
    struct recall *events;
};

/* A command without a terminal result so far. */
struct command_seen {
    bool recorded;
    bool accepted; /* or in progress */
    bool begun;
    int64_t offset;     /* from which it has */
    int64_t expires_at; /* CONTRACT_NONE: the log does not say */
};

/* The last word of a worker. */
struct spoken {
    int64_t at;
    int64_t offset;
};

/* clang-format off */
static const char *const names[BREACH_COUNT] = {
    [BREACH_UNREADABLE]       = "unreadable",
    [BREACH_REPEATED_EVENT]   = "repeated_event",
    [BREACH_WRONG_PARTITION]  = "wrong_partition",
    [BREACH_UNKNOWN_AGENT]    = "unknown_agent",
    [BREACH_FOREIGN_ENGINE]   = "foreign_engine",
    [BREACH_TIME_BACKWARDS]   = "time_backwards",
    [BREACH_NO_CAUSE]         = "no_cause",
    [BREACH_NO_RECORD]        = "no_record",
    [BREACH_SECOND_RECORD]    = "second_record",
    [BREACH_SECOND_RESULT]    = "second_result",
    [BREACH_AFTER_RESULT]     = "after_result",
    [BREACH_NOT_BEGUN]        = "not_begun",
    [BREACH_BEGUN_LATE]       = "begun_after_expiry",
    [BREACH_REPEATED_ID]      = "repeated_id",
    [BREACH_MISPLACED]        = "misplaced",
    [BREACH_VALUE_IN_NAME]    = "value_in_name",
    [BREACH_SAME_NAME]        = "same_name",
    [BREACH_SYNC_PARTITIONS]  = "sync_partitions",
    [BREACH_SYNC_CONTRADICTS] = "sync_contradicts",
    [BREACH_SECOND_LEDGER]    = "second_ledger",
};
/* clang-format on */

const char *breach_name(enum breach breach)
{
    g_assert(breach < BREACH_COUNT);
    return names[breach];
}

/* --- Life ------------------------------------------------------------------------------------ */

static void agent_seen_free(void *gone)
{
    struct agent_seen *agent = gone;
    agent_row_free(agent->row);
    g_hash_table_unref(agent->workers);
    g_hash_table_unref(agent->servers);
    g_hash_table_unref(agent->gatherings);
    names_free(agent->names);
    g_free(agent);
}

struct rulebook *rulebook_new(int32_t partitions, bool whole, rulebook_tell *tell,
                              void *listener)
{
    struct rulebook *rulebook = g_new0(struct rulebook, 1);
    rulebook->partitions = partitions;
    rulebook->whole = whole;
    rulebook->tell = tell;
    rulebook->listener = listener;
    rulebook->agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                             agent_seen_free);
    rulebook->open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    rulebook->ended = recall_new(REMEMBER);
    rulebook->events = recall_new(REMEMBER);
    return rulebook;
}

void rulebook_free(struct rulebook *rulebook)
{
    if (!rulebook)
        return;
    g_hash_table_unref(rulebook->agents);
    g_hash_table_unref(rulebook->open);
    recall_free(rulebook->ended);
    recall_free(rulebook->events);
    g_free(rulebook);
}

void judged_tell(const struct judged *judged, enum breach breach, const char *format, ...)
{
    const struct rulebook *rulebook = judged->rulebook;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    rulebook->tell(rulebook->listener, breach, judged->event, judged->place, sentence);
}

/* --- The event itself --------------------------------------------------------------------------- */

static bool judge_repeated(const struct judged *judged)
{
    const char *id = judged->event->event_id;
    struct place first;
    if (!recall_find(judged->rulebook->events, id, &first)) {
        recall_note(judged->rulebook->events, id, judged->place);
        return false;
    }
    judged_tell(judged, BREACH_REPEATED_EVENT,
                "event %s was at offset %" G_GINT64_FORMAT " of partition %d before", id,
                first.offset, first.partition);
    return true;
}

/* One that lies elsewhere counts nowhere, here neither. */
static bool judge_partition(const struct judged *judged)
{
    g_autofree char *wrong = event_misplaced(judged->event, judged->rulebook->partitions,
                                             judged->place->partition);
    if (wrong)
        judged_tell(judged, BREACH_WRONG_PARTITION, "refused: %s", wrong);
    return !wrong;
}

static void judge_time(const struct judged *judged)
{
    const struct event *event = judged->event;
    if (!*event->worker) /* the control plane's processes have no order among them */
        return;
    struct spoken *last = g_hash_table_lookup(judged->agent->workers, event->worker);
    if (last && event->at < last->at - SLACK_MS)
        judged_tell(judged, BREACH_TIME_BACKWARDS,
                    "worker %s wrote this %" G_GINT64_FORMAT
                    " ms before what stands at offset %" G_GINT64_FORMAT,
                    event->worker, last->at - event->at, last->offset);
    if (!last) {
        last = g_new0(struct spoken, 1);
        g_hash_table_insert(judged->agent->workers, g_strdup(event->worker), last);
    }
    last->at = event->at;
    last->offset = judged->place->offset;
}

/* --- Agents --------------------------------------------------------------------------------------- */

static struct agent_seen *agent_new(struct rulebook *rulebook, const char *id)
{
    struct agent_seen *agent = g_new0(struct agent_seen, 1);
    agent->row = agent_row_new();
    row_set(&agent->row->id, id);
    agent->workers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    agent->servers = evidence_table_new();
    agent->gatherings = gatherings_new();
    agent->names = names_new();
    g_hash_table_insert(rulebook->agents, g_strdup(id), agent);
    return agent;
}

static void find_agent(struct judged *judged)
{
    struct rulebook *rulebook = judged->rulebook;
    const struct event *event = judged->event;
    judged->agent = g_hash_table_lookup(rulebook->agents, event->agent_id);
    if (judged->agent)
        return;
    judged->agent = agent_new(rulebook, event->agent_id);
    if (rulebook->whole && !(event->record && event->record->kind == RECORD_AGENT))
        judged_tell(judged, BREACH_UNKNOWN_AGENT, "no Record has made agent %s",
                    event->agent_id);
}

/* Whether what it shows counts. */
static bool judge_engine(const struct judged *judged)
{
    struct agent_row *row = judged->agent->row;
    switch (fold_engine(row, judged->event)) {
    case ENGINE_OURS:
    case ENGINE_FIRST:
        return true;
    case ENGINE_FOREIGN:
        judged_tell(judged, BREACH_FOREIGN_ENGINE,
                    "worker %s is on engine %s, the agent's is %s", judged->event->worker,
                    judged->event->engine_id, row->engine_id);
        return false;
    }
    g_assert_not_reached();
}

/* --- Commands --------------------------------------------------------------------------------------- */

static struct command_seen *command_of(struct rulebook *rulebook, const char *id)
{
    struct command_seen *command = g_hash_table_lookup(rulebook->open, id);
    if (!command) {
        command = g_new0(struct command_seen, 1);
        command->expires_at = CONTRACT_NONE;
        g_hash_table_insert(rulebook->open, g_strdup(id), command);
    }
    return command;
}

static void end_command(const struct judged *judged, const char *id)
{
    recall_note(judged->rulebook->ended, id, judged->place);
    g_hash_table_remove(judged->rulebook->open, id);
}

static void judge_record(const struct judged *judged, const char *id)
{
    struct rulebook *rulebook = judged->rulebook;
    struct place end;
    bool ended = recall_find(rulebook->ended, id, &end);
    if (judged->event->record->kind == RECORD_LOST && ended)
        judged_tell(judged, BREACH_SECOND_RESULT,
                    "command %s is given up as lost, it has ended at offset "
                    "%" G_GINT64_FORMAT,
                    id, end.offset);
    else if (judged->event->record->kind == RECORD_LOST)
        end_command(judged, id);
    if (judged->event->record->kind != RECORD_COMMAND)
        return;
    if (ended || command_of(rulebook, id)->recorded)
        judged_tell(judged, BREACH_SECOND_RECORD, "command %s is recorded again", id);
    if (ended)
        return;
    struct command_seen *command = command_of(rulebook, id);
    command->recorded = true;
    command->expires_at = judged->event->record->expires_at;
}

/* Before the first effect; where a look was enough, nothing was begun. */
static bool must_begin(const struct result *result)
{
    for (guint i = 0; i < result->steps->len; i++) {
        const struct step_report *step = result->steps->pdata[i];
        if (!g_str_equal(step->did, "already") && !g_str_equal(step->did, STEP_DID_BEGIN))
            return true;
    }
    return false;
}

static void judge_ended(const struct judged *judged, const char *id,
                        const struct place *end)
{
    enum outcome outcome = judged->event->result->outcome;
    if (outcome_is_terminal(outcome))
        judged_tell(judged, BREACH_SECOND_RESULT,
                    "command %s is %s, it has ended at offset %" G_GINT64_FORMAT, id,
                    outcome_name(outcome), end->offset);
    else
        judged_tell(judged, BREACH_AFTER_RESULT,
                    "command %s is in %s, it has ended at offset %" G_GINT64_FORMAT, id,
                    outcome_name(outcome), end->offset);
}

/* By the append time: what stands in the event is by its writer's clock. */
static void judge_begin(const struct judged *judged, const char *id,
                        const struct command_seen *command)
{
    const int64_t expires_at = command ? command->expires_at : CONTRACT_NONE;
    if (judged->event->result->outcome != OUTCOME_ACCEPTED ||
        expires_at == CONTRACT_NONE || command->accepted)
        return;
    const int64_t late_ms = judged->place->append_ms - expires_at;
    if (late_ms > LATE_MS)
        judged_tell(judged, BREACH_BEGUN_LATE,
                    "command %s was begun %" G_GINT64_FORMAT " ms after it had expired",
                    id, late_ms);
}

/* One id is one command, in one place: a worker that goes on with it reads it there again. */
static void judge_open(const struct judged *judged, const char *id,
                       struct command_seen *command)
{
    const struct cause *cause = judged->event->cause;
    command->accepted = true;
    if (judged->event->result->outcome != OUTCOME_ACCEPTED)
        return;
    if (command->begun && cause->offset != command->offset)
        judged_tell(judged, BREACH_REPEATED_ID,
                    "command %s has begun from offset %" G_GINT64_FORMAT
                    " of %s/%" G_GINT64_FORMAT ", and from %" G_GINT64_FORMAT " before",
                    id, cause->offset, cause->topic, cause->partition, command->offset);
    command->begun = true;
    command->offset = cause->offset;
}

static void judge_command(const struct judged *judged, const char *id)
{
    struct rulebook *rulebook = judged->rulebook;
    enum outcome outcome = judged->event->result->outcome;
    struct command_seen *command = g_hash_table_lookup(rulebook->open, id);
    struct place end;
    if (recall_find(rulebook->ended, id, &end)) {
        judge_ended(judged, id, &end);
        return;
    }
    if (rulebook->whole && !command)
        judged_tell(judged, BREACH_NO_RECORD, "nobody has recorded command %s (%s)", id,
                    judged->event->cause->action);
    if (rulebook->whole && must_begin(judged->event->result) &&
        !(command && command->accepted))
        judged_tell(judged, BREACH_NOT_BEGUN,
                    "command %s is %s by steps, and was never accepted", id,
                    outcome_name(outcome));
    judge_begin(judged, id, command);
    if (outcome_is_terminal(outcome))
        end_command(judged, id);
    else
        judge_open(judged, id, command_of(rulebook, id));
}

/* Whoever sends commands does not do as the log's producers have to. */
static void judge_refused(const struct judged *judged)
{
    const struct result *result = judged->event->result;
    const struct cause *cause = judged->event->cause;
    if (result->outcome == OUTCOME_REJECTED &&
        (g_str_equal(result->code, CODE_WRONG_PLACE) ||
         g_str_equal(result->code, CODE_WRONG_AGENT)))
        judged_tell(judged, BREACH_MISPLACED,
                    "offset %" G_GINT64_FORMAT " of %s/%" G_GINT64_FORMAT ": %s",
                    cause->offset, cause->topic, cause->partition, result->message);
}

static void judge_cause(const struct judged *judged)
{
    const struct event *event = judged->event;
    const struct cause *cause = event->cause;
    bool is_named = cause && (*cause->command_id || cause->offset != CONTRACT_NONE);
    if (event->result && !is_named)
        judged_tell(judged, BREACH_NO_CAUSE, "a result (%s) of no command",
                    outcome_name(event->result->outcome));
    if (event->result && is_named)
        judge_refused(judged);
    if (!cause || !*cause->command_id)
        return;
    if (event->record)
        judge_record(judged, cause->command_id);
    else if (event->result)
        judge_command(judged, cause->command_id);
}

/* --- All of it ---------------------------------------------------------------------------------------- */

void rulebook_judge(struct rulebook *rulebook, const struct event *event,
                    const struct place *place)
{
    struct judged judged = {rulebook, event, place, NULL};
    if (!judge_partition(&judged) || judge_repeated(&judged))
        return;
    find_agent(&judged);
    judge_time(&judged);
    bool counts = event->record || judge_engine(&judged);
    judge_cause(&judged);
    names_judge(&judged);
    if (event->record && event->record->agent)
        fold_agent(judged.agent->row, event, place);
    if (counts && event->sync)
        evidence_judge_sync(&judged);
    else if (counts)
        evidence_note(&judged);
}

void rulebook_unreadable(struct rulebook *rulebook, const struct place *place,
                         const char *why)
{
    const struct judged judged = {rulebook, NULL, place, NULL};
    judged_tell(&judged, BREACH_UNREADABLE, "%s", why);
}
