/*
 * bind.c - which part of a writer's schema fills which field of ours.
 *
 * Pure.  A writer's field that we do not have is skipped, one that it lacks gets the
 * default, a type that cannot be ours is refused here, before any bytes are seen.
 */
#include "bind.h"

#include "words.h"

#include <gio/gio.h>

#define ANY    (-1)
#define BIT(t) (1 << SCHEMA_##t)

/* clang-format off */
/* What each kind of field can be read from and written as. */
static const struct {
    int types;
    int item; /* of an array or a map; ANY: it has none, or it does not matter */
} fits[] = {
    [FIELD_STRING]          = {BIT(STRING), ANY},
    [FIELD_STRING_OPTIONAL] = {BIT(STRING), ANY},
    [FIELD_BYTES]           = {BIT(BYTES), ANY},
    [FIELD_BOOL]            = {BIT(BOOLEAN), ANY},
    [FIELD_MAYBE]           = {BIT(BOOLEAN), ANY},
    [FIELD_LONG]            = {BIT(INT) | BIT(LONG), ANY},
    [FIELD_LONG_OPTIONAL]   = {BIT(INT) | BIT(LONG), ANY},
    [FIELD_ENUM]            = {BIT(ENUM), ANY},
    [FIELD_STRINGS]         = {BIT(ARRAY), SCHEMA_STRING},
    [FIELD_PAIRS]           = {BIT(MAP), SCHEMA_STRING},
    [FIELD_SECRETS]         = {BIT(MAP), SCHEMA_STRING},
    [FIELD_PAIR_KEYS]       = {BIT(ARRAY), SCHEMA_STRING},
    [FIELD_RECORD]          = {BIT(RECORD), ANY},
    [FIELD_RECORD_OPTIONAL] = {BIT(RECORD), ANY},
    [FIELD_RECORDS]         = {BIT(ARRAY), SCHEMA_RECORD},
    [FIELD_BRANCH]          = {BIT(RECORD), ANY},
};
/* clang-format on */

static const struct schema_node *part_of(const struct schema_node *node, guint index)
{
    return g_ptr_array_index(node->nodes, index);
}

bool field_fits(const struct field *field, const struct schema_node *node)
{
    if (!(fits[field->kind].types & (1 << node->type)))
        return false;
    if (field->kind == FIELD_BRANCH)
        return g_str_equal(field->shape->name, node->name);
    return fits[field->kind].item == ANY ||
           fits[field->kind].item == (int)part_of(node, 0)->type;
}

bool field_is_absent(const struct field *field, const void *at)
{
    switch (field->kind) {
    case FIELD_LONG_OPTIONAL:
        return *(const int64_t *)at == CONTRACT_NONE;
    case FIELD_MAYBE:
        return *(const int *)at == MAYBE_UNKNOWN;
    case FIELD_BOOL:
    case FIELD_LONG:
    case FIELD_ENUM:
        return false;
    case FIELD_STRING:
    case FIELD_STRING_OPTIONAL:
    case FIELD_BYTES:
    case FIELD_STRINGS:
    case FIELD_PAIRS:
    case FIELD_SECRETS:
    case FIELD_PAIR_KEYS:
    case FIELD_RECORD:
    case FIELD_RECORD_OPTIONAL:
    case FIELD_RECORDS:
    case FIELD_BRANCH:
        return *(void *const *)at == NULL;
    }
    g_assert_not_reached();
}

int field_branch(const struct field *field, const struct schema_node *node, bool absent)
{
    for (guint i = 0; i < node->nodes->len; i++) {
        const struct schema_node *branch = g_ptr_array_index(node->nodes, i);

        if (absent ? branch->type == SCHEMA_NULL : field_fits(field, branch))
            return (int)i;
    }
    return -1;
}

static void free_part(gpointer bound)
{
    bound_free(bound);
}

static struct bound *bound_blank(enum binding binding, const struct schema_node *node,
                                 const struct field *field)
{
    struct bound *bound = g_new0(struct bound, 1);

    bound->binding = binding;
    bound->node = node;
    bound->field = field;
    bound->parts = g_ptr_array_new_with_free_func(free_part);
    return bound;
}

/* The first field of that name; the branches of a union share theirs. */
static const struct field *field_named(const struct shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (g_str_equal(shape->fields[i].name, name))
            return &shape->fields[i];
    return NULL;
}

/* The field of that name which can hold a value of `node`. */
static const struct field *field_fitting(const struct shape *shape, const char *name,
                                         const struct schema_node *node)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (g_str_equal(shape->fields[i].name, name) &&
            field_fits(&shape->fields[i], node))
            return &shape->fields[i];
    return NULL;
}

