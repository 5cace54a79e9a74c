/*
 * codec.h - records to bytes and back: Avro single-object encoding (Avro 1.11
 * specification, "Single-object encoding"): C3 01, the writer schema's fingerprint in
 * little-endian order, the Avro binary.
 *
 * Bytes that we write go through avro-c.  Bytes from elsewhere are walked by our own
 * decoder, driven by the writer's schema: every length is checked against what remains,
 * elements and depth have a budget, nothing may be left over, strings must be UTF-8 without
 * NUL.  Fields are bound by name: what the reader does not know is skipped, what the writer
 * lacks keeps the default of x_new().
 *
 * Pure but for memory.  Safe to use from several threads: a codec is immutable once its
 * schemas are added.
 */
#pragma once

#include "contract.h"
#include "schema.h"

/* Limits on foreign bytes. */
#define CODEC_MAX_BYTES \
 (8 * 1024 * 1024)                /* of one value; a broker's own limit is lower */
#define CODEC_MAX_ELEMENTS 200000 /* array and map elements of one value, in all */
#define CODEC_MAX_DEPTH    32

enum decoded {
    DECODED,
    DECODED_UNKNOWN_SCHEMA, /* a newer sender, or not ours: dead-letter it, step past it */
    DECODED_MALFORMED,      /* will never decode: dead-letter it, step past it */
};

struct codec;

/* Knows the compiled-in schemas of command, event, heartbeat and deadletter. */
struct codec *codec_new(void);
void codec_free(struct codec *codec);

/* Adds a further writer's schema for records of `shape` (an older or newer version), for
 * reading only. */
bool codec_add_writer(struct codec *codec, const struct shape *shape, const char *json,
                      GError **error);

/* Single-object bytes of a record, by the oldest schema of ours that says all that it says
 *; NULL only if the record breaks its schema (our mistake). */
GBytes *codec_encode(struct codec *codec, const struct shape *shape, const void *value,
                     GError **error);

/* Turns foreign bytes into a fresh struct of `shape`.  On DECODED `*ret_value` is the
 * caller's; otherwise it is untouched and `error` says what is wrong and at which byte. */
enum decoded codec_decode(struct codec *codec, const struct shape *shape,
                          const void *bytes, size_t length, void **ret_value,
                          GError **error);

/* The fingerprint (16 hex digits) of the schema that it would be written with; g_free it. */
char *codec_writes(struct codec *codec, const struct shape *shape, const void *value);
/* Fingerprints (16 hex digits) of all writers' schemas that `shape` can be read from. */
GPtrArray *codec_reads(struct codec *codec, const struct shape *shape);

/* The four that travel, with their types. */
GBytes *codec_encode_command(struct codec *codec, const struct command *command);
GBytes *codec_encode_event(struct codec *codec, const struct event *event);
GBytes *codec_encode_heartbeat(struct codec *codec, const struct heartbeat *heartbeat);
GBytes *codec_encode_deadletter(struct codec *codec, const struct deadletter *letter);
enum decoded codec_decode_command(struct codec *codec, const void *bytes, size_t length,
                                  struct command **ret_command, GError **error);
enum decoded codec_decode_event(struct codec *codec, const void *bytes, size_t length,
                                struct event **ret_event, GError **error);
enum decoded codec_decode_heartbeat(struct codec *codec, const void *bytes, size_t length,
                                    struct heartbeat **ret_heartbeat, GError **error);

typedef struct codec Codec;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Codec, codec_free)
