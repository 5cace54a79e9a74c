/*
 * repeats.c - a command id is one command: what comes before a record is taken.
 */
#include "repeats.h"

#include "crash.h"
#include "placed.h"
#include "recent.h"

#define ASK_MS   10000
#define NEXT_MS  1000
#define AGAIN_US G_USEC_PER_SEC /* after a look that the bus broke off */
#define REMEMBER 10000          /* ids; some 2 MB */

/* One look into the topic, for the record at `offset`. */
struct look {
    struct repeats *repeats; /* NULL: it is gone, and nobody wants to know */
    const struct repeats_setup *setup;
    struct place_found place; /* of what counts, but for its key */
    char *topic, *id;
    int64_t from_ms, offset, until;
    int ended;      /* atomic: true ends the look early */
    bool failed;    /* the bus did not tell all of it */
    bool repeated;  /* that id is there */
    GQueue found;   /* struct recent_id: of all that count, the newest */
    int64_t begins; /* the time from which on they are all in `found` */
};

struct repeats {
    bool control;
    struct recent *recent;
    GQueue held;       /* struct bus_record */
    struct look *look; /* on its way, or NULL */
    int64_t again_at;  /* host time, µs: not to be looked up before */
    int64_t looked_up; /* offset of the record that was; BUS_OFFSET_NONE: none */
    bool was_repeated; /* that one */
};

struct repeats *repeats_new(bool control)
{
    struct repeats *repeats = g_new0(struct repeats, 1);
    repeats->control = control;
    repeats->recent = recent_new(REMEMBER);
    g_queue_init(&repeats->held);
    repeats->looked_up = BUS_OFFSET_NONE;
    return repeats;
}

static void free_record(void *record)
{
    bus_record_free(record);
}

void repeats_free(struct repeats *repeats)
{
    if (!repeats)
        return;
    if (repeats->look) { /* look_done() frees it */
        repeats->look->repeats = NULL;
        g_atomic_int_set(&repeats->look->ended, 1);
    }
    g_queue_clear_full(&repeats->held, free_record);
    recent_free(repeats->recent);
    g_free(repeats);
}

/* --- the look, on a thread -------------------------------------------------------------------- */

static void look_free(struct look *look)
{
    g_queue_clear_full(&look->found, recent_id_free);
    g_free(look->topic);
    g_free(look->id);
    g_free(look);
}

static bool look_at_record(struct look *look, const struct bus_record *record)
{
    g_autoptr(Command) command = NULL;
    struct place_found place = look->place;
    gsize length = 0;
    const void *bytes = record->value ? g_bytes_get_data(record->value, &length) : "";
    place.key = record->key;
    if (codec_decode_command(look->setup->codec, bytes, length, &command, NULL) !=
            DECODED ||
        !placed_counts(command, &place))
        return false;
    g_queue_push_tail(&look->found, recent_id_new(command->command_id, record->offset,
                                                  record->append_ms));
    return g_str_equal(command->command_id, look->id);
}

static void keep_newest(struct look *look)
{
    while (look->found.length > REMEMBER) {
        struct recent_id *oldest = g_queue_pop_head(&look->found);
        look->begins = oldest->append_ms + 1;
        recent_id_free(oldest);
    }
}

static bool look_until(struct look *look, struct bus_reader *reader)
{
    while (!bus_reader_passed(reader, look->topic, look->place.partition, look->until)) {
        g_autoptr(BusRecord) record = NULL;
        if (g_atomic_int_get(&look->ended) ||
            !bus_reader_next(reader, NEXT_MS, &record, NULL))
            return false;
        if (record && record->offset >= look->until)
            return true;
        if (record && look_at_record(look, record))
            look->repeated = true;
        keep_newest(look);
    }
    return true;
}

static bool look_up(struct look *look)
{
    struct bus *bus = look->setup->bus;
    const int32_t partition = look->place.partition;
    int64_t from = BUS_OFFSET_NONE;
    if (look->from_ms > 0 && !bus_topic_offset_at(bus, look->topic, partition,
                                                  look->from_ms, ASK_MS, &from, NULL))
        return false;
    if (from >= look->until)
        return true;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(look->topic, partition, from, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, NULL);
    return reader && look_until(look, reader);
}

static void look_work(void *data)
{
    struct look *look = data;
    look->failed = !look_up(look);
}

static void look_done(void *data)
{
    struct look *look = data;
    struct repeats *repeats = look->repeats;
    if (repeats)
        repeats->look = NULL;
    if (repeats && look->failed) {
        repeats->again_at = g_get_monotonic_time() + AGAIN_US;
    } else if (repeats) {
        recent_extend(repeats->recent, &look->found, look->begins, look->until);
        repeats->looked_up = look->offset;
        repeats->was_repeated = look->repeated;
    }
    look_free(look);
}

static void start_look(struct repeats *repeats, const struct repeats_setup *setup,
                       const char *command_id, const struct bus_record *record,
                       int32_t partitions, int64_t from_ms)
{
    crash_point("repeats.look");
    struct look *look = g_new0(struct look, 1);
    look->repeats = repeats;
    look->setup = setup;
    look->place = (struct place_found){
        .agent_id = setup->agent_id,
        .control = repeats->control,
        .partition = record->partition,
        .partitions = partitions,
    };
    look->topic = g_strdup(record->topic);
    look->id = g_strdup(command_id);
    look->from_ms = look->begins = from_ms;
    look->offset = record->offset;
    look->until = MIN(record->offset, recent_begin(repeats->recent));
    g_queue_init(&look->found);
    repeats->look = look;
    errands_start(setup->errands, look_work, look_done, look);
}

/* --- on the loop ------------------------------------------------------------------------------------ */

enum repeat repeats_judge(struct repeats *repeats, const struct repeats_setup *setup,
                          const char *command_id, const struct bus_record *record,
                          int32_t partitions)
{
    int64_t from_ms = INT64_MIN;
    if (repeats->looked_up == record->offset)
        return repeats->was_repeated ? REPEAT_YES : REPEAT_NO;
    switch (recent_judge(repeats->recent, command_id, record->offset, record->append_ms,
                         &from_ms)) {
    case RECENT_FIRST:
        return REPEAT_NO;
    case RECENT_REPEAT:
        return REPEAT_YES;
    case RECENT_UNSURE:
        break;
    }
    if (!repeats->look && g_get_monotonic_time() >= repeats->again_at)
        start_look(repeats, setup, command_id, record, partitions, from_ms);
    return REPEAT_ASKING;
}

void repeats_note(struct repeats *repeats, const char *command_id,
                  const struct bus_record *record)
{
    recent_note(repeats->recent, command_id, record->offset, record->append_ms);
}

void repeats_hold(struct repeats *repeats, struct bus_record *record_taken)
{
    g_queue_push_tail(&repeats->held, record_taken);
}

unsigned repeats_held(const struct repeats *repeats)
{
    return repeats->held.length;
}

const struct bus_record *repeats_first(const struct repeats *repeats)
{
    return repeats->look ? NULL : g_queue_peek_head((GQueue *)&repeats->held);
}

void repeats_drop_first(struct repeats *repeats)
{
    bus_record_free(g_queue_pop_head(&repeats->held));
}
