/*
 * policy.c - what this host allows: roots for data, registries for images.
 *
 * Compares text only; policy_rules.c measures commands by it.  Whatever cannot be compared
 * safely (a path with "..", a malformed reference) is in no root and from no registry.
 */
#include "policy.h"

#include <gio/gio.h>
#include <string.h>

#define MESSAGE_MAX     1500 /* characters of a refusal */
#define REFERENCE_CHARS 512
#define PATH_CHARS      1024

/* --- Refusals ---------------------------------------------------------------------- */

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

/* --- Life -------------------------------------------------------------------------- */

struct policy *policy_new(void)
{
    struct policy *policy = g_new0(struct policy, 1);

    policy->data_roots = g_ptr_array_new_with_free_func(g_free);
    policy->registries = g_ptr_array_new_with_free_func(g_free);
    policy->name_prefixes = g_ptr_array_new_with_free_func(g_free);
    return policy;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    g_ptr_array_unref(policy->data_roots);
    g_ptr_array_unref(policy->registries);
    g_ptr_array_unref(policy->name_prefixes);
    g_free(policy);
}

/* --- Paths ------------------------------------------------------------------------- */

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

/* What of `path` lies below `root`, or NULL; both plain. */
static const char *path_below(const char *path, const char *root)
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

/* --- Images ------------------------------------------------------------------------ */

/* Whether the first part of a reference is a registry's host: distribution's rule, by which
 * a capital letter makes it one, too. */
static bool is_registry_host(const char *part)
{
    return strpbrk(part, ".:ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL ||
           g_str_equal(part, "localhost");
}

/* "busybox" → "docker.io/library/busybox", "reg:5000/games/x" as it is.  `path` has no tag. */
static char *repository_full(const char *path)
{
    const char *slash = strchr(path, '/');
    g_autofree char *host = slash ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");

    if (!is_registry_host(host))
        return g_strconcat(slash ? "docker.io/" : "docker.io/library/", path, NULL);
    if (!g_str_equal(host, "docker.io") && !g_str_equal(host, "index.docker.io"))
        return g_strdup(path);
    return g_strconcat(strchr(slash + 1, '/') ? "docker.io" : "docker.io/library", slash,
                       NULL);
}

/* A prefix that is a host alone stands for all of it. */
static char *prefix_full(const char *prefix)
{
    if (strchr(prefix, '/') != NULL || !is_registry_host(prefix))
        return repository_full(prefix);
    return g_strdup(g_str_equal(prefix, "index.docker.io") ? "docker.io" : prefix);
}

/* Cuts tag and digest off. */
static char *reference_path(const char *reference)
{
    const char *digest = strchr(reference, '@');
    g_autofree char *path = digest ? g_strndup(reference, (gsize)(digest - reference))
                                   : g_strdup(reference);
    char *slash = strrchr(path, '/');
    char *tag = strchr(slash ? slash : path, ':');

    if (tag != NULL)
        *tag = '\0';
    return g_steal_pointer(&path);
}

bool policy_add_registry(struct policy *policy, const char *prefix, GError **error)
{
    g_autofree char *trimmed = g_strdup(prefix);

    while (g_str_has_suffix(trimmed, "/"))
        trimmed[strlen(trimmed) - 1] = '\0';
    if (*trimmed == '\0' || *trimmed == '/' || strstr(trimmed, "//") ||
        text_has_control(trimmed)) {
        g_set_error(
            error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
            "the registry \"%s\" is no prefix of an image's name; give one such as "
            "registry.example:5000/games",
            prefix);
        return false;
    }
    g_ptr_array_add(policy->registries, g_steal_pointer(&trimmed));
    return true;
}

static bool registry_allows(const char *prefix, const char *repository)
{
    g_autofree char *full = prefix_full(prefix);

    return g_str_equal(repository, full) || path_below(repository, full) != NULL ||
           path_below(repository, prefix) != NULL; /* "docker.io/name": a user's images */
}

/* distribution/reference: host, path in lower case, tag, digest.  "sha256:…" would be taken
 * for the id of any image that is on the host. */
bool reference_is_valid(const char *reference)
{
    const char *const grammar =
        "\\A(?:(?:[A-Za-z0-9][A-Za-z0-9.-]*|\\[[0-9A-Fa-f:]+\\])(?::[0-9]{1,5})?/)?"
        "[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
        "(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha(?:256|512):[0-9a-f]{64,128})?\\z";

    return strlen(reference) <= REFERENCE_CHARS &&
           !g_str_has_prefix(reference, "sha256:") &&
           g_regex_match_simple(grammar, reference, G_REGEX_RAW, 0);
}

bool policy_allows_image(const struct policy *policy, const char *reference)
{
    if (!reference_is_valid(reference))
        return false;
    g_autofree char *path = reference_path(reference);
    g_autofree char *repository = repository_full(path);

    for (guint i = 0; i < policy->registries->len; i++) {
        if (registry_allows(g_ptr_array_index(policy->registries, i), repository))
            return true;
    }
    return false;
}
