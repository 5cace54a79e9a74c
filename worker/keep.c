/*
 * keep.c - what a server's container keeps outside the mounts of its record.
 */
#include "keep.h"

#include "shape.h"

#include <string.h>

#define DIGEST_CHARS    12
#define ANONYMOUS_CHARS 64
#define HEX             "0123456789abcdef"
#define NAME_CHARS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static bool has_place(const GPtrArray *volumes, const char *place)
{
    for (guint i = 0; volumes && i < volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(volumes, i);
        if (g_str_equal(volume->container_path, place))
            return true;
    }
    return false;
}

static bool spec_has_place(const struct spec *spec, const char *place)
{
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        if (g_str_equal(mount->container_path, place))
            return true;
    }
    for (guint i = 0; i < spec->tmpfs->len; i++) {
        const struct tmpfs *tmpfs = g_ptr_array_index(spec->tmpfs, i);
        if (g_str_equal(tmpfs->container_path, place))
            return true;
    }
    return has_place(spec->volumes, place);
}

static GPtrArray *volumes_new(void)
{
    return g_ptr_array_new_with_free_func(shape_volume.free);
}

static void add(GPtrArray *volumes, const char *name, const char *place, bool read_only)
{
    struct volume *volume = volume_new(name, place);
    volume->read_only = read_only;
    g_ptr_array_add(volumes, volume);
}

void keep_note(GPtrArray **kept, const struct container *seen)
{
    if (!*kept)
        *kept = volumes_new();
    for (guint i = 0; i < seen->mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(seen->mounts, i);
        if (g_str_equal(mounted->type, "volume") && *mounted->name &&
            *mounted->container_path && !has_place(*kept, mounted->container_path))
            add(*kept, mounted->name, mounted->container_path, mounted->read_only);
    }
}

static char *digest(const char *text)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    return g_strndup(sum, DIGEST_CHARS);
}

/* An id that no volume's name can hold counts by its digest. */
char *keep_volume_name(const char *server_id, const char *place)
{
    const bool fits = strspn(server_id, NAME_CHARS) == strlen(server_id);
    g_autofree char *whose = fits ? g_strdup(server_id) : digest(server_id);
    g_autofree char *where = digest(place);
    return g_strdup_printf("muster-%s-%s", whose, where);
}

bool keep_is_anonymous(const char *volume)
{
    return strlen(volume) == ANONYMOUS_CHARS && strspn(volume, HEX) == ANONYMOUS_CHARS;
}

static void add_all(GPtrArray *volumes, const GPtrArray *more)
{
    for (guint i = 0; i < more->len; i++) {
        const struct volume *volume = g_ptr_array_index(more, i);
        if (!has_place(volumes, volume->container_path))
            add(volumes, volume->name, volume->container_path, volume->read_only);
    }
}

static void add_kept(GPtrArray *volumes, const struct command *command,
                     const GPtrArray *kept)
{
    for (guint i = 0; kept && i < kept->len; i++) {
        const struct volume *volume = g_ptr_array_index(kept, i);
        const char *place = volume->container_path;
        if (!command->options->fresh || !spec_has_place(command->spec, place))
            add(volumes, volume->name, place, volume->read_only);
    }
}

GPtrArray *keep_volumes(const struct command *command, const GPtrArray *kept,
                        const GPtrArray *image_volumes)
{
    GPtrArray *volumes = volumes_new();
    add_kept(volumes, command, kept ? kept : command->spec->kept);
    add_all(volumes, command->spec->volumes);
    for (guint i = 0; i < image_volumes->len; i++) {
        const char *place = g_ptr_array_index(image_volumes, i);
        if (spec_has_place(command->spec, place) || has_place(volumes, place))
            continue;
        g_autofree char *name = keep_volume_name(command->server_id, place);
        add(volumes, name, place, false);
    }
    return volumes;
}
