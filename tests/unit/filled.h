/*
 * filled.h - records with something in every field, by the tables of shapes.c.
 *
 * For tests and benchmarks: a field that is added is filled without a word here.  The same
 * seed gives the same record.
 */
#pragma once

#include "contract.h"
#include "shape.h"

#include <string.h>

static void *filled_new(const struct shape *shape, GRand *rand);

/* Of a record with branches only one is set: the `turn`th. */
static inline guint filled_branches(const struct shape *shape)
{
    guint branches = 0;

    for (size_t i = 0; i < shape->n_fields; i++)
        branches += shape->fields[i].kind == FIELD_BRANCH;
    return branches;
}

static inline char *filled_text(GRand *rand, const char *name)
{
    static const char *const tails[] = {"", "1", "é", "\"quoted\"", "𝄞 and more", "a\nb"};

    return g_strdup_printf("%s %s", name, tails[g_rand_int_range(rand, 0, 6)]);
}

static inline int64_t filled_long(GRand *rand)
{
    static const int64_t edges[] = {
        0,   1,   -1,        63,        64,
        -64, -65, INT32_MAX, INT64_MAX, INT64_MIN + 1}; /* INT64_MIN is CONTRACT_NONE */

    if (g_rand_boolean(rand))
        return edges[g_rand_int_range(rand, 0, G_N_ELEMENTS(edges))];
    return g_rand_int(rand);
}

static inline GPtrArray *filled_array(const struct field *field, GRand *rand)
{
    bool strings = field->kind == FIELD_STRINGS;
    bool records = field->kind == FIELD_RECORDS;
    GPtrArray *array = g_ptr_array_new_with_free_func(strings   ? g_free
                                                      : records ? field->shape->free
                                                                : shape_pair.free);
    int count = g_rand_int_range(rand, 0, 4);

    for (int i = 0; i < count; i++) {
        g_autofree char *key = g_strdup_printf("%s_%d", field->name, i);
        g_autofree char *text = filled_text(rand, field->name);

        if (strings)
            g_ptr_array_add(array, g_steal_pointer(&text));
        else if (records)
            g_ptr_array_add(array, filled_new(field->shape, rand));
        else
            pairs_set(array, key, field->kind == FIELD_PAIR_KEYS ? "" : text);
    }
    return array;
}

static inline void filled_set(const struct field *field, void *at, GRand *rand)
{
    bool absent = g_rand_int_range(rand, 0, 4) == 0;
    g_autofree char *text = filled_text(rand, field->name);

    switch (field->kind) {
    case FIELD_STRING:
        *(char **)at = g_steal_pointer(&text);
        break;
    case FIELD_STRING_OPTIONAL:
        *(char **)at = absent ? NULL : g_steal_pointer(&text);
        break;
    case FIELD_BYTES:
        *(GBytes **)at = g_bytes_new(text, strlen(text) + 1);
        break;
    case FIELD_BOOL:
        *(bool *)at = g_rand_boolean(rand);
        break;
    case FIELD_MAYBE:
        *(int *)at = g_rand_int_range(rand, 0, 3);
        break;
    case FIELD_LONG:
        *(int64_t *)at = filled_long(rand);
        break;
    case FIELD_LONG_OPTIONAL:
        *(int64_t *)at = absent ? CONTRACT_NONE : filled_long(rand);
        break;
    case FIELD_ENUM:
        *(int *)at = g_rand_int_range(rand, 0, (int)g_strv_length((char **)field->words));
        break;
    case FIELD_STRINGS:
    case FIELD_PAIRS:
    case FIELD_SECRETS:
    case FIELD_PAIR_KEYS:
    case FIELD_RECORDS:
        *(GPtrArray **)at = filled_array(field, rand);
        break;
    case FIELD_RECORD:
        *(void **)at = filled_new(field->shape, rand);
        break;
    case FIELD_RECORD_OPTIONAL:
        *(void **)at = absent ? NULL : filled_new(field->shape, rand);
        break;
    case FIELD_BRANCH:
        break; /* filled_new() chooses one */
    }
}

/* A fresh record; shape_free() it. */
static inline void *filled_new(const struct shape *shape, GRand *rand)
{
    void *value = g_malloc0(shape->size);
    guint branches = filled_branches(shape);
    guint turn = branches > 0 ? g_rand_int(rand) % branches : 0;

    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];
        void *at = (char *)value + field->offset;

        if (field->kind == FIELD_BRANCH && turn-- == 0)
            *(void **)at = filled_new(field->shape, rand);
        else
            filled_set(field, at, rand);
    }
    return value;
}
