/*
 * relay.c - sends what the ledger has accepted.
 */
#include "relay.h"

#include "clock.h"
#include "crash.h"
#include "decree.h"
#include "eventlog.h"
#include "ledger_rows.h"
#include "log.h"
#include "reading.h"

#define BATCH         200
#define BUS_MS        10000
#define LOOK_EVERY_US (5 * 60 * G_USEC_PER_SEC) /* at topics: each costs two questions */

struct relay {
    struct ledger *ledger;
    struct bus *bus;
    struct codec *codec;
    struct bus_sender *sender; /* NULL until there is something to send */
    GHashTable *seen;          /* ids of agents whose topics were looked at … */
    int64_t seen_since;        /* … since then (monotonic, µs) */
    int32_t partitions;        /* of muster.events */
    char *ledger_id;           /* NULL until there is something to send */
};

struct relay *relay_new(struct ledger *ledger, struct bus *bus, struct codec *codec)
{
    struct relay *relay = g_new0(struct relay, 1);
    relay->ledger = ledger;
    relay->bus = bus;
    relay->codec = codec;
    relay->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return relay;
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    bus_sender_close(relay->sender);
    g_hash_table_unref(relay->seen);
    g_free(relay->ledger_id);
    g_free(relay);
}

/* --- Partition counts -------------------------------------------------------------------------- */

bool relay_check_agent(struct bus *bus, const struct agent_row *agent, GError **error)
{
    g_autofree char *commands = topic_commands(agent->id);
    g_autofree char *control = topic_control(agent->id);
    return eventlog_check_topic(bus, commands, agent->partitions, error) &&
           eventlog_check_topic(bus, control, agent->partitions, error);
}

/* Somebody added partitions.  What was accepted has its place there all the same. */
static bool has_grown(struct relay *relay, const char *topic, int64_t recorded)
{
    int32_t partitions;
    return bus_topic_partitions(relay->bus, topic, BUS_MS, &partitions, NULL) &&
           partitions >= recorded;
}

static bool hold_agent(struct relay *relay, const struct agent_row *agent,
                       const GError *wrong, GError **error)
{
    g_autofree char *commands = topic_commands(agent->id);
    g_autofree char *control = topic_control(agent->id);
    bool sends = has_grown(relay, commands, agent->partitions) &&
                 has_grown(relay, control, agent->partitions);
    log_error("relay.held", "agent", agent->id, "why", wrong->message);
    return ledger_hold(relay->ledger, agent->id, wrong->message, sends, error);
}

static bool check_agent(struct relay *relay, const struct agent_row *agent,
                        GError **error)
{
    g_autoptr(GError) wrong = NULL;
    if (relay_check_agent(relay->bus, agent, &wrong))
        return !agent->held || ledger_lift(relay->ledger, agent->id, error);
    if (g_error_matches(wrong, BUS_ERROR, BUS_ERROR_PARTITIONS) ||
        g_error_matches(wrong, BUS_ERROR, BUS_ERROR_NO_TOPIC))
        return hold_agent(relay, agent, wrong, error);
    g_propagate_error(error, g_steal_pointer(&wrong));
    return false;
}

/* Holds those of which the topics are wrong, and lifts it where somebody has mended them. */
static bool check_agents(struct relay *relay, GError **error)
{
    g_autoptr(GPtrArray) agents = ledger_unsent_agents(relay->ledger, error);
    if (!agents)
        return false;
    for (guint i = 0; i < agents->len; i++) {
        g_autoptr(AgentRow) agent = NULL;
        const char *id = agents->pdata[i];
        if (g_hash_table_contains(relay->seen, id))
            continue;
        if (!ledger_load_agent(relay->ledger, id, &agent, error) ||
            (agent && !check_agent(relay, agent, error)))
            return false;
        g_hash_table_add(relay->seen, g_strdup(id));
    }
    return true;
}

static bool is_time_to_look(struct relay *relay)
{
    int64_t now = g_get_monotonic_time();
    if (now < relay->seen_since + LOOK_EVERY_US)
        return false;
    g_hash_table_remove_all(relay->seen);
    relay->seen_since = now;
    return true;
}

/* --- What the one before us has sent -------------------------------------------------------------- */

