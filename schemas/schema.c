/*
 * schema.c - the only file that knows avro-c: it parses schemas and writes our own records.
 *
 * avro-c is never given foreign bytes: its reader trusts lengths, indexes and terminators
 * that it finds there.  What others sent is walked by decode.c, along the plain tree that
 * is made here.
 */
#include "schema.h"

#include "bind.h"
#include "canonical.h"
#include "codec.h"

#include <avro.h>
#include <gio/gio.h>
#include <inttypes.h>
#include <string.h>

#define SCHEMA_MAX_NODES 10000 /* references are unfolded, which could grow without end */

struct schema {
    avro_schema_t avro;
    avro_value_iface_t *values; /* makes avro-c's generic values of this schema */
    struct schema_node *root;
    uint64_t fingerprint;
};

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool refuse(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, message);
    return false;
}

/* --- The tree ---------------------------------------------------------------------- */

static void node_free(gpointer data)
{
    struct schema_node *node = data;

    if (!node)
        return;
    g_free(node->name);
    g_clear_pointer(&node->names, g_ptr_array_unref);
    g_clear_pointer(&node->nodes, g_ptr_array_unref);
    g_free(node);
}

/* clang-format off */
static const struct {
    enum schema_type type;
    size_t min_size; /* of the type itself, without its parts */
    bool named;
} types[] = {
    [AVRO_STRING]  = {SCHEMA_STRING,  1},
    [AVRO_BYTES]   = {SCHEMA_BYTES,   1},
    [AVRO_INT32]   = {SCHEMA_INT,     1},
    [AVRO_INT64]   = {SCHEMA_LONG,    1},
    [AVRO_FLOAT]   = {SCHEMA_FLOAT,   4},
    [AVRO_DOUBLE]  = {SCHEMA_DOUBLE,  8},
    [AVRO_BOOLEAN] = {SCHEMA_BOOLEAN, 1},
    [AVRO_NULL]    = {SCHEMA_NULL,    0},
    [AVRO_RECORD]  = {SCHEMA_RECORD,  0, true},
    [AVRO_ENUM]    = {SCHEMA_ENUM,    1, true},
    [AVRO_FIXED]   = {SCHEMA_FIXED,   0, true},
    [AVRO_MAP]     = {SCHEMA_MAP,     1},
    [AVRO_ARRAY]   = {SCHEMA_ARRAY,   1},
    [AVRO_UNION]   = {SCHEMA_UNION,   1},
};
/* clang-format on */

/* What is left of the bounds while a tree grows. */
struct growth {
    int nodes;
    int depth;
};

static struct schema_node *node_grow(avro_schema_t avro, struct growth *growth,
                                     GError **error);

static bool node_add_part(struct schema_node *node, avro_schema_t part,
                          struct growth *growth, GError **error)
{
    struct schema_node *child = node_grow(part, growth, error);

    if (!child)
        return false;
    g_ptr_array_add(node->nodes, child);
    return true;
}

static bool node_add_name(struct schema_node *node, const char *name, GError **error)
{
    for (guint i = 0; i < node->names->len; i++)
        if (g_str_equal(g_ptr_array_index(node->names, i), name))
            return refuse(error, "%s has %s twice", node->name, name);
    g_ptr_array_add(node->names, g_strdup(name));
    return true;
}

static bool grow_record(struct schema_node *node, avro_schema_t avro,
                        struct growth *growth, GError **error)
{
    size_t count = avro_schema_record_size(avro);

    for (size_t i = 0; i < count; i++) {
        const char *name = avro_schema_record_field_name(avro, (int)i);
        avro_schema_t part = avro_schema_record_field_get_by_index(avro, (int)i);

        if (!node_add_name(node, name, error) ||
            !node_add_part(node, part, growth, error))
            return false;
        node->min_size +=
            ((struct schema_node *)g_ptr_array_index(node->nodes, i))->min_size;
    }
    return true;
}

static bool grow_union(struct schema_node *node, avro_schema_t avro,
                       struct growth *growth, GError **error)
{
    size_t count = avro_schema_union_size(avro);
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        if (!node_add_part(node, avro_schema_union_branch(avro, (int)i), growth, error))
            return false;
        const struct schema_node *part = g_ptr_array_index(node->nodes, i);
        least = MIN(least, part->min_size);
    }
    if (count == 0)
        return refuse(error, "a union has no branches");
    node->min_size += least;
    return true;
}

static bool grow_enum(struct schema_node *node, avro_schema_t avro, GError **error)
{
    int count = avro_schema_enum_number_of_symbols(avro);

    for (int i = 0; i < count; i++)
        if (!node_add_name(node, avro_schema_enum_get(avro, i), error))
            return false;
    return true;
}

