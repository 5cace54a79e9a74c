/*
 * assignment.c - taking partitions over.
 */
#include "assignment.h"

#include "contract.h"
#include "crash.h"
#include "log_tag.h"

#include <gio/gio.h>
#include <string.h>

#define ASK_MS 30000 /* one question to the bus */
#define LOG_AHEAD_MS \
 (10 * 60000) /* events may be older than their command's append time */

/* --- locks ------------------------------------------------------------------------------------ */

struct held {
    int32_t number;
    unsigned holders;
    struct host_lock *lock;
};

struct locks {
    GPtrArray *held;
};

static void held_free(void *data)
{
    struct held *held = data;
    host_unlock(held->lock);
    g_free(held);
}

struct locks *locks_new(void)
{
    struct locks *locks = g_new0(struct locks, 1);
    locks->held = g_ptr_array_new_with_free_func(held_free);
    return locks;
}

void locks_free(struct locks *locks)
{
    if (!locks)
        return;
    g_ptr_array_unref(locks->held);
    g_free(locks);
}

static struct held *find_held(const struct locks *locks, int32_t number)
{
    for (guint i = 0; i < locks->held->len; i++) {
        struct held *held = g_ptr_array_index(locks->held, i);
        if (held->number == number)
            return held;
    }
    return NULL;
}

bool locks_hold(struct locks *locks, int32_t number)
{
    struct held *held = find_held(locks, number);
    if (held)
        held->holders++;
    return held != NULL;
}

void locks_add(struct locks *locks, int32_t number, struct host_lock *lock_taken)
{
    struct held *held = g_new0(struct held, 1);
    held->number = number;
    held->holders = 1;
    held->lock = lock_taken;
    g_ptr_array_add(locks->held, held);
}

void locks_release(struct locks *locks, int32_t number)
{
    struct held *held = find_held(locks, number);
    if (held && --held->holders == 0)
        g_ptr_array_remove(locks->held, held);
}

/* --- assignment --------------------------------------------------------------------------------- */

static void partition_free(void *data)
{
    struct partition *partition = data;
    offsets_free(partition->commands);
    offsets_free(partition->control);
    g_clear_pointer(&partition->known, g_hash_table_unref);
    g_free(partition);
}

static struct assignment *assignment_new(struct bus_membership *membership)
{
    struct assignment *assignment = g_new0(struct assignment, 1);
    assignment->membership = bus_membership_ref(membership);
    assignment->partitions = g_ptr_array_new_with_free_func(partition_free);
    assignment->positions = bus_positions_new();
    return assignment;
}

void assignment_free(struct assignment *assignment)
{
    if (!assignment)
        return;
    bus_membership_unref(assignment->membership);
    g_ptr_array_unref(assignment->partitions);
    g_ptr_array_unref(assignment->positions);
    g_free(assignment->commands_tag);
    g_free(assignment->control_tag);
    g_free(assignment);
}

struct partition *assignment_partition(const struct assignment *assignment,
                                       int32_t number)
{
    for (guint i = 0; assignment && i < assignment->partitions->len; i++) {
        struct partition *partition = g_ptr_array_index(assignment->partitions, i);
        if (partition->number == number)
            return partition;
    }
    return NULL;
}

/* --- takeover ------------------------------------------------------------------------------------ */

struct wanted_lock {
    int32_t number;
    bool held_before; /* a job of ours that outlived an assignment still holds it */
    struct host_lock *lock;
};

struct takeover {
    struct takeover_setup setup;
    char *commands_topic;
    char *control_topic;
    GPtrArray *bus_partitions; /* of the notice: both topics */
    GArray *locks;             /* struct wanted_lock */
    struct assignment *assignment;
    int cancelled; /* atomic */
    bool done;
    GError *error;
};

static void want_lock(struct takeover *takeover, int32_t number)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        if (g_array_index(takeover->locks, struct wanted_lock, i).number == number)
            return;
    }
    struct wanted_lock wanted = {
        .number = number,
        .held_before = locks_hold(takeover->setup.locks, number),
    };
    g_array_append_val(takeover->locks, wanted);
}

