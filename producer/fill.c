/*
 * fill.c - the texts of a profile: literal ones, and {placeholders} that are filled.
 */
#include "fill.h"

#include "resolve.h"

#include <string.h>

bool fill_complain(GError **error, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, RESOLVE_ERROR, code, text);
    return false;
}

bool resolve_knows_word(const char *name)
{
    g_autofree char *braced = g_strdup_printf("{%s}", name);

    return *name && !strpbrk(name, "{}, ") && strstr(RESOLVE_WORDS, braced);
}

/* --- The grammar ------------------------------------------------------------------------ */

enum piece { PIECE_END, PIECE_TEXT, PIECE_WORD, PIECE_WRONG };

/* The next piece from `*at`, which moves behind it; a doubled brace is a text of one. */
static enum piece next_piece(const char **at, const char **ret_from, size_t *ret_length)
{
    const char *from = *at;
    const size_t plain = strcspn(from, "{}");
    const bool doubled = from[plain] && from[plain + 1] == from[plain];

    *ret_from = from;
    *ret_length = plain + doubled;
    *at = from + plain + (doubled ? 2 : 0);
    if (plain > 0 || doubled)
        return PIECE_TEXT;
    if (!*from)
        return PIECE_END;
    const char *close = *from == '{' ? strchr(from, '}') : NULL;
    if (!close)
        return PIECE_WRONG;
    *ret_from = from + 1;
    *ret_length = (size_t)(close - from - 1);
    *at = close + 1;
    return PIECE_WORD;
}

static bool complain_of_brace(const char *field, const char *from, GError **error)
{
    return fill_complain(
        error, RESOLVE_ERROR_PROFILE,
        "%s: '%.80s' is no placeholder; known: %s; a brace of its own is "
        "written twice, {{ or }}",
        field, from, RESOLVE_WORDS);
}

bool fill_check(const char *field, const char *text, GError **error)
{
    const char *at = text, *from;
    size_t length;

    for (;;) {
        const char *begin = at;
        const enum piece piece = next_piece(&at, &from, &length);
        g_autofree char *name = g_strndup(from, length);
        if (piece == PIECE_END)
            return true;
        if (piece == PIECE_WRONG || (piece == PIECE_WORD && !resolve_knows_word(name)))
            return complain_of_brace(field, begin, error);
    }
}

bool fill_uses(const char *text, const char *word)
{
    const char *at = text, *from;
    size_t length;
    enum piece piece;

    while ((piece = next_piece(&at, &from, &length)) == PIECE_TEXT || piece == PIECE_WORD)
        if (piece == PIECE_WORD && strlen(word) == length && !strncmp(from, word, length))
            return true;
    return false;
}

/* --- Filling ---------------------------------------------------------------------------- */

void fill_word(GHashTable *words, const char *name, const char *value)
{
    g_hash_table_insert(words, (char *)name, g_strdup(value ? value : ""));
}

void fill_word_number(GHashTable *words, const char *name, int64_t value)
{
    g_hash_table_insert(words, (char *)name,
                        value ? g_strdup_printf("%" G_GINT64_FORMAT, value)
                              : g_strdup(""));
}

static bool append_word(GString *out, const struct filling *at, const char *field,
                        const char *name, GError **error)
{
    const char *value = g_hash_table_lookup(at->words, name);

    if (!value) /* one that is made of what stands here, or after it */
        return fill_complain(error, RESOLVE_ERROR_PROFILE,
                             "profile: %s: {%s} is not known here yet; take what the "
                             "record gives, such as {name} or {id}",
                             field, name);
    g_string_append(out, value);
    return *value || fill_complain(error, RESOLVE_ERROR_RECORD,
                                   "%s: is needed for %s and not given", name, field);
}

char *fill(const struct filling *at, const char *field, const char *text, GError **error)
{
    g_autofree char *place = g_strdup_printf("profile: %s", field);
    g_autoptr(GString) out = g_string_new("");
    const char *rest = text, *from;
    size_t length;
    enum piece piece;

    if (!fill_check(place, text, error))
        return NULL;
    while ((piece = next_piece(&rest, &from, &length)) != PIECE_END) {
        g_autofree char *part = g_strndup(from, length);
        if (piece == PIECE_TEXT)
            g_string_append(out, part);
        else if (!append_word(out, at, field, part, error))
            return NULL;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

char *fill_member(const struct filling *at, const json_t *object, const char *field,
                  const char *otherwise, GError **error)
{
    const json_t *value = json_object_get(object, field);
    const char *text = value ? json_string_value(value) : otherwise;

    if (!text) {
        fill_complain(error, RESOLVE_ERROR_PROFILE, "profile: %s: must be a string",
                      field);
        return NULL;
    }
    return fill(at, field, text, error);
}

bool fill_number(const struct filling *at, const json_t *object, const char *field,
                 int64_t *ret_number, GError **error)
{
    const json_t *value = json_object_get(object, field);

    if (!value || json_is_integer(value)) {
        *ret_number = value ? json_integer_value(value) : 0;
        return true;
    }
    g_autofree char *text = fill_member(at, object, field, NULL, error);
    if (!text || g_ascii_string_to_signed(text, 10, 0, INT64_MAX, ret_number, NULL))
        return text != NULL;
    return fill_complain(error, RESOLVE_ERROR_PROFILE, "profile: %s: '%s' is no number",
                         field, text);
}

bool fill_flag(const json_t *object, const char *field, bool otherwise)
{
    const json_t *value = json_object_get(object, field);

    return value ? json_is_true(value) : otherwise;
}

bool fill_texts(const struct filling *at, const char *place, const json_t *list,
                GPtrArray *texts, GError **error)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return fill_complain(error, RESOLVE_ERROR_PROFILE,
                                 "profile: %s: must be a list of strings", place);
        char *text = fill(at, place, json_string_value(item), error);
        if (!text)
            return false;
        g_ptr_array_add(texts, text);
    }
    return true;
}

bool fill_pairs(const struct filling *at, const json_t *object, GPtrArray *pairs,
                GError **error)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        g_autofree char *text = fill_member(at, object, key, NULL, error);
        if (!text)
            return false;
        pairs_set(pairs, key, text);
    }
    return true;
}

bool fill_list(const struct filling *at, const char *field, fill_item one, GError **error)
{
    json_t *list = json_object_get(at->profile, field);
    size_t i;
    json_t *item;

    if (list && !json_is_array(list))
        return fill_complain(error, RESOLVE_ERROR_PROFILE, "profile: %s: must be a list",
                             field);
    json_array_foreach(list, i, item) if (!one(at, item, error)) return false;
    return true;
}
