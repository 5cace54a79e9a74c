/*
 * hub_parts.h - what hub.c and hub_stream.c share; nobody else's.
 */
#pragma once

#include "hub.h"

/* A piece of news, as it is sent. */
struct item {
    enum news news;
    char *agent_id;
    char *server_id; /* or NULL */
    char *id;        /* of NEWS_LOG; else NULL */
    GBytes *text;
};

struct hub {
    GMutex mutex;
    char *tag;
    int32_t partitions;
    int64_t *next;
    char *id;    /* of `next` */
    GQueue ring; /* struct item */
    int64_t first, end;
    size_t bytes;
    int64_t told;
    int64_t watched_us; /* when somebody last did */
    int64_t dropped;
    bool closed;
    GPtrArray *streams; /* struct hub_stream */
    GPtrArray *waits;   /* struct wait */
};

/* All under the lock. */
void hub_message(GString *text, const char *id, const char *event, const char *json);
void hub_stream_rouse(struct hub_stream *stream);
void hub_stream_beat(struct hub_stream *stream, int64_t now_us);
void hub_stream_end(struct hub_stream *stream);
const char *hub_stream_owner(const struct hub_stream *stream); /* or NULL */
void hub_stream_set_behind(struct hub_stream *stream);
