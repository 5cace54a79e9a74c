/*
 * bind.h - a writer's schema beside our struct: what goes where, settled once.
 *
 * Avro binds fields by name ("Schema Resolution").  That is done when a schema is added, so
 * that decoding looks nothing up: every part of the writer's tree knows the field that it
 * fills, or that nobody here knows it and it is to be skipped.
 */
#pragma once

#include "schema.h"
#include "shape.h"

#include <glib.h>
#include <stdbool.h>

enum binding {
    BIND_TAKE,   /* into `field` */
    BIND_SKIP,   /* the reader has no such field */
    BIND_ABSENT, /* null: the field gets its default */
    BIND_REFUSE, /* a branch that came after this reader: nothing here can hold it */
};

struct bound {
    enum binding binding;
    const struct schema_node *node; /* the writer's, borrowed */
    const struct field *field;      /* TAKE of a field, ABSENT; else NULL */
    const struct shape *shape;      /* RECORD: what it becomes; else NULL */
    GPtrArray *parts;   /* struct bound; RECORD: its fields; UNION: its branches;
                                       ARRAY of records: the item */
    GPtrArray *lacking; /* RECORD: const struct field *, not in the writer's */
    GArray *words;      /* ENUM: int, symbol → C value, or -1 */
};

/* Binds a writer's record to `shape`.  Both must outlive the result.  Error:
 * G_IO_ERROR_INVALID_DATA when no bytes of that writer could be read. */
struct bound *bound_new(const struct schema_node *node, const struct shape *shape,
                        GError **error);
void bound_free(struct bound *bound);

/* True if a value of `node` (no union) can be held by a field of that kind. */
bool field_fits(const struct field *field, const struct schema_node *node);

/* True if what is in memory stands for nothing: null in a union, an error elsewhere. */
bool field_is_absent(const struct field *field, const void *at);
/* The branch of a union for a field: null if it is absent, else the one that it fits; -1 if
 * there is none. */
int field_branch(const struct field *field, const struct schema_node *node, bool absent);

typedef struct bound Bound;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bound, bound_free)
