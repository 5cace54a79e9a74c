/*
 * door.c - who is connected, from where, and how much each may hold.
 *
 * Some thousands of connections at most, so that looking at all of them costs nothing that a
 * new one would notice.
 */
#include "door.h"

struct door_link {
    char *whence; /* NULL: a proxy */
    int fd;
    enum door_stage stage;
    bool ended; /* about to go: counts no more */
    int64_t since_us;
};

struct door {
    struct door_limits limits;
    GHashTable *links;  /* struct door_link */
    GHashTable *counts; /* address → how many of them (as a pointer) */
    GHashTable *held;   /* address → bytes (as a pointer) */
    guint count;
    size_t bytes;
};

static const int seconds_of[] = {
    [DOOR_HEAD] = DOOR_HEAD_SECONDS,
    [DOOR_BODY] = DOOR_BODY_SECONDS,
    [DOOR_ANSWER] = DOOR_ANSWER_SECONDS,
};

static void link_free(void *data)
{
    struct door_link *link = data;
    g_free(link->whence);
    g_free(link);
}

struct door *door_new(const struct door_limits *limits)
{
    struct door *door = g_new0(struct door, 1);
    door->limits = *limits;
    door->links = g_hash_table_new_full(NULL, NULL, link_free, NULL);
    door->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    door->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return door;
}

void door_free(struct door *door)
{
    if (!door)
        return;
    g_hash_table_unref(door->links);
    g_hash_table_unref(door->counts);
    g_hash_table_unref(door->held);
    g_free(door);
}

guint door_count(const struct door *door)
{
    return door->count;
}

/* --- By address ---------------------------------------------------------------------------- */

static size_t get(GHashTable *table, const char *whence)
{
    return whence ? GPOINTER_TO_SIZE(g_hash_table_lookup(table, whence)) : 0;
}

/* None is no entry, so that addresses are forgotten. */
static void put(GHashTable *table, const char *whence, size_t number)
{
    if (!whence)
        return;
    if (number == 0)
        g_hash_table_remove(table, whence);
    else
        g_hash_table_insert(table, g_strdup(whence), GSIZE_TO_POINTER(number));
}

static const char *busiest(const struct door *door)
{
    GHashTableIter iter;
    void *whence, *count;
    const char *found = NULL;
    size_t most = 0;
    g_hash_table_iter_init(&iter, door->counts);
    while (g_hash_table_iter_next(&iter, &whence, &count)) {
        if (GPOINTER_TO_SIZE(count) <= most)
            continue;
        found = whence;
        most = GPOINTER_TO_SIZE(count);
    }
    return found;
}

/* --- Connections ----------------------------------------------------------------------------- */

static bool is_before(const struct door_link *a, const struct door_link *b)
{
    return a->stage != b->stage ? a->stage < b->stage : a->since_us < b->since_us;
}

/* The one that may best be ended; `whence` NULL: of any address.  NULL: none may. */
static struct door_link *first_to_go(const struct door *door, const char *whence)
{
    GHashTableIter iter;
    void *key;
    struct door_link *first = NULL;
    g_hash_table_iter_init(&iter, door->links);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        struct door_link *link = key;
        if (link->ended || link->stage == DOOR_OURS ||
            (whence && g_strcmp0(link->whence, whence) != 0))
            continue;
        if (!first || is_before(link, first))
            first = link;
    }
    return first;
}

static void stop_counting(struct door *door, struct door_link *link)
{
    if (link->ended)
        return;
    link->ended = true;
    door->count--;
    put(door->counts, link->whence, get(door->counts, link->whence) - 1);
}

static struct door_link *first_to_go_of_all(const struct door *door)
{
    const char *most = busiest(door);
    struct door_link *first = most ? first_to_go(door, most) : NULL;
    return first ? first : first_to_go(door, NULL);
}

bool door_admit(struct door *door, const char *whence, int *ret_fd)
{
    struct door_link *goes = NULL;
    bool one_is_full = get(door->counts, whence) >= door->limits.links_of_one;
    *ret_fd = -1;
    if (!one_is_full && door->count < door->limits.links)
        return true;
    goes = one_is_full ? first_to_go(door, whence) : first_to_go_of_all(door);
    if (!goes)
        return false;
    *ret_fd = goes->fd;
    stop_counting(door, goes);
    return true;
}

struct door_link *door_enter(struct door *door, const char *whence, int fd,
                             int64_t now_us)
{
    struct door_link *link = g_new0(struct door_link, 1);
    link->whence = g_strdup(whence);
    link->fd = fd;
    link->since_us = now_us;
    g_hash_table_add(door->links, link);
    door->count++;
    put(door->counts, whence, get(door->counts, whence) + 1);
    return link;
}

void door_leave(struct door *door, struct door_link *link)
{
    stop_counting(door, link);
    g_hash_table_remove(door->links, link);
}

void door_move(struct door_link *link, enum door_stage stage, int64_t now_us)
{
    link->stage = stage;
    link->since_us = now_us;
}

GArray *door_overdue(struct door *door, int64_t now_us)
{
    GHashTableIter iter;
    void *key;
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_hash_table_iter_init(&iter, door->links);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        struct door_link *link = key;
        if (link->ended || link->stage == DOOR_OURS ||
            now_us - link->since_us < seconds_of[link->stage] * G_USEC_PER_SEC)
            continue;
        stop_counting(door, link);
        g_array_append_val(fds, link->fd);
    }
    return fds;
}

/* --- Bytes -------------------------------------------------------------------------------------- */

bool door_hold(struct door *door, const char *whence, size_t bytes)
{
    size_t of_one = get(door->held, whence);
    if (bytes > door->limits.bytes_of_one - of_one ||
        bytes > door->limits.bytes - door->bytes)
        return false;
    door->bytes += bytes;
    put(door->held, whence, of_one + bytes);
    return true;
}

void door_release(struct door *door, const char *whence, size_t bytes)
{
    door->bytes -= bytes;
    put(door->held, whence, get(door->held, whence) - bytes);
}
