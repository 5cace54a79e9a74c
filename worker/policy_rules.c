/*
 * policy_rules.c - what a command must be to be carried out here: one small rule each.
 *
 * A command names paths, images, ports and names that end up in the engine's URLs, in
 * directories and in labels; whatever passes here is safe to put there.  Two kinds of no:
 * FORBIDDEN is this host's policy, INVALID would be wrong on any host.
 *
 * A command that only ends a container (stop, delete) is not measured by the rules for
 * making one: a narrower policy must not make an old server unstoppable.
 */
#include "policy.h"

#include "container.h"

#include <string.h>

#define NAME_CHARS    128 /* of an id or a name; rebuild appends ".old-<command>-r" to it */
#define ENTRIES_MAX   256 /* networks, mounts, ports: they are compared in pairs */
#define TIMEOUT_MAX_S 3600
#define MEMORY_MIN    (6 * 1024 * 1024) /* the engine's own least */

static char *join(const GPtrArray *texts)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < texts->len; i++)
        g_string_append_printf(line, "%s%s", i > 0 ? ", " : "",
                               (const char *)g_ptr_array_index(texts, i));
    return g_string_free(line, FALSE);
}

/* --- Names ------------------------------------------------------------------------- */

/* At least `least` characters of [A-Za-z0-9._-]. */
static bool is_word(const char *text, size_t least)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-");

    return text[length] == '\0' && length >= least && length <= NAME_CHARS;
}

/* What the engine takes as a name: a word that begins with a letter or digit. */
static bool is_engine_name(const char *text, size_t least)
{
    return is_word(text, least) && g_ascii_isalnum(text[0]);
}

/* Ids become labels and parts of paths and names. */
static bool is_id(const char *text)
{
    return text != NULL && is_word(text, 1) && !g_str_equal(text, ".") &&
           !g_str_equal(text, "..");
}

static bool rule_ids(const struct policy *policy, const struct command *command,
                     struct refusal *refusal)
{
    bool needs_server = action_from_name(command->action) != ACTION_SYNC;

    if (!is_id(command->command_id))
        return refusal_set(refusal, CODE_INVALID,
                           "the command's id \"%s\" is not 1 to 128 of A-Za-z0-9._-",
                           command->command_id);
    if (command->server_id == NULL ? needs_server : !is_id(command->server_id))
        return refusal_set(refusal, CODE_INVALID,
                           "the server's id \"%s\" is not 1 to 128 of A-Za-z0-9._-",
                           command->server_id ? command->server_id : "");
    return true;
}

static bool rule_target(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    return is_id(command->target) ||
           refusal_set(refusal, CODE_INVALID,
                       "a cancel names no command that it is to cancel");
}

static bool rule_spec(const struct policy *policy, const struct command *command,
                      struct refusal *refusal)
{
    return command->spec != NULL ||
           refusal_set(refusal, CODE_INVALID,
                       "a %s needs a spec, and this command has none", command->action);
}

static bool rule_container(const struct policy *policy, const struct command *command,
                           struct refusal *refusal)
{
    const struct spec *spec = command->spec;

    if (!is_engine_name(spec->container, 2))
        return refusal_set(
            refusal, CODE_INVALID,
            "the container's name \"%s\" is not 2 to 128 of A-Za-z0-9._-, the first "
            "a letter or digit",
            spec->container);
    if (strstr(spec->container, ".old-") != NULL)
        return refusal_set(
            refusal, CODE_INVALID,
            "the container's name \"%s\" has \".old-\" in it, which marks what a "
            "rebuild replaces; choose another",
            spec->container);
    if (spec->adopt != NULL && !is_engine_name(spec->adopt, 1))
        return refusal_set(refusal, CODE_INVALID,
                           "the container to adopt, \"%s\", is no container's id",
                           spec->adopt);
    if (text_has_control(spec->server_name))
        return refusal_set(refusal, CODE_INVALID,
                           "the server's name has control characters in it");
    return true;
}

static bool rule_name_prefix(const struct policy *policy, const struct command *command,
                             struct refusal *refusal)
{
    const char *name = command->spec->container;

