/*
 * codec.c - whose bytes are these, and who reads them: framing, and the known schemas.
 *
 * A codec holds every schema that a record may have been written with: the one compiled in,
 * the earlier ones (schemas/history), and what is added for reading.
 */
#include "codec.h"

#include "bind.h"
#include "covers.h"
#include "decode.h"

#include <gio/gio.h>
#include <inttypes.h>
#include <string.h>

#define FRAME_LENGTH     10 /* C3 01 and the fingerprint */
#define CONFLUENT_LENGTH 5  /* 00 and a schema's number */

struct writer {
    const struct shape *shape;
    struct schema *schema;
    struct bound *bound;
    guint size; /* nodes: later schemas only add to earlier ones */
    bool own;   /* compiled in: may be written with, too */
};

struct codec {
    GPtrArray *writers; /* struct writer; of a shape's, the first is the newest of ours */
};

static void writer_free(gpointer data)
{
    struct writer *writer = data;

    bound_free(writer->bound);
    schema_free(writer->schema);
    g_free(writer);
}

static const struct writer *find_writer(const struct codec *codec,
                                        const struct shape *shape, uint64_t fingerprint)
{
    for (guint i = 0; i < codec->writers->len; i++) {
        const struct writer *writer = g_ptr_array_index(codec->writers, i);

        if (writer->shape == shape && schema_fingerprint(writer->schema) == fingerprint)
            return writer;
    }
    return NULL;
}

static guint size_of(const struct schema_node *node)
{
    guint size = 1 + (node->type == SCHEMA_ENUM ? node->names->len : 0);
    for (guint i = 0; node->nodes && i < node->nodes->len; i++)
        size += size_of(g_ptr_array_index(node->nodes, i));
    return size;
}

static bool add_writer(struct codec *codec, const struct shape *shape, const char *json,
                       bool own, GError **error)
{
    g_autoptr(Schema) schema = schema_parse(json, error);
    g_autoptr(Bound) bound = schema ? bound_new(schema_root(schema), shape, error) : NULL;

    if (!bound)
        return false;
    if (find_writer(codec, shape, schema_fingerprint(schema)))
        return true; /* it is known already */

    struct writer *writer = g_new0(struct writer, 1);
    writer->shape = shape;
    writer->schema = g_steal_pointer(&schema);
    writer->bound = g_steal_pointer(&bound);
    writer->size = size_of(schema_root(writer->schema));
    writer->own = own;
    g_ptr_array_add(codec->writers, writer);
    return true;
}

bool codec_add_writer(struct codec *codec, const struct shape *shape, const char *json,
                      GError **error)
{
    return add_writer(codec, shape, json, false, error);
}

/* A compiled-in schema that cannot be read is our own mistake. */
static void add_own(struct codec *codec, const struct shape *shape, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) history = schema_history(name);

    if (!add_writer(codec, shape, schema_text(name), true, &error))
        g_error("%s.avsc: %s", name, error->message);
    for (size_t i = 0; history[i]; i++)
        if (!add_writer(codec, shape, schema_text(history[i]), true, &error))
            g_error("%s.avsc: %s", history[i], error->message);
}

struct codec *codec_new(void)
{
    struct codec *codec = g_new0(struct codec, 1);

    codec->writers = g_ptr_array_new_with_free_func(writer_free);
    add_own(codec, &shape_command, "command");
    add_own(codec, &shape_event, "event");
    add_own(codec, &shape_heartbeat, "heartbeat");
    add_own(codec, &shape_deadletter, "deadletter");
    return codec;
}

void codec_free(struct codec *codec)
{
    if (!codec)
        return;
    g_ptr_array_unref(codec->writers);
    g_free(codec);
}

GPtrArray *codec_reads(struct codec *codec, const struct shape *shape)
{
    GPtrArray *reads = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < codec->writers->len; i++) {
        const struct writer *writer = g_ptr_array_index(codec->writers, i);

        if (writer->shape == shape)
            g_ptr_array_add(reads, schema_fingerprint_text(writer->schema));
    }
    return reads;
}

/* --- Writing ----------------------------------------------------------------------- */

/* The oldest of ours that says it all: so readers of yesterday's version go on. */
static const struct writer *choose_writer(const struct codec *codec,
                                          const struct shape *shape, const void *value)
{
    const struct writer *chosen = NULL;
    for (guint i = 0; i < codec->writers->len; i++) {
        const struct writer *writer = g_ptr_array_index(codec->writers, i);

        if (writer->shape == shape && writer->own &&
            (!chosen || (writer->size < chosen->size && covers(writer->bound, value))))
            chosen = writer;
    }
    return chosen;
}

char *codec_writes(struct codec *codec, const struct shape *shape, const void *value)
{
    return schema_fingerprint_text(choose_writer(codec, shape, value)->schema);
}

