/*
 * policy_places.c - what a container may have of this host: directories, images, ports,
 * networks.
 *
 * What could never be right is INVALID; what lies outside the roots and registries of the
 * command line, or in the host's own network, is FORBIDDEN.
 */
#include "policy_parts.h"

#include "container.h"

#include <string.h>

#define ENTRIES_MAX 256 /* networks, mounts, ports: they are compared in pairs */

/* `what` names the path in a refusal: "the mount". */
static bool path_allowed(const struct policy *policy, const char *what, const char *path,
                         struct refusal *refusal)
{
    if (!path_is_plain(path))
        return refusal_set(
            refusal, CODE_INVALID,
            "%s %s is no plain absolute path; give one without \"..\", \"//\" and a "
            "slash at its end",
            what, path);
    if (policy_root_of(policy, path) != NULL)
        return true;
    g_autofree char *roots = texts_join(policy->data_roots);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "%s %s is not inside a data root of this host (%s)", what, path,
                       roots);
}

bool rule_data_dir(const struct policy *policy, const struct command *command,
                   struct refusal *refusal)
{
    const char *path = command->spec->data_dir;

    return *path == '\0' || path_allowed(policy, "the data directory", path, refusal);
}

bool rule_image(const struct policy *policy, const struct command *command,
                struct refusal *refusal)
{
    g_auto(Reference) image = {0};
    g_autoptr(GError) wrong = NULL;

    if (!reference_of(command->spec->image, command->spec->image_tag, &image, &wrong))
        return refusal_set(refusal, CODE_INVALID, "the image is malformed: %s",
                           wrong->message);
    if (registries_allow(policy->registries, &image))
        return true;
    g_autofree char *allowed = texts_join(policy->registries);
    g_autofree char *text = reference_text(&image);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "the image %s is not from a registry that this host allows (%s)",
                       text, allowed);
}

static bool too_many(const GPtrArray *entries, const char *what, struct refusal *refusal)
{
    if (entries->len <= ENTRIES_MAX)
        return false;
    refusal_set(refusal, CODE_INVALID, "the server has %u %s; %d is the most",
                entries->len, what, ENTRIES_MAX);
    return true;
}

bool rule_mounts(const struct policy *policy, const struct command *command,
                 struct refusal *refusal)
{
    const GPtrArray *mounts = command->spec->mounts;

    if (too_many(mounts, "mounts", refusal))
        return false;
    for (guint i = 0; i < mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(mounts, i);
        if (!path_allowed(policy, "the mount", mount->host_path, refusal))
            return false;
        if (!path_is_plain(mount->container_path))
            return refusal_set(refusal, CODE_INVALID,
                               "the mount of %s at \"%s\" in the container is no plain "
                               "absolute path",
                               mount->host_path, mount->container_path);
        for (guint j = 0; j < i; j++) {
            const struct mount *other = g_ptr_array_index(mounts, j);
            if (g_str_equal(mount->container_path, other->container_path))
                return refusal_set(refusal, CODE_INVALID,
                                   "two mounts are at %s in the container",
                                   mount->container_path);
        }
    }
    return true;
}

static bool port_valid(const struct port *port, struct refusal *refusal)
{
    if (port->host_port < 0 || port->host_port > 65535 || port->container_port < 1 ||
        port->container_port > 65535)
        return refusal_set(refusal, CODE_INVALID,
                           "the port %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT
                           " is not between 1 "
                           "and 65535 (0 on the host: any)",
                           port->host_port, port->container_port);
    if (*port->host_ip != '\0' && !g_hostname_is_ip_address(port->host_ip))
        return refusal_set(refusal, CODE_INVALID,
                           "the port %" G_GINT64_FORMAT " is on \"%s\", which is no "
                           "address of a host",
                           port->host_port, port->host_ip);
    return true;
}

bool rule_ports(const struct policy *policy, const struct command *command,
                struct refusal *refusal)
{
    const GPtrArray *ports = command->spec->ports;

    if (too_many(ports, "ports", refusal))
        return false;
    for (guint i = 0; i < ports->len; i++) {
        const struct port *port = g_ptr_array_index(ports, i);
        if (!port_valid(port, refusal))
            return false;
        for (guint j = 0; j < i; j++) {
            if (ports_clash(port, g_ptr_array_index(ports, j)))
                return refusal_set(refusal, CODE_INVALID,
                                   "the host's port %" G_GINT64_FORMAT "/%s is asked for "
                                   "twice",
                                   port->host_port, protocol_name(port->protocol));
        }
    }
    return true;
}

static bool is_network_id(const char *name)
{
    const size_t length = strlen(name);

    return length >= 12 && length <= 64 &&
           strspn(name, "0123456789abcdefABCDEF") == length;
}

static bool network_allowed(const struct network *network, struct refusal *refusal)
{
    const char *name = network->name;

    if (g_str_equal(name, "host") || g_str_has_prefix(name, "container:"))
        return refusal_set(
            refusal, CODE_FORBIDDEN,
            "the network \"%s\" is not the server's own; no host allows it", name);
    if (g_str_equal(name, "none") || g_str_equal(name, "default") ||
        !is_engine_name(name, 1))
        return refusal_set(refusal, CODE_INVALID,
                           "the network \"%s\" has no name for a network of its own: "
                           "letters, digits, _, . and -",
                           name);
    /* A whole id goes before any name, and a short one is taken where no name fits: it could
     * be the network of somebody else. */
    return !is_network_id(name) ||
           refusal_set(
               refusal, CODE_INVALID,
               "the network \"%s\" bears a name that could be another network's id; "
               "choose one that is not 12 to 64 hexadecimal digits",
               name);
}

bool rule_networks(const struct policy *policy, const struct command *command,
                   struct refusal *refusal)
{
    const GPtrArray *networks = command->spec->networks;

    if (too_many(networks, "networks", refusal))
        return false;
    for (guint i = 0; i < networks->len; i++) {
        const struct network *network = g_ptr_array_index(networks, i);
        if (!network_allowed(network, refusal))
            return false;
        for (guint j = 0; j < i; j++) {
            const struct network *other = g_ptr_array_index(networks, j);
            if (g_str_equal(network->name, other->name))
                return refusal_set(refusal, CODE_INVALID, "the network %s is named twice",
                                   network->name);
        }
    }
    return true;
}
