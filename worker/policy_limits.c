/*
 * policy_limits.c - what the policy's file narrows: one rule a key, called as the key.
 *
 * Every no is FORBIDDEN, and says what would be allowed.  The command has passed the rules
 * of policy_rules.c: its numbers are in their ranges, its lists are not endless.
 */
#include "policy_parts.h"

#include "container.h"

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

static int64_t env_bytes(const GPtrArray *env)
{
    int64_t bytes = 0;

    for (guint i = 0; i < env->len; i++) {
        const struct pair *pair = g_ptr_array_index(env, i);
        bytes += (int64_t)(strlen(pair->key) + strlen(pair->value));
    }
    return bytes;
}

static bool env_names_allowed(const struct policy *policy, const GPtrArray *env,
                              struct refusal *refusal)
{
    for (guint i = 0; i < env->len; i++) {
        const struct pair *pair = g_ptr_array_index(env, i);
        if (matches_any(policy->env_forbidden, pair->key))
            return refusal_set(refusal, CODE_FORBIDDEN,
                               "the variable %s may not be set on this host", pair->key);
    }
    return true;
}

static bool limit_env(const struct policy *policy, const struct command *command,
                      struct refusal *refusal)
{
    const GPtrArray *env = command->spec->env;
    const int64_t bytes = env_bytes(env);

    if (env->len > policy->env_count_most)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server has %u variables; %" G_GINT64_FORMAT
                           " are the most that this host allows",
                           env->len, policy->env_count_most);
    if (bytes > policy->env_bytes_most)
        return refusal_set(refusal, CODE_FORBIDDEN,
                           "the server's variables have %" G_GINT64_FORMAT
                           " bytes together; %" G_GINT64_FORMAT
                           " are the most that this host allows",
                           bytes, policy->env_bytes_most);
    return env_names_allowed(policy, env, refusal);
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
    {ON_SPEC, "container_names", limit_container},
    {MAKING, "registries", limit_registries},
    {MAKING, "require_digest", limit_digest},
    {MAKING, "host_ports", limit_ports},
    {MAKING, "networks", limit_networks},
    {MAKING, "mounts", limit_mounts},
    {MAKING, "env", limit_env},
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
