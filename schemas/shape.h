/*
 * shape.h - how the structs of contract.h lie in memory, under the names of the schemas.
 *
 * One table per record.  The codec reads and writes by it, JSON is printed by it, and
 * x_new(), x_free() and x_dup() are loops over it, so that a new field is one line in the
 * .avsc, one in contract.h and one here.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stddef.h>

enum field_kind {
    FIELD_STRING,          /* char *, never NULL           Avro string                  */
    FIELD_STRING_OPTIONAL, /* char * or NULL               ["null", "string"]           */
    FIELD_BYTES,           /* GBytes *, never NULL         bytes                        */
    FIELD_BOOL,            /* bool                         boolean                      */
    FIELD_MAYBE,           /* enum maybe                   ["null", "boolean"]          */
    FIELD_LONG,            /* int64_t                      int or long                  */
    FIELD_LONG_OPTIONAL,   /* int64_t or CONTRACT_NONE     ["null", "long"]             */
    FIELD_ENUM,            /* an enum, by its name         enum                         */
    FIELD_STRINGS,         /* GPtrArray of char *          array of string              */
    FIELD_PAIRS,           /* GPtrArray of struct pair     map of string                */
    FIELD_SECRETS,         /* the same, values are never printed                        */
    FIELD_PAIR_KEYS,       /* the same, keys only          array of string              */
    FIELD_RECORD,          /* struct *, never NULL         record                       */
    FIELD_RECORD_OPTIONAL, /* struct * or NULL             ["null", record]             */
    FIELD_RECORDS,         /* GPtrArray of struct *        array of record              */
    FIELD_BRANCH,          /* struct * or NULL; exactly one of the branches of a record is
                              set: the union field whose name is `name`, branch `shape` */
};

struct field {
    const char *name; /* in the schema */
    enum field_kind kind;
    size_t offset;             /* in the struct */
    const struct shape *shape; /* RECORD…, RECORDS, BRANCH */
    const char *const *words;  /* ENUM: NULL-terminated, index = the C value */
};

struct shape {
    const char *name; /* of the Avro record */
    size_t size;      /* of the struct */
    const struct field *fields;
    size_t n_fields;
    GDestroyNotify free; /* shape_free() of one; NULL if it never stands in an array */
};

extern const struct shape shape_command, shape_event, shape_heartbeat, shape_deadletter;
/* Parts that are of use on their own.  shape_spec has env with its values (a command's),
 * shape_recorded_spec has names only (a Record's). */
extern const struct shape shape_spec, shape_recorded_spec, shape_state, shape_result,
    shape_sync, shape_record, shape_server_record, shape_agent_record, shape_options,
    shape_cause, shape_stop, shape_resources, shape_logging, shape_health_check;
/* Elements of arrays. */
extern const struct shape shape_pair, shape_network, shape_mount, shape_port,
    shape_mounted, shape_tmpfs, shape_ulimit, shape_volume, shape_step_report,
    shape_listed, shape_found;

void *shape_new(const struct shape *shape);              /* see contract.h, x_new() */
void shape_free(const struct shape *shape, void *value); /* NULL is fine */
/* Gives one field of a struct of zeros its default. */
void shape_make_field(const struct field *field, void *value);
void *shape_dup(const struct shape *shape, const void *value); /* deep */
/* At most so many bytes does it take when it is encoded (0: NULL). */
size_t shape_bytes(const struct shape *shape, const void *value);
/* The record as a JSON object under the schema's names; env values are left out (""), bytes
 * are printed as their number.
 * A FIELD_BRANCH is printed as {"<union name>": {"type": "<record name>", …fields}}.
 * Owned by the caller. */
json_t *shape_to_json(const struct shape *shape, const void *value);
