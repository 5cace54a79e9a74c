/*
 * publish.c - batches of letters, one transaction at a time, on a thread.
 */
#include "publish.h"

#include "contract.h"
#include "crash.h"
#include "report.h"

#define BATCH_LETTERS  500
#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  5000

struct piece {           /* of a letter */
    struct event *event; /* or NULL: `message` is ready */
    char *traceparent;
    struct bus_message *message;
};

struct mark {
    bool control;
    bool finishes;
    int64_t offset;
    char *note;
};

struct letter {
    struct partition *partition;
    GPtrArray *pieces;
    GPtrArray *marks;
    letter_sent sent;
    void *owner;
    int64_t expires_at; /* by the log's clock; 0: never */
    letter_lapsed lapsed;
};

struct publisher {
    struct publisher_setup setup;
    char *commands_topic;
    char *control_topic;
    char *group;
    const struct assignment *assignment;
    GQueue waiting;    /* struct letter */
    GPtrArray *flying; /* struct letter: of the batch on its way, or NULL */
    struct bus_batch *batch;
    bool busy; /* a thread has the batch */
    bool late; /* the bus has not taken it: it was too late for a letter in it */
    bool cut;  /* the batch was too large once: its events have been cut */
    bool over; /* the group has gone on: nothing of this assignment may go out any more */
    unsigned tries;
    int64_t retry_at;
    int64_t busy_since;
    int64_t tried_since; /* the batch */
    int64_t stale_since; /* host time; 0: it is not */
    enum bus_sent outcome;
    GError *outcome_error;
    GError *error;
};

/* --- letters ---------------------------------------------------------------------------------- */

static void piece_free(void *data)
{
    struct piece *piece = data;
    event_free(piece->event);
    g_free(piece->traceparent);
    bus_message_free(piece->message);
    g_free(piece);
}

static void mark_free(void *data)
{
    struct mark *mark = data;
    g_free(mark->note);
    g_free(mark);
}

struct letter *letter_new(struct partition *partition)
{
    struct letter *letter = g_new0(struct letter, 1);
    letter->partition = partition;
    letter->pieces = g_ptr_array_new_with_free_func(piece_free);
    letter->marks = g_ptr_array_new_with_free_func(mark_free);
    return letter;
}

static void letter_free(void *data)
{
    struct letter *letter = data;
    g_ptr_array_unref(letter->pieces);
    g_ptr_array_unref(letter->marks);
    g_free(letter);
}

void letter_add_event(struct letter *letter, struct event *event_taken,
                      const char *traceparent)
{
    struct piece *piece = g_new0(struct piece, 1);
    piece->event = event_taken;
    piece->traceparent = g_strdup(traceparent);
    g_ptr_array_add(letter->pieces, piece);
}

void letter_add_deadletter(struct letter *letter, const struct deadletter *deadletter,
                           struct codec *codec)
{
    g_autoptr(GBytes) bytes = codec_encode_deadletter(codec, deadletter);
    struct piece *piece = g_new0(struct piece, 1);
    piece->message = bus_message_new(TOPIC_DEADLETTER, 0, deadletter->agent_id, bytes);
    g_ptr_array_add(letter->pieces, piece);
}

static void add_mark(struct letter *letter, bool control, bool finishes, int64_t offset,
                     const char *note)
{
    struct mark *mark = g_new0(struct mark, 1);
    mark->control = control;
    mark->finishes = finishes;
    mark->offset = offset;
    mark->note = g_strdup(note);
    g_ptr_array_add(letter->marks, mark);
}

void letter_begins(struct letter *letter, bool control, int64_t offset, const char *note)
{
    add_mark(letter, control, false, offset, note);
}

void letter_finishes(struct letter *letter, bool control, int64_t offset)
{
    add_mark(letter, control, true, offset, NULL);
}

void letter_then(struct letter *letter, letter_sent sent, void *owner)
{
    letter->sent = sent;
    letter->owner = owner;
}

void letter_expires(struct letter *letter, int64_t expires_at, letter_lapsed lapsed)
{
    letter->expires_at = expires_at;
    letter->lapsed = lapsed;
}

