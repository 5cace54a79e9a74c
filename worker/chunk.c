/*
 * chunk.c - cuts the lists of a Sync by the bytes that they take.
 */
#include "chunk.h"

#include "shape.h"

#include <string.h>

static const struct {
    size_t offset;
    const struct shape *shape; /* NULL: strings */
} lists[] = {
    {offsetof(struct sync, servers), &shape_listed},
    {offsetof(struct sync, pending), NULL},
    {offsetof(struct sync, unknown), NULL},
    {offsetof(struct sync, extra), &shape_found},
    {offsetof(struct sync, unmanaged), &shape_found},
    {offsetof(struct sync, data), &shape_found},
    {offsetof(struct sync, others), NULL},
};

#define STRING_BYTES 5 /* what comes before one of less than 32 GiB */

struct cut {
    const struct sync *whole;
    GPtrArray *chunks;
    size_t most;
    size_t bytes; /* of the last chunk */
};

static GPtrArray *list_of(const struct sync *sync, size_t index)
{
    return *(GPtrArray *const *)((const char *)sync + lists[index].offset);
}

static void set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

static void begin_chunk(struct cut *cut)
{
    const struct sync *whole = cut->whole;
    struct sync *chunk = sync_new();
    set_text(&chunk->sync_id, whole->sync_id);
    set_text(&chunk->code, whole->code);
    set_text(&chunk->message, whole->message);
    chunk->partition = whole->partition;
    chunk->partitions = whole->partitions;
    chunk->reason = whole->reason;
    chunk->listed_at = whole->listed_at;
    chunk->complete = whole->complete;
    chunk->seen = whole->seen;
    chunk->chunk = cut->chunks->len;
    g_ptr_array_add(cut->chunks, chunk);
    cut->bytes = 0;
}

static void add_item(struct cut *cut, size_t index, void *item_taken)
{
    const struct shape *shape = lists[index].shape;
    const size_t bytes = shape ? shape_bytes(shape, item_taken)
                               : STRING_BYTES + strlen(item_taken);
    if (cut->bytes > 0 && cut->bytes + bytes > cut->most)
        begin_chunk(cut);
    cut->bytes += bytes;
    g_ptr_array_add(list_of(g_ptr_array_index(cut->chunks, cut->chunks->len - 1), index),
                    item_taken);
}

GPtrArray *chunk_sync(struct sync *whole_taken, size_t most)
{
    g_autoptr(Sync) whole = whole_taken;
    struct cut cut = {
        .whole = whole,
        .chunks = g_ptr_array_new_with_free_func((GDestroyNotify)sync_free),
        .most = most,
    };
    begin_chunk(&cut);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        size_t n;
        g_autofree void **items = g_ptr_array_steal(list_of(whole, i), &n);
        for (size_t j = 0; j < n; j++)
            add_item(&cut, i, items[j]);
    }
    for (guint i = 0; i < cut.chunks->len; i++)
        ((struct sync *)g_ptr_array_index(cut.chunks, i))->chunks = cut.chunks->len;
    return cut.chunks;
}
