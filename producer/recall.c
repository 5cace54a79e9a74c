/*
 * recall.c - where an id was seen first.
 *
 * Two tables: when the newer one is full, the older one is thrown away.
 */
#include "recall.h"

#define OFFSET_BITS 44 /* of a place in one number; the rest is the partition */
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)

G_STATIC_ASSERT(sizeof(void *) >= sizeof(uint64_t));

struct recall {
    guint most;
    GHashTable *newer, *older; /* hash of an id → place, both as pointers */
};

static GHashTable *table_new(void)
{
    return g_hash_table_new(g_direct_hash, g_direct_equal);
}

struct recall *recall_new(guint most)
{
    struct recall *recall = g_new0(struct recall, 1);
    recall->most = most;
    recall->newer = table_new();
    recall->older = table_new();
    return recall;
}

void recall_free(struct recall *recall)
{
    if (!recall)
        return;
    g_hash_table_unref(recall->newer);
    g_hash_table_unref(recall->older);
    g_free(recall);
}

/* FNV-1a.  As a pointer, so that an entry takes no memory of its own. */
static void *hash_of(const char *id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = id; *c; c++)
        hash = (hash ^ (guint8)*c) * UINT64_C(0x100000001b3);
    return (void *)(uintptr_t)hash;
}

bool recall_find(const struct recall *recall, const char *id, struct place *ret_place)
{
    const void *hash = hash_of(id);
    void *found = NULL;
    if (!g_hash_table_lookup_extended(recall->newer, hash, NULL, &found) &&
        !g_hash_table_lookup_extended(recall->older, hash, NULL, &found))
        return false;
    uint64_t packed = (uint64_t)(uintptr_t)found;
    *ret_place = (struct place){.partition = (int32_t)(packed >> OFFSET_BITS),
                                .offset = (int64_t)(packed & OFFSET_MASK)};
    return true;
}

void recall_note(struct recall *recall, const char *id, const struct place *place)
{
    if (g_hash_table_size(recall->newer) >= recall->most) {
        g_hash_table_unref(recall->older);
        recall->older = recall->newer;
        recall->newer = table_new();
    }
    uint64_t packed = (uint64_t)place->partition << OFFSET_BITS | (uint64_t)place->offset;
    g_hash_table_insert(recall->newer, hash_of(id), (void *)(uintptr_t)packed);
}
