/*
 * answered.c - what the log says has been answered.
 */
#include "answered.h"

#include "contract.h"
#include "offsets.h"
#include "report.h"

#include <string.h>

#define ASK_MS 30000 /* one question to the bus */
#define NEVER  INT64_MIN
#define LOG_AHEAD_MS \
 (10 * 60000) /* events may be older than their command's append time */

struct answered {
    GHashTable *known;    /* command id or place → enum known */
    GHashTable *notes;    /* command id → what it noted when it began */
    GHashTable *accepted; /* place → id of the command that was accepted there */
    GHashTable *hiding; /* server id → append time of the youngest that cannot be read */
    int64_t from_ms;
    int64_t own_hiding_ms; /* likewise, of those that bear the agent's key */
    int64_t hiding_ms;     /* of both: NEVER, if there is none */
    int64_t received;      /* of the commands topic: the highest that was answered + 1 */
    guint unreadable;
    guint answered;
};

void answered_free(struct answered *answered)
{
    if (!answered)
        return;
    g_hash_table_unref(answered->known);
    g_hash_table_unref(answered->notes);
    g_hash_table_unref(answered->accepted);
    g_hash_table_unref(answered->hiding);
    g_free(answered);
}

int64_t answered_from(const struct answered *answered)
{
    return answered->from_ms;
}

int64_t answered_received(const struct answered *answered)
{
    return answered->received;
}

guint answered_count(const struct answered *answered)
{
    return answered->answered;
}

guint answered_unreadable(const struct answered *answered)
{
    return answered->unreadable;
}

static char *place_key(const char *topic, int64_t partition, int64_t offset)
{
    return g_strdup_printf("%s/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, topic, partition,
                           offset);
}

/* --- Reading ---------------------------------------------------------------------------- */

/* An offset is only a name within one life of its topic: an answer older than the oldest
 * command is about a record of an earlier one. */
static char *key_of(const struct cause *cause, bool is_of_this_topic)
{
    if (*cause->command_id)
        return g_strdup(cause->command_id);
    return is_of_this_topic ? place_key(cause->topic, cause->partition, cause->offset)
                            : NULL;
}

/* What was answered had been received. */
static void note_received(struct answered *answered, const struct answered_setup *setup,
                          const struct cause *cause)
{
    if (cause->partition == setup->partition &&
        g_str_equal(cause->topic, setup->commands_topic))
        answered->received = MAX(answered->received, cause->offset + 1);
}

static void note_begin(struct answered *answered, const struct event *event)
{
    const GPtrArray *steps = event->result->steps;
    const struct step_report *first = steps->len > 0 ? steps->pdata[0] : NULL;
    if (event->result->outcome != OUTCOME_ACCEPTED)
        return;
    const struct cause *cause = event->cause;
    g_hash_table_insert(answered->accepted,
                        place_key(cause->topic, cause->partition, cause->offset),
                        g_strdup(cause->command_id));
    if (first && g_str_equal(first->did, STEP_DID_BEGIN))
        g_hash_table_insert(answered->notes, g_strdup(event->cause->command_id),
                            g_strdup(first->name));
}

static void note_event(struct answered *answered, const struct answered_setup *setup,
                       const struct event *event, int64_t append_ms)
{
    const bool is_of_this_topic = append_ms >= answered->from_ms;
    if (!event->result || !event->cause)
        return;
    if (is_of_this_topic)
        note_received(answered, setup, event->cause);
    note_begin(answered, event);
    const enum known what = outcome_is_terminal(event->result->outcome) ? KNOWN_ANSWERED
                                                                        : KNOWN_BEGUN;
    g_autofree char *key = key_of(event->cause, is_of_this_topic);
    const int before = key ? GPOINTER_TO_INT(g_hash_table_lookup(answered->known, key))
                           : 0;
    if (!key || before >= (int)what)
        return;
    g_hash_table_insert(answered->known, g_steal_pointer(&key), GINT_TO_POINTER(what));
    answered->answered += what == KNOWN_ANSWERED;
}

/* A worker's event bears its server's id, or "<agent>/<partition>" where it is about none.  What
 * has no key was not written by one. */
static bool is_own_key(const struct answered_setup *setup, const char *key)
{
    const gsize length = strlen(setup->agent_id);
    return strncmp(key, setup->agent_id, length) == 0 && key[length] == '/';
}

static int64_t hidden_until(const struct answered *answered, const char *server_id)
{
    if (!server_id)
        return answered->own_hiding_ms;
    if (!*server_id)
        return answered->hiding_ms;
    const int64_t *found = g_hash_table_lookup(answered->hiding, server_id);
    return found ? *found : NEVER;
}

