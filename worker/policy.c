/*
 * policy.c - what this host allows: its life, its roots for data, and how it says no.
 *
 * Compares text only; policy_rules.c measures commands by it, policy_image.c knows images.
 * Whatever cannot be compared safely (a path with "..") is in no root.
 */
#include "policy_parts.h"

#include <gio/gio.h>
#include <string.h>

#define MESSAGE_MAX   1500 /* characters of a refusal */
#define PATH_CHARS    1024
#define NETWORKS_MOST 16 /* an engine has some thirty subnets of its own for all */

/* --- Refusals ----------------------------------------------------------------------- */

/* One line of bounded length, whatever the wire put into it. */
static char *message_tidy(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    bool fits = g_utf8_strlen(valid, -1) <= MESSAGE_MAX;
    char *message = fits ? g_steal_pointer(&valid)
                         : g_utf8_substring(valid, 0, MESSAGE_MAX);

    for (char *c = message; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    }
    return message;
}

bool refusal_set(struct refusal *refusal, const char *code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(refusal->message);
    refusal->code = code;
    refusal->message = message_tidy(text);
    return false;
}

void refusal_clear(struct refusal *refusal)
{
    refusal->code = NULL;
    g_clear_pointer(&refusal->message, g_free);
}

/* --- Life --------------------------------------------------------------------------- */

static const struct limit no_limit = {INT64_MAX, false};

static GPtrArray *texts_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

struct policy *policy_new(void)
{
    struct policy *policy = g_new0(struct policy, 1);

    g_atomic_ref_count_init(&policy->references);
    policy->data_roots = texts_new();
    policy->registries = texts_new();
    policy->file_registries = texts_new();
    policy->name_prefixes = texts_new();
    policy->host_ports = g_array_new(FALSE, FALSE, sizeof(struct span));
    policy->networks = texts_new();
    policy->restart_policies = texts_new();
    policy->memory_bytes = policy->nano_cpus = policy->pids = no_limit;
    policy->env_count_most = policy->env_bytes_most = INT64_MAX;
    policy->env_forbidden = texts_new();
    policy->mounts_most = INT64_MAX;
    policy->networks_most = NETWORKS_MOST;
    policy->host_addresses = texts_new();
    policy->labels_count_most = policy->labels_bytes_most = INT64_MAX;
    policy->labels_forbidden = texts_new();
    policy->save_commands = texts_new();
    policy->actions = texts_new();
    policy->users = texts_new();
    policy->mounters_ignored = texts_new();
    policy->adopt = texts_new();
    policy->capabilities = texts_new();
    policy->log_drivers = texts_new();
    confines_set_defaults(policy);
    policy->stop_timeout_most_s = policy->save_timeout_most_s = INT64_MAX;
    return policy;
}

/* Who holds a const policy may hold it longer: the count is not what it promises to leave. */
const struct policy *policy_ref(const struct policy *policy)
{
    g_atomic_ref_count_inc(&((struct policy *)policy)->references);
    return policy;
}

void policy_unref(const struct policy *policy)
{
    if (policy == NULL || !g_atomic_ref_count_dec(&((struct policy *)policy)->references))
        return;
    g_ptr_array_unref(policy->data_roots);
    g_ptr_array_unref(policy->registries);
    g_ptr_array_unref(policy->file_registries);
    g_ptr_array_unref(policy->name_prefixes);
    g_array_unref(policy->host_ports);
    g_ptr_array_unref(policy->networks);
    g_ptr_array_unref(policy->restart_policies);
    g_ptr_array_unref(policy->env_forbidden);
    g_ptr_array_unref(policy->mounters_ignored);
    g_ptr_array_unref(policy->adopt);
    g_ptr_array_unref(policy->host_addresses);
    g_ptr_array_unref(policy->labels_forbidden);
    g_ptr_array_unref(policy->save_commands);
    g_ptr_array_unref(policy->actions);
    g_ptr_array_unref(policy->users);
    g_ptr_array_unref(policy->capabilities);
    g_ptr_array_unref(policy->log_drivers);
    g_free((struct policy *)policy);
}

/* --- Paths -------------------------------------------------------------------------- */

bool text_has_control(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c))
            return true;
    }
    return false;
}

bool path_is_plain(const char *path)
{
    if (*path != '/' || strlen(path) > PATH_CHARS || text_has_control(path))
        return false;

    g_auto(GStrv) parts = g_strsplit(path + 1, "/", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (**part == '\0' || g_str_equal(*part, ".") || g_str_equal(*part, ".."))
            return false;
    }
    return parts[0] != NULL; /* "/" alone */
}

const char *path_below(const char *path, const char *root)
{
    size_t length = strlen(root);

    if (strncmp(path, root, length) != 0 || path[length] != '/')
        return NULL;
    return path + length + 1;
}

/* The worker's own: locks in .muster, what a purge is deleting in .purge-<command>. */
static bool path_is_reserved(const char *below)
{
    g_auto(GStrv) parts = g_strsplit(below, "/", -1);

    if (g_str_equal(parts[0], ".muster"))
        return true;
    for (char **part = parts; *part != NULL; part++) {
        if (g_str_has_prefix(*part, ".purge-"))
            return true;
    }
    return false;
}

/* Roots may lie in one another: the innermost counts, and a path that is one of them or
 * holds one would open that root as a whole. */
const char *policy_root_of(const struct policy *policy, const char *path)
{
    const char *found = NULL;

    if (path == NULL || !path_is_plain(path))
        return NULL;
    for (guint i = 0; i < policy->data_roots->len; i++) {
        const char *root = g_ptr_array_index(policy->data_roots, i);
        const char *below = path_below(path, root);
        /* NOLINTNEXTLINE(readability-suspicious-call-argument): the root below the path */
        if (g_str_equal(path, root) || path_below(root, path) != NULL)
            return NULL;
        if (below != NULL && path_is_reserved(below))
            return NULL;
        if (below != NULL && (found == NULL || strlen(root) > strlen(found)))
            found = root;
    }
    return found;
}

/* A trailing slash is what a shell's completion leaves: the only thing put right here. */
bool policy_add_data_root(struct policy *policy, const char *path, GError **error)
{
    g_autofree char *root = g_strdup(path);
    size_t length = strlen(root);

    if (length > 1 && root[length - 1] == '/')
        root[length - 1] = '\0';
    if (!path_is_plain(root)) {
        g_set_error(
            error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
            "the data root \"%s\" is no absolute path without \"..\" and \"//\", other "
            "than \"/\"; give one such as /srv/servers",
            path);
        return false;
    }
    if (!g_ptr_array_find_with_equal_func(policy->data_roots, root, g_str_equal, NULL))
        g_ptr_array_add(policy->data_roots, g_steal_pointer(&root));
    return true;
}
