/*
 * reference.c - the parts of an image's name, each with a sentence for what is wrong in it.
 */
#include "reference.h"

#include <string.h>

#define REPOSITORY_MAX 255 /* distribution's NameTotalLengthMax */
#define TAG_MAX        128
#define SHOWN_MAX      300

G_DEFINE_QUARK(muster_reference_error, reference_error)

static bool G_GNUC_PRINTF(2, 3) malformed(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_set_error_literal(error, REFERENCE_ERROR, REFERENCE_ERROR_MALFORMED, valid);
    return false;
}

void reference_clear(struct reference *reference)
{
    g_clear_pointer(&reference->repository, g_free);
    g_clear_pointer(&reference->tag, g_free);
    g_clear_pointer(&reference->digest, g_free);
}

static bool matches(const char *text, const char *pattern)
{
    return g_regex_match_simple(pattern, text, G_REGEX_RAW, 0);
}

/* --- The parts ------------------------------------------------------------------------- */

/* distribution's rule, by which a capital letter makes it one, too. */
bool is_registry_host(const char *part)
{
    return strpbrk(part, ".:[ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL ||
           g_str_equal(part, "localhost");
}

/* What follows the registry's host; `text` has neither tag nor digest. */
static const char *path_of(const char *text)
{
    const char *slash = strchr(text, '/');
    g_autofree char *first = slash ? g_strndup(text, (gsize)(slash - text))
                                   : g_strdup("");
    return is_registry_host(first) ? slash + 1 : text;
}

static bool has_capital(const char *text)
{
    return strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

static bool check_repository(const char *text, GError **error)
{
    const char *path = path_of(text);
    g_autofree char *host = g_strndup(text, (gsize)(path - text));
    if (strlen(text) <= REPOSITORY_MAX && has_capital(path)) {
        g_autofree char *small = g_ascii_strdown(path, -1);
        return malformed(error,
                         "'%s' has a capital letter; the name of a repository has small "
                         "ones alone: %s%s",
                         text, host, small);
    }
    /* 64 hex digits, and "sha256" with a tag, would be taken for an image's id. */
    if (strlen(text) > REPOSITORY_MAX || g_str_equal(text, "sha256") ||
        matches(text, "\\A[0-9a-f]{64}\\z") ||
        !matches(host, "\\A(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
                       "(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
                       "|\\[[0-9A-Fa-f:]+\\])(?::[0-9]{1,5})?/)?\\z") ||
        !matches(path, "\\A[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
                       "(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*\\z"))
        return malformed(error,
                         "'%.*s' is no image repository, such as "
                         "registry.example:5000/steam-zomboid",
                         SHOWN_MAX, text);
    return true;
}

static bool check_tag(const char *text, GError **error)
{
    if (strlen(text) <= TAG_MAX && matches(text, "\\A[A-Za-z0-9_][A-Za-z0-9._-]*\\z"))
        return true;
    return malformed(error,
                     "'%.*s' is no tag: 1 to %d letters, digits, '_', '.' and '-', the "
                     "first no '.' or '-'",
                     SHOWN_MAX, text, TAG_MAX);
}

static bool check_digest(const char *text, GError **error)
{
    if (matches(text, "\\Asha256:[0-9a-f]{64}\\z|\\Asha512:[0-9a-f]{128}\\z"))
        return true;
    return malformed(error,
                     "'%.*s' is no digest: sha256: and 64 digits of 0-9 and a-f (sha512: "
                     "and 128)",
                     SHOWN_MAX, text);
}

/* --- The whole --------------------------------------------------------------------------- */

static bool check_parts(const struct reference *parts, GError **error)
{
    return check_repository(parts->repository, error) &&
           (!parts->tag || check_tag(parts->tag, error)) &&
           (!parts->digest || check_digest(parts->digest, error));
}

bool reference_parse(const char *text, struct reference *ret_reference, GError **error)
{
    g_auto(Reference) parts = {0};
    const char *at = strchr(text, '@');
    g_autofree char *named = at ? g_strndup(text, (gsize)(at - text)) : g_strdup(text);
    char *slash = strrchr(named, '/');
    char *colon = strchr(slash ? slash : named, ':');

    if (colon) {
        *colon = '\0';
        parts.tag = g_strdup(colon + 1);
    }
    parts.digest = at ? g_strdup(at + 1) : NULL;
    parts.repository = g_strdup(named);
    if (!check_parts(&parts, error))
        return false;
    *ret_reference = parts;
    parts = (struct reference){0};
    return true;
}

/* Meant as one: in capitals it is none, and no repository either. */
static bool is_digest(const char *text)
{
    return g_ascii_strncasecmp(text, "sha256:", strlen("sha256:")) == 0 ||
           g_ascii_strncasecmp(text, "sha512:", strlen("sha512:")) == 0;
}

bool reference_is_whole(const char *tag)
{
    g_autofree char *named = g_strndup(tag, strcspn(tag, "@"));
    return strchr(named, '/') || (strchr(named, ':') && !is_digest(tag));
}

/* "41", "sha256:…", "41@sha256:…"; no repository. */
static bool parse_tag(const char *text, struct reference *ret_reference, GError **error)
{
    g_auto(Reference) parts = {0};
    const char *at = strchr(text, '@');
    if (is_digest(text))
        parts.digest = g_strdup(text);
    else
        parts.tag = g_strndup(text, strcspn(text, "@"));
    if (at && !parts.digest)
        parts.digest = g_strdup(at + 1);
    if ((parts.tag && !check_tag(parts.tag, error)) ||
        (parts.digest && !check_digest(parts.digest, error)))
        return false;
    *ret_reference = parts;
    parts = (struct reference){0};
    return true;
}

/* Takes what `from` has over into `to`, which must not say another thing. */
static bool merge(char **to, char **from, const char *image, const char *what,
                  GError **error)
{
    if (*to && *from && !g_str_equal(*to, *from))
        return malformed(error, "'%s' holds the %s %s already, and image_tag says %s",
                         image, what, *to, *from);
    if (!*to)
        *to = g_steal_pointer(from);
    return true;
}

static bool read_pair(const char *image, const char *tag, struct reference *parts,
                      const char **ret_field, GError **error)
{
    g_auto(Reference) more = {0};
    *ret_field = "image_tag: ";
    if (reference_is_whole(tag))
        return reference_parse(tag, parts, error);
    if (*tag && !parse_tag(tag, &more, error))
        return false;
    *ret_field = "image: ";
    return reference_parse(image, parts, error) &&
           merge(&parts->tag, &more.tag, image, "tag", error) &&
           merge(&parts->digest, &more.digest, image, "digest", error);
}

bool reference_of(const char *image, const char *tag, struct reference *ret_reference,
                  GError **error)
{
    g_auto(Reference) parts = {0};
    const char *field;
    if (!read_pair(image, tag, &parts, &field, error)) {
        g_prefix_error(error, "%s", field);
        return false;
    }
    *ret_reference = parts;
    parts = (struct reference){0};
    return true;
}

/* --- As text ------------------------------------------------------------------------------- */

char *reference_text(const struct reference *reference)
{
    if (reference->digest)
        return g_strconcat(reference->repository, "@", reference->digest, NULL);
    return g_strconcat(reference->repository, ":",
                       reference->tag ? reference->tag : "latest", NULL);
}

char *reference_tag_text(const struct reference *reference)
{
    if (reference->tag && reference->digest)
        return g_strconcat(reference->tag, "@", reference->digest, NULL);
    return g_strdup(reference->digest ? reference->digest : reference->tag);
}

char *repository_full(const char *repository)
{
    const char *path = path_of(repository);
    g_autofree char *host = g_strndup(repository, (gsize)(path - repository));

    if (*host && !g_str_equal(host, "docker.io/") &&
        !g_str_equal(host, "index.docker.io/"))
        return g_strdup(repository);
    return g_strconcat(strchr(path, '/') ? "docker.io/" : "docker.io/library/", path,
                       NULL);
}
