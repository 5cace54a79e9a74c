/*
 * container_reach.c - how the processes of a container reach the host, by what it was made with.
 */
#include "container_reach.h"

#include "contract.h"

static bool holds_engine_socket(const char *path)
{
    static const char *const places[] = {"/", "/run", "/var", "/var/run"};
    static const char *const sockets[] = {"docker.sock", "podman.sock",
                                          "containerd.sock"};
    g_autofree char *name = g_path_get_basename(path);

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (g_str_equal(path, places[i]))
            return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sockets); i++) {
        if (g_str_equal(name, sockets[i]))
            return true;
    }
    return false;
}

static bool mounts_engine_socket(const GPtrArray *mounts)
{
    for (guint i = 0; i < mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(mounts, i);
        if (g_str_equal(mounted->type, "bind") && holds_engine_socket(mounted->source))
            return true;
    }
    return false;
}

/* "host", or "container:ID": not one of its own. */
static bool is_shared(const char *mode)
{
    return g_strcmp0(mode, "host") == 0 || (mode && g_str_has_prefix(mode, "container:"));
}

/* Not by CgroupnsMode, which is the host's wherever cgroups are of version 1. */
const char *container_reach(const json_t *host_config, const GPtrArray *mounts)
{
    static const struct {
        const char *key, *reach;
    } modes[] = {
        {"PidMode", "shares its process ids with the host or with another container"},
        {"IpcMode", "shares its memory (ipc) with the host or with another container"},
        {"NetworkMode", "shares its network with the host or with another container"},
        {"UTSMode", "shares its name (uts) with the host"},
        {"UsernsMode", "shares its users with the host"},
    };

    if (json_is_true(json_object_get(host_config, "Privileged")))
        return "runs privileged";
    if (mounts_engine_socket(mounts))
        return "mounts the engine's socket";
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (is_shared(json_string_value(json_object_get(host_config, modes[i].key))))
            return modes[i].reach;
    }
    return "";
}
