/*
 * heard.h - containers that bear a server's label, as workers tell of them.
 *
 * Pure.  Events of the log go in, in order; what comes out are the servers whose container was
 * there at the end, recorded or not: whoever folds the log knows which of them were.
 */
#pragma once

#include "presence.h"

struct heard_server {
    char *server_id;
    char *agent_id;
    struct state *state; /* the last that was told */
    struct place place;  /* where */
};

struct heard;
struct heard *heard_new(void);
void heard_free(struct heard *heard);
void heard_note(struct heard *heard, const struct event *event,
                const struct place *place);
/* struct heard_server, by agent and server; borrowed.  g_ptr_array_unref it. */
GPtrArray *heard_servers(const struct heard *heard);

typedef struct heard Heard;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Heard, heard_free)
