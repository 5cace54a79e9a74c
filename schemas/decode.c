/*
 * decode.c - a bounded walk over foreign bytes (Avro 1.11 specification, "Binary Encoding").
 *
 * Every length is held against what remains, arrays and maps together have a budget, the
 * depth is that of the schema, strings are UTF-8 without NUL.  Nothing is allocated by a
 * number that came from outside before the bytes for it are seen to be there.
 */
#include "decode.h"

#include <gio/gio.h>
#include <inttypes.h>
#include <string.h>

struct reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    int64_t elements; /* what is left of CODEC_MAX_ELEMENTS */
    bool newer;       /* refused for what came after this reader, not for being broken */
    GError **error;
};

static bool fail(struct reader *reader, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(reader->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "byte %td: %s",
                reader->at - reader->start, message);
    return false;
}

static size_t remaining(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* --- Numbers and lengths ----------------------------------------------------------- */

static bool read_long(struct reader *reader, int64_t *ret_number)
{
    uint64_t bits = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end)
            return fail(reader, "the bytes end within a number");
        uint8_t byte = *reader->at++;
        if (shift == 63 && byte > 1)
            break;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        *ret_number = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1); /* zig-zag */
        return true;
    }
    return fail(reader, "a number has more than 64 bits");
}

static bool read_int(struct reader *reader, int64_t *ret_number)
{
    if (!read_long(reader, ret_number))
        return false;
    if (*ret_number < INT32_MIN || *ret_number > INT32_MAX)
        return fail(reader, "an int has more than 32 bits");
    return true;
}

/* A number from 0 to below `bound`; `what` is for the error. */
static bool read_index(struct reader *reader, guint bound, const char *what,
                       guint *ret_index)
{
    int64_t index = 0;

    if (!read_int(reader, &index))
        return false;
    if (index < 0 || index >= bound)
        return fail(reader, "%s %" PRId64 ", there are %u", what, index, bound);
    *ret_index = (guint)index;
    return true;
}

static bool read_boolean(struct reader *reader, bool *ret_value)
{
    if (reader->at == reader->end)
        return fail(reader, "the bytes end before a boolean");
    if (*reader->at > 1)
        return fail(reader, "a boolean is %u, not 0 or 1", *reader->at);
    *ret_value = *reader->at++ == 1;
    return true;
}

/* The next `*ret_length` bytes, borrowed. */
static bool read_bytes(struct reader *reader, const uint8_t **ret_bytes,
                       size_t *ret_length)
{
    int64_t length = 0;

    if (!read_long(reader, &length))
        return false;
    if (length < 0 || (uint64_t)length > remaining(reader))
        return fail(reader, "a length of %" PRId64 ", %zu bytes are left", length,
                    remaining(reader));
    *ret_bytes = reader->at;
    *ret_length = (size_t)length;
    reader->at += length;
    return true;
}

static bool read_text(struct reader *reader, const char **ret_text, size_t *ret_length)
{
    const uint8_t *bytes = NULL;

    if (!read_bytes(reader, &bytes, ret_length))
        return false;
    if (!g_utf8_validate_len((const char *)bytes, *ret_length, NULL)) /* nor with NUL */
        return fail(reader, "a string is no UTF-8, or has a NUL");
    *ret_text = (const char *)bytes;
    return true;
}

/* A fresh copy. */
static bool read_string(struct reader *reader, char **ret_string)
{
    const char *text = NULL;
    size_t length = 0;

    if (!read_text(reader, &text, &length))
        return false;
    *ret_string = g_strndup(text, length);
    return true;
}

static bool skip_bytes(struct reader *reader, size_t length)
{
    if (length > remaining(reader))
        return fail(reader, "%zu bytes are needed, %zu are left", length,
                    remaining(reader));
    reader->at += length;
    return true;
}

/* --- Arrays and maps --------------------------------------------------------------- */

