/*
 * cargo.c - what of a bus is to be carried over.
 */
#include "cargo.h"

#include "eventlog.h"
#include "reach.h"
#include "replay.h"
#include "topics.h"

/* An event may be older, by the log's clock, than the command that it answers. */
#define AHEAD_MS (INT64_C(10) * 60 * 1000)

G_DEFINE_QUARK(muster_cargo_error, cargo_error)

enum waiting {
    WAITING_OPEN = 1,
    WAITING_BEGUN, /* it has begun: whoever goes on needs the note beside its offset */
    WAITING_UNREADABLE, /* its answer names it by its place, which changes */
};

static void topic_free(void *gone)
{
    struct bus_topic *topic = gone;
    g_free((char *)topic->name);
    g_free(topic);
}

void cargo_free(struct cargo *cargo)
{
    if (!cargo)
        return;
    g_ptr_array_unref(cargo->topics);
    g_ptr_array_unref(cargo->agents);
    g_hash_table_unref(cargo->waiting);
    g_free(cargo);
}

/* --- Topics ------------------------------------------------------------------------------------ */

/* Adds a topic if it is there; `recorded` partitions, or 0 for any. */
static bool add_topic(struct cargo *cargo, char *name_taken, int64_t recorded,
                      GError **error)
{
    g_autofree char *name = name_taken;
    g_autoptr(GError) none = NULL;
    int32_t partitions;
    if (!bus_topic_partitions(cargo->bus, name, EVENTLOG_MS, &partitions, &none)) {
        if (g_error_matches(none, BUS_ERROR, BUS_ERROR_NO_TOPIC))
            return true;
        g_propagate_error(error, g_steal_pointer(&none));
        return false;
    }
    if (recorded && !eventlog_check_topic(cargo->bus, name, recorded, error))
        return false;
    struct bus_topic *topic = g_new(struct bus_topic, 1);
    *topic = topic_shape(g_steal_pointer(&name), partitions);
    g_ptr_array_add(cargo->topics, topic);
    return true;
}

static bool note_agent(void *taker, const struct reading *reading,
                       const struct bus_record *record, const struct place *place,
                       GError **error)
{
    GHashTable *agents = taker;
    const struct event *event = reading_event(reading);
    if (event && event->record && event->record->agent)
        g_hash_table_insert(agents, g_strdup(event->agent_id),
                            GINT_TO_POINTER((int)event->record->agent->partitions));
    return true;
}

static bool replay_events(const struct cargo *cargo, int64_t since_ms, replay_take *take,
                          void *taker, GError **error)
{
    const struct bus_topic *events = cargo->topics->pdata[0];
    const struct replay replay = {cargo->bus, cargo->codec, events->partitions,
                                  take,       taker,        NULL};
    int64_t count;
    g_auto(Span) span;
    span_init(&span);
    return span_add(&span, cargo->bus, TOPIC_EVENTS, 0, events->partitions, error) &&
           (since_ms == CONTRACT_NONE ||
            span_begin_at(&span, cargo->bus, since_ms, error)) &&
           replay_run(&replay, &span, &count, error);
}

static bool find_agents(struct cargo *cargo, GError **error)
{
    g_autoptr(GHashTable)
        agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    void *id, *partitions;
    if (!replay_events(cargo, CONTRACT_NONE, note_agent, agents, error))
        return false;
    g_hash_table_iter_init(&iter, agents);
    while (g_hash_table_iter_next(&iter, &id, &partitions)) {
        g_ptr_array_add(cargo->agents, g_strdup(id));
        if (!add_topic(cargo, topic_commands(id), GPOINTER_TO_INT(partitions), error) ||
            !add_topic(cargo, topic_control(id), GPOINTER_TO_INT(partitions), error))
            return false;
    }
    return true;
}

