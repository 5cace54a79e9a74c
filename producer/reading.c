/*
 * reading.c - a record of muster.events, as every reader of ours takes it.
 */
#include "reading.h"

static const char *const names[READING_KIND_COUNT] = {
    [READING_COUNTS] = "counts",
    [READING_NO_VALUE] = "no_value",
    [READING_MALFORMED] = "malformed",
    [READING_UNKNOWN_SCHEMA] = "unknown_schema",
    [READING_WRONG_PARTITION] = "wrong_partition",
};

const char *reading_name(enum reading_kind kind)
{
    g_assert(kind < READING_KIND_COUNT);
    return names[kind];
}

void reading_take(struct reading *reading, struct codec *codec, int32_t partitions,
                  const struct bus_record *record)
{
    g_autoptr(GError) why = NULL;
    gsize length = 0;
    *reading = (struct reading){READING_NO_VALUE, NULL, NULL};
    if (!record->value) {
        reading->why = g_strdup("it has no value");
        return;
    }
    const void *bytes = g_bytes_get_data(record->value, &length);
    switch (
        codec_decode_event(codec, bytes ? bytes : "", length, &reading->event, &why)) {
    case DECODED:
        reading->why = event_misplaced(reading->event, partitions, record->partition);
        reading->kind = reading->why ? READING_WRONG_PARTITION : READING_COUNTS;
        return;
    case DECODED_UNKNOWN_SCHEMA:
        reading->kind = READING_UNKNOWN_SCHEMA;
        break;
    case DECODED_MALFORMED:
        reading->kind = READING_MALFORMED;
        break;
    }
    reading->why = g_strdup(why->message);
}

void reading_clear(struct reading *reading)
{
    g_clear_pointer(&reading->event, event_free);
    g_clear_pointer(&reading->why, g_free);
}

const struct event *reading_event(const struct reading *reading)
{
    return reading->kind == READING_COUNTS ? reading->event : NULL;
}