/* Where one is in an array or a map: it comes in blocks, the last one is empty. */
struct blocks {
    int64_t count;      /* items left in this block */
    const uint8_t *end; /* where the block ends if it tells its size, else NULL */
    size_t least;       /* bytes of an item at least */
};

/* The head of the next block.  A negative count is followed by the block's size. */
static bool next_block(struct reader *reader, struct blocks *blocks)
{
    int64_t size = -1;

    if (blocks->end && blocks->end != reader->at)
        return fail(reader, "a block is not as long as it says");
    blocks->end = NULL;
    if (!read_long(reader, &blocks->count))
        return false;
    if (blocks->count < 0) {
        if (blocks->count == INT64_MIN)
            return fail(reader, "a block of -2^63 elements");
        if (!read_long(reader, &size))
            return false;
        if (size < 0 || (uint64_t)size > remaining(reader))
            return fail(reader, "a block of %" PRId64 " bytes, %zu are left", size,
                        remaining(reader));
        blocks->count = -blocks->count;
        blocks->end = reader->at + size;
    }
    if (blocks->count > reader->elements)
        return fail(reader, "more than %d elements", CODEC_MAX_ELEMENTS);
    if (blocks->least > 0 && (uint64_t)blocks->count > remaining(reader) / blocks->least)
        return fail(reader, "%" PRId64 " elements, %zu bytes are left", blocks->count,
                    remaining(reader));
    reader->elements -= blocks->count;
    return true;
}

/* Goes to the next item; `*ret_more` is false behind the last one. */
static bool next_item(struct reader *reader, struct blocks *blocks, bool *ret_more)
{
    if (blocks->count == 0 && !next_block(reader, blocks))
        return false;
    *ret_more = blocks->count > 0;
    blocks->count--;
    return true;
}

static struct blocks blocks_of(const struct schema_node *node)
{
    const struct schema_node *item = g_ptr_array_index(node->nodes, 0);

    return (struct blocks){.least = item->min_size + (node->type == SCHEMA_MAP)};
}

/* --- Skipping what we do not know -------------------------------------------------- */

static bool skip(struct reader *reader, const struct schema_node *node);

static bool skip_items(struct reader *reader, const struct schema_node *node)
{
    struct blocks blocks = blocks_of(node);
    const char *key = NULL;
    size_t length = 0;
    bool more = false;

    while (next_item(reader, &blocks, &more)) {
        if (!more)
            return true;
        if (node->type == SCHEMA_MAP && !read_text(reader, &key, &length))
            return false;
        if (!skip(reader, g_ptr_array_index(node->nodes, 0)))
            return false;
    }
    return false;
}

static bool skip_record(struct reader *reader, const struct schema_node *node)
{
    for (guint i = 0; i < node->nodes->len; i++)
        if (!skip(reader, g_ptr_array_index(node->nodes, i)))
            return false;
    return true;
}

static bool skip_union(struct reader *reader, const struct schema_node *node)
{
    guint index = 0;

    return read_index(reader, node->nodes->len, "branch", &index) &&
           skip(reader, g_ptr_array_index(node->nodes, index));
}

/* As strict as taking: bytes are good or bad whoever reads them. */
static bool skip(struct reader *reader, const struct schema_node *node)
{
    const char *text = NULL;
    const uint8_t *bytes = NULL;
    size_t length = 0;
    int64_t number = 0;
    guint index = 0;
    bool truth = false;

    switch (node->type) {
    case SCHEMA_NULL:
        return true;
    case SCHEMA_BOOLEAN:
        return read_boolean(reader, &truth);
    case SCHEMA_INT:
        return read_int(reader, &number);
    case SCHEMA_LONG:
        return read_long(reader, &number);
    case SCHEMA_FLOAT:
        return skip_bytes(reader, 4);
    case SCHEMA_DOUBLE:
        return skip_bytes(reader, 8);
    case SCHEMA_BYTES:
        return read_bytes(reader, &bytes, &length);
    case SCHEMA_STRING:
        return read_text(reader, &text, &length);
    case SCHEMA_FIXED:
        return skip_bytes(reader, (size_t)node->fixed_size);
    case SCHEMA_ENUM:
        return read_index(reader, node->names->len, "symbol", &index);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        return skip_items(reader, node);
    case SCHEMA_RECORD:
        return skip_record(reader, node);
    case SCHEMA_UNION:
        return skip_union(reader, node);
    }
    g_assert_not_reached();
}