static bool take_locks(struct takeover *takeover, GError **error)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        struct wanted_lock *wanted = &g_array_index(takeover->locks, struct wanted_lock,
                                                    i);
        if (wanted->held_before)
            continue;
        g_autofree char *name = g_strdup_printf("%s.commands.%d",
                                                takeover->setup.agent_id, wanted->number);
        wanted->lock = host_wait_lock(takeover->setup.lock_root, name,
                                      takeover->setup.stalled_ms, &takeover->cancelled,
                                      error);
        if (!wanted->lock)
            return false;
        crash_point("takeover.locked");
    }
    return true;
}

/* Reads what the events tell about commands of this agent, from `from_ms` on. */
struct reading {
    struct bus_reader *reader;
    int32_t partition;
    int64_t end;
    int64_t oldest_ms;          /* append time of the oldest command */
    struct partition *commands; /* whose commands' answers are read */
};

static void reading_close(struct reading *reading)
{
    bus_reader_close(reading->reader);
}

static bool open_events(struct takeover *takeover, int64_t from_ms,
                        struct reading *reading, GError **error)
{
    struct bus *bus = takeover->setup.bus;
    int32_t partitions;
    int64_t first, from;
    if (!bus_topic_partitions(bus, TOPIC_EVENTS, ASK_MS, &partitions, error))
        return false;
    reading->partition = partition_of(takeover->setup.agent_id, partitions);
    if (!bus_topic_range(bus, TOPIC_EVENTS, reading->partition, ASK_MS, &first,
                         &reading->end, error) ||
        !bus_topic_offset_at(bus, TOPIC_EVENTS, reading->partition, from_ms, ASK_MS,
                             &from, error))
        return false;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions,
                    bus_position_new(TOPIC_EVENTS, reading->partition, from, NULL));
    reading->reader = bus_reader_open(bus, positions, error);
    return reading->reader != NULL;
}

char *known_place(const char *topic, int64_t partition, int64_t offset)
{
    return g_strdup_printf("%s/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, topic, partition,
                           offset);
}

/* An offset is only a name within one life of its topic: an answer older than the oldest
 * command is about a record of an earlier one. */
static char *known_key(const struct cause *cause, bool is_of_this_topic)
{
    if (*cause->command_id)
        return g_strdup(cause->command_id);
    return is_of_this_topic ? known_place(cause->topic, cause->partition, cause->offset)
                            : NULL;
}

static void note_known(GHashTable *known, const struct event *event,
                       bool is_of_this_topic)
{
    if (!event->result || !event->cause)
        return;
    const enum known what = outcome_is_terminal(event->result->outcome) ? KNOWN_ANSWERED
                                                                        : KNOWN_BEGUN;
    g_autofree char *key = known_key(event->cause, is_of_this_topic);
    if (key && GPOINTER_TO_INT(g_hash_table_lookup(known, key)) < (int)what)
        g_hash_table_insert(known, g_steal_pointer(&key), GINT_TO_POINTER(what));
}

/* What was answered had been received. */
static void note_received(const struct takeover *takeover, struct partition *partition,
                          const struct cause *cause)
{
    if (cause && cause->partition == partition->number &&
        g_str_equal(cause->topic, takeover->commands_topic))
        partition->received_before = MAX(partition->received_before, cause->offset + 1);
}

static bool note_record(struct takeover *takeover, const struct reading *reading,
                        const struct bus_record *record, GHashTable *known,
                        GError **error)
{
    const bool is_of_this_topic = record->append_ms >= reading->oldest_ms;
    g_autoptr(Event) event = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : NULL;
    switch (codec_decode_event(takeover->setup.codec, bytes, length, &event, error)) {
    case DECODED:
        if (!g_str_equal(event->agent_id, takeover->setup.agent_id))
            return true;
        note_known(known, event, is_of_this_topic);
        if (event->result && is_of_this_topic)
            note_received(takeover, reading->commands, event->cause);
        return true;
    case DECODED_MALFORMED:
        g_clear_error(error); /* not written by a worker: it answers nothing */
        return true;
    case DECODED_UNKNOWN_SCHEMA:
        g_prefix_error(error,
                       "an event at %s/%d/%" G_GINT64_FORMAT " was written by a newer "
                       "worker; upgrade this one: ",
                       record->topic, record->partition, record->offset);
        return false;
    }
    return false;
}