static bool grow_fixed(struct schema_node *node, avro_schema_t avro, GError **error)
{
    node->fixed_size = avro_schema_fixed_size(avro);
    if (node->fixed_size < 0 || node->fixed_size > CODEC_MAX_BYTES)
        return refuse(error, "%s has a size of %" PRId64 " bytes, 0 to %d are possible",
                      node->name, node->fixed_size, CODEC_MAX_BYTES);
    node->min_size = (size_t)node->fixed_size;
    return true;
}

static bool node_grow_parts(struct schema_node *node, avro_schema_t avro,
                            struct growth *growth, GError **error)
{
    switch (node->type) {
    case SCHEMA_RECORD:
        return grow_record(node, avro, growth, error);
    case SCHEMA_UNION:
        return grow_union(node, avro, growth, error);
    case SCHEMA_ENUM:
        return grow_enum(node, avro, error);
    case SCHEMA_FIXED:
        return grow_fixed(node, avro, error);
    case SCHEMA_ARRAY:
        return node_add_part(node, avro_schema_array_items(avro), growth, error);
    case SCHEMA_MAP:
        return node_add_part(node, avro_schema_map_values(avro), growth, error);
    case SCHEMA_NULL:
    case SCHEMA_BOOLEAN:
    case SCHEMA_INT:
    case SCHEMA_LONG:
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
    case SCHEMA_BYTES:
    case SCHEMA_STRING:
        return true;
    }
    g_assert_not_reached();
}

static struct schema_node *node_new(avro_schema_t avro)
{
    struct schema_node *node = g_new0(struct schema_node, 1);
    avro_type_t type = avro_typeof(avro);

    g_assert(type < G_N_ELEMENTS(types));
    node->type = types[type].type;
    node->min_size = types[type].min_size;
    node->name = types[type].named ? g_strdup(avro_schema_name(avro)) : NULL;
    node->names = g_ptr_array_new_with_free_func(g_free);
    node->nodes = g_ptr_array_new_with_free_func(node_free);
    return node;
}

static struct schema_node *node_grow(avro_schema_t avro, struct growth *growth,
                                     GError **error)
{
    while (is_avro_link(avro))
        avro = avro_schema_link_target(avro);
    if (growth->nodes == 0 || growth->depth == 0) {
        refuse(error, "it is recursive, or deeper than %d, or larger than %d types",
               CODEC_MAX_DEPTH, SCHEMA_MAX_NODES);
        return NULL;
    }

    struct schema_node *node = node_new(avro);
    growth->nodes--;
    growth->depth--;
    if (!node_grow_parts(node, avro, growth, error))
        g_clear_pointer(&node, node_free);
    growth->depth++;
    return node;
}

/* --- Parsing ----------------------------------------------------------------------- */

static bool find_fingerprint(const char *json, uint64_t *ret_fingerprint, GError **error)
{
    json_error_t where;
    json_t *parsed = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);

    if (!parsed)
        return refuse(error, "line %d: %s", where.line, where.text);
    g_autofree char *form = canonical_form(parsed, error);
    json_decref(parsed);
    if (!form)
        return false;
    *ret_fingerprint = canonical_fingerprint(form);
    return true;
}

struct schema *schema_parse(const char *json, GError **error)
{
    g_autoptr(Schema) schema = g_new0(struct schema, 1);
    struct growth growth = {SCHEMA_MAX_NODES, CODEC_MAX_DEPTH};

    if (!find_fingerprint(json, &schema->fingerprint, error)) {
        g_prefix_error(error, "schema: ");
        return NULL;
    }
    if (avro_schema_from_json_length(json, strlen(json), &schema->avro) != 0) {
        refuse(error, "schema: %s", avro_strerror());
        return NULL;
    }
    schema->root = node_grow(schema->avro, &growth, error);
    if (!schema->root) {
        g_prefix_error(error, "schema: ");
        return NULL;
    }
    schema->values = avro_generic_class_from_schema(schema->avro);
    g_assert(schema->values);
    return g_steal_pointer(&schema);
}

void schema_free(struct schema *schema)
{
    if (!schema)
        return;
    if (schema->values)
        avro_value_iface_decref(schema->values);
    if (schema->avro)
        avro_schema_decref(schema->avro);
    node_free(schema->root);
    g_free(schema);
}

uint64_t schema_fingerprint(const struct schema *schema)
{
    return schema->fingerprint;
}

char *schema_fingerprint_text(const struct schema *schema)
{
    return g_strdup_printf("%016" PRIx64, schema->fingerprint);
}

const struct schema_node *schema_root(const struct schema *schema)
{
    return schema->root;
}