/* --- Taking, one function per kind of field ---------------------------------------- */

static void *take_record(struct reader *reader, const struct bound *bound);

/* `at` is the field in a struct of zeros; what is set there is the struct's, also when the
 * rest fails. */
typedef bool take(struct reader *reader, const struct bound *bound, void *at);

static bool take_string(struct reader *reader, const struct bound *bound, void *at)
{
    return read_string(reader, at);
}

static bool take_bytes(struct reader *reader, const struct bound *bound, void *at)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;

    if (!read_bytes(reader, &bytes, &length))
        return false;
    *(GBytes **)at = g_bytes_new(bytes, length);
    return true;
}

static bool take_bool(struct reader *reader, const struct bound *bound, void *at)
{
    return read_boolean(reader, at);
}

static bool take_maybe(struct reader *reader, const struct bound *bound, void *at)
{
    bool truth = false;

    if (!read_boolean(reader, &truth))
        return false;
    *(int *)at = truth ? MAYBE_YES : MAYBE_NO;
    return true;
}

static bool take_long(struct reader *reader, const struct bound *bound, void *at)
{
    return bound->node->type == SCHEMA_INT ? read_int(reader, at) : read_long(reader, at);
}

static bool take_word(struct reader *reader, const struct bound *bound, void *at)
{
    guint index = 0;

    if (!read_index(reader, bound->words->len, "symbol", &index))
        return false;
    *(int *)at = g_array_index(bound->words, int, index);
    if (*(int *)at >= 0)
        return true;
    *(int *)at = 0;
    reader->newer = true;
    return fail(reader, "\"%s\" is a word that this reader does not know",
                (const char *)g_ptr_array_index(bound->node->names, index));
}

static bool take_strings(struct reader *reader, const struct bound *bound, void *at)
{
    struct blocks blocks = blocks_of(bound->node);
    GPtrArray *strings = *(GPtrArray **)at = g_ptr_array_new_with_free_func(g_free);
    char *string = NULL;
    bool more = false;

    while (next_item(reader, &blocks, &more)) {
        if (!more)
            return true;
        if (!read_string(reader, &string))
            return false;
        g_ptr_array_add(strings, string);
    }
    return false;
}

static int compare_pairs(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const struct pair *const *)a)->key,
                  (*(const struct pair *const *)b)->key);
}

/* Avro gives a map no order and lets a key stand there twice; our pairs have an order, and
 * which of two values was meant nobody can tell. */
static bool settle_pairs(struct reader *reader, GPtrArray *pairs)
{
    g_ptr_array_sort(pairs, compare_pairs);
    for (guint i = 1; i < pairs->len; i++)
        if (compare_pairs(&pairs->pdata[i - 1], &pairs->pdata[i]) == 0)
            return fail(reader, "a key stands there twice");
    return true;
}

/* From a map, or from an array of keys. */
static bool take_pairs(struct reader *reader, const struct bound *bound, void *at)
{
    bool is_map = bound->node->type == SCHEMA_MAP;
    struct blocks blocks = blocks_of(bound->node);
    GPtrArray *pairs = *(GPtrArray **)at = g_ptr_array_new_with_free_func(
        shape_pair.free);
    bool more = false;

    while (next_item(reader, &blocks, &more)) {
        if (!more)
            return settle_pairs(reader, pairs);
        struct pair *pair = g_new0(struct pair, 1);
        g_ptr_array_add(pairs, pair);
        if (!read_string(reader, &pair->key))
            return false;
        if (!is_map)
            pair->value = g_strdup("");
        else if (!read_string(reader, &pair->value))
            return false;
    }
    return false;
}

