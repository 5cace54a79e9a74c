/*
 * log_limit.c - a count of lines for each name.
 *
 * The names stand in the program's text, so the table stays as small as it is.
 */
#include "log_limit.h"

struct count {
    int64_t until_ms; /* the end of its span */
    guint written, left_out;
};

struct log_limit {
    guint most;
    int64_t span_ms;
    GHashTable *counts; /* name → struct count */
    guint holding;      /* names with lines left out */
};

struct log_limit *log_limit_new(guint most, int64_t span_ms)
{
    struct log_limit *limit = g_new0(struct log_limit, 1);
    limit->most = most;
    limit->span_ms = span_ms;
    limit->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return limit;
}

void log_limit_free(struct log_limit *limit)
{
    g_hash_table_unref(limit->counts);
    g_free(limit);
}

static struct count *count_of(struct log_limit *limit, const char *what)
{
    struct count *count = g_hash_table_lookup(limit->counts, what);
    if (!count) {
        count = g_new0(struct count, 1);
        g_hash_table_insert(limit->counts, g_strdup(what), count);
    }
    return count;
}

bool log_limit_take(struct log_limit *limit, const char *what, int64_t now_ms)
{
    struct count *count = count_of(limit, what);
    if (now_ms >= count->until_ms) {
        count->until_ms = now_ms + limit->span_ms;
        count->written = 0;
    }
    if (count->written < limit->most) {
        count->written++;
        return true;
    }
    if (count->left_out++ == 0)
        limit->holding++;
    return false;
}

bool log_limit_tell(struct log_limit *limit, int64_t now_ms, const char **ret_what,
                    guint *ret_left_out)
{
    GHashTableIter each;
    gpointer what, value;
    if (limit->holding == 0)
        return false;
    g_hash_table_iter_init(&each, limit->counts);
    while (g_hash_table_iter_next(&each, &what, &value)) {
        struct count *count = value;
        if (count->left_out == 0 || now_ms < count->until_ms)
            continue;
        *ret_what = what;
        *ret_left_out = count->left_out;
        count->left_out = 0;
        limit->holding--;
        return true;
    }
    return false;
}
