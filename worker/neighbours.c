/*
 * neighbours.c - the engine's other containers, and what they have mounted of this host.
 */
#include "neighbours.h"

#include "host_place.h"

#include <string.h>

struct neighbours *neighbours_new(GPtrArray *containers_taken, GHashTable *volumes_taken)
{
    struct neighbours *neighbours = g_new0(struct neighbours, 1);

    g_atomic_ref_count_init(&neighbours->references);
    neighbours->containers = containers_taken;
    neighbours->volumes = volumes_taken;
    return neighbours;
}

struct neighbours *neighbours_read(const char *containers, size_t containers_length,
                                   const char *volumes, size_t volumes_length,
                                   GError **error)
{
    g_autoptr(GPtrArray)
        listed = container_parse_list(containers, containers_length, error);
    GHashTable *bound = NULL;

    if (listed)
        bound = volumes ? container_parse_volumes(volumes, volumes_length, error)
                        : g_hash_table_new(g_str_hash, g_str_equal);
    return bound ? neighbours_new(g_steal_pointer(&listed), bound) : NULL;
}

struct neighbours *neighbours_ref(struct neighbours *neighbours)
{
    g_atomic_ref_count_inc(&neighbours->references);
    return neighbours;
}

void neighbours_unref(struct neighbours *neighbours)
{
    if (!neighbours || !g_atomic_ref_count_dec(&neighbours->references))
        return;
    g_ptr_array_unref(neighbours->containers);
    g_hash_table_unref(neighbours->volumes);
    g_free(neighbours);
}

bool neighbours_hold(const struct neighbours *neighbours, const char *container_id)
{
    for (guint i = 0; i < neighbours->containers->len; i++) {
        const struct container *container = g_ptr_array_index(neighbours->containers, i);
        if (g_str_equal(container->id, container_id))
            return true;
    }
    return false;
}

/* --- Where a mount leads ------------------------------------------------------------------ */

/* The nearer of the two: one mount point shows its directory only while it is mounted. */
static enum lies nearer(enum lies a, enum lies b)
{
    return a == LIES_APART ? b : a;
}

/* How what is mounted lies to a place. */
static enum lies mounted_lies(const struct neighbours *neighbours, struct places *places,
                              const struct mounted *mounted, const struct place *place)
{
    const char *bound = g_hash_table_lookup(neighbours->volumes, mounted->name);
    const enum lies lies = place_lies(places_look(places, mounted->source), place);

    return bound ? nearer(lies, place_lies(places_look(places, bound), place)) : lies;
}

/* "/srv/a", or "/srv/a (the volume x)". */
static char *mounted_text(const struct neighbours *neighbours,
                          const struct mounted *mounted)
{
    const char *bound = g_hash_table_lookup(neighbours->volumes, mounted->name);

    if (!*mounted->name)
        return g_strdup(mounted->source);
    return g_strdup_printf("%s (the volume %s)", bound ? bound : mounted->source,
                           mounted->name);
}

static bool is_at_rest(const struct container *container)
{
    return container->status == CONTAINER_CREATED ||
           container->status == CONTAINER_EXITED ||
           container->status == CONTAINER_REMOVING || container->status == CONTAINER_DEAD;
}

static bool is_own(const struct container *container, const struct asker *asker)
{
    return *container->id && g_str_equal(container->id, asker->own_id);
}

static bool is_servers(const struct container *container, const struct asker *asker)
{
    return is_own(container, asker) ||
           (container->managed && container_is_of(container, asker->agent_id) &&
            g_str_equal(container->server_id, asker->server_id));
}

/* --- Purge -------------------------------------------------------------------------------- */

/* One of ours is never left out of account. */
static bool is_ignored(const struct container *container, const struct policy *policy)
{
    for (guint i = 0; !container->managed && i < policy->mounters_ignored->len; i++) {
        if (g_pattern_match_simple(g_ptr_array_index(policy->mounters_ignored, i),
                                   container->name))
            return true;
    }
    return false;
}

/* What a backup or a monitor may have mounted, "/" or the data root, hinders nothing; a
 * server's container that may write there could bring back what is being removed. */
static bool hinders(const struct container *container, const struct mounted *mounted,
                    enum lies lies)
{
    switch (lies) {
    case LIES_APART:
        return false;
    case LIES_SAME:
    case LIES_INSIDE:
        return true;
    case LIES_AROUND:
        return container->managed && !mounted->read_only;
    }
    g_assert_not_reached();
}

static char *purge_hindered_by(const struct neighbours *neighbours, struct places *places,
                               const struct container *container,
                               const struct place *place, const char *data_dir)
{
    for (guint i = 0; i < container->mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(container->mounts, i);
        const enum lies lies = mounted_lies(neighbours, places, mounted, place);
        if (!hinders(container, mounted, lies))
            continue;
        g_autofree char *text = mounted_text(neighbours, mounted);
        return g_strdup_printf(
            "the container %s mounts %s, which %s %s; remove that container first, the "
            "data has not been touched",
            container->name, text,
            lies == LIES_SAME     ? "is"
            : lies == LIES_INSIDE ? "lies in"
                                  : "holds",
            data_dir);
    }
    return NULL;
}

