/*
 * policy_limits.c - what the policy's file narrows: one rule a key, called as the key.
 *
 * Every no is FORBIDDEN, and says what would be allowed.  The command has passed the rules
 * of policy_rules.c: its numbers are in their ranges, its lists are not endless.
 */
#include "policy_parts.h"

#include "container.h"
#include "inside.h"

#include <string.h>

char *texts_join(const GPtrArray *texts)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < texts->len; i++)
        g_string_append_printf(line, "%s%s", i > 0 ? ", " : "",
                               (const char *)g_ptr_array_index(texts, i));
    return g_string_free(line, FALSE);
}

char *spans_join(const GArray *spans)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < spans->len; i++) {
        const struct span *span = &g_array_index(spans, struct span, i);
        g_string_append_printf(line, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "",
                               span->least);
        if (span->most != span->least)
            g_string_append_printf(line, "-%" G_GINT64_FORMAT, span->most);
    }
    return g_string_free(line, FALSE);
}

static bool matches_any(const GPtrArray *patterns, const char *name)
{
    for (guint i = 0; i < patterns->len; i++) {
        if (g_pattern_match_simple(g_ptr_array_index(patterns, i), name))
            return true;
    }
    return false;
}

/* --- Names and images --------------------------------------------------------------- */

static bool name_allowed(const struct policy *policy, const char *name,
                         struct refusal *refusal)
{
    if (policy->name_prefixes->len == 0)
        return true;
    for (guint i = 0; i < policy->name_prefixes->len; i++) {
        if (g_str_has_prefix(name, g_ptr_array_index(policy->name_prefixes, i)))
            return true;
    }
    g_autofree char *allowed = texts_join(policy->name_prefixes);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "the container's name %s begins with none of the prefixes that "
                       "this host allows (%s)",
                       name, allowed);
}

static bool limit_container(const struct policy *policy, const struct command *command,
                            struct refusal *refusal)
{
    return name_allowed(policy, command->spec->container, refusal);
}

static bool adopt_allowed(const struct policy *policy, const char *name,
                          struct refusal *refusal)
{
    if (policy->adopt_none)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the container %s may not be adopted: this host lets none be",
                           name);
    if (policy->adopt->len == 0 || matches_any(policy->adopt, name))
        return true;
    g_autofree char *allowed = texts_join(policy->adopt);
    return refusal_set(
        refusal, CODE_FORBIDDEN,
        "the container %s is none of those that may be adopted on this host (%s)", name,
        allowed);
}

bool policy_allows_adopt(const struct policy *policy, const char *name,
                         struct refusal *ret_refusal)
{
    if (!name_allowed(policy, name, ret_refusal))
        return refusal_name_rule(ret_refusal, "container_names");
    return adopt_allowed(policy, name, ret_refusal) ||
           refusal_name_rule(ret_refusal, "adopt");
}

static bool limit_registries(const struct policy *policy, const struct command *command,
                             struct refusal *refusal)
{
    g_auto(Reference) image = {0};

    if (policy->file_registries->len == 0 ||
        (reference_of(command->spec->image, command->spec->image_tag, &image, NULL) &&
         registries_allow(policy->file_registries, &image)))
        return true;
    g_autofree char *allowed = texts_join(policy->file_registries);
    g_autofree char *text = container_image_reference(command->spec);
    return refusal_set(
        refusal, CODE_FORBIDDEN,
        "the image %s is none of those that this host's policy allows (%s)", text,
        allowed);
}

static bool limit_digest(const struct policy *policy, const struct command *command,
                         struct refusal *refusal)
{
    g_auto(Reference) image = {0};

    if (!policy->require_digest ||
        (reference_of(command->spec->image, command->spec->image_tag, &image, NULL) &&
         image.digest))
        return true;
    g_autofree char *text = container_image_reference(command->spec);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "the image %s has no digest, and this host takes images by digest "
                       "alone: give it as image@sha256:…",
                       text);
}

