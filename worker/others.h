/*
 * others.h - what all containers with our label mount, remembered from one start to the next.
 *
 * A start is held against what the others mount (neighbours.h), which takes a list of them all.
 * What a container mounts is settled when it is made, so a list serves until another one is
 * made: the engine's events tell.  They may come late; so a list serves a container only if it
 * holds that one, too.  Of two containers the one that was made later is then never started by a
 * list without the other.
 */
#pragma once

#include "neighbours.h"

struct others;
struct others *others_new(void);
void others_free(struct others *others);

/* The engine has made or removed a container, or may have. */
void others_change(struct others *others);
/* Whether the engine's events come. */
void others_hear(struct others *others, bool hears);

/* To be noted before the engine is asked for its list, and given back with that. */
unsigned others_changes(const struct others *others);
/* Takes a reference, if the list is still true. */
void others_keep(struct others *others, struct neighbours *list, unsigned changes);
/* The list that serves a start of this container, or NULL: ask the engine.  A reference. */
struct neighbours *others_for(const struct others *others, const char *container_id);

typedef struct others Others;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Others, others_free)