/* --- Encoding ---------------------------------------------------------------------- */

static bool put_record(const struct schema_node *node, const struct shape *shape,
                       const void *value, avro_value_t *to, GError **error);

typedef bool put(const struct schema_node *node, const struct field *field,
                 const void *at, avro_value_t *to, GError **error);

/* avro-c's own no; it can only mean that the tree and its values do not agree. */
static bool put_ok(int failed, GError **error)
{
    return failed == 0 || refuse(error, "avro-c: %s", avro_strerror());
}

/* `text`, or what it is with its bytes that are no UTF-8 replaced, kept in `*keep`. */
static const char *valid_text(const char *text, char **keep)
{
    if (g_utf8_validate(text, -1, NULL))
        return text;
    return *keep = g_utf8_make_valid(text, -1);
}

static bool put_text(const char *text, avro_value_t *to, GError **error)
{
    g_autofree char *keep = NULL;

    return put_ok(avro_value_set_string(to, valid_text(text, &keep)), error);
}

static bool put_string(const struct schema_node *node, const struct field *field,
                       const void *at, avro_value_t *to, GError **error)
{
    return put_text(*(char *const *)at, to, error);
}

static bool put_bytes(const struct schema_node *node, const struct field *field,
                      const void *at, avro_value_t *to, GError **error)
{
    gsize length;
    const void *bytes = g_bytes_get_data(*(GBytes *const *)at, &length);

    /* It copies them, although its prototype lacks the const; NULL it does not like. */
    return put_ok(avro_value_set_bytes(to, (void *)(length > 0 ? bytes : ""), length),
                  error);
}

static bool put_bool(const struct schema_node *node, const struct field *field,
                     const void *at, avro_value_t *to, GError **error)
{
    return put_ok(avro_value_set_boolean(to, *(const bool *)at), error);
}

static bool put_maybe(const struct schema_node *node, const struct field *field,
                      const void *at, avro_value_t *to, GError **error)
{
    return put_ok(avro_value_set_boolean(to, *(const int *)at == MAYBE_YES), error);
}

static bool put_long(const struct schema_node *node, const struct field *field,
                     const void *at, avro_value_t *to, GError **error)
{
    int64_t number = *(const int64_t *)at;

    if (node->type == SCHEMA_LONG)
        return put_ok(avro_value_set_long(to, number), error);
    if (number < INT32_MIN || number > INT32_MAX)
        return refuse(error, "%" PRId64 " does not fit into an int", number);
    return put_ok(avro_value_set_int(to, (int32_t)number), error);
}

static bool put_word(const struct schema_node *node, const struct field *field,
                     const void *at, avro_value_t *to, GError **error)
{
    int index = *(const int *)at;
    const char *word = index >= 0 && index < (int)g_strv_length((char **)field->words)
                           ? field->words[index]
                           : NULL;

    for (guint i = 0; word && i < node->names->len; i++)
        if (g_str_equal(g_ptr_array_index(node->names, i), word))
            return put_ok(avro_value_set_enum(to, (int)i), error);
    return refuse(error, "%d (%s) is no symbol of %s", index, word ? word : "no word",
                  node->name);
}

static bool put_strings(const struct schema_node *node, const struct field *field,
                        const void *at, avro_value_t *to, GError **error)
{
    const GPtrArray *strings = *(GPtrArray *const *)at;
    avro_value_t item;

    for (guint i = 0; i < strings->len; i++)
        if (!put_ok(avro_value_append(to, &item, NULL), error) ||
            !put_text(g_ptr_array_index(strings, i), &item, error))
            return false;
    return true;
}

static bool put_pairs(const struct schema_node *node, const struct field *field,
                      const void *at, avro_value_t *to, GError **error)
{
    const GPtrArray *pairs = *(GPtrArray *const *)at;
    avro_value_t item;

    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);
        g_autofree char *keep = NULL;
        const char *key = valid_text(pair->key, &keep);
        int is_new = 0;

        if (!put_ok(avro_value_add(to, key, &item, NULL, &is_new), error) ||
            !put_text(pair->value, &item, error))
            return false;
        if (!is_new)
            return refuse(error, "%s stands there twice", key);
    }
    return true;
}

static bool put_pair_keys(const struct schema_node *node, const struct field *field,
                          const void *at, avro_value_t *to, GError **error)
{
    const GPtrArray *pairs = *(GPtrArray *const *)at;
    avro_value_t item;

    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);

        if (!put_ok(avro_value_append(to, &item, NULL), error) ||
            !put_text(pair->key, &item, error))
            return false;
    }
    return true;
}

