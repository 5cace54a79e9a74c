/*
 * hub_stream.c - one reader of the news.
 *
 * What it reads comes from its own small buffer (the greeting; what it missed, bit by bit) or,
 * once it has caught up, straight out of the ring.
 */
#include "hub_parts.h"
#include "place_id.h"

#include <string.h>

#define BUFFER_MAX (256 * 1024)
#define BEAT       ":\n\n" /* a comment, for readers and proxies to see that it lives */

struct hub_stream {
    struct hub *hub;
    struct hub_stream_options options;
    char *agent_id;
    char *server_id;
    char *owner;
    int refs;
    int64_t at;      /* seq of the next item; while it is behind, none is taken */
    int64_t log_at;  /* seq of the first event that it did not get out of the log */
    int64_t *places; /* while it is behind */
    bool behind;
    bool filling; /* somebody is at it */
    bool asleep;
    bool over;
    bool beat;
    int64_t sent_us;
    GString *buffer;
    size_t buffer_at;
    GBytes *part; /* an item that went out in part */
    size_t part_at;
    void *filler;
    GDestroyNotify free_filler;
};

/* --- Begin and end --------------------------------------------------------------------------- */

/* The item with this id; what comes behind it has not been seen.  -1: not in the ring. */
static int64_t find_item(const struct hub *hub, const char *id)
{
    int64_t at = hub->first;
    for (const GList *link = hub->ring.head; link; link = link->next, at++) {
        const struct item *item = link->data;
        if (item->id && g_str_equal(item->id, id))
            return at;
    }
    return -1;
}

static bool is_beyond(const struct hub *hub, const int64_t *places)
{
    for (int32_t i = 0; i < hub->partitions; i++)
        if (places[i] > hub->next[i])
            return true;
    return false;
}

static void greet(struct hub_stream *stream, const char *id, bool resumed)
{
    hub_message(stream->buffer, id, "hello",
                resumed ? "{\"resumed\":true}" : "{\"resumed\":false}");
}

/* Finds the place to go on from; false: the id is none. */
static bool begin(struct hub_stream *stream, const char *id)
{
    struct hub *hub = stream->hub;
    int64_t found = id ? find_item(hub, id) : -1;
    stream->at = hub->end;
    if (found >= 0) {
        stream->at = found + 1;
        greet(stream, id, true);
        return true;
    }
    if (!id) {
        greet(stream, hub->id, false);
        return true;
    }
    enum place_id parsed = place_id_parse(hub->tag, id, stream->places, hub->partitions);
    if (parsed == PLACE_ID_MALFORMED)
        return false;
    if (parsed == PLACE_ID_OTHER_LOG || is_beyond(hub, stream->places)) {
        hub_message(stream->buffer, hub->id, "reset", "{}");
        return true;
    }
    greet(stream, id, false);
    stream->behind = true;
    return true;
}

struct hub_stream *hub_stream_new(struct hub *hub, const char *id,
                                  const struct hub_stream_options *options,
                                  bool *ret_malformed)
{
    struct hub_stream *stream = g_new0(struct hub_stream, 1);
    stream->hub = hub;
    stream->options = *options;
    stream->agent_id = g_strdup(options->agent_id);
    stream->server_id = g_strdup(options->server_id);
    stream->owner = g_strdup(options->owner);
    stream->refs = 1;
    stream->places = g_new0(int64_t, hub->partitions);
    stream->buffer = g_string_new("retry: 1000\n\n");
    stream->sent_us = g_get_monotonic_time();
    g_mutex_lock(&hub->mutex);
    *ret_malformed = !begin(stream, id);
    bool full = hub->streams->len >= HUB_STREAMS;
    stream->over = hub->closed;
    if (!*ret_malformed && !full)
        g_ptr_array_add(hub->streams, stream);
    g_mutex_unlock(&hub->mutex);
    if (!*ret_malformed && !full)
        return stream;
    hub_stream_unref(stream);
    return NULL;
}