/* A symbol that came after this reader is -1, unless our first word is "unknown", which is
 * made for that case. */
static GArray *words_bind(const struct field *field, const struct schema_node *node)
{
    GArray *words = g_array_new(false, false, sizeof(int));
    bool forgiving = g_str_equal(field->words[0], "unknown");

    for (guint i = 0; i < node->names->len; i++) {
        int value = words_find(field->words, g_ptr_array_index(node->names, i));

        if (value < 0 && forgiving)
            value = 0;
        g_array_append_val(words, value);
    }
    return words;
}

/* A value of `node`, which is no union and fits. */
static struct bound *bound_take(const struct schema_node *node, const struct field *field,
                                GError **error)
{
    g_autoptr(Bound) bound = NULL;

    if (node->type == SCHEMA_RECORD) {
        bound = bound_new(node, field->shape, error);
        if (!bound)
            return NULL;
        bound->field = field;
        return g_steal_pointer(&bound);
    }
    bound = bound_blank(BIND_TAKE, node, field);
    if (field->kind == FIELD_ENUM)
        bound->words = words_bind(field, node);
    if (field->kind == FIELD_RECORDS) {
        struct bound *item = bound_new(part_of(node, 0), field->shape, error);

        if (!item)
            return NULL;
        g_ptr_array_add(bound->parts, item);
    }
    return g_steal_pointer(&bound);
}

static struct bound *bound_branch(const struct schema_node *node,
                                  const struct shape *shape, const char *name,
                                  GError **error)
{
    const struct field *first = field_named(shape, name);
    const struct field *field = field_fitting(shape, name, node);

    if (field)
        return bound_take(node, field, error);
    if (node->type == SCHEMA_NULL && first->kind != FIELD_BRANCH)
        return bound_blank(BIND_ABSENT, node, first);
    return bound_blank(BIND_REFUSE, node, NULL);
}

static struct bound *bound_union(const struct schema_node *node,
                                 const struct shape *shape, const char *name,
                                 GError **error)
{
    g_autoptr(Bound) bound = bound_blank(BIND_TAKE, node, NULL);

    for (guint i = 0; i < node->nodes->len; i++) {
        struct bound *branch = bound_branch(part_of(node, i), shape, name, error);

        if (!branch)
            return NULL;
        g_ptr_array_add(bound->parts, branch);
    }
    return g_steal_pointer(&bound);
}

static struct bound *bound_field(const struct schema_node *node,
                                 const struct shape *shape, const char *name,
                                 GError **error)
{
    const struct field *field = field_fitting(shape, name, node);

    if (!field_named(shape, name))
        return bound_blank(BIND_SKIP, node, NULL);
    if (node->type == SCHEMA_UNION)
        return bound_union(node, shape, name, error);
    if (field)
        return bound_take(node, field, error);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                "the writer has another type for it");
    return NULL;
}

/* Notes what the writer does not have.  A union of branches has no default. */
static bool note_lacking(struct bound *bound, GError **error)
{
    for (size_t i = 0; i < bound->shape->n_fields; i++) {
        const struct field *field = &bound->shape->fields[i];

        if (g_ptr_array_find_with_equal_func(bound->node->names, field->name, g_str_equal,
                                             NULL))
            continue;
        if (field->kind == FIELD_BRANCH) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                        "the writer has no %s.%s", bound->shape->name, field->name);
            return false;
        }
        g_ptr_array_add(bound->lacking, (gpointer)field);
    }
    return true;
}

struct bound *bound_new(const struct schema_node *node, const struct shape *shape,
                        GError **error)
{
    g_autoptr(Bound) bound = bound_blank(BIND_TAKE, node, NULL);

    if (node->type != SCHEMA_RECORD) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "the writer has no record");
        return NULL;
    }
    bound->shape = shape;
    bound->lacking = g_ptr_array_new();
    for (guint i = 0; i < node->names->len; i++) {
        const char *name = g_ptr_array_index(node->names, i);
        struct bound *part = bound_field(part_of(node, i), shape, name, error);

        if (!part) {
            g_prefix_error(error, "%s.%s: ", shape->name, name);
            return NULL;
        }
        g_ptr_array_add(bound->parts, part);
    }
    return note_lacking(bound, error) ? g_steal_pointer(&bound) : NULL;
}

void bound_free(struct bound *bound)
{
    if (!bound)
        return;
    g_ptr_array_unref(bound->parts);
    g_clear_pointer(&bound->lacking, g_ptr_array_unref);
    g_clear_pointer(&bound->words, g_array_unref);
    g_free(bound);
}
