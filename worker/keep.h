/*
 * keep.h - what a server's container keeps outside the mounts of its record.
 *
 * An image says VOLUME, or somebody gave the container a volume by hand: its world lies where
 * the record knows nothing of it.  Such a volume goes on into the container that takes its
 * place.  What an image wants as a volume, and nobody has given it, gets one whose name the
 * server's id and the place make: it is found again whoever removed the container, and however.
 *
 * Pure.
 */
#pragma once

#include "container.h"

/* Adds the volumes of `seen` at places that `*kept` has not yet (made if NULL). */
void keep_note(GPtrArray **kept, const struct container *seen);
/* All volumes (struct volume) that a container of this command is to have: those that are
 * kept, also in the place of what the spec has there, then the spec's, then the image's.
 * `kept` is NULL if no container of the server was seen: then the spec's word for it counts;
 * `image_volumes` are places.  A command that is to begin afresh gives
 * the spec its places back. */
GPtrArray *keep_volumes(const struct command *command, const GPtrArray *kept,
                        const GPtrArray *image_volumes);
/* Where the container keeps data that goes with it, or that its next one would not have: a
 * directory of the host that the record does not know, or a file in its own layer.  A
 * sentence with the place, or NULL; g_free it.  `changes`: the engine's GET …/changes, NULL to
 * judge by the mounts alone.  `data_exists`: the record's own data is there. */
char *keep_elsewhere(const struct container *seen, const struct spec *spec,
                     enum maybe data_exists, const char *changes, size_t length);
/* The name of the volume that this server has at this place; g_free it. */
char *keep_volume_name(const char *server_id, const char *place);
/* The engine's own name for a volume that nobody has named: 64 hex digits. */
bool keep_is_anonymous(const char *volume);