struct hub_stream *hub_stream_ref(struct hub_stream *stream)
{
    g_atomic_int_inc(&stream->refs);
    return stream;
}

void hub_stream_unref(struct hub_stream *stream)
{
    if (!stream || !g_atomic_int_dec_and_test(&stream->refs))
        return;
    if (stream->free_filler)
        stream->free_filler(stream->filler);
    g_clear_pointer(&stream->part, g_bytes_unref);
    g_string_free(stream->buffer, TRUE);
    g_free(stream->places);
    g_free(stream->agent_id);
    g_free(stream->server_id);
    g_free(stream->owner);
    g_free(stream);
}

void hub_stream_close(struct hub_stream *stream)
{
    struct hub *hub = stream->hub;
    g_mutex_lock(&hub->mutex);
    stream->over = true;
    stream->asleep = false; /* its connection is gone */
    g_ptr_array_remove_fast(hub->streams, stream);
    g_mutex_unlock(&hub->mutex);
    hub_stream_unref(stream);
}

/* --- What the hub tells it, under its lock ------------------------------------------------------- */

void hub_stream_rouse(struct hub_stream *stream)
{
    if (!stream->asleep)
        return;
    stream->asleep = false;
    stream->options.wake(stream->options.reader);
}

void hub_stream_beat(struct hub_stream *stream, int64_t now_us)
{
    if (now_us - stream->sent_us < HUB_BEAT_S * G_USEC_PER_SEC)
        return;
    stream->beat = true;
    hub_stream_rouse(stream);
}

const char *hub_stream_owner(const struct hub_stream *stream)
{
    return stream->owner;
}

void hub_stream_end(struct hub_stream *stream)
{
    stream->over = true;
    hub_stream_rouse(stream);
}

void hub_stream_set_behind(struct hub_stream *stream)
{
    if (!stream->behind)
        hub_stream_end(stream); /* it connects again, and gets it from the log */
}

/* --- Reading ------------------------------------------------------------------------------------- */

bool hub_stream_wants(const struct hub_stream *stream, enum news news,
                      const char *agent_id, const char *server_id)
{
    if (stream->agent_id && g_strcmp0(stream->agent_id, agent_id) != 0)
        return false;
    return !stream->server_id || g_strcmp0(stream->server_id, server_id) == 0;
}

static size_t copy_buffer(struct hub_stream *stream, char *to, size_t room)
{
    size_t count = MIN(room, stream->buffer->len - stream->buffer_at);
    memcpy(to, stream->buffer->str + stream->buffer_at, count);
    stream->buffer_at += count;
    if (stream->buffer_at == stream->buffer->len) {
        g_string_truncate(stream->buffer, 0);
        stream->buffer_at = 0;
    }
    return count;
}

static size_t copy_part(struct hub_stream *stream, char *to, size_t room)
{
    gsize length;
    const char *text = g_bytes_get_data(stream->part, &length);
    size_t count = MIN(room, length - stream->part_at);
    memcpy(to, text + stream->part_at, count);
    stream->part_at += count;
    if (stream->part_at == length)
        g_clear_pointer(&stream->part, g_bytes_unref);
    return count;
}

/* The next item that it wants becomes its part; false: there is none, or it is over. */
static bool take_item(struct hub_stream *stream)
{
    struct hub *hub = stream->hub;
    if (stream->at < hub->first) {
        stream->over = true;
        hub->dropped++;
        return false;
    }
    for (; stream->at < hub->end; stream->at++) {
        const struct item *item = g_queue_peek_nth(&hub->ring,
                                                   (guint)(stream->at - hub->first));
        if (item->news == NEWS_LOG && stream->at < stream->log_at)
            continue;
        if (!hub_stream_wants(stream, item->news, item->agent_id, item->server_id))
            continue;
        stream->part = g_bytes_ref(item->text);
        stream->part_at = 0;
        stream->at++;
        return true;
    }
    return false;
}

