/*
 * shape.c - what can be done with any record: make, free, copy, print.
 *
 * One row per kind of field says how each of the four is done; the rest is loops over the
 * tables of shapes.c.  Nothing here knows a record by name.
 */
#include "shape.h"

#include "contract.h"

#include <string.h>

/* `at` and `to` hold zeros, except that clear() also takes what was made, or half made.
 * print() gives NULL for what is to be left out. */
struct kind_row {
    void (*make)(const struct field *field, void *at);
    void (*clear)(const struct field *field, void *at);
    void (*copy)(const struct field *field, void *to, const void *from);
    json_t *(*print)(const struct field *field, const void *at);
};

static void *at_field(void *value, const struct field *field)
{
    return (char *)value + field->offset;
}

static const void *in_field(const void *value, const struct field *field)
{
    return (const char *)value + field->offset;
}

/* --- Plain values ------------------------------------------------------------------ */

static void make_nothing(const struct field *field, void *at)
{
}

static void clear_nothing(const struct field *field, void *at)
{
}

static void copy_bool(const struct field *field, void *to, const void *from)
{
    *(bool *)to = *(const bool *)from;
}

static json_t *print_bool(const struct field *field, const void *at)
{
    return json_boolean(*(const bool *)at);
}

static void copy_int(const struct field *field, void *to, const void *from)
{
    *(int *)to = *(const int *)from;
}

static json_t *print_maybe(const struct field *field, const void *at)
{
    int maybe = *(const int *)at;

    return maybe == MAYBE_UNKNOWN ? json_null() : json_boolean(maybe == MAYBE_YES);
}

static json_t *print_word(const struct field *field, const void *at)
{
    return json_string(field->words[*(const int *)at]);
}

static void make_absent(const struct field *field, void *at)
{
    *(int64_t *)at = CONTRACT_NONE;
}

static void copy_long(const struct field *field, void *to, const void *from)
{
    *(int64_t *)to = *(const int64_t *)from;
}

static json_t *print_long(const struct field *field, const void *at)
{
    return json_integer(*(const int64_t *)at);
}

static json_t *print_long_optional(const struct field *field, const void *at)
{
    return *(const int64_t *)at == CONTRACT_NONE ? json_null() : print_long(field, at);
}

/* --- Strings and bytes ------------------------------------------------------------- */

static void make_string(const struct field *field, void *at)
{
    *(char **)at = g_strdup("");
}

static void clear_string(const struct field *field, void *at)
{
    g_free(*(char **)at);
}

static void copy_string(const struct field *field, void *to, const void *from)
{
    *(char **)to = g_strdup(*(char *const *)from);
}

static json_t *print_string(const struct field *field, const void *at)
{
    const char *string = *(char *const *)at;

    return string ? json_string(string) : json_null();
}

static void make_bytes(const struct field *field, void *at)
{
    *(GBytes **)at = g_bytes_new(NULL, 0);
}

static void clear_bytes(const struct field *field, void *at)
{
    g_clear_pointer((GBytes **)at, g_bytes_unref);
}

static void copy_bytes(const struct field *field, void *to, const void *from)
{
    *(GBytes **)to = g_bytes_ref(*(GBytes *const *)from);
}

/* Their number only: they are as received, and may hold what nobody should print. */
static json_t *print_bytes(const struct field *field, const void *at)
{
    return json_integer((json_int_t)g_bytes_get_size(*(GBytes *const *)at));
}

/* --- Arrays ------------------------------------------------------------------------ */

static void clear_array(const struct field *field, void *at)
{
    g_clear_pointer((GPtrArray **)at, g_ptr_array_unref);
}

static void make_strings(const struct field *field, void *at)
{
    *(GPtrArray **)at = g_ptr_array_new_with_free_func(g_free);
}

static void copy_strings(const struct field *field, void *to, const void *from)
{
    const GPtrArray *strings = *(GPtrArray *const *)from;

    make_strings(field, to);
    for (guint i = 0; i < strings->len; i++)
        g_ptr_array_add(*(GPtrArray **)to, g_strdup(g_ptr_array_index(strings, i)));
}

static json_t *print_strings(const struct field *field, const void *at)
{
    const GPtrArray *strings = *(GPtrArray *const *)at;
    json_t *array = json_array();

    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(array, json_string(g_ptr_array_index(strings, i)));
    return array;
}

static const struct shape *element_of(const struct field *field)
{
    return field->shape ? field->shape : &shape_pair;
}

static void make_records(const struct field *field, void *at)
{
    g_assert(element_of(field)->free);
    *(GPtrArray **)at = g_ptr_array_new_with_free_func(element_of(field)->free);
}

static void copy_records(const struct field *field, void *to, const void *from)
{
    const GPtrArray *records = *(GPtrArray *const *)from;

    make_records(field, to);
    for (guint i = 0; i < records->len; i++)
        g_ptr_array_add(*(GPtrArray **)to,
                        shape_dup(element_of(field), g_ptr_array_index(records, i)));
}

