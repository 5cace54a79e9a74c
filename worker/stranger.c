/*
 * stranger.c - a container that is no server's canonical one, as a Sync tells of it.
 */
#include "stranger.h"

#include "masked.h"
#include "shape.h"

#include <jansson.h>
#include <string.h>

#define MORE "…"

static void set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

/* --- From a list ------------------------------------------------------------------------- */

static void tell_mounts_and_ports(struct found *found, const struct container *seen)
{
    g_autoptr(State) state = container_state(seen, MAYBE_UNKNOWN);
    g_ptr_array_extend_and_steal(found->mounts, g_steal_pointer(&state->mounts));
    g_ptr_array_extend_and_steal(found->ports, g_steal_pointer(&state->ports));
    state->mounts = g_ptr_array_new();
    state->ports = g_ptr_array_new();
}

struct found *stranger_listed(const struct container *seen)
{
    struct found *found = found_new();
    set_text(&found->server_id, seen->server_id);
    set_text(&found->container_id, seen->id);
    set_text(&found->name, seen->name);
    set_text(&found->status, container_status_name(seen->status));
    set_text(&found->image, seen->image);
    if (*seen->server_id == '\0')
        tell_mounts_and_ports(found, seen);
    return found;
}

struct found *stranger_known(const struct container *seen, const struct found *looked)
{
    struct found *found = shape_dup(&shape_found, looked);
    set_text(&found->name, seen->name);
    set_text(&found->status, container_status_name(seen->status));
    return found;
}

/* --- From a look --------------------------------------------------------------------------- */

/* Cut at a character's end. */
static char *bounded(const char *text, size_t length)
{
    if (length <= STRANGER_WORD_MAX)
        return g_strndup(text, length);
    const char *end = g_utf8_find_prev_char(text, text + STRANGER_WORD_MAX + 1);
    g_autofree char *begin = g_strndup(text, (gsize)(end - text));
    return g_strconcat(begin, MORE, NULL);
}

/* False: there were as many as are told. */
static bool add_word(GPtrArray *words, const char *text, size_t length)
{
    const bool fits = words->len < STRANGER_WORDS_MAX;
    g_ptr_array_add(words, fits ? bounded(text, length) : g_strdup(MORE));
    return fits;
}

static bool has_text(json_t *list, const char *text)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (g_strcmp0(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

/* One that has its image's value is the image's. */
static void tell_env_names(struct found *found, json_t *env, json_t *of_image)
{
    size_t i;
    json_t *item;
    json_array_foreach(env, i, item)
    {
        const char *text = json_string_value(item);
        if (!text || has_text(of_image, text))
            continue;
        if (!add_word(found->env_names, text, strcspn(text, "=")))
            return;
    }
}

static void add_texts(GPtrArray *words, json_t *list)
{
    size_t i;
    json_t *item;
    if (json_is_string(list))
        g_ptr_array_add(words, g_strdup(json_string_value(list)));
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item))
            g_ptr_array_add(words, g_strdup(json_string_value(item)));
    }
}

static bool is_same(json_t *a, json_t *b)
{
    const bool none_a = json_is_null(a) || !a || json_array_size(a) == 0;
    const bool none_b = json_is_null(b) || !b || json_array_size(b) == 0;
    return none_a && none_b ? true : json_equal(a, b);
}

/* A password that was given as an argument is no part of it. */
static void tell_words(GPtrArray *to, json_t *list)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    add_texts(words, list);
    g_autoptr(GPtrArray) told = masked_words(words);
    for (guint i = 0; i < told->len; i++)
        if (!add_word(to, told->pdata[i], strlen(told->pdata[i])))
            return;
}

static void tell_command(struct found *found, json_t *config, json_t *of_image)
{
    json_t *entrypoint = json_object_get(config, "Entrypoint");
    json_t *command = json_object_get(config, "Cmd");
    const bool entered = !is_same(entrypoint, json_object_get(of_image, "Entrypoint"));
    if (entered)
        tell_words(found->entrypoint, entrypoint);
    if (entered || !is_same(command, json_object_get(of_image, "Cmd")))
        tell_words(found->command, command);
}

static void tell_config(struct found *found, const char *container, size_t length,
                        const char *image, size_t image_length)
{
    json_auto_t *inspected = json_loadb(container, length, 0, NULL);
    json_auto_t *shown = image ? json_loadb(image, image_length, 0, NULL) : NULL;
    json_t *config = json_object_get(inspected, "Config");
    json_t *of_image = json_object_get(shown, "Config");
    tell_env_names(found, json_object_get(config, "Env"),
                   json_object_get(of_image, "Env"));
    if (shown)
        tell_command(found, config, of_image);
}

struct found *stranger_looked(const char *container, size_t length, const char *image,
                              size_t image_length)
{
    g_autoptr(Container) seen = container_parse(container, length, NULL);
    if (!seen)
        return NULL;
    struct found *found = stranger_listed(seen);
    set_text(&found->restart_policy, *seen->restart_policy ? seen->restart_policy : "no");
    tell_config(found, container, length, image, image_length);
    return found;
}