GBytes *codec_encode(struct codec *codec, const struct shape *shape, const void *value,
                     GError **error)
{
    const struct writer *writer = choose_writer(codec, shape, value);
    g_autoptr(GByteArray) out = g_byte_array_new();

    g_assert(writer); /* a part such as a spec does not travel alone */
    uint64_t fingerprint = GUINT64_TO_LE(schema_fingerprint(writer->schema));
    g_byte_array_append(out, (const guint8[]){0xc3, 0x01}, 2);
    g_byte_array_append(out, (const guint8 *)&fingerprint, sizeof fingerprint);
    if (!schema_encode(writer->schema, shape, value, out, error))
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

/* Only a struct that breaks the contract cannot be encoded, and we made it. */
static GBytes *encode_own(struct codec *codec, const struct shape *shape,
                          const void *value)
{
    g_autoptr(GError) error = NULL;
    GBytes *bytes = codec_encode(codec, shape, value, &error);

    if (!bytes)
        g_error("cannot encode: %s", error->message);
    return bytes;
}

GBytes *codec_encode_command(struct codec *codec, const struct command *command)
{
    return encode_own(codec, &shape_command, command);
}

GBytes *codec_encode_event(struct codec *codec, const struct event *event)
{
    return encode_own(codec, &shape_event, event);
}

GBytes *codec_encode_heartbeat(struct codec *codec, const struct heartbeat *heartbeat)
{
    return encode_own(codec, &shape_heartbeat, heartbeat);
}

GBytes *codec_encode_deadletter(struct codec *codec, const struct deadletter *letter)
{
    return encode_own(codec, &shape_deadletter, letter);
}

/* --- Reading ----------------------------------------------------------------------- */

static enum decoded refuse(enum decoded decoded, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static enum decoded refuse(enum decoded decoded, GError **error, const char *format, ...)
{
    va_list arguments;
    int code = decoded == DECODED_MALFORMED ? G_IO_ERROR_INVALID_DATA
                                            : G_IO_ERROR_NOT_SUPPORTED;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, G_IO_ERROR, code, message);
    return decoded;
}

/* 00 and the number of a schema, in four bytes, that a registry gave; they begin with 1. */
static bool is_confluent(const uint8_t *bytes, size_t length)
{
    return length >= CONFLUENT_LENGTH && bytes[0] == 0x00 &&
           (bytes[1] | bytes[2] | bytes[3] | bytes[4]) != 0;
}

static enum decoded read_frame(const uint8_t *bytes, size_t length,
                               uint64_t *ret_fingerprint, GError **error)
{
    uint64_t fingerprint;

    if (length > CODEC_MAX_BYTES)
        return refuse(DECODED_MALFORMED, error, "it has %zu bytes, %d are the most",
                      length, CODEC_MAX_BYTES);
    if (is_confluent(bytes, length))
        return refuse(DECODED_UNKNOWN_SCHEMA, error,
                      "byte 0: the Confluent wire format (00) is not read yet");
    if (length < FRAME_LENGTH || bytes[0] != 0xc3 || bytes[1] != 0x01)
        return refuse(
            DECODED_MALFORMED, error,
            "byte 0: no Avro single-object encoding, which begins with C3 01 and "
            "a fingerprint");
    memcpy(&fingerprint, bytes + 2, sizeof fingerprint);
    *ret_fingerprint = GUINT64_FROM_LE(fingerprint);
    return DECODED;
}

enum decoded codec_decode(struct codec *codec, const struct shape *shape,
                          const void *bytes, size_t length, void **ret_value,
                          GError **error)
{
    uint64_t fingerprint = 0;
    enum decoded framed = read_frame(bytes, length, &fingerprint, error);

    if (framed != DECODED)
        return framed;
    const struct writer *writer = find_writer(codec, shape, fingerprint);
    if (!writer)
        return refuse(DECODED_UNKNOWN_SCHEMA, error,
                      "byte 2: no schema of %s is known with fingerprint %016" PRIx64,
                      shape->name, fingerprint);
    return decode_binary(writer->bound, bytes, length, FRAME_LENGTH, ret_value, error);
}

enum decoded codec_decode_command(struct codec *codec, const void *bytes, size_t length,
                                  struct command **ret_command, GError **error)
{
    return codec_decode(codec, &shape_command, bytes, length, (void **)ret_command,
                        error);
}

enum decoded codec_decode_event(struct codec *codec, const void *bytes, size_t length,
                                struct event **ret_event, GError **error)
{
    return codec_decode(codec, &shape_event, bytes, length, (void **)ret_event, error);
}

enum decoded codec_decode_heartbeat(struct codec *codec, const void *bytes, size_t length,
                                    struct heartbeat **ret_heartbeat, GError **error)
{
    return codec_decode(codec, &shape_heartbeat, bytes, length, (void **)ret_heartbeat,
                        error);
}
