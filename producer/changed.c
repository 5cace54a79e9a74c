/*
 * changed.c - which fields of a row somebody has changed, by name.
 */
#include "changed.h"

#include "numbers.h"

#include <jansson.h>
#include <string.h>

struct texts {
    const char *name, *before, *after;
};

struct counts {
    const char *name;
    int64_t before, after;
};

static bool is_same(const char *one, const char *other)
{
    return g_strcmp0(one ? one : "", other ? other : "") == 0;
}

static void add_texts(GPtrArray *names, const struct texts *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_same(texts[i].before, texts[i].after))
            g_ptr_array_add(names, g_strdup(texts[i].name));
}

static void add_counts(GPtrArray *names, const struct counts *counts, size_t n_counts)
{
    for (size_t i = 0; i < n_counts; i++)
        if (counts[i].before != counts[i].after)
            g_ptr_array_add(names, g_strdup(counts[i].name));
}

/* What is in `config` and not, or otherwise, in `beside`; with `gone` only what is not at all. */
static void add_config(GPtrArray *names, const json_t *config, const json_t *beside,
                       bool gone)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)config, key, value)
    {
        const json_t *there = json_object_get(beside, key);
        if (gone ? !there : !json_equal(value, there))
            g_ptr_array_add(names, g_strconcat("config.", key, NULL));
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_configs(GPtrArray *names, const char *before, const char *after)
{
    json_auto_t *old = numbers_load(before, strlen(before), 0, NULL);
    json_auto_t *new = numbers_load(after, strlen(after), 0, NULL);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    add_config(found, new, old, false);
    add_config(found, old, new, true);
    g_ptr_array_sort(found, by_name);
    g_ptr_array_extend_and_steal(names, g_steal_pointer(&found));
}

GPtrArray *changed_in_server(const struct server_row *before,
                             const struct server_row *after)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    if (!before)
        return names;
    const struct texts texts[] = {
        {"name", before->name, after->name},
        {"profile", before->profile, after->profile},
        {"image", before->image, after->image},
        {"image_tag", before->image_tag, after->image_tag},
        {"server_data_path", before->server_data_path, after->server_data_path},
        {"on_missing", before->on_missing, after->on_missing},
    };
    const struct counts counts[] = {
        {"game_port", before->game_port, after->game_port},
        {"udp_port", before->udp_port, after->udp_port},
        {"rcon_port", before->rcon_port, after->rcon_port},
    };
    add_texts(names, texts, G_N_ELEMENTS(texts));
    add_counts(names, counts, G_N_ELEMENTS(counts));
    add_configs(names, before->config, after->config);
    return names;
}

GPtrArray *changed_in_agent(const struct agent_row *before, const struct agent_row *after)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    if (!before)
        return names;
    const struct texts texts[] = {
        {"name", before->name, after->name},
        {"steam_zomboid_registry", before->steam_zomboid_registry,
         after->steam_zomboid_registry},
        {"server_data_path", before->server_data_path, after->server_data_path},
        {"engine_id", before->engine_id, after->engine_id},
        {"on_missing", before->on_missing, after->on_missing},
    };
    const struct counts counts[] = {
        {"partitions", before->partitions, after->partitions}};
    add_texts(names, texts, G_N_ELEMENTS(texts));
    add_counts(names, counts, G_N_ELEMENTS(counts));
    return names;
}
