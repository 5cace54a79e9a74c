/*
 * intake.c - what a received record is, and who takes it.
 */
#include "intake.h"

#include "crash.h"
#include "log.h"
#include "placed.h"
#include "recent.h"

#define HOUR_MS    (INT64_C(3600) * 1000)
#define QUEUE_MOST 256  /* of one server, received and not answered */
#define HELD_MOST  1000 /* records of a partition, while one is looked up */

static struct log_tag *tag_of(struct partition *partition, bool control)
{
    return control ? &partition->control_tag : &partition->commands_tag;
}

static struct repeats *repeats_of(const struct partition *partition, bool control)
{
    return control ? partition->control_repeats : partition->commands_repeats;
}

static struct offsets *offsets_of(const struct partition *partition, bool control)
{
    return control ? partition->control : partition->commands;
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

/* Nothing is to be told of it; that it is done with stands in the offsets all the same, or an
 * operator would see a record that waits for ever. */
static void finish_silently(struct intake *intake, struct partition *partition,
                            bool control, const struct bus_record *record)
{
    struct letter *letter = letter_new(partition);
    letter_finishes(letter, control, record->offset);
    publisher_add(intake->publisher, letter);
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
static bool is_over_by_place(struct intake *intake, struct partition *partition,
                             bool control, const struct bus_record *record)
{
    const enum known known = answered_place(partition->answered, record->topic,
                                            record->partition, record->offset,
                                            record->append_ms);
    if (!is_over(known, record, ""))
        return false;
    finish_silently(intake, partition, control, record);
    return true;
}

static void reject_undecodable(struct intake *intake, struct partition *partition,
                               bool control, const struct bus_record *record,
                               const char *why, int64_t wall_ms)
{
    if (is_over_by_place(intake, partition, control, record))
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

/* Nobody could say later whether it had been there before: its id does not tell its age, or it
 * may be begun when the topic has forgotten it. */
static char *wrong_in_time(const struct command *command, int64_t append_ms)
{
    const int64_t made_ms = uuid7_ms(command->command_id);
    if (made_ms == CONTRACT_NONE)
        return g_strdup_printf("the command_id %.64s is not a UUIDv7",
                               command->command_id);
    if (made_ms > append_ms + RECENT_AHEAD_MS)
        return g_strdup_printf("by its command_id it was made %" G_GINT64_FORMAT
                               " s after the bus took it: correct the sender's clock",
                               (made_ms - append_ms) / 1000);
    if (command->expires_at - append_ms > COMMANDS_KEPT_MS)
        return g_strdup_printf(
            "it expires %" G_GINT64_FORMAT " h after the bus took it: expires_at "
            "may be %" G_GINT64_FORMAT " h later, as long as its topic is kept",
            (command->expires_at - append_ms) / HOUR_MS, COMMANDS_KEPT_MS / HOUR_MS);
    return NULL;
}

static const char *wrong_here(const struct command *command, int64_t append_ms,
                              char **ret_message)
{
    const enum action action = action_from_name(command->action);
    if ((*ret_message = wrong_in_time(command, append_ms)))
        return CODE_INVALID;
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

/* The offsets' metadata tells of some 1,600 that wait, and then nobody's are taken any more: no
 * server may have them all. */
static const char *is_one_too_many(const struct intake *intake,
                                   const struct command *command, char **ret_message)
{
    const enum action action = action_from_name(command->action);
    if (action == ACTION_CANCEL || action == ACTION_SYNC ||
        lanes_queued_of(intake->lanes, command->server_id) < QUEUE_MOST)
        return NULL;
    *ret_message = g_strdup_printf(
        "%d commands of this server wait already, and other servers of its partition are to be "
        "served too: ask again when some have ended, or cancel them",
        QUEUE_MOST);
    return CODE_QUEUE_FULL;
}

/* --- records ------------------------------------------------------------------------------------------ */

/* One that was received, and what is known of it so far. */
struct arrival {
    struct partition *partition;
    bool control;
    const struct bus_record *record;
    struct command *command; /* NULL: it cannot be one, `why` */
    char *why;               /* a sentence */
    const char *misplaced; /* a code: it does not count where it lies, `why`; else NULL */
    const char *begun;     /* note of an earlier owner, or of the log; NULL: it has not */
    enum offsets_taken taken;
    bool forged; /* committed as begun, which the log does not show: it has not */
};

static void arrival_clear(struct arrival *arrival)
{
    command_free(arrival->command);
    g_free(arrival->why);
}
typedef struct arrival Arrival;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arrival, arrival_clear)

static bool was_accepted(const struct arrival *arrival)
{
    const struct bus_record *record = arrival->record;
    return answered_accepted(arrival->partition->proof, arrival->command->command_id,
                             record->topic, record->partition, record->offset);
}

static void read_arrival(const struct intake *intake, struct arrival *arrival)
{
    g_autoptr(GError) error = NULL;
    const struct bus_record *record = arrival->record;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    const struct place_found found = {
        .agent_id = intake->author->agent_id,
        .control = arrival->control,
        .key = record->key,
        .partition = record->partition,
        .partitions = tag_of(arrival->partition, arrival->control)->partitions,
    };
    if (codec_decode_command(intake->codec, bytes, length, &arrival->command, &error) !=
        DECODED) {
        arrival->why = g_strdup(error->message);
        return;
    }
    /* A command that nobody could answer by its id is no better than garbage. */
    const char *missing = placed_what_is_missing(arrival->command);
    if (missing) {
        g_clear_pointer(&arrival->command, command_free);
        arrival->why = g_strdup(missing);
        return;
    }
    if (arrival->taken == OFFSETS_BEGUN && !was_accepted(arrival)) {
        arrival->forged = true;
        arrival->taken = OFFSETS_FRESH;
    }
    if (arrival->taken != OFFSETS_BEGUN)
        arrival->misplaced = placed_judge(arrival->command, &found, &arrival->why);
}

/* What has begun, or has its answer, was judged when it came first. */
static enum repeat judge_repeat(struct intake *intake, const struct arrival *arrival)
{
    struct repeats *repeats = repeats_of(arrival->partition, arrival->control);
    const struct bus_record *record = arrival->record;
    const char *id = arrival->command->command_id;
    const enum known known = answered_command(
        arrival->partition->answered, id, arrival->command->server_id, record->append_ms);
    enum repeat repeat = REPEAT_NO;
    if (arrival->taken == OFFSETS_FRESH && known != KNOWN_ANSWERED &&
        known != KNOWN_UNREADABLE)
        repeat = repeats_judge(repeats, &intake->repeats, id, record,
                               tag_of(arrival->partition, arrival->control)->partitions);
    if (repeat != REPEAT_ASKING)
        repeats_note(repeats, id, record);
    return repeat;
}

static void end_repeat(struct intake *intake, const struct arrival *arrival)
{
    g_autofree char *place = place_of(arrival->record);
    finish_silently(intake, arrival->partition, arrival->control, arrival->record);
    log_warning("command.repeated", "at", place, "command", arrival->command->command_id,
                "then", "nothing: a command with this id lies before it");
}

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

static void give(struct intake *intake, struct arrival *arrival)
{
    struct partition *partition = arrival->partition;
    struct order *order = order_new(g_steal_pointer(&arrival->command), arrival->record,
                                    arrival->control, arrival->begun);
    if (action_from_name(order->command->action) == ACTION_CANCEL)
        cancels_add(intake->cancels, partition, order);
    else if (arrival->control)
        inventory_command(intake->inventory, partition, order);
    else
        lanes_push(intake->lanes, partition, order);
}

/* Committed as incomplete, although its result is in the log. */
static bool was_answered(const struct arrival *arrival)
{
    return (arrival->forged || arrival->begun) &&
           answered_command(arrival->partition->proof, arrival->command->command_id, "",
                            INT64_MAX) == KNOWN_ANSWERED;
}

static void take_command(struct intake *intake, struct arrival *arrival, int64_t wall_ms)
{
    g_autofree char *message = NULL;
    g_autofree char *note = NULL;
    struct partition *partition = arrival->partition;
    const struct bus_record *record = arrival->record;
    const struct command *command = arrival->command;
    struct offsets *offsets = offsets_of(partition, arrival->control);
    const enum known known = answered_command(partition->answered, command->command_id,
                                              command->server_id, record->append_ms);
    if (is_over(known, record, command->command_id) || was_answered(arrival)) {
        finish_silently(intake, partition, arrival->control, record);
        return;
    }
    const char *code = arrival->begun ? NULL
                                      : wrong_here(command, record->append_ms, &message);
    if (!code && !arrival->begun && known != KNOWN_BEGUN)
        code = is_one_too_many(intake, command, &message);
    if (code) {
        reject(intake, partition, arrival->control, record, command, NULL, code, message,
               wall_ms);
        return;
    }
    if (!arrival->begun &&
        known == KNOWN_BEGUN) { /* whoever comes after us is to know it */
        note = answered_note(partition->answered, command->command_id);
        offsets_begin(offsets, record->offset, note);
        arrival->begun = note;
    }
    give(intake, arrival);
}

/* Named by its place: a result under its id would close the real command. */
static void reject_misplaced(struct intake *intake, const struct arrival *arrival,
                             int64_t wall_ms)
{
    if (!is_over_by_place(intake, arrival->partition, arrival->control, arrival->record))
        reject(intake, arrival->partition, arrival->control, arrival->record, NULL, NULL,
               arrival->misplaced, arrival->why, wall_ms);
}

/* Whoever committed that was no worker, or one of another log. */
static void forget_begin(struct arrival *arrival)
{
    g_autofree char *place = place_of(arrival->record);
    arrival->begun = NULL;
    offsets_unbegin(offsets_of(arrival->partition, arrival->control),
                    arrival->record->offset);
    log_error("begun.not_taken", "at", place, "command", arrival->command->command_id,
              "why",
              "it is committed as begun, and the log does not show that it was "
              "accepted: it is taken as one that has not begun");
}

/* False: it has to wait. */
static bool take_record(struct intake *intake, struct partition *partition, bool control,
                        const struct bus_record *record, int64_t wall_ms)
{
    struct offsets *offsets = offsets_of(partition, control);
    g_auto(Arrival) arrival = {
        .partition = partition,
        .control = control,
        .record = record,
        .taken = offsets_expect(offsets, record->offset),
    };
    enum repeat repeat = REPEAT_NO;
    read_arrival(intake, &arrival);
    if (arrival.command && !arrival.misplaced)
        repeat = judge_repeat(intake, &arrival);
    if (repeat == REPEAT_ASKING)
        return false;
    offsets_receive(offsets, record->offset, &arrival.begun);
    if (arrival.forged)
        forget_begin(&arrival);
    log_tag_receive(tag_of(partition, control), record->offset, record->append_ms);
    if (arrival.taken == OFFSETS_DONE)
        return true;
    crash_point("intake.record");
    if (!arrival.command)
        reject_undecodable(intake, partition, control, record, arrival.why, wall_ms);
    else if (arrival.misplaced)
        reject_misplaced(intake, &arrival, wall_ms);
    else if (repeat == REPEAT_YES)
        end_repeat(intake, &arrival);
    else
        take_command(intake, &arrival, wall_ms);
    return true;
}

void intake_record(struct intake *intake, struct partition *partition, bool control,
                   struct bus_record *record_taken, int64_t wall_ms)
{
    g_autoptr(BusRecord) record = record_taken;
    struct repeats *repeats = repeats_of(partition, control);
    if (repeats_held(repeats) > 0 ||
        !take_record(intake, partition, control, record, wall_ms))
        repeats_hold(repeats, g_steal_pointer(&record));
}

bool intake_release(struct intake *intake, struct partition *partition, bool control,
                    int64_t wall_ms)
{
    struct repeats *repeats = repeats_of(partition, control);
    const struct bus_record *record = repeats_first(repeats);
    if (!record || !take_record(intake, partition, control, record, wall_ms))
        return false;
    repeats_drop_first(repeats);
    return true;
}

bool intake_is_full(const struct partition *partition, bool control)
{
    return repeats_held(repeats_of(partition, control)) >= HELD_MOST;
}
