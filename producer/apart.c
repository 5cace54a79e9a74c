/*
 * apart.c - do a server's directories keep clear of one another, and of other servers'?
 */
#include "apart.h"

#include "check.h"
#include "ledger_rows.h"
#include "request.h"

#include <string.h>

/* Whether it lies in the directory, and is not the directory itself. */
static bool lies_in(const char *path, const char *directory)
{
    const size_t length = strlen(directory);

    return length > 0 && strncmp(path, directory, length) == 0 && path[length] == '/';
}

static bool complain(GError **error, const char *source, const char *lies,
                     const char *other)
{
    g_set_error(error, CHECK_ERROR, CHECK_ERROR_INVALID,
                "mount host_path: '%s' %s '%s'; put them beside one another", source,
                lies, other);
    return false;
}

bool apart_within(const struct spec *spec, GError **error)
{
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = spec->mounts->pdata[i];
        if (lies_in(spec->data_dir, mount->host_path))
            return complain(error, mount->host_path, "holds the data directory",
                            spec->data_dir);
        for (guint j = 0; j < spec->mounts->len; j++) {
            const struct mount *other = spec->mounts->pdata[j];
            if (lies_in(mount->host_path, other->host_path))
                return complain(error, mount->host_path, "lies in another mount's",
                                other->host_path);
        }
    }
    return true;
}

static bool is_apart(struct ledger *ledger, const char *agent_id, const char *server_id,
                     const char *what, const char *path, GError **error)
{
    g_autoptr(ServerRow) near = NULL;

    if (!ledger_find_data(ledger, agent_id, server_id, path, &near, error))
        return false;
    if (!near)
        return true;
    g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED,
                "%s: '%s' %s '%s', the data directory of server %s (%s, %s); give it a "
                "directory of its own beside the others', with server_data_path",
                what, path,
                lies_in(path, near->data_dir)   ? "lies in"
                : lies_in(near->data_dir, path) ? "holds"
                                                : "is",
                near->data_dir, near->name, near->id, server_status_name(near->status));
    return false;
}

bool apart_from_others(struct ledger *ledger, const char *agent_id, const char *server_id,
                       const struct spec *spec, GError **error)
{
    if (*spec->data_dir &&
        !is_apart(ledger, agent_id, server_id, "data_dir", spec->data_dir, error))
        return false;
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = spec->mounts->pdata[i];
        if (!lies_in(mount->host_path, spec->data_dir) &&
            !g_str_equal(mount->host_path, spec->data_dir) &&
            !is_apart(ledger, agent_id, server_id, "mount host_path", mount->host_path,
                      error))
            return false;
    }
    return true;
}