    if (policy->name_prefixes->len == 0)
        return true;
    for (guint i = 0; i < policy->name_prefixes->len; i++) {
        if (g_str_has_prefix(name, g_ptr_array_index(policy->name_prefixes, i)))
            return true;
    }
    g_autofree char *allowed = join(policy->name_prefixes);
    return refusal_set(
        refusal, CODE_FORBIDDEN,
        "the container's name %s begins with none of the prefixes that this host "
        "allows (%s)",
        name, allowed);
}

/* --- What a container may have ------------------------------------------------------ */

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
    g_autofree char *roots = join(policy->data_roots);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "%s %s is not inside a data root of this host (%s)", what, path,
                       roots);
}

static bool rule_data_dir(const struct policy *policy, const struct command *command,
                          struct refusal *refusal)
{
    const char *path = command->spec->data_dir;

    return *path == '\0' || path_allowed(policy, "the data directory", path, refusal);
}

static bool rule_image(const struct policy *policy, const struct command *command,
                       struct refusal *refusal)
{
    g_autofree char *reference = container_image_reference(command->spec);
    if (!reference_is_valid(reference))
        return refusal_set(refusal, CODE_INVALID,
                           "the image \"%s\" is malformed; give it as host/path:tag",
                           reference);

    if (policy_allows_image(policy, reference))
        return true;
    g_autofree char *allowed = join(policy->registries);
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "the image %s is not from a registry that this host allows (%s)",
                       reference, allowed);
}

static bool too_many(const GPtrArray *entries, const char *what, struct refusal *refusal)
{
    if (entries->len <= ENTRIES_MAX)
        return false;
    refusal_set(refusal, CODE_INVALID, "the server has %u %s; %d is the most",
                entries->len, what, ENTRIES_MAX);
    return true;
}