static bool mark_all(struct relay *relay, const GPtrArray *event_ids, GError **error)
{
    int64_t now = g_get_real_time() / 1000;
    if (!ledger_begin(relay->ledger, error))
        return false;
    for (guint i = 0; i < event_ids->len; i++)
        if (!ledger_mark_sent(relay->ledger, event_ids->pdata[i], now, error)) {
            ledger_rollback(relay->ledger);
            return false;
        }
    crash_point("relay.marked");
    return ledger_commit(relay->ledger, error);
}

/* Ingest says what is wrong with an event that cannot be read; here it is just not ours. */
static void note_record(struct relay *relay, const struct bus_record *record,
                        GPtrArray *event_ids)
{
    g_auto(Reading) reading;
    reading_take(&reading, relay->codec, relay->partitions, record);
    const struct event *event = reading_event(&reading);
    if (event && event->record)
        g_ptr_array_add(event_ids, g_strdup(event->event_id));
}

/* The Records that the ledger has not taken yet. */
static bool read_to_end(struct relay *relay, int32_t partition, GPtrArray *event_ids,
                        GError **error)
{
    int64_t first, end, next;
    if (!bus_topic_range(relay->bus, TOPIC_EVENTS, partition, BUS_MS, &first, &end,
                         error) ||
        !ledger_position(relay->ledger, partition, &next, error))
        return false;
    if (MAX(next, first) >= end)
        return true;
    g_autoptr(GPtrArray) from = bus_positions_new();
    g_ptr_array_add(from,
                    bus_position_new(TOPIC_EVENTS, partition, MAX(next, first), NULL));
    g_autoptr(BusReader) reader = bus_reader_open(relay->bus, from, error);
    while (reader && !bus_reader_passed(reader, TOPIC_EVENTS, partition, end)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, 1000, &record, error))
            return false;
        if (record)
            note_record(relay, record, event_ids);
    }
    return reader != NULL;
}

static bool find_sent(struct relay *relay, GError **error)
{
    g_autoptr(GPtrArray) agents = ledger_unsent_agents(relay->ledger, error);
    g_autoptr(GPtrArray) event_ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) read = g_hash_table_new(NULL, NULL);
    for (guint i = 0; agents && i < agents->len; i++) {
        int32_t partition = partition_of(agents->pdata[i], relay->partitions);
        if (g_hash_table_add(read, GINT_TO_POINTER(partition)) &&
            !read_to_end(relay, partition, event_ids, error))
            return false;
    }
    return agents && mark_all(relay, event_ids, error);
}

static bool start_sender(struct relay *relay, GError **error)
{
    if (relay->sender)
        return true;
    if (!relay->ledger_id && !(relay->ledger_id = ledger_id(relay->ledger, error)))
        return false;
    if (!eventlog_check(relay->ledger, relay->bus, &relay->partitions, error))
        return false;
    g_autoptr(BusSender) sender = bus_sender_open(relay->bus, RELAY_ID, BUS_MS, error);
    if (!sender || !find_sent(relay, error))
        return false;
    relay->sender = g_steal_pointer(&sender);
    return true;
}

/* --- Sending -------------------------------------------------------------------------------------- */

static void add_to_batch(const struct relay *relay, struct bus_batch *batch,
                         const struct outgoing *outgoing)
{
    if (outgoing->topic)
        g_ptr_array_add(batch->messages,
                        bus_message_new(outgoing->topic, (int32_t)outgoing->partition,
                                        outgoing->key, outgoing->command));
    struct bus_message *record = bus_message_new(
        TOPIC_EVENTS, partition_of(outgoing->agent_id, relay->partitions),
        outgoing->event_key, outgoing->event);
    bus_message_add_header(record, HEADER_LEDGER, relay->ledger_id);
    g_ptr_array_add(batch->messages, record);
}

static bool send_each(struct relay *relay, const GPtrArray *unsent, GError **error);

/* One that the bus will never take holds back its agent: what comes after it is about the
 * same servers. */
static bool hold(struct relay *relay, const struct outgoing *outgoing, const GError *why,
                 GError **error)
{
    log_error("relay.held", "agent", outgoing->agent_id, "why", why->message);
    return ledger_hold(relay->ledger, outgoing->agent_id, why->message, false, error);
}