static GHashTable *read_known(struct takeover *takeover, struct partition *partition,
                              int64_t oldest_ms, GError **error)
{
    struct reading reading = {.oldest_ms = oldest_ms, .commands = partition};
    if (!open_events(takeover, oldest_ms - LOG_AHEAD_MS, &reading, error))
        return NULL;
    g_autoptr(GHashTable)
        known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool good = true;
    while (good && !g_atomic_int_get(&takeover->cancelled) &&
           !bus_reader_passed(reading.reader, TOPIC_EVENTS, reading.partition,
                              reading.end)) {
        g_autoptr(BusRecord) record = NULL;
        good = bus_reader_next(reading.reader, 1000, &record, error) &&
               (!record || note_record(takeover, &reading, record, known, error));
    }
    reading_close(&reading);
    return good ? g_steal_pointer(&known) : NULL;
}

/* The append time of the first record that is still there; CONTRACT_NONE: there is none. */
static bool oldest_append(struct takeover *takeover, const char *topic, int32_t partition,
                          int64_t *ret_first, int64_t *ret_ms, GError **error)
{
    int64_t end;
    struct bus *bus = takeover->setup.bus;
    if (!bus_topic_range(bus, topic, partition, ASK_MS, ret_first, &end, error))
        return false;
    *ret_ms = CONTRACT_NONE;
    if (*ret_first >= end)
        return true;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(topic, partition, *ret_first, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, error);
    if (!reader)
        return false;
    while (!bus_reader_passed(reader, topic, partition, end)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, 1000, &record, error))
            return false;
        if (record) {
            *ret_ms = record->append_ms;
            return true;
        }
    }
    return true; /* markers only */
}

/* No offset, or one that cannot be read: the log itself tells what has been answered. */
static struct offsets *offsets_from_log(struct takeover *takeover,
                                        struct partition *partition, const char *topic,
                                        GError **error)
{
    int64_t first, oldest_ms;
    if (!oldest_append(takeover, topic, partition->number, &first, &oldest_ms, error))
        return NULL;
    if (oldest_ms != CONTRACT_NONE &&
        (!partition->known || oldest_ms < partition->known_from)) {
        g_clear_pointer(&partition->known, g_hash_table_unref);
        partition->known = read_known(takeover, partition, oldest_ms, error);
        partition->known_from = oldest_ms;
        if (!partition->known)
            return NULL;
    }
    return offsets_new(first);
}

static bool is_in_log(struct takeover *takeover, const struct bus_position *position)
{
    int64_t first = 0, end = 0;
    return bus_topic_range(takeover->setup.bus, position->topic, position->partition,
                           ASK_MS, &first, &end, NULL) &&
           position->offset >= first && position->offset <= end;
}

static bool place(struct takeover *takeover, const struct bus_position *committed,
                  GError **error)
{
    struct assignment *assignment = takeover->assignment;
    struct partition *partition = assignment_partition(assignment, committed->partition);
    const bool control = g_str_equal(committed->topic, takeover->control_topic);
    const char *tag = control ? assignment->control_tag : assignment->commands_tag;
    const char *metadata = log_tag_behind(tag, committed->metadata);
    struct offsets *offsets = NULL;
    if (committed->offset != BUS_OFFSET_NONE && metadata &&
        is_in_log(takeover, committed))
        offsets = offsets_load(committed->offset, metadata, NULL);
    if (!offsets)
        offsets = offsets_from_log(takeover, partition, committed->topic, error);
    if (!offsets)
        return false;
    *(control ? &partition->control : &partition->commands) = offsets;
    if (!control)
        partition->received_before = MAX(partition->received_before,
                                         offsets_known(offsets));
    g_ptr_array_add(assignment->positions,
                    bus_position_new(committed->topic, committed->partition,
                                     offsets_watermark(offsets), NULL));
    return true;
}

