/*
 * job_purge.c - whether a server's data may be removed, and the removal.
 *
 * Only what bears the server's mark goes, and only while nobody else has it mounted.  Data
 * that its own container mounts is its data: it gets the mark here, if it has none.
 */
#include "job_host.h"

#include "host.h"

static const char *data_dir_of(const struct host_errand *errand)
{
    return errand->command->spec->data_dir;
}

/* --- Whether it may ----------------------------------------------------------------------- */

static bool no_others_data(struct host_errand *errand, const char *root)
{
    g_autofree char *other = mark_of_another(root, &errand->owner, data_dir_of(errand),
                                             false);

    if (!other)
        return true;
    return host_errand_refuse(
        errand, g_strdup_printf("the data of %s lies in %s; purge that server first, or "
                                "move it (if it is no more, its file in %s/.muster/marks "
                                "can be removed); the data has not been touched",
                                other, data_dir_of(errand), root));
}

static bool no_others_mount(struct host_errand *errand,
                            const struct neighbours *neighbours,
                            const struct asker *asker)
{
    char *why = neighbours_hinder_purge(neighbours, errand->policy, asker,
                                        data_dir_of(errand));

    return !why || host_errand_refuse(errand, why);
}

static bool refuse_unmarked(struct host_errand *errand, enum mark mark)
{
    const char *data_dir = data_dir_of(errand);

    if (mark == MARK_ELSEWHERE)
        return host_errand_refuse(
            errand,
            g_strdup_printf("%s is not the directory that this server was started with: "
                            "it was replaced since, as by a restored backup; start the "
                            "server once, or purge with --yes; the data has not been "
                            "touched",
                            data_dir));
    return host_errand_refuse(
        errand, g_strdup_printf("%s does not bear this server's mark: Muster has not "
                                "started it with that directory; if it is this server's "
                                "all the same, purge with --yes; the data has not been "
                                "touched",
                                data_dir));
}

static bool bears_mark(struct host_errand *errand, const char *root,
                       const struct neighbours *neighbours, const struct asker *asker)
{
    const char *data_dir = data_dir_of(errand);
    const enum mark mark = mark_judge(root, &errand->owner, data_dir);

    switch (mark) {
    case MARK_FITS:
    case MARK_NO_DATA:
        return true;
    case MARK_NONE:
    case MARK_ELSEWHERE:
        break;
    }
    if (!errand->command->options->unmarked &&
        !neighbours_own_mounts(neighbours, asker, data_dir))
        return refuse_unmarked(errand, mark);
    return mark_make(root, &errand->owner, data_dir, &errand->error);
}

/* Its data root, if it may be purged. */
static const char *purge_root(struct host_errand *errand)
{
    const struct asker asker = {errand->owner.server, step_own_id(errand->facts),
                                errand->owner.agent};
    const char *root = policy_root_of(errand->policy, data_dir_of(errand));
    const struct neighbours *neighbours = root ? host_errand_neighbours(errand) : NULL;

    if (neighbours && host_can_purge(root, data_dir_of(errand), &errand->error) &&
        no_others_mount(errand, neighbours, &asker) && no_others_data(errand, root) &&
        bears_mark(errand, root, neighbours, &asker))
        return root;
    return NULL;
}

void host_errand_check_purge(struct host_errand *errand)
{
    purge_root(errand);
}

/* --- Removing ----------------------------------------------------------------------------- */

static bool purge_left(struct host_errand *errand, const char *root, char **purges)
{
    for (char **left = purges; *left; left++) {
        bool there = false;
        if (!host_finish_purge(root, *left, &there, &errand->error))
            return false;
        errand->purge_found |= there;
    }
    return true;
}

void host_errand_purge(struct host_errand *errand)
{
    const char *root = purge_root(errand);
    const char *data_dir = data_dir_of(errand);
    const char *command_id = errand->command->command_id;

    if (!root)
        return;
    g_autofree char *purged = host_purge_name(data_dir, command_id);
    g_auto(GStrv) left = mark_purges(root, &errand->owner);
    if (mark_judge(root, &errand->owner, data_dir) == MARK_FITS &&
        !mark_note_purge(root, &errand->owner, purged, &errand->error))
        return;
    if (host_purge(root, data_dir, command_id, &errand->purge_found, &errand->error) &&
        purge_left(errand, root, left))
        mark_remove(root, &errand->owner);
}