char *neighbours_hinder_purge(const struct neighbours *neighbours,
                              const struct policy *policy, const struct asker *asker,
                              const char *data_dir)
{
    g_autoptr(Places) places = places_new();
    const struct place *place = places_look(places, data_dir);
    char *why = NULL;

    for (guint i = 0; i < neighbours->containers->len && !why; i++) {
        const struct container *container = g_ptr_array_index(neighbours->containers, i);
        /* A leftover of the server's own at rest goes without its data as well as with it. */
        if (is_own(container, asker) || is_ignored(container, policy) ||
            (is_servers(container, asker) && is_at_rest(container)))
            continue;
        why = purge_hindered_by(neighbours, places, container, place, data_dir);
    }
    return why;
}

bool neighbours_own_mounts(const struct neighbours *neighbours, const struct asker *asker,
                           const char *data_dir)
{
    g_autoptr(Places) places = places_new();
    const struct place *place = places_look(places, data_dir);

    for (guint i = 0; i < neighbours->containers->len; i++) {
        const struct container *container = g_ptr_array_index(neighbours->containers, i);
        for (guint j = 0; is_own(container, asker) && j < container->mounts->len; j++) {
            const struct mounted *mounted = g_ptr_array_index(container->mounts, j);
            const enum lies lies = mounted_lies(neighbours, places, mounted, place);
            if (lies == LIES_SAME || lies == LIES_INSIDE)
                return true;
        }
    }
    return false;
}

/* --- Sources ------------------------------------------------------------------------------ */

static const char *lies_text(enum lies lies)
{
    return lies == LIES_INSIDE ? "lies in" : lies == LIES_AROUND ? "holds" : "is";
}

/* Servers may share a directory that is none of their data directories, but none may reach
 * into another's: whoever can write a source's parent can put a symlink in its place. */
static bool entangled(enum lies lies, bool is_data_dir)
{
    return lies == LIES_INSIDE || lies == LIES_AROUND ||
           (lies == LIES_SAME && is_data_dir);
}

static char *source_hindered(const struct neighbours *neighbours, struct places *places,
                             const struct asker *asker, const char *source,
                             bool is_data_dir)
{
    const struct place *place = places_look(places, source);

    for (guint i = 0; i < neighbours->containers->len; i++) {
        const struct container *container = g_ptr_array_index(neighbours->containers, i);
        if (!container->managed || is_servers(container, asker))
            continue;
        for (guint j = 0; j < container->mounts->len; j++) {
            const struct mounted *mounted = g_ptr_array_index(container->mounts, j);
            const enum lies lies = mounted_lies(neighbours, places, mounted, place);
            if (!entangled(lies, is_data_dir))
                continue;
            g_autofree char *text = mounted_text(neighbours, mounted);
            return g_strdup_printf(
                "%s, which the container %s of another server mounts, %s %s; give this "
                "server a directory of its own, beside the others'",
                text, container->name, lies_text(lies), source);
        }
    }
    return NULL;
}

char *neighbours_hinder_sources(const struct neighbours *neighbours,
                                const struct asker *asker, const GPtrArray *sources,
                                const char *data_dir)
{
    g_autoptr(Places) places = places_new();
    char *why = *data_dir ? source_hindered(neighbours, places, asker, data_dir, true)
                          : NULL;

    for (guint i = 0; i < sources->len && !why; i++)
        why = source_hindered(neighbours, places, asker, g_ptr_array_index(sources, i),
                              false);
    return why;
}

static char *two_entangled(struct places *places, const char *source, const char *other,
                           bool is_data_dir)
{
    const struct place *place = places_look(places, source);
    const enum lies lies = place_lies(place, places_look(places, other));

    if (lies == LIES_AROUND || (lies == LIES_INSIDE && !is_data_dir))
        return g_strdup_printf(
            "the mount's source %s %s %s, %s; put them beside one another", source,
            lies_text(lies), other,
            is_data_dir ? "the data directory" : "another source");
    return NULL;
}

char *sources_entangled(const GPtrArray *sources, const char *data_dir)
{
    g_autoptr(Places) places = places_new();
    char *why = NULL;

    for (guint i = 0; i < sources->len && !why; i++) {
        const char *source = g_ptr_array_index(sources, i);
        if (*data_dir)
            why = two_entangled(places, source, data_dir, true);
        for (guint j = 0; j < i && !why; j++)
            why = two_entangled(places, source, g_ptr_array_index(sources, j), false);
    }
    return why;
}