static bool take_over(struct takeover *takeover, GError **error)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        struct partition *partition = g_new0(struct partition, 1);
        partition->number = g_array_index(takeover->locks, struct wanted_lock, i).number;
        g_ptr_array_add(takeover->assignment->partitions, partition);
    }
    if (!take_locks(takeover, error))
        return false;
    struct bus *bus = takeover->setup.bus;
    takeover->assignment->commands_tag = log_tag_ask(bus, takeover->commands_topic);
    takeover->assignment->control_tag = log_tag_ask(bus, takeover->control_topic);
    g_autoptr(GPtrArray) committed = bus_consumer_committed(
        takeover->setup.consumer, takeover->bus_partitions, ASK_MS, error);
    if (!committed)
        return false;
    crash_point("takeover.committed");
    for (guint i = 0; i < committed->len; i++) {
        if (!place(takeover, g_ptr_array_index(committed, i), error))
            return false;
    }
    return true;
}

static void takeover_work(void *data)
{
    struct takeover *takeover = data;
    take_over(takeover, &takeover->error);
}

static void takeover_free(struct takeover *takeover)
{
    g_free(takeover->commands_topic);
    g_free(takeover->control_topic);
    g_ptr_array_unref(takeover->bus_partitions);
    g_array_unref(takeover->locks);
    assignment_free(takeover->assignment);
    g_clear_error(&takeover->error);
    g_free(takeover);
}

static void hand_over_locks(struct takeover *takeover, bool keep)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        struct wanted_lock *wanted = &g_array_index(takeover->locks, struct wanted_lock,
                                                    i);
        if (wanted->lock)
            locks_add(takeover->setup.locks, wanted->number,
                      g_steal_pointer(&wanted->lock));
        else if (!wanted->held_before)
            continue;
        if (!keep)
            locks_release(takeover->setup.locks, wanted->number);
    }
}

static void takeover_done(void *data)
{
    struct takeover *takeover = data;
    takeover->done = true;
    if (!g_atomic_int_get(&takeover->cancelled))
        return;
    hand_over_locks(takeover, false);
    takeover_free(takeover);
}

struct takeover *takeover_new(const struct takeover_setup *setup,
                              const struct bus_notice *notice)
{
    struct takeover *takeover = g_new0(struct takeover, 1);
    takeover->setup = *setup;
    takeover->commands_topic = topic_commands(setup->agent_id);
    takeover->control_topic = topic_control(setup->agent_id);
    takeover->bus_partitions = g_ptr_array_ref(notice->partitions);
    takeover->locks = g_array_new(FALSE, TRUE, sizeof(struct wanted_lock));
    takeover->assignment = assignment_new(notice->membership);
    for (guint i = 0; i < notice->partitions->len; i++) {
        const struct bus_partition *partition = g_ptr_array_index(notice->partitions, i);
        want_lock(takeover, partition->partition);
    }
    errands_start(setup->errands, takeover_work, takeover_done, takeover);
    return takeover;
}

void takeover_cancel(struct takeover *takeover)
{
    if (!takeover)
        return;
    if (takeover->done) {
        hand_over_locks(takeover, false);
        takeover_free(takeover);
        return;
    }
    g_atomic_int_set(&takeover->cancelled, 1); /* takeover_done() frees it */
}

bool takeover_is_done(const struct takeover *takeover)
{
    return takeover->done;
}

struct assignment *takeover_finish(struct takeover *takeover, GError **error)
{
    struct assignment *assignment = NULL;
    hand_over_locks(takeover, takeover->error == NULL);
    if (takeover->error)
        g_propagate_error(error, g_steal_pointer(&takeover->error));
    else
        assignment = g_steal_pointer(&takeover->assignment);
    takeover_free(takeover);
    return assignment;
}