static bool find_topics(struct cargo *cargo, GError **error)
{
    if (!add_topic(cargo, g_strdup(TOPIC_EVENTS), 0, error))
        return false;
    if (cargo->topics->len == 0) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_NO_TOPIC,
                    "there is no topic " TOPIC_EVENTS ": nothing to copy");
        return false;
    }
    if (!add_topic(cargo, g_strdup(TOPIC_HEARTBEATS), 0, error) ||
        !add_topic(cargo, g_strdup(TOPIC_DEADLETTER), 0, error))
        return false;
    cargo->shared = cargo->topics->len;
    return find_agents(cargo, error);
}

/* --- Commands ------------------------------------------------------------------------------------ */

static char *place_key(const char *topic, int64_t partition, int64_t offset)
{
    return g_strdup_printf("%s/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, topic, partition,
                           offset);
}

/* Under what a record waits for its answer, as a worker would name it. */
static char *waiting_key(const struct cargo *cargo, const struct bus_record *record,
                         enum waiting *ret_waiting)
{
    g_autoptr(Command) command = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    if (codec_decode_command(cargo->codec, bytes, length, &command, NULL) == DECODED &&
        *command->command_id) {
        *ret_waiting = WAITING_OPEN;
        return g_strdup(command->command_id);
    }
    *ret_waiting = WAITING_UNREADABLE;
    return place_key(record->topic, record->partition, record->offset);
}

static bool note_command(void *taker, const struct bus_record *record, GError **error)
{
    struct cargo *cargo = taker;
    enum waiting waiting;
    char *key = waiting_key(cargo, record, &waiting);
    g_hash_table_insert(cargo->waiting, key, GINT_TO_POINTER(waiting));
    if (cargo->oldest_ms == CONTRACT_NONE || record->append_ms < cargo->oldest_ms)
        cargo->oldest_ms = record->append_ms;
    return true;
}

static void note_answer(struct cargo *cargo, const struct cause *cause, bool ends)
{
    g_autofree char *place = *cause->command_id
                                 ? NULL
                                 : place_key(cause->topic, cause->partition,
                                             cause->offset);
    const char *key = place ? place : cause->command_id;
    if (ends)
        g_hash_table_remove(cargo->waiting, key);
    else if (g_hash_table_contains(cargo->waiting, key))
        g_hash_table_insert(cargo->waiting, g_strdup(key),
                            GINT_TO_POINTER(WAITING_BEGUN));
}

static bool note_event(void *taker, const struct reading *reading,
                       const struct bus_record *record, const struct place *place,
                       GError **error)
{
    struct cargo *cargo = taker;
    const struct event *event = reading_event(reading);
    if (!event || !event->cause)
        return true;
    if (event->result)
        note_answer(cargo, event->cause, outcome_is_terminal(event->result->outcome));
    else if (event->record && event->record->kind == RECORD_LOST)
        note_answer(cargo, event->cause, true);
    return true;
}

static bool find_waiting(struct cargo *cargo, GError **error)
{
    g_auto(Span) commands;
    span_init(&commands);
    for (guint i = cargo->shared; i < cargo->topics->len; i++) {
        const struct bus_topic *topic = cargo->topics->pdata[i];
        if (!span_add(&commands, cargo->bus, topic->name, 0, topic->partitions, error))
            return false;
    }
    if (!span_read(&commands, cargo->bus, note_command, NULL, cargo, error))
        return false;
    return cargo->oldest_ms == CONTRACT_NONE ||
           replay_events(cargo, cargo->oldest_ms - AHEAD_MS, note_event, cargo, error);
}

struct cargo *cargo_look(struct bus *bus, struct codec *codec, GError **error)
{
    g_autoptr(Cargo) cargo = g_new0(struct cargo, 1);
    cargo->bus = bus;
    cargo->codec = codec;
    cargo->topics = g_ptr_array_new_with_free_func(topic_free);
    cargo->agents = g_ptr_array_new_with_free_func(g_free);
    cargo->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    cargo->oldest_ms = CONTRACT_NONE;
    return find_topics(cargo, error) && find_waiting(cargo, error)
               ? g_steal_pointer(&cargo)
               : NULL;
}