static size_t copy_some(struct hub_stream *stream, char *to, size_t room)
{
    if (stream->part)
        return copy_part(stream, to, room);
    if (stream->buffer->len > 0)
        return copy_buffer(stream, to, room);
    if (stream->over || stream->behind || !take_item(stream))
        return 0;
    return copy_part(stream, to, room);
}

/* There is nothing: says why. */
static ssize_t pause_or_end(struct hub_stream *stream, char *to, size_t room)
{
    if (stream->over)
        return -1;
    if (stream->beat && room >= strlen(BEAT)) {
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes for the wire */
        memcpy(to, BEAT, strlen(BEAT));
        return (ssize_t)strlen(BEAT);
    }
    stream->asleep = true;
    stream->options.sleep(stream->options.reader);
    if (stream->behind && !stream->filling) {
        stream->filling = true;
        stream->options.behind(stream->options.context, hub_stream_ref(stream));
    }
    return 0;
}

ssize_t hub_stream_read(struct hub_stream *stream, char *to, size_t room)
{
    size_t total = 0, count;
    g_mutex_lock(&stream->hub->mutex);
    while (total < room && (count = copy_some(stream, to + total, room - total)) > 0)
        total += count;
    ssize_t result = total > 0 ? (ssize_t)total : pause_or_end(stream, to, room);
    if (result > 0) {
        stream->sent_us = g_get_monotonic_time();
        stream->beat = false;
    }
    g_mutex_unlock(&stream->hub->mutex);
    return result;
}

/* --- A stream that is behind ------------------------------------------------------------------------ */

int64_t *hub_stream_places(struct hub_stream *stream)
{
    return stream->places;
}

const char *hub_stream_agent(const struct hub_stream *stream)
{
    return stream->agent_id;
}

struct hub *hub_stream_hub(const struct hub_stream *stream)
{
    return stream->hub;
}

void *hub_stream_filler(struct hub_stream *stream)
{
    return stream->filler;
}

void hub_stream_set_filler(struct hub_stream *stream, void *filler, GDestroyNotify free)
{
    if (stream->free_filler)
        stream->free_filler(stream->filler);
    stream->filler = filler;
    stream->free_filler = free;
}

size_t hub_stream_room(struct hub_stream *stream)
{
    g_mutex_lock(&stream->hub->mutex);
    size_t used = stream->buffer->len - stream->buffer_at;
    size_t room = stream->over || used >= BUFFER_MAX ? 0 : BUFFER_MAX - used;
    g_mutex_unlock(&stream->hub->mutex);
    return room;
}

void hub_stream_add(struct hub_stream *stream, const char *json)
{
    g_autofree char *id = place_id_text(stream->hub->tag, stream->places,
                                        stream->hub->partitions);
    g_mutex_lock(&stream->hub->mutex);
    hub_message(stream->buffer, id, "log", json);
    hub_stream_rouse(stream);
    g_mutex_unlock(&stream->hub->mutex);
}

bool hub_stream_catches_up(struct hub_stream *stream, const int64_t *next)
{
    struct hub *hub = stream->hub;
    g_mutex_lock(&hub->mutex);
    bool good = memcmp(next, hub->next, (size_t)hub->partitions * sizeof *next) == 0;
    if (good) {
        stream->behind = false;
        stream->log_at = hub->end; /* rows that were told meanwhile are not in the log */
    }
    g_mutex_unlock(&hub->mutex);
    return good;
}

void hub_stream_filled(struct hub_stream *stream)
{
    g_mutex_lock(&stream->hub->mutex);
    stream->filling = false;
    hub_stream_rouse(stream);
    g_mutex_unlock(&stream->hub->mutex);
}

void hub_stream_give_up(struct hub_stream *stream)
{
    g_mutex_lock(&stream->hub->mutex);
    stream->filling = false;
    hub_stream_end(stream);
    g_mutex_unlock(&stream->hub->mutex);
}
