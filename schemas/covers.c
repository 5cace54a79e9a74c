/*
 * covers.c - a walk over a value, along the schema that it may be written with.
 */
#include "covers.h"

static const void *in_field(const void *value, const struct field *field)
{
    return (const char *)value + field->offset;
}

static bool is_plain(const struct shape *shape, const void *value);

/* Has it the default that a reader would give it? */
static bool is_default(const struct field *field, const void *at)
{
    switch (field->kind) {
    case FIELD_STRING:
        return **(char *const *)at == '\0';
    case FIELD_BYTES:
        return g_bytes_get_size(*(GBytes *const *)at) == 0;
    case FIELD_BOOL:
        return !*(const bool *)at;
    case FIELD_MAYBE:
    case FIELD_ENUM:
        return *(const int *)at == 0;
    case FIELD_LONG:
        return *(const int64_t *)at == 0;
    case FIELD_STRINGS:
    case FIELD_PAIRS:
    case FIELD_SECRETS:
    case FIELD_PAIR_KEYS:
    case FIELD_RECORDS:
        return (*(GPtrArray *const *)at)->len == 0;
    case FIELD_RECORD:
        return is_plain(field->shape, *(void *const *)at);
    case FIELD_STRING_OPTIONAL:
    case FIELD_LONG_OPTIONAL:
    case FIELD_RECORD_OPTIONAL:
    case FIELD_BRANCH:
        return field_is_absent(field, at);
    }
    g_assert_not_reached();
}

static bool is_plain(const struct shape *shape, const void *value)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (!is_default(&shape->fields[i], in_field(value, &shape->fields[i])))
            return false;
    return true;
}

static bool has_word(const struct schema_node *node, const struct field *field, int value)
{
    return g_ptr_array_find_with_equal_func(node->names, field->words[value], g_str_equal,
                                            NULL);
}

static bool covers_all(const struct bound *item, const GPtrArray *values)
{
    for (guint i = 0; i < values->len; i++)
        if (!covers(item, g_ptr_array_index(values, i)))
            return false;
    return true;
}

static bool covers_field(const struct bound *part, const void *at)
{
    if (field_is_absent(part->field, at))
        return false;
    if (part->shape)
        return covers(part, *(void *const *)at);
    if (part->field->kind == FIELD_ENUM)
        return has_word(part->node, part->field, *(const int *)at);
    if (part->field->kind == FIELD_RECORDS)
        return covers_all(g_ptr_array_index(part->parts, 0), *(GPtrArray *const *)at);
    return true;
}

/* The branches of a union of records share a name, and one of them is set: it must be here. */
static bool covers_union(const struct bound *part, const void *value)
{
    bool may_be_absent = false;
    for (guint i = 0; i < part->parts->len; i++) {
        const struct bound *branch = g_ptr_array_index(part->parts, i);
        if (branch->binding == BIND_TAKE &&
            !field_is_absent(branch->field, in_field(value, branch->field)))
            return covers_field(branch, in_field(value, branch->field));
        may_be_absent |= branch->binding == BIND_ABSENT &&
                         field_is_absent(branch->field, in_field(value, branch->field));
    }
    return may_be_absent;
}

static bool covers_part(const struct bound *part, const void *value)
{
    if (part->binding != BIND_TAKE)
        return false;
    if (part->node->type == SCHEMA_UNION)
        return covers_union(part, value);
    return covers_field(part, in_field(value, part->field));
}

bool covers(const struct bound *bound, const void *value)
{
    for (guint i = 0; i < bound->lacking->len; i++) {
        const struct field *field = g_ptr_array_index(bound->lacking, i);
        if (!is_default(field, in_field(value, field)))
            return false;
    }
    for (guint i = 0; i < bound->parts->len; i++)
        if (!covers_part(g_ptr_array_index(bound->parts, i), value))
            return false;
    return true;
}