/* --- a batch of them ----------------------------------------------------------------------------- */

static struct bus_message *copy_of(const struct bus_message *message)
{
    return bus_message_new(message->topic, message->partition, message->key,
                           message->value);
}

static const char *event_key(const struct event *event, char **ret_made)
{
    if (event->server_id)
        return event->server_id;
    *ret_made = g_strdup_printf("%s/%" G_GINT64_FORMAT, event->agent_id,
                                event->sync ? event->sync->partition : 0);
    return *ret_made;
}

static struct bus_message *message_of(const struct publisher *publisher,
                                      const struct piece *piece)
{
    if (piece->message)
        return copy_of(piece->message);
    g_autofree char *made = NULL;
    g_autoptr(GBytes) bytes = codec_encode_event(publisher->setup.codec, piece->event);
    struct bus_message *message = bus_message_new(TOPIC_EVENTS,
                                                  publisher->setup.events_partition,
                                                  event_key(piece->event, &made), bytes);
    if (piece->traceparent)
        bus_message_add_header(message, HEADER_TRACEPARENT, piece->traceparent);
    return message;
}

static void apply_marks(const struct letter *letter)
{
    for (guint i = 0; i < letter->marks->len; i++) {
        const struct mark *mark = g_ptr_array_index(letter->marks, i);
        struct offsets *offsets = mark->control ? letter->partition->control
                                                : letter->partition->commands;
        if (mark->finishes)
            offsets_finish(offsets, mark->offset);
        else
            offsets_begin(offsets, mark->offset, mark->note ? mark->note : "");
    }
}

/* Only what begins expires. */
static void take_back_marks(const struct letter *letter)
{
    for (guint i = 0; i < letter->marks->len; i++) {
        const struct mark *mark = g_ptr_array_index(letter->marks, i);
        g_assert(!mark->finishes);
        offsets_unbegin(mark->control ? letter->partition->control
                                      : letter->partition->commands,
                        mark->offset);
    }
}

static void add_position(struct bus_batch *batch, const char *topic, int32_t number,
                         const struct offsets *offsets, const struct log_tag *tag)
{
    g_autofree char *metadata = log_tag_before(tag, offsets_metadata(offsets));
    g_ptr_array_add(
        batch->positions,
        bus_position_new(topic, number, offsets_watermark(offsets), metadata));
}

static void add_positions(struct publisher *publisher, struct bus_batch *batch)
{
    g_autoptr(GHashTable) touched = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < publisher->flying->len; i++) {
        const struct letter *letter = g_ptr_array_index(publisher->flying, i);
        struct partition *partition = letter->partition;
        if (!g_hash_table_add(touched, partition))
            continue;
        add_position(batch, publisher->commands_topic, partition->number,
                     partition->commands, &partition->commands_tag);
        add_position(batch, publisher->control_topic, partition->number,
                     partition->control, &partition->control_tag);
    }
}

static void add_messages(struct publisher *publisher, struct bus_batch *batch)
{
    for (guint i = 0; i < publisher->flying->len; i++) {
        const struct letter *letter = g_ptr_array_index(publisher->flying, i);
        for (guint j = 0; j < letter->pieces->len; j++)
            g_ptr_array_add(batch->messages,
                            message_of(publisher, g_ptr_array_index(letter->pieces, j)));
    }
}

/* The earliest of all, or 0. */
static int64_t expiry_of(const GPtrArray *letters)
{
    int64_t first = 0;
    for (guint i = 0; i < letters->len; i++) {
        const struct letter *letter = g_ptr_array_index(letters, i);
        if (letter->expires_at && (!first || letter->expires_at < first))
            first = letter->expires_at;
    }
    return first;
}

static void fill_batch(struct publisher *publisher)
{
    g_clear_pointer(&publisher->batch, bus_batch_free);
    if (publisher->flying->len == 0) {
        g_clear_pointer(&publisher->flying, g_ptr_array_unref);
        return;
    }
    publisher->batch = bus_batch_new(publisher->group, publisher->assignment->membership);
    publisher->batch->before_ms = expiry_of(publisher->flying);
    add_messages(publisher, publisher->batch);
    add_positions(publisher, publisher->batch);
}

