/*
 * host_place.h - where a path leads: by device and inode, not by its name.
 *
 * A directory has as many names as there are symlinks, bind mounts and volumes that lead to
 * it.  Two places are compared by what the kernel says that they are; by their names only
 * where one of them is not there (yet), or cannot be seen from here (a worker in a container
 * sees little of its host).  Symlinks are followed, as Docker follows them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct identity {
    uint64_t device;
    uint64_t inode;
};

struct place {
    char *path; /* without symlinks as far as it is there */
    bool there; /* else only what is above it was seen */
    GArray *
        above; /* struct identity: its own, if it is there, then its parents' up to "/" */
};

/* Never NULL; a path that is not absolute is nowhere.  May block. */
struct place *place_look(const char *path);
void place_free(struct place *place);

/* How one place lies to another. */
enum lies {
    LIES_APART,
    LIES_SAME,
    LIES_INSIDE, /* the first in the second */
    LIES_AROUND, /* the first holds the second */
};
enum lies place_lies(const struct place *it, const struct place *base);

/* Looks within one check, each directory once: many paths lie in the same ones. */
struct places;
struct places *places_new(void);
void places_free(struct places *places);
/* As place_look(); borrowed from the places. */
const struct place *places_look(struct places *places, const char *path);

typedef struct places Places;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Places, places_free)
typedef struct place Place;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Place, place_free)
