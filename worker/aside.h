/*
 * aside.h - the name of a container that a rebuild has set aside.
 *
 *     <name>.old-<command id>-<r|s>[a|f|n]      r: it ran, s: it was stopped
 *
 * and its restart policy was always, on-failure, no, or else unless-stopped.  The name is the
 * whole memory of a rebuild on the host: whoever finds it, in whatever later life, knows what to
 * put back and how.  (The record may ask for another policy by then.)  Pure.
 */
#pragma once

#include <stdbool.h>

/* g_free it. */
char *aside_name(const char *name, const char *command_id, bool ran,
                 const char *restart_policy);

struct aside {
    char *name; /* the original one */
    char *command_id;
    bool ran;
    const char *restart_policy; /* static */
};
/* False: that is no such name; nothing is set. */
bool aside_parse(const char *container_name, struct aside *ret_aside);
void aside_clear(struct aside *aside);
