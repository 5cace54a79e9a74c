/*
 * test_decode.c - foreign bytes: whatever they are, they are refused in words, quickly and
 * within bounds (case L3).
 */
#include "codec.h"

#include "cases.h"
#include "filled.h"

static const char *const decoded_words[] = {
    [DECODED] = "decoded",
    [DECODED_UNKNOWN_SCHEMA] = "unknown_schema",
    [DECODED_MALFORMED] = "malformed",
};

static void append_frame(GByteArray *out, const char *schema_name)
{
    g_autoptr(Schema) schema = schema_parse(schema_text(schema_name), NULL);
    uint64_t fingerprint = GUINT64_TO_LE(schema_fingerprint(schema));

    g_byte_array_append(out, (const guint8 *)"\xc3\x01", 2);
    g_byte_array_append(out, (const guint8 *)&fingerprint, sizeof fingerprint);
}

/* "02 61 | a comment" */
static void append_hex(GByteArray *out, const char *line)
{
    g_auto(GStrv) halves = g_strsplit(line, "|", 2);
    g_auto(GStrv) words = g_strsplit(halves[0], " ", -1);

    for (size_t i = 0; words[i]; i++) {
        guint8 byte = (guint8)g_ascii_strtoull(words[i], NULL, 16);
        if (words[i][0])
            g_byte_array_append(out, &byte, 1);
    }
}

/* The bytes of a case: its frame ("own" schema, another's, "none"), and its lines of hex. */
static GByteArray *bytes_of(const json_t *row)
{
    GByteArray *out = g_byte_array_new();
    const char *frame = case_text(row, "frame");
    const json_t *line;
    size_t i;

    if (!g_str_equal(frame, "none"))
        append_frame(out, g_str_equal(frame, "own") ? case_text(row, "shape") : frame);
    json_array_foreach(json_object_get(row, "bytes"), i, line)
        append_hex(out, json_string_value(line));
    return out;
}

static void check_malformed(struct codec *codec, const char *path)
{
    json_t *row = case_json(path);
    g_autoptr(GByteArray) bytes = bytes_of(row);
    g_autofree guint8 *exact = g_memdup2(bytes->data,
                                         bytes->len); /* for ASan: no slack */
    g_autoptr(GError) error = NULL;
    void *value = &error;
    enum decoded decoded = codec_decode(codec, case_shape(case_text(row, "shape")), exact,
                                        bytes->len, &value, &error);

    g_assert_true(value == &error); /* untouched */
    if (!g_str_equal(decoded_words[decoded], case_text(row, "decoded")) ||
        !g_str_has_prefix(error->message, case_text(row, "error")))
        g_error("%s: %s: %s", path, decoded_words[decoded], error->message);
    json_decref(row);
}

static void test_l3_malformed(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_auto(GStrv) paths = cases_in("malformed", ".json");

    for (size_t i = 0; paths[i]; i++)
        check_malformed(codec, paths[i]);
}

/* --- Every cut, every bit ------------------------------------------------------------- */

static GBytes *good_bytes(struct codec *codec, const struct shape *shape, guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    void *value = filled_new(shape, rand);
    GBytes *bytes = codec_encode(codec, shape, value, NULL);

    shape_free(shape, value);
    return bytes;
}

/* No beginning of a record is a record. */
static void test_l3_cut_anywhere(void)
{
    g_autoptr(Codec) codec = codec_new();

    for (guint32 seed = 0; seed < 20; seed++) {
        g_autoptr(GBytes) bytes = good_bytes(codec, &shape_event, seed);

        for (gsize length = 0; length < g_bytes_get_size(bytes); length++) {
            g_autofree guint8 *cut = g_memdup2(g_bytes_get_data(bytes, NULL), length);
            g_autoptr(GError) error = NULL;
            struct event *event = NULL;

            g_assert_cmpint(codec_decode_event(codec, cut, length, &event, &error), ==,
                            DECODED_MALFORMED);
            g_assert_null(event);
            g_assert_nonnull(error);
        }
    }
}

/* One flipped bit is refused, or gives a record that can be written and read again. */
static void check_flipped(struct codec *codec, guint8 *bytes, gsize length)
{
    g_autoptr(GError) error = NULL;
    struct command *command = NULL;

    if (codec_decode_command(codec, bytes, length, &command, &error) != DECODED) {
        g_assert_nonnull(error);
        return;
    }
    g_autoptr(GBytes) again = codec_encode_command(codec, command);
    command_free(command);
    g_assert_cmpint(codec_decode_command(codec, g_bytes_get_data(again, NULL),
                                         g_bytes_get_size(again), &command, &error),
                    ==, DECODED);
    command_free(command);
}

