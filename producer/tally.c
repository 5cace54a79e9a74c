/*
 * tally.c - how many of something each has at a time.
 */
#include "tally.h"

struct tally {
    guint of_one, of_all;
    guint count;
    GHashTable *counts; /* key → how many (as a pointer) */
};

struct tally *tally_new(guint of_one, guint of_all)
{
    struct tally *tally = g_new0(struct tally, 1);
    tally->of_one = of_one;
    tally->of_all = of_all;
    tally->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    g_hash_table_unref(tally->counts);
    g_free(tally);
}

bool tally_take(struct tally *tally, const char *key)
{
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(tally->counts, key));
    if (count >= tally->of_one || tally->count >= tally->of_all)
        return false;
    g_hash_table_insert(tally->counts, g_strdup(key), GUINT_TO_POINTER(count + 1));
    tally->count++;
    return true;
}

void tally_give(struct tally *tally, const char *key)
{
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(tally->counts, key));
    g_assert(count > 0);
    tally->count--;
    if (count == 1)
        g_hash_table_remove(tally->counts, key);
    else
        g_hash_table_insert(tally->counts, g_strdup(key), GUINT_TO_POINTER(count - 1));
}

guint tally_count(const struct tally *tally)
{
    return tally->count;
}
