/*
 * cancel.c - parks cancels until their target is there.
 */
#include "cancel.h"

#include "crash.h"
#include "log.h"

#define ASK_MS   30000
#define NEXT_MS  1000
#define AGAIN_MS 2000 /* after a search that the bus broke off */

enum parked_state {
    PARKED_NEW,
    PARKED_SEARCHING, /* a thread reads the queue */
    PARKED_UNSURE,    /* the queue could not be read to its end: again, a little later */
    PARKED_WAITING,   /* its target lies ahead, at `offset` */
    PARKED_LAST,      /* it does not; one more look at what has been received meanwhile */
};

struct parked {
    const struct cancels *cancels;
    struct partition *partition;
    struct order *order;
    enum parked_state state;
    bool ended; /* the assignment is over: the thread's answer is thrown away */
    char *topic;
    int32_t number;
    int64_t from;
    int64_t offset;   /* of the target, BUS_OFFSET_NONE: not in the queue */
    int64_t again_at; /* host time: when UNSURE searches again */
    bool failed;      /* the search */
};

struct cancels {
    struct cancels_setup setup;
    char *topic;
    GPtrArray *parked; /* struct parked */
};

static void parked_free(void *data)
{
    struct parked *parked = data;
    order_free(parked->order);
    g_free(parked->topic);
    g_free(parked);
}

/* The thread's half still needs it: search_done() frees it then. */
static void parked_drop(void *data)
{
    struct parked *parked = data;
    if (parked->state == PARKED_SEARCHING)
        parked->ended = true;
    else
        parked_free(parked);
}

struct cancels *cancels_new(const struct cancels_setup *setup)
{
    struct cancels *cancels = g_new0(struct cancels, 1);
    cancels->setup = *setup;
    cancels->topic = topic_commands(setup->author->agent_id);
    cancels->parked = g_ptr_array_new_with_free_func(parked_drop);
    return cancels;
}

void cancels_free(struct cancels *cancels)
{
    if (!cancels)
        return;
    g_ptr_array_unref(cancels->parked);
    g_free(cancels->topic);
    g_free(cancels);
}

void cancels_add(struct cancels *cancels, struct partition *partition,
                 struct order *order_taken)
{
    struct parked *parked = g_new0(struct parked, 1);
    parked->cancels = cancels;
    parked->partition = partition;
    parked->order = order_taken;
    parked->topic = g_strdup(cancels->topic);
    parked->number = partition->number;
    parked->offset = BUS_OFFSET_NONE;
    g_ptr_array_add(cancels->parked, parked);
}

void cancels_end(struct cancels *cancels)
{
    g_ptr_array_set_size(cancels->parked, 0);
}

/* --- the search, on a thread ------------------------------------------------------------------ */

static bool is_target(const struct parked *parked, const struct bus_record *record)
{
    g_autoptr(Command) command = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    return codec_decode_command(parked->cancels->setup.codec, bytes, length, &command,
                                NULL) == DECODED &&
           g_str_equal(command->command_id, parked->order->command->target);
}

/* False: the bus did not tell all of it. */
static bool search_until(struct parked *parked, struct bus_reader *reader, int64_t end)
{
    while (!bus_reader_passed(reader, parked->topic, parked->number, end)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, NEXT_MS, &record, NULL))
            return false;
        if (record && is_target(parked, record)) {
            parked->offset = record->offset;
            return true;
        }
    }
    return true;
}

static bool search_queue(struct parked *parked)
{
    struct bus *bus = parked->cancels->setup.bus;
    int64_t first, end;
    if (!bus_topic_range(bus, parked->topic, parked->number, ASK_MS, &first, &end, NULL))
        return false;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(parked->topic, parked->number,
                                                CLAMP(parked->from, first, end), NULL));
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, NULL);
    return reader && search_until(parked, reader, end);
}

static void search_work(void *data)
{
    struct parked *parked = data;
    parked->failed = !search_queue(parked);
}

static void search_done(void *data)
{
    struct parked *parked = data;
    if (parked->ended) {
        parked_free(parked);
        return;
    }
    if (parked->failed)
        parked->state = PARKED_UNSURE;
    else
        parked->state = parked->offset == BUS_OFFSET_NONE ? PARKED_LAST : PARKED_WAITING;
}

/* --- on the loop ------------------------------------------------------------------------------------ */

static void answer(struct cancels *cancels, const struct parked *parked,
                   enum outcome outcome, const char *code, const char *message,
                   int64_t wall_ms)
{
    const struct order *order = parked->order;
    struct letter *letter = letter_new(parked->partition);
    struct event *event = report_ended(cancels->setup.author, order->command->server_id,
                                       order->cause, outcome, code, message, wall_ms);
    letter_add_event(letter, event, order->traceparent);
    letter_finishes(letter, order->control, order->cause->offset);
    publisher_add(cancels->setup.publisher, letter);
    log_info("command", "command", order->command->command_id, "action", "cancel",
             "server", order->command->server_id, "outcome", outcome_name(outcome),
             "code", code);
}

static void search(struct cancels *cancels, struct parked *parked)
{
    crash_point("cancel.search");
    parked->state = PARKED_SEARCHING;
    parked->from = offsets_seen(parked->partition->commands);
    errands_start(cancels->setup.errands, search_work, search_done, parked);
}

/* Whether it is answered, or given to the lanes. */
static bool advance(struct cancels *cancels, struct parked *parked, int64_t now_ms,
                    int64_t wall_ms, int64_t log_ms)
{
    if (parked->state == PARKED_SEARCHING)
        return false;
    if (lanes_cancel(cancels->setup.lanes, parked->order, wall_ms) == CANCEL_TAKEN) {
        crash_point("cancel.taken");
        parked->order = NULL;
        return true;
    }
    if (log_ms >= parked->order->command->expires_at) {
        answer(cancels, parked, OUTCOME_EXPIRED, CODE_EXPIRED,
               "its target did not come before the cancel expired", wall_ms);
        return true;
    }
    const bool passed = offsets_seen(parked->partition->commands) > parked->offset;
    const bool again = parked->state == PARKED_UNSURE && now_ms >= parked->again_at;
    if (parked->state == PARKED_NEW || again) {
        parked->again_at = now_ms + AGAIN_MS;
        search(cancels, parked);
    }
    if (parked->state == PARKED_SEARCHING || parked->state == PARKED_UNSURE)
        return false;
    if (parked->state == PARKED_WAITING && !passed)
        return false;
    answer(cancels, parked, OUTCOME_FAILED, CODE_TOO_LATE,
           "no such command of this server waits or runs: it has ended, or never was",
           wall_ms);
    return true;
}

void cancels_advance(struct cancels *cancels, int64_t now_ms, int64_t wall_ms,
                     int64_t log_ms)
{
    for (guint i = 0; i < cancels->parked->len;) {
        if (advance(cancels, g_ptr_array_index(cancels->parked, i), now_ms, wall_ms,
                    log_ms))
            g_ptr_array_remove_index(cancels->parked, i);
        else
            i++;
    }
}
