/*
 * differ.h - what a rebuild would change of a container that Muster has not made.
 *
 * Pure: the record's spec and what a worker has found go in, differences come out.  Of variables
 * only the names are known.  Volumes are no difference: they go on into the next container.
 */
#pragma once

#include "contract.h"

enum differing {
    DIFFERING_IMAGE,
    DIFFERING_ENTRYPOINT,
    DIFFERING_COMMAND,
    DIFFERING_RESTART_POLICY,
    DIFFERING_PORTS,
    DIFFERING_MOUNTS,
    DIFFERING_ENV,
    DIFFERING_COUNT,
};

struct difference {
    enum differing what;
    GPtrArray *dropped; /* char *: the container has it, the record has not */
    GPtrArray *added;   /* char *: the other way round */
};
void difference_free(struct difference *difference);

/* struct difference, in the order of the enum, each at most once.  Owned by the caller. */
GPtrArray *differ(const struct spec *spec, const struct found *found);
/* "env: a rebuild would drop MOTD; give them with --env"; g_free it. */
char *difference_sentence(const struct difference *difference);
