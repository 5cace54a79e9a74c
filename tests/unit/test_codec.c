/*
 * test_codec.c - bytes that we wrote, that others wrote, that older ones wrote.
 *
 * avro-c's own decoder is the oracle for valid bytes; the .bin files were written by
 * python3-avro (tests/cases/make_cases.py).
 */
#include "codec.h"

#include "cases.h"
#include "filled.h"

#include <avro.h>

#define ROUNDS 200 /* random records of each shape */

static const struct shape *const shapes[] = {&shape_command, &shape_event,
                                             &shape_heartbeat, &shape_deadletter};

/* Decodes what must be good. */
static void *decode(struct codec *codec, const struct shape *shape, GBytes *bytes)
{
    g_autoptr(GError) error = NULL;
    void *value = NULL;
    enum decoded decoded = codec_decode(codec, shape, g_bytes_get_data(bytes, NULL),
                                        g_bytes_get_size(bytes), &value, &error);

    g_assert_no_error(error);
    g_assert_cmpint(decoded, ==, DECODED);
    return value;
}

static void assert_bytes_equal(GBytes *a, GBytes *b)
{
    gsize length_a, length_b;
    const void *data_a = g_bytes_get_data(a, &length_a);
    const void *data_b = g_bytes_get_data(b, &length_b);

    g_assert_cmpmem(data_a, length_a, data_b, length_b);
}

/* --- Our own bytes ------------------------------------------------------------------ */

/* Equal bytes of equal records show more than JSON, which hides env values and bytes. */
static void test_round_trip(void)
{
    g_autoptr(Codec) codec = codec_new();

    for (guint32 round = 0; round < ROUNDS * G_N_ELEMENTS(shapes); round++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(round);
        const struct shape *shape = shapes[round % G_N_ELEMENTS(shapes)];
        void *value = filled_new(shape, rand);
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = codec_encode(codec, shape, value, &error);

        g_assert_no_error(error);
        void *again = decode(codec, shape, bytes);
        g_autoptr(GBytes) bytes_again = codec_encode(codec, shape, again, NULL);
        json_t *one = shape_to_json(shape, value);
        json_t *other = shape_to_json(shape, again);
        assert_json_equal(one, other, shape->name);
        assert_bytes_equal(bytes, bytes_again);
        json_decref(one);
        json_decref(other);
        shape_free(shape, value);
        shape_free(shape, again);
    }
}

static void test_fresh_records(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Command) command = command_new();
    g_autoptr(Heartbeat) heartbeat = heartbeat_new();
    g_autoptr(Deadletter) letter = deadletter_new();
    g_autoptr(GBytes) commands = codec_encode_command(codec, command);
    g_autoptr(GBytes) heartbeats = codec_encode_heartbeat(codec, heartbeat);
    g_autoptr(GBytes) letters = codec_encode_deadletter(codec, letter);

    shape_free(&shape_command, decode(codec, &shape_command, commands));
    shape_free(&shape_heartbeat, decode(codec, &shape_heartbeat, heartbeats));
    shape_free(&shape_deadletter, decode(codec, &shape_deadletter, letters));
}

/* What is no UTF-8 (a directory's name, say) must not become a record that nobody reads. */
static void test_no_text_becomes_text(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Heartbeat) heartbeat = heartbeat_new();

    g_free(heartbeat->host);
    heartbeat->host = g_strdup("caf\xe9");
    g_autoptr(GBytes) bytes = codec_encode_heartbeat(codec, heartbeat);
    g_autoptr(Heartbeat) again = decode(codec, &shape_heartbeat, bytes);
    g_assert_cmpstr(again->host, ==, "caf\xef\xbf\xbd");
}

static char *written_as(struct codec *codec, const struct shape *shape, const void *value)
{
    g_autofree char *written = codec_writes(codec, shape, value);
    g_autoptr(Schema) newest = schema_parse(
        schema_text(shape == &shape_command ? "command" : "event"), NULL);
    g_autofree char *own = schema_fingerprint_text(newest);
    return g_strdup(g_str_equal(written, own) ? "newest" : written);
}

