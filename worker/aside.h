/*
 * aside.h - the name of a container that a rebuild has set aside.
 *
 *     <name>.old-<command id>-<r|s>      r: it ran, s: it was stopped
 *
 * The name is the whole memory of a rebuild on the host: whoever finds it, in whatever later
 * life, knows what to put back and how.  Pure.
 */
#pragma once

#include <stdbool.h>

char *aside_name(const char *name, const char *command_id, bool ran); /* g_free it */

struct aside {
    char *name; /* the original one */
    char *command_id;
    bool ran;
};
/* False: that is no such name; nothing is set. */
bool aside_parse(const char *container_name, struct aside *ret_aside);
void aside_clear(struct aside *aside);
