/*
 * listing.h - what one list of the engine says about one partition: a Sync, made purely.
 *
 * Pure: the list, what was looked at, what was told and what was touched come in; Syncs come
 * out.  inventory.c gathers, this decides.
 */
#pragma once

#include "container.h"

/* What one run has gathered. */
struct listing {
    int64_t listed_at;     /* wall clock, when the list was asked for */
    GPtrArray *containers; /* struct container, as listed; NULL: the list failed */
    char *failure;         /* why; NULL: it came whole */
    GHashTable *states;    /* server id → struct state, looked at since */
    GHashTable *gone; /* server ids whose container went away between list and look */
    GHashTable
        *unknown; /* server ids that have a container, nobody can say in which state */
    GHashTable *touched; /* server ids about which the list says nothing */
    GPtrArray *data;     /* struct found */
    char *left_out;      /* which directories are not in it, and why; NULL: all are */
    GHashTable *held;    /* server ids whose moves are told by their pace */
    GHashTable
        *looked; /* container id → struct found: looks at unmanaged ones; borrowed */
    const GPtrArray *prefixes; /* char *, of unmanaged names worth telling; borrowed */
};
struct listing *listing_new(int64_t listed_at, const GPtrArray *prefixes);
void listing_free(struct listing *listing);

/* The canonical container of this server in the list, or NULL. */
const struct container *listing_canonical(const struct listing *listing,
                                          const char *server_id);

/* Those without our labels whose names begin as ours do: struct container, borrowed. */
GPtrArray *listing_unmanaged(const struct listing *listing);

/* Server ids in the list that hash to this partition and are neither touched nor told as they
 * are listed: they have to be looked at.  `told`: server id → struct state.  char *. */
GPtrArray *listing_to_look_at(const struct listing *listing, GHashTable *told,
                              int32_t partition, int32_t partitions);

/* Once all is looked at: of a server that was listed as told, and of which something else has
 * been told since, the list says nothing.  The engine's list can lag by seconds: a container
 * that dies is listed as running until its network is taken apart. */
void listing_hold_retold(struct listing *listing, GHashTable *told);

/* Of a server whose only container is one that a rebuild has set aside, nobody can say how it is:
 * the list makes it unknown.  (While that rebuild is being worked on here, it is pending.) */
void listing_hold_aside(struct listing *listing);

struct listing_scope {
    int32_t partition;
    int32_t partitions;
    int64_t seen;
    enum sync_reason reason;
};

/* Ids of the partition's servers of which the list says that nobody can say how they are. */
GPtrArray *listing_unknown(const struct listing *listing,
                           const struct listing_scope *scope);

/* The Sync of a partition, in chunks (struct sync). */
GPtrArray *listing_syncs(const struct listing *listing, const struct listing_scope *scope,
                         GHashTable *told, int64_t now_ms);
/* Whether it differs from what was told of that partition's servers.  `told_extra`: server id →
 * text, as listing_note_extra() has left it. */
bool listing_differs(const struct listing *listing, const struct listing_scope *scope,
                     GHashTable *told, GHashTable *told_extra);
/* Whether a Sync is to be told in every partition: it is wanted anyway, or one of those that
 * were told as unmanaged is gone, or bears another name.  (It may be an adopted server's, and the
 * engine's events call it by a name that is none of ours any more.)  Notes what will be told in
 * `told`: container id → name. */
bool listing_take_unmanaged(const struct listing *listing, GHashTable *told, bool wanted);
/* What was told of this server's extra containers does not hold any more: they are to be told
 * again, though they be the same.  False: none were told. */
bool listing_forget_extra(GHashTable *told_extra, const char *server_id);
/* A Sync of it goes out: notes which containers it tells to be extra.  Where it says nothing of
 * their server, they are to be told again. */
void listing_note_extra(const struct listing *listing, const struct listing_scope *scope,
                        GHashTable *told_extra);
