/*
 * aside.h - the names of containers that a rebuild has set aside.
 *
 *     <name>.old-<command id>-<r|s>[a|f[N]|n]   r: it ran, s: it was stopped
 *     <name>.gone-<part of a container id>      only to be removed, whenever that works
 *
 * and the restart policy of the first was always, on-failure (with N retries), no, or else
 * unless-stopped.  The name is the whole memory of a rebuild on the host: whoever finds it, in
 * whatever later life, knows what to put back and how.  (The record may ask for another policy
 * by then.)  What bears the second has been replaced, or has failed: it never comes back.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* g_free it. */
char *aside_name(const char *name, const char *command_id, bool ran,
                 const char *restart_policy, int64_t restart_retries);

struct aside {
    char *name; /* the original one */
    char *command_id;
    bool ran;
    const char *restart_policy; /* static */
    int64_t restart_retries;    /* of on-failure; 0: without end */
};
/* False: that is no such name; nothing is set. */
bool aside_parse(const char *container_name, struct aside *ret_aside);
void aside_clear(struct aside *aside);

/* g_free it. */
char *aside_gone_name(const char *name, const char *container_id);
/* The id is compared: a name that somebody has thought of says nothing. */
bool aside_is_gone(const char *container_name, const char *container_id);
/* The name that either bore before, or NULL: it is none of these; g_free it. */
char *aside_original(const char *container_name);