/* A worker of yesterday reads whatever could have been said yesterday. */
static void l25_a_command_is_written_by_the_oldest_schema_that_says_it_all(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Command) command = command_new();
    command->spec = spec_new();
    g_ptr_array_add(command->spec->mounts, mount_new("/srv/a", "/data"));
    g_autofree char *old = written_as(codec, &shape_command, command);
    g_assert_cmpstr(old, ==, "a6d3cde713f6fe42");

    command->options->unmarked = true; /* in a part */
    g_autofree char *with_option = written_as(codec, &shape_command, command);
    g_assert_cmpstr(with_option, ==, "newest");
    command->options->unmarked = false;

    g_ptr_array_add(command->spec->disposable, g_strdup("/cache"));
    g_autofree char *with_list = written_as(codec, &shape_command, command);
    g_assert_cmpstr(with_list, ==, "newest");
    g_ptr_array_set_size(command->spec->disposable, 0);

    command->spec->health->retries = 3; /* in a record that it does not have */
    g_autofree char *with_record = written_as(codec, &shape_command, command);
    g_assert_cmpstr(with_record, ==, "newest");
}

static void l25_an_event_too(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Event) event = event_new();
    event->result = result_new();
    g_autofree char *old = written_as(codec, &shape_event, event);
    g_assert_cmpstr(old, !=, "newest");

    event->result->state = state_new();
    g_ptr_array_add(event->result->state->mounts,
                    mounted_new("bind", "", "/srv/a", "/data", false));
    g_autofree char *with_list = written_as(codec, &shape_event, event);
    g_assert_cmpstr(with_list, ==, "newest");
}

static void test_reads(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(GPtrArray) reads = codec_reads(codec, &shape_command);
    g_autoptr(Schema) schema = schema_parse(schema_text("command"), NULL);
    g_autofree char *own = schema_fingerprint_text(schema);

    g_assert_cmpstr(reads->pdata[0], ==, own);
}

/* --- avro-c as the oracle ------------------------------------------------------------ */

static json_t *plain(avro_value_t *value);

static json_t *plain_record(avro_value_t *value)
{
    json_t *object = json_object();
    size_t count = 0;
    avro_value_t field;
    const char *name;

    avro_value_get_size(value, &count);
    for (size_t i = 0; i < count; i++) {
        avro_value_get_by_index(value, i, &field, &name);
        json_object_set_new(object, name, plain(&field));
    }
    return object;
}

static json_t *plain_items(avro_value_t *value, bool map)
{
    json_t *items = map ? json_object() : json_array();
    size_t count = 0;
    avro_value_t item;
    const char *key;

    avro_value_get_size(value, &count);
    for (size_t i = 0; i < count; i++) {
        avro_value_get_by_index(value, i, &item, &key);
        if (map)
            json_object_set_new(items, key, plain(&item));
        else
            json_array_append_new(items, plain(&item));
    }
    return items;
}

static json_t *plain_union(avro_value_t *value)
{
    avro_value_t branch;
    avro_schema_t schema = avro_value_get_schema(value);

    avro_value_get_current_branch(value, &branch);
    json_t *json = plain(&branch);
    if (avro_schema_union_size(schema) > 2) { /* a body, not an optional field */
        json_t *typed = json_object();
        json_object_set_new(
            typed, "type", json_string(avro_schema_name(avro_value_get_schema(&branch))));
        json_object_update_new(typed, json);
        return typed;
    }
    return json;
}

static json_t *plain_text(avro_value_t *value)
{
    const char *text;
    size_t size;
    int symbol = 0;

    if (avro_value_get_type(value) == AVRO_STRING) {
        avro_value_get_string(value, &text, &size);
        return json_string(text);
    }
    avro_value_get_enum(value, &symbol);
    return json_string(avro_schema_enum_get(avro_value_get_schema(value), symbol));
}

/* What avro-c read, as shape_to_json() would print it. */
static json_t *plain(avro_value_t *value)
{
    avro_type_t type = avro_value_get_type(value);
    const void *bytes;
    size_t size = 0;
    int64_t number = 0;
    int truth = 0;

    if (type == AVRO_RECORD)
        return plain_record(value);
    if (type == AVRO_ARRAY || type == AVRO_MAP)
        return plain_items(value, type == AVRO_MAP);
    if (type == AVRO_UNION)
        return plain_union(value);
    if (type == AVRO_STRING || type == AVRO_ENUM)
        return plain_text(value);
    if (type == AVRO_INT64 && avro_value_get_long(value, &number) == 0)
        return json_integer(number);
    if (type == AVRO_BOOLEAN && avro_value_get_boolean(value, &truth) == 0)
        return json_boolean(truth);
    if (type == AVRO_BYTES && avro_value_get_bytes(value, &bytes, &size) == 0)
        return json_integer((json_int_t)size);
    g_assert_cmpint(type, ==, AVRO_NULL);
    return json_null();
}

