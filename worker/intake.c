/*
 * intake.c - what a received record is, and who takes it.
 */
#include "intake.h"

#include "crash.h"
#include "log.h"

static struct log_tag *tag_of(struct partition *partition, bool control)
{
    return control ? &partition->control_tag : &partition->commands_tag;
}

static char *place_of(const struct bus_record *record)
{
    return g_strdup_printf("%s/%d/%" G_GINT64_FORMAT, record->topic, record->partition,
                           record->offset);
}

/* Puts out a terminal result for a record that never becomes an order. */
static void reject(struct intake *intake, struct partition *partition, bool control,
                   const struct bus_record *record, const struct command *command,
                   struct deadletter *deadletter, const char *code, const char *message,
                   int64_t wall_ms)
{
    struct cause *cause = cause_new(command, record->topic, record->partition,
                                    record->offset);
    struct letter *letter = letter_new(partition);
    g_autofree char *traceparent = bus_record_dup_header(record, HEADER_TRACEPARENT);
    g_autofree char *place = place_of(record);
    if (deadletter)
        letter_add_deadletter(letter, deadletter, intake->codec);
    struct event *event = report_ended(intake->author,
                                       command ? command->server_id : NULL, cause,
                                       OUTCOME_REJECTED, code, message, wall_ms);
    letter_add_event(letter, event, traceparent);
    letter_finishes(letter, control, record->offset);
    publisher_add(intake->publisher, letter);
    log_warning("command.rejected", "at", place, "code", code, "message", message);
    cause_free(cause);
}

/* Nothing is done about it, and nobody is told in the log: the ledger closes it. */
static void pass_over(const struct bus_record *record, const char *command_id)
{
    g_autofree char *place = place_of(record);
    log_error(
        "command.passed_over", "at", place, "command", command_id, "why",
        "an event that this worker cannot read may be its answer: upgrade this worker");
}

/* Whether the log has its answer, or nobody can tell. */
static bool is_over(enum known known, const struct bus_record *record,
                    const char *command_id)
{
    if (known == KNOWN_UNREADABLE)
        pass_over(record, command_id);
    return known == KNOWN_UNREADABLE || known == KNOWN_ANSWERED;
}

/* What bears no id that counts was answered by its place. */
static bool is_over_by_place(struct partition *partition, bool control,
                             const struct bus_record *record)
{
    const enum known known = answered_place(partition->answered, record->topic,
                                            record->partition, record->offset,
                                            record->append_ms);
    if (!is_over(known, record, ""))
        return false;
    offsets_finish(control ? partition->control : partition->commands, record->offset);
    return true;
}

static void reject_undecodable(struct intake *intake, struct partition *partition,
                               bool control, const struct bus_record *record,
                               const char *why, int64_t wall_ms)
{
    if (is_over_by_place(partition, control, record))
        return;
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
    g_autofree char *message = g_strdup_printf("%s; the record is in %s", why,
                                               TOPIC_DEADLETTER);
    g_autoptr(Deadletter) letter = report_deadletter(
        intake->author, record->topic, record->partition, record->offset, CODE_MALFORMED,
        why, record->value ? record->value : empty, wall_ms);
    reject(intake, partition, control, record, NULL, letter, CODE_MALFORMED, message,
           wall_ms);
}

/* --- what is refused at once --------------------------------------------------------------------- */

/* A command that nobody could answer by its id is no better than garbage. */
static const char *what_is_missing(const struct command *command)
{
    if (!*command->command_id)
        return "the command has no command_id";
    if (command->expires_at == CONTRACT_NONE || command->expires_at <= 0)
        return "the command has no expires_at";
    return NULL;
}

/* A command counts where its agent and its server put it, and nowhere else: a server's order
 * hangs on that, and a copy elsewhere must not answer for the real one. */
static const char *misplaced(const struct intake *intake, const struct command *command,
                             bool control, int32_t partitions,
                             const struct bus_record *record, char **ret_message)
{
    const enum action action = action_from_name(command->action);
    const bool is_control = action == ACTION_SYNC || action == ACTION_CANCEL;
    const char *server = command->server_id;
    if (!g_str_equal(command->agent_id, intake->author->agent_id)) {
        *ret_message = g_strdup_printf(
            "the command %s is for the agent %s, this one is %s", command->command_id,
            command->agent_id, intake->author->agent_id);
        return CODE_WRONG_AGENT;
    }
    if (action != ACTION_UNKNOWN && control != is_control) {
        *ret_message = g_strdup_printf("%s belongs into the %s topic", command->action,
                                       is_control ? "control" : "commands");
        return CODE_WRONG_PLACE;
    }
    if (!server || !*server)
        return NULL;
    if (g_strcmp0(record->key, server) != 0) {
        *ret_message = g_strdup_printf(
            "the command %s of server %s has the key %.64s: the key is the server's id",
            command->command_id, server, record->key ? record->key : "(none)");
        return CODE_WRONG_PLACE;
    }
    const int32_t right = partition_of(server, partitions);
    if (record->partition == right)
        return NULL;
    *ret_message = g_strdup_printf(
        "the command %s of server %s lies in partition %d; its "
        "key belongs into %d (murmur2)",
        command->command_id, server, record->partition, right);
    return CODE_WRONG_PLACE;
}

