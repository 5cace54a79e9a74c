/*
 * chunk.h - a Sync cut into records that a bus takes.
 *
 * A list of thousands of servers, containers or directories is larger than a record may be.
 * Nothing of it is left out: it goes out in as many chunks as it needs, all in one transaction,
 * and the fold takes them together.  Pure.
 */
#pragma once

#include "contract.h"

/* Far below what any topic takes (1 MiB by default): the batch of a bus has a limit as well. */
#define CHUNK_BYTES (64 * 1024)

/* struct sync, each with the head of the whole one and at most `most` bytes of its lists when it
 * is encoded; more only of a single item that is larger.  Their items stand in the order of the
 * whole one.  Takes it. */
GPtrArray *chunk_sync(struct sync *whole_taken, size_t most);
