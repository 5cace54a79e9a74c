/*
 * limiter.c - how often somebody may.
 */
#include "limiter.h"

struct bucket {
    double left;
    int64_t at_us;
};

struct limiter {
    double burst;
    double per_second;
    GHashTable *buckets; /* key → struct bucket */
};

struct limiter *limiter_new(double burst, double per_second)
{
    struct limiter *limiter = g_new0(struct limiter, 1);
    limiter->burst = burst;
    limiter->per_second = per_second;
    limiter->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    if (!limiter)
        return;
    g_hash_table_unref(limiter->buckets);
    g_free(limiter);
}

static double left_by(const struct limiter *limiter, const struct bucket *bucket,
                      int64_t now_us)
{
    double refilled = (double)(now_us - bucket->at_us) / 1e6 * limiter->per_second;
    return MIN(bucket->left + refilled, limiter->burst);
}

/* Full buckets are as good as none.  Where all are in use, all are forgotten: whoever has so
 * many addresses is not held back by this anyway. */
static void make_room(struct limiter *limiter, int64_t now_us)
{
    GHashTableIter iter;
    void *value;
    if (g_hash_table_size(limiter->buckets) < LIMITER_KEYS)
        return;
    g_hash_table_iter_init(&iter, limiter->buckets);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (left_by(limiter, value, now_us) >= limiter->burst)
            g_hash_table_iter_remove(&iter);
    if (g_hash_table_size(limiter->buckets) >= LIMITER_KEYS)
        g_hash_table_remove_all(limiter->buckets);
}

static int64_t wait_of(const struct limiter *limiter, double left)
{
    return left >= 1 ? 0 : 1 + (int64_t)((1 - left) / limiter->per_second * 1000);
}

int64_t limiter_look(struct limiter *limiter, const char *key, int64_t now_us)
{
    const struct bucket *bucket = g_hash_table_lookup(limiter->buckets, key);
    return bucket ? wait_of(limiter, left_by(limiter, bucket, now_us)) : 0;
}

int64_t limiter_take(struct limiter *limiter, const char *key, int64_t now_us)
{
    struct bucket *bucket = g_hash_table_lookup(limiter->buckets, key);
    if (!bucket) {
        make_room(limiter, now_us);
        bucket = g_new0(struct bucket, 1);
        *bucket = (struct bucket){limiter->burst, now_us};
        g_hash_table_insert(limiter->buckets, g_strdup(key), bucket);
    }
    bucket->left = left_by(limiter, bucket, now_us);
    bucket->at_us = now_us;
    int64_t wait_ms = wait_of(limiter, bucket->left);
    if (wait_ms == 0)
        bucket->left -= 1;
    return wait_ms;
}