static bool has_lapsed(const struct letter *letter, int64_t log_ms)
{
    return letter->expires_at && log_ms >= letter->expires_at;
}

static void make_batch(struct publisher *publisher, int64_t log_ms)
{
    publisher->flying = g_ptr_array_new_with_free_func(letter_free);
    while (publisher->flying->len < BATCH_LETTERS &&
           !g_queue_is_empty(&publisher->waiting)) {
        struct letter *letter = g_queue_pop_head(&publisher->waiting);
        if (has_lapsed(letter, log_ms)) {
            letter->lapsed(letter->owner);
            letter_free(letter);
            continue;
        }
        apply_marks(letter);
        g_ptr_array_add(publisher->flying, letter);
    }
    publisher->tries = 0;
    publisher->cut = false;
    publisher->late = false;
    fill_batch(publisher);
}

/* The log's clock may be ahead of what is known of it here: when the bus has said so, what
 * expires first is over in any case. */
static void make_batch_again(struct publisher *publisher, int64_t log_ms)
{
    GPtrArray *flying = publisher->flying;
    const int64_t now = publisher->late ? MAX(log_ms, publisher->batch->before_ms)
                                        : log_ms;
    const guint before = flying->len;
    publisher->late = false;
    for (guint i = 0; i < flying->len;) {
        struct letter *letter = g_ptr_array_index(flying, i);
        if (!has_lapsed(letter, now)) {
            i++;
            continue;
        }
        take_back_marks(letter);
        letter->lapsed(letter->owner);
        g_ptr_array_remove_index(flying, i);
    }
    if (flying->len < before)
        fill_batch(publisher);
}

static void cut_batch(struct publisher *publisher)
{
    for (guint i = 0; i < publisher->flying->len; i++) {
        const struct letter *letter = g_ptr_array_index(publisher->flying, i);
        for (guint j = 0; j < letter->pieces->len; j++) {
            const struct piece *piece = g_ptr_array_index(letter->pieces, j);
            if (piece->event)
                report_cut(piece->event);
        }
    }
    g_ptr_array_set_size(publisher->batch->messages, 0);
    add_messages(publisher, publisher->batch);
    publisher->cut = true;
}

/* --- the transaction on its thread ----------------------------------------------------------------- */

static void drop_batch(struct publisher *publisher)
{
    g_clear_pointer(&publisher->flying, g_ptr_array_unref);
    g_clear_pointer(&publisher->batch, bus_batch_free);
    publisher->tried_since = 0;
}

static void drop_waiting(struct publisher *publisher)
{
    g_queue_clear_full(&publisher->waiting, letter_free);
    if (!publisher->busy)
        drop_batch(publisher);
}

static void batch_sent(struct publisher *publisher)
{
    g_autoptr(GPtrArray) flown = g_steal_pointer(&publisher->flying);
    drop_batch(publisher);
    for (guint i = 0; i < flown->len; i++) {
        const struct letter *letter = g_ptr_array_index(flown, i);
        if (letter->sent)
            letter->sent(letter->owner);
    }
}

static void batch_failed(struct publisher *publisher)
{
    if (publisher->assignment == NULL) {
        drop_batch(publisher); /* its assignment ended while it was on its way */
        return;
    }
    const int64_t pause = RETRY_FIRST_MS << MIN(publisher->tries, 6u);
    publisher->retry_at = g_get_monotonic_time() / 1000 + MIN(pause, RETRY_MOST_MS);
    publisher->tries++;
}

static void batch_refused(struct publisher *publisher)
{
    if (!publisher->cut) {
        cut_batch(publisher);
        return;
    }
    publisher->error = g_steal_pointer(&publisher->outcome_error);
}

/* The marks of the dropped letters stand in the assignment's offsets already: nothing may be
 * committed for it any more, and nothing has to be, for the notice that takes its partitions
 * follows. */
static void end_stale(struct publisher *publisher)
{
    publisher->assignment = NULL;
    publisher->stale_since = g_get_monotonic_time() / 1000;
    drop_waiting(publisher);
}