static json_t *oracle_read(const char *schema_json, GBytes *bytes)
{
    avro_schema_t schema = NULL;
    avro_value_t value;
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    g_assert_cmpint(
        avro_schema_from_json_length(schema_json, strlen(schema_json), &schema), ==, 0);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory(data + 10, (int64_t)length - 10);
    avro_generic_value_new(iface, &value);
    g_assert_cmpint(avro_value_read(reader, &value), ==, 0);
    json_t *json = plain(&value);
    avro_value_decref(&value);
    avro_reader_free(reader);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    return json;
}

/* "C3 01" and the fingerprint say by which of ours it was written. */
static char *schema_of(const char *name, GBytes *bytes)
{
    g_auto(GStrv) history = schema_history(name);
    const uint8_t *data = g_bytes_get_data(bytes, NULL);
    uint64_t fingerprint;
    memcpy(&fingerprint, data + 2, sizeof fingerprint);
    for (size_t i = 0; i <= g_strv_length(history); i++) {
        const char *text = schema_text(history[i] ? history[i] : name);
        g_autoptr(Schema) schema = schema_parse(text, NULL);
        if (schema_fingerprint(schema) == GUINT64_FROM_LE(fingerprint))
            return g_strdup(text);
    }
    g_error("%s: written by no schema of ours", name);
}

/* What an older schema lacks is left out of its bytes, and is a default in ours. */
static void assert_json_within(json_t *part, json_t *whole, const char *where)
{
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach(part, key, value)
        assert_json_within(value, json_object_get(whole, key), key);
    g_assert_cmpuint(json_array_size(part), ==, json_array_size(whole));
    json_array_foreach(part, i, value)
        assert_json_within(value, json_array_get(whole, i), where);
    if (!json_is_object(part) && !json_is_array(part))
        assert_json_equal(part, whole, where);
}

static void test_avro_c_reads_the_same(void)
{
    static const char *const names[] = {"command", "event", "heartbeat", "deadletter"};
    g_autoptr(Codec) codec = codec_new();

    for (guint32 round = 0; round < ROUNDS * G_N_ELEMENTS(shapes); round++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(round + 1000000);
        const struct shape *shape = shapes[round % G_N_ELEMENTS(shapes)];
        void *value = filled_new(shape, rand);
        g_autoptr(GBytes) bytes = codec_encode(codec, shape, value, NULL);
        void *again = decode(codec, shape, bytes);
        json_t *ours = shape_to_json(shape, again);
        g_autofree char *schema = schema_of(names[round % G_N_ELEMENTS(shapes)], bytes);
        json_t *theirs = oracle_read(schema, bytes);
        json_t *spec = json_object_get(theirs, "spec");
        const char *key;
        void *next;
        json_t *secret;

        json_object_foreach_safe(json_object_get(spec, "env"), next, key, secret)
            json_object_set_new(json_object_get(spec, "env"), key, json_string(""));
        assert_json_within(theirs, ours, shape->name);
        json_decref(ours);
        json_decref(theirs);
        shape_free(shape, value);
        shape_free(shape, again);
    }
}

/* --- Bytes that are kept ------------------------------------------------------------- */

static void assert_says(struct codec *codec, const struct shape *shape, GBytes *bytes,
                        json_t *expected)
{
    void *value = decode(codec, shape, bytes);
    json_t *shown = shape_to_json(shape, value);
    assert_json_equal(shown, expected, shape->name);
    json_decref(shown);
    shape_free(shape, value);
}

/* They were written by python3-avro.  They are read to the same values, and written again to
 * the same bytes: our encoder is right to the bit, and secrets came through. */
static void test_golden(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_auto(GStrv) paths = cases_in("golden", ".bin");

    for (size_t i = 0; paths[i]; i++) {
        const struct shape *shape = case_shape(paths[i]);
        g_autofree char *json_path = case_beside(paths[i], ".bin", ".json");
        g_autoptr(GBytes) bytes = case_bytes(paths[i]);
        void *value = decode(codec, shape, bytes);
        json_t *ours = shape_to_json(shape, value);
        json_t *expected = case_shown(case_json(json_path));
        g_autoptr(GBytes) again = codec_encode(codec, shape, value, NULL);

        assert_json_equal(ours, expected, paths[i]);
        if (memcmp(g_bytes_get_data(bytes, NULL), g_bytes_get_data(again, NULL), 10) == 0)
            assert_bytes_equal(bytes, again);
        else /* an older schema says it all */
            assert_says(codec, shape, again, ours);
        json_decref(ours);
        json_decref(expected);
        shape_free(shape, value);
    }
}