static bool rule_mounts(const struct policy *policy, const struct command *command,
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

/* "" stands for all addresses of the host. */
static bool ports_clash(const struct port *a, const struct port *b)
{
    if (a->host_port == 0 || a->host_port != b->host_port || a->protocol != b->protocol)
        return false;
    return *a->host_ip == '\0' || *b->host_ip == '\0' ||
           g_str_equal(a->host_ip, b->host_ip);
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

static bool rule_ports(const struct policy *policy, const struct command *command,
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
    return true;
}

static bool rule_networks(const struct policy *policy, const struct command *command,
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

/* Never shows a value: those of env are secret. */
static bool pairs_valid(const GPtrArray *pairs, const char *what, const char *refused,
                        struct refusal *refusal)
{
    g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);
        if (*pair->key == '\0' || strpbrk(pair->key, refused) ||
            text_has_control(pair->key))
            return refusal_set(refusal, CODE_INVALID, "%s \"%s\" is no name for one",
                               what, pair->key);
        if (!g_hash_table_add(keys, pair->key))
            return refusal_set(refusal, CODE_INVALID, "%s \"%s\" is given twice", what,
                               pair->key);
    }
    return true;
}

static bool rule_env(const struct policy *policy, const struct command *command,
                     struct refusal *refusal)
{
    return pairs_valid(command->spec->env, "the variable", "=", refusal);
}

static bool rule_labels(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    const GPtrArray *labels = command->spec->labels;

    for (guint i = 0; i < labels->len; i++) {
        const struct pair *label = g_ptr_array_index(labels, i);
        if (g_str_has_prefix(label->key, LABEL_PREFIX))
            return refusal_set(refusal, CODE_INVALID,
                               "the label %s begins with \"" LABEL_PREFIX "\", which the "
                               "worker keeps for its own",
                               label->key);
    }
    return pairs_valid(labels, "the label", "=", refusal);
}

/* --- How it lives and ends ---------------------------------------------------------- */

static bool rule_restart_policy(const struct policy *policy,
                                const struct command *command, struct refusal *refusal)
{
    static const char *const words[] = {"",           "no", "always", "unless-stopped",
                                        "on-failure", NULL};
    const char *word = command->spec->restart_policy;

    return g_strv_contains(words, word) ||
           refusal_set(refusal, CODE_INVALID,
                       "the restart policy \"%s\" is none of no, always, unless-stopped, "
                       "on-failure",
                       word);
}

static bool at_least(int64_t value, int64_t least, const char *what,
                     struct refusal *refusal)
{
    return value == 0 || value >= least ||
           refusal_set(refusal, CODE_INVALID,
                       "%s of %" G_GINT64_FORMAT " is less than %" G_GINT64_FORMAT
                       "; 0 means no limit",
                       what, value, least);
}

static bool rule_resources(const struct policy *policy, const struct command *command,
                           struct refusal *refusal)
{
    const struct resources *resources = command->spec->resources;

    return at_least(resources->memory_bytes, MEMORY_MIN, "a memory limit", refusal) &&
           at_least(resources->nano_cpus, 1, "a limit of nano CPUs", refusal) &&
           at_least(resources->pids, 1, "a limit of processes", refusal);
}

/* signal(7), x86 and ARM; realtime ones as SIGRTMIN+n; with or without SIG, or as a number. */
static bool is_signal(const char *signal)
{
    const char *const grammar =
        "\\A(?:SIG)?(?:HUP|INT|QUIT|ILL|TRAP|ABRT|IOT|BUS|FPE|KILL|USR1|SEGV|USR2|PIPE|ALRM|"
        "TERM|STKFLT|CHLD|CLD|CONT|STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|"
        "POLL|PWR|SYS|RTMIN(?:\\+(?:1[0-5]|[1-9]))?|RTMAX(?:-(?:1[0-4]|[1-9]))?)\\z|"
        "\\A(?:[1-9]|[1-5][0-9]|6[0-4])\\z";

    return *signal == '\0' || g_regex_match_simple(grammar, signal, G_REGEX_RAW, 0);
}

static bool is_timeout(int64_t seconds)
{
    return seconds >= 0 && seconds <= TIMEOUT_MAX_S;
}

static bool rule_stop(const struct policy *policy, const struct command *command,
                      struct refusal *refusal)
{
    const struct stop *stop = command->spec->stop;

    if (!is_signal(stop->signal))
        return refusal_set(refusal, CODE_INVALID,
                           "the stop signal \"%s\" does not exist; give one such as "
                           "SIGTERM",
                           stop->signal);
    if (!is_timeout(stop->timeout_s) || !is_timeout(stop->save_timeout_s))
        return refusal_set(refusal, CODE_INVALID,
                           "a timeout of the stop (%" G_GINT64_FORMAT
                           " s, save %" G_GINT64_FORMAT " s) is not between 0 and %d s",
                           stop->timeout_s, stop->save_timeout_s, TIMEOUT_MAX_S);
    if (stop->save->len > 0 && *(const char *)g_ptr_array_index(stop->save, 0) == '\0')
        return refusal_set(refusal, CODE_INVALID, "the save command names no program");
    return true;
}

/* --- All of it --------------------------------------------------------------------- */

#define A(name) (1u << ACTION_##name)
#define MAKING  (A(CREATE) | A(START) | A(RESTART) | A(REBUILD) | A(RECREATE) | A(RESTORE))
#define ON_SPEC (MAKING | A(STOP) | A(DELETE) | A(PURGE))
#define ANY     (ON_SPEC | A(CANCEL) | A(SYNC))

/* In this order: rule_spec before all that look into it. */
static const struct {
    unsigned actions;
    bool (*allows)(const struct policy *policy, const struct command *command,
                   struct refusal *refusal);
} rules[] = {
    {ANY, rule_ids},
    {A(CANCEL), rule_target},
    {ON_SPEC, rule_spec},
    {ON_SPEC, rule_container},
    {ON_SPEC, rule_name_prefix},
    {ON_SPEC, rule_stop},
    {MAKING | A(PURGE), rule_data_dir},
    {MAKING, rule_image},
    {MAKING, rule_mounts},
    {MAKING, rule_ports},
    {MAKING, rule_networks},
    {MAKING, rule_env},
    {MAKING, rule_labels},
    {MAKING, rule_restart_policy},
    {MAKING, rule_resources},
};

bool policy_allows(const struct policy *policy, const struct command *command,
                   struct refusal *ret_refusal)
{
    enum action action = action_from_name(command->action);

    if (action == ACTION_UNKNOWN) {
        refusal_set(ret_refusal, CODE_UNKNOWN_ACTION,
                    "this worker knows no action \"%s\"; upgrade it", command->action);
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if ((rules[i].actions & 1u << action) &&
            !rules[i].allows(policy, command, ret_refusal))
            return false;
    }
    return true;
}
