/*
 * bench_codec.c - what a typical event costs to write and to read, beside avro-c's reader.
 *
 * Absolute times are the machine's; the ratio is what to look at.  Built with the tests, run
 * by hand:  build/tests/bench_codec [rounds]
 */
#include "codec.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

/* A finished rebuild, with four steps and the state after. */
static struct event *typical_event(void)
{
    static const char *const steps[] = {"pull", "stop", "create", "start"};
    struct event *event = event_new();

    set(&event->agent_id, "host-1");
    set(&event->server_id, "018bcfe5-6800-7bb7-804f-747e7a9ca285");
    set(&event->worker, "host-1-1");
    event->event_id = (g_free(event->event_id), uuid7_new(1700000000000));
    event->at = 1700000000000;
    event->cause = shape_new(&shape_cause);
    set(&event->cause->command_id, "018bcfe5-6800-7bb7-804f-747e7a9ca285");
    set(&event->cause->topic, "muster.commands.host-1");
    event->cause->offset = 123456;
    event->result = result_new();
    event->result->outcome = OUTCOME_DONE;
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        g_ptr_array_add(event->result->steps, step_report_new(steps[i], "done", 1234));
    event->result->state = state_new();
    event->result->state->status = CONTAINER_RUNNING;
    set(&event->result->state->container, "steam-zomboid-zomboid-1");
    set(&event->result->state->image, "registry.example/steam-zomboid:41.78");
    event->result->state->started_at = 1700000000000;
    g_ptr_array_add(event->result->state->ports, port_new(16261, 16261, PROTOCOL_UDP));
    return event;
}

static double ns_each(gint64 from_us, int rounds)
{
    return (double)(g_get_monotonic_time() - from_us) * 1000 / rounds;
}

static double time_encode(struct codec *codec, const struct event *event, int rounds)
{
    gint64 from = g_get_monotonic_time();

    for (int i = 0; i < rounds; i++)
        g_bytes_unref(codec_encode_event(codec, event));
    return ns_each(from, rounds);
}

static double time_decode(struct codec *codec, GBytes *bytes, int rounds)
{
    gint64 from = g_get_monotonic_time();
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    for (int i = 0; i < rounds; i++) {
        g_autoptr(Event) event = NULL;
        if (codec_decode_event(codec, data, length, &event, NULL) != DECODED)
            abort();
    }
    return ns_each(from, rounds);
}

/* avro-c with its value reused, which is the best that it can do. */
static double time_avro_c(GBytes *bytes, int rounds)
{
    const char *json = schema_text("event");
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    avro_schema_t schema = NULL;
    avro_value_t value;

    if (avro_schema_from_json_length(json, strlen(json), &schema) != 0)
        abort();
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_generic_value_new(iface, &value);
    gint64 from = g_get_monotonic_time();
    for (int i = 0; i < rounds; i++) {
        avro_reader_t reader = avro_reader_memory(data + 10, (int64_t)length - 10);
        avro_value_reset(&value);
        if (avro_value_read(reader, &value) != 0)
            abort();
        avro_reader_free(reader);
    }
    double each = ns_each(from, rounds);
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    return each;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 200000;
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Event) event = typical_event();
    g_autoptr(GBytes) bytes = codec_encode_event(codec, event);
    double encode = time_encode(codec, event, rounds);
    double decode = time_decode(codec, bytes, rounds);
    double avro_c = time_avro_c(bytes, rounds);

    printf("a typical event has %zu bytes\n", g_bytes_get_size(bytes));
    printf("encode         %7.0f ns\n", encode);
    printf("decode         %7.0f ns\n", decode);
    printf("avro-c decode  %7.0f ns   %.1f times ours\n", avro_c, avro_c / decode);
    return 0;
}
