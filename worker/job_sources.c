/*
 * job_sources.c - what a container is to mount: made, looked up, and nobody else's.
 *
 * Docker resolves a path once more when it mounts it, and after a reboot it starts containers
 * before any worker lives.  So no source may lie where another server can write its parent:
 * asked before each create and start.  Where a server's mark says that its directory was found
 * to be its own, a create need not ask again, and a start only what other containers mount:
 * whoever came later was held against the mark.
 */
#include "job_host.h"

#include "host.h"
#include "host_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

const struct neighbours *host_errand_neighbours(struct host_errand *errand)
{
    const struct facts *facts = errand->facts;

    if (!errand->others)
        errand->others = neighbours_read(facts->everything, facts->everything_length,
                                         facts->volumes, facts->volumes_length,
                                         &errand->error);
    return errand->others;
}

bool host_errand_refuse(struct host_errand *errand, char *why_taken)
{
    g_set_error_literal(&errand->error, G_IO_ERROR, G_IO_ERROR_BUSY, why_taken);
    g_free(why_taken);
    return false;
}

static const char *data_dir_of(const struct host_errand *errand)
{
    return errand->command->spec->data_dir;
}

/* --- In place ----------------------------------------------------------------------------- */

/* A socket would lead to whoever listens on it, a device to the host's. */
static bool is_data(struct host_errand *errand, int at, const char *path)
{
    struct stat status;

    if (fstat(at, &status) != 0 || (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)))
        host_errand_refuse(errand,
                           g_strdup_printf("mount %s: it is neither a directory nor a "
                                           "plain file",
                                           path));
    return errand->error == NULL;
}

/* Not there is the engine's to say: it names the path as well. */
static bool opens_beneath(struct host_errand *errand, const char *path)
{
    const char *root = policy_root_of(errand->policy, path);
    g_auto(GStrv) names = root ? beneath_split(root, path, &errand->error) : NULL;
    g_autofree char *below = names ? g_strjoinv("/", names) : NULL;
    g_auto(Descriptor) top = below ? beneath_open_root(root, &errand->error) : -1;
    g_auto(Descriptor) at = top < 0 ? -1 : beneath_open(top, below, O_PATH, 0);

    if (at < 0 && !errand->error && root && errno != ENOENT)
        beneath_set_error(&errand->error, errno, "mount", path);
    return errand->error == NULL && (at < 0 || is_data(errand, at, path));
}

static bool are_in_place(struct host_errand *errand, const GPtrArray *sources)
{
    const char *data_dir = data_dir_of(errand);

    if (*data_dir && !opens_beneath(errand, data_dir))
        return false;
    for (guint i = 0; i < sources->len; i++) {
        if (!opens_beneath(errand, g_ptr_array_index(sources, i)))
            return false;
    }
    return true;
}

/* --- Nobody else's ------------------------------------------------------------------------ */

