/*
 * recent.c - is this command the first of its id?
 */
#include "recent.h"

#include "contract.h"

struct recent {
    guint most;
    GQueue ids;        /* struct recent_id, by offset */
    GHashTable *first; /* id → struct recent_id: the first that bears it */
    int64_t begin;     /* all ids from this offset on are here; INT64_MAX: nothing is */
    int64_t begin_ms;  /* what was appended from then on does not lie before it */
};

struct recent_id *recent_id_new(const char *id, int64_t offset, int64_t append_ms)
{
    struct recent_id *recent_id = g_new0(struct recent_id, 1);
    recent_id->id = g_strdup(id);
    recent_id->offset = offset;
    recent_id->append_ms = append_ms;
    return recent_id;
}

void recent_id_free(void *gone)
{
    struct recent_id *recent_id = gone;
    g_free(recent_id->id);
    g_free(recent_id);
}

struct recent *recent_new(guint most)
{
    struct recent *recent = g_new0(struct recent, 1);
    recent->most = most;
    g_queue_init(&recent->ids);
    recent->first = g_hash_table_new(g_str_hash, g_str_equal);
    recent->begin = recent->begin_ms = INT64_MAX;
    return recent;
}

void recent_free(struct recent *recent)
{
    if (!recent)
        return;
    g_hash_table_unref(recent->first);
    g_queue_clear_full(&recent->ids, recent_id_free);
    g_free(recent);
}

int64_t recent_begin(const struct recent *recent)
{
    return recent->begin;
}

/* Before which time no record of that id can have been appended. */
static int64_t earliest(const char *id, int64_t append_ms)
{
    const int64_t made_ms = uuid7_ms(id);
    return made_ms == CONTRACT_NONE || made_ms > append_ms + RECENT_AHEAD_MS
               ? INT64_MIN
               : made_ms - RECENT_AHEAD_MS;
}

enum recent_said recent_judge(const struct recent *recent, const char *id, int64_t offset,
                              int64_t append_ms, int64_t *ret_from_ms)
{
    const struct recent_id *first = g_hash_table_lookup(recent->first, id);
    const int64_t from_ms = earliest(id, append_ms);
    if (first && first->offset < offset)
        return RECENT_REPEAT;
    if (first || from_ms >= recent->begin_ms)
        return RECENT_FIRST;
    *ret_from_ms = from_ms;
    return RECENT_UNSURE;
}

static void forget_oldest(struct recent *recent)
{
    while (recent->ids.length > recent->most) {
        struct recent_id *gone = g_queue_pop_head(&recent->ids);
        if (g_hash_table_lookup(recent->first, gone->id) == gone)
            g_hash_table_remove(recent->first, gone->id);
        recent->begin = gone->offset + 1;
        recent->begin_ms = MAX(recent->begin_ms, gone->append_ms + 1);
        recent_id_free(gone);
    }
}

void recent_note(struct recent *recent, const char *id, int64_t offset, int64_t append_ms)
{
    if (recent->begin == INT64_MAX) {
        recent->begin = offset;
        recent->begin_ms = append_ms + 1; /* others before it may be of the same moment */
    }
    if (g_hash_table_contains(recent->first, id))
        return;
    struct recent_id *noted = recent_id_new(id, offset, append_ms);
    g_queue_push_tail(&recent->ids, noted);
    g_hash_table_insert(recent->first, noted->id, noted);
    forget_oldest(recent);
}

void recent_extend(struct recent *recent, GQueue *found, int64_t from_ms, int64_t until)
{
    if (recent->begin == INT64_MAX)
        recent->begin = until;
    struct recent_id *last;
    while ((last = g_queue_pop_tail(found))) { /* an older one of the same id counts */
        g_queue_push_head(&recent->ids, last);
        g_hash_table_replace(recent->first, last->id, last);
        recent->begin = last->offset;
    }
    recent->begin_ms = MIN(recent->begin_ms, from_ms);
    forget_oldest(recent);
}
