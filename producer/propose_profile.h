/*
 * propose_profile.h - a profile that makes a container again as it is.
 *
 * Pure.  A record says which game, image, ports and directory; what else a container was made
 * with, a profile has to say.  The values of its variables nobody knows, and a command line with
 * a secret in it is not told whole: those stay as they were in the profile that it is made from.
 */
#pragma once

#include "rows.h"

#include <jansson.h>

/* A copy of `profile` under another name, with the container's entrypoint, command and restart
 * policy, and without the variables that it has not.  Owned by the caller. */
json_t *propose_profile(const json_t *profile, const char *name,
                        const struct found *found);
/* Then its mounts and ports: those of the profile (`spec`, resolved from it) that the container
 * has not are taken out, and its own are put in. */
void propose_places(json_t *profile, const struct spec *spec,
                    const struct server_row *server, const struct found *found);