static void commit_work(void *data)
{
    struct publisher *publisher = data;
    crash_point("publish.before");
    publisher->outcome = bus_sender_commit(publisher->setup.sender, publisher->batch,
                                           &publisher->outcome_error);
    crash_point("publish.after");
}

static void commit_done(void *data)
{
    struct publisher *publisher = data;
    publisher->busy = false;
    publisher->busy_since = 0;
    switch (publisher->outcome) {
    case BUS_SENT:
        batch_sent(publisher);
        break;
    case BUS_RETRY:
        batch_failed(publisher);
        break;
    case BUS_LATE:
        publisher->late = true;
        batch_failed(publisher);
        break;
    case BUS_REFUSED:
        batch_refused(publisher);
        break;
    case BUS_STALE:
        end_stale(publisher);
        break;
    case BUS_DEAD:
        publisher->error = g_steal_pointer(&publisher->outcome_error);
        break;
    }
    g_clear_error(&publisher->outcome_error);
}

void publisher_advance(struct publisher *publisher, int64_t now_ms, int64_t log_ms)
{
    if (publisher->busy || publisher->error || publisher->over || !publisher->assignment)
        return;
    if (publisher->batch && now_ms >= publisher->retry_at)
        make_batch_again(publisher, log_ms);
    if (!publisher->batch && !g_queue_is_empty(&publisher->waiting))
        make_batch(publisher, log_ms);
    if (!publisher->batch || now_ms < publisher->retry_at)
        return;
    publisher->batch->now_ms = log_ms;
    publisher->retry_at = 0;
    publisher->busy = true;
    publisher->busy_since = now_ms;
    if (!publisher->tried_since)
        publisher->tried_since = now_ms;
    errands_start(publisher->setup.errands, commit_work, commit_done, publisher);
}

/* --- life ------------------------------------------------------------------------------------------- */

struct publisher *publisher_new(const struct publisher_setup *setup)
{
    struct publisher *publisher = g_new0(struct publisher, 1);
    publisher->setup = *setup;
    publisher->commands_topic = topic_commands(setup->agent_id);
    publisher->control_topic = topic_control(setup->agent_id);
    publisher->group = group_workers(setup->agent_id);
    g_queue_init(&publisher->waiting);
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    if (!publisher)
        return;
    g_assert(!publisher->busy);
    drop_waiting(publisher);
    g_free(publisher->commands_topic);
    g_free(publisher->control_topic);
    g_free(publisher->group);
    g_clear_error(&publisher->error);
    g_free(publisher);
}

void publisher_assign(struct publisher *publisher, const struct assignment *assignment)
{
    g_assert(!publisher->busy || assignment == NULL);
    publisher->assignment = assignment;
    publisher->stale_since = 0;
    publisher->over = false;
    drop_waiting(publisher);
}

void publisher_add(struct publisher *publisher, struct letter *letter_taken)
{
    if (publisher->assignment)
        g_queue_push_tail(&publisher->waiting, letter_taken);
    else
        letter_free(letter_taken);
}

int64_t publisher_wakes_at(const struct publisher *publisher)
{
    return publisher->batch && !publisher->busy ? publisher->retry_at : INT64_MAX;
}

bool publisher_is_busy(const struct publisher *publisher)
{
    return publisher->busy;
}

bool publisher_is_idle(const struct publisher *publisher)
{
    return !publisher->busy && !publisher->batch && publisher->waiting.length == 0;
}

int64_t publisher_busy_ms(const struct publisher *publisher, int64_t now_ms)
{
    return publisher->busy ? now_ms - publisher->busy_since : 0;
}

int64_t publisher_trying_ms(const struct publisher *publisher, int64_t now_ms)
{
    return publisher->tried_since ? now_ms - publisher->tried_since : 0;
}

int64_t publisher_stale_ms(const struct publisher *publisher, int64_t now_ms)
{
    return publisher->stale_since ? now_ms - publisher->stale_since : 0;
}

const GError *publisher_error(const struct publisher *publisher)
{
    return publisher->error;
}