/* Every record that python3-avro wrote is there: a case without its bytes proves nothing. */
static void test_golden_is_complete(void)
{
    g_auto(GStrv) jsons = cases_in("golden", ".json");
    g_auto(GStrv) bins = cases_in("golden", ".bin");

    g_assert_cmpuint(g_strv_length(jsons), ==, g_strv_length(bins));
}

static void check_evolution(const char *path)
{
    static const char *const words[] = {"decoded", "unknown_schema", "malformed"};
    const struct shape *shape = case_shape(path);
    g_autofree char *bin_path = case_beside(path, ".avsc", ".bin");
    g_autofree char *read_path = case_beside(path, ".avsc", ".read.json");
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(GBytes) schema = case_bytes(path);
    g_autoptr(GBytes) bytes = case_bytes(bin_path);
    g_autofree char *json = g_strndup(g_bytes_get_data(schema, NULL),
                                      g_bytes_get_size(schema));
    json_t *expected = case_json(read_path);
    g_autoptr(GError) error = NULL;
    void *value = NULL;

    codec_add_writer(codec, shape, json, &error);
    g_assert_no_error(error);
    enum decoded decoded = codec_decode(codec, shape, g_bytes_get_data(bytes, NULL),
                                        g_bytes_get_size(bytes), &value, &error);
    g_assert_cmpstr(words[decoded], ==, case_text(expected, "decoded"));
    if (decoded == DECODED) {
        json_t *ours = shape_to_json(shape, value);
        assert_json_equal(ours, json_object_get(expected, "value"), path);
        json_decref(ours);
        shape_free(shape, value);
    } else {
        g_assert_cmpstr(error->message, ==, case_text(expected, "error"));
    }
    json_decref(expected);
}

static void test_old_and_new_writers(void)
{
    g_auto(GStrv) paths = cases_in("evolution", ".avsc");

    for (size_t i = 0; paths[i]; i++)
        check_evolution(paths[i]);
}

/* What no bytes could ever be read from is refused when it is added. */
static void test_writers_that_cannot_be_read(void)
{
    static const struct {
        const char *json;
        const char *error;
    } rows[] = {
        {"\"string\"", "the writer has no record"},
        {"{\"type\":\"record\",\"name\":\"Event\",\"fields\":[]}",
         "the writer has no Event.body"},
        {"{\"type\":\"record\",\"name\":\"Event\",\"fields\":[{\"name\":\"at\",\"type\":"
         "\"string\"}]}",
         "Event.at: the writer has another type for it"},
    };
    g_autoptr(Codec) codec = codec_new();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(codec_add_writer(codec, &shape_event, rows[i].json, &error));
        g_assert_cmpstr(error->message, ==, rows[i].error);
    }
}

/* --- Threads ------------------------------------------------------------------------- */

static gpointer work(gpointer data)
{
    struct codec *codec = data;

    for (guint32 round = 0; round < ROUNDS; round++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(round);
        g_autoptr(Event) event = filled_new(&shape_event, rand);
        g_autoptr(GBytes) bytes = codec_encode_event(codec, event);
        shape_free(&shape_event, decode(codec, &shape_event, bytes));
    }
    return NULL;
}

static void test_one_codec_for_several_threads(void)
{
    g_autoptr(Codec) codec = codec_new();
    GThread *threads[4];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("codec", work, codec);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec/round_trip", test_round_trip);
    g_test_add_func("/codec/fresh", test_fresh_records);
    g_test_add_func("/codec/no_text", test_no_text_becomes_text);
    g_test_add_func("/codec/reads", test_reads);
    g_test_add_func(
        "/codec/l25_a_command_is_written_by_the_oldest_schema_that_says_it_all",
        l25_a_command_is_written_by_the_oldest_schema_that_says_it_all);
    g_test_add_func("/codec/l25_an_event_too", l25_an_event_too);
    g_test_add_func("/codec/oracle", test_avro_c_reads_the_same);
    g_test_add_func("/codec/golden/same", test_golden);
    g_test_add_func("/codec/golden/complete", test_golden_is_complete);
    g_test_add_func("/codec/evolution", test_old_and_new_writers);
    g_test_add_func("/codec/evolution/refused", test_writers_that_cannot_be_read);
    g_test_add_func("/codec/threads", test_one_codec_for_several_threads);
    return g_test_run();
}
