/*
 * fuzz_codec.c - any bytes at all, as each record that comes from outside.
 *
 * What is decoded can be written and read again, and comes out as the same bytes.  The frame
 * is put there, so that the fuzzer need not find a fingerprint: the first byte of the input
 * chooses the record, and now and then the bytes are taken as they are.
 *
 * A seed corpus lies in corpus/codec.  Run it by
 *     build/tests/fuzz/fuzz_codec -max_total_time=120 /tmp/corpus tests/fuzz/corpus/codec
 */
#include "codec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct shape *const shapes[] = {&shape_command, &shape_event,
                                             &shape_heartbeat, &shape_deadletter};
static const char *const names[] = {"command", "event", "heartbeat", "deadletter"};

/* One codec for the whole run: making one parses four schemas. */
static struct codec *fuzz_codec(void)
{
    static struct codec *codec;

    if (!codec) {
        g_log_set_always_fatal(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL);
        codec = codec_new();
    }
    return codec;
}

static uint64_t fingerprint_of(size_t which)
{
    static uint64_t fingerprints[G_N_ELEMENTS(names)];

    if (fingerprints[which] == 0) {
        g_autoptr(Schema) schema = schema_parse(schema_text(names[which]), NULL);
        fingerprints[which] = GUINT64_TO_LE(schema_fingerprint(schema));
    }
    return fingerprints[which];
}

static void check(const struct shape *shape, const uint8_t *bytes, size_t length)
{
    g_autoptr(GError) error = NULL;
    void *value = NULL;

    if (codec_decode(fuzz_codec(), shape, bytes, length, &value, &error) != DECODED) {
        g_assert(error && !value);
        return;
    }
    g_assert(!error);
    g_autoptr(GBytes) once = codec_encode(fuzz_codec(), shape, value, &error);
    g_assert(once);
    shape_free(shape, value);

    g_assert(codec_decode(fuzz_codec(), shape, g_bytes_get_data(once, NULL),
                          g_bytes_get_size(once), &value, NULL) == DECODED);
    g_autoptr(GBytes) twice = codec_encode(fuzz_codec(), shape, value, NULL);
    g_assert(g_bytes_equal(once, twice));
    json_t *json = shape_to_json(shape, value);
    g_assert(json);
    json_decref(json);
    shape_free(shape, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    size_t which = data[0] % G_N_ELEMENTS(shapes);
    if (data[0] & 0x80) {
        check(shapes[which], data + 1, size - 1);
        return 0;
    }
    uint64_t fingerprint = fingerprint_of(which);
    size_t length = 10 + size - 1;
    g_autofree uint8_t *framed = g_malloc(length);

    framed[0] = 0xc3;
    framed[1] = 0x01;
    memcpy(framed + 2, &fingerprint, sizeof fingerprint);
    memcpy(framed + 10, data + 1, size - 1);
    check(shapes[which], framed, length);
    return 0;
}
