/*
 * hub.h - news, and those who wait for it: event streams, and waits for one command.
 *
 * News lie in one ring that all streams read, each at its own place, so that a hundred
 * readers cost no more memory than one.  Who falls behind the ring's beginning is dropped: it
 * connects again with the id that it saw last, and gets what it missed out of the log
 * (backlog.h), at its own pace.
 *
 * From any thread.  What has to be done on news for a stream (waking its connection) is done
 * under the hub's lock, and must not come back here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HUB_ITEMS     4096
#define HUB_BYTES     (16 * 1024 * 1024)
#define HUB_STREAMS   1536 /* fewer than connections, so that a request always finds one */
#define HUB_BEAT_S    15
#define HUB_WATCHED_S 60 /* news are kept for that long after the last stream has ended */

struct hub;

/* Of the log of this tag; `next` is where the ledger has got to. */
struct hub *hub_new(const char *tag, const int64_t *next, int32_t partitions);
void hub_free(struct hub *hub);

/* --- News ----------------------------------------------------------------------------- */

enum news { NEWS_LOG, NEWS_SERVER, NEWS_AGENT };

/* Whether anybody would read it; if not, only hub_pass() is to be called. */
bool hub_is_watched(struct hub *hub);
/* An event of the log, which the ledger has. */
void hub_tell_log(struct hub *hub, int32_t partition, int64_t offset,
                  const char *agent_id, const char *server_id, const char *json);
/* The same, without a text: nobody watches. */
void hub_pass(struct hub *hub, int32_t partition, int64_t offset);
/* A row as it is now. */
void hub_tell_row(struct hub *hub, enum news news, const char *agent_id,
                  const char *server_id, const char *json);
/* Time passes: heartbeats of streams, ends of waits. */
void hub_tick(struct hub *hub);
/* Ends the streams whose owner does not hold any more; `holds` is called under the lock. */
void hub_check(struct hub *hub, bool (*holds)(void *context, const char *owner),
               void *context);
/* All streams and waits end, and new ones do at once. */
void hub_close(struct hub *hub);
/* Where everything told so far ends; `ret_next` of as many partitions as hub_new() got. */
void hub_places(struct hub *hub, int64_t *ret_next);
int32_t hub_partitions(const struct hub *hub);
const char *hub_tag(const struct hub *hub);

/* --- Waits ----------------------------------------------------------------------------- */

typedef void hub_woken(void *waiter);

/* How much has been told; ask before looking whether there is something to wait for. */
int64_t hub_count(struct hub *hub);
/* `woken` is called once: when a command of this id has news, at the deadline, or at the end.
 * false, and it is not: something has been told since `count`, look again. */
bool hub_wait(struct hub *hub, int64_t count, const char *command_id, int64_t deadline_us,
              hub_woken *woken, void *waiter);
/* News of a command: whoever waits for it is woken. */
void hub_tell_command(struct hub *hub, const char *command_id);

/* --- Streams --------------------------------------------------------------------------- */

struct hub_stream;

struct hub_stream_options {
    const char *agent_id;  /* only of this one; or NULL */
    const char *server_id; /* only of this one; or NULL */
    const char *owner;     /* for hub_check(); or NULL */
    void (*sleep)(void *reader);
    void (*wake)(void *reader);
    /* The stream is behind: fill it (hub_stream_fill()), from another thread. */
    void (*behind)(void *context, struct hub_stream *stream);
    void *reader;
    void *context;
};

/* From now on, or (`id` not NULL) behind that id.  `*ret_malformed`: `id` is none.  NULL
 * otherwise: there are HUB_STREAMS already. */
struct hub_stream *hub_stream_new(struct hub *hub, const char *id,
                                  const struct hub_stream_options *options,
                                  bool *ret_malformed);
/* As http_stream_ops: bytes, 0 after `sleep`, or -1. */
ssize_t hub_stream_read(struct hub_stream *stream, char *to, size_t room);
void hub_stream_close(struct hub_stream *stream);
struct hub_stream *hub_stream_ref(struct hub_stream *stream);
void hub_stream_unref(struct hub_stream *stream);

/* --- A stream that is behind -------------------------------------------------------------- */

/* Where it is in each partition; belongs to who fills. */
int64_t *hub_stream_places(struct hub_stream *stream);
const char *hub_stream_agent(const struct hub_stream *stream);
struct hub *hub_stream_hub(const struct hub_stream *stream);
/* Whatever the filler keeps with it between two fills; freed with the stream. */
void *hub_stream_filler(struct hub_stream *stream);
void hub_stream_set_filler(struct hub_stream *stream, void *filler, GDestroyNotify free);
bool hub_stream_wants(const struct hub_stream *stream, enum news news,
                      const char *agent_id, const char *server_id);
/* How much it could take now; 0 when it is over. */
size_t hub_stream_room(struct hub_stream *stream);
/* An event out of the log, at its places as they are now. */
void hub_stream_add(struct hub_stream *stream, const char *json);
/* It is at `next`: whether that is the end, so that it goes on with the news. */
bool hub_stream_catches_up(struct hub_stream *stream, const int64_t *next);
/* The filler stops for now; it is asked again when all has been read. */
void hub_stream_filled(struct hub_stream *stream);
/* It cannot be gone on with: its reader connects again. */
void hub_stream_give_up(struct hub_stream *stream);

struct hub_figures {
    int64_t streams;
    int64_t waits;
    int64_t dropped; /* streams that were too slow */
    int64_t told;
};
void hub_figures(struct hub *hub, struct hub_figures *ret_figures);

typedef struct hub_stream HubStream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HubStream, hub_stream_unref)
