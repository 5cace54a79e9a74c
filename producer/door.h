/*
 * door.h - who is connected, from where, and how much each may hold.
 *
 * Pure: the clock, addresses and descriptors come from http.c, which ends what is named here.
 *
 * Nobody is turned away for what others from the same address have left half done: where there
 * is no room, the one that has been half done for longest makes it.  Only connections that
 * wait for us (an answer on its way, a stream, which took a token) are never ended for
 * others; how many streams and waits there may be is the handler's to say.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define DOOR_HEAD_SECONDS   10 /* from the last answer to a whole head */
#define DOOR_BODY_SECONDS   30 /* from the head to a whole body */
#define DOOR_ANSWER_SECONDS 60 /* from an answer to its last byte's being sent */

struct door_limits {
    guint links;        /* connections at a time */
    guint links_of_one; /* address */
    size_t bytes;       /* of bodies, and of answers that were not read yet */
    size_t bytes_of_one;
};

enum door_stage {
    DOOR_HEAD,   /* its client has a request to send, or none */
    DOOR_BODY,   /* its client has the rest to send */
    DOOR_ANSWER, /* its client has to read */
    DOOR_OURS,   /* it waits for us, for as long as it takes */
};

struct door;
struct door_link;

struct door *door_new(const struct door_limits *limits);
void door_free(struct door *door);

/* Whether one more may come from `whence` (NULL: from a proxy, whose clients share its
 * address).  `*ret_fd`: the connection that has to be ended for it; or -1. */
bool door_admit(struct door *door, const char *whence, int *ret_fd);
/* It has come; the door's, until it leaves.  `now_us`: monotonic. */
struct door_link *door_enter(struct door *door, const char *whence, int fd,
                             int64_t now_us);
void door_leave(struct door *door, struct door_link *link);
void door_move(struct door_link *link, enum door_stage stage, int64_t now_us);
guint door_count(const struct door *door);
/* Those whose time is over, each told once: int; g_array_unref it. */
GArray *door_overdue(struct door *door, int64_t now_us);

/* Bytes that are kept for a client; false: it has, or all have, too many already. */
bool door_hold(struct door *door, const char *whence, size_t bytes);
void door_release(struct door *door, const char *whence, size_t bytes);

typedef struct door Door;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Door, door_free)
