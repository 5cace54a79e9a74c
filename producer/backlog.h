/*
 * backlog.h - what a stream missed, out of the log.
 *
 * On threads of its own, a few at a time: however many clients come back from however long
 * ago, the news do not wait for them, nor does the loop that relays and ingests.  A client
 * that reads slowly is filled slowly; between two fills nobody works for it.
 */
#pragma once

#include "bus.h"
#include "hub.h"

struct backlog;

struct backlog *backlog_new(struct bus *bus);
/* After the hub has been closed; waits for what is under way. */
void backlog_free(struct backlog *backlog);
/* Fills the stream, on another thread; takes the reference.  `behind` of a stream's options. */
void backlog_fill(void *backlog, struct hub_stream *stream);
