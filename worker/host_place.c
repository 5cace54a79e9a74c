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

/* --- Many at once ------------------------------------------------------------------------- */

struct places {
    GHashTable *looked; /* path → struct place */
};

struct places *places_new(void)
{
    struct places *places = g_new0(struct places, 1);

    places->looked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)place_free);
    return places;
}

void places_free(struct places *places)
{
    if (!places)
        return;
    g_hash_table_unref(places->looked);
    g_free(places);
}

/* "/a/b", without "//", "." and "..": its parent is all of it but the last name. */
static bool is_plain(const char *path)
{
    return path[0] == '/' && path[1] != '\0' && !strstr(path, "//") &&
           !strstr(path, "/.") && !g_str_has_suffix(path, "/");
}

/* What lies in a directory that was looked at; NULL: a symlink, which leads elsewhere. */
static struct place *look_below(const struct place *parent, const char *name)
{
    g_autofree char *path = g_build_filename(parent->path, name, NULL);
    struct stat status;
    const bool there = parent->there && lstat(path, &status) == 0;
    struct place *place;

    if (there && S_ISLNK(status.st_mode))
        return NULL;
    place = g_new0(struct place, 1);
    place->path = g_steal_pointer(&path);
    place->there = there;
    place->above = g_array_sized_new(FALSE, FALSE, sizeof(struct identity),
                                     parent->above->len + 1);
    if (there) {
        const struct identity identity = {status.st_dev, status.st_ino};
        g_array_append_val(place->above, identity);
    }
    g_array_append_vals(place->above, parent->above->data, parent->above->len);
    return place;
}

static struct place *look_at(struct places *places, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct place *place = NULL;

    if (is_plain(path) && slash > path) {
        g_autofree char *parent = g_strndup(path, (size_t)(slash - path));
        place = look_below(places_look(places, parent), slash + 1);
    }
    return place ? place : place_look(path);
}

const struct place *places_look(struct places *places, const char *path)
{
    struct place *place = g_hash_table_lookup(places->looked, path);

    if (!place) {
        place = look_at(places, path);
        g_hash_table_insert(places->looked, g_strdup(path), place);
    }
    return place;
}
