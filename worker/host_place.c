/*
 * host_place.c - where a path leads: by device and inode, not by its name.
 */
#include "host_place.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The longest part of it that is there, without symlinks; free() it.  What is missing is
 * appended to `*missing`, "/"-separated. */
static char *resolve(const char *path, GString *missing)
{
    g_autofree char *part = g_strdup(path);
    char *resolved;

    while (!(resolved = realpath(part, NULL)) && !g_str_equal(part, "/")) {
        g_autofree char *name = g_path_get_basename(part);
        g_autofree char *parent = g_path_get_dirname(part);
        g_string_prepend(missing, name);
        g_string_prepend_c(missing, '/');
        g_free(g_steal_pointer(&part));
        part = g_steal_pointer(&parent);
    }
    return resolved;
}

/* A parent that is gone meanwhile is left out. */
static void look_above(GArray *above, const char *resolved)
{
    g_autofree char *part = g_strdup(resolved);

    for (;;) {
        struct stat status;
        if (lstat(part, &status) == 0) {
            struct identity identity = {status.st_dev, status.st_ino};
            g_array_append_val(above, identity);
        }
        if (g_str_equal(part, "/"))
            break;
        char *parent = g_path_get_dirname(part);
        g_free(part);
        part = parent;
    }
}

struct place *place_look(const char *path)
{
    struct place *place = g_new0(struct place, 1);
    g_autoptr(GString) missing = g_string_new(NULL);
    char *resolved = *path == '/' ? resolve(path, missing) : NULL;

    place->above = g_array_new(FALSE, FALSE, sizeof(struct identity));
    place->there = resolved && missing->len == 0;
    place->path = resolved && !g_str_equal(resolved, "/")
                      ? g_strconcat(resolved, missing->str, NULL)
                      : g_strdup(missing->len > 0 ? missing->str : path);
    if (resolved)
        look_above(place->above, resolved);
    free(resolved);
    return place;
}

void place_free(struct place *place)
{
    if (!place)
        return;
    g_free(place->path);
    g_array_unref(place->above);
    g_free(place);
}

static bool path_holds(const char *outer, const char *inner)
{
    const size_t length = strlen(outer);

    return strncmp(outer, inner, length) == 0 &&
           (length <= 1 || inner[length] == '/' || inner[length] == '\0');
}

/* The same or around it; a place that is not there holds nothing but by its name. */
static bool holds(const struct place *outer, const struct place *inner)
{
    if (*outer->path != '/' || *inner->path != '/')
        return false;
    if (path_holds(outer->path, inner->path))
        return true;
    for (guint i = 0; outer->there && i < inner->above->len; i++) {
        const struct identity *own = &g_array_index(outer->above, struct identity, 0);
        const struct identity *at = &g_array_index(inner->above, struct identity, i);
        if (at->device == own->device && at->inode == own->inode)
            return true;
    }
    return false;
}

enum lies place_lies(const struct place *it, const struct place *base)
{
    const bool around = holds(it, base), inside = holds(base, it);

    if (around)
        return inside ? LIES_SAME : LIES_AROUND;
    return inside ? LIES_INSIDE : LIES_APART;
}