static const char *wrong_here(const struct command *command, char **ret_message)
{
    const enum action action = action_from_name(command->action);
    if (action == ACTION_UNKNOWN) {
        *ret_message = g_strdup_printf("this worker knows no action \"%s\"",
                                       command->action);
        return CODE_UNKNOWN_ACTION;
    }
    if (action == ACTION_CANCEL && (!command->target || !*command->target)) {
        *ret_message = g_strdup(
            "cancel names no target: the id of the command to cancel");
        return CODE_INVALID;
    }
    if (action != ACTION_SYNC && (!command->server_id || !*command->server_id)) {
        *ret_message = g_strdup_printf("%s names no server", command->action);
        return CODE_INVALID;
    }
    return NULL;
}

/* Named by its place: a result under its id would close the real command. */
static bool is_rejected_by_place(struct intake *intake, struct partition *partition,
                                 bool control, const struct bus_record *record,
                                 const struct command *command, int64_t wall_ms)
{
    g_autofree char *message = NULL;
    const int32_t partitions = tag_of(partition, control)->partitions;
    const char *code = misplaced(intake, command, control, partitions, record, &message);
    if (!code)
        return false;
    if (!is_over_by_place(partition, control, record))
        reject(intake, partition, control, record, NULL, NULL, code, message, wall_ms);
    return true;
}

/* --- records ------------------------------------------------------------------------------------------ */

static struct order *order_new(struct command *command_taken,
                               const struct bus_record *record, bool control,
                               const char *begun)
{
    struct order *order = g_new0(struct order, 1);
    order->cause = cause_new(command_taken, record->topic, record->partition,
                             record->offset);
    order->command = command_taken;
    order->traceparent = bus_record_dup_header(record, HEADER_TRACEPARENT);
    order->control = control;
    order->begun = g_strdup(begun);
    return order;
}

static void take_command(struct intake *intake, struct partition *partition, bool control,
                         const struct bus_record *record, struct command *command_taken,
                         const char *begun, int64_t wall_ms)
{
    g_autoptr(Command) command = command_taken;
    g_autofree char *message = NULL;
    g_autofree char *note = NULL;
    struct offsets *offsets = control ? partition->control : partition->commands;
    const enum known known = answered_command(partition->answered, command->command_id,
                                              command->server_id, record->append_ms);
    if (is_over(known, record, command->command_id)) {
        offsets_finish(offsets, record->offset);
        return;
    }
    const char *code = begun ? NULL : wrong_here(command, &message);
    if (code) {
        reject(intake, partition, control, record, command, NULL, code, message, wall_ms);
        return;
    }
    if (!begun && known == KNOWN_BEGUN) { /* and whoever comes after us is to know it */
        note = answered_note(partition->answered, command->command_id);
        offsets_begin(offsets, record->offset, note);
        begun = note;
    }
    struct order *order = order_new(g_steal_pointer(&command), record, control, begun);
    if (action_from_name(order->command->action) == ACTION_CANCEL)
        cancels_add(intake->cancels, partition, order);
    else if (control)
        inventory_command(intake->inventory, partition, order);
    else
        lanes_push(intake->lanes, partition, order);
}

void intake_record(struct intake *intake, struct partition *partition, bool control,
                   const struct bus_record *record, int64_t wall_ms)
{
    const char *note = NULL;
    struct offsets *offsets = control ? partition->control : partition->commands;
    const enum offsets_taken taken = offsets_receive(offsets, record->offset, &note);
    log_tag_receive(tag_of(partition, control), record->offset, record->append_ms);
    if (taken == OFFSETS_DONE)
        return;
    crash_point("intake.record");
    struct command *command = NULL;
    g_autoptr(GError) error = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    if (codec_decode_command(intake->codec, bytes, length, &command, &error) != DECODED) {
        reject_undecodable(intake, partition, control, record, error->message, wall_ms);
        return;
    }
    const char *missing = what_is_missing(command);
    if (missing) {
        reject_undecodable(intake, partition, control, record, missing, wall_ms);
        command_free(command);
        return;
    }
    if (taken != OFFSETS_BEGUN &&
        is_rejected_by_place(intake, partition, control, record, command, wall_ms)) {
        command_free(command);
        return;
    }
    take_command(intake, partition, control, record, command,
                 taken == OFFSETS_BEGUN ? note : NULL, wall_ms);
}
