/*
 * policy_image.c - which images come from the registries that a host allows.
 *
 * Compares names as Docker reads them ("busybox" is docker.io/library/busybox), at path
 * borders.
 */
#include "policy_parts.h"

#include <gio/gio.h>
#include <string.h>

/* A prefix that is a host alone stands for all of it. */
static char *prefix_full(const char *prefix)
{
    if (strchr(prefix, '/') != NULL || !is_registry_host(prefix))
        return repository_full(prefix);
    return g_strdup(g_str_equal(prefix, "index.docker.io") ? "docker.io" : prefix);
}

/* A repository with a digest and no tag. */
static bool is_pinned(const char *registry)
{
    g_auto(Reference) image = {0};

    return reference_parse(registry, &image, NULL) && image.digest && !image.tag;
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
    const char *at = strchr(pinned, '@');
    g_autofree char *path = g_strndup(pinned, (gsize)(at - pinned));
    g_autofree char *full = repository_full(path);

    return g_strcmp0(at + 1, digest) == 0 && g_str_equal(full, repository);
}

static bool prefix_allows(const char *prefix, const char *repository)
{
    g_autofree char *full = prefix_full(prefix);

    return g_str_equal(repository, full) || path_below(repository, full) != NULL ||
           path_below(repository, prefix) != NULL; /* "docker.io/name": a user's images */
}

bool registries_allow(const GPtrArray *registries, const struct reference *image)
{
    g_autofree char *repository = repository_full(image->repository);

    for (guint i = 0; i < registries->len; i++) {
        const char *registry = g_ptr_array_index(registries, i);
        if (strchr(registry, '@') ? pinned_allows(registry, repository, image->digest)
                                  : prefix_allows(registry, repository))
            return true;
    }
    return false;
}

char *image_host(const char *reference)
{
    g_auto(Reference) image = {0};

    if (!reference_parse(reference, &image, NULL))
        return g_strdup("");
    g_autofree char *repository = repository_full(image.repository);
    return g_strndup(repository, strcspn(repository, "/"));
}