static bool take_one(struct reader *reader, const struct bound *bound, void *at)
{
    *(void **)at = take_record(reader, bound);
    return *(void **)at != NULL;
}

static bool take_records(struct reader *reader, const struct bound *bound, void *at)
{
    const struct bound *item = g_ptr_array_index(bound->parts, 0);
    struct blocks blocks = blocks_of(bound->node);
    GPtrArray *records = *(GPtrArray **)at = g_ptr_array_new_with_free_func(
        item->shape->free);
    bool more = false;

    while (next_item(reader, &blocks, &more)) {
        if (!more)
            return true;
        void *record = take_record(reader, item);
        if (!record)
            return false;
        g_ptr_array_add(records, record);
    }
    return false;
}

static take *const takes[] = {
    [FIELD_STRING] = take_string,      [FIELD_STRING_OPTIONAL] = take_string,
    [FIELD_BYTES] = take_bytes,        [FIELD_BOOL] = take_bool,
    [FIELD_MAYBE] = take_maybe,        [FIELD_LONG] = take_long,
    [FIELD_LONG_OPTIONAL] = take_long, [FIELD_ENUM] = take_word,
    [FIELD_STRINGS] = take_strings,    [FIELD_PAIRS] = take_pairs,
    [FIELD_SECRETS] = take_pairs,      [FIELD_PAIR_KEYS] = take_pairs,
    [FIELD_RECORD] = take_one,         [FIELD_RECORD_OPTIONAL] = take_one,
    [FIELD_RECORDS] = take_records,    [FIELD_BRANCH] = take_one,
};

/* A part of a record into its struct, whichever way it is bound. */
static bool take_part(struct reader *reader, const struct bound *bound, void *value)
{
    guint index = 0;

    if (bound->binding == BIND_TAKE && bound->node->type == SCHEMA_UNION) {
        if (!read_index(reader, bound->parts->len, "branch", &index))
            return false;
        bound = g_ptr_array_index(bound->parts, index);
    }
    switch (bound->binding) {
    case BIND_TAKE:
        return takes[bound->field->kind](reader, bound,
                                         (char *)value + bound->field->offset);
    case BIND_SKIP:
        return skip(reader, bound->node);
    case BIND_ABSENT:
        shape_make_field(bound->field, value);
        return true;
    case BIND_REFUSE:
        reader->newer = true;
        return fail(reader, "a branch (%s) that this reader cannot hold",
                    bound->node->name ? bound->node->name : "of a plain type");
    }
    g_assert_not_reached();
}

/* A fresh struct, or NULL. */
static void *take_record(struct reader *reader, const struct bound *bound)
{
    void *value = g_malloc0(bound->shape->size);

    for (guint i = 0; i < bound->parts->len; i++) {
        if (take_part(reader, g_ptr_array_index(bound->parts, i), value))
            continue;
        g_prefix_error(reader->error, "%s.%s: ", bound->shape->name,
                       (const char *)g_ptr_array_index(bound->node->names, i));
        shape_free(bound->shape, value);
        return NULL;
    }
    for (guint i = 0; i < bound->lacking->len; i++)
        shape_make_field(g_ptr_array_index(bound->lacking, i), value);
    return value;
}

enum decoded decode_binary(const struct bound *bound, const uint8_t *bytes, size_t length,
                           size_t from, void **ret_value, GError **error)
{
    struct reader reader = {
        .start = bytes,
        .at = bytes + from,
        .end = bytes + length,
        .elements = CODEC_MAX_ELEMENTS,
        .error = error,
    };
    void *value = take_record(&reader, bound);

    if (value && reader.at != reader.end) {
        fail(&reader, "%zu bytes are left over", remaining(&reader));
        shape_free(bound->shape, value);
        return DECODED_MALFORMED;
    }
    if (!value)
        return reader.newer ? DECODED_UNKNOWN_SCHEMA : DECODED_MALFORMED;
    *ret_value = value;
    return DECODED;
}
