/*
 * history.c - a server's events, newest first, out of the log.
 */
#include "history.h"

#include "eventlog.h"
#include "reading.h"
#include "view.h"

#define WINDOW_FIRST 1000 /* offsets */
#define WINDOW_MOST  32000
#define SILENT_MS    5000 /* the bus hands over nothing */

/* A part of the partition, read forwards. */
struct window {
    const struct history_options *options;
    struct codec *codec;
    int32_t partitions;
    int64_t from, to;
    GPtrArray *found; /* json_t, oldest first */
    int64_t read;
};

static void unref_json(void *json)
{
    json_decref(json);
}

static void take(struct window *window, const struct bus_record *record)
{
    g_auto(Reading) reading;
    window->read++;
    reading_take(&reading, window->codec, window->partitions, record);
    const struct event *event = reading_event(&reading);
    if (event && g_strcmp0(event->server_id, window->options->server_id) == 0 &&
        g_str_equal(event->agent_id, window->options->agent_id))
        g_ptr_array_add(window->found, view_event_json(record, event));
}

static bool read_window(struct window *window, struct bus *bus, int32_t partition,
                        GError **error)
{
    int64_t silent_us = g_get_monotonic_time();
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions,
                    bus_position_new(TOPIC_EVENTS, partition, window->from, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(bus, positions, error);
    while (reader && !bus_reader_passed(reader, TOPIC_EVENTS, partition, window->to)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, 100, &record, error))
            return false;
        if (record && record->offset >= window->to)
            return true;
        if (record) {
            take(window, record);
            silent_us = g_get_monotonic_time();
        } else if (g_get_monotonic_time() - silent_us > SILENT_MS * 1000) {
            g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE,
                        "the bus hands over no events");
            return false;
        }
    }
    return reader != NULL;
}

static int64_t offset_of(const json_t *event)
{
    return json_integer_value(json_object_get(event, "offset"));
}

/* Newest first; true: it is full. */
static bool add_newest(json_t *list, const GPtrArray *found, int64_t limit)
{
    for (guint i = found->len; i > 0; i--) {
        if ((int64_t)json_array_size(list) == limit)
            return true;
        json_array_append(list, found->pdata[i - 1]);
    }
    return false;
}

json_t *history_read(struct bus *bus, struct codec *codec, int32_t partitions,
                     const struct history_options *options, int64_t *ret_next,
                     GError **error)
{
    int32_t partition = partition_of(options->agent_id, partitions);
    int64_t first, end, read = 0, size = WINDOW_FIRST;
    json_auto_t *list = json_array();
    if (!bus_topic_range(bus, TOPIC_EVENTS, partition, EVENTLOG_MS, &first, &end, error))
        return NULL;
    if (options->before != CONTRACT_NONE)
        end = MIN(end, options->before);
    for (; end > first && read < HISTORY_READS; size = MIN(size * 4, WINDOW_MOST)) {
        g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(unref_json);
        struct window window = {options, codec, partitions, MAX(first, end - size),
                                end,     found, 0};
        if (!read_window(&window, bus, partition, error))
            return NULL;
        if (add_newest(list, found, options->limit)) {
            *ret_next = offset_of(json_array_get(list, json_array_size(list) - 1));
            return json_incref(list);
        }
        read += window.read;
        end = window.from;
    }
    if (end > first)
        *ret_next = end;
    return json_incref(list);
}
