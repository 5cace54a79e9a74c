/*
 * watch.h - the engine's event stream, kept open, and whether anything was missed.
 *
 * The stream makes things fast; the list makes them right.  It is always read: an unread
 * one delays every operation of the whole engine and then loses events silently
 * (measured, Engine 20.10).  After a break it is opened again with back-off (0.1 s … 5 s)
 * and since=<last timeNano>: if the first line is one that was seen, nothing was lost.
 *
 * Also the place that knows whether the engine is there: it asks GET /version (choosing
 * the API: ours is 1.41 … 1.47, the smaller of both) and GET /info (its id) before it
 * opens the stream, and GET /_ping every 15 s while it is open: an engine that hangs is
 * told as down.
 */
#pragma once

#include "container.h"
#include "docker.h"

#define WATCH_API_LEAST 41
#define WATCH_API_MOST  47

enum watch_kind {
    WATCH_NONE,
    WATCH_UP,    /* the engine answers, the stream is open, nothing was lost */
    WATCH_GAP,   /* likewise, but events may be lost, or it is the first time: list */
    WATCH_EVENT, /* a container event of `event` */
    WATCH_DOWN,  /* the engine does not answer: `message`; retried by itself, told once */
    WATCH_UNSUPPORTED, /* no API version in common: `message`; retried slowly */
};

struct watch_news {
    enum watch_kind kind;
    struct engine_event *event;
    char *message;
};
void watch_news_clear(struct watch_news *news);

struct watch;
struct watch *watch_new(struct docker *docker);
void watch_free(struct watch *watch);

/* To be called each turn of the loop with the boot clock in ms; returns when it wants to
 * be called again at the latest (ms of the same clock, INT64_MAX: only on replies). */
int64_t watch_tick(struct watch *watch, int64_t now_ms);
/* Offers a line or a reply; false: it is not the watch's.  A reply is not freed. */
bool watch_line(struct watch *watch, uint64_t ticket, const char *line, int64_t now_ms);
bool watch_reply(struct watch *watch, const struct reply *reply, int64_t now_ms);
/* What happened, until WATCH_NONE. */
enum watch_kind watch_next(struct watch *watch, struct watch_news *ret_news);

bool watch_is_up(const struct watch *watch);
const char *watch_engine_id(const struct watch *watch); /* "" until it is known */
enum engine_logs watch_engine_logs(const struct watch *watch);
const char *watch_engine_version(const struct watch *watch); /* "20.10.24, API 1.41" */

typedef struct watch Watch;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)