static bool lies_in(const char *path, const char *directory)
{
    const size_t length = strlen(directory);

    return length > 0 && strncmp(path, directory, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static bool is_marked(const struct host_errand *errand, const GPtrArray *sources)
{
    const char *data_dir = data_dir_of(errand);
    const char *root = policy_root_of(errand->policy, data_dir);

    for (guint i = 0; i < sources->len; i++) {
        if (!lies_in(g_ptr_array_index(sources, i), data_dir))
            return false;
    }
    return root && mark_judge(root, &errand->owner, data_dir) == MARK_FITS;
}

static bool is_unmarked_by_others(struct host_errand *errand, const char *path)
{
    const char *root = *path ? policy_root_of(errand->policy, path) : NULL;
    char *other = root ? mark_of_another(root, &errand->owner, path, true) : NULL;

    if (!other)
        return true;
    g_autofree char *told = other;
    return host_errand_refuse(
        errand,
        g_strdup_printf("%s lies in, around or at the data of %s; give this server a "
                        "directory of its own (if that server is no more, its file in "
                        "%s/.muster/marks can be removed)",
                        path, told, root));
}

static bool are_no_others(struct host_errand *errand, const GPtrArray *sources,
                          const char *data_dir)
{
    const struct asker asker = {errand->owner.server, step_own_id(errand->facts),
                                errand->owner.agent};
    const struct neighbours *neighbours = host_errand_neighbours(errand);
    char *why = neighbours
                    ? neighbours_hinder_sources(neighbours, &asker, sources, data_dir)
                    : NULL;

    if (why)
        host_errand_refuse(errand, why);
    return errand->error == NULL;
}

static bool are_its_own(struct host_errand *errand, const GPtrArray *sources,
                        const char *data_dir)
{
    if (!are_no_others(errand, sources, data_dir) ||
        !is_unmarked_by_others(errand, data_dir))
        return false;
    for (guint i = 0; i < sources->len; i++) {
        const char *source = g_ptr_array_index(sources, i);
        if (!lies_in(source, data_dir) && !is_unmarked_by_others(errand, source))
            return false;
    }
    return true;
}

static bool are_apart(struct host_errand *errand, const GPtrArray *sources,
                      const char *data_dir)
{
    char *why = sources_entangled(sources, data_dir);

    return !why || host_errand_refuse(errand, why);
}

/* Two that look and then mark would not see one another. */
static bool lock_marks(struct host_errand *errand, struct host_lock **ret_lock)
{
    const char *root = policy_root_of(errand->policy, data_dir_of(errand));

    *ret_lock = root ? host_wait_lock(root, "marks.lock", errand->stall_ms,
                                      &errand->cancel, &errand->error)
                     : NULL;
    return errand->error == NULL;
}

static void mark(struct host_errand *errand)
{
    const char *data_dir = data_dir_of(errand);
    const char *root = policy_root_of(errand->policy, data_dir);

    if (root && mark_judge(root, &errand->owner, data_dir) != MARK_NO_DATA)
        mark_make(root, &errand->owner, data_dir, &errand->error);
}

/* --- Create ------------------------------------------------------------------------------- */

static GPtrArray *sources_of_spec(const struct spec *spec)
{
    GPtrArray *sources = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        g_ptr_array_add(sources, g_strdup(mount->host_path));
    }
    return sources;
}

static bool make_all(struct host_errand *errand)
{
    const GPtrArray *mounts = errand->command->spec->mounts;

    for (guint i = 0; i < mounts->len && !errand->error; i++) {
        const struct mount *mount = g_ptr_array_index(mounts, i);
        const char *root = policy_root_of(errand->policy, mount->host_path);
        if (mount->make_directory && root)
            host_make_directory(root, mount->host_path, &errand->error);
    }
    return errand->error == NULL;
}

/* In a directory that is marked names are enough: no symlink is followed in it. */
static bool are_apart_by_name(struct host_errand *errand, const GPtrArray *sources)
{
    for (guint i = 0; i < sources->len; i++) {
        const char *source = g_ptr_array_index(sources, i);
        for (guint j = 0; j < sources->len; j++) {
            const char *other = g_ptr_array_index(sources, j);
            if (lies_in(source, other) && !g_str_equal(source, other))
                return are_apart(errand, sources, data_dir_of(errand));
        }
    }
    return true;
}

static void make_marked(struct host_errand *errand, const GPtrArray *sources)
{
    if (are_apart_by_name(errand, sources) && make_all(errand))
        are_in_place(errand, sources);
}

static void make_new(struct host_errand *errand, const GPtrArray *sources)
{
    struct host_lock *lock = NULL;

    if (lock_marks(errand, &lock) && are_apart(errand, sources, data_dir_of(errand)) &&
        are_its_own(errand, sources, data_dir_of(errand)) && make_all(errand) &&
        are_in_place(errand, sources))
        mark(errand);
    host_unlock(lock);
    errand->sources_checked = errand->error == NULL;
}

void host_errand_make_directories(struct host_errand *errand)
{
    g_autoptr(GPtrArray) sources = sources_of_spec(errand->command->spec);

    if (errand->facts->everything)
        make_new(errand, sources);
    else if (sources->len == 0 || is_marked(errand, sources))
        make_marked(errand, sources);
    else
        errand->others_wanted = true;
}

/* --- Start -------------------------------------------------------------------------------- */

/* What the container really mounts, beneath the data roots; what lies elsewhere (of one that
 * was adopted) is not the control plane's. */
static GPtrArray *sources_of_container(const struct host_errand *errand,
                                       const struct container *seen, bool *ret_has_data)
{
    GPtrArray *sources = g_ptr_array_new_with_free_func(g_free);

    *ret_has_data = false;
    for (guint i = 0; i < seen->mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(seen->mounts, i);
        if (*mounted->name || !policy_root_of(errand->policy, mounted->source))
            continue;
        g_ptr_array_add(sources, g_strdup(mounted->source));
        *ret_has_data |= lies_in(mounted->source, data_dir_of(errand));
    }
    return sources;
}

static void check_unmarked(struct host_errand *errand, const GPtrArray *sources,
                           bool has_data)
{
    const char *data_dir = has_data ? data_dir_of(errand) : "";
    struct host_lock *lock = NULL;

    if (lock_marks(errand, &lock) && are_in_place(errand, sources) &&
        are_apart(errand, sources, data_dir) && are_its_own(errand, sources, data_dir) &&
        has_data)
        mark(errand);
    host_unlock(lock);
}

/* Whoever has marked a directory since was held against the mark; whose container was made
 * by another hand, or whose marks lie elsewhere, was not. */
static void check_marked(struct host_errand *errand, const GPtrArray *sources)
{
    const char *data_dir = data_dir_of(errand);

    if (are_in_place(errand, sources) && are_apart_by_name(errand, sources))
        are_no_others(errand, sources, data_dir);
}

static void check_start_of(struct host_errand *errand, const struct container *container)
{
    bool has_data;
    g_autoptr(GPtrArray) sources = sources_of_container(errand, container, &has_data);

    if (has_data && is_marked(errand, sources))
        check_marked(errand, sources);
    else
        check_unmarked(errand, sources, has_data);
}

void host_errand_check_sources(struct host_errand *errand)
{
    check_start_of(errand, errand->facts->seen);
    errand->sources_checked = errand->error == NULL;
}

/* One that has its name back already is looked at under it. */
void host_errand_check_old_sources(struct host_errand *errand)
{
    const struct facts *facts = errand->facts;

    check_start_of(errand, facts->old ? facts->old : facts->seen);
    errand->old_checked = errand->error == NULL;
}
