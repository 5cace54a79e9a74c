/*
 * hub.c - the ring of news, and the waits for single commands.
 *
 * Streams are in hub_stream.c.
 */
#include "hub_parts.h"

#include "place_id.h"

#include <string.h>

/* Who waits for a command. */
struct wait {
    char *command_id;
    int64_t deadline_us;
    hub_woken *woken;
    void *waiter;
};

static void wait_free(struct wait *wait)
{
    g_free(wait->command_id);
    g_free(wait);
}

static void item_free(struct item *item)
{
    g_free(item->agent_id);
    g_free(item->server_id);
    g_free(item->id);
    g_bytes_unref(item->text);
    g_free(item);
}

struct hub *hub_new(const char *tag, const int64_t *next, int32_t partitions)
{
    struct hub *hub = g_new0(struct hub, 1);
    g_mutex_init(&hub->mutex);
    hub->tag = g_strdup(tag);
    hub->partitions = partitions;
    hub->next = g_memdup2(next, (size_t)partitions * sizeof *next);
    hub->id = place_id_text(tag, next, partitions);
    hub->streams = g_ptr_array_new();
    hub->waits = g_ptr_array_new_with_free_func((GDestroyNotify)wait_free);
    hub->watched_us = -HUB_WATCHED_S * G_USEC_PER_SEC;
    g_queue_init(&hub->ring);
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    g_assert(hub->streams->len == 0);
    g_queue_clear_full(&hub->ring, (GDestroyNotify)item_free);
    g_ptr_array_unref(hub->streams);
    g_ptr_array_unref(hub->waits);
    g_mutex_clear(&hub->mutex);
    g_free(hub->next);
    g_free(hub->id);
    g_free(hub->tag);
    g_free(hub);
}

int32_t hub_partitions(const struct hub *hub)
{
    return hub->partitions;
}

const char *hub_tag(const struct hub *hub)
{
    return hub->tag;
}

void hub_places(struct hub *hub, int64_t *ret_next)
{
    g_mutex_lock(&hub->mutex);
    memcpy(ret_next, hub->next, (size_t)hub->partitions * sizeof *ret_next);
    g_mutex_unlock(&hub->mutex);
}

int64_t hub_count(struct hub *hub)
{
    g_mutex_lock(&hub->mutex);
    int64_t count = hub->told;
    g_mutex_unlock(&hub->mutex);
    return count;
}

void hub_figures(struct hub *hub, struct hub_figures *ret_figures)
{
    g_mutex_lock(&hub->mutex);
    *ret_figures = (struct hub_figures){hub->streams->len, hub->waits->len, hub->dropped,
                                        hub->told};
    g_mutex_unlock(&hub->mutex);
}

/* --- The ring: seq `first` … `end` - 1 ---------------------------------------------------------- */

static void drop_first(struct hub *hub)
{
    struct item *item = g_queue_pop_head(&hub->ring);
    hub->bytes -= g_bytes_get_size(item->text);
    hub->first++;
    item_free(item);
}

static void clear_ring(struct hub *hub)
{
    while (!g_queue_is_empty(&hub->ring))
        drop_first(hub);
}

static void add(struct hub *hub, struct item *item)
{
    g_queue_push_tail(&hub->ring, item);
    hub->bytes += g_bytes_get_size(item->text);
    hub->end++;
    while (g_queue_get_length(&hub->ring) > HUB_ITEMS ||
           (hub->bytes > HUB_BYTES && g_queue_get_length(&hub->ring) > 1))
        drop_first(hub);
    for (guint i = 0; i < hub->streams->len; i++)
        hub_stream_rouse(hub->streams->pdata[i]);
}

static struct item *item_new(enum news news, const char *agent_id, const char *server_id,
                             GString *text)
{
    struct item *item = g_new0(struct item, 1);
    item->news = news;
    item->agent_id = g_strdup(agent_id);
    item->server_id = g_strdup(server_id);
    item->text = g_string_free_to_bytes(text);
    return item;
}

static void pass(struct hub *hub, int32_t partition, int64_t offset)
{
    g_assert(partition < hub->partitions);
    hub->next[partition] = offset + 1;
    hub->told++;
    g_free(hub->id);
    hub->id = place_id_text(hub->tag, hub->next, hub->partitions);
}

void hub_pass(struct hub *hub, int32_t partition, int64_t offset)
{
    g_mutex_lock(&hub->mutex);
    clear_ring(hub); /* who goes on behind what is in it would miss this */
    pass(hub, partition, offset);
    for (guint i = 0; i < hub->streams->len; i++)
        hub_stream_set_behind(hub->streams->pdata[i]); /* came since hub_is_watched() */
    g_mutex_unlock(&hub->mutex);
}