/* --- Ports, networks, mounts -------------------------------------------------------- */

static bool port_allowed(const GArray *spans, int64_t number)
{
    for (guint i = 0; i < spans->len; i++) {
        const struct span *span = &g_array_index(spans, struct span, i);
        if (number >= span->least && number <= span->most)
            return true;
    }
    return false;
}

/* Port 0 lets the engine choose, which may choose one outside. */
static bool limit_ports(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    const GPtrArray *ports = command->spec->ports;

    if (policy->host_ports->len == 0)
        return true;
    for (guint i = 0; i < ports->len; i++) {
        const struct port *port = g_ptr_array_index(ports, i);
        if (port_allowed(policy->host_ports, port->host_port))
            continue;
        g_autofree char *allowed = spans_join(policy->host_ports);
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the host's port %" G_GINT64_FORMAT
                           "/%s is not among those that this host allows (%s)",
                           port->host_port, protocol_name(port->protocol), allowed);
    }
    return true;
}

static bool limit_addresses(const struct policy *policy, const struct command *command,
                            struct refusal *refusal)
{
    const GPtrArray *ports = command->spec->ports, *allowed = policy->host_addresses;

    for (guint i = 0; i < ports->len && allowed->len > 0; i++) {
        const struct port *port = g_ptr_array_index(ports, i);
        const char *address = *port->host_ip ? port->host_ip : "0.0.0.0";
        if (g_ptr_array_find_with_equal_func((GPtrArray *)allowed, address, g_str_equal,
                                             NULL))
            continue;
        g_autofree char *list = texts_join(allowed);
        return refusal_set(
            refusal, CODE_FORBIDDEN,
            "the port %" G_GINT64_FORMAT "/%s is published on %s, which is "
            "none of the addresses that this host allows (%s)",
            port->host_port, protocol_name(port->protocol),
            *port->host_ip ? port->host_ip : "all addresses (0.0.0.0)", list);
    }
    return true;
}

static bool limit_networks_most(const struct policy *policy,
                                const struct command *command, struct refusal *refusal)
{
    return command->spec->networks->len <= policy->networks_most ||
           refusal_set(refusal, CODE_FORBIDDEN,
                       "the server is in %u networks; %" G_GINT64_FORMAT
                       " are the most that this host allows",
                       command->spec->networks->len, policy->networks_most);
}

static bool limit_networks(const struct policy *policy, const struct command *command,
                           struct refusal *refusal)
{
    const GPtrArray *networks = command->spec->networks;

    if (policy->networks->len == 0)
        return true;
    for (guint i = 0; i < networks->len; i++) {
        const struct network *network = g_ptr_array_index(networks, i);
        if (matches_any(policy->networks, network->name))
            continue;
        g_autofree char *allowed = texts_join(policy->networks);
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the network %s is none of those that this host allows (%s)",
                           network->name, allowed);
    }
    /* The engine would put it into its own network, "bridge". */
    return networks->len > 0 || matches_any(policy->networks, "bridge") ||
           refusal_set(refusal, CODE_FORBIDDEN,
                       "the server names no network and would be in \"bridge\", which "
                       "this host does not allow");
}

static bool limit_mounts(const struct policy *policy, const struct command *command,
                         struct refusal *refusal)
{
    return command->spec->mounts->len <= policy->mounts_most ||
           refusal_set(refusal, CODE_FORBIDDEN,
                       "the server has %u mounts; %" G_GINT64_FORMAT
                       " are the most that this host allows",
                       command->spec->mounts->len, policy->mounts_most);
}

/* --- Env ---------------------------------------------------------------------------- */

static int64_t pairs_bytes(const GPtrArray *env)
{
    int64_t bytes = 0;

    for (guint i = 0; i < env->len; i++) {
        const struct pair *pair = g_ptr_array_index(env, i);
        bytes += (int64_t)(strlen(pair->key) + strlen(pair->value));
    }
    return bytes;
}