/* The command is closed, and what it changed of the record goes out without it. */
static bool close_command(struct relay *relay, struct outgoing *outgoing,
                          const GError *why, GError **error)
{
    log_error("relay.closed", "agent", outgoing->agent_id, "command",
              outgoing->command_id, "why", why->message);
    if (!decree_unsendable(relay->ledger, relay->codec, outgoing, why->message,
                           clock_now(relay->ledger), error))
        return false;
    g_clear_pointer(&outgoing->topic, g_free);
    return true;
}

static bool send_all(struct relay *relay, const GPtrArray *unsent, GError **error);

static bool take_refusal(struct relay *relay, const GPtrArray *unsent, const GError *why,
                         GError **error)
{
    struct outgoing *outgoing = unsent->pdata[0];
    if (unsent->len > 1)
        return send_each(relay, unsent, error);
    bool is_unfit = g_error_matches(why, BUS_ERROR, BUS_ERROR_TOO_LARGE) ||
                    g_error_matches(why, BUS_ERROR, BUS_ERROR_INVALID);
    if (is_unfit && outgoing->topic)
        return close_command(relay, outgoing, why, error) &&
               send_all(relay, unsent, error);
    return hold(relay, outgoing, why, error);
}

static bool send_all(struct relay *relay, const GPtrArray *unsent, GError **error)
{
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    g_autoptr(GPtrArray) event_ids = g_ptr_array_new();
    g_autoptr(GError) trouble = NULL;
    for (guint i = 0; i < unsent->len; i++) {
        struct outgoing *outgoing = unsent->pdata[i];
        add_to_batch(relay, batch, outgoing);
        g_ptr_array_add(event_ids, outgoing->event_id);
    }
    crash_point("relay.before");
    switch (bus_sender_commit(relay->sender, batch, &trouble)) {
    case BUS_SENT:
        crash_point("relay.sent");
        if (mark_all(relay, event_ids, error))
            return true;
        break;
    case BUS_REFUSED:
        return take_refusal(relay, unsent, trouble, error);
    case BUS_RETRY:
        g_propagate_error(error, g_steal_pointer(&trouble));
        return false;
    case BUS_DEAD:
        g_prefix_error(&trouble, "%s",
                       g_error_matches(trouble, BUS_ERROR, BUS_ERROR_FATAL)
                           ? "cannot go on sending (does the muster of another ledger "
                             "send on this bus? a bus has one ledger): "
                           : "cannot go on sending: ");
        G_GNUC_FALLTHROUGH;
    case BUS_LATE:
    case BUS_STALE:
        g_propagate_error(error, g_steal_pointer(&trouble));
        break;
    }
    /* The next sender finds out whether it went. */
    g_clear_pointer(&relay->sender, bus_sender_close);
    return false;
}

/* One by one, in order, to find which one the bus refuses. */
static bool send_each(struct relay *relay, const GPtrArray *unsent, GError **error)
{
    g_autoptr(GHashTable) held = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < unsent->len; i++) {
        struct outgoing *outgoing = unsent->pdata[i];
        bool still_there = true;
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, outgoing);
        if (g_hash_table_contains(held, outgoing->agent_id))
            continue;
        if (!send_all(relay, one, error) ||
            !ledger_is_unsent(relay->ledger, outgoing->event_id, &still_there, error))
            return false;
        if (still_there)
            g_hash_table_add(held, outgoing->agent_id);
    }
    return true;
}

bool relay_step(struct relay *relay, int *ret_sent, GError **error)
{
    g_autoptr(GPtrArray) unsent = ledger_unsent(relay->ledger, BATCH, error);
    if (!unsent)
        return false;
    if ((is_time_to_look(relay) || unsent->len > 0) && !check_agents(relay, error))
        return false;
    if (unsent->len > 0) {
        if (!start_sender(relay, error))
            return false;
        g_ptr_array_unref(unsent);
        unsent = ledger_unsent(relay->ledger, BATCH,
                               error); /* without what was found, held */
        if (!unsent || (unsent->len > 0 && !send_all(relay, unsent, error)))
            return false;
    }
    *ret_sent = (int)unsent->len;
    return true;
}
