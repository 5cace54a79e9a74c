/*
 * shape_bytes.c - how much room a record takes when it is encoded, without encoding it.
 */
#include "contract.h"
#include "shape.h"

#include <string.h>

#define NUMBER 10 /* bytes of any long, and so of any length and count */
#define WORD   5  /* of any int: an enum's index, a union's branch */

static size_t string_bytes(const char *string)
{
    return NUMBER + (string ? strlen(string) : 0);
}

static size_t strings_bytes(const GPtrArray *strings)
{
    size_t bytes = 2 * NUMBER; /* the count of the block, and the block that ends them */
    for (guint i = 0; i < strings->len; i++)
        bytes += string_bytes(g_ptr_array_index(strings, i));
    return bytes;
}

static size_t pairs_bytes(const GPtrArray *pairs)
{
    size_t bytes = 2 * NUMBER;
    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);
        bytes += string_bytes(pair->key) + string_bytes(pair->value);
    }
    return bytes;
}

static size_t records_bytes(const struct shape *shape, const GPtrArray *records)
{
    size_t bytes = 2 * NUMBER;
    for (guint i = 0; i < records->len; i++)
        bytes += shape_bytes(shape, g_ptr_array_index(records, i));
    return bytes;
}

static size_t field_bytes(const struct field *field, const void *at)
{
    switch (field->kind) {
    case FIELD_STRING:
        return string_bytes(*(char *const *)at);
    case FIELD_STRING_OPTIONAL:
        return WORD + string_bytes(*(char *const *)at);
    case FIELD_BYTES:
        return NUMBER + g_bytes_get_size(*(GBytes *const *)at);
    case FIELD_BOOL:
    case FIELD_MAYBE:
    case FIELD_ENUM:
        return 2 * WORD;
    case FIELD_LONG:
    case FIELD_LONG_OPTIONAL:
        return WORD + NUMBER;
    case FIELD_STRINGS:
        return strings_bytes(*(GPtrArray *const *)at);
    case FIELD_PAIRS:
    case FIELD_SECRETS:
    case FIELD_PAIR_KEYS:
        return pairs_bytes(*(GPtrArray *const *)at);
    case FIELD_RECORDS:
        return records_bytes(field->shape, *(GPtrArray *const *)at);
    case FIELD_RECORD:
    case FIELD_RECORD_OPTIONAL:
    case FIELD_BRANCH:
        return WORD + shape_bytes(field->shape, *(void *const *)at);
    }
    g_assert_not_reached();
}

size_t shape_bytes(const struct shape *shape, const void *value)
{
    size_t bytes = 0;
    for (size_t i = 0; value && i < shape->n_fields; i++)
        bytes += field_bytes(&shape->fields[i],
                             (const char *)value + shape->fields[i].offset);
    return bytes;
}