/* What a host says of variables and of labels. */
struct pairs_limit {
    const char *many, *one; /* "variables", "variable" */
    int64_t count_most, bytes_most;
    const GPtrArray *forbidden;
};

static bool pairs_allowed(const struct pairs_limit *limit, const GPtrArray *pairs,
                          struct refusal *refusal)
{
    const int64_t bytes = pairs_bytes(pairs);

    if (pairs->len > limit->count_most)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server has %u %s; %" G_GINT64_FORMAT
                           " are the most that this host allows",
                           pairs->len, limit->many, limit->count_most);
    if (bytes > limit->bytes_most)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server's %s have %" G_GINT64_FORMAT
                           " bytes together; %" G_GINT64_FORMAT
                           " are the most that this host allows",
                           limit->many, bytes, limit->bytes_most);
    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);
        if (matches_any(limit->forbidden, pair->key))
            return refusal_set(refusal, CODE_FORBIDDEN,
                               "the %s %s may not be set on this host", limit->one,
                               pair->key);
    }
    return true;
}

static bool limit_env(const struct policy *policy, const struct command *command,
                      struct refusal *refusal)
{
    const struct pairs_limit limit = {"variables", "variable", policy->env_count_most,
                                      policy->env_bytes_most, policy->env_forbidden};

    return pairs_allowed(&limit, command->spec->env, refusal);
}

/* Other programs of the host do what labels say: proxies, updaters, backups. */
static bool limit_labels(const struct policy *policy, const struct command *command,
                         struct refusal *refusal)
{
    const struct pairs_limit limit = {"labels", "label", policy->labels_count_most,
                                      policy->labels_bytes_most,
                                      policy->labels_forbidden};

    return pairs_allowed(&limit, command->spec->labels, refusal);
}

/* --- Who acts ------------------------------------------------------------------------ */

static bool limit_actions(const struct policy *policy, const struct command *command,
                          struct refusal *refusal)
{
    if (policy->actions->len == 0 ||
        g_ptr_array_find_with_equal_func(policy->actions, command->action, g_str_equal,
                                         NULL))
        return true;
    g_autofree char *allowed = texts_join(policy->actions);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "a %s is none of the actions that this host takes (%s)",
                       command->action, allowed);
}

/* A name says nothing of its number, which is the image's; and so is whom an image runs as. */
static bool is_not_root(const char *user)
{
    int64_t uid, gid;

    return g_ascii_isdigit(*user) && inside_user(user, &uid, &gid) && uid != 0;
}

static bool limit_users(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    const char *user = command->spec->user;

    if (policy->users_not_root && !is_not_root(user))
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server runs as \"%s\", which may be root (empty: as its "
                           "image says); this host wants a number that is not 0, such as "
                           "1000:1000",
                           user);
    if (policy->users->len == 0 || (*user && matches_any(policy->users, user)))
        return true;
    g_autofree char *allowed = texts_join(policy->users);
    return refusal_set(
        refusal, CODE_FORBIDDEN,
        "the server runs as \"%s\" (empty: as its image says), which is none "
        "of those that this host allows (%s)",
        user, allowed);
}

/* Its words may hold a password: they are not told. */
static bool limit_save_commands(const struct policy *policy,
                                const struct command *command, struct refusal *refusal)
{
    const GPtrArray *save = command->spec->stop->save;
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < save->len; i++)
        g_string_append_printf(line, "%s%s", i > 0 ? " " : "",
                               (const char *)g_ptr_array_index(save, i));
    if (save->len == 0 || command->options->skip_save)
        return true;
    if (policy->save_none)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server has a save command, and this host runs none; skip "
                           "the save, or take it out of the server");
    if (policy->save_commands->len == 0 || matches_any(policy->save_commands, line->str))
        return true;
    g_autofree char *allowed = texts_join(policy->save_commands);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "the server's save command is none of those that this host allows "
                       "(%s); skip the save, or change it",
                       allowed);
}

/* --- Resources, its end, its coming back -------------------------------------------- */

