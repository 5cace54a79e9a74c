/*
 * fold_command.c - what an event of the log makes of a command's row.
 *
 * Pure.
 */
#include "fold.h"

static void command_begin(struct command_row *command, const struct event *event,
                          const struct place *place)
{
    const struct record *record = event->record;
    row_set(&command->server_id, event->server_id);
    row_set(&command->agent_id, event->agent_id);
    row_set(&command->action, event->cause->action);
    row_set(&command->actor, event->cause->actor);
    row_set(&command->reason, record->reason);
    row_set(&command->target, record->target);
    command->issued_at = event->at;
    command->expires_at = record->expires_at == CONTRACT_NONE ? 0 : record->expires_at;
    if (place->offset >= 0)
        command->recorded_at = place->append_ms;
}

static void command_end(struct command_row *command, const char *outcome,
                        const char *code, const char *message, const struct place *place)
{
    row_set(&command->outcome, outcome);
    row_set(&command->code, code);
    row_set(&command->message, message);
    command->finished_at = place->append_ms;
}

static void command_result(struct command_row *command, const struct event *event,
                           const struct place *place)
{
    const struct result *result = event->result;
    if (!*command->agent_id) { /* nobody recorded it: sent by other hands than ours */
        row_set(&command->server_id, event->server_id);
        row_set(&command->agent_id, event->agent_id);
        row_set(&command->action, event->cause->action);
        row_set(&command->actor, event->cause->actor);
    }
    if (result->outcome == OUTCOME_ACCEPTED && command->accepted_at == CONTRACT_NONE)
        command->accepted_at = place->append_ms;
    if (outcome_is_terminal(result->outcome)) {
        command_end(command, outcome_name(result->outcome), result->code, result->message,
                    place);
        command->recovered = result->recovered;
        command->already = result->already;
        command->rolled_back = result->rolled_back;
        return;
    }
    row_set(&command->outcome, outcome_name(result->outcome));
    row_set(&command->code, result->code);
    row_set(&command->message, result->message);
}

enum folded fold_command(struct command_row *command, const struct event *event,
                         const struct place *place)
{
    if (*command->agent_id && !g_str_equal(command->agent_id, event->agent_id))
        return FOLDED_STRANGER;
    if (command->finished_at != CONTRACT_NONE)
        return FOLDED_REPEATED;
    if (event->record && event->record->kind == RECORD_COMMAND)
        command_begin(command, event, place);
    else if (event->record && event->record->kind == RECORD_LOST)
        command_end(command, outcome_name(OUTCOME_FAILED),
                    *event->record->code ? event->record->code : CODE_LOST,
                    event->record->reason, place);
    else if (event->result)
        command_result(command, event, place);
    return FOLDED;
}
