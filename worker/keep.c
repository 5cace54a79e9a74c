/*
 * keep.c - what a server's container keeps outside the mounts of its record.
 */
#include "keep.h"

#include "shape.h"

#include <jansson.h>
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
    if (seen->status == CONTAINER_ABSENT)
        return;
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

/* --- What would be lost ------------------------------------------------------------------ */

/* Files that are made again, or say nothing, whatever runs in a container. */
static const char *const no_data[] = {
    "/tmp", "/var/tmp", "/run", "/var/run",       /* scratch, sockets */
    "/var/lock", "/dev", "/proc", "/sys",         /* the kernel's */
    "/var/log", "/var/cache", "/root/.cache",     /* logs, caches */
    "/var/lib/apt", "/var/lib/dpkg",              /* packages, of the image */
    "/.dockerenv", "/etc/hosts", "/etc/hostname", /* the engine's */
    "/etc/mtab", "/etc/resolv.conf",
    /* an entry point that makes its user at each start writes these */
    "/etc/passwd", "/etc/passwd-", "/etc/group", "/etc/group-", "/etc/shadow",
    "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/localtime", "/etc/timezone",
    "/etc/ld.so.cache", "/root/.ash_history",
    "/root/.bash_history", /* somebody has looked inside */
};

/* `path` is `place` or lies in it. */
static bool is_in(const char *path, const char *place)
{
    const size_t length = strlen(place);
    return strncmp(path, place, length) == 0 &&
           (path[length] == '\0' || path[length] == '/' ||
            (length > 0 && place[length - 1] == '/'));
}

static bool is_mounted(const struct container *seen, const char *path)
{
    for (guint i = 0; i < seen->mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(seen->mounts, i);
        if (is_in(path, mounted->container_path))
            return true;
    }
    return false;
}

static bool may_go(const struct spec *spec, const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(no_data); i++) {
        if (is_in(path, no_data[i]))
            return true;
    }
    for (guint i = 0; i < spec->disposable->len; i++) {
        if (is_in(path, g_ptr_array_index(spec->disposable, i)))
            return true;
    }
    return false;
}

/* The engine lists a directory because of what has changed in it. */
static GHashTable *directories_of(json_t *changes)
{
    GHashTable *directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                    NULL);
    size_t i;
    json_t *change;
    json_array_foreach(changes, i, change)
    {
        const char *path = json_string_value(json_object_get(change, "Path"));
        if (path)
            g_hash_table_add(directories, g_path_get_dirname(path));
    }
    return directories;
}

enum { CHANGE_MODIFIED, CHANGE_ADDED, CHANGE_DELETED }; /* the engine's numbers */

static char *file_of_layer(const struct container *seen, const struct spec *spec,
                           json_t *changes)
{
    g_autoptr(GHashTable) directories = directories_of(changes);
    size_t i;
    json_t *change;
    json_array_foreach(changes, i, change)
    {
        const char *path = json_string_value(json_object_get(change, "Path"));
        const json_int_t kind = json_integer_value(json_object_get(change, "Kind"));
        if (path && kind != CHANGE_DELETED && !g_hash_table_contains(directories, path) &&
            !is_mounted(seen, path) && !may_go(spec, path))
            return g_strdup(path);
    }
    return NULL;
}

static bool is_source_of(const struct spec *spec, const char *source)
{
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        if (is_in(source, mount->host_path))
            return true;
    }
    return false;
}

/* What we have mounted ourselves was once the record's: if the place that it names by now has
 * data, that was brought there. */
static const struct mounted *foreign_bind(const struct container *seen,
                                          const struct spec *spec, enum maybe data_exists)
{
    if (seen->managed && data_exists == MAYBE_YES)
        return NULL;
    for (guint i = 0; i < seen->mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(seen->mounts, i);
        if (g_str_equal(mounted->type, "bind") && !mounted->read_only &&
            !is_source_of(spec, mounted->source))
            return mounted;
    }
    return NULL;
}

char *keep_elsewhere(const struct container *seen, const struct spec *spec,
                     enum maybe data_exists, const char *changes, size_t length)
{
    const struct mounted *bind = foreign_bind(seen, spec, data_exists);
    if (bind)
        return g_strdup_printf(
            "the container keeps data in %s (%s inside), which the record does not mount: "
            "move it to where the record has it, or leave it behind (--fresh)",
            bind->source, bind->container_path);
    json_t *list = changes ? json_loadb(changes, length, 0, NULL) : NULL;
    g_autofree char *file = file_of_layer(seen, spec, list);
    json_decref(list);
    if (!file)
        return NULL;
    return g_strdup_printf(
        "the container's own layer holds %s, which goes with it: copy it to a mount "
        "(docker cp), name its place in the profile's \"disposable\", or let it go (--fresh)",
        file);
}