static bool limit_resource(const struct limit *limit, int64_t value, const char *what,
                           struct refusal *refusal)
{
    if (value == 0 && limit->required)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server has no limit of %s, and this host asks for one",
                           what);
    return value <= limit->most ||
           refusal_set(refusal, CODE_FORBIDDEN,
                       "the server's limit of %s, %" G_GINT64_FORMAT
                       ", is above the most that this host allows, %" G_GINT64_FORMAT,
                       what, value, limit->most);
}

static bool limit_memory(const struct policy *policy, const struct command *command,
                         struct refusal *refusal)
{
    return limit_resource(&policy->memory_bytes, command->spec->resources->memory_bytes,
                          "bytes of memory", refusal);
}

static bool limit_cpus(const struct policy *policy, const struct command *command,
                       struct refusal *refusal)
{
    return limit_resource(&policy->nano_cpus, command->spec->resources->nano_cpus,
                          "nano CPUs", refusal);
}

static bool limit_pids(const struct policy *policy, const struct command *command,
                       struct refusal *refusal)
{
    return limit_resource(&policy->pids, command->spec->resources->pids, "processes",
                          refusal);
}

static bool limit_timeout(int64_t most, int64_t value, const char *what,
                          struct refusal *refusal)
{
    return value <= most ||
           refusal_set(refusal, CODE_FORBIDDEN,
                       "%s may take %" G_GINT64_FORMAT " s; %" G_GINT64_FORMAT
                       " s are the most that this host allows",
                       what, value, most);
}

static bool limit_stop(const struct policy *policy, const struct command *command,
                       struct refusal *refusal)
{
    return limit_timeout(policy->stop_timeout_most_s, command->spec->stop->timeout_s,
                         "the server's stop", refusal);
}

static bool limit_save(const struct policy *policy, const struct command *command,
                       struct refusal *refusal)
{
    return limit_timeout(policy->save_timeout_most_s, command->spec->stop->save_timeout_s,
                         "the server's save command", refusal);
}

static bool limit_restart(const struct policy *policy, const struct command *command,
                          struct refusal *refusal)
{
    const char *word = command->spec->restart_policy;

    word = *word == '\0' ? "no" : word; /* what the engine takes it for */
    if (policy->restart_policies->len == 0 ||
        g_ptr_array_find_with_equal_func(policy->restart_policies, word, g_str_equal,
                                         NULL))
        return true;
    g_autofree char *allowed = texts_join(policy->restart_policies);
    return refusal_set(
        refusal, CODE_FORBIDDEN,
        "the restart policy %s is none of those that this host allows (%s)", word,
        allowed);
}

static const struct rule limits[] = {
    {ON_SPEC, "actions", limit_actions},
    {ON_SPEC, "container_names", limit_container},
    {ON_SPEC, "save_commands", limit_save_commands}, /* a stop runs it, too */
    {MAKING, "registries", limit_registries},
    {MAKING, "require_digest", limit_digest},
    {MAKING, "host_ports", limit_ports},
    {MAKING, "host_addresses", limit_addresses},
    {MAKING, "networks_per_server", limit_networks_most},
    {MAKING, "networks", limit_networks},
    {MAKING, "mounts", limit_mounts},
    {MAKING, "env", limit_env},
    {MAKING, "labels", limit_labels},
    {MAKING, "users", limit_users},
    {MAKING, "memory_bytes", limit_memory},
    {MAKING, "nano_cpus", limit_cpus},
    {MAKING, "pids", limit_pids},
    {MAKING, "logs", limit_logs},
    {MAKING, "stop_timeout_s", limit_stop},
    {MAKING, "save_timeout_s", limit_save},
    {MAKING, "restart_policies", limit_restart},
};

bool limits_allow(const struct policy *policy, const struct command *command,
                  struct refusal *refusal)
{
    return rules_allow(limits, G_N_ELEMENTS(limits), policy, command, refusal);
}