static json_t *print_records(const struct field *field, const void *at)
{
    const GPtrArray *records = *(GPtrArray *const *)at;
    json_t *array = json_array();

    for (guint i = 0; i < records->len; i++)
        json_array_append_new(array,
                              shape_to_json(field->shape, g_ptr_array_index(records, i)));
    return array;
}

static json_t *print_pairs(const struct field *field, const void *at)
{
    const GPtrArray *pairs = *(GPtrArray *const *)at;
    json_t *object = json_object();

    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);
        const char *shown = field->kind == FIELD_SECRETS ? "" : pair->value;

        json_object_set_new(object, pair->key, json_string(shown));
    }
    return object;
}

static json_t *print_pair_keys(const struct field *field, const void *at)
{
    const GPtrArray *pairs = *(GPtrArray *const *)at;
    json_t *array = json_array();

    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);

        json_array_append_new(array, json_string(pair->key));
    }
    return array;
}

/* --- Records ----------------------------------------------------------------------- */

static void make_record(const struct field *field, void *at)
{
    *(void **)at = shape_new(field->shape);
}

static void clear_record(const struct field *field, void *at)
{
    shape_free(field->shape, *(void **)at);
}

static void copy_record(const struct field *field, void *to, const void *from)
{
    *(void **)to = shape_dup(field->shape, *(void *const *)from);
}

static json_t *print_record(const struct field *field, const void *at)
{
    const void *record = *(void *const *)at;

    return record ? shape_to_json(field->shape, record) : json_null();
}

static json_t *print_branch(const struct field *field, const void *at)
{
    const void *record = *(void *const *)at;
    json_t *object;

    if (!record)
        return NULL;
    object = json_object();
    json_object_set_new(object, "type", json_string(field->shape->name));
    json_object_update_new(object, shape_to_json(field->shape, record));
    return object;
}

/* clang-format off */
static const struct kind_row kinds[] = {
    [FIELD_STRING]          = {make_string,  clear_string,  copy_string,  print_string},
    [FIELD_STRING_OPTIONAL] = {make_nothing, clear_string,  copy_string,  print_string},
    [FIELD_BYTES]           = {make_bytes,   clear_bytes,   copy_bytes,   print_bytes},
    [FIELD_BOOL]            = {make_nothing, clear_nothing, copy_bool,    print_bool},
    [FIELD_MAYBE]           = {make_nothing, clear_nothing, copy_int,     print_maybe},
    [FIELD_LONG]            = {make_nothing, clear_nothing, copy_long,    print_long},
    [FIELD_LONG_OPTIONAL]   = {make_absent,  clear_nothing, copy_long,    print_long_optional},
    [FIELD_ENUM]            = {make_nothing, clear_nothing, copy_int,     print_word},
    [FIELD_STRINGS]         = {make_strings, clear_array,   copy_strings, print_strings},
    [FIELD_PAIRS]           = {make_records, clear_array,   copy_records, print_pairs},
    [FIELD_SECRETS]         = {make_records, clear_array,   copy_records, print_pairs},
    [FIELD_PAIR_KEYS]       = {make_records, clear_array,   copy_records, print_pair_keys},
    [FIELD_RECORD]          = {make_record,  clear_record,  copy_record,  print_record},
    [FIELD_RECORD_OPTIONAL] = {make_nothing, clear_record,  copy_record,  print_record},
    [FIELD_RECORDS]         = {make_records, clear_array,   copy_records, print_records},
    [FIELD_BRANCH]          = {make_nothing, clear_record,  copy_record,  print_branch},
};
/* clang-format on */

/* --- The loops --------------------------------------------------------------------- */

void shape_make_field(const struct field *field, void *value)
{
    kinds[field->kind].make(field, at_field(value, field));
}

void *shape_new(const struct shape *shape)
{
    void *value = g_malloc0(shape->size);

    for (size_t i = 0; i < shape->n_fields; i++)
        shape_make_field(&shape->fields[i], value);
    return value;
}

void shape_free(const struct shape *shape, void *value)
{
    for (size_t i = 0; value && i < shape->n_fields; i++)
        kinds[shape->fields[i].kind].clear(&shape->fields[i],
                                           at_field(value, &shape->fields[i]));
    g_free(value);
}

void *shape_dup(const struct shape *shape, const void *value)
{
    if (!value)
        return NULL;

    void *copy = g_malloc0(shape->size);
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];

        kinds[field->kind].copy(field, at_field(copy, field), in_field(value, field));
    }
    return copy;
}

json_t *shape_to_json(const struct shape *shape, const void *value)
{
    json_t *object = json_object();

    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];
        json_t *printed = kinds[field->kind].print(field, in_field(value, field));

        if (printed)
            json_object_set_new(object, field->name, printed);
    }
    return object;
}