bool cargo_takes(const struct cargo *cargo, const struct bus_record *record)
{
    enum waiting waiting;
    g_autofree char *key = waiting_key(cargo, record, &waiting);
    return waiting == WAITING_OPEN && g_hash_table_contains(cargo->waiting, key);
}

guint cargo_waiting(const struct cargo *cargo)
{
    return g_hash_table_size(cargo->waiting);
}

/* --- May it be moved? ------------------------------------------------------------------------------ */

/* The last words of the workers. */
struct hearing {
    const struct cargo *cargo;
    GHashTable *last; /* key → struct heartbeat; at: append time */
};

static bool hear(void *taker, const struct bus_record *record, GError **error)
{
    struct hearing *hearing = taker;
    struct heartbeat *beat = NULL;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    if (!record->key)
        return true;
    g_hash_table_remove(hearing->last, record->key);
    if (!record->value || codec_decode_heartbeat(hearing->cargo->codec, bytes, length,
                                                 &beat, NULL) != DECODED)
        return true;
    beat->at = record->append_ms;
    g_hash_table_insert(hearing->last, g_strdup(record->key), beat);
    return true;
}

/* One that drains and has nothing left says no more. */
static bool is_alive(const struct heartbeat *beat, int64_t now)
{
    bool has_ended = beat->draining && beat->queued == 0;
    return !has_ended && reach_lasts(beat->at, beat->interval_ms, now);
}

static bool has_topic(const struct cargo *cargo, const char *name)
{
    for (guint i = 0; i < cargo->shared; i++)
        if (g_str_equal(((const struct bus_topic *)cargo->topics->pdata[i])->name, name))
            return true;
    return false;
}

static bool check_workers(const struct cargo *cargo, int64_t now, GError **error)
{
    g_auto(Span) span;
    span_init(&span);
    g_autoptr(GHashTable) last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                       (GDestroyNotify)heartbeat_free);
    struct hearing hearing = {cargo, last};
    GHashTableIter iter;
    void *key, *value;
    if (!has_topic(cargo, TOPIC_HEARTBEATS))
        return true;
    if (!span_add(&span, cargo->bus, TOPIC_HEARTBEATS, 0, 1, error) ||
        !span_read(&span, cargo->bus, hear, NULL, &hearing, error))
        return false;
    g_hash_table_iter_init(&iter, last);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const struct heartbeat *beat = value;
        if (!is_alive(beat, now))
            continue;
        g_set_error(error, CARGO_ERROR, CARGO_ERROR_REFUSED,
                    "refused: worker %s was alive %" G_GINT64_FORMAT
                    " s ago: stop it; one that was killed is taken for ended after "
                    "%" G_GINT64_FORMAT " s (--yes: it is known to be gone)",
                    (char *)key, (now - beat->at) / 1000,
                    reach_span_ms(beat->interval_ms) / 1000);
        return false;
    }
    return true;
}

bool cargo_check(const struct cargo *cargo, int64_t now, GError **error)
{
    GHashTableIter iter;
    void *key, *value;
    if (!check_workers(cargo, now, error))
        return false;
    g_hash_table_iter_init(&iter, cargo->waiting);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        switch ((enum waiting)GPOINTER_TO_INT(value)) {
        case WAITING_OPEN:
            continue;
        case WAITING_BEGUN:
            g_set_error(
                error, CARGO_ERROR, CARGO_ERROR_REFUSED,
                "refused: command %s has begun and has no result: let its worker "
                "finish it, then stop that (--yes: carry it over; who takes it up "
                "knows that it has begun, and not how far it came)",
                (char *)key);
            return false;
        case WAITING_UNREADABLE:
            g_set_error(error, CARGO_ERROR, CARGO_ERROR_REFUSED,
                        "refused: %s cannot be decoded and has no answer, and would get "
                        "another place: let a worker reject it, then stop that (--yes: "
                        "leave it behind)",
                        (char *)key);
            return false;
        }
    }
    return true;
}
