/*
 * schema.h - Avro schemas: parsed by avro-c, named by fingerprint, turned into plain trees.
 *
 * The only place that knows avro-c.  The .avsc files are compiled in.  A schema's
 * fingerprint is the CRC-64-AVRO of its Parsing Canonical Form (Avro 1.11 specification,
 * "Schema Fingerprints"); avro-c has no canonical form, so it is made here from the JSON.
 */
#pragma once

#include "shape.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_NULL,
    SCHEMA_BOOLEAN,
    SCHEMA_INT,
    SCHEMA_LONG,
    SCHEMA_FLOAT,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES,
    SCHEMA_STRING,
    SCHEMA_FIXED,
    SCHEMA_ENUM,
    SCHEMA_ARRAY,
    SCHEMA_MAP,
    SCHEMA_RECORD,
    SCHEMA_UNION,
};

/* A schema as a tree that can be walked without avro-c.  Recursive schemas are refused. */
struct schema_node {
    enum schema_type type;
    char *name;       /* RECORD, ENUM, FIXED: unqualified; else NULL */
    GPtrArray *names; /* RECORD: fields; ENUM: symbols; char * */
    GPtrArray *nodes; /* RECORD: field types; UNION: branches; ARRAY, MAP: the one item */
    int64_t fixed_size; /* FIXED */
    size_t min_size;    /* the least bytes that a value takes, to bound array counts */
};

struct schema; /* one parsed schema, immutable */

/* Parses `json`.  Error: G_IO_ERROR_INVALID_DATA with what avro-c or we disliked. */
struct schema *schema_parse(const char *json, GError **error);
void schema_free(struct schema *schema);
uint64_t schema_fingerprint(const struct schema *schema);
char *schema_fingerprint_text(const struct schema *schema); /* 16 hex digits; g_free it */
const struct schema_node *schema_root(const struct schema *schema);

/* Appends the Avro binary encoding of `value` (a struct of `shape`) to `out`.  Fields of
 * the schema that the shape lacks are an error (G_IO_ERROR_INVALID_DATA); fields of the
 * shape that an older schema lacks are left out.  Bytes in strings that are no UTF-8 are
 * replaced, since no reader would take them. */
bool schema_encode(const struct schema *schema, const struct shape *shape,
                   const void *value, GByteArray *out, GError **error);

/* The text of a compiled-in schema ("command", "event", "heartbeat", "deadletter"). */
const char *schema_text(const char *name);
/* The names, for schema_text(), of its earlier versions, which old records were written
 * with; g_strfreev() it. */
char **schema_history(const char *name);

typedef struct schema Schema;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Schema, schema_free)
