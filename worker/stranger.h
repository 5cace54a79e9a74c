/*
 * stranger.h - a container that is no server's canonical one, as a Sync tells of it.
 *
 * Pure.  Of one without our labels its adoption has to know what a record would have to keep: its
 * mounts and ports, which a list shows; and the names of its variables, its command line and its
 * restart policy, for which the engine is asked once.  The values of variables stay here.
 */
#pragma once

#include "container.h"

#define STRANGER_WORDS_MAX 128 /* of variables, and of a command line; the next is "…" */
#define STRANGER_WORD_MAX  256 /* bytes of each */

/* What a list shows of it.  Owned by the caller. */
struct found *stranger_listed(const struct container *seen);
/* The same with what an earlier look has shown. */
struct found *stranger_known(const struct container *seen, const struct found *looked);

/* What a look shows: `container` is the engine's GET /containers/{id}/json, `image` its GET
 * /images/{id}/json, or NULL if that is gone: then the command line is not told, for it may be the
 * image's.  NULL if `container` is none. */
struct found *stranger_looked(const char *container, size_t length, const char *image,
                              size_t image_length);