static void test_l3_any_bit_flipped(void)
{
    g_autoptr(Codec) codec = codec_new();

    for (guint32 seed = 0; seed < 4; seed++) {
        g_autoptr(GBytes) bytes = good_bytes(codec, &shape_command, seed);
        gsize length = g_bytes_get_size(bytes);
        g_autofree guint8 *flipped = g_memdup2(g_bytes_get_data(bytes, NULL), length);

        for (gsize bit = 0; bit < 8 * length; bit++) {
            flipped[bit / 8] ^= (guint8)(1 << bit % 8);
            check_flipped(codec, flipped, length);
            flipped[bit / 8] ^= (guint8)(1 << bit % 8);
        }
    }
}

/* --- Large ones ----------------------------------------------------------------------- */

static void test_l3_too_large(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autofree guint8 *bytes = g_malloc0(CODEC_MAX_BYTES + 1);
    g_autoptr(GError) error = NULL;
    struct command *command = NULL;

    g_assert_cmpint(
        codec_decode_command(codec, bytes, CODEC_MAX_BYTES + 1, &command, &error), ==,
        DECODED_MALFORMED);
    g_assert_cmpstr(error->message, ==, "it has 8388609 bytes, 8388608 are the most");
}

/* A sync with `count` pending servers, whose ids are empty: the least bytes an item takes. */
static GBytes *sync_of_empty_ids(struct codec *codec, guint count)
{
    g_autoptr(Event) event = event_new();

    event->sync = sync_new();
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(event->sync->pending, g_strdup(""));
    return codec_encode_event(codec, event);
}

static void test_l3_elements_have_a_budget(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(GBytes) most = sync_of_empty_ids(codec, CODEC_MAX_ELEMENTS);
    g_autoptr(GBytes) more = sync_of_empty_ids(codec, CODEC_MAX_ELEMENTS + 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(Event) event = NULL;
    struct event *none = NULL;

    g_assert_cmpint(codec_decode_event(codec, g_bytes_get_data(most, NULL),
                                       g_bytes_get_size(most), &event, &error),
                    ==, DECODED);
    g_assert_cmpuint(event->sync->pending->len, ==, CODEC_MAX_ELEMENTS);
    g_assert_cmpint(codec_decode_event(codec, g_bytes_get_data(more, NULL),
                                       g_bytes_get_size(more), &none, &error),
                    ==, DECODED_MALFORMED);
}

/* Items of no bytes at all cost nothing to send; their number is bounded all the same. */
static void test_l3_items_of_zero_bytes(void)
{
    static const char *const json =
        "{\"type\":\"record\",\"name\":\"Heartbeat\",\"fields\":[{\"name\":\"nothing\","
        "\"type\":{\"type\":\"array\",\"items\":\"null\"}}]}";
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Schema) schema = schema_parse(json, NULL);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    uint64_t fingerprint = GUINT64_TO_LE(schema_fingerprint(schema));
    g_autoptr(GError) error = NULL;
    struct heartbeat *heartbeat = NULL;

    g_assert_true(codec_add_writer(codec, &shape_heartbeat, json, NULL));
    g_byte_array_append(bytes, (const guint8 *)"\xc3\x01", 2);
    g_byte_array_append(bytes, (const guint8 *)&fingerprint, sizeof fingerprint);
    append_hex(bytes, "fe ff ff ff ff ff ff ff ff 01 00 | 2^63 - 1 nulls");
    g_assert_cmpint(
        codec_decode_heartbeat(codec, bytes->data, bytes->len, &heartbeat, &error), ==,
        DECODED_MALFORMED);
    g_assert_nonnull(strstr(error->message, "more than 200000 elements"));
}

/* --- Secrets -------------------------------------------------------------------------- */

/* An error tells the place and never what stands there. */
static void test_errors_tell_no_values(void)
{
    g_autoptr(Codec) codec = codec_new();
    g_autoptr(Command) command = command_new();

    command->spec = spec_new();
    pairs_set(command->spec->env, "PASSWORD", "hunter2");
    g_autoptr(GBytes) bytes = codec_encode_command(codec, command);
    for (gsize length = 10; length < g_bytes_get_size(bytes); length++) {
        g_autoptr(GError) error = NULL;
        struct command *none = NULL;

        codec_decode_command(codec, g_bytes_get_data(bytes, NULL), length, &none, &error);
        g_assert_null(strstr(error->message, "hunter"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/decode/l3_malformed", test_l3_malformed);
    g_test_add_func("/decode/l3_cut_anywhere", test_l3_cut_anywhere);
    g_test_add_func("/decode/l3_any_bit_flipped", test_l3_any_bit_flipped);
    g_test_add_func("/decode/l3_too_large", test_l3_too_large);
    g_test_add_func("/decode/l3_elements_have_a_budget", test_l3_elements_have_a_budget);
    g_test_add_func("/decode/l3_items_of_zero_bytes", test_l3_items_of_zero_bytes);
    g_test_add_func("/decode/errors_tell_no_values", test_errors_tell_no_values);
    return g_test_run();
}
