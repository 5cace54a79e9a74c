/*
 * neighbours.h - the engine's other containers, and what they have mounted of this host.
 *
 * Mounts are compared by where they lead (host_place.h): one directory has many names.  May
 * block: it looks at paths.
 */
#pragma once

#include "container.h"
#include "policy.h"

/* Does not change once it is made: threads may share it. */
struct neighbours {
    gatomicrefcount references;
    GPtrArray *containers; /* struct container */
    GHashTable *volumes;   /* name → directory, of those that bind one */
};

struct neighbours *neighbours_new(GPtrArray *containers_taken, GHashTable *volumes_taken);
/* Of the engine's lists; `volumes` NULL: no container has one.  NULL: one is no list. */
struct neighbours *neighbours_read(const char *containers, size_t containers_length,
                                   const char *volumes, size_t volumes_length,
                                   GError **error);
struct neighbours *neighbours_ref(struct neighbours *neighbours);
void neighbours_unref(struct neighbours *neighbours);
/* Whether it lists the container. */
bool neighbours_hold(const struct neighbours *neighbours, const char *container_id);

/* Who asks: his containers are no neighbours. */
struct asker {
    const char *server_id;
    const char *own_id; /* of his container, "" if there is none */
    const char *agent_id;
};

/* Why `data_dir` cannot be purged: another container mounts it, or a part of it, or, if it is
 * of Muster's and may write, what holds it; those that the policy ignores do not count.  NULL:
 * nobody does.  g_free it. */
char *neighbours_hinder_purge(const struct neighbours *neighbours,
                              const struct policy *policy, const struct asker *asker,
                              const char *data_dir);

/* Why a container may not be made with these sources (char *): one lies in or around what a
 * container of another server mounts, or another mounts the data directory ("": none).  NULL:
 * it may.  g_free it. */
char *neighbours_hinder_sources(const struct neighbours *neighbours,
                                const struct asker *asker, const GPtrArray *sources,
                                const char *data_dir);

/* Whether his own container mounts the directory, or a part of it. */
bool neighbours_own_mounts(const struct neighbours *neighbours, const struct asker *asker,
                           const char *data_dir);

/* Two of the sources lie in one another, or one around the data directory: why that cannot
 * be, or NULL.  g_free it. */
char *sources_entangled(const GPtrArray *sources, const char *data_dir);

typedef struct neighbours Neighbours;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Neighbours, neighbours_unref)