static void note_unreadable(struct answered *answered, const struct answered_setup *setup,
                            const struct bus_record *record)
{
    answered->unreadable++;
    if (!record->key)
        return;
    if (is_own_key(setup, record->key)) {
        answered->own_hiding_ms = MAX(answered->own_hiding_ms, record->append_ms);
    } else {
        int64_t until = MAX(hidden_until(answered, record->key), record->append_ms);
        g_hash_table_replace(answered->hiding, g_strdup(record->key),
                             g_memdup2(&until, sizeof until));
    }
    answered->hiding_ms = MAX(answered->hiding_ms, record->append_ms);
}

/* What is not Avro of ours at all was not written by a worker: it answers nothing. */
static void note_record(struct answered *answered, const struct answered_setup *setup,
                        const struct bus_record *record)
{
    g_autoptr(Event) event = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : NULL;
    switch (codec_decode_event(setup->codec, bytes, length, &event, NULL)) {
    case DECODED:
        if (g_str_equal(event->agent_id, setup->agent_id))
            note_event(answered, setup, event, record->append_ms);
        break;
    case DECODED_MALFORMED:
        break;
    case DECODED_UNKNOWN_SCHEMA:
        note_unreadable(answered, setup, record);
        break;
    }
}

struct reading {
    struct bus_reader *reader;
    int32_t partition;
    int64_t end;
};

static bool open_events(const struct answered_setup *setup, int64_t from_ms,
                        struct reading *ret_reading, GError **error)
{
    int32_t partitions;
    int64_t first, from;
    if (!bus_topic_partitions(setup->bus, TOPIC_EVENTS, ASK_MS, &partitions, error))
        return false;
    const int32_t partition = partition_of(setup->agent_id, partitions);
    if (!bus_topic_range(setup->bus, TOPIC_EVENTS, partition, ASK_MS, &first,
                         &ret_reading->end, error) ||
        !bus_topic_offset_at(setup->bus, TOPIC_EVENTS, partition, from_ms, ASK_MS, &from,
                             error))
        return false;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(TOPIC_EVENTS, partition, from, NULL));
    ret_reading->partition = partition;
    ret_reading->reader = bus_reader_open(setup->bus, positions, error);
    return ret_reading->reader != NULL;
}

struct answered *answered_read(const struct answered_setup *setup, int64_t oldest_ms,
                               GError **error)
{
    struct reading reading = {0};
    if (!open_events(setup, oldest_ms - LOG_AHEAD_MS, &reading, error))
        return NULL;
    g_autoptr(BusReader) reader = reading.reader;
    g_autoptr(Answered) answered = g_new0(struct answered, 1);
    answered->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    answered->notes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    answered->accepted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    answered->hiding = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    answered->from_ms = oldest_ms;
    answered->own_hiding_ms = answered->hiding_ms = NEVER;
    while (!g_atomic_int_get(setup->cancelled) &&
           !bus_reader_passed(reader, TOPIC_EVENTS, reading.partition, reading.end)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, 1000, &record, error))
            return NULL;
        if (record)
            note_record(answered, setup, record);
    }
    return g_steal_pointer(&answered);
}

/* --- Asking ------------------------------------------------------------------------------ */

static enum known known_of(const struct answered *answered, const char *key,
                           const char *server_id, int64_t append_ms)
{
    const enum known known = GPOINTER_TO_INT(g_hash_table_lookup(answered->known, key));
    const bool hidden = known != KNOWN_ANSWERED &&
                        append_ms <= hidden_until(answered, server_id);
    return hidden ? KNOWN_UNREADABLE : known;
}

enum known answered_command(const struct answered *answered, const char *command_id,
                            const char *server_id, int64_t append_ms)
{
    return answered ? known_of(answered, command_id, server_id, append_ms)
                    : KNOWN_NOTHING;
}

bool answered_accepted(const struct answered *answered, const char *command_id,
                       const char *topic, int32_t partition, int64_t offset)
{
    g_autofree char *place = place_key(topic, partition, offset);
    const char *found = answered ? g_hash_table_lookup(answered->accepted, place) : NULL;
    return found && *found && g_str_equal(found, command_id);
}

/* What a worker may have written: others can write events too, and offsets_begin() takes
 * printable characters alone. */
static bool is_note(const char *note)
{
    for (const char *at = note; *at; at++)
        if (!g_ascii_isprint(*at))
            return false;
    return strlen(note) < OFFSETS_NOTE_MAX;
}

char *answered_note(const struct answered *answered, const char *command_id)
{
    const char *note = g_hash_table_lookup(answered->notes, command_id);
    return note && is_note(note) ? g_strconcat("?", note, NULL) : g_strdup("");
}

enum known answered_place(const struct answered *answered, const char *topic,
                          int32_t partition, int64_t offset, int64_t append_ms)
{
    if (!answered)
        return KNOWN_NOTHING;
    g_autofree char *key = place_key(topic, partition, offset);
    return known_of(answered, key, NULL, append_ms);
}