static bool put_one(const struct schema_node *node, const struct field *field,
                    const void *at, avro_value_t *to, GError **error)
{
    return put_record(node, field->shape, *(void *const *)at, to, error);
}

static bool put_records(const struct schema_node *node, const struct field *field,
                        const void *at, avro_value_t *to, GError **error)
{
    const GPtrArray *records = *(GPtrArray *const *)at;
    const struct schema_node *item_node = g_ptr_array_index(node->nodes, 0);
    avro_value_t item;

    for (guint i = 0; i < records->len; i++)
        if (!put_ok(avro_value_append(to, &item, NULL), error) ||
            !put_record(item_node, field->shape, g_ptr_array_index(records, i), &item,
                        error))
            return false;
    return true;
}

static put *const puts_by_kind[] = {
    [FIELD_STRING] = put_string,      [FIELD_STRING_OPTIONAL] = put_string,
    [FIELD_BYTES] = put_bytes,        [FIELD_BOOL] = put_bool,
    [FIELD_MAYBE] = put_maybe,        [FIELD_LONG] = put_long,
    [FIELD_LONG_OPTIONAL] = put_long, [FIELD_ENUM] = put_word,
    [FIELD_STRINGS] = put_strings,    [FIELD_PAIRS] = put_pairs,
    [FIELD_SECRETS] = put_pairs,      [FIELD_PAIR_KEYS] = put_pair_keys,
    [FIELD_RECORD] = put_one,         [FIELD_RECORD_OPTIONAL] = put_one,
    [FIELD_RECORDS] = put_records,    [FIELD_BRANCH] = put_one,
};

static bool put_field(const struct schema_node *node, const struct field *field,
                      const void *value, avro_value_t *to, GError **error)
{
    const void *at = (const char *)value + field->offset;
    bool absent = field_is_absent(field, at);
    avro_value_t branch;

    if (node->type == SCHEMA_UNION) {
        int index = field_branch(field, node, absent);

        if (index < 0)
            return refuse(error,
                          absent ? "it is NULL" : "no branch of the union fits it");
        if (!put_ok(avro_value_set_branch(to, index, &branch), error))
            return false;
        if (absent)
            return put_ok(avro_value_set_null(&branch), error);
        node = g_ptr_array_index(node->nodes, (guint)index);
        to = &branch;
    }
    if (absent)
        return refuse(error, "it is NULL");
    if (!field_fits(field, node))
        return refuse(error, "the schema has another type for it");
    return puts_by_kind[field->kind](node, field, at, to, error);
}

/* The shape's field of that name; of several branches the one that is set, or the last. */
static const struct field *field_of(const struct shape *shape, const char *name,
                                    const void *value)
{
    const struct field *found = NULL;

    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];

        if (!g_str_equal(field->name, name))
            continue;
        found = field;
        if (!field_is_absent(field, (const char *)value + field->offset))
            break;
    }
    return found;
}

static bool put_record(const struct schema_node *node, const struct shape *shape,
                       const void *value, avro_value_t *to, GError **error)
{
    for (guint i = 0; i < node->names->len; i++) {
        const char *name = g_ptr_array_index(node->names, i);
        const struct field *field = field_of(shape, name, value);
        avro_value_t part;

        if (!field)
            return refuse(error, "%s.%s: the struct has no such field", node->name, name);
        if (!put_ok(avro_value_get_by_index(to, i, &part, NULL), error))
            return false;
        if (!put_field(g_ptr_array_index(node->nodes, i), field, value, &part, error)) {
            g_prefix_error(error, "%s.%s: ", node->name, name);
            return false;
        }
    }
    return true;
}

/* Appends the bytes of a filled value to `out`. */
static bool write_value(avro_value_t *value, GByteArray *out, GError **error)
{
    size_t size = 0;
    guint before = out->len;

    if (!put_ok(avro_value_sizeof(value, &size), error))
        return false;
    g_byte_array_set_size(out, before + (guint)size);
    avro_writer_t writer = avro_writer_memory((char *)out->data + before, (int64_t)size);
    bool written = put_ok(avro_value_write(writer, value), error);
    avro_writer_free(writer);
    if (!written)
        g_byte_array_set_size(out, before);
    return written;
}

bool schema_encode(const struct schema *schema, const struct shape *shape,
                   const void *value, GByteArray *out, GError **error)
{
    avro_value_t filled;

    if (schema->root->type != SCHEMA_RECORD)
        return refuse(error, "the schema is no record");
    if (!put_ok(avro_generic_value_new(schema->values, &filled), error))
        return false;
    bool written = put_record(schema->root, shape, value, &filled, error) &&
                   write_value(&filled, out, error);
    avro_value_decref(&filled);
    return written;
}
