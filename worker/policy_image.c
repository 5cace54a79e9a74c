/*
 * policy_image.c - which images come from the registries that a host allows.
 *
 * Compares names as Docker reads them ("busybox" is docker.io/library/busybox), at path
 * borders.  A malformed reference is from no registry.
 */
#include "policy_parts.h"

#include <gio/gio.h>
#include <string.h>

#define REFERENCE_CHARS 512

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
    g_assert(slash); /* no host, no registry's */
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

/* A repository with a digest and no tag. */
static bool is_pinned(const char *registry)
{
    const char *digest = strchr(registry, '@');
    if (digest == NULL || !reference_is_valid(registry))
        return false;

    g_autofree char *path = reference_path(registry);
    return strlen(path) == (size_t)(digest - registry);
}

static bool registry_is_valid(const char *registry)
{
    if (strchr(registry, '@') != NULL)
        return is_pinned(registry);
    return *registry != '\0' && *registry != '/' && !strstr(registry, "//") &&
           !text_has_control(registry);
}

bool registries_add(GPtrArray *registries, const char *prefix, GError **error)
{
    g_autofree char *trimmed = g_strdup(prefix);

    while (g_str_has_suffix(trimmed, "/"))
        trimmed[strlen(trimmed) - 1] = '\0';
    if (!registry_is_valid(trimmed)) {
        g_set_error(
            error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
            "the registry \"%s\" is no prefix of an image's name; give one such as "
            "registry.example:5000/games, or an image with its digest",
            prefix);
        return false;
    }
    g_ptr_array_add(registries, g_steal_pointer(&trimmed));
    return true;
}

bool policy_add_registry(struct policy *policy, const char *prefix, GError **error)
{
    return registries_add(policy->registries, prefix, error);
}

/* One image: the repository in any spelling, and exactly that digest. */
static bool pinned_allows(const char *pinned, const char *repository, const char *digest)
{
    g_autofree char *path = reference_path(pinned);
    g_autofree char *full = repository_full(path);

    return digest != NULL && g_str_equal(strchr(pinned, '@'), digest) &&
           g_str_equal(full, repository);
}

static bool prefix_allows(const char *prefix, const char *repository)
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

bool registries_allow(const GPtrArray *registries, const char *reference)
{
    if (!reference_is_valid(reference))
        return false;
    g_autofree char *path = reference_path(reference);
    g_autofree char *repository = repository_full(path);
    const char *digest = strchr(reference, '@');

    for (guint i = 0; i < registries->len; i++) {
        const char *registry = g_ptr_array_index(registries, i);
        if (strchr(registry, '@') ? pinned_allows(registry, repository, digest)
                                  : prefix_allows(registry, repository))
            return true;
    }
    return false;
}

char *reference_host(const char *reference)
{
    g_autofree char *path = reference_path(reference);
    g_autofree char *repository = repository_full(path);

    return g_strndup(repository, strcspn(repository, "/"));
}
