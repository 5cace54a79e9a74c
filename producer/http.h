/*
 * http.h - HTTP/1.1 over libmicrohttpd: whole requests in, replies and streams out.
 *
 * One thread does all of it and never waits for anybody: a request that has come whole is
 * handed to `take`, and its connection sleeps until http_reply().  A stream's connection
 * sleeps whenever there is nothing to read.  So the number of clients, and how fast they
 * read, is no matter for the others.
 *
 * Nothing here knows what Muster is.
 */
#pragma once

#include "door.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_ERROR (http_error_quark())
GQuark http_error_quark(void);
enum http_error {
    HTTP_ERROR_USAGE, /* the address, the certificate */
    HTTP_ERROR_TAKEN, /* cannot listen there */
};

#define HTTP_BODY_MAX (512 * 1024) /* bytes; more is answered 413 */

struct http;

/* A request, from its last byte to the last byte of its answer. */
struct http_exchange;
const char *http_method(const struct http_exchange *exchange);
const char *http_path(const struct http_exchange *exchange);   /* as sent: not decoded */
const char *http_client(const struct http_exchange *exchange); /* address, no port */
/* What limits go by: the client's address, or its network (http_address_whence()). */
const char *http_whence(const struct http_exchange *exchange);
/* NULL: not sent.  Of HTTP_HEADERS only. */
const char *http_header(const struct http_exchange *exchange, const char *name);
/* name, value, name, value …: char *, as sent. */
const GPtrArray *http_query(const struct http_exchange *exchange);
GBytes *http_body(const struct http_exchange *exchange); /* borrowed */
int64_t http_began_us(const struct http_exchange *exchange);

/* Keeps so many bytes for it, until it is over; false: its client has, or all have, too many. */
bool http_hold(struct http_exchange *exchange, size_t bytes);

/* Something that is read as it comes.  Both are called on HTTP's thread. */
struct http_stream_ops {
    /* Fills at most `room` bytes; 0: nothing now, and it has called http_sleep(); -1: over. */
    ssize_t (*read)(void *stream, char *to, size_t room);
    void (*close)(void *stream);
};

struct http_reply {
    unsigned status;
    GBytes *body;                      /* or NULL: none */
    GPtrArray *headers;                /* name, value, …: char *, owned */
    const struct http_stream_ops *ops; /* with `stream`, instead of a body */
    void *stream;
};
void http_reply_clear(struct http_reply *reply);
void http_reply_header(struct http_reply *reply, const char *name, const char *value);

struct http_handler {
    /* From HTTP's thread; answers with http_reply(), from any thread, once. */
    void (*take)(void *context, struct http_exchange *exchange);
    /* For what is refused before it has been taken: 400 (its head contradicts itself), 413,
     * 429 (its client sends too much at once).  Fills the reply. */
    void (*refuse)(void *context, struct http_exchange *exchange, unsigned status,
                   struct http_reply *ret_reply);
    /* An exchange is over, answered with `status`, after `bytes` of a body. */
    void (*over)(void *context, struct http_exchange *exchange, unsigned status);
    void *context;
};

struct http_options {
    const char *listen;      /* "127.0.0.1:8080", "[::1]:8080", ":8080" (loopback) */
    const char *certificate; /* PEM, the text; NULL: no TLS */
    const char *key;
    bool insecure; /* without TLS, addresses other than loopback are refused otherwise */
    const GPtrArray
        *proxies; /* char *, networks: who connects from there names the client
                                 in X-Forwarded-For; NULL: none */
};

struct http *http_start(const struct http_options *options,
                        const struct http_handler *handler, GError **error);
/* Other certificates for connections from now on; streams that are open end soon.  An error, and
 * all stays as it was.  Only of one that was started with TLS, and on one thread. */
bool http_reload(struct http *http, const char *certificate, const char *key,
                 GError **error);
/* Takes no new connections from now on. */
void http_quiesce(struct http *http);
/* Every exchange has to have been answered, and every stream to be over. */
void http_stop(struct http *http);
unsigned http_connections(struct http *http);
/* What all, and one address, may have at a time, by how many files the process may have open;
 * raises that to what it may be raised to. */
struct door_limits http_limits(void);
/* Ends connections whose clients have taken too long (door.h). */
void http_tick(struct http *http);

/* Answers; takes what is in `reply`. */
void http_reply(struct http_exchange *exchange, struct http_reply *reply);

/* Of a stream's exchange: nothing to read; and, from any thread, there may be something.  The
 * caller's lock keeps the two apart. */
void http_sleep(struct http_exchange *exchange);
void http_wake(struct http_exchange *exchange);