void hub_tell_log(struct hub *hub, int32_t partition, int64_t offset,
                  const char *agent_id, const char *server_id, const char *json)
{
    GString *text = g_string_sized_new(strlen(json) + 128);
    g_mutex_lock(&hub->mutex);
    pass(hub, partition, offset);
    hub_message(text, hub->id, "log", json);
    struct item *item = item_new(NEWS_LOG, agent_id, server_id, text);
    item->id = g_strdup(hub->id);
    add(hub, item);
    g_mutex_unlock(&hub->mutex);
}

void hub_tell_row(struct hub *hub, enum news news, const char *agent_id,
                  const char *server_id, const char *json)
{
    GString *text = g_string_sized_new(strlen(json) + 128);
    hub_message(text, NULL, news == NEWS_SERVER ? "server" : "agent", json);
    g_mutex_lock(&hub->mutex);
    hub->told++;
    add(hub, item_new(news, agent_id, server_id, text));
    g_mutex_unlock(&hub->mutex);
}

bool hub_is_watched(struct hub *hub)
{
    int64_t now_us = g_get_monotonic_time();
    g_mutex_lock(&hub->mutex);
    if (hub->streams->len > 0)
        hub->watched_us = now_us;
    bool watched = now_us - hub->watched_us < HUB_WATCHED_S * G_USEC_PER_SEC;
    g_mutex_unlock(&hub->mutex);
    return watched;
}

/* JSON is written on one line, so it is one line of data. */
void hub_message(GString *text, const char *id, const char *event, const char *json)
{
    if (id)
        g_string_append_printf(text, "id: %s\n", id);
    g_string_append_printf(text, "event: %s\ndata: ", event);
    g_string_append(text, json);
    g_string_append(text, "\n\n");
}

/* --- Waits ---------------------------------------------------------------------------------- */

bool hub_wait(struct hub *hub, int64_t count, const char *command_id, int64_t deadline_us,
              hub_woken *woken, void *waiter)
{
    g_mutex_lock(&hub->mutex);
    bool good = hub->told == count && !hub->closed;
    if (good) {
        struct wait *wait = g_new0(struct wait, 1);
        *wait = (struct wait){g_strdup(command_id), deadline_us, woken, waiter};
        g_ptr_array_add(hub->waits, wait);
    }
    g_mutex_unlock(&hub->mutex);
    return good;
}

/* Takes those out whose time has come, or (`command_id` not NULL) who wait for that one. */
static GPtrArray *take_waits(struct hub *hub, const char *command_id, int64_t now_us)
{
    GPtrArray *taken = g_ptr_array_new_with_free_func((GDestroyNotify)wait_free);
    for (guint i = hub->waits->len; i > 0; i--) {
        struct wait *wait = hub->waits->pdata[i - 1];
        bool due = command_id ? g_str_equal(wait->command_id, command_id)
                              : hub->closed || wait->deadline_us <= now_us;
        if (due)
            g_ptr_array_add(taken, g_ptr_array_steal_index_fast(hub->waits, i - 1));
    }
    return taken;
}

static void wake(GPtrArray *taken)
{
    for (guint i = 0; i < taken->len; i++) {
        struct wait *wait = taken->pdata[i];
        wait->woken(wait->waiter);
    }
    g_ptr_array_unref(taken);
}

void hub_tell_command(struct hub *hub, const char *command_id)
{
    g_mutex_lock(&hub->mutex);
    hub->told++;
    GPtrArray *taken = take_waits(hub, command_id, 0);
    g_mutex_unlock(&hub->mutex);
    wake(taken);
}

void hub_tick(struct hub *hub)
{
    int64_t now_us = g_get_monotonic_time();
    g_mutex_lock(&hub->mutex);
    GPtrArray *taken = take_waits(hub, NULL, now_us);
    for (guint i = 0; i < hub->streams->len; i++)
        hub_stream_beat(hub->streams->pdata[i], now_us);
    g_mutex_unlock(&hub->mutex);
    wake(taken);
}

void hub_check(struct hub *hub, bool (*holds)(void *context, const char *owner),
               void *context)
{
    g_mutex_lock(&hub->mutex);
    for (guint i = 0; i < hub->streams->len; i++) {
        struct hub_stream *stream = hub->streams->pdata[i];
        const char *owner = hub_stream_owner(stream);
        if (owner && !holds(context, owner))
            hub_stream_end(stream);
    }
    g_mutex_unlock(&hub->mutex);
}

void hub_close(struct hub *hub)
{
    g_mutex_lock(&hub->mutex);
    hub->closed = true;
    for (guint i = 0; i < hub->streams->len; i++)
        hub_stream_end(hub->streams->pdata[i]);
    GPtrArray *taken = take_waits(hub, NULL, 0);
    g_mutex_unlock(&hub->mutex);
    wake(taken);
}
